"""However a task's clocks are stopped, let go on and extended, they are the law's, and so is what its timers tell."""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.approval.cases import (
    MATTER_ID,
    NAMES,
    Matter,
    command,
    item_type,
    matter_type,
    official,
    open_task,
    system,
)

from onematter.approval.core import Core, FromIntake, evolve
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TasksState, TaskStatus
from onematter.common.v1.actor_pb2 import Rank as ContractRank
from onematter.common.v1.outcome_pb2 import CommandRefused
from onematter.contracts.aggregate import TimerDue
from onematter.contracts.times import unix_ms
from onematter.law import periods
from onematter.law.calendar import CalendarYear, WorkingCalendar, end_of_day_unix_ms, legal_date
from onematter.law.catalogue import Catalogue
from onematter.law.clock import Rank, legal_rule, promise_rule
from onematter.law.matters import ItemType, MaterialSpec

START = date(2026, 11, 23)
KINDS = ("yellow", "red", "promised", "legal")

CALENDAR = WorkingCalendar.of(
    (
        CalendarYear(
            2026,
            "official",
            frozenset({date(2026, 11, 30), date(2026, 12, 25)}),
            frozenset({date(2026, 12, 5)}),
            "a test",
        ),
        CalendarYear(
            2027, "official", frozenset(START.replace(2027, 2, day) for day in range(8, 13)), frozenset(), "a test"
        ),
        CalendarYear(2028, "provisional", frozenset(), frozenset(), "a test"),
        CalendarYear(2029, "provisional", frozenset(), frozenset(), "a test"),
    )
)

PLAN = MaterialSpec("plan", NAMES, True, "D", None, ("application/pdf",), 1_000_000, False)

items = st.builds(
    lambda legal, promised, kind: dataclasses.replace(
        item_type("02"), legal_days=legal, promised_days=promised, clock_kind=kind, materials=(PLAN,)
    ),
    st.sampled_from([None, 3, 20, 45]),
    st.sampled_from([None, 0, 1, 5, 20]),
    st.sampled_from(["working", "calendar"]),
)
steps = st.lists(
    st.tuples(
        st.integers(0, 12),
        st.sampled_from(["begin", "end", "correct", "supply", "extend", "transfer", "recompute"]),
        st.integers(1, 10),
    ),
    max_size=16,
)


def at(day: date) -> int:
    """10:00 in China of a day."""
    return end_of_day_unix_ms(day) - 14 * 3_600_000


def supply() -> FromIntake:
    asked = ApprovalCommand(matter_id=MATTER_ID, item_id="02")
    asked.supply_task.materials.add(material_id="plan", digest=bytes(32))
    return FromIntake(asked)


@dataclasses.dataclass
class Run:
    """A task beside the law's own view of it: the facts that the events tell, folded by the law alone."""

    known: ItemType
    matter: Matter
    facts: list[periods.PeriodFact] = dataclasses.field(default_factory=list)

    def law(self) -> tuple[periods.Period, periods.Period]:
        legal = periods.fold(legal_rule(self.known.legal_days, self.known.clock_kind), START, self.facts)
        if self.known.promised_days is None:
            return legal, legal
        rule = promise_rule(self.known.promised_days, self.known.clock_kind)
        facts = [fact for fact in self.facts if not isinstance(fact, periods.Extended)]
        return legal, periods.fold(rule, START, facts)

    def step(self, day: date, name: str, days: int) -> None:
        task, legal = self.matter.task(), self.law()[0]
        suspended = task.status == TaskStatus.TASK_STATUS_SUSPENDED
        correcting = suspended and not task.HasField("special_procedure")
        actor = official(department=task.department)
        lawful, fact = True, None
        asked: ApprovalCommand | FromIntake
        match name:
            case "begin":
                asked = command("begin_special_procedure", actor, kind=6, expected_days=days, reason="委托检测")
                lawful, fact = not suspended, periods.Suspended(day, "testing")
            case "end":
                asked = command("end_special_procedure", actor, result="合格")
                lawful, fact = suspended and not correcting, periods.Resumed(day)
            case "correct":
                need = {"material_id": "plan", "reason": "缺", "newly_visible_because": "勘验"}
                asked = command("request_correction", actor, needs=[need])
                lawful, fact = not suspended, periods.Suspended(day, "correction")
            case "supply":
                asked, fact = supply(), periods.Resumed(day) if correcting else None
            case "extend":
                head = official(rank=ContractRank.RANK_DEPARTMENT_HEAD, department=task.department)
                asked = command("extend_period", head, days=days, reason="复杂")
                lawful = not periods.check_extension(legal, day, days, Rank.DEPARTMENT_HEAD, CALENDAR)
                fact = periods.Extended(day, days, Rank.DEPARTMENT_HEAD)
            case "transfer":
                other = "forestry" if task.department == "water" else "water"
                asked = command("transfer_task", actor, department=other, reason="职责调整")
            case _:
                asked = command("recompute_deadlines", system("approval-city"))
        outcome = self.matter.when(asked, at(day))
        if name == "recompute":
            assert outcome is None, "the same calendar gave other deadlines"
        elif lawful:
            assert isinstance(outcome, ApprovalEvent), outcome
            self.facts += [fact] if fact else []
        else:
            assert isinstance(outcome, CommandRefused)

    def let_timers_come_due(self, now_unix_ms: int) -> None:
        while True:
            due = sorted((instant, name) for name, instant in self.matter.timers.items() if instant <= now_unix_ms)
            if not due:
                return
            instant, name = due[0]
            assert isinstance(self.matter.when(TimerDue(name), instant), ApprovalEvent), f"{name} told nothing"


def run(known: ItemType, sequence: list[tuple[int, str, int]], *, timers: bool = True) -> Run:
    catalogue = Catalogue((matter_type(known),), {})
    found = Run(known, Matter(Core(catalogue, CALENDAR, "approval-city")))
    found.matter.when(open_task(), at(START))
    day = START
    for gap, name, days in sequence:
        day += timedelta(days=gap)
        if timers:
            found.let_timers_come_due(at(day))
        found.step(day, name, days)
    return found


@settings(deadline=None)
@given(items, steps)
def test_a_tasks_deadlines_and_timers_are_the_laws(known: ItemType, sequence: list[tuple[int, str, int]]) -> None:
    found = run(known, sequence)
    task, (legal, promised) = found.matter.task(), found.law()
    law, promise = periods.deadline(legal, CALENDAR), periods.deadline(promised, CALENDAR)
    first = legal if law and promise and promise.date > law.date else promised
    yellow, red, _ = periods.instants(first, CALENDAR)
    kept = periods.within_law(promise, law)
    expected = {
        "yellow": None if yellow == red else yellow,
        "red": red,
        "promised": None if kept is None else end_of_day_unix_ms(kept.date),
        "legal": None if law is None else end_of_day_unix_ms(law.date),
    }
    state = {kind: unix_ms(getattr(task.deadlines, kind)) for kind in KINDS if task.deadlines.HasField(kind)}  # type: ignore[arg-type]
    assert state == {kind: due for kind, due in expected.items() if due is not None}
    assert task.deadlines.provisional == any(one is not None and one.provisional for one in (law, kept))
    told = {"yellow": task.warned >= 1, "red": task.warned >= 2}
    told |= {"promised": task.promised_overdue, "legal": task.legal_overdue}
    assert found.matter.timers == {f"{kind}:02": due for kind, due in state.items() if not told[kind]}


@settings(deadline=None)
@given(items, steps)
def test_no_deadline_lies_in_a_suspension(known: ItemType, sequence: list[tuple[int, str, int]]) -> None:
    found = run(known, sequence)
    deadlines = found.matter.task().deadlines
    for kind in ("promised", "legal"):
        if deadlines.HasField(kind):  # type: ignore[arg-type]
            day = legal_date(unix_ms(getattr(deadlines, kind)) - 1)
            assert not any(one.holds(day) for one in found.law()[0].suspensions), f"{kind} on {day}"


@settings(deadline=None)
@given(items, steps)
def test_every_warning_and_deadline_is_told_once_and_in_order(
    known: ItemType, sequence: list[tuple[int, str, int]]
) -> None:
    found = run(known, sequence)
    found.let_timers_come_due(at(date(2029, 6, 1)))
    told: list[str] = []
    for event in found.matter.events:
        match event.WhichOneof("event"):
            case "task_warned":
                told.append(("yellow", "red")[event.task_warned.colour - 1])
            case "task_overdue":
                told.append(("legal", "promised")[event.task_overdue.clock - 1])
            case _:
                pass
    assert len(told) == len(set(told))
    if {"promised", "legal"} <= set(told) and known.promised_days is not None:
        assert told.index("promised") < told.index("legal") or _at_once(found)
    if found.matter.task().status != TaskStatus.TASK_STATUS_SUSPENDED:
        assert {"promised", "legal"} <= set(told)


def _at_once(found: Run) -> bool:
    deadlines = found.matter.task().deadlines
    return deadlines.promised == deadlines.legal


@settings(deadline=None)
@given(items, steps)
def test_the_events_alone_make_the_state(known: ItemType, sequence: list[tuple[int, str, int]]) -> None:
    found = run(known, sequence)
    state = TasksState()
    for event in found.matter.events:
        state = evolve(state, ApprovalEvent.FromString(event.SerializeToString()))
    assert state == found.matter.state
    task = found.matter.task()
    running = found.law()[0].suspension is not None
    assert (task.status == TaskStatus.TASK_STATUS_SUSPENDED) == running
