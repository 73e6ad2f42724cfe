"""Which message leads to which command, and the aggregate that the unit of work runs.

Rule 1: a record in a stream is intake's.
Rule 2: what has no writer is an answer that the exchange recorded itself; `core` refuses everything else.
"""

from __future__ import annotations

from functools import partial

from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from onematter.backbone.records import Record
from onematter.backbone.service import Aggregate
from onematter.contracts.aggregate import TimerDue, Undecodable, UnknownType
from onematter.contracts.topics import Topic, TopicTable
from onematter.exchange import store
from onematter.exchange.core import Command, Core, FromIntake, Policy, absorb, evolve, react
from onematter.exchange.v1.exchange_commands_pb2 import ExchangeCommand
from onematter.exchange.v1.exchange_events_pb2 import ExchangeEvent
from onematter.exchange.v1.exchange_state_pb2 import SharingState

_FROM_INTAKE = frozenset({"resolve_materials", "stop_resolving"})


def command_from(commands: Topic, record: Record) -> Command | None:
    """Return the command that a record leads to; None for another topic than `commands`.

    Raises Undecodable when it is no ExchangeCommand of a matter, or in a stream not one of intake's; UnknownType when
    it asks for something that this version does not know. One that asks for nothing is left to be refused.
    """
    if record.topic != commands.name:
        return None
    try:
        command = ExchangeCommand.FromString(record.value)
    except DecodeError:
        raise Undecodable("not an onematter.exchange.v1.ExchangeCommand") from None
    if not command.matter_id:
        raise Undecodable("an onematter.exchange.v1.ExchangeCommand without a matter_id")
    kind = command.WhichOneof("command")
    if kind is None and len(UnknownFieldSet(command)):
        raise UnknownType("an ExchangeCommand without a command that this version knows")
    if not record.writer:
        return command
    if kind not in _FROM_INTAKE:
        raise Undecodable("a command that no deployment gives")
    if command.matter_id != record.key:
        raise Undecodable("a command in a stream, under the key of another matter")
    return FromIntake(command)


def key_of(command: Command) -> str:
    """Return the matter that a command from outside is about."""
    assert isinstance(command, ExchangeCommand), "only what comes from outside is asked for its matter"
    return command.matter_id


def aggregate(policy: Policy, table: TopicTable, deployment: str) -> Aggregate[SharingState, Command, ExchangeEvent]:
    """Return the sharings of a matter at `deployment`, for the unit of work."""
    return Aggregate(
        state_type=SharingState,
        event_type=ExchangeEvent,
        command_from=partial(command_from, table.topics[table.commands_topic(deployment)]),
        decide=Core(policy, deployment).decide,
        evolve=evolve,
        react=react,
        absorb=absorb,
        timer_command=TimerDue,
        key_of=key_of,
        project=store.project,
        again=store.again,
    )
