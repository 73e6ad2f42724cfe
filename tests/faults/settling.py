"""When the world is at rest: every lane at the ends of its topics, nothing due, and nothing moves any more."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from kafka import KafkaConsumer
from kafka.errors import KafkaError
from kafka.structs import TopicPartition
from psycopg import sql
from tests.faults.auditor.topology import INPUTS, TOPICS, schema_of

LOOK_SECONDS = 0.25
# A look may fall between a commit and its sending: so many in a row must see the same.
QUIET_LOOKS = 4
# What is due so soon is waited for.
SOON_SECONDS = 5.0
CALLS_SOON_SECONDS = 30.0

Ends = Mapping[tuple[str, int], int]


class Settling:
    """Looks at the broker and the databases until both are at rest."""

    def __init__(self, servers: str, database_url: str, deployments: Sequence[str]) -> None:
        self._servers, self._url, self._deployments = servers, database_url, deployments

    def ends(self) -> Ends:
        """The ends of all topics now."""
        consumer = self._consumer()
        try:
            return _ends(consumer)
        finally:
            consumer.close(autocommit=False)

    def _consumer(self) -> KafkaConsumer:
        return KafkaConsumer(bootstrap_servers=self._servers, enable_auto_commit=False, reconnect_backoff_max_ms=1000)

    def wait(self, seconds: float) -> float:
        """Wait for rest; returns how long it took, without the looks that confirm it. AssertionError when late."""
        began = time.monotonic()
        quiet_since, seen, looks, why = began, None, 0, "nothing was seen yet"
        consumer = connection = None
        try:
            while True:
                try:
                    consumer = consumer or self._consumer()
                    connection = connection or psycopg.connect(self._url, autocommit=True)
                    why, now = self._look(consumer, connection)
                except (psycopg.Error, KafkaError, OSError) as error:
                    why, now = f"{type(error).__name__}: {error}", None
                    consumer, connection = _closed(consumer), _closed(connection)
                if why or now != seen:
                    quiet_since, seen, looks = time.monotonic(), now, 0
                    why = why or "something moves"
                else:
                    looks += 1
                    if looks >= QUIET_LOOKS:
                        return quiet_since - began
                assert time.monotonic() - began < seconds, f"not at rest within {seconds:g} s: {why}"
                time.sleep(LOOK_SECONDS)
        finally:
            _closed(consumer)
            _closed(connection)

    def _look(self, consumer: KafkaConsumer, connection: psycopg.Connection[Any]) -> tuple[str, object]:
        """Why it is not at rest, or nothing; and what must be the same at the next look."""
        ends = _ends(consumer)
        seen: list[object] = [sorted(ends.items())]
        for deployment in self._deployments:
            connection.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(schema_of(deployment))))
            rows = {row[0]: row[1:] for row in connection.execute("SELECT lane, offsets, next_position FROM lanes")}
            seen.append(sorted((lane, count) for lane, (_, count) in rows.items()))
            for (topic, lane), end in ends.items():
                if topic in INPUTS[deployment]:
                    offset = rows[lane][0].get(topic, 0) if lane in rows else 0
                    if offset < end:
                        return f"{deployment} has {end - offset} records of {topic}/{lane} before it", None
            if why := self._due(connection, deployment):
                return why, None
        return "", seen

    def _due(self, connection: psycopg.Connection[Any], deployment: str) -> str:
        soon = int((time.time() + SOON_SECONDS) * 1000)
        timers = connection.execute("SELECT count(*) FROM timers WHERE due_unix_ms < %s", (soon,)).fetchone()
        if timers and timers[0]:
            return f"{deployment} has {timers[0]} timers due"
        replays = connection.execute("SELECT count(*) FROM parked WHERE action <> ''").fetchone()
        if replays and replays[0]:
            return f"{deployment} has {replays[0]} parked records to deal with"
        if deployment == "exchange":
            calls = connection.execute(
                "SELECT count(*) FROM calls WHERE due < clock_timestamp() + %s * interval '1 second'",
                (CALLS_SOON_SECONDS,),
            ).fetchone()
            if calls and calls[0]:
                return f"{deployment} has {calls[0]} calls to make"
        return ""


def _ends(consumer: KafkaConsumer) -> dict[tuple[str, int], int]:
    partitions = [
        TopicPartition(topic, number)
        for topic in TOPICS
        for number in sorted(consumer.partitions_for_topic(topic) or ())
    ]
    found: Mapping[Any, int] = consumer.end_offsets(partitions)
    return {(place.topic, place.partition): end for place, end in found.items()}


def _closed(thing: Any) -> None:
    if thing is not None:
        thing.close()
