"""Topics that were altered, made anew or grown, and a cluster made anew: a service refuses to start, with the way out.

One small stack of its own, which the tests harm in their order; each ends with the way out that the refusal names, and
shows that it leads on.
"""

# The library does not say what its admin module exports.
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from confluent_kafka.cimpl import NewPartitions, NewTopic
from psycopg import sql
from tests.tail import poll

from onematter.backbone.provision import TopicMismatch, migrate_schemas, provision_topics
from onematter.contracts.connections import DatabaseConnection, KafkaConnection
from onematter.contracts.topics import MATTER_EVENTS, table
from onematter.local.errors import LocalError, ProcessDied
from onematter.local.services import DEFAULT_SERVICES
from onematter.local.stack import Stack, start

NAMES = ("notification", "archive")
SERVICES = [spec for spec in DEFAULT_SERVICES if spec.deployment in NAMES]
OWN_EVENTS = "onematter.archive.events.v1"
READY_SECONDS = 120.0

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        bool(os.environ.get("KAFKA_BOOTSTRAP_SERVERS") or os.environ.get("DATABASE_URL")),
        reason="the broker or the database is given from outside, and not this test's to harm",
    ),
]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("anew")


@pytest.fixture(scope="module")
def stack(directory: Path) -> Iterator[Stack]:
    with start(directory, detached=False, services=SERVICES, ready_timeout_seconds=READY_SECONDS) as running:
        yield running


def admin(stack: Stack) -> AdminClient:
    return AdminClient({"bootstrap.servers": stack.addresses.kafka_bootstrap_servers})


def refused(stack: Stack, name: str) -> str:
    """Start a service that must not start; return its last words."""
    with pytest.raises(ProcessDied) as died:
        stack.restart(name, ready_timeout_seconds=READY_SECONDS)
    process = stack.supervisor.processes[name]
    assert process.exit_code == 1
    word = json.loads(process.last_lines()[-1])
    assert (word["level"], word["deployment"]) == ("CRITICAL", name), died.value
    return word["message"]


def starts(stack: Stack, name: str) -> None:
    stack.restart(name, ready_timeout_seconds=READY_SECONDS)


def alter(stack: Stack, topic: str, name: str, value: str) -> None:
    entry = ConfigEntry(name, value)
    entry.incremental_operation = AlterConfigOpType.SET
    wanted, asked = ConfigResource(ResourceType.TOPIC, topic), ConfigResource(ResourceType.TOPIC, topic)
    wanted.add_incremental_config(entry)
    client = admin(stack)
    client.incremental_alter_configs([wanted])[wanted].result()
    poll(lambda: client.describe_configs([asked])[asked].result()[name].value == value, "the topic's settings")


def empty_schema(stack: Stack, name: str) -> None:
    """The way out where all records are kept: the service builds itself anew from them."""
    with psycopg.connect(stack.addresses.database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))
    assert migrate_schemas(DatabaseConnection(stack.addresses.database_url), table()) == [name]


def test_a_shortened_retention_is_refused_until_it_is_set_back(stack: Stack) -> None:
    alter(stack, MATTER_EVENTS, "retention.ms", "604800000")
    for name in NAMES:
        assert f"topic {MATTER_EVENTS} has retention.ms=604800000, the table says -1" in refused(stack, name)
    connection = KafkaConnection(stack.addresses.kafka_bootstrap_servers)
    with pytest.raises(TopicMismatch, match=r"retention\.ms=604800000") as word:
        provision_topics(connection, table())
    # The way out, word for word.
    _, _, setting = str(word.value).rpartition("--add-config ")
    alter(stack, MATTER_EVENTS, *setting.split("="))
    for name in NAMES:
        starts(stack, name)
    assert provision_topics(connection, table()) == []


@pytest.mark.parametrize("topic", [MATTER_EVENTS, OWN_EVENTS])
def test_a_topic_that_was_made_anew_is_refused_until_the_schema_is_empty(stack: Stack, topic: str) -> None:
    client = admin(stack)
    client.delete_topics([topic])[topic].result()
    poll(lambda: topic not in client.list_topics().topics, "the topic is gone")
    client.create_topics([NewTopic(topic, table().partitions, 1, config=dict(table().config))])[topic].result()
    readers = NAMES if topic == MATTER_EVENTS else ("archive",)
    for name in readers:
        assert f"topic {topic} was made anew since its offsets were kept" in refused(stack, name)
        empty_schema(stack, name)
        starts(stack, name)


def test_grown_topics_and_a_cluster_made_anew_are_refused(stack: Stack, directory: Path) -> None:
    partitions = table().partitions
    client = admin(stack)
    for future in client.create_partitions([NewPartitions(name, partitions + 1) for name in table().topics]).values():
        future.result()
    says = f"has {partitions + 1} partitions, the table says {partitions}"
    assert says in refused(stack, "notification")
    with pytest.raises(TopicMismatch, match=says):
        provision_topics(KafkaConnection(stack.addresses.kafka_bootstrap_servers), table())
    # Nor does it help to say that it had been so from the first: matters are keyed over what it was.
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("ONEMATTER_PARTITIONS", str(partitions + 1))
        assert f"keyed over {partitions} partitions, but the topics have {partitions + 1}" in refused(stack, "archive")

    stack.stop()
    shutil.rmtree(directory / "kafka")
    with pytest.raises(LocalError) as died:
        start(directory, detached=False, services=SERVICES, ready_timeout_seconds=READY_SECONDS)
    assert "its offsets belong to cluster" in str(died.value)
    assert "point KAFKA_BOOTSTRAP_SERVERS to the right cluster, or start with an empty schema" in str(died.value)
    with start(directory, detached=False, services=(), ready_timeout_seconds=READY_SECONDS) as again:
        for name in NAMES:
            empty_schema(again, name)
    with start(directory, detached=False, services=SERVICES, ready_timeout_seconds=READY_SECONDS) as again:
        again.check()
