"""The loop: state, messages and offsets move together.

A worker is a small state machine; `advance` takes its next phase, and a crash may come between any two:

    TAKE     raise the epochs of the assigned lanes, fold own events that the database doesn't know, send what stands
             unsent, start consuming from the database's offsets
    POLL     read a batch, and what is due of timers and replays; deal with it in memory
    EXECUTE  wait until the batch before is acknowledged; begin, check the epochs, write everything in one transaction
    COMMIT   commit
    SEND     send the own events and, when they are acknowledged, what follows from them: a service that is restored
             then knows of all that others were asked. The sent mark moves in the next transaction

Rule 1: every trouble (fenced, database away, send failed) ends in TAKE: caches are dropped, the database is the truth.
Rule 2: a batch that was not acknowledged is not followed by a commit on its lanes.
Rule 3: an exception or bad data in a batch: run it again message by message under savepoints, and park the culprit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from itertools import islice
from typing import Generic, Protocol

from google.protobuf.message import DecodeError

from onematter.backbone.cache import DEFAULT_AGGREGATES, DEFAULT_BYTES, AggregateCache
from onematter.backbone.due import Due, Housekeeping
from onematter.backbone.operating import Operating
from onematter.backbone.ports import BadData, Fenced, Log, Store, Unavailable, WrongCluster
from onematter.backbone.records import DeadRecord, Record, Sending
from onematter.backbone.service import C, E, S
from onematter.backbone.step import Held, LaneRow, LetterStatus, ParkedRow, Step, TimerRow, reason_of
from onematter.backbone.unit import UnitOfWork
from onematter.backbone.v1.ledger_pb2 import Ledger


class Phase(Enum):
    """What `advance` does next."""

    TAKE = "take"
    POLL = "poll"
    EXECUTE = "execute"
    COMMIT = "commit"
    SEND = "send"


class Observer(Protocol):
    """Is told what happened; metrics in production, the auditor in simulation."""

    def committed(self, step: Step[S, E], records: int) -> None:
        """A step is committed."""
        ...

    def trouble(self, what: str) -> None:
        """A step was given up: fenced, unavailable, rerun."""
        ...


class Worker(Generic[S, C, E]):
    """One process's share of a deployment's lanes."""

    def __init__(
        self,
        unit: UnitOfWork[S, C, E],
        log: Log,
        store: Store,
        observer: Observer,
        *,
        clock_unix_ms: Callable[[], int],
        max_batch: int = 1000,
        cached_aggregates: int = DEFAULT_AGGREGATES,
        cached_bytes: int = DEFAULT_BYTES,
        housekeeping_ms: int = 200,
        checkpoint_ms: int = 30_000,
        postpone_ms: int = 60_000,
    ) -> None:
        self.unit, self.log, self.store, self.observer = unit, log, store, observer
        self.clock_unix_ms = clock_unix_ms
        self.max_batch = max_batch
        self.checkpoint_ms = checkpoint_ms
        self.phase = Phase.POLL
        self.lanes: dict[int, LaneRow] = {}
        self._cache: AggregateCache[S] = AggregateCache(cached_aggregates, cached_bytes)
        self._wanted: frozenset[int] = frozenset()
        self._step: Step[S, E] | None = None
        self._records: list[Record | DeadRecord] = []
        self._due = Due()
        self._checkpoint_at = 0
        self._housekeeping = Housekeeping(store, limit=max_batch, every_ms=housekeeping_ms, postpone_ms=postpone_ms)
        self._operating = Operating(unit, store, self._held, self._cache.clear, max_batch)

    def advance(self, timeout_seconds: float = 0.1) -> Phase:
        """Take the next phase; returns the one taken. Raises Unavailable once it is set to take its lanes anew."""
        phase = self.phase
        try:
            if phase is Phase.TAKE:
                self._take()
            elif phase is Phase.POLL:
                self._poll(timeout_seconds)
            elif phase is Phase.EXECUTE:
                self._execute()
            elif phase is Phase.COMMIT:
                self._commit()
            else:
                self._send()
        except Fenced:
            self.observer.trouble("fenced")
            self._give_up()
        except Unavailable:
            self.observer.trouble("unavailable")
            self._give_up()
            raise
        return phase

    @property
    def flushed(self) -> bool:
        """Whether nothing that was committed still waits to be sent."""
        return self._step is None

    def oldest_unix_ms(self) -> int | None:
        """The broker's time of the oldest record that was read and is not committed."""
        if self.phase in (Phase.EXECUTE, Phase.COMMIT) and self._records:
            return min(record.timestamp_unix_ms for record in self._records)
        return None

    def keep_alive(self, timeout_seconds: float = 0.0) -> None:
        """Poll with nothing started, so that the group knows that this member lives while it waits."""
        self.log.poll(1, timeout_seconds)
        assigned = self.log.assigned()
        if assigned is not None:
            self._wanted = assigned

    def _give_up(self) -> None:
        self.store.rollback()
        self._cache.clear()
        self._step = None
        self.phase = Phase.TAKE
        self.log.stop()
        self.keep_alive(0.2)

    def _take(self) -> None:
        self._cache.clear()
        self.lanes = {row.lane: row for row in self.store.take(sorted(self._wanted), self.log.identity())}
        if not all(self._fold_own_events(row) for row in self.lanes.values()):
            return
        for row in self.lanes.values():
            self._hand_over(self.store.unsent(row.lane))
        self.log.flush()
        for row in self.lanes.values():
            row.sent_position = row.next_position
        self.log.start({row.lane: row.offsets for row in self.lanes.values()})
        self.phase = Phase.POLL

    def _fold_own_events(self, row: LaneRow) -> bool:
        """A service restored from an older database takes over what the world has seen of it already.

        That may take long: it goes on where it stopped, and its group hears of it in between. False when lanes were
        assigned anew meanwhile.
        """
        end = self.log.own_events_end(row.lane)
        if end < row.own_offset:
            raise WrongCluster(
                f"lane {row.lane}: the own events topic ends at {end}, but {row.own_offset} were published; it lost "
                "records: restore it, or start with an empty schema"
            )
        if end > row.own_offset:
            own = iter(self.log.own_events(row.lane, row.own_offset, end))
            while chunk := list(islice(own, self.max_batch)):
                row.own_offset = chunk[-1].offset + 1
                self._fold(row, [record for record in chunk if record.writer == self.unit.deployment])
                self.keep_alive()
                if self._wanted != frozenset(self.lanes):
                    return False
        row.own_offset = end
        return True

    def _fold(self, row: LaneRow, records: Sequence[Record]) -> None:
        step: Step[S, E] = Step()
        held = self._held([(record.key, row.lane) for record in records])
        folded: list[bool] = []
        for record in records:
            try:
                folded.append(self.unit.fold(step, held[record.key], record))
            except (AssertionError, DecodeError) as error:
                why = str(error) if isinstance(error, AssertionError) else "it is no event of ours"
                raise WrongCluster(
                    f"lane {row.lane}: own event at {record.topic}/{record.partition}/{record.offset}: {why};"
                    " restore the topic, or start with an empty schema"
                ) from error
        if any(folded):
            self.store.begin({row.lane: row.epoch})
            self.store.write(step)
            self.store.write_lanes(step, self.lanes)
            self.store.commit()
            row.next_position += row.lane in step.sendings
            self.observer.trouble("restored")
        self._cache.clear()

    def _hand_over(self, sendings: Sequence[Sending]) -> None:
        """Send the own events, and when the world has them what follows from them."""
        own = [one for one in sendings if one.topic == self.unit.events_topic]
        others = [one for one in sendings if one.topic != self.unit.events_topic]
        if own:
            self.log.send(own)
        if own and others:
            self.log.flush()
        if others:
            self.log.send(others)

    def _poll(self, timeout_seconds: float) -> None:
        records = self.log.poll(self.max_batch, timeout_seconds)
        assigned = self.log.assigned()
        if assigned is not None:
            self._wanted = assigned
            self.phase = Phase.TAKE
            return
        due = self._housekeeping.look(self.lanes, self.clock_unix_ms())
        if not (records or due):
            return
        self._records, self._due = records, due
        self._step = None
        if not due.one_by_one:
            try:
                self._step = self._deal_with(Step(), records, due.timers)
            except Unavailable:
                raise
            except Exception:
                # Whatever it is, the rerun finds the record and keeps what was thrown as its reason.
                self._cache.clear()
        self.phase = Phase.EXECUTE

    def _deal_with(
        self, step: Step[S, E], records: Sequence[Record | DeadRecord], timers: Sequence[TimerRow]
    ) -> Step[S, E]:
        unit = self.unit
        todo: list[tuple[Record, C | None]] = []
        for record in records:
            step.advance(record)
            if isinstance(record, DeadRecord):
                unit.bury(step, record, record.reason)
            elif record.writer and record.key:
                todo.append((record, None))
            elif (command := unit.decode(step, record)) is not None:
                todo.append((record, command))
        held = self._held([(r.key, r.partition) for r, _ in todo] + [(t.matter_id, t.lane) for t in timers])
        for record, command in todo:
            if command is None:
                # Only now, so that what a batch of a stream's records decodes to is never in memory all at once.
                command = unit.decode(step, record)
            unit.handle(step, held[record.key], record, command)
        for timer in timers:
            self.unit.handle_timer(step, held[timer.matter_id], timer)
        return step

    def _held(self, wanted: Sequence[tuple[str, int]]) -> dict[str, Held[S]]:
        """The aggregates of a batch, loaded in one query where they are not cached."""
        cache = self._cache
        held: dict[str, Held[S]] = {}
        missing: dict[str, int] = {}
        for matter_id, lane in wanted:
            known = cache.get(matter_id)
            if known is not None:
                held[matter_id] = known
            else:
                missing[matter_id] = lane
        if missing:
            rows = self.store.load(list(missing))
            state_type = self.unit.aggregate.state_type
            for matter_id, lane in missing.items():
                row = rows.get(matter_id)
                found: Held[S]
                if row is None:
                    found = self.unit.new(lane)
                else:
                    found = Held(lane, state_type.FromString(row[0]), Ledger.FromString(row[1]))
                    found.size_bytes = len(row[0]) + len(row[1])
                cache.put(matter_id, found)
                held[matter_id] = found
        return held

    def _epochs(self, lanes: Sequence[int]) -> dict[int, int]:
        missing = [lane for lane in lanes if lane not in self.lanes]
        if missing:
            raise Fenced(f"lanes {missing} are not taken")
        return {lane: self.lanes[lane].epoch for lane in lanes}

    def _execute(self) -> None:
        self.log.flush()
        # Before the transaction: it asks the broker, and nobody should wait for that behind the lanes' locks.
        self._checkpoint()
        step = self._step
        if step is not None:
            try:
                self.store.begin(self._epochs(step.lanes()))
                self.store.write(step)
            except BadData:
                self.store.rollback()
                self._cache.clear()
                step = None
        if step is None:
            if not self._due.one_by_one:
                self.observer.trouble("rerun")
            step = self._step = self._one_by_one()
        self.store.write_lanes(step, self.lanes)
        if self.unit.aggregate.before_commit is not None:
            self.unit.aggregate.before_commit()
        self.phase = Phase.COMMIT

    def _checkpoint(self) -> None:
        """Note, now and then, how far the own events are known to the database."""
        now = self.clock_unix_ms()
        if not self._checkpoint_at - self.checkpoint_ms <= now < self._checkpoint_at:
            self._checkpoint_at = now + self.checkpoint_ms
            for row in self.lanes.values():
                row.own_offset = self.log.own_events_end(row.lane)

    def _one_by_one(self) -> Step[S, E]:
        """The batch again, each message under a savepoint; one that fails parks its stream."""
        records, due, now = self._records, self._due, self.clock_unix_ms()
        self._cache.clear()
        whole: Step[S, E] = Step()
        lanes = {r.partition for r in records} | {row.record.partition for row in due.replays}
        lanes |= {timer.lane for timer in due.timers} | {operation.lane for operation in due.operations}
        self.store.begin(self._epochs(sorted(lanes)))
        for record in records:
            self._attempt(whole, record, lambda step, record=record: bool(self._deal_with(step, [record], [])))
        for timer in due.timers:
            if self._attempt(whole, None, lambda step, timer=timer: bool(self._deal_with(step, [], [timer]))):
                self._housekeeping.settle(timer)
            else:
                self._housekeeping.postpone(timer, now)
        blocked: set[tuple[str, str, str]] = set()
        for row in due.replays:
            stream = (row.record.key, row.record.writer, row.record.topic)
            if stream in blocked or not self._attempt(whole, None, lambda step, row=row: self._replay(step, row)):
                blocked.add(stream)
                row.action = ""
        self.store.write(Step(parked=[row for row in due.replays if not row.action]))
        if self._operating.carry_out(whole, due.operations, now):
            self._housekeeping.hurry()
        self._cache.clear()
        return whole

    def _attempt(
        self, whole: Step[S, E], record: Record | DeadRecord | None, deal: Callable[[Step[S, E]], bool]
    ) -> bool:
        """Run one message under a savepoint and merge what it leaves; on failure park its record."""
        step: Step[S, E] = Step()
        try:
            with self.store.savepoint():
                done = deal(step)
                self.store.write(step)
        except (Unavailable, Fenced):
            raise
        except Exception as error:
            self._cache.clear()
            if not isinstance(record, Record):
                self.observer.trouble("failed")
                return False
            step = Step()
            step.advance(record)
            if self.unit.is_home(record):
                held = self._held([(record.key, record.partition)])[record.key]
                self.unit.park(step, held, record, reason_of(error))
            else:
                self.unit.turn_away(step, record, reason_of(error))
            self.store.write(step)
            done = True
        whole.merge(step)
        return done

    def _replay(self, step: Step[S, E], row: ParkedRow) -> bool:
        held = self._held([(row.record.key, row.record.partition)])[row.record.key]
        return self.unit.replay(step, held, row) is not LetterStatus.PARKED

    def _commit(self) -> None:
        self.store.commit()
        assert self._step is not None
        self.observer.committed(self._step, len(self._records))
        self.phase = Phase.SEND

    def _send(self) -> None:
        step = self._step
        assert step is not None
        for lane in step.sendings:
            row = self.lanes[lane]
            row.next_position += 1
            row.sent_position = row.next_position
        self._hand_over([sending for sendings in step.sendings.values() for sending in sendings])
        self._cache.settle(step.touched)
        self._step = None
        self.phase = Phase.POLL
