"""Decide what becomes of one matter (一件事), from hand-in to the one result.

Rule 1: everything that can change a matter is decided in this file; what a hand-in must fulfil stands in
`checks`, and what an event means in `fold`.
Rule 2: nothing here reads a clock, a socket or a random number; such facts come in with the Context.
Rule 3: an item opens when, and only when, everything it depends on is granted; what can never open lapses at
once, and independent siblings run on.
Rule 4: the one event that brings the last item to its end is the one result, and carries the results of all.
Rule 5: an approval event that no task of this matter can have caused is a broken invariant (AssertionError):
the unit of work parks it, and nothing is guessed. A crossing (decided while being withdrawn) is no error.
Rule 6: what a rule grants (秒批) without consequence in a running matter (no item opens, it is not the last), while no
item is in a person's hands (OPEN), is absorbed: its item is concluded without an event of its own, and the matter's
next event that is no refusal tells it. So nothing that is untold waits for a person: the event that opens an item tells
what was before it. What a person decides, every denial, and what has a consequence is an event at once.
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
from onematter.intake.fold import drop_application, evolve, react, set_lapsed
from onematter.intake.plans import Plans
from onematter.intake.results import consequences, outcome_of, set_result, untold
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_events_pb2 import ItemOutcome, MatterCompleted, MatterEvent
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
_GRANT = Decision.DECISION_GRANT
_DECISIONS = {
    _GRANT: _GRANTED,
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
    """An event of approval, the topic on which it was told, and its number in the matter's stream there."""

    event: ApprovalEvent
    topic: str
    sequence: int


Command: TypeAlias = "IntakeCommand | Unfit | Heard | TimerDue"


class Core:
    """The Matter of one deployment: `absorb`, `decide`, `evolve` and `react` for the unit of work."""

    def __init__(self, catalogue: Catalogue, table: TopicTable, deployment: str = "intake") -> None:
        self._catalogue = catalogue
        self._plans = Plans(table)
        self._partitions = table.partitions
        self._deployment = deployment
        # A commands topic is read by its owner alone; what was asked stands in the event that it caused.
        self._owners = {t.name: t.owner for t in table.topics.values() if t.kind == "events"}

    def absorb(self, state: MatterState, command: Command, context: Context) -> MatterState:
        """Conclude the item of a decision that is no event of its own (Rule 6); of all else leave `state` untouched.

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
        day = legal_date(context.now_unix_ms)
        prepared = check_submission(command, self._catalogue, self._plans, day)
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
            day, division, channel, (context.offset * self._partitions + context.partition) % SERIALS
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
                return _open(state, item, told_event)
            case "task_decided":
                outcome = _DECISIONS.get(told_event.task_decided.decision)
                assert outcome is not None, "a task decided without a decision"
                if _is_absorbed(item, heard):
                    return None
                return self._conclude(state, item, outcome, heard, context)
            case "task_recalled":
                assert state.status == _WITHDRAWING, "a task recalled that nobody recalls"
                return self._conclude(state, item, _WITHDRAWN, heard, context)
            case "task_claimed" | "task_overdue":
                return None
            case _:
                raise AssertionError("an approval event without content")

    def _conclude(
        self, state: MatterState, item: ItemState, outcome: ItemOutcome, heard: Heard, context: Context
    ) -> MatterEvent:
        assert item.status in _IN_HAND, "an approval event for an item that is not in a department's hands"
        told_event = heard.event
        opened, lapsed, is_last = consequences(state, told_event.item_id, outcome)
        event = MatterEvent()
        event.actor.CopyFrom(told_event.actor)
        if not is_last:
            concluded = event.item_concluded
            set_result(concluded.result, item, outcome, told_event, heard.sequence)
            concluded.opened_items.extend(opened)
            concluded.lapsed_items.extend(lapsed)
            concluded.earlier_results.extend(untold(state))
            return event
        completed = event.matter_completed
        add = completed.results.add
        granted = 0
        ends: dict[str, int] = {}
        for one in state.items:
            result = add()
            pinned = one.item
            item_id = pinned.item_id
            if item_id == told_event.item_id:
                set_result(result, item, outcome, told_event, heard.sequence)
            elif item_id in lapsed:
                set_lapsed(result, one)
                set_unix_ms(result.time, context.now_unix_ms)
            else:
                result.CopyFrom(one.result)
            granted += result.outcome == _GRANTED
            sequence = result.sequence
            if sequence:
                topic = pinned.events_topic
                ends[topic] = max(sequence, ends.get(topic, 0))
        completed.outcome = outcome_of(state, granted, len(completed.results))
        completed.handed_in.CopyFrom(state.handed_in)
        completed.visits = state.visits
        completed.matter_code = state.matter_code
        completed.division = state.division
        completed.name.CopyFrom(state.name)
        completed.matter_number = state.matter_number
        self._add_manifest(completed, ends, context)
        return event

    def _add_manifest(self, completed: MatterCompleted, ends: dict[str, int], context: Context) -> None:
        """Name the last record of every stream of the matter, the result itself included, by (writer, topic).

        `ends`: the largest sequence of a result, by events topic. After a restore a result may be known from an own
        event before its stream is read again; then the ledger does not have the stream as far as that.
        """
        own, owners = self._deployment, self._owners
        last: dict[tuple[str, str], int] = {}
        for sent in context.ledger.sent:
            topic = sent.topic
            if topic in owners:
                last[own, topic] = sent.last_sequence
        last[own, MATTER_EVENTS] = last.get((own, MATTER_EVENTS), 0) + 1
        for received in context.ledger.received:
            writer, sequence = received.writer, received.last_sequence
            if writer and sequence:
                last[writer, received.topic] = sequence
        for topic, sequence in ends.items():
            stream = owners[topic], topic
            if sequence > last.get(stream, 0):
                last[stream] = sequence
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
    withdrawn.earlier_results.extend(untold(state))
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
    recorded.earlier_results.extend(untold(state))
    return event


def _find(state: MatterState, item_id: str) -> ItemState | None:
    for one in state.items:
        if one.item.item_id == item_id:
            return one
    return None


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


def _is_absorbed(item: ItemState, heard: Heard) -> bool:
    """Whether the item's result is what a rule decided by this very record: just now, or before a restore."""
    if item.status != _CONCLUDED:
        return False
    result = item.result
    return result.automatic and result.sequence == heard.sequence


def _open(state: MatterState, item: ItemState, told_event: ApprovalEvent) -> MatterEvent:
    assert item.status == _SENT, "a task opened that nobody asked for"
    opening = told_event.task_opened
    event = MatterEvent()
    event.actor.CopyFrom(told_event.actor)
    opened = event.item_opened
    opened.item_id = told_event.item_id
    opened.legal_deadline.CopyFrom(opening.legal_deadline)
    opened.promised_deadline.CopyFrom(opening.promised_deadline)
    opened.deadline_provisional = opening.deadline_provisional
    opened.earlier_results.extend(untold(state))
    return event
