"""Which message leads to which command, and the aggregate that the unit of work runs.

Rule 1: every record of a stream is archived, of a known type or not. What comes from outside is no leaf of its own:
it stands as Cause.received inside the event that it caused.
Rule 2: only what ends a matter is decoded; all other records are bytes here.
"""

from __future__ import annotations

from google.protobuf.message import DecodeError

from onematter.archive import store
from onematter.archive.core import ArchiveRecord, Command, absorb, decide, ending_of, evolve, react
from onematter.archive.v1.archive_events_pb2 import RecordEvent
from onematter.archive.v1.archive_state_pb2 import RecordState
from onematter.backbone.records import Record
from onematter.backbone.service import Aggregate
from onematter.contracts.aggregate import Undecodable
from onematter.contracts.topics import MATTER_EVENTS
from onematter.intake.v1.intake_events_pb2 import AcceptanceRefused, MatterCompleted, MatterEvent
from onematter.law.merkle import leaf_digest

_ENDINGS = frozenset({MatterCompleted.DESCRIPTOR.full_name, AcceptanceRefused.DESCRIPTOR.full_name})


def command_from(record: Record) -> ArchiveRecord | None:
    """Return the command to archive `record`; None for what comes from outside.

    Raises Undecodable for an ending that is none, or whose manifest cannot be sealed.
    """
    writer = record.writer
    if not writer:
        return None
    topic = record.topic
    ending = _ending(record) if record.type in _ENDINGS and topic == MATTER_EVENTS else None
    return ArchiveRecord(writer, topic, record.sequence, leaf_digest(record.value), ending)


def _ending(record: Record) -> MatterEvent:
    try:
        event = MatterEvent.FromString(record.value)
    except DecodeError:
        raise Undecodable("not an onematter.intake.v1.MatterEvent") from None
    end = ending_of(event)
    if end is None or end.DESCRIPTOR.full_name != record.type:
        raise Undecodable(f"ce_type is {record.type}, but the event is another")
    if event.matter_id != record.key:
        raise Undecodable("matter_id is not the record's key")
    manifest = end.manifest
    last = {(p.writer, p.topic): p.sequence for p in manifest}
    if len(last) != len(manifest) or not all(last.values()):
        raise Undecodable(f"{end.DESCRIPTOR.name}.manifest names a stream twice, or with sequence 0")
    if last.get((record.writer, record.topic)) != record.sequence:
        raise Undecodable(f"{end.DESCRIPTOR.name}.manifest does not end its own stream with this record")
    return event


def aggregate() -> Aggregate[RecordState, Command, RecordEvent]:
    """Return the record of a matter as the unit of work's aggregate."""
    return Aggregate(
        state_type=RecordState,
        event_type=RecordEvent,
        command_from=command_from,
        decide=decide,
        evolve=evolve,
        react=react,
        absorb=absorb,
        project=store.project,
        observer=True,
    )
