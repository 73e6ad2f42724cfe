"""`python -m onematter.backbone.provision`: make the topics and bring every schema up to date. Idempotent.

Refuses topics that exist with another number of partitions or with senders' times, naming the way out.
"""

# The library does not type what its admin client gives back.
# pyright: reportPrivateImportUsage=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from onematter.backbone import revision
from onematter.backbone.ports import Unavailable
from onematter.contracts.connections import DatabaseConnection, KafkaConnection
from onematter.contracts.topics import Topic, TopicTable, table

_SERVICES_WITH_SCHEMA = ("intake", "approval", "notification", "archive", "exchange")


class TopicMismatch(Exception):
    """A topic exists in a shape that breaks the unit of work."""


def provision_topics(connection: KafkaConnection, topics: TopicTable, replication_factor: int = 1) -> list[str]:
    """Create the topics that are absent; returns their names. Raises TopicMismatch."""
    admin = AdminClient({**connection.librdkafka(), "log_level": 3})
    present = admin.list_topics(timeout=30).topics
    for name in topics.topics:
        if name in present and len(present[name].partitions) != topics.partitions:
            raise TopicMismatch(
                f"topic {name} has {len(present[name].partitions)} partitions, the table says {topics.partitions}; "
                "set ONEMATTER_PARTITIONS to what is there: it cannot change once records are keyed"
            )
    _check_times(admin, [name for name in topics.topics if name in present])
    absent = [topic for topic in topics.topics.values() if topic.name not in present]
    if absent:
        made = admin.create_topics([_new(topic, topics, replication_factor) for topic in absent])
        for future in made.values():
            future.result()
    return [topic.name for topic in absent]


def _new(topic: Topic, topics: TopicTable, replication_factor: int) -> NewTopic:
    config = dict(topics.config)
    if topic.kind == "dead-letters":
        # A dead letter is the record and more: its origin and reason.
        config["max.message.bytes"] = str(2 * topics.max_message_bytes)
    return NewTopic(topic.name, topics.partitions, replication_factor, config=config)


def _check_times(admin: AdminClient, names: Sequence[str]) -> None:
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    if not resources:
        return
    for resource, future in admin.describe_configs(resources).items():
        kind = future.result()["message.timestamp.type"].value
        if kind != "LogAppendTime":
            raise TopicMismatch(
                f"topic {resource.name} has message.timestamp.type={kind}; legal time is the broker's: "
                "set it to LogAppendTime"
            )


def migrate_schemas(connection: DatabaseConnection, topics: TopicTable) -> list[str]:
    """Bring every deployment's schema to the newest revision; returns the names of those that were behind."""
    behind: list[str] = []
    for deployment in topics.deployments.values():
        if deployment.service not in _SERVICES_WITH_SCHEMA:
            continue
        try:
            revision.check(connection, deployment)
        except revision.SchemaOutdated:
            # Alembic takes longer to load than all the checks; most starts need none of it.
            from onematter.backbone import migrate

            migrate.upgrade(connection, deployment)
            behind.append(deployment.schema)
    return behind


def main() -> int:
    """Provision everything that the environment names; `--topics` or `--schemas` for one of both."""
    only = set(sys.argv[1:])
    topics = table()
    try:
        if only in (set(), {"--topics"}):
            factor = int(os.environ.get("KAFKA_REPLICATION_FACTOR", "1"))
            made = provision_topics(KafkaConnection.from_environment(), topics, factor)
            print(f"topics: {len(made)} made, {len(topics.topics) - len(made)} there", flush=True)
        if only in (set(), {"--schemas"}):
            made = migrate_schemas(DatabaseConnection.from_environment(), topics)
            print(f"schemas: {len(made)} brought up to date", flush=True)
    except (TopicMismatch, KafkaException, Unavailable, ValueError) as error:
        print(f"provision: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
