"""Site visits (现场勘验), also those that several items of a matter share (一同勘验).

Rule 1: a visit that passed is the last one. Another would be asked of the applicant for nothing; one that did not pass
may be followed by another, once what it found is put right (复查).
Rule 2: one visit does for its whole group: what intake tells of a sibling's visit counts as the task's own.
Rule 3: a visit is a fact, so a correction or a special procedure does not keep it from being recorded.
"""

from __future__ import annotations

from onematter.approval.checks import (
    check_text,
    department_of,
    event_by,
    find,
    has_ended,
    task_in_hand,
)
from onematter.approval.desk import Desk, Evolver, Handler, Reactor, TimerHandler
from onematter.approval.entries import MAX_DEPARTMENT_CHARACTERS, check_day, check_entries, check_known, without_repeats
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand, SiteVisit
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TasksState, TaskState
from onematter.common.v1.outcome_pb2 import CommandRefused, Reason
from onematter.contracts.aggregate import Context, Refusal
from onematter.contracts.times import unix_ms
from onematter.law.calendar import legal_date
from onematter.law.matters import ItemType

MAX_FINDING_CHARACTERS = 4_000


def record_site_visit(
    desk: Desk, state: TasksState, command: ApprovalCommand, context: Context
) -> ApprovalEvent | CommandRefused:
    """Record a visit that took place; its task's department is among those that took part, named or not."""
    refusal = Refusal("record_site_visit")
    visit = command.record_site_visit.site_visit
    task = task_in_hand(refusal, state, command, context.now_unix_ms)
    _check_content(refusal, desk, visit, task, context.now_unix_ms)
    if task is None:
        return refusal.outcome()
    if task.site_visit.passed:
        refusal.add("record_site_visit.site_visit", Reason.REASON_FIELD_MALFORMED, {"rule": "visit_passed"})
    if refusal:
        return refusal.outcome()
    event = event_by(command.actor, task)
    visited = event.site_visited
    visited.site_visit.CopyFrom(visit)
    del visited.site_visit.departments[:]
    visited.site_visit.departments.extend(without_repeats([department_of(task)], visit.departments))
    types = desk.types_of(task)
    visited.joint_visit_group = group_of(task, None if types is None else types[1])
    return event


def note_site_visit(desk: Desk, state: TasksState, command: ApprovalCommand, _context: Context) -> ApprovalEvent | None:
    """Keep what a visit to another item of the group found; it changes nothing once one has passed or the task has
    ended. Raises AssertionError for a task that was never opened.
    """
    task = find(state, command.item_id)
    assert task is not None, "intake tells a task that it never opened of a visit"
    noted = command.note_site_visit.site_visit
    if has_ended(task) or task.site_visit.passed or task.site_visit == noted:
        return None
    event = desk.own_event_of(task)
    event.site_visited.site_visit.CopyFrom(noted)
    types = desk.types_of(task)
    event.site_visited.joint_visit_group = group_of(task, None if types is None else types[1])
    event.site_visited.noted = True
    return event


def group_of(task: TaskState, known: ItemType | None) -> str:
    """Return the group of items that share the task's visit; empty when the item needs none."""
    own = None if known is None else known.joint_visit_group
    return task.opened.item.joint_visit_group or own or ""


def check_visit(refusal: Refusal, task: TaskState, known: ItemType | None) -> None:
    """Check that the visit that the item needs has taken place and passed."""
    group = group_of(task, known)
    if group and not task.site_visit.passed:
        refusal.add("decide_task.decision", Reason.REASON_SITE_VISIT_MISSING, {"group": group})


def evolve_visited(task: TaskState, event: ApprovalEvent) -> None:
    """Keep what the last visit found."""
    task.site_visit.CopyFrom(event.site_visited.site_visit)


def _check_content(refusal: Refusal, desk: Desk, visit: SiteVisit, task: TaskState | None, now_unix_ms: int) -> None:
    field = "record_site_visit.site_visit"
    check_text(refusal, f"{field}.finding", visit.finding, MAX_FINDING_CHARACTERS, Reason.REASON_FIELD_MISSING)
    check_entries(refusal, f"{field}.departments", visit.departments, MAX_DEPARTMENT_CHARACTERS)
    check_known(refusal, f"{field}.departments", visit.departments, desk.catalogue.departments)
    if not visit.day:
        refusal.add(f"{field}.day", Reason.REASON_FIELD_MISSING)
        return
    day = check_day(refusal, f"{field}.day", visit.day)
    if day is None:
        return
    if day > legal_date(now_unix_ms):
        refusal.add(f"{field}.day", Reason.REASON_FIELD_MALFORMED, {"rule": "not_future"})
    elif task is not None and day < legal_date(unix_ms(task.opened_time)):
        earliest = {"earliest": legal_date(unix_ms(task.opened_time)).isoformat()}
        refusal.add(f"{field}.day", Reason.REASON_DAY_TOO_EARLY, earliest)


DECIDE: dict[str, Handler] = {"record_site_visit": record_site_visit}
FROM_INTAKE: dict[str, Handler] = {"note_site_visit": note_site_visit}
TIMERS: dict[str, TimerHandler] = {}
EVOLVE: dict[str, Evolver] = {"site_visited": evolve_visited}
REACT: dict[str, Reactor] = {}
