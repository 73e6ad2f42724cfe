"""Topics of one test's own on a real Kafka, and what reads them as a deployment does."""

# The library does not say what its admin module exports.
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence

from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from confluent_kafka.cimpl import NewTopic
from kafka import KafkaProducer
from tests.tail import DEADLINE_SECONDS, poll

from onematter.backbone.kafka import KafkaLog
from onematter.backbone.ports import WrongCluster
from onematter.backbone.records import Record, Sending
from onematter.contracts.connections import KafkaConnection
from onematter.contracts.topics import TopicTable, parse

PARTITIONS = 3
LOG_APPEND_TIME = "LogAppendTime"


class Room:
    """A deployment of one test with topics of its own."""

    def __init__(self, servers: str) -> None:
        self.name = f"test-{uuid.uuid4().hex[:12]}"
        self.servers = servers
        self.submissions, self.commands, self.events = (
            f"onematter.{self.name}.{kind}.v1" for kind in ("submissions", "commands", "events")
        )
        self.admin = AdminClient({"bootstrap.servers": servers})
        self._logs: list[KafkaLog] = []
        self._producer = KafkaProducer(bootstrap_servers=servers, acks="all", linger_ms=5)

    @property
    def table(self) -> TopicTable:
        """The three topics; the deployment reads submissions and commands."""
        topics = [
            {"name": self.submissions, "kind": "submissions", "owner": self.name, "readers": [self.name]},
            {"name": self.commands, "kind": "commands", "owner": self.name, "readers": [self.name]},
            {"name": self.events, "kind": "events", "owner": self.name},
        ]
        defaults = {
            "partitions": PARTITIONS, "retention_ms": -1, "cleanup_policy": "delete",
            "timestamp_type": LOG_APPEND_TIME, "max_message_bytes": 1_048_576,
        }  # fmt: skip
        return parse({"defaults": defaults, "deployment": [{"name": self.name, "service": "intake"}], "topic": topics})

    def create(self, topic: str, partitions: int = PARTITIONS, timestamp_type: str = LOG_APPEND_TIME) -> None:
        config = {**self.table.config, "message.timestamp.type": timestamp_type}
        for future in self.admin.create_topics([NewTopic(topic, partitions, 1, config=config)]).values():
            future.result()
        # The controller knows it first; the broker that is asked hears of it.
        poll(lambda: topic in self.admin.list_topics(timeout=DEADLINE_SECONDS).topics, "the topic")

    def alter(self, topic: str, **settings: str) -> None:
        """Change settings of a topic, with `_` for `.`, and wait until the broker says so."""
        entries = [ConfigEntry(name.replace("_", "."), value) for name, value in settings.items()]
        wanted = ConfigResource(ResourceType.TOPIC, topic)
        for entry in entries:
            entry.incremental_operation = AlterConfigOpType.SET
            wanted.add_incremental_config(entry)
        self.admin.incremental_alter_configs([wanted])[wanted].result()

        def altered() -> bool:
            asked = ConfigResource(ResourceType.TOPIC, topic)
            found = self.admin.describe_configs([asked])[asked].result()
            return all(found[entry.name].value == entry.value for entry in entries)

        poll(altered, "the topic's settings")

    def create_all(self) -> None:
        for topic in (self.submissions, self.commands, self.events):
            self.create(topic)

    def log(self, gather_seconds: float = 0.0) -> KafkaLog:
        connection = KafkaConnection(self.servers)
        self._logs.append(KafkaLog(connection, self.name, self.table, gather_seconds=gather_seconds))
        return self._logs[-1]

    def write(self, topic: str, partition: int, values: Sequence[bytes], key: bytes = b"key") -> None:
        sent = [self._producer.send(topic, value=value, key=key, partition=partition) for value in values]
        self._producer.flush(timeout=DEADLINE_SECONDS)
        for future in sent:
            future.get(timeout=DEADLINE_SECONDS)

    def leave(self, log: KafkaLog) -> None:
        self._logs.remove(log)
        log.close()

    def close(self) -> None:
        for log in self._logs:
            log.close()
        self._producer.close()
        names = [t for t in (self.submissions, self.commands, self.events) if t in self.admin.list_topics().topics]
        if names:
            for future in self.admin.delete_topics(names).values():
                future.result()


def assigned(log: KafkaLog) -> frozenset[int]:
    """Poll until the group has given this member its lanes."""

    def lanes() -> frozenset[int]:
        assert log.poll(10, 0.1) == [], "nothing is read before the lanes are taken"
        return log.assigned() or frozenset()

    return poll(lanes, "an assignment")


def refusal_of(log: KafkaLog) -> str:
    """Poll until the log refuses to go on; return why. Nothing is read before."""

    def refusal() -> str:
        try:
            assert log.poll(10, 0.1) == []
        except WrongCluster as error:
            return str(error)
        return ""

    return poll(refusal, "a refusal")


def read(log: KafkaLog, enough: Callable[[list[Record]], bool], max_records: int = 100) -> list[Record]:
    records: list[Record] = []

    def more() -> bool:
        for record in log.poll(max_records, 0.1):
            assert isinstance(record, Record)
            records.append(record)
        return enough(records)

    poll(more, "records")
    return records


def a_record(room: Room, sequence: int, value: bytes = b"value", lane: int = 1) -> Sending:
    return Sending(room.events, lane, b"m", value, "onematter.Type", sequence, 1_764_000_000_123, "00-trace")
