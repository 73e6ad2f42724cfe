"""The world that a fault strikes: one stack of its own, a load upon it, and the auditor's judgement at rest.

A round (tests/faults/rounds.py): the load begins; `fault.strike` does its harm in the middle of it; `fault.heal`, where
there is one, undoes what it changed; the world is restored; the load ends when every client has its answer; the world
settles; the auditor reads book, topics, databases, notices and dead letters.

Rule 1: whoever breaks something says so by what he returns; nothing is counted that did not happen.
Rule 2: a fault leaves the world as it found it, but for what `restore` does for everybody: every process of the stack
runs as the plain product, and replicas are gone.
Rule 3: everything is bounded: each wait has a deadline, and what is late is told with the state of the world.
"""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import psycopg
from kafka import KafkaProducer
from psycopg import sql
from tests.addresses import free_address, get, sample_if_any
from tests.faults import auditor, build
from tests.faults.auditor.topology import DEPLOYMENTS, TOPICS, schema_of
from tests.faults.book import Book
from tests.faults.clients import Clients
from tests.faults.load import Load
from tests.faults.settling import Settling
from tests.faults.watch import Watch
from tests.tail import poll

from onematter.local import kafka, layout, postgres
from onematter.local.errors import LocalError
from onematter.local.processes import ManagedProcess, ProcessSpec, kill_process, stop_processes
from onematter.local.services import DEFAULT_SERVICES
from onematter.local.stack import Stack, start

READY_SECONDS = 120.0
START_ATTEMPTS = 5
# Below a world's directory: written by whoever judged it; where it is, the world is kept.
FINDINGS = "findings.txt"
PARTS = ("kafka", "postgres")
# Small batches, so that a blow meets a service between many steps of its work and not between three. What the
# government holds is asked for as long as a blow may last, so that no applicant is asked instead.
ENVIRONMENT = {"ONEMATTER_MAX_BATCH": "50"}
MORE = {"exchange": {"ONEMATTER_SHARING_GIVE_UP_SECONDS": "600", "ONEMATTER_DATASHARE_TIMEOUT_SECONDS": "3"}}
SERVICES = tuple(
    replace(spec, environment={**spec.environment, **ENVIRONMENT, **MORE.get(spec.deployment, {})})
    for spec in DEFAULT_SERVICES
    if spec.deployment != "supervision"
)
# In the environment while the stack starts: a module of faults may set here what its parts need from the beginning.
STACK_ENVIRONMENT: dict[str, str] = {}


class NotHere(Exception):
    """Raised by `strike` where this machine cannot do the fault; its text is the reason, and the round is skipped."""


@runtime_checkable
class Fault(Protocol):
    """What is done to the world in one round.

    A module gives its faults as `FAULTS: Sequence[Fault]`; tests/faults/catalogue.py names the modules. One instance is
    used for many rounds: what a round needs is kept from `strike` to `heal` alone.
    Optional: `matters: int`, how many a round hands in instead of the run's own number; `kills = True` where every blow
    is a SIGKILL; `heal(world)`, called once after each `strike`, also after one that raised; `verify(world)`, called at
    rest, which returns what only this fault can find.
    """

    name: str

    def strike(self, world: World, rng: random.Random) -> int:
        """Do the harm while the load is on; returns how many kills or blows there were. Takes about a minute.

        All that is random comes from `rng`. Raises NotHere where it cannot be done.
        """
        ...


@runtime_checkable
class Healing(Protocol):
    """A fault that has something to undo besides dead processes."""

    def heal(self, world: World) -> None:
        """Undo it."""
        ...


@runtime_checkable
class Verifying(Protocol):
    """A fault that knows more to look for than the auditor."""

    def verify(self, world: World) -> Sequence[auditor.Finding]:
        """What is wrong at rest, after this fault."""
        ...


class World:
    """One stack and everything about it. `name` is a deployment, `kafka`, `postgres`, or what `replica` returned."""

    def __init__(self, directory: Path, stack: Stack, seed: int) -> None:
        self.directory, self.stack = directory, stack
        self.servers = stack.addresses.kafka_bootstrap_servers
        self.database_url = stack.addresses.database_url
        self.services = DEPLOYMENTS
        self.book = Book()
        self.watch = Watch(self.servers, TOPICS)
        self.clients = Clients(self.servers, self.address, self.book)
        self.load = Load(self.clients, self.watch, self.book, seed)
        self._plain = {name: process.spec for name, process in stack.supervisor.processes.items()}
        self._replicas: dict[str, str] = {}
        self._stopped: set[str] = set()
        self._lock = threading.Lock()
        self._producer: KafkaProducer | None = None
        self.watch.start()

    def close(self) -> None:
        """End load, clients and readers; the stack is stopped by whoever started it."""
        self.load.close()
        self.clients.close()
        self.watch.stop()
        if self._producer is not None:
            self._producer.close(timeout=5)

    def address(self, deployment: str) -> str:
        """The gRPC address of a deployment."""
        address = self.stack.addresses.services[deployment].grpc
        assert address is not None
        return address

    def process(self, name: str) -> ManagedProcess:
        """The process of a name, alive or not."""
        return self.stack.supervisor.processes[name]

    def alive(self, name: str) -> bool:
        """Whether it runs (a stopped one runs)."""
        return self.process(name).alive()

    def ready(self, name: str) -> bool:
        """Whether it answers that it is ready."""
        if not self.alive(name):
            return False
        addresses = self.stack.addresses
        if name == "kafka":
            return kafka.is_ready(int(addresses.kafka_bootstrap_servers.rpartition(":")[2]))
        if name == "postgres":
            port = int(addresses.database_url.rpartition("/")[0].rpartition(":")[2])
            return postgres.is_ready(self.directory / "postgres", port)
        return _answers(self._replicas.get(name) or addresses.services[name].metrics)

    def start(
        self,
        name: str,
        *,
        build: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        argv: Sequence[str] | None = None,
        wait: bool = True,
    ) -> None:
        """Start it where it does not run. `build` makes it the test build with that ONEMATTER_TEST_BUILD.

        `environment` comes on top of the process's own; `argv` replaces the command. None of these outlasts `restore`.
        """
        if self.alive(name):
            return
        spec = _changed(self._plain[name], build, environment, argv)
        # What it had started may still be there: a server's children notice the end of it by and by.
        stop_processes([self.process(name)], grace_seconds=5)
        for attempt in range(START_ATTEMPTS):
            process = self.stack.supervisor.start(spec, append=True)
            if not wait:
                return
            try:
                self.stack.supervisor.wait_ready(process, lambda: self.ready(name), READY_SECONDS)
                return
            except LocalError:
                if process.alive() or attempt == START_ATTEMPTS - 1:
                    raise

    def stop(self, name: str) -> None:
        """SIGTERM, and wait for the end."""
        self._continue(name)
        stop_processes([self.process(name)])

    def kill(self, name: str) -> None:
        """SIGKILL, and wait until it is gone."""
        kill_process(self.process(name))
        self._stopped.discard(name)

    def signal(self, name: str, number: int) -> None:
        """Send a signal (SIGSTOP, SIGCONT…); what was stopped is continued by `restore`."""
        self.process(name).signal(number)
        if number == signal.SIGSTOP:
            self._stopped.add(name)
        elif number == signal.SIGCONT:
            self._stopped.discard(name)

    def restart(
        self,
        name: str,
        *,
        build: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        argv: Sequence[str] | None = None,
        wait: bool = True,
    ) -> None:
        """`stop` where it runs, then `start`."""
        self.stop(name)
        self.start(name, build=build, environment=environment, argv=argv, wait=wait)

    def wait_dead(self, name: str, seconds: float = 60) -> bool:
        """Wait until it has killed itself, as `die_at` makes it; returns whether it has ended at all.

        Raises AssertionError where it ended otherwise: that is no death at a boundary, but a service that failed.
        """
        process = self.process(name)
        if not process.wait_ended(seconds):
            return False
        assert process.exit_code == -signal.SIGKILL, f"{name} did not die of its trap: {process.died()}"
        return True

    def wait_ready(self, *names: str, seconds: float = READY_SECONDS) -> None:
        """Wait until these answer ready."""
        for name in names:
            poll(lambda name=name: self.ready(name), f"{name} is ready", seconds)

    def replica(
        self, name: str, *, build: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None
    ) -> str:
        """A further process of a deployment, ready; returns its name. `restore` removes it."""
        with self._lock:
            address = free_address()
            number = 2
            while f"{name}-{number}" in self.stack.supervisor.processes:
                number += 1
            own = {"ONEMATTER_GRPC_ADDRESS": "127.0.0.1:0", "ONEMATTER_METRICS_ADDRESS": address}
            spec = _changed(self._plain[name], build, {**own, **(environment or {})}, None)
            spec = replace(spec, name=f"{name}-{number}", log=spec.log.with_name(f"{name}-{number}.log"))
            self._replicas[spec.name] = address
            process = self.stack.supervisor.start(spec, append=True)
        self.stack.supervisor.wait_ready(process, lambda: _answers(address), READY_SECONDS)
        return spec.name

    def remove(self, replica: str) -> None:
        """Stop a replica and forget it."""
        self._continue(replica)
        stop_processes([self.process(replica)])
        with self._lock:
            self._replicas.pop(replica, None)
            self.stack.supervisor.processes.pop(replica, None)

    def metric(self, name: str, sample: str, **labels: str) -> float:
        """The sum of a process's samples of a name that have these labels; 0 when there is none or no answer."""
        address = self._replicas.get(name) or self.stack.addresses.services[name].metrics
        return sample_if_any(address, sample, 5, **labels)

    def rows(self, deployment: str, statement: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Read a deployment's schema."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(schema_of(deployment))))
            return connection.execute(statement.encode(), parameters).fetchall()

    def produce(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
        partition: int | None = None,
    ) -> tuple[int, int]:
        """Write one record by kafka-python and wait for the acknowledgement; returns (partition, offset).

        Nothing goes into the book: `book.dead(topic, partition, offset)` says that a dead letter is expected of it,
        `book.parked(…)` that it parks, `book.forged(…)` that nothing need come of it.
        """
        with self._lock:
            if self._producer is None:
                self._producer = KafkaProducer(
                    bootstrap_servers=self.servers, acks="all", max_request_size=4 << 20, reconnect_backoff_max_ms=1000,
                )  # fmt: skip
            producer = self._producer
        sent = producer.send(topic, value=value, key=key, headers=list(headers), partition=partition)
        told = sent.get(timeout=60)
        return told.partition, told.offset

    def restore(self) -> None:
        """Continue what is stopped, start what is dead, make plain what runs otherwise, remove replicas; all ready."""
        for name in list(self._stopped):
            self._continue(name)
        with ThreadPoolExecutor(len(DEPLOYMENTS) + len(PARTS)) as pool:
            for replica in list(self._replicas):
                pool.submit(self.remove, replica).result()
            # Services wait for the parts, not the other way round.
            for names in (PARTS, [name for name in self._plain if name not in PARTS]):
                for done in [pool.submit(self._make_plain, name) for name in names if name in self._plain]:
                    done.result()

    def _make_plain(self, name: str) -> None:
        process = self.process(name)
        if not process.alive():
            self.start(name)
        elif process.spec != self._plain[name]:
            self.restart(name)
        self.wait_ready(name)

    def _continue(self, name: str) -> None:
        if name in self.stack.supervisor.processes:
            self.process(name).signal(signal.SIGCONT)
        self._stopped.discard(name)

    def settle(self, seconds: float = READY_SECONDS) -> float:
        """Wait until nothing moves and nothing waits; returns the seconds it took. Raises AssertionError when late."""
        return Settling(self.servers, self.database_url, self.services).wait(seconds)

    def evidence(self, *, fresh: bool = False) -> auditor.Evidence:
        """All that there is to judge now; `fresh`: the topics are read anew from offset 0, not as they grew."""
        records = None
        if not fresh:
            ends = Settling(self.servers, self.database_url, self.services).ends()
            poll(lambda: self.watch.has(ends), "the reader is at the ends of the topics", READY_SECONDS)
            records = {topic: list(entries) for topic, entries in self.watch.records.items()}
        notices = self.directory / "data" / "notification" / "notices.db"
        return auditor.gather(self.servers, self.database_url, notices, self.book, records=records)

    def audit(self, *, fresh: bool = False) -> list[auditor.Finding]:
        """The auditor's findings on everything since the world began; empty when all is well."""
        return auditor.audit(self.evidence(fresh=fresh))


def _changed(
    spec: ProcessSpec,
    plan: Mapping[str, Any] | None,
    environment: Mapping[str, str] | None,
    argv: Sequence[str] | None,
) -> ProcessSpec:
    """The spec as the test build, with more environment, or with another command."""
    if plan is not None:
        spec = replace(
            spec, argv=build.argv(spec.argv[-1]), environment={**spec.environment, **build.environment(plan)}
        )
    if environment is not None:
        spec = replace(spec, environment={**spec.environment, **environment})
    return spec if argv is None else replace(spec, argv=tuple(argv))


def _answers(address: str) -> bool:
    return get(address, "/readyz", timeout_seconds=2)[0] == 200


@contextmanager
def open_world(directory: Path, *, seed: int) -> Iterator[World]:
    """Bring a stack up in `directory`, with small disks below it where they may be had, and down at the end.

    What is on them goes with them, unless FINDINGS is there by then: then it stands in the directory itself.

    The modules of faults are to be imported before, since they may add to STACK_ENVIRONMENT.
    """
    from tests.faults import disks

    # Before a disk is put below it: what stands there then would seem to be of another version.
    layout.check(directory)
    with disks.mounted(directory):
        before = {name: os.environ.get(name) for name in STACK_ENVIRONMENT}
        os.environ.update(STACK_ENVIRONMENT)
        try:
            stack = start(directory, detached=False, services=SERVICES, ready_timeout_seconds=READY_SECONDS)
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
        with stack:
            world = World(directory, stack, seed)
            try:
                yield world
            finally:
                world.close()
