"""What clients of the broker are set to, and what a topic must be like to be read at all.

Rule 1: memory is bounded whatever waits: a client holds a few megabytes of records, read or to be written, however many
there are on the topic.
Rule 2: a topic in another shape than the table's is refused with the way out: senders' times, another number of
partitions, records that are dropped for their age, their number or their key.
"""

# The library does not type what its admin client gives back.
# pyright: reportPrivateImportUsage=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from onematter.backbone.ports import Identity, Unavailable, WrongCluster
from onematter.contracts.connections import KafkaConnection
from onematter.contracts.topics import TopicTable

# Of records that were read ahead, by the one queue of a consumer; a fetch may come on top of it.
READ_AHEAD_BYTES = 16 * 1024 * 1024
FETCH_BYTES = 8 * 1024 * 1024
# Of records that wait to be acknowledged: the loop has one step's, the doors what callers wait for.
LOOP_QUEUE_BYTES = 64 * 1024 * 1024
DOORS_QUEUE_BYTES = 16 * 1024 * 1024
QUEUED_MESSAGES = 100_000
ASK_SECONDS = 5.0
# What librdkafka says goes into our log; it is served when a client is polled.
SAYS = logging.getLogger("onematter.librdkafka")


def producer_settings(connection: KafkaConnection, max_message_bytes: int, queue_bytes: int) -> dict[str, Any]:
    """Of every producer of ours: idempotent, in order, never giving a message up by itself, murmur2."""
    return {
        **connection.librdkafka(),
        "enable.idempotence": True,
        "acks": "all",
        "message.timeout.ms": 0,
        "linger.ms": 2,
        "socket.nagle.disable": True,
        "partitioner": "murmur2_random",
        # Clients read with kafka-python, which by itself knows no compression but gzip, and that costs too much.
        "compression.type": "none",
        "queue.buffering.max.messages": QUEUED_MESSAGES,
        "queue.buffering.max.kbytes": queue_bytes // 1024,
        "message.max.bytes": 2 * max_message_bytes,
        "delivery.report.only.error": True,
        "log_level": 3,
        "logger": SAYS,
    }


def consumer_settings(connection: KafkaConnection, group: str) -> dict[str, Any]:
    """Of every consumer of ours: an offset that is not there is an error, and little is read ahead."""
    return {
        **connection.librdkafka(),
        "group.id": group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "queued.max.messages.kbytes": READ_AHEAD_BYTES // 1024,
        "fetch.max.bytes": FETCH_BYTES,
        "log_level": 3,
        "logger": SAYS,
    }


def admin_client(connection: KafkaConnection) -> AdminClient:
    """A client to ask with."""
    # Nobody polls it, and what fails is raised to whoever asked.
    return AdminClient({**connection.librdkafka(), "log_level": 0})


def identity_of(admin: AdminClient, topics: Sequence[str], table: TopicTable) -> Identity:
    """Ids of the cluster and of `topics`. Raises WrongCluster for a topic in another shape, Unavailable."""
    try:
        client: Any = admin
        asked = client.describe_topics(TopicCollection(list(topics)), request_timeout=ASK_SECONDS)
        cluster = client.describe_cluster(request_timeout=ASK_SECONDS).result()
        described = {name: future.result() for name, future in asked.items()}
        settings = topic_settings(admin, topics)
    except KafkaException as error:
        raise Unavailable(f"Kafka: {error.args[0]}") from error
    for name, topic in described.items():
        wrong = wrong_partitions(name, len(topic.partitions), table) or wrong_settings(name, settings[name], table)
        if wrong:
            raise WrongCluster(wrong)
    ids = {name: str(topic.topic_id) for name, topic in described.items()}
    return Identity(str(cluster.cluster_id), ids, table.partitions)


def topic_settings(admin: AdminClient, topics: Sequence[str]) -> dict[str, dict[str, str]]:
    """The settings of each topic, those of the broker's own defaults too. Raises KafkaException."""
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in topics]
    if not resources:
        return {}
    found = admin.describe_configs(resources, request_timeout=ASK_SECONDS)
    return {
        str(resource.name): {name: str(entry.value) for name, entry in future.result().items()}
        for resource, future in found.items()
    }


def wrong_partitions(topic: str, partitions: int, table: TopicTable) -> str:
    """What is wrong with a topic's number of partitions, and the way out; empty when nothing is."""
    if partitions == table.partitions:
        return ""
    return (
        f"topic {topic} has {partitions} partitions, the table says {table.partitions}; the number cannot change once "
        "records are keyed: restore the topic, or set ONEMATTER_PARTITIONS to what every topic had from the first"
    )


def wrong_settings(topic: str, found: Mapping[str, str], table: TopicTable) -> str:
    """The first setting of a topic that breaks the table's promise, and the way out; empty when none does."""
    for name, wanted in table.config.items():
        value = found.get(name, "")
        if name == "max.message.bytes":
            if int(value or 0) >= int(wanted):
                continue
        elif value == wanted or (name == "local.retention.ms" and value == "-2"):
            # -2: as long as retention.ms, which is for ever.
            continue
        return (
            f"topic {topic} has {name}={value}, the table says {wanted}: {_WHY[name]}; set it back: kafka-configs.sh "
            f"--alter --entity-type topics --entity-name {topic} --add-config {name}={wanted}"
        )
    return ""


_KEPT = "a service that is restored or built anew reads every record from the first; tiered storage keeps disks small"
_WHY = {
    "message.timestamp.type": "legal time is the broker's",
    "retention.ms": _KEPT,
    "retention.bytes": _KEPT,
    "cleanup.policy": _KEPT,
    "local.retention.ms": "the brokers' disks were planned for it",
    "remote.storage.enable": "the brokers' disks are not planned for all of it",
    "max.message.bytes": "what is committed must go onto the topic",
}


def raise_if_lost(error: KafkaError) -> None:
    """Raise WrongCluster when the offsets that are read from are not there, Unavailable when reading is forbidden."""
    if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
        raise WrongCluster(
            f"the database's offsets are not in the topic any more ({error.str()}); records were deleted, or the "
            "database is from another cluster: restore the topic, or start with an empty schema where all is kept"
        )
    if error.code() in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED):
        raise Unavailable(f"Kafka: {error.str()}")
