"""A period (期限) as a fold over facts: begun, suspended, resumed, extended, and its deadline under a calendar.

Rule 1: the law counts days, so a fact has a day. The day a period begins is not counted (民法典 §201).
Rule 2: a day is counted at its end, when the clock runs then. The day on which the clock is stopped is therefore not
counted, the day on which it goes on is; stopped and resumed on one day has no effect, nor has a stop over days
off alone. No deadline lies within a suspension.
Rule 3: while the clock stands still there is no deadline, only days left. A stop after the deadline heals nothing:
the deadline stays and stays passed.
Rule 4: a period is extended at most once, by whom and by what the law names (行政许可法 §42), before it has passed;
also while it is suspended. A promise is not extended by it.
Rule 5: `check_*` say whether something may be done, all objections at once; `begin`, `evolve` and `fold` take facts
as they are and refuse nothing, so that what was lawful when it happened stays.
Rule 6: a deadline is computed, never kept. When a year's calendar becomes official, the same facts under the new
calendar give the deadline that holds.
Rule 7: an unanswered hand-in is accepted as of the day of its receipt (行政许可法 §32). A supplement after a correction
told in time is received anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal, NamedTuple, TypeAlias, assert_never

from onematter.law.calendar import Deadline, WorkingCalendar, end_of_day_unix_ms
from onematter.law.clock import ACCEPTANCE, HEARING_NOTICE_DAYS, ClockKind, PeriodRule, Rank

# Correction (补正), and the special procedures (特别程序) of 行政许可法 §45.
SuspensionReason = Literal[
    "correction",  # 补正
    "hearing",  # 听证
    "tender",  # 招标
    "auction",  # 拍卖
    "inspection",  # 检验
    "testing",  # 检测
    "quarantine",  # 检疫
    "appraisal",  # 鉴定
    "expert_review",  # 专家评审
]

_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Started:
    """The period began on `day`: accepted, received, decided, asked. It lasts `days` of `kind`."""

    day: date
    days: int
    kind: ClockKind


@dataclass(frozen=True, slots=True)
class Suspended:
    """The clock stopped on `day`."""

    day: date
    reason: SuspensionReason


@dataclass(frozen=True, slots=True)
class Resumed:
    """The clock goes on; `day` is the first that counts again: the materials are there, the report is in."""

    day: date


@dataclass(frozen=True, slots=True)
class Extended:
    """The period was made longer by `days`, with the approval of `rank`."""

    day: date
    days: int
    rank: Rank


@dataclass(frozen=True, slots=True)
class CalendarChanged:
    """The deadline was recomputed on `day` and is another one, or no longer provisional: a record, not a rule."""

    day: date
    years: tuple[int, ...]


PeriodFact: TypeAlias = "Suspended | Resumed | Extended | CalendarChanged"


@dataclass(frozen=True, slots=True)
class Suspension:
    """The clock stands still from `first` until the day before `resumed`; None while it does."""

    first: date
    reason: SuspensionReason
    resumed: date | None

    def holds(self, day: date) -> bool:
        """Tell whether `day` is not counted for it."""
        return self.first <= day and (self.resumed is None or day < self.resumed)


@dataclass(frozen=True, slots=True)
class Period:
    """The facts of one period, in order. `as_of` is the day of the last one."""

    rule: PeriodRule
    started: Started
    suspensions: tuple[Suspension, ...]
    extension: Extended | None
    changes: tuple[CalendarChanged, ...]
    as_of: date

    @property
    def days(self) -> int:
        """Its length, extension included."""
        return self.started.days + (self.extension.days if self.extension else 0)

    @property
    def suspension(self) -> Suspension | None:
        """The suspension that has not ended."""
        return self.suspensions[-1] if self.suspensions and self.suspensions[-1].resumed is None else None


class Objection(NamedTuple):
    """One reason why something may not be done to a period.

    `subject` is the part of the request that is at fault ("period", "day", "days" or "rank"), `reason` a name of
    `onematter.common.v1.Reason` without its prefix, `parameters` what its text needs.
    """

    subject: Literal["period", "day", "days", "rank"]
    reason: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class WarningRule:
    """When a deadline shows yellow and red (黄牌、红牌), in percent of the days that are left, rounded up.

    Places differ: one warns a working day before the promise, others by colours of their own. 30 and 10 are
    illustrative: of 20 days yellow begins when 6 are left, red when 2 are; red is never later than the last day.
    """

    yellow_percent_left: int = 30
    red_percent_left: int = 10

    def __post_init__(self) -> None:
        if not 0 <= self.red_percent_left <= self.yellow_percent_left <= 100:
            raise ValueError(
                f"yellow at {self.yellow_percent_left} % left, red at {self.red_percent_left} %: "
                "give 0 to 100, and red no more than yellow"
            )


WARNINGS = WarningRule()


class Instants(NamedTuple):
    """When a period's warnings and its end fall due, in milliseconds since 1970, UTC.

    None is what the facts do not (yet) bring: the clock stands still before it, or a period of 0 days has no warning.
    """

    yellow_unix_ms: int | None
    red_unix_ms: int | None
    overdue_unix_ms: int | None


def begin(rule: PeriodRule, day: date) -> Period:
    """Return the period of `rule` that begins on `day`. That day is not counted."""
    return Period(rule, Started(day, rule.days, rule.kind), (), None, (), day)


def evolve(period: Period, fact: PeriodFact) -> Period:
    """Return the period after `fact`. Raises AssertionError for a fact that `check_*` would never have let be."""
    assert fact.day >= period.as_of, f"a fact of {fact.day} behind one of {period.as_of}"
    suspension = period.suspension
    match fact:
        case Suspended(day, reason):
            assert suspension is None, "suspended while suspended"
            after = (*period.suspensions, Suspension(day, reason, None))
            return replace(period, suspensions=after, as_of=day)
        case Resumed(day):
            assert suspension is not None, "resumed while running"
            after = (*period.suspensions[:-1], replace(suspension, resumed=day))
            return replace(period, suspensions=after, as_of=day)
        case Extended(day):
            assert period.extension is None, "extended twice"
            return replace(period, extension=fact, as_of=day)
        case CalendarChanged(day):
            return replace(period, changes=(*period.changes, fact), as_of=day)
        case _:
            assert_never(fact)


def fold(rule: PeriodRule, day: date, facts: Iterable[PeriodFact]) -> Period:
    """Return the period of `rule` that began on `day`, after `facts` in their order. Raises AssertionError."""
    period = begin(rule, day)
    for fact in facts:
        period = evolve(period, fact)
    return period


def check_suspension(period: Period, day: date) -> tuple[Objection, ...]:
    """Return what speaks against stopping the clock on `day`; nothing when it may be stopped.

    A period that has passed may be suspended: what §45 asks for must be done then too. It moves no deadline.
    """
    objections = _check_day(period, day)
    if not period.rule.suspendable:
        objections += (Objection("period", "PERIOD_NOT_SUSPENDABLE", {"period": period.rule.name}),)
    if period.suspension is not None:
        objections += (Objection("period", "PERIOD_SUSPENDED", {"since": period.suspension.first.isoformat()}),)
    return objections


def check_resumption(period: Period, day: date) -> tuple[Objection, ...]:
    """Return what speaks against the clock's going on on `day`; nothing when it may."""
    objections = _check_day(period, day)
    if period.suspension is None:
        objections += (Objection("period", "PERIOD_NOT_SUSPENDED", {}),)
    return objections


def check_extension(
    period: Period, day: date, days: int, rank: Rank, calendar: WorkingCalendar
) -> tuple[Objection, ...]:
    """Return what speaks against extending by `days` on `day` with the approval of `rank`; nothing when lawful.

    The applicant must be told the reason (§42): the caller asks for it. Raises CalendarMissing.
    """
    objections = _check_day(period, day)
    rule = period.rule.extension
    if rule is None:
        return (*objections, Objection("period", "PERIOD_NOT_EXTENDABLE", {"period": period.rule.name}))
    if period.extension is not None:
        extended = {"since": period.extension.day.isoformat()}
        objections += (Objection("period", "PERIOD_EXTENDED_ALREADY", extended),)
    end = deadline(period, calendar)
    if end is not None and day > end.date:
        objections += (Objection("period", "PERIOD_PASSED", {"deadline": end.date.isoformat()}),)
    if not 1 <= days <= rule.max_days:
        objections += (Objection("days", "EXTENSION_OUT_OF_RANGE", {"limit": str(rule.max_days)}),)
    if rank < rule.rank:
        objections += (Objection("rank", "RANK_TOO_LOW", {"required": rule.rank.name}),)
    return objections


def deadline(period: Period, calendar: WorkingCalendar) -> Deadline | None:
    """Return the last day of the period, or None while its clock stands still.

    Provisional when a year on which it rests is not announced: of working days every year that the period touches,
    of calendar days those of its last day. Raises CalendarMissing when the period leaves the loaded years.
    """
    counted, last, _ = _reach(period, period.days, calendar)
    if counted is None or last is None:
        return None
    first = counted if period.started.kind == "calendar" else period.started.day
    return Deadline(last, bool(calendar.provisional_years(first, last)))


def within_law(promised: Deadline | None, legal: Deadline | None) -> Deadline | None:
    """Return the promised deadline, or the legal one where the promise would be later. None while both stand still."""
    if promised is None or legal is None:
        return promised or legal
    return min(promised, legal, key=lambda one: one.date)


def remaining_days(period: Period, today: date, calendar: WorkingCalendar) -> int:
    """Return how many days of the period's kind are left after `today`, negative by how many it is overdue.

    While the clock stands still: those left when it goes on. `today` is not before the last fact. Raises
    CalendarMissing.
    """
    _, last, left = _reach(period, period.days, calendar)
    return left if last is None else _days_between(today, last, period.started.kind, calendar)


def instants(period: Period, calendar: WorkingCalendar, warnings: WarningRule = WARNINGS) -> Instants:
    """Return when yellow, red and overdue fall due by the facts so far.

    A warning falls due when the first of the days that are left begins, 00:00 China time; overdue when the last
    has ended, 24:00. Suspension and extension move what has not come; of what came before, the caller knows.
    Raises CalendarMissing.
    """
    end = deadline(period, calendar)
    return Instants(
        _warning(period, warnings.yellow_percent_left, calendar),
        _warning(period, warnings.red_percent_left, calendar),
        None if end is None else end_of_day_unix_ms(end.date),
    )


def recompute(period: Period, before: WorkingCalendar, after: WorkingCalendar, today: date) -> CalendarChanged | None:
    """Return the fact that another calendar changes the deadline, or makes it firm; None when nothing changes.

    Then the deadline and its instants are to be published again. What happened under the old calendar stays: an
    extension that was in time is not undone. Raises CalendarMissing.
    """
    old, new = deadline(period, before), deadline(period, after)
    if old == new:
        return None
    first, last = period.started.day, max(one.date for one in (old, new) if one is not None)
    return CalendarChanged(today, before.changed_years(after, first, last))


def accepted_by_silence(received: date, told: date | None, today: date, calendar: WorkingCalendar) -> date | None:
    """Return the day of acceptance when the office was silent, which is the day of receipt; else None (§32).

    `told` is the day on which acceptance, refusal or all corrections were told, None when nothing was. Silence is
    complete when the fifth working day has ended; `due_unix_ms(end_of_period(received, 5, …).date)` is the
    instant. Raises CalendarMissing.
    """
    last = calendar.add_working_days(received, ACCEPTANCE.days).date
    return received if (told or today) > last else None


def last_hearing_notice(hearing: date, calendar: WorkingCalendar) -> Deadline:
    """Return the last day on which time and place of a hearing can be told, 7 working days before it (§48).

    The day of the hearing is not counted. Raises CalendarMissing.
    """
    return calendar.subtract_working_days(hearing, HEARING_NOTICE_DAYS)


def _check_day(period: Period, day: date) -> tuple[Objection, ...]:
    if day >= period.as_of:
        return ()
    return (Objection("day", "DAY_TOO_EARLY", {"earliest": period.as_of.isoformat()}),)


class _Reached(NamedTuple):
    """How far the clock comes: the day on which the wanted number is counted and the day on which a period of so many
    ends, both None when the clock stands still before it; `left` are the days it then lacks.
    """

    counted: date | None
    last: date | None
    left: int


def _warning(period: Period, percent: int, calendar: WorkingCalendar) -> int | None:
    if not period.days:
        return None
    left = max(1, -(-period.days * percent // 100))
    first = _reach(period, period.days - left + 1, calendar, ends=False).counted
    return None if first is None else end_of_day_unix_ms(first - _ONE_DAY)


def _reach(period: Period, wanted: int, calendar: WorkingCalendar, *, ends: bool = True) -> _Reached:
    """Follow the clock until `wanted` days are counted and, if it `ends` there, to the working day on which it may.

    A period of 0 days ends on the first working day from its start on, and counts none.
    """
    kind = period.started.kind
    left = wanted
    day = period.started.day if wanted else period.started.day - _ONE_DAY
    for suspension in period.suspensions:
        if suspension.resumed == suspension.first:
            continue
        counted, last = _end(day, left, kind, calendar)
        if (last if ends else counted) < suspension.first:
            return _Reached(counted, last, 0)
        if left:
            left = max(0, left - _counted(day, suspension.first, kind, calendar))
        if suspension.resumed is None:
            return _Reached(None, None, left)
        day = suspension.resumed - _ONE_DAY
    return _Reached(*_end(day, left, kind, calendar), 0)


def _end(day: date, left: int, kind: ClockKind, calendar: WorkingCalendar) -> tuple[date, date]:
    """Return the day that is the `left`-th after `day`, and the working day on which a period may end there."""
    if not left:
        last = calendar.next_working_day(day + _ONE_DAY).date
        return last, last
    if kind == "working":
        last = calendar.add_working_days(day, left).date
        return last, last
    counted = day + timedelta(days=left)
    return counted, calendar.next_working_day(counted).date


def _counted(day: date, until: date, kind: ClockKind, calendar: WorkingCalendar) -> int:
    """Count the days after `day` and before `until`."""
    return _days_between(day, until - _ONE_DAY, kind, calendar) if until > day else 0


def _days_between(day: date, last: date, kind: ClockKind, calendar: WorkingCalendar) -> int:
    return calendar.working_days_between(day, last) if kind == "working" else (last - day).days
