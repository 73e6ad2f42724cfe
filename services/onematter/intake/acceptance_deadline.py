"""Until when the window answers a hand-in (行政许可法 §32): five working days, in a command's event and in the state.

Rule 1: what the calendar of a year not official, or a missing one, leaves open is named by its years, so that it can be
worked out again (see `recomputing_matter`).
"""

# pyright: strict

from __future__ import annotations

from datetime import date

from onematter.contracts.times import set_unix_ms
from onematter.intake.v1.intake_events_pb2 import MaterialsSupplied, MatterDeadlinesRecomputed, MatterReceived
from onematter.intake.v1.intake_state_pb2 import MatterState
from onematter.law.calendar import CalendarMissing, WorkingCalendar
from onematter.law.clock import ACCEPTANCE, due_unix_ms, end_of_period


def set_deadline(
    told_event: MatterReceived | MaterialsSupplied | MatterDeadlinesRecomputed, day: date, calendar: WorkingCalendar
) -> None:
    """Say until when a hand-in received on `day` is to be answered, and on which years not official yet that rests.

    Where no calendar tells there is no deadline, and the year is the missing one.
    """
    try:
        end = end_of_period(day, ACCEPTANCE.days, calendar, ACCEPTANCE.kind)
    except CalendarMissing as missing:
        told_event.acceptance_provisional_years.append(missing.year)
        return
    set_unix_ms(told_event.acceptance_deadline, due_unix_ms(end.date))
    if end.provisional:
        told_event.acceptance_provisional_years.extend(calendar.provisional_years(day, end.date))


def keep_deadline(state: MatterState, event: MatterReceived | MaterialsSupplied | MatterDeadlinesRecomputed) -> None:
    """Keep, in place, until when the hand-in is to be answered, as `set_deadline` said it."""
    clear_deadline(state)
    if event.HasField("acceptance_deadline"):
        state.acceptance_deadline.CopyFrom(event.acceptance_deadline)
    if event.acceptance_provisional_years:
        state.acceptance_provisional_years.extend(event.acceptance_provisional_years)
        state.ever_provisional = True


def clear_deadline(state: MatterState) -> None:
    """Drop it, in place: the matter is answered, or has ended."""
    state.ClearField("acceptance_deadline")
    state.ClearField("acceptance_provisional_years")
