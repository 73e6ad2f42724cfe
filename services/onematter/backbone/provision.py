"""`python -m onematter.backbone.provision`: make the topics and bring every schema up to date. Idempotent.

Refuses topics that exist in another shape than the table's (see `broker`), naming the way out, and makes none then.
With `--acls PRINCIPALS`, Kafka's ACLs too (see `acls`): PRINCIPALS is a TOML file of who logs in as whom.
"""

# The library does not type what its admin client gives back.
# pyright: reportPrivateImportUsage=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import NewTopic

from onematter.backbone import acls, revision
from onematter.backbone.broker import admin_client, topic_settings, wrong_partitions, wrong_settings
from onematter.backbone.ports import Unavailable
from onematter.contracts.connections import DatabaseConnection, KafkaConnection
from onematter.contracts.topics import Topic, TopicTable, table

_SERVICES_WITH_SCHEMA = ("intake", "approval", "notification", "archive", "exchange")


class TopicMismatch(Exception):
    """A topic exists in a shape that breaks the unit of work."""


@dataclass(frozen=True, slots=True)
class Durability:
    """On how many brokers a record is, and on how many it must be before it counts as written.

    None: nobody said, so topics that are there are taken as they are, and new ones get one replica and the broker's
    own minimum.
    """

    replicas: int | None = None
    min_insync_replicas: int | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Durability:
        """KAFKA_REPLICATION_FACTOR and KAFKA_MIN_INSYNC_REPLICAS. Raises ValueError."""
        return cls(_count(environment, "KAFKA_REPLICATION_FACTOR"), _count(environment, "KAFKA_MIN_INSYNC_REPLICAS"))


def _count(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name, "")
    if text and not (text.isascii() and text.isdigit() and 0 < int(text) < 100):
        raise ValueError(f"{name} is a whole number from 1 to 99, not {text[:10]!r}")
    return int(text) if text else None


def provision_topics(
    connection: KafkaConnection, topics: TopicTable, durability: Durability | None = None
) -> list[str]:
    """Create the topics that are absent; returns their names. Never alters or deletes one. Raises TopicMismatch."""
    wanted = durability or Durability()
    admin = admin_client(connection)
    present = admin.list_topics(timeout=30).topics
    known = [name for name in topics.topics if name in present]
    settings = topic_settings(admin, known)
    for name in known:
        partitions = len(present[name].partitions)
        replicas = min((len(one.replicas) for one in present[name].partitions.values()), default=0)
        wrong = (
            wrong_partitions(name, partitions, topics)
            or wrong_settings(name, settings[name], topics)
            or _wrong_durability(name, replicas, int(settings[name]["min.insync.replicas"]), wanted)
        )
        if wrong:
            raise TopicMismatch(wrong)
    absent = [topic for topic in topics.topics.values() if topic.name not in present]
    if absent:
        made = admin.create_topics([_new(topic, topics, wanted) for topic in absent])
        for future in made.values():
            future.result()
    return [topic.name for topic in absent]


def _wrong_durability(topic: str, replicas: int, min_insync_replicas: int, wanted: Durability) -> str:
    if wanted.replicas is not None and replicas < wanted.replicas:
        return (
            f"topic {topic} has {replicas} replicas of a partition, KAFKA_REPLICATION_FACTOR says {wanted.replicas}; "
            "add some with kafka-reassign-partitions.sh, or say what is there"
        )
    if wanted.min_insync_replicas is not None and min_insync_replicas < wanted.min_insync_replicas:
        return (
            f"topic {topic} has min.insync.replicas={min_insync_replicas}, KAFKA_MIN_INSYNC_REPLICAS says "
            f"{wanted.min_insync_replicas}; set it: kafka-configs.sh --alter --entity-type topics "
            f"--entity-name {topic} --add-config min.insync.replicas={wanted.min_insync_replicas}"
        )
    return ""


def _new(topic: Topic, topics: TopicTable, wanted: Durability) -> NewTopic:
    config = dict(topics.config)
    if wanted.min_insync_replicas is not None:
        config["min.insync.replicas"] = str(wanted.min_insync_replicas)
    if topic.kind == "dead-letters":
        # A dead letter is the record and more: its origin and reason.
        config["max.message.bytes"] = str(2 * topics.max_message_bytes)
    return NewTopic(topic.name, topics.partitions, wanted.replicas or 1, config=config)


def migrate_schemas(connection: DatabaseConnection, topics: TopicTable, names: Sequence[str] = ()) -> list[str]:
    """Bring the schemas of the deployments `names`, else of all, to the newest revision; returns those behind.

    Deployments may have databases of their own. Raises ValueError for a name that the table does not have.
    """
    strangers = sorted(set(names) - set(topics.deployments))
    if strangers:
        raise ValueError(f"no deployment {strangers[0]} in the topics table; it has {', '.join(topics.deployments)}")
    behind: list[str] = []
    for deployment in topics.deployments.values():
        if names and deployment.name not in names:
            continue
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


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="provision", description="Without an option: --topics and --schemas.", allow_abbrev=False
    )
    parser.add_argument("--topics", action="store_true", help="make the topics that are absent, and check the others")
    parser.add_argument(
        "--acls", metavar="PRINCIPALS", type=Path, help="make the ACLs of these principals: a TOML file"
    )
    parser.add_argument(
        "--schemas", metavar="DEPLOYMENT", nargs="*", help="bring these schemas up to date; all of them"
    )
    return parser.parse_args()


def main() -> int:
    """Provision what the arguments say, of what the environment names."""
    asked = _arguments()
    everything = not asked.topics and asked.acls is None and asked.schemas is None
    topics = table()
    try:
        if everything or asked.topics:
            made = provision_topics(KafkaConnection.from_environment(), topics, Durability.from_environment())
            print(f"topics: {len(made)} made, {len(topics.topics) - len(made)} there", flush=True)
        if asked.acls is not None:
            rights = acls.rights_of(topics, acls.read_principals(asked.acls))
            granted = acls.grant(KafkaConnection.from_environment(), rights)
            print(f"acls: {granted.made} made, {granted.there} there", flush=True)
            for words in granted.beyond:
                print(f"acls: not of the topics table, left as it is: {words}", flush=True)
        if everything or asked.schemas is not None:
            made = migrate_schemas(DatabaseConnection.from_environment(), topics, asked.schemas or ())
            print(f"schemas: {len(made)} brought up to date", flush=True)
    except (TopicMismatch, acls.AclsRefused, KafkaException, Unavailable, ValueError, OSError) as error:
        print(f"provision: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
