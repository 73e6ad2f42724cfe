"""How often a wrong query code may be tried, so that codes cannot be enumerated.

Rule 1: a try counts against who tries it for this number, against the number, and against who tries; a right one is
given back. While one of the three is used up, right and wrong tries wait alike.
Rule 2: one caller alone cannot shut a number for others: its own bound is reached long before the number's.
Rule 3: bounds are kept in memory, of each replica for itself, `MAX_KEPT` at most; the longest unused goes first.

A number allows one wrong try in two seconds for good: of 2^40 codes not one in 60,000 in a year.
"""

# pyright: strict

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from time import monotonic

MAX_KEPT = 50_000


@dataclass(frozen=True, slots=True)
class Bound:
    """So many tries at once, then one in `seconds_each`."""

    tries: int
    seconds_each: float


OF_CALLER_AND_NUMBER = Bound(5, 60.0)
OF_NUMBER = Bound(100, 2.0)
OF_CALLER = Bound(300, 1.0)


class Tries:
    """Token buckets of one process; not safe for threads."""

    def __init__(self, clock_seconds: Callable[[], float] = monotonic) -> None:
        self._clock_seconds = clock_seconds
        # The tries that are left, and since when.
        self._kept: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, caller: str, number: str) -> float:
        """Count a try; 0.0 when it may be made, else after how many seconds, and nothing is counted."""
        now = self._clock_seconds()
        wanted = [(key, bound, self._left(key, bound, now)) for key, bound in _bounds(caller, number)]
        waits = max((1.0 - left) * bound.seconds_each for _, bound, left in wanted)
        if waits > 0:
            return waits
        for key, _, left in wanted:
            self._kept[key] = (left - 1.0, now)
            self._kept.move_to_end(key)
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return 0.0

    def give_back(self, caller: str, number: str) -> None:
        """The try was right, and does not count."""
        now = self._clock_seconds()
        for key, bound in _bounds(caller, number):
            if key in self._kept:
                self._kept[key] = (min(float(bound.tries), self._left(key, bound, now) + 1.0), now)

    def _left(self, key: Hashable, bound: Bound, now: float) -> float:
        known = self._kept.get(key)
        if known is None:
            return float(bound.tries)
        left, since = known
        return min(float(bound.tries), left + (now - since) / bound.seconds_each)


def _bounds(caller: str, number: str) -> tuple[tuple[Hashable, Bound], ...]:
    return (
        ((caller, number), OF_CALLER_AND_NUMBER),
        (("number", number, ""), OF_NUMBER),
        (("caller", caller, ""), OF_CALLER),
    )
