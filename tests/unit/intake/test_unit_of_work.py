"""The Matter inside the backbone's unit of work: what a rule decides is kept without an event, also by a restore."""

from __future__ import annotations

import pytest
from tests.unit.intake.cases import visit
from tests.unit.intake.window import FIFTH_DAY_ENDS, MONDAY, window_type
from tests.unit.intake.world import CITY, COUNTY, MATTER_ID, PROVINCE, World

from onematter.backbone.step import Step
from onematter.contracts.topics import INTAKE_COMMANDS
from onematter.intake.v1.intake_events_pb2 import AcceptedBy, MatterEvent
from onematter.intake.v1.intake_state_pb2 import ItemStatus, MatterState

CONCLUDED = ItemStatus.ITEM_STATUS_CONCLUDED


@pytest.fixture
def world() -> World:
    made = World()
    made.handed_in()
    return made


def test_a_decision_without_an_event_is_a_change_that_is_written(world: World) -> None:
    before = world.held.state.SerializeToString(deterministic=True)
    world.step = Step()
    world.decided_by_rule("01", COUNTY)
    (change,) = world.step.changes
    assert (change.event, change.record) == (None, world.taken[-1])
    assert [one.status == CONCLUDED for one in change.state.items] == [True, False, False]
    assert not world.step.sendings
    # The row, whose bytes watchers are told by.
    assert world.step.touched[MATTER_ID].state.SerializeToString(deterministic=True) != before
    assert [(s.writer, s.last_sequence) for s in world.held.ledger.received if s.writer] == [(COUNTY, 1)]


def test_three_decisions_by_rule_are_one_event(world: World) -> None:
    for item_id, writer in (("02", CITY), ("01", COUNTY), ("03", PROVINCE)):
        world.decided_by_rule(item_id, writer)
    assert world.kinds == ["MatterAccepted", "MatterCompleted"]
    completed = MatterEvent.FromString(world.told[-1].value)
    assert completed.cause.position.writer == PROVINCE
    assert [(p.writer, p.sequence) for p in completed.matter_completed.manifest] == [
        (CITY, 1),
        (COUNTY, 1),
        (PROVINCE, 1),
        ("intake", 2),
    ]
    assert world.held.state.items[1].result == completed.matter_completed.results[1]


def test_a_decision_that_comes_twice_is_a_duplicate(world: World) -> None:
    world.decided_by_rule("01", COUNTY)
    world.take(world.taken[-1])
    assert world.step.counts["duplicates"] == 1
    assert world.kinds == ["MatterAccepted"]


def test_a_second_decision_of_an_item_fails_and_changes_nothing(world: World) -> None:
    world.decided_by_rule("01", COUNTY)
    kept = MatterState.FromString(world.held.state.SerializeToString())
    with pytest.raises(AssertionError, match="not in a department's hands"):
        world.decided_by_rule("01", COUNTY, sequence=2)
    assert world.held.state == kept


def check_restore(world: World) -> None:
    restored = world.restored()
    assert restored.held.state == world.held.state
    assert restored.kinds == [], "told again"
    known = [{(s.writer, s.topic): s.last_sequence for s in w.held.ledger.received} for w in (world, restored)]
    assert known[0] == known[1]
    assert restored.held.ledger.outcomes == world.held.ledger.outcomes


def test_a_restore_after_the_result_decides_nothing_again(world: World) -> None:
    for item_id, writer in (("02", CITY), ("01", COUNTY), ("03", PROVINCE)):
        world.decided_by_rule(item_id, writer)
    check_restore(world)


def test_a_restore_in_between_keeps_what_was_told_and_what_was_not(world: World) -> None:
    world.decided_by_rule("02", CITY)
    command = visit()
    command.matter_id = MATTER_ID
    world.read(INTAKE_COMMANDS, command.SerializeToString())
    check_restore(world)
    world.decided_by_rule("03", PROVINCE)
    assert [one.untold for one in world.held.state.items] == [False, False, True]
    check_restore(world)
    world.opened("01", COUNTY)
    assert [one.untold for one in world.held.state.items] == [False, False, False]
    assert world.kinds == ["MatterAccepted", "VisitRecorded", "ItemOpened"]
    check_restore(world)


def test_a_restore_names_a_stream_in_the_result_before_it_is_read_again(world: World) -> None:
    world.decided_by_rule("01", COUNTY)
    world.opened("02", CITY)
    restored = world.restored(without=COUNTY)
    restored.decided_by_rule("02", CITY, sequence=2)
    restored.decided_by_rule("03", PROVINCE)
    assert restored.kinds == ["ItemConcluded", "MatterCompleted"]
    manifest = MatterEvent.FromString(restored.told[-1].value).matter_completed.manifest
    assert [(p.writer, p.sequence) for p in manifest] == [(CITY, 2), (COUNTY, 1), (PROVINCE, 1), ("intake", 4)]
    state = restored.held.state
    late = [record for record in world.taken if record.writer == COUNTY]
    for record in late:
        restored.take(record)
    assert (len(late), restored.held.state) == (1, state)
    assert len(restored.told) == 2
    assert restored.held.stream(COUNTY, late[0].topic).last_sequence == 1


def test_silence_accepts_through_the_unit_of_work_and_is_known_after_a_restore() -> None:
    world = World(window_type())
    world.handed_in()
    assert world.kinds == ["MatterReceived"]
    assert world.step.timers[MATTER_ID, "acceptance"].due_unix_ms == FIFTH_DAY_ENDS
    # Restored before it came due, the timer stands again.
    assert world.restored().step.timers[MATTER_ID, "acceptance"].due_unix_ms == FIFTH_DAY_ENDS
    row = world.ring("acceptance")
    assert world.kinds == ["MatterReceived", "MatterAccepted"]
    assert row.due_unix_ms == FIFTH_DAY_ENDS
    assert (world.held.state.accepted_by, world.held.state.accepted_day) == (AcceptedBy.ACCEPTED_BY_SILENCE, MONDAY)
    restored = world.restored()
    assert restored.held.state == world.held.state
    assert restored.step.timers[MATTER_ID, "acceptance"].due_unix_ms == 0
