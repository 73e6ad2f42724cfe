"""Item codes (事项编码), GB/T 39554.1-2020 and its local variants.

Rule 1: a code is opaque text; what is checked is its form in the scheme that the catalogue names.
Rule 2: a check answers with the first broken rule as a short code, or None; it never raises.

| scheme | length | made of |
|---|---|---|
| basic (基本编码) | 12 | division 2 (00 for national), type 2, main item 5, sub-item 3 |
| implementation (实施编码) | 31 | unified social credit code 18, level 1 (行使层级), basic code 12 |
| business (业务办理项编码) | 33 | implementation code 31, serial 2 |
| opaque | 1 to 64 | printable characters without white space: provinces and cities have forms of their own |

The parts of the first three are general knowledge; that 33 characters are in use is sourced.
"""

from __future__ import annotations

import re

from onematter.law.divisions import Level
from onematter.law.identifiers import check_uscc
from onematter.law.matters import CodeScheme, ItemCode

# 事项类型: permit, penalty, coercion, levy, payment, inspection, confirmation, reward, adjudication, other, service.
_TYPES = frozenset({"01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "20"})
_LENGTHS = {"basic": 12, "implementation": 31, "business": 33}
_DIGITS = re.compile(r"[0-9]+")
_OPAQUE = re.compile(r"[!-~]{1,64}")
_USCC = 18


def check_item_code(code: ItemCode) -> str | None:
    """Check a code's form.

    Returns None when it is right, else the broken rule: "length", "characters", "type", "main_item", "level" or
    "owner" (the credit code in it).
    """
    if code.scheme == "opaque":
        return None if _OPAQUE.fullmatch(code.text) else "characters"
    if len(code.text) != _LENGTHS[code.scheme]:
        return "length"
    if code.scheme == "basic":
        return _check_basic(code.text)
    if check_uscc(code.text[:_USCC]) is not None:
        return "owner"
    rest = code.text[_USCC:]
    if not _DIGITS.fullmatch(rest):
        return "characters"
    if not "1" <= rest[0] <= "6":
        return "level"
    return _check_basic(rest[1:13])


def level_of_code(code: ItemCode) -> Level | None:
    """Return the level that a well-formed code says exercises the power; None when its scheme says none."""
    if code.scheme not in ("implementation", "business"):
        return None
    return Level(int(code.text[_USCC]))


def basic_code(code: ItemCode) -> str | None:
    """Return the basic code (基本编码) in a well-formed code; None when its scheme has none."""
    if code.scheme == "opaque":
        return None
    return code.text if code.scheme == "basic" else code.text[_USCC + 1 : _USCC + 13]


def form_of(scheme: CodeScheme) -> str:
    """Say in words what a code of `scheme` looks like, as a way out."""
    return {
        "basic": "12 digits: division 2, type 2 (01 to 10 or 20), main item 5, sub-item 3",
        "implementation": "31 characters: unified social credit code 18, level 1, basic code 12",
        "business": "33 characters: the implementation code 31, serial 2",
        "opaque": "1 to 64 printable characters without white space",
    }[scheme]


def _check_basic(text: str) -> str | None:
    if not _DIGITS.fullmatch(text):
        return "characters"
    if text[2:4] not in _TYPES:
        return "type"
    return "main_item" if text[4:9] == "00000" else None
