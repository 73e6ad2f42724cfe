"""What an operator does with parked records: list, replay, drop. The lane's owner carries it out in its next step."""

from __future__ import annotations

from typing import Any

from onematter.backbone.doors import Queries
from onematter.backbone.errors import abort_invalid, abort_not_found
from onematter.backbone.v1 import operations_service_pb2 as pb
from onematter.backbone.v1 import operations_service_pb2_grpc as rpc
from onematter.common.v1.outcome_pb2 import Reason
from onematter.contracts.times import set_unix_ms

MAX_PAGE = 500


class OperationsServicer(rpc.OperationsServiceServicer):
    """OperationsService of every service."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    async def ListParked(self, request: pb.ListParkedRequest, context: Any) -> pb.ListParkedResponse:
        """Parked records in order of (topic, partition, offset)."""
        size = min(request.page_size or 50, MAX_PAGE)
        after = request.page_token.split("|") if request.page_token else ["", "-1", "-1"]
        if len(after) != 3 or not all(part.lstrip("-").isdigit() for part in after[1:]):
            await abort_invalid(context, "page_token", Reason.REASON_FIELD_MALFORMED)
        rows = await self._queries.rows(
            'SELECT matter_id, writer, topic, sequence, lane, "offset", timestamp_unix_ms, reason FROM parked'
            " WHERE (%s = '' OR matter_id = %s) AND (topic, lane, \"offset\") > (%s, %s, %s)"
            ' ORDER BY topic, lane, "offset" LIMIT %s',
            (request.matter_id, request.matter_id, after[0], int(after[1]), int(after[2]), size + 1),
        )
        response = pb.ListParkedResponse()
        for matter_id, writer, topic, sequence, lane, offset, timestamp, reason in rows[:size]:
            parked = response.records.add(matter_id=matter_id, partition=lane, offset=offset, reason=reason)
            parked.position.writer, parked.position.topic, parked.position.sequence = writer, topic, sequence
            set_unix_ms(parked.received, timestamp)
        if len(rows) > size:
            last = rows[size - 1]
            response.next_page_token = f"{last[2]}|{last[4]}|{last[5]}"
        return response

    async def ReplayParked(self, request: pb.ReplayParkedRequest, context: Any) -> pb.ReplayParkedResponse:
        """Ask for replay of everything parked in a stream."""
        marked = await self._queries.rows(
            "UPDATE parked SET action = 'replay' WHERE matter_id = %s AND writer = %s AND topic = %s RETURNING 1",
            (request.matter_id, request.writer, request.topic),
        )
        if not marked:
            await abort_not_found(context, "parked record", "matter_id")
        return pb.ReplayParkedResponse()

    async def DropParked(self, request: pb.DropParkedRequest, context: Any) -> pb.DropParkedResponse:
        """Give up the first parked record of a stream; ask for replay of the others."""
        marked = await self._queries.rows(
            'UPDATE parked SET action = CASE WHEN (topic, lane, "offset") = ('
            ' SELECT topic, lane, "offset" FROM parked WHERE matter_id = %s AND writer = %s AND topic = %s'
            " ORDER BY \"offset\" LIMIT 1) THEN 'drop' ELSE 'replay' END"
            " WHERE matter_id = %s AND writer = %s AND topic = %s RETURNING 1",
            (request.matter_id, request.writer, request.topic) * 2,
        )
        if not marked:
            await abort_not_found(context, "parked record", "matter_id")
        return pb.DropParkedResponse()
