"""Provisioning as an operator's job runs it: how safe topics are, which schemas, and which revisions are accepted."""

from __future__ import annotations

import subprocess
import sys
import uuid
from dataclasses import replace

import psycopg
import pytest
from confluent_kafka.admin import AdminClient
from psycopg import sql
from tests.tail import poll

from onematter.backbone import revision
from onematter.backbone.broker import topic_settings
from onematter.backbone.provision import Durability, TopicMismatch, migrate_schemas, provision_topics
from onematter.contracts.connections import DatabaseConnection, KafkaConnection
from onematter.contracts.topics import Deployment, TopicTable, table
from onematter.local.stack import Stack


def tables_of(name: str) -> TopicTable:
    """A table of one topic of its own."""
    topic = replace(table().topics["onematter.archive.events.v1"], name=f"onematter.test-{name}.events.v1")
    return replace(table(), topics={topic.name: topic})


def test_topics_are_as_safe_as_was_asked(local_stack: Stack) -> None:
    connection = KafkaConnection(local_stack.addresses.kafka_bootstrap_servers)
    topics = tables_of(uuid.uuid4().hex[:8])
    (name,) = provision_topics(connection, topics, Durability(1, 1))
    admin = AdminClient(connection.librdkafka())
    poll(lambda: name in admin.list_topics(timeout=10).topics, "the topic")
    assert topic_settings(admin, [name])[name]["min.insync.replicas"] == "1"
    assert provision_topics(connection, topics, Durability(1, 1)) == []
    assert provision_topics(connection, topics) == []
    with pytest.raises(TopicMismatch, match=rf"{name} has 1 replicas of a partition, KAFKA_REPLICATION_FACTOR says 3"):
        provision_topics(connection, topics, Durability(3, 1))
    says = rf"{name} has min.insync.replicas=1, KAFKA_MIN_INSYNC_REPLICAS says 2; .*--add-config min.insync.replicas=2"
    with pytest.raises(TopicMismatch, match=says):
        provision_topics(connection, topics, Durability(1, 2))


@pytest.mark.parametrize("text", ["0", "three", "-1", "100"])
def test_a_wrong_number_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="KAFKA_MIN_INSYNC_REPLICAS is a whole number from 1 to 99"):
        Durability.from_environment({"KAFKA_MIN_INSYNC_REPLICAS": text})


def test_schemas_can_be_brought_up_to_date_one_by_one_and_a_later_one_is_accepted(local_stack: Stack) -> None:
    connection = DatabaseConnection(local_stack.addresses.database_url)
    names = [f"archive-{uuid.uuid4().hex[:8]}" for _ in range(2)]
    archives = {name: Deployment(name, "archive", 0, "") for name in names}
    topics = replace(table(), deployments=archives)
    first, second = archives.values()
    assert migrate_schemas(connection, topics, [first.name]) == [first.schema]
    revision.check(connection, first)
    with pytest.raises(revision.SchemaOutdated, match=rf"schema {second.schema} is at revision none"):
        revision.check(connection, second)
    with pytest.raises(ValueError, match="no deployment moon in the topics table; it has"):
        migrate_schemas(connection, topics, ["moon"])

    def at(version: str) -> None:
        update = sql.SQL("UPDATE {}.alembic_version SET version_num = %s").format(sql.Identifier(first.schema))
        with psycopg.connect(connection.url) as database:
            database.execute(update, [version])

    at("archive_9999")
    revision.check(connection, first)
    assert migrate_schemas(connection, topics, [first.name]) == []
    for older in ("archive_0000", "intake_0001"):
        at(older)
        with pytest.raises(revision.SchemaOutdated, match=f"is at revision {older}"):
            revision.check(connection, first)


@pytest.mark.parametrize("arguments", [["--topic"], ["--topics", "intake"], ["intake"]])
def test_arguments_that_make_no_sense_are_refused(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "onematter.backbone.provision", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("usage: provision")
    assert done.stderr.endswith(f"unrecognized arguments: {arguments[-1]}\n")
