"""Decide what becomes of a task (办件): one item of a matter, in the hands of the department that owns it.

Rule 1: everything that can change a task stands in this file, and nothing here reads a clock, a socket or a
random number.
Rule 2: a rule of the catalogue can only grant (秒批), in the one event that also opens the task. Where it
says no or cannot tell, or this catalogue does not hold the item, a person decides.
Rule 3: a task comes to one end, decided or recalled, and stays there.
Rule 4: a deadline that passes is a fact; the task can be decided as before.
Rule 5: what crosses on its way (a recall of a decided task, a second opening, a timer of a task at its end)
is no error and changes nothing.
Rule 6: of a command from outside all broken rules are told at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand, DecideTask, Decision
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent, TaskDecided, TaskOverdue
from onematter.approval.v1.approval_state_pb2 import TasksState, TaskState, TaskStatus
from onematter.common.v1.actor_pb2 import Actor, ActorRole, Level
from onematter.common.v1.application_pb2 import Application
from onematter.common.v1.outcome_pb2 import CommandRefused, Reason
from onematter.contracts.aggregate import NO_EFFECTS, Context, Effects, Refusal, SetTimer, TimerDue, refuse
from onematter.contracts.times import set_unix_ms
from onematter.intake.v1.intake_events_pb2 import Item
from onematter.law.calendar import WorkingCalendar
from onematter.law.catalogue import Catalogue, ItemType
from onematter.law.clock import deadlines, due_unix_ms
from onematter.law.rules import FactValue, Rule

MAX_OPINION_CHARACTERS = 4_000
# Of what comes from outside: the longest opinion is 16,000 bytes, the rest is names.
MAX_COMMAND_BYTES = 65_536

PROMISED = "promised"
LEGAL = "legal"

_SYSTEM = ActorRole.ACTOR_ROLE_SYSTEM
_DECIDERS = (ActorRole.ACTOR_ROLE_OFFICIAL, _SYSTEM)
_GRANT = Decision.DECISION_GRANT
_OPEN = TaskStatus.TASK_STATUS_OPEN
_CLAIMED = TaskStatus.TASK_STATUS_CLAIMED
_DECIDED = TaskStatus.TASK_STATUS_DECIDED
_RECALLED = TaskStatus.TASK_STATUS_RECALLED


@dataclass(frozen=True, slots=True)
class FromIntake:
    """A command in intake's own stream: it alone opens and recalls, the same from outside is refused."""

    command: ApprovalCommand


Command: TypeAlias = "FromIntake | ApprovalCommand | TimerDue"


class Core:
    """The tasks of one matter at one deployment, with the law in force there.

    `deployment` is the principal of what happens without a person: opened, decided by rule, overdue.
    """

    def __init__(self, catalogue: Catalogue, calendar: WorkingCalendar, deployment: str) -> None:
        self._calendar = calendar
        self._deployment = deployment
        self._items: dict[tuple[str, int, str], ItemType] = {
            (matter_type.code, matter_type.version, item.item_id): item
            for matter_type in catalogue.matter_types
            for item in matter_type.items
        }

    def decide(self, state: TasksState, command: Command, context: Context) -> ApprovalEvent | CommandRefused | None:
        """Return the event that `command` causes, its refusal, or None when nothing changes.

        The event's matter, time and cause are left to the unit of work. Raises AssertionError when intake's
        stream breaks an invariant (a recall of a task never opened), CalendarMissing when a deadline leaves
        the loaded years.
        """
        if isinstance(command, FromIntake):
            asked = command.command
            name = asked.WhichOneof("command")
            if name == "open_task":
                return self._open(state, asked, context.now_unix_ms)
            assert name == "recall_task", f"intake sent {name}; it may send open_task and recall_task alone"
            return _recall(state, asked)
        if isinstance(command, TimerDue):
            return self._timer_due(state, command.name)
        name = command.WhichOneof("command") or ""
        if command.ByteSize() > MAX_COMMAND_BYTES:
            limit = {"max_bytes": str(MAX_COMMAND_BYTES)}
            return refuse(name, "command", Reason.REASON_COMMAND_TOO_LARGE, limit)
        match name:
            case "claim_task":
                return _claim(state, command)
            case "decide_task":
                return self._decide_task(state, command)
            case "open_task" | "recall_task":
                return refuse(name, "actor.role", Reason.REASON_ROLE_NOT_ALLOWED, {"allowed": "intake"})
            case _:
                return refuse(name, "command", Reason.REASON_FIELD_MISSING)

    def _open(self, state: TasksState, command: ApprovalCommand, now_unix_ms: int) -> ApprovalEvent | None:
        opening = command.open_task
        item = opening.item
        item_id = item.item_id
        assert item_id, "intake opens a task without an item_id"
        assert item_id == command.item_id, "the item's item_id and the command's are not the same"
        if _find(state, item_id) is not None:
            return None
        known = self._item_type(opening.matter_code, opening.catalogue_version, item_id)
        event = self._own_event(item)
        rule = None if known is None else known.rule
        if known is not None and rule is not None and _grants(rule, opening.application):
            decided = event.task_decided
            decided.decision = _GRANT
            decided.automatic = True
            decided.rule = rule.text
            decided.department = item.department
            decided.item.CopyFrom(item)
            _add_certificates(decided, known, opening.matter_number, item_id)
            return event
        opened = event.task_opened
        opened.item.CopyFrom(item)
        opened.matter_number = opening.matter_number
        opened.matter_code = opening.matter_code
        opened.catalogue_version = opening.catalogue_version
        opened.matter_name.CopyFrom(opening.matter_name)
        opened.application.CopyFrom(opening.application)
        legal, promised = (
            deadlines(now_unix_ms, None, None, self._calendar)
            if known is None
            else deadlines(now_unix_ms, known.legal_days, known.promised_days, self._calendar, known.clock_kind)
        )
        set_unix_ms(opened.legal_deadline, due_unix_ms(legal.date))
        set_unix_ms(opened.promised_deadline, due_unix_ms(promised.date))
        opened.deadline_provisional = legal.provisional or promised.provisional
        return event

    def _decide_task(self, state: TasksState, command: ApprovalCommand) -> ApprovalEvent | CommandRefused:
        refusal = Refusal("decide_task")
        _check_content(refusal, command.decide_task)
        task = _task_for(refusal, state, command)
        if task is None:
            return refusal.outcome()
        actor = command.actor
        _check_actor(refusal, task, actor)
        _check_not_ended(refusal, task)
        if _claimed_by_another(task, actor) and actor.role != _SYSTEM:
            refusal.add("item_id", Reason.REASON_TASK_CLAIMED_BY_ANOTHER)
        if refusal:
            return refusal.outcome()
        event = ApprovalEvent(item_id=task.item_id)
        event.actor.CopyFrom(actor)
        decided = event.task_decided
        decided.decision = command.decide_task.decision
        decided.opinion = command.decide_task.opinion
        opened = task.opened
        decided.department = opened.item.department
        if decided.decision == _GRANT:
            known = self._item_type(opened.matter_code, opened.catalogue_version, task.item_id)
            if known is not None:
                _add_certificates(decided, known, opened.matter_number, task.item_id)
        return event

    def _timer_due(self, state: TasksState, name: str) -> ApprovalEvent | None:
        clock, _, item_id = name.partition(":")
        assert clock in (PROMISED, LEGAL), f"no timer of a task begins with {clock!r}"
        task = _find(state, item_id)
        assert task is not None, "a timer of a task that was never opened"
        if _has_ended(task) or (task.promised_overdue if clock == PROMISED else task.legal_overdue):
            return None
        event = self._own_event(task.opened.item)
        overdue = event.task_overdue
        if clock == PROMISED:
            overdue.clock = TaskOverdue.CLOCK_PROMISED
            overdue.deadline.CopyFrom(task.opened.promised_deadline)
        else:
            overdue.clock = TaskOverdue.CLOCK_LEGAL
            overdue.deadline.CopyFrom(task.opened.legal_deadline)
        return event

    def _item_type(self, matter_code: str, catalogue_version: int, item_id: str) -> ItemType | None:
        return self._items.get((matter_code, catalogue_version, item_id.partition("@")[0]))

    def _own_event(self, item: Item) -> ApprovalEvent:
        event = ApprovalEvent(item_id=item.item_id)
        actor = event.actor
        actor.principal = self._deployment
        actor.role = _SYSTEM
        actor.level = item.level
        actor.division = item.division
        actor.department = item.department
        return event


def evolve(state: TasksState, event: ApprovalEvent) -> TasksState:
    """Return the tasks after `event`; `state` stays as it is. A refusal changes nothing.

    Raises AssertionError for an event of a task that no earlier event opened, or of a type that this version
    does not know.
    """
    name = event.WhichOneof("event")
    if name == "command_refused":
        return state
    after = TasksState()
    after.CopyFrom(state)
    task = _find(after, event.item_id)
    if task is None:
        assert name in ("task_opened", "task_decided"), f"{name} of a task that was never opened"
        task = after.tasks.add(item_id=event.item_id)
    match name:
        case "task_opened":
            task.status = _OPEN
            task.opened.CopyFrom(event.task_opened)
            task.opened_time.CopyFrom(event.time)
        case "task_claimed":
            task.status = _CLAIMED
            task.claimed_by.CopyFrom(event.actor)
        case "task_decided":
            task.status = _DECIDED
            task.decided.CopyFrom(event.task_decided)
            task.decided_time.CopyFrom(event.time)
        case "task_recalled":
            task.status = _RECALLED
        case "task_overdue":
            if event.task_overdue.clock == TaskOverdue.CLOCK_PROMISED:
                task.promised_overdue = True
            else:
                task.legal_overdue = True
        case _:
            raise AssertionError("an event of a type that this version does not know")
    return after


def react(state: TasksState, event: ApprovalEvent) -> Effects:
    """Return the timers that `event` sets or takes away; `state` is that after it. No command is sent.

    A task decided by rule was never opened for a person and has no timers.
    """
    match event.WhichOneof("event"):
        case "task_opened":
            opened = event.task_opened
            return _timers(
                event.item_id,
                opened.promised_deadline.seconds * 1000,
                opened.legal_deadline.seconds * 1000,
            )
        case "task_decided" | "task_recalled":
            task = _find(state, event.item_id)
            if task is None or not task.HasField("opened"):
                return NO_EFFECTS
            return _timers(event.item_id, None, None)
        case _:
            return NO_EFFECTS


def item_of(task: TaskState) -> Item:
    """Return the item of a task, however it came about."""
    return task.opened.item if task.HasField("opened") else task.decided.item


def _claim(state: TasksState, command: ApprovalCommand) -> ApprovalEvent | CommandRefused | None:
    refusal = Refusal("claim_task")
    task = _task_for(refusal, state, command)
    if task is None:
        return refusal.outcome()
    actor = command.actor
    _check_actor(refusal, task, actor)
    _check_not_ended(refusal, task)
    if _claimed_by_another(task, actor):
        refusal.add("item_id", Reason.REASON_TASK_CLAIMED_BY_ANOTHER)
    if refusal:
        return refusal.outcome()
    if task.status == _CLAIMED:
        return None
    event = ApprovalEvent(item_id=task.item_id)
    event.actor.CopyFrom(actor)
    event.task_claimed.SetInParent()
    return event


def _recall(state: TasksState, command: ApprovalCommand) -> ApprovalEvent | None:
    task = _find(state, command.item_id)
    assert task is not None, "intake recalls a task that it never opened"
    if _has_ended(task):
        return None
    event = ApprovalEvent(item_id=task.item_id)
    if command.HasField("actor"):
        event.actor.CopyFrom(command.actor)
    event.task_recalled.SetInParent()
    return event


def _task_for(refusal: Refusal, state: TasksState, command: ApprovalCommand) -> TaskState | None:
    if not command.item_id:
        refusal.add("item_id", Reason.REASON_FIELD_MISSING)
        return None
    task = _find(state, command.item_id)
    if task is None:
        refusal.add("item_id", Reason.REASON_TASK_UNKNOWN)
    return task


def _check_actor(refusal: Refusal, task: TaskState, actor: Actor) -> None:
    item = item_of(task)
    if "\0" in actor.principal:
        refusal.add("actor.principal", Reason.REASON_FIELD_MALFORMED, {"rule": "no NUL character"})
    if actor.role not in _DECIDERS:
        refusal.add("actor.role", Reason.REASON_ROLE_NOT_ALLOWED, {"allowed": "OFFICIAL, SYSTEM"})
    if actor.level != item.level:
        competent = Level.Name(item.level).removeprefix("LEVEL_")
        refusal.add("actor.level", Reason.REASON_WRONG_LEVEL, {"competent": competent})
    if actor.division != item.division:
        refusal.add("actor.division", Reason.REASON_WRONG_DIVISION, {"competent": item.division})
    if actor.department != item.department:
        refusal.add("actor.department", Reason.REASON_WRONG_DEPARTMENT, {"competent": item.department})


def _check_not_ended(refusal: Refusal, task: TaskState) -> None:
    if task.status == _DECIDED:
        refusal.add("item_id", Reason.REASON_TASK_DECIDED)
    elif task.status == _RECALLED:
        refusal.add("item_id", Reason.REASON_TASK_WITHDRAWN)


def _check_content(refusal: Refusal, asked: DecideTask) -> None:
    if asked.decision == Decision.DECISION_UNSPECIFIED:
        refusal.add("decide_task.decision", Reason.REASON_FIELD_MISSING)
    elif asked.decision not in (_GRANT, Decision.DECISION_DENY):
        refusal.add("decide_task.decision", Reason.REASON_FIELD_MALFORMED, {"allowed": "GRANT, DENY"})
    if not asked.opinion.strip():
        refusal.add("decide_task.opinion", Reason.REASON_OPINION_MISSING)
    elif len(asked.opinion) > MAX_OPINION_CHARACTERS:
        parameters = {"limit": str(MAX_OPINION_CHARACTERS)}
        refusal.add("decide_task.opinion", Reason.REASON_FIELD_TOO_LONG, parameters)


def _claimed_by_another(task: TaskState, actor: Actor) -> bool:
    return task.status == _CLAIMED and task.claimed_by.principal != actor.principal


def _has_ended(task: TaskState) -> bool:
    return task.status in (_DECIDED, _RECALLED)


def _find(state: TasksState, item_id: str) -> TaskState | None:
    for task in state.tasks:
        if task.item_id == item_id:
            return task
    return None


def _grants(rule: Rule, application: Application) -> bool:
    """Whether the rule certainly holds; of the facts only those that it names are looked at."""
    given = application.facts
    facts: dict[str, FactValue] = {}
    for key in rule.facts:
        if key in given:
            fact = given[key]
            match fact.WhichOneof("kind"):
                case "text":
                    facts[key] = fact.text
                case "number":
                    facts[key] = fact.number
                case "flag":
                    facts[key] = fact.flag
                case "list":
                    facts[key] = list(fact.list.values)
                case _:
                    # A fact of a kind that this version does not know is absent to it.
                    pass
    return rule.holds(facts)


def _add_certificates(decided: TaskDecided, known: ItemType, matter_number: str, item_id: str) -> None:
    for certificate_type in known.produces_certificates:
        decided.certificates.add(certificate_type=certificate_type, number=f"{matter_number}-{item_id}")


def _timers(item_id: str, promised_unix_ms: int | None, legal_unix_ms: int | None) -> Effects:
    return Effects(
        timers=(
            SetTimer(f"{PROMISED}:{item_id}", promised_unix_ms),
            SetTimer(f"{LEGAL}:{item_id}", legal_unix_ms),
        )
    )
