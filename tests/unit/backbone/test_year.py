"""A year in memory: the real tasks on the real worker, with a clock that the test moves."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from tests.simulation.bench import Watching
from tests.simulation.database import Database
from tests.simulation.memory import Broker, MemoryLog, MemoryStore, Produced
from tests.simulation.weather import Weather
from tests.unit.approval.cases import MATTER_ID, NOW, make_calendar, make_catalogue, open_task

from onematter.approval.handlers import aggregate
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.backbone.unit import UnitOfWork
from onematter.backbone.worker import Worker
from onematter.common.v1.period_pb2 import Clock
from onematter.contracts import headers
from onematter.contracts.keys import partition_of
from onematter.contracts.topics import table

CITY = "approval-city"
DAY_MS = 86_400_000


def instant(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def test_a_year_with_its_deadlines_passes_in_under_a_second() -> None:
    began = time.monotonic()
    topics, now = table(), [NOW]
    broker, database = Broker(topics, lambda: now[0]), Database()
    unit = UnitOfWork(aggregate(make_catalogue(), make_calendar(), topics, CITY), CITY, topics)
    log, store = MemoryLog(broker, CITY, Weather()), MemoryStore(database, Weather())
    worker = Worker(unit, log, store, Watching(), clock_unix_ms=lambda: now[0])
    log.news = frozenset(range(topics.partitions))

    commands = topics.commands_topic(CITY)
    command = open_task().command
    lane = partition_of(MATTER_ID.encode(), topics.partitions)
    stamped = headers.inside(
        deployment="intake", topic=commands, key=MATTER_ID, sequence=1, type="test", time_unix_ms=0, traceparent=""
    )
    broker.append(Produced(commands, lane, MATTER_ID.encode(), command.SerializeToString(), tuple(stamped)))
    for _ in range(365):
        for _ in range(8):
            worker.advance(0.0)
            now[0] += 250
        now[0] += DAY_MS
    log.flush()

    entries = broker.topics[topics.events_topic(CITY)][lane]
    events = [ApprovalEvent.FromString(entry.value or b"") for entry in entries]
    overdue = {e.task_overdue.clock: e.time.ToMilliseconds() for e in events if e.HasField("task_overdue")}
    assert overdue == {
        # 5 and 20 working days after Monday, 23 November 2026; the day ends at 24:00 China time.
        Clock.CLOCK_PROMISED: instant("2026-11-30T16:00:00"),
        Clock.CLOCK_LEGAL: instant("2026-12-21T16:00:00"),
    }
    assert now[0] - NOW >= 365 * DAY_MS
    assert time.monotonic() - began < 1.0
