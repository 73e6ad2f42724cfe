"""The embedded Kafka and PostgreSQL answer, with the settings that the product's rules rest on, and survive kill -9."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator

import psycopg
import pytest
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Consumer, KafkaError, Message, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from onematter.local.stack import Stack, start

DEADLINE_SECONDS = 30
AN_HOUR_AGO_MS = 3_600_000
embedded_only = pytest.mark.skipif(
    bool(os.environ.get("KAFKA_BOOTSTRAP_SERVERS") or os.environ.get("DATABASE_URL")),
    reason="the settings of a server of one's own are its owner's",
)


def produce(servers: str, topic: str, value: bytes, timestamp_ms: int) -> None:
    errors: list[KafkaError | None] = []
    producer = Producer({"bootstrap.servers": servers, "acks": "all"})
    producer.produce(topic, value, timestamp=timestamp_ms, on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(DEADLINE_SECONDS) == 0
    assert errors == [None]


def consume(servers: str, topic: str, count: int) -> list[Message]:
    consumer = Consumer({"bootstrap.servers": servers, "group.id": uuid.uuid4().hex, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    messages: list[Message] = []
    deadline = time.monotonic() + DEADLINE_SECONDS
    while len(messages) < count and time.monotonic() < deadline:
        messages += [message for message in consumer.consume(count, timeout=0.5) if message.error() is None]
    consumer.close()
    return messages


@pytest.fixture
def topic(kafka_bootstrap_servers: str) -> Iterator[str]:
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap_servers})
    name = f"test.local.{uuid.uuid4().hex}"
    for created in admin.create_topics([NewTopic(name, num_partitions=1)]).values():
        created.result()
    yield name
    for deleted in admin.delete_topics([name]).values():
        deleted.result()


def test_the_broker_gives_back_what_was_produced(kafka_bootstrap_servers: str, topic: str) -> None:
    produce(kafka_bootstrap_servers, topic, "一件事".encode(), int(time.time() * 1000))
    assert [message.value() for message in consume(kafka_bootstrap_servers, topic, 1)] == ["一件事".encode()]


@embedded_only
def test_the_time_of_a_record_is_the_brokers_not_the_senders(kafka_bootstrap_servers: str, topic: str) -> None:
    before_ms = int(time.time() * 1000)
    produce(kafka_bootstrap_servers, topic, b"late", before_ms - AN_HOUR_AGO_MS)
    (message,) = consume(kafka_bootstrap_servers, topic, 1)
    kind, timestamp_ms = message.timestamp()
    assert kind == TIMESTAMP_LOG_APPEND_TIME
    assert timestamp_ms >= before_ms


@embedded_only
def test_no_topic_comes_into_being_by_being_written_to(kafka_bootstrap_servers: str) -> None:
    name = f"test.local.unknown.{uuid.uuid4().hex}"
    producer = Producer({"bootstrap.servers": kafka_bootstrap_servers, "message.timeout.ms": 2000})
    producer.produce(name, b"lost")
    assert producer.flush(DEADLINE_SECONDS) == 0
    assert name not in producer.list_topics(timeout=DEADLINE_SECONDS).topics


def test_the_database_answers(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT current_database(), '最多跑一次'").fetchone()
    assert row is not None
    assert row[1] == "最多跑一次"


@embedded_only
def test_commits_are_durable_and_plans_are_fresh(database_url: str) -> None:
    expected = {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "autovacuum": "on",
        "jit": "off",
        "plan_cache_mode": "force_custom_plan",
        "listen_addresses": "127.0.0.1",
    }
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(expected)]
        ).fetchall()
    assert dict(rows) == expected


@embedded_only
def test_nobody_enters_the_database_without_the_password(database_url: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(database_url, password="guess")


@embedded_only
def test_what_was_acknowledged_survives_kill_9_and_a_second_start(tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = tmp_path_factory.mktemp("survives")
    with start(directory, detached=False, services=(), setup=()) as stack:
        addresses = stack.addresses
        admin = AdminClient({"bootstrap.servers": addresses.kafka_bootstrap_servers})
        for created in admin.create_topics([NewTopic("kept", num_partitions=1)]).values():
            created.result()
        del admin
        produce(addresses.kafka_bootstrap_servers, "kept", b"one", 1)
        with psycopg.connect(addresses.database_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 'one' AS value")
        stack.kill("kafka")
        stack.kill("postgres")
        assert {status.state for status in stack.status()} == {"ended"}
        stack.restart("kafka")
        stack.restart("postgres")
        assert_kept(stack)
        assert {status.state for status in stack.status()} == {"ready"}
    with start(directory, detached=False, services=(), setup=()) as again:
        assert again.addresses == addresses
        assert_kept(again)


def assert_kept(stack: Stack) -> None:
    with psycopg.connect(stack.addresses.database_url) as connection:
        assert connection.execute("SELECT value FROM kept").fetchall() == [("one",)]
    assert [message.value() for message in consume(stack.addresses.kafka_bootstrap_servers, "kept", 1)] == [b"one"]
