"""Decide when the record of a matter (档案) is sealed (归档). Pure.

Rule 1: every record of a stream is a leaf, of whatever type; leaves of a stream stand in the order of its sequence.
Rule 2: a matter is sealed when its manifest is there and every stream of it has reached its last record; once. The
manifest comes with what ends a matter: its one result, or the refusal to accept it (不予受理).
Rule 3: the root covers the manifest alone, ordered by (writer, topic, sequence). What comes later (notices, late
refusals) belongs to the case file and changes no seal.
Rule 4: a record that was dropped leaves a hole, and a manifest with a hole is never sealed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from onematter.archive.v1.archive_events_pb2 import RecordEvent
from onematter.archive.v1.archive_state_pb2 import RecordState, StreamLeaves
from onematter.common.v1.outcome_pb2 import StreamPosition
from onematter.contracts.aggregate import NO_EFFECTS, Context, Effects, TimerDue
from onematter.contracts.synthetic import is_synthetic
from onematter.intake.v1.intake_events_pb2 import AcceptanceRefused, MatterCompleted, MatterEvent
from onematter.law import merkle

_DIGEST = merkle.DIGEST_BYTES
# The leaf of a record that an operator dropped: no SHA-256 is known to be this.
UNKNOWN_LEAF = bytes(_DIGEST)


class ArchiveRecord(NamedTuple):
    """Take a record into the archive. `ending`: the record, when it ends the matter and names its manifest."""

    writer: str
    topic: str
    sequence: int
    leaf: bytes
    ending: MatterEvent | None


Command = ArchiveRecord | TimerDue


def absorb(state: RecordState, command: Command, context: Context) -> RecordState:  # noqa: ARG001
    """Append the record's leaf to its stream, and keep the manifest when what ends the matter arrives.

    Changes `state` in place and returns it: the unit of work owns the state that it passes, and drops it on failure.
    Raises AssertionError for a sequence whose leaf is there already.
    """
    if isinstance(command, TimerDue):
        return state
    stream = _stream(state.streams, command.writer, command.topic)
    if stream is None:
        stream = state.streams.add(writer=command.writer, topic=command.topic)
    digests = stream.digests
    skipped = command.sequence - 1 - len(digests) // _DIGEST
    if skipped < 0:
        raise AssertionError(f"sequence {command.sequence} of a stream is archived already")
    stream.digests = digests + UNKNOWN_LEAF * skipped + command.leaf if skipped else digests + command.leaf
    if command.ending is not None and not state.manifest:
        end = ending_of(command.ending)
        assert end is not None, "an event that ends no matter"
        state.manifest.extend(sorted(end.manifest, key=_stream_of))
        state.completed.CopyFrom(command.ending.time)
        state.handed_in.CopyFrom(end.handed_in)
        state.matter_number = end.matter_number
        state.visits = end.visits
        if isinstance(end, MatterCompleted):
            state.trips.extend(end.trips)
            if is_synthetic(end.matter_code):
                state.synthetic = True
    return state


def decide(state: RecordState, command: Command, context: Context) -> RecordEvent | None:  # noqa: ARG001
    """Return MatterSealed when `state`, which has absorbed the command, holds its whole manifest for the first time."""
    if not state.manifest or state.HasField("seal"):
        return None
    leaves = leaves_under(state.manifest, state.streams)
    if leaves is None:
        return None
    event = RecordEvent()
    seal = event.matter_sealed.seal
    seal.manifest.extend(state.manifest)
    seal.leaf_count = len(leaves)
    seal.root = merkle.root(leaves)
    seal.completed.CopyFrom(state.completed)
    seal.handed_in.CopyFrom(state.handed_in)
    return event


def evolve(state: RecordState, event: RecordEvent) -> RecordState:
    """Return the state after `event`; the seal that is there first stays."""
    if event.WhichOneof("event") != "matter_sealed" or state.HasField("seal"):
        return state
    new = RecordState()
    new.CopyFrom(state)
    new.seal.CopyFrom(event.matter_sealed.seal)
    return new


def react(state: RecordState, event: RecordEvent) -> Effects:  # noqa: ARG001
    """Return nothing: the seal is told, and asks nothing of anybody."""
    return NO_EFFECTS


def ending_of(event: MatterEvent) -> MatterCompleted | AcceptanceRefused | None:
    """Return what ends the matter and names its manifest; None for every other event."""
    match event.WhichOneof("event"):
        case "matter_completed":
            return event.matter_completed
        case "acceptance_refused":
            return event.acceptance_refused
        case _:
            return None


def leaves_under(manifest: Iterable[StreamPosition], streams: Iterable[StreamLeaves]) -> list[bytes] | None:
    """Return the leaf digests of `manifest` in its order, each stream from 1 to its last; None while one is missing."""
    arrived = {(stream.writer, stream.topic): stream.digests for stream in streams}
    parts: list[bytes] = []
    for last in manifest:
        digests = arrived.get((last.writer, last.topic), b"")
        end = last.sequence * _DIGEST
        if len(digests) < end:
            return None
        parts.append(digests[:end])
    joined = b"".join(parts)
    leaves = [joined[start : start + _DIGEST] for start in range(0, len(joined), _DIGEST)]
    return None if UNKNOWN_LEAF in leaves else leaves


def _stream(streams: Iterable[StreamLeaves], writer: str, topic: str) -> StreamLeaves | None:
    for stream in streams:
        if stream.topic == topic and stream.writer == writer:
            return stream
    return None


def _stream_of(position: StreamPosition) -> tuple[str, str]:
    return position.writer, position.topic
