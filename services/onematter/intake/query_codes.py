"""Query codes (查询密码): who has a matter's printed number and its code follows it; a number alone can be guessed.

A code is 40 bits: the beginning of the matter's id, hidden by the beginning of HMAC-SHA-256 over its number with the
deployment's secret. So number, code and secret together give where in the table of matters to look, and neither a
table from numbers to ids nor an index is kept for it: what nobody asks for costs a hand-in nothing.

Rule 1: who lacks the secret learns nothing from a code but that matter's own place, and of a number nothing at all.
Rule 2: a code opens what has both its place and its number. Whatever is wrong (no such number, a wrong check digit,
another matter's code, no code at all), the same is computed and looked up, and the answer is the same.
Rule 3: 40 bits are enough only where tries are bounded (see `tries`).
Rule 4: a code is as lasting as the secret: another secret makes every printed code worthless.
"""

# pyright: strict

from __future__ import annotations

import hashlib
import hmac

# Crockford's base 32: no I, L, O and U. When read, o is 0, i and l are 1, and case, spaces and hyphens do not matter.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", " ": None, "-": None})
_LENGTH = 8
_BYTES = 5
_MAX_TYPED = 32
_PURPOSE = b"onematter.query-code.v1"


def query_code(key: bytes, matter_number: str, matter_id: str) -> str:
    """Return the code of a matter: 8 characters without I, L, O and U. `key` is secret, at least 32 bytes."""
    hidden = _xor(bytes.fromhex(matter_id)[:_BYTES], _mask(key, matter_number))
    number = int.from_bytes(hidden)
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_LENGTH)))


def place_of(key: bytes, matter_number: str, code: str) -> str:
    """Return the first 10 hexadecimal digits of the matter's id, if number and code are a matter's; else of nobody's.

    Whatever was typed, there is a place to look up.
    """
    mask = _mask(key, matter_number)
    typed = code[:_MAX_TYPED].upper().translate(_READ_AS)
    number = 0
    for letter in typed[:_LENGTH]:
        number = number << 5 | _VALUES.get(letter, 0)
    return _xor(number.to_bytes(_BYTES), mask).hex()


def opens(key: bytes, matter_number: str, code: str, *, kept_number: str, matter_id: str) -> bool:
    """Whether number and code, as typed, are those of the matter that was found at their place; in constant time."""
    typed = code[:_MAX_TYPED].upper().translate(_READ_AS)
    is_number = hmac.compare_digest(matter_number.encode(), kept_number.encode())
    is_code = hmac.compare_digest(typed.encode(), query_code(key, kept_number, matter_id).encode())
    return is_number and is_code


def _mask(key: bytes, matter_number: str) -> bytes:
    return hmac.digest(key, _PURPOSE + matter_number[:_MAX_TYPED].encode(), hashlib.sha256)[:_BYTES]


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
