"""Which message leads to which command.

Rule 1: a hand-in comes on the submissions topic and everything later on the commands topic; the other way
round is refused, not dropped, so that the sender learns it.
Rule 2: an event of approval or of the data exchange counts only from the deployment that owns its topic.
"""

from __future__ import annotations

from functools import partial

from google.protobuf.message import DecodeError

from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.backbone.records import Record
from onematter.backbone.service import Aggregate
from onematter.common.v1.outcome_pb2 import Reason, StreamPosition
from onematter.contracts import keys
from onematter.contracts.aggregate import TimerDue, Undecodable, UnknownType
from onematter.contracts.limits import MAX_COMMAND_BYTES
from onematter.contracts.topics import INTAKE_COMMANDS, SUBMISSIONS, TopicTable
from onematter.exchange.v1.exchange_events_pb2 import ExchangeEvent
from onematter.intake import store
from onematter.intake.core import Core
from onematter.intake.desk import Command, Heard, HeardSharing, Unfit
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_events_pb2 import MatterEvent
from onematter.intake.v1.intake_state_pb2 import MatterState
from onematter.law.calendar import WorkingCalendar
from onematter.law.catalogue import Catalogue


def command_from(table: TopicTable, record: Record) -> Command | None:
    """Return the command that a record leads to; None for a topic that is not intake's.

    Raises Undecodable for what its topic does not carry, UnknownType for what this version does not know.
    """
    if record.topic in (SUBMISSIONS, INTAKE_COMMANDS):
        return _asked(record)
    topic = table.topics.get(record.topic)
    if topic is None or topic.kind != "events":
        return None
    if not record.writer:
        raise Undecodable("an event of no stream")
    return _shared(record) if table.deployments[topic.owner].service == "exchange" else _heard(record)


def key_of(command: Command) -> str:
    """Return the matter that a command is about; a hand-in's is derived from who asks."""
    if isinstance(command, Unfit):
        return key_of(command.command)
    if isinstance(command, IntakeCommand):
        if command.WhichOneof("command") == "submit_matter":
            return keys.matter_id(command.actor.principal, command.request_id)
        return command.matter_id
    if isinstance(command, Heard | HeardSharing):
        return command.event.matter_id
    raise AssertionError("a timer has no key")


def aggregate(
    catalogue: Catalogue, table: TopicTable, deployment: str, calendar: WorkingCalendar
) -> Aggregate[MatterState, Command, MatterEvent]:
    """The Matter, for the unit of work."""
    core = Core(catalogue, table, deployment, calendar)
    return Aggregate(
        state_type=MatterState,
        event_type=MatterEvent,
        command_from=partial(command_from, table),
        decide=core.decide,
        evolve=core.evolve,
        react=core.react,
        absorb=core.absorb,
        timer_command=TimerDue,
        key_of=key_of,
        project=store.project,
        answer_to=answer_to,
    )


def answer_to(command: Command) -> StreamPosition | None:
    """Return the place of the command of intake's that an event answers, as its cause tells it."""
    return command.event.cause.position if isinstance(command, Heard | HeardSharing) else None


def _asked(record: Record) -> IntakeCommand | Unfit:
    try:
        command = IntakeCommand.FromString(record.value)
    except DecodeError as error:
        raise Undecodable("not an onematter.intake.v1.IntakeCommand") from error
    kind = command.WhichOneof("command")
    if kind is None:
        if not record.value:
            raise Undecodable("an empty value; send an onematter.intake.v1.IntakeCommand")
        raise UnknownType("an IntakeCommand without a command that this version knows")
    is_submission = kind == "submit_matter"
    if not is_submission and not command.matter_id:
        # The key says the same.
        command.matter_id = record.key
    if is_submission != (record.topic == SUBMISSIONS):
        return Unfit(command, Reason.REASON_COMMAND_ON_WRONG_TOPIC)
    if len(record.value) > MAX_COMMAND_BYTES:
        return Unfit(command, Reason.REASON_COMMAND_TOO_LARGE)
    return command


def _heard(record: Record) -> Heard:
    try:
        event = ApprovalEvent.FromString(record.value)
    except DecodeError as error:
        raise Undecodable("not an onematter.approval.v1.ApprovalEvent") from error
    if event.WhichOneof("event") is None:
        raise UnknownType("an ApprovalEvent without an event that this version knows")
    return Heard(event, record.topic, record.sequence)


def _shared(record: Record) -> HeardSharing:
    try:
        event = ExchangeEvent.FromString(record.value)
    except DecodeError as error:
        raise Undecodable("not an onematter.exchange.v1.ExchangeEvent") from error
    if event.WhichOneof("event") is None:
        raise UnknownType("an ExchangeEvent without an event that this version knows")
    return HeardSharing(event, record.topic, record.sequence)
