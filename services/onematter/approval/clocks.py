"""The clocks of a task (法定时限、承诺时限): what stops, moves and ends them, and what their passing tells.

Rule 1: while a correction or a special procedure (特别程序) runs, both clocks stand still: the task is suspended, and
nothing is decided but that it is withdrawn. Afterwards it is what it was, open or claimed.
Rule 2: the legal period alone is extended, by the rank and by what the law names; the reason is told (行政许可法 §42).
Rule 3: a deadline that passes is a fact; the task can be decided as before. It is told once, and so is each warning,
however the clocks move afterwards. Where red falls due with yellow it is told alone.
Rule 4: every event that moves the clocks carries the deadlines after it; timers follow from these and from what has
been told.
"""

from __future__ import annotations

from datetime import date

from onematter.approval.checks import (
    check_actor,
    check_not_ended,
    check_rounds,
    check_running,
    check_text,
    event_by,
    find,
    has_ended,
    task_for,
    task_in_hand,
)
from onematter.approval.desk import Desk, Evolver, Handler, Reactor, TimerHandler, timer
from onematter.approval.limits import MAX_SPECIAL_PROCEDURES
from onematter.approval.reckoning import clocks_of, deadlines
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand, BeginSpecialProcedure
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TasksState, TaskState, TaskStatus
from onematter.backbone.reckoning import REASONS, object_to, rank_of
from onematter.common.v1.outcome_pb2 import CommandRefused, Reason
from onematter.common.v1.period_pb2 import Clock, Deadlines, PeriodFact, SuspensionReason, WarningColour
from onematter.contracts.aggregate import Context, Effects, Refusal, SetTimer
from onematter.contracts.times import unix_ms
from onematter.law import periods
from onematter.law.calendar import legal_date

YELLOW = "yellow"
RED = "red"
PROMISED = "promised"
LEGAL = "legal"

MAX_REASON_CHARACTERS = 2_000
# A special procedure of three years is none.
MAX_EXPECTED_DAYS = 1_000

_CORRECTION = SuspensionReason.SUSPENSION_REASON_CORRECTION
_YELLOW = WarningColour.WARNING_COLOUR_YELLOW
_RED = WarningColour.WARNING_COLOUR_RED
_PROMISED = Clock.CLOCK_PROMISED
_LEGAL = Clock.CLOCK_LEGAL


def begin_special_procedure(
    desk: Desk, state: TasksState, command: ApprovalCommand, context: Context
) -> ApprovalEvent | CommandRefused:
    """Begin what does not count (行政许可法 §45); the applicant is told how long it is expected to take."""
    refusal = Refusal("begin_special_procedure")
    asked = command.begin_special_procedure
    _check_procedure(refusal, asked)
    task = task_in_hand(refusal, state, command, context.now_unix_ms)
    if task is None:
        return refusal.outcome()
    check_rounds(refusal, task.special_procedures, MAX_SPECIAL_PROCEDURES)
    today = legal_date(context.now_unix_ms)
    if not has_ended(task):
        object_to(refusal, periods.check_suspension(clocks_of(desk, task).legal, today), "item_id")
    if refusal:
        return refusal.outcome()
    event = event_by(command.actor, task)
    begun = event.special_procedure_begun
    begun.kind = asked.kind
    begun.expected_days = asked.expected_days
    begun.reason = asked.reason
    begun.day = today.isoformat()
    begun.deadlines.CopyFrom(deadlines(clocks_of(desk, task, suspended(today, asked.kind)), desk.calendar))
    return event


def end_special_procedure(
    desk: Desk, state: TasksState, command: ApprovalCommand, context: Context
) -> ApprovalEvent | CommandRefused:
    """End the special procedure that runs; the clocks go on, and this day counts again."""
    refusal = Refusal("end_special_procedure")
    result = command.end_special_procedure.result
    check_text(refusal, "end_special_procedure.result", result, MAX_REASON_CHARACTERS, Reason.REASON_FIELD_MISSING)
    task = task_in_hand(refusal, state, command, context.now_unix_ms)
    if task is None:
        return refusal.outcome()
    today = legal_date(context.now_unix_ms)
    if task.HasField("special_procedure"):
        object_to(refusal, periods.check_resumption(clocks_of(desk, task).legal, today), "item_id")
    else:
        check_running(refusal, task)
    if refusal:
        return refusal.outcome()
    event = event_by(command.actor, task)
    ended = event.special_procedure_ended
    ended.kind = task.special_procedure.kind
    ended.result = result
    ended.day = today.isoformat()
    ended.deadlines.CopyFrom(deadlines(clocks_of(desk, task, resumed(today)), desk.calendar))
    return event


def extend_period(
    desk: Desk, state: TasksState, command: ApprovalCommand, context: Context
) -> ApprovalEvent | CommandRefused:
    """Extend the legal period, with the approval of the actor's rank; whoever has claimed the task need not ask."""
    refusal = Refusal("extend_period")
    asked = command.extend_period
    check_text(refusal, "extend_period.reason", asked.reason, MAX_REASON_CHARACTERS, Reason.REASON_FIELD_MISSING)
    task = task_for(refusal, state, command)
    if task is None:
        return refusal.outcome()
    check_actor(refusal, task, command.actor, context.now_unix_ms)
    check_not_ended(refusal, task)
    today = legal_date(context.now_unix_ms)
    if not has_ended(task):
        legal, rank = clocks_of(desk, task).legal, rank_of(command.actor.rank)
        objections = periods.check_extension(legal, today, asked.days, rank, desk.calendar)
        object_to(refusal, objections, "item_id", "extend_period.days")
    if refusal:
        return refusal.outcome()
    event = event_by(command.actor, task)
    extended = event.task_extended
    extended.days = asked.days
    extended.rank = command.actor.rank
    extended.reason = asked.reason
    extended.day = today.isoformat()
    extended.deadlines.CopyFrom(deadlines(clocks_of(desk, task, _extended(event)), desk.calendar))
    return event


def warning_due(desk: Desk, task: TaskState, colour: WarningColour) -> ApprovalEvent | None:
    """Tell that a deadline is near, unless that was told or it has come to its end."""
    if has_ended(task) or task.warned >= colour:
        return None
    event = desk.own_event_of(task)
    warned = event.task_warned
    warned.colour = colour
    warned.clock = _PROMISED
    warned.deadline.CopyFrom(task.deadlines.promised)
    return event


def yellow_due(desk: Desk, task: TaskState, context: Context) -> ApprovalEvent | None:  # noqa: ARG001
    """Tell the yellow warning (黄牌)."""
    return warning_due(desk, task, _YELLOW)


def red_due(desk: Desk, task: TaskState, context: Context) -> ApprovalEvent | None:  # noqa: ARG001
    """Tell the red warning (红牌)."""
    return warning_due(desk, task, _RED)


def promised_passed(desk: Desk, task: TaskState, context: Context) -> ApprovalEvent | None:  # noqa: ARG001
    """Tell that the promise was not kept."""
    if has_ended(task) or task.promised_overdue:
        return None
    event = desk.own_event_of(task)
    event.task_overdue.clock = _PROMISED
    event.task_overdue.deadline.CopyFrom(task.deadlines.promised)
    return event


def legal_passed(desk: Desk, task: TaskState, context: Context) -> ApprovalEvent | None:  # noqa: ARG001
    """Tell that the legal time has passed."""
    if has_ended(task) or task.legal_overdue:
        return None
    event = desk.own_event_of(task)
    event.task_overdue.clock = _LEGAL
    event.task_overdue.deadline.CopyFrom(task.deadlines.legal)
    return event


def suspended(day: date, reason: SuspensionReason) -> PeriodFact:
    """Return the fact that the clocks stop on `day`."""
    fact = PeriodFact(day=day.isoformat())
    fact.suspended.reason = reason
    return fact


def resumed(day: date) -> PeriodFact:
    """Return the fact that the clocks go on; `day` counts again."""
    fact = PeriodFact(day=day.isoformat())
    fact.resumed.SetInParent()
    return fact


def suspend(task: TaskState, day: str, reason: SuspensionReason, after: Deadlines) -> None:
    """Stop the task's clocks; it is changed in place."""
    task.status = TaskStatus.TASK_STATUS_SUSPENDED
    task.period_facts.append(suspended(date.fromisoformat(day), reason))
    task.deadlines.CopyFrom(after)


def resume(task: TaskState, day: str, after: Deadlines) -> None:
    """Let the task's clocks go on; it is changed in place."""
    task.status = resting_status(task)
    task.period_facts.append(resumed(date.fromisoformat(day)))
    task.deadlines.CopyFrom(after)


def resting_status(task: TaskState) -> TaskStatus:
    """Return the status of a task that waits for its department."""
    return TaskStatus.TASK_STATUS_CLAIMED if task.HasField("claimed_by") else TaskStatus.TASK_STATUS_OPEN


def evolve_begun(task: TaskState, event: ApprovalEvent) -> None:
    """Keep the special procedure that runs."""
    begun = event.special_procedure_begun
    task.special_procedure.CopyFrom(begun)
    task.special_procedure.ClearField("deadlines")
    task.special_procedures += 1
    suspend(task, begun.day, begun.kind, begun.deadlines)


def evolve_ended(task: TaskState, event: ApprovalEvent) -> None:
    """Note that no special procedure runs any more."""
    task.ClearField("special_procedure")
    resume(task, event.special_procedure_ended.day, event.special_procedure_ended.deadlines)


def evolve_extended(task: TaskState, event: ApprovalEvent) -> None:
    """Keep the extension."""
    task.period_facts.append(_extended(event))
    task.deadlines.CopyFrom(event.task_extended.deadlines)


def evolve_warned(task: TaskState, event: ApprovalEvent) -> None:
    """Keep the colour that was told last."""
    task.warned = event.task_warned.colour


def evolve_overdue(task: TaskState, event: ApprovalEvent) -> None:
    """Keep which clock has run out."""
    if event.task_overdue.clock == _PROMISED:
        task.promised_overdue = True
    else:
        task.legal_overdue = True


def timers_of_clocks(task: TaskState) -> tuple[SetTimer, ...]:
    """Return every timer of the clocks that is still to tell something: set, or taken away where nothing is due."""
    found = task.deadlines
    untold = (
        (YELLOW, found.HasField("yellow"), found.yellow, task.warned < _YELLOW),
        (RED, found.HasField("red"), found.red, task.warned < _RED),
        (PROMISED, found.HasField("promised"), found.promised, not task.promised_overdue),
        (LEGAL, found.HasField("legal"), found.legal, not task.legal_overdue),
    )
    return tuple(timer(kind, task, unix_ms(due) if there else None) for kind, there, due, open_ in untold if open_)


def react_moved(state: TasksState, event: ApprovalEvent) -> Effects:
    """Set the timers anew after the clocks stopped, went on or moved."""
    task = find(state, event.item_id)
    assert task is not None, "an event of a task that is not there"
    return Effects(timers=timers_of_clocks(task))


def timers_standing(task: TaskState) -> tuple[SetTimer, ...]:
    """Return the timers of the clocks that stand for the task."""
    return tuple(one for one in timers_of_clocks(task) if one.due_unix_ms is not None)


def _extended(event: ApprovalEvent) -> PeriodFact:
    extended = event.task_extended
    fact = PeriodFact(day=extended.day)
    fact.extended.days = extended.days
    fact.extended.rank = extended.rank
    return fact


def _check_procedure(refusal: Refusal, asked: BeginSpecialProcedure) -> None:
    field = "begin_special_procedure"
    if asked.kind == SuspensionReason.SUSPENSION_REASON_UNSPECIFIED:
        refusal.add(f"{field}.kind", Reason.REASON_FIELD_MISSING)
    elif asked.kind == _CORRECTION or asked.kind not in REASONS:
        allowed = ", ".join(reason.upper() for reason in REASONS.values() if reason != "correction")
        refusal.add(f"{field}.kind", Reason.REASON_FIELD_MALFORMED, {"allowed": allowed})
    if not asked.expected_days:
        refusal.add(f"{field}.expected_days", Reason.REASON_FIELD_MISSING)
    elif asked.expected_days > MAX_EXPECTED_DAYS:
        rule = {"rule": f"1 to {MAX_EXPECTED_DAYS}"}
        refusal.add(f"{field}.expected_days", Reason.REASON_FIELD_MALFORMED, rule)
    check_text(refusal, f"{field}.reason", asked.reason, MAX_REASON_CHARACTERS, Reason.REASON_FIELD_MISSING)


DECIDE: dict[str, Handler] = {
    "begin_special_procedure": begin_special_procedure,
    "end_special_procedure": end_special_procedure,
    "extend_period": extend_period,
}
TIMERS: dict[str, TimerHandler] = {
    YELLOW: yellow_due,
    RED: red_due,
    PROMISED: promised_passed,
    LEGAL: legal_passed,
}
EVOLVE: dict[str, Evolver] = {
    "special_procedure_begun": evolve_begun,
    "special_procedure_ended": evolve_ended,
    "task_extended": evolve_extended,
    "task_warned": evolve_warned,
    "task_overdue": evolve_overdue,
}
REACT: dict[str, Reactor] = dict.fromkeys(
    ("special_procedure_begun", "special_procedure_ended", "task_extended"), react_moved
)
