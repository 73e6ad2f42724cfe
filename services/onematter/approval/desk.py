"""What every handler of a command may look at beside the task: the law in force at this deployment, and its name.

Rule 1: a Desk is made once and never changes; two handlers with the same arguments come to the same event.
Rule 2: what happens without a person (opened, decided by rule, overdue) is done by the deployment itself, in the
name of the department that has the task.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from onematter.approval.checks import department_of, division_of, item_of
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TasksState, TaskState
from onematter.common.v1.actor_pb2 import ActorRole
from onematter.common.v1.outcome_pb2 import CommandRefused
from onematter.contracts.aggregate import Context, Effects, SetTimer
from onematter.intake.v1.intake_events_pb2 import Item
from onematter.law.calendar import WorkingCalendar
from onematter.law.catalogue import Catalogue
from onematter.law.matters import ItemType, MatterType


@dataclass(frozen=True, slots=True)
class Desk:
    """The catalogue, the calendar and the deployment, whose name is the principal of what it does by itself.

    `serves` tells of a level and a division whether this deployment decides their tasks.
    The calendar is open-ended: a period that leaves the loaded years has a provisional deadline, and stops nothing.
    """

    catalogue: Catalogue
    calendar: WorkingCalendar
    deployment: str
    serves: Callable[[int, str], bool]
    _items: Mapping[tuple[str, int, str], tuple[MatterType, ItemType]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        items = {
            (matter_type.code, matter_type.version, item.item_id): (matter_type, item)
            for matter_type in self.catalogue.matter_types
            for item in matter_type.items
        }
        object.__setattr__(self, "_items", items)

    def types(self, matter_code: str, catalogue_version: int, item_id: str) -> tuple[MatterType, ItemType] | None:
        """Return an item's type and its matter's, in the version that the matter began with.

        `item_id` may name an instance (02@330100). None when this catalogue does not hold it.
        """
        return self._items.get((matter_code, catalogue_version, item_id.partition("@")[0]))

    def types_of(self, task: TaskState) -> tuple[MatterType, ItemType] | None:
        """Return the types of an opened task; None when this catalogue does not hold them."""
        opened = task.opened
        return self.types(opened.matter_code, opened.catalogue_version, task.item_id)

    def own_event(self, item: Item) -> ApprovalEvent:
        """Return an empty event about `item` that this deployment itself causes."""
        event = ApprovalEvent(item_id=item.item_id)
        actor = event.actor
        actor.principal = self.deployment
        actor.role = ActorRole.ACTOR_ROLE_SYSTEM
        actor.level = item.level
        actor.division = item.division
        actor.department = item.department
        return event

    def own_event_of(self, task: TaskState) -> ApprovalEvent:
        """Return an empty event about `task` that this deployment itself causes, for who has the task now."""
        event = self.own_event(item_of(task))
        event.actor.division = division_of(task)
        event.actor.department = department_of(task)
        return event


# Of a command: the event that it causes, its refusal, or None when nothing changes.
Handler: TypeAlias = Callable[[Desk, TasksState, ApprovalCommand, Context], "ApprovalEvent | CommandRefused | None"]
# Of a timer, by its kind: the event of its passing; None when that tells nothing new, as of a task that has ended.
TimerHandler: TypeAlias = Callable[[Desk, TaskState, Context], "ApprovalEvent | None"]
# Changes the task, which is the fold's own copy, in place.
Evolver: TypeAlias = Callable[[TaskState, ApprovalEvent], None]
# What follows from the event, given the tasks after it.
Reactor: TypeAlias = Callable[[TasksState, ApprovalEvent], Effects]


def timer(kind: str, task: TaskState, due_unix_ms: int | None) -> SetTimer:
    """Return that the task's timer of `kind` is set, or set anew; with None that it is taken away."""
    return SetTimer(f"{kind}:{task.item_id}", due_unix_ms)
