"""One round: load, blow, healing, rest, judgement."""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Sequence
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
    failed: list[Exception] = []
    skipped: NotHere | None = None
    try:
        world.load.wait(int(STRUCK_AT * matters))
        played.blows = fault.strike(world, rng)
        played.kills = played.blows if getattr(fault, "kills", False) else 0
    except NotHere as reason:
        skipped = reason
    except Exception as error:
        failed.append(error)
    healed = time.monotonic()
    # Whatever went wrong before: the world is made whole, and nobody goes on handing in.
    for step in (lambda: _heal(world, fault), world.restore, lambda: _finish(world, played)):
        try:
            step()
        except Exception as error:
            failed.append(error)
    if failed:
        for later in failed[1:]:
            failed[0].add_note(f"then {type(later).__name__}: {later}")
        raise failed[0]
    answered = time.monotonic()
    played.recovery_seconds = answered - healed + world.settle(SETTLE_SECONDS)
    played.findings += judge(world, fault)
    if skipped is not None:
        raise skipped


def _heal(world: World, fault: Fault) -> None:
    if isinstance(fault, Healing):
        fault.heal(world)


def _finish(world: World, played: Round) -> None:
    played.matters = world.load.finish()


def judge(world: World, fault: Fault) -> Sequence[Finding]:
    """The auditor's findings, and those of the fault itself."""
    found = list(world.audit())
    if isinstance(fault, Verifying):
        found += fault.verify(world)
    return found


class Together:
    """Several faults in one round, one after the other under one load; the world is restored in between.

    For a suite that has no time for a load and an audit each. What a machine cannot do is left out, and told.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.name = ", ".join(fault.name for fault in faults)
        self.left_out: dict[str, str] = {}
        self._faults = faults

    def strike(self, world: World, rng: random.Random) -> int:
        """Let each strike and heal."""
        blows = 0
        self.left_out = {}
        for fault in self._faults:
            try:
                blows += fault.strike(world, rng)
            except NotHere as reason:
                self.left_out[fault.name] = str(reason)
            except Exception as error:
                self._heal_after(error, world, fault)
                raise
            _heal(world, fault)
            if fault is not self._faults[-1]:
                world.restore()
        return blows

    def _heal_after(self, error: Exception, world: World, fault: Fault) -> None:
        try:
            _heal(world, fault)
        except Exception as later:
            error.add_note(f"then {type(later).__name__}: {later}")

    def verify(self, world: World) -> Sequence[Finding]:
        """What each of them finds."""
        return [
            finding
            for fault in self._faults
            if isinstance(fault, Verifying) and fault.name not in self.left_out
            for finding in fault.verify(world)
        ]
