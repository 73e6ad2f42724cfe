"""Other departments' opinions (征求意见): who is asked, what they answer, and what the answers bind a grant to.

Rule 1: an asked department has 7 working days (国发〔1999〕9号). That they have passed is a fact: the decision need not
wait for it any longer, but until the decision it can still answer.
Rule 2: a department that has answered may be asked again, as after talks (协商). Its answer stands until it gives
another, so that nobody waits a refusal out by asking once more.
Rule 3: whom the catalogue names is asked at once when a person gets the item, and asked by that event. The quorum is
of these departments; that others were asked, and consent, does not fill it.
Rule 4: silence is no consent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from google.protobuf.timestamp_pb2 import Timestamp

from onematter.approval.checks import (
    check_not_ended,
    check_not_suspended,
    check_role,
    check_rounds,
    check_text,
    department_of,
    division_of,
    event_by,
    find,
    has_ended,
    task_for,
    task_in_hand,
)
from onematter.approval.desk import Desk, Evolver, Handler, Reactor, TimerHandler, timer
from onematter.approval.entries import MAX_DEPARTMENT_CHARACTERS, check_entries, without_repeats
from onematter.approval.limits import MAX_OPINIONS
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand, AskOpinions, GiveOpinion, OpinionPosition
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent, OpinionDeadline, OpinionsAsked, TaskOpened
from onematter.approval.v1.approval_state_pb2 import OpinionState, TasksState, TaskState
from onematter.common.v1.actor_pb2 import Actor
from onematter.common.v1.outcome_pb2 import CommandRefused, Reason
from onematter.contracts.aggregate import NO_EFFECTS, Context, Effects, Refusal, SetTimer
from onematter.contracts.times import set_unix_ms, unix_ms
from onematter.law.calendar import legal_date
from onematter.law.clock import OPINION, due_unix_ms, end_of_period
from onematter.law.divisions import ancestor, level_of
from onematter.law.matters import ItemType, OpinionRule

MAX_QUESTION_CHARACTERS = 4_000
MAX_TEXT_CHARACTERS = 4_000

TIMER = "opinion"

_NOT_GIVEN = OpinionPosition.OPINION_POSITION_UNSPECIFIED
_CONSENT = OpinionPosition.OPINION_POSITION_CONSENT
_CONDITIONAL = OpinionPosition.OPINION_POSITION_CONDITIONAL
_VETO = OpinionPosition.OPINION_POSITION_VETO


def ask_opinions(
    desk: Desk, state: TasksState, command: ApprovalCommand, context: Context
) -> ApprovalEvent | CommandRefused:
    """Ask other departments; the same may ask who may decide."""
    refusal = Refusal("ask_opinions")
    asked = command.ask_opinions
    question = asked.question
    check_text(refusal, "ask_opinions.question", question, MAX_QUESTION_CHARACTERS, Reason.REASON_FIELD_MISSING)
    if not asked.departments:
        refusal.add("ask_opinions.departments", Reason.REASON_FIELD_MISSING)
    check_entries(refusal, "ask_opinions.departments", asked.departments, MAX_DEPARTMENT_CHARACTERS)
    task = task_in_hand(refusal, state, command, context.now_unix_ms)
    if task is None:
        return refusal.outcome()
    check_not_suspended(refusal, task)
    check_rounds(refusal, len(task.opinions) + len(asked.departments) - 1, MAX_OPINIONS)
    _check_departments(refusal, desk, task, asked)
    if refusal:
        return refusal.outcome()
    event = event_by(command.actor, task)
    _fill_asked(desk, event.opinions_asked, without_repeats(asked.departments), question, context.now_unix_ms)
    return event


def ask_at_once(desk: Desk, opened: TaskOpened, known: ItemType | None, now_unix_ms: int) -> None:
    """Let `opened` ask whom the catalogue's item names; nobody when it names nobody."""
    if known is not None and known.opinions is not None:
        _fill_asked(desk, opened.opinions_asked, known.opinions.departments, "", now_unix_ms)


def give_opinion(
    _desk: Desk, state: TasksState, command: ApprovalCommand, context: Context
) -> ApprovalEvent | CommandRefused:
    """Answer in an asked department's name, at whatever level it stands above or below the task's division."""
    refusal = Refusal("give_opinion")
    given, actor = command.give_opinion, command.actor
    _check_content(refusal, given)
    task = task_for(refusal, state, command)
    if task is None:
        return refusal.outcome()
    check_role(refusal, actor, context.now_unix_ms)
    _check_division(refusal, task, actor)
    check_not_ended(refusal, task)
    latest = _latest(task, actor.department)
    if latest is None:
        asked = without_repeats([opinion.department for opinion in task.opinions])
        refusal.add("actor.department", Reason.REASON_OPINION_NOT_ASKED, {"departments": ", ".join(asked)})
    elif latest.position != _NOT_GIVEN:
        refusal.add("actor.department", Reason.REASON_OPINION_GIVEN_ALREADY, {"departments": actor.department})
    if refusal:
        return refusal.outcome()
    event = event_by(actor, task)
    opinion = event.opinion_given
    opinion.department = actor.department
    opinion.position = given.position
    opinion.text = given.text
    opinion.conditions.extend(without_repeats(given.conditions))
    return event


def time_passed(desk: Desk, task: TaskState, context: Context) -> ApprovalEvent | None:
    """Tell which departments have not answered in time."""
    if has_ended(task):
        return None
    late = [opinion.department for opinion in _awaited(task) if unix_ms(opinion.deadline) <= context.now_unix_ms]
    if not late:
        return None
    event = desk.own_event_of(task)
    event.opinions_overdue.departments.extend(late)
    return event


def check_opinions(refusal: Refusal, task: TaskState, rule: OpinionRule | None, now_unix_ms: int) -> None:
    """Check that the opinions allow a grant at `now_unix_ms`: none is still to be waited for, and by the catalogue's
    `rule` no department objects, where one alone forbids it, and enough of those that it names consent.
    """
    field = "decide_task.decision"
    pending = [opinion.department for opinion in _awaited(task) if unix_ms(opinion.deadline) > now_unix_ms]
    if pending:
        refusal.add(field, Reason.REASON_OPINIONS_PENDING, {"departments": ", ".join(pending)})
    if rule is None:
        return
    standing = _standing(task)
    objecting = [department for department, opinion in standing.items() if opinion.position == _VETO]
    if rule.veto and objecting:
        refusal.add(field, Reason.REASON_OPINION_VETOED, {"departments": ", ".join(objecting)})
    consents = sum(
        department in standing and standing[department].position in (_CONSENT, _CONDITIONAL)
        for department in rule.departments
    )
    if consents < rule.quorum:
        numbers = {"quorum": str(rule.quorum), "consents": str(consents)}
        refusal.add(field, Reason.REASON_QUORUM_NOT_REACHED, numbers)


def conditions_of(task: TaskState) -> list[str]:
    """Return what the conditional opinions that stand require of a grant, without repeats."""
    return without_repeats(
        *(opinion.conditions for opinion in _standing(task).values() if opinion.position == _CONDITIONAL)
    )


def note_asked(task: TaskState, asked: OpinionsAsked, time: Timestamp) -> None:
    """Keep who is asked, at `time`; the task is changed in place."""
    day = legal_date(unix_ms(time)).isoformat()
    for department in asked.departments:
        task.opinions.add(
            department=department, deadline=asked.deadline, asked_day=day, provisional_years=asked.provisional_years
        )


def recomputed(desk: Desk, task: TaskState) -> list[OpinionDeadline]:
    """Return the time of each department that is waited for, where under the calendar that is loaded now it is another
    one, or is certain.
    """
    changed: list[OpinionDeadline] = []
    for opinion in _awaited(task):
        after = OpinionDeadline(department=opinion.department)
        after.provisional_years.extend(_set_deadline(after.deadline, date.fromisoformat(opinion.asked_day), desk))
        if after.deadline != opinion.deadline or after.provisional_years != opinion.provisional_years:
            changed.append(after)
    return changed


def note_recomputed(task: TaskState, changed: Iterable[OpinionDeadline]) -> None:
    """Keep the other times; the task is changed in place."""
    for one in changed:
        opinion = _latest(task, one.department)
        assert opinion is not None, "a time for a department that was never asked"
        opinion.deadline.CopyFrom(one.deadline)
        opinion.provisional_years[:] = one.provisional_years


def provisional_years(task: TaskState) -> list[int]:
    """Return the years that are not official and on which the times of those who are waited for rest."""
    return sorted({year for opinion in _awaited(task) for year in opinion.provisional_years})


def evolve_asked(task: TaskState, event: ApprovalEvent) -> None:
    """Keep who is asked."""
    note_asked(task, event.opinions_asked, event.time)


def evolve_given(task: TaskState, event: ApprovalEvent) -> None:
    """Keep the answer with the latest question to the department."""
    given = event.opinion_given
    opinion = _latest(task, given.department)
    assert opinion is not None, "an opinion of a department that was never asked"
    opinion.position = given.position
    opinion.text = given.text
    opinion.conditions.extend(given.conditions)


def evolve_overdue(task: TaskState, event: ApprovalEvent) -> None:
    """Keep that the decision need not wait for these any longer."""
    late = set(event.opinions_overdue.departments)
    for opinion in task.opinions:
        if opinion.department in late and opinion.position == _NOT_GIVEN:
            opinion.overdue = True


def react_to_opinion(state: TasksState, event: ApprovalEvent) -> Effects:
    """Set the timer for whoever is to answer first, or take it away when nobody is waited for any more."""
    task = find(state, event.item_id)
    assert task is not None, "an event of a task that is not there"
    due = _first_due(task)
    match event.WhichOneof("event"):
        case "opinion_given":
            opinion = _latest(task, event.opinion_given.department)
            assert opinion is not None, "an opinion of a department that was never asked"
            if opinion.overdue:
                # Its timer has been due; what stands is for others.
                return NO_EFFECTS
        case "opinions_overdue":
            if due is None:
                return NO_EFFECTS
        case _:
            pass
    return Effects(timers=(timer(TIMER, task, due),))


def first_timers(task: TaskState) -> tuple[SetTimer, ...]:
    """Return the timer of those who were asked when the task was opened; none when nobody was."""
    due = _first_due(task)
    return () if due is None else (timer(TIMER, task, due),)


def timers_of(task: TaskState) -> tuple[str, ...]:
    """Return the kinds of timers that may stand for the task, to be taken away at its end."""
    return () if _first_due(task) is None else (TIMER,)


def _fill_asked(
    desk: Desk, asked: OpinionsAsked, departments: list[str] | tuple[str, ...], question: str, now_unix_ms: int
) -> None:
    asked.departments.extend(departments)
    asked.question = question
    asked.provisional_years.extend(_set_deadline(asked.deadline, legal_date(now_unix_ms), desk))


def _set_deadline(deadline: Timestamp, asked_day: date, desk: Desk) -> Sequence[int]:
    """Set the time of who was asked on a day; return the years on which it rests and that are not official."""
    end = end_of_period(asked_day, OPINION.days, desk.calendar, OPINION.kind)
    set_unix_ms(deadline, due_unix_ms(end.date))
    return desk.calendar.provisional_years(asked_day, end.date) if end.provisional else ()


def _check_departments(refusal: Refusal, desk: Desk, task: TaskState, asked: AskOpinions) -> None:
    own, table = department_of(task), desk.catalogue.departments
    awaited: dict[str, None] = {}
    for position, entry in enumerate(asked.departments):
        field, department = f"ask_opinions.departments[{position}]", entry.strip()
        latest = _latest(task, department)
        if department == own:
            refusal.add(field, Reason.REASON_SAME_DEPARTMENT)
        elif latest is not None and latest.position == _NOT_GIVEN:
            awaited[department] = None
        # A catalogue without a table of departments cannot tell which codes are none.
        elif department and table and department not in table:
            refusal.add(field, Reason.REASON_FIELD_MALFORMED, {"rule": "department"})
    if awaited:
        parameters = {"departments": ", ".join(awaited)}
        refusal.add("ask_opinions.departments", Reason.REASON_OPINIONS_PENDING, parameters)


def _check_content(refusal: Refusal, given: GiveOpinion) -> None:
    reasoned = given.position in (_CONDITIONAL, _VETO)
    missing = Reason.REASON_FIELD_MISSING if reasoned else None
    check_text(refusal, "give_opinion.text", given.text, MAX_TEXT_CHARACTERS, missing)
    check_entries(refusal, "give_opinion.conditions", given.conditions)
    if given.position == _CONDITIONAL:
        if not given.conditions:
            refusal.add("give_opinion.conditions", Reason.REASON_FIELD_MISSING)
    elif given.conditions:
        refusal.add("give_opinion.conditions", Reason.REASON_FIELD_MALFORMED, {"rule": "conditional_only"})
    if given.position == _NOT_GIVEN:
        refusal.add("give_opinion.position", Reason.REASON_FIELD_MISSING)
    elif given.position not in (_CONSENT, _CONDITIONAL, _VETO):
        allowed = {"allowed": "CONSENT, CONDITIONAL, VETO"}
        refusal.add("give_opinion.position", Reason.REASON_FIELD_MALFORMED, allowed)


def _check_division(refusal: Refusal, task: TaskState, actor: Actor) -> None:
    """Check that one of the two divisions lies in the other: a department elsewhere has no say here."""
    here, there = division_of(task), actor.division
    try:
        level = min(level_of(here), level_of(there))
        related = ancestor(here, level) == ancestor(there, level)
    except ValueError:
        related = here == there
    if not related:
        refusal.add("actor.division", Reason.REASON_WRONG_DIVISION, {"competent": here})


def _latest(task: TaskState, department: str) -> OpinionState | None:
    for opinion in reversed(task.opinions):
        if opinion.department == department:
            return opinion
    return None


def _awaited(task: TaskState) -> Iterator[OpinionState]:
    return (opinion for opinion in task.opinions if opinion.position == _NOT_GIVEN and not opinion.overdue)


def _standing(task: TaskState) -> dict[str, OpinionState]:
    return {opinion.department: opinion for opinion in task.opinions if opinion.position != _NOT_GIVEN}


def _first_due(task: TaskState) -> int | None:
    return min((unix_ms(opinion.deadline) for opinion in _awaited(task)), default=None)


DECIDE: dict[str, Handler] = {"ask_opinions": ask_opinions, "give_opinion": give_opinion}
FROM_INTAKE: dict[str, Handler] = {}
TIMERS: dict[str, TimerHandler] = {TIMER: time_passed}
EVOLVE: dict[str, Evolver] = {
    "opinions_asked": evolve_asked,
    "opinion_given": evolve_given,
    "opinions_overdue": evolve_overdue,
}
REACT: dict[str, Reactor] = dict.fromkeys(EVOLVE, react_to_opinion)
