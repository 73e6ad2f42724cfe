"""The archived records: one row for each matter and step, a serialised RecordColumns.

Rule 1: rows are added, never changed; a step that runs again writes the same row again.
Rule 2: the bytes are kept as received and uncompressed; serialised messages of one matter, put one behind the other,
are again one message, so that reading a case file is one decoding.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import LiteralString

from onematter.archive.v1.archive_events_pb2 import RecordEvent
from onematter.archive.v1.archive_service_pb2 import CaseFile
from onematter.archive.v1.archive_state_pb2 import RecordColumns, RecordState
from onematter.backbone.columns import BigInts, Blobs, Texts
from onematter.backbone.records import Record
from onematter.backbone.service import Change, Transaction
from onematter.contracts.times import set_unix_ms
from onematter.law.merkle import leaf_digest

UPSERT: LiteralString = """
    INSERT INTO records (matter_id, chunk, records)
    SELECT * FROM unnest(%b::text[], %b::bigint[], %b::bytea[])
    ON CONFLICT (matter_id, chunk) DO UPDATE SET records = excluded.records
"""
SELECT: LiteralString = "SELECT records FROM records WHERE matter_id = %s"


def project(transaction: Transaction, changes: Sequence[Change[RecordState, RecordEvent]]) -> None:
    """Write the records of the batch, one row a matter, in one statement."""
    batches: dict[str, list[Record]] = {}
    for change in changes:
        record = change.record
        if record is not None and record.writer:
            batches.setdefault(change.matter_id, []).append(record)
    if batches:
        names = BigInts([chunk_name(records[0]) for records in batches.values()])
        chunks = Blobs([_encode(records) for records in batches.values()])
        transaction.execute(UPSERT, [Texts(batches), names, chunks])


def chunk_name(first: Record) -> int:
    """Return the number of the chunk that begins with `first`, which begins no other: from its place in its stream."""
    place = f"{first.writer}\0{first.topic}\0{first.sequence}"
    return int.from_bytes(sha256(place.encode()).digest()[:8], "big", signed=True)


def case_file(matter_id: str, chunks: Iterable[bytes]) -> CaseFile:
    """Return the case file without its seal, records ordered by (writer, topic, sequence)."""
    kept = RecordColumns.FromString(b"".join(chunks))
    rows = zip(
        kept.writers, kept.topics, kept.sequences, kept.types, kept.received_unix_ms, kept.values, strict=True
    )  # fmt: skip
    case = CaseFile(matter_id=matter_id)
    for writer, topic, sequence, type, received_unix_ms, value in sorted(rows):
        archived = case.records.add(type=type, leaf_digest=leaf_digest(value), value=value)
        archived.position.writer = writer
        archived.position.topic = topic
        archived.position.sequence = sequence
        set_unix_ms(archived.received, received_unix_ms)
    return case


def _encode(records: Sequence[Record]) -> bytes:
    return RecordColumns(
        writers=[record.writer for record in records],
        topics=[record.topic for record in records],
        sequences=[record.sequence for record in records],
        types=[record.type for record in records],
        received_unix_ms=[record.timestamp_unix_ms for record in records],
        values=[record.value for record in records],
    ).SerializeToString()
