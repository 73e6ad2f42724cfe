"""Reads the evidence: topics by kafka-python from offset 0, databases by psycopg, notices by sqlite3."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from kafka import KafkaAdminClient, KafkaConsumer
from kafka.structs import TopicPartition
from psycopg import sql
from tests.faults.auditor.evidence import Aggregate, Database, Entry, Evidence, Lane, Parked
from tests.faults.auditor.topology import DEPLOYMENTS, TOPICS, group_of, schema_of
from tests.faults.book import Book

READ_SECONDS = 120.0


def gather(
    servers: str,
    database_url: str,
    notices: Path | None,
    book: Book,
    *,
    deployments: Sequence[str] = DEPLOYMENTS,
    records: Mapping[str, Sequence[Entry]] | None = None,
    owners: bool = True,
) -> Evidence:
    """All that there is to judge. `records`: topics that were read already; otherwise they are read here.

    `deployments` are those that run here; `owners` asks the broker who has which lane.
    """
    if records is None:
        records = read_topics(servers)
    with psycopg.connect(database_url, autocommit=True) as connection:
        databases = {name: read_database(connection, schema_of(name)) for name in deployments}
    standing = read_notices(notices) if notices is not None and notices.exists() else []
    partitions = 1 + max((lane.lane for one in databases.values() for lane in one.lanes), default=0)
    consumer = KafkaConsumer(bootstrap_servers=servers)
    try:
        partitions = max(partitions, len(consumer.partitions_for_topic(TOPICS[0]) or ()))
    finally:
        consumer.close()
    found = read_owners(servers, deployments) if owners else {}
    return Evidence(records, databases, standing, book, int(time.time() * 1000), partitions, found)


def read_topics(servers: str, topics: Iterable[str] = TOPICS) -> dict[str, list[Entry]]:
    """Every record that stands in the topics now, in the order of their partitions. Raises TimeoutError."""
    records: dict[str, list[Entry]] = {topic: [] for topic in topics}
    consumer = KafkaConsumer(
        bootstrap_servers=servers, enable_auto_commit=False, auto_offset_reset="earliest", max_poll_records=5000,
    )  # fmt: skip
    try:
        partitions = [
            TopicPartition(topic, number)
            for topic in records
            for number in sorted(consumer.partitions_for_topic(topic) or ())
        ]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends: dict[Any, int] = consumer.end_offsets(partitions)
        deadline = time.monotonic() + READ_SECONDS
        while any((consumer.position(one) or 0) < end for one, end in ends.items()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the topics could not be read within {READ_SECONDS:g} s")
            for place, batch in consumer.poll(timeout_ms=200).items():
                records[place.topic] += [entry_of(record) for record in batch]
    finally:
        consumer.close(autocommit=False)
    return records


def entry_of(record: Any) -> Entry:
    """A record of kafka-python."""
    return Entry(
        record.topic, record.partition, record.offset, record.timestamp,
        (record.key or b"").decode(errors="replace"), record.value or b"",
        {name: value or b"" for name, value in record.headers},
    )  # fmt: skip


def read_database(connection: psycopg.Connection[Any], schema: str) -> Database:
    """One deployment's rows, of one moment."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        connection.execute(sql.SQL("SET LOCAL search_path TO {}").format(sql.Identifier(schema)))
        tables = {
            name
            for (name,) in connection.execute(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = %s", (schema,)
            )
        }

        def rows(query: str, *tables_needed: str) -> list[Any]:
            return connection.execute(query.encode()).fetchall() if tables.issuperset(tables_needed) else []

        return Database(
            aggregates=[Aggregate(*row) for row in rows("SELECT matter_id, lane, state, ledger FROM aggregates")],
            lanes=[Lane(*row) for row in rows("SELECT lane, epoch, offsets, next_position, sent_position FROM lanes")],
            outbox=rows("SELECT lane, position, records FROM outbox"),
            timers=rows("SELECT matter_id, name, due_unix_ms FROM timers"),
            parked=[
                Parked(*row)
                for row in rows('SELECT topic, lane, "offset", matter_id, writer, sequence, reason FROM parked')
            ],
            tasks=rows("SELECT matter_id, item_id, status FROM tasks", "tasks"),
            records=rows("SELECT matter_id, records FROM records", "records"),
            operations=rows("SELECT number, matter_id FROM operations WHERE status = 1", "operations"),
            calls=rows(
                "SELECT matter_id, material_id, extract(epoch FROM due - clock_timestamp())::float8 FROM calls", "calls"
            ),
        )


def read_notices(file: Path) -> list[tuple[str, str]]:
    """Id and document of each notice in the channel's file."""
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
        return list(connection.execute("SELECT notice_id, document FROM notices"))


def read_owners(servers: str, deployments: Sequence[str]) -> dict[str, frozenset[int]]:
    """Which lanes the processes of each deployment's group have."""
    admin: Any = KafkaAdminClient(bootstrap_servers=servers)
    try:
        found: dict[str, frozenset[int]] = {}
        for name in deployments:
            found[name] = frozenset(_lanes(admin.describe_groups([group_of(name)]), name))
        return found
    finally:
        admin.close()


def _lanes(described: Any, name: str) -> set[int]:
    lanes: set[int] = set()
    group = described[group_of(name)]
    for member in group["members"]:
        assignment = member["member_assignment"]
        for one in assignment["assigned_partitions"] if assignment else ():
            lanes.update(one["partitions"])
    return lanes
