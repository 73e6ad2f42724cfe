"""Both doors lead to the same command, and what is asked by gRPC is answered from what is committed."""

from __future__ import annotations

import hashlib
import threading
import uuid
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tests.live import (
    CALL_SECONDS,
    INTAKE_COMMANDS,
    LEVELS,
    MATTER_EVENTS,
    SUBMISSIONS,
    TASK_EVENTS,
    Live,
    failure_of,
    told_by,
)
from tests.tail import poll

from onematter.approval.v1 import approval_service_pb2 as approval
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_state_pb2 import TaskStatus
from onematter.archive.v1 import archive_service_pb2 as archive
from onematter.backbone.v1 import operations_service_pb2 as operations
from onematter.common.v1.actor_pb2 import ActorRole
from onematter.intake.v1 import intake_service_pb2 as intake
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_events_pb2 import MatterOutcome
from onematter.intake.v1.intake_state_pb2 import MatterStatus
from onematter.notification.v1 import notification_service_pb2 as notification

SERVICES = {
    "intake": "onematter.intake.v1.IntakeService",
    "approval-province": "onematter.approval.v1.ApprovalService",
    "approval-city": "onematter.approval.v1.ApprovalService",
    "approval-county": "onematter.approval.v1.ApprovalService",
    "notification": "onematter.notification.v1.NotificationService",
    "archive": "onematter.archive.v1.ArchiveService",
}
NOBODY = uuid.uuid4().hex


def outcome_of(live: Live, command: IntakeCommand, value: bytes) -> Any:
    """What became of a hand-in, without what differs from matter to matter."""
    event = live.answer(MATTER_EVENTS, command.matter_id, value)
    told = type(event)()
    told.CopyFrom(event)
    for field in ("matter_id", "time", "cause"):
        told.ClearField(field)
    told.matter_accepted.ClearField("matter_number")
    return told


def test_the_same_bytes_by_topic_and_by_grpc_are_one_hand_in(live: Live) -> None:
    command = live.hand_in()
    value = live.publish(SUBMISSIONS, command)
    by_topic = live.answer(MATTER_EVENTS, command.matter_id, value)
    by_grpc = live.submit(command)

    assert by_grpc.outcome.matter_id == command.matter_id
    assert by_grpc.outcome.digest == hashlib.sha256(value).digest()
    assert not by_grpc.outcome.HasField("refused")
    assert by_grpc.matter_number == by_topic.matter_accepted.matter_number
    told = by_grpc.outcome.told_by
    assert (told.writer, told.topic, told.sequence) == ("intake", MATTER_EVENTS, 1)
    live.completes(command.matter_id)
    accepted = [e for e in live.events(MATTER_EVENTS, command.matter_id) if e.HasField("matter_accepted")]
    assert len(accepted) == 1


def test_hand_ins_by_either_door_have_the_same_outcome(live: Live) -> None:
    by_topic, by_grpc = live.hand_in(), live.hand_in()
    value = live.publish(SUBMISSIONS, by_topic)
    live.submit(by_grpc)
    assert outcome_of(live, by_topic, value) == outcome_of(live, by_grpc, by_grpc.SerializeToString(deterministic=True))
    for command in (by_topic, by_grpc):
        assert live.completes(command.matter_id).matter_completed.outcome == MatterOutcome.MATTER_OUTCOME_GRANTED


def test_refusals_by_either_door_are_the_same(live: Live) -> None:
    def bad() -> IntakeCommand:
        command = live.hand_in()
        command.submit_matter.application.ClearField("materials")
        return command

    by_topic, by_grpc = bad(), bad()
    value = live.publish(SUBMISSIONS, by_topic)
    refused = live.answer(MATTER_EVENTS, by_topic.matter_id, value).command_refused
    failure = failure_of(lambda: live.submit(by_grpc))

    assert failure.code is grpc.StatusCode.FAILED_PRECONDITION
    assert failure.refused == refused
    assert failure.told == told_by(refused) == {("application.materials[form]", "MATERIAL_MISSING")}
    assert (failure.info.domain, failure.info.reason) == ("onematter", "MATERIAL_MISSING")
    assert all(violation.description for violation in failure.bad_request.field_violations)
    again = failure_of(lambda: live.submit(by_grpc))
    assert again.refused == refused


def test_a_repeated_request_gets_the_first_outcome_and_another_content_is_refused(live: Live) -> None:
    command = live.hand_in()
    first = live.submit(command).outcome
    live.completes(command.matter_id)
    assert live.submit(command).outcome == first

    other = live.hand_in(amount=6, request_id=command.request_id)
    assert other.matter_id == command.matter_id
    failure = failure_of(lambda: live.submit(other))
    assert failure.code is grpc.StatusCode.FAILED_PRECONDITION
    assert failure.told == {("request_id", "REQUEST_ID_REUSED")}
    assert live.submit(command).outcome == first
    live.tail.read_to_end()
    kinds = [event.WhichOneof("event") for event in live.events(MATTER_EVENTS, command.matter_id)]
    assert kinds.count("matter_accepted") == 1
    assert kinds.count("command_refused") == 1


def test_replicas_of_a_caller_who_wait_for_the_same_request_get_the_same_outcome(live: Live) -> None:
    command = live.hand_in()
    futures = [
        live.intake.SubmitMatter.future(intake.SubmitMatterRequest(command=command), timeout=CALL_SECONDS)
        for _ in range(8)
    ]
    outcomes = [future.result().outcome.SerializeToString(deterministic=True) for future in futures]
    assert len(set(outcomes)) == 1


def test_a_watcher_sees_each_state_until_the_result(live: Live) -> None:
    matter_id = live.open_matter()
    request = intake.GetMatterRequest(matter_id=matter_id)
    # 1 accepted, 3 opened, 1 for the material that a department shares. A watcher is not told of the last by itself: it
    # changes nothing that is shown.
    poll(lambda: live.intake.GetMatter(request, timeout=CALL_SECONDS).matter.as_of.sequence == 5, "all opened")
    seen: list[intake.MatterView] = []
    call = live.intake.WatchMatter(intake.WatchMatterRequest(matter_id=matter_id), timeout=CALL_SECONDS)
    watcher = threading.Thread(target=lambda: seen.extend(response.matter for response in call))
    watcher.start()
    poll(lambda: seen, "the matter as it stands")
    for level in LEVELS:
        before = len(seen)
        live.decide(level, live.decision(level, matter_id, live.item_at(level)))
        poll(lambda before=before: len(seen) > before, "a change")
    watcher.join(CALL_SECONDS)

    assert not watcher.is_alive()
    assert (seen[0].status, seen[0].as_of.sequence) == (MatterStatus.MATTER_STATUS_RUNNING, 5)
    assert seen[-1].status == MatterStatus.MATTER_STATUS_COMPLETED
    assert seen[-1].outcome == MatterOutcome.MATTER_OUTCOME_GRANTED
    sequences = [view.as_of.sequence for view in seen]
    assert sequences == sorted(set(sequences))
    # 2 concluded, 1 completed.
    assert sequences[-1] == 8


def test_progress_says_which_event_it_reflects(live: Live) -> None:
    command = live.hand_in()
    live.submit(command)
    live.completes(command.matter_id)

    def view() -> intake.MatterView:
        request = intake.GetMatterRequest(matter_id=command.matter_id)
        return live.intake.GetMatter(request, timeout=CALL_SECONDS).matter

    found = view()
    assert (found.as_of.writer, found.as_of.topic, found.as_of.sequence) == ("intake", MATTER_EVENTS, 2)
    assert found.status == MatterStatus.MATTER_STATUS_COMPLETED
    assert [item.item.item_id for item in found.items] == ["01", "02", "03"]
    # Personal data are for those who decide, not for everybody who has the id.
    assert "杭州示例智造有限公司".encode() not in found.SerializeToString()

    task = live.approval("city").GetTask(
        approval.GetTaskRequest(matter_id=command.matter_id, item_id="02"), timeout=CALL_SECONDS
    )
    assert task.task.as_of.topic == TASK_EVENTS["city"]
    assert (task.task.as_of.sequence, task.task.task.decided.automatic) == (1, True)

    def notices() -> Any:
        answer = live.notification.ListNotices(
            notification.ListNoticesRequest(matter_id=command.matter_id), timeout=CALL_SECONDS
        )
        return answer if len(answer.notices) == 2 else None

    assert poll(notices, "both notices").as_of.sequence == 2


def inbox(live: Live, room: str, **wanted: Any) -> approval.ListTasksResponse:
    return live.approval(room).ListTasks(approval.ListTasksRequest(**wanted), timeout=CALL_SECONDS)


def test_the_inbox_lists_pages_and_filters(live: Live) -> None:
    matters = {live.open_matter() for _ in range(3)}
    for matter_id in matters:
        (one,) = inbox(live, "city", matter_id=matter_id).tasks
        assert one.task.opened.item.department == "government_services"
        assert one.task.opened.promised_deadline.seconds <= one.task.opened.legal_deadline.seconds
        assert not inbox(live, "city", matter_id=matter_id, division="330200").tasks
        assert not inbox(live, "city", matter_id=matter_id, department="forestry").tasks
        assert not inbox(live, "city", matter_id=matter_id, level=4).tasks
        assert not inbox(live, "city", matter_id=matter_id, deadline_before=Timestamp(seconds=1)).tasks
        assert not inbox(live, "city", matter_id=matter_id, statuses=[TaskStatus.TASK_STATUS_DECIDED]).tasks

    found: list[tuple[int, str]] = []
    token = ""
    while True:
        page = inbox(live, "city", page_size=2, page_token=token, department="government_services")
        assert len(page.tasks) <= 2
        found += [(one.task.opened.promised_deadline.seconds, one.matter_id) for one in page.tasks]
        token = page.next_page_token
        if not token:
            break
    assert matters <= {matter_id for _, matter_id in found}
    assert len(set(found)) == len(found)
    assert [deadline for deadline, _ in found] == sorted(deadline for deadline, _ in found)

    failure = failure_of(lambda: inbox(live, "city", page_size=501))
    assert (failure.code, failure.told) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        {("page_size", "FIELD_MALFORMED")},
    )
    failure = failure_of(lambda: inbox(live, "city", page_token="made up"))
    assert failure.told == {("page_token", "FIELD_MALFORMED")}


def test_claimed_by_one_it_is_not_decided_by_another(live: Live) -> None:
    matter_id = live.open_matter()

    def claim(principal: str) -> Any:
        command = ApprovalCommand(request_id=live.new_id(), matter_id=matter_id, item_id="01")
        command.actor.CopyFrom(live.official("county", principal=principal))
        return live.approval("county").ClaimTask(approval.ClaimTaskRequest(command=command), timeout=CALL_SECONDS)

    claim("first")
    claim("first")
    assert failure_of(lambda: claim("second")).told == {("item_id", "TASK_CLAIMED_BY_ANOTHER")}
    (task,) = inbox(live, "county", matter_id=matter_id).tasks
    assert (task.task.status, task.task.claimed_by.principal) == (TaskStatus.TASK_STATUS_CLAIMED, "first")

    command = live.decision("county", matter_id, "01")
    command.actor.principal = "second"
    assert failure_of(lambda: live.decide("county", command)).told == {("item_id", "TASK_CLAIMED_BY_ANOTHER")}
    command = live.decision("county", matter_id, "01")
    command.actor.principal = "first"
    outcome = live.decide("county", command).outcome
    assert outcome.told_by.topic == TASK_EVENTS["county"]
    assert live.event(MATTER_EVENTS, matter_id, "item_concluded").item_concluded.result.item_id == "01"
    assert not inbox(live, "county", matter_id=matter_id).tasks


def test_withdrawn_and_visited_by_grpc(live: Live) -> None:
    matter_id = live.open_matter()
    command = IntakeCommand(request_id=live.new_id(), matter_id=matter_id)
    command.actor.principal, command.actor.role = live.principal, ActorRole.ACTOR_ROLE_CLERK
    command.record_visit.reason = "补交原件"
    live.intake.RecordVisit(intake.RecordVisitRequest(command=command), timeout=CALL_SECONDS)
    command = IntakeCommand(request_id=live.new_id(), matter_id=matter_id)
    command.actor.principal = live.principal
    command.withdraw_matter.reason = "不办了"
    live.intake.WithdrawMatter(intake.WithdrawMatterRequest(command=command), timeout=CALL_SECONDS)
    completed = live.completes(matter_id).matter_completed
    assert completed.outcome == MatterOutcome.MATTER_OUTCOME_WITHDRAWN
    assert completed.visits == 1


@pytest.mark.parametrize(("deployment", "service"), SERVICES.items())
def test_health_and_reflection_answer(live: Live, deployment: str, service: str) -> None:
    channel = live.channel(deployment)
    for name in ("", service):
        probe: Any = HealthStub(channel)
        answer = probe.Check(health_pb2.HealthCheckRequest(service=name), timeout=CALL_SECONDS)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    database = ProtoReflectionDescriptorDatabase(channel)
    assert {service, "grpc.health.v1.Health", "onematter.backbone.v1.OperationsService"} <= set(database.get_services())
    # A stranger with reflection alone learns the methods.
    described: Any = DescriptorPool(database).FindServiceByName(service)
    assert described.methods


def upload(live: Live, digest: bytes, *chunks: bytes) -> intake.UploadMaterialResponse:
    parts = [intake.UploadMaterialRequest(digest=digest), *(intake.UploadMaterialRequest(chunk=c) for c in chunks)]
    return live.intake.UploadMaterial(iter(parts), timeout=CALL_SECONDS)


def download(live: Live, digest: bytes) -> bytes:
    call = live.intake.DownloadMaterial(intake.DownloadMaterialRequest(digest=digest), timeout=CALL_SECONDS)
    return b"".join(part.chunk for part in call)


def test_materials_go_up_and_come_down_by_digest(live: Live) -> None:
    content = live.new_id().encode() * 120_000
    digest = hashlib.sha256(content).digest()
    chunks = [content[start : start + 1_000_000] for start in range(0, len(content), 1_000_000)]
    assert len(chunks) > 2
    assert upload(live, digest, *chunks).size_bytes == len(content)
    assert upload(live, digest, *chunks).digest == digest
    assert download(live, digest) == content

    failure = failure_of(lambda: upload(live, digest, content[:-1]))
    assert (failure.code, failure.told) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        {("digest", "MATERIAL_MALFORMED")},
    )
    failure = failure_of(lambda: upload(live, digest))
    assert failure.told == {("chunk", "MATERIAL_MALFORMED")}
    failure = failure_of(lambda: upload(live, digest, *[bytes(1_000_000)] * 53))
    assert failure.told == {("chunk", "MATERIAL_OVERSIZED")}
    failure = failure_of(lambda: download(live, hashlib.sha256(digest).digest()))
    assert (failure.code, failure.info.reason) == (grpc.StatusCode.NOT_FOUND, "MATERIAL_NOT_FOUND")


def test_every_error_says_what_is_wrong_in_google_rpc_details(live: Live) -> None:
    city = live.approval("city")
    calls: dict[str, tuple[Any, Any]] = {
        "MATTER_NOT_FOUND": (live.intake.GetMatter, intake.GetMatterRequest(matter_id=NOBODY)),
        "TASK_NOT_FOUND": (city.GetTask, approval.GetTaskRequest(matter_id=NOBODY, item_id="01")),
        "MATTER_TYPE_NOT_FOUND": (
            live.intake.GetMatterType,
            intake.GetMatterTypeRequest(matter_code="OM-00"),
        ),
    }
    for reason, (method, request) in calls.items():
        failure = failure_of(lambda method=method, request=request: method(request, timeout=CALL_SECONDS))
        assert failure.code is grpc.StatusCode.NOT_FOUND
        assert (failure.info.domain, failure.info.reason) == ("onematter", reason)
        assert failure.text
    for method, request in (
        (live.archive.GetCaseFile, archive.GetCaseFileRequest(matter_id=NOBODY)),
        (live.archive.GetReceipt, archive.GetReceiptRequest(matter_id=NOBODY)),
        (live.notification.ListNotices, notification.ListNoticesRequest(matter_id=NOBODY)),
        (
            live.operations("intake").GetDeadLetter,
            operations.GetDeadLetterRequest(record=operations.RecordPlace(topic=INTAKE_COMMANDS, offset=9**9)),
        ),
    ):
        failure = failure_of(lambda method=method, request=request: method(request, timeout=CALL_SECONDS))
        assert failure.code is grpc.StatusCode.NOT_FOUND
        assert failure.info.domain == "onematter"
    nameless = live.hand_in()
    nameless.ClearField("request_id")
    no_actor = live.hand_in()
    no_actor.ClearField("actor")
    for method, request, field in (
        (live.intake.GetMatter, intake.GetMatterRequest(), "matter_id"),
        (live.archive.GetReceipt, archive.GetReceiptRequest(), "matter_id"),
        (live.notification.ListNotices, notification.ListNoticesRequest(), "matter_id"),
        (city.GetTask, approval.GetTaskRequest(matter_id=NOBODY), "item_id"),
        (live.intake.SubmitMatter, intake.SubmitMatterRequest(command=nameless), "command.request_id"),
        (live.intake.SubmitMatter, intake.SubmitMatterRequest(command=no_actor), "command.actor.principal"),
        (live.intake.SubmitMatter, intake.SubmitMatterRequest(), "command.submit_matter"),
    ):
        failure = failure_of(lambda method=method, request=request: method(request, timeout=CALL_SECONDS))
        assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
        assert failure.told == {(field, "FIELD_MISSING")}
        assert failure.info.reason == "FIELD_MISSING"


def test_errors_speak_the_language_that_is_asked_for(live: Live) -> None:
    def ask(language: str) -> str:
        request = intake.GetMatterRequest()
        metadata = (("accept-language", language),)
        return failure_of(lambda: live.intake.GetMatter(request, timeout=CALL_SECONDS, metadata=metadata)).text

    assert "必须" in ask("zh-CN")
    assert "required" in ask("en")


def test_the_receipt_is_what_the_case_file_holds(live: Live) -> None:
    command = live.hand_in()
    live.submit(command)

    def receipt() -> archive.Receipt | None:
        try:
            request = archive.GetReceiptRequest(matter_id=command.matter_id)
            return live.archive.GetReceipt(request, timeout=CALL_SECONDS).receipt
        except grpc.RpcError:
            return None

    found = poll(receipt, "the receipt")
    assert found is not None
    request = archive.GetCaseFileRequest(matter_id=command.matter_id)
    case_file = live.archive.GetCaseFile(request, timeout=CALL_SECONDS).case_file
    ends = {(p.writer, p.topic): p.sequence for p in found.seal.manifest}
    # 2 events of the matter and 3 decisions.
    assert sum(ends.values()) == found.seal.leaf_count == len(found.leaf_digests) == 5
    under = [
        hashlib.sha256(b"\0" + record.value).digest()
        for record in case_file.records
        if record.position.sequence <= ends.get((record.position.writer, record.position.topic), 0)
    ]
    assert under == list(found.leaf_digests)
