"""What may be done to a task (办件), and by whom: the checks that commands share.

Rule 1: a check adds every violation that it finds and goes on, so that all are told at once.
Rule 2: who acts for an absent colleague has that colleague's claims as their own, while the delegation is in force.
Rule 3: a task is its department's and division's of now, which are the item's until it is transferred (转办).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from onematter.approval.entries import check_day
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TasksState, TaskState, TaskStatus
from onematter.common.v1.actor_pb2 import Actor, ActorRole, Delegation, Level
from onematter.common.v1.outcome_pb2 import Reason
from onematter.contracts.aggregate import Refusal
from onematter.intake.v1.intake_events_pb2 import Item
from onematter.law.calendar import legal_date

# A principal's length at the door; a reference is a document's number.
MAX_DELEGATION_CHARACTERS = 128

_SYSTEM = ActorRole.ACTOR_ROLE_SYSTEM
_DECIDERS = (ActorRole.ACTOR_ROLE_OFFICIAL, _SYSTEM)
_DECIDED = TaskStatus.TASK_STATUS_DECIDED
_RECALLED = TaskStatus.TASK_STATUS_RECALLED
_REVOKED = TaskStatus.TASK_STATUS_REVOKED


def find(state: TasksState, item_id: str) -> TaskState | None:
    """Return the task of an item; None when it was never opened or decided here."""
    for task in state.tasks:
        if task.item_id == item_id:
            return task
    return None


def item_of(task: TaskState) -> Item:
    """Return the item of a task, however it came about."""
    return task.opened.item if task.HasField("opened") else task.decided.item


def department_of(task: TaskState) -> str:
    """Return the department that has the task now."""
    return task.department or item_of(task).department


def division_of(task: TaskState) -> str:
    """Return the division that has the task now."""
    return task.division or item_of(task).division


def has_ended(task: TaskState) -> bool:
    """Tell whether the task is decided (a grant revoked later included) or recalled."""
    return task.status in (_DECIDED, _RECALLED, _REVOKED)


def task_for(refusal: Refusal, state: TasksState, command: ApprovalCommand) -> TaskState | None:
    """Return the task that a command names. Without one the refusal says why, and nothing else can be checked."""
    if not command.item_id:
        refusal.add("item_id", Reason.REASON_FIELD_MISSING)
        return None
    task = find(state, command.item_id)
    if task is None:
        refusal.add("item_id", Reason.REASON_TASK_UNKNOWN)
    return task


def task_in_hand(refusal: Refusal, state: TasksState, command: ApprovalCommand, now_unix_ms: int) -> TaskState | None:
    """Return the task of a command that only who has it may give, and only before its end: the actor belongs to its
    department, and no colleague has claimed it. None when there is no such task.
    """
    task = task_for(refusal, state, command)
    if task is not None:
        check_actor(refusal, task, command.actor, now_unix_ms)
        check_not_ended(refusal, task)
        check_not_claimed_by_another(refusal, task, command.actor)
    return task


def check_rounds(refusal: Refusal, rounds: int, limit: int) -> None:
    """Check that there may be one round more (see `limits`)."""
    if rounds >= limit:
        refusal.add("item_id", Reason.REASON_ROUNDS_EXHAUSTED, {"limit": str(limit)})


def check_actor(refusal: Refusal, task: TaskState, actor: Actor, now_unix_ms: int) -> None:
    """Check that the actor belongs to who has the task: role, level, division, department.

    `now_unix_ms` is legal time, milliseconds since 1970.
    """
    check_role(refusal, actor, now_unix_ms)
    check_level(refusal, task, actor)
    division, department = division_of(task), department_of(task)
    if actor.division != division:
        refusal.add("actor.division", Reason.REASON_WRONG_DIVISION, {"competent": division})
    if actor.department != department:
        refusal.add("actor.department", Reason.REASON_WRONG_DEPARTMENT, {"competent": department})


def check_role(refusal: Refusal, actor: Actor, now_unix_ms: int) -> None:
    """Check what is asked of every actor of an office, whatever the task: the role and the delegation."""
    if "\0" in actor.principal:
        refusal.add("actor.principal", Reason.REASON_FIELD_MALFORMED, {"rule": "no NUL character"})
    if actor.role not in _DECIDERS:
        refusal.add("actor.role", Reason.REASON_ROLE_NOT_ALLOWED, {"allowed": "OFFICIAL, SYSTEM"})
    if actor.HasField("acting_for"):
        _check_delegation(refusal, actor.acting_for, legal_date(now_unix_ms))


def _check_delegation(refusal: Refusal, delegation: Delegation, today: date) -> None:
    """Check that the delegation (委托代理) says who, since when and until when, and is in force today."""
    field = "actor.acting_for"
    for name in ("principal", "reference"):
        text = getattr(delegation, name)
        if not text:
            refusal.add(f"{field}.{name}", Reason.REASON_FIELD_MISSING)
        elif len(text) > MAX_DELEGATION_CHARACTERS:
            limit = {"limit": str(MAX_DELEGATION_CHARACTERS)}
            refusal.add(f"{field}.{name}", Reason.REASON_FIELD_TOO_LONG, limit)
    days: list[date | None] = []
    for name in ("first_day", "last_day"):
        text = getattr(delegation, name)
        if not text:
            refusal.add(f"{field}.{name}", Reason.REASON_FIELD_MISSING)
        days.append(check_day(refusal, f"{field}.{name}", text) if text else None)
    first, last = days
    if first is not None and last is not None and not first <= today <= last:
        dates = {"first_day": first.isoformat(), "last_day": last.isoformat()}
        refusal.add(field, Reason.REASON_DELEGATION_NOT_IN_FORCE, dates)


def check_level(refusal: Refusal, task: TaskState, actor: Actor) -> None:
    """Check that the actor is of the task's level of government."""
    level = item_of(task).level
    if actor.level != level:
        competent = Level.Name(level).removeprefix("LEVEL_")
        refusal.add("actor.level", Reason.REASON_WRONG_LEVEL, {"competent": competent})


def check_not_ended(refusal: Refusal, task: TaskState) -> None:
    """Check that the task has not come to its end."""
    if task.status in (_DECIDED, _REVOKED):
        refusal.add("item_id", Reason.REASON_TASK_DECIDED)
    elif task.status == _RECALLED:
        refusal.add("item_id", Reason.REASON_TASK_WITHDRAWN)


def check_not_suspended(refusal: Refusal, task: TaskState) -> None:
    """Check that no correction or special procedure runs; while one does nothing is decided."""
    if task.status == TaskStatus.TASK_STATUS_SUSPENDED:
        since = next(fact.day for fact in reversed(task.period_facts) if fact.HasField("suspended"))
        refusal.add("item_id", Reason.REASON_TASK_SUSPENDED, {"since": since})


def check_running(refusal: Refusal, task: TaskState) -> None:
    """Say why what was asked for cannot be ended: the clocks run, or stand still for something else."""
    check_not_suspended(refusal, task)
    if not has_ended(task) and task.status != TaskStatus.TASK_STATUS_SUSPENDED:
        refusal.add("item_id", Reason.REASON_PERIOD_NOT_SUSPENDED)


def check_nothing_outstanding(refusal: Refusal, task: TaskState, but_for: Collection[str] = ()) -> None:
    """Check that what was to follow (容缺) is here, `but_for` what the grant need not wait for."""
    outstanding = [one for one in task.outstanding_materials if one not in but_for]
    if outstanding:
        parameters = {"material": ", ".join(outstanding)}
        refusal.add("item_id", Reason.REASON_MATERIAL_OUTSTANDING, parameters)


def claimed_by_another(task: TaskState, actor: Actor) -> bool:
    """Tell whether somebody else has put their name to the task (签收).

    Whoever acts for the claimer (代理) is not somebody else, nor is the one in whose place it was claimed. A delegation
    is within one department, so that of another counts for nothing.
    """
    if not task.HasField("claimed_by"):
        return False
    claimer = task.claimed_by
    if claimer.principal == actor.principal:
        return False
    return claimer.department != actor.department or (
        claimer.principal != actor.acting_for.principal and claimer.acting_for.principal != actor.principal
    )


def check_not_claimed_by_another(refusal: Refusal, task: TaskState, actor: Actor) -> None:
    """Check that no colleague has claimed the task. The department's own system may act all the same."""
    if actor.role != _SYSTEM and not has_ended(task) and claimed_by_another(task, actor):
        refusal.add("item_id", Reason.REASON_TASK_CLAIMED_BY_ANOTHER)


def check_text(refusal: Refusal, field: str, text: str, limit: int, missing: Reason | None = None) -> None:
    """Check a text that people write: with `missing` it must say something, and it has at most `limit` characters."""
    if missing is not None and not text.strip():
        refusal.add(field, missing)
    elif len(text) > limit:
        refusal.add(field, Reason.REASON_FIELD_TOO_LONG, {"limit": str(limit)})


def event_by(actor: Actor, task: TaskState) -> ApprovalEvent:
    """Return an empty event about `task`, by `actor`."""
    event = ApprovalEvent(item_id=task.item_id)
    event.actor.CopyFrom(actor)
    return event
