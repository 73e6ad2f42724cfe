"""Decide what becomes of one matter (一件事), from hand-in to the one result.

Rule 1: everything that can change a matter is decided in this file; what a hand-in must fulfil stands in
`checks`, and what an event means in `fold`.
Rule 2: nothing here reads a clock, a socket or a random number; such facts come in with the Context.
Rule 3: an item opens when, and only when, everything it depends on is granted; what can never open lapses at
once, and independent siblings run on.
Rule 4: the one event that brings the last item to its end is the one result, and carries the results of all.
Rule 5: an approval event that no task of this matter can have caused is a broken invariant (AssertionError):
the unit of work parks it, and nothing is guessed. A crossing (decided while being withdrawn) is no error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from onematter.approval.v1.approval_commands_pb2 import Decision
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.common.v1.actor_pb2 import Actor, ActorRole
from onematter.common.v1.outcome_pb2 import CommandRefused, Reason
from onematter.contracts.aggregate import Context, Refusal, TimerDue, refuse
from onematter.contracts.times import set_unix_ms
from onematter.contracts.topics import INTAKE_COMMANDS, MATTER_EVENTS, SUBMISSIONS, TopicTable
from onematter.intake.checks import check_division, check_reason, check_sender, check_submission, told
from onematter.intake.fold import evolve, react, set_lapsed
from onematter.intake.plans import Plans
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_events_pb2 import (
    Item,
    ItemOutcome,
    ItemResult,
    MatterCompleted,
    MatterEvent,
    MatterOutcome,
)
from onematter.intake.v1.intake_state_pb2 import ItemState, ItemStatus, MatterState, MatterStatus
from onematter.law.calendar import legal_date
from onematter.law.catalogue import Catalogue
from onematter.law.identifiers import matter_number

MAX_COMMAND_BYTES = 262_144
SERIALS = 100_000_000

_VISIT_ROLES = frozenset(
    {
        ActorRole.ACTOR_ROLE_APPLICANT,
        ActorRole.ACTOR_ROLE_AGENT,
        ActorRole.ACTOR_ROLE_CLERK,
        ActorRole.ACTOR_ROLE_SYSTEM,
    }
)

_UNKNOWN = MatterStatus.MATTER_STATUS_UNSPECIFIED
_RUNNING = MatterStatus.MATTER_STATUS_RUNNING
_WITHDRAWING = MatterStatus.MATTER_STATUS_WITHDRAWING
_COMPLETED = MatterStatus.MATTER_STATUS_COMPLETED
_WAITING = ItemStatus.ITEM_STATUS_WAITING
_SENT = ItemStatus.ITEM_STATUS_SENT
_OPEN = ItemStatus.ITEM_STATUS_OPEN
_CONCLUDED = ItemStatus.ITEM_STATUS_CONCLUDED
_IN_HAND = frozenset({_SENT, _OPEN})
_GRANTED = ItemOutcome.ITEM_OUTCOME_GRANTED
_WITHDRAWN = ItemOutcome.ITEM_OUTCOME_WITHDRAWN
_DECISIONS = {
    Decision.DECISION_GRANT: _GRANTED,
    Decision.DECISION_DENY: ItemOutcome.ITEM_OUTCOME_DENIED,
}


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
    """An event of approval, and the topic on which it was told."""

    event: ApprovalEvent
    topic: str


Command: TypeAlias = "IntakeCommand | Unfit | Heard | TimerDue"


class Core:
    """The Matter of one deployment: `decide`, `evolve` and `react` for the unit of work."""

    def __init__(self, catalogue: Catalogue, table: TopicTable, deployment: str = "intake") -> None:
        self._catalogue = catalogue
        self._plans = Plans(table)
        self._partitions = table.partitions
        self._deployment = deployment
        # A commands topic is read by its owner alone; what was asked stands in the event that it caused.
        self._streams = frozenset(t.name for t in table.topics.values() if t.kind == "events")

    def decide(self, state: MatterState, command: Command, context: Context) -> MatterEvent | CommandRefused | None:
        """Return the one event that `command` causes, a refusal with all violations, or None.

        Raises AssertionError on a broken invariant.
        """
        match command:
            case IntakeCommand():
                match command.WhichOneof("command"):
                    case "submit_matter":
                        return self._submit(state, command, context)
                    case "withdraw_matter":
                        return _withdraw(state, command)
                    case "record_visit":
                        return _record_visit(state, command)
                    case _:
                        raise AssertionError("a command without content")
            case Heard():
                return self._hear(state, command, context)
            case Unfit():
                return _refuse_unfit(command)
            case TimerDue():
                raise AssertionError(f"a matter sets no timer, and {command.name} came due")

    def _submit(self, state: MatterState, command: IntakeCommand, context: Context) -> MatterEvent | CommandRefused:
        assert state.status == _UNKNOWN, "the matter is handed in already"
        prepared = check_submission(command, self._catalogue, self._plans)
        if isinstance(prepared, CommandRefused):
            return prepared
        submit = command.submit_matter
        division, channel = submit.division, submit.channel
        event = MatterEvent()
        event.actor.CopyFrom(command.actor)
        accepted = event.matter_accepted
        accepted.CopyFrom(prepared.accepted)
        assert accepted.opened_items, "a matter without an item to open"
        accepted.matter_number = matter_number(
            legal_date(context.now_unix_ms),
            division,
            channel,
            (context.offset * self._partitions + context.partition) % SERIALS,
        )
        accepted.division = division
        accepted.receiving_division = submit.receiving_division or division
        accepted.channel = channel
        accepted.language = submit.language or "zh-CN"
        accepted.application.CopyFrom(submit.application)
        return event

    def _hear(self, state: MatterState, heard: Heard, context: Context) -> MatterEvent | None:
        told_event = heard.event
        kind = told_event.WhichOneof("event")
        # A refusal answers whoever asked; its item, and its matter, may be made up.
        if kind == "command_refused":
            return None
        item = _find(state, told_event.item_id)
        assert item is not None, "an approval event for an item that this matter does not have"
        assert item.item.events_topic == heard.topic, "an approval event from a deployment that does not own the task"
        match kind:
            case "task_opened":
                return _open(item, told_event)
            case "task_decided":
                outcome = _DECISIONS.get(told_event.task_decided.decision)
                assert outcome is not None, "a task decided without a decision"
                return self._conclude(state, item, outcome, told_event, context)
            case "task_recalled":
                assert state.status == _WITHDRAWING, "a task recalled that nobody recalls"
                return self._conclude(state, item, _WITHDRAWN, told_event, context)
            case "task_claimed" | "task_overdue":
                return None
            case _:
                raise AssertionError("an approval event without content")

    def _conclude(
        self, state: MatterState, item: ItemState, outcome: ItemOutcome, told_event: ApprovalEvent, context: Context
    ) -> MatterEvent:
        assert item.status in _IN_HAND, "an approval event for an item that is not in a department's hands"
        opened, lapsed, is_last = _consequences(state, told_event.item_id, outcome)
        event = MatterEvent()
        event.actor.CopyFrom(told_event.actor)
        if not is_last:
            concluded = event.item_concluded
            _set_result(concluded.result, item, outcome, told_event)
            concluded.opened_items.extend(opened)
            concluded.lapsed_items.extend(lapsed)
            return event
        completed = event.matter_completed
        add = completed.results.add
        granted = 0
        for one in state.items:
            result = add()
            item_id = one.item.item_id
            if item_id == told_event.item_id:
                _set_result(result, item, outcome, told_event)
            elif item_id in lapsed:
                set_lapsed(result, one)
                set_unix_ms(result.time, context.now_unix_ms)
            else:
                result.CopyFrom(one.result)
            granted += result.outcome == _GRANTED
        completed.outcome = _outcome(state, granted, len(completed.results))
        completed.handed_in.CopyFrom(state.handed_in)
        completed.visits = state.visits
        completed.matter_code = state.matter_code
        completed.division = state.division
        completed.name.CopyFrom(state.name)
        completed.matter_number = state.matter_number
        self._add_manifest(completed, context)
        return event

    def _add_manifest(self, completed: MatterCompleted, context: Context) -> None:
        """Name the last record of every stream of the matter, the result itself included, by (writer, topic)."""
        own, streams = self._deployment, self._streams
        last: dict[tuple[str, str], int] = {}
        for sent in context.ledger.sent:
            topic = sent.topic
            if topic in streams:
                last[own, topic] = sent.last_sequence
        last[own, MATTER_EVENTS] = last.get((own, MATTER_EVENTS), 0) + 1
        for received in context.ledger.received:
            writer, sequence = received.writer, received.last_sequence
            if writer and sequence:
                last[writer, received.topic] = sequence
        add = completed.manifest.add
        for (writer, topic), sequence in sorted(last.items()):
            add(writer=writer, topic=topic, sequence=sequence)

    evolve = staticmethod(evolve)
    react = staticmethod(react)


def _refuse_unfit(unfit: Unfit) -> CommandRefused:
    kind = unfit.WhichOneof("command")
    if unfit.reason == Reason.REASON_COMMAND_TOO_LARGE:
        return refuse(kind, "", unfit.reason, {"max_bytes": str(MAX_COMMAND_BYTES)})
    topic = SUBMISSIONS if kind == "submit_matter" else INTAKE_COMMANDS
    return refuse(kind, kind, unfit.reason, {"topic": topic})


def _withdraw(state: MatterState, command: IntakeCommand) -> MatterEvent | CommandRefused:
    refusal = Refusal("withdraw_matter")
    check_sender(command, refusal)
    reason = command.withdraw_matter.reason
    check_reason("withdraw_matter.reason", reason, refusal)
    match state.status:
        case MatterStatus.MATTER_STATUS_RUNNING:
            if command.actor.principal != state.principal:
                refusal.add("actor.principal", Reason.REASON_NOT_THE_APPLICANT)
        case MatterStatus.MATTER_STATUS_UNSPECIFIED:
            refusal.add("matter_id", Reason.REASON_MATTER_UNKNOWN)
        case _:
            # A second withdrawal is refused like one that is late: the first has called everything back.
            status = MatterStatus.Name(state.status)
            refusal.add("matter_id", Reason.REASON_MATTER_CONCLUDED, {"status": status})
            if command.actor.principal != state.principal:
                refusal.add("actor.principal", Reason.REASON_NOT_THE_APPLICANT)
    if refusal:
        return told(refusal)
    event = MatterEvent(actor=command.actor)
    withdrawn = event.matter_withdrawn
    withdrawn.reason = reason
    for item in state.items:
        if item.status in _IN_HAND:
            withdrawn.recalled_items.append(item.item.item_id)
        elif item.status == _WAITING:
            withdrawn.lapsed_items.append(item.item.item_id)
    assert withdrawn.recalled_items, "a running matter without an open item"
    return event


def _record_visit(state: MatterState, command: IntakeCommand) -> MatterEvent | CommandRefused:
    refusal = Refusal("record_visit")
    check_sender(command, refusal)
    visit = command.record_visit
    check_reason("record_visit.reason", visit.reason, refusal)
    if visit.division:
        check_division("record_visit.division", visit.division, refusal)
    if command.actor.role not in _VISIT_ROLES:
        refusal.add("actor.role", Reason.REASON_ROLE_NOT_ALLOWED, {"allowed": "CLERK, APPLICANT, AGENT, SYSTEM"})
    if state.status == _UNKNOWN:
        refusal.add("matter_id", Reason.REASON_MATTER_UNKNOWN)
    if refusal:
        return told(refusal)
    event = MatterEvent(actor=command.actor)
    recorded = event.visit_recorded
    recorded.reason = visit.reason
    recorded.division = visit.division
    recorded.visits = state.visits + 1
    recorded.before_result = state.status != _COMPLETED
    return event


def _find(state: MatterState, item_id: str) -> ItemState | None:
    for one in state.items:
        if one.item.item_id == item_id:
            return one
    return None


def _open(item: ItemState, told_event: ApprovalEvent) -> MatterEvent:
    assert item.status == _SENT, "a task opened that nobody asked for"
    told = told_event.task_opened
    event = MatterEvent()
    event.actor.CopyFrom(told_event.actor)
    opened = event.item_opened
    opened.item_id = told_event.item_id
    opened.legal_deadline.CopyFrom(told.legal_deadline)
    opened.promised_deadline.CopyFrom(told.promised_deadline)
    opened.deadline_provisional = told.deadline_provisional
    return event


def _set_result(result: ItemResult, item: ItemState, outcome: ItemOutcome, told_event: ApprovalEvent) -> None:
    """Make `result` that of `item`, which the task's event brings to its end."""
    result.item_id = told_event.item_id
    result.outcome = outcome
    result.time.CopyFrom(told_event.time)
    if outcome == _WITHDRAWN:
        result.department = item.item.department
        return
    decided = told_event.task_decided
    result.automatic = decided.automatic
    result.opinion = decided.opinion
    result.department = decided.department or item.item.department
    result.certificates.extend(decided.certificates)


def _consequences(state: MatterState, item_id: str, outcome: ItemOutcome) -> tuple[list[str], list[str], bool]:
    """Return what follows from an item's end, in the matter's order.

    First which items open, second which can never open any more, third whether nothing is left to wait for.
    """
    waiting: list[Item] = []
    is_last = True
    for one in state.items:
        status = one.status
        if status == _WAITING:
            waiting.append(one.item)
        elif is_last and status != _CONCLUDED:
            is_last = one.item.item_id == item_id
    if not waiting:
        return [], [], is_last
    if outcome == _GRANTED:
        granted = {one.item.item_id for one in state.items if one.result.outcome == _GRANTED}
        granted.add(item_id)
        return [item.item_id for item in waiting if granted.issuperset(item.depends_on)], [], False
    lost = {item_id}
    grown = True
    # The catalogue may name an item before what it depends on: go on until nothing is added.
    while grown:
        more = {item.item_id for item in waiting if not lost.isdisjoint(item.depends_on)}
        grown = not more <= lost
        lost |= more
    lapsed = [item.item_id for item in waiting if item.item_id in lost]
    return [], lapsed, is_last and len(lapsed) == len(waiting)


def _outcome(state: MatterState, granted: int, results: int) -> MatterOutcome:
    """Every item granted is GRANTED, even when a withdrawal crossed the last decision: they stand."""
    if granted == results:
        return MatterOutcome.MATTER_OUTCOME_GRANTED
    if state.status == _WITHDRAWING:
        return MatterOutcome.MATTER_OUTCOME_WITHDRAWN
    return MatterOutcome.MATTER_OUTCOME_PARTLY_DENIED if granted else MatterOutcome.MATTER_OUTCOME_DENIED
