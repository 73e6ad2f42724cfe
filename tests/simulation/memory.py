"""The Log and Store ports in memory, with the semantics of a broker and of a database that the rules rest on.

Rule 1: what is written is serialised, so that no object leaks from one process into another.
Rule 2: a lane's row is locked from `begin` to `commit` or `rollback`. The transaction of a process that is gone stays
open, with its locks, until `Database.settle`; only one that was lost inside `commit` may still be committed.
Rule 3: who would wait for a lock raises Blocked, and does the same call again later.
Rule 4: what was sent and not flushed arrives as a prefix, perhaps long after the process is gone.
"""

from __future__ import annotations

import copy
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from tests.simulation.broker import Broker, Entry, Produced
from tests.simulation.database import Database, Lane, Transaction
from tests.simulation.weather import Blocked, Crashed, Weather

from onematter.backbone.ports import BadData, Fenced, Identity, Unavailable
from onematter.backbone.records import DeadRecord, Record, Sending, decode_outbox, encode_outbox, headers_of, read
from onematter.backbone.step import LaneRow, Letter, OperationRow, ParkedRow, Step, TimerRow
from onematter.backbone.v1.operations_service_pb2 import OperationOutcome, OperationStatus


class MemoryLog:
    """One member of a deployment's consumer group."""

    def __init__(self, broker: Broker, deployment: str, weather: Weather) -> None:
        self.broker, self.deployment, self.weather = broker, deployment, weather
        self._inputs = broker.table.inputs(deployment)
        self._events = broker.table.events_topic(deployment)
        self.news: frozenset[int] | None = None
        self._assigned: frozenset[int] | None = None
        self._positions: dict[tuple[str, int], int] = {}
        self.pending: list[Produced] = []

    def identity(self) -> Identity:
        """Of the one cluster there is."""
        return Identity("memory", {topic: topic for topic in self._inputs})

    def poll(self, max_records: int, timeout_seconds: float) -> list[Record | DeadRecord]:
        """Records of every started partition, each in its order, the partitions in any."""
        self.weather.before("poll")
        if self.news is not None and self.weather.learns():
            self._assigned, self.news = self.news, None
            self._positions = {}
        broker = self.broker
        records: list[Record | DeadRecord] = []
        places = [place for place, start in self._positions.items() if start < len(broker.topics[place[0]][place[1]])]
        if broker.away:
            places = []
        if broker.slow:
            places = [place for place in places if place not in broker.slow]
        self.weather.shuffle(places)
        for topic, lane in places:
            start = self._positions[topic, lane]
            entries = broker.topics[topic][lane]
            count = self.weather.portion(min(len(entries) - start, max_records - len(records)))
            for offset in range(start, start + count):
                records.append(read_entry(topic, lane, offset, entries[offset]))
            self._positions[topic, lane] = start + count
        broker.delivered += len(records)
        self.weather.after("poll")
        return records

    def assigned(self) -> frozenset[int] | None:
        """The lanes of an assignment that `start` has not answered."""
        return self._assigned

    def start(self, offsets: Mapping[int, Mapping[str, int]]) -> None:
        """Consume from these offsets."""
        self.weather.before("start")
        self._assigned = None
        self._positions = {
            (topic, lane): known.get(topic, 0) for lane, known in offsets.items() for topic in self._inputs
        }

    def stop(self) -> None:
        """Consume nothing."""
        self._positions = {}

    def send(self, sendings: Sequence[Sending]) -> None:
        """Hand over in order; some of it may arrive at once."""
        self.weather.before("send")
        self.pending += [
            Produced(s.topic, s.partition, s.key, s.value, headers_of(s, self.deployment)) for s in sendings
        ]
        self.deliver(0 if self.broker.away else self.weather.arrives(len(self.pending)))
        self.weather.after("send")

    def deliver(self, count: int) -> None:
        """The first `count` of what is pending arrives."""
        for record in self.pending[:count]:
            self.broker.append(record)
        del self.pending[:count]

    def flush(self) -> None:
        """Everything arrives; or a part of it, and the rest is given up: it is lost, or still arrives some day."""
        self._reach("flush")
        if self.pending and self.weather.breaks():
            self.deliver(self.weather.portion(len(self.pending)))
            given_up, self.pending = self.pending, []
            self.weather.gives_up(given_up)
            raise Unavailable("the log is away")
        self.deliver(len(self.pending))
        self.weather.after("flush")

    def _reach(self, call: str) -> None:
        self.weather.before(call)
        if self.broker.away:
            given_up, self.pending = self.pending, []
            self.weather.gives_up(given_up)
            raise Unavailable("the log is away")

    def own_events_end(self, lane: int) -> int:
        """The end of the own events topic."""
        self._reach("own_events_end")
        return len(self.broker.topics[self._events][lane])

    def own_events(self, lane: int, start: int, end: int) -> Iterable[Record]:
        """The own events between two offsets."""
        self._reach("own_events")
        for offset in range(start, end):
            record = read_entry(self._events, lane, offset, self.broker.topics[self._events][lane][offset])
            if isinstance(record, Record):
                yield record


def read_entry(topic: str, lane: int, offset: int, entry: Entry) -> Record | DeadRecord:
    """The record as the unit of work sees it."""
    return read(topic, lane, offset, entry.timestamp_unix_ms, entry.key, entry.value, entry.headers)  # type: ignore[arg-type]


class MemoryStore:
    """One process's connection."""

    def __init__(self, database: Database, weather: Weather) -> None:
        self.database, self.weather = database, weather
        self.transaction: Transaction | None = None
        self.broken = False

    def _before(self, call: str) -> None:
        if self.broken:
            self.broken = False
            self.disconnect()
            raise Unavailable("the connection was cut")
        try:
            self.weather.before(call)
            if self.database.away:
                raise Unavailable("the database is away")
        except (Unavailable, Crashed):
            self.disconnect(committing=call == "commit")
            raise
        if self.transaction is not None and call != "rollback to":
            assert not self.transaction.aborted, f"{call} in a transaction that failed"

    def disconnect(self, committing: bool = False) -> None:
        """The connection is lost; the server learns of it later."""
        if self.transaction is not None:
            self.transaction.may_commit = committing
            self.database.orphans.append(self.transaction)
            self.transaction = None

    def take(self, lanes: Sequence[int], identity: Identity) -> list[LaneRow]:
        """Raise the epochs."""
        self._before("take")
        assert self.transaction is None
        if self.database.has_to_wait(lanes):
            raise Blocked
        rows: list[LaneRow] = []
        for lane in sorted(lanes):
            row = self.database.tables.lanes.setdefault(lane, Lane())
            row.epoch += 1
            rows.append(
                LaneRow(lane, row.epoch, dict(row.offsets), row.next_position, row.sent_position, row.own_offset)
            )
        self.weather.after("take")
        return rows

    def unsent(self, lane: int) -> list[Sending]:
        """The outbox behind the sent mark."""
        self._before("unsent")
        sent = self.database.tables.lanes[lane].sent_position
        blobs = sorted((at, box) for at, box in self.database.tables.outbox.items() if at[0] == lane)
        return [
            sending for (_, position), box in blobs if position >= sent for sending in decode_outbox(encode_outbox(box))
        ]

    def load(self, matter_ids: Sequence[str]) -> Mapping[str, tuple[bytes, bytes]]:
        """State and ledger of the aggregates that are there."""
        self._before("load")
        if self.transaction is None:
            rows = self.database.tables.aggregates
        else:
            rows = self.database.visible(self.transaction, "aggregates")
        return {matter_id: rows[matter_id][1:] for matter_id in matter_ids if matter_id in rows}

    def stale(self, epochs: Mapping[int, int]) -> list[int]:
        """The lanes that another process has taken."""
        rows = self.database.tables.lanes
        return [lane for lane, epoch in epochs.items() if lane not in rows or rows[lane].epoch != epoch]

    def begin(self, epochs: Mapping[int, int]) -> None:
        """Begin and lock the lanes."""
        self._before("begin")
        assert self.transaction is None, "a transaction is open"
        if self.database.has_to_wait(epochs):
            raise Blocked
        self.transaction = Transaction(tuple(sorted(epochs)))
        for lane in self.transaction.locks:
            self.database.locks[lane] = self.transaction
        stale = self.stale(epochs)
        if stale:
            raise Fenced(f"lanes {stale}")

    def _open(self) -> dict[tuple[str, Any], Any]:
        assert self.transaction is not None, "no transaction is open"
        return self.transaction.writes

    def write(self, step: Step[Any, Any]) -> None:
        """Aggregates, timers, parked records."""
        self._before("write")
        writes = self._open()
        assert self.transaction is not None
        for matter_id, held in step.touched.items():
            if "\0" in matter_id or self.database.refuses(matter_id):
                self.transaction.aborted = True
                raise BadData("a row was refused")
            writes["aggregates", matter_id] = (
                held.lane, held.state.SerializeToString(), held.ledger.SerializeToString(),
            )  # fmt: skip
        timers = self.database.visible(self.transaction, "timers") if step.timers else {}
        for key, timer in step.timers.items():
            if timer.due_unix_ms:
                writes["timers", key] = (timer.lane, timer.version, timer.due_unix_ms)
            elif key in timers and timers[key][1] <= timer.version:
                writes["timers", key] = None
        for row in step.parked:
            r = row.record
            if "\0" in r.key + r.writer + r.type + r.id + r.traceparent or r.sequence >= 2**63:
                self.transaction.aborted = True
                raise BadData("text with NUL, or a number out of range")
            writes["parked", (r.topic, r.partition, r.offset)] = (copy.copy(r), row.reason, "")
        for r in step.unparked:
            writes["parked", (r.topic, r.partition, r.offset)] = None
        for stream in step.replays:
            for key, (r, reason, _) in self.database.visible(self.transaction, "parked").items():
                if (r.key, r.writer, r.topic) == stream:
                    writes["parked", key] = (r, reason, "replay")
        for letter in step.letters:
            r = letter.record
            writes["letters", (r.topic, r.partition, r.offset)] = copy.copy(letter)
        for one in step.operations:
            writes["operations", one.number] = (
                one.lane, one.kind, one.topic, one.offset, one.matter_id, one.writer, one.status,
                one.outcome.SerializeToString(),
            )  # fmt: skip
        self.weather.after("write")

    def write_lanes(self, step: Step[Any, Any], rows: Mapping[int, LaneRow]) -> None:
        """Offsets, outbox and marks."""
        self._before("write_lanes")
        writes = self._open()
        for lane, sendings in step.sendings.items():
            # As bytes only when it is read again: deflating every batch would be a tenth of a simulation's time.
            writes["outbox", (lane, rows[lane].next_position)] = tuple(sendings)
        for lane in step.lanes():
            row = rows[lane]
            offsets = dict(step.offsets.get(lane, {}))
            position = row.next_position + (lane in step.sendings)
            writes["lanes", lane] = (offsets, position, row.sent_position, row.own_offset)
            for of, at in list(self.database.tables.outbox):
                if of == lane and at < row.sent_position:
                    writes["outbox", (of, at)] = None
        self.weather.after("write_lanes")

    @contextmanager
    def savepoint(self) -> Generator[None]:
        """A part that is undone on an exception."""
        self._before("savepoint")
        kept = dict(self._open())
        try:
            yield
        except Exception as error:
            if self.transaction is not None and not isinstance(error, Unavailable):
                self._before("rollback to")
                self.transaction.writes, self.transaction.aborted = kept, False
            raise

    def commit(self) -> None:
        """Commit."""
        self._before("commit")
        assert self.transaction is not None, "no transaction is open"
        transaction, self.transaction = self.transaction, None
        self.database.apply(transaction)
        self.weather.after("commit")

    def rollback(self) -> None:
        """Undo; never raises."""
        if self.transaction is not None:
            self.database.release(self.transaction)
            self.transaction = None

    def is_due(self, lanes: Sequence[int], now_unix_ms: int) -> bool:
        """Whether one of the three that follow finds anything."""
        return bool(self.due_timers(lanes, now_unix_ms, 1) or self.replays(lanes, 1) or self.operations(lanes, 1))

    def due_timers(self, lanes: Sequence[int], now_unix_ms: int, limit: int) -> list[TimerRow]:
        """Timers that are due."""
        self._before("due_timers")
        rows = [
            TimerRow(lane, matter_id, name, version, due)
            for (matter_id, name), (lane, version, due) in self.database.tables.timers.items()
            if lane in lanes and due <= now_unix_ms
        ]
        return sorted(rows, key=lambda t: (t.due_unix_ms, t.matter_id, t.name))[:limit]

    def replays(self, lanes: Sequence[int], limit: int) -> list[ParkedRow]:
        """Parked records with an action; their headers are not kept."""
        self._before("replays")
        rows = in_order(self.database.tables.parked) if self.database.tables.parked else []
        found = [
            ParkedRow(copy.copy(record), reason, action)
            for _, (record, reason, action) in rows
            if action and record.partition in lanes
        ]
        for row in found:
            row.record.headers = []
        return found[:limit]

    def operations(self, lanes: Sequence[int], limit: int) -> list[OperationRow]:
        """What operators ask and is not carried out to its end."""
        self._before("operations")
        if not self.database.tables.operations:
            return []
        found = [
            OperationRow(number, *row[:7], outcome=OperationOutcome.FromString(row[7]))
            for number, row in sorted(self.database.visible(self.transaction, "operations").items())
            if row[0] in lanes and row[6] == OperationStatus.OPERATION_STATUS_PENDING
        ]
        return found[:limit]

    def waiting(self, operation: OperationRow, limit: int) -> list[ParkedRow]:
        """The parked records of the operation's stream, in their order."""
        self._before("waiting")
        rows = self.database.visible(self.transaction, "parked")
        stream = (operation.matter_id, operation.writer)
        if not operation.matter_id:
            named = rows.get((operation.topic, operation.lane, operation.offset))
            if named is None:
                return []
            stream = (named[0].key, named[0].writer)
        found = [
            ParkedRow(copy.copy(record), reason, action)
            for (topic, _, _), (record, reason, action) in in_order(rows)
            if topic == operation.topic and (record.key, record.writer) == stream
        ]
        return found[:limit]

    def letter(self, operation: OperationRow) -> Letter | None:
        """What became of the operation's record."""
        self._before("letter")
        rows = self.database.visible(self.transaction, "letters")
        kept = rows.get((operation.topic, operation.lane, operation.offset))
        return copy.copy(kept) if kept is not None else None


def in_order(parked: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    """Parked rows, each stream's in the order of the stream: what fills a gap may stand behind what waits for it."""
    return sorted(parked.items(), key=lambda row: (row[0][:2], row[1][0].sequence, row[0][2]))
