"""Which gRPC calls a process takes: bounds on those in hand, and none while it drains.

Rule 1: calls and watchers have bounds of their own: whoever only looks on never keeps a change from being made.
Rule 2: what is refused was not begun: RESOURCE_EXHAUSTED or UNAVAILABLE, each with when to try again.
Rule 3: while draining, calls in hand are answered; watchers, which have no end of their own, are told to come again.
Rule 4: contents of materials that are being taken in share one bound of bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

from onematter.backbone.errors import Exhausted
from onematter.backbone.ports import Unavailable

MAX_CALLS = 1000
MAX_WATCHERS = 1000
MAX_CONTENT_BYTES = 128 * 1024 * 1024


class Draining(Unavailable):
    """The process ends; another, or the one that comes after it, takes the call."""


class Calls:
    """The calls in hand of one process. For the event loop's thread alone."""

    def __init__(self, max_calls: int = MAX_CALLS, max_watchers: int = MAX_WATCHERS) -> None:
        self._bounds = {False: max_calls, True: max_watchers}
        self._in_hand = {False: 0, True: 0}
        self._idle = asyncio.Event()
        self._idle.set()
        self.draining = asyncio.Event()

    @property
    def in_hand(self) -> int:
        """Calls that are being answered; watchers are none."""
        return self._in_hand[False]

    @property
    def watchers(self) -> int:
        """Calls that follow something."""
        return self._in_hand[True]

    @contextmanager
    def one(self, *, watching: bool) -> Generator[None]:
        """Around one call. Raises Exhausted, or Draining, before it begins."""
        if self.draining.is_set():
            raise Draining("the service is stopping; try again, and another process answers")
        bound = self._bounds[watching]
        if self._in_hand[watching] >= bound:
            kind, reason = ("watchers", "WATCHERS_EXHAUSTED") if watching else ("calls", "CALLS_EXHAUSTED")
            raise Exhausted(reason, f"{bound} {kind} are in hand already; try again in 2 s", 2)
        self._in_hand[watching] += 1
        if not watching:
            self._idle.clear()
        try:
            yield
        finally:
            self._in_hand[watching] -= 1
            if not self._in_hand[False]:
                self._idle.set()

    async def drain(self, seconds: float) -> bool:
        """Take no more calls, and wait for those in hand; returns whether all were answered in time."""
        self.draining.set()
        try:
            await asyncio.wait_for(self._idle.wait(), seconds)
        except TimeoutError:
            return False
        return True


class Room:
    """Bytes that may be held at once by all who hold any."""

    def __init__(self, max_bytes: int = MAX_CONTENT_BYTES) -> None:
        self._max_bytes, self._taken = max_bytes, 0

    @contextmanager
    def share(self) -> Generator[Share]:
        """What one call takes of it; given back at the end."""
        share = Share(self)
        try:
            yield share
        finally:
            self._taken -= share.taken_bytes

    def take(self, size_bytes: int) -> None:
        """Raises Exhausted when there is not so much room."""
        if self._taken + size_bytes > self._max_bytes:
            raise Exhausted("CONTENTS_EXHAUSTED", "too many contents are being taken in; try again in 2 s", 2)
        self._taken += size_bytes


class Share:
    """Of a Room, by one call."""

    def __init__(self, room: Room) -> None:
        self._room, self.taken_bytes = room, 0

    def take(self, size_bytes: int) -> None:
        """Take more. Raises Exhausted."""
        self._room.take(size_bytes)
        self.taken_bytes += size_bytes
