"""Counting working days is monotone and additive, and never lands on a day off."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from onematter.backbone.catalogue_files import load_calendar
from onematter.law.clock import deadlines, due_unix_ms

CALENDAR = load_calendar()
DAYS = st.dates(date(2025, 1, 1), date(2026, 12, 31))
COUNTS = st.integers(0, 60)


@given(DAYS, COUNTS, COUNTS)
def test_adding_is_additive(start: date, first: int, second: int) -> None:
    halfway = CALENDAR.add_working_days(start, first).date
    assert CALENDAR.add_working_days(halfway, second).date == CALENDAR.add_working_days(start, first + second).date


@given(DAYS, st.integers(0, 30), COUNTS, st.integers(0, 10))
def test_adding_is_monotone_in_start_and_days(start: date, later: int, days: int, more: int) -> None:
    end = CALENDAR.add_working_days(start, days).date
    assert CALENDAR.add_working_days(start + timedelta(days=later), days).date >= end
    assert CALENDAR.add_working_days(start, days + more).date >= end + timedelta(days=more)


@given(DAYS, st.integers(1, 120))
def test_a_period_ends_on_a_working_day_and_counts_back(start: date, days: int) -> None:
    end = CALENDAR.add_working_days(start, days)
    assert CALENDAR.is_working_day(end.date)
    assert CALENDAR.working_days_between(start, end.date) == days
    assert end.provisional == (end.date.year == 2027)


@given(DAYS.filter(lambda day: day.year > 2025), st.integers(1, 120))
def test_counting_back_ends_on_the_last_day_that_is_early_enough(end: date, days: int) -> None:
    found = CALENDAR.subtract_working_days(end, days).date
    between = found
    left = 0
    while between < end:
        left += CALENDAR.is_working_day(between)
        between += timedelta(days=1)
    assert left == days
    assert CALENDAR.is_working_day(found)


@given(DAYS, st.integers(1, 40))
def test_counting_agrees_with_walking_day_by_day(start: date, days: int) -> None:
    day, left = start, days
    while left:
        day += timedelta(days=1)
        left -= CALENDAR.is_working_day(day)
    assert CALENDAR.add_working_days(start, days).date == day


@given(
    st.integers(1_735_660_800_000, 1_790_000_000_000),
    st.one_of(st.none(), st.integers(0, 90)),
    st.one_of(st.none(), st.integers(0, 90)),
    st.sampled_from(["working", "calendar"]),
)
def test_a_promise_is_never_later_than_the_law_nor_before_the_opening(
    opened: int, legal: int | None, promised: int | None, kind: str
) -> None:
    found = deadlines(opened, legal, promised, CALENDAR, kind)  # pyright: ignore[reportArgumentType]
    assert opened < due_unix_ms(found.promised.date) <= due_unix_ms(found.legal.date)
