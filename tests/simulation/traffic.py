"""Kinds of traffic. The dense ones have few matters and many faults, so that rare interleavings are met."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Traffic:
    """How much of what. Rates are weights against `advance`, which has 60, but for those named a chance."""

    actions: int = 450
    partitions: int = 2
    hand_ins: float = 12
    matters: int = 12
    faults: float = 1.0
    restores: float = 0.25
    bugs: bool = False
    max_batch: int = 8
    unavailable_chance: float = 0.004
    flush_fails_chance: float = 0.03


NORMAL = Traffic()
BUGGY = Traffic(bugs=True)
DENSE = Traffic(
    actions=900, partitions=1, hand_ins=25, matters=5, faults=2.5, restores=0.0, max_batch=4, flush_fails_chance=0.06
)
STORMY = replace(
    DENSE, actions=1500, partitions=2, hand_ins=40, matters=3, faults=1.0, max_batch=12, unavailable_chance=0.01
)
DENSE_RESTORES = replace(DENSE, faults=1.5, restores=1.5)
DENSE_BUGS = replace(DENSE, bugs=True)
