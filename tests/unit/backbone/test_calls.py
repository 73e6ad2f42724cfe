"""Bounds on calls: those in hand are counted, what is beyond is refused before it begins, and draining waits."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest

from onematter.backbone.calls import Calls, Draining, Room
from onematter.backbone.errors import Exhausted


def test_watchers_never_take_the_place_of_calls() -> None:
    calls = Calls(max_calls=2, max_watchers=1)
    with calls.one(watching=True), calls.one(watching=False), calls.one(watching=False):
        assert (calls.in_hand, calls.watchers) == (2, 1)
        for watching, reason in ((True, "WATCHERS_EXHAUSTED"), (False, "CALLS_EXHAUSTED")):
            with pytest.raises(Exhausted) as refused, calls.one(watching=watching):
                pass
            assert (refused.value.reason, refused.value.retry_seconds) == (reason, 2)
        assert (calls.in_hand, calls.watchers) == (2, 1), "what was refused is not counted"
    assert (calls.in_hand, calls.watchers) == (0, 0)


def test_a_call_that_fails_gives_its_place_back() -> None:
    calls = Calls(max_calls=1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), calls.one(watching=False):
            raise ZeroDivisionError


def test_draining_takes_no_more_and_waits_for_those_in_hand() -> None:
    async def scenario() -> None:
        calls = Calls()
        with ExitStack() as in_hand:
            in_hand.enter_context(calls.one(watching=False))
            # Nobody waits for a watcher: it has no end.
            with calls.one(watching=True):
                draining = asyncio.create_task(calls.drain(10))
                await calls.draining.wait()
                with pytest.raises(Draining), calls.one(watching=False):
                    pass
                assert not draining.done()
                in_hand.close()
                assert await draining

    asyncio.run(scenario())


def test_draining_does_not_wait_for_ever() -> None:
    async def scenario() -> None:
        calls = Calls()
        with calls.one(watching=False):
            assert not await calls.drain(0.01)

    asyncio.run(scenario())


def test_room_is_given_back_whatever_comes() -> None:
    room = Room(max_bytes=100)
    with room.share() as first, room.share() as second:
        first.take(60)
        second.take(40)
        with pytest.raises(Exhausted) as refused:
            second.take(1)
    assert refused.value.reason == "CONTENTS_EXHAUSTED"
    with room.share() as all_of_it:
        all_of_it.take(100)
