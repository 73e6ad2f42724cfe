"""Which message leads to which command, and the aggregate that the unit of work runs.

Rule 1: a record is a command only on the deployment's own commands topic.
Rule 2: a record in a stream is intake's; one without a writer comes from outside.
"""

from __future__ import annotations

from functools import partial

from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from onematter.approval import store
from onematter.approval.core import Command, Core, FromIntake, evolve, react
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TasksState
from onematter.backbone.records import Record
from onematter.backbone.service import Aggregate
from onematter.contracts.aggregate import TimerDue, Undecodable, UnknownType
from onematter.contracts.topics import Topic, TopicTable
from onematter.law.calendar import WorkingCalendar
from onematter.law.catalogue import Catalogue


def command_from(commands: Topic, record: Record) -> Command | None:
    """Return the command that a record leads to; None for another topic than `commands`.

    Raises Undecodable when it is no ApprovalCommand of a matter, UnknownType when it asks for something that this
    version does not know. One that asks for nothing is left to be refused.
    """
    if record.topic != commands.name:
        return None
    command = ApprovalCommand()
    try:
        command.ParseFromString(record.value)
    except DecodeError:
        raise Undecodable("not an onematter.approval.v1.ApprovalCommand") from None
    if not command.matter_id:
        raise Undecodable("an onematter.approval.v1.ApprovalCommand without a matter_id")
    if command.WhichOneof("command") is None and len(UnknownFieldSet(command)):
        raise UnknownType("an ApprovalCommand without a command that this version knows")
    if not record.writer:
        return command
    if command.matter_id != record.key:
        raise Undecodable("a command in a stream, under the key of another matter")
    return FromIntake(command)


def core_of(catalogue: Catalogue, calendar: WorkingCalendar, table: TopicTable, deployment: str) -> Core:
    """Return the core of `deployment`, which decides the tasks that the table sends it."""

    def serves(level: int, division: str) -> bool:
        try:
            return table.destination(level, division).deployment == deployment
        except LookupError:
            return False

    return Core(catalogue, calendar, deployment, serves)


def aggregate(
    catalogue: Catalogue, calendar: WorkingCalendar, table: TopicTable, deployment: str
) -> Aggregate[TasksState, Command, ApprovalEvent]:
    """Return the tasks of a matter at `deployment`, for the unit of work."""
    return Aggregate(
        state_type=TasksState,
        event_type=ApprovalEvent,
        command_from=partial(command_from, table.topics[table.commands_topic(deployment)]),
        decide=core_of(catalogue, calendar, table, deployment).decide,
        evolve=evolve,
        react=react,
        timer_command=TimerDue,
        key_of=key_of,
        project=store.project,
    )


def key_of(command: Command) -> str:
    """Return the matter that a command from outside is about."""
    assert isinstance(command, ApprovalCommand), "only what comes from outside is asked for its matter"
    return command.matter_id
