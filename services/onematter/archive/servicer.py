"""ArchiveService over gRPC: case files and receipts, from what is committed here.

Rule 1: a receipt exists from the seal on; a case file from the first record on, whole when it carries its seal.
"""

from __future__ import annotations

import grpc.aio

from onematter.archive import store
from onematter.archive.core import leaves_under
from onematter.archive.v1 import archive_service_pb2 as messages
from onematter.archive.v1.archive_service_pb2_grpc import (
    ArchiveServiceServicer,
    add_ArchiveServiceServicer_to_server,
)
from onematter.archive.v1.archive_state_pb2 import RecordState
from onematter.backbone.doors import Queries
from onematter.backbone.errors import abort_invalid, abort_not_found
from onematter.common.v1.outcome_pb2 import Reason

SERVICE_NAME = messages.DESCRIPTOR.services_by_name["ArchiveService"].full_name


class ArchiveServicer(ArchiveServiceServicer):
    """Answers from the archive's database alone."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    async def GetCaseFile(
        self, request: messages.GetCaseFileRequest, context: grpc.aio.ServicerContext
    ) -> messages.GetCaseFileResponse:
        """Return every record that has arrived of a matter. NOT_FOUND when none has."""
        state = await self._state(request.matter_id, context)
        # Read after the state: records are only ever added, so a seal never comes without its records.
        rows = await self._queries.rows(store.SELECT, [request.matter_id])
        case = store.case_file(request.matter_id, (row[0] for row in rows))
        if state.HasField("seal"):
            case.seal.CopyFrom(state.seal)
        return messages.GetCaseFileResponse(case_file=case)

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
        matter_id=matter_id, matter_number=state.matter_number, seal=state.seal, leaf_digests=leaves
    )


def add_to(server: grpc.aio.Server, servicer: ArchiveServicer) -> None:
    """Register the service."""
    add_ArchiveServiceServicer_to_server(servicer, server)
