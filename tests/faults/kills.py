"""Kills: of each service at each boundary of its loop, in series, at any time, asleep past its session, in storms; of
broker and database; of everything at once.

Rule 1: at a boundary it is the process that kills itself (tests/faults/build.py): no luck is needed.
Rule 2: whom a round strikes is dealt from a pack that the seed shuffles, so that every service has its turn.
"""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from tests.faults.auditor.topology import DEPLOYMENTS
from tests.faults.harness import PARTS, Fault, World
from tests.tail import poll

VICTIMS = 3
POINTS = ("taking", "before_commit", "after_commit", "after_produce")
# Six are the session of a member that is gone; and the archive has nothing to send until the others have come back.
DIES_SECONDS = 120.0
# Longer than the session time-out of the services' groups, 6 s, and than what PostgreSQL grants an idle transaction.
TAKEN_OVER_SECONDS = 60.0
# How often each deployment died at each boundary, for the table.
BOUNDARIES: Counter[tuple[str, str]] = Counter()


@dataclass(frozen=True)
class Death:
    """A process kills itself at a boundary of its loop, when it has passed it `after` times."""

    point: str
    after: int = 0

    @property
    def plan(self) -> Mapping[str, Any]:
        """What the test build is told."""
        return {"die_at": {"point": self.point, "after": self.after}}


@dataclass
class Pack:
    """Deals the deployments in turn, each pass in another order."""

    left: list[str] = field(default_factory=list[str])

    def deal(self, count: int, rng: random.Random) -> list[str]:
        """The next `count`, no one twice."""
        dealt: list[str] = []
        while len(dealt) < count:
            if not self.left:
                self.left = rng.sample(DEPLOYMENTS, len(DEPLOYMENTS))
            name = self.left.pop()
            if name not in dealt:
                dealt.append(name)
        return dealt


class Dealing:
    """A fault that strikes whom its own pack deals."""

    def __init__(self) -> None:
        self._pack = Pack()


class AtBoundary(Dealing):
    """Some services kill themselves at one boundary of their loop, while the load is on."""

    kills = True

    def __init__(self, name: str, point: str) -> None:
        super().__init__()
        self.name, self._point = name, point

    def strike(self, world: World, rng: random.Random) -> int:
        """Kill them, let them come back to die at the boundary, and come back for good."""
        victims = self._pack.deal(VICTIMS, rng)
        die_all(world, {name: [Death(self._point, self._after(name, rng))] for name in victims})
        return 2 * len(victims)

    def _after(self, name: str, rng: random.Random) -> int:
        # What few matters need has few steps that send.
        return 0 if name == "exchange" else rng.randint(0, 2)


class InSeries:
    """Every service dies again and again, all at the same time, each at one boundary of its loop after the other.

    Where one dies again before or after a commit, it had come back, taken its lanes and worked since it died last.
    """

    kills = True

    def __init__(self, name: str, deaths: int) -> None:
        self.name, self._deaths = name, deaths

    def strike(self, world: World, rng: random.Random) -> int:
        """Kill each, and let it die `deaths` times; each boundary has its turn with the services, too."""
        points = rng.sample(POINTS, len(POINTS))
        names = rng.sample(DEPLOYMENTS, len(DEPLOYMENTS))
        turns = {
            name: [Death(points[(number + death) % len(points)]) for death in range(self._deaths)]
            for number, name in enumerate(names)
        }
        die_all(world, turns)
        return len(names) * (1 + self._deaths)


class Rebalancing(Dealing):
    """A service dies while it takes its lanes, in a group of two: the other one has to take them again."""

    name = "kill while rebalancing"
    kills = True

    def strike(self, world: World, rng: random.Random) -> int:
        """Let it die in the middle of taking, with a replica in its group."""
        name, alone = self._pack.deal(2, rng)
        plan = Death("taking").plan
        with ThreadPoolExecutor(2) as pool:
            solo = pool.submit(again, world, alone, plan)
            world.replica(name)
            again(world, name, plan)
            solo.result()
        for one in (name, alone):
            assert world.wait_dead(one, DIES_SECONDS), f"{one} did not come to taking its lanes"
            BOUNDARIES[one, "taking"] += 1
        return 4


class AtRandom(Dealing):
    """Services are killed at any time, and come back while others go."""

    name = "kill at random"
    kills = True

    def strike(self, world: World, rng: random.Random) -> int:
        """Kill one after the other, each started again at once."""
        victims = self._pack.deal(len(DEPLOYMENTS), rng)[: rng.randint(4, len(DEPLOYMENTS))]
        with ThreadPoolExecutor(len(victims)) as pool:
            starts = []
            for name in victims:
                time.sleep(rng.uniform(0, 0.6))
                world.kill(name)
                starts.append(pool.submit(world.start, name))
            for started in starts:
                started.result()
        return len(victims)


class Zombies(Dealing):
    """Processes are stopped past their session's end, wherever they stand, and wake when others do their work."""

    name = "zombie"
    _POINTS = ("", "before_begin", "before_commit", "after_commit", "after_produce")

    def strike(self, world: World, rng: random.Random) -> int:
        """Stop one anywhere and one at a boundary, wait until the others have every lane, and let them go on."""
        zombies = self._pack.deal(2, rng)
        # What few matters need comes to a boundary too seldom.
        points = {name: "" if name == "exchange" else rng.choice(self._POINTS) for name in zombies}
        with ThreadPoolExecutor(len(zombies)) as pool:
            others = dict(
                zip(zombies, pool.map(lambda name: self._stop(world, name, points[name]), zombies), strict=True)
            )
        partitions = len(world.rows("intake", "SELECT lane FROM lanes"))
        for name, other in others.items():
            poll(
                lambda other=other: world.metric(other, "onematter_lanes") >= partitions,
                f"the other {name} has every lane", TAKEN_OVER_SECONDS,
            )  # fmt: skip
        for name in zombies:
            world.signal(name, signal.SIGCONT)
        return len(zombies)

    def _stop(self, world: World, name: str, point: str) -> str:
        if point:
            # It may stop before it could say that it is ready.
            world.restart(name, build={"stop_at": {"point": point, "after": 1}}, wait=False)
        other = world.replica(name)
        if point:
            poll(lambda: stopped(world, name), f"{name} stops {point}", DIES_SECONDS)
        world.signal(name, signal.SIGSTOP)
        return other


class Storms(Dealing):
    """Two replicas of a deployment come and go, by SIGTERM and by SIGKILL: one rebalance after the other."""

    name = "rebalance storm"
    kills = True

    def strike(self, world: World, rng: random.Random) -> int:
        """Let replicas of two deployments come and go."""
        names = self._pack.deal(2, rng)
        seeds = {name: random.Random(rng.getrandbits(64)) for name in names}
        with ThreadPoolExecutor(len(names)) as pool:
            return sum(pool.map(lambda name: self._storm(world, name, seeds[name]), names))

    def _storm(self, world: World, name: str, rng: random.Random) -> int:
        killed = [True, True, False]
        rng.shuffle(killed)
        for kills in killed:
            other = world.replica(name)
            if kills:
                world.kill(other)
            world.remove(other)
        return sum(killed)


class Part:
    """The broker or the database is killed, and comes back a while later."""

    kills = True

    def __init__(self, name: str, part: str) -> None:
        self.name, self._part = name, part

    def strike(self, world: World, rng: random.Random) -> int:
        """Kill it, let the services wait for it, start it; sometimes twice."""
        kills = rng.randint(1, 2)
        for _ in range(kills):
            world.kill(self._part)
            time.sleep(rng.uniform(0, 2))
            world.start(self._part)
            time.sleep(rng.uniform(0, 1))
        return kills


class Everything:
    """All processes are killed at once, as when the machine is switched off; they come back in any order."""

    name = "power cut"
    kills = True

    def strike(self, world: World, rng: random.Random) -> int:
        """Kill all; the restoring brings them back."""
        names = [*DEPLOYMENTS, *PARTS]
        rng.shuffle(names)
        with ThreadPoolExecutor(len(names)) as pool:
            list(pool.map(world.kill, names))
        return len(names)


def again(world: World, name: str, plan: Mapping[str, Any]) -> None:
    """Kill it and start it as a test build, without waiting for it."""
    world.kill(name)
    world.start(name, build=plan, wait=False)


def die_all(world: World, deaths: Mapping[str, Sequence[Death]]) -> None:
    """Kill services, all at the same time, and let each die its deaths in turn. Raises AssertionError for a miss."""
    with ThreadPoolExecutor(len(deaths)) as pool:
        told = list(pool.map(lambda name: _die(world, name, deaths[name]), deaths))
    missed = [why for why in told if why]
    assert not missed, "; ".join(missed)


def _die(world: World, name: str, deaths: Sequence[Death]) -> str:
    """Kill it, and let it die these deaths; returns which it did not."""
    world.kill(name)
    try:
        for death in deaths:
            world.start(name, build=death.plan, wait=False)
            if not world.wait_dead(name, DIES_SECONDS):
                return f"{name} did not come to {death.point}"
            BOUNDARIES[name, death.point] += 1
        return ""
    finally:
        # At once, whatever happened: without it the others might get no work, and never come to their boundary.
        world.restart(name, wait=False)


def stopped(world: World, name: str) -> bool:
    """Whether the process has stopped itself."""
    try:
        with open(f"/proc/{world.process(name).identity.pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False


FAULTS: Sequence[Fault] = (
    InSeries("kill in series at every boundary", len(POINTS)),
    AtBoundary("kill before commit", "before_commit"),
    AtBoundary("kill after commit, before produce", "after_commit"),
    AtBoundary("kill after produce, before the mark", "after_produce"),
    Rebalancing(),
    AtRandom(),
    Zombies(),
    Storms(),
    Part("broker kill -9", "kafka"),
    Part("PostgreSQL kill -9", "postgres"),
    Everything(),
)
