"""The rules of the lint for how matters are handled: promises by situation, rules and their examples, opinions,
pledges, delivery, and visits that the record itself makes necessary.

Rule 1: a way of handling that costs a second visit whatever the applicant does is told: a matter takes one at most
(最多跑一次).
"""

from __future__ import annotations

from onematter.law.clock import JOINT_DECISION, OPINION
from onematter.law.dependencies import dependencies, longest_path, restricted
from onematter.law.findings import Findings
from onematter.law.matters import LANGUAGES, ItemType, MatterType, Total
from onematter.law.planning import applicable
from onematter.law.rules import Facts
from onematter.law.situations import TooManySituations, questions_behind, situations

_VISIT = "C"


def lint_handling(matter_type: MatterType, findings: Findings) -> None:
    """Note what is wrong with how a matter and its items are handled."""
    for item in matter_type.items:
        _check_item(item, findings)
    _check_joint(matter_type, findings)
    _check_ways(matter_type, findings)
    for index, total in enumerate(matter_type.totals):
        path = f"totals[{index}].when"
        if any(not total.when.explanation.get(language, "").strip() for language in LANGUAGES):
            findings.warning(
                path,
                "situation_unexplained",
                f"nobody but a machine can read {total.when.text}",
                "write {rule, explanation}, and the guide tells it",
            )
    _check_totals(matter_type, findings)


def _check_item(item: ItemType, findings: Findings) -> None:
    path = f"items.{item.item_id}"
    if item.rule is not None:
        said = {example.grants for example in item.rule_examples}
        lacking = [word for grants, word in ((True, "that it grants"), (False, "that it leaves")) if grants not in said]
        if lacking:
            findings.warning(
                f"{path}.rule_examples",
                "rule_untested",
                f"its rule has no example {' and none '.join(lacking)}",
                "write situations with whether the rule grants, on both sides of every limit",
            )
        for position, example in enumerate(item.rule_examples):
            # The facts of an example are those that a rule sees.
            if item.rule.holds(example.facts) != example.grants:  # pyright: ignore[reportArgumentType]
                findings.error(
                    f"{path}.rule_examples[{position}]",
                    "rule_contradicts_example",
                    f"the example says that the rule {'grants' if example.grants else 'leaves it'}, and it does not",
                    "correct the rule or the example, whichever is wrong",
                )
    days = item.promised_days
    if item.opinions is not None and days is not None and item.clock_kind == "working" and days < OPINION.days:
        findings.warning(
            f"{path}.opinions",
            "opinions_over_promise",
            f"may take {OPINION.days} working days where the item promises {days}",
            "promise at least the time of those who are asked",
        )
    if item.validity_years is not None and not item.produces_certificates:
        findings.warning(
            f"{path}.validity_years",
            "validity_without_certificate",
            "nothing is handed over that could run out",
            "name what it hands over under produces_certificates, or take it out",
        )
    if item.denial == "matter" and item.optional:
        findings.warning(
            f"{path}.denial",
            "denial_of_optional",
            "a denial of what the applicant need not have ends all that he needs",
            "let the other items go on: denial: dependents",
        )


def _check_joint(matter_type: MatterType, findings: Findings) -> None:
    if not matter_type.joint:
        return
    if len({(item.department, item.level) for item in matter_type.items}) == 1:
        findings.warning(
            "joint",
            "joint_alone",
            "one department handles all of it",
            "take joint out: 行政许可法 §26 is for several departments",
        )
    limit = JOINT_DECISION.days
    promised = [("promised_days", matter_type.promised_days)]
    promised += [(f"totals[{index}].days", total.days) for index, total in enumerate(matter_type.totals)]
    for path, days in promised:
        if days is not None and days > limit:
            findings.error(
                path,
                "total_over_limit",
                f"takes {days} working days where the {JOINT_DECISION.basis['en']} gives {limit}",
                "promise at most that; more takes the approval of the head of government, case by case",
            )


def _check_ways(matter_type: MatterType, findings: Findings) -> None:
    shown = [one.material_id for one in matter_type.materials if one.is_asked and one.trust_class == _VISIT]
    certain = [one.material_id for one in matter_type.materials if one.material_id in shown and one.when is None]
    counter_only = matter_type.delivery == ("counter",)
    if certain and counter_only:
        findings.warning(
            "delivery",
            "visits_over_one",
            f"results are collected in person, and the original of {', '.join(certain)} is shown at a window before",
            "deliver by e_certificate or post, or take the material as an e-certificate (trust class A or B)",
        )
    if "remote" in matter_type.cross_region and (shown or counter_only):
        because = f"the original of {', '.join(shown)} is shown at a window" if shown else "results are collected"
        findings.warning(
            "cross_region",
            "remote_needs_window",
            f"is wholly online (全程网办), but {because}",
            "name relayed (异地代收代办) instead, or do without the window",
        )


def _check_totals(matter_type: MatterType, findings: Findings) -> None:
    totals = matter_type.totals
    keys = {key for total in totals for key in total.when.facts}
    if not totals:
        return
    try:
        graph = dependencies(matter_type.items)
        reached: dict[int, Facts] = {}
        longest: dict[int, tuple[int, tuple[str, ...]]] = {}
        every = questions_behind(matter_type, [item.item_id for item in matter_type.items])
        for facts in situations(matter_type, {*keys, *every}, beside=[total.when for total in totals]):
            index = _first(totals, facts)
            if index is None:
                continue
            reached.setdefault(index, facts)
            applies = applicable(matter_type, facts)
            items = [item for item, wanted in zip(matter_type.items, applies, strict=True) if wanted]
            days = {item.item_id: item.promised_days or 0 for item in items if item.clock_kind == "working"}
            path = longest_path(restricted(graph, {item.item_id for item in items}), days)
            if path.days > longest.get(index, (0, ()))[0]:
                longest[index] = (path.days, tuple(one for one in path.item_ids if days.get(one)))
    except TooManySituations:
        findings.warning(
            "totals",
            "situations_too_many",
            "depend on more answers than can be tried, and were not judged",
            "give texts choices, or let the rules depend on fewer questions",
        )
        return
    for index, total in enumerate(totals):
        if index not in reached:
            findings.warning(
                f"totals[{index}].when",
                "total_unreachable",
                "no situation leads to it: it never holds, or one before it always does",
                "correct when, change their order, or take it out",
            )
        elif longest.get(index, (0, ()))[0] > total.days:
            days, item_ids = longest[index]
            findings.warning(
                f"totals[{index}].days",
                "promise_unreachable",
                f"promises {total.days} working days where items {', '.join(item_ids)} are promised in {days}",
                "promise what the items add up to, or shorten them",
            )


def _first(totals: tuple[Total, ...], facts: Facts) -> int | None:
    return next((index for index, total in enumerate(totals) if total.when.holds(facts)), None)
