"""onematter over gRPC: one deadline and one error tree for every call.

Rule 1: every call has a deadline.
Rule 2: what a service says in google.rpc.Status becomes an exception of onematter.client.errors;
callers never see gRPC.
Rule 3: a deployment is named as in the topics table, as `intake` or `approval-city`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import grpc
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from grpc_status import rpc_status

from onematter.approval.v1 import approval_service_pb2 as approval
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_service_pb2_grpc import ApprovalServiceStub
from onematter.archive.v1 import archive_service_pb2 as archive
from onematter.archive.v1.archive_service_pb2_grpc import ArchiveServiceStub
from onematter.backbone.v1 import operations_service_pb2 as operations
from onematter.backbone.v1.operations_service_pb2_grpc import OperationsServiceStub
from onematter.client.errors import (
    DeadlineExceeded,
    Invalid,
    NotFound,
    OneMatterError,
    Refused,
    Unavailable,
)
from onematter.client.messages import MaterialFile, checked_id, material_of
from onematter.common.v1.outcome_pb2 import CommandRefused, Outcome, Reason, Violation
from onematter.contracts import traces
from onematter.contracts.reasons import language_of
from onematter.contracts.topics import table
from onematter.exchange.v1 import exchange_service_pb2 as exchange
from onematter.exchange.v1.exchange_service_pb2_grpc import ExchangeServiceStub
from onematter.intake.v1 import intake_service_pb2 as intake
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_service_pb2_grpc import IntakeServiceStub
from onematter.notification.v1 import notification_service_pb2 as notification
from onematter.notification.v1.notification_service_pb2_grpc import NotificationServiceStub

MAX_MESSAGE_BYTES = 64 << 20
_CHUNK_BYTES = 256 << 10
_OPTIONS = (("grpc.max_receive_message_length", MAX_MESSAGE_BYTES), ("grpc.enable_http_proxy", 0))

T = TypeVar("T")


class Services:
    """Every service of one installation, by deployment. Channels are made at first use; close it at the end."""

    def __init__(
        self,
        addresses: Mapping[str, str],
        *,
        deadline_seconds: float = 10.0,
        language: str = "en",
        credentials: grpc.ChannelCredentials | None = None,
        traceparent: Callable[[], str] | None = None,
    ) -> None:
        """`addresses`: host:port by deployment name. Without `credentials` the channels are not encrypted.

        `traceparent` gives the caller's trace context (W3C) for each call; "" or what is none leaves it out.
        """
        self.addresses = dict(addresses)
        self._deadline_seconds = deadline_seconds
        self._metadata = (("accept-language", language_of(language)),)
        self._traceparent = traceparent
        self._credentials = credentials
        self._channels: dict[str, grpc.Channel] = {}

    def __enter__(self) -> Services:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every channel."""
        for channel in self._channels.values():
            channel.close()
        self._channels.clear()

    def submit(self, command: IntakeCommand) -> intake.SubmitMatterResponse:
        """Hand in a matter; returns when it is accepted. Raises Refused with every violation."""
        stub = IntakeServiceStub(self._channel("intake"))
        return self._call(stub.SubmitMatter, intake.SubmitMatterRequest(command=command))

    def withdraw(self, command: IntakeCommand) -> Outcome:
        """Take a matter back."""
        stub = IntakeServiceStub(self._channel("intake"))
        return self._call(stub.WithdrawMatter, intake.WithdrawMatterRequest(command=command)).outcome

    def record_visit(self, command: IntakeCommand) -> Outcome:
        """Note a visit."""
        stub = IntakeServiceStub(self._channel("intake"))
        return self._call(stub.RecordVisit, intake.RecordVisitRequest(command=command)).outcome

    def handle_matter(self, command: IntakeCommand) -> Outcome:
        """Ask anything of a matter but to hand it in: accept, correct, refuse, supply, void, extend, deliver."""
        stub = IntakeServiceStub(self._channel("intake"))
        return self._call(stub.HandleMatter, intake.HandleMatterRequest(command=command)).outcome

    def query(self, matter_number: str, query_code: str) -> intake.MatterView:
        """A matter by its printed number and query code. Raises NotFound for a wrong number and a wrong code alike."""
        stub = IntakeServiceStub(self._channel("intake"))
        request = intake.QueryMatterRequest(matter_number=matter_number, query_code=query_code)
        return self._call(stub.QueryMatter, request).matter

    def matter(self, matter_id: str) -> intake.MatterView:
        """A matter as it is now. Raises NotFound."""
        stub = IntakeServiceStub(self._channel("intake"))
        request = intake.GetMatterRequest(matter_id=checked_id(matter_id))
        return self._call(stub.GetMatter, request).matter

    def watch(self, matter_id: str, timeout_seconds: float | None = None) -> Iterator[intake.MatterView]:
        """Yield a matter as it is now and at every change, until it is completed."""
        stub = IntakeServiceStub(self._channel("intake"))
        request = intake.WatchMatterRequest(matter_id=checked_id(matter_id))
        call = stub.WatchMatter(request, timeout=timeout_seconds, metadata=self._metadata_now())
        try:
            for response in call:
                yield response.matter
        except grpc.RpcError as error:
            raise error_of(error, self.addresses["intake"]) from None
        finally:
            call.cancel()

    def matter_types(self) -> list[intake.MatterType]:
        """Every matter of the catalogue, in its newest version."""
        stub = IntakeServiceStub(self._channel("intake"))
        found: list[intake.MatterType] = []
        token = ""
        while True:
            page = self._call(stub.ListMatterTypes, intake.ListMatterTypesRequest(page_token=token))
            found += page.matter_types
            token = page.next_page_token
            if not token:
                return found

    def matter_type(self, matter_code: str) -> intake.MatterType:
        """One matter of the catalogue. Raises NotFound."""
        stub = IntakeServiceStub(self._channel("intake"))
        request = intake.GetMatterTypeRequest(matter_code=matter_code)
        return self._call(stub.GetMatterType, request).matter_type

    def upload_material(self, material: str | Path | MaterialFile) -> intake.UploadMaterialResponse:
        """Send a material's content, kept by its digest; the same content again changes nothing."""
        file = material if isinstance(material, MaterialFile) else MaterialFile(material)
        digest = material_of(file).digest

        def parts() -> Iterator[intake.UploadMaterialRequest]:
            yield intake.UploadMaterialRequest(digest=digest)
            with Path(file.path).open("rb") as content:
                while chunk := content.read(_CHUNK_BYTES):
                    yield intake.UploadMaterialRequest(chunk=chunk)

        stub = IntakeServiceStub(self._channel("intake"))
        return self._call(stub.UploadMaterial, parts())

    def tasks(self, deployment: str, request: approval.ListTasksRequest) -> approval.ListTasksResponse:
        """One page of a deployment's inbox."""
        stub = ApprovalServiceStub(self._channel(deployment))
        return self._call(stub.ListTasks, request)

    def task(self, deployment: str, matter_id: str, item_id: str) -> approval.TaskView:
        """One task of a deployment. Raises NotFound."""
        stub = ApprovalServiceStub(self._channel(deployment))
        request = approval.GetTaskRequest(matter_id=checked_id(matter_id), item_id=item_id)
        return self._call(stub.GetTask, request).task

    def claim(self, deployment: str, command: ApprovalCommand) -> Outcome:
        """Put the actor's name to a task."""
        stub = ApprovalServiceStub(self._channel(deployment))
        return self._call(stub.ClaimTask, approval.ClaimTaskRequest(command=command)).outcome

    def decide(self, deployment: str, command: ApprovalCommand) -> Outcome:
        """Decide a task."""
        stub = ApprovalServiceStub(self._channel(deployment))
        return self._call(stub.DecideTask, approval.DecideTaskRequest(command=command)).outcome

    def handle_task(self, deployment: str, command: ApprovalCommand) -> Outcome:
        """Ask anything of a task but to claim or decide it."""
        stub = ApprovalServiceStub(self._channel(deployment))
        return self._call(stub.HandleTask, approval.HandleTaskRequest(command=command)).outcome

    def decide_all(self, deployment: str, commands: Sequence[ApprovalCommand]) -> list[Outcome]:
        """Decide 1 to 100 tasks of a deployment (批量办理). Each has its own outcome, in their order: one that is
        refused says so there, and holds up no other.
        """
        stub = ApprovalServiceStub(self._channel(deployment))
        return list(self._call(stub.DecideTasks, approval.DecideTasksRequest(commands=commands)).outcomes)

    def notices(self, matter_id: str) -> notification.ListNoticesResponse:
        """All notices of a matter."""
        stub = NotificationServiceStub(self._channel("notification"))
        request = notification.ListNoticesRequest(matter_id=checked_id(matter_id))
        return self._call(stub.ListNotices, request)

    def case_file(self, matter_id: str) -> archive.CaseFile:
        """Every archived record of a matter. Raises NotFound."""
        return self.accounted_case_file(matter_id).case_file

    def accounted_case_file(self, matter_id: str) -> archive.GetCaseFileResponse:
        """The case file, and whose the working time of the matter was. Raises NotFound."""
        stub = ArchiveServiceStub(self._channel("archive"))
        request = archive.GetCaseFileRequest(matter_id=checked_id(matter_id))
        return self._call(stub.GetCaseFile, request)

    def receipt(self, matter_id: str) -> archive.Receipt:
        """The receipt of a sealed matter. Raises NotFound before the seal."""
        stub = ArchiveServiceStub(self._channel("archive"))
        request = archive.GetReceiptRequest(matter_id=checked_id(matter_id))
        return self._call(stub.GetReceipt, request).receipt

    def sharings(self, matter_id: str) -> exchange.ListSharingsResponse:
        """What is asked of the exchange for a matter. Raises NotFound when nothing was."""
        stub = ExchangeServiceStub(self._channel("exchange"))
        return self._call(stub.ListSharings, exchange.ListSharingsRequest(matter_id=checked_id(matter_id)))

    def dead_letters(
        self, deployment: str, request: operations.ListDeadLettersRequest
    ) -> operations.ListDeadLettersResponse:
        """One page of what a deployment could not take in."""
        stub = OperationsServiceStub(self._channel(deployment))
        return self._call(stub.ListDeadLetters, request)

    def dead_letter(
        self, deployment: str, request: operations.GetDeadLetterRequest
    ) -> operations.GetDeadLetterResponse:
        """One of them, decoded and masked. Raises NotFound."""
        stub = OperationsServiceStub(self._channel(deployment))
        return self._call(stub.GetDeadLetter, request)

    def replay_dead_letter(self, deployment: str, request: operations.ReplayDeadLetterRequest) -> operations.Operation:
        """Hand a parked stream to the service again; what came of it when it was carried out."""
        stub = OperationsServiceStub(self._channel(deployment))
        return self._call(stub.ReplayDeadLetter, request).operation

    def drop_dead_letter(self, deployment: str, request: operations.DropDeadLetterRequest) -> operations.Operation:
        """Give a record up; what came of it when it was carried out."""
        stub = OperationsServiceStub(self._channel(deployment))
        return self._call(stub.DropDeadLetter, request).operation

    def retry_matter(self, deployment: str, request: operations.RetryMatterRequest) -> operations.Operation:
        """Try at once what of a matter waits to be tried again. Raises Refused where nothing does."""
        stub = OperationsServiceStub(self._channel(deployment))
        return self._call(stub.RetryMatter, request).operation

    def operations(
        self, deployment: str, request: operations.ListOperationsRequest
    ) -> operations.ListOperationsResponse:
        """One page of what operators asked of a deployment, newest first."""
        stub = OperationsServiceStub(self._channel(deployment))
        return self._call(stub.ListOperations, request)

    def operated_deployments(self) -> Sequence[str]:
        """The deployments that park records and whose address is known."""
        known = table().deployments.values()
        return [d.name for d in known if d.service != "supervision" and d.name in self.addresses]

    def approval_deployments(self) -> Sequence[str]:
        """The approval deployments whose address is known."""
        known = table().deployments.values()
        return [d.name for d in known if d.service == "approval" and d.name in self.addresses]

    def _channel(self, deployment: str) -> grpc.Channel:
        address = self.addresses.get(deployment)
        if not address:
            variable = "ONEMATTER_" + deployment.upper().replace("-", "_")
            raise Invalid(
                f"no address of {deployment} is known; give --{deployment} HOST:PORT or {variable},"
                " or start the stack here with `onematter up`",
                f"不知道 {deployment} 的地址；请用 --{deployment} HOST:PORT 或环境变量 {variable} 给出，"
                "或在本机运行 onematter up",
            )
        if deployment not in self._channels:
            self._channels[deployment] = (
                grpc.insecure_channel(address, _OPTIONS)
                if self._credentials is None
                else grpc.secure_channel(address, self._credentials, _OPTIONS)
            )
        return self._channels[deployment]

    def _metadata_now(self) -> tuple[tuple[str, str], ...]:
        context = traces.parse(self._traceparent()) if self._traceparent is not None else None
        return self._metadata if context is None else (*self._metadata, (traces.HEADER, context.traceparent))

    def _call(self, method: Callable[..., T], request: Any) -> T:
        try:
            return method(request, timeout=self._deadline_seconds, metadata=self._metadata_now())
        except grpc.RpcError as error:
            raise error_of(error) from None


def error_of(error: grpc.RpcError, address: str = "") -> OneMatterError:
    """The exception for a call that failed, from its status and details."""
    code, details = error.code(), error.details() or ""  # pyright: ignore[reportAttributeAccessIssue]
    match code:
        case grpc.StatusCode.FAILED_PRECONDITION | grpc.StatusCode.INVALID_ARGUMENT:
            return Refused(_violations(error) or [Violation(field="", parameters={"message": details})])
        case grpc.StatusCode.NOT_FOUND:
            # The service has said it in the language that was asked for.
            return NotFound(details or "there is no such thing; check the id", details or "没有找到；请核对标识")
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return DeadlineExceeded(
                f"no answer in time; send the same request_id again, or give more with --deadline: {details}",
                f"没有按时答复；请以同一 request_id 再次发送，或用 --deadline 多等一会：{details}",
            )
        case grpc.StatusCode.UNAVAILABLE | grpc.StatusCode.RESOURCE_EXHAUSTED | grpc.StatusCode.CANCELLED:
            return Unavailable(
                f"the service {address + ' ' if address else ''}cannot answer now: {details}",
                f"服务{' ' + address if address else ''}目前不能答复：{details}",
            )
        case grpc.StatusCode.UNIMPLEMENTED:
            return Unavailable(
                f"the service does not have this call; is its version older? {details}",
                f"服务没有这一接口，可能版本较旧：{details}",
            )
        case _:
            return OneMatterError(f"the service failed ({code.name}): {details}", f"服务出错（{code.name}）：{details}")


def _violations(error: grpc.RpcError) -> list[Violation]:
    """The violations of a refusal: the contract's own where it came along, else those of BadRequest and ErrorInfo."""
    try:
        status = rpc_status.from_call(error)  # pyright: ignore[reportArgumentType]
    except ValueError:
        status = None
    if status is None:
        return []
    refused, bad_request, info = CommandRefused(), BadRequest(), ErrorInfo()
    for detail in status.details:
        for message in (refused, bad_request, info):
            if detail.Is(message.DESCRIPTOR):
                detail.Unpack(message)
    if refused.violations:
        return list(refused.violations)
    reasons: dict[str, Any] = {name.removeprefix("REASON_"): number for name, number in Reason.items()}
    found = [
        Violation(
            field=one.field,
            reason=reasons.get(one.reason.removeprefix("REASON_"), Reason.REASON_UNSPECIFIED),
            parameters=info.metadata if one.reason == info.reason else {},
        )
        for one in bad_request.field_violations
    ]
    if not found and info.reason:
        number = reasons.get(info.reason.removeprefix("REASON_"), Reason.REASON_UNSPECIFIED)
        found = [Violation(reason=number, parameters=info.metadata)]
    return found
