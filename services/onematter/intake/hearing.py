"""What the departments tell of an item, and what it means for the matter.

Rule 1: `core` has found the item, and that the deployment which tells the event owns its task.
Rule 2: an approval event that no task of this matter can have caused is a broken invariant (AssertionError): the unit
of work parks it, and nothing is guessed. A crossing (decided while being called back) is no error.
Rule 3: what concerns the applicant is an event of the matter: what is asked of him, when a clock stops and goes on,
who has the item, who came to see. What is between a department, its people and its neighbours is not.
Rule 4: a site visit of a joint group (一同勘验) is told to every item of the group: at once to those in a department's
hands, and to what waits when it opens.
"""

# pyright: strict

from __future__ import annotations

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand, Decision
from onematter.contracts.aggregate import NO_EFFECTS, Context, Effects, Outgoing
from onematter.intake import item_clocks, trips
from onematter.intake.concluding import conclude_item
from onematter.intake.desk import Desk, Evolver, Heard, Hearer, Reactor
from onematter.intake.item_clocks import event_by, event_of
from onematter.intake.items import SYSTEM, item_of, lapse, set_site_visit
from onematter.intake.results import is_ended, lost_by_revocation
from onematter.intake.v1.intake_commands_pb2 import TripCause
from onematter.intake.v1.intake_events_pb2 import ItemOutcome, MatterEvent
from onematter.intake.v1.intake_state_pb2 import ItemState, ItemStatus, MatterState, MatterStatus

_RUNNING = MatterStatus.MATTER_STATUS_RUNNING
_WITHDRAWING = MatterStatus.MATTER_STATUS_WITHDRAWING
_VOIDING = MatterStatus.MATTER_STATUS_VOIDING
_COMPLETED = MatterStatus.MATTER_STATUS_COMPLETED
_SENT = ItemStatus.ITEM_STATUS_SENT
_OPEN = ItemStatus.ITEM_STATUS_OPEN
_CONCLUDED = ItemStatus.ITEM_STATUS_CONCLUDED
_IN_HAND = frozenset({_SENT, _OPEN})
_GRANTED = ItemOutcome.ITEM_OUTCOME_GRANTED
_DECISIONS = {
    Decision.DECISION_GRANT: _GRANTED,
    Decision.DECISION_DENY: ItemOutcome.ITEM_OUTCOME_DENIED,
}

# What is between a department, its own people and the departments it asks (Rule 3). A refusal answers whoever asked;
# its item, and its matter, may be made up.
QUIET = frozenset(
    {
        "command_refused",
        "opinion_given",
        "opinions_asked",
        "opinions_overdue",
        "supplement_overdue",
        "task_claimed",
        "task_overdue",
        "task_released",
        "task_warned",
        "unshared_noted",
    }
)


def task_opened(_desk: Desk, _state: MatterState, item: ItemState, heard: Heard, _context: Context) -> MatterEvent:
    """A person has the item."""
    assert item.status == _SENT, "a task opened that nobody asked for"
    event = event_by(heard)
    opening = heard.event.task_opened
    opened = event.item_opened
    opened.item_id = heard.event.item_id
    opened.legal_deadline.CopyFrom(opening.legal_deadline)
    opened.promised_deadline.CopyFrom(opening.promised_deadline)
    opened.deadline_provisional = opening.deadline_provisional
    return event


def task_decided(desk: Desk, state: MatterState, item: ItemState, heard: Heard, context: Context) -> MatterEvent | None:
    """The item is granted or denied; None when `core` has absorbed it."""
    outcome = _DECISIONS.get(heard.event.task_decided.decision)
    assert outcome is not None, "a task decided without a decision"
    if _is_absorbed(item, heard):
        return None
    return conclude_item(desk, state, item, outcome, heard, context)


def task_recalled(desk: Desk, state: MatterState, item: ItemState, heard: Heard, context: Context) -> MatterEvent:
    """The item is given back: the matter was withdrawn or voided, or a denial has ended it."""
    outcome = ItemOutcome.ITEM_OUTCOME_WITHDRAWN
    if state.status == _VOIDING:
        outcome = ItemOutcome.ITEM_OUTCOME_VOIDED
    elif state.status != _WITHDRAWING:
        assert is_ended(state, desk.matter_type(state)), "a task recalled that nobody recalls"
    return conclude_item(desk, state, item, outcome, heard, context)


def task_transferred(_desk: Desk, _state: MatterState, item: ItemState, heard: Heard, _context: Context) -> MatterEvent:
    """Another department has the item from now on (转办)."""
    transferred = heard.event.task_transferred
    event = event_of(item, heard)
    told = event.item_transferred
    told.item_id = heard.event.item_id
    told.department = transferred.department
    told.division = transferred.division
    told.reason = transferred.reason
    return event


def site_visited(
    _desk: Desk, state: MatterState, item: ItemState, heard: Heard, context: Context
) -> MatterEvent | None:
    """There was a site visit; None for one that this matter has told the item itself."""
    if heard.event.site_visited.noted:
        return None
    event = event_of(item, heard)
    visit = heard.event.site_visited.site_visit
    group = item.item.joint_visit_group
    visited = event.item_visited
    visited.item_id = heard.event.item_id
    visited.joint_visit_group = group
    visited.day = visit.day
    visited.finding = visit.finding
    visited.passed = visit.passed
    visited.applicant_attended = visit.applicant_attended
    visited.departments.extend(visit.departments)
    if group and state.status == _RUNNING:
        visited.told_items.extend(
            one.item.item_id
            for one in state.items
            if one.item.joint_visit_group == group and one.status in _IN_HAND and one.item.item_id != visited.item_id
        )
    visited.visits = state.visits
    if visit.applicant_attended:
        cause = TripCause.TRIP_CAUSE_SITE_VISIT
        visited.visits = trips.visits_with(state, context.now_unix_ms, item.item.division, cause)
    return event


def pledge_verified(
    _desk: Desk, state: MatterState, item: ItemState, heard: Heard, _context: Context
) -> MatterEvent | None:
    """What was granted on a pledge (告知承诺) was looked into; only that the grant is revoked is news, at any time."""
    verified = heard.event.pledge_verified
    if not verified.revoked:
        return None
    assert item.result.outcome == _GRANTED, "a grant revoked that was never made"
    event = event_by(heard)
    revoked = event.item_revoked
    revoked.item_id = heard.event.item_id
    revoked.finding = verified.finding
    revoked.basis.extend(verified.basis)
    revoked.credit_recorded = verified.credit_recorded
    if state.status != _COMPLETED:
        revoked.lapsed_items.extend(lost_by_revocation(state, revoked.item_id))
    return event


def _is_absorbed(item: ItemState, heard: Heard) -> bool:
    """Whether the item's result is what a rule decided by this very record: just now, or before a restore."""
    if item.status != _CONCLUDED:
        return False
    result = item.result
    return result.automatic and result.sequence == heard.sequence


def _evolve_opened(state: MatterState, event: MatterEvent) -> None:
    opened = event.item_opened
    item = item_of(state, opened.item_id)
    item.status = _OPEN
    item.legal_deadline.CopyFrom(opened.legal_deadline)
    item.promised_deadline.CopyFrom(opened.promised_deadline)
    item.deadline_provisional = opened.deadline_provisional


def _evolve_transferred(state: MatterState, event: MatterEvent) -> None:
    transferred = event.item_transferred
    item = item_of(state, transferred.item_id)
    item.department = transferred.department
    item.division = transferred.division or item.division


def _evolve_visited(state: MatterState, event: MatterEvent) -> None:
    visited = event.item_visited
    if visited.joint_visit_group:
        others = [one for one in state.joint_visits if one.joint_visit_group != visited.joint_visit_group]
        state.ClearField("joint_visits")
        state.joint_visits.extend([*others, visited])


def _react_visited(_desk: Desk, state: MatterState, event: MatterEvent) -> Effects:
    visited = event.item_visited
    if not visited.told_items:
        return NO_EFFECTS
    told = ApprovalCommand(matter_id=event.matter_id, actor=SYSTEM)
    set_site_visit(told.note_site_visit.site_visit, visited)
    commands: list[Outgoing] = []
    for item_id in visited.told_items:
        command = ApprovalCommand()
        command.CopyFrom(told)
        command.item_id = item_id
        commands.append(Outgoing(item_of(state, item_id).item.commands_topic, command))
    return Effects(tuple(commands))


def _evolve_revoked(state: MatterState, event: MatterEvent) -> None:
    revoked = event.item_revoked
    item = item_of(state, revoked.item_id)
    item.revoked = True
    if state.status != _COMPLETED:
        item.result.outcome = ItemOutcome.ITEM_OUTCOME_REVOKED
        lapse(state, revoked.lapsed_items, event)


HEAR: dict[str, Hearer] = {
    **item_clocks.HEAR,
    "pledge_verified": pledge_verified,
    "site_visited": site_visited,
    "task_decided": task_decided,
    "task_opened": task_opened,
    "task_recalled": task_recalled,
    "task_transferred": task_transferred,
}
EVOLVE: dict[str, Evolver] = {
    **item_clocks.EVOLVE,
    "item_opened": _evolve_opened,
    "item_revoked": _evolve_revoked,
    "item_transferred": _evolve_transferred,
    "item_visited": _evolve_visited,
}
REACT: dict[str, Reactor] = {"item_visited": _react_visited}
