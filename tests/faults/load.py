"""A seeded load: stories of clients, each ending with an answer, told at a pace that outlasts a fault's blow.

Rule 1: which stories there are, and in which order, is the seed's; how they cross is the machine's.
Rule 2: a story writes into the book how its matter must end only when it has been told all that is needed for it.
Rule 3: when `finish` is over, by whichever way, no story goes on.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for

from tests.faults.book import Book
from tests.faults.clients import Clients, GaveUp
from tests.faults.stories import Stories
from tests.faults.watch import Watch

# Told at least for so long, so that a blow meets a world at work; then a trickle, until `finish` is called.
SPREAD_SECONDS = 4.0
TRICKLE_A_SECOND = 6.0
# For five minutes, which no blow lasts.
TRICKLE = 1800
THREADS = 24
# Longer than any call or write of a client takes: then each has seen that it is to give up.
GIVES_UP_SECONDS = 40.0
# A story of each kind in proportion; most matters are decided by rule, as most are.
WEIGHTS = {
    "by_topic": 46,
    "by_grpc": 12,
    "people": 14,
    "twice": 10,
    "another_content": 6,
    "withdrawn": 6,
    "refused": 6,
}


class Load:
    """Hand-ins and what follows, at a pace. One load at a time: `begin`, then `finish`."""

    def __init__(
        self, clients: Clients, watch: Watch, book: Book, seed: int, trickle_a_second: float = TRICKLE_A_SECOND
    ) -> None:
        self._clients, self._trickle_a_second = clients, trickle_a_second
        self.stories = Stories(clients, watch, book)
        self._rng = random.Random(f"load/{seed}")
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="story")
        self._futures: list[Future[None]] = []
        self._closed = threading.Event()
        self._ended = threading.Event()
        self._feeders = ThreadPoolExecutor(1, thread_name_prefix="feeder")
        self._feeder: Future[None] | None = None
        self.told = 0

    def begin(self, matters: int) -> None:
        """Begin `matters` stories over SPREAD_SECONDS; then up to TRICKLE more, slowly, until `finish`."""
        assert self._feeder is None, "one load at a time"
        self._futures, self.told = [], 0
        self._ended.clear()
        self._feeder = self._feeders.submit(self._feed, matters)

    def _feed(self, matters: int) -> None:
        pace = matters / SPREAD_SECONDS
        began = time.monotonic()
        while self.told < matters and not self._closed.is_set():
            due = int((time.monotonic() - began) * pace) + 1
            while self.told < min(due, matters):
                self._tell()
            time.sleep(0.02)
        while self.told < matters + TRICKLE and not self._ended.wait(1 / self._trickle_a_second):
            self._tell()

    def _tell(self) -> None:
        kind = self._rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        story: Callable[[random.Random], None] = getattr(self.stories, kind)
        self._futures.append(self._pool.submit(story, random.Random(self._rng.getrandbits(64))))
        self.told += 1

    @property
    def running(self) -> bool:
        """Whether stories are still begun."""
        return self._feeder is not None and not self._feeder.done()

    @property
    def open(self) -> int:
        """Stories that have no end yet."""
        return sum(not one.done() for one in self._futures)

    def wait(self, stories: int, seconds: float = 30) -> None:
        """Wait until so many stories were begun. Raises AssertionError when they are late, or no more are begun."""
        deadline = time.monotonic() + seconds
        while self.told < stories:
            assert self.running, f"{self.told} of {stories} stories were begun, and nobody begins more"
            assert time.monotonic() < deadline, f"{self.told} of {stories} stories were begun within {seconds:g} s"
            time.sleep(0.02)

    def finish(self) -> int:
        """Begin no more, and wait until every client has its answer; returns how many stories there were.

        Raises AssertionError when one has none as long as clients wait, and whatever else ended a story, or the
        beginning of more.
        """
        feeder = self._feeder
        if feeder is None:
            return 0
        self._ended.set()
        self._feeder = None
        failed: list[str] = []
        try:
            feeder.result()
            deadline = time.monotonic() + self._clients.patience_seconds
            for future in self._futures:
                try:
                    future.result(max(0.0, deadline - time.monotonic()))
                except (GaveUp, TimeoutError) as error:
                    failed.append(f"{type(error).__name__}: {error}")
            assert not failed, f"{len(failed)} clients have no answer, as {failed[0]}"
        except Exception:
            self._give_up()
            raise
        return self.told

    def _give_up(self) -> None:
        """End the stories that have no end yet; those of the next load wait for their answers again."""
        going_on = [one for one in self._futures if not one.cancel() and not one.done()]
        if going_on:
            self._clients.closing.set()
            wait_for(going_on, GIVES_UP_SECONDS)
            self._clients.closing.clear()

    def close(self) -> None:
        """End without waiting."""
        self._closed.set()
        self._ended.set()
        self._feeders.shutdown(wait=False)
        self._pool.shutdown(wait=False, cancel_futures=True)
