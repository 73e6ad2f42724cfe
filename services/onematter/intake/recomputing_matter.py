"""A year's calendar became official (放假安排公布), and a matter's own deadlines are worked out again (重新计算).

Rule 1: intake asks itself (see `recomputing`). There is an event only when something changes: a day, or that it is
certain now. A clock that stands still, a correction and a matter that ends need none.
Rule 2: what happened under the old calendar stays: five days that have passed are not begun again, and what was told is
not told twice. What has passed under the new one is told at once, by its timer.
Rule 3: a calendar that is missing takes no deadline away.
"""

# pyright: strict

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from onematter.common.v1.actor_pb2 import ActorRole
from onematter.common.v1.outcome_pb2 import CommandRefused, Reason
from onematter.contracts.aggregate import NO_EFFECTS, Context, Effects, Refusal, SetTimer
from onematter.contracts.times import unix_ms
from onematter.intake import acceptance, clock
from onematter.intake.acceptance_deadline import keep_deadline, set_deadline
from onematter.intake.checks import check_role, check_sender, told
from onematter.intake.desk import Decider, Desk, Evolver, Reactor
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_events_pb2 import MatterEvent
from onematter.intake.v1.intake_state_pb2 import MatterState, MatterStatus

_RECEIVED = MatterStatus.MATTER_STATUS_RECEIVED
_RUNNING = MatterStatus.MATTER_STATUS_RUNNING
_ROLES = frozenset({ActorRole.ACTOR_ROLE_SYSTEM})


def recompute_deadlines(
    desk: Desk, state: MatterState, command: IntakeCommand, context: Context
) -> MatterEvent | CommandRefused | None:
    """Work the deadlines out under the calendar that is loaded now; None when they are what they were."""
    refusal = Refusal("recompute_deadlines")
    check_sender(command, refusal)
    check_role(command, _ROLES, refusal)
    if not state.status:
        refusal.add("matter_id", Reason.REASON_MATTER_UNKNOWN)
    if refusal:
        return told(refusal)
    event = MatterEvent(actor=command.actor)
    if state.status == _RECEIVED:
        changed = _recompute_acceptance(desk, state, event, context)
    else:
        changed = state.status == _RUNNING and _recompute_clock(desk, state, event, context)
    return event if changed else None


def _recompute_acceptance(desk: Desk, state: MatterState, event: MatterEvent, context: Context) -> bool:
    before = state.acceptance_deadline
    if state.HasField("acceptance_deadline") and context.now_unix_ms >= unix_ms(before):
        return False
    recomputed = event.matter_deadlines_recomputed
    set_deadline(recomputed, date.fromisoformat(state.received_day), desk.calendar)
    if not recomputed.HasField("acceptance_deadline"):
        return False
    years_before, years_after = state.acceptance_provisional_years, recomputed.acceptance_provisional_years
    recomputed.years.extend(_changed(years_before, years_after))
    return recomputed.acceptance_deadline != before or list(years_after) != list(years_before)


def _recompute_clock(desk: Desk, state: MatterState, event: MatterEvent, context: Context) -> bool:
    after = clock.deadlines_of(clock.clocks_of(desk.matter_type(state), state), desk.calendar)
    if after == state.deadlines or not (after.HasField("legal") or after.HasField("promised")):
        return False
    recomputed = event.matter_deadlines_recomputed
    recomputed.years.extend(_changed(state.deadlines.provisional_years, after.provisional_years))
    recomputed.deadlines.CopyFrom(after)
    event.matter_deadlines.CopyFrom(after)
    event.matter_clock.day = clock.day_of(state, context.now_unix_ms)
    event.matter_clock.calendar_changed.SetInParent()
    event.matter_clock.calendar_changed.years.extend(recomputed.years)
    return True


def _changed(before: Sequence[int], after: Iterable[int]) -> Sequence[int]:
    """Return the years that are no longer provisional; where all are, the deadlines are so otherwise than before."""
    still = frozenset(after)
    return [year for year in before if year not in still] or before


def _evolve_recomputed(state: MatterState, event: MatterEvent) -> None:
    # Of an accepted matter the envelope tells it, as whenever its clock moves.
    if state.status == _RECEIVED:
        keep_deadline(state, event.matter_deadlines_recomputed)


def _react_recomputed(desk: Desk, state: MatterState, event: MatterEvent) -> Effects:  # noqa: ARG001
    if state.status != _RECEIVED:
        return NO_EFFECTS
    return Effects(timers=(SetTimer(acceptance.TIMER, unix_ms(state.acceptance_deadline)),))


DECIDE: dict[str, Decider] = {"recompute_deadlines": recompute_deadlines}
EVOLVE: dict[str, Evolver] = {"matter_deadlines_recomputed": _evolve_recomputed}
REACT: dict[str, Reactor] = {"matter_deadlines_recomputed": _react_recomputed}
