"""Working days of the announced years, and what is not announced."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from onematter.backbone.catalogue_files import LawFilesRefused, load_calendar
from onematter.law.calendar import (
    CalendarMissing,
    CalendarYear,
    Deadline,
    WorkingCalendar,
    days_from,
    legal_date,
    open_ended,
)
from onematter.law.clock import deadlines, due_unix_ms

CALENDAR = load_calendar()


def day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("start", "days", "expected"),
    [
        ("2026-02-10", 5, "2026-02-24"),
        ("2026-02-10", 20, "2026-03-16"),
        ("2026-02-13", 1, "2026-02-14"),  # a Saturday, made up
        ("2026-04-30", 20, "2026-06-01"),
        ("2026-09-18", 10, "2026-10-09"),
        ("2026-09-24", 5, "2026-10-09"),
        ("2026-09-30", 1, "2026-10-08"),
        ("2026-11-23", 20, "2026-12-21"),
        ("2026-11-23", 0, "2026-11-23"),
        ("2025-12-31", 1, "2026-01-04"),  # a Sunday, made up
    ],
)
def test_working_days_are_counted_from_the_day_after(start: str, days: int, expected: str) -> None:
    assert CALENDAR.add_working_days(day(start), days) == Deadline(day(expected), provisional=False)


@pytest.mark.parametrize("year", [2025, 2026])
def test_an_announced_year_has_248_working_days(year: int) -> None:
    only = next(one for one in CALENDAR.years if one.year == year)
    assert len(only.working_ordinals) == 248


@pytest.mark.parametrize(
    ("year", "expected"),
    [
        (2025, [19, 19, 21, 22, 19, 20, 23, 21, 23, 18, 20, 23]),
        (2026, [21, 16, 22, 21, 19, 21, 23, 21, 22, 18, 21, 23]),
    ],
)
def test_an_announced_years_months(year: int, expected: list[int]) -> None:
    days = [one for one in days_from(date(year, 1, 1), date(year, 12, 31)) if CALENDAR.is_working_day(one)]
    months = Counter(one.month for one in days)
    assert [months[month] for month in range(1, 13)] == expected


@pytest.mark.parametrize("year", [2025, 2026])
def test_an_announced_year_is_that_of_chinesecalendar(year: int) -> None:
    peer = pytest.importorskip("chinese_calendar")
    for one in days_from(date(year, 1, 1), date(year, 12, 31)):
        assert CALENDAR.is_working_day(one) == peer.is_workday(one), one


def test_days_off_and_made_up_say_for_what_and_by_which_notice() -> None:
    year = CALENDAR.year_of(day("2026-02-14"))
    assert (year.notice, CALENDAR.year_of(day("2025-01-01")).notice) == (
        "国办发明电〔2025〕7号",
        "国办发明电〔2024〕12号",
    )
    assert year.names[day("2026-02-14")] == year.names[day("2026-02-15")] == {"zh-CN": "春节", "en": "Spring Festival"}
    assert year.names[day("2026-09-20")]["zh-CN"] == "国庆节"
    assert day("2026-02-24") not in year.names
    for one in CALENDAR.years:
        assert set(one.names) == one.days_off | one.make_up_days


YEAR = """\
year: 2028
state: official
source: a test
days_off: ["2028-01-01/2028-01-03", {{days: "2028-02-01", names: {names}}}]
make_up_days: ["2028-01-08"]
"""


def test_a_day_needs_no_name(tmp_path: Path) -> None:
    (tmp_path / "2028.yaml").write_text(YEAR.format(names="{zh-CN: 节, en: A day}"), encoding="utf-8")
    (year,) = load_calendar(tmp_path).years
    assert year.names == {day("2028-02-01"): {"zh-CN": "节", "en": "A day"}}
    assert len(year.days_off) == 4


@pytest.mark.parametrize("names", ["{zh-CN: 节}", "{zh-CN: 节, en: 1}", "{}", "节"])
def test_a_name_stands_in_every_language(tmp_path: Path, names: str) -> None:
    (tmp_path / "2028.yaml").write_text(YEAR.format(names=names), encoding="utf-8")
    with pytest.raises(LawFilesRefused, match=r"2028\.yaml: days_off\[1\]\.names"):
        load_calendar(tmp_path)


@pytest.mark.parametrize(
    ("end", "days", "expected"),
    [
        ("2026-03-16", 20, "2026-02-10"),
        ("2026-02-24", 1, "2026-02-14"),
        ("2026-02-22", 1, "2026-02-14"),  # counted back from a day off
        ("2026-02-22", 0, "2026-02-22"),
        ("2026-01-05", 1, "2026-01-04"),
        ("2026-01-04", 1, "2025-12-31"),
    ],
)
def test_working_days_are_counted_back(end: str, days: int, expected: str) -> None:
    assert CALENDAR.subtract_working_days(day(end), days) == Deadline(day(expected), provisional=False)


def test_counting_back_leaves_no_loaded_year_and_never_goes_forward() -> None:
    assert CALENDAR.subtract_working_days(day("2027-01-04"), 1) == Deadline(day("2026-12-31"), provisional=True)
    with pytest.raises(CalendarMissing, match="2024"):
        CALENDAR.subtract_working_days(day("2025-01-02"), 1)
    with pytest.raises(ValueError, match="give 0 or more"):
        CALENDAR.subtract_working_days(day("2026-01-05"), -1)


def test_the_years_that_another_calendar_has_otherwise_are_named() -> None:
    first, last = day("2026-01-01"), day("2028-01-01")
    named = WorkingCalendar.of(
        CalendarYear(one.year, one.state, one.days_off, one.make_up_days, "renamed") for one in CALENDAR.years
    )
    assert CALENDAR.changed_years(named, first, last) == ()
    official = WorkingCalendar.of(
        [CALENDAR.year_of(first), CalendarYear(2027, "official", frozenset(), frozenset(), "")]
    )
    assert CALENDAR.changed_years(official, first, last) == (2027,)
    assert CALENDAR.changed_years(WorkingCalendar.of([]), first, last) == (2026, 2027)
    guessed = CALENDAR.year_of(day("2027-01-01"))
    confirmed = CalendarYear(2027, "official", guessed.days_off, guessed.make_up_days, "")
    firm = WorkingCalendar.of([CALENDAR.year_of(first), confirmed])
    assert CALENDAR.changed_years(firm, first, last) == firm.changed_years(official, first, last) == (2027,)


def test_a_period_into_an_unannounced_year_is_counted_and_flagged() -> None:
    # 28 working days are left in 2026, and 2027-01-01 is a statutory day (a Friday).
    assert CALENDAR.add_working_days(day("2026-11-23"), 28) == Deadline(day("2026-12-31"), provisional=False)
    assert CALENDAR.add_working_days(day("2026-11-23"), 29) == Deadline(day("2027-01-04"), provisional=True)


def test_the_statutory_days_of_2027_are_off_and_moved_from_weekends() -> None:
    days = ["01-01", "02-05", "02-08", "02-10", "04-05", "05-04", "06-09", "09-15", "10-05"]
    assert [text for text in days if CALENDAR.is_working_day(day(f"2027-{text}"))] == []
    assert CALENDAR.is_working_day(day("2027-02-11"))


def test_a_year_that_is_not_loaded_is_named() -> None:
    with pytest.raises(CalendarMissing, match=r"2028.*add 2028\.yaml") as missing:
        CALENDAR.add_working_days(day("2027-12-20"), 30)
    assert missing.value.year == 2028
    with pytest.raises(CalendarMissing, match="2024"):
        CALENDAR.add_working_days(day("2024-12-31"), 1)


def test_an_open_ended_calendar_goes_on_with_provisional_weekdays() -> None:
    loaded = load_calendar()
    calendar = open_ended(loaded)
    # Friday 2027-12-31: its year is loaded, 2028 is not; the weekdays after it are Monday 3 to Friday 7 January.
    assert calendar.add_working_days(date(2027, 12, 31), 5) == Deadline(date(2028, 1, 7), True)
    assert calendar.subtract_working_days(date(2025, 1, 1), 1) == Deadline(date(2024, 12, 31), True)
    assert calendar.provisional_years(date(2026, 12, 1), date(2029, 1, 1)) == (2027, 2028, 2029)
    assert calendar.working_days_between(date(2027, 12, 31), date(2028, 1, 31)) == 21
    assert calendar.is_working_day(date(2031, 10, 1))
    assert calendar.years == loaded.years
    # What is loaded is counted as ever.
    assert calendar.add_working_days(date(2026, 2, 10), 20) == loaded.add_working_days(date(2026, 2, 10), 20)
    with pytest.raises(CalendarMissing, match="2028"):
        loaded.is_working_day(date(2028, 1, 3))


def test_a_gap_between_loaded_years_is_not_jumped() -> None:
    calendar = WorkingCalendar.of(year for year in CALENDAR.years if year.year != 2026)
    with pytest.raises(CalendarMissing, match="2026"):
        calendar.add_working_days(day("2025-12-30"), 10)
    with pytest.raises(CalendarMissing, match="2026"):
        calendar.working_days_between(day("2025-12-30"), day("2027-01-10"))


def test_working_days_between_are_negative_backwards() -> None:
    assert CALENDAR.working_days_between(day("2026-09-30"), day("2026-10-10")) == 3
    assert CALENDAR.working_days_between(day("2026-10-10"), day("2026-09-30")) == -3


def test_a_negative_period_is_refused() -> None:
    with pytest.raises(ValueError, match="counts forward"):
        CALENDAR.add_working_days(day("2026-10-10"), -1)


@pytest.mark.parametrize(
    ("off", "made_up"),
    [("2025-01-01", None), (None, "2026-01-05"), ("2026-01-04", "2026-01-04")],
)
def test_a_years_contradictions_are_refused(off: str | None, made_up: str | None) -> None:
    def some(text: str | None) -> frozenset[date]:
        return frozenset([day(text)] if text else [])

    with pytest.raises(ValueError, match=r"stands in|no Saturday|both"):
        CalendarYear(2026, "official", some(off), some(made_up), "test")


@pytest.mark.parametrize(
    ("unix_ms", "expected"),
    [
        (0, "1970-01-01"),
        (-28_800_000, "1970-01-01"),
        (-28_800_001, "1969-12-31"),
        (1_795_449_599_999, "2026-11-23"),  # 2026-11-23T23:59:59.999+08:00
        (1_795_449_600_000, "2026-11-24"),
    ],
)
def test_the_legal_day_is_that_of_china(unix_ms: int, expected: str) -> None:
    assert legal_date(unix_ms) == day(expected)


def test_a_deadline_has_passed_at_24_hours_china_time() -> None:
    assert due_unix_ms(day("2026-11-23")) == 1_795_449_600_000


NOON_2026_11_23 = 1_795_406_400_000


def test_both_deadlines_count_from_the_legal_day() -> None:
    found = deadlines(NOON_2026_11_23, 20, 5, CALENDAR, "working")
    assert found.legal == Deadline(day("2026-12-21"), provisional=False)
    assert found.promised == Deadline(day("2026-11-30"), provisional=False)


@pytest.mark.parametrize("unknown", [None, 0])
def test_an_unknown_legal_time_is_20_working_days(unknown: int | None) -> None:
    assert deadlines(NOON_2026_11_23, unknown, 5, CALENDAR, "working").legal.date == day("2026-12-21")
    assert deadlines(NOON_2026_11_23, unknown, 5, CALENDAR, "calendar").legal.date == day("2026-12-21")


def test_no_promise_means_the_legal_deadline_and_no_promise_is_later_than_the_law() -> None:
    assert deadlines(NOON_2026_11_23, 7, None, CALENDAR, "working").promised.date == day("2026-12-02")
    assert deadlines(NOON_2026_11_23, 7, 9, CALENDAR, "working").promised.date == day("2026-12-02")


def test_calendar_days_end_on_a_working_day() -> None:
    # 2026-11-23 plus 5 is Saturday 28th; plus 4 is Friday 27th.
    assert deadlines(NOON_2026_11_23, 5, 4, CALENDAR, "calendar") == (
        Deadline(day("2026-11-30"), provisional=False),
        Deadline(day("2026-11-27"), provisional=False),
    )


def test_an_item_due_on_the_spot_on_a_day_off_is_due_the_next_working_day() -> None:
    saturday_noon = NOON_2026_11_23 + 5 * 86_400_000
    assert deadlines(saturday_noon, 20, 0, CALENDAR, "working").promised.date == day("2026-11-30")
    assert deadlines(NOON_2026_11_23, 20, 0, CALENDAR, "working").promised.date == day("2026-11-23")


def test_an_unknown_clock_or_negative_period_is_refused() -> None:
    with pytest.raises(ValueError, match="clock kind"):
        deadlines(NOON_2026_11_23, 5, 5, CALENDAR, "lunar")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="give 0 or more"):
        deadlines(NOON_2026_11_23, 5, -5, CALENDAR, "working")


def test_another_calendar_gives_its_own_deadlines() -> None:
    official = CalendarYear(2027, "official", frozenset([day("2027-01-01"), day("2027-01-04")]), frozenset(), "t")
    recomputed = WorkingCalendar.of([*(one for one in CALENDAR.years if one.year != 2027), official])
    assert deadlines(NOON_2026_11_23, 29, None, CALENDAR, "working").legal == Deadline(day("2027-01-04"), True)
    assert deadlines(NOON_2026_11_23, 29, None, recomputed, "working").legal == Deadline(day("2027-01-05"), False)


def test_a_period_through_a_provisional_year_into_an_official_one_stays_provisional() -> None:
    official = CalendarYear(2028, "official", frozenset(), frozenset(), "test")
    calendar = WorkingCalendar.of([*CALENDAR.years, official])
    assert calendar.add_working_days(day("2027-12-31"), 1) == Deadline(day("2028-01-03"), provisional=True)
    assert calendar.add_working_days(day("2026-12-31"), 260).provisional
    assert not calendar.add_working_days(day("2028-01-03"), 1).provisional
