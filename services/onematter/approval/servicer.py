"""ApprovalService over gRPC: lists from the database, changes through the deployment's own commands topic.

Rule 1: a query answers from what is committed here, and says which event it reflects.
Rule 2: a change goes the way of every client's: onto the commands topic, and the answer is the kept outcome.
Rule 3: of several at once (批量办理) each has its own outcome; a refusal is one, and holds nothing else up. What cannot
be sent at all, or has no outcome in time, ends the call: then the same commands are sent again, to the same effect.
"""

from __future__ import annotations

import asyncio
import json
from typing import NoReturn

import grpc
import grpc.aio

from onematter.approval import store
from onematter.approval.core import DECIDE
from onematter.approval.desk import Desk
from onematter.approval.reckoning import clocks_of
from onematter.approval.v1 import approval_service_pb2 as messages
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_service_pb2_grpc import (
    ApprovalServiceServicer,
    add_ApprovalServiceServicer_to_server,
)
from onematter.approval.v1.approval_state_pb2 import TasksState, TaskState
from onematter.backbone import errors
from onematter.backbone.doors import Doors, Queries, abort_invalid, abort_not_found, as_of
from onematter.backbone.v1.ledger_pb2 import Ledger
from onematter.common.v1.outcome_pb2 import Outcome, Reason
from onematter.contracts.times import unix_ms
from onematter.law import explaining

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 500
MAX_DECISIONS = 100
# RFC 3339 ends with the year 9999, and so does google.protobuf.Timestamp.
_MAX_SECONDS = 253_402_300_799

# What HandleTask takes: every command but intake's, and those that have a call of their own.
HANDLED = frozenset(DECIDE) - {"claim_task", "decide_task"}

SERVICE_NAME = messages.DESCRIPTOR.services_by_name["ApprovalService"].full_name


class Malformed(ValueError):
    """A field of a request that cannot be used: its path, the reason and what the text needs."""

    def __init__(self, field: str, reason: Reason, parameters: dict[str, str] | None = None) -> None:
        super().__init__(f"{field}: {Reason.Name(reason)}")
        self.field = field
        self.reason = reason
        self.parameters = parameters or {}


class ApprovalServicer(ApprovalServiceServicer):
    """One deployment's tasks. Refusals, back-pressure and absent dependencies abort the call in `Doors`."""

    def __init__(self, doors: Doors, queries: Queries, desk: Desk, commands_topic: str, events_topic: str) -> None:
        self._doors = doors
        self._queries = queries
        self._desk = desk
        self._deployment = desk.deployment
        self._commands_topic = commands_topic
        self._events_topic = events_topic

    async def ListTasks(
        self, request: messages.ListTasksRequest, context: grpc.aio.ServicerContext
    ) -> messages.ListTasksResponse:
        """List tasks that were opened for a person, earliest promised deadline first, in pages."""
        try:
            wanted = wanted_of(request)
        except Malformed as malformed:
            await _abort(context, malformed)
        rows = await self._queries.rows(*store.list_statement(wanted))
        size = wanted.limit - 1
        response = messages.ListTasksResponse()
        for matter_id, task, ledger in rows[:size]:
            response.tasks.append(self._view(matter_id, TaskState.FromString(task), Ledger.FromString(ledger)))
        if len(rows) > size:
            last = response.tasks[-1]
            response.next_page_token = store.encode_token(store.place_of(last.matter_id, last.task))
        return response

    async def GetTask(
        self, request: messages.GetTaskRequest, context: grpc.aio.ServicerContext
    ) -> messages.GetTaskResponse:
        """Return one task, also one decided by rule, with how its deadlines come about.

        NOT_FOUND when this deployment has no such task.
        """
        try:
            for field in ("matter_id", "item_id"):
                _check_text(field, getattr(request, field), required=True)
        except Malformed as malformed:
            await _abort(context, malformed)
        found = await self._queries.state(request.matter_id)
        if found is not None:
            state, ledger = found
            for task in TasksState.FromString(state).tasks:
                if task.item_id == request.item_id:
                    view = self._view(request.matter_id, task, ledger)
                    view.deadline_explanation_json = explanation_of(self._desk, task)
                    return messages.GetTaskResponse(task=view)
        return await abort_not_found(context, "task", "item_id")

    async def ClaimTask(
        self, request: messages.ClaimTaskRequest, context: grpc.aio.ServicerContext
    ) -> messages.ClaimTaskResponse:
        """Put the actor's name to a task; repeating one's own claim is accepted."""
        return messages.ClaimTaskResponse(outcome=await self._ask(request.command, "claim_task", context))

    async def DecideTask(
        self, request: messages.DecideTaskRequest, context: grpc.aio.ServicerContext
    ) -> messages.DecideTaskResponse:
        """Decide a task, finally."""
        return messages.DecideTaskResponse(outcome=await self._ask(request.command, "decide_task", context))

    async def HandleTask(
        self, request: messages.HandleTaskRequest, context: grpc.aio.ServicerContext
    ) -> messages.HandleTaskResponse:
        """Do with a task whatever else may be done with it."""
        try:
            name = check_handled(request.command)
        except Malformed as malformed:
            await _abort(context, malformed)
        return messages.HandleTaskResponse(outcome=await self._ask(request.command, name, context))

    async def DecideTasks(
        self, request: messages.DecideTasksRequest, context: grpc.aio.ServicerContext
    ) -> messages.DecideTasksResponse:
        """Decide several tasks, of any matters; the outcomes stand in the order of the commands."""
        try:
            check_decisions(request)
        except Malformed as malformed:
            await _abort(context, malformed)
        seconds = context.time_remaining()
        asked = (
            self._doors.outcome(
                self._commands_topic,
                command.matter_id,
                command,
                principal=command.actor.principal,
                request_id=command.request_id,
                seconds=seconds,
            )
            for command in request.commands
        )
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, TimeoutError):
                await errors.abort(
                    context,
                    grpc.StatusCode.DEADLINE_EXCEEDED,
                    "not every outcome is there yet; the commands may stand: ask again with the same request_ids",
                )
            if isinstance(outcome, BaseException):
                raise outcome
        return messages.DecideTasksResponse(outcomes=[one for one in outcomes if isinstance(one, Outcome)])

    async def _ask(self, command: ApprovalCommand, name: str, context: grpc.aio.ServicerContext) -> Outcome:
        try:
            check_command(command, name)
        except Malformed as malformed:
            await _abort(context, malformed)
        return await self._doors.ask(
            self._commands_topic,
            command.matter_id,
            command,
            principal=command.actor.principal,
            request_id=command.request_id,
            context=context,
        )

    def _view(self, matter_id: str, task: TaskState, ledger: Ledger) -> messages.TaskView:
        return messages.TaskView(
            matter_id=matter_id, task=task, as_of=as_of(ledger, self._deployment, self._events_topic)
        )


def add_to(server: grpc.aio.Server, servicer: ApprovalServicer) -> None:
    """Register the service."""
    add_ApprovalServiceServicer_to_server(servicer, server)


def check_command(command: ApprovalCommand, name: str, path: str = "command") -> None:
    """Check what must be there for a command to be sent at all; the rest is the core's. Raises Malformed.

    A call whose oneof is empty means the command that it is named after. `path` is the command's in the request.
    """
    sent = command.WhichOneof("command")
    if sent not in (None, name):
        raise Malformed(f"{path}.{sent}", Reason.REASON_FIELD_MALFORMED, {"allowed": name})
    for field in ("matter_id", "request_id"):
        _check_text(f"{path}.{field}", getattr(command, field), required=True)
    _check_text(f"{path}.actor.principal", command.actor.principal, required=True)
    if sent is None:
        getattr(command, name).SetInParent()


def check_handled(command: ApprovalCommand) -> str:
    """Return the name of a command for HandleTask. Raises Malformed for one with a call of its own, or intake's."""
    name = command.WhichOneof("command")
    if name is None:
        raise Malformed("command", Reason.REASON_FIELD_MISSING)
    if name not in HANDLED:
        raise Malformed(f"command.{name}", Reason.REASON_FIELD_MALFORMED, {"allowed": ", ".join(sorted(HANDLED))})
    return name


def check_decisions(request: messages.DecideTasksRequest) -> None:
    """Check that there are 1 to MAX_DECISIONS decisions that can be sent. Raises Malformed."""
    if not request.commands:
        raise Malformed("commands", Reason.REASON_FIELD_MISSING)
    if len(request.commands) > MAX_DECISIONS:
        raise Malformed("commands", Reason.REASON_FIELD_TOO_LONG, {"limit": str(MAX_DECISIONS)})
    for position, command in enumerate(request.commands):
        check_command(command, "decide_task", f"commands[{position}]")


def explanation_of(desk: Desk, task: TaskState) -> str:
    """Return how the legal and the promised deadline of a task come about, as JSON; empty for one decided by rule."""
    if not task.HasField("opened"):
        return ""
    clocks = clocks_of(desk, task)
    told = {
        name: explaining.document(explaining.explain(period, desk.calendar))
        for name, period in (("legal", clocks.legal), ("promised", clocks.promised))
    }
    return json.dumps(told, ensure_ascii=False)


def wanted_of(request: messages.ListTasksRequest) -> store.Wanted:
    """Return what a list asks for, with one row more than its page to see whether another follows.

    Raises Malformed.
    """
    if not 0 <= request.page_size <= MAX_PAGE_SIZE:
        raise Malformed("page_size", Reason.REASON_FIELD_MALFORMED, {"rule": f"1 to {MAX_PAGE_SIZE}"})
    statuses = frozenset[int](request.statuses)
    if not statuses <= store.WAITING | store.ENDED:
        raise Malformed(
            "statuses",
            Reason.REASON_FIELD_MALFORMED,
            {"allowed": "OPEN, CLAIMED, SUSPENDED, DECIDED, RECALLED, REVOKED"},
        )
    for field in ("division", "department", "matter_id"):
        _check_text(field, getattr(request, field))
    deadline_before_unix_ms = None
    if request.HasField("deadline_before"):
        if not 0 <= request.deadline_before.seconds <= _MAX_SECONDS:
            raise Malformed("deadline_before", Reason.REASON_FIELD_MALFORMED, {"rule": "years 1970 to 9999"})
        deadline_before_unix_ms = unix_ms(request.deadline_before)
    after = None
    if request.page_token:
        try:
            after = store.decode_token(request.page_token)
        except ValueError:
            raise Malformed(
                "page_token", Reason.REASON_FIELD_MALFORMED, {"rule": "next_page_token of the page before"}
            ) from None
    return store.Wanted(
        statuses=statuses or store.WAITING,
        limit=(request.page_size or DEFAULT_PAGE_SIZE) + 1,
        level=request.level,
        division=request.division,
        department=request.department,
        matter_id=request.matter_id,
        deadline_before_unix_ms=deadline_before_unix_ms,
        after=after,
    )


def _check_text(field: str, text: str, *, required: bool = False) -> None:
    if required and not text:
        raise Malformed(field, Reason.REASON_FIELD_MISSING)
    if "\0" in text:
        raise Malformed(field, Reason.REASON_FIELD_MALFORMED, {"rule": "no NUL character"})


async def _abort(context: grpc.aio.ServicerContext, malformed: Malformed) -> NoReturn:
    await abort_invalid(context, malformed.field, malformed.reason, **malformed.parameters)
