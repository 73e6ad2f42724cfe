"""What one batch leaves behind: everything that its one transaction writes and that is sent after it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Generic

from onematter.backbone import ledger as books
from onematter.backbone.records import DeadRecord, Headers, Record, Sending, present
from onematter.backbone.service import Change, E, S, Statement
from onematter.backbone.spans import Span
from onematter.backbone.v1 import operations_service_pb2 as contract
from onematter.backbone.v1.ledger_pb2 import Ledger, ReceivedStream, SentStream
from onematter.contracts.aggregate import Undecodable, UnknownType


class Held(Generic[S]):
    """An aggregate in memory: its state and its ledger, as the step changes them."""

    __slots__ = ("_received", "_sent", "lane", "ledger", "size_bytes", "state")

    def __init__(self, lane: int, state: S, ledger: Ledger) -> None:
        self.lane = lane
        self.state = state
        self.ledger = ledger
        # State and ledger together, as they were last read or written; 0 while they never were.
        self.size_bytes = 0
        # Entries of the ledger: a look-up in the message walks through all of them.
        self._received: dict[tuple[str, str], ReceivedStream] = {}
        self._sent: dict[str, SentStream] = {}

    def stream(self, writer: str, topic: str) -> ReceivedStream:
        """The ledger's entry of a stream, made when absent."""
        found = self._received.get((writer, topic))
        if found is None:
            found = self._received[writer, topic] = books.received(self.ledger, writer, topic)
        return found

    def sent_stream(self, topic: str) -> SentStream:
        """The ledger's entry of the stream that is written to `topic`, made when absent."""
        found = self._sent.get(topic)
        if found is None:
            found = self._sent[topic] = books.sent(self.ledger, topic)
        return found

    def is_ahead(self, topic: str, sequence: int) -> bool:
        """Whether a record's place lies beyond what the deployment remembers to have sent to `topic`.

        So it is after a restore behind a step of which the commands were delivered and the events were not: the cause
        is read again, but the answer to the commands may be read before it.
        """
        found = self._sent.get(topic) or books.find_sent(self.ledger, topic)
        return sequence > (0 if found is None else found.last_sequence)


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


class LetterStatus(IntEnum):
    """What became of a record that could not be taken in; the numbers are the contract's."""

    PARKED = contract.DeadLetterStatus.DEAD_LETTER_STATUS_PARKED
    SET_ASIDE = contract.DeadLetterStatus.DEAD_LETTER_STATUS_SET_ASIDE
    REPLAYED = contract.DeadLetterStatus.DEAD_LETTER_STATUS_REPLAYED
    DUPLICATE = contract.DeadLetterStatus.DEAD_LETTER_STATUS_DUPLICATE
    FORWARDED = contract.DeadLetterStatus.DEAD_LETTER_STATUS_FORWARDED
    DROPPED = contract.DeadLetterStatus.DEAD_LETTER_STATUS_DROPPED


@dataclass(slots=True)
class Letter:
    """A record of which nothing waits, or waits any more. `operation`: the number of the one that did it, or 0."""

    record: Record | DeadRecord
    reason: str
    status: LetterStatus
    operation: int = 0


@dataclass(slots=True)
class OperationRow:
    """What an operator asks of a lane, and what came of it so far.

    topic, offset: the record that is meant; of a retry "" and -1. matter_id, writer: the stream's, "" until it is
    begun; of a retry the matter's.
    """

    number: int
    lane: int
    kind: contract.OperationKind
    topic: str
    offset: int
    matter_id: str
    writer: str
    status: contract.OperationStatus
    outcome: contract.OperationOutcome


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
    letters: list[Letter] = field(default_factory=list[Letter])
    operations: list[OperationRow] = field(default_factory=list[OperationRow])
    statements: list[Statement] = field(default_factory=list[Statement])
    counts: dict[str, int] = field(default_factory=dict[str, int])
    spans: list[Span] = field(default_factory=list[Span])

    def count(self, what: str) -> None:
        """Note one more of `what` (duplicates, alarms, gaps, dead letters, refusals, forwarded)."""
        self.counts[what] = self.counts.get(what, 0) + 1

    def advance(self, record: Record | DeadRecord) -> None:
        """The record is dealt with: its lane goes on behind it."""
        offsets = self.offsets.get(record.partition)
        if offsets is None:
            offsets = self.offsets[record.partition] = {}
        offsets[record.topic] = record.offset + 1

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
            | {operation.lane for operation in self.operations}
        )

    def merge(self, part: Step[S, E]) -> None:
        """Add what a part leaves for the end of the transaction, in order. Its rows are written already."""
        self.changes += part.changes
        self.spans += part.spans
        for lane, offsets in part.offsets.items():
            self.offsets.setdefault(lane, {}).update(offsets)
        for lane, sendings in part.sendings.items():
            self.sendings.setdefault(lane, []).extend(sendings)
        for what, count in part.counts.items():
            self.counts[what] = self.counts.get(what, 0) + count


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


def reason_of(error: Exception) -> str:
    """The dead letter's reason: the kind of error, and its text only where we wrote it, since others may quote data."""
    if isinstance(error, (Undecodable, UnknownType)):
        return f"{'undecodable' if isinstance(error, Undecodable) else 'unknown type'}: {error}"
    if isinstance(error, AssertionError):
        return f"invariant broken: {error}"
    return f"failed: {type(error).__name__}"
