"""A matter that ends before its result: taken back by who handed it in (撤回), or voided by the office (作废).

Rule 1: what is in a department's hands is called back, what waits lapses; a decision that crosses the call stands.
Rule 2: before it is accepted there is nothing to call back: it ends at once, with the result that has no items.
"""

# pyright: strict

from __future__ import annotations

from onematter.common.v1.outcome_pb2 import Reason
from onematter.contracts.aggregate import NO_EFFECTS, Context, Effects, Refusal, SetTimer
from onematter.intake import acceptance
from onematter.intake.acceptance_deadline import clear_deadline
from onematter.intake.checks import check_reason, check_role, check_sender, check_text, told
from onematter.intake.desk import Answer, Decider, Desk, Evolver, Reactor
from onematter.intake.items import lapse, recall_tasks
from onematter.intake.manifest import add_manifest
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_events_pb2 import MatterEvent, MatterOutcome, MatterVoided, MatterWithdrawn
from onematter.intake.v1.intake_state_pb2 import ItemStatus, MatterState, MatterStatus

_RUNNING = MatterStatus.MATTER_STATUS_RUNNING
_WITHDRAWING = MatterStatus.MATTER_STATUS_WITHDRAWING
_VOIDING = MatterStatus.MATTER_STATUS_VOIDING
_WAITING = ItemStatus.ITEM_STATUS_WAITING
_IN_HAND = frozenset({ItemStatus.ITEM_STATUS_SENT, ItemStatus.ITEM_STATUS_OPEN})
_CALLED_BACK = MatterOutcome.MATTER_OUTCOME_WITHDRAWN
_VOID = MatterOutcome.MATTER_OUTCOME_VOIDED


def withdraw_matter(desk: Desk, state: MatterState, command: IntakeCommand, context: Context) -> Answer:
    """Take the matter back; only who handed it in may."""
    refusal = Refusal("withdraw_matter")
    check_sender(command, refusal)
    reason = command.withdraw_matter.reason
    check_reason("withdraw_matter.reason", reason, refusal)
    _check_under_way(state, refusal)
    if state.status and command.actor.principal != state.principal:
        refusal.add("actor.principal", Reason.REASON_NOT_THE_APPLICANT)
    if refusal:
        return told(refusal)
    event = MatterEvent(actor=command.actor)
    if state.status == _RUNNING:
        event.matter_withdrawn.reason = reason
        _call_back(event.matter_withdrawn, state)
    else:
        _end(event, desk, state, _CALLED_BACK, reason, context)
    return event


def void_matter(desk: Desk, state: MatterState, command: IntakeCommand, context: Context) -> Answer:
    """Void the matter: handed in twice, by mistake, or for somebody who does not exist."""
    refusal = Refusal("void_matter")
    check_sender(command, refusal)
    check_role(command, acceptance.OFFICE, refusal)
    reason = command.void_matter.reason
    check_text("void_matter.reason", reason, refusal)
    _check_under_way(state, refusal)
    if refusal:
        return told(refusal)
    event = MatterEvent(actor=command.actor)
    if state.status == _RUNNING:
        event.matter_voided.reason = reason
        _call_back(event.matter_voided, state)
    else:
        _end(event, desk, state, _VOID, reason, context)
    return event


def _check_under_way(state: MatterState, refusal: Refusal) -> None:
    if not state.status:
        refusal.add("matter_id", Reason.REASON_MATTER_UNKNOWN)
    elif state.status != _RUNNING and state.status not in acceptance.NOT_ACCEPTED:
        # A second time is refused like one that is late: the first has called everything back.
        refusal.add("matter_id", Reason.REASON_MATTER_CONCLUDED, {"status": MatterStatus.Name(state.status)})


def _call_back(told_event: MatterWithdrawn | MatterVoided, state: MatterState) -> None:
    for item in state.items:
        if item.status in _IN_HAND:
            told_event.recalled_items.append(item.item.item_id)
        elif item.status == _WAITING:
            told_event.lapsed_items.append(item.item.item_id)
    assert told_event.recalled_items, "a running matter without an open item"


def _end(
    event: MatterEvent, desk: Desk, state: MatterState, outcome: MatterOutcome, reason: str, context: Context
) -> None:
    """Make `event` the result of a matter that was never accepted (Rule 2)."""
    completed = event.matter_completed
    completed.outcome = outcome
    completed.reason = reason
    completed.handed_in.CopyFrom(state.handed_in)
    completed.visits = state.visits
    completed.trips.extend(state.trips)
    completed.matter_code = state.matter_code
    completed.division = state.division
    completed.name.CopyFrom(state.name)
    completed.matter_number = state.matter_number
    add_manifest(completed.manifest, desk, context)


def _evolve_withdrawn(state: MatterState, event: MatterEvent) -> None:
    state.status = _WITHDRAWING
    lapse(state, event.matter_withdrawn.lapsed_items, event)


def _evolve_voided(state: MatterState, event: MatterEvent) -> None:
    state.status = _VOIDING
    lapse(state, event.matter_voided.lapsed_items, event)


def _evolve_completed(state: MatterState, event: MatterEvent) -> None:  # noqa: ARG001
    if not state.accepted_day:
        clear_deadline(state)
        state.ClearField("missing")


def _react_withdrawn(desk: Desk, state: MatterState, event: MatterEvent) -> Effects:  # noqa: ARG001
    return recall_tasks(state, event.matter_id, event.matter_withdrawn.recalled_items)


def _react_voided(desk: Desk, state: MatterState, event: MatterEvent) -> Effects:  # noqa: ARG001
    return recall_tasks(state, event.matter_id, event.matter_voided.recalled_items)


def _react_completed(desk: Desk, state: MatterState, event: MatterEvent) -> Effects:  # noqa: ARG001
    return NO_EFFECTS if state.accepted_day else Effects(timers=(SetTimer(acceptance.TIMER, None),))


DECIDE: dict[str, Decider] = {"void_matter": void_matter, "withdraw_matter": withdraw_matter}
EVOLVE: dict[str, Evolver] = {
    "matter_completed": _evolve_completed,
    "matter_voided": _evolve_voided,
    "matter_withdrawn": _evolve_withdrawn,
}
REACT: dict[str, Reactor] = {
    "matter_completed": _react_completed,
    "matter_voided": _react_voided,
    "matter_withdrawn": _react_withdrawn,
}
