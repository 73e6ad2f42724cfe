"""The tables of what could not be taken in, and of what operators ask, as the lane's owner reads and writes them.

`parked` has what waits, with its bytes; `dead_letters` what waits for nothing, or no more; `operations` what was asked
and what came of it. All of it is written in the transaction of the step that did it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg

from onematter.backbone.records import DeadRecord, Record, decode_headers, encode_headers
from onematter.backbone.step import Letter, LetterStatus, OperationRow, ParkedRow, Step
from onematter.backbone.v1.operations_service_pb2 import OperationOutcome, OperationStatus
from onematter.contracts.limits import MAX_COMMAND_BYTES

_PENDING = OperationStatus.OPERATION_STATUS_PENDING
_UPSERT_PARKED: LiteralString = """
    INSERT INTO parked (topic, lane, "offset", matter_id, writer, sequence, timestamp_unix_ms, type, id, traceparent,
                        headers, value, reason)
    VALUES (%b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b)
    ON CONFLICT (topic, lane, "offset") DO UPDATE SET reason = excluded.reason, action = ''
"""
_UPSERT_LETTERS: LiteralString = """
    INSERT INTO dead_letters (topic, lane, "offset", matter_id, writer, sequence, timestamp_unix_ms, type, key, headers,
                              value, size_bytes, digest, reason, status, operation, ended)
    VALUES (%b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, CASE WHEN %b::boolean THEN now() END)
    ON CONFLICT (topic, lane, "offset") DO UPDATE
    SET status = excluded.status, operation = excluded.operation, value = excluded.value, ended = excluded.ended
"""
_END_OPERATIONS: LiteralString = """
    UPDATE operations SET matter_id = %s, writer = %s, status = %s, outcome = %s,
                          ended = CASE WHEN %s::boolean THEN clock_timestamp() END
    WHERE number = %s
"""
_PARKED: LiteralString = """
    SELECT topic, lane, "offset", timestamp_unix_ms, matter_id, value, type, id, writer, sequence, traceparent,
           sha256(value), headers, reason, action
    FROM parked
"""
# What a lane's owner has to deal with.
HAS_ACTION: LiteralString = "action <> '' AND lane = ANY(%s)"
IS_PENDING: LiteralString = "status = 1 AND lane = ANY(%s)"
# A gap may be filled by a record that stands behind what waits for it, and is parked itself.
_IN_ORDER: LiteralString = ' ORDER BY topic, lane, sequence, "offset" LIMIT %s'


class ParkingTables:
    """On a connection whose search_path is the deployment's schema."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def write(self, step: Step[Any, Any]) -> None:
        """What is parked and no more, what became of it, what operations came to."""
        connection = self._connection
        if step.parked:
            with connection.cursor() as cursor:
                cursor.executemany(_UPSERT_PARKED, [_parked_row(row) for row in step.parked])
        for record in step.unparked:
            connection.execute(
                'DELETE FROM parked WHERE topic = %s AND lane = %s AND "offset" = %s',
                (record.topic, record.partition, record.offset),
            )
        for matter_id, writer, topic in step.replays:
            connection.execute(
                "UPDATE parked SET action = 'replay' WHERE matter_id = %s AND writer = %s AND topic = %s",
                (matter_id, writer, topic),
            )
        if step.letters:
            with connection.cursor() as cursor:
                cursor.executemany(_UPSERT_LETTERS, [_letter_row(letter) for letter in step.letters])
        for statement in step.statements:
            connection.execute(statement.sql, statement.params)
        for one in step.operations:
            outcome, ended = one.outcome.SerializeToString(), one.status != _PENDING
            connection.execute(
                _END_OPERATIONS, (one.matter_id, one.writer, int(one.status), outcome, ended, one.number)
            )

    def replays(self, lanes: Sequence[int], limit: int) -> list[ParkedRow]:
        """Parked records with an action, in their order."""
        rows = self._connection.execute(_PARKED + " WHERE " + HAS_ACTION + _IN_ORDER, (list(lanes), limit)).fetchall()
        return [_parked(row) for row in rows]

    def operations(self, lanes: Sequence[int], limit: int) -> list[OperationRow]:
        """What is not carried out to its end, in the order in which it was asked."""
        rows = self._connection.execute(
            'SELECT number, lane, kind, topic, "offset", matter_id, writer, status, outcome FROM operations'
            f" WHERE {IS_PENDING} ORDER BY number LIMIT %s",
            (list(lanes), limit),
        ).fetchall()
        return [OperationRow(*row[:8], outcome=OperationOutcome.FromString(row[8])) for row in rows]

    def waiting(self, operation: OperationRow, limit: int) -> list[ParkedRow]:
        """The parked records of the operation's stream; before it is begun, of the stream of its record."""
        matter_id, writer = operation.matter_id, operation.writer
        if not matter_id:
            found = self._connection.execute(
                'SELECT matter_id, writer FROM parked WHERE topic = %s AND lane = %s AND "offset" = %s',
                (operation.topic, operation.lane, operation.offset),
            ).fetchone()
            if found is None:
                return []
            matter_id, writer = found
        rows = self._connection.execute(
            _PARKED + " WHERE matter_id = %s AND writer = %s AND topic = %s" + _IN_ORDER,
            (matter_id, writer, operation.topic, limit),
        ).fetchall()
        return [_parked(row) for row in rows]

    def letter(self, operation: OperationRow) -> Letter | None:
        """What became of the operation's record, without its bytes."""
        row = self._connection.execute(
            "SELECT timestamp_unix_ms, key, reason, status, operation FROM dead_letters"
            ' WHERE topic = %s AND lane = %s AND "offset" = %s',
            (operation.topic, operation.lane, operation.offset),
        ).fetchone()
        if row is None:
            return None
        timestamp, key, reason, status, number = row
        record = DeadRecord(operation.topic, operation.lane, operation.offset, timestamp, key, b"", [], reason)
        return Letter(record, reason, LetterStatus(status), number)


def _parked(row: tuple[Any, ...]) -> ParkedRow:
    return ParkedRow(Record(*row[:12], headers=decode_headers(row[12])), row[13], row[14])


def _parked_row(row: ParkedRow) -> tuple[object, ...]:
    r = row.record
    return (
        r.topic, r.partition, r.offset, r.key, r.writer, r.sequence, r.timestamp_unix_ms, r.type, r.id,
        r.traceparent, encode_headers(r.headers), r.value, row.reason,
    )  # fmt: skip


def _letter_row(letter: Letter) -> tuple[object, ...]:
    r = letter.record
    kept = letter.status is LetterStatus.SET_ASIDE
    # A larger one is no command of anybody's; the dead-letters topic has it.
    value = r.value if kept and len(r.value) <= MAX_COMMAND_BYTES else None
    known: tuple[object, ...] = (
        (r.key, r.writer, r.sequence, r.timestamp_unix_ms, r.type, r.key.encode())
        if isinstance(r, Record)
        else ("", "", 0, r.timestamp_unix_ms, "", r.raw_key)
    )
    return (
        r.topic, r.partition, r.offset, *known, encode_headers(r.headers), value, len(r.value),
        hashlib.sha256(r.value).digest(), letter.reason, int(letter.status), letter.operation, not kept,
    )  # fmt: skip
