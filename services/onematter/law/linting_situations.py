"""The rules of the lint that try situations: does every item, material and certificate have its way?

Rule 1: an answer is told as key and value; the keys and values are the catalogue's own, never an applicant's.
Rule 2: a rule that computes may hold where it was not tried (`situations.is_open`): then it is a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from onematter.law.dependencies import producers
from onematter.law.findings import Findings
from onematter.law.matters import ItemType, MaterialSpec, MatterType
from onematter.law.needs import needed
from onematter.law.planning import alternatives, applicable
from onematter.law.rules import Facts, Rule
from onematter.law.situations import TooManySituations, applying, is_open, questions_behind, situations

_Check: TypeAlias = "Callable[[], None]"


def lint_situations(matter_type: MatterType, findings: Findings) -> None:
    """Note what the situations of a matter bring to light."""
    for item in matter_type.items:
        path = f"items.{item.item_id}"
        if item.optional and item.when is None:
            findings.error(
                f"{path}.optional",
                "optional_without_question",
                "is the applicant's to choose, but nobody asks him",
                "ask a question, and let when depend on its answer",
            )
        _within_bounds(findings, f"{path}.when", lambda item=item: _check_item(matter_type, item, findings))
    for positions in alternatives(matter_type):
        group = [matter_type.items[position] for position in positions]
        path = f"alternative_group.{group[0].alternative_group}"
        _within_bounds(findings, path, lambda group=group: _check_alternatives(matter_type, group, findings))
    for material in matter_type.materials:
        path = f"materials.{material.material_id}"
        _within_bounds(findings, path, lambda material=material: _check_material(matter_type, material, findings))


def _within_bounds(findings: Findings, path: str, check: _Check) -> None:
    try:
        check()
    except TooManySituations:
        findings.warning(
            path,
            "situations_too_many",
            "depends on more answers than can be tried, and was not judged",
            "give texts choices, or let the rule depend on fewer questions",
        )


def _check_item(matter_type: MatterType, item: ItemType, findings: Findings) -> None:
    path = f"items.{item.item_id}"
    if not any(applies[0] for _, applies in applying(matter_type, [item.item_id])):
        _unreachable(
            findings,
            f"{path}.when",
            "item_unreachable",
            "no situation leads to this item",
            "correct when, or take the item out",
            [item.when],
        )
        return
    for needed_id in item.depends_on:
        if not any(all(applies) for _, applies in applying(matter_type, [item.item_id, needed_id])):
            findings.warning(
                f"{path}.depends_on",
                "dependency_unreachable",
                f"is never planned together with item {needed_id}",
                "take it out of depends_on",
            )
    produced = producers(matter_type.items)
    for certificate in item.needs_certificates:
        makers = [maker for maker in produced.get(certificate, ()) if maker != item.item_id]
        standing = [one for one in item.materials if one.certificate == certificate]
        if any(material.when is None for material in standing):
            continue
        missing = _unmet(matter_type, item.item_id, makers, standing)
        if missing is not None:
            findings.error(
                f"{path}.needs_certificates",
                "certificate_unproduced",
                f"nobody produces {certificate} and nobody is asked for it{_told(missing)}",
                "describe the material that stands for it, with certificate: its code, or let an item produce it",
            )


def _unmet(matter_type: MatterType, item_id: str, makers: list[str], standing: list[MaterialSpec]) -> Facts | None:
    """Return a situation in which an item needs what none of `makers` makes and no material stands for."""
    rules = [material.when for material in standing if material.when is not None]
    keys = questions_behind(matter_type, [item_id, *makers]).union(*(rule.facts for rule in rules))
    for facts in situations(matter_type, keys):
        planned = {
            item.item_id
            for item, applies in zip(matter_type.items, applicable(matter_type, facts), strict=True)
            if applies
        }
        if item_id in planned and planned.isdisjoint(makers) and not any(rule.holds(facts) for rule in rules):
            return facts
    return None


def _check_alternatives(matter_type: MatterType, group: list[ItemType], findings: Findings) -> None:
    path = f"alternative_group.{group[0].alternative_group}"
    if len(group) == 1:
        findings.warning(
            path, "alternatives_alone", f"item {group[0].item_id} is its only item", "name the others, or take it out"
        )
    may_be_none = all(item.optional for item in group)
    has_overlap = False
    for facts in situations(matter_type, questions_behind(matter_type, [item.item_id for item in group])):
        holding = [item.item_id for item in group if item.when is None or item.when.holds(facts)]
        if not holding and not may_be_none:
            findings.error(
                path,
                "alternatives_none",
                f"none of them applies{_told(facts)}",
                "let their when cover every situation; the last may do without",
            )
            return
        if len(holding) > 1 and group[-1].when is not None and not has_overlap:
            has_overlap = True
            findings.warning(
                path,
                "alternatives_overlap",
                f"items {', '.join(holding)} all apply{_told(facts)}; the first is taken",
                "let their when exclude each other",
            )


def _check_material(matter_type: MatterType, material: MaterialSpec, findings: Findings) -> None:
    users = [item for item in matter_type.items if material in item.materials]
    makers = [] if material.certificate is None else list(producers(matter_type.items).get(material.certificate, ()))
    keys = questions_behind(matter_type, [*(item.item_id for item in users), *makers])
    if material.when is not None:
        keys |= material.when.facts
    sources = {
        need.source
        for facts in situations(matter_type, keys)
        for need in needed(matter_type, facts)
        if need.material is material
    }
    if not sources:
        _unreachable(
            findings,
            f"materials.{material.material_id}",
            "material_unneeded",
            "no situation needs this material",
            "correct when, or take the material out",
            [material.when, *(item.when for item in users)],
        )
    elif sources == {"produced"}:
        findings.warning(
            f"materials.{material.material_id}",
            "material_unneeded",
            f"an item always produces {material.certificate}, so that this is never asked nor shared",
            "take the material out",
        )


def _unreachable(
    findings: Findings, path: str, code: str, rule: str, way_out: str, rules: Iterable[Rule | None]
) -> None:
    if any(rule is not None and is_open(rule) for rule in rules):
        findings.warning(path, code, f"{rule}, as far as was tried", way_out)
    else:
        findings.error(path, code, rule, way_out)


def _told(facts: Facts) -> str:
    if not facts:
        return ""
    return " when " + ", ".join(f"{key} is {_value(value)}" for key, value in sorted(facts.items()))


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
