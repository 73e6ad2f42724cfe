"""What comes of a matter's items, and what follows from the end of one.

Rule 1: nothing here decides whether something happens, nor changes a state; `core` does the one, `fold` the other.
Rule 2: items are named in the matter's order, in whatever order they came to their end.
"""

# pyright: strict

from __future__ import annotations

from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.intake.v1.intake_events_pb2 import Item, ItemOutcome, ItemResult, MatterOutcome
from onematter.intake.v1.intake_state_pb2 import ItemState, ItemStatus, MatterState, MatterStatus
from onematter.law.catalogue import MatterType

_WITHDRAWING = MatterStatus.MATTER_STATUS_WITHDRAWING
_VOIDING = MatterStatus.MATTER_STATUS_VOIDING
_WAITING = ItemStatus.ITEM_STATUS_WAITING
_IN_HAND = frozenset({ItemStatus.ITEM_STATUS_SENT, ItemStatus.ITEM_STATUS_OPEN})
_CONCLUDED = ItemStatus.ITEM_STATUS_CONCLUDED
_GRANTED = ItemOutcome.ITEM_OUTCOME_GRANTED
_DENIED = ItemOutcome.ITEM_OUTCOME_DENIED
_GIVEN_BACK = frozenset({ItemOutcome.ITEM_OUTCOME_WITHDRAWN, ItemOutcome.ITEM_OUTCOME_VOIDED})


def set_result(
    result: ItemResult, item: ItemState, outcome: ItemOutcome, told_event: ApprovalEvent, sequence: int
) -> None:
    """Make `result` that of `item`, which the task's event, number `sequence` of its stream, brings to its end."""
    result.item_id = told_event.item_id
    result.outcome = outcome
    result.time.CopyFrom(told_event.time)
    result.sequence = sequence
    if outcome in _GIVEN_BACK:
        result.department = item.department or item.item.department
        return
    decided = told_event.task_decided
    result.opinion = decided.opinion
    result.department = decided.department or item.item.department
    result.certificates.extend(decided.certificates)
    if decided.supervised_by:
        result.supervised_by = decided.supervised_by
    if decided.pledged:
        result.pledged = True
    if decided.automatic:
        # A rule grants without conditions, and denies nothing.
        result.automatic = True
        return
    result.conditions.extend(decided.conditions)
    if outcome == _DENIED:
        result.basis.extend(decided.basis)
        result.reconsideration_days = decided.reconsideration_days
        result.litigation_months = decided.litigation_months


def untold(state: MatterState) -> list[ItemResult]:
    """Return the results that no event has told yet, as they stand in the state."""
    return [one.result for one in state.items if one.untold]


def consequences(state: MatterState, item_id: str, outcome: ItemOutcome) -> tuple[list[str], list[str], bool]:
    """Return what follows from an item's end.

    First which items open, second which can never open any more, third whether nothing is left to wait for.
    """
    waiting: list[Item] = []
    is_last = True
    for one in state.items:
        status = one.status
        if status == _WAITING:
            waiting.append(one.item)
        elif is_last and status != _CONCLUDED:
            is_last = one.item.item_id == item_id
    if not waiting:
        return [], [], is_last
    if outcome == _GRANTED:
        granted = {one.item.item_id for one in state.items if one.result.outcome == _GRANTED}
        granted.add(item_id)
        return [item.item_id for item in waiting if granted.issuperset(item.depends_on)], [], False
    lapsed = _lost_with(waiting, item_id)
    return [], lapsed, is_last and len(lapsed) == len(waiting)


def lost_by_revocation(state: MatterState, item_id: str) -> list[str]:
    """Return what waits and can never open any more, since the grant of `item_id` is revoked.

    A running matter has an item in hand for which the others wait, so it does not end by this.
    """
    return _lost_with([one.item for one in state.items if one.status == _WAITING], item_id)


def _lost_with(waiting: list[Item], item_id: str) -> list[str]:
    lost = {item_id}
    grown = True
    # The catalogue may name an item before what it depends on: go on until nothing is added.
    while grown:
        more = {item.item_id for item in waiting if not lost.isdisjoint(item.depends_on)}
        grown = not more <= lost
        lost |= more
    return [item.item_id for item in waiting if item.item_id in lost]


def ends_matter(item: ItemState, matter_type: MatterType) -> bool:
    """Whether the catalogue has the whole matter end when `item` is denied."""
    return matter_type.item(item.item.item_id.partition("@")[0]).denial == "matter"


def is_ended(state: MatterState, matter_type: MatterType) -> bool:
    """Whether a denial has ended the matter, so that what is in hand is being called back."""
    return any(one.result.outcome == _DENIED and ends_matter(one, matter_type) for one in state.items)


def left_behind(state: MatterState, item_id: str) -> tuple[list[str], list[str]]:
    """Return what the end of the matter by this item's denial leaves: what is called back, and what lapses."""
    recalled: list[str] = []
    lapsed: list[str] = []
    for one in state.items:
        if one.status == _WAITING:
            lapsed.append(one.item.item_id)
        elif one.status in _IN_HAND and one.item.item_id != item_id:
            recalled.append(one.item.item_id)
    return recalled, lapsed


def outcome_of(state: MatterState, granted: int, results: int) -> MatterOutcome:
    """Return the matter's outcome: GRANTED when every item is, even when a call back crossed the last decision."""
    if granted == results:
        return MatterOutcome.MATTER_OUTCOME_GRANTED
    if state.status == _WITHDRAWING:
        return MatterOutcome.MATTER_OUTCOME_WITHDRAWN
    if state.status == _VOIDING:
        return MatterOutcome.MATTER_OUTCOME_VOIDED
    return MatterOutcome.MATTER_OUTCOME_PARTLY_DENIED if granted else MatterOutcome.MATTER_OUTCOME_DENIED
