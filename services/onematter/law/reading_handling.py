"""How a matter and its items are handled, out of a catalogue document: acceptance, opinions, pledges, results, and the
examples that test a rule.

Rule 1: what would do an applicant wrong as soon as it is run (a quorum that cannot be reached, a rule that contradicts
its own example) is refused here; the rest is for `onematter.law.linting_handling`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, cast

from onematter.law.matters import (
    ORIGIN_FACT,
    Acceptance,
    CrossRegionMode,
    DeliveryWay,
    Denial,
    FactSpec,
    ItemType,
    MaterialSpec,
    OpinionRule,
    RuleExample,
    Total,
)
from onematter.law.problems import Problem
from onematter.law.reading_rules import read_situation
from onematter.law.rules import Facts, Rule


class MatterHandling(TypedDict):
    """The fields of a matter's type that say how it is handled."""

    acceptance: Acceptance
    joint: bool
    delivery: tuple[DeliveryWay, ...]
    cross_region: tuple[CrossRegionMode, ...]
    totals: tuple[Total, ...]


class ItemHandling(TypedDict):
    """The fields of an item's type that say how it is handled."""

    rule_version: int
    rule_examples: tuple[RuleExample, ...]
    pledge: bool
    opinions: OpinionRule | None
    denial: Denial
    validity_years: int | None
    supervised_by: str | None


def read_matter_handling(
    document: Mapping[str, Any], facts: Sequence[FactSpec], problems: list[Problem]
) -> MatterHandling:
    """Return how a document says that its matter is handled; what is left out is the usual way."""
    totals: list[Total] = []
    for index, total in enumerate(document.get("totals", ())):
        when = read_situation(total["when"], f"totals[{index}].when", facts, problems)
        if when is not None:
            totals.append(Total(when, total["days"]))
    return MatterHandling(
        acceptance=document.get("acceptance", "rule"),
        joint=document.get("joint", False),
        delivery=tuple(document.get("delivery", ("e_certificate", "post", "counter"))),
        cross_region=tuple(document.get("cross_region", ())),
        totals=tuple(totals),
    )


def read_item_handling(
    document: Mapping[str, Any],
    path: str,
    rule: Rule | None,
    facts: Sequence[FactSpec],
    materials: Sequence[MaterialSpec],
    problems: list[Problem],
) -> ItemHandling:
    """Return how a document says that one of its items is handled; `rule` and `materials` are the item's own."""
    pledge = document.get("pledge", False)
    has_condition = "joint_visit_group" in document or any(
        material.required and material.share_source is None for material in materials
    )
    if pledge and not has_condition:
        problems.append(
            Problem(
                f"{path}.pledge",
                "nothing is asked and nothing is visited that could be pledged instead",
                "take pledge out, or name the material or the visit that proves the condition",
            )
        )
    return ItemHandling(
        rule_version=document.get("rule_version", 1),
        rule_examples=_examples(document, path, rule, facts, problems),
        pledge=pledge,
        opinions=_opinions(document, path, problems),
        denial=document.get("denial", "dependents"),
        validity_years=document.get("validity_years"),
        supervised_by=document.get("supervised_by"),
    )


def check_crossing(items: Sequence[ItemType], facts: Sequence[FactSpec], problems: list[Problem]) -> None:
    """Refuse items routed by the regions crossed whose regions nobody would know."""
    kinds = {fact.key: fact.kind for fact in facts}
    has_route = any(item.for_each is not None for item in items)
    for index, item in enumerate(items):
        if item.routing != "crossed":
            continue
        if kinds.get(ORIGIN_FACT) != "text" or not has_route:
            problems.append(
                Problem(
                    f"items[{index}].routing",
                    "routing crossed without the regions crossed",
                    f"ask the fact {ORIGIN_FACT} of kind text, and the places on the way in the list of a for_each",
                )
            )
        if item.level.name != "PROVINCE":
            problems.append(
                Problem(
                    f"items[{index}].level",
                    f"routing crossed with level {item.level.name}",
                    "write PROVINCE, the highest that may be competent; the regions crossed say which one is",
                )
            )


def _opinions(document: Mapping[str, Any], path: str, problems: list[Problem]) -> OpinionRule | None:
    opinions = document.get("opinions")
    if opinions is None:
        return None
    departments: tuple[str, ...] = tuple(opinions["departments"])
    quorum: int = opinions.get("quorum", len(departments))
    if quorum > len(departments):
        problems.append(
            Problem(
                f"{path}.opinions.quorum",
                f"{quorum} consents where {len(departments)} departments are asked",
                "ask for at most as many as are asked",
            )
        )
    if document["department"] in departments:
        problems.append(
            Problem(
                f"{path}.opinions.departments",
                f"{document['department']} decides the item, and would ask itself",
                "name other departments",
            )
        )
    return OpinionRule(departments, quorum, opinions.get("veto", False))


def _examples(
    document: Mapping[str, Any], path: str, rule: Rule | None, facts: Sequence[FactSpec], problems: list[Problem]
) -> tuple[RuleExample, ...]:
    if "auto_rule" not in document:
        for field in ("rule_version", "rule_examples"):
            if field in document:
                problems.append(Problem(f"{path}.{field}", "there is no auto_rule", "take it out, or write the rule"))
        return ()
    examples: list[RuleExample] = []
    questions = {fact.key: fact for fact in facts}
    for index, written in enumerate(document.get("rule_examples", ())):
        example = RuleExample(dict(written["facts"]), written["grants"])
        before = len(problems)
        for key, value in example.facts.items():
            _check_answer(questions.get(key), f"{path}.rule_examples[{index}].facts.{key}", value, problems)
        if rule is not None and len(problems) == before:
            says = rule.holds(cast("Facts", example.facts))
            if says != example.grants:
                problems.append(
                    Problem(
                        f"{path}.rule_examples[{index}]",
                        f"the rule {'grants' if says else 'leaves to a person'} what the example says it"
                        f" {'grants' if example.grants else 'leaves to a person'}",
                        "correct the rule or the example, whichever is wrong",
                    )
                )
        examples.append(example)
    return tuple(examples)


def _check_answer(question: FactSpec | None, path: str, value: object, problems: list[Problem]) -> None:
    if question is None:
        problems.append(Problem(path, "answers a question that nobody asks", "correct its key, or ask it under facts"))
        return
    is_right = {
        "flag": isinstance(value, bool),
        "number": isinstance(value, int | float) and not isinstance(value, bool),
        "text": isinstance(value, str),
        "list": isinstance(value, list),
    }[question.kind]
    given = cast("list[object]", value) if isinstance(value, list) else [value]
    if not is_right:
        problems.append(Problem(path, f"is no {question.kind}", f"write a {question.kind}"))
    elif question.choices and not set(given) <= set(question.choices):
        problems.append(Problem(path, "is none of the choices", f"write one of {', '.join(question.choices)}"))
