"""From a catalogue document to a matter's type: what a schema cannot say is said here.

Rule 1: a document comes as plain data that has passed `catalogue.schema.json`; where it came from is the
caller's to know.
Rule 2: every problem is told at once, with its path inside the document, the rule and the way out.
Rule 3: what would only show when a citizen hands in (a cycle, a rule on a fact that nobody asks) is refused
here. What makes a catalogue poor but leaves it workable is for `onematter.law.linting`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, TypeAlias, cast

from onematter.law.dependencies import cycle, dependencies
from onematter.law.divisions import Level
from onematter.law.matters import (
    ORIGIN_FACT,
    Evidence,
    FactSpec,
    Grade,
    ItemCode,
    ItemType,
    LegalBasis,
    MaterialSpec,
    MatterType,
    Names,
)
from onematter.law.problems import DocumentRefused, Problem
from onematter.law.reading_handling import check_crossing, read_item_handling, read_matter_handling
from onematter.law.reading_rules import read_rule, read_situation

Document: TypeAlias = Mapping[str, Any]

# Groups of fields that evidence is told of. Those of items may be told once, for all items of the matter.
MATTER_GROUPS = ("matter", "facts", "materials", "acceptance", "joint", "delivery", "cross_region", "totals")
ITEM_GROUPS = (
    "item", "level", "dependencies", "time", "situation", "rule", "basis", "code", "visit", "depth", "fee",
    "pledge", "opinions", "denial", "validity", "supervision",
)  # fmt: skip


def read_matter_type(document: Document) -> MatterType:
    """Return the matter that a document describes. Raises DocumentRefused with all of its problems."""
    problems: list[Problem] = []
    evidence = _evidence(document["evidence"])
    facts: list[FactSpec] = []
    for index, fact in enumerate(document["facts"]):
        facts.append(_fact(fact, f"facts[{index}]", facts, evidence, problems))
    materials = tuple(
        _material(material, f"materials[{index}]", facts, evidence, problems)
        for index, material in enumerate(document["materials"])
    )
    _unique("facts", "key", [fact.key for fact in facts], problems)
    _unique("materials", "id", [material.material_id for material in materials], problems)
    _unique("materials", "certificate", [one.certificate for one in materials if one.certificate], problems)
    _unique("items", "id", [item["id"] for item in document["items"]], problems)
    items = tuple(
        _item(item, f"items[{index}]", facts, materials, evidence, problems)
        for index, item in enumerate(document["items"])
    )
    _check_dependencies(items, problems)
    _check_use(materials, items, problems)
    check_crossing(items, facts, problems)
    handling = read_matter_handling(document, facts, problems)
    valid_from = _date(document["valid_from"], "valid_from", problems)
    valid_until = _date(document["valid_until"], "valid_until", problems) if "valid_until" in document else None
    if valid_from is not None and valid_until is not None and valid_until < valid_from:
        problems.append(Problem("valid_until", "lies before valid_from", "write the last day on which it is in force"))
    if problems or valid_from is None:
        raise DocumentRefused(problems)
    return MatterType(
        code=document["code"],
        version=document["version"],
        names=document["names"],
        lead_department=document["lead_department"],
        lead_level=Level[document["lead_level"]],
        valid_from=valid_from,
        valid_until=valid_until,
        promised_days=document.get("promised_days"),
        facts=tuple(facts),
        materials=materials,
        items=items,
        illustrative=document.get("illustrative", False),
        evidence=str(evidence.get("matter", "")),
        evidence_by_group=evidence,
        **handling,
    )


def _evidence(value: str | Mapping[str, str]) -> Mapping[str, Evidence]:
    """Return the evidence of each group; a text is that of all groups."""
    if isinstance(value, str):
        return dict.fromkeys((*MATTER_GROUPS, *ITEM_GROUPS), _graded(value))
    return {group: _graded(text) for group, text in value.items()}


def _graded(text: str) -> Evidence:
    grade, _, note = text.partition(": ")
    return Evidence(cast("Grade", grade), note)


def _own_evidence(document: Document, group: str, inherited: Mapping[str, Evidence]) -> Evidence | None:
    return _graded(document["evidence"]) if "evidence" in document else inherited.get(group)


def _fact(
    document: Document,
    path: str,
    earlier: Sequence[FactSpec],
    evidence: Mapping[str, Evidence],
    problems: list[Problem],
) -> FactSpec:
    choices: tuple[str | Mapping[str, Any], ...] = tuple(document.get("choices", ()))
    named: dict[str, Names] = {one["value"]: one["names"] for one in choices if not isinstance(one, str)}
    values = [one if isinstance(one, str) else one["value"] for one in choices]
    spec = FactSpec(
        key=document["key"],
        kind=document["kind"],
        required=document["required"],
        names=document["names"],
        choices=tuple(values),
        pattern=document.get("pattern"),
        minimum=document.get("minimum"),
        choice_names=named,
        when=read_situation(document.get("when"), f"{path}.when", earlier, problems),
        evidence=_own_evidence(document, "facts", evidence),
    )
    _unique(f"{path}.choices", "value", values, problems)
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


def _material(
    document: Document,
    path: str,
    facts: Sequence[FactSpec],
    evidence: Mapping[str, Evidence],
    problems: list[Problem],
) -> MaterialSpec:
    return MaterialSpec(
        material_id=document["id"],
        names=document["names"],
        required=document["required"],
        trust_class=document["trust_class"],
        share_source=document.get("share_source"),
        media_types=tuple(document["media_types"]),
        max_bytes=document["max_bytes"],
        tolerant=document.get("tolerant", False),
        certificate=document.get("certificate"),
        when=read_situation(document.get("when"), f"{path}.when", facts, problems),
        evidence=_own_evidence(document, "materials", evidence),
    )


def _item(
    document: Document,
    path: str,
    facts: Sequence[FactSpec],
    materials: tuple[MaterialSpec, ...],
    evidence: Mapping[str, Evidence],
    problems: list[Problem],
) -> ItemType:
    auto = document.get("auto_rule")
    rule = None
    if auto is not None:
        rule = read_rule(auto["grant_when"], auto["explanation"], f"{path}.auto_rule.grant_when", facts, problems)
    needed = _materials_of(document, path, materials, problems)
    own = document.get("evidence", {})
    graded = {**evidence, **_evidence(own)}
    code = document.get("code")
    item = ItemType(
        item_id=document["id"],
        names=document["names"],
        department=document["department"],
        level=Level[document["level"]],
        routing=document["routing"],
        case_type=document["case_type"],
        depends_on=tuple(document.get("depends_on", ())),
        produces_certificates=tuple(document.get("produces_certificates", ())),
        needs_certificates=tuple(document.get("needs_certificates", ())),
        legal_days=document.get("legal_days"),
        promised_days=document.get("promised_days"),
        clock_kind=document.get("clock_kind", "working"),
        materials=needed,
        rule=rule,
        when=read_situation(document.get("when"), f"{path}.when", facts, problems),
        for_each=document.get("for_each"),
        joint_visit_group=document.get("joint_visit_group"),
        optional=document.get("optional", False),
        alternative_group=document.get("alternative_group"),
        basis=tuple(LegalBasis(**basis) for basis in document.get("basis", ())),
        code=ItemCode(code["scheme"], code["text"]) if code is not None else None,
        online_depth=document.get("online_depth"),
        fee=document.get("fee"),
        evidence=own if isinstance(own, str) else str(graded.get("item", "")),
        evidence_by_group={group: graded[group] for group in ITEM_GROUPS if group in graded},
        **read_item_handling(document, path, rule, facts, needed, problems),
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


def _materials_of(
    document: Document, path: str, materials: tuple[MaterialSpec, ...], problems: list[Problem]
) -> tuple[MaterialSpec, ...]:
    """Return the materials that an item names, then those that stand for the certificates it needs."""
    by_id = {material.material_id: material for material in materials}
    needed: list[MaterialSpec] = []
    for index, material_id in enumerate(document.get("materials", ())):
        named = by_id.get(material_id)
        if named is None:
            problems.append(
                Problem(
                    f"{path}.materials[{index}]",
                    f"unknown material {material_id}",
                    "describe it under materials, or correct its id",
                )
            )
        elif named.certificate is not None:
            problems.append(
                Problem(
                    f"{path}.materials[{index}]",
                    f"{material_id} stands for certificate {named.certificate}",
                    f"name {named.certificate} under needs_certificates: it is asked when no item produces it",
                )
            )
        else:
            needed.append(named)
    certificates = document.get("needs_certificates", ())
    return (*needed, *(material for material in materials if material.certificate in certificates))


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
    found = cycle(dependencies(items))
    if found:
        problems.append(Problem("items", cycle_rule(found), CYCLE_WAY_OUT))


CYCLE_WAY_OUT = "take one of their depends_on or needs_certificates out: something has to come first"


def cycle_rule(found: Sequence[str]) -> str:
    """Say which items wait for each other."""
    if len(found) == 1:
        return f"item {found[0]} waits for itself"
    return f"items {', '.join(sorted(found))} wait for each other in a cycle"


def _check_use(materials: tuple[MaterialSpec, ...], items: tuple[ItemType, ...], problems: list[Problem]) -> None:
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


def _unique(path: str, key: str, values: Sequence[str], problems: list[Problem]) -> None:
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
