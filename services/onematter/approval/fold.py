"""From events to the tasks of a matter, and to what follows from them.

Rule 1: each event has its function in the module of its subject; the tables here only gather them.
Rule 2: a task comes to one end, decided or recalled. With it go the timers that stand for a task that waits.
Rule 3: a task decided by rule was never opened for a person and has no timers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from onematter.approval import (
    clocks,
    corrections,
    decisions,
    opening,
    opinions,
    people,
    pledges,
    recomputing,
    sharing,
    visits,
)
from onematter.approval.checks import find
from onematter.approval.desk import Evolver, Reactor
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TasksState
from onematter.contracts.aggregate import NO_EFFECTS, Effects, SetTimer

T = TypeVar("T")


def merged(*tables: Mapping[str, T]) -> dict[str, T]:
    """Return the tables as one. Raises AssertionError when two have the same name."""
    together = {name: one for table in tables for name, one in table.items()}
    assert len(together) == sum(len(table) for table in tables), "two modules deal with the same name"
    return together


EVOLVE: Mapping[str, Evolver] = merged(
    opening.EVOLVE,
    people.EVOLVE,
    clocks.EVOLVE,
    corrections.EVOLVE,
    opinions.EVOLVE,
    visits.EVOLVE,
    decisions.EVOLVE,
    pledges.EVOLVE,
    recomputing.EVOLVE,
    sharing.EVOLVE,
)
REACT: Mapping[str, Reactor] = merged(
    opening.REACT,
    clocks.REACT,
    corrections.REACT,
    opinions.REACT,
    visits.REACT,
    decisions.REACT,
    pledges.REACT,
    recomputing.REACT,
)

_BEGINNINGS = ("task_opened", "task_decided")
_ENDS = ("task_decided", "task_recalled")


def evolve(state: TasksState, event: ApprovalEvent) -> TasksState:
    """Return the tasks after `event`; `state` stays as it is. A refusal changes nothing.

    Raises AssertionError for an event of a task that no earlier event opened, or of a type that this version
    does not know.
    """
    name = event.WhichOneof("event")
    if name == "command_refused":
        return state
    after = TasksState()
    after.CopyFrom(state)
    task = find(after, event.item_id)
    if task is None:
        assert name in _BEGINNINGS, f"{name} of a task that was never opened"
        task = after.tasks.add(item_id=event.item_id)
    evolver = EVOLVE.get(name or "")
    assert evolver is not None, "an event of a type that this version does not know"
    evolver(task, event)
    return after


def react(state: TasksState, event: ApprovalEvent) -> Effects:
    """Return what follows from `event`; `state` is that after it. No command is sent, but timers are set."""
    name = event.WhichOneof("event") or ""
    reactor = REACT.get(name)
    effects = NO_EFFECTS if reactor is None else reactor(state, event)
    if name not in _ENDS:
        return effects
    task = find(state, event.item_id)
    if task is None or not task.HasField("opened"):
        return effects
    standing = (*clocks.timers_standing(task), *corrections.timers_standing(task))
    names = (*(one.name for one in standing), *(f"{kind}:{task.item_id}" for kind in opinions.timers_of(task)))
    gone = tuple(SetTimer(name, None) for name in names)
    return Effects(commands=effects.commands, timers=(*gone, *effects.timers))
