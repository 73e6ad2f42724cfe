"""An item at its end (办结), and with the last one the one result (综合出件).

Rule 1: an item opens when, and only when, everything it depends on is granted; what can never open lapses at
once, and independent siblings run on.
Rule 2: the one event that brings the last item to its end is the one result, and carries the results of all.
Rule 3: what a denial means stands in the catalogue: what waits for the item lapses; or the whole matter ends, what
waits lapses and what is in hand is called back, once. A decision that crosses the call stands.
"""

# pyright: strict

from __future__ import annotations

from onematter.contracts.aggregate import NO_EFFECTS, Context, Effects
from onematter.contracts.times import set_unix_ms
from onematter.intake.delivery import set_delivery
from onematter.intake.desk import Desk, Evolver, Heard, Reactor
from onematter.intake.items import conclude, item_of, lapse, open_tasks, recall_tasks, set_lapsed
from onematter.intake.manifest import add_manifest
from onematter.intake.results import consequences, ends_matter, is_ended, left_behind, outcome_of, set_result
from onematter.intake.v1.intake_events_pb2 import ItemOutcome, MatterEvent
from onematter.intake.v1.intake_state_pb2 import ItemState, ItemStatus, MatterState, MatterStatus

_RUNNING = MatterStatus.MATTER_STATUS_RUNNING
_COMPLETED = MatterStatus.MATTER_STATUS_COMPLETED
_SENT = ItemStatus.ITEM_STATUS_SENT
_IN_HAND = frozenset({_SENT, ItemStatus.ITEM_STATUS_OPEN})
_GRANTED = ItemOutcome.ITEM_OUTCOME_GRANTED
_DENIED = ItemOutcome.ITEM_OUTCOME_DENIED


def conclude_item(
    desk: Desk, state: MatterState, item: ItemState, outcome: ItemOutcome, heard: Heard, context: Context
) -> MatterEvent:
    """Return the event of an item's end: ItemConcluded, or of the last item MatterCompleted."""
    assert item.status in _IN_HAND, "an approval event for an item that is not in a department's hands"
    told_event = heard.event
    opened, lapsed, is_last = consequences(state, told_event.item_id, outcome)
    recalled: list[str] = []
    if outcome == _DENIED and state.status == _RUNNING:
        matter_type = desk.matter_type(state)
        if ends_matter(item, matter_type):
            in_hand, lapsed = left_behind(state, told_event.item_id)
            recalled = [] if is_ended(state, matter_type) else in_hand
    event = MatterEvent()
    event.actor.CopyFrom(told_event.actor)
    if is_last:
        _complete(event, desk, state, item, outcome, heard, frozenset(lapsed), context)
        return event
    concluded = event.item_concluded
    set_result(concluded.result, item, outcome, told_event, heard.sequence)
    concluded.opened_items.extend(opened)
    concluded.lapsed_items.extend(lapsed)
    concluded.recalled_items.extend(recalled)
    return event


def _complete(
    event: MatterEvent,
    desk: Desk,
    state: MatterState,
    item: ItemState,
    outcome: ItemOutcome,
    heard: Heard,
    lapsed: frozenset[str],
    context: Context,
) -> None:
    completed = event.matter_completed
    told_event = heard.event
    add = completed.results.add
    granted = 0
    ends: dict[str, int] = {}
    for one in state.items:
        result = add()
        pinned = one.item
        item_id = pinned.item_id
        if item_id == told_event.item_id:
            set_result(result, item, outcome, told_event, heard.sequence)
        elif item_id in lapsed:
            set_lapsed(result, one)
            set_unix_ms(result.time, context.now_unix_ms)
        else:
            result.CopyFrom(one.result)
        granted += result.outcome == _GRANTED
        sequence = result.sequence
        if sequence:
            topic = pinned.events_topic
            ends[topic] = max(sequence, ends.get(topic, 0))
    completed.outcome = outcome_of(state, granted, len(completed.results))
    completed.handed_in.CopyFrom(state.handed_in)
    completed.visits = state.visits
    completed.matter_code = state.matter_code
    completed.division = state.division
    completed.name.CopyFrom(state.name)
    completed.matter_number = state.matter_number
    completed.materials_asked = state.materials_asked
    completed.materials_held = state.materials_held
    if state.trips:
        completed.trips.extend(state.trips)
    set_delivery(completed, desk, state, context)
    add_manifest(completed.manifest, desk, context, ends)


def _evolve_concluded(state: MatterState, event: MatterEvent) -> None:
    concluded = event.item_concluded
    conclude(item_of(state, concluded.result.item_id), concluded.result)
    for item_id in concluded.opened_items:
        item_of(state, item_id).status = _SENT
    lapse(state, concluded.lapsed_items, event)


def _evolve_completed(state: MatterState, event: MatterEvent) -> None:
    completed = event.matter_completed
    state.status = _COMPLETED
    state.outcome = completed.outcome
    state.completed.CopyFrom(event.time)
    for item, result in zip(state.items, completed.results, strict=True):
        conclude(item, result)
        item.ClearField("missing")
    # Nothing is asked any more: not what a grant on a pledge did without, nor what a denial left open.
    for field in ("outstanding_materials", "missing"):
        state.ClearField(field)


def _react_concluded(desk: Desk, state: MatterState, event: MatterEvent) -> Effects:
    concluded = event.item_concluded
    if concluded.opened_items:
        return open_tasks(desk, state, state.application, event.matter_id, concluded.opened_items)
    if concluded.recalled_items:
        return recall_tasks(state, event.matter_id, concluded.recalled_items)
    return NO_EFFECTS


EVOLVE: dict[str, Evolver] = {"item_concluded": _evolve_concluded, "matter_completed": _evolve_completed}
REACT: dict[str, Reactor] = {"item_concluded": _react_concluded}
