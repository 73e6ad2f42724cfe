"""Who has a task in hand: claims (签收、撤销签收) and transfers (转办).

Rule 1: a claim is a name on a task; it goes with a release or a transfer, and says nothing about the clocks.
Rule 2: a task goes to another department of the same level that this deployment serves. From then on it is that
department's, whatever its item says: its inbox lists it, and its people decide it.
"""

from __future__ import annotations

from onematter.approval.checks import (
    check_actor,
    check_not_ended,
    check_text,
    claimed_by_another,
    department_of,
    division_of,
    event_by,
    has_ended,
    item_of,
    task_for,
    task_in_hand,
)
from onematter.approval.clocks import MAX_REASON_CHARACTERS, resting_status
from onematter.approval.desk import Desk, Evolver, Handler
from onematter.approval.entries import MAX_DEPARTMENT_CHARACTERS
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand, TransferTask
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TasksState, TaskState, TaskStatus
from onematter.common.v1.outcome_pb2 import CommandRefused, Reason
from onematter.contracts.aggregate import Context, Refusal
from onematter.law.divisions import Level, ancestor, level_of


def claim_task(
    desk: Desk,  # noqa: ARG001
    state: TasksState,
    command: ApprovalCommand,
    context: Context,
) -> ApprovalEvent | CommandRefused | None:
    """Put one's name to a task; one's own claim again changes nothing."""
    refusal = Refusal("claim_task")
    task = task_for(refusal, state, command)
    if task is None:
        return refusal.outcome()
    check_actor(refusal, task, command.actor, context.now_unix_ms)
    check_not_ended(refusal, task)
    if not has_ended(task) and claimed_by_another(task, command.actor):
        refusal.add("item_id", Reason.REASON_TASK_CLAIMED_BY_ANOTHER)
    if refusal:
        return refusal.outcome()
    if task.HasField("claimed_by"):
        return None
    event = event_by(command.actor, task)
    event.task_claimed.SetInParent()
    return event


def release_task(
    desk: Desk,  # noqa: ARG001
    state: TasksState,
    command: ApprovalCommand,
    context: Context,
) -> ApprovalEvent | CommandRefused:
    """Take one's name off a task, or that of whom one acts for."""
    refusal = Refusal("release_task")
    task = task_for(refusal, state, command)
    if task is None:
        return refusal.outcome()
    check_actor(refusal, task, command.actor, context.now_unix_ms)
    check_not_ended(refusal, task)
    if not has_ended(task):
        if not task.HasField("claimed_by"):
            refusal.add("item_id", Reason.REASON_TASK_NOT_CLAIMED)
        elif claimed_by_another(task, command.actor):
            refusal.add("item_id", Reason.REASON_TASK_CLAIMED_BY_ANOTHER)
    if refusal:
        return refusal.outcome()
    event = event_by(command.actor, task)
    event.task_released.SetInParent()
    return event


def transfer_task(
    desk: Desk, state: TasksState, command: ApprovalCommand, context: Context
) -> ApprovalEvent | CommandRefused:
    """Give a task to another department, or to the same one of another division, at the same level."""
    refusal = Refusal("transfer_task")
    asked = command.transfer_task
    check_text(refusal, "transfer_task.reason", asked.reason, MAX_REASON_CHARACTERS, Reason.REASON_FIELD_MISSING)
    task = task_in_hand(refusal, state, command, context.now_unix_ms)
    if task is None:
        return refusal.outcome()
    _check_goal(refusal, desk, task, asked)
    if refusal:
        return refusal.outcome()
    event = event_by(command.actor, task)
    transferred = event.task_transferred
    transferred.department = asked.department
    transferred.division = asked.division or division_of(task)
    transferred.reason = asked.reason
    transferred.from_department = department_of(task)
    transferred.from_division = division_of(task)
    return event


def evolve_claimed(task: TaskState, event: ApprovalEvent) -> None:
    """Keep whose task it is."""
    task.claimed_by.CopyFrom(event.actor)
    _rest(task)


def evolve_released(task: TaskState, event: ApprovalEvent) -> None:  # noqa: ARG001
    """Note that nobody has the task."""
    task.ClearField("claimed_by")
    _rest(task)


def evolve_transferred(task: TaskState, event: ApprovalEvent) -> None:
    """Keep who has the task now; nobody there has claimed it yet."""
    task.department = event.task_transferred.department
    task.division = event.task_transferred.division
    evolve_released(task, event)


def _rest(task: TaskState) -> None:
    """Set the status that follows from the claim; a task whose clocks stand still stays suspended."""
    if task.status != TaskStatus.TASK_STATUS_SUSPENDED:
        task.status = resting_status(task)


def _check_goal(refusal: Refusal, desk: Desk, task: TaskState, asked: TransferTask) -> None:
    departments = desk.catalogue.departments
    if not asked.department:
        refusal.add("transfer_task.department", Reason.REASON_FIELD_MISSING)
    elif asked.department == department_of(task) and (asked.division or division_of(task)) == division_of(task):
        refusal.add("transfer_task.department", Reason.REASON_SAME_DEPARTMENT)
    elif departments and asked.department not in departments:
        refusal.add("transfer_task.department", Reason.REASON_FIELD_MALFORMED, {"rule": "department"})
    elif len(asked.department) > MAX_DEPARTMENT_CHARACTERS:
        limit = {"limit": str(MAX_DEPARTMENT_CHARACTERS)}
        refusal.add("transfer_task.department", Reason.REASON_FIELD_TOO_LONG, limit)
    elif "\0" in asked.department:
        refusal.add("transfer_task.department", Reason.REASON_FIELD_MALFORMED, {"rule": "no NUL character"})
    if not asked.division or asked.division == division_of(task):
        return
    level = item_of(task).level
    try:
        level_of(asked.division)
    except ValueError:
        refusal.add("transfer_task.division", Reason.REASON_DIVISION_UNKNOWN)
        return
    if not _is_of(asked.division, Level(level)):
        competent = Level(level).name
        refusal.add("transfer_task.division", Reason.REASON_WRONG_LEVEL, {"competent": competent})
    elif not desk.serves(level, asked.division):
        refusal.add("transfer_task.division", Reason.REASON_DIVISION_UNKNOWN)


def _is_of(division: str, level: Level) -> bool:
    """Tell whether a division stands at a level; a city without counties is its own county too."""
    try:
        return ancestor(division, level) == division
    except ValueError:
        return False


DECIDE: dict[str, Handler] = {
    "claim_task": claim_task,
    "release_task": release_task,
    "transfer_task": transfer_task,
}
EVOLVE: dict[str, Evolver] = {
    "task_claimed": evolve_claimed,
    "task_released": evolve_released,
    "task_transferred": evolve_transferred,
}
