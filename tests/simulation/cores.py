"""Two trivial aggregates on real contracts. The front (A) accepts matters of two items, one after the other, and asks
the back (B) for each; the back decides at once, when a timer is due, or when a person says so.

Rule 1: each state holds a chain over the bytes of its events, so that two states are equal only when the same events
were folded in the same order.
Rule 2: a text of "BUG" makes `decide` raise until `Bugs.fixed`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from google.protobuf.message import DecodeError, Message

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TasksState, TaskState, TaskStatus
from onematter.backbone.records import Record
from onematter.backbone.service import Aggregate
from onematter.common.v1.outcome_pb2 import CommandRefused, Reason
from onematter.contracts import keys, topics
from onematter.contracts.aggregate import (
    NO_EFFECTS,
    Context,
    Effects,
    Outgoing,
    SetTimer,
    TimerDue,
    Undecodable,
    UnknownType,
    refuse,
)
from onematter.contracts.topics import TopicTable
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_events_pb2 import ItemOutcome, ItemResult, MatterEvent
from onematter.intake.v1.intake_state_pb2 import ItemState, ItemStatus, MatterState, MatterStatus

FRONT, BACK = "front", "back"
SUBMISSIONS, FRONT_COMMANDS, FRONT_EVENTS = "front.submissions", "front.commands", "front.events"
BACK_COMMANDS, BACK_EVENTS = "back.commands", "back.events"
FRONT_DEAD, BACK_DEAD = "front.dead-letters", "back.dead-letters"
TIMER_MS = 3000


def make_table(partitions: int, max_message_bytes: int = 1_048_576) -> TopicTable:
    """The topics of the two."""
    table = topics.parse(
        {
            "defaults": {
                "partitions": partitions,
                "retention_ms": -1,
                "cleanup_policy": "delete",
                "timestamp_type": "LogAppendTime",
                "max_message_bytes": max_message_bytes,
            },
            "deployment": [
                {"name": FRONT, "service": "intake"},
                {"name": BACK, "service": "approval", "level": "CITY"},
            ],
            "topic": [
                {"name": SUBMISSIONS, "kind": "submissions", "owner": FRONT, "readers": [FRONT]},
                {"name": FRONT_COMMANDS, "kind": "commands", "owner": FRONT, "readers": [FRONT]},
                {"name": FRONT_EVENTS, "kind": "events", "owner": FRONT},
                {"name": BACK_COMMANDS, "kind": "commands", "owner": BACK, "writers": [FRONT], "readers": [BACK]},
                {"name": BACK_EVENTS, "kind": "events", "owner": BACK, "readers": [FRONT]},
                {"name": FRONT_DEAD, "kind": "dead-letters", "owner": FRONT},
                {"name": BACK_DEAD, "kind": "dead-letters", "owner": BACK},
            ],
        }
    )
    return replace(table, partitions=partitions)


def chain(previous: str, event: Message) -> str:
    """The chain, one event longer."""
    return hashlib.sha256(previous.encode() + event.SerializeToString(deterministic=True)).hexdigest()


@dataclass
class Bugs:
    """Whether the services raise on what says BUG."""

    fixed: bool = False

    def meet(self, text: str) -> None:
        """Raise if this is the culprit."""
        if text == "BUG" and not self.fixed:
            raise RuntimeError("a bug")


@dataclass(frozen=True)
class Heard:
    """An event of the back, as a command for the front."""

    event: ApprovalEvent


@dataclass(frozen=True)
class Ordered:
    """A command of the front in its stream."""

    command: ApprovalCommand


def _parsed(kind: Callable[[], Any], record: Record, oneof: str) -> Any:
    message = kind()
    try:
        message.ParseFromString(record.value)
    except DecodeError as error:
        raise Undecodable("not what the topic carries") from error
    if message.WhichOneof(oneof) is None:
        raise UnknownType("nothing that this version knows")
    return message


def front_command(record: Record) -> IntakeCommand | Heard | None:
    """Which record leads to which command of the front."""
    if record.topic in (SUBMISSIONS, FRONT_COMMANDS):
        return _parsed(IntakeCommand, record, "command")
    if record.topic == BACK_EVENTS:
        return Heard(_parsed(ApprovalEvent, record, "event"))
    return None


def front_key(command: Any) -> str:
    """The matter of a command from outside."""
    if command.WhichOneof("command") == "submit_matter":
        return keys.matter_id(command.actor.principal, command.request_id)
    return command.matter_id


def _item(state: MatterState, item_id: str) -> ItemState:
    return next(i for i in state.items if i.item.item_id == item_id)


class Front:
    """decide, evolve and react of the front."""

    def __init__(self, bugs: Bugs) -> None:
        self.bugs = bugs

    def decide(self, state: MatterState, command: Any, context: Context) -> MatterEvent | CommandRefused | None:
        """Each hand-in has an event or a refusal; each event of the back but a refusal has one event."""
        if isinstance(command, Heard):
            return self._hear(state, command.event)
        if isinstance(command, TimerDue):
            return None
        kind = command.WhichOneof("command")
        event = MatterEvent()
        if kind == "submit_matter":
            self.bugs.meet(command.submit_matter.matter_code)
            accepted = event.matter_accepted
            accepted.matter_code = command.submit_matter.matter_code
            for number, mode in enumerate(command.submit_matter.division.split(","), 1):
                accepted.items.add(item_id=f"{number:02}", department=mode)
            accepted.opened_items.append("01")
            return event
        if not state.status:
            return refuse(kind, "matter_id", Reason.REASON_MATTER_UNKNOWN)
        if kind == "record_visit":
            self.bugs.meet(command.record_visit.reason)
            event.visit_recorded.visits = state.visits + 1
            return event
        if state.status != MatterStatus.MATTER_STATUS_RUNNING:
            return refuse(kind, "matter_id", Reason.REASON_MATTER_CONCLUDED)
        withdrawn = event.matter_withdrawn
        withdrawn.SetInParent()
        for item in state.items:
            if item.status in (ItemStatus.ITEM_STATUS_SENT, ItemStatus.ITEM_STATUS_OPEN):
                withdrawn.recalled_items.append(item.item.item_id)
            elif item.status == ItemStatus.ITEM_STATUS_WAITING:
                withdrawn.lapsed_items.append(item.item.item_id)
        return event

    def _hear(self, state: MatterState, heard: ApprovalEvent) -> MatterEvent | None:
        kind = heard.WhichOneof("event")
        event = MatterEvent()
        if kind == "command_refused":
            return None
        if kind == "task_opened":
            event.item_opened.item_id = heard.item_id
            return event
        granted = kind == "task_decided"
        outcome = ItemOutcome.ITEM_OUTCOME_GRANTED if granted else ItemOutcome.ITEM_OUTCOME_WITHDRAWN
        result = ItemResult(item_id=heard.item_id, outcome=outcome)
        waiting = [i.item.item_id for i in state.items if i.status == ItemStatus.ITEM_STATUS_WAITING]
        if waiting:
            event.item_concluded.result.CopyFrom(result)
            event.item_concluded.opened_items.append(waiting[0])
        else:
            event.matter_completed.results.extend([*(i.result for i in state.items if i.HasField("result")), result])
            event.matter_completed.visits = state.visits
        return event

    def evolve(self, state: MatterState, event: MatterEvent) -> MatterState:
        """The fold."""
        new = MatterState()
        new.CopyFrom(state)
        new.matter_number = chain(state.matter_number, event)
        match event.WhichOneof("event"):
            case "matter_accepted":
                new.status = MatterStatus.MATTER_STATUS_RUNNING
                for item in event.matter_accepted.items:
                    new.items.add(item=item, status=ItemStatus.ITEM_STATUS_WAITING)
                self._open(new, event.matter_accepted.opened_items)
            case "item_opened":
                _item(new, event.item_opened.item_id).status = ItemStatus.ITEM_STATUS_OPEN
            case "item_concluded":
                self._conclude(new, event.item_concluded.result)
                self._open(new, event.item_concluded.opened_items)
            case "matter_completed":
                new.status = MatterStatus.MATTER_STATUS_COMPLETED
                self._conclude(new, event.matter_completed.results[-1])
            case "visit_recorded":
                new.visits = event.visit_recorded.visits
            case "matter_withdrawn":
                new.status = MatterStatus.MATTER_STATUS_WITHDRAWING
                for item_id in event.matter_withdrawn.lapsed_items:
                    _item(new, item_id).status = ItemStatus.ITEM_STATUS_CONCLUDED
            case _:
                pass
        return new

    def _open(self, state: MatterState, item_ids: Any) -> None:
        for item_id in item_ids:
            _item(state, item_id).status = ItemStatus.ITEM_STATUS_SENT

    def _conclude(self, state: MatterState, result: ItemResult) -> None:
        item = _item(state, result.item_id)
        item.status = ItemStatus.ITEM_STATUS_CONCLUDED
        item.result.CopyFrom(result)

    def react(self, state: MatterState, event: MatterEvent) -> Effects:
        """Tasks are opened and called back."""
        kind = event.WhichOneof("event")
        opened = getattr(getattr(event, kind or "", None), "opened_items", ())
        commands: list[Outgoing] = []
        for item_id in opened:
            command = ApprovalCommand(matter_id=event.matter_id, item_id=item_id)
            command.open_task.item.CopyFrom(_item(state, item_id).item)
            commands.append(Outgoing(BACK_COMMANDS, command))
        for item_id in event.matter_withdrawn.recalled_items:
            command = ApprovalCommand(matter_id=event.matter_id, item_id=item_id)
            command.recall_task.SetInParent()
            commands.append(Outgoing(BACK_COMMANDS, command))
        return Effects(tuple(commands)) if commands else NO_EFFECTS


def back_command(record: Record) -> ApprovalCommand | Ordered | None:
    """Which record leads to which command of the back."""
    command = _parsed(ApprovalCommand, record, "command")
    return Ordered(command) if record.writer else command


def _task(state: TasksState, item_id: str) -> TaskState | None:
    return next((t for t in state.tasks if t.item_id == item_id), None)


class Back:
    """decide, evolve and react of the back. The task without an item_id holds the chain."""

    def __init__(self, bugs: Bugs) -> None:
        self.bugs = bugs

    def decide(self, state: TasksState, command: Any, context: Context) -> ApprovalEvent | CommandRefused | None:
        """Each OpenTask has one event; what crosses has none."""
        if isinstance(command, TimerDue):
            task = _task(state, command.name)
            if task is None or task.status != TaskStatus.TASK_STATUS_OPEN:
                return None
            event = ApprovalEvent(item_id=command.name)
            event.task_decided.automatic = True
            return event
        asked: ApprovalCommand = command.command if isinstance(command, Ordered) else command
        event = ApprovalEvent(item_id=asked.item_id)
        kind = asked.WhichOneof("command")
        if kind == "open_task":
            self.bugs.meet(asked.open_task.item.department)
            if asked.open_task.item.department == "auto":
                event.task_decided.automatic = True
            else:
                event.task_opened.item.CopyFrom(asked.open_task.item)
            return event
        task = _task(state, asked.item_id)
        open_now = task is not None and task.status == TaskStatus.TASK_STATUS_OPEN
        if kind == "recall_task":
            if not open_now:
                return None
            event.task_recalled.SetInParent()
            return event
        if task is None:
            return refuse("decide_task", "item_id", Reason.REASON_TASK_UNKNOWN)
        if not open_now:
            return refuse("decide_task", "item_id", Reason.REASON_TASK_DECIDED)
        event.task_decided.opinion = asked.decide_task.opinion
        return event

    def evolve(self, state: TasksState, event: ApprovalEvent) -> TasksState:
        """The fold."""
        new = TasksState()
        new.CopyFrom(state)
        holder = _task(new, "") or new.tasks.add()
        holder.decided.rule = chain(holder.decided.rule, event)
        status = {
            "task_opened": TaskStatus.TASK_STATUS_OPEN,
            "task_decided": TaskStatus.TASK_STATUS_DECIDED,
            "task_recalled": TaskStatus.TASK_STATUS_RECALLED,
        }.get(event.WhichOneof("event") or "")
        if status is not None:
            (_task(new, event.item_id) or new.tasks.add(item_id=event.item_id)).status = status
        return new

    def react(self, state: TasksState, event: ApprovalEvent) -> Effects:
        """An open task has a timer."""
        match event.WhichOneof("event"):
            case "task_opened":
                return Effects(timers=(SetTimer(event.item_id, event.time.ToMilliseconds() + TIMER_MS),))
            case "task_decided" | "task_recalled":
                return Effects(timers=(SetTimer(event.item_id, None),))
            case _:
                return NO_EFFECTS


def front_aggregate(bugs: Bugs | None = None) -> Aggregate[Any, Any, Any]:
    """The front, for the unit of work."""
    core = Front(bugs or Bugs())
    return Aggregate(MatterState, MatterEvent, front_command, core.decide, core.evolve, core.react, key_of=front_key)


def back_aggregate(bugs: Bugs | None = None) -> Aggregate[Any, Any, Any]:
    """The back, for the unit of work."""
    core = Back(bugs or Bugs())
    return Aggregate(TasksState, ApprovalEvent, back_command, core.decide, core.evolve, core.react)


def front_chain(state: bytes) -> str:
    """The chain in a row of the front."""
    return MatterState.FromString(state).matter_number


def back_chain(state: bytes) -> str:
    """The chain in a row of the back."""
    holder = _task(TasksState.FromString(state), "")
    return holder.decided.rule if holder else ""
