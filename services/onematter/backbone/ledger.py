"""The ledger of one aggregate: what was taken in, what was sent, what came of each request. Pure.

Rule 1: of a stream only the next record is taken in; an earlier one with the same content is a duplicate, with another
content an alarm; a later one is a gap.
Rule 2: a request has one outcome for the life of the matter, under (principal, request_id, digest).

Repeated fields are walked through as slices: the runtime makes those at once, while walking through the field itself
asks for one more item than there is and raises for it, a hundred times a matter.
"""

from __future__ import annotations

from enum import Enum

from onematter.backbone.records import Record
from onematter.backbone.v1.ledger_pb2 import Ledger, ReceivedStream, SentStream, Timer
from onematter.common.v1.outcome_pb2 import Cause, Outcome
from onematter.contracts.times import set_unix_ms

DIGEST_LENGTH = 8
_UNKNOWN = bytes(DIGEST_LENGTH)


class Verdict(Enum):
    """What to do with a record of a stream."""

    NEXT = "next"
    SETTLED = "settled"
    DUPLICATE = "duplicate"
    ALARM = "alarm"
    GAP = "gap"
    BEHIND_PARKED = "behind parked"


def find_received(ledger: Ledger, writer: str, topic: str) -> ReceivedStream | None:
    """The stream's entry, if any record of it was taken in or parked."""
    for stream in ledger.received[:]:
        if stream.topic == topic and stream.writer == writer:
            return stream
    return None


def received(ledger: Ledger, writer: str, topic: str) -> ReceivedStream:
    """The stream's entry, made when absent."""
    return find_received(ledger, writer, topic) or ledger.received.add(writer=writer, topic=topic)


def judge(stream: ReceivedStream, record: Record) -> Verdict:
    """What to do with `record`, which has a sequence."""
    last = stream.last_sequence
    if record.sequence <= last:
        start = (record.sequence - 1) * DIGEST_LENGTH
        known = stream.digests[start : start + DIGEST_LENGTH]
        if known in (record.digest[:DIGEST_LENGTH], _UNKNOWN):
            return Verdict.DUPLICATE
        return Verdict.ALARM
    if record.sequence > last + 1:
        return Verdict.BEHIND_PARKED if stream.parked else Verdict.GAP
    if record.sequence in stream.settled:
        return Verdict.SETTLED
    return Verdict.NEXT


def take_in(stream: ReceivedStream, record: Record) -> None:
    """Note that `record`, the next of its stream, is taken in."""
    skipped = record.sequence - stream.last_sequence - 1
    stream.digests += _UNKNOWN * skipped + record.digest[:DIGEST_LENGTH]
    stream.last_sequence = record.sequence
    if stream.settled:
        remaining = [s for s in stream.settled if s > record.sequence]
        del stream.settled[:]
        stream.settled.extend(remaining)


def find_sent(ledger: Ledger, topic: str) -> SentStream | None:
    """The entry of the stream that this deployment writes to `topic`, if it wrote any record of it."""
    for stream in ledger.sent[:]:
        if stream.topic == topic:
            return stream
    return None


def sent(ledger: Ledger, topic: str) -> SentStream:
    """The entry of the stream that this deployment writes to `topic`, made when absent."""
    return find_sent(ledger, topic) or ledger.sent.add(topic=topic)


def find_outcome(ledger: Ledger, principal: str, request_id: str, digest: bytes) -> Outcome | None:
    """The kept outcome of exactly this request with exactly this content."""
    for outcome in ledger.outcomes[:]:
        if outcome.request_id == request_id and outcome.principal == principal and outcome.digest == digest:
            return outcome
    return None


def keep_outcome(ledger: Ledger, matter_id: str, cause: Cause, now_unix_ms: int) -> Outcome:
    """Keep that the request which `cause` names has its outcome; the caller adds what told it."""
    outcome = ledger.outcomes.add()
    outcome.principal = cause.principal
    outcome.request_id = cause.request_id
    outcome.digest = cause.digest
    outcome.matter_id = matter_id
    set_unix_ms(outcome.time, now_unix_ms)
    return outcome


def is_reused(ledger: Ledger, principal: str, request_id: str) -> bool:
    """Whether the principal has used this request id before in this matter."""
    return any(o.request_id == request_id and o.principal == principal for o in ledger.outcomes[:])


def timer(ledger: Ledger, name: str) -> Timer:
    """The timer's entry, made when absent."""
    for entry in ledger.timers[:]:
        if entry.name == name:
            return entry
    return ledger.timers.add(name=name)
