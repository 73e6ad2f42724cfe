"""Between the law's periods (`onematter.law.periods`) and the contract's words: facts, deadlines, objections. Pure.

Rule 1: the law reckons; here its words are only turned into those of the contract, and back.
Rule 2: warnings are of the clock that ends first, the promised one unless the law's is shorter; a promise is never
later than the law. Where red falls due with yellow it is told alone.
Rule 3: where a year's calendar is missing there is no deadline, but that year among those that are not official yet.
"""

# pyright: strict

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import assert_never, cast

from onematter.common.v1.outcome_pb2 import Reason
from onematter.common.v1.period_pb2 import Deadlines, PeriodFact, SuspensionReason
from onematter.contracts.aggregate import Refusal
from onematter.contracts.times import set_unix_ms
from onematter.law import periods
from onematter.law.calendar import CalendarMissing, Deadline, WorkingCalendar, end_of_day_unix_ms
from onematter.law.clock import PeriodRule, Rank
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


def legal_period(rule: PeriodRule, started: date, facts: Iterable[PeriodFact]) -> Period:
    """Return the law's period that began on `started`, after `facts`. Raises AssertionError for unlawful facts."""
    return periods.fold(rule, started, [law_fact(fact) for fact in facts])


def promised_period(rule: PeriodRule, started: date, facts: Iterable[PeriodFact]) -> Period:
    """Return the promise beside it: what extends the law's period does not extend it (行政许可法 §42)."""
    return legal_period(rule, started, [fact for fact in facts if fact.WhichOneof("fact") != "extended"])


def deadlines_of(legal: Period | None, promised: Period | None, calendar: WorkingCalendar) -> Deadlines:
    """Return when the periods that there are end under `calendar`, and when they warn.

    A clock that stands still has no deadline.
    """
    first = promised or legal
    if first is None:
        return Deadlines()
    found, provisional = Deadlines(), set[int]()
    try:
        legal_end = None if legal is None else periods.deadline(legal, calendar)
        promised_end = None if promised is None else periods.deadline(promised, calendar)
        if legal is not None and legal_end and promised_end and promised_end.date > legal_end.date:
            first = legal
        if legal is not None and promised is not None:
            promised_end = periods.within_law(promised_end, legal_end)
        yellow, red, _ = periods.instants(first, calendar)
        for timestamp, deadline in ((found.legal, legal_end), (found.promised, promised_end)):
            if deadline is not None:
                set_unix_ms(timestamp, end_of_day_unix_ms(deadline.date))
                provisional |= _provisional_years(first.started.day, deadline, calendar)
    except CalendarMissing as missing:
        return Deadlines(provisional=True, provisional_years=[missing.year])
    if yellow is not None and yellow != red:
        set_unix_ms(found.yellow, yellow)
    if red is not None:
        set_unix_ms(found.red, red)
    found.provisional = bool(provisional)
    found.provisional_years.extend(sorted(provisional))
    return found


def running(facts: Sequence[PeriodFact]) -> PeriodFact | None:
    """Return the suspension that has not ended; None while the clocks run."""
    for fact in reversed(facts):
        match fact.WhichOneof("fact"):
            case "suspended":
                return fact
            case "resumed":
                return None
            case _:
                pass
    return None


def object_to(refusal: Refusal, objections: Iterable[Objection], subject: str, days: str = "") -> None:
    """Add the law's objections; `subject` is the command's field that names what has the period, `days` that which has
    the number of days.
    """
    for objection in objections:
        match objection.subject:
            case "days":
                field = days
            case "rank":
                field = "actor.rank"
            case "period" | "day":
                field = subject
            case _:
                assert_never(objection.subject)
        reason = cast("Reason", Reason.Value(f"REASON_{objection.reason}"))
        refusal.add(field, reason, objection.parameters)


def rank_of(rank: int) -> Rank:
    """Return the law's rank; whoever names none, or one that this version does not know, has the lowest."""
    return Rank(rank) if rank in _RANKS else Rank.STAFF


def law_fact(fact: PeriodFact) -> periods.PeriodFact:
    """Return a fact of the contract in the law's words. Raises AssertionError for an unknown kind of fact."""
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


def _provisional_years(started: date, deadline: Deadline, calendar: WorkingCalendar) -> set[int]:
    return set(calendar.provisional_years(started, deadline.date)) if deadline.provisional else set()
