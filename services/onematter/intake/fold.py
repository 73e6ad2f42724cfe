"""What an event means for a matter: its new state, and the commands that go out.

Rule 1: nothing is decided here: the fold of a matter's events is its state, also when a service is restored
from its own events.
Rule 2: no argument is changed.
"""

# pyright: strict

from __future__ import annotations

from collections.abc import Iterable

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand, OpenTask, RecallTask
from onematter.common.v1.actor_pb2 import Actor, ActorRole, Channel
from onematter.contracts.aggregate import NO_EFFECTS, Effects, Outgoing
from onematter.intake.v1.intake_events_pb2 import ItemOutcome, ItemResult, MatterEvent
from onematter.intake.v1.intake_state_pb2 import ItemState, ItemStatus, MatterState, MatterStatus

_SYSTEM = Actor(principal="intake", role=ActorRole.ACTOR_ROLE_SYSTEM)
# A hand-in here is a visit (跑动).
_VISIT_CHANNELS = frozenset({Channel.CHANNEL_WINDOW, Channel.CHANNEL_OTHER_REGION})

_RUNNING = MatterStatus.MATTER_STATUS_RUNNING
_WITHDRAWING = MatterStatus.MATTER_STATUS_WITHDRAWING
_COMPLETED = MatterStatus.MATTER_STATUS_COMPLETED
_LAPSED = ItemOutcome.ITEM_OUTCOME_LAPSED
_WAITING = ItemStatus.ITEM_STATUS_WAITING
_SENT = ItemStatus.ITEM_STATUS_SENT
_OPEN = ItemStatus.ITEM_STATUS_OPEN
_CONCLUDED = ItemStatus.ITEM_STATUS_CONCLUDED


def evolve(state: MatterState, event: MatterEvent) -> MatterState:
    """Return the state after `event`; `state` stays as it is."""
    kind = event.WhichOneof("event")
    if kind == "matter_accepted":
        return _accepted(event)
    if kind == "command_refused" or kind is None:
        return state
    new = MatterState()
    new.CopyFrom(state)
    match kind:
        case "item_opened":
            opened = event.item_opened
            item = _find(new, opened.item_id)
            item.status = _OPEN
            item.legal_deadline.CopyFrom(opened.legal_deadline)
            item.promised_deadline.CopyFrom(opened.promised_deadline)
            item.deadline_provisional = opened.deadline_provisional
        case "item_concluded":
            concluded = event.item_concluded
            item = _find(new, concluded.result.item_id)
            item.status = _CONCLUDED
            item.result.CopyFrom(concluded.result)
            for item_id in concluded.opened_items:
                _find(new, item_id).status = _SENT
            _lapse(new, concluded.lapsed_items, event)
        case "matter_withdrawn":
            new.status = _WITHDRAWING
            _lapse(new, event.matter_withdrawn.lapsed_items, event)
        case "visit_recorded":
            new.visits = event.visit_recorded.visits
        case "matter_completed":
            completed = event.matter_completed
            new.status = _COMPLETED
            new.outcome = completed.outcome
            new.completed.CopyFrom(event.time)
            new.manifest.extend(completed.manifest)
            for item, result in zip(new.items, completed.results, strict=True):
                item.status = _CONCLUDED
                item.result.CopyFrom(result)
        case _:
            raise AssertionError("an event that the fold does not know")
    return new


def react(state: MatterState, event: MatterEvent) -> Effects:
    """Return the tasks to open or to call back, given the state after `event`."""
    match event.WhichOneof("event"):
        case "matter_accepted":
            return _open_tasks(state, event.matter_id, event.matter_accepted.opened_items)
        case "item_concluded" if event.item_concluded.opened_items:
            return _open_tasks(state, event.matter_id, event.item_concluded.opened_items)
        case "matter_withdrawn":
            return _recall_tasks(state, event.matter_id, event.matter_withdrawn.recalled_items)
        case _:
            return NO_EFFECTS


def _accepted(event: MatterEvent) -> MatterState:
    accepted = event.matter_accepted
    state = MatterState(
        status=_RUNNING,
        matter_number=accepted.matter_number,
        matter_code=accepted.matter_code,
        catalogue_version=accepted.catalogue_version,
        name=accepted.name,
        division=accepted.division,
        channel=accepted.channel,
        principal=event.actor.principal,
        application=accepted.application,
        handed_in=event.time,
        visits=int(accepted.channel in _VISIT_CHANNELS),
        language=accepted.language,
    )
    opened = set(accepted.opened_items)
    items = state.items
    for item in accepted.items:
        items.add(item=item, status=_SENT if item.item_id in opened else _WAITING)
    return state


def _find(state: MatterState, item_id: str) -> ItemState:
    return next(one for one in state.items if one.item.item_id == item_id)


def _lapse(state: MatterState, item_ids: Iterable[str], event: MatterEvent) -> None:
    for item_id in item_ids:
        item = _find(state, item_id)
        item.status = _CONCLUDED
        set_lapsed(item.result, item)
        item.result.time.CopyFrom(event.time)


def set_lapsed(result: ItemResult, item: ItemState) -> None:
    """Make `result` that of an item which never opened; its time is the event's."""
    result.item_id = item.item.item_id
    result.outcome = _LAPSED
    result.department = item.item.department


def _open_tasks(state: MatterState, matter_id: str, item_ids: Iterable[str]) -> Effects:
    wanted = set(item_ids)
    common = OpenTask(
        matter_number=state.matter_number,
        matter_code=state.matter_code,
        catalogue_version=state.catalogue_version,
        matter_name=state.name,
        application=state.application,
    )
    commands: list[Outgoing] = []
    for one in state.items:
        item = one.item
        if item.item_id in wanted:
            command = ApprovalCommand(matter_id=matter_id, actor=_SYSTEM, item_id=item.item_id, open_task=common)
            command.open_task.item.CopyFrom(item)
            commands.append(Outgoing(item.commands_topic, command))
    return Effects(tuple(commands))


def _recall_tasks(state: MatterState, matter_id: str, item_ids: Iterable[str]) -> Effects:
    wanted = set(item_ids)
    return Effects(
        tuple(
            Outgoing(
                one.item.commands_topic,
                ApprovalCommand(matter_id=matter_id, actor=_SYSTEM, item_id=one.item.item_id, recall_task=RecallTask()),
            )
            for one in state.items
            if one.item.item_id in wanted
        )
    )
