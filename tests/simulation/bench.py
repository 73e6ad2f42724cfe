"""One deployment on a bench: records in, phases, and what is then in the log and in the database."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from tests.simulation import cores
from tests.simulation.cores import BACK, BACK_COMMANDS, BACK_EVENTS, FRONT, FRONT_COMMANDS, FRONT_EVENTS, Bugs
from tests.simulation.database import Database
from tests.simulation.memory import Broker, Entry, MemoryLog, MemoryStore, Produced
from tests.simulation.weather import Weather

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.backbone.service import Aggregate
from onematter.backbone.step import Step
from onematter.backbone.unit import UnitOfWork
from onematter.backbone.v1.ledger_pb2 import Ledger, ReceivedStream
from onematter.backbone.worker import Phase, Worker
from onematter.contracts import headers, keys
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_events_pb2 import MatterEvent

EVENTS = {FRONT: FRONT_EVENTS, BACK: BACK_EVENTS}
KINDS: dict[str, type[MatterEvent] | type[ApprovalEvent]] = {FRONT: MatterEvent, BACK: ApprovalEvent}
DEAD = {FRONT: cores.FRONT_DEAD, BACK: cores.BACK_DEAD}


@dataclass
class Watching:
    """Keeps what a worker tells."""

    counts: dict[str, int] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)

    def committed(self, step: Step[Any, Any], records: int) -> None:
        """Add up a step's counts."""
        for what, count in step.counts.items():
            self.counts[what] = self.counts.get(what, 0) + count

    def trouble(self, what: str) -> None:
        """Keep a trouble."""
        self.troubles.append(what)


@dataclass(eq=False)
class Process:
    """One process on the bench."""

    worker: Worker[Any, Any, Any]
    log: MemoryLog
    store: MemoryStore


class Bench:
    """The front or the back, with a log and a database of its own."""

    def __init__(
        self,
        deployment: str = FRONT,
        *,
        partitions: int = 2,
        max_message_bytes: int = 1_048_576,
        aggregate: Aggregate[Any, Any, Any] | None = None,
    ) -> None:
        self.deployment, self.bugs, self.watching = deployment, Bugs(), Watching()
        self.table = cores.make_table(partitions, max_message_bytes)
        self.now_unix_ms = 1_800_000_000_000
        self.broker = Broker(self.table, lambda: self.now_unix_ms)
        self.database = Database()
        makers = {FRONT: cores.front_aggregate, BACK: cores.back_aggregate}
        self.unit = UnitOfWork(aggregate or makers[deployment](self.bugs), deployment, self.table)

    def start(self, weather: Weather | None = None) -> Process:
        """A new process, which is given all lanes at its first poll."""
        log = MemoryLog(self.broker, self.deployment, weather or Weather())
        store = MemoryStore(self.database, log.weather)
        worker = Worker(self.unit, log, store, self.watching, clock_unix_ms=lambda: self.now_unix_ms)
        process = Process(worker, log, store)
        self.assign(process)
        return process

    def assign(self, process: Process) -> None:
        """All lanes are the process's; it learns of it at its next poll."""
        process.log.news = frozenset(range(self.table.partitions))

    def run(self, process: Process | None = None) -> Process:
        """Advance until nothing is left to do."""
        process = process or self.start()
        idle = 0
        for _ in range(300):
            took = process.worker.advance(0.0)
            idle = idle + 1 if took is Phase.POLL and process.worker.phase is Phase.POLL else 0
            if idle:
                self.now_unix_ms += 250
            if idle == 3:
                process.log.flush()
                return process
        raise AssertionError("it does not come to rest")

    def until(self, process: Process, phase: Phase) -> None:
        """Advance until `phase` is next."""
        for _ in range(50):
            if process.worker.phase is phase:
                return
            process.worker.advance(0.0)
        raise AssertionError(f"{phase} does not come")

    def put(self, topic: str, key: str, value: bytes, *, partition: int | None = None, of: tuple[str, int] = ("", 0),
            more: tuple[tuple[str, bytes], ...] = ()) -> None:  # fmt: skip
        """A record arrives; `of` is its writer and sequence."""
        writer, sequence = of
        stamped = (
            headers.inside(
                deployment=writer, topic=topic, key=key, sequence=sequence, type="test", time_unix_ms=0, traceparent=""
            )
            if writer
            else headers.outside(id="x", source="/client", type="test", time_unix_ms=0)
        )
        place = keys.partition_of(key.encode(), self.table.partitions) if partition is None else partition
        self.broker.append(Produced(topic, place, key.encode(), value, (*stamped, *more)))

    def entries(self, topic: str) -> list[Entry]:
        """A topic's records."""
        return [entry for partition in self.broker.topics[topic] for entry in partition]

    def events(self, matter_id: str) -> list[Any]:
        """The matter's events, each once, checked to be gapless and of one content."""
        seen: dict[int, bytes] = {}
        for entry in self.entries(EVENTS[self.deployment]):
            if entry.key == matter_id.encode():
                sequence = int(dict(entry.headers)["ce_sequence"])
                assert sequence <= len(seen) + 1, f"{len(seen) + 1} is missing before {sequence}"
                assert seen.setdefault(sequence, entry.value or b"") == entry.value
        return [KINDS[self.deployment].FromString(value) for value in seen.values()]

    def kinds(self, matter_id: str) -> list[str]:
        """What happened to the matter."""
        return [event.WhichOneof("event") for event in self.events(matter_id)]

    def letters(self) -> list[str]:
        """The reasons of the dead letters."""
        return [dict(entry.headers)["dead_letter_reason"].decode() for entry in self.entries(DEAD[self.deployment])]

    def ledger(self, matter_id: str) -> Ledger:
        """The matter's ledger."""
        return Ledger.FromString(self.database.tables.aggregates[matter_id][2])

    def received(self, matter_id: str, topic: str) -> ReceivedStream:
        """The matter's entry of a stream."""
        return next(stream for stream in self.ledger(matter_id).received if stream.topic == topic)

    def parked(self) -> list[tuple[str, int]]:
        """Reason and offset of what is parked, in order."""
        return [(reason, record.offset) for _, (record, reason, _) in sorted(self.database.tables.parked.items())]

    def lose_connection(self, process: Process) -> None:
        """Settle what a process that is gone left open, without a commit."""
        process.store.disconnect()
        for orphan in list(self.database.orphans):
            self.database.settle(orphan, commit=False)


def submission(request_id: str = "r1", *, principal: str = "li", code: str = "OM-1", modes: str = "auto,auto",
               note: str = "") -> IntakeCommand:  # fmt: skip
    """A hand-in of a matter with an item for each of `modes`."""
    command = IntakeCommand(request_id=request_id)
    command.actor.principal = principal
    command.actor.department = note
    command.submit_matter.matter_code = code
    command.submit_matter.division = modes
    return command


MATTER = keys.matter_id("li", "r1")
OTHER = keys.matter_id("li", "r2")


def visit(request_id: str, matter_id: str = MATTER, reason: str = "because") -> IntakeCommand:
    """A visit is recorded."""
    command = IntakeCommand(request_id=request_id, matter_id=matter_id)
    command.actor.principal = "li"
    command.record_visit.reason = reason
    return command


def submit(bench: Bench, request_id: str = "r1", **changes: Any) -> str:
    """Hand in on the right partition; returns the matter's id."""
    command = submission(request_id, **changes)
    matter_id = keys.matter_id(command.actor.principal, request_id)
    bench.put(cores.SUBMISSIONS, matter_id, command.SerializeToString())
    return matter_id


def put_visit(bench: Bench, request_id: str, matter_id: str = MATTER, reason: str = "because") -> None:
    """Hand in a visit on the right partition."""
    bench.put(FRONT_COMMANDS, matter_id, visit(request_id, matter_id, reason).SerializeToString())


def open_task(item_id: str = "01", mode: str = "timer", matter_id: str = MATTER) -> bytes:
    """The front asks for a task."""
    command = ApprovalCommand(matter_id=matter_id, item_id=item_id)
    command.open_task.item.item_id = item_id
    command.open_task.item.department = mode
    return command.SerializeToString(deterministic=True)


def recall_task(item_id: str = "01", matter_id: str = MATTER) -> bytes:
    """The front calls a task back."""
    command = ApprovalCommand(matter_id=matter_id, item_id=item_id)
    command.recall_task.SetInParent()
    return command.SerializeToString(deterministic=True)


def order(bench: Bench, sequence: int, value: bytes, matter_id: str = MATTER) -> None:
    """A record of the front's stream to the back."""
    bench.put(BACK_COMMANDS, matter_id, value, of=(FRONT, sequence))


def digest(message: Any) -> bytes:
    """SHA-256 of a message as it is sent."""
    return hashlib.sha256(message.SerializeToString()).digest()


class Fails(Weather):
    """Raises at the call with this number, before it or after it had its effect."""

    def __init__(self, number: int, error: type[BaseException], *, after: bool = False) -> None:
        self.number, self.error, self.late = number, error, after
        self.calls: list[str] = []
        self.failed = False

    def before(self, call: str) -> None:
        self.calls.append(call)
        if len(self.calls) == self.number and not self.late:
            self.failed = True
            raise self.error(call)

    def after(self, call: str) -> None:
        if len(self.calls) == self.number and self.late and not self.failed:
            self.failed = True
            raise self.error(call)


class Away(Weather):
    """The log cannot be reached: of what is sent, `arrives_first` arrive."""

    def __init__(self, arrives_first: int = 0) -> None:
        self.arrives_first, self.away = arrives_first, True

    def arrives(self, pending: int) -> int:
        return 0 if self.away else pending

    def portion(self, available: int) -> int:
        return available

    def breaks(self) -> bool:
        return self.away
