"""Check digits of 身份证, 统一社会信用代码 and the matter's printed number."""

from __future__ import annotations

from datetime import date

import pytest

from onematter.law.identifiers import check_id_card, check_matter_number, check_uscc, matter_number


@pytest.mark.parametrize("text", ["330106199003071236", "330782198801011232", "33011320210315001X"])
def test_a_right_id_card_passes_even_in_a_young_division(text: str) -> None:
    assert check_id_card(text) is None


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("", "length"),
        ("330106900307123", "length"),
        ("3301061990030712360", "length"),
        ("33010619900307123x", "characters"),
        ("33010619900307X236", "characters"),
        ("３30106199003071236", "characters"),
        ("330106199002301236", "birth_date"),
        ("330106199013071236", "birth_date"),
        ("330106000003071236", "birth_date"),
        ("330106199003071237", "check_digit"),
        ("33011320210315001X"[:-1] + "0", "check_digit"),
    ],
)
def test_a_wrong_id_card_names_the_broken_rule(text: str, broken: str) -> None:
    assert check_id_card(text) == broken


@pytest.mark.parametrize("text", ["91330106MA2B0XYQ1K", "11330000002482011K"])
def test_a_right_uscc_passes(text: str) -> None:
    assert check_uscc(text) is None


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("91330106MA2B0XYQ1", "length"),
        ("91330106MA2B0XYQ1KK", "length"),
        ("91330106MA2B0XYQ1O", "characters"),
        ("91330106ma2b0xyq1k", "characters"),
        ("9133O106MA2B0XYQ1K", "characters"),
        ("91330A06MA2B0XYQ1K", "characters"),
        ("91330106MA2B0XYQ1L", "check_digit"),
        ("91330106MA2B0YXQ1K", "check_digit"),
    ],
)
def test_a_wrong_uscc_names_the_broken_rule(text: str, broken: str) -> None:
    assert check_uscc(text) == broken


def test_a_matter_number_is_date_division_channel_serial_and_check_digit() -> None:
    # The check digit 3 was computed with python-stdnum's iso7064.mod_11_10.
    assert matter_number(date(2026, 11, 23), "330106", 2, 42) == "202611233301062000000423"


def test_the_standards_own_example_of_mod_11_10_holds() -> None:
    from onematter.law import identifiers

    assert identifiers._mod_11_10("0794") == "5"  # pyright: ignore[reportPrivateUsage]


def test_a_towns_matter_carries_its_countys_code() -> None:
    assert matter_number(date(2026, 1, 2), "330106001", 9, 99_999_999)[:23] == "20260102330106999999999"


@pytest.mark.parametrize(("channel", "serial"), [(10, 1), (-1, 1), (1, -1), (1, 100_000_000)])
def test_a_part_that_does_not_fit_is_refused(channel: int, serial: int) -> None:
    with pytest.raises(ValueError, match=r"channel_digit|serial"):
        matter_number(date(2026, 1, 2), "330106", channel, serial)


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("2026112333010620000004", "length"),
        ("20261123330106200000042X", "characters"),
        ("202613233301062000000423", "date"),
        ("202611233300062000000423", "division"),
        ("202611233301062000000428", "check_digit"),
        ("202611233301062000000243", "check_digit"),
    ],
)
def test_a_wrong_matter_number_names_the_broken_rule(text: str, broken: str) -> None:
    assert check_matter_number(text) == broken
