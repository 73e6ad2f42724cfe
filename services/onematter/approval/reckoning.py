"""The periods of a task (期限), from its state to the law's own fold, and back to the contract.

Rule 1: a task has two periods with the same facts, the legal one and the promised one; extensions are of the legal one
alone. Where nothing is promised beyond the law they are one.
Rule 2: the law reckons (`onematter.law.periods`); here its words are only turned into those of the contract.
Rule 3: warnings are of the clock that ends first, the promised one unless the law's is shorter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple, assert_never, cast

from onematter.approval.desk import Desk
from onematter.approval.v1.approval_state_pb2 import TaskState
from onematter.common.v1.outcome_pb2 import Reason
from onematter.common.v1.period_pb2 import Deadlines, PeriodFact, SuspensionReason
from onematter.contracts.aggregate import Refusal
from onematter.contracts.times import set_unix_ms
from onematter.law import periods
from onematter.law.calendar import Deadline, WorkingCalendar, end_of_day_unix_ms
from onematter.law.clock import Rank, legal_rule, promise_rule
from onematter.law.matters import ItemType
from onematter.law.periods import Objection, Period

REASONS: Mapping[int, periods.SuspensionReason] = {
    SuspensionReason.SUSPENSION_REASON_CORRECTION: "correction",
    SuspensionReason.SUSPENSION_REASON_HEARING: "hearing",
    SuspensionReason.SUSPENSION_REASON_TENDER: "tender",
    SuspensionReason.SUSPENSION_REASON_AUCTION: "auction",
    SuspensionReason.SUSPENSION_REASON_INSPECTION: "inspection",
    SuspensionReason.SUSPENSION_REASON_TESTING: "testing",
    SuspensionReason.SUSPENSION_REASON_QUARANTINE: "quarantine",
    SuspensionReason.SUSPENSION_REASON_APPRAISAL: "appraisal",
    SuspensionReason.SUSPENSION_REASON_EXPERT_REVIEW: "expert_review",
}

_RANKS = frozenset[int](Rank)


class Clocks(NamedTuple):
    """Both periods of a task."""

    legal: Period
    promised: Period


def reckon(known: ItemType | None, started: date, facts: Iterable[PeriodFact]) -> Clocks:
    """Return the periods that began on `started`, after `facts` in their order.

    `known` None is an item that the catalogue does not hold: its legal time is that of 行政许可法 §42, and nothing is
    promised. Raises AssertionError for facts that were never lawful.
    """
    given = [_fact(fact) for fact in facts]
    if known is None:
        legal = periods.fold(legal_rule(None), started, given)
        return Clocks(legal, legal)
    legal = periods.fold(legal_rule(known.legal_days, known.clock_kind), started, given)
    if known.promised_days is None:
        return Clocks(legal, legal)
    promise = promise_rule(known.promised_days, known.clock_kind)
    kept = (fact for fact in given if not isinstance(fact, periods.Extended))
    return Clocks(legal, periods.fold(promise, started, kept))


def clocks_of(desk: Desk, task: TaskState, *more: PeriodFact) -> Clocks:
    """Return the periods of an opened task, after its own facts and `more`."""
    types = desk.types_of(task)
    started = date.fromisoformat(task.opened.started_day)
    return reckon(None if types is None else types[1], started, [*task.period_facts, *more])


def deadlines(clocks: Clocks, calendar: WorkingCalendar) -> Deadlines:
    """Return when both clocks end under `calendar`, and when they warn. A clock that stands still has no deadline."""
    found = Deadlines()
    legal = periods.deadline(clocks.legal, calendar)
    promised = periods.deadline(clocks.promised, calendar)
    first = clocks.promised
    if promised is not None and legal is not None and promised.date > legal.date:
        first = clocks.legal
    yellow, red, _ = periods.instants(first, calendar)
    if yellow is not None and yellow != red:
        set_unix_ms(found.yellow, yellow)
    if red is not None:
        set_unix_ms(found.red, red)
    promised = periods.within_law(promised, legal)
    provisional: set[int] = set()
    for timestamp, deadline in ((found.legal, legal), (found.promised, promised)):
        if deadline is not None:
            set_unix_ms(timestamp, end_of_day_unix_ms(deadline.date))
            provisional |= _provisional_years(clocks.legal.started.day, deadline, calendar)
    found.provisional = bool(provisional)
    found.provisional_years.extend(sorted(provisional))
    return found


def running(task: TaskState) -> PeriodFact | None:
    """Return the suspension that has not ended; None while the clocks run."""
    for fact in reversed(task.period_facts):
        match fact.WhichOneof("fact"):
            case "suspended":
                return fact
            case "resumed":
                return None
            case _:
                pass
    return None


def object_to(refusal: Refusal, objections: Iterable[Objection], days: str = "") -> None:
    """Add the law's objections; `days` is the command's field that has the number of days."""
    for objection in objections:
        match objection.subject:
            case "days":
                field = days
            case "rank":
                field = "actor.rank"
            case "period" | "day":
                field = "item_id"
            case _:
                assert_never(objection.subject)
        reason = cast("Reason", Reason.Value(f"REASON_{objection.reason}"))
        refusal.add(field, reason, objection.parameters)


def rank_of(rank: int) -> Rank:
    """Return the law's rank; whoever names none, or one that this version does not know, has the lowest."""
    return Rank(rank) if rank in _RANKS else Rank.STAFF


def _provisional_years(started: date, deadline: Deadline, calendar: WorkingCalendar) -> set[int]:
    return set(calendar.provisional_years(started, deadline.date)) if deadline.provisional else set()


def _fact(fact: PeriodFact) -> periods.PeriodFact:
    day = date.fromisoformat(fact.day)
    match fact.WhichOneof("fact"):
        case "suspended":
            return periods.Suspended(day, REASONS[fact.suspended.reason])
        case "resumed":
            return periods.Resumed(day)
        case "extended":
            return periods.Extended(day, fact.extended.days, rank_of(fact.extended.rank))
        case "calendar_changed":
            return periods.CalendarChanged(day, tuple(fact.calendar_changed.years))
        case _:
            raise AssertionError("a fact of a period that this version does not know")
