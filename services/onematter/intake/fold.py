"""What an event means for a matter: its new state, and the commands that go out.

Rule 1: nothing is decided here: the fold of a matter's events is its state but for what is untold, also when a
service is restored from its own events. What an event tells is untold no longer, known before or not.
Rule 2: `evolve` and `react` change no argument.
Rule 3: the application, the only place of personal data, stays in the state no longer than an item waits that
will be opened with it.
"""

# pyright: strict

from __future__ import annotations

from collections.abc import Iterable

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand, RecallTask
from onematter.common.v1.actor_pb2 import Actor, ActorRole, Channel
from onematter.common.v1.application_pb2 import Application
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
    opens = False
    match kind:
        case "item_opened":
            opened = event.item_opened
            item = _find(new, opened.item_id)
            item.status = _OPEN
            item.legal_deadline.CopyFrom(opened.legal_deadline)
            item.promised_deadline.CopyFrom(opened.promised_deadline)
            item.deadline_provisional = opened.deadline_provisional
            _conclude_earlier(new, opened.earlier_results)
        case "item_concluded":
            concluded = event.item_concluded
            _conclude(_find(new, concluded.result.item_id), concluded.result)
            _conclude_earlier(new, concluded.earlier_results)
            for item_id in concluded.opened_items:
                _find(new, item_id).status = _SENT
                opens = True
            _lapse(new, concluded.lapsed_items, event)
        case "matter_withdrawn":
            new.status = _WITHDRAWING
            _lapse(new, event.matter_withdrawn.lapsed_items, event)
            _conclude_earlier(new, event.matter_withdrawn.earlier_results)
        case "visit_recorded":
            new.visits = event.visit_recorded.visits
            _conclude_earlier(new, event.visit_recorded.earlier_results)
        case "matter_completed":
            completed = event.matter_completed
            new.status = _COMPLETED
            new.outcome = completed.outcome
            new.completed.CopyFrom(event.time)
            for item, result in zip(new.items, completed.results, strict=True):
                _conclude(item, result)
        case _:
            raise AssertionError("an event that the fold does not know")
    # `react` still needs it after the event that opens the last one.
    if not opens:
        drop_application(new)
    return new


def react(state: MatterState, event: MatterEvent) -> Effects:
    """Return the tasks to open or to call back, given the state after `event`."""
    match event.WhichOneof("event"):
        case "matter_accepted":
            accepted = event.matter_accepted
            return _open_tasks(state, accepted.application, event.matter_id, accepted.opened_items)
        case "item_concluded" if event.item_concluded.opened_items:
            return _open_tasks(state, state.application, event.matter_id, event.item_concluded.opened_items)
        case "matter_withdrawn":
            return _recall_tasks(state, event.matter_id, event.matter_withdrawn.recalled_items)
        case _:
            return NO_EFFECTS


def _accepted(event: MatterEvent) -> MatterState:
    accepted = event.matter_accepted
    channel = accepted.channel
    state = MatterState(
        status=_RUNNING,
        matter_number=accepted.matter_number,
        matter_code=accepted.matter_code,
        catalogue_version=accepted.catalogue_version,
        division=accepted.division,
        channel=channel,
        principal=event.actor.principal,
        visits=int(channel in _VISIT_CHANNELS),
    )
    # CopyFrom throughout: a message given to a constructor goes through its bytes.
    state.name.CopyFrom(accepted.name)
    state.handed_in.CopyFrom(event.time)
    opened = set(accepted.opened_items)
    add = state.items.add
    waits = False
    for item in accepted.items:
        is_opened = item.item_id in opened
        waits = waits or not is_opened
        add(status=_SENT if is_opened else _WAITING).item.CopyFrom(item)
    if waits:
        state.application.CopyFrom(accepted.application)
    return state


def _find(state: MatterState, item_id: str) -> ItemState:
    for one in state.items:
        if one.item.item_id == item_id:
            return one
    raise AssertionError("an event of an item that this matter does not have")


def _conclude(item: ItemState, result: ItemResult) -> None:
    item.status = _CONCLUDED
    item.result.CopyFrom(result)
    item.untold = False


def _conclude_earlier(state: MatterState, results: Iterable[ItemResult]) -> None:
    for result in results:
        _conclude(_find(state, result.item_id), result)


def _lapse(state: MatterState, item_ids: Iterable[str], event: MatterEvent) -> None:
    for item_id in item_ids:
        item = _find(state, item_id)
        item.status = _CONCLUDED
        set_lapsed(item.result, item)
        item.result.time.CopyFrom(event.time)


def drop_application(state: MatterState) -> None:
    """Clear the application of `state`, in place, when no item waits any more (Rule 3)."""
    if state.HasField("application") and all(one.status != _WAITING for one in state.items):
        state.ClearField("application")


def set_lapsed(result: ItemResult, item: ItemState) -> None:
    """Make `result` that of an item which never opened; its time is the event's."""
    result.item_id = item.item.item_id
    result.outcome = _LAPSED
    result.department = item.item.department


def _open_tasks(state: MatterState, application: Application, matter_id: str, item_ids: Iterable[str]) -> Effects:
    wanted = set(item_ids)
    common = ApprovalCommand(matter_id=matter_id)
    common.actor.CopyFrom(_SYSTEM)
    opening = common.open_task
    opening.matter_number = state.matter_number
    opening.matter_code = state.matter_code
    opening.catalogue_version = state.catalogue_version
    opening.matter_name.CopyFrom(state.name)
    opening.application.CopyFrom(application)
    commands: list[Outgoing] = []
    for one in state.items:
        item = one.item
        item_id = item.item_id
        if item_id in wanted:
            command = ApprovalCommand()
            command.CopyFrom(common)
            command.item_id = item_id
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
