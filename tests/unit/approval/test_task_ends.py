"""Given a task, when it is taken back or its time passes, then what that causes; and how tasks are folded."""

from __future__ import annotations

import pytest
from tests.unit.approval.cases import (
    SIMPLE,
    Matter,
    claim_task,
    decide_task,
    open_task,
    recall_task,
    unix_ms,
)

from onematter.approval.core import Core, FromIntake, evolve, react
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TasksState, TaskStatus
from onematter.common.v1.outcome_pb2 import CommandRefused
from onematter.common.v1.period_pb2 import Clock
from onematter.contracts.aggregate import SetTimer, TimerDue
from onematter.contracts.times import unix_ms as ms_of

# 24:00 in China of the 5th and the 20th weekday after Monday 2026-11-23.
PROMISED_DUE = unix_ms(2026, 11, 30, 16)
LEGAL_DUE = unix_ms(2026, 12, 21, 16)
NO_TIMERS = [SetTimer(f"{kind}:02", None) for kind in ("yellow", "red", "promised", "legal")]


def kind(event: object) -> str | None:
    assert isinstance(event, ApprovalEvent), event
    return event.WhichOneof("event")


# Recalling


@pytest.mark.parametrize("claimed", [False, True], ids=["open", "claimed"])
def test_intake_takes_an_undecided_task_back(matter: Matter, claimed: bool) -> None:
    matter.given(open_task(), *([claim_task()] if claimed else []))
    assert kind(matter.when(recall_task())) == "task_recalled"
    assert matter.task().status == TaskStatus.TASK_STATUS_RECALLED
    assert matter.set_timers == NO_TIMERS


@pytest.mark.parametrize("by_rule", [False, True], ids=["by a person", "by rule"])
def test_a_recall_that_crosses_a_decision_is_no_error(matter: Matter, by_rule: bool) -> None:
    matter.given(*([open_task("01", **SIMPLE)] if by_rule else [open_task("01"), decide_task(item_id="01")]))
    assert matter.when(recall_task("01")) is None
    assert matter.task("01").status == TaskStatus.TASK_STATUS_DECIDED


def test_a_second_recall_changes_nothing(matter: Matter) -> None:
    assert matter.given(open_task(), recall_task()).when(recall_task()) is None


def test_a_recall_of_what_was_never_opened_breaks_an_invariant(matter: Matter) -> None:
    with pytest.raises(AssertionError, match="never opened"):
        matter.when(recall_task())


def test_a_recall_keeps_who_withdrew(matter: Matter) -> None:
    command = recall_task()
    command.command.actor.principal = "zhang"
    matter.given(open_task(), command)
    assert matter.events[-1].actor.principal == "zhang"
    matter.given(open_task("03"), recall_task("03"))
    assert not matter.events[-1].HasField("actor")


# Deadlines


@pytest.mark.parametrize("claimed", [False, True], ids=["open", "claimed"])
def test_a_passed_deadline_is_a_fact_and_the_task_can_be_decided(matter: Matter, claimed: bool) -> None:
    matter.given(open_task(), *([claim_task()] if claimed else []))
    status = matter.task().status
    event = matter.when(TimerDue("promised:02"), PROMISED_DUE)
    assert isinstance(event, ApprovalEvent)
    assert event.task_overdue.clock == Clock.CLOCK_PROMISED
    assert ms_of(event.task_overdue.deadline) == PROMISED_DUE
    assert event.actor.principal == "approval-city"
    assert (matter.task().promised_overdue, matter.task().legal_overdue) == (True, False)
    event = matter.when(TimerDue("legal:02"), LEGAL_DUE)
    assert isinstance(event, ApprovalEvent)
    assert event.task_overdue.clock == Clock.CLOCK_LEGAL
    assert ms_of(event.task_overdue.deadline) == LEGAL_DUE
    assert (matter.task().promised_overdue, matter.task().legal_overdue) == (True, True)
    assert matter.task().status == status
    assert kind(matter.when(decide_task())) == "task_decided"


@pytest.mark.parametrize("clock", ["promised", "legal"])
@pytest.mark.parametrize("end", [decide_task(), recall_task()], ids=["decided", "recalled"])
def test_a_deadline_after_the_end_is_none(matter: Matter, clock: str, end: FromIntake) -> None:
    assert matter.given(open_task(), end).when(TimerDue(f"{clock}:02"), LEGAL_DUE) is None


@pytest.mark.parametrize("clock", ["promised", "legal"])
def test_a_deadline_passes_once(matter: Matter, clock: str) -> None:
    due = TimerDue(f"{clock}:02")
    assert matter.given(open_task(), due).when(due) is None


def test_the_timer_of_a_repeated_item_finds_its_instance(matter: Matter) -> None:
    matter.given(open_task("02@330100"), open_task("02@330400"), TimerDue("promised:02@330400"))
    assert not matter.task("02@330100").promised_overdue
    assert matter.task("02@330400").promised_overdue


@pytest.mark.parametrize("name", ["promised:02", "other:01", ""])
def test_an_unknown_timer_breaks_an_invariant(matter: Matter, name: str) -> None:
    with pytest.raises(AssertionError, match="timer"):
        matter.given(open_task("01")).when(TimerDue(name))


# The fold


def test_tasks_of_one_matter_stand_beside_each_other(matter: Matter) -> None:
    matter.given(open_task("01", **SIMPLE), open_task("02"), open_task("03"), claim_task(item_id="03"))
    assert [(task.item_id, task.status) for task in matter.state.tasks] == [("01", 3), ("02", 1), ("03", 2)]


def test_evolve_leaves_its_argument_as_it_is(matter: Matter) -> None:
    matter.given(open_task())
    before, bytes_before = matter.state, matter.state.SerializeToString(deterministic=True)
    matter.given(claim_task())
    assert matter.state is not before
    assert before.SerializeToString(deterministic=True) == bytes_before


def test_a_refusal_changes_nothing_and_sets_no_timer(matter: Matter) -> None:
    matter.given(open_task())
    told = ApprovalEvent(command_refused=CommandRefused(command="claim_task"), item_id="02")
    assert evolve(matter.state, told) == matter.state
    assert react(matter.state, told).timers == ()


def test_fields_of_a_newer_version_survive_the_fold(core: Core) -> None:
    # Field 99, varint 1: of a version yet to come.
    state = TasksState.FromString(b"\x98\x06\x01")
    matter = Matter(core, state).given(open_task())
    assert b"\x98\x06\x01" in matter.state.SerializeToString()


def test_an_event_of_a_task_that_was_never_opened_breaks_an_invariant() -> None:
    event = ApprovalEvent(item_id="02")
    event.task_claimed.SetInParent()
    with pytest.raises(AssertionError, match="never opened"):
        evolve(TasksState(), event)


def test_an_event_of_an_unknown_type_is_not_folded(matter: Matter) -> None:
    with pytest.raises(AssertionError, match="does not know"):
        evolve(matter.given(open_task()).state, ApprovalEvent(item_id="02"))
