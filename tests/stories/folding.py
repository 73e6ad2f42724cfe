"""The states of a matter that follow from the events in the log alone, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.stories.world import Told, World

from onematter.approval.v1.approval_state_pb2 import TasksState, TaskStatus
from onematter.contracts.topics import MATTER_EVENTS
from onematter.intake.v1.intake_state_pb2 import MatterState, MatterStatus


@dataclass(frozen=True)
class Transition:
    """One event of a matter, or of one of its tasks, with the status before it and after it."""

    before: str
    event: str
    after: str
    of_task: bool


def folded(world: World, matter_id: str) -> tuple[MatterState, dict[str, TasksState], list[Transition]]:
    """Fold every event anew: the matter's state, those of its tasks by deployment, and the transitions on the way."""
    matter, tasks = MatterState(), dict[str, TasksState]()
    transitions: list[Transition] = []
    for told in world.events(matter_id):
        aggregate = world.members[told.writer].aggregate
        if told.topic == MATTER_EVENTS:
            before, matter = matter, aggregate.evolve(matter, told.event)
            transitions.append(Transition(_matter(before), told.kind, _matter(matter), of_task=False))
        else:
            known = tasks.get(told.writer, TasksState())
            after = tasks[told.writer] = aggregate.evolve(known, told.event)
            item_id = told.event.item_id
            transitions.append(Transition(_task(known, item_id), told.kind, _task(after, item_id), of_task=True))
    return matter, tasks, transitions


def check_replay(world: World, matter_id: str) -> None:
    """See that the events alone make the states that the services keep."""
    matter, tasks, _ = folded(world, matter_id)
    assert matter == world.state(matter_id), "intake keeps what its events do not tell"
    for deployment, found in tasks.items():
        kept = TasksState.FromString(world.members[deployment].tables.aggregates[matter_id][1])
        assert found == kept, f"{deployment} keeps what its events do not tell"


def each(world: World, matter_id: str, kind: str) -> Iterator[Any]:
    """The events of one kind, without their envelopes, in order."""
    for told in world.events(matter_id):
        if told.kind == kind:
            yield getattr(told.event, kind)


def _matter(state: MatterState) -> str:
    return MatterStatus.Name(state.status).removeprefix("MATTER_STATUS_")


def _task(state: TasksState, item_id: str) -> str:
    found = next((task.status for task in state.tasks if task.item_id == item_id), TaskStatus.TASK_STATUS_UNSPECIFIED)
    return TaskStatus.Name(found).removeprefix("TASK_STATUS_")


def last(world: World, matter_id: str, kind: str) -> Told:
    """The last event of a kind. Raises IndexError when there is none."""
    return [told for told in world.events(matter_id) if told.kind == kind][-1]
