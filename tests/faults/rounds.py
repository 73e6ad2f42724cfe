"""One round: load, blow, healing, rest, judgement."""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.faults.auditor import Finding
from tests.faults.harness import Fault, Healing, NotHere, Verifying, World

# A blow falls when this share of the round's stories has begun: into work, and with more to come.
STRUCK_AT = 0.25
SETTLE_SECONDS = 180.0


@dataclass
class Round:
    """What came of one round. `blows`: kills, and what else was done to the world; `kills` are those by SIGKILL."""

    fault: str
    number: int
    blows: int = 0
    kills: int = 0
    matters: int = 0
    findings: list[Finding] = field(default_factory=list[Finding])
    # From the beginning of the healing until the world was at rest.
    recovery_seconds: float = 0.0
    seconds: float = 0.0
    # Why this machine cannot do the fault; empty where anything was found all the same.
    skipped: str = ""

    def count(self, kind: str) -> int:
        """Findings of a kind."""
        return sum(one.kind == kind for one in self.findings)


def play(world: World, fault: Fault, number: int, *, seed: int, matters: int) -> Round:
    """Play one round on a world at rest. Whatever goes wrong is a finding; only an interruption is raised."""
    played = Round(fault.name, number)
    rng = random.Random(f"{seed}/{fault.name}/{number}")
    began = time.monotonic()
    try:
        _play(world, fault, rng, getattr(fault, "matters", matters), played)
    except NotHere as reason:
        played.skipped = str(reason)
    except Exception as error:
        text = f"{type(error).__name__}: {error}\n{''.join(traceback.format_exception(error, limit=-4))}"
        played.findings.append(Finding("pending" if isinstance(error, AssertionError) else "wrong", "the round", text))
    played.seconds = time.monotonic() - began
    return played


def _play(world: World, fault: Fault, rng: random.Random, matters: int, played: Round) -> None:
    world.load.begin(matters)
    struck = 0.0
    skipped: list[NotHere] = []

    def strike() -> None:
        nonlocal struck
        try:
            world.load.wait(int(STRUCK_AT * matters))
            played.blows = fault.strike(world, rng)
            played.kills = _kills(fault, played.blows)
        except NotHere as reason:
            skipped.append(reason)
        finally:
            struck = time.monotonic()

    def finish() -> None:
        played.matters = world.load.finish()

    # Whatever went wrong before: the world is made whole, and nobody goes on handing in.
    _each(strike, lambda: _heal(world, fault), world.restore, finish)
    answered = time.monotonic()
    played.recovery_seconds = answered - struck + world.settle(SETTLE_SECONDS)
    played.findings += judge(world, fault)
    if skipped and not played.findings:
        raise skipped[0]


def _each(*steps: Callable[[], None]) -> None:
    """Take every step, whatever the one before came to; raises the first error, with a note of each later one."""
    first: Exception | None = None
    for step in steps:
        try:
            step()
        except Exception as error:
            if first is None:
                first = error
            else:
                first.add_note(f"then {type(error).__name__}: {error}")
    if first is not None:
        raise first


def _kills(fault: Fault, blows: int) -> int:
    """How many of a fault's blows were kills."""
    if isinstance(fault, Together):
        return fault.killed
    return blows if getattr(fault, "kills", False) else 0


def _heal(world: World, fault: Fault) -> None:
    if isinstance(fault, Healing):
        fault.heal(world)


def judge(world: World, fault: Fault) -> Sequence[Finding]:
    """The auditor's findings, and those of the fault itself."""
    found = list(world.audit())
    if isinstance(fault, Verifying):
        found += fault.verify(world)
    return found


class Together:
    """Several faults in one round, one after the other under one load; the world is restored in between.

    For a suite that has no time for a load and an audit each. What a machine cannot do is left out, and told in
    `left_out`; `killed`: how many blows of the last strike were kills.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.name = ", ".join(fault.name for fault in faults)
        self.left_out: dict[str, str] = {}
        self.killed = 0
        self._faults = faults

    def strike(self, world: World, rng: random.Random) -> int:
        """Let each strike and heal."""
        self.left_out, self.killed = {}, 0
        total = 0
        for fault in self._faults:
            blows = self._strike(world, fault, rng)
            total += blows
            self.killed += _kills(fault, blows)
            if fault is not self._faults[-1]:
                world.restore()
        return total

    def _strike(self, world: World, fault: Fault, rng: random.Random) -> int:
        blows = 0

        def strike() -> None:
            nonlocal blows
            try:
                blows = fault.strike(world, rng)
            except NotHere as reason:
                self.left_out[fault.name] = str(reason)

        _each(strike, lambda: _heal(world, fault))
        return blows

    def verify(self, world: World) -> Sequence[Finding]:
        """What each of them finds."""
        return [
            finding
            for fault in self._faults
            if isinstance(fault, Verifying) and fault.name not in self.left_out
            for finding in fault.verify(world)
        ]
