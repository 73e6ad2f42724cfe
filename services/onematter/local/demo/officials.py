"""Simulated officials (审批人员): each has a desk, lists its inbox, claims, reads, and decides, all by gRPC.

Rule 1: an official sees what a real one sees: the inbox of the own department, and the matter's progress.
Rule 2: a decision is made on an item that the matter's progress shows open; a task that only the inbox knows waits.
Rule 3: every request has an id made of the run and the task, so that one whose answer was lost is sent again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc.aio

from onematter.approval.v1 import approval_service_pb2 as messages
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_service_pb2_grpc import ApprovalServiceStub
from onematter.client.channel import error_of
from onematter.client.errors import DeadlineExceeded, OneMatterError, Unavailable
from onematter.client.messages import actor_of, claim_command, decide_command
from onematter.common.v1.actor_pb2 import Actor, Level, Rank
from onematter.intake.v1.intake_events_pb2 import Item
from onematter.law.calendar import legal_date
from onematter.local.demo.board import Board
from onematter.local.demo.script import Desk, Practice

INBOX_INTERVAL_SECONDS = 0.25
RETRY_INTERVAL_SECONDS = 0.2
CALL_SECONDS = 10.0


@dataclass(frozen=True)
class Official:
    """One official at one desk, concerned with one matter. `pace` multiplies every pause; 0 makes none."""

    desk: Desk
    matter_id: str
    practices: dict[str, Practice]
    run: str
    pace: float
    board: Board

    async def work(self, approval: ApprovalServiceStub) -> None:
        """Work until cancelled. Raises Refused and other errors of the client that trying again does not mend."""
        desk = self.desk
        inbox = messages.ListTasksRequest(
            level=desk.level, division=desk.division, department=desk.department, matter_id=self.matter_id
        )
        done: set[str] = set()
        while True:
            page = await persistently(approval.ListTasks, inbox)
            for view in page.tasks:
                if view.task.item_id not in done:
                    await self._handle(approval, view.task.opened.item)
                    done.add(view.task.item_id)
            await asyncio.sleep(INBOX_INTERVAL_SECONDS)

    async def _handle(self, approval: ApprovalServiceStub, item: Item) -> None:
        practice = self.practices.get(item.item_id.partition("@")[0])
        if practice is None:
            raise OneMatterError(f"item {item.item_id} waits for a person, and the demo has nobody who knows it")
        actor = actor_of(
            f"demo-{self.desk.department}-{self.desk.division}",
            "official",
            rank=Rank.RANK_STAFF,
            level=self.desk.level,
            division=self.desk.division,
            department=self.desk.department,
        )

        def request_id(act: str) -> str:
            return f"{self.run}-{act}-{item.item_id}"

        await asyncio.sleep(practice.reads_seconds * self.pace)
        claim = claim_command(actor, request_id("claim"), self.matter_id, item.item_id)
        await persistently(approval.ClaimTask, messages.ClaimTaskRequest(command=claim))
        self.board.claimed(self.matter_id, item)
        needed = (item.item_id, *practice.visits_with)
        await self.board.until(lambda: all(self.board.has_opened(self.matter_id, one) for one in needed))
        if practice.visits_with:
            await self._visit(approval, actor, item, practice, request_id("visit"))
        await asyncio.sleep(practice.decides_seconds * self.pace)
        decide = decide_command(
            actor, request_id("decide"), self.matter_id, item.item_id, grant=True, opinion=practice.opinion
        )
        await persistently(approval.DecideTask, messages.DecideTaskRequest(command=decide))

    async def _visit(
        self, approval: ApprovalServiceStub, actor: Actor, item: Item, practice: Practice, request_id: str
    ) -> None:
        """Go to the site together (一同勘验): the first department records it, the others learn of it by intake."""
        if item.item_id == practice.visits_with[0]:
            command = ApprovalCommand(
                request_id=request_id, matter_id=self.matter_id, actor=actor, item_id=item.item_id
            )
            visit = command.record_site_visit.site_visit
            visit.day = legal_date(time.time_ns() // 1_000_000).isoformat()
            visit.finding = practice.finding
            visit.passed = True
            await persistently(approval.HandleTask, messages.HandleTaskRequest(command=command))
            self.board.visited(self.matter_id, item)
        asked = messages.GetTaskRequest(matter_id=self.matter_id, item_id=item.item_id)
        while not (await persistently(approval.GetTask, asked)).task.task.site_visit.passed:
            await asyncio.sleep(INBOX_INTERVAL_SECONDS)


async def persistently(call: Callable[..., Awaitable[Any]], request: Any) -> Any:
    """Call, and call again while the service cannot answer; who waits bounds it. Raises what else goes wrong."""
    while True:
        try:
            return await call(request, timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as failed:
            error = error_of(failed)
            if not isinstance(error, Unavailable | DeadlineExceeded):
                raise error from None
        await asyncio.sleep(RETRY_INTERVAL_SECONDS)


def deployment_of(level: Level) -> str:
    """The deployment that serves a level's inbox."""
    return "approval-" + Level.Name(level).removeprefix("LEVEL_").lower()
