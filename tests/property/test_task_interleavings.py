"""In whatever order openings, claims, decisions, recalls and deadlines come, and however often they come."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.approval.cases import (
    NOW,
    SIMPLE,
    Matter,
    claim_task,
    decide_task,
    make_core,
    official,
    open_task,
    recall_task,
    system,
)

from onematter.approval.core import Command, evolve
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TasksState
from onematter.contracts.aggregate import TimerDue

CORE = make_core()
ITEMS = ("01", "02", "02@330100")
ENDS = {"task_decided", "task_recalled"}

actors = st.one_of(
    st.sampled_from([official("li"), official("wang"), system(), official("sun", department="forestry")]),
)
items = st.sampled_from(ITEMS)
commands: st.SearchStrategy[Command] = st.one_of(
    items.flatmap(lambda item: st.sampled_from([open_task(item), open_task(item, **SIMPLE)])),
    st.builds(recall_task, items),
    st.builds(claim_task, actors, items),
    st.builds(decide_task, st.sampled_from([1, 2]), st.just("意见"), actors, items),
    st.builds(
        lambda kind, item: TimerDue(f"{kind}:{item}"), st.sampled_from(["yellow", "red", "promised", "legal"]), items
    ),
)


def run(sequence: list[Command], again: list[int]) -> Matter:
    """Take a matter through `sequence`, as intake and the timers may send it.

    After each command, `again` picks one that already had its effect: it is delivered once more.
    """
    matter = Matter(CORE)
    effective: list[Command] = []
    for position, command in enumerate(sequence):
        if not may_come(matter, command):
            continue
        before = len(matter.events)
        matter.when(command, NOW + position)
        if len(matter.events) > before:
            effective.append(command)
        if effective and position < len(again):
            redelivered = effective[again[position] % len(effective)]
            state = matter.state
            matter.when(redelivered, NOW + position)
            assert matter.state is state, "a command that had its effect had another"
    return matter


def may_come(matter: Matter, command: Command) -> bool:
    """Intake recalls what it opened, of a task's timers the earliest comes due first; all else comes at any time."""
    if isinstance(command, TimerDue):
        due = matter.timers.get(command.name)
        item_id = command.name.partition(":")[2]
        rest = [other for name, other in matter.timers.items() if name.partition(":")[2] == item_id]
        return due is not None and due == min(rest)
    asked = getattr(command, "command", None)
    if asked is not None and asked.WhichOneof("command") == "recall_task":
        return any(task.item_id == asked.item_id for task in matter.state.tasks)
    return True


sequences = st.lists(commands, max_size=25)
repeats = st.lists(st.integers(0, 100), max_size=25)


@settings(deadline=None)
@given(sequences, repeats)
def test_a_task_comes_to_one_end_at_most_and_stays_there(sequence: list[Command], again: list[int]) -> None:
    matter = run(sequence, again)
    for item in ITEMS:
        kinds = [event.WhichOneof("event") for event in matter.events if event.item_id == item]
        ends = [position for position, kind in enumerate(kinds) if kind in ENDS]
        assert len(ends) <= 1
        assert not ends or ends[0] == len(kinds) - 1, f"{kinds[-1]} after the end"
        others = [kind for kind in kinds if kind not in ("task_overdue", "task_warned")]
        assert len(others) == len(set(others)), "something other than a deadline happened twice"


@settings(deadline=None)
@given(sequences, repeats)
def test_the_events_alone_make_the_state(sequence: list[Command], again: list[int]) -> None:
    matter = run(sequence, again)
    state = TasksState()
    for event in matter.events:
        state = evolve(state, ApprovalEvent.FromString(event.SerializeToString()))
    assert state == matter.state


@settings(deadline=None)
@given(sequences, repeats)
def test_who_decides_is_competent_and_nobody_decides_over_anothers_claim(
    sequence: list[Command], again: list[int]
) -> None:
    claimed: dict[str, str] = {}
    for event in run(sequence, again).events:
        match event.WhichOneof("event"):
            case "task_claimed":
                claimed[event.item_id] = event.actor.principal
            case "task_decided":
                assert event.actor.department == "water"
                by = event.actor.principal
                assert event.task_decided.automatic or by in (claimed.get(event.item_id, by), "water-system")
            case _:
                pass


@settings(max_examples=50, deadline=None)
@given(sequences)
def test_the_same_commands_make_the_same_bytes(sequence: list[Command]) -> None:
    first, second = run(sequence, []), run(sequence, [])
    assert [event.SerializeToString(deterministic=True) for event in first.events] == [
        event.SerializeToString(deterministic=True) for event in second.events
    ]


@settings(deadline=None)
@given(sequences, repeats)
def test_timers_stand_for_the_tasks_that_wait_for_a_person(sequence: list[Command], again: list[int]) -> None:
    matter = run(sequence, again)
    wanted: set[str] = set()
    for task in matter.state.tasks:
        if task.status in (1, 2):
            told = {"yellow": task.warned >= 1, "red": task.warned >= 2}
            told |= {"promised": task.promised_overdue, "legal": task.legal_overdue}
            wanted |= {f"{kind}:{task.item_id}" for kind, is_told in told.items() if not is_told}
    assert set(matter.timers) == wanted
