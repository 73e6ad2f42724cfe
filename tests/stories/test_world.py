"""The world in which stories play: it is fast, always the same, and hides nothing that goes wrong."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from tests.simulation.memory import Produced
from tests.stories import people
from tests.stories.applications import application_for
from tests.stories.officials import finish
from tests.stories.paths import PLAIN, SHARED, STORIES, small_catalogue
from tests.stories.world import World, instant

from onematter.contracts.topics import INTAKE_COMMANDS

# A second of this process for a year, on a machine that does other things as well.
YEAR_CPU_SECONDS = 1.0


def hand_in(world: World, code: str = PLAIN) -> str:
    """Hand in on the web."""
    return people.applicant(world).submit(code, application_for(world.catalogue.get(code)))


def test_a_year_passes_in_under_a_second() -> None:
    world = World(small_catalogue(), beginning="2026-01-05 09:00")
    matter = hand_in(world)
    began = time.process_time()
    world.advance(days=365)
    assert time.process_time() - began < YEAR_CPU_SECONDS
    assert world.today.isoformat() == "2027-01-05"
    assert world.kinds(matter).count("task_overdue") == 4


def test_timers_come_due_at_their_instant_and_not_before() -> None:
    world = World(small_catalogue())
    matter = hand_in(world)
    world.advance_to("2026-03-16 23:59")
    assert "task_overdue" not in world.kinds(matter)
    world.advance_to("2026-03-17 00:00")
    late = [told.event for told in world.events(matter) if told.kind == "task_overdue"]
    assert [event.time.seconds * 1000 for event in late] == [instant("2026-03-17 00:00")] * 2


@pytest.mark.parametrize("name", ["corrected_before_acceptance", "a_department_is_away", "voided"])
def test_the_same_story_makes_the_same_log(name: str) -> None:
    def log() -> list[tuple[Any, ...]]:
        world = World(small_catalogue())
        STORIES[name](world)
        return [(at, record.topic, record.key, record.value) for at, record in world.broker.journal]

    assert log() == log()


def test_what_a_core_throws_ends_the_story(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    world = World(small_catalogue())
    member = world.members["intake"]
    monkeypatch.setattr(member.unit, "aggregate", replace(member.aggregate, decide=broken))
    with pytest.raises(ZeroDivisionError):
        hand_in(world)


def test_what_cannot_be_read_ends_the_story() -> None:
    world = World(small_catalogue())
    matter = hand_in(world)
    world.broker.append(Produced(INTAKE_COMMANDS, 0, matter.encode(), b"\xff\xff", ()))
    with pytest.raises(AssertionError, match="intake cannot take in"):
        world.settle()


def test_who_is_asleep_catches_up() -> None:
    world = World(small_catalogue())
    with world.asleep("approval-city"):
        matter = hand_in(world)
        assert set(world.tasks(matter)) == {"01"}
    world.settle()
    assert set(world.tasks(matter)) == {"01", "02"}


def test_two_matters_do_not_meet() -> None:
    world = World(small_catalogue())
    one, other = hand_in(world), hand_in(world, SHARED)
    finish(world, one)
    assert {told.event.matter_id for told in world.events(one)} == {one}
    assert world.state(other).status != world.state(one).status
