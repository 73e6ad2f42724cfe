"""What OperationsService reads of the tables of parking, and the messages it makes of their rows."""

from __future__ import annotations

from typing import Any, LiteralString

from onematter.backbone.v1 import operations_service_pb2 as pb
from onematter.common.v1.actor_pb2 import Actor
from onematter.contracts.times import set_unix_ms

# The columns of a dead letter, of what waits and of what does not, in the order that dead_letter_of reads.
_WAITING: LiteralString = """
    SELECT p.topic, p.lane, p."offset", p.matter_id, p.writer, p.sequence, 1::smallint AS status, p.reason,
           p.timestamp_unix_ms, p.type, length(p.value)::bigint AS size_bytes, sha256(p.value) AS digest,
           NOT EXISTS (SELECT FROM parked before WHERE before.matter_id = p.matter_id AND before.writer = p.writer
                       AND before.topic = p.topic
                       AND (before.sequence, before."offset") < (p.sequence, p."offset")) AS first,
           0::bigint AS ended, 0::bigint AS operation
"""
_ENDED: LiteralString = """
    SELECT d.topic, d.lane, d."offset", d.matter_id, d.writer, d.sequence, d.status, d.reason, d.timestamp_unix_ms,
           d.type, d.size_bytes, d.digest, false AS first,
           coalesce(extract(epoch FROM d.ended) * 1000, 0)::bigint AS ended, d.operation
"""
_OF_PAGE: LiteralString = """
    (%(matter_id)s = '' OR matter_id = %(matter_id)s)
    AND (topic, lane, "offset") > (%(topic)s, %(lane)s, %(offset)s)
    ORDER BY topic, lane, "offset" LIMIT %(limit)s
"""
LETTERS_PAGE: LiteralString = (
    "SELECT * FROM ((" + _WAITING + " FROM parked p WHERE 1 = ANY(%(statuses)s::int[]) AND " + _OF_PAGE
    + ") UNION ALL (" + _ENDED + " FROM dead_letters d WHERE status = ANY(%(statuses)s::int[]) AND " + _OF_PAGE
    + ")) AS both_tables ORDER BY topic, lane, " + '"offset" LIMIT %(limit)s'
)  # fmt: skip
_AT: LiteralString = ' WHERE topic = %(topic)s AND lane = %(lane)s AND "offset" = %(offset)s'
# What waits comes first: a record that was dealt with and came again is what it is now.
GET: LiteralString = (
    _WAITING + ", p.headers, p.value FROM parked p" + _AT + " UNION ALL "
    + _ENDED + ", d.headers, d.value FROM dead_letters d" + _AT + " ORDER BY status LIMIT 1"
)  # fmt: skip
OPERATION_COLUMNS: LiteralString = """
    SELECT number, kind, request_id, actor, reason, lane, topic, "offset", matter_id, status, outcome,
           (extract(epoch FROM asked) * 1000)::bigint, coalesce(extract(epoch FROM ended) * 1000, 0)::bigint
    FROM operations
"""


def dead_letter_of(row: tuple[Any, ...]) -> pb.DeadLetter:
    """The message of a row with these columns."""
    topic, lane, offset, matter_id, writer, sequence, status, reason, received, kind, size, digest, *rest = row
    first, ended, operation = rest
    made = pb.DeadLetter(
        matter_id=matter_id, status=status, reason=reason, type=kind, size_bytes=size, digest=digest, first=first,
        operation=operation,
    )  # fmt: skip
    made.record.topic, made.record.partition, made.record.offset = topic, lane, offset
    made.position.writer, made.position.topic, made.position.sequence = writer, topic, sequence
    set_unix_ms(made.received, received)
    if ended:
        set_unix_ms(made.ended, ended)
    return made


def operation_of(row: tuple[Any, ...]) -> pb.Operation:
    """The message of a row with OPERATION_COLUMNS."""
    number, kind, request_id, actor, reason, lane, topic, offset, matter_id, status, outcome, asked, ended = row
    made = pb.Operation(
        number=number, kind=kind, request_id=request_id, actor=Actor.FromString(actor), reason=reason,
        matter_id=matter_id, status=status,
    )  # fmt: skip
    if topic:
        made.record.topic, made.record.partition, made.record.offset = topic, lane, offset
    set_unix_ms(made.asked, asked)
    if ended:
        set_unix_ms(made.ended, ended)
        made.outcome.ParseFromString(outcome)
    return made
