"""An item's clock and what is asked of the applicant for it, as the department tells it.

Rule 1: a clock that stands still has no deadline; when it goes on, the department says when it ends.
Rule 2: the applicant is told why: what is missing, which special procedure (特别程序), for what reason it takes longer.
"""

# pyright: strict

from __future__ import annotations

from collections.abc import Iterable

from onematter.common.v1.application_pb2 import Material
from onematter.common.v1.period_pb2 import Deadlines, SuspensionReason
from onematter.contracts.aggregate import Context
from onematter.intake.desk import Desk, Evolver, Heard, Hearer
from onematter.intake.items import item_of
from onematter.intake.v1.intake_events_pb2 import ItemClockChange, ItemClockChanged, MatterEvent
from onematter.intake.v1.intake_state_pb2 import ItemState, ItemStatus, MatterState

_OPEN = ItemStatus.ITEM_STATUS_OPEN
_CORRECTION = SuspensionReason.SUSPENSION_REASON_CORRECTION
_SUSPENDED = ItemClockChange.ITEM_CLOCK_CHANGE_SUSPENDED
_RESUMED = ItemClockChange.ITEM_CLOCK_CHANGE_RESUMED
_EXTENDED = ItemClockChange.ITEM_CLOCK_CHANGE_EXTENDED
_RECOMPUTED = ItemClockChange.ITEM_CLOCK_CHANGE_RECOMPUTED


def event_by(heard: Heard) -> MatterEvent:
    """Return an event by whoever the department says has acted."""
    event = MatterEvent()
    event.actor.CopyFrom(heard.event.actor)
    return event


def event_of(item: ItemState, heard: Heard) -> MatterEvent:
    """Return an event of an item that a person has."""
    assert item.status == _OPEN, "an approval event for an item that is not in a department's hands"
    return event_by(heard)


def correction_requested(
    _desk: Desk, _state: MatterState, item: ItemState, heard: Heard, _context: Context
) -> MatterEvent:
    """The applicant is asked for everything at once; the item's clock stands still."""
    requested = heard.event.correction_requested
    event = event_of(item, heard)
    asked = event.correction_asked
    asked.item_id = heard.event.item_id
    asked.round = requested.round
    for need in requested.needs:
        asked.needs.add(
            material_id=need.material_id, reason=need.reason, newly_visible_because=need.newly_visible_because
        )
    return event


def task_supplied(
    _desk: Desk, _state: MatterState, item: ItemState, heard: Heard, _context: Context
) -> MatterEvent | None:
    """Materials reached the department. Only that its clock goes on is news: that they came, the matter has told."""
    supplied = heard.event.task_supplied
    if not supplied.resumed_day:
        return None
    return _clock_changed(item, heard, _RESUMED, supplied.deadlines, reason=_CORRECTION)


def correction_lifted(
    _desk: Desk, _state: MatterState, item: ItemState, heard: Heard, _context: Context
) -> MatterEvent:
    """The department asks no more, and its clock goes on."""
    lifted = heard.event.correction_lifted
    return _clock_changed(item, heard, _RESUMED, lifted.deadlines, _CORRECTION, lifted.reason)


def special_procedure_begun(
    _desk: Desk, _state: MatterState, item: ItemState, heard: Heard, _context: Context
) -> MatterEvent:
    """What does not count begins (特别程序, 行政许可法 §45)."""
    begun = heard.event.special_procedure_begun
    return _clock_changed(item, heard, _SUSPENDED, None, begun.kind, begun.reason, begun.expected_days)


def special_procedure_ended(
    _desk: Desk, _state: MatterState, item: ItemState, heard: Heard, _context: Context
) -> MatterEvent:
    """The item's clock goes on."""
    ended = heard.event.special_procedure_ended
    return _clock_changed(item, heard, _RESUMED, ended.deadlines, ended.kind, ended.result)


def task_extended(_desk: Desk, _state: MatterState, item: ItemState, heard: Heard, _context: Context) -> MatterEvent:
    """The item has more time; the applicant is told why (行政许可法 §42)."""
    extended = heard.event.task_extended
    return _clock_changed(item, heard, _EXTENDED, extended.deadlines, text=extended.reason, days=extended.days)


def deadlines_recomputed(
    _desk: Desk, _state: MatterState, item: ItemState, heard: Heard, _context: Context
) -> MatterEvent | None:
    """A year's calendar became official, and the item ends on another day; None where only asked departments do."""
    if not heard.event.deadlines_recomputed.HasField("deadlines"):
        return None
    return _clock_changed(item, heard, _RECOMPUTED, heard.event.deadlines_recomputed.deadlines)


def _clock_changed(
    item: ItemState,
    heard: Heard,
    change: ItemClockChange,
    deadlines: Deadlines | None,
    reason: SuspensionReason = SuspensionReason.SUSPENSION_REASON_UNSPECIFIED,
    text: str = "",
    days: int = 0,
) -> MatterEvent:
    event = event_of(item, heard)
    changed = event.item_clock_changed
    changed.item_id = heard.event.item_id
    changed.change = change
    changed.suspension_reason = reason
    changed.reason = text
    changed.days = days
    if deadlines is not None and deadlines.ByteSize():
        changed.deadlines.CopyFrom(deadlines)
    return event


def _evolve_asked(state: MatterState, event: MatterEvent) -> None:
    asked = event.correction_asked
    if asked.item_id:
        item = item_of(state, asked.item_id)
        item.missing[:] = dict.fromkeys([*(need.material_id for need in asked.needs), *_unshared(state, item)])
        _suspend(item, _CORRECTION)


def _evolve_supplied(state: MatterState, event: MatterEvent) -> None:
    _have(state, event.materials_supplied.told_items, event.materials_supplied.materials)


def _evolve_resolved(state: MatterState, event: MatterEvent) -> None:
    _have(state, event.materials_resolved.told_items, event.materials_resolved.materials)


def _have(state: MatterState, item_ids: Iterable[str], materials: Iterable[Material]) -> None:
    here = {material.material_id for material in materials}
    for item_id in item_ids:
        item = item_of(state, item_id)
        if item.missing:
            item.missing[:] = [one for one in item.missing if one not in here]


def _evolve_clock(state: MatterState, event: MatterEvent) -> None:
    changed = event.item_clock_changed
    item = item_of(state, changed.item_id)
    if changed.change == _SUSPENDED:
        _suspend(item, changed.suspension_reason)
        return
    if changed.change == _RESUMED:
        item.suspended_for = SuspensionReason.SUSPENSION_REASON_UNSPECIFIED
        item.missing[:] = _unshared(state, item)
    _set_deadlines(item, changed)


def _unshared(state: MatterState, item: ItemState) -> list[str]:
    """What the item misses since its holder did not share it, whatever the department asks (see `sharing`)."""
    return [material_id for material_id in item.missing if material_id in state.unshared_materials]


def _suspend(item: ItemState, reason: SuspensionReason) -> None:
    """A clock that stands still has no deadline."""
    item.suspended_for = reason
    item.ClearField("legal_deadline")
    item.ClearField("promised_deadline")
    item.deadline_provisional = False


def _set_deadlines(item: ItemState, changed: ItemClockChanged) -> None:
    if changed.HasField("deadlines"):
        deadlines = changed.deadlines
        item.legal_deadline.CopyFrom(deadlines.legal)
        item.promised_deadline.CopyFrom(deadlines.promised)
        item.deadline_provisional = deadlines.provisional


HEAR: dict[str, Hearer] = {
    "correction_lifted": correction_lifted,
    "correction_requested": correction_requested,
    "deadlines_recomputed": deadlines_recomputed,
    "special_procedure_begun": special_procedure_begun,
    "special_procedure_ended": special_procedure_ended,
    "task_extended": task_extended,
    "task_supplied": task_supplied,
}
EVOLVE: dict[str, Evolver] = {
    "correction_asked": _evolve_asked,
    "item_clock_changed": _evolve_clock,
    "materials_resolved": _evolve_resolved,
    "materials_supplied": _evolve_supplied,
}
