"""The gRPC side of a service: both doors lead to the same command.

Rule 1: a servicer writes the record that a client would write to the topic, and waits for the kept outcome.
Rule 2: one query a tick finds the outcomes of all who wait, on whichever replica they wait.
Rule 3: queries read the owner's database and say which event they reflect.
Rule 4: who waits is bounded: one more is told so at once, before anything is written.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, LiteralString, cast

import grpc
import psycopg
from confluent_kafka import Producer
from google.protobuf.message import Message
from psycopg import sql
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from onematter.backbone import errors
from onematter.backbone import ledger as books
from onematter.backbone.broker import DOORS_QUEUE_BYTES, producer_settings
from onematter.backbone.errors import Exhausted, abort_invalid, abort_not_found
from onematter.backbone.ports import Unavailable
from onematter.backbone.requests import malformed_request
from onematter.backbone.spans import Delivered, Recorder, traceparent_in_hand
from onematter.backbone.v1.ledger_pb2 import Ledger
from onematter.common.v1.outcome_pb2 import Outcome, StreamPosition
from onematter.contracts.connections import DatabaseConnection, KafkaConnection
from onematter.contracts.headers import outside
from onematter.contracts.keys import partition_of
from onematter.contracts.topics import TopicTable
from onematter.contracts.traces import parse

TICK_SECONDS = 0.01
MAX_WAITING = 5000
DEFAULT_DEADLINE_SECONDS = 30.0

Wanted = tuple[str, str, str, bytes]


class Queries:
    """Reads, and small writes outside the unit of work, in the deployment's schema. Raises Unavailable."""

    def __init__(self, connection: DatabaseConnection, schema: str) -> None:
        async def configure(database: psycopg.AsyncConnection[Any]) -> None:
            await database.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(schema)))
            await database.execute("SET plan_cache_mode = force_custom_plan")

        self._pool = AsyncConnectionPool(
            connection.url,
            min_size=1,
            max_size=4,
            open=False,
            timeout=5,
            configure=configure,
            kwargs={"autocommit": True, "application_name": f"onematter-{schema}-doors"},
        )

    async def open(self) -> None:
        """Open the pool; does not wait for the database."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    @asynccontextmanager
    async def _database(self) -> AsyncGenerator[psycopg.AsyncConnection[Any]]:
        try:
            async with self._pool.connection() as connection:
                yield connection
        except (PoolTimeout, psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise Unavailable(f"PostgreSQL: {type(error).__name__}") from error

    async def rows(self, query: LiteralString, params: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query, or none of a statement that returns none."""
        async with self._database() as connection:
            cursor = await connection.execute(query, params, binary=True)
            return await cursor.fetchall() if cursor.description else []

    async def state(self, matter_id: str) -> tuple[bytes, Ledger] | None:
        """State and ledger of an aggregate, None when it is not there."""
        found = await self.rows("SELECT state, ledger FROM aggregates WHERE matter_id = %s", (matter_id,))
        return (found[0][0], Ledger.FromString(found[0][1])) if found else None


def as_of(ledger: Ledger, deployment: str, events_topic: str) -> StreamPosition:
    """The event that a view of this aggregate reflects."""
    sequence = next((s.last_sequence for s in ledger.sent if s.topic == events_topic), 0)
    return StreamPosition(writer=deployment, topic=events_topic, sequence=sequence)


class Doors:
    """Writes commands and waits for their outcomes."""

    def __init__(
        self,
        connection: KafkaConnection,
        table: TopicTable,
        queries: Queries,
        paused: Callable[[], bool],
        *,
        max_waiting: int = MAX_WAITING,
        recorder: Recorder | None = None,
    ) -> None:
        self._table, self._queries, self._paused, self._max_waiting = table, queries, paused, max_waiting
        self._recorder = recorder
        settings = producer_settings(connection, table.max_message_bytes, DOORS_QUEUE_BYTES)
        self._producer = Producer({**settings, "delivery.report.only.error": False, "linger.ms": 0})
        self._stopped = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="doors-producer", daemon=True)
        self._waiting: dict[Wanted, list[asyncio.Future[Outcome]]] = {}
        self._waiting_count = 0
        self._asked = asyncio.Event()
        self._ticker: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start; from inside the event loop."""
        self._poller.start()
        self._ticker = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        """Stop; callers that still wait get UNAVAILABLE."""
        if self._ticker is not None:
            self._ticker.cancel()
            with suppress(asyncio.CancelledError):
                await self._ticker
        for futures in self._waiting.values():
            for future in futures:
                if not future.done():
                    future.set_exception(Unavailable("the service is stopping"))
        self._stopped.set()
        await asyncio.to_thread(self._poller.join)

    def _poll(self) -> None:
        while not self._stopped.is_set():
            self._producer.poll(1.0)
        self._producer.flush(5)

    async def ask(
        self, topic: str, key: str, message: Message, *, principal: str, request_id: str, context: Any
    ) -> Outcome:
        """The command's outcome. Ends the call on a refusal, and when there is none in time (see backbone.errors).

        Raises Exhausted and Unavailable, which the edge tells.
        """
        try:
            if self._table.topics[topic].kind == "submissions" and self._paused():
                raise Exhausted(
                    "HAND_INS_WAIT",
                    "hand-ins wait while accepted matters catch up; try again in 5 s, with the same request_id",
                    5,
                )
            outcome = await self.outcome(
                topic, key, message, principal=principal, request_id=request_id, seconds=context.time_remaining()
            )
        except TimeoutError:
            await errors.abort(
                context, grpc.StatusCode.DEADLINE_EXCEEDED,
                "no outcome yet; the command may stand: ask again with the same request_id",
            )  # fmt: skip
        if outcome.HasField("refused"):
            await errors.abort_refused(context, outcome.refused)
        return outcome

    async def outcome(
        self, topic: str, key: str, message: Message, *, principal: str, request_id: str, seconds: float | None
    ) -> Outcome:
        """The command's outcome, a refusal too; of what is not even sent, an outcome that nothing tells.

        `seconds`: how long to wait, at most and by default DEFAULT_DEADLINE_SECONDS. Raises TimeoutError when there is
        none by then, Unavailable when a dependency is away; in both cases the command may stand. Raises Exhausted when
        too many wait already.
        """
        value = message.SerializeToString(deterministic=True)
        malformed = malformed_request(message, len(value))
        if malformed is not None:
            return Outcome(principal=principal, request_id=request_id, matter_id=key, refused=malformed)
        seconds = DEFAULT_DEADLINE_SECONDS if seconds is None else min(seconds, DEFAULT_DEADLINE_SECONDS)
        wanted = (key, principal, request_id, hashlib.sha256(value).digest())
        if self._waiting_count >= self._max_waiting:
            raise Exhausted(
                "OUTCOMES_EXHAUSTED",
                f"{self._max_waiting} outcomes are waited for already; try again in 2 s, with the same request_id",
                2,
            )
        self._waiting_count += 1
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(wanted, []).append(future)
        self._asked.set()
        try:
            async with asyncio.timeout(max(0.001, seconds - 0.05)):
                await self._write(topic, key, value, _type(message), request_id)
                return await future
        finally:
            self._waiting_count -= 1
            futures = self._waiting.get(wanted, [])
            if future in futures:
                futures.remove(future)
            if not futures:
                self._waiting.pop(wanted, None)

    async def tell(self, topic: str, key: str, message: Message, *, request_id: str) -> None:
        """Write a command and return when the broker has it; its outcome is kept like every other's.

        Raises Unavailable.
        """
        value = message.SerializeToString(deterministic=True)
        await self._write(topic, key, value, _type(message), request_id)

    async def _write(self, topic: str, key: str, value: bytes, kind: str, request_id: str) -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def delivered(error: Any, _message: Any) -> None:
            if error is None:
                loop.call_soon_threadsafe(lambda: done.done() or done.set_result(None))
            else:
                failure = Unavailable(f"Kafka: {error.str()}")
                loop.call_soon_threadsafe(lambda: done.done() or done.set_exception(failure))

        raw = key.encode()
        partition = partition_of(raw, self._table.partitions)
        traceparent = traceparent_in_hand.get()
        headers = outside(
            id=request_id or key, source="/onematter/door", type=kind, time_unix_ms=int(time.time() * 1000),
            traceparent=traceparent,
        )  # fmt: skip
        told: Delivered = delivered
        if self._recorder is not None:
            told = self._recorder.written(topic, partition, key, parse(traceparent), delivered)
        try:
            self._producer.produce(
                topic, value, raw, partition,
                on_delivery=told, headers=cast(Any, headers),
            )  # fmt: skip
        except BufferError as error:
            raise Unavailable("Kafka: too many commands wait to be written") from error
        await done

    async def _tick(self) -> None:
        while True:
            await self._asked.wait()
            await asyncio.sleep(TICK_SECONDS)
            if not self._waiting:
                self._asked.clear()
                continue
            try:
                rows = await self._queries.rows(
                    "SELECT matter_id, ledger FROM aggregates WHERE matter_id = ANY(%s)",
                    ([wanted[0] for wanted in self._waiting],),
                )
            except Unavailable:
                await asyncio.sleep(0.2)
                continue
            ledgers = {matter_id: Ledger.FromString(ledger) for matter_id, ledger in rows}
            for wanted, futures in list(self._waiting.items()):
                ledger = ledgers.get(wanted[0])
                outcome = ledger and books.find_outcome(ledger, *wanted[1:])
                if outcome:
                    for future in futures:
                        if not future.done():
                            future.set_result(outcome)


def _type(message: Message) -> str:
    member = cast(Any, message).WhichOneof("command")
    kind = message.DESCRIPTOR.fields_by_name[member].message_type if member else None
    return (kind or message.DESCRIPTOR).full_name


__all__ = ["Doors", "Queries", "abort_invalid", "abort_not_found", "as_of"]
