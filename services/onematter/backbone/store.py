"""The store on PostgreSQL: one connection, one transaction a step, one statement a kind of row.

`search_path` is the deployment's schema. Plans are made for each execution, since a plan made while the tables were
empty reads them whole ever after.
"""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from onematter.backbone import columns
from onematter.backbone.columns import BigInts, Blobs, Ints, Texts
from onematter.backbone.parking import HAS_ACTION, IS_PENDING, ParkingTables
from onematter.backbone.ports import BadData, Fenced, Identity, Unavailable, WrongCluster
from onematter.backbone.records import Sending, decode_outbox, encode_outbox
from onematter.backbone.service import Transaction
from onematter.backbone.step import LaneRow, Letter, OperationRow, ParkedRow, Step, TimerRow

_UPSERT_AGGREGATES = """
    INSERT INTO aggregates (matter_id, lane, state, ledger)
    SELECT * FROM unnest(%b::text[], %b::int[], %b::bytea[], %b::bytea[])
    ON CONFLICT (matter_id) DO UPDATE SET state = excluded.state, ledger = excluded.ledger
"""
_UPSERT_TIMERS = """
    INSERT INTO timers (matter_id, name, lane, version, due_unix_ms)
    SELECT * FROM unnest(%b::text[], %b::text[], %b::int[], %b::bigint[], %b::bigint[])
    ON CONFLICT (matter_id, name) DO UPDATE SET version = excluded.version, due_unix_ms = excluded.due_unix_ms
"""
_DELETE_TIMERS = """
    DELETE FROM timers USING unnest(%b::text[], %b::text[], %b::bigint[]) AS gone (matter_id, name, version)
    WHERE timers.matter_id = gone.matter_id AND timers.name = gone.name AND timers.version <= gone.version
"""
# A lane's offsets and marks, its next blob, and away with those that were sent: in one statement, so that a step waits
# for one answer and not for three.
_WRITE_LANES = """
    WITH new AS (
        SELECT * FROM unnest(%b::int[], %s::jsonb[], %b::bigint[], %b::bigint[], %b::bigint[])
                      AS new (lane, offsets, next_position, sent_position, own_offset)
    ), gone AS (
        DELETE FROM outbox USING new WHERE outbox.lane = new.lane AND outbox.position < new.sent_position
    ), blobs AS (
        INSERT INTO outbox (lane, position, records) SELECT * FROM unnest(%b::int[], %b::bigint[], %b::bytea[])
    )
    UPDATE lanes SET offsets = lanes.offsets || new.offsets, next_position = new.next_position,
                     sent_position = new.sent_position, own_offset = new.own_offset
    FROM new WHERE lanes.lane = new.lane
"""
# Two statements in one message, which takes no parameters: the lanes are written out.
_BEGIN = b"BEGIN; SELECT lane, epoch FROM lanes WHERE lane IN (%b) ORDER BY lane FOR UPDATE"
_COME_DUE = "lane = ANY(%s) AND due_unix_ms <= (extract(epoch FROM now()) * 1000)::bigint + %s"
_IS_DUE = (
    f"SELECT EXISTS (SELECT FROM timers WHERE {_COME_DUE}) OR EXISTS (SELECT FROM parked WHERE {HAS_ACTION})"
    f" OR EXISTS (SELECT FROM operations WHERE {IS_PENDING})"
)
# An epoch is later than the time, so that a database restored from a dump gives out none that a process of before has.
_TAKE_LANE = """
    INSERT INTO lanes (lane, epoch, offsets, next_position, sent_position, own_offset, cluster_id, topic_ids,
                       partitions)
    VALUES (%s, extract(epoch FROM clock_timestamp()) * 1000, '{}', 0, 0, 0, %s, %s, %s)
    ON CONFLICT (lane) DO UPDATE SET epoch = greatest(lanes.epoch + 1, excluded.epoch)
    RETURNING epoch, offsets, next_position, sent_position, own_offset, cluster_id, topic_ids, partitions
"""


class PostgresTransaction(Transaction):
    """What `project` may use inside the step's transaction."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def execute(self, sql: LiteralString, params: Sequence[object] = ()) -> None:
        """Run one statement."""
        self._connection.execute(sql, params)

    def executemany(self, sql: LiteralString, rows: Sequence[Sequence[object]]) -> None:
        """Run one statement for each row."""
        with self._connection.cursor() as cursor:
            cursor.executemany(sql, rows)


class PostgresStore:
    """The Store port on one connection, opened when it is first needed and after it was lost."""

    def __init__(self, url: str, schema: str, project: Any = None) -> None:
        self._url, self._schema, self._project = url, schema, project
        self._connection: psycopg.Connection[Any] | None = None

    def close(self) -> None:
        """Close the connection; what is not committed is undone."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._url,
                autocommit=True,
                application_name=f"onematter-{self._schema}",
                connect_timeout=5,
                # A process that hangs in its transaction, or is gone without a word, must not hold its lanes for ever.
                options="-c plan_cache_mode=force_custom_plan -c idle_in_transaction_session_timeout=10s",
            )
            columns.register(self._connection)
            self._connection.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(self._schema)))
        return self._connection

    @contextmanager
    def _database(self) -> Generator[psycopg.Connection[Any]]:
        """The connection, with the driver's errors as the port's."""
        try:
            yield self._open()
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            raise BadData(type(error).__name__) from error
        except psycopg.Error as error:
            # Also what the server ends by itself: an idle transaction, a primary that became a standby.
            self.close()
            raise Unavailable(f"PostgreSQL: {type(error).__name__}: {error.sqlstate or error}") from error

    def take(self, lanes: Sequence[int], identity: Identity) -> list[LaneRow]:
        """Raise the epochs. A lane's row lock is held by a commit in flight, so this waits for it."""
        rows: list[LaneRow] = []
        with self._database() as connection, connection.transaction():
            for lane in sorted(lanes):
                ours = (lane, identity.cluster_id, json.dumps(dict(identity.topic_ids)), identity.partitions)
                row = _one(connection.execute(_TAKE_LANE, ours))
                epoch, offsets, next_position, sent_position, own_offset, cluster_id, topic_ids, partitions = row
                _check_identity(lane, Identity(cluster_id, topic_ids, partitions), identity)
                if topic_ids != dict(identity.topic_ids):
                    connection.execute(
                        "UPDATE lanes SET topic_ids = %s WHERE lane = %s",
                        (json.dumps(topic_ids | dict(identity.topic_ids)), lane),
                    )
                rows.append(LaneRow(lane, epoch, offsets, next_position, sent_position, own_offset))
        return rows

    def unsent(self, lane: int) -> list[Sending]:
        """The outbox behind the sent mark."""
        with self._database() as connection:
            blobs = connection.execute(
                "SELECT records FROM outbox JOIN lanes USING (lane) WHERE lane = %s AND position >= sent_position"
                " ORDER BY position",
                (lane,),
            ).fetchall()
        return [sending for (blob,) in blobs for sending in decode_outbox(blob)]

    def load(self, matter_ids: Sequence[str]) -> Mapping[str, tuple[bytes, bytes]]:
        """State and ledger of the aggregates that are there."""
        with self._database() as connection:
            rows = connection.execute(
                "SELECT matter_id, state, ledger FROM aggregates WHERE matter_id = ANY(%b::text[])",
                (Texts(matter_ids),),
                binary=True,
            ).fetchall()
        return {matter_id: (state, ledger) for matter_id, state, ledger in rows}

    def begin(self, epochs: Mapping[int, int]) -> None:
        """Begin, and lock the lanes in ascending order."""
        with self._database() as connection:
            lanes = b", ".join(b"%d" % lane for lane in epochs) or b"NULL"
            cursor = connection.execute(_BEGIN % lanes, prepare=False)
            cursor.nextset()
            found = dict(cursor.fetchall())
        lost = sorted(lane for lane, epoch in epochs.items() if found.get(lane) != epoch)
        if lost:
            raise Fenced(f"lanes {lost} were taken by another process")

    def write(self, step: Step[Any, Any]) -> None:
        """Aggregates, timers, parked records, the service's own rows."""
        with self._database() as connection:
            if step.touched:
                touched = step.touched.values()
                states = Blobs([held.state.SerializeToString() for held in touched])
                ledgers = Blobs([held.ledger.SerializeToString() for held in touched])
                for held, state, ledger in zip(touched, states, ledgers, strict=True):
                    held.size_bytes = len(state) + len(ledger)
                lanes = Ints([held.lane for held in touched])
                connection.execute(_UPSERT_AGGREGATES, (Texts(step.touched), lanes, states, ledgers))
            self._write_timers(connection, step)
            ParkingTables(connection).write(step)
            if self._project is not None and step.changes:
                self._project(PostgresTransaction(connection), step.changes)

    def _write_timers(self, connection: psycopg.Connection[Any], step: Step[Any, Any]) -> None:
        on = [t for t in step.timers.values() if t.due_unix_ms]
        off = [t for t in step.timers.values() if not t.due_unix_ms]
        if on:
            connection.execute(
                _UPSERT_TIMERS,
                (
                    Texts([t.matter_id for t in on]),
                    Texts([t.name for t in on]),
                    Ints([t.lane for t in on]),
                    BigInts([t.version for t in on]),
                    BigInts([t.due_unix_ms for t in on]),
                ),
            )
        if off:
            connection.execute(
                _DELETE_TIMERS,
                (
                    Texts([t.matter_id for t in off]),
                    Texts([t.name for t in off]),
                    BigInts([t.version for t in off]),
                ),
            )

    def write_lanes(self, step: Step[Any, Any], rows: Mapping[int, LaneRow]) -> None:
        """Offsets, outbox and marks of the step's lanes."""
        lanes = step.lanes()
        if not lanes:
            return
        with self._database() as connection:
            connection.execute(
                _WRITE_LANES,
                (
                    Ints(lanes),
                    [json.dumps(step.offsets.get(lane, {})) for lane in lanes],
                    BigInts([rows[lane].next_position + (lane in step.sendings) for lane in lanes]),
                    BigInts([rows[lane].sent_position for lane in lanes]),
                    BigInts([rows[lane].own_offset for lane in lanes]),
                    Ints(list(step.sendings)),
                    BigInts([rows[lane].next_position for lane in step.sendings]),
                    Blobs([encode_outbox(sendings) for sendings in step.sendings.values()]),
                ),
            )

    @contextmanager
    def savepoint(self) -> Generator[None]:
        """A part of the transaction that is undone on an exception."""
        with self._database() as connection:
            connection.execute("SAVEPOINT one")
        try:
            yield
        except Unavailable:
            raise
        except Exception:
            with self._database() as connection:
                connection.execute("ROLLBACK TO SAVEPOINT one")
            raise
        with self._database() as connection:
            connection.execute("RELEASE SAVEPOINT one")

    def commit(self) -> None:
        """Commit the step."""
        with self._database() as connection:
            connection.execute("COMMIT")

    def rollback(self) -> None:
        """Undo the step; a connection that cannot is dropped."""
        try:
            if self._connection is not None:
                self._connection.execute("ROLLBACK")
        except psycopg.Error:
            self.close()

    def is_due(self, lanes: Sequence[int], now_unix_ms: int) -> bool:
        """Whether a timer is due, or a parked record or an operation waits to be dealt with."""
        ours = list(lanes)
        with self._database() as connection:
            return _one(connection.execute(_IS_DUE, (ours, _moved_ms(now_unix_ms), ours, ours)))[0]

    def due_timers(self, lanes: Sequence[int], now_unix_ms: int, limit: int) -> list[TimerRow]:
        """Timers that are due, earliest first."""
        with self._database() as connection:
            rows = connection.execute(
                f"SELECT lane, matter_id, name, version, due_unix_ms FROM timers WHERE {_COME_DUE}"
                " ORDER BY due_unix_ms LIMIT %s",
                (list(lanes), _moved_ms(now_unix_ms), limit),
            ).fetchall()
        return [TimerRow(*row) for row in rows]

    def replays(self, lanes: Sequence[int], limit: int) -> list[ParkedRow]:
        """Parked records with an action, in their order."""
        with self._database() as connection:
            return ParkingTables(connection).replays(lanes, limit)

    def operations(self, lanes: Sequence[int], limit: int) -> list[OperationRow]:
        """What operators ask and is not carried out to its end, in the order in which it was asked."""
        with self._database() as connection:
            return ParkingTables(connection).operations(lanes, limit)

    def waiting(self, operation: OperationRow, limit: int) -> list[ParkedRow]:
        """The parked records of the operation's stream, in their order."""
        with self._database() as connection:
            return ParkingTables(connection).waiting(operation, limit)

    def letter(self, operation: OperationRow) -> Letter | None:
        """What became of the operation's record."""
        with self._database() as connection:
            return ParkingTables(connection).letter(operation)


def _moved_ms(now_unix_ms: int) -> int:
    """By how much a test has moved the time; what is due is so by the database's clock.

    Then of two replicas none is ahead of the other.
    """
    return now_unix_ms - int(time.time() * 1000)


def _one(cursor: psycopg.Cursor[Any]) -> Any:
    row = cursor.fetchone()
    assert row is not None
    return row


def _check_identity(lane: int, kept: Identity, identity: Identity) -> None:
    if kept.cluster_id != identity.cluster_id:
        raise WrongCluster(
            f"lane {lane}: its offsets belong to cluster {kept.cluster_id}, but the broker's is {identity.cluster_id}; "
            "point KAFKA_BOOTSTRAP_SERVERS to the right cluster, or start with an empty schema"
        )
    if kept.partitions != identity.partitions:
        raise WrongCluster(
            f"lane {lane}: its matters are keyed over {kept.partitions} partitions, but the topics have "
            f"{identity.partitions}; the number cannot change once records are keyed: restore the topics, or start "
            "with an empty schema"
        )
    for topic, topic_id in identity.topic_ids.items():
        if kept.topic_ids.get(topic, topic_id) != topic_id:
            raise WrongCluster(
                f"lane {lane}: topic {topic} was made anew since its offsets were kept; restore it, or start with "
                "an empty schema"
            )
