"""Decide what becomes of a task (办件): one item of a matter, in the hands of the department that owns it.

Rule 1: everything that can change a task stands in the modules whose tables are gathered here, and nothing in them
reads a clock, a socket or a random number.
Rule 2: intake alone opens, recalls and supplies; the same from outside is refused.
Rule 3: a task comes to one end, decided or recalled, and stays there.
Rule 4: what crosses on its way (a recall of a decided task, a second opening, a timer of a task at its end)
is no error and changes nothing.
Rule 5: of a command from outside all broken rules are told at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

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
from onematter.approval.desk import Desk, Handler, TimerHandler
from onematter.approval.fold import evolve, merged, react
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TasksState
from onematter.common.v1.outcome_pb2 import CommandRefused, Reason
from onematter.contracts.aggregate import Context, TimerDue, refuse
from onematter.contracts.limits import MAX_TASK_COMMAND_BYTES
from onematter.law.calendar import WorkingCalendar, open_ended
from onematter.law.catalogue import Catalogue

__all__ = ["Command", "Core", "FromIntake", "evolve", "react"]

DECIDE: Mapping[str, Handler] = merged(
    people.DECIDE,
    clocks.DECIDE,
    corrections.DECIDE,
    opinions.DECIDE,
    visits.DECIDE,
    decisions.DECIDE,
    pledges.DECIDE,
    recomputing.DECIDE,
)
FROM_INTAKE: Mapping[str, Handler] = merged(
    opening.FROM_INTAKE,
    corrections.FROM_INTAKE,
    sharing.FROM_INTAKE,
    opinions.FROM_INTAKE,
    visits.FROM_INTAKE,
    decisions.FROM_INTAKE,
    pledges.FROM_INTAKE,
)
TIMERS: Mapping[str, TimerHandler] = merged(
    clocks.TIMERS, corrections.TIMERS, opinions.TIMERS, visits.TIMERS, decisions.TIMERS, pledges.TIMERS
)


@dataclass(frozen=True, slots=True)
class FromIntake:
    """A command in intake's own stream."""

    command: ApprovalCommand


Command: TypeAlias = "FromIntake | ApprovalCommand | TimerDue"


def _serves_all(_level: int, _division: str) -> bool:
    return True


class Core:
    """The tasks of one matter at one deployment, with the law in force there.

    `deployment` is the principal of what happens without a person: opened, decided by rule, overdue. `serves` tells of
    a level and a division whether their tasks are its; without it they all are.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        calendar: WorkingCalendar,
        deployment: str,
        serves: Callable[[int, str], bool] = _serves_all,
    ) -> None:
        self.desk = Desk(catalogue, open_ended(calendar), deployment, serves)

    def decide(self, state: TasksState, command: Command, context: Context) -> ApprovalEvent | CommandRefused | None:
        """Return the event that `command` causes, its refusal, or None when nothing changes.

        The event's matter, time and cause are left to the unit of work. Raises AssertionError when intake's
        stream breaks an invariant (a recall of a task never opened).
        """
        if isinstance(command, FromIntake):
            asked = command.command
            name = asked.WhichOneof("command") or ""
            handler = FROM_INTAKE.get(name)
            assert handler is not None, f"intake sent {name}; it may send {', '.join(FROM_INTAKE)} alone"
            return handler(self.desk, state, asked, context)
        if isinstance(command, TimerDue):
            return self._timer_due(state, command.name, context)
        name = command.WhichOneof("command") or ""
        if command.ByteSize() > MAX_TASK_COMMAND_BYTES:
            limit = {"max_bytes": str(MAX_TASK_COMMAND_BYTES)}
            return refuse(name, "command", Reason.REASON_COMMAND_TOO_LARGE, limit)
        handler = DECIDE.get(name)
        if handler is not None:
            return handler(self.desk, state, command, context)
        if name in FROM_INTAKE:
            return refuse(name, "actor.role", Reason.REASON_ROLE_NOT_ALLOWED, {"allowed": "intake"})
        return refuse(name, "command", Reason.REASON_FIELD_MISSING)

    def _timer_due(self, state: TasksState, name: str, context: Context) -> ApprovalEvent | None:
        kind, _, item_id = name.partition(":")
        handler = TIMERS.get(kind)
        assert handler is not None, f"no timer of a task begins with {kind!r}"
        task = find(state, item_id)
        assert task is not None, "a timer of a task that was never opened"
        return handler(self.desk, task, context)
