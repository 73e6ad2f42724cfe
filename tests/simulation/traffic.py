"""Kinds of traffic. The dense ones have few matters and many faults, so that rare interleavings are met."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Traffic:
    """How much of what. Rates are weights against `step`, which has 60, but for those named a chance.

    play: who acts: "two", the front and the back of cores.py, or "services", intake and approval. hand_ins: of `burst`
    records each. matters: how many, at most. faults: of processes and connections. wire: copies, gaps, broken records
    and slow places. outages: of a whole database or log. skew: clocks that are wrong, or jump. parks: whether a type
    that nobody knows comes. late_chance: that a hand-in arrives behind later ones.
    """

    name: str = "normal"
    play: str = "two"
    actions: int = 450
    partitions: int = 2
    hand_ins: float = 12
    burst: int = 1
    matters: int = 12
    faults: float = 1.0
    restores: float = 0.25
    bugs: bool = False
    wire: float = 0.5
    outages: float = 0.25
    skew: float = 0.5
    parks: bool = False
    late_chance: float = 0.03
    max_batch: int = 8
    unavailable_chance: float = 0.004
    flush_fails_chance: float = 0.03


NORMAL = Traffic()
BUGGY = Traffic("buggy", bugs=True, parks=True)
DENSE = Traffic(
    "dense", actions=900, partitions=1, hand_ins=25, matters=5, faults=2.5, restores=0.0, max_batch=4,
    flush_fails_chance=0.06,
)  # fmt: skip
STORMY = replace(
    DENSE, name="stormy", actions=1500, partitions=2, hand_ins=40, matters=3, faults=1.0, max_batch=12,
    unavailable_chance=0.01,
)  # fmt: skip
DENSE_RESTORES = replace(DENSE, name="dense, restores", faults=1.5, restores=1.5)
DENSE_BUGS = replace(DENSE, name="dense, bugs", bugs=True, parks=True)
FLOOD = Traffic("flood", actions=1200, hand_ins=20, burst=12, matters=60, faults=0.7, max_batch=64)
SERVICES = Traffic("services", play="services", actions=700, hand_ins=14, matters=6, late_chance=0.02)
