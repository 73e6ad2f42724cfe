"""ArchiveService over gRPC: case files and receipts, from what is committed here.

Rule 1: a receipt exists from the seal on; a case file from the first record on, whole when it carries its seal.
Rule 2: accountable time is found anew from the records at every request, so it never disagrees with them. It is left
out while the records, or the calendar, do not reach that far; the case file is given all the same.
"""

from __future__ import annotations

from contextlib import suppress

import grpc.aio

from onematter.archive import store
from onematter.archive.accounting import account, messages_of
from onematter.archive.core import leaves_under
from onematter.archive.v1 import archive_service_pb2 as messages
from onematter.archive.v1.archive_service_pb2_grpc import (
    ArchiveServiceServicer,
    add_ArchiveServiceServicer_to_server,
)
from onematter.archive.v1.archive_state_pb2 import RecordState
from onematter.backbone.clock import Clock
from onematter.backbone.doors import Queries
from onematter.backbone.errors import abort_invalid, abort_not_found
from onematter.common.v1.outcome_pb2 import Reason
from onematter.contracts.topics import TopicTable
from onematter.law.calendar import CalendarMissing, WorkingCalendar

SERVICE_NAME = messages.DESCRIPTOR.services_by_name["ArchiveService"].full_name


class ArchiveServicer(ArchiveServiceServicer):
    """Answers from the archive's database alone."""

    def __init__(self, queries: Queries, table: TopicTable, calendar: WorkingCalendar, clock: Clock) -> None:
        self._queries, self._table, self._calendar, self._clock = queries, table, calendar, clock

    async def GetCaseFile(
        self, request: messages.GetCaseFileRequest, context: grpc.aio.ServicerContext
    ) -> messages.GetCaseFileResponse:
        """Return every record that has arrived of a matter, and whose its time was. NOT_FOUND when none has."""
        state = await self._state(request.matter_id, context)
        # Read after the state: records are only ever added, so a seal never comes without its records.
        rows = await self._queries.rows(store.SELECT, [request.matter_id])
        case = store.case_file(request.matter_id, (row[0] for row in rows))
        if state.HasField("seal"):
            case.seal.CopyFrom(state.seal)
        response = messages.GetCaseFileResponse(case_file=case)
        with suppress(CalendarMissing):
            found = account(case.records, self._table, self._calendar, self._clock.now_unix_ms())
            response.accountable_time.extend(messages_of(found))
        return response

    async def GetReceipt(
        self, request: messages.GetReceiptRequest, context: grpc.aio.ServicerContext
    ) -> messages.GetReceiptResponse:
        """Return the seal with its leaf digests. NOT_FOUND while the matter is not sealed."""
        state = await self._state(request.matter_id, context)
        receipt = receipt_of(request.matter_id, state)
        if receipt is None:
            await abort_not_found(context, "receipt", "matter_id")
        return messages.GetReceiptResponse(receipt=receipt)

    async def _state(self, matter_id: str, context: grpc.aio.ServicerContext) -> RecordState:
        if not matter_id:
            await abort_invalid(context, "matter_id", Reason.REASON_FIELD_MISSING)
        if "\0" in matter_id:
            await abort_invalid(context, "matter_id", Reason.REASON_FIELD_MALFORMED, rule="no NUL character")
        found = await self._queries.state(matter_id)
        if found is None:
            await abort_not_found(context, "matter", "matter_id")
        return RecordState.FromString(found[0])


def receipt_of(matter_id: str, state: RecordState) -> messages.Receipt | None:
    """Return the receipt; None while there is no seal, or while leaves of it have yet to come again after a restore."""
    if not state.HasField("seal"):
        return None
    leaves = leaves_under(state.seal.manifest, state.streams)
    if leaves is None:
        return None
    return messages.Receipt(
        matter_id=matter_id,
        matter_number=state.matter_number,
        seal=state.seal,
        leaf_digests=leaves,
        visits=state.visits,
        trips=state.trips,
    )


def add_to(server: grpc.aio.Server, servicer: ArchiveServicer) -> None:
    """Register the service."""
    add_ArchiveServiceServicer_to_server(servicer, server)
