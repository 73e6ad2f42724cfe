"""Deadlines that are worked out again (重新计算), since a calendar became official: for which tasks, and what changes.

Rule 1: a task whose clocks stand still needs none for them: its deadlines are worked out when they go on. The times of
departments whose opinions are waited for run on meanwhile, and are worked out too.
Rule 2: what comes out as it was is no event.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from onematter.approval import opinions
from onematter.approval.checks import event_by, find, has_ended, task_for
from onematter.approval.clocks import react_moved
from onematter.approval.desk import Desk, Evolver, Handler, Reactor
from onematter.approval.reckoning import clocks_of, deadlines
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TasksState, TaskState
from onematter.backbone.recomputing import asker, request_id
from onematter.common.v1.actor_pb2 import ActorRole
from onematter.common.v1.outcome_pb2 import CommandRefused, Reason
from onematter.contracts.aggregate import Context, Effects, Refusal
from onematter.law.calendar import WorkingCalendar, legal_date


def official_years(calendar: WorkingCalendar) -> frozenset[int]:
    """Return the years that are announced."""
    return frozenset(year.year for year in calendar.years if year.state == "official")


def provisional_years(task: TaskState) -> list[int]:
    """Return the years that are not official and on which a time of the task rests, each once."""
    return sorted({*task.deadlines.provisional_years, *opinions.provisional_years(task)})


def commands_for(
    rows: Sequence[tuple[str, str, bytes]], official: frozenset[int], deployment: str, today: date
) -> Iterator[ApprovalCommand]:
    """Yield a command for each task of `rows` (matter, item, TaskState) that touches a year now official."""
    for matter_id, item_id, serialised in rows:
        years = [year for year in provisional_years(TaskState.FromString(serialised)) if year in official]
        if years:
            command = ApprovalCommand(matter_id=matter_id, item_id=item_id, actor=asker(deployment))
            command.request_id = request_id(item_id, years, today)
            command.recompute_deadlines.SetInParent()
            yield command


def recompute_deadlines(
    desk: Desk, state: TasksState, command: ApprovalCommand, context: Context
) -> ApprovalEvent | CommandRefused | None:
    """Work the deadlines out under the calendar that is loaded now; None when they are what they were."""
    refusal = Refusal("recompute_deadlines")
    task = task_for(refusal, state, command)
    if command.actor.role != ActorRole.ACTOR_ROLE_SYSTEM:
        refusal.add("actor.role", Reason.REASON_ROLE_NOT_ALLOWED, {"allowed": "SYSTEM"})
    if task is None or refusal:
        return refusal.outcome()
    if has_ended(task):
        return None
    clocks, asked = clocks_of(desk, task), opinions.recomputed(desk, task)
    before, after = task.deadlines, deadlines(clocks, desk.calendar)
    if after == before and not asked:
        return None
    event = event_by(command.actor, task)
    told = event.deadlines_recomputed
    left = {*after.provisional_years, *(year for one in asked for year in one.provisional_years)}
    # What is still provisional may be so otherwise than it was; what is no longer so is what became official.
    firm = [year for year in provisional_years(task) if year not in left]
    told.years.extend(firm or provisional_years(task))
    told.day = max(legal_date(context.now_unix_ms), clocks.legal.as_of).isoformat()
    if after != before:
        told.deadlines.CopyFrom(after)
        told.deadlines.SetInParent()
    told.opinions.extend(asked)
    return event


def evolve_recomputed(task: TaskState, event: ApprovalEvent) -> None:
    """Keep the deadlines under another calendar."""
    told = event.deadlines_recomputed
    if told.HasField("deadlines"):
        fact = task.period_facts.add(day=told.day)
        fact.calendar_changed.years.extend(told.years)
        task.deadlines.CopyFrom(told.deadlines)
    opinions.note_recomputed(task, told.opinions)


def react_recomputed(state: TasksState, event: ApprovalEvent) -> Effects:
    """Set the timers of what has moved anew."""
    told = event.deadlines_recomputed
    task = find(state, event.item_id)
    assert task is not None, "an event of a task that is not there"
    moved = react_moved(state, event).timers if told.HasField("deadlines") else ()
    return Effects(timers=(*moved, *(opinions.first_timers(task) if told.opinions else ())))


DECIDE: dict[str, Handler] = {"recompute_deadlines": recompute_deadlines}
EVOLVE: dict[str, Evolver] = {"deadlines_recomputed": evolve_recomputed}
REACT: dict[str, Reactor] = {"deadlines_recomputed": react_recomputed}
