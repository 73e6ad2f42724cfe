"""One approval deployment alone, with topics and a schema of its own, on a broker and a database that many share.

What the deployment hears of intake is written here, as intake would write it; what people send is written as a client
does, and noted in the book. So a scenario needs no other service, and many run side by side.
"""

from __future__ import annotations

import itertools
import signal
import time
import tomllib
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import grpc
import psutil
import psycopg
from kafka import KafkaProducer
from psycopg import sql
from tests.addresses import free_addresses, get, sample_if_any
from tests.faults import build
from tests.faults.auditor import Evidence, Finding, audit
from tests.faults.auditor.reading import read_database, read_topics
from tests.faults.auditor.topology import (
    DEAD_LETTERS,
    TASK_COMMANDS,
    TASK_EVENTS,
    add_approval,
    remove_approval,
    schema_of,
)
from tests.faults.book import Book, Command
from tests.live import DIVISIONS, forged, outside
from tests.tail import Tail

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand, Decision
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.backbone import migrate, provision
from onematter.backbone.v1 import operations_service_pb2 as operations
from onematter.backbone.v1.operations_service_pb2_grpc import OperationsServiceStub
from onematter.common.v1.actor_pb2 import Actor, ActorRole, Level
from onematter.contracts import topics
from onematter.contracts.connections import DatabaseConnection, KafkaConnection
from onematter.contracts.topics import TopicTable
from onematter.local.processes import ManagedProcess, ProcessSpec, Supervisor, stop_processes

ITEM, DEPARTMENT, DIVISION = "02", "government_services", DIVISIONS["city"]
SECONDS = 90.0
POLL_SECONDS = 0.03

Place = tuple[str, int, int]


@dataclass
class Ground:
    """What all have in common. `directory` keeps tables, logs and data."""

    servers: str
    database_url: str
    directory: Path
    supervisor: Supervisor
    levels: list[str] = field(default_factory=list[str])

    def provision(self, solos: Sequence[Solo]) -> None:
        """Make topics and schemas of all of them, but for the topics that they make themselves."""
        connection = KafkaConnection(self.servers)
        for partitions in {solo.partitions for solo in solos}:
            tables = [solo.table for solo in solos if solo.partitions == partitions]
            made = {name for solo in solos for name in solo.made}
            every = {name: one for table in tables for name, one in table.topics.items() if name not in made}
            provision.provision_topics(connection, replace(tables[0], topics=every))
        for solo in solos:
            migrate.upgrade(DatabaseConnection(self.database_url), solo.table.deployments[solo.deployment])


class Solo:
    """The deployment approval-`level` as its scenario sees it."""

    def __init__(self, ground: Ground, level: str, *, partitions: int = 1, second_input: bool = False) -> None:
        add_approval(level)
        ground.levels.append(level)
        self.ground, self.partitions = ground, partitions
        self.deployment, self.commands, self.events_topic = (
            f"approval-{level}",
            TASK_COMMANDS[level],
            TASK_EVENTS[level],
        )
        self.dead_letters = f"onematter.approval.{level}.dead-letters.v1"
        self.directory = ground.directory / level
        self.directory.mkdir(parents=True)
        self._file = self.directory / "topics.toml"
        self._file.write_text(_table_of(self, second_input), encoding="utf-8")
        self.table: TopicTable = replace(topics.parse(tomllib.loads(self._file.read_text())), partitions=partitions)
        self.book = Book()
        # Topics that the scenario makes in a shape of its own.
        self.made: set[str] = set()
        self.processes: list[ManagedProcess] = []
        self._sequences: Counter[str] = Counter()
        self._numbers = itertools.count(1)
        self._grpc: dict[str, str] = {}
        self._metrics: dict[str, str] = {}
        self._producer: Any = None
        self._tail: Tail | None = None

    def stop(self) -> None:
        """End every process in its order, so that all is at rest."""
        for process in self.processes:
            process.signal(signal.SIGCONT)
        stop_processes(self.processes, grace_seconds=5)

    def close(self) -> None:
        """End every process and connection."""
        self.stop()
        if self._producer is not None:
            self._producer.close()
        if self._tail is not None:
            self._tail.close()

    # Processes.

    def start(
        self, plan: Mapping[str, Any], *, ready: bool = True, environment: Mapping[str, str] | None = None
    ) -> ManagedProcess:
        """Start a process of the deployment in the test build `plan`, and wait until it has its lanes."""
        name = f"{self.deployment}-{len(self.processes) + 1}"
        self._grpc[name], self._metrics[name] = free_addresses(2)
        data = self.directory / f"data-{len(self.processes) + 1}"
        data.mkdir()
        spec = ProcessSpec(
            name,
            build.argv("onematter.approval"),
            self.directory / f"{name}.log",
            {
                "KAFKA_BOOTSTRAP_SERVERS": self.ground.servers,
                "DATABASE_URL": self.ground.database_url,
                "ONEMATTER_DEPLOYMENT": self.deployment,
                "ONEMATTER_TOPICS": str(self._file),
                "ONEMATTER_PARTITIONS": str(self.partitions),
                "ONEMATTER_GRPC_ADDRESS": self._grpc[name],
                "ONEMATTER_METRICS_ADDRESS": self._metrics[name],
                "ONEMATTER_DATA_DIR": str(data),
                "ONEMATTER_ENVIRONMENT": "test",
                "PYTHONUNBUFFERED": "1",
                **build.environment(plan),
                **(environment or {}),
            },
        )
        process = self.ground.supervisor.start(spec)
        self.processes.append(process)
        if ready:
            self.wait(lambda: self.is_ready(process), f"{name} is ready", process)
        return process

    def is_ready(self, process: ManagedProcess) -> bool:
        """Whether it serves its lanes."""
        return get(self._metrics[process.spec.name], "/readyz", timeout_seconds=2)[0] == 200

    def counted(self, process: ManagedProcess, sample: str, **labels: str) -> float:
        """The value of a metric's sample; 0 when there is none."""
        return sample_if_any(self._metrics[process.spec.name], sample, 2, **labels)

    def is_stopped(self, process: ManagedProcess) -> bool:
        """Whether SIGSTOP holds it."""
        return psutil.Process(process.identity.pid).status() == psutil.STATUS_STOPPED

    def wait(self, condition: Callable[[], object], what: str, *needed: ManagedProcess) -> None:
        """Wait for a condition, for which these processes must be alive."""
        deadline = time.monotonic() + SECONDS
        while not condition():
            for process in needed:
                if not process.alive():
                    raise process.died()
            assert time.monotonic() < deadline, f"{self.deployment}: {what}: not within {SECONDS:g} s"
            time.sleep(POLL_SECONDS)

    # What is written.

    def new_matter(self, lane: int = 0) -> str:
        """The id of a matter that lives on a lane."""
        from onematter.contracts.keys import partition_of

        return next(
            key
            for key in (uuid.uuid4().hex for _ in itertools.count())
            if partition_of(key.encode(), self.partitions) == lane
        )

    def ask(self, matter_id: str, value: bytes, *, sequence: int = 0) -> Place:
        """Write the next record of intake's stream, or the one of a given place."""
        if not sequence:
            self._sequences[matter_id] += 1
            sequence = self._sequences[matter_id]
        return self._write(value, matter_id, forged("intake", self.commands, matter_id, sequence), 0)

    def open_task(self, matter_id: str) -> bytes:
        """Ask for the matter's task; no catalogue knows it, so a person decides it. Returns the record's value."""
        command = ApprovalCommand(matter_id=matter_id, item_id=ITEM)
        opening = command.open_task
        opening.matter_code, opening.catalogue_version, opening.matter_number = "OM-0", 1, "3" * 24
        item = opening.item
        item.item_id, item.level, item.division, item.department = ITEM, Level.LEVEL_CITY, DIVISION, DEPARTMENT
        item.owner, item.commands_topic, item.events_topic = self.deployment, self.commands, self.events_topic
        value = command.SerializeToString(deterministic=True)
        self.ask(matter_id, value)
        return value

    def supply(self, matter_id: str, material_id: str, *, sequence: int = 0) -> tuple[bytes, Place]:
        """Pass a material on, as intake does."""
        command = ApprovalCommand(matter_id=matter_id, item_id=ITEM)
        command.supply_task.materials.add(material_id=material_id, digest=b"\1" * 32, size_bytes=1)
        value = command.SerializeToString(deterministic=True)
        return value, self.ask(matter_id, value, sequence=sequence)

    def decide(self, matter_id: str) -> ApprovalCommand:
        """Deny the task, as its department's own system does; returns the command."""
        command = ApprovalCommand(request_id=self._new_id(), matter_id=matter_id, item_id=ITEM)
        command.actor.CopyFrom(
            Actor(
                principal="official", role=ActorRole.ACTOR_ROLE_OFFICIAL, level=Level.LEVEL_CITY, division=DIVISION,
                department=DEPARTMENT,
            )
        )  # fmt: skip
        command.decide_task.decision = Decision.DECISION_DENY
        command.decide_task.opinion = f"不符合要求，不予许可。{command.request_id}"
        command.decide_task.basis.append("《行政许可法》第38条")
        self.tell(command)
        return command

    def tell(self, command: ApprovalCommand) -> None:
        """Write a client's command, and note it."""
        sent = Command.of(command)
        place = self._write(sent.value, command.matter_id, outside(command.request_id), None)
        self.book.acknowledged(sent, *place)

    def _new_id(self) -> str:
        return f"{self.deployment}-{next(self._numbers)}"

    def _write(self, value: bytes, key: str, headers: Any, partition: int | None) -> Place:
        if self._producer is None:
            self._producer = KafkaProducer(bootstrap_servers=self.ground.servers, acks="all", linger_ms=0)
        sent = self._producer.send(self.commands, value=value, key=key.encode(), headers=headers, partition=partition)
        found = sent.get(timeout=SECONDS)
        return self.commands, found.partition, found.offset

    # What is seen.

    def follow(self) -> None:
        """Follow the events topic from now on."""
        self._tail = Tail(self.ground.servers, (self.events_topic,))

    def told(self, matter_id: str) -> list[ApprovalEvent]:
        """The matter's events, as they stand on the topic now."""
        assert self._tail is not None, "follow() comes first"
        self._tail.read(0.02)
        return [ApprovalEvent.FromString(record.value) for record in self._tail.of(self.events_topic, matter_id)]

    def contents(self, matter_id: str) -> int:
        """How many different records the matter's stream has."""
        self.told(matter_id)
        assert self._tail is not None
        return len({record.value for record in self._tail.of(self.events_topic, matter_id)})

    def wait_told(self, command: ApprovalCommand, *needed: ManagedProcess) -> None:
        """Wait for the event that tells what came of a client's command."""
        self.wait(lambda: self.is_told(command), f"what came of {command.request_id}", *needed)

    def is_told(self, command: ApprovalCommand) -> bool:
        """Whether an event tells what came of a client's command."""
        return any(event.cause.request_id == command.request_id for event in self.told(command.matter_id))

    def taken_in(self) -> int:
        """How many records of the commands topic are dealt with, by the database."""
        with psycopg.connect(self.ground.database_url, autocommit=True) as connection:
            connection.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(schema_of(self.deployment))))
            rows = connection.execute("SELECT offsets FROM lanes").fetchall()
        return sum(offsets.get(self.commands, 0) for (offsets,) in rows)

    def drop(self, process: ManagedProcess, place: Place) -> None:
        """Give a parked record up, as an operator does."""
        request = operations.DropDeadLetterRequest(request_id=self._new_id(), reason="无法解析")
        request.actor.principal, request.actor.role = "operator", ActorRole.ACTOR_ROLE_OPERATOR
        request.record.topic, request.record.partition, request.record.offset = place
        with grpc.insecure_channel(self._grpc[process.spec.name]) as channel:
            OperationsServiceStub(channel).DropDeadLetter(request, timeout=SECONDS)

    def audit(self) -> list[Finding]:
        """What the auditor says of it, from the topics' first record on."""
        records = read_topics(self.ground.servers, (self.commands, self.events_topic, self.dead_letters))
        # The auditor knows dead letters by their topic, and this one is nobody else's.
        records[DEAD_LETTERS[0]] = records.pop(self.dead_letters)
        with psycopg.connect(self.ground.database_url, autocommit=True) as connection:
            database = read_database(connection, schema_of(self.deployment))
        now = int(time.time() * 1000)
        return audit(Evidence(records, {self.deployment: database}, (), self.book, now, self.partitions))


@contextmanager
def ground(servers: str, database_url: str, directory: Path) -> Iterator[Ground]:
    """The common ground; whatever was started on it ends with it."""
    supervisor = Supervisor(bound=True)
    common = Ground(servers, database_url, directory, supervisor)
    try:
        yield common
    finally:
        for level in common.levels:
            remove_approval(level)
        supervisor.close()
        left = [process for process in supervisor.processes.values() if process.alive()]
        for process in left:
            process.signal(signal.SIGCONT)
        stop_processes(left, grace_seconds=5)


def _table_of(solo: Solo, second_input: bool) -> str:
    """The topics table of the deployment alone, with the product's own defaults."""
    shipped = files("onematter.contracts").joinpath("topics.toml").read_text(encoding="utf-8")
    defaults = tomllib.loads(shipped)["defaults"]
    lines = ["[defaults]", *(f"{name} = {_toml(value)}" for name, value in defaults.items())]
    lines += ["[[deployment]]", 'name = "intake"', 'service = "intake"']
    lines += ["[[deployment]]", f'name = "{solo.deployment}"', 'service = "approval"', 'level = "CITY"']

    def add(name: str, kind: str, owner: str, **people: list[str]) -> None:
        lines.extend(["[[topic]]", f'name = "{name}"', f'kind = "{kind}"', f'owner = "{owner}"'])
        lines.extend(f"{role} = {_toml(names)}" for role, names in people.items())

    reader = [solo.deployment]
    add(solo.commands, "commands", solo.deployment, writers=["intake", "clients"], readers=reader)
    add(solo.events_topic, "events", solo.deployment)
    add(solo.dead_letters, "dead-letters", solo.deployment)
    if second_input:
        add(f"{solo.events_topic}.second", "events", "intake", readers=reader)
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    return str(value) if isinstance(value, int) else f'"{value}"'
