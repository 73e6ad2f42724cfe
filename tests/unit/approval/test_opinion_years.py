"""Given opinions asked into a year that is not official, when it is, then their time is worked out again."""

from __future__ import annotations

from datetime import date

import pytest
from tests.unit.approval.cases import MATTER_ID, Matter, command, make_calendar, make_catalogue, open_task, system
from tests.unit.approval.clock_cases import begin, on
from tests.unit.approval.joint_cases import ASKS, give_opinion, joint_core
from tests.unit.approval.joint_cases import open_task as open_joint

from onematter.approval.core import Core
from onematter.approval.recomputing import commands_for, provisional_years
from onematter.approval.store import rows_of
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.backbone.service import Change
from onematter.contracts.aggregate import TimerDue
from onematter.contracts.times import unix_ms as ms_of
from onematter.law.calendar import CalendarYear, WorkingCalendar

# Asked on Monday 28 December 2026, the seventh working day is in 2027.
ASKED = on(12, 28)
# 24:00 in China of Wednesday 6 January, weekdays alone, and of the day after, since New Year's Friday is off.
EXPECTED, ANNOUNCED = on(1, 6, 2027) + 14 * 3_600_000, on(1, 7, 2027) + 14 * 3_600_000


def announced() -> WorkingCalendar:
    """2027 is official, and its first day, a Friday, is off."""
    years = [year for year in make_calendar().years if year.year != 2027]
    off = frozenset({date(2027, 1, 1)})
    return WorkingCalendar.of([*years, CalendarYear(2027, "official", off, frozenset(), "a test")])


def ask(*departments: str) -> ApprovalCommand:
    return command("ask_opinions", departments=departments, question="有无意见")


def recompute() -> ApprovalCommand:
    return command("recompute_deadlines", system())


def asked(matter: Matter) -> Matter:
    """Two departments are asked; one of them answers."""
    matter.when(open_task(), ASKED)
    matter.when(ask("forestry", "police"), ASKED)
    matter.when(give_opinion("forestry"), ASKED)
    return matter


def in_the_new_year(matter: Matter) -> Matter:
    matter.core = Core(make_catalogue(), announced(), "approval-city")
    return matter


def deadline(matter: Matter, department: str) -> int:
    return next(ms_of(one.deadline) for one in matter.task().opinions if one.department == department)


def test_a_time_in_a_year_that_is_not_official_says_so(matter: Matter) -> None:
    asked(matter)
    assert deadline(matter, "police") == EXPECTED
    assert list(matter.events[1].opinions_asked.provisional_years) == [2027]
    assert matter.task().opinions[1].asked_day == "2026-12-28"
    assert provisional_years(matter.task()) == [2027]


def test_whom_the_catalogue_has_asked_says_so_too() -> None:
    matter = Matter(joint_core())
    matter.when(open_joint(ASKS), ASKED)
    assert [list(one.provisional_years) for one in matter.task(ASKS).opinions] == [[2027], [2027]]


def test_the_time_of_who_is_waited_for_moves_and_its_timer_with_it(matter: Matter) -> None:
    in_the_new_year(asked(matter)).when(recompute(), on(12, 29))
    told = matter.events[-1].deadlines_recomputed
    assert [(one.department, ms_of(one.deadline), list(one.provisional_years)) for one in told.opinions] == [
        ("police", ANNOUNCED, [])
    ]
    assert list(told.years) == [2027]
    assert (deadline(matter, "forestry"), deadline(matter, "police")) == (EXPECTED, ANNOUNCED)
    assert matter.timers["opinion:02"] == ANNOUNCED
    assert provisional_years(matter.task()) == []
    assert matter.when(TimerDue("opinion:02"), EXPECTED) is None
    assert isinstance(matter.when(TimerDue("opinion:02"), ANNOUNCED), ApprovalEvent)


def test_while_the_tasks_clocks_stand_still_that_of_the_asked_does_not(matter: Matter) -> None:
    asked(matter).when(begin(), ASKED)
    standing = matter.task().deadlines
    facts = len(matter.task().period_facts)
    assert provisional_years(matter.task()) == [2027]
    in_the_new_year(matter).when(recompute(), on(12, 29))
    told = matter.events[-1].deadlines_recomputed
    assert (told.HasField("deadlines"), list(told.years)) == (False, [2027])
    assert (matter.task().deadlines, len(matter.task().period_facts)) == (standing, facts)
    assert deadline(matter, "police") == ANNOUNCED
    assert set(matter.timers) == {"opinion:02"}


def test_what_is_certain_is_not_worked_out_again(matter: Matter) -> None:
    in_the_new_year(asked(matter)).when(recompute(), on(12, 29))
    assert matter.when(recompute(), on(12, 30)) is None


@pytest.mark.parametrize("answered", [False, True], ids=["waited for", "all answered"])
def test_a_task_that_stands_still_is_asked_for_while_an_opinion_is_waited_for(matter: Matter, answered: bool) -> None:
    asked(matter).when(begin(), ASKED)
    if answered:
        matter.when(give_opinion("police"), ASKED)
    rows = [(MATTER_ID, "02", matter.task().SerializeToString())]
    found = list(commands_for(rows, frozenset({2026, 2027}), "approval-city", date(2026, 12, 29)))
    assert len(found) == (not answered)
    ((*_, provisional, _task),) = rows_of([Change(MATTER_ID, 0, matter.state, matter.events[-1], None)])
    assert provisional == (not answered)
