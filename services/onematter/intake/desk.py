"""What the handlers of a matter are given, and what they answer: the words between `core`, `fold` and their modules.

Rule 1: a module offers plain dicts, each handler under the name of its command, event or timer: DECIDE, HEAR, TIMERS,
EVOLVE and REACT; SHARED for the data exchange's. `core` and `fold` merge them; no handler knows who calls it.
Rule 2: a command, an approval event and a timer have one handler. An event of the matter may have several in EVOLVE and
REACT, in the order of the modules.
Rule 3: handlers are pure. EVOLVE alone changes its state, which is a copy that `fold` made for it.
"""

# pyright: strict

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.common.v1.actor_pb2 import Actor
from onematter.common.v1.outcome_pb2 import CommandRefused, Reason
from onematter.contracts.aggregate import Context, Effects, TimerDue
from onematter.contracts.topics import TopicTable
from onematter.exchange.v1.exchange_events_pb2 import ExchangeEvent
from onematter.intake.plans import Plans
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_events_pb2 import MatterEvent
from onematter.intake.v1.intake_state_pb2 import ItemState, MatterState
from onematter.law.calendar import WorkingCalendar
from onematter.law.catalogue import Catalogue, MatterType


@dataclass(frozen=True, slots=True)
class Unfit:
    """A command that its record alone shows to be unacceptable: on the wrong topic, or too large.

    It is refused, not dropped, so it has what a refusal needs to be kept.
    """

    command: IntakeCommand
    reason: Reason

    @property
    def request_id(self) -> str:
        """The command's own."""
        return self.command.request_id

    @property
    def matter_id(self) -> str:
        """The command's own."""
        return self.command.matter_id

    @property
    def actor(self) -> Actor:
        """The command's own."""
        return self.command.actor

    def WhichOneof(self, name: str) -> str:
        """The command's own."""
        return self.command.WhichOneof(name)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Heard:
    """An event of approval, the topic on which it was told, and its number in the matter's stream there."""

    event: ApprovalEvent
    topic: str
    sequence: int


@dataclass(frozen=True, slots=True)
class HeardSharing:
    """An event of the data exchange, the topic on which it was told, and its number in the matter's stream there."""

    event: ExchangeEvent
    topic: str
    sequence: int


Command: TypeAlias = "IntakeCommand | Unfit | Heard | HeardSharing | TimerDue"


@dataclass(frozen=True, slots=True, eq=False)
class Desk:
    """What a deployment of intake has at hand. `owners` names the deployment that writes each events topic."""

    catalogue: Catalogue
    calendar: WorkingCalendar
    plans: Plans
    table: TopicTable
    deployment: str
    owners: Mapping[str, str]

    @classmethod
    def of(cls, catalogue: Catalogue, table: TopicTable, deployment: str, calendar: WorkingCalendar) -> Desk:
        """The desk of one deployment."""
        # A commands topic is read by its owner alone; what was asked stands in the event that it caused.
        owners = {topic.name: topic.owner for topic in table.topics.values() if topic.kind == "events"}
        return cls(catalogue, calendar, Plans(table), table, deployment, owners)

    def matter_type(self, state: MatterState) -> MatterType:
        """Return the matter's type in the version it began with. Raises law.catalogue.UnknownMatter."""
        return self.catalogue.get(state.matter_code, state.catalogue_version)


Answer: TypeAlias = "MatterEvent | CommandRefused"

# A command to its one event or its refusal; None where it changes nothing.
Decider: TypeAlias = Callable[[Desk, MatterState, IntakeCommand, Context], "Answer | None"]
# An approval event of an item of this matter, told by the deployment that owns its task.
Hearer: TypeAlias = Callable[[Desk, MatterState, ItemState, Heard, Context], "MatterEvent | None"]
# An event of the data exchange; None where the matter learns nothing from it.
SharingHearer: TypeAlias = Callable[[Desk, MatterState, HeardSharing, Context], "MatterEvent | None"]
# A timer that came due; None when nothing follows any more.
Timer: TypeAlias = Callable[[Desk, MatterState, Context], "MatterEvent | None"]
# What an event means; the state is its own to change.
Evolver: TypeAlias = Callable[[MatterState, MatterEvent], None]
# The commands and timers that follow from an event, given the state after it.
Reactor: TypeAlias = Callable[[Desk, MatterState, MatterEvent], Effects]
