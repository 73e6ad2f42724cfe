"""Follow one matter's events on the topic, from where they may begin to where they end.

Rule 1: one partition is read, the matter's own, without a consumer group: nothing is committed, nobody else is moved.
Rule 2: an event is given once, by its sequence in intake's stream, whatever is delivered twice.
Rule 3: it ends with the one result, with the refusal to accept the matter (不予受理), or with a refusal of the hand-in
when nothing was taken.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from google.protobuf.message import DecodeError
from kafka import KafkaConsumer
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from onematter.client.errors import DeadlineExceeded, Unavailable
from onematter.client.publisher import partition_key, unavailable
from onematter.common.v1.outcome_pb2 import Reason
from onematter.contracts import headers, keys
from onematter.contracts.connections import KafkaConnection
from onematter.contracts.topics import MATTER_EVENTS
from onematter.intake.v1.intake_events_pb2 import MatterEvent

# How far the clocks of two brokers may lie apart.
CLOCK_MARGIN_MS = 60_000
_POLL_MS = 500
_ENDS = ("matter_completed", "acceptance_refused")


@dataclass(slots=True)
class Follower:
    """What is known of one matter while its events are read. Pure."""

    matter_id: str
    last_sequence: int = 0
    taken: bool = False
    ended: bool = False

    def take(self, key: bytes | None, value: bytes | None, received: headers.Headers) -> MatterEvent | None:
        """Return the event when it is of this matter and new; None for everything else."""
        if key != self.matter_id.encode() or not value or self.ended:
            return None
        number = headers.as_mapping(received).get("ce_sequence", b"")
        if not number.isdigit() or int(number) <= self.last_sequence:
            return None
        try:
            event = MatterEvent.FromString(value)
        except DecodeError:
            return None
        self.last_sequence = int(number)
        kind = event.WhichOneof("event")
        if kind in ("matter_received", "matter_accepted"):
            self.taken = True
        self.ended = kind in _ENDS or (kind == "command_refused" and self._ends(event))
        return event

    def _ends(self, event: MatterEvent) -> bool:
        """Whether a refusal ends the matter: it is of the hand-in, and not of a second use of its id."""
        cause = event.cause
        if self.taken or keys.matter_id(cause.principal, cause.request_id) != self.matter_id:
            return False
        return any(v.reason != Reason.REASON_REQUEST_ID_REUSED for v in event.command_refused.violations)


def follow(
    connection: KafkaConnection, matter_id: str, since_unix_ms: int | None, timeout_seconds: float | None
) -> Iterator[MatterEvent]:
    """Yield the matter's events in their order until it ends.

    `since_unix_ms` is the broker's time of the hand-in, None to read from the beginning. Raises DeadlineExceeded when
    it has not ended `timeout_seconds` after the call, Unavailable when Kafka or the topic is away.
    """
    deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    follower = Follower(matter_id)
    try:
        consumer = KafkaConsumer(
            **connection.kafka_python(),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            allow_auto_create_topics=False,
        )
    except KafkaError as error:
        raise unavailable(connection, error) from None
    try:
        _seek(consumer, matter_id, since_unix_ms)
        while True:
            left_ms = _POLL_MS if deadline is None else int((deadline - time.monotonic()) * 1000)
            if left_ms <= 0:
                raise DeadlineExceeded(
                    f"matter {matter_id} did not end in {timeout_seconds:g} s; follow it again, or ask for its"
                    " progress",
                    f"办件 {matter_id} 未在 {timeout_seconds:g} 秒内办结；请再次跟踪，或查询进度",
                )
            for records in consumer.poll(timeout_ms=min(left_ms, _POLL_MS)).values():
                for record in records:
                    event = follower.take(record.key, record.value, list(record.headers))
                    if event is not None:
                        yield event
                    if follower.ended:
                        return
    except KafkaError as error:
        raise unavailable(connection, error) from None
    finally:
        consumer.close(autocommit=False)


def _seek(consumer: KafkaConsumer, matter_id: str, since_unix_ms: int | None) -> None:
    partitions = consumer.partitions_for_topic(MATTER_EVENTS)
    if not partitions:
        raise Unavailable(
            f"topic {MATTER_EVENTS} does not exist; is this the right Kafka?",
            f"没有主题 {MATTER_EVENTS}；请确认是否为正确的 Kafka",
        )
    own = TopicPartition(MATTER_EVENTS, partition_key(matter_id.encode(), list(partitions)))
    consumer.assign([own])
    found = None
    if since_unix_ms is not None:
        found = consumer.offsets_for_times({own: max(0, since_unix_ms - CLOCK_MARGIN_MS)})[own]
        if found is None:
            # Nothing is as young as that yet: what comes, comes after the end as it is now.
            consumer.seek(own, consumer.end_offsets([own])[own])
            return
    if found is None:
        consumer.seek_to_beginning(own)
    else:
        consumer.seek(own, found.offset)
