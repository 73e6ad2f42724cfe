"""Periods: two ways to the same deadline, and what no order of facts can break."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from onematter.backbone.catalogue_files import load_calendar
from onematter.law import periods
from onematter.law.calendar import CalendarYear, WorkingCalendar
from onematter.law.clock import DECISION, JOINT_DECISION, Rank, end_of_period, promise_rule
from onematter.law.explaining import explain
from onematter.law.periods import Extended, Period, PeriodFact, Resumed, Suspended

CALENDAR = load_calendar()
ONE_DAY = timedelta(days=1)
STARTS = st.dates(date(2025, 1, 1), date(2026, 12, 31))
RULES = st.one_of(
    st.sampled_from([DECISION, JOINT_DECISION]),
    st.builds(promise_rule, st.integers(0, 60), st.sampled_from(["working", "calendar"])),
)
GAPS = st.integers(0, 12)


@st.composite
def period_of(draw: st.DrawFn, *, standing: bool = True) -> Period:
    """A period after up to six facts that may happen, in their order."""
    period = periods.begin(draw(RULES), draw(STARTS))
    for _ in range(draw(st.integers(0, 6))):
        day = period.as_of + draw(GAPS) * ONE_DAY
        fact: PeriodFact = (
            Resumed(day) if period.suspension else Suspended(day, draw(st.sampled_from(["testing", "correction"])))
        )
        extension = period.rule.extension
        if extension and not period.extension and draw(st.booleans()):
            fact = Extended(day, draw(st.integers(1, extension.max_days)), Rank.GOVERNMENT_HEAD)
        period = periods.evolve(period, fact)
    if period.suspension and not standing:
        period = periods.evolve(period, Resumed(period.as_of + draw(GAPS) * ONE_DAY))
    return period


@given(period_of())
def test_the_deadline_and_its_explanation_agree(period: Period) -> None:
    found = explain(period, CALENDAR)
    assert found.deadline == periods.deadline(period, CALENDAR)
    assert bool(found.provisional_years) == (found.deadline is not None and found.deadline.provisional)
    if found.deadline is None:
        assert found.days_left == periods.remaining_days(period, period.as_of, CALENDAR)


@given(period_of())
def test_the_spans_partition_the_time_and_count_its_length(period: Period) -> None:
    found = explain(period, CALENDAR)
    assert found.spans[0].first == period.started.day
    for before, after in zip(found.spans, found.spans[1:], strict=False):
        assert before.last is not None
        assert before.last + ONE_DAY == after.first
        assert before._replace(first=after.first, last=after.last) != after
    counted = sum(span.days for span in found.spans if span.counted)
    if found.deadline is None:
        assert found.spans[-1].last is None
        assert counted + found.days_left == period.days
    else:
        assert found.spans[-1].last == found.deadline.date
        assert counted == period.days
        extended = sum(span.days for span in found.spans if span.extended)
        assert extended == (period.extension.days if period.extension else 0)


@given(period_of(standing=False))
def test_a_deadline_is_a_working_day_outside_every_suspension(period: Period) -> None:
    end = periods.deadline(period, CALENDAR)
    assert end is not None
    assert CALENDAR.is_working_day(end.date)
    assert end.date >= period.started.day
    assert not any(one.holds(end.date) for one in period.suspensions)


@given(RULES, STARTS)
def test_without_facts_it_is_the_plain_clock(rule: periods.PeriodRule, start: date) -> None:
    expected = end_of_period(start, rule.days, CALENDAR, rule.kind)
    found = periods.deadline(periods.begin(rule, start), CALENDAR)
    assert found is not None
    assert found.date == expected.date
    if rule.days:
        assert found.provisional >= expected.provisional


@given(STARTS, st.integers(1, 60), st.integers(0, 40), st.integers(0, 40))
def test_one_stop_costs_its_working_days(start: date, days: int, later: int, length: int) -> None:
    plain = end_of_period(start, days, CALENDAR, "working").date
    first = start + min(later, (plain - start).days) * ONE_DAY
    resumed = first + length * ONE_DAY
    period = periods.fold(promise_rule(days), start, [Suspended(first, "testing"), Resumed(resumed)])
    lost = [first + index * ONE_DAY for index in range(length)]
    stood = sum(CALENDAR.is_working_day(day) for day in lost if day > start)
    end = periods.deadline(period, CALENDAR)
    assert end is not None
    assert end.date == CALENDAR.add_working_days(plain, stood).date


@given(period_of(standing=False), GAPS, GAPS)
def test_another_stop_never_makes_it_earlier(period: Period, later: int, length: int) -> None:
    before = periods.deadline(period, CALENDAR)
    first = period.as_of + later * ONE_DAY
    stopped = periods.evolve(period, Suspended(first, "hearing"))
    gone_on = periods.deadline(periods.evolve(stopped, Resumed(first + length * ONE_DAY)), CALENDAR)
    assert before is not None
    assert gone_on is not None
    assert gone_on.date >= before.date
    if first > before.date:
        assert gone_on == periods.deadline(stopped, CALENDAR) == before
    else:
        assert periods.deadline(stopped, CALENDAR) is None


@given(st.sampled_from([DECISION, JOINT_DECISION]), STARTS, st.integers(1, 10))
def test_an_extension_adds_its_days(rule: periods.PeriodRule, start: date, days: int) -> None:
    period = periods.begin(rule, start)
    before = periods.deadline(period, CALENDAR)
    assert before is not None
    assert periods.check_extension(period, before.date, days, Rank.GOVERNMENT_HEAD, CALENDAR) == ()
    assert periods.check_extension(period, before.date + ONE_DAY, days, Rank.GOVERNMENT_HEAD, CALENDAR) != ()
    after = periods.deadline(periods.evolve(period, Extended(before.date, days, Rank.GOVERNMENT_HEAD)), CALENDAR)
    assert after is not None
    assert CALENDAR.working_days_between(before.date, after.date) == days


@given(period_of(), st.integers(0, 100), st.integers(0, 100))
def test_warnings_come_in_their_order(period: Period, one: int, two: int) -> None:
    rule = periods.WarningRule(max(one, two), min(one, two))
    instants = periods.instants(period, CALENDAR, rule)
    reached = [instant for instant in instants if instant is not None]
    assert reached == sorted(reached)
    # What falls due later is never known when what falls due earlier is not.
    assert list(instants) == reached + [None] * (3 - len(reached)) or not period.days


@given(period_of(standing=False), st.integers(0, 90))
def test_days_left_run_down_with_the_clock(period: Period, later: int) -> None:
    end = periods.deadline(period, CALENDAR)
    assert end is not None
    today = period.as_of + later * ONE_DAY
    left = periods.remaining_days(period, today, CALENDAR)
    tomorrow = periods.remaining_days(period, today + ONE_DAY, CALENDAR)
    ticks = period.started.kind == "calendar" or CALENDAR.is_working_day(today + ONE_DAY)
    assert left - tomorrow == ticks
    assert periods.remaining_days(period, end.date, CALENDAR) == 0


@given(period_of(), st.frozensets(st.dates(date(2027, 1, 1), date(2027, 12, 31)), max_size=30))
def test_a_changed_year_is_told_exactly_when_it_matters(period: Period, days_off: frozenset[date]) -> None:
    years = [one for one in CALENDAR.years if one.year != 2027]
    official = WorkingCalendar.of([*years, CalendarYear(2027, "official", days_off, frozenset(), "a test")])
    changed = periods.recompute(period, CALENDAR, official, period.as_of)
    assert (changed is not None) == (periods.deadline(period, CALENDAR) != periods.deadline(period, official))
    if changed is not None:
        assert changed.years == (2027,)
        after = periods.evolve(period, changed)
        assert periods.deadline(after, official) == periods.deadline(period, official)
