"""The Store port on a real PostgreSQL: epochs, commits in flight, the outbox, savepoints, identity, timers, parking."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any

import psycopg
import pytest
from psycopg import sql
from tests.tail import DEADLINE_SECONDS, poll

from onematter.backbone.ports import BadData, Fenced, Identity, Unavailable, WrongCluster
from onematter.backbone.records import Record, Sending
from onematter.backbone.schema import create_backbone_tables
from onematter.backbone.step import Held, LaneRow, Step, TimerRow
from onematter.backbone.store import PostgresStore
from onematter.backbone.v1.ledger_pb2 import Ledger
from onematter.contracts.aggregate import UnknownType
from onematter.intake.v1.intake_state_pb2 import MatterState

TOPIC = "onematter.test.commands.v1"
OTHER = "onematter.test.events.v1"
HERE = Identity("cluster-1", {TOPIC: "id-1", OTHER: "id-2"}, 4)
AnyStep = Step[Any, Any]
# Longer than the store lets a transaction stand idle.
HANG_SECONDS = 40.0


class Operations:
    """Alembic's operations, as far as the backbone's tables need them."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def execute(self, statement: str) -> None:
        self._connection.execute(statement)  # type: ignore[arg-type]


class Database:
    """A schema with the backbone's tables, and stores on it."""

    def __init__(self, url: str, schema: str, connection: psycopg.Connection[Any]) -> None:
        self.url, self.schema, self._connection = url, schema, connection
        self._stores: list[PostgresStore] = []

    def store(self, project: Any = None) -> PostgresStore:
        """A process of its own, as far as the database sees it."""
        self._stores.append(PostgresStore(self.url, self.schema, project))
        return self._stores[-1]

    def rows(self, statement: Any, params: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        cursor = self._connection.execute(statement, params)
        return cursor.fetchall() if cursor.description else []

    def lane(self, lane: int) -> tuple[Any, ...]:
        """Epoch, offsets, next and sent position."""
        ((*row,),) = self.rows("SELECT epoch, offsets, next_position, sent_position FROM lanes WHERE lane = %s", [lane])
        return tuple(row)

    def blocked(self) -> list[str]:
        """What backends of this schema that wait for a lock are running."""
        name = f"onematter-{self.schema}"
        return [
            query
            for (query,) in self.rows(
                "SELECT query FROM pg_stat_activity"
                " WHERE application_name = %s AND cardinality(pg_blocking_pids(pid)) > 0",
                [name],
            )
        ]

    def close(self) -> None:
        for store in self._stores:
            store.close()
        self.rows(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(self.schema)))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    yield from a_schema(database_url)


def a_schema(database_url: str) -> Iterator[Database]:
    """A schema of its own with the backbone's tables, dropped at the end."""
    schema = f"test_{uuid.uuid4().hex}"
    with closing(psycopg.connect(database_url, autocommit=True)) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        connection.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(schema)))
        create_backbone_tables(Operations(connection))
        with closing(Database(database_url, schema, connection)) as made:
            yield made


def sending(lane: int, number: int) -> Sending:
    """A record of a stream; every third is none of a stream, as a dead letter is."""
    if number % 3 == 2:
        return Sending(TOPIC, lane, b"key", b"%d" % number, headers=[("a", b"\x00"), ("a", b"b")])
    return Sending(TOPIC, lane, b"key", b"%d" % number, "onematter.Type", number + 1, 1_764_000_000_123, "00-trace")


def a_step(lane: int, offset: int, *sendings: Sending) -> AnyStep:
    step: AnyStep = Step()
    step.offsets[lane] = {TOPIC: offset}
    if sendings:
        step.sendings[lane] = list(sendings)
    return step


def touch(step: AnyStep, matter_id: str, lane: int, number: str) -> None:
    step.touched[matter_id] = Held(lane, MatterState(matter_number=number), Ledger())


def commit(store: PostgresStore, row: LaneRow, step: AnyStep, *, acknowledged: bool = True) -> None:
    """A whole step of one lane, as the worker takes it."""
    store.begin({row.lane: row.epoch})
    store.write(step)
    store.write_lanes(step, {row.lane: row})
    store.commit()
    row.next_position += row.lane in step.sendings
    if acknowledged:
        row.sent_position = row.next_position


def taken(store: PostgresStore, lane: int = 0) -> LaneRow:
    (row,) = store.take([lane], HERE)
    return row


def test_of_two_who_took_a_lane_only_the_last_can_commit(database: Database) -> None:
    zombie, other = database.store(), database.store()
    old = taken(zombie)
    commit(zombie, old, a_step(0, 1))
    new = taken(other)
    assert new.epoch > old.epoch
    assert new.offsets == {TOPIC: 1}

    step = a_step(0, 2)
    touch(step, "m", 0, "zombie")
    with pytest.raises(Fenced, match=r"lanes \[0\]"):
        commit(zombie, old, step)
    zombie.rollback()
    touch(step, "m", 0, "owner")
    commit(other, new, step)
    ((state, _),) = zombie.load(["m", "unknown"]).values()
    assert MatterState.FromString(state).matter_number == "owner"
    assert database.lane(0)[:2] == (new.epoch, {TOPIC: 2})


def test_one_lost_lane_fences_the_whole_step(database: Database) -> None:
    store, other = database.store(), database.store()
    first, second, third = store.take([2, 0, 1], HERE)
    assert [first.lane, second.lane, third.lane] == [0, 1, 2]
    other.take([1], HERE)
    with pytest.raises(Fenced, match=r"lanes \[1\]"):
        store.begin({row.lane: row.epoch for row in (first, second, third)})
    store.rollback()
    store.begin({0: first.epoch, 2: third.epoch})
    store.rollback()
    with pytest.raises(Fenced, match=r"lanes \[7\]"):
        store.begin({7: 1})


def test_taking_a_lane_waits_for_a_commit_in_flight(database: Database) -> None:
    holder, taker = database.store(), database.store()
    row = taken(holder)
    step = a_step(0, 5, sending(0, 0))
    touch(step, "m", 0, "in flight")
    holder.begin({0: row.epoch})
    with ThreadPoolExecutor(1) as pool:
        # Begun is enough: from there on the step counts as in flight.
        waiting: Future[list[LaneRow]] = pool.submit(taker.take, [0], HERE)
        poll(lambda: any("INSERT INTO lanes" in query for query in database.blocked()), "the taker waits", HANG_SECONDS)
        holder.write(step)
        holder.write_lanes(step, {0: row})
        assert not waiting.done()
        holder.commit()
        (new,) = waiting.result(DEADLINE_SECONDS)
    assert new.epoch > row.epoch
    assert (new.offsets, new.next_position, new.sent_position) == ({TOPIC: 5}, 1, 0)
    assert taker.unsent(0) == [sending(0, 0)]
    assert set(taker.load(["m"])) == {"m"}


def test_a_holder_that_died_in_its_transaction_leaves_nothing(database: Database) -> None:
    holder, taker = database.store(), database.store()
    row = taken(holder)
    holder.begin({0: row.epoch})
    holder.write_lanes(a_step(0, 5), {0: row})
    holder.close()
    (new,) = taker.take([0], HERE)
    assert new.epoch > row.epoch
    assert new.offsets == {}


def test_a_holder_that_hangs_in_its_transaction_does_not_hold_its_lane_for_ever(database: Database) -> None:
    """A process that is stopped, or whose host is gone without a word, keeps its connection open."""
    holder, taker = database.store(), database.store()
    row = taken(holder)
    holder.begin({0: row.epoch})
    with ThreadPoolExecutor(1) as pool, closing(holder):
        (new,) = pool.submit(taker.take, [0], HERE).result(HANG_SECONDS)
        with pytest.raises(Unavailable):
            holder.commit()
    assert new.epoch > row.epoch


def test_unsent_is_exactly_the_suffix(database: Database) -> None:
    store = database.store()
    row, other = store.take([0, 1], HERE)
    assert store.unsent(0) == []
    commit(store, row, a_step(0, 1, sending(0, 0), sending(0, 1)))
    commit(store, other, a_step(1, 1, sending(1, 9)), acknowledged=False)
    commit(store, row, a_step(0, 2, sending(0, 2)), acknowledged=False)
    commit(store, row, a_step(0, 3), acknowledged=False)
    commit(store, row, a_step(0, 4, sending(0, 3), sending(0, 4)), acknowledged=False)
    # The mark moves in the next transaction: the first step is known to be sent, those after it are not.
    assert database.lane(0)[2:] == (3, 1)
    assert store.unsent(0) == [sending(0, number) for number in (2, 3, 4)]
    assert store.unsent(1) == [sending(1, 9)]
    assert database.rows("SELECT position FROM outbox WHERE lane = 0 ORDER BY 1") == [(1,), (2,)]

    again = taken(database.store())
    assert (again.next_position, again.sent_position, again.offsets) == (3, 1, {TOPIC: 4})
    row = taken(store)
    row.sent_position = row.next_position
    commit(store, row, a_step(0, 5))
    assert store.unsent(0) == []
    assert database.rows("SELECT count(*) FROM outbox WHERE lane = 0") == [(0,)]


def test_offsets_of_topics_are_kept_side_by_side(database: Database) -> None:
    store = database.store()
    row = taken(store)
    commit(store, row, a_step(0, 7))
    step: AnyStep = Step(offsets={0: {OTHER: 3}})
    commit(store, row, step)
    assert taken(store).offsets == {TOPIC: 7, OTHER: 3}


def write_and_fail(store: PostgresStore, step: AnyStep) -> None:
    store.write(step)
    raise UnknownType("any")


def test_what_fails_under_a_savepoint_is_undone_alone(database: Database) -> None:
    projected: list[int] = []

    def project(transaction: Any, changes: Sequence[object]) -> None:
        projected.append(len(changes))
        transaction.execute("SELECT 1 / %s", [len(changes) - 1])

    store = database.store(project)
    row = taken(store)
    store.begin({0: row.epoch})
    good, bad = a_step(0, 1), a_step(0, 2)
    touch(good, "good", 0, "1")
    touch(bad, "bad", 0, "2")
    bad.changes = [object()]  # type: ignore[list-item]
    with store.savepoint():
        store.write(good)
    with pytest.raises(BadData, match="DivisionByZero"), store.savepoint():
        store.write(bad)
    touch(bad, "worse", 0, "3")
    bad.changes = []
    with pytest.raises(UnknownType), store.savepoint():
        write_and_fail(store, bad)
    with store.savepoint():
        touch(good, "after", 0, "4")
        store.write(good)
    store.write_lanes(good, {0: row})
    store.commit()
    assert projected == [1]
    assert set(store.load(["good", "bad", "worse", "after"])) == {"good", "after"}


def test_bad_data_is_told_as_such_and_the_store_goes_on(database: Database) -> None:
    store = database.store()
    row = taken(store)
    step: AnyStep = Step(timers={("a\0b", "t"): TimerRow(0, "a\0b", "t", 1, 1)})
    store.begin({0: row.epoch})
    with pytest.raises(BadData):
        store.write(step)
    store.rollback()
    commit(store, row, a_step(0, 1))
    assert database.lane(0)[1] == {TOPIC: 1}


def test_a_lost_connection_is_unavailable_and_opened_again(database: Database) -> None:
    store = database.store()
    row = taken(store)
    store.begin({0: row.epoch})
    database.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s",
        [f"onematter-{database.schema}"],
    )
    with pytest.raises(Unavailable, match="PostgreSQL"):
        store.commit()
    store.rollback()
    assert taken(store).epoch > row.epoch


def test_a_database_that_is_away_is_unavailable(database: Database) -> None:
    store = PostgresStore("postgresql://nobody@127.0.0.1:1/nothing", database.schema)
    with pytest.raises(Unavailable, match="PostgreSQL"):
        store.take([0], HERE)
    store.rollback()


def test_offsets_of_another_cluster_are_refused_and_the_epoch_stays(database: Database) -> None:
    store = database.store()
    row = taken(store)
    elsewhere = Identity("cluster-2", HERE.topic_ids, 4)
    with pytest.raises(WrongCluster, match=r"cluster-1, but the broker's is cluster-2; point KAFKA_BOOTSTRAP_SERVERS"):
        store.take([0], elsewhere)
    assert database.lane(0)[0] == row.epoch
    commit(store, row, a_step(0, 1))


def test_matters_that_are_keyed_over_another_number_of_partitions_are_refused(database: Database) -> None:
    store = database.store()
    taken(store)
    with pytest.raises(WrongCluster, match=r"keyed over 4 partitions, but the topics have 8; .* restore the topics"):
        store.take([0], Identity("cluster-1", HERE.topic_ids, 8))
    taken(store)


def test_a_restored_lane_gives_out_no_epoch_that_was_given_before(database: Database) -> None:
    store, forgotten = database.store(), database.store()
    taken(store)
    (dump,) = database.rows("SELECT epoch FROM lanes")
    late = taken(forgotten)
    database.rows("UPDATE lanes SET epoch = %s", dump)
    new = taken(store)
    assert new.epoch > late.epoch
    with pytest.raises(Fenced):
        commit(forgotten, late, a_step(0, 1))


def test_a_topic_that_was_made_anew_is_refused_and_a_new_one_is_noted(database: Database) -> None:
    store = database.store()
    taken(store)
    with pytest.raises(WrongCluster, match=rf"topic {TOPIC} was made anew since its offsets were kept; restore it"):
        store.take([0], Identity("cluster-1", {TOPIC: "id-9", OTHER: "id-2"}, 4))
    more = Identity("cluster-1", {**HERE.topic_ids, "third": "id-3"}, 4)
    store.take([0], more)
    store.take([0], HERE)
    with pytest.raises(WrongCluster, match="topic third was made anew"):
        store.take([0], Identity("cluster-1", {"third": "id-4"}, 4))


def timer(name: str, version: int, due_unix_ms: int, lane: int = 0) -> TimerRow:
    return TimerRow(lane, "m", name, version, due_unix_ms)


def test_timers_come_due_in_order_and_a_stale_version_takes_nothing_away(database: Database) -> None:
    store = database.store()
    rows = {row.lane: row for row in store.take([0, 1], HERE)}

    def write(*timers: TimerRow) -> None:
        step: AnyStep = Step(timers={(t.matter_id, t.name): t for t in timers})
        store.begin({lane: rows[lane].epoch for lane in step.lanes()})
        store.write(step)
        store.commit()

    write(timer("late", 1, 300), timer("early", 1, 100), timer("other lane", 1, 50, lane=1), timer("future", 1, 999))
    assert [t.name for t in store.due_timers([0], 300, 10)] == ["early", "late"]
    assert [t.name for t in store.due_timers([0, 1], 300, 2)] == ["other lane", "early"]
    assert store.due_timers([], 300, 10) == []
    assert [store.is_due([0], now) for now in (300, -60_000)] == [True, False]
    assert not store.is_due([], 300)

    write(timer("late", 2, 200))
    write(timer("late", 1, 0), timer("early", 1, 0))
    assert store.due_timers([0], 300, 10) == [timer("late", 2, 200)]
    write(timer("late", 2, 0))
    assert store.due_timers([0], 300, 10) == []
    assert [store.is_due([lane], 300) for lane in (0, 1)] == [False, True]


def record(offset: int, sequence: int, writer: str = "intake") -> Record:
    # SHA-256 of b"value".
    digest = bytes.fromhex("cd42404d52ad55ccfa9aca4adc828aa5800ad9d385a0671fbcbf724118320619")
    return Record(
        TOPIC, 0, offset, 1_764_000_000_000, "m", b"value", "a.Type", "an/id", writer, sequence, "00-t", digest, []
    )
