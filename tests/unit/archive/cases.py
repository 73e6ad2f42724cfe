"""A small matter of four streams, and an archive without a broker and a database, as the tests of archive speak."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from onematter.archive import handlers, store
from onematter.archive.v1.archive_events_pb2 import MatterSealed, RecordEvent
from onematter.archive.v1.archive_service_pb2 import CaseFile
from onematter.archive.v1.archive_state_pb2 import RecordState
from onematter.backbone.records import Record
from onematter.backbone.step import Step
from onematter.backbone.unit import UnitOfWork
from onematter.common.v1.outcome_pb2 import StreamPosition
from onematter.contracts.times import set_unix_ms
from onematter.contracts.topics import MATTER_EVENTS, table
from onematter.intake.v1.intake_events_pb2 import MatterEvent

MATTER_ID = "0123456789abcdef0123456789abcdef"
MATTER_NUMBER = "202611233301061000000017"
COMPLETED = "onematter.intake.v1.MatterCompleted"
REFUSED = "onematter.intake.v1.AcceptanceRefused"
NOW = 1_795_428_000_000
HANDED_IN = NOW - 5_000
COMMANDS = "onematter.approval.county.commands.v1"
TASKS = "onematter.approval.county.events.v1"
NOTICES = "onematter.notification.events.v1"

Stream = tuple[str, str]

MATTER: Stream = ("intake", MATTER_EVENTS)
STREAMS: dict[Stream, int] = {MATTER: 3, ("intake", COMMANDS): 1, ("approval-county", TASKS): 2}


def record(stream: Stream, sequence: int, value: bytes, type: str = "a.b.C") -> Record:
    """A record as it was read; without a writer it has no sequence."""
    writer, topic = stream
    return Record(
        topic=topic, partition=0, offset=sequence, timestamp_unix_ms=NOW + sequence, key=MATTER_ID, value=value,
        type=type, id=f"{writer}/{topic}/{sequence}", writer=writer, sequence=sequence, traceparent="",
        digest=hashlib.sha256(value).digest(), headers=[],
    )  # fmt: skip


def completed(
    manifest: Iterable[tuple[Stream, int]], matter_id: str = MATTER_ID, handed_in_unix_ms: int = HANDED_IN
) -> MatterEvent:
    """The one result."""
    event = MatterEvent(matter_id=matter_id)
    set_unix_ms(event.time, NOW)
    event.matter_completed.matter_number = MATTER_NUMBER
    set_unix_ms(event.matter_completed.handed_in, handed_in_unix_ms)
    event.matter_completed.manifest.extend(
        StreamPosition(writer=writer, topic=topic, sequence=last) for (writer, topic), last in manifest
    )
    return event


def refused(manifest: Iterable[tuple[Stream, int]]) -> MatterEvent:
    """The refusal to accept, which ends a matter too."""
    event = MatterEvent(matter_id=MATTER_ID)
    set_unix_ms(event.time, NOW)
    event.acceptance_refused.matter_number = MATTER_NUMBER
    set_unix_ms(event.acceptance_refused.handed_in, HANDED_IN)
    event.acceptance_refused.manifest.extend(
        StreamPosition(writer=writer, topic=topic, sequence=last) for (writer, topic), last in manifest
    )
    return event


def matter_records(streams: dict[Stream, int], late: int = 0) -> dict[Stream, list[Record]]:
    """Every record of a matter; the last of the matter's own stream is its one result, `late` notices follow."""
    result = completed(streams.items()).SerializeToString()
    records = {
        stream: [record(stream, n, f"{stream} {n}".encode()) for n in range(1, last + 1)]
        for stream, last in streams.items()
    }
    records[MATTER][-1] = record(MATTER, streams[MATTER], result, COMPLETED)
    if late:
        notices = ("notification", NOTICES)
        records[notices] = [record(notices, n, b"notice %d" % n) for n in range(1, late + 1)]
    return records


def in_order(records: dict[Stream, list[Record]]) -> list[Record]:
    """All records, ordered by (writer, topic, sequence)."""
    return [record for stream in sorted(records) for record in records[stream]]


class Rows:
    """The records table: what a transaction is told to write."""

    def __init__(self) -> None:
        self.chunks: dict[tuple[str, int], bytes] = {}

    def execute(self, sql: str, params: Sequence[object] = ()) -> None:
        assert sql == store.UPSERT
        for matter_id, chunk, content in zip(*params, strict=True):  # type: ignore[call-overload]
            self.chunks[matter_id, chunk] = content

    def executemany(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        raise AssertionError(f"one statement a batch, not {len(rows)} of {sql}")


class Archive:
    """The archive's aggregate in the unit of work."""

    def __init__(self) -> None:
        self.unit = UnitOfWork(handlers.aggregate(), "archive", table())
        self.held = self.unit.new(0)
        self.rows = Rows()
        self.events: list[RecordEvent] = []
        self.counts: dict[str, int] = {}

    def take(self, *records: Record) -> None:
        """Deal with one batch."""
        step: Step[RecordState, RecordEvent] = Step()
        for given in records:
            self.unit.handle(step, self.held, given, self.unit.decode(step, given))
        store.project(self.rows, step.changes)  # type: ignore[arg-type]
        self.events += [change.event for change in step.changes if change.event is not None]
        for what, count in step.counts.items():
            self.counts[what] = self.counts.get(what, 0) + count

    @property
    def sealed(self) -> list[MatterSealed]:
        """Every seal that was told."""
        return [event.matter_sealed for event in self.events]

    @property
    def case_file(self) -> CaseFile:
        """The case file as the servicer reads it."""
        return store.case_file(MATTER_ID, self.rows.chunks.values())
