"""What is judged: records, rows, notices and the book, as plain data; and what can be read off them once for all rules.

Evidence is made of lists and tuples alone, so that a test can take a copy and change one thing in it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple

from google.protobuf.message import DecodeError
from tests.faults.auditor.topology import COMMAND_TYPES, EVENT_TYPES, OWNERS, WRITERS
from tests.faults.book import Book, Place

from onematter.backbone.v1.ledger_pb2 import Ledger

Kind = Literal["lost", "twice", "wrong", "pending"]


class Finding(NamedTuple):
    """One thing that is wrong: what kind of, of what, and in words."""

    kind: Kind
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.where}: {self.what}"


class Entry(NamedTuple):
    """A record of a topic. `key` as text; `value` is empty where it was null."""

    topic: str
    partition: int
    offset: int
    timestamp_unix_ms: int
    key: str
    value: bytes
    headers: Mapping[str, bytes]

    @property
    def place(self) -> Place:
        """Where it stands."""
        return self.topic, self.partition, self.offset

    @property
    def writer(self) -> str:
        """The stream's writer; empty for what comes from outside."""
        return self.headers.get("ce_stream", b"").decode(errors="replace")

    @property
    def sequence(self) -> int:
        """The place in its stream; 0 when there is none, or no number."""
        text = self.headers.get("ce_sequence", b"0")
        return int(text) if text.isdigit() else 0


class Aggregate(NamedTuple):
    """A row of `aggregates`."""

    matter_id: str
    lane: int
    state: bytes
    ledger: bytes


class Lane(NamedTuple):
    """A row of `lanes`."""

    lane: int
    epoch: int
    offsets: Mapping[str, int]
    next_position: int
    sent_position: int


class Parked(NamedTuple):
    """A row of `parked`."""

    topic: str
    lane: int
    offset: int
    matter_id: str
    writer: str
    sequence: int
    reason: str


@dataclass(frozen=True)
class Database:
    """One deployment's schema. `tasks`, `records` and `calls` where the service has such tables."""

    aggregates: Sequence[Aggregate] = ()
    lanes: Sequence[Lane] = ()
    outbox: Sequence[tuple[int, int, bytes]] = ()
    timers: Sequence[tuple[str, str, int]] = ()
    parked: Sequence[Parked] = ()
    # matter, item, status
    tasks: Sequence[tuple[str, str, int]] = ()
    # matter, the row's RecordColumns
    records: Sequence[tuple[str, bytes]] = ()
    # matter, material, seconds until it is due
    calls: Sequence[tuple[str, str, float]] = ()
    # number and matter of what operators asked and nobody has carried out
    operations: Sequence[tuple[int, str]] = ()


@dataclass(frozen=True)
class Evidence:
    """All there is. A deployment without an entry in `databases` does not run here, and is not judged."""

    records: Mapping[str, Sequence[Entry]]
    databases: Mapping[str, Database]
    notices: Sequence[tuple[str, str]]
    book: Book
    now_unix_ms: int
    partitions: int
    # The lanes that some process of the deployment's group has; absent where that was not asked.
    owners: Mapping[str, frozenset[int]] = field(default_factory=dict[str, frozenset[int]])


Stream = tuple[str, str, str]


@dataclass(frozen=True)
class Case:
    """Evidence, and what follows from it."""

    evidence: Evidence

    @property
    def book(self) -> Book:
        """What clients sent and were told."""
        return self.evidence.book

    @cached_property
    def streams(self) -> Mapping[Stream, list[bytes]]:
        """The values of each stream (writer, topic, key), the first one of each place, as far as they are gapless."""
        streams: dict[Stream, list[bytes]] = defaultdict(list)
        for entry in self.inside():
            values = streams[entry.writer, entry.topic, entry.key]
            if entry.sequence == len(values) + 1:
                values.append(entry.value)
        return streams

    def inside(self) -> Iterator[Entry]:
        """Records of streams, but for what a fault forged."""
        foreign = self.book.foreign
        for topic in WRITERS:
            for entry in self.evidence.records.get(topic, ()):
                if entry.writer and entry.place not in foreign:
                    yield entry

    def outside(self) -> Iterator[Entry]:
        """Commands of clients and of the exchange's own callers, but for what a fault forged."""
        foreign = self.book.foreign
        for topic in OWNERS:
            for entry in self.evidence.records.get(topic, ()):
                if not entry.writer and entry.place not in foreign:
                    yield entry

    def values(self, writer: str, topic: str, key: str) -> list[bytes]:
        """One stream."""
        return self.streams.get((writer, topic, key), [])

    @cached_property
    def _events(self) -> Mapping[tuple[str, str], list[Any]]:
        events: dict[tuple[str, str], list[Any]] = {}
        for (writer, topic, key), values in self.streams.items():
            kind = EVENT_TYPES.get(topic)
            if kind is not None and writer == WRITERS[topic]:
                events[topic, key] = [parsed(kind, value) for value in values]
        return events

    def events(self, topic: str, key: str) -> list[Any]:
        """The events of a matter on a topic, by sequence from 1; what does not parse is an empty event."""
        return self._events.get((topic, key), [])

    def all_events(self, topic: str) -> Iterator[tuple[str, list[Any]]]:
        """Every matter's events on a topic."""
        for (found, key), events in self._events.items():
            if found == topic:
                yield key, events

    @cached_property
    def _commands(self) -> Mapping[tuple[str, str], list[Any]]:
        return {
            (topic, key): [parsed(COMMAND_TYPES[topic], value) for value in values]
            for (_, topic, key), values in self.streams.items()
            if topic in COMMAND_TYPES
        }

    def commands(self, topic: str, key: str) -> list[Any]:
        """What intake asked of a deployment for a matter, by sequence from 1."""
        return self._commands.get((topic, key), [])

    @cached_property
    def ledgers(self) -> Mapping[str, Mapping[str, Ledger]]:
        """Each deployment's ledgers by matter."""
        return {
            deployment: {row.matter_id: Ledger.FromString(row.ledger) for row in database.aggregates}
            for deployment, database in self.evidence.databases.items()
        }

    @cached_property
    def blocked(self) -> set[tuple[str, str, str, str]]:
        """Streams (deployment, matter, writer, topic) that stand still behind a record that a fault poisoned."""
        expected = self.book.parked_expected
        return {
            (deployment, row.matter_id, row.writer, row.topic)
            for deployment, database in self.evidence.databases.items()
            for row in database.parked
            if (row.topic, row.lane, row.offset) in expected
        }

    @cached_property
    def touched(self) -> set[str]:
        """Matters of which something is parked: what they lack is not lost, it waits."""
        return {matter_id for _, matter_id, _, _ in self.blocked}


def parsed(kind: Any, value: bytes) -> Any:
    """The message, or an empty one where the bytes are none."""
    try:
        return kind.FromString(value)
    except DecodeError:
        return kind()


def digest_of(value: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(value).digest()
