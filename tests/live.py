"""The running product as its users meet it: topics by kafka-python, gRPC by generated stubs, times by polling.

Ids are unique to a run, so that a cluster that holds other matters will do. What is expected is worked out here, with
hashlib and the contracts, and never by the code under test.
"""

from __future__ import annotations

import hashlib
import itertools
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from grpc_status import rpc_status
from kafka import KafkaProducer
from tests.tail import Tail

from onematter.approval.v1 import approval_service_pb2 as approval
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand, Decision
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_service_pb2_grpc import ApprovalServiceStub
from onematter.archive.v1.archive_events_pb2 import RecordEvent
from onematter.archive.v1.archive_service_pb2_grpc import ArchiveServiceStub
from onematter.backbone.v1.operations_service_pb2_grpc import OperationsServiceStub
from onematter.common.v1.actor_pb2 import Actor, ActorRole, Channel, Level
from onematter.common.v1.application_pb2 import IdentifierKind, PartyRole, PersonalData
from onematter.common.v1.outcome_pb2 import CommandRefused, Reason
from onematter.exchange.v1.exchange_events_pb2 import ExchangeEvent
from onematter.exchange.v1.exchange_service_pb2_grpc import ExchangeServiceStub
from onematter.intake.v1 import intake_service_pb2 as intake
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_events_pb2 import MatterEvent
from onematter.intake.v1.intake_service_pb2_grpc import IntakeServiceStub
from onematter.local.stack import Stack
from onematter.notification.v1.notification_events_pb2 import NoticeEvent
from onematter.notification.v1.notification_service_pb2_grpc import NotificationServiceStub

SUBMISSIONS = "onematter.intake.submissions.v1"
INTAKE_COMMANDS = "onematter.intake.commands.v1"
MATTER_EVENTS = "onematter.matter.events.v1"
NOTICE_EVENTS = "onematter.notification.events.v1"
RECORD_EVENTS = "onematter.archive.events.v1"
EXCHANGE_EVENTS = "onematter.exchange.events.v1"
LEVELS = ("province", "city", "county")
COMMANDS = {level: f"onematter.approval.{level}.commands.v1" for level in LEVELS}
TASK_EVENTS = {level: f"onematter.approval.{level}.events.v1" for level in LEVELS}
DEAD_LETTERS = {
    service: f"onematter.{service}.dead-letters.v1"
    for service in ("intake", "approval", "notification", "archive", "exchange")
}
DIVISIONS = {"province": "330000", "city": "330100", "county": "330106"}
NUMBERS = {"province": Level.LEVEL_PROVINCE, "city": Level.LEVEL_CITY, "county": Level.LEVEL_COUNTY}
# What the topics carry, to find a record's answer by.
EVENT_TYPES: dict[str, Any] = {
    MATTER_EVENTS: MatterEvent,
    NOTICE_EVENTS: NoticeEvent,
    RECORD_EVENTS: RecordEvent,
    EXCHANGE_EVENTS: ExchangeEvent,
    **dict.fromkeys(TASK_EVENTS.values(), ApprovalEvent),
}
FOLLOWED = (SUBMISSIONS, INTAKE_COMMANDS, *COMMANDS.values(), *EVENT_TYPES, *DEAD_LETTERS.values())

CALL_SECONDS = 60.0

Headers = list[tuple[str, bytes]]


def matter_id_of(principal: str, request_id: str) -> str:
    """The matter's id, as the contract says that every sender may compute it."""
    who = principal.encode()
    seed = b"onematter.matter.v1" + len(who).to_bytes(4, "big") + who + request_id.encode()
    return hashlib.sha256(seed).hexdigest()[:32]


@dataclass(frozen=True)
class Failure:
    """A gRPC call that failed, taken apart."""

    code: grpc.StatusCode
    text: str
    info: ErrorInfo
    bad_request: BadRequest
    refused: CommandRefused

    @property
    def told(self) -> set[tuple[str, str]]:
        """Field and reason of every violation."""
        return {(v.field, v.reason) for v in self.bad_request.field_violations}


def failure_of(call: Callable[[], object]) -> Failure:
    """The failure of a call that must fail, with google.rpc details."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    error: Any = caught.value
    info, bad_request, refused = ErrorInfo(), BadRequest(), CommandRefused()
    status = rpc_status.from_call(error)
    assert status is not None, f"{error.code()} without details: {error.details()}"
    for detail in status.details:
        for message in (info, bad_request, refused):
            if detail.Is(message.DESCRIPTOR):
                detail.Unpack(message)
    return Failure(error.code(), error.details(), info, bad_request, refused)


def told_by(refused: CommandRefused) -> set[tuple[str, str]]:
    """Field and reason of every violation, as gRPC names them."""
    return {(v.field, Reason.Name(v.reason).removeprefix("REASON_")) for v in refused.violations}


def three_items(request_id: str, principal: str, amount: float) -> IntakeCommand:
    """A hand-in of OM-90: three items at three levels, by rule up to a million, by officials above."""
    actor = Actor(principal=principal, role=ActorRole.ACTOR_ROLE_CLERK)
    command = IntakeCommand(request_id=request_id, actor=actor)
    command.matter_id = matter_id_of(principal, request_id)
    submit = command.submit_matter
    submit.matter_code, submit.division, submit.channel = "OM-90", DIVISIONS["county"], Channel.CHANNEL_WEB
    application = submit.application
    application.facts["amount"].number = amount
    application.materials.add(
        material_id="form", digest=hashlib.sha256(b"form").digest(), size_bytes=4, media_type="application/pdf"
    )
    application.parties.add(party_id="p1", role=PartyRole.PARTY_ROLE_APPLICANT)
    seal(command, name="杭州示例智造有限公司")
    return command


class Live:
    """The product, running, and one client of it."""

    def __init__(self, stack: Stack, parts: Stack, directory: Path) -> None:
        self.stack, self.parts, self.directory = stack, parts, directory
        self.servers = stack.addresses.kafka_bootstrap_servers
        self.database_url = stack.addresses.database_url
        self.principal = f"clerk-{uuid.uuid4().hex[:12]}"
        self.tail = Tail(self.servers, FOLLOWED)
        self._producer = KafkaProducer(bootstrap_servers=self.servers, acks="all", max_request_size=1 << 20)
        self._channels: dict[str, grpc.Channel] = {}
        self._numbers = itertools.count(1)

    def close(self) -> None:
        """Close every connection."""
        self._producer.close()
        self.tail.close()
        for channel in self._channels.values():
            channel.close()

    def channel(self, deployment: str) -> grpc.Channel:
        """The gRPC channel to a deployment."""
        if deployment not in self._channels:
            address = self.stack.addresses.services[deployment].grpc
            assert address is not None
            self._channels[deployment] = grpc.insecure_channel(address, (("grpc.enable_http_proxy", 0),))
        return self._channels[deployment]

    @property
    def intake(self) -> Any:
        """Intake's stub."""
        return IntakeServiceStub(self.channel("intake"))

    def approval(self, level: str) -> Any:
        """A level's stub."""
        return ApprovalServiceStub(self.channel(f"approval-{level}"))

    @property
    def exchange(self) -> Any:
        """The exchange's stub."""
        return ExchangeServiceStub(self.channel("exchange"))

    @property
    def archive(self) -> Any:
        """The archive's stub."""
        return ArchiveServiceStub(self.channel("archive"))

    @property
    def notification(self) -> Any:
        """Notification's stub."""
        return NotificationServiceStub(self.channel("notification"))

    def operations(self, deployment: str) -> Any:
        """What operators call."""
        return OperationsServiceStub(self.channel(deployment))

    def new_id(self) -> str:
        """A request id that nobody has used."""
        return f"{self.principal}-{next(self._numbers)}"

    def hand_in(self, amount: float = 5, *, request_id: str = "", principal: str = "") -> IntakeCommand:
        """A hand-in of OM-90: three items at three levels, by rule up to a million, by officials above."""
        return three_items(request_id or self.new_id(), principal or self.principal, amount)

    def official(self, level: str, *, principal: str = "", department: str = "government_services") -> Actor:
        """An official who is competent for OM-90's item of the level."""
        return Actor(
            principal=principal or f"official-{level}", role=ActorRole.ACTOR_ROLE_OFFICIAL, level=NUMBERS[level],
            division=DIVISIONS[level], department=department,
        )  # fmt: skip

    def decision(self, level: str, matter_id: str, item_id: str, *, grant: bool = True) -> ApprovalCommand:
        """A decision on a task."""
        command = ApprovalCommand(
            request_id=self.new_id(), matter_id=matter_id, item_id=item_id, actor=self.official(level)
        )
        command.decide_task.decision = Decision.DECISION_GRANT if grant else Decision.DECISION_DENY
        command.decide_task.opinion = "符合要求，准予。" if grant else "不符合要求，不予许可。"
        if not grant:
            command.decide_task.basis.append("《行政许可法》第38条")
        return command

    def submit(self, command: IntakeCommand) -> Any:
        """Hand in by gRPC."""
        return self.intake.SubmitMatter(intake.SubmitMatterRequest(command=command), timeout=CALL_SECONDS)

    def decide(self, level: str, command: ApprovalCommand) -> Any:
        """Decide by gRPC."""
        return self.approval(level).DecideTask(approval.DecideTaskRequest(command=command), timeout=CALL_SECONDS)

    def write(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        headers: Headers | None = None,
        partition: int | None = None,
    ) -> Any:
        """Write a record; returns where it stands when the broker has acknowledged it."""
        sent = self._producer.send(topic, value=value, key=key, headers=headers or [], partition=partition)
        return sent.get(timeout=CALL_SECONDS)

    def publish(self, topic: str, command: IntakeCommand | ApprovalCommand) -> bytes:
        """Write a command as a client does; returns its bytes."""
        value = command.SerializeToString(deterministic=True)
        self.write(topic, value, command.matter_id.encode(), outside(command.request_id))
        return value

    def publish_all(self, commands: Iterable[IntakeCommand]) -> dict[str, bytes]:
        """Write many hand-ins at once; returns the bytes by matter when the broker has acknowledged all."""
        sent: dict[str, tuple[bytes, Any]] = {}
        for command in commands:
            value = command.SerializeToString(deterministic=True)
            key, headers = command.matter_id.encode(), outside(command.request_id)
            sent[command.matter_id] = (value, self._producer.send(SUBMISSIONS, value=value, key=key, headers=headers))
        self._producer.flush(timeout=CALL_SECONDS)
        for _, future in sent.values():
            future.get(timeout=CALL_SECONDS)
        return {matter_id: value for matter_id, (value, _) in sent.items()}

    def events(self, topic: str, key: str) -> list[Any]:
        """The events of a matter, in order."""
        return [self.parse(record) for record in self.tail.of(topic, key)]

    def parse(self, record: Any) -> Any:
        """The event in a record."""
        return EVENT_TYPES[record.topic].FromString(record.value)

    def event(self, topic: str, key: str, kind: str, item_id: str = "") -> Any:
        """Wait for a matter's event of a kind."""

        def found() -> Any:
            events = self.events(topic, key)
            wanted = (e for e in events if e.WhichOneof("event") == kind and (not item_id or e.item_id == item_id))
            return next(wanted, None)

        return self.tail.until(found, f"{kind} of {key} on {topic}")

    def answer(self, topic: str, key: str, value: bytes) -> Any:
        """Wait for the event that tells what came of the command with these bytes."""
        digest = hashlib.sha256(value).digest()

        def found() -> Any:
            return next((e for e in self.events(topic, key) if e.cause.digest == digest), None)

        return self.tail.until(found, f"the outcome of {key} on {topic}")

    def dead_letter(self, service: str, topic: str, partition: int, offset: int) -> Any:
        """Wait for the dead letter of the record at this place; returns it."""
        origin = {
            "dead_letter_topic": topic.encode(),
            "dead_letter_partition": b"%d" % partition,
            "dead_letter_offset": b"%d" % offset,
        }

        def found() -> Any:
            letters = self.tail.records[DEAD_LETTERS[service]]
            return next((one for one in letters if origin.items() <= dict(one.headers).items()), None)

        return self.tail.until(found, f"the dead letter of {topic}/{partition}/{offset}")

    def completes(self, matter_id: str) -> MatterEvent:
        """Wait for the one result."""
        return self.event(MATTER_EVENTS, matter_id, "matter_completed")

    def goes_on(self) -> None:
        """A good hand-in completes."""
        command = self.hand_in()
        self.publish(SUBMISSIONS, command)
        self.completes(command.matter_id)

    def open_matter(self) -> str:
        """Hand in a matter whose three items wait for officials; returns its id when all three tasks are open."""
        command = self.hand_in(amount=2_000_000)
        self.publish(SUBMISSIONS, command)
        for level in LEVELS:
            self.event(TASK_EVENTS[level], command.matter_id, "task_opened")
        return command.matter_id

    def item_at(self, level: str) -> str:
        """OM-90's item of a level."""
        return {"county": "01", "city": "02", "province": "03"}[level]


def seal(
    command: IntakeCommand,
    *,
    name: str,
    kind: IdentifierKind = IdentifierKind.IDENTIFIER_KIND_UNSPECIFIED,
    identifier: str = "",
) -> None:
    """Put the applicant's personal data into a hand-in."""
    personal_data = PersonalData()
    personal_data.parties.add(party_id="p1", name=name, identifier_kind=kind, identifier=identifier)
    command.submit_matter.application.personal_data.plain = personal_data.SerializeToString()


def outside(request_id: str) -> Headers:
    """The headers of a client's record: CloudEvents, binary mode."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", request_id.encode()),
        ("ce_source", b"/tests"),
        ("ce_type", b"onematter.tests"),
        ("content-type", b"application/protobuf"),
    ]


def forged(writer: str, topic: str, key: str, sequence: int, kind: str = "onematter.tests") -> Headers:
    """The headers of a record in a stream, as if `writer` had written it."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", f"{writer}/{topic}/{key}/{sequence}".encode()),
        ("ce_source", b"/tests"),
        ("ce_type", kind.encode()),
        ("content-type", b"application/protobuf"),
        ("ce_stream", writer.encode()),
        ("ce_sequence", b"%d" % sequence),
    ]
