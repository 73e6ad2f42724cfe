"""The statutory clock: two deadlines for every item, the legal one (法定时限) and the promised one
(承诺时限).

Rule 1: the day a period begins is not counted, and its last day ends at 24:00 China time (民法典 §201, §203).
Rule 2: periods of the 行政许可法 are working days (§82). A period of calendar days whose last day is a day
off ends on the next working day (民法典 §203).
Rule 3: an item whose legal time is not known is held to the 20 working days of 行政许可法 §42, and a promise
is never later than the law.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple

from onematter.law.calendar import Deadline, WorkingCalendar, end_of_day_unix_ms, legal_date

ClockKind = Literal["working", "calendar"]

# 行政许可法 §42: decide within 20 (working) days of acceptance.
FALLBACK_LEGAL_DAYS = 20


class Deadlines(NamedTuple):
    """Both deadlines of an item."""

    legal: Deadline
    promised: Deadline


def deadlines(
    opened_unix_ms: int,
    legal_days: int | None,
    promised_days: int | None,
    calendar: WorkingCalendar,
    clock_kind: ClockKind = "working",
) -> Deadlines:
    """Return the deadlines of an item opened at `opened_unix_ms` (milliseconds since 1970, UTC).

    `legal_days` None or 0 means that no legal time is known: 20 working days. `promised_days` None means that
    nothing is promised beyond the law; 0 is a promise for the same day, or the next working day when offices
    are closed. Raises CalendarMissing when a period leaves the loaded years, ValueError for a negative period
    or an unknown clock kind.
    """
    return _deadlines(legal_date(opened_unix_ms), legal_days or None, promised_days, calendar, clock_kind)


def due_unix_ms(day: date) -> int:
    """Return the instant at which a deadline on `day` has passed: its 24:00 China time, in milliseconds since
    1970, UTC.
    """
    return end_of_day_unix_ms(day)


@lru_cache(maxsize=65_536)
def _deadlines(
    opened: date,
    legal_days: int | None,
    promised_days: int | None,
    calendar: WorkingCalendar,
    clock_kind: ClockKind,
) -> Deadlines:
    if legal_days is None:
        legal = calendar.add_working_days(opened, FALLBACK_LEGAL_DAYS)
    else:
        legal = _end_of_period(opened, legal_days, calendar, clock_kind)
    if promised_days is None:
        return Deadlines(legal, legal)
    promised = _end_of_period(opened, promised_days, calendar, clock_kind)
    return Deadlines(legal, promised if promised.date <= legal.date else legal)


def _end_of_period(opened: date, days: int, calendar: WorkingCalendar, clock_kind: ClockKind) -> Deadline:
    if days < 0:
        raise ValueError(f"a period of {days} days: give 0 or more")
    if clock_kind == "working":
        return calendar.add_working_days(opened, days) if days else calendar.next_working_day(opened)
    if clock_kind == "calendar":
        end, provisional = calendar.next_working_day(opened + timedelta(days=days))
        return Deadline(end, provisional)
    raise ValueError(f"clock kind {clock_kind!r}: give working or calendar")
