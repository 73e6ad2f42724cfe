"""Identifiers and their check digits.

Rule 1: a check answers with the first broken rule as a short code, or None; it never raises and never repeats
the text.
Rule 2: only form and check digit are judged. Whether a number was ever issued, or its division still exists,
is for the authority that issues it to say: tables of divisions go stale, and a stale table refuses living
people.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from operator import mul

from onematter.law.divisions import level_of

_ID_CARD = re.compile(r"[0-9]{17}[0-9X]")
# The check digit counts once, and the whole makes 1 modulo 11 (X is 10).
_ID_CARD_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2, 1)
_ID_CARD_VALUES = bytes.maketrans(b"0123456789X", bytes(range(11)))

_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC = re.compile(rf"[{_USCC_ALPHABET}]{{2}}[0-9]{{6}}[{_USCC_ALPHABET}]{{10}}")
_USCC_VALUES = bytes.maketrans(_USCC_ALPHABET.encode(), bytes(range(len(_USCC_ALPHABET))))
# The check digit counts once, and the whole makes 0 modulo 31.
_USCC_WEIGHTS = (*(pow(3, position, 31) for position in range(17)), 1)

_DIGITS = re.compile(r"[0-9]*")
_MATTER_NUMBER_LENGTH = 24
_MAX_SERIAL = 99_999_999
# ISO/IEC 7064 MOD 11,10: the product after a digit, by ten times the product before it and the digit.
_MOD_11_10_START = 10
_ZERO = ord("0")
_MOD_11_10_AFTER = tuple(((product + digit) % 10 or 10) * 2 % 11 for product in range(11) for digit in range(10))


def check_id_card(text: str) -> str | None:
    """Check a citizen identity number (公民身份号码), GB 11643-1999, 18 characters with an upper-case X.

    Returns None when it is right, else the broken rule: "length", "characters", "birth_date" or
    "check_digit".
    """
    if len(text) != 18:
        return "length"
    if not _ID_CARD.fullmatch(text):
        return "characters"
    if _date_of(text[6:14]) is None:
        return "birth_date"
    total = sum(map(mul, text.encode().translate(_ID_CARD_VALUES), _ID_CARD_WEIGHTS))
    return None if total % 11 == 1 else "check_digit"


def check_uscc(text: str) -> str | None:
    """Check a unified social credit code (统一社会信用代码), GB 32100-2015, 18 characters, upper case,
    without I O S V Z.

    Returns None when it is right, else the broken rule: "length", "characters" or "check_digit".
    """
    if len(text) != 18:
        return "length"
    if not _USCC.fullmatch(text):
        return "characters"
    total = sum(map(mul, text.encode().translate(_USCC_VALUES), _USCC_WEIGHTS))
    return None if total % 31 == 0 else "check_digit"


def matter_number(day: date, division: str, channel_digit: int, serial: int) -> str:
    """Return the printed number of a matter (办件编号): 24 digits.

    `YYYYMMDD`, six digits of division, one of channel (0–9), eight of serial (0–99,999,999) and a check digit
    by ISO/IEC 7064 MOD 11,10. Of a town's or village's code the county's six digits are printed. The number
    can be guessed: a public query must ask for more than it. Raises ValueError when a part does not fit.
    """
    front, product = _front_of_matter_number(day, division, channel_digit)
    if not 0 <= serial <= _MAX_SERIAL:
        raise ValueError(f"serial {serial}: give 0 to {_MAX_SERIAL}, eight digits")
    printed_serial = f"{serial:08d}"
    return f"{front}{printed_serial}{_check_digit(_product_of(printed_serial, product))}"


def check_matter_number(text: str) -> str | None:
    """Check a matter's printed number.

    Returns None when it is right, else the broken rule: "length", "characters", "date", "division" or
    "check_digit".
    """
    if len(text) != _MATTER_NUMBER_LENGTH:
        return "length"
    if not _DIGITS.fullmatch(text):
        return "characters"
    if _date_of(text[:8]) is None:
        return "date"
    try:
        level_of(text[8:14])
    except ValueError:
        return "division"
    return None if _mod_11_10(text[:-1]) == text[-1] else "check_digit"


@lru_cache(maxsize=4_096)
def _front_of_matter_number(day: date, division: str, channel_digit: int) -> tuple[str, int]:
    """Return the 15 digits that the matters of one day, division and channel share, and their product."""
    level_of(division)
    if not 0 <= channel_digit <= 9:
        raise ValueError(f"channel_digit {channel_digit}: give one digit, 0 to 9")
    front = f"{day.year:04d}{day.month:02d}{day.day:02d}{division[:6]}{channel_digit}"
    return front, _product_of(front)


def _product_of(digits: str, product: int = _MOD_11_10_START) -> int:
    """Return the running product of ISO/IEC 7064's MOD 11,10 after more digits."""
    for digit in digits.encode():
        product = _MOD_11_10_AFTER[product * 10 + digit - _ZERO]
    return product


def _check_digit(product: int) -> int:
    return (11 - product) % 10


def _mod_11_10(digits: str) -> str:
    """Return the check digit of ISO/IEC 7064's MOD 11,10, which finds every single wrong digit."""
    return str(_check_digit(_product_of(digits)))


def _date_of(digits: str) -> date | None:
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None
