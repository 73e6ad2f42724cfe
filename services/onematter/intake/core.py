"""Decide what becomes of one matter (一件事), from hand-in to the one result.

Rule 1: everything that can change a matter is decided here: each command, approval event and timer has one handler, in
the module that keeps its rules. What a hand-in must fulfil stands in `checks`, and what an event means in `fold`.
Rule 2: nothing here reads a clock, a socket or a random number; such facts come in with the Context.
Rule 3: an approval event that no task of this matter can have caused is a broken invariant (AssertionError):
the unit of work parks it, and nothing is guessed.
Rule 4: what a rule grants (秒批) without consequence in a running matter (no item opens, it is not the last), while no
item is in a person's hands (OPEN), is absorbed: its item is concluded without an event of its own, and the matter's
next event that is no refusal tells it. So nothing that is untold waits for a person: the event that opens an item tells
what was before it. What a person decides, every denial, and what has a consequence is an event at once.
"""

from __future__ import annotations

from onematter.approval.v1.approval_commands_pb2 import Decision
from onematter.common.v1.outcome_pb2 import CommandRefused, Reason
from onematter.contracts.aggregate import Context, Effects, TimerDue, refuse
from onematter.contracts.limits import MAX_COMMAND_BYTES
from onematter.contracts.topics import INTAKE_COMMANDS, SUBMISSIONS, TopicTable
from onematter.intake import (
    acceptance,
    clock,
    delivery,
    ending,
    hearing,
    recomputing_matter,
    sharing,
    submitting,
    supplying,
    trips,
)
from onematter.intake.desk import Command, Decider, Desk, Heard, HeardSharing, Hearer, Timer, Unfit
from onematter.intake.fold import TELLING, evolve, react
from onematter.intake.items import drop_application, find
from onematter.intake.results import consequences, set_result, untold
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_events_pb2 import ItemOutcome, MatterEvent
from onematter.intake.v1.intake_state_pb2 import ItemState, ItemStatus, MatterState, MatterStatus
from onematter.law.calendar import WorkingCalendar
from onematter.law.catalogue import Catalogue

_RUNNING = MatterStatus.MATTER_STATUS_RUNNING
_SENT = ItemStatus.ITEM_STATUS_SENT
_OPEN = ItemStatus.ITEM_STATUS_OPEN
_CONCLUDED = ItemStatus.ITEM_STATUS_CONCLUDED
_GRANTED = ItemOutcome.ITEM_OUTCOME_GRANTED
_GRANT = Decision.DECISION_GRANT

_DECIDE: dict[str, Decider] = {
    **submitting.DECIDE,
    **acceptance.DECIDE,
    **supplying.DECIDE,
    **ending.DECIDE,
    **trips.DECIDE,
    **delivery.DECIDE,
    **clock.DECIDE,
    **recomputing_matter.DECIDE,
}
_HEAR: dict[str, Hearer] = {**hearing.HEAR, **delivery.HEAR, **clock.HEAR}
_TIMERS: dict[str, Timer] = {**acceptance.TIMERS, **sharing.TIMERS, **delivery.TIMERS, **clock.TIMERS}


class Core:
    """The Matter of one deployment: `absorb`, `decide`, `evolve` and `react` for the unit of work."""

    evolve = staticmethod(evolve)

    def __init__(self, catalogue: Catalogue, table: TopicTable, deployment: str, calendar: WorkingCalendar) -> None:
        self._desk = Desk.of(catalogue, table, deployment, calendar)

    def react(self, state: MatterState, event: MatterEvent) -> Effects:
        """Return the commands and timers that follow from `event`, given the state after it."""
        return react(self._desk, state, event)

    def absorb(self, state: MatterState, command: Command, context: Context) -> MatterState:
        """Conclude the item of a decision that is no event of its own (Rule 4); of all else leave `state` untouched.

        Changes `state` in place and returns it: the unit of work owns the state that it passes, and drops it on
        failure. Of an item that is concluded already, as after a restore, nothing changes. What is wrong with a
        decision, `decide` says.
        """
        if not isinstance(command, Heard):
            return state
        told_event = command.event
        decided = told_event.task_decided
        if not decided.automatic or decided.decision != _GRANT or state.status != _RUNNING:
            return state
        item = _sent_beside_none_open(state, told_event.item_id)
        if item is None or item.item.events_topic != command.topic:
            return state
        # A grant lapses nothing.
        opened, _, is_last = consequences(state, told_event.item_id, _GRANTED)
        if not opened and not is_last:
            item.status = _CONCLUDED
            item.untold = True
            set_result(item.result, item, _GRANTED, told_event, command.sequence)
            drop_application(state)
        return state

    def decide(self, state: MatterState, command: Command, context: Context) -> MatterEvent | CommandRefused | None:
        """Return the one event that `command` causes, a refusal with all violations, or None.

        `state` has absorbed the command. Raises AssertionError on a broken invariant.
        """
        answer = (
            self._hear(state, command, context) if isinstance(command, Heard) else self._answer(state, command, context)
        )
        if answer is not None and isinstance(answer, MatterEvent):
            kind = answer.WhichOneof("event")
            if kind in TELLING:
                getattr(answer, kind).earlier_results.extend(untold(state))
                if clock.has_clock(state) and clock.may_move(kind):
                    clock.note_standing(self._desk, state, evolve(state, answer), answer, context)
        return answer

    def _answer(
        self, state: MatterState, command: IntakeCommand | Unfit | HeardSharing | TimerDue, context: Context
    ) -> MatterEvent | CommandRefused | None:
        match command:
            case IntakeCommand():
                decider = _DECIDE.get(command.WhichOneof("command") or "")
                assert decider is not None, "a command without content"
                return decider(self._desk, state, command, context)
            case HeardSharing():
                # What only the exchange and its clients need to know has no handler.
                sharer = sharing.SHARED.get(command.event.WhichOneof("event") or "")
                return None if sharer is None else sharer(self._desk, state, command, context)
            case Unfit():
                return _refuse_unfit(command)
            case TimerDue(name):
                timer = _TIMERS.get(name)
                assert timer is not None, f"a matter does not set the timer {name}"
                return timer(self._desk, state, context)

    def _hear(self, state: MatterState, heard: Heard, context: Context) -> MatterEvent | None:
        told_event = heard.event
        kind = told_event.WhichOneof("event") or ""
        # A refusal answers whoever asked; its item, and its matter, may be made up.
        if kind == "command_refused":
            return None
        item = find(state, told_event.item_id)
        assert item is not None, "an approval event for an item that this matter does not have"
        assert item.item.events_topic == heard.topic, "an approval event from a deployment that does not own the task"
        hearer = _HEAR.get(kind)
        if hearer is not None:
            return hearer(self._desk, state, item, heard, context)
        assert kind in hearing.QUIET, "an approval event without content"
        return None


def _refuse_unfit(unfit: Unfit) -> CommandRefused:
    kind = unfit.WhichOneof("command")
    if unfit.reason == Reason.REASON_COMMAND_TOO_LARGE:
        return refuse(kind, "", unfit.reason, {"max_bytes": str(MAX_COMMAND_BYTES)})
    topic = SUBMISSIONS if kind == "submit_matter" else INTAKE_COMMANDS
    return refuse(kind, kind, unfit.reason, {"topic": topic})


def _sent_beside_none_open(state: MatterState, item_id: str) -> ItemState | None:
    """Return the item when its task is asked for and no item of the matter is in a person's hands."""
    found = None
    for one in state.items:
        status = one.status
        if status == _OPEN:
            return None
        if status == _SENT and one.item.item_id == item_id:
            found = one
    return found
