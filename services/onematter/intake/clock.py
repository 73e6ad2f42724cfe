"""The matter's own clock, beside those of its items: the joint period of 行政许可法 §42 para. 2, and what is promised
for the whole (承诺时限).

Rule 1: a matter that is handled jointly (§26) has the legal period of 45 working days; a promise, with it or without,
is the catalogue's, that of the first total whose situation holds before the general one. A matter with neither has no
clock.
Rule 2: both begin on the day of acceptance. They stand still while every item that is in a department's hands does:
as long as one department works, the matter's time runs.
Rule 3: the legal period alone is extended, once, by the rank that the law names; the reason is told.
Rule 4: that a deadline is near or has passed is a fact, told once, and changes nothing.
Rule 5: every event that moves the clock carries the deadlines after it, so the fold needs no calendar. Where the
calendar of a year is missing there is no deadline and no warning, and the matter goes on; the deadlines name that year,
and are worked out when it is there (see `recomputing_matter`).
"""

# pyright: strict

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from onematter.backbone import reckoning
from onematter.common.v1.actor_pb2 import ActorRole
from onematter.common.v1.application_pb2 import Application
from onematter.common.v1.outcome_pb2 import Reason
from onematter.common.v1.period_pb2 import Clock, Deadlines, PeriodFact, WarningColour
from onematter.contracts.aggregate import NO_EFFECTS, Context, Effects, Refusal, SetTimer
from onematter.contracts.times import unix_ms
from onematter.intake.checks import check_role, check_sender, check_text, facts_of, told
from onematter.intake.desk import Answer, Decider, Desk, Evolver, Hearer, Reactor, Timer
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_events_pb2 import MatterAccepted, MatterEvent
from onematter.intake.v1.intake_state_pb2 import ItemStatus, MatterState, MatterStatus
from onematter.law import periods
from onematter.law.calendar import CalendarMissing, WorkingCalendar, legal_date
from onematter.law.clock import JOINT_DECISION, promise_rule
from onematter.law.matters import MatterType
from onematter.law.periods import Period
from onematter.law.planning import promised_for_whole

YELLOW, RED, OVERDUE, LEGAL = "yellow", "red", "overdue", "legal"

_RUNNING = MatterStatus.MATTER_STATUS_RUNNING
_SENT = ItemStatus.ITEM_STATUS_SENT
_OPEN = ItemStatus.ITEM_STATUS_OPEN
_NOT_ACCEPTED = frozenset({MatterStatus.MATTER_STATUS_RECEIVED, MatterStatus.MATTER_STATUS_CORRECTION})
_YELLOW = WarningColour.WARNING_COLOUR_YELLOW
_RED = WarningColour.WARNING_COLOUR_RED
_PROMISED_CLOCK = Clock.CLOCK_PROMISED
_LEGAL_CLOCK = Clock.CLOCK_LEGAL
_EXTENDERS = frozenset({ActorRole.ACTOR_ROLE_OFFICIAL})
# After these an item may have stopped that was the last to run, or run that had stopped.
_MOVING = frozenset({"correction_asked", "item_clock_changed", "item_concluded", "item_opened"})


class Clocks(NamedTuple):
    """The periods of a matter; at least one is there."""

    legal: Period | None
    promised: Period | None


def set_clock(
    accepted: MatterAccepted, matter_type: MatterType, application: Application, day: date, calendar: WorkingCalendar
) -> None:
    """Give a matter that is accepted as of `day` its clock; nothing for a matter without one (Rule 1)."""
    if not (matter_type.joint or matter_type.promised_days is not None or matter_type.totals):
        return
    days = promised_for_whole(matter_type, facts_of(application))
    if days is not None:
        accepted.promised_days = days
    clocks = _clocks(matter_type, days, day, ())
    if any(clocks):
        accepted.deadlines.CopyFrom(deadlines_of(clocks, calendar))


def note_standing(desk: Desk, state: MatterState, after: MatterState, event: MatterEvent, context: Context) -> None:
    """Say in `event` that the matter's clock stops or goes on with it (Rule 2); `after` is the state after `event`."""
    in_hand = [one for one in after.items if one.status in (_SENT, _OPEN)]
    stands = bool(in_hand) and all(one.suspended_for for one in in_hand)
    if stands == (reckoning.running(state.period_facts) is not None) or not in_hand:
        return
    fact = event.matter_clock
    fact.day = day_of(state, context.now_unix_ms)
    if stands:
        fact.suspended.reason = in_hand[0].suspended_for
    else:
        fact.resumed.SetInParent()
    event.matter_deadlines.CopyFrom(deadlines_of(clocks_of(desk.matter_type(state), state, fact), desk.calendar))


def has_clock(state: MatterState) -> bool:
    """Whether the matter has a clock of its own that can move."""
    return state.HasField("deadlines") or bool(state.period_facts)


def may_move(kind: str) -> bool:
    """Whether an event of this kind may let the clock stop or go on."""
    return kind in _MOVING


def evolve_standing(state: MatterState, event: MatterEvent) -> None:
    """Keep, in place, that the clock has stopped or goes on."""
    state.period_facts.append(event.matter_clock)
    _keep(state, event.matter_deadlines)


def react_standing(state: MatterState) -> Effects:
    """Set the timers anew after the clock has moved."""
    return Effects(timers=_timers(state))


def extend_matter(desk: Desk, state: MatterState, command: IntakeCommand, context: Context) -> Answer:
    """Extend the matter's legal period, with the approval of the actor's rank (行政许可法 §42 para. 2)."""
    refusal = Refusal("extend_matter")
    check_sender(command, refusal)
    asked = command.extend_matter
    check_text("extend_matter.reason", asked.reason, refusal)
    check_role(command, _EXTENDERS, refusal)
    if state.status == _RUNNING:
        _check_extension(desk, state, command, context, refusal)
    elif state.status in _NOT_ACCEPTED:
        refusal.add("matter_id", Reason.REASON_MATTER_NOT_ACCEPTED, {"status": MatterStatus.Name(state.status)})
    elif state.status:
        refusal.add("matter_id", Reason.REASON_MATTER_CONCLUDED, {"status": MatterStatus.Name(state.status)})
    else:
        refusal.add("matter_id", Reason.REASON_MATTER_UNKNOWN)
    if refusal:
        return told(refusal)
    event = MatterEvent(actor=command.actor)
    extended = event.matter_extended
    extended.days = asked.days
    extended.rank = command.actor.rank
    extended.reason = asked.reason
    fact = PeriodFact(day=day_of(state, context.now_unix_ms))
    fact.extended.days = asked.days
    fact.extended.rank = command.actor.rank
    extended.deadlines.CopyFrom(deadlines_of(clocks_of(desk.matter_type(state), state, fact), desk.calendar))
    return event


def yellow_due(desk: Desk, state: MatterState, context: Context) -> MatterEvent | None:  # noqa: ARG001
    """Tell the yellow warning (黄牌)."""
    return _warned(state, _YELLOW)


def red_due(desk: Desk, state: MatterState, context: Context) -> MatterEvent | None:  # noqa: ARG001
    """Tell the red warning (红牌)."""
    return _warned(state, _RED)


def overdue_due(desk: Desk, state: MatterState, context: Context) -> MatterEvent | None:  # noqa: ARG001
    """Tell that the promise was not kept."""
    if state.status != _RUNNING or state.overdue:
        return None
    event = MatterEvent()
    event.matter_overdue.clock = _PROMISED_CLOCK
    event.matter_overdue.deadline.CopyFrom(state.deadlines.promised)
    return event


def legal_due(desk: Desk, state: MatterState, context: Context) -> MatterEvent | None:  # noqa: ARG001
    """Tell that the legal time has passed."""
    if state.status != _RUNNING or state.legal_overdue:
        return None
    event = MatterEvent()
    event.matter_overdue.clock = _LEGAL_CLOCK
    event.matter_overdue.deadline.CopyFrom(state.deadlines.legal)
    return event


def _check_extension(
    desk: Desk, state: MatterState, command: IntakeCommand, context: Context, refusal: Refusal
) -> None:
    legal = clocks_of(desk.matter_type(state), state).legal
    if legal is None:
        refusal.add("matter_id", Reason.REASON_PERIOD_NOT_EXTENDABLE, {"period": "promise"})
        return
    asked, rank = command.extend_matter, reckoning.rank_of(command.actor.rank)
    today = date.fromisoformat(day_of(state, context.now_unix_ms))
    try:
        objections = periods.check_extension(legal, today, asked.days, rank, desk.calendar)
    except CalendarMissing as missing:
        parameters = {"period": legal.rule.name, "calendar_missing": str(missing.year)}
        refusal.add("matter_id", Reason.REASON_PERIOD_NOT_EXTENDABLE, parameters)
        return
    reckoning.object_to(refusal, objections, "matter_id", "extend_matter.days")


def clocks_of(matter_type: MatterType, state: MatterState, *more: PeriodFact) -> Clocks:
    """Return the periods of an accepted matter of this type, after its own facts and `more`."""
    days = state.promised_days if state.HasField("promised_days") else None
    return _clocks(matter_type, days, date.fromisoformat(state.accepted_day), [*state.period_facts, *more])


def _clocks(matter_type: MatterType, promised_days: int | None, day: date, facts: Sequence[PeriodFact]) -> Clocks:
    legal = reckoning.legal_period(JOINT_DECISION, day, facts) if matter_type.joint else None
    if promised_days is None:
        return Clocks(legal, None)
    return Clocks(legal, reckoning.promised_period(promise_rule(promised_days), day, facts))


def deadlines_of(clocks: Clocks, calendar: WorkingCalendar) -> Deadlines:
    """Return when the clocks end and warn. A clock that stands still has no deadline."""
    return reckoning.deadlines_of(clocks.legal, clocks.promised, calendar)


def day_of(state: MatterState, now_unix_ms: int) -> str:
    """Return today; never before the last fact, should the broker's clock have stepped back."""
    return max(legal_date(now_unix_ms).isoformat(), state.accepted_day, *(fact.day for fact in state.period_facts[-1:]))


def _warned(state: MatterState, colour: WarningColour) -> MatterEvent | None:
    if state.status != _RUNNING or state.warned >= colour:
        return None
    event = MatterEvent()
    warned = event.matter_warned
    warned.colour = colour
    has_promise = state.deadlines.HasField("promised")
    warned.clock = _PROMISED_CLOCK if has_promise else _LEGAL_CLOCK
    warned.deadline.CopyFrom(state.deadlines.promised if has_promise else state.deadlines.legal)
    return event


def _keep(state: MatterState, found: Deadlines) -> None:
    if found.HasField("legal") or found.HasField("promised") or found.provisional:
        state.deadlines.CopyFrom(found)
    else:
        state.ClearField("deadlines")
    if found.provisional:
        state.ever_provisional = True


def _timers(state: MatterState) -> tuple[SetTimer, ...]:
    """Return every timer that is still to tell something: set, or taken away where nothing is due."""
    found = state.deadlines
    runs = state.status == _RUNNING
    untold = (
        (YELLOW, found.HasField("yellow"), found.yellow, state.warned < _YELLOW),
        (RED, found.HasField("red"), found.red, state.warned < _RED),
        (OVERDUE, found.HasField("promised"), found.promised, not state.overdue),
        (LEGAL, found.HasField("legal"), found.legal, not state.legal_overdue),
    )
    return tuple(
        SetTimer(name, unix_ms(due) if there and runs else None) for name, there, due, is_open in untold if is_open
    )


def _evolve_accepted(state: MatterState, event: MatterEvent) -> None:
    accepted = event.matter_accepted
    if accepted.HasField("promised_days"):
        state.promised_days = accepted.promised_days
    if accepted.HasField("deadlines"):
        _keep(state, accepted.deadlines)


def _evolve_extended(state: MatterState, event: MatterEvent) -> None:
    extended = event.matter_extended
    fact = PeriodFact(day=day_of(state, unix_ms(event.time)))
    fact.extended.days = extended.days
    fact.extended.rank = extended.rank
    state.period_facts.append(fact)
    _keep(state, extended.deadlines)


def _evolve_warned(state: MatterState, event: MatterEvent) -> None:
    state.warned = event.matter_warned.colour


def _evolve_overdue(state: MatterState, event: MatterEvent) -> None:
    if event.matter_overdue.clock == _LEGAL_CLOCK:
        state.legal_overdue = True
    else:
        state.overdue = True


def _react_begun(desk: Desk, state: MatterState, event: MatterEvent) -> Effects:  # noqa: ARG001
    if not state.HasField("deadlines"):
        return NO_EFFECTS
    return Effects(timers=tuple(timer for timer in _timers(state) if timer.due_unix_ms is not None))


def _react_moved(desk: Desk, state: MatterState, event: MatterEvent) -> Effects:  # noqa: ARG001
    return Effects(timers=_timers(state)) if has_clock(state) else NO_EFFECTS


DECIDE: dict[str, Decider] = {"extend_matter": extend_matter}
HEAR: dict[str, Hearer] = {}
TIMERS: dict[str, Timer] = {YELLOW: yellow_due, RED: red_due, OVERDUE: overdue_due, LEGAL: legal_due}
EVOLVE: dict[str, Evolver] = {
    "matter_accepted": _evolve_accepted,
    "matter_extended": _evolve_extended,
    "matter_overdue": _evolve_overdue,
    "matter_warned": _evolve_warned,
}
REACT: dict[str, Reactor] = {
    "matter_accepted": _react_begun,
    "matter_completed": _react_moved,
    "matter_extended": _react_moved,
    "matter_voided": _react_moved,
    "matter_withdrawn": _react_moved,
}
