"""The log on Kafka, through librdkafka.

Rule 1: offsets come from the database; the group's own are committed for lag tools only, and a reset is an error.
Rule 2: an assignment is answered by `start`, after the lanes are taken; until then nothing is fetched.
Rule 3: a lane has the same partition of every input topic, or the assignment is refused.
Rule 4: after a produce error the producer is thrown away; a new one sends the whole suffix again.
Rule 5: while events lag, submissions wait.
Rule 6: where nobody waits for the step, a batch gathers for a while: one write does for many records of a matter.
Rule 7: a record's time is the broker's, shifted by the Clock; the real one shifts nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, cast

from confluent_kafka import (
    OFFSET_BEGINNING,
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from onematter.backbone.clock import Clock
from onematter.backbone.ports import Identity, Unavailable, WrongCluster
from onematter.backbone.records import DeadRecord, Record, Sending, headers_of, read
from onematter.contracts.connections import KafkaConnection
from onematter.contracts.headers import Headers
from onematter.contracts.topics import TopicTable

EVENTS_LAG_HIGH = 2000
EVENTS_LAG_LOW = 500
FLUSH_SECONDS = 10.0
COMMIT_SECONDS = 1.0
REGULATE_SECONDS = 0.25


def producer_settings(connection: KafkaConnection, max_message_bytes: int) -> dict[str, Any]:
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
        "queue.buffering.max.messages": 1_000_000,
        "message.max.bytes": 2 * max_message_bytes,
        "delivery.report.only.error": True,
        "log_level": 3,
    }


class _Message(Protocol):
    """What a message without an error has for certain; the library's own types leave every part open."""

    def error(self) -> KafkaError | None: ...
    def topic(self) -> str: ...
    def partition(self) -> int: ...
    def offset(self) -> int: ...
    def timestamp(self) -> tuple[int, int]: ...
    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def headers(self) -> Headers | None: ...


class KafkaLog:
    """The Log port for one member of a deployment's consumer group."""

    def __init__(
        self,
        connection: KafkaConnection,
        deployment: str,
        table: TopicTable,
        *,
        gather_seconds: float = 0.0,
        clock: Clock | None = None,
    ) -> None:
        self.deployment = deployment
        self._connection, self._table = connection, table
        self._clock = clock or Clock()
        self._gather_seconds = gather_seconds
        self._topics = table.inputs(deployment)
        self._events_topic = table.events_topic(deployment)
        self._submissions = frozenset(t for t in self._topics if table.topics[t].kind == "submissions")
        self._assigned: frozenset[int] | None = None
        self._refused = ""
        self._started: list[TopicPartition] = []
        self._positions: dict[tuple[str, int], int] = {}
        self._committed_at = self._regulated_at = 0.0
        self._failed = ""
        self._producer: Producer | None = None
        self._admin = AdminClient({**connection.librdkafka(), "log_level": 3})
        self._own: Consumer | None = None
        self.submissions_paused = False
        self.lag = 0
        self._consumer = Consumer(
            {
                **connection.librdkafka(),
                "group.id": f"onematter-{deployment}",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "partition.assignment.strategy": "range",
                "isolation.level": "read_committed",
                "session.timeout.ms": 6000,
                "heartbeat.interval.ms": 1500,
                "fetch.wait.max.ms": 100,
                "socket.nagle.disable": True,
                "fetch.queue.backoff.ms": 50,
                "queued.min.messages": 5000,
                "log_level": 3,
            }
        )
        self._consumer.subscribe(
            list(self._topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
        )

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()
        if self._own is not None:
            self._own.close()

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        lanes = {p.partition for p in partitions}
        got = {(p.topic, p.partition) for p in partitions}
        missing = sorted((t, lane) for lane in lanes for t in self._topics if (t, lane) not in got)
        if missing:
            topic, lane = missing[0]
            self._refused = (
                f"the assignment is not co-partitioned: lane {lane} comes without {topic}; every topic of a "
                f"deployment needs the same number of partitions ({self._table.partitions})"
            )
        self._assigned = frozenset(lanes)
        consumer.assign([])

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._assigned = frozenset()
        self._started = []

    def identity(self) -> Identity:
        """Ids of the cluster and of the input topics."""
        try:
            admin: Any = self._admin
            cluster = admin.describe_cluster(request_timeout=10).result()
            topics = admin.describe_topics(TopicCollection(list(self._topics)), request_timeout=10)
            ids = {name: str(future.result().topic_id) for name, future in topics.items()}
        except KafkaException as error:
            raise Unavailable(f"Kafka: {error.args[0]}") from error
        return Identity(str(cluster.cluster_id), ids)

    def poll(self, max_records: int, timeout_seconds: float) -> list[Record | DeadRecord]:
        """Read what is there, waiting for a first record only, and then as long as the batch gathers."""
        first = self._consumer.poll(timeout_seconds)
        if self._refused:
            raise WrongCluster(self._refused)
        if first is None:
            self._housekeeping()
            return []
        messages = cast("list[_Message]", [first, *self._consumer.consume(max_records - 1, self._gather_seconds)])
        records: list[Record | DeadRecord] = []
        shift_ms = self._clock.shift_ms
        for message in messages:
            error = message.error()
            if error is not None:
                _raise_if_lost(error)
                continue
            kind, timestamp = message.timestamp()
            topic, partition, offset = message.topic(), message.partition(), message.offset()
            if kind != TIMESTAMP_LOG_APPEND_TIME:
                raise WrongCluster(f"topic {topic} keeps senders' times; set message.timestamp.type=LogAppendTime")
            self._positions[topic, partition] = offset + 1
            legal_ms = timestamp + shift_ms
            records.append(read(topic, partition, offset, legal_ms, message.key(), message.value(), message.headers()))
        self._housekeeping()
        return records

    def _housekeeping(self) -> None:
        now = time.monotonic()
        if self._positions and now - self._committed_at >= COMMIT_SECONDS:
            self._committed_at = now
            started = {(p.topic, p.partition) for p in self._started}
            offsets = [
                TopicPartition(topic, partition, offset)
                for (topic, partition), offset in self._positions.items()
                if (topic, partition) in started
            ]
            self._positions.clear()
            if offsets:
                self._consumer.commit(offsets=offsets, asynchronous=True)
        if now - self._regulated_at >= REGULATE_SECONDS:
            self._regulated_at = now
            self._regulate()

    def _regulate(self) -> None:
        """Let submissions wait while what was accepted before lags."""
        if not self._started:
            return
        lag = waiting = 0
        for position in self._consumer.position(self._started):
            _, high = self._consumer.get_watermark_offsets(position, cached=True)
            if high > 0 and position.offset >= 0:
                behind = max(0, high - position.offset)
                waiting += behind
                if position.topic not in self._submissions:
                    lag += behind
        self.lag = waiting
        if not self._submissions:
            return
        pausable = [p for p in self._started if p.topic in self._submissions]
        if not self.submissions_paused and lag > EVENTS_LAG_HIGH:
            self._consumer.pause(pausable)
            self.submissions_paused = True
        elif self.submissions_paused and lag < EVENTS_LAG_LOW:
            self._consumer.resume(pausable)
            self.submissions_paused = False

    def assigned(self) -> frozenset[int] | None:
        """The lanes of an assignment that `start` has not answered."""
        return self._assigned

    def start(self, offsets: Mapping[int, Mapping[str, int]]) -> None:
        """Consume from the database's offsets."""
        self._assigned = None
        self.submissions_paused = False
        self._started = [
            TopicPartition(topic, lane, known.get(topic, OFFSET_BEGINNING))
            for lane, known in offsets.items()
            for topic in self._topics
        ]
        self._consumer.assign(self._started)

    def stop(self) -> None:
        """Consume nothing; the group is not left."""
        self._started = []
        self._consumer.assign([])

    def send(self, sendings: Sequence[Sending]) -> None:
        """Hand over to librdkafka, in order."""
        if self._producer is None:
            self._failed = ""
            self._producer = Producer(
                {
                    **producer_settings(self._connection, self._table.max_message_bytes),
                    "error_cb": self._on_error,
                    "on_delivery": self._on_delivery,
                }
            )
        producer = self._producer
        for sending in sendings:
            while True:
                try:
                    producer.produce(
                        sending.topic,
                        sending.value,
                        sending.key,
                        sending.partition,
                        headers=cast(Any, headers_of(sending, self.deployment)),
                    )
                    break
                except BufferError:
                    producer.poll(0.1)
                    self._raise_if_failed()
        producer.poll(0)

    def flush(self) -> None:
        """Wait for every acknowledgement."""
        if self._producer is None:
            return
        deadline = time.monotonic() + FLUSH_SECONDS
        while self._producer.flush(0.5) > 0:
            if self._failed or time.monotonic() > deadline:
                self._failed = self._failed or "records were not acknowledged in time"
                break
        self._raise_if_failed()

    def _raise_if_failed(self) -> None:
        if self._failed:
            assert self._producer is not None
            self._producer.purge()
            self._producer.flush(0)
            self._producer = None
            raise Unavailable(f"Kafka: {self._failed}")

    def _on_delivery(self, error: KafkaError | None, message: object) -> None:
        if error is not None and not self._failed:
            self._failed = error.str()

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._failed = error.str()

    def own_events_end(self, lane: int) -> int:
        """The end of the own events topic on the lane's partition."""
        try:
            watermarks = self._consumer.get_watermark_offsets(TopicPartition(self._events_topic, lane), timeout=10)
        except KafkaException as error:
            raise Unavailable(f"Kafka: {error.args[0]}") from error
        assert watermarks is not None
        return watermarks[1]

    def own_events(self, lane: int, start: int, end: int) -> Iterable[Record]:
        """The own events of a lane between two offsets."""
        if self._own is None:
            self._own = Consumer(
                {
                    **self._connection.librdkafka(),
                    "group.id": f"onematter-{self.deployment}-own-events",
                    "enable.auto.commit": False,
                    "auto.offset.reset": "earliest",
                    "enable.partition.eof": True,
                    "log_level": 3,
                }
            )
        self._own.assign([TopicPartition(self._events_topic, lane, start)])
        quiet = 0
        while quiet < 10:
            message = cast("_Message | None", self._own.poll(1.0))
            if message is None:
                quiet += 1
                continue
            error = message.error()
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:
                    return
                raise Unavailable(f"Kafka: {error.str()}")
            quiet = 0
            record = read(
                message.topic(), lane, message.offset(), message.timestamp()[1],
                message.key(), message.value(), message.headers(),
            )  # fmt: skip
            if isinstance(record, Record):
                yield record
            if message.offset() >= end - 1:
                return
        raise Unavailable("Kafka: own events could not be read in time")


def _raise_if_lost(error: KafkaError) -> None:
    if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
        raise WrongCluster(
            f"the database's offsets are not in the topic any more ({error.str()}); records were deleted, or the "
            "database is from another cluster"
        )
    if error.code() in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED):
        raise Unavailable(f"Kafka: {error.str()}")
