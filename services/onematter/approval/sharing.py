"""What holders did not share (免证办, 国务院令716 §7), and what that means for a task.

Rule 1: intake tells it, with the opening or while the task is in hand; the applicant is asked by intake, once.
Rule 2: what is required and not here forbids a grant, which would rest on a condition that nobody has seen (行政许可法
§38). The task is not blocked by it: everything else goes on, and a denial on other grounds may be made.
Rule 3: of all that the government holds, this alone may be asked for in a correction: when the paper that the applicant
gave in its place is wrong, or so that the clock stands still until it is here. Once its holder shares it, it may not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from onematter.approval.checks import find, has_ended
from onematter.approval.desk import Desk, Evolver, Handler
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent, TaskSupplied
from onematter.approval.v1.approval_state_pb2 import TasksState, TaskState
from onematter.common.v1.outcome_pb2 import Reason
from onematter.contracts.aggregate import Context, Refusal


def note_unshared(desk: Desk, state: TasksState, command: ApprovalCommand, _context: Context) -> ApprovalEvent | None:
    """Keep what intake tells; nothing for a task that has ended meanwhile.

    Raises AssertionError for a task that was never opened.
    """
    task = find(state, command.item_id)
    assert task is not None, "intake tells a task that it never opened what is not shared"
    materials = command.note_unshared.materials
    if has_ended(task) or not materials:
        return None
    event = desk.own_event_of(task)
    event.unshared_noted.materials.extend(materials)
    return event


def check_nothing_unshared(refusal: Refusal, task: TaskState, but_for: Collection[str] = ()) -> None:
    """Check that what was not shared is here (Rule 2), `but_for` what the grant need not wait for."""
    awaited = [one for one in task.unshared_materials if one.awaited and one.material_id not in but_for]
    if awaited:
        held_by = dict.fromkeys(one.source for one in awaited)
        parameters = {"material": ", ".join(one.material_id for one in awaited), "held_by": ", ".join(held_by)}
        refusal.add("item_id", Reason.REASON_MATERIAL_NOT_SHARED, parameters)


def may_be_asked(task: TaskState) -> set[str]:
    """Return what of the materials that the government holds may be asked of the applicant (Rule 3)."""
    return {one.material_id for one in task.unshared_materials}


def note_supplied(task: TaskState, supplied: TaskSupplied) -> None:
    """Take in what came, from its holder or from the applicant; the task is changed in place."""
    here = {material.material_id for material in supplied.materials}
    if not here or not task.unshared_materials:
        return
    if supplied.source:
        _drop(task, here)
    for one in task.unshared_materials:
        one.awaited = one.awaited and one.material_id not in here


def evolve_noted(task: TaskState, event: ApprovalEvent) -> None:
    """Keep what is not shared."""
    noted = event.unshared_noted.materials
    _drop(task, (one.material_id for one in noted))
    task.unshared_materials.extend(noted)


def _drop(task: TaskState, material_ids: Iterable[str]) -> None:
    gone = set(material_ids)
    kept = [one for one in task.unshared_materials if one.material_id not in gone]
    del task.unshared_materials[:]
    task.unshared_materials.extend(kept)


FROM_INTAKE: dict[str, Handler] = {"note_unshared": note_unshared}
EVOLVE: dict[str, Evolver] = {"unshared_noted": evolve_noted}
