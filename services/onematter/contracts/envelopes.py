"""Which message a topic's records carry: one envelope a topic, by the topic's kind and its owner's service."""

from __future__ import annotations

from google.protobuf.message import Message

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.archive.v1.archive_events_pb2 import RecordEvent
from onematter.contracts.topics import TopicTable
from onematter.exchange.v1.exchange_commands_pb2 import ExchangeCommand
from onematter.exchange.v1.exchange_events_pb2 import ExchangeEvent
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_events_pb2 import MatterEvent
from onematter.notification.v1.notification_events_pb2 import NoticeEvent

_COMMANDS: dict[str, type[Message]] = {
    "intake": IntakeCommand,
    "approval": ApprovalCommand,
    "exchange": ExchangeCommand,
}
_EVENTS: dict[str, type[Message]] = {
    "intake": MatterEvent,
    "approval": ApprovalEvent,
    "exchange": ExchangeEvent,
    "notification": NoticeEvent,
    "archive": RecordEvent,
}


def envelope_of(table: TopicTable, topic: str) -> type[Message] | None:
    """The message that `topic` carries; None of dead letters, and of a topic that the table does not have."""
    found = table.topics.get(topic)
    if found is None:
        return None
    service = table.deployments[found.owner].service
    if found.kind == "events":
        return _EVENTS.get(service)
    return _COMMANDS.get(service) if found.kind in ("commands", "submissions") else None
