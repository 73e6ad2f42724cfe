"""Which version of a matter a hand-in takes: the one in force on its legal date."""

from __future__ import annotations

from datetime import date

import pytest
from tests.unit.law.documents import catalogue, item, matter

from onematter.law.catalogue import MatterNotInForce, MatterType, UnknownMatter


def version(number: int, valid_from: str, valid_until: str | None = None) -> MatterType:
    ends = {} if valid_until is None else {"valid_until": valid_until}
    return matter(item("01"), version=number, valid_from=valid_from, **ends)


FIRST = version(1, "2026-01-01")
SECOND = version(2, "2026-07-01", "2026-12-31")
THIRD = version(3, "2027-03-01", "2027-03-31")
ALL = catalogue(THIRD, FIRST, SECOND)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 1, 1), FIRST),
        (date(2026, 6, 30), FIRST),
        (date(2026, 7, 1), SECOND),
        (date(2026, 12, 31), SECOND),
        (date(2027, 3, 1), THIRD),
        (date(2027, 3, 31), THIRD),
    ],
)
def test_the_version_that_began_last_is_in_force(day: date, expected: MatterType) -> None:
    assert ALL.in_force("OM-50", day) is expected


@pytest.mark.parametrize(
    ("day", "begins"),
    [
        (date(2025, 12, 31), date(2026, 1, 1)),
        # The first version has no end of its own, and does not come back all the same.
        (date(2027, 1, 1), date(2027, 3, 1)),
        (date(2027, 4, 1), None),
    ],
)
def test_between_and_behind_the_versions_none_is_in_force(day: date, begins: date | None) -> None:
    with pytest.raises(MatterNotInForce) as error:
        ALL.in_force("OM-50", day)
    assert error.value.begins == begins
    assert str(day) in str(error.value)
    assert ("retired" if begins is None else str(begins)) in str(error.value)


def test_a_matter_that_is_not_in_force_is_unknown_to_who_asks_for_today() -> None:
    with pytest.raises(UnknownMatter):
        ALL.in_force("OM-50", date(2025, 1, 1))
    with pytest.raises(UnknownMatter, match="onematter catalogue"):
        ALL.in_force("OM-51", date(2026, 1, 1))
    with pytest.raises(UnknownMatter):
        ALL.versions("OM-51")


def test_a_running_matter_keeps_its_version_whatever_is_in_force() -> None:
    assert ALL.get("OM-50", 1) is FIRST
    assert ALL.versions("OM-50") == (FIRST, SECOND, THIRD)
    assert ALL.get("OM-50") is THIRD


def test_what_can_be_handed_in_on_a_day_is_listed() -> None:
    assert ALL.all_in_force(date(2026, 8, 1)) == (SECOND,)
    assert ALL.all_in_force(date(2027, 1, 1)) == ()
