"""A check digit finds every single wrong character; a number made passes its own check."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from onematter.law.identifiers import check_id_card, check_matter_number, check_uscc, matter_number

USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


@given(
    st.sampled_from(["330106199003071236", "330782198801011232", "33011320210315001X"]),
    st.integers(0, 17),
    st.sampled_from("0123456789X"),
)
def test_one_wrong_character_of_an_id_card_is_found(text: str, position: int, character: str) -> None:
    changed = text[:position] + character + text[position + 1 :]
    assert (check_id_card(changed) is None) == (changed == text)


@given(
    st.sampled_from(["91330106MA2B0XYQ1K", "11330000002482011K"]),
    st.integers(0, 17),
    st.sampled_from(USCC_ALPHABET),
)
def test_one_wrong_character_of_a_uscc_is_found(text: str, position: int, character: str) -> None:
    changed = text[:position] + character + text[position + 1 :]
    assert (check_uscc(changed) is None) == (changed == text)


NUMBERS = st.builds(
    matter_number,
    st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    st.sampled_from(["330106", "330100", "330000", "110101", "330106001"]),
    st.integers(0, 9),
    st.integers(0, 99_999_999),
)


@given(NUMBERS, st.integers(0, 23), st.sampled_from("0123456789"))
def test_one_wrong_digit_of_a_matter_number_is_found(number: str, position: int, digit: str) -> None:
    changed = number[:position] + digit + number[position + 1 :]
    assert (check_matter_number(changed) is None) == (changed == number)


@given(st.text(max_size=30))
def test_no_text_makes_a_check_raise(text: str) -> None:
    assert check_id_card(text) in (None, "length", "characters", "birth_date", "check_digit")
    assert check_uscc(text) in (None, "length", "characters", "check_digit")
    assert check_matter_number(text) in (None, "length", "characters", "date", "division", "check_digit")
