"""Item codes are checked by the scheme that they claim, and by nothing else."""

from __future__ import annotations

import pytest

from onematter.law.divisions import Level
from onematter.law.item_codes import check_item_code, form_of, level_of_code
from onematter.law.matters import CodeScheme, ItemCode

USCC = "11330000002482011K"
BASIC = "000168008000"


@pytest.mark.parametrize(
    ("scheme", "text", "expected"),
    [
        ("basic", BASIC, None),
        ("basic", "332001234567", None),
        ("basic", "00016800800", "length"),
        ("basic", "0001680080000", "length"),
        ("basic", "0001680080O0", "characters"),
        ("basic", "001168008000", "type"),
        ("basic", "000100000001", "main_item"),
        ("implementation", f"{USCC}2{BASIC}", None),
        ("implementation", f"{USCC}6{BASIC}", None),
        ("implementation", f"{USCC}7{BASIC}", "level"),
        ("implementation", f"{USCC}0{BASIC}", "level"),
        ("implementation", f"{USCC[:-1]}L2{BASIC}", "owner"),
        ("implementation", f"{USCC}2{BASIC[:-1]}X", "characters"),
        ("implementation", f"{USCC}2001168008000", "type"),
        ("implementation", f"{USCC}2{BASIC}01", "length"),
        ("business", f"{USCC}2{BASIC}01", None),
        ("business", f"{USCC}2{BASIC}00", None),
        ("business", f"{USCC}2{BASIC}0A", "characters"),
        ("business", f"{USCC}2{BASIC}", "length"),
        # A form of Sichuan's, as it stands in an address of a public service.
        ("opaque", "511A0138000000-511602000000-000-115113010833722043-1-00", None),
        ("opaque", "", "characters"),
        ("opaque", "a b", "characters"),
        ("opaque", "事项", "characters"),
        ("opaque", "x" * 65, "characters"),
    ],
)
def test_a_code_has_the_form_of_its_scheme(scheme: CodeScheme, text: str, expected: str | None) -> None:
    assert check_item_code(ItemCode(scheme, text)) == expected


def test_a_code_tells_the_level_that_exercises_the_power() -> None:
    assert level_of_code(ItemCode("implementation", f"{USCC}4{BASIC}")) == Level.COUNTY
    assert level_of_code(ItemCode("business", f"{USCC}2{BASIC}01")) == Level.PROVINCE
    assert level_of_code(ItemCode("basic", BASIC)) is None
    assert level_of_code(ItemCode("opaque", "x")) is None


@pytest.mark.parametrize("scheme", ["basic", "implementation", "business", "opaque"])
def test_every_scheme_says_its_form(scheme: CodeScheme) -> None:
    assert form_of(scheme)
