"""Seeded chance. Half of a schedule's choices were spent inside `random`'s general methods; these are for what is used
here: short sequences, small numbers."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any, TypeVar

T = TypeVar("T")


class Dice:
    """All choices of one schedule."""

    def __init__(self, seed: int | str) -> None:
        self._random = random.Random(seed)
        self.random = self._random.random
        self.bytes = self._random.randbytes

    def pick(self, things: Sequence[T]) -> T:
        """One of them."""
        return things[int(self.random() * len(things))]

    def below(self, end: int) -> int:
        """A number from 0 to `end` - 1."""
        return int(self.random() * end)

    def upto(self, last: int) -> int:
        """A number from 0 to `last`."""
        return int(self.random() * (last + 1))

    def chance(self, probability: float) -> bool:
        """Whether it happens."""
        return self.random() < probability

    def tries(self, probability: float) -> int:
        """How many times something goes well before it goes wrong for the first time."""
        return int(math.log(1.0 - self.random()) / math.log(1.0 - probability)) if probability else 2**62

    def shuffle(self, things: list[Any]) -> None:
        """In place."""
        for i in range(len(things) - 1, 0, -1):
            j = int(self.random() * (i + 1))
            things[i], things[j] = things[j], things[i]

    def weighted(self, things: Sequence[T], weights: Sequence[float], count: int) -> list[T]:
        """`count` of them, by weight."""
        return self._random.choices(things, weights, k=count)
