"""Who writes what and who reads it, as the contract says; written down here, not taken from any table of the code."""

from __future__ import annotations

from typing import Any

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.archive.v1.archive_events_pb2 import RecordEvent
from onematter.exchange.v1.exchange_commands_pb2 import ExchangeCommand
from onematter.exchange.v1.exchange_events_pb2 import ExchangeEvent
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_events_pb2 import MatterEvent
from onematter.notification.v1.notification_events_pb2 import NoticeEvent

LEVELS = ("province", "city", "county")
SUBMISSIONS = "onematter.intake.submissions.v1"
INTAKE_COMMANDS = "onematter.intake.commands.v1"
MATTER_EVENTS = "onematter.matter.events.v1"
NOTICE_EVENTS = "onematter.notification.events.v1"
RECORD_EVENTS = "onematter.archive.events.v1"
EXCHANGE_COMMANDS = "onematter.exchange.commands.v1"
EXCHANGE_EVENTS = "onematter.exchange.events.v1"
TASK_COMMANDS = {level: f"onematter.approval.{level}.commands.v1" for level in LEVELS}
TASK_EVENTS = {level: f"onematter.approval.{level}.events.v1" for level in LEVELS}

# The deployment that acts on a topic of commands, and the messages on it.
OWNERS: dict[str, str] = {
    SUBMISSIONS: "intake",
    INTAKE_COMMANDS: "intake",
    EXCHANGE_COMMANDS: "exchange",
    **{TASK_COMMANDS[level]: f"approval-{level}" for level in LEVELS},
}
COMMAND_TYPES: dict[str, Any] = {
    SUBMISSIONS: IntakeCommand,
    INTAKE_COMMANDS: IntakeCommand,
    EXCHANGE_COMMANDS: ExchangeCommand,
    **dict.fromkeys(TASK_COMMANDS.values(), ApprovalCommand),
}
EVENT_TYPES: dict[str, Any] = {
    MATTER_EVENTS: MatterEvent,
    NOTICE_EVENTS: NoticeEvent,
    RECORD_EVENTS: RecordEvent,
    EXCHANGE_EVENTS: ExchangeEvent,
    **dict.fromkeys(TASK_EVENTS.values(), ApprovalEvent),
}
# The topic on which a deployment tells its events.
EVENTS_OF: dict[str, str] = {
    "intake": MATTER_EVENTS,
    "notification": NOTICE_EVENTS,
    "archive": RECORD_EVENTS,
    "exchange": EXCHANGE_EVENTS,
    **{f"approval-{level}": TASK_EVENTS[level] for level in LEVELS},
}
# Whose streams may stand on a topic; None: nobody's, only what comes from outside.
WRITERS: dict[str, str | None] = {
    SUBMISSIONS: None,
    INTAKE_COMMANDS: None,
    **dict.fromkeys((EXCHANGE_COMMANDS, *TASK_COMMANDS.values()), "intake"),
    **{topic: deployment for deployment, topic in EVENTS_OF.items()},
}
INPUTS: dict[str, tuple[str, ...]] = {
    "intake": (SUBMISSIONS, INTAKE_COMMANDS, EXCHANGE_EVENTS, *TASK_EVENTS.values()),
    "notification": (MATTER_EVENTS,),
    "archive": (MATTER_EVENTS, EXCHANGE_EVENTS, NOTICE_EVENTS, *TASK_EVENTS.values()),
    "exchange": (EXCHANGE_COMMANDS,),
    **{f"approval-{level}": (TASK_COMMANDS[level],) for level in LEVELS},
}
DEPLOYMENTS = tuple(INPUTS)
ARCHIVED = INPUTS["archive"]
DEAD_LETTERS = tuple(
    f"onematter.{service}.dead-letters.v1" for service in ("intake", "approval", "notification", "archive", "exchange")
)
TOPICS = (*WRITERS, *DEAD_LETTERS)


def schema_of(deployment: str) -> str:
    """The deployment's PostgreSQL schema."""
    return deployment.replace("-", "_")


def group_of(deployment: str) -> str:
    """The deployment's consumer group."""
    return f"onematter-{deployment}"


def add_approval(level: str) -> None:
    """Tell of a further approval deployment, approval-`level`: a division's centre with topics of its own."""
    deployment = f"approval-{level}"
    commands, events = f"onematter.approval.{level}.commands.v1", f"onematter.approval.{level}.events.v1"
    TASK_COMMANDS[level], TASK_EVENTS[level] = commands, events
    OWNERS[commands], COMMAND_TYPES[commands], EVENT_TYPES[events] = deployment, ApprovalCommand, ApprovalEvent
    EVENTS_OF[deployment], INPUTS[deployment] = events, (commands,)
    WRITERS[commands], WRITERS[events] = "intake", deployment


def remove_approval(level: str) -> None:
    """Forget what `add_approval` told of."""
    commands, events = TASK_COMMANDS.pop(level), TASK_EVENTS.pop(level)
    for table in (OWNERS, COMMAND_TYPES, EVENT_TYPES, WRITERS):
        table.pop(commands, None)
        table.pop(events, None)
    for table in (EVENTS_OF, INPUTS):
        table.pop(f"approval-{level}")
