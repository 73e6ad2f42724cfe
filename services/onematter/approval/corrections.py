"""Materials that come after a task was opened: asked for in a correction (补正), or outstanding from the start (容缺).

Rule 1: everything is asked at once (一次性告知, 行政许可法 §32). What could be seen before is not asked again:
from the second round on each need says what made it visible only then, also of what was asked before.
Rule 2: what the government holds is never asked (国务院令716 §7), unless its holder did not share it (see `sharing`);
nor what an item of the same matter produces, nor what the item does not need in the applicant's situation.
Rule 3: a correction ends when nothing that it asked is missing any more, or when the department takes it back, since
the law sets the applicant no time; then the clocks go on.
Rule 4: outstanding materials may come until the promised deadline as it stood at the opening. That they did not is a
fact, told once; without them the item cannot be granted.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from onematter.approval.checks import (
    check_rounds,
    check_running,
    check_text,
    event_by,
    find,
    has_ended,
    task_in_hand,
)
from onematter.approval.clocks import MAX_REASON_CHARACTERS, react_moved, resume, resumed, suspend, suspended
from onematter.approval.desk import Desk, Evolver, Handler, Reactor, TimerHandler, timer
from onematter.approval.facts import facts_of
from onematter.approval.limits import MAX_CORRECTIONS
from onematter.approval.reckoning import clocks_of, deadlines
from onematter.approval.sharing import may_be_asked, note_supplied
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand, RequestCorrection
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TasksState, TaskState
from onematter.backbone.reckoning import object_to, running
from onematter.common.v1.outcome_pb2 import CommandRefused, Reason
from onematter.common.v1.period_pb2 import SuspensionReason
from onematter.contracts.aggregate import NO_EFFECTS, Context, Effects, Refusal, SetTimer
from onematter.law import periods
from onematter.law.calendar import end_of_day_unix_ms, legal_date
from onematter.law.needs import Need, needed

SUPPLEMENT = "supplement"

MAX_NEEDS = 100

_CORRECTION = SuspensionReason.SUSPENSION_REASON_CORRECTION


def request_correction(
    desk: Desk, state: TasksState, command: ApprovalCommand, context: Context
) -> ApprovalEvent | CommandRefused:
    """Ask the applicant for everything that is missing or wrong; the clocks stand still until it is here."""
    refusal = Refusal("request_correction")
    asked = command.request_correction
    _check_content(refusal, asked)
    task = task_in_hand(refusal, state, command, context.now_unix_ms)
    if task is None:
        return refusal.outcome()
    check_rounds(refusal, len(task.corrections), MAX_CORRECTIONS)
    today = legal_date(context.now_unix_ms)
    if not has_ended(task):
        object_to(refusal, periods.check_suspension(clocks_of(desk, task).legal, today), "item_id")
        _check_needs(refusal, desk, task, asked)
    if refusal:
        return refusal.outcome()
    event = event_by(command.actor, task)
    requested = event.correction_requested
    requested.needs.extend(asked.needs)
    requested.round = len(task.corrections) + 1
    requested.day = today.isoformat()
    requested.deadlines.CopyFrom(deadlines(clocks_of(desk, task, suspended(today, _CORRECTION)), desk.calendar))
    return event


def lift_correction(
    desk: Desk, state: TasksState, command: ApprovalCommand, context: Context
) -> ApprovalEvent | CommandRefused:
    """Take back what the running correction still asks; the department goes on with what is there."""
    refusal = Refusal("lift_correction")
    reason = command.lift_correction.reason
    check_text(refusal, "lift_correction.reason", reason, MAX_REASON_CHARACTERS, Reason.REASON_FIELD_MISSING)
    task = task_in_hand(refusal, state, command, context.now_unix_ms)
    if task is None:
        return refusal.outcome()
    today = legal_date(context.now_unix_ms)
    if _in_correction(task):
        object_to(refusal, periods.check_resumption(clocks_of(desk, task).legal, today), "item_id")
    else:
        check_running(refusal, task)
    if refusal:
        return refusal.outcome()
    event = event_by(command.actor, task)
    lifted = event.correction_lifted
    lifted.material_ids.extend(task.corrections[-1].missing)
    lifted.reason = reason
    lifted.day = today.isoformat()
    lifted.deadlines.CopyFrom(deadlines(clocks_of(desk, task, resumed(today)), desk.calendar))
    return event


def supply_task(desk: Desk, state: TasksState, command: ApprovalCommand, context: Context) -> ApprovalEvent | None:
    """Take in what intake passes on; nothing for a task that has ended meanwhile.

    Raises AssertionError for a task that was never opened.
    """
    task = find(state, command.item_id)
    assert task is not None, "intake supplies a task that it never opened"
    materials = command.supply_task.materials
    if has_ended(task) or not materials:
        return None
    event = desk.own_event_of(task)
    if command.HasField("actor"):
        event.actor.CopyFrom(command.actor)
    supplied = event.task_supplied
    supplied.materials.extend(materials)
    supplied.source = command.supply_task.source
    here = {material.material_id for material in materials}
    if _in_correction(task) and here.issuperset(task.corrections[-1].missing):
        clocks = clocks_of(desk, task)
        # Legal time is the broker's; a step back of its clock must not stop what intake sends.
        day = max(legal_date(context.now_unix_ms), clocks.legal.as_of)
        supplied.resumed_day = day.isoformat()
        supplied.deadlines.CopyFrom(deadlines(clocks_of(desk, task, resumed(day)), desk.calendar))
    return event


def supplement_passed(desk: Desk, task: TaskState, context: Context) -> ApprovalEvent | None:  # noqa: ARG001
    """Tell which outstanding materials did not come in time."""
    if has_ended(task) or task.supplement_overdue or not task.outstanding_materials:
        return None
    event = desk.own_event_of(task)
    event.supplement_overdue.material_ids.extend(task.outstanding_materials)
    return event


def evolve_requested(task: TaskState, event: ApprovalEvent) -> None:
    """Keep the round, and stop the clocks."""
    requested = event.correction_requested
    correction = task.corrections.add()
    correction.needs.extend(requested.needs)
    correction.missing.extend(need.material_id for need in requested.needs)
    correction.time.CopyFrom(event.time)
    suspend(task, requested.day, _CORRECTION, requested.deadlines)


def evolve_lifted(task: TaskState, event: ApprovalEvent) -> None:
    """Note that nothing is asked any more, and let the clocks go on."""
    del task.corrections[-1].missing[:]
    resume(task, event.correction_lifted.day, event.correction_lifted.deadlines)


def evolve_supplied(task: TaskState, event: ApprovalEvent) -> None:
    """Keep what came, in the place of what it replaces."""
    supplied = event.task_supplied
    here = {material.material_id for material in supplied.materials}
    kept = [material for material in task.supplied if material.material_id not in here]
    del task.supplied[:]
    task.supplied.extend([*kept, *supplied.materials])
    note_supplied(task, supplied)
    outstanding = [material_id for material_id in task.outstanding_materials if material_id not in here]
    del task.outstanding_materials[:]
    task.outstanding_materials.extend(outstanding)
    if _in_correction(task):
        correction = task.corrections[-1]
        missing = [material_id for material_id in correction.missing if material_id not in here]
        del correction.missing[:]
        correction.missing.extend(missing)
    if supplied.resumed_day:
        resume(task, supplied.resumed_day, supplied.deadlines)


def evolve_supplement_overdue(task: TaskState, event: ApprovalEvent) -> None:  # noqa: ARG001
    """Keep that the time for the outstanding materials has passed."""
    task.supplement_overdue = True


def react_supplied(state: TasksState, event: ApprovalEvent) -> Effects:
    """Let the clocks' timers go on, and take that of the outstanding materials away when all are here."""
    task = find(state, event.item_id)
    assert task is not None, "an event of a task that is not there"
    effects = react_moved(state, event) if event.task_supplied.resumed_day else NO_EFFECTS
    done = task.opened.outstanding_materials and not task.outstanding_materials and not task.supplement_overdue
    if not done:
        return effects
    return Effects(timers=(*effects.timers, timer(SUPPLEMENT, task, None)))


def timers_standing(task: TaskState) -> tuple[SetTimer, ...]:
    """Return the timer of the outstanding materials while it stands."""
    if not task.outstanding_materials or task.supplement_overdue:
        return ()
    until = date.fromisoformat(task.opened.supplement_until)
    return (timer(SUPPLEMENT, task, end_of_day_unix_ms(until)),)


def supplement_until(promised_unix_ms: int) -> date:
    """Return the last day for outstanding materials: that of the promised deadline, which ends at the instant."""
    return legal_date(promised_unix_ms - 1)


def _in_correction(task: TaskState) -> bool:
    found = running(task.period_facts)
    return found is not None and found.suspended.reason == _CORRECTION


def _check_content(refusal: Refusal, asked: RequestCorrection) -> None:
    field = "request_correction.needs"
    if not asked.needs:
        refusal.add(field, Reason.REASON_FIELD_MISSING)
    if len(asked.needs) > MAX_NEEDS:
        refusal.add(field, Reason.REASON_FIELD_TOO_LONG, {"limit": str(MAX_NEEDS)})
        return
    seen: set[str] = set()
    for position, need in enumerate(asked.needs):
        place = f"{field}[{position}]"
        if not need.material_id:
            refusal.add(f"{place}.material_id", Reason.REASON_FIELD_MISSING)
        elif need.material_id in seen:
            refusal.add(f"{place}.material_id", Reason.REASON_MATERIAL_DUPLICATE)
        seen.add(need.material_id)
        check_text(refusal, f"{place}.reason", need.reason, MAX_REASON_CHARACTERS, Reason.REASON_FIELD_MISSING)
        check_text(refusal, f"{place}.newly_visible_because", need.newly_visible_because, MAX_REASON_CHARACTERS)


def _check_needs(refusal: Refusal, desk: Desk, task: TaskState, asked: RequestCorrection) -> None:
    """Check each need against what the item needs in the applicant's situation, and against the rounds before."""
    needs, known = _needs_of(desk, task)
    unshared = may_be_asked(task)
    for position, need in enumerate(asked.needs[:MAX_NEEDS]):
        place, material_id = f"request_correction.needs[{position}]", need.material_id
        found = None if known is None else known.get(material_id)
        # Held is held, also where another item of the matter uses it.
        holding = needs.get(material_id)
        if holding is not None and _is_held(holding, unshared):
            found = holding
            held_by = holding.material.share_source or ", ".join(holding.produced_by)
            parameters = {"material": material_id, "held_by": held_by}
            refusal.add(f"{place}.material_id", Reason.REASON_MATERIAL_HELD_BY_GOVERNMENT, parameters)
        elif known is not None and found is None and material_id:
            may_ask = [one for one, told in known.items() if not _is_held(told, unshared)]
            parameters = {"item": task.item_id, "known": ", ".join(may_ask)}
            refusal.add(f"{place}.material_id", Reason.REASON_MATERIAL_UNKNOWN, parameters)
        if task.corrections and not need.newly_visible_because.strip():
            # What was sent is repeated only when the catalogue or an earlier round has the same word.
            told = {"material": material_id} if found or _was_asked(task, material_id) else {}
            field = f"{place}.newly_visible_because"
            refusal.add(field, Reason.REASON_CORRECTION_ALREADY_VISIBLE, told)


def _is_held(need: Need, unshared: Collection[str]) -> bool:
    """Tell whether the government holds it, or makes it, and it is not to be had from the applicant alone."""
    return need.source in ("shared", "produced") and need.material.material_id not in unshared


def _was_asked(task: TaskState, material_id: str) -> bool:
    return any(need.material_id == material_id for correction in task.corrections for need in correction.needs)


def _needs_of(desk: Desk, task: TaskState) -> tuple[dict[str, Need], dict[str, Need] | None]:
    """Return what the matter needs in the applicant's situation, and what of it the item uses.

    Nothing and None when the catalogue does not hold the item.
    """
    types = desk.types_of(task)
    if types is None:
        return {}, None
    matter_type, item = types
    needs = {need.material.material_id: need for need in needed(matter_type, facts_of(task.opened.application))}
    return needs, {one: need for one, need in needs.items() if item.item_id in need.item_ids}


DECIDE: dict[str, Handler] = {"lift_correction": lift_correction, "request_correction": request_correction}
FROM_INTAKE: dict[str, Handler] = {"supply_task": supply_task}
TIMERS: dict[str, TimerHandler] = {SUPPLEMENT: supplement_passed}
EVOLVE: dict[str, Evolver] = {
    "correction_lifted": evolve_lifted,
    "correction_requested": evolve_requested,
    "task_supplied": evolve_supplied,
    "supplement_overdue": evolve_supplement_overdue,
}
REACT: dict[str, Reactor] = {
    "correction_lifted": react_moved,
    "correction_requested": react_moved,
    "task_supplied": react_supplied,
}
