"""The log on Kafka, through librdkafka.

Rule 1: offsets come from the database; the group's own are committed for lag tools only, and a reset is an error.
Rule 2: an assignment is answered by `start`, after the lanes are taken; until then nothing is fetched.
Rule 3: a lane has the same partition of every input topic, or the assignment is refused.
Rule 4: after a produce error the producer is thrown away; a new one sends the whole suffix again.
Rule 5: while events lag, submissions wait.
Rule 6: where nobody waits for the step, a batch gathers for a while, as long as records come: one write does for many
records of a matter.
Rule 7: a batch is bounded in records and in bytes, and so is what librdkafka holds on either side (see `broker`).
Rule 8: a batch is in the order of the broker's time over all its topics, so that what is read again, after a restore
above all, is dealt with as it came about; while there is a backlog, batches gather for that.
Rule 9: a record's time is the broker's, shifted by the Clock; the real one shifts nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, cast

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Consumer, KafkaError, KafkaException, Producer, TopicPartition

from onematter.backbone.broker import (
    LOOP_QUEUE_BYTES,
    admin_client,
    consumer_settings,
    identity_of,
    producer_settings,
    raise_if_lost,
)
from onematter.backbone.clock import Clock
from onematter.backbone.ports import Identity, Unavailable, WrongCluster
from onematter.backbone.records import DeadRecord, Record, Sending, headers_of, read
from onematter.backbone.spans import Delivered, Recorder
from onematter.contracts.connections import KafkaConnection
from onematter.contracts.headers import Headers
from onematter.contracts.topics import TopicTable
from onematter.contracts.traces import parse

# Hand-ins go on before all that was accepted is worked off, or nobody would have work until they are fetched again.
EVENTS_LAG_HIGH = 2000
EVENTS_LAG_LOW = 1000
FLUSH_SECONDS = 10.0
COMMIT_SECONDS = 1.0
REGULATE_SECONDS = 0.05
# A batch ends behind the record that makes it as heavy as this; in memory a step takes several times as much.
MAX_BATCH_BYTES = 16 * 1024 * 1024
FIRST_RECORDS = 16
CATCH_UP_SECONDS = 0.25
# Where nothing came for as long as this, no more is expected, and a batch that gathers ends.
QUIET_SECONDS = 0.1


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
    def __len__(self) -> int: ...


def in_time(records: list[Record | DeadRecord]) -> list[Record | DeadRecord]:
    """The records in the order of the broker's time; those of one partition stay as they stand, whatever its clock."""
    latest: dict[tuple[str, int], int] = {}
    times: list[int] = []
    place, at = ("", -1), 0
    for record in records:
        # They come in runs of one partition.
        if record.topic != place[0] or record.partition != place[1]:
            latest[place] = at
            place = (record.topic, record.partition)
            at = latest.get(place, 0)
        if record.timestamp_unix_ms > at:
            at = record.timestamp_unix_ms
        times.append(at)
    return [records[number] for number in sorted(range(len(records)), key=times.__getitem__)]


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
        recorder: Recorder | None = None,
    ) -> None:
        self.deployment = deployment
        self._connection, self._table = connection, table
        self._clock = clock or Clock()
        self._recorder = recorder
        self._gather_seconds = gather_seconds
        self._topics = table.inputs(deployment)
        self._events_topic = table.events_topic(deployment)
        self._submissions = frozenset(t for t in self._topics if table.topics[t].kind == "submissions")
        self._assigned: frozenset[int] | None = None
        self._refused = ""
        self._started: list[TopicPartition] = []
        self._positions: dict[tuple[str, int], int] = {}
        self._committed_at = self._regulated_at = 0.0
        self.catching_up = False
        self._failed = ""
        self._producer: Producer | None = None
        self._admin = admin_client(connection)
        self._own: Consumer | None = None
        self.polled_at = time.monotonic()
        self.submissions_paused = False
        self.lag = 0
        self._consumer = Consumer(
            {
                **consumer_settings(connection, f"onematter-{deployment}"),
                "partition.assignment.strategy": "range",
                "isolation.level": "read_committed",
                "session.timeout.ms": 6000,
                "heartbeat.interval.ms": 1500,
                "fetch.wait.max.ms": 100,
                "socket.nagle.disable": True,
                "fetch.queue.backoff.ms": 50,
                "queued.min.messages": 5000,
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
        """Ids of the cluster, of the input topics and of the own events topic. Raises WrongCluster."""
        return identity_of(self._admin, [*self._topics, self._events_topic], self._table)

    def poll(self, max_records: int, timeout_seconds: float) -> list[Record | DeadRecord]:
        """Read what is there, waiting for a first record only, and then as long as the batch gathers."""
        self.polled_at = time.monotonic()
        first = self._consumer.poll(timeout_seconds)
        if self._refused:
            raise WrongCluster(self._refused)
        if first is None:
            self._housekeeping()
            return []
        messages = self._gather(cast("_Message", first), max_records)
        records: list[Record | DeadRecord] = []
        shift_ms = self._clock.shift_ms
        for message in messages:
            error = message.error()
            if error is not None:
                raise_if_lost(error)
                continue
            kind, timestamp = message.timestamp()
            topic, partition, offset = message.topic(), message.partition(), message.offset()
            if kind != TIMESTAMP_LOG_APPEND_TIME:
                raise WrongCluster(f"topic {topic} keeps senders' times; set message.timestamp.type=LogAppendTime")
            self._positions[topic, partition] = offset + 1
            legal_ms = timestamp + shift_ms
            records.append(read(topic, partition, offset, legal_ms, message.key(), message.value(), message.headers()))
        self._housekeeping()
        return in_time(records)

    def _gather(self, first: _Message, max_records: int) -> list[_Message]:
        """A batch that begins with `first`, until it is long or heavy enough, waited enough, or nothing comes."""
        messages, size_bytes = [first], len(first)
        waits = max(self._gather_seconds, CATCH_UP_SECONDS) if self.catching_up else self._gather_seconds
        until = time.monotonic() + waits
        while len(messages) < max_records and size_bytes < MAX_BATCH_BYTES:
            # As many as there would be room for if the others were like these, and at first few.
            room = (MAX_BATCH_BYTES - size_bytes) * len(messages) // max(1, size_bytes)
            count = max(1, min(max_records - len(messages), max(FIRST_RECORDS, len(messages)), room))
            left = max(0.0, until - time.monotonic())
            more = cast("list[_Message]", self._consumer.consume(count, min(left, QUIET_SECONDS)))
            messages += more
            size_bytes += sum(map(len, more))
            if len(more) < count:
                self.catching_up = False
                if not (more and left):
                    break
        return messages

    def _housekeeping(self) -> None:
        now = time.monotonic()
        if self._producer is not None:
            # What it has to tell is served here while nothing is sent.
            self._producer.poll(0)
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
        all_known = True
        for started, position in zip(self._started, self._consumer.position(self._started), strict=True):
            _, high = self._consumer.get_watermark_offsets(position, cached=True)
            # Nothing was fetched of it yet.
            all_known = all_known and high >= 0
            # Without a position nothing was read of it.
            behind = max(0, high - max(started.offset, position.offset))
            waiting += behind
            if position.topic not in self._submissions:
                lag += behind
        self.lag = waiting
        if all_known and not waiting:
            # A backlog that ends with a full batch ends here.
            self.catching_up = False
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
        self.catching_up = True
        self.submissions_paused = False
        self._started = [
            # From 0 and not from what is left: a topic that has lost its beginning is an error.
            TopicPartition(topic, lane, known.get(topic, 0))
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
                    **producer_settings(self._connection, self._table.max_message_bytes, LOOP_QUEUE_BYTES),
                    "error_cb": self._on_error,
                    "on_delivery": self._on_delivery,
                    "delivery.report.only.error": self._recorder is None,
                }
            )
        producer = self._producer
        until = time.monotonic() + FLUSH_SECONDS
        for sending in sendings:
            delivered = None if self._recorder is None else self._recorded(self._recorder, sending)
            while True:
                try:
                    producer.produce(
                        sending.topic,
                        sending.value,
                        sending.key,
                        sending.partition,
                        on_delivery=delivered,
                        headers=cast(Any, headers_of(sending, self.deployment)),
                    )
                    break
                except BufferError:
                    producer.poll(0.1)
                    if time.monotonic() > until:
                        self._failed = self._failed or "records were not acknowledged in time"
                    self._raise_if_failed()
        producer.poll(0)

    def _recorded(self, recorder: Recorder, sending: Sending) -> Delivered | None:
        parent = parse(sending.traceparent) if sending.traceparent else None
        if parent is None or not parent.sampled:
            return None
        return recorder.written(sending.topic, sending.partition, sending.key.decode(), parent, self._on_delivery)

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
                    **consumer_settings(self._connection, f"onematter-{self.deployment}-own-events"),
                    "queued.min.messages": 5000,
                    "enable.partition.eof": True,
                }
            )
        self._own.assign([TopicPartition(self._events_topic, lane, start)])
        try:
            yield from self._read_own(self._own, lane, end)
        finally:
            # Or it would go on reading ahead.
            self._own.unassign()

    @staticmethod
    def _read_own(own: Consumer, lane: int, end: int) -> Iterable[Record]:
        quiet = 0
        while quiet < 10:
            message = cast("_Message | None", own.poll(1.0))
            if message is None:
                quiet += 1
                continue
            error = message.error()
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:
                    return
                raise_if_lost(error)
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
