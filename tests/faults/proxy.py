"""What a bad network does between services, their broker and their database.

Rule 1: the broker tells its clients where to go; so it has a second door (local.kafka.DETOUR), whose advertised port is
the proxy's. Only who was started with that door's address goes through the proxy; clients and the auditor do not.
Rule 2: when the weather is calm again, the same processes go on; nobody needs to restart them.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from tests.faults.auditor import Finding
from tests.faults.harness import STACK_ENVIRONMENT, World
from tests.faults.tcp import CALM, Proxy, Way, Weather
from tests.tail import poll

from onematter.local import kafka
from onematter.local.ports import LOOPBACK, allocate

# Longer than the group's session (6 s): the others take the lanes over meanwhile.
LONG_SECONDS = 8.0
SHORT_SECONDS = 5.0
ROUTED = 2


def _detour() -> tuple[int, int]:
    with tempfile.TemporaryDirectory() as directory:
        ports = allocate(("listening", "advertised"), Path(directory) / "ports.json")
    return ports["listening"], ports["advertised"]


DETOUR_LISTENING, DETOUR_ADVERTISED = _detour()
STACK_ENVIRONMENT[kafka.DETOUR] = f"{DETOUR_LISTENING}:{DETOUR_ADVERTISED}"


class Route:
    """The way of some deployments to the broker and the database, through proxies, from `begin` to `close`."""

    def __init__(self, world: World, names: Sequence[str]) -> None:
        url = urlsplit(world.database_url)
        assert url.port is not None
        self.names = tuple(names)
        self.kafka, self.postgres = Proxy(DETOUR_LISTENING, DETOUR_ADVERTISED), Proxy(url.port)
        self.proxies = (self.kafka, self.postgres)
        self._world, self._url, self._ends = world, url, ExitStack()

    def begin(self) -> None:
        """Start the proxies, both or none."""
        with ExitStack() as ends:
            for proxy in self.proxies:
                ends.enter_context(proxy)
            self._ends = ends.pop_all()

    def lead(self) -> None:
        """Start the deployments anew with the proxies' addresses."""
        at = f"{self._url.username}:{self._url.password}@{LOOPBACK}:{self.postgres.port}"
        environment = {
            "KAFKA_BOOTSTRAP_SERVERS": f"{LOOPBACK}:{self.kafka.port}",
            "DATABASE_URL": self._url._replace(netloc=at).geturl(),
        }
        with ThreadPoolExecutor(len(self.names)) as pool:
            list(pool.map(lambda name: self._world.restart(name, environment=environment), self.names))

    def calm(self) -> None:
        """Calm the weather; the same processes are ready again."""
        processes = [self._world.process(name) for name in self.names]
        for proxy in self.proxies:
            proxy.turn(CALM)
        self._world.wait_ready(*self.names)
        assert [self._world.process(name) for name in self.names] == processes
        assert all(process.alive() for process in processes), "a service has not outlived the weather"

    def close(self) -> None:
        """Take the proxies away; by then nobody goes through them any more."""
        self._ends.close()

    def used(self) -> None:
        """Wait until bytes have gone both ways through both proxies: what follows strikes something."""
        poll(lambda: all(count for proxy in self.proxies for count in proxy.passed.values()), "bytes through proxies")


class Network:
    """What all faults of the network share: two deployments behind proxies, chosen by the seed.

    One route at a time, whosever it is: the broker's other door has one port. It ends when the next one strikes or when
    its fault has been judged, since by then the restoring has led everybody the straight way.
    """

    name = ""
    _route: ClassVar[Route | None] = None

    def strike(self, world: World, rng: random.Random) -> int:
        """Lead some deployments through proxies, and let the weather change while the load is on."""
        self._end()
        route = Route(world, rng.sample(sorted(world.services), ROUTED))
        # Kept when its ports are its own: only then is there something to be calmed and closed.
        route.begin()
        Network._route = route
        route.lead()
        route.used()
        return self.storm(route, rng)

    def heal(self, world: World) -> None:
        """Calm it; the restoring lets them take the straight way again."""
        if Network._route is not None:
            Network._route.calm()

    def verify(self, world: World) -> Sequence[Finding]:
        """Nothing but what the auditor finds; the proxies are not needed any more."""
        self._end()
        return ()

    def _end(self) -> None:
        route, Network._route = Network._route, None
        if route is not None:
            route.close()

    def storm(self, route: Route, rng: random.Random) -> int:
        """The weather itself; returns the blows."""
        raise NotImplementedError


class Slow(Network):
    """Each chunk late, and few bytes a second."""

    name = "network: slow"

    def storm(self, route: Route, rng: random.Random) -> int:
        for proxy in route.proxies:
            proxy.turn(Weather(delay_seconds=rng.uniform(0.02, 0.2), bytes_per_second=rng.uniform(1e5, 1e6)))
        time.sleep(SHORT_SECONDS)
        return len(route.proxies)


class Cut(Network):
    """Connections reset, again and again, at any byte."""

    name = "network: cut"

    def storm(self, route: Route, rng: random.Random) -> int:
        blows = 0
        until = time.monotonic() + SHORT_SECONDS
        while time.monotonic() < until:
            time.sleep(rng.uniform(0.05, 1.0))
            blows += rng.choice(route.proxies).cut()
        assert blows, "no connection was there to be cut"
        return blows


class Hang(Network):
    """Nothing moves, nothing ends: longer than the group waits for a member."""

    name = "network: hang"

    def storm(self, route: Route, rng: random.Random) -> int:
        struck = rng.choice([[route.kafka], [route.postgres], list(route.proxies)])
        for proxy in struck:
            proxy.turn(Weather(hangs=True))
        time.sleep(LONG_SECONDS)
        return len(struck)


class OneWay(Network):
    """One direction is lost: what was asked is done, and nobody learns it; or it is never heard."""

    name = "network: one-way loss"

    def storm(self, route: Route, rng: random.Random) -> int:
        blows = 0
        for _ in range(3):
            struck, way = rng.choice(route.proxies), rng.choice(list(Way))
            before = struck.swallowed[way]
            struck.turn(Weather(lost=frozenset({way})))
            poll(lambda struck=struck, way=way, before=before: struck.swallowed[way] > before, "bytes that are lost")
            time.sleep(rng.uniform(0.5, LONG_SECONDS / 2))
            struck.turn(CALM)
            blows += 1
        return blows


FAULTS = (Slow(), Cut(), Hang(), OneWay())
