"""Levels and ancestors follow from the shape of a division code."""

from __future__ import annotations

import pytest

from onematter.law.divisions import Level, ancestor, approval_level, level_of


@pytest.mark.parametrize(
    ("division", "level"),
    [
        ("000000", Level.NATIONAL),
        ("330000", Level.PROVINCE),
        ("330100", Level.CITY),
        ("330106", Level.COUNTY),
        ("330106001", Level.TOWN),
        ("330106001001", Level.VILLAGE),
        ("442000001", Level.TOWN),
    ],
)
def test_the_shape_of_a_code_tells_its_level(division: str, level: Level) -> None:
    assert level_of(division) is level


@pytest.mark.parametrize(
    "division",
    [
        "",
        "33",
        "33010",
        "3301066",
        "33010A",
        "３３０１０６",
        "330106\n",
        "330006",
        "000106",
        "330100001",
        "330106000",
        "330106001000",
    ],
)
def test_a_malformed_code_is_refused_with_a_way_out(division: str) -> None:
    with pytest.raises(ValueError, match="division code"):
        level_of(division)


@pytest.mark.parametrize(
    ("division", "level", "expected"),
    [
        ("330106", Level.CITY, "330100"),
        ("330106", Level.PROVINCE, "330000"),
        ("330106", Level.COUNTY, "330106"),
        ("330106", Level.NATIONAL, "000000"),
        ("330106001001", Level.TOWN, "330106001"),
        ("330106001", Level.COUNTY, "330106"),
        ("442000", Level.COUNTY, "442000"),
        ("442000001", Level.COUNTY, "442000"),
        ("442000001", Level.CITY, "442000"),
    ],
)
def test_an_ancestor_keeps_the_parts_above(division: str, level: Level, expected: str) -> None:
    assert ancestor(division, level) == expected


def test_a_city_does_not_lie_in_one_county() -> None:
    with pytest.raises(ValueError, match=r"330100.*does not lie in one county.*give the code of a county"):
        ancestor("330100", Level.COUNTY)


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (Level.PROVINCE, Level.PROVINCE),
        (Level.CITY, Level.CITY),
        (Level.COUNTY, Level.COUNTY),
        (Level.TOWN, Level.COUNTY),
        (Level.VILLAGE, Level.COUNTY),
    ],
)
def test_towns_and_villages_are_decided_in_their_county(level: Level, expected: Level) -> None:
    assert approval_level(level) is expected


def test_national_items_have_no_department_here() -> None:
    with pytest.raises(ValueError, match="NATIONAL"):
        approval_level(Level.NATIONAL)


@pytest.mark.parametrize("division", ["990000", "999999", "160100"])
def test_a_code_of_no_province_is_refused(division: str) -> None:
    with pytest.raises(ValueError, match="no province has a code that begins so"):
        level_of(division)
