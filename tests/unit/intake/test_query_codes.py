"""Query codes: what opens a matter's progress, and how often it may be tried."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from onematter.intake.query_codes import opens, place_of, query_code
from onematter.intake.tries import MAX_KEPT, Tries

KEY = b"0123456789abcdef0123456789abcdef"
NUMBER = "202611233301062000000423"
OTHER_NUMBER = "202611233301062000000431"
MATTER_ID = "8f14e45fceea167a5a36dedd4bea2543"


def test_a_code_is_the_beginning_of_the_id_hidden_by_a_keyed_hash_of_the_number() -> None:
    mask = hmac.new(KEY, b"onematter.query-code.v1" + NUMBER.encode(), hashlib.sha256).digest()[:5]
    bits = int(MATTER_ID[:10], 16) ^ int.from_bytes(mask, "big")
    expected = "".join(
        "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[int(f"{bits:040b}"[at : at + 5], 2)] for at in range(0, 40, 5)
    )
    assert query_code(KEY, NUMBER, MATTER_ID) == expected
    assert len(expected) == 8


def test_number_and_code_lead_to_the_place_of_the_matter_and_open_it() -> None:
    code = query_code(KEY, NUMBER, MATTER_ID)
    assert place_of(KEY, NUMBER, code) == MATTER_ID[:10]
    assert opens(KEY, NUMBER, code, kept_number=NUMBER, matter_id=MATTER_ID)


def test_a_code_is_read_as_people_write_it() -> None:
    key = next(bytes([i]) * 32 for i in range(256) if {"0", "1"} <= set(query_code(bytes([i]) * 32, NUMBER, MATTER_ID)))
    code = query_code(key, NUMBER, MATTER_ID)
    typed = f" {code[:4]}-{code[4:]} ".lower().replace("0", "o").replace("1", "l")
    assert place_of(key, NUMBER, typed) == MATTER_ID[:10]
    assert opens(key, NUMBER, typed, kept_number=NUMBER, matter_id=MATTER_ID)


@pytest.mark.parametrize("code", ["", "short", "ABCDEFGHJ", "????????", "００００００００", "0" * 10_000])
def test_whatever_is_typed_has_a_place_and_opens_nothing(code: str) -> None:
    assert len(place_of(KEY, NUMBER, code)) == 10
    assert not opens(KEY, NUMBER, code, kept_number=NUMBER, matter_id=MATTER_ID)


def test_another_number_another_secret_or_one_more_character_opens_nothing() -> None:
    code = query_code(KEY, NUMBER, MATTER_ID)
    assert place_of(KEY, OTHER_NUMBER, code) != MATTER_ID[:10]
    assert not opens(KEY, OTHER_NUMBER, code, kept_number=NUMBER, matter_id=MATTER_ID)
    assert not opens(KEY, OTHER_NUMBER, code, kept_number=OTHER_NUMBER, matter_id=MATTER_ID)
    assert not opens(b"x" * 32, NUMBER, code, kept_number=NUMBER, matter_id=MATTER_ID)
    assert not opens(KEY, NUMBER, code + "0", kept_number=NUMBER, matter_id=MATTER_ID)
    assert not opens(KEY, NUMBER, code, kept_number=NUMBER, matter_id="9" + MATTER_ID[1:])


class Time:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_caller_has_five_wrong_tries_of_a_number_and_then_one_a_minute() -> None:
    time = Time()
    tries = Tries(time)
    assert [tries.take("caller", NUMBER) for _ in range(5)] == [0.0] * 5
    assert tries.take("caller", NUMBER) == 60.0
    time.now += 59
    assert tries.take("caller", NUMBER) == pytest.approx(1.0)
    time.now += 1
    assert tries.take("caller", NUMBER) == 0.0
    assert tries.take("caller", NUMBER) > 0
    assert tries.take("caller", OTHER_NUMBER) == 0.0
    assert tries.take("another", NUMBER) == 0.0


def test_a_right_try_does_not_count() -> None:
    tries = Tries(Time())
    for _ in range(1000):
        assert tries.take("caller", NUMBER) == 0.0
        tries.give_back("caller", NUMBER)


def test_many_callers_share_the_bound_of_a_number() -> None:
    time = Time()
    tries = Tries(time)
    assert [tries.take(f"caller-{n}", NUMBER) for n in range(100)] == [0.0] * 100
    assert tries.take("one-more", NUMBER) == 2.0
    time.now += 2
    assert tries.take("one-more", NUMBER) == 0.0


def test_one_caller_shuts_no_number_for_others() -> None:
    tries = Tries(Time())
    for _ in range(1000):
        tries.take("caller", NUMBER)
    assert tries.take("another", NUMBER) == 0.0


def test_one_caller_does_not_walk_through_the_numbers() -> None:
    tries = Tries(Time())
    waits = [tries.take("caller", f"{n:024d}") for n in range(1000)]
    assert waits[:300] == [0.0] * 300
    assert all(wait > 0 for wait in waits[300:])


def test_what_is_kept_has_a_bound() -> None:
    tries = Tries(Time())
    for n in range(MAX_KEPT):
        tries.take(f"caller-{n}", f"{n:024d}")
    assert len(tries._kept) == MAX_KEPT
