"""Supervision as a process on a real broker: figures, kill -9, redelivery, rebuild, bad records, failure."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from tests.addresses import free_address, get, sample_if_any
from tests.faults.tcp import Proxy
from tests.tail import poll

from onematter.contracts.keys import matter_id
from onematter.contracts.times import timestamp
from onematter.intake.v1.intake_events_pb2 import MatterAccepted, MatterCompleted, MatterEvent, VisitRecorded
from onematter.local.ports import LOOPBACK

pytestmark = pytest.mark.timeout(240)

HOUR_MS = 3_600_000
MINUTE_MS = 60_000
DEPLOYMENT = "test-supervision"
EVENTS_TOPIC = "onematter.test-supervision.events.v1"
CHANGELOG = "onematter-test-supervision-indicators-changelog"
PARTITIONS = 3
TOPICS = f"""
[defaults]
partitions = {PARTITIONS}
retention_ms = -1
cleanup_policy = "delete"
timestamp_type = "LogAppendTime"
max_message_bytes = 1048576

[[deployment]]
name = "intake"
service = "intake"

[[deployment]]
name = "{DEPLOYMENT}"
service = "supervision"

[[topic]]
name = "{EVENTS_TOPIC}"
kind = "events"
owner = "intake"
readers = ["{DEPLOYMENT}"]
"""


class Worker:
    """One supervision process at a time."""

    def __init__(self, servers: str, directory: Path) -> None:
        self.address = free_address()
        self.log = directory / "log"
        topics = directory / "topics.toml"
        topics.write_text(TOPICS, encoding="utf-8")
        self._environment = os.environ | {
            "ONEMATTER_TOPICS": str(topics),
            "ONEMATTER_DEPLOYMENT": DEPLOYMENT,
            "KAFKA_BOOTSTRAP_SERVERS": servers,
            "ONEMATTER_METRICS_ADDRESS": self.address,
            "ONEMATTER_DATA_DIR": str(directory / "data"),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def spawn(self, *arguments: str, servers: str = "") -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "onematter.supervision", *arguments],
                env=self._environment | ({"KAFKA_BOOTSTRAP_SERVERS": servers} if servers else {}),
                stdout=log,
                stderr=log,
            )
        return self.process

    def start(self, *arguments: str) -> None:
        process = self.spawn(*arguments)

        def ready() -> bool:
            assert process.poll() is None, self.log.read_text()
            return self.get("/readyz")[0] == 200

        poll(ready, "ready")

    def get(self, path: str) -> tuple[int, str]:
        return get(self.address, path)

    def indicators(self) -> dict[str, Any]:
        status, body = self.get("/indicators")
        return json.loads(body) if status == 200 else {}

    def finished(self) -> int:
        return self.indicators().get("levels", {}).get("all", {}).get("matters_finished", -1)

    def records(self, outcome: str) -> float:
        return sample_if_any(self.address, "onematter_supervision_records_total", outcome=outcome)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def terminate(self) -> float:
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0, self.log.read_text()
        return time.monotonic() - began


class Broker:
    """The events topic, new for each test."""

    def __init__(self, servers: str) -> None:
        self.servers = servers
        self.admin = AdminClient({"bootstrap.servers": servers})
        self.producer = Producer({"bootstrap.servers": servers, "partitioner": "murmur2_random", "linger.ms": 5})

    def exists(self, topic: str) -> bool:
        return topic in self.admin.list_topics(timeout=10).topics

    def delete(self, topic: str) -> None:
        if self.exists(topic):
            self.admin.delete_topics([topic])[topic].result(30)
            poll(lambda: not self.exists(topic), f"{topic} deleted")

    def create_events(self) -> None:
        new = NewTopic(EVENTS_TOPIC, PARTITIONS, config={"message.timestamp.type": "LogAppendTime"})
        self.admin.create_topics([new])[EVENTS_TOPIC].result(30)
        poll(lambda: self.exists(EVENTS_TOPIC), "events created")

    def send(self, *events: MatterEvent) -> None:
        for event in events:
            self.producer.produce(EVENTS_TOPIC, event.SerializeToString(), event.matter_id)
        assert self.producer.flush(30) == 0


@pytest.fixture
def broker(kafka_bootstrap_servers: str) -> Iterator[Broker]:
    broker = Broker(kafka_bootstrap_servers)
    broker.create_events()
    yield broker
    broker.delete(EVENTS_TOPIC)
    broker.delete(CHANGELOG)


@pytest.fixture
def worker(broker: Broker, tmp_path: Path) -> Iterator[Worker]:
    worker = Worker(broker.servers, tmp_path)
    yield worker
    if worker.process is not None and worker.process.poll() is None:
        worker.kill()


NOW_MS = time.time_ns() // 1_000_000 - MINUTE_MS


def matter(name: str) -> str:
    return matter_id("test-supervision", name)


def completed(name: str, division: str, *, duration_ms: int, visits: int) -> MatterEvent:
    return MatterEvent(
        matter_id=matter(name),
        time=timestamp(NOW_MS),
        matter_completed=MatterCompleted(handed_in=timestamp(NOW_MS - duration_ms), visits=visits, division=division),
    )


def visited(name: str, visits: int, *, before_result: bool = False) -> MatterEvent:
    return MatterEvent(
        matter_id=matter(name),
        time=timestamp(NOW_MS + 1_000),
        visit_recorded=VisitRecorded(visits=visits, before_result=before_result),
    )


def accepted(name: str) -> MatterEvent:
    return MatterEvent(matter_id=matter(name), time=timestamp(NOW_MS), matter_accepted=MatterAccepted())


EVENTS = (
    accepted("a"),
    visited("b", 1, before_result=True),
    completed("a", "330000", duration_ms=2 * HOUR_MS, visits=0),
    completed("b", "330100", duration_ms=10 * HOUR_MS, visits=1),
    completed("c", "330106", duration_ms=30 * MINUTE_MS, visits=0),
    completed("d", "330106", duration_ms=90 * MINUTE_MS, visits=0),
    completed("e", "330106001", duration_ms=HOUR_MS, visits=0),
    visited("c", 1),
    visited("b", 2),
    visited("b", 3),
)


def check_figures(indicators: dict[str, Any]) -> None:
    levels = indicators["levels"]
    assert indicators["window_days"] == 90
    newest = datetime.fromtimestamp(NOW_MS // 1000 + 1, UTC).replace(microsecond=NOW_MS % 1000 * 1000)
    assert datetime.fromisoformat(indicators["as_of"]) == newest
    finished = {name: level["matters_finished"] for name, level in levels.items()}
    assert finished == {"all": 5, "province": 1, "city": 1, "county": 2, "town": 1, "village": 0}
    means = {name: level["hours_to_result"]["mean"] for name, level in levels.items()}
    assert means == {"all": 3, "province": 2, "city": 10, "county": 1, "town": 1, "village": None}
    assert levels["all"]["visits_per_matter"] == {"mean": 0.8, "none": 3, "once": 1, "more": 1}
    assert levels["city"]["visits_per_matter"] == {"mean": 3, "none": 0, "once": 0, "more": 1}
    assert levels["county"]["visits_per_matter"] == {"mean": 0.5, "none": 1, "once": 1, "more": 0}
    assert 1 <= levels["province"]["hours_to_result"]["p50"] <= 2
    assert 8 <= levels["city"]["hours_to_result"]["p99"] <= 16


def settled(worker: Worker, records: int) -> dict[str, Any]:
    def all_taken_in() -> bool:
        return sum(worker.records(outcome) for outcome in ("counted", "repeated", "passed_over")) >= records

    poll(all_taken_in, f"{records} records taken in")
    return worker.indicators()


def test_figures_survive_a_kill_redelivery_and_the_loss_of_all_state(broker: Broker, worker: Worker) -> None:
    broker.send(*EVENTS)
    worker.start()
    first = settled(worker, len(EVENTS))
    check_figures(first)

    worker.kill()
    worker.start()
    assert worker.indicators() == first

    # As intake does after a produce error: the same events at new offsets.
    broker.send(*EVENTS)
    assert settled(worker, len(EVENTS)) == first
    assert worker.terminate() < 5

    worker.start("rebuild")
    assert settled(worker, 2 * len(EVENTS)) == first
    worker.terminate()

    broker.delete(CHANGELOG)
    worker.start()
    assert settled(worker, 2 * len(EVENTS)) == first
    worker.terminate()


def test_killed_in_the_middle_it_counts_each_matter_once(broker: Broker, worker: Worker) -> None:
    matters = 6_000
    broker.send(*(completed(str(i), "330106", duration_ms=HOUR_MS, visits=i % 2) for i in range(matters)))
    worker.start()
    poll(lambda: worker.finished() > 0, "some counted")
    worker.kill()
    worker.start()
    after = worker.finished()
    broker.send(*(visited(str(i), i % 2 + 1) for i in range(0, matters, 100)))
    poll(lambda: worker.finished() >= matters, "all counted")
    poll(
        lambda: worker.indicators()["levels"]["county"]["visits_per_matter"]["mean"] >= 0.51,
        "visits corrected",
    )

    assert after < matters, "it was killed too late to show anything"
    county = worker.indicators()["levels"]["county"]
    assert county["matters_finished"] == matters
    assert county["hours_to_result"]["mean"] == 1
    assert county["visits_per_matter"] == {"mean": 0.51, "none": 2_940, "once": 3_060, "more": 0}


def test_bad_records_are_counted_and_stop_nothing(broker: Broker, worker: Worker) -> None:
    key = matter("a")
    for value in (None, b"\xff\xff\xff", b"\x00" * 300, MatterEvent(matter_id=key).SerializeToString()):
        broker.producer.produce(EVENTS_TOPIC, value, key)
    broker.send(visited("nobody", 2), *EVENTS)
    worker.start()

    check_figures(settled(worker, len(EVENTS) + 1))
    assert worker.records("undecodable") == 3
    assert worker.records("unattributed") == 1
    assert worker.records("failed") == 0
    assert worker.get("/healthz")[0] == 200
    metrics = worker.get("/metrics")[1]
    assert 'onematter_window_matters_finished{level="county"} 2.0' in metrics
    assert 'onematter_window_result_latency_seconds_gcount{level="city"} 1.0' in metrics


def test_it_ends_when_its_state_belongs_to_another_topic(broker: Broker, worker: Worker) -> None:
    broker.send(*EVENTS)
    worker.start()
    settled(worker, len(EVENTS))
    worker.terminate()
    broker.delete(EVENTS_TOPIC)
    broker.create_events()

    assert worker.spawn().wait(60) != 0
    assert "rebuild" in worker.log.read_text()


@pytest.mark.usefixtures("broker")
def test_it_ends_when_its_address_is_taken(worker: Worker) -> None:
    host, _, port = worker.address.partition(":")
    with socket.create_server((host, int(port))):
        assert worker.spawn().wait(60) != 0


def test_it_waits_for_a_broker_that_is_away(worker: Worker, broker: Broker) -> None:
    port = int(broker.servers.rpartition(":")[2])
    with socket.create_server((LOOPBACK, 0)) as nobody:
        door = nobody.getsockname()[1]
        process = worker.spawn(servers=f"{LOOPBACK}:{door}")
        nobody.settimeout(60)
        # It asks, is answered by nobody, and asks again.
        for _ in range(3):
            nobody.accept()[0].close()
    with Proxy(port, door):
        poll(lambda: process.poll() is not None or worker.get("/readyz")[0] == 200, "ready")
        assert process.poll() is None, worker.log.read_text()
        worker.terminate()


def test_while_it_waits_it_ends_when_it_is_told_to(worker: Worker) -> None:
    with socket.create_server((LOOPBACK, 0)) as nobody:
        process = worker.spawn(servers=f"{LOOPBACK}:{nobody.getsockname()[1]}")
        nobody.settimeout(60)
        nobody.accept()[0].close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_it_names_what_is_missing(worker: Worker, broker: Broker) -> None:
    broker.delete(EVENTS_TOPIC)
    assert worker.spawn().wait(60) == 2
    assert EVENTS_TOPIC in worker.log.read_text()
