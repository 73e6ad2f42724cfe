"""IntakeService over gRPC: hand in, take back, follow; the catalogue; contents of materials.

Rule 1: a change goes the way of every client's: onto a topic of intake, and the answer is the kept outcome.
Rule 2: a query answers from what is committed here, and says which event it reflects.
Rule 3: a material's content is taken in only when its digest is right.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import AsyncIterator
from contextlib import aclosing

import grpc
import grpc.aio

from onematter.backbone.calls import Room, Share
from onematter.backbone.clock import Clock
from onematter.backbone.doors import Doors, Queries, abort_invalid, abort_not_found, as_of
from onematter.backbone.errors import abort, abort_refused, abort_retry
from onematter.backbone.v1.ledger_pb2 import Ledger
from onematter.common.v1.outcome_pb2 import Outcome, Reason
from onematter.contracts import keys
from onematter.contracts.aggregate import refuse
from onematter.contracts.limits import (
    MAX_COMMAND_BYTES,
    MAX_MATTER_ID_LENGTH,
    MAX_PRINCIPAL_LENGTH,
    MAX_REQUEST_ID_LENGTH,
)
from onematter.contracts.topics import INTAKE_COMMANDS, MATTER_EVENTS, SUBMISSIONS
from onematter.intake import store
from onematter.intake.query_codes import opens, place_of, query_code
from onematter.intake.tries import Tries
from onematter.intake.v1 import intake_service_pb2 as messages
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_service_pb2_grpc import (
    IntakeServiceServicer,
    add_IntakeServiceServicer_to_server,
)
from onematter.intake.v1.intake_state_pb2 import MatterState, MatterStatus
from onematter.intake.views import guide, matter_view
from onematter.intake.watching import Watching
from onematter.law.calendar import WorkingCalendar
from onematter.law.catalogue import Catalogue, UnknownMatter

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 200
# No material of the catalogue may be larger.
MAX_MATERIAL_BYTES = 50 * 1024 * 1024
CHUNK_BYTES = 1024 * 1024
DIGEST_BYTES = 32
# Longer than any; what is typed beyond it makes no difference.
MAX_TYPED = 32

SERVICE_NAME = messages.DESCRIPTOR.services_by_name["IntakeService"].full_name
_COMPLETED = MatterStatus.MATTER_STATUS_COMPLETED

Call = grpc.aio.ServicerContext


def add_to(server: grpc.aio.Server, servicer: IntakeServicer) -> None:
    """Serve `servicer` on `server`."""
    add_IntakeServiceServicer_to_server(servicer, server)


class IntakeServicer(IntakeServiceServicer):
    """The one window's door. Refusals, back-pressure and absent dependencies end the call in `Doors`."""

    def __init__(
        self,
        doors: Doors,
        queries: Queries,
        catalogue: Catalogue,
        deployment: str,
        *,
        calendar: WorkingCalendar | None = None,
        clock: Clock | None = None,
        query_key: bytes = b"",
    ) -> None:
        self._doors = doors
        self._queries = queries
        self._catalogue = catalogue
        self._deployment = deployment
        self._calendar = calendar
        self._clock = clock or Clock()
        self._query_key = query_key
        self._tries = Tries()
        self._room = Room()
        self._watching = Watching(queries, self._view)

    async def SubmitMatter(self, request: messages.SubmitMatterRequest, context: Call) -> messages.SubmitMatterResponse:
        """Hand in a matter; its id follows from who asks and the request_id."""
        command = request.command
        matter_id = keys.matter_id(command.actor.principal, command.request_id)
        outcome = await self._ask(SUBMISSIONS, matter_id, command, "submit_matter", context)
        found = await self._queries.state(matter_id)
        number = MatterState.FromString(found[0]).matter_number if found is not None else ""
        code = query_code(self._query_key, number, matter_id) if number and self._query_key else ""
        return messages.SubmitMatterResponse(outcome=outcome, matter_number=number, query_code=code)

    async def WithdrawMatter(
        self, request: messages.WithdrawMatterRequest, context: Call
    ) -> messages.WithdrawMatterResponse:
        """Take a matter back, before it is concluded."""
        command = request.command
        await _check_matter_id(command.matter_id, "command.matter_id", context)
        outcome = await self._ask(INTAKE_COMMANDS, command.matter_id, command, "withdraw_matter", context)
        return messages.WithdrawMatterResponse(outcome=outcome)

    async def RecordVisit(self, request: messages.RecordVisitRequest, context: Call) -> messages.RecordVisitResponse:
        """Record that the applicant came in person."""
        command = request.command
        await _check_matter_id(command.matter_id, "command.matter_id", context)
        outcome = await self._ask(INTAKE_COMMANDS, command.matter_id, command, "record_visit", context)
        return messages.RecordVisitResponse(outcome=outcome)

    async def HandleMatter(self, request: messages.HandleMatterRequest, context: Call) -> messages.HandleMatterResponse:
        """Do with a matter whatever a command says, but hand it in."""
        command = request.command
        kind = command.WhichOneof("command")
        if kind is None:
            await abort_invalid(context, "command.command", Reason.REASON_FIELD_MISSING)
        if kind == "submit_matter":
            await abort_invalid(
                context, "command.submit_matter", Reason.REASON_FIELD_MALFORMED, rule="hand in with SubmitMatter"
            )
        await _check_matter_id(command.matter_id, "command.matter_id", context)
        outcome = await self._ask(INTAKE_COMMANDS, command.matter_id, command, kind, context)
        return messages.HandleMatterResponse(outcome=outcome)

    async def QueryMatter(self, request: messages.QueryMatterRequest, context: Call) -> messages.QueryMatterResponse:
        """The matter with this printed number and this query code. NOT_FOUND for whatever is wrong with either.

        RESOURCE_EXHAUSTED after too many wrong ones; FAILED_PRECONDITION where the deployment has no secret for codes.
        """
        key = self._query_key
        if not key:
            await abort(
                context, grpc.StatusCode.FAILED_PRECONDITION,
                "this deployment has no query codes; set ONEMATTER_QUERY_KEY or ONEMATTER_QUERY_KEY_FILE",
            )  # fmt: skip
        for field, text in (("matter_number", request.matter_number), ("query_code", request.query_code)):
            if not text:
                await abort_invalid(context, field, Reason.REASON_FIELD_MISSING)
        number, code = request.matter_number.strip()[:MAX_TYPED], request.query_code[:MAX_TYPED]
        caller = _caller(context)
        wait_seconds = math.ceil(self._tries.take(caller, number))
        if wait_seconds:
            await abort_retry(
                context, grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"too many wrong query codes; try again in {wait_seconds} s", wait_seconds,
            )  # fmt: skip
        view = None
        for matter_id, state_bytes, ledger in await store.matters_at(self._queries, place_of(key, number, code)):
            state = MatterState.FromString(state_bytes)
            if opens(key, number, code, kept_number=state.matter_number, matter_id=matter_id):
                view = self._view(matter_id, state, ledger)
        if view is None:
            await abort_not_found(context, "query", "matter_number, query_code")
        self._tries.give_back(caller, number)
        return messages.QueryMatterResponse(matter=view)

    async def GetMatter(self, request: messages.GetMatterRequest, context: Call) -> messages.GetMatterResponse:
        """The matter as it stands. NOT_FOUND until it is accepted."""
        return messages.GetMatterResponse(matter=await self._matter(request.matter_id, context))

    async def WatchMatter(
        self, request: messages.WatchMatterRequest, context: Call
    ) -> AsyncIterator[messages.WatchMatterResponse]:
        """The matter as it stands and at every change, until it is completed. NOT_FOUND until it is accepted."""
        await self._matter(request.matter_id, context)
        async with aclosing(self._watching.follow(request.matter_id)) as views:
            async for view in views:
                yield messages.WatchMatterResponse(matter=view)
                if view.status == _COMPLETED:
                    return

    async def ListMatterTypes(
        self, request: messages.ListMatterTypesRequest, context: Call
    ) -> messages.ListMatterTypesResponse:
        """What can be handed in today, by code, in pages."""
        if not 0 <= request.page_size <= MAX_PAGE_SIZE:
            await abort_invalid(
                context, "page_size", Reason.REASON_FIELD_MALFORMED, minimum="1", maximum=str(MAX_PAGE_SIZE)
            )
        after = request.page_token
        in_force = self._catalogue.all_in_force(self._clock.today())
        if after and all(one.code != after for one in in_force):
            await abort_invalid(
                context, "page_token", Reason.REASON_FIELD_MALFORMED, rule="next_page_token of the page before"
            )
        size = request.page_size or DEFAULT_PAGE_SIZE
        rest = [one for one in in_force if one.code > after]
        return messages.ListMatterTypesResponse(
            matter_types=[guide(one) for one in rest[:size]],
            next_page_token=rest[size - 1].code if len(rest) > size else "",
        )

    async def GetMatterType(
        self, request: messages.GetMatterTypeRequest, context: Call
    ) -> messages.GetMatterTypeResponse:
        """One matter of the catalogue as it can be handed in today. NOT_FOUND when none is in force."""
        try:
            matter_type = self._catalogue.in_force(request.matter_code, self._clock.today())
        except UnknownMatter:
            await abort_not_found(context, "matter type", "matter_code")
        return messages.GetMatterTypeResponse(matter_type=guide(matter_type))

    async def UploadMaterial(
        self, request_iterator: AsyncIterator[messages.UploadMaterialRequest], context: Call
    ) -> messages.UploadMaterialResponse:
        """Keep a content of 1 byte to 50 MiB under its digest. INVALID_ARGUMENT when it has another.

        RESOURCE_EXHAUSTED while too many are being taken in.
        """
        with self._room.share() as share:
            return await self._take_in(request_iterator, share, context)

    async def _take_in(
        self, request_iterator: AsyncIterator[messages.UploadMaterialRequest], share: Share, context: Call
    ) -> messages.UploadMaterialResponse:
        digest = b""
        content = bytearray()
        async for part in request_iterator:
            is_digest = part.WhichOneof("part") == "digest"
            if is_digest == bool(digest) or (is_digest and len(part.digest) != DIGEST_BYTES):
                await abort_invalid(
                    context, "digest", Reason.REASON_MATERIAL_MALFORMED, rule="digest", digest_bytes=str(DIGEST_BYTES)
                )
            if is_digest:
                digest = part.digest
                continue
            if len(content) + len(part.chunk) > MAX_MATERIAL_BYTES:
                await abort_invalid(
                    context, "chunk", Reason.REASON_MATERIAL_OVERSIZED, max_bytes=str(MAX_MATERIAL_BYTES)
                )
            share.take(len(part.chunk))
            content += part.chunk
        if not content:
            await abort_invalid(context, "chunk", Reason.REASON_MATERIAL_MALFORMED, rule="empty")
        if hashlib.sha256(content).digest() != digest:
            await abort_invalid(
                context, "digest", Reason.REASON_MATERIAL_MALFORMED, rule="digest", digest_bytes=str(DIGEST_BYTES)
            )
        await store.keep_material(self._queries, digest, bytes(content))
        return messages.UploadMaterialResponse(digest=digest, size_bytes=len(content))

    async def DownloadMaterial(
        self, request: messages.DownloadMaterialRequest, context: Call
    ) -> AsyncIterator[messages.DownloadMaterialResponse]:
        """The content of a digest, in chunks of at most 1 MiB."""
        size_bytes = await store.material_size_bytes(self._queries, request.digest)
        if size_bytes is None:
            await abort_not_found(context, "material", "digest")
        for start in range(0, size_bytes, CHUNK_BYTES):
            chunk = await store.material_slice(self._queries, request.digest, start, CHUNK_BYTES)
            yield messages.DownloadMaterialResponse(chunk=chunk)

    async def _ask(self, topic: str, key: str, command: IntakeCommand, kind: str, context: Call) -> Outcome:
        if command.WhichOneof("command") != kind:
            await abort_invalid(context, f"command.{kind}", Reason.REASON_FIELD_MISSING)
        for field, text, limit in (
            ("command.request_id", command.request_id, MAX_REQUEST_ID_LENGTH),
            ("command.actor.principal", command.actor.principal, MAX_PRINCIPAL_LENGTH),
        ):
            if not text:
                await abort_invalid(context, field, Reason.REASON_FIELD_MISSING)
            if len(text) > limit:
                await abort_invalid(context, field, Reason.REASON_FIELD_TOO_LONG, limit=str(limit))
        if command.ByteSize() > MAX_COMMAND_BYTES:
            # What the topic's own check would say; but the topic may not even take it.
            parameters = {"max_bytes": str(MAX_COMMAND_BYTES)}
            await abort_refused(context, refuse(kind, "", Reason.REASON_COMMAND_TOO_LARGE, parameters))
        return await self._doors.ask(
            topic,
            key,
            command,
            principal=command.actor.principal,
            request_id=command.request_id,
            context=context,
        )

    async def _matter(self, matter_id: str, context: Call) -> messages.MatterView:
        await _check_matter_id(matter_id, "matter_id", context)
        found = await self._queries.state(matter_id)
        state = MatterState.FromString(found[0]) if found is not None else MatterState()
        if found is None or state.status == MatterStatus.MATTER_STATUS_UNSPECIFIED:
            await abort_not_found(context, "matter", "matter_id")
        return self._view(matter_id, state, found[1])

    def _view(self, matter_id: str, state: MatterState, ledger: Ledger) -> messages.MatterView:
        try:
            matter_type = self._catalogue.get(state.matter_code, state.catalogue_version)
        except UnknownMatter:
            matter_type = None
        place = as_of(ledger, self._deployment, MATTER_EVENTS)
        return matter_view(matter_id, state, place, matter_type=matter_type, calendar=self._calendar)


async def _check_matter_id(matter_id: str, field: str, context: Call) -> None:
    if not matter_id:
        await abort_invalid(context, field, Reason.REASON_FIELD_MISSING)
    if len(matter_id) > MAX_MATTER_ID_LENGTH:
        await abort_invalid(context, field, Reason.REASON_FIELD_TOO_LONG, limit=str(MAX_MATTER_ID_LENGTH))
    if not matter_id.isascii() or "\0" in matter_id:
        await abort_invalid(context, field, Reason.REASON_FIELD_MALFORMED)


def _caller(context: Call) -> str:
    """Who calls, but for the port: another connection is no other caller."""
    return str(context.peer()).rpartition(":")[0]
