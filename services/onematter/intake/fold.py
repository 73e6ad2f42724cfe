"""What an event means for a matter: its new state, and the commands and timers that follow.

Rule 1: nothing is decided here: the fold of a matter's events is its state but for what is untold, also when a
service is restored from its own events. What an event tells is untold no longer, known before or not.
Rule 2: `evolve` and `react` change no argument; the handlers that they call stand in the modules named below.
"""

# pyright: strict

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from onematter.contracts.aggregate import NO_EFFECTS, Effects
from onematter.intake import (
    acceptance,
    clock,
    concluding,
    delivery,
    ending,
    hearing,
    recomputing_matter,
    sharing,
    submitting,
    supplying,
    trips,
)
from onematter.intake.desk import Desk, Evolver, Reactor
from onematter.intake.items import conclude, drop_application, item_of
from onematter.intake.v1.intake_events_pb2 import MatterEvent
from onematter.intake.v1.intake_state_pb2 import MatterState

_Handler = TypeVar("_Handler")


def _gathered(tables: Iterable[Mapping[str, _Handler]]) -> dict[str, tuple[_Handler, ...]]:
    gathered: dict[str, tuple[_Handler, ...]] = {}
    for table in tables:
        for kind, handler in table.items():
            gathered[kind] = (*gathered.get(kind, ()), handler)
    return gathered


_MODULES = (
    submitting,
    acceptance,
    supplying,
    concluding,
    hearing,
    ending,
    sharing,
    trips,
    delivery,
    clock,
    recomputing_matter,
)
_EVOLVE: dict[str, tuple[Evolver, ...]] = _gathered(module.EVOLVE for module in _MODULES)
_REACT: dict[str, tuple[Reactor, ...]] = _gathered(module.REACT for module in _MODULES)

# The events that tell what rules granted before them (`earlier_results`).
TELLING = frozenset(
    field.name
    for field in MatterEvent.DESCRIPTOR.oneofs_by_name["event"].fields
    if field.message_type is not None and "earlier_results" in field.message_type.fields_by_name
)


def evolve(state: MatterState, event: MatterEvent) -> MatterState:
    """Return the state after `event`; `state` stays as it is."""
    kind = event.WhichOneof("event")
    if kind == "command_refused" or kind is None:
        return state
    handlers = _EVOLVE.get(kind)
    assert handlers is not None, "an event that the fold does not know"
    new = MatterState()
    new.CopyFrom(state)
    if kind in TELLING:
        for result in getattr(event, kind).earlier_results:
            conclude(item_of(new, result.item_id), result)
    for handler in handlers:
        handler(new, event)
    if event.HasField("matter_clock"):
        clock.evolve_standing(new, event)
    # `react` still needs it after the event that opens the last one.
    if kind != "item_concluded" or not event.item_concluded.opened_items:
        drop_application(new)
    return new


def react(desk: Desk, state: MatterState, event: MatterEvent) -> Effects:
    """Return what follows from `event`, given the state after it."""
    handlers = _REACT.get(event.WhichOneof("event") or "", ())
    found = NO_EFFECTS
    for handler in handlers:
        found = _joined(found, handler(desk, state, event))
    if event.HasField("matter_clock"):
        found = _joined(found, clock.react_standing(state))
    return found


def _joined(first: Effects, second: Effects) -> Effects:
    if first is NO_EFFECTS or second is NO_EFFECTS:
        return second if first is NO_EFFECTS else first
    return Effects(first.commands + second.commands, first.timers + second.timers)
