"""What the processes of a stack take: memory, open files, threads; and whether it grows."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psutil

from onematter.local.stack import Stack

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Sample:
    """One process at one moment. `seconds` since the sampler began; `done`: what was done by then, as told it."""

    seconds: float
    done: float
    rss_bytes: int
    open_files: int
    threads: int


class Sampler:
    """Samples every process of a stack, those that come later too, from `start` to `stop`."""

    def __init__(self, stack: Stack, interval_seconds: float, done: Callable[[], float] = lambda: 0.0) -> None:
        self._stack, self._interval_seconds, self._done = stack, interval_seconds, done
        self.samples: dict[str, list[Sample]] = {}
        self.began = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, with one sample more."""
        self._ended.set()
        self._thread.join()
        self.take()

    def _run(self) -> None:
        while not self._ended.wait(self._interval_seconds):
            self.take()

    def take(self) -> None:
        """Sample now."""
        seconds, done = time.monotonic() - self.began, self._done()
        for name, process in list(self._stack.supervisor.processes.items()):
            try:
                found = psutil.Process(process.identity.pid)
                family = [found, *found.children(recursive=True)] if name == "postgres" else [found]
                sample = Sample(
                    seconds, done, sum(map(_own_bytes, family)), sum(one.num_fds() for one in family),
                    sum(one.num_threads() for one in family),
                )  # fmt: skip
            except psutil.Error:
                continue
            self.samples.setdefault(name, []).append(sample)


def _own_bytes(process: psutil.Process) -> int:
    # PostgreSQL's processes share their buffers: what is shared is each one's only in part.
    if process.name().startswith("postgres"):
        return int(process.memory_full_info().pss)
    return int(process.memory_info().rss)


def slope(places: Sequence[float], values: Sequence[float]) -> float:
    """By how much the values grow for one of the places' unit (least squares); 0 where there is too little to say."""
    if len(places) < 2 or min(places) == max(places):
        return 0.0
    return statistics.linear_regression(places, values).slope


def growth(values: Sequence[float]) -> float:
    """From the median of the first quarter to that of the last: a single peak says nothing."""
    quarter = max(1, len(values) // 4)
    return statistics.median(values[-quarter:]) - statistics.median(values[:quarter]) if values else 0.0
