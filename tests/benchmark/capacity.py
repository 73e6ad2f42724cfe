"""What a matter leaves behind and what a process holds: `python -m tests.benchmark.capacity`.

The bench's stack and its matter (OM-90: three items at three levels, decided by rule, archived and notified). What is
kept is measured before and after the same number of matters, so that what is there anyway does not count.

kafka_bytes: of the log segments, by topic, without their indexes. database_bytes: of tables, indexes and TOAST, by
schema and by table, when autovacuum has had its turn (VACUUM). wal_bytes: written ahead, checkpoints' pages included.
notice_bytes: of the notice file. by_people: the same of matters of OM-90 that officials decide by gRPC, a hundred at a
time. records: of each matter of the catalogue, granted in memory by people who take no
detour, the records that it has, and the bytes of their keys, values and headers. memory_mib: a process's resident
memory at rest, and the most that it was at while the hand-ins were worked off; of PostgreSQL with its backends, what
they share counted once.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table
from tests.benchmark.bench import SEALS, flood
from tests.benchmark.ground import Ground, ground, options, write
from tests.benchmark.handins import HandIns, template
from tests.benchmark.machine import calibration_ms, cpu_seconds, cpu_us_each, machine, memory_mib, python_build
from tests.stories.officials import granted
from tests.stories.world import shipped_catalogue

from onematter.client.channel import Services
from onematter.client.messages import actor_of, decide_command
from onematter.contracts.topics import table
from onematter.local.stack import Stack

SAMPLE_SECONDS = 0.5
TIMEOUT_SECONDS = 300
BATCH = 100

_TABLES = """
SELECT n.nspname, c.relname, pg_total_relation_size(c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%'
"""


def kafka_bytes(directory: Path) -> Counter[str]:
    """Bytes of the log segments by topic."""
    found: Counter[str] = Counter()
    for segment in (directory / "kafka" / "data").glob("*/*.log"):
        found[segment.parent.name.rpartition("-")[0]] += segment.stat().st_size
    return found


def database_bytes(url: str) -> Counter[str]:
    """Bytes of every table with its indexes, as schema.table, after a VACUUM."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM")
        return Counter({f"{schema}.{name}": size for schema, name, size in connection.execute(_TABLES)})


def wal_position(url: str) -> int:
    """Bytes written ahead since the database began."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')").fetchone()
        assert row is not None
        return int(row[0])


def notice_bytes(directory: Path) -> int:
    """Bytes of the notice file and what is written ahead of it."""
    return sum(path.stat().st_size for path in directory.glob("data/notification/notices.db*"))


@contextmanager
def most_memory(stack: Stack) -> Iterator[dict[str, float]]:
    """The most that each process was at, sampled until the end."""
    most: dict[str, float] = {}
    ended = threading.Event()

    def sample() -> None:
        while True:
            for name, size in memory_mib(stack).items():
                most[name] = max(size, most.get(name, 0.0))
            if ended.wait(SAMPLE_SECONDS):
                return

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield most
    finally:
        ended.set()
        thread.join(30)


def records() -> dict[str, dict[str, int]]:
    """Records and their bytes of every matter of the catalogue, from the stories' world."""
    found: dict[str, dict[str, int]] = {}
    for matter_type in shipped_catalogue().latest():
        world, matter_id = granted(matter_type.code)
        produced = [record for _, record in world.broker.journal if record.key == matter_id.encode()]
        size = sum(
            len(record.key or b"")
            + len(record.value or b"")
            + sum(len(name) + len(text) for name, text in record.headers)
            for record in produced
        )
        found[matter_type.code] = {"records": len(produced), "bytes": size}
    return found


def by_people(handins: HandIns, stack: Stack, matters: int) -> None:
    """Hand in matters that no rule decides, let officials of three levels grant them, and wait until all are sealed."""
    addresses = {name: one.grpc for name, one in stack.addresses.services.items() if one.grpc is not None}
    levels = {"province": ("330000", "03"), "city": ("330100", "02"), "county": ("330106", "01")}
    topics = {level: table().events_topic(f"approval-{level}") for level in levels}
    starts = {topic: sum(handins.ends(topic).values()) for topic in (SEALS, *topics.values())}
    deadline = time.monotonic() + TIMEOUT_SECONDS

    def wait(topic: str, records: int) -> None:
        while sum(handins.ends(topic).values()) - starts[topic] < records:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{topic} has not grown by {records} records within {TIMEOUT_SECONDS} s")
            time.sleep(0.25)

    command, run = template(), uuid.uuid4().hex[:12]
    command.submit_matter.application.facts["amount"].number = 2_000_000
    ids = [handins.send(command, f"{run}-{number}") for number in range(matters)]
    handins.flush()
    with Services(addresses, deadline_seconds=60) as services:
        for level, (division, item_id) in levels.items():
            wait(topics[level], matters)
            official = actor_of(
                "official", "official", level=level, division=division, department="government_services"
            )
            for first in range(0, matters, BATCH):
                chunk = ids[first : first + BATCH]
                decisions = [decide_command(official, f"{run}-{level}", one, item_id, True, "准予") for one in chunk]
                outcomes = services.decide_all(f"approval-{level}", decisions)
                assert not any(one.HasField("refused") for one in outcomes)
    wait(SEALS, matters)


def each(after: Mapping[str, int], before: Mapping[str, int], matters: int) -> dict[str, int]:
    """Bytes a matter of everything that has grown by one at least, largest first."""
    grown = {name: round((after[name] - before.get(name, 0)) / matters) for name in after}
    return {name: size for name, size in sorted(grown.items(), key=lambda one: -one[1]) if size > 0}


@dataclass(frozen=True)
class Standing:
    """What there is at a moment, and the processor time so far."""

    kafka: Counter[str]
    tables: Counter[str]
    notices: int
    wal: int
    cpu: dict[str, float]

    @classmethod
    def of(cls, stack: Stack, directory: Path) -> Standing:
        """As it stands now. The processor and the log are asked before the VACUUM, which uses both."""
        url = stack.addresses.database_url
        cpu, wal = cpu_seconds(stack), wal_position(url)
        return cls(kafka_bytes(directory), database_bytes(url), notice_bytes(directory), wal, cpu)

    def since(self, before: Standing, matters: int, wal: int) -> dict[str, Any]:
        """What each of `matters` has added. `wal`, `before.cpu`: from when they began."""
        topics, tables = each(self.kafka, before.kafka, matters), each(self.tables, before.tables, matters)
        schemas: Counter[str] = Counter()
        for name, size in tables.items():
            schemas[name.partition(".")[0]] += size
        return {
            "matters": matters,
            "cpu_us_per_matter": cpu_us_each(self.cpu, before.cpu, matters),
            "bytes_per_matter": {
                "kafka": sum(topics.values()), "databases": sum(schemas.values()),
                "wal": round((self.wal - wal) / matters), "notices": round((self.notices - before.notices) / matters),
            },
            "kafka_bytes_per_matter": topics,
            "database_bytes_per_matter": dict(schemas.most_common()),
            "table_bytes_per_matter": tables,
        }  # fmt: skip


def measured(on: Ground, arguments: argparse.Namespace) -> dict[str, Any]:
    """Flood by rule, then hand in for people; what each left behind."""
    stack, url, at_rest = on.stack, on.stack.addresses.database_url, memory_mib(on.stack)
    flood(on.handins, arguments.warm_up, on.progress)
    before = Standing.of(stack, on.directory)
    speed, wal = calibration_ms(), wal_position(url)
    # The VACUUM was none of the matters'.
    before = replace(before, cpu=cpu_seconds(stack))
    with most_memory(stack) as most:
        full = flood(on.handins, arguments.matters, on.progress)
    between = Standing.of(stack, on.directory)
    by_rule = between.since(before, arguments.matters, wal)
    between, wal = replace(between, cpu=cpu_seconds(stack)), wal_position(url)
    by_people(on.handins, stack, arguments.people)
    people = Standing.of(stack, on.directory).since(between, arguments.people, wal)
    return {
        "partitions": arguments.partitions,
        "matters_per_second": round(full.matters_per_second, 1),
        "by_rule": by_rule,
        "by_people": people,
        "records": records(),
        "memory_mib": {one: {"at_rest": at_rest[one], "at_load": most[one]} for one in at_rest},
        "calibration_ms": round(speed, 1),
        "python_build": python_build(),
        "machine": machine(),
    }


def show(console: Console, result: Mapping[str, Any]) -> None:
    """The figures as tables."""
    rule, people = result["by_rule"], result["by_people"]
    kept = Table(title="bytes that a matter leaves behind")
    held = Table(title="memory and processor")
    for table_of, columns in (
        (kept, ("where", "by rule", "by people")),
        (held, ("process", "MiB at rest", "MiB at load", "CPU µs by rule", "CPU µs by people")),
    ):
        for number, column in enumerate(columns):
            table_of.add_column(column, justify="right" if number else "left")
    for group in ("kafka_bytes_per_matter", "database_bytes_per_matter", "bytes_per_matter"):
        for where in {**rule[group], **people[group]}:
            kept.add_row(where, *(f"{one[group].get(where, 0):,}" for one in (rule, people)))
        kept.add_section()
    for name, memory in result["memory_mib"].items():
        spent = (one["cpu_us_per_matter"][name] for one in (rule, people))
        held.add_row(name, f"{memory['at_rest']:.0f}", f"{memory['at_load']:.0f}", *(f"{one:,}" for one in spent))
    console.print(kept)
    console.print(held)
    console.print(f"{result['matters_per_second']:.0f} matters a second; calibration {result['calibration_ms']:.0f} ms")


def main() -> int:
    """Measure, print tables, write build/capacity.json."""
    parser = options(
        "what a matter leaves behind, and what a process holds", matters=30_000, warm_up=2_000,
        output=Path("build/capacity.json"),
    )  # fmt: skip
    parser.add_argument("--people", type=int, default=2_000, help="afterwards, decided by officials of three levels")
    arguments = parser.parse_args()
    console = Console()
    with ground(arguments.partitions, console) as on:
        result = measured(on, arguments)
    write(result, arguments.output)
    show(console, result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
