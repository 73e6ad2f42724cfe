"""OperationsService: what could not be taken in, and what operators do about it.

Rule 1: a change is written down first; the lane's owner carries it out in its next step, and the call waits for that.
Rule 2: the same request of a principal has the same answer; another content under its id is refused.
Rule 3: only a supervisor or an operator may change anything, or read a record's bytes; each says why, and it is kept.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from typing import Any, LiteralString, cast

import grpc
from google.protobuf.message import Message

from onematter.backbone import errors
from onematter.backbone.doors import DEFAULT_DEADLINE_SECONDS, Queries
from onematter.backbone.errors import abort_invalid, abort_not_found, abort_refused
from onematter.backbone.masking import decoded, masked, shown_header
from onematter.backbone.operating import NAMES
from onematter.backbone.operation_rows import (
    GET,
    LETTERS_PAGE,
    OPERATION_COLUMNS,
    dead_letter_of,
    operation_of,
)
from onematter.backbone.records import decode_headers
from onematter.backbone.v1 import operations_service_pb2 as pb
from onematter.backbone.v1 import operations_service_pb2_grpc as rpc
from onematter.common.v1.actor_pb2 import ActorRole
from onematter.common.v1.outcome_pb2 import CommandRefused, Reason
from onematter.contracts.aggregate import Refusal, refuse
from onematter.contracts.envelopes import envelope_of
from onematter.contracts.keys import partition_of
from onematter.contracts.limits import (
    MAX_MATTER_ID_LENGTH,
    MAX_OPERATION_REASON_LENGTH,
    MAX_PRINCIPAL_LENGTH,
    MAX_REQUEST_ID_LENGTH,
)
from onematter.contracts.topics import TopicTable, table

MAX_PAGE = 500
TICK_SECONDS = 0.05
# The call ends a little before its caller's deadline, so that the answer says why.
MARGIN_SECONDS = 0.1
_MAX_OFFSET = 2**63 - 1
_TOKEN = re.compile(r"([^|\0]*)\|([0-9]{1,9})\|(-1|[0-9]{1,18})")
_ALLOWED = (ActorRole.ACTOR_ROLE_SUPERVISOR, ActorRole.ACTOR_ROLE_OPERATOR)
_PENDING = pb.OperationStatus.OPERATION_STATUS_PENDING
_DONE = pb.OperationStatus.OPERATION_STATUS_DONE
_REFUSED = pb.OperationStatus.OPERATION_STATUS_REFUSED
_OPEN = (pb.DeadLetterStatus.DEAD_LETTER_STATUS_PARKED, pb.DeadLetterStatus.DEAD_LETTER_STATUS_SET_ASIDE)
_INSERT: LiteralString = """
    INSERT INTO operations (principal, request_id, digest, actor, reason, kind, lane, topic, "offset", matter_id,
                            writer, status, outcome, ended)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, '', %s, '', CASE WHEN %s::boolean THEN now() END)
    ON CONFLICT (principal, request_id) DO NOTHING
"""


class OperationsServicer(rpc.OperationsServiceServicer):
    """OperationsService of every service."""

    def __init__(self, queries: Queries, topics: TopicTable | None = None) -> None:
        self._queries, self._table = queries, topics or table()

    async def ListDeadLetters(self, request: pb.ListDeadLettersRequest, context: Any) -> pb.ListDeadLettersResponse:
        """What is parked and what was set aside, in the order of (topic, partition, offset)."""
        size = _page_size(request.page_size)
        token = _TOKEN.fullmatch(request.page_token or "|0|-1")
        if token is None:
            await abort_invalid(context, "page_token", Reason.REASON_FIELD_MALFORMED)
        await _check_matter_id(request.matter_id, context)
        statuses = [int(status) for status in request.statuses or _OPEN]
        rows = await self._queries.rows(
            LETTERS_PAGE,
            cast(
                Any,
                {
                    "matter_id": request.matter_id, "statuses": statuses, "topic": token[1], "lane": int(token[2]),
                    "offset": int(token[3]), "limit": size + 1,
                },
            ),
        )  # fmt: skip
        response = pb.ListDeadLettersResponse(dead_letters=[dead_letter_of(row) for row in rows[:size]])
        if len(rows) > size:
            last = response.dead_letters[-1].record
            response.next_page_token = f"{last.topic}|{last.partition}|{last.offset}"
        return response

    async def GetDeadLetter(self, request: pb.GetDeadLetterRequest, context: Any) -> pb.GetDeadLetterResponse:
        """One of them, masked; its bytes too where somebody says why."""
        place = request.record
        if "\0" in place.topic:
            await abort_invalid(context, "record", Reason.REASON_FIELD_MALFORMED)
        at: Any = {"topic": place.topic, "lane": place.partition, "offset": place.offset}
        rows = await self._queries.rows(GET, at)
        if not rows:
            await abort_not_found(context, "dead letter", "record")
        row = rows[0]
        headers, value = row[-2], row[-1]
        response = pb.GetDeadLetterResponse(dead_letter=dead_letter_of(row[:-2]))
        for name, content in decode_headers(headers):
            response.headers.add(name=name, value=shown_header(name, content))
        if value is None:
            return response
        kind = envelope_of(self._table, place.topic)
        message = decoded(kind, value)
        if message is not None and value:
            response.message = message.DESCRIPTOR.full_name
            response.masked_json = json.dumps(masked(message), ensure_ascii=False)
        if request.HasField("raw"):
            access = request.raw
            await self._note(pb.OperationKind.OPERATION_KIND_READ, access, place, response.dead_letter, context)
            response.value = value
        return response

    async def ReplayDeadLetter(self, request: pb.ReplayDeadLetterRequest, context: Any) -> pb.ReplayDeadLetterResponse:
        """Hand a parked stream to the service again; what happened when it was carried out."""
        operation = await self._ask(pb.OperationKind.OPERATION_KIND_REPLAY, request, context)
        return pb.ReplayDeadLetterResponse(operation=operation)

    async def DropDeadLetter(self, request: pb.DropDeadLetterRequest, context: Any) -> pb.DropDeadLetterResponse:
        """Give a record up; what happened when it was carried out."""
        operation = await self._ask(pb.OperationKind.OPERATION_KIND_DROP, request, context)
        return pb.DropDeadLetterResponse(operation=operation)

    async def RetryMatter(self, request: pb.RetryMatterRequest, context: Any) -> pb.RetryMatterResponse:
        """Hasten what waits to be tried again."""
        operation = await self._ask(pb.OperationKind.OPERATION_KIND_RETRY, request, context)
        return pb.RetryMatterResponse(operation=operation)

    async def ListOperations(self, request: pb.ListOperationsRequest, context: Any) -> pb.ListOperationsResponse:
        """What was asked and what came of it, newest first."""
        size = _page_size(request.page_size)
        if not request.page_token.isdecimal() and request.page_token:
            await abort_invalid(context, "page_token", Reason.REASON_FIELD_MALFORMED)
        await _check_matter_id(request.matter_id, context)
        if "\0" in request.principal + request.request_id:
            await abort_invalid(context, "request_id", Reason.REASON_FIELD_MALFORMED)
        before = min(int(request.page_token or _MAX_OFFSET), _MAX_OFFSET)
        rows = await self._queries.rows(
            OPERATION_COLUMNS + " WHERE number < %s AND (%s = '' OR matter_id = %s) AND (%s = '' OR principal = %s)"
            " AND (%s = '' OR request_id = %s) ORDER BY number DESC LIMIT %s",
            (before, *[request.matter_id] * 2, *[request.principal] * 2, *[request.request_id] * 2, size + 1),
        )
        response = pb.ListOperationsResponse(operations=[operation_of(row) for row in rows[:size]])
        if len(rows) > size:
            response.next_page_token = str(rows[size - 1][0])
        return response

    async def _note(
        self, kind: pb.OperationKind, access: pb.RawAccess, place: pb.RecordPlace, letter: pb.DeadLetter, context: Any
    ) -> None:
        """Keep that somebody reads a record's bytes, before they are given."""
        refused = malformed(kind, access, self._table.partitions)
        if refused is not None:
            await abort_refused(context, refused)
        content = pb.GetDeadLetterRequest(record=place, raw=access)
        await self._insert(kind, access, content, place.partition, place, letter.matter_id, context, _DONE)

    async def _ask(self, kind: pb.OperationKind, request: Any, context: Any) -> pb.Operation:
        refused = malformed(kind, request, self._table.partitions)
        if refused is not None:
            await abort_refused(context, refused)
        if kind == pb.OperationKind.OPERATION_KIND_RETRY:
            lane = partition_of(request.matter_id.encode(), self._table.partitions)
            place, matter_id = pb.RecordPlace(offset=-1), request.matter_id
        else:
            lane, place, matter_id = request.record.partition, request.record, ""
        await self._insert(kind, request, request, lane, place, matter_id, context, _PENDING)
        operation = await self._ended(request, context)
        if operation.status == _REFUSED:
            await abort_refused(context, operation.outcome.refused)
        return operation

    async def _insert(
        self, kind: pb.OperationKind, asked: Any, content: Message, lane: int, place: pb.RecordPlace, matter_id: str,
        context: Any, status: pb.OperationStatus,
    ) -> None:  # fmt: skip
        """Write it down, unless it stands there; ends the call when another content does."""
        actor = asked.actor
        digest = hashlib.sha256(bytes([kind]) + content.SerializeToString(deterministic=True)).digest()
        await self._queries.rows(
            _INSERT,
            (
                actor.principal, asked.request_id, digest, actor.SerializeToString(), asked.reason, int(kind), lane,
                place.topic, place.offset, matter_id, int(status), status == _DONE,
            ),
        )  # fmt: skip
        ((known,),) = await self._queries.rows(
            "SELECT digest FROM operations WHERE principal = %s AND request_id = %s",
            (actor.principal, asked.request_id),
        )
        if known != digest:
            await abort_refused(context, refuse(NAMES[kind], "request_id", Reason.REASON_REQUEST_ID_REUSED))

    async def _ended(self, request: Any, context: Any) -> pb.Operation:
        """The operation when the lane's owner has carried it out; ends the call at its deadline."""
        given = context.time_remaining()
        seconds = DEFAULT_DEADLINE_SECONDS if given is None else min(given, DEFAULT_DEADLINE_SECONDS)
        try:
            async with asyncio.timeout(max(0.001, seconds - MARGIN_SECONDS)):
                while True:
                    (row,) = await self._queries.rows(
                        OPERATION_COLUMNS + " WHERE principal = %s AND request_id = %s",
                        (request.actor.principal, request.request_id),
                    )
                    operation = operation_of(row)
                    if operation.status != _PENDING:
                        return operation
                    await asyncio.sleep(TICK_SECONDS)
        except TimeoutError:
            await errors.abort(
                context, grpc.StatusCode.DEADLINE_EXCEEDED,
                "it stands and is not carried out yet; ask again with the same request_id, or list the operations",
            )  # fmt: skip


def malformed(kind: pb.OperationKind, asked: Any, partitions: int) -> CommandRefused | None:
    """Every rule of form that a request breaks, and whether its actor may ask."""
    refusal = Refusal(NAMES[kind])
    refusal.check_text("request_id", asked.request_id, MAX_REQUEST_ID_LENGTH)
    refusal.check_text("actor.principal", asked.actor.principal, MAX_PRINCIPAL_LENGTH)
    refusal.check_text("reason", asked.reason, MAX_OPERATION_REASON_LENGTH)
    if isinstance(asked, pb.RetryMatterRequest):
        refusal.check_text("matter_id", asked.matter_id, MAX_MATTER_ID_LENGTH)
    if asked.actor.role not in _ALLOWED:
        allowed = ", ".join(ActorRole.Name(role).removeprefix("ACTOR_ROLE_") for role in _ALLOWED)
        refusal.add("actor.role", Reason.REASON_ROLE_NOT_ALLOWED, {"allowed": allowed})
    if isinstance(asked, (pb.ReplayDeadLetterRequest, pb.DropDeadLetterRequest)):
        place = asked.record
        if not place.topic:
            refusal.add("record", Reason.REASON_FIELD_MISSING)
        elif "\0" in place.topic or place.offset < 0 or not 0 <= place.partition < partitions:
            refusal.add("record", Reason.REASON_FIELD_MALFORMED)
    return refusal.outcome() if refusal else None


def _page_size(asked: int) -> int:
    return min(max(asked, 0) or 50, MAX_PAGE)


async def _check_matter_id(matter_id: str, context: Any) -> None:
    if "\0" in matter_id:
        await abort_invalid(context, "matter_id", Reason.REASON_FIELD_MALFORMED)
