"""Whose time a matter's was."""

from __future__ import annotations

from datetime import datetime

import pytest

from onematter.backbone.catalogue_files import load_calendar
from onematter.law.accounting import (
    APPLICANT,
    OFFICE_HOURS,
    Account,
    Entry,
    Handover,
    Office,
    OfficeHours,
    SpecialProcedure,
    account,
    working_ms,
)
from onematter.law.calendar import CalendarMissing
from onematter.law.divisions import Level

CALENDAR = load_calendar()
WINDOW = Office(Level.COUNTY, "330106", "window")
COUNTY = Office(Level.COUNTY, "330106", "planning")
CITY = Office(Level.CITY, "330100", "ecology")
PROVINCE = Office(Level.PROVINCE, "330000", "forestry")
TESTING = SpecialProcedure("testing")


def at(text: str) -> int:
    """A time of November 2026, China: "23 09:00" is Monday the 23rd."""
    day, _, time = text.partition(" ")
    return int(datetime.fromisoformat(f"2026-11-{day}T{time}+08:00").timestamp() * 1000)


RECEIVED = Handover(at("23 09:00"), "", WINDOW)


def booked(*facts: Handover, until: str) -> Account:
    return account([RECEIVED, *facts], at(until), CALENDAR)


def test_a_matter_from_receipt_to_result() -> None:
    early, late = at("27 17:00"), at("30 17:00")
    found = booked(
        Handover(at("23 10:00"), "01", COUNTY, late),
        Handover(at("23 10:00"), "02", CITY, early),
        Handover(at("23 15:00"), "02", APPLICANT),  # a correction: the county still has work
        Handover(at("24 09:30"), "01", None),  # decided: now all waits for the applicant
        Handover(at("24 11:00"), "02", CITY, late),
        Handover(at("24 14:00"), "02", TESTING),
        Handover(at("25 09:10"), "02", CITY, late),
        Handover(at("25 10:00"), "02", None),
        until="25 10:05",
    )
    assert dict(found.by_owner()) == {
        WINDOW: 60 + 5,
        CITY: (120 + 120) + (60 + 60) + 50,
        COUNTY: 120 + 30,
        APPLICANT: 90,
        TESTING: 180 + 10,
    }
    assert found.minutes == 7 * 60 * 2 + 65
    assert found.entries[1] == Entry(CITY, "02", at("23 10:00"), at("23 15:00"), 240)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((COUNTY, "25 17:00"), (CITY, "26 17:00"), COUNTY),
        ((COUNTY, "27 17:00"), (CITY, "26 17:00"), CITY),
        ((COUNTY, "26 17:00"), (CITY, "26 17:00"), COUNTY),  # of two the same the catalogue's first
        ((COUNTY, None), (CITY, "26 17:00"), CITY),
        ((APPLICANT, "25 17:00"), (CITY, "26 17:00"), CITY),  # an office can work
        ((TESTING, "25 17:00"), (CITY, "26 17:00"), CITY),
        ((APPLICANT, "25 17:00"), (TESTING, "26 17:00"), APPLICANT),
        ((APPLICANT, "27 17:00"), (TESTING, "26 17:00"), TESTING),
    ],
)
def test_of_items_side_by_side_one_has_the_time(first: tuple, second: tuple, expected: object) -> None:
    facts = [
        Handover(at("23 09:00"), item_id, owner, until and at(until))
        for item_id, (owner, until) in (("02", second), ("01", first))
    ]
    assert dict(booked(*facts, until="23 11:00").by_owner()) == {expected: 120}


def test_an_extension_makes_another_item_the_pressing_one() -> None:
    found = booked(
        Handover(at("23 09:00"), "01", COUNTY, at("25 17:00")),
        Handover(at("23 09:00"), "02", CITY, at("26 17:00")),
        Handover(at("23 10:00"), "01", COUNTY, at("30 17:00")),
        until="23 12:00",
    )
    assert dict(found.by_owner()) == {COUNTY: 60, CITY: 120}


def test_the_window_asks_before_anything_is_open() -> None:
    found = booked(
        Handover(at("23 09:30"), "", APPLICANT),
        Handover(at("24 10:00"), "", WINDOW),
        Handover(at("24 10:01"), "01", PROVINCE, at("27 17:00")),
        until="24 11:00",
    )
    assert dict(found.by_owner()) == {WINDOW: 30 + 1, APPLICANT: 150 + 240 + 60, PROVINCE: 59}


def test_nights_noons_and_days_off_are_nobodys() -> None:
    found = booked(
        Handover(at("23 17:00"), "01", COUNTY, at("27 17:00")),
        Handover(at("24 08:59"), "01", CITY),
        Handover(at("24 12:00"), "01", PROVINCE),
        Handover(at("24 12:30"), "01", COUNTY),
        until="30 09:00",
    )
    assert dict(found.by_owner()) == {WINDOW: 420, COUNTY: 240 + 3 * 420, CITY: 180, PROVINCE: 0}


def test_parts_of_minutes_are_not_lost() -> None:
    start = at("23 09:00")
    steps = [Handover(start + index * 50_000, "", APPLICANT if index % 2 else WINDOW) for index in range(1, 7)]
    found = account([RECEIVED, *steps], start + 350_000, CALENDAR)
    assert [entry.minutes for entry in found.entries] == [0, 1, 1, 1, 1, 1, 0]
    assert found.minutes == 5


def test_what_an_owner_keeps_is_one_entry() -> None:
    found = booked(
        Handover(at("23 10:00"), "01", COUNTY, at("27 17:00")),
        Handover(at("23 11:00"), "02", CITY, at("30 17:00")),
        Handover(at("23 11:30"), "02", None),
        until="23 12:00",
    )
    assert [entry.minutes for entry in found.entries] == [60, 120]


def test_a_matter_decided_at_once_takes_nobodys_time() -> None:
    assert booked(until="23 09:00") == Account((), 0)


@pytest.mark.parametrize(
    "facts",
    [
        [],
        [Handover(1, "01", COUNTY)],
        [Handover(1, "", None)],
        [RECEIVED, Handover(at("23 10:00"), "", None)],
        [RECEIVED, Handover(at("23 08:00"), "01", COUNTY)],
        [RECEIVED, Handover(at("23 13:00"), "01", COUNTY)],
    ],
)
def test_facts_out_of_order_are_refused(facts: list[Handover]) -> None:
    with pytest.raises(ValueError, match="facts:"):
        account(facts, at("23 12:00"), CALENDAR)


@pytest.mark.parametrize(
    "spans", [(), ((60, 60),), ((120, 60),), ((0, 60), (60, 120)), ((-1, 60),), ((60, 1441),), ((60, 120), (90, 180))]
)
def test_hours_that_are_none_are_refused(spans: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ValueError, match="office hours"):
        OfficeHours(spans, "illustrative")


def test_a_place_has_its_own_hours() -> None:
    hours = OfficeHours(((8 * 60 + 30, 12 * 60), (14 * 60, 17 * 60 + 30)), "illustrative")
    found = account([RECEIVED], at("24 09:00"), CALENDAR, hours)
    assert found.minutes == 180 + 210 + 30
    assert OFFICE_HOURS.day_ms == 7 * 3_600_000


def test_a_year_that_is_not_loaded_is_named() -> None:
    with pytest.raises(CalendarMissing, match="2028"):
        working_ms(at("23 09:00"), at("23 09:00") + 500 * 86_400_000, CALENDAR, OFFICE_HOURS)
