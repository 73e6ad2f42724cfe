"""Given a task, where its periods begin, what their passing tells, and what another calendar changes."""

from __future__ import annotations

import dataclasses
from datetime import date
from typing import Any

import pytest
from tests.unit.approval.cases import (
    NOW,
    Matter,
    broken,
    command,
    decide_task,
    item_type,
    make_calendar,
    matter_type,
    official,
    open_task,
    recall_task,
    unix_ms,
)
from tests.unit.approval.clock_cases import (
    KINDS,
    LEGAL_DUE,
    PROMISED_DUE,
    begin,
    end,
    extend,
    instants,
    on,
    recompute,
    set_timers,
    told,
)

from onematter.approval.core import Core
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TaskStatus
from onematter.common.v1.actor_pb2 import Actor, ActorRole
from onematter.common.v1.period_pb2 import Clock, WarningColour
from onematter.contracts.aggregate import SetTimer, TimerDue
from onematter.contracts.times import unix_ms as ms_of
from onematter.law.calendar import CalendarYear, WorkingCalendar
from onematter.law.catalogue import Catalogue

# Where the periods begin


def test_a_task_that_is_accepted_by_silence_began_when_it_was_received(matter: Matter) -> None:
    opening = open_task()
    opening.command.open_task.started_day = "2026-11-16"
    matter.given(opening)
    task = matter.task()
    assert task.opened.started_day == "2026-11-16"
    assert instants(task.deadlines) == {
        "yellow": unix_ms(2026, 11, 19, 16),
        "red": unix_ms(2026, 11, 22, 16),
        "promised": unix_ms(2026, 11, 23, 16),
        "legal": unix_ms(2026, 12, 14, 16),
    }
    assert task.opened.promised_deadline == task.deadlines.promised
    assert task.opened.legal_deadline == task.deadlines.legal


def test_without_a_promise_the_law_is_the_promise_also_when_it_is_extended() -> None:
    known = dataclasses.replace(item_type("02"), promised_days=None)
    matter = Matter(Core(Catalogue((matter_type(known),), {}), make_calendar(), "approval-city")).given(open_task())
    # Thirty percent of twenty days are six, ten percent two: the fifteenth and the nineteenth day.
    assert instants(matter.task().deadlines) == {
        "yellow": unix_ms(2026, 12, 13, 16),
        "red": unix_ms(2026, 12, 17, 16),
        "promised": LEGAL_DUE,
        "legal": LEGAL_DUE,
    }
    matter.given(extend(5))
    assert ms_of(matter.task().deadlines.promised) == unix_ms(2026, 12, 28, 16)


def test_a_promise_longer_than_the_law_is_the_law() -> None:
    known = dataclasses.replace(item_type("02"), legal_days=3, promised_days=5)
    matter = Matter(Core(Catalogue((matter_type(known),), {}), make_calendar(), "approval-city")).given(open_task())
    # Three days: one is left on the third alone, so that red and yellow are one.
    assert instants(matter.task().deadlines) == {
        "red": unix_ms(2026, 11, 25, 16),
        "promised": unix_ms(2026, 11, 26, 16),
        "legal": unix_ms(2026, 11, 26, 16),
    }
    assert set(matter.timers) == {"red:02", "promised:02", "legal:02"}


# Warnings and deadlines


@pytest.mark.parametrize(
    ("kind", "colour"), [("yellow", WarningColour.WARNING_COLOUR_YELLOW), ("red", WarningColour.WARNING_COLOUR_RED)]
)
def test_a_near_deadline_is_told_once(matter: Matter, kind: str, colour: WarningColour) -> None:
    matter.given(open_task(), TimerDue(f"{kind}:02"))
    warned = told(matter, "task_warned")
    assert (warned.colour, warned.clock, ms_of(warned.deadline)) == (colour, Clock.CLOCK_PROMISED, PROMISED_DUE)
    assert matter.task().warned == colour
    assert matter.when(TimerDue(f"{kind}:02")) is None


def test_red_tells_what_yellow_would(matter: Matter) -> None:
    matter.given(open_task(), TimerDue("red:02"))
    assert matter.when(TimerDue("yellow:02")) is None


def test_what_was_told_is_not_told_again_when_the_clocks_have_moved(matter: Matter) -> None:
    matter.given(open_task(), TimerDue("yellow:02"), TimerDue("red:02"))
    matter.when(begin(), on(11, 30))
    assert set_timers(matter) == {"promised:02": None, "legal:02": None}
    matter.when(end(), on(12, 14))
    assert set(matter.timers) == {"promised:02", "legal:02"}
    assert matter.task().deadlines.HasField("red")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("last", [decide_task(), recall_task()], ids=["decided", "recalled"])
def test_nothing_is_told_of_a_task_at_its_end(matter: Matter, kind: str, last: Any) -> None:
    assert matter.given(open_task(), last).when(TimerDue(f"{kind}:02")) is None


@pytest.mark.parametrize("last", [decide_task(), recall_task()], ids=["decided", "recalled"])
def test_the_end_takes_away_what_still_stands(matter: Matter, last: Any) -> None:
    matter.given(open_task(), TimerDue("yellow:02"), TimerDue("promised:02"), last)
    assert matter.set_timers == [SetTimer("red:02", None), SetTimer("legal:02", None)]
    assert matter.timers == {}


def test_what_is_told_names_the_deadline_of_now_and_who_has_the_task(matter: Matter) -> None:
    goal: dict[str, Any] = {"department": "forestry", "reason": "职责调整"}
    matter.given(open_task(), begin())
    matter.when(end(), on(11, 25))
    matter.given(command("transfer_task", **goal), TimerDue("promised:02"), TimerDue("legal:02"))
    promised, legal = (event.task_overdue.deadline for event in matter.events[-2:])
    assert (ms_of(promised), ms_of(legal)) == (unix_ms(2026, 12, 1, 16), unix_ms(2026, 12, 22, 16))
    assert matter.events[-1].actor == Actor(
        principal="approval-city",
        role=ActorRole.ACTOR_ROLE_SYSTEM,
        level=matter.task().opened.item.level,
        division="330100",
        department="forestry",
    )


# Another calendar


def announced() -> Core:
    """The same deployment when 2027 is announced: New Year's Day is off."""
    years = (
        CalendarYear(2026, "official", frozenset(), frozenset(), "a test"),
        CalendarYear(2027, "official", frozenset({date(2027, 1, 1)}), frozenset(), "a test"),
    )
    return Core(Catalogue((matter_type(item_type("02")),), {}), WorkingCalendar.of(years), "approval-city")


def test_deadlines_are_worked_out_again_when_a_year_is_announced(matter: Matter) -> None:
    matter.when(open_task(), on(12, 10))
    assert (matter.task().deadlines.provisional, list(matter.task().deadlines.provisional_years)) == (True, [2027])
    assert matter.when(recompute(), on(12, 11)) is None
    matter.core = announced()
    assert isinstance(matter.when(recompute(), on(12, 12)), ApprovalEvent)
    recomputed = told(matter, "deadlines_recomputed")
    assert (list(recomputed.years), recomputed.day) == ([2027], "2026-12-12")
    deadlines = matter.task().deadlines
    # The promise ends on 17 December as before; the law one weekday later, Friday 8 January.
    assert ms_of(deadlines.promised) == unix_ms(2026, 12, 17, 16)
    assert ms_of(deadlines.legal) == unix_ms(2027, 1, 8, 16)
    assert not deadlines.provisional
    assert set_timers(matter)["legal:02"] == unix_ms(2027, 1, 8, 16)
    assert matter.when(recompute(), on(12, 13)) is None
    assert matter.task().status == TaskStatus.TASK_STATUS_OPEN


def test_deadlines_that_stay_but_are_certain_now_are_told_again(matter: Matter) -> None:
    matter.when(open_task(), on(12, 4))
    # Twenty weekdays after 4 December: 1 January.
    assert ms_of(matter.task().deadlines.legal) == unix_ms(2027, 1, 1, 16)
    official_year = CalendarYear(2027, "official", frozenset(), frozenset(), "a test")
    calendar = WorkingCalendar.of((make_calendar().years[0], official_year))
    matter.core = Core(Catalogue((matter_type(item_type("02")),), {}), calendar, "approval-city")
    matter.given(recompute())
    assert ms_of(matter.task().deadlines.legal) == unix_ms(2027, 1, 1, 16)
    assert not matter.task().deadlines.provisional


def test_a_person_does_not_work_deadlines_out(matter: Matter) -> None:
    refused = broken(matter.given(open_task()).when(recompute(official())))
    assert refused == [("actor.role", "ROLE_NOT_ALLOWED", {"allowed": "SYSTEM"})]


@pytest.mark.parametrize("last", [decide_task(), begin()], ids=["decided", "suspended"])
def test_without_a_deadline_nothing_is_worked_out(matter: Matter, last: ApprovalCommand) -> None:
    matter.when(open_task(), on(12, 10))
    assert isinstance(matter.when(last, on(12, 10)), ApprovalEvent)
    matter.core = announced()
    assert matter.when(recompute(), on(12, 11)) is None


def test_an_unknown_tasks_deadlines_are_not_worked_out(matter: Matter) -> None:
    assert broken(matter.when(recompute(), NOW)) == [("item_id", "TASK_UNKNOWN", {})]
