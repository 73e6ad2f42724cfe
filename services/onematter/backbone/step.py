"""What one batch leaves behind: everything that its one transaction writes and that is sent after it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic

from onematter.backbone import ledger as books
from onematter.backbone.records import DeadRecord, Headers, Record, Sending, present
from onematter.backbone.service import Change, E, S
from onematter.backbone.v1.ledger_pb2 import Ledger, ReceivedStream, SentStream


@dataclass(slots=True)
class Held(Generic[S]):
    """An aggregate in memory: its state and its ledger, as the step changes them."""

    lane: int
    state: S
    ledger: Ledger
    # Entries of the ledger by (writer, topic): a look-up in the message walks through all of them.
    streams: dict[tuple[str, str], ReceivedStream] = field(default_factory=dict[tuple[str, str], ReceivedStream])
    written: dict[str, SentStream] = field(default_factory=dict[str, SentStream])

    def stream(self, writer: str, topic: str) -> ReceivedStream:
        """The ledger's entry of a stream, made when absent."""
        found = self.streams.get((writer, topic))
        if found is None:
            found = self.streams[writer, topic] = books.received(self.ledger, writer, topic)
        return found

    def sent_stream(self, topic: str) -> SentStream:
        """The ledger's entry of the stream that is written to `topic`, made when absent."""
        found = self.written.get(topic)
        if found is None:
            found = self.written[topic] = books.sent(self.ledger, topic)
        return found


@dataclass(slots=True)
class TimerRow:
    """A timer as its lane keeps it. `due_unix_ms` 0 takes it away."""

    lane: int
    matter_id: str
    name: str
    version: int
    due_unix_ms: int


@dataclass(slots=True)
class ParkedRow:
    """A record that waits in its stream. `action` is what an operator, or a filled gap, asks: "", replay or drop."""

    record: Record
    reason: str
    action: str = ""


@dataclass(slots=True)
class LaneRow:
    """A lane as the database keeps it."""

    lane: int
    epoch: int
    offsets: dict[str, int]
    next_position: int
    sent_position: int
    own_offset: int


@dataclass(slots=True)
class Step(Generic[S, E]):
    """Collected while a batch is dealt with in memory."""

    touched: dict[str, Held[S]] = field(default_factory=dict[str, Any])
    changes: list[Change[S, E]] = field(default_factory=list[Any])
    offsets: dict[int, dict[str, int]] = field(default_factory=dict[int, dict[str, int]])
    sendings: dict[int, list[Sending]] = field(default_factory=dict[int, list[Sending]])
    timers: dict[tuple[str, str], TimerRow] = field(default_factory=dict[tuple[str, str], TimerRow])
    parked: list[ParkedRow] = field(default_factory=list[ParkedRow])
    unparked: list[Record] = field(default_factory=list[Record])
    replays: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    counts: dict[str, int] = field(default_factory=dict[str, int])

    def count(self, what: str) -> None:
        """Note one more of `what` (duplicates, alarms, gaps, dead letters, refusals, forwarded)."""
        self.counts[what] = self.counts.get(what, 0) + 1

    def advance(self, record: Record | DeadRecord) -> None:
        """The record is dealt with: its lane goes on behind it."""
        self.offsets.setdefault(record.partition, {})[record.topic] = record.offset + 1

    def send(self, sending: Sending) -> None:
        """Send after the commit, through the outbox of the lane."""
        self.sendings.setdefault(sending.partition, []).append(sending)

    def lanes(self) -> list[int]:
        """Every lane that this step writes to, ascending."""
        return sorted(
            {*self.offsets, *self.sendings}
            | {held.lane for held in self.touched.values()}
            | {timer.lane for timer in self.timers.values()}
            | {row.record.partition for row in self.parked}
            | {record.partition for record in self.unparked}
        )


def dead_letter(topic: str, record: Record | DeadRecord, reason: str) -> Sending:
    """The record as it was, with its origin and the reason in headers, for the lane's dead-letters partition."""
    headers: Headers = [
        *present(record.headers),
        ("dead_letter_reason", reason.encode()),
        ("dead_letter_topic", record.topic.encode()),
        ("dead_letter_partition", b"%d" % record.partition),
        ("dead_letter_offset", b"%d" % record.offset),
        ("dead_letter_timestamp_unix_ms", b"%d" % record.timestamp_unix_ms),
    ]
    key = record.raw_key if isinstance(record, DeadRecord) else record.key.encode()
    return Sending(topic, record.partition, key, record.value, headers=headers)
