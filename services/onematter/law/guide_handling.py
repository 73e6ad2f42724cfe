"""How a matter is handled, for its guide: accepted, promised by situation, delivered, and handled across regions.

Rule 1: with answers only what is still possible is told; once they settle the time for the whole, that one alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from onematter.law.catalogue import Catalogue
from onematter.law.clock import DECISION, ClockKind
from onematter.law.matters import Acceptance, CrossRegionMode, DeliveryWay, ItemType, MatterType, Names
from onematter.law.rules import Facts

_DAYS_OF_A_WEEK, _WORKING_DAYS_OF_A_WEEK = 7, 5


@dataclass(frozen=True)
class WholeTime:
    """The time promised for the whole matter in one situation, in working days; `when` says in which."""

    when: Names | None
    days: int


@dataclass(frozen=True)
class Handling:
    """How a matter is handled. `totals` are the times that are still possible, in the order in which they are tried;
    empty when the time does not depend on what is open.
    """

    acceptance: Acceptance
    is_joint: bool
    delivery: tuple[DeliveryWay, ...]
    cross_region: tuple[CrossRegionMode, ...]
    promised_days: int | None
    totals: tuple[WholeTime, ...]


@dataclass(frozen=True)
class Asked:
    """The departments whose opinion is asked; `quorum` of them have to consent, and with `veto` none may refuse."""

    departments: tuple[Names, ...]
    quorum: int
    has_veto: bool


@dataclass(frozen=True)
class Limit:
    """A time in days of its kind."""

    days: int
    kind: ClockKind


def handling_of(matter_type: MatterType, facts: Facts) -> Handling:
    """Return how a matter is handled in the situation that `facts` tell."""
    promised_days = matter_type.promised_days
    totals: list[WholeTime] = []
    for total in matter_type.totals:
        if not total.when.facts <= facts.keys():
            totals.append(WholeTime(total.when.explanation or None, total.days))
        elif total.when.holds(facts):
            promised_days = total.days
            break
    return Handling(
        matter_type.acceptance,
        matter_type.joint,
        matter_type.delivery,
        matter_type.cross_region,
        promised_days,
        tuple(totals),
    )


def asked_of(catalogue: Catalogue, item: ItemType) -> Asked | None:
    """Return whose opinion an item asks."""
    rule = item.opinions
    if rule is None:
        return None
    return Asked(tuple(catalogue.department_names(one) for one in rule.departments), rule.quorum, rule.veto)


def supplement_limit(items: Sequence[ItemType]) -> Limit:
    """Return the time within which what may follow later (容缺) has to come: the shortest promise of `items`, each with
    its legal time where it promises nothing.
    """

    def working(limit: Limit) -> float:
        return limit.days if limit.kind == "working" else limit.days * _WORKING_DAYS_OF_A_WEEK / _DAYS_OF_A_WEEK

    return min((_time_of(item) for item in items), key=working)


def _time_of(item: ItemType) -> Limit:
    if item.promised_days is not None:
        return Limit(item.promised_days, item.clock_kind)
    if item.legal_days:
        return Limit(item.legal_days, item.clock_kind)
    return Limit(DECISION.days, "working")
