"""From a catalogue document to a matter's type: what a schema cannot say is said here.

Rule 1: a document comes as plain data that has passed `catalogue.schema.json`; where it came from is the
caller's to know.
Rule 2: every problem is told at once, with its path inside the document, the rule and the way out.
Rule 3: what would only show when a citizen hands in (a cycle, a rule on a fact that nobody asks) is refused
here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

from onematter.law.divisions import Level
from onematter.law.matters import ORIGIN_FACT, FactSpec, ItemType, MaterialSpec, MatterType
from onematter.law.rules import FactValue, Rule, RuleError, RuleInconclusive

Document: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Problem:
    """What is wrong in a document: `path` as `items[2].depends_on`, the broken rule, and what to write
    instead.
    """

    path: str
    rule: str
    way_out: str

    def __str__(self) -> str:
        return f"{self.path}: {self.rule}; {self.way_out}"


class DocumentRefused(ValueError):
    """A document with problems, all of them."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def read_matter_type(document: Document) -> MatterType:
    """Return the matter that a document describes. Raises DocumentRefused with all of its problems."""
    problems: list[Problem] = []
    facts = tuple(_fact(fact, f"facts[{index}]", problems) for index, fact in enumerate(document["facts"]))
    materials = tuple(_material(material) for material in document["materials"])
    _unique("facts", "key", [fact.key for fact in facts], problems)
    _unique("materials", "id", [material.material_id for material in materials], problems)
    _unique("items", "id", [item["id"] for item in document["items"]], problems)
    items = tuple(
        _item(item, f"items[{index}]", facts, materials, problems) for index, item in enumerate(document["items"])
    )
    _check_dependencies(items, problems)
    used = {material.material_id for item in items for material in item.materials}
    for index, material in enumerate(materials):
        if material.material_id not in used:
            problems.append(
                Problem(
                    f"materials[{index}]",
                    f"no item needs material {material.material_id}",
                    "name it under an item's materials, or take it out: nothing is asked without need",
                )
            )
    valid_from = _date(document["valid_from"], "valid_from", problems)
    if problems or valid_from is None:
        raise DocumentRefused(problems)
    return MatterType(
        code=document["code"],
        version=document["version"],
        names=document["names"],
        lead_department=document["lead_department"],
        lead_level=Level[document["lead_level"]],
        valid_from=valid_from,
        facts=facts,
        materials=materials,
        items=items,
        illustrative=document.get("illustrative", False),
        evidence=document["evidence"],
    )


def _fact(document: Document, path: str, problems: list[Problem]) -> FactSpec:
    spec = FactSpec(
        key=document["key"],
        kind=document["kind"],
        required=document["required"],
        names=document["names"],
        choices=tuple(document.get("choices", ())),
        pattern=document.get("pattern"),
        minimum=document.get("minimum"),
    )
    if spec.kind not in ("text", "list") and (spec.choices or spec.pattern):
        problems.append(
            Problem(path, f"choices or a pattern of a {spec.kind}", "take them out, or make it a text or list")
        )
    if spec.minimum is not None and spec.kind != "number":
        problems.append(Problem(f"{path}.minimum", f"a minimum of a {spec.kind}", "take it out"))
    if spec.pattern is not None:
        try:
            re.compile(spec.pattern)
        except re.error as error:
            problems.append(Problem(f"{path}.pattern", f"no regular expression: {error}", "correct it"))
    return spec


def _material(document: Document) -> MaterialSpec:
    return MaterialSpec(
        material_id=document["id"],
        names=document["names"],
        required=document["required"],
        trust_class=document["trust_class"],
        share_source=document.get("share_source"),
        media_types=tuple(document["media_types"]),
        max_bytes=document["max_bytes"],
        tolerant=document.get("tolerant", False),
    )


def _item(
    document: Document,
    path: str,
    facts: tuple[FactSpec, ...],
    materials: tuple[MaterialSpec, ...],
    problems: list[Problem],
) -> ItemType:
    by_id = {material.material_id: material for material in materials}
    auto = document.get("auto_rule")
    rule = when = None
    if auto is not None:
        rule = _rule(auto["grant_when"], auto["explanation"], f"{path}.auto_rule.grant_when", facts, problems)
    if "when" in document:
        when = _rule(document["when"], None, f"{path}.when", facts, problems)
    if when is not None:
        _check_situation(when, f"{path}.when", facts, problems)
    needed: list[MaterialSpec] = []
    for index, material_id in enumerate(document["materials"]):
        if material_id in by_id:
            needed.append(by_id[material_id])
        else:
            problems.append(
                Problem(
                    f"{path}.materials[{index}]",
                    f"unknown material {material_id}",
                    "describe it under materials, or correct its id",
                )
            )
    item = ItemType(
        item_id=document["id"],
        names=document["names"],
        department=document["department"],
        level=Level[document["level"]],
        routing=document["routing"],
        case_type=document["case_type"],
        depends_on=tuple(document["depends_on"]),
        produces_certificates=tuple(document.get("produces_certificates", ())),
        legal_days=document.get("legal_days"),
        promised_days=document.get("promised_days"),
        clock_kind=document.get("clock_kind", "working"),
        materials=tuple(needed),
        rule=rule,
        when=when,
        for_each=document.get("for_each"),
        joint_visit_group=document.get("joint_visit_group"),
        evidence=document["evidence"],
    )
    _check_routing(item, path, {fact.key: fact for fact in facts}, problems)
    if item.legal_days and item.promised_days is not None and item.promised_days > item.legal_days:
        problems.append(
            Problem(
                f"{path}.promised_days",
                f"promises {item.promised_days} days where the law gives {item.legal_days}",
                "promise at most the legal days",
            )
        )
    return item


def _check_routing(item: ItemType, path: str, facts: Mapping[str, FactSpec], problems: list[Problem]) -> None:
    if (item.routing == "each") != (item.for_each is not None):
        problems.append(
            Problem(f"{path}.routing", "routing each and for_each belong together", "give both, or neither")
        )
    if item.for_each is not None and getattr(facts.get(item.for_each), "kind", None) != "list":
        problems.append(
            Problem(
                f"{path}.for_each",
                f"{item.for_each} is not a fact of kind list",
                "name a fact that lists division codes",
            )
        )
    if item.routing == "origin" and getattr(facts.get(ORIGIN_FACT), "kind", None) != "text":
        problems.append(
            Problem(
                f"{path}.routing",
                f"routing origin without a fact {ORIGIN_FACT}",
                f"ask the fact {ORIGIN_FACT} of kind text, or use routing own",
            )
        )


def _rule(
    text: str,
    explanation: Mapping[str, str] | None,
    path: str,
    facts: tuple[FactSpec, ...],
    problems: list[Problem],
) -> Rule | None:
    """Compile a rule, and try it on made-up facts: one that fails on facts of the right kinds would never
    decide.
    """
    try:
        rule = Rule(text, explanation)
    except RuleError as error:
        problems.append(Problem(path, error.rule, error.way_out))
        return None
    unknown = sorted(rule.facts - {fact.key for fact in facts})
    if unknown:
        problems.append(
            Problem(
                path,
                f"names unknown fact {', '.join(unknown)}",
                "ask the fact under facts, or correct its name",
            )
        )
        return None
    try:
        rule.decide({fact.key: _sample(fact) for fact in facts})
    except RuleInconclusive as error:
        problems.append(
            Problem(
                path,
                f"cannot be decided even when every fact is given ({error.failure})",
                "compare numbers with numbers (1000.0) and texts with texts, and let it be true or false",
            )
        )
        return None
    return rule


def _sample(fact: FactSpec) -> FactValue:
    text = fact.choices[0] if fact.choices else "330106"
    match fact.kind:
        case "text":
            return text
        case "number":
            return 1.0
        case "flag":
            return True
        case "list":
            return [text]


def _check_situation(when: Rule, path: str, facts: tuple[FactSpec, ...], problems: list[Problem]) -> None:
    """An approval must never fall away because nobody asked: a situation's facts are required or asked for
    with has().
    """
    optional = {fact.key for fact in facts if not fact.required}
    for key in sorted((when.facts & optional) - when.guarded):
        problems.append(
            Problem(
                path,
                f"depends on {key}, which the applicant may leave out",
                f"make {key} required, or write has(facts.{key}) && ...",
            )
        )


def _check_dependencies(items: tuple[ItemType, ...], problems: list[Problem]) -> None:
    known = {item.item_id for item in items}
    for index, item in enumerate(items):
        for needed in item.depends_on:
            if needed not in known:
                problems.append(
                    Problem(
                        f"items[{index}].depends_on",
                        f"item {item.item_id} depends on unknown item {needed}",
                        f"name one of {', '.join(sorted(known))}",
                    )
                )
    waiting = {item.item_id: {needed for needed in item.depends_on if needed in known} for item in items}
    while ready := [item_id for item_id, needed in waiting.items() if not needed]:
        for item_id in ready:
            del waiting[item_id]
        for needed in waiting.values():
            needed.difference_update(ready)
    if waiting:
        problems.append(
            Problem(
                "items",
                f"items {', '.join(sorted(waiting))} wait for each other in a cycle",
                "take one of their depends_on out: something has to come first",
            )
        )


def _unique(path: str, key: str, values: list[str], problems: list[Problem]) -> None:
    seen: set[str] = set()
    for index, value in enumerate(values):
        if value in seen:
            problems.append(
                Problem(f"{path}[{index}].{key}", f"{value} stands twice", "give each its own, or merge them")
            )
        seen.add(value)


def _date(text: str, path: str, problems: list[Problem]) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        problems.append(Problem(path, "no day of the calendar", "write it as 2026-01-01"))
        return None
