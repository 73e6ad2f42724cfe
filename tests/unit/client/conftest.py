"""A gRPC server on loopback with hand-written answers, for the client's own tests."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Iterator
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from click.testing import CliRunner, Result
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from onematter.approval.v1 import approval_service_pb2 as approval
from onematter.approval.v1 import approval_service_pb2_grpc as approval_rpc
from onematter.approval.v1.approval_state_pb2 import TaskStatus
from onematter.archive.v1 import archive_service_pb2 as archive
from onematter.archive.v1 import archive_service_pb2_grpc as archive_rpc
from onematter.backbone.v1 import operations_service_pb2 as operations
from onematter.backbone.v1 import operations_service_pb2_grpc as operations_rpc
from onematter.client.cli import cli
from onematter.common.v1.actor_pb2 import Level
from onematter.common.v1.names_pb2 import LocalizedText
from onematter.common.v1.outcome_pb2 import Outcome, Reason
from onematter.intake.v1 import intake_service_pb2 as intake
from onematter.intake.v1 import intake_service_pb2_grpc as intake_rpc
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_events_pb2 import MatterEvent
from onematter.notification.v1 import notification_service_pb2 as notification
from onematter.notification.v1 import notification_service_pb2_grpc as notification_rpc
from onematter.notification.v1.notification_events_pb2 import NoticeKind

with warnings.catch_warnings():
    # kafka-python reads its schemas by a call that Python 3.11 and 3.12 call deprecated, and 3.13 does not.
    warnings.simplefilter("ignore", DeprecationWarning)
    import kafka  # noqa: F401

MATTER = "0123456789abcdef0123456789abcdef"
NUMBER = "202611233301061000000001"
CODE = "7KQ2-M9XA"
EVENTS = "onematter.matter.events.v1"


def abort(context: grpc.ServicerContext, code: grpc.StatusCode, text: str, *details: Message) -> None:
    packed = []
    for detail in details:
        one = AnyMessage()
        one.Pack(detail)
        packed.append(one)
    status = Status(code=code.value[0], message=text, details=packed)
    context.abort_with_status(rpc_status.to_status(status))


@dataclass
class Office:
    """What the services saw, and what they answer. `failure` ends the next calls."""

    commands: list[Any] = field(default_factory=list)
    requests: list[Any] = field(default_factory=list)
    uploads: list[bytes] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)
    failure: Callable[[grpc.ServicerContext], None] | None = None
    tasks: dict[tuple[str, str], approval.TaskView] = field(default_factory=dict)
    case_file: archive.CaseFile | None = None
    receipt: archive.Receipt | None = None
    accountable_time: list[archive.AccountableTime] = field(default_factory=list)
    matter: intake.MatterView | None = None
    refused_items: set[str] = field(default_factory=set)
    letters: list[operations.DeadLetter] = field(default_factory=list)
    operations: list[operations.Operation] = field(default_factory=list)
    address: str = ""

    def meet(self, context: grpc.ServicerContext) -> None:
        self.languages += [str(v) for k, v in context.invocation_metadata() if k == "accept-language"]
        if self.failure is not None:
            self.failure(context)

    def outcome(self, command: Any, context: grpc.ServicerContext) -> Outcome:
        self.commands.append(command)
        self.meet(context)
        return Outcome(principal=command.actor.principal, matter_id=command.matter_id)


def view(status: int = 1, sequence: int = 1) -> intake.MatterView:
    made = intake.MatterView(matter_id=MATTER, matter_number=NUMBER, matter_code="OM-90", division="330106")
    made.name.CopyFrom(LocalizedText(texts={"zh-CN": "三级联办示例", "en": "Three levels example"}))
    made.status = status  # type: ignore[assignment]
    made.as_of.sequence = sequence
    item = made.items.add(status=3).item
    item.item_id, item.level = "02", Level.LEVEL_CITY
    item.division, item.department, item.owner = "330100", "government_services", "approval-city"
    item.name.texts["zh-CN"] = "市级事项"
    item.name.texts["en"] = "City item"
    return made


class _Intake(intake_rpc.IntakeServiceServicer):
    def __init__(self, office: Office) -> None:
        self.office = office

    def SubmitMatter(self, request: Any, context: Any) -> Any:
        outcome = self.office.outcome(request.command, context)
        return intake.SubmitMatterResponse(outcome=outcome, matter_number=NUMBER, query_code=CODE)

    def HandleMatter(self, request: Any, context: Any) -> Any:
        return intake.HandleMatterResponse(outcome=self.office.outcome(request.command, context))

    def QueryMatter(self, request: Any, context: Any) -> Any:
        self.office.meet(context)
        if (request.matter_number, request.query_code) != (NUMBER, CODE):
            abort(context, grpc.StatusCode.NOT_FOUND, "matter_number, query_code: there is no such matter")
        return intake.QueryMatterResponse(matter=self.office.matter or view())

    def WithdrawMatter(self, request: Any, context: Any) -> Any:
        return intake.WithdrawMatterResponse(outcome=self.office.outcome(request.command, context))

    def RecordVisit(self, request: Any, context: Any) -> Any:
        return intake.RecordVisitResponse(outcome=self.office.outcome(request.command, context))

    def GetMatter(self, request: Any, context: Any) -> Any:
        self.office.meet(context)
        if request.matter_id != MATTER:
            abort(context, grpc.StatusCode.NOT_FOUND, "matter_id: there is no such matter; check the id")
        return intake.GetMatterResponse(matter=self.office.matter or view())

    def WatchMatter(self, request: Any, context: Any) -> Iterator[Any]:
        del request
        self.office.meet(context)
        yield intake.WatchMatterResponse(matter=view(1, 1))
        yield intake.WatchMatterResponse(matter=view(3, 9))

    def ListMatterTypes(self, request: Any, context: Any) -> Any:
        self.office.meet(context)
        if not request.page_token:
            first = intake.MatterType(matter_code="OM-09", version=1)
            return intake.ListMatterTypesResponse(matter_types=[first], next_page_token="2")
        return intake.ListMatterTypesResponse(matter_types=[intake.MatterType(matter_code="OM-17")])

    def GetMatterType(self, request: Any, context: Any) -> Any:
        self.office.meet(context)
        made = intake.MatterType(matter_code=request.matter_code, version=1)
        made.facts.add(key="amount", kind="number", required=True)
        item = made.items.add(item_id="01")
        item.materials.add(material_id="form", media_types=["application/pdf"])
        plan = item.materials.add(material_id="floor_plan")
        plan.name.texts["zh-CN"], plan.name.texts["en"] = "平面图", "Floor plan"
        return intake.GetMatterTypeResponse(matter_type=made)

    def UploadMaterial(self, request_iterator: Any, context: Any) -> Any:
        self.office.meet(context)
        parts = list(request_iterator)
        content = b"".join(part.chunk for part in parts[1:])
        assert hashlib.sha256(content).digest() == parts[0].digest
        self.office.uploads.append(content)
        return intake.UploadMaterialResponse(digest=parts[0].digest, size_bytes=len(content))


class _Approval(approval_rpc.ApprovalServiceServicer):
    def __init__(self, office: Office) -> None:
        self.office = office

    def ListTasks(self, request: Any, context: Any) -> Any:
        self.office.requests.append(request)
        self.office.meet(context)
        return approval.ListTasksResponse(tasks=self.office.tasks.values(), next_page_token="next")

    def GetTask(self, request: Any, context: Any) -> Any:
        self.office.meet(context)
        found = self.office.tasks.get((request.matter_id, request.item_id))
        if found is None:
            abort(context, grpc.StatusCode.NOT_FOUND, "item_id: there is no such task")
        return approval.GetTaskResponse(task=found)

    def ClaimTask(self, request: Any, context: Any) -> Any:
        return approval.ClaimTaskResponse(outcome=self.office.outcome(request.command, context))

    def DecideTask(self, request: Any, context: Any) -> Any:
        return approval.DecideTaskResponse(outcome=self.office.outcome(request.command, context))

    def HandleTask(self, request: Any, context: Any) -> Any:
        return approval.HandleTaskResponse(outcome=self.office.outcome(request.command, context))

    def DecideTasks(self, request: Any, context: Any) -> Any:
        self.office.requests.append(request)
        outcomes = [self.office.outcome(command, context) for command in request.commands]
        for command, outcome in zip(request.commands, outcomes, strict=True):
            if command.item_id in self.office.refused_items:
                outcome.refused.violations.add(field="item_id", reason=Reason.REASON_TASK_DECIDED)
        return approval.DecideTasksResponse(outcomes=outcomes)


class _Archive(archive_rpc.ArchiveServiceServicer):
    def __init__(self, office: Office) -> None:
        self.office = office

    def GetCaseFile(self, request: Any, context: Any) -> Any:
        del request
        self.office.meet(context)
        if self.office.case_file is None:
            abort(context, grpc.StatusCode.NOT_FOUND, "matter_id: there is no such matter")
        return archive.GetCaseFileResponse(
            case_file=self.office.case_file, accountable_time=self.office.accountable_time
        )

    def GetReceipt(self, request: Any, context: Any) -> Any:
        del request
        if self.office.receipt is None:
            abort(context, grpc.StatusCode.NOT_FOUND, "matter_id: there is no such receipt")
        return archive.GetReceiptResponse(receipt=self.office.receipt)


class _Notification(notification_rpc.NotificationServiceServicer):
    def ListNotices(self, request: Any, context: Any) -> Any:
        del context
        response = notification.ListNoticesResponse()
        one = response.notices.add(status=2, attempts=1)
        one.notice.notice_id = f"{request.matter_id}-1"
        one.notice.kind = NoticeKind.NOTICE_KIND_RESULT
        return response


class _Operations(operations_rpc.OperationsServiceServicer):
    def __init__(self, office: Office) -> None:
        self.office = office

    def ListDeadLetters(self, request: Any, context: Any) -> Any:
        self.office.meet(context)
        wanted = request.statuses or (operations.DEAD_LETTER_STATUS_PARKED, operations.DEAD_LETTER_STATUS_SET_ASIDE)
        letters = [
            one for one in self.office.letters if one.status in wanted and request.matter_id in ("", one.matter_id)
        ]
        start = int(request.page_token or 0)
        page = operations.ListDeadLettersResponse(dead_letters=letters[start : start + 1])
        if start + 1 < len(letters):
            page.next_page_token = str(start + 1)
        return page

    def GetDeadLetter(self, request: Any, context: Any) -> Any:
        self.office.requests.append(request)
        self.office.meet(context)
        for one in self.office.letters:
            if one.record == request.record:
                made = operations.GetDeadLetterResponse(
                    dead_letter=one, message="onematter.intake.v1.IntakeCommand", masked_json='{"matter_id": "m"}'
                )
                made.headers.add(name="ce_type", value="t")
                if request.HasField("raw"):
                    made.value = b"bytes"
                return made
        return abort(context, grpc.StatusCode.NOT_FOUND, "record: there is no such dead letter")

    def ReplayDeadLetter(self, request: Any, context: Any) -> Any:
        return operations.ReplayDeadLetterResponse(operation=self._carried_out(request, context))

    def DropDeadLetter(self, request: Any, context: Any) -> Any:
        return operations.DropDeadLetterResponse(operation=self._carried_out(request, context))

    def RetryMatter(self, request: Any, context: Any) -> Any:
        return operations.RetryMatterResponse(operation=self._carried_out(request, context))

    def ListOperations(self, request: Any, context: Any) -> Any:
        self.office.requests.append(request)
        self.office.meet(context)
        return operations.ListOperationsResponse(operations=self.office.operations)

    def _carried_out(self, request: Any, context: Any) -> operations.Operation:
        self.office.requests.append(request)
        self.office.meet(context)
        assert self.office.operations, "nothing is to be asked"
        return self.office.operations[0]


@pytest.fixture
def office() -> Iterator[Office]:
    made = Office()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
    intake_rpc.add_IntakeServiceServicer_to_server(_Intake(made), server)
    approval_rpc.add_ApprovalServiceServicer_to_server(_Approval(made), server)
    archive_rpc.add_ArchiveServiceServicer_to_server(_Archive(made), server)
    notification_rpc.add_NotificationServiceServicer_to_server(_Notification(), server)
    operations_rpc.add_OperationsServiceServicer_to_server(_Operations(made), server)
    made.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield made
    server.stop(None).wait()


@pytest.fixture
def run(office: Office, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command against the office, in an empty directory."""
    monkeypatch.chdir(tmp_path)
    for name in ("LC_ALL", "LC_MESSAGES", "ONEMATTER_HOME", "ONEMATTER_DEPARTMENT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("INTAKE", "APPROVAL_CITY", "NOTIFICATION", "ARCHIVE"):
        monkeypatch.setenv(f"ONEMATTER_{name}", office.address)

    def invoke(*arguments: str, text: str | None = None) -> Result:
        return CliRunner().invoke(cli, arguments, input=text)

    return invoke


@pytest.fixture
def task(office: Office) -> approval.TaskView:
    """A task of the city's water department."""
    return add_task(office, "02")


def add_task(office: Office, item_id: str) -> approval.TaskView:
    """Give the office a task that waits."""
    made = approval.TaskView(matter_id=MATTER)
    made.task.item_id, made.task.status = item_id, TaskStatus.TASK_STATUS_OPEN
    item = made.task.opened.item
    item.item_id, item.level, item.division, item.department = item_id, Level.LEVEL_CITY, "330100", "water"
    made.task.opened.promised_deadline.seconds = 1_800_000_000
    office.tasks[MATTER, item_id] = made
    return made


def document(result: Result) -> Any:
    """The one JSON document on stdout."""
    return json.loads(result.stdout)


def sealed(ending: str = "matter_completed") -> tuple[archive.CaseFile, archive.Receipt]:
    """A case of five records in two streams and a later one; its root is computed here, by the words of RFC 6962."""
    writer, commands = "intake", "onematter.approval.city.commands.v1"
    completed = MatterEvent(matter_id=MATTER)
    end = getattr(completed, ending)
    end.matter_number = NUMBER
    end.manifest.add(writer=writer, topic=EVENTS, sequence=3)
    end.manifest.add(writer=writer, topic=commands, sequence=2)
    values = [
        (commands, 1, b"open"),
        (commands, 2, b"recall"),
        (EVENTS, 1, MatterEvent(matter_id=MATTER).SerializeToString()),
        (EVENTS, 2, IntakeCommand(matter_id=MATTER, request_id="x").SerializeToString()),
        (EVENTS, 3, completed.SerializeToString()),
        (EVENTS, 4, b""),
    ]
    case_file = archive.CaseFile(matter_id=MATTER)
    leaves = []
    for topic, sequence, value in values:
        leaf = hashlib.sha256(b"\x00" + value).digest()
        record = case_file.records.add(leaf_digest=leaf, value=value)
        record.position.writer, record.position.topic, record.position.sequence = writer, topic, sequence
        leaves.append(leaf)

    def node(left: bytes, right: bytes) -> bytes:
        return hashlib.sha256(b"\x01" + left + right).digest()

    a, b, c, d, e = leaves[:5]
    case_file.seal.manifest.add(writer=writer, topic=commands, sequence=2)
    case_file.seal.manifest.add(writer=writer, topic=EVENTS, sequence=3)
    case_file.seal.leaf_count = 5
    case_file.seal.root = node(node(node(a, b), node(c, d)), e)
    receipt = archive.Receipt(matter_id=MATTER, matter_number=NUMBER, seal=case_file.seal, leaf_digests=leaves[:5])
    return case_file, receipt
