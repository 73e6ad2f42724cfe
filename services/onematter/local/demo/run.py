"""One run of the demo on a stack that is up: hand in, let the officials work, watch, and gather what came of it.

Rule 1: everything that is judged at the end was read from the services: views, notices, case file and receipt.
Rule 2: bounded by RUN_SECONDS; a process of the stack that ends, or a call that fails for good, ends the run at once.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc.aio

from onematter.approval.v1.approval_service_pb2_grpc import ApprovalServiceStub
from onematter.archive.v1.archive_service_pb2 import CaseFile, Receipt
from onematter.client import verification
from onematter.client.channel import Services, error_of
from onematter.client.errors import DeadlineExceeded, NotFound, OneMatterError, Unavailable
from onematter.client.messages import MaterialFile, actor_of, application_of, submit_command
from onematter.client.verification import Verification
from onematter.common.v1.names_pb2 import LocalizedText
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_service_pb2 import HandleMatterRequest, WatchMatterRequest
from onematter.intake.v1.intake_service_pb2_grpc import IntakeServiceStub
from onematter.local.demo.board import Board, delivered
from onematter.local.demo.officials import RETRY_INTERVAL_SECONDS, Official, deployment_of, persistently
from onematter.local.demo.script import APPLICANT, CLERK, Matter, pdf
from onematter.local.stack import Stack
from onematter.notification.v1.notification_events_pb2 import NoticeKind

RUN_SECONDS = 90.0
SUPERVISION = "supervision"
NOTICE_INTERVAL_SECONDS = 0.4
HEALTH_INTERVAL_SECONDS = 0.5
# No proxy of the environment stands between this machine and itself.
_OPTIONS = (("grpc.enable_http_proxy", 0),)


@dataclass(frozen=True)
class Sealed:
    """What the archive keeps of one matter, and what checking it said."""

    case_file: CaseFile
    receipt: Receipt
    verified: Verification


@dataclass
class Run:
    """One run. `matters` and `sealed` are by matter_id, in the order of handing in."""

    stack: Stack
    services: Services
    board: Board
    script: tuple[Matter, ...]
    folder: Path
    pace: float = 1.0
    language: str = "en"
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    matters: dict[str, Matter] = field(default_factory=dict[str, Matter])
    sealed: dict[str, Sealed] = field(default_factory=dict[str, Sealed])
    # The text of the rule that decided an item, by matter_id and item_id.
    rules: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    # Names of the materials of a matter's guide, by matter code and material_id.
    materials: dict[str, dict[str, LocalizedText]] = field(default_factory=dict[str, "dict[str, LocalizedText]"])

    async def play(self) -> None:
        """Play it to the end. Raises TimeoutError, LocalError and the errors of the client."""
        async with asyncio.timeout(RUN_SECONDS), AsyncExitStack() as channels:
            intake = IntakeServiceStub(await self._channel(channels, "intake"))
            approvals = {
                name: ApprovalServiceStub(await self._channel(channels, name))
                for name in self.services.approval_deployments()
            }
            for matter in self.script:
                self.matters[await asyncio.to_thread(self._hand_in, matter)] = matter
            others: list[Coroutine[Any, Any, None]] = [self._look_after_processes(), self._look_for_notices()]
            for matter_id, matter in self.matters.items():
                others += [self._watch(intake, matter_id), self._accept(intake, matter_id)]
                for desk in matter.desks:
                    official = Official(desk, matter_id, dict(matter.practices), self.run_id, self.pace, self.board)
                    others += [official.work(approvals[deployment_of(desk.level)])]
            await first_ends(self._finish(), others)

    def still_open(self) -> str:
        """What had not come to its end, for the reason of a failure."""
        waiting = [
            f"{self.matters[matter_id].code} {state.item.item_id} ({self.board.status(matter_id, state)})"
            for matter_id, view in self.board.views.items()
            for state in view.items
            if not state.HasField("result")
        ]
        return ", ".join(waiting) or "no item; the archive's seal or a notice is missing"

    def problems(self) -> list[str]:
        """Why the run does not count as a success; empty when it does."""
        found: list[str] = []
        if len(self.matters) < len(self.script):
            found.append("not every matter was handed in")
        for matter_id, matter in self.matters.items():
            if not self.board.completed(matter_id):
                found.append(f"{matter.code} is not completed")
            sealed = self.sealed.get(matter_id)
            if sealed is None:
                found.append(f"{matter.code} has no receipt")
            elif sealed.verified.difference is not None:
                found.append(f"{matter.code} is not verified: {sealed.verified.difference}")
            elif sealed.receipt.matter_id != matter_id:
                found.append(f"{matter.code}: the archive answered with another matter's receipt")
        if not self.board.together:
            found.append("no view of a matter showed tasks of province, city and county open at one moment")
        return found

    async def _channel(self, channels: AsyncExitStack, deployment: str) -> grpc.aio.Channel:
        return await channels.enter_async_context(
            grpc.aio.insecure_channel(self.services.addresses[deployment], _OPTIONS)
        )

    def _hand_in(self, matter: Matter) -> str:
        folder = self.folder / matter.code
        folder.mkdir(parents=True, exist_ok=True)
        materials: list[MaterialFile] = []
        for name in matter.materials:
            path = folder / f"{name}.pdf"
            path.write_bytes(pdf(f"{matter.code} {name}"))
            materials.append(MaterialFile(path))
        command = submit_command(
            actor_of(APPLICANT, "applicant"),
            f"{self.run_id}-{matter.code}",
            matter.code,
            matter.division,
            application_of(matter.facts, materials, (matter.party,)),
            channel=matter.channel,
            language=self.language,
        )
        for material in materials:
            self._persistently(lambda material=material: self.services.upload_material(material))
        self._persistently(lambda: self.services.submit(command))
        return command.matter_id

    @staticmethod
    def _persistently(call: Callable[[], object], tries: int = 3) -> None:
        # The same request again has its effect once; a group of consumers may still be finding its members.
        for left in reversed(range(tries)):
            try:
                call()
                return
            except (Unavailable, DeadlineExceeded):
                if not left:
                    raise

    async def _watch(self, intake: IntakeServiceStub, matter_id: str) -> None:
        while not self.board.completed(matter_id):
            try:
                async for response in intake.WatchMatter(WatchMatterRequest(matter_id=matter_id), timeout=RUN_SECONDS):
                    self.board.saw(response.matter)
            except grpc.aio.AioRpcError as failed:
                error = error_of(failed)
                if not isinstance(error, Unavailable | DeadlineExceeded):
                    raise error from None
                await asyncio.sleep(RETRY_INTERVAL_SECONDS)

    async def _accept(self, intake: IntakeServiceStub, matter_id: str) -> None:
        """The clerk of the one window (综合窗口) accepts where the catalogue leaves that to a person."""
        await self.board.until(lambda: self.board.received(matter_id) or self.board.accepted(matter_id))
        if self.board.accepted(matter_id):
            return
        command = IntakeCommand(request_id=f"{self.run_id}-accept", matter_id=matter_id, actor=actor_of(CLERK, "clerk"))
        command.accept_matter.SetInParent()
        await persistently(intake.HandleMatter, HandleMatterRequest(command=command))

    async def _look_after_processes(self) -> None:
        while True:
            for name, process in self.stack.supervisor.processes.items():
                # The indicators are no part of what is shown here; the report tells when they are missing.
                if name != SUPERVISION and not process.alive():
                    raise process.died()
            await asyncio.sleep(HEALTH_INTERVAL_SECONDS)

    async def _look_for_notices(self) -> None:
        while True:
            for matter_id in self.matters:
                try:
                    answer = await asyncio.to_thread(self.services.notices, matter_id)
                except (NotFound, Unavailable, DeadlineExceeded):
                    continue
                self.board.noticed(matter_id, {one.notice.notice_id: one for one in answer.notices})
            await asyncio.sleep(NOTICE_INTERVAL_SECONDS)

    async def _finish(self) -> None:
        await self.board.until(lambda: all(self.board.completed(matter_id) for matter_id in self.matters))
        for matter_id in self.matters:
            self.sealed[matter_id] = await self._sealed(matter_id)
            await asyncio.to_thread(self._learn_rules, matter_id)
            await asyncio.to_thread(self._learn_materials, self.matters[matter_id].code)
        while not all(self._result_told(matter_id) for matter_id in self.matters):
            await asyncio.sleep(RETRY_INTERVAL_SECONDS)

    async def _sealed(self, matter_id: str) -> Sealed:
        while True:
            try:
                receipt = await asyncio.to_thread(self.services.receipt, matter_id)
                case_file = await asyncio.to_thread(self.services.case_file, matter_id)
                return Sealed(case_file, receipt, verification.verify(case_file, receipt))
            except (NotFound, Unavailable, DeadlineExceeded):
                await asyncio.sleep(RETRY_INTERVAL_SECONDS)

    def _learn_rules(self, matter_id: str) -> None:
        for state in self.board.views[matter_id].items:
            if state.result.automatic:
                task = self.services.task(state.item.owner, matter_id, state.item.item_id).task
                self.rules[matter_id, state.item.item_id] = task.decided.rule

    def _learn_materials(self, matter_code: str) -> None:
        guide = self.services.matter_type(matter_code)
        self.materials[matter_code] = {one.material_id: one.name for item in guide.items for one in item.materials}

    def _result_told(self, matter_id: str) -> bool:
        return any(
            notice.notice.kind == NoticeKind.NOTICE_KIND_RESULT and delivered(notice)
            for notice in self.board.notices.get(matter_id, {}).values()
        )


async def first_ends(leading: Coroutine[Any, Any, None], others: list[Coroutine[Any, Any, None]]) -> None:
    """Run all at once until `leading` ends, then cancel the others; an error of any is raised at once."""
    leader = asyncio.ensure_future(leading)
    helpers = [asyncio.ensure_future(other) for other in others]
    waiting = {leader, *helpers}
    try:
        while not leader.done():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
    finally:
        for task in (leader, *helpers):
            task.cancel()
        await asyncio.gather(leader, *helpers, return_exceptions=True)


def reason_of(error: BaseException, run: Run) -> str:
    """Why a run ended early, for a person."""
    if isinstance(error, TimeoutError):
        return f"not finished within {RUN_SECONDS:.0f} s; still open: {run.still_open()}"
    if isinstance(error, OneMatterError):
        return str(error)
    return f"{type(error).__name__}: {error}"
