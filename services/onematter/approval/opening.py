"""How a task (办件) begins, and how it goes back: what intake alone may ask.

Rule 1: a rule of the catalogue can only grant (秒批), in the one event that also opens the task. Where it says no or
cannot tell, where something else stands between the item and a grant, or this catalogue does not hold the item, a
person decides.
Rule 2: what crosses on its way (a second opening, a recall of a task that has ended) is no error and changes nothing.
Rule 3: a task that a person gets is its item's department's and division's, until it is transferred.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from onematter.approval import clocks, corrections, decisions, opinions
from onematter.approval.checks import find, has_ended
from onematter.approval.desk import Desk, Evolver, Handler, Reactor
from onematter.approval.facts import facts_of
from onematter.approval.reckoning import deadlines, reckon
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand, OpenTask
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent, TaskOpened
from onematter.approval.v1.approval_state_pb2 import TasksState, TaskState, TaskStatus
from onematter.common.v1.period_pb2 import Deadlines
from onematter.contracts.aggregate import Context, Effects
from onematter.contracts.times import unix_ms
from onematter.law import rule_reports
from onematter.law.calendar import WorkingCalendar, legal_date
from onematter.law.matters import ItemType, MatterType


def open_task(desk: Desk, state: TasksState, command: ApprovalCommand, context: Context) -> ApprovalEvent | None:
    """Take an item in hand: TaskDecided where the item's rule says yes, else TaskOpened."""
    opening = command.open_task
    item = opening.item
    item_id = item.item_id
    assert item_id, "intake opens a task without an item_id"
    assert item_id == command.item_id, "the item's item_id and the command's are not the same"
    if find(state, item_id) is not None:
        return None
    types = desk.types(opening.matter_code, opening.catalogue_version, item_id)
    known = None if types is None else types[1]
    if known is not None and known.rule is not None and decisions.may_be_granted_by_rule(known, opening):
        # Of the facts only those that the rule names are looked at.
        facts = facts_of(opening.application, known.rule.facts)
        if known.rule.holds(facts):
            return decisions.granted_by_rule(desk, opening, known, facts, context.now_unix_ms)
    event = desk.own_event(item)
    _fill_opened(desk, event.task_opened, opening, known, context.now_unix_ms)
    if types is not None:
        _add_report(event.task_opened, *types)
    return event


def recall_task(desk: Desk, state: TasksState, command: ApprovalCommand, context: Context) -> ApprovalEvent | None:  # noqa: ARG001
    """Give an item back. Raises AssertionError for a task that was never opened."""
    task = find(state, command.item_id)
    assert task is not None, "intake recalls a task that it never opened"
    if has_ended(task):
        return None
    event = ApprovalEvent(item_id=task.item_id)
    if command.HasField("actor"):
        event.actor.CopyFrom(command.actor)
    event.task_recalled.SetInParent()
    return event


def _fill_opened(desk: Desk, opened: TaskOpened, opening: OpenTask, known: ItemType | None, now_unix_ms: int) -> None:
    opened.item.CopyFrom(opening.item)
    opened.matter_number = opening.matter_number
    opened.matter_code = opening.matter_code
    opened.catalogue_version = opening.catalogue_version
    opened.matter_name.CopyFrom(opening.matter_name)
    opened.application.CopyFrom(opening.application)
    opened.pledged = opening.pledged
    if opening.HasField("site_visit"):
        opened.site_visit.CopyFrom(opening.site_visit)
    started = date.fromisoformat(opening.started_day) if opening.started_day else legal_date(now_unix_ms)
    opened.started_day = started.isoformat()
    opened.deadlines.CopyFrom(_first_deadlines(known, started, desk.calendar))
    opened.legal_deadline.CopyFrom(opened.deadlines.legal)
    opened.promised_deadline.CopyFrom(opened.deadlines.promised)
    opened.deadline_provisional = opened.deadlines.provisional
    if opening.outstanding_materials:
        opened.outstanding_materials.extend(opening.outstanding_materials)
        until = corrections.supplement_until(unix_ms(opened.promised_deadline))
        opened.supplement_until = until.isoformat()
    opened.unshared_materials.extend(opening.unshared_materials)
    opinions.ask_at_once(desk, opened, known, now_unix_ms)


def _add_report(opened: TaskOpened, matter_type: MatterType, known: ItemType) -> None:
    """Tell the person who gets the task what the item's rule saw, and why it did not decide."""
    if known.rule is None:
        return
    facts = facts_of(opened.application, known.rule.facts)
    verdict = rule_reports.report(known.rule, facts, matter_type.facts)
    told = opened.rule_report
    told.rule = known.rule.text
    told.version = known.rule_version
    told.verdict = verdict.verdict
    told.missing.extend(verdict.missing)
    for key, value in verdict.used:
        told.facts.add(key=key, value=value)
    for line in verdict.explanation:
        told.explanation.add().texts.update(line)


@lru_cache(maxsize=65_536)
def _first_deadlines(known: ItemType | None, started: date, calendar: WorkingCalendar) -> Deadlines:
    """Return the deadlines of an item that begins on `started`. To be copied, never changed."""
    return deadlines(reckon(known, started, ()), calendar)


def evolve_opened(task: TaskState, event: ApprovalEvent) -> None:
    """Keep what was opened."""
    opened = event.task_opened
    task.status = TaskStatus.TASK_STATUS_OPEN
    task.opened.CopyFrom(opened)
    task.opened_time.CopyFrom(event.time)
    task.department = opened.item.department
    task.division = opened.item.division
    task.deadlines.CopyFrom(opened.deadlines)
    task.outstanding_materials.extend(opened.outstanding_materials)
    task.unshared_materials.extend(opened.unshared_materials)
    if opened.HasField("site_visit"):
        task.site_visit.CopyFrom(opened.site_visit)
    if opened.HasField("opinions_asked"):
        opinions.note_asked(task, opened.opinions_asked, event.time)


def evolve_recalled(task: TaskState, event: ApprovalEvent) -> None:  # noqa: ARG001
    """Note that intake took the task back."""
    task.status = TaskStatus.TASK_STATUS_RECALLED


def react_opened(state: TasksState, event: ApprovalEvent) -> Effects:
    """Set the timers of a task that waits for a person."""
    task = find(state, event.item_id)
    assert task is not None, "an event of a task that is not there"
    return Effects(
        timers=(*clocks.timers_standing(task), *corrections.timers_standing(task), *opinions.first_timers(task))
    )


FROM_INTAKE: dict[str, Handler] = {"open_task": open_task, "recall_task": recall_task}
EVOLVE: dict[str, Evolver] = {"task_opened": evolve_opened, "task_recalled": evolve_recalled}
REACT: dict[str, Reactor] = {"task_opened": react_opened}
