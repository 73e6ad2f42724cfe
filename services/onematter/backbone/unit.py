"""The unit of work in memory: from a record and an aggregate to events, outgoing records, timers and outcomes.

Pure but for changing the Held and the Step that it is given; on any exception the caller drops both.

Rule 1 (keys): a command from outside on the wrong partition, or under another key than its matter's, is forwarded,
never handled.
Rule 2 (streams): of a stream only the next record is taken in; duplicates are dropped, a changed one is an alarm, a gap
parks.
Rule 3 (writers): a stream counts only from a deployment that the topics table lets write to its topic.
Rule 4 (refusals are outcomes): what comes from outside has exactly one kept outcome, published when it is a refusal.
Rule 5 (one cause, one event): the event is the fact of the step; commands and timers follow from it.
Rule 6 (parking): a parked stream takes in nothing behind its first parked record; other streams go on.
Rule 7 (restore): an answer to what is not sent again yet waits until it is.
Rule 8 (sizes): what could not be produced is never committed.
"""

from __future__ import annotations

from typing import Any, Generic

from google.protobuf.message import Message

from onematter.backbone import ledger as books
from onematter.backbone.finishing import Finisher, trace_of
from onematter.backbone.ledger import Verdict
from onematter.backbone.records import DeadRecord, Record, Sending, present
from onematter.backbone.requests import malformed_request, name_of
from onematter.backbone.service import Aggregate, C, Change, E, S
from onematter.backbone.step import Held, Letter, LetterStatus, ParkedRow, Step, TimerRow, dead_letter
from onematter.backbone.v1.ledger_pb2 import Ledger
from onematter.common.v1.actor_pb2 import Actor, ActorRole
from onematter.common.v1.outcome_pb2 import Cause, CommandRefused, Reason
from onematter.contracts.aggregate import NO_EFFECTS, Context, Effects, Undecodable, UnknownType, refuse
from onematter.contracts.keys import partition_of
from onematter.contracts.limits import MAX_COMMAND_BYTES, MAX_PRINCIPAL_LENGTH, MAX_REQUEST_ID_LENGTH
from onematter.contracts.times import set_unix_ms, unix_ms
from onematter.contracts.topics import TopicTable


class UnitOfWork(Generic[S, C, E]):
    """The rules of this module for one deployment and its aggregate."""

    def __init__(self, aggregate: Aggregate[S, C, E], deployment: str, table: TopicTable) -> None:
        self.aggregate = aggregate
        self.deployment = deployment
        self.partitions = table.partitions
        self.events_topic = table.events_topic(deployment)
        self.dead_letters = table.dead_letters(table.deployments[deployment].service)
        self.owned = frozenset(t.name for t in table.topics.values() if t.owner == deployment)
        self._writers = {topic.name: table.writers_of(topic) for topic in table.topics.values()}
        self._finisher = Finisher(table.max_message_bytes)
        self.type_of = self._finisher.type_of
        self._system = Actor(principal=deployment, role=ActorRole.ACTOR_ROLE_SYSTEM)

    def new(self, lane: int) -> Held[S]:
        """An aggregate of which nothing is known yet."""
        return Held(lane, self.aggregate.state_type(), Ledger())

    def decode(self, step: Step[S, E], record: Record) -> C | None:
        """The record's command, or None when it needs no handling: not ours, undecodable, forwarded.

        Raises UnknownType for an owner, which parks it; an observer passes over it.
        """
        try:
            if record.writer and record.writer not in self._writers.get(record.topic, ()):
                raise Undecodable("a stream of a deployment that may not write to this topic")
            command = self.aggregate.command_from(record)
        except Undecodable as error:
            if record.writer and record.key:
                raise
            self.bury(step, record, f"undecodable: {error}")
            return None
        except UnknownType:
            if self.aggregate.observer and record.topic not in self.owned:
                return None
            raise
        if command is None:
            return None
        if not record.writer:
            key = self.aggregate.key_of(command)
            if not key:
                self.bury(step, record, "undecodable: the command names no matter")
                return None
            if key != record.key or partition_of(key.encode(), self.partitions) != record.partition:
                self._forward(step, record, key)
                return None
        elif not record.key:
            self.bury(step, record, "undecodable: a record of a stream needs its matter's key")
            return None
        return command

    def handle(self, step: Step[S, E], held: Held[S], record: Record, command: C | None) -> None:
        """Deal with one record. `command` None: a record of a stream that is passed over but counted."""
        if record.writer:
            self._handle_inside(step, held, record, command)
        elif command is not None:
            self._handle_outside(step, held, record, command)

    def handle_timer(self, step: Step[S, E], held: Held[S], row: TimerRow) -> None:
        """Deal with a timer that is due; one with another version than the ledger's does nothing."""
        entry = books.timer(held.ledger, row.name)
        step.touched[row.matter_id] = held
        gone = TimerRow(row.lane, row.matter_id, row.name, row.version, 0)
        if entry.version != row.version or entry.due_unix_ms != row.due_unix_ms:
            step.timers.setdefault((row.matter_id, row.name), gone)
            return
        entry.due_unix_ms = 0
        step.timers[row.matter_id, row.name] = gone
        context = Context(row.due_unix_ms, row.lane, -1, held.ledger)
        command = self.aggregate.timer_command(row.name)
        event: Any = self._decide(held, command, context)
        if event is not None:
            event.cause.id = f"timer/{row.name}/{row.version}"
            self._tell(step, held, row.matter_id, event, self._system, row.due_unix_ms, "", None)

    def park(self, step: Step[S, E], held: Held[S], record: Record, reason: str, *, letter: bool = True) -> None:
        """Keep the record, and all behind it in its stream, until replay or drop; tell it as a dead letter."""
        stream = held.stream(record.writer, record.topic)
        if record.writer and books.judge(stream, record) is Verdict.DUPLICATE:
            step.count("duplicates")
            return
        stream.parked += 1
        step.touched[record.key] = held
        step.parked.append(ParkedRow(record, reason))
        if letter:
            step.count("parked")
            self._tell_dead(step, record, reason)

    def bury(self, step: Step[S, E], record: Record | DeadRecord, reason: str) -> None:
        """A dead letter of which nothing waits."""
        self._tell_dead(step, record, reason)
        step.letters.append(Letter(record, reason, LetterStatus.SET_ASIDE))

    def _tell_dead(self, step: Step[S, E], record: Record | DeadRecord, reason: str) -> None:
        step.count("dead_letters")
        step.send(dead_letter(self.dead_letters, record, reason))

    def is_home(self, record: Record) -> bool:
        """Whether the record stands on its key's partition. Another lane must not write the matter's row."""
        return bool(record.key) and partition_of(record.key.encode(), self.partitions) == record.partition

    def turn_away(self, step: Step[S, E], record: Record, reason: str) -> None:
        """What failed away from home goes home by its key; without a key it is a dead letter."""
        if record.key:
            self._forward(step, record, record.key)
        else:
            self.bury(step, record, reason)

    def replay(self, step: Step[S, E], held: Held[S], row: ParkedRow) -> LetterStatus:
        """Deal with a parked record as its action says; what became of it, PARKED when it must go on waiting."""
        record = row.record
        stream = held.stream(record.writer, record.topic)
        became = LetterStatus.DROPPED
        if row.action == "drop":
            if record.writer and record.sequence > stream.last_sequence:
                books.take_in(stream, record)
        else:
            verdict = books.judge(stream, record) if record.writer else Verdict.NEXT
            if verdict in (Verdict.GAP, Verdict.BEHIND_PARKED):
                return LetterStatus.PARKED
            if record.writer and verdict is Verdict.NEXT and self._is_ahead(held, self.decode(step, record)):
                return LetterStatus.PARKED
            if verdict is Verdict.DUPLICATE:
                became = LetterStatus.DUPLICATE
            else:
                waiting, stream.parked = stream.parked, 0
                became = self._hand_over(step, held, record)
                stream.parked = waiting
        stream.parked -= 1
        step.touched[record.key] = held
        step.unparked.append(record)
        if became is not LetterStatus.SET_ASIDE:
            step.letters.append(Letter(record, row.reason, became))
        return became

    def _hand_over(self, step: Step[S, E], held: Held[S], record: Record) -> LetterStatus:
        """Deal with a record that was parked as with any other; what became of it."""
        letters, forwarded = len(step.letters), step.counts.get("forwarded", 0)
        self.handle(step, held, record, self.decode(step, record))
        if len(step.letters) > letters:
            return LetterStatus.SET_ASIDE
        if step.counts.get("forwarded", 0) > forwarded:
            return LetterStatus.FORWARDED
        return LetterStatus.REPLAYED

    def _forward(self, step: Step[S, E], record: Record, key: str) -> None:
        step.count("forwarded")
        raw = key.encode()
        partition = partition_of(raw, self.partitions)
        sending = Sending(record.topic, partition, raw, record.value, headers=present(record.headers))
        step.sendings.setdefault(record.partition, []).append(sending)

    def _handle_inside(self, step: Step[S, E], held: Held[S], record: Record, command: C | None) -> None:
        stream = held.stream(record.writer, record.topic)
        verdict = books.judge(stream, record)
        if verdict is Verdict.DUPLICATE:
            step.count("duplicates")
            return
        step.touched[record.key] = held
        if verdict is Verdict.ALARM:
            step.count("alarms")
            self.bury(step, record, f"alarm: sequence {record.sequence} came again with another content")
            return
        if verdict is Verdict.GAP:
            step.count("gaps")
            self.park(step, held, record, f"gap: sequence {stream.last_sequence + 1} is missing")
            return
        if verdict is Verdict.BEHIND_PARKED:
            self.park(step, held, record, "behind a parked record", letter=False)
            return
        if verdict is Verdict.NEXT and self._is_ahead(held, command):
            step.count("ahead")
            self.park(step, held, record, "ahead: it answers what is not sent again yet", letter=False)
            return
        books.take_in(stream, record)
        if stream.parked:
            step.replays.append((record.key, record.writer, record.topic))
        if command is None:
            return
        context = Context(record.timestamp_unix_ms, record.partition, record.offset, held.ledger)
        if self.aggregate.absorb is not None:
            held.state = self.aggregate.absorb(held.state, command, context)
        event: Any = self._decide(held, command, context) if verdict is Verdict.NEXT else None
        if event is None:
            step.changes.append(Change(record.key, held.lane, held.state, None, record))
            return
        cause = event.cause
        cause.id = record.id
        cause.digest = record.digest
        position = cause.position
        position.writer = record.writer
        position.topic = record.topic
        position.sequence = record.sequence
        now, trace = record.timestamp_unix_ms, record.traceparent
        self._tell(step, held, record.key, event, self._system, now, trace, record)

    def _handle_outside(self, step: Step[S, E], held: Held[S], record: Record, command: Any) -> None:
        parked = books.find_received(held.ledger, "", record.topic)
        step.touched[record.key] = held
        if parked is not None and parked.parked:
            self.park(step, held, record, "behind a parked record", letter=False)
            return
        refused = malformed_request(command, len(record.value))
        # Of a request that is malformed no more is kept than an outcome needs.
        actor: Actor = (
            command.actor if refused is None else Actor(principal=command.actor.principal[:MAX_PRINCIPAL_LENGTH])
        )
        principal, request_id = actor.principal, command.request_id[:MAX_REQUEST_ID_LENGTH]
        if books.find_outcome(held.ledger, principal, request_id, record.digest) is not None:
            step.count("duplicates")
            return
        context = Context(record.timestamp_unix_ms, record.partition, record.offset, held.ledger)
        if refused is None and books.is_reused(held.ledger, principal, request_id):
            refused = refuse(name_of(command), "request_id", Reason.REASON_REQUEST_ID_REUSED)
        event: Any
        if refused is not None:
            event = self._refusal(refused)
        else:
            if self.aggregate.absorb is not None:
                held.state = self.aggregate.absorb(held.state, command, context)
            event = self._decide(held, command, context)
        cause = Cause() if event is None else event.cause
        cause.id = record.id
        cause.digest = record.digest
        cause.principal = principal
        cause.request_id = request_id
        if len(record.value) <= MAX_COMMAND_BYTES:
            cause.received = record.value
        cause.position.topic = record.topic
        now, trace = record.timestamp_unix_ms, record.traceparent
        if event is None:
            self._keep_outcome(held, record.key, cause, now, None)
            step.changes.append(Change(record.key, held.lane, held.state, None, record))
            return
        self._tell(step, held, record.key, event, actor, now, trace, record)

    def _decide(self, held: Held[S], command: C, context: Context) -> E | None:
        decision = self.aggregate.decide(held.state, command, context)
        if isinstance(decision, CommandRefused):
            return self._refusal(decision)
        return decision

    def _refusal(self, refused: CommandRefused) -> E:
        return self.aggregate.event_type(command_refused=refused)

    def _tell(
        self,
        step: Step[S, E],
        held: Held[S],
        matter_id: str,
        event: Any,
        actor: Actor,
        now_unix_ms: int,
        traceparent: str,
        record: Record | None,
    ) -> None:
        """Publish `event`, whose cause is filled in, and what follows from it."""
        event.matter_id = matter_id
        set_unix_ms(event.time, now_unix_ms)
        if not event.HasField("actor"):
            event.actor.CopyFrom(actor)
        if event.WhichOneof("event") == "command_refused":
            step.count("refusals")
        trace = traceparent or trace_of(matter_id)
        step.touched[matter_id] = held
        self._send_next(step, held, self.events_topic, matter_id, event, "event", now_unix_ms, trace)
        if event.cause.request_id or event.cause.received:
            self._keep_outcome(held, matter_id, event.cause, now_unix_ms, event)
        held.state = self.aggregate.evolve(held.state, event)
        effects = self.aggregate.react(held.state, event)
        if effects is not NO_EFFECTS:
            self._follow(step, held, matter_id, effects, now_unix_ms, trace)
        step.changes.append(Change(matter_id, held.lane, held.state, event, record))

    def _send_next(
        self,
        step: Step[S, E],
        held: Held[S],
        topic: str,
        matter_id: str,
        message: Message,
        oneof: str,
        now_unix_ms: int,
        trace: str,
    ) -> None:
        """Send `message` as the next record of the stream that this deployment writes to `topic`."""
        stream = held.sent_stream(topic)
        sequence = stream.last_sequence + 1
        stream.last_sequence = sequence
        step.send(self._finisher.sending(held.lane, topic, matter_id, message, oneof, sequence, now_unix_ms, trace))

    def _is_ahead(self, held: Held[S], command: C | None) -> bool:
        answer_to = self.aggregate.answer_to
        asked = None if command is None or answer_to is None else answer_to(command)
        if asked is None or asked.writer != self.deployment:
            return False
        return held.is_ahead(asked.topic, asked.sequence)

    def _follow(
        self, step: Step[S, E], held: Held[S], matter_id: str, effects: Effects, now_unix_ms: int, trace: str
    ) -> None:
        for outgoing in effects.commands:
            self._send_next(step, held, outgoing.topic, matter_id, outgoing.command, "command", now_unix_ms, trace)
        if effects.commands:
            # What came ahead of them is tried again.
            step.replays += [(matter_id, s.writer, s.topic) for s in held.ledger.received if s.parked]
        for wanted in effects.timers:
            entry = books.timer(held.ledger, wanted.name)
            entry.version += 1
            entry.due_unix_ms = wanted.due_unix_ms or 0
            step.timers[matter_id, wanted.name] = TimerRow(
                held.lane, matter_id, wanted.name, entry.version, entry.due_unix_ms
            )

    def _keep_outcome(self, held: Held[S], matter_id: str, cause: Cause, now_unix_ms: int, event: Any) -> None:
        outcome = books.keep_outcome(held.ledger, matter_id, cause, now_unix_ms)
        if event is not None:
            told_by = outcome.told_by
            told_by.writer = self.deployment
            told_by.topic = self.events_topic
            told_by.sequence = held.sent_stream(self.events_topic).last_sequence
            if event.WhichOneof("event") == "command_refused":
                outcome.refused.CopyFrom(event.command_refused)

    def fold(self, step: Step[S, E], held: Held[S], record: Record) -> bool:
        """Take over one event that this deployment published and its database does not know. False when it is known.

        The event names its cause: an outcome is kept again, a record of a stream is noted as settled, a timer is
        taken away. What followed from the event is derived again and sent again; receivers drop what they have.
        Raises AssertionError when an event in between is missing.
        """
        stream = held.sent_stream(self.events_topic)
        if record.sequence <= stream.last_sequence:
            return False
        if record.sequence != stream.last_sequence + 1:
            raise AssertionError(f"own event {stream.last_sequence + 1} of a matter is missing from the topic")
        event: Any = self.aggregate.event_type.FromString(record.value)
        cause: Cause = event.cause
        stream.last_sequence = record.sequence
        step.touched[record.key] = held
        if cause.request_id or cause.received:
            self._keep_outcome(held, record.key, cause, unix_ms(event.time), event)
        elif cause.position.writer:
            known = books.received(held.ledger, cause.position.writer, cause.position.topic)
            if cause.position.sequence > known.last_sequence:
                known.settled.append(cause.position.sequence)
        else:
            _, name, version = cause.id.split("/")
            entry = books.timer(held.ledger, name)
            entry.version, entry.due_unix_ms = int(version), 0
            step.timers[record.key, name] = TimerRow(held.lane, record.key, name, int(version), 0)
        held.state = self.aggregate.evolve(held.state, event)
        effects = self.aggregate.react(held.state, event)
        self._follow(step, held, record.key, effects, unix_ms(event.time), record.traceparent)
        step.changes.append(Change(record.key, held.lane, held.state, event, None))
        return True
