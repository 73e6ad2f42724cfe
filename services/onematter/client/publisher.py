"""Writes commands to topics, and waits for the broker.

Rule 1: a write has happened when every in-sync replica has it (acks=all), and not before.
Rule 2: keys go where Kafka's own murmur2 partitioner puts them.
Rule 3: a command's partition is where its key belongs; a topic is never created here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.client.errors import DeadlineExceeded, Invalid, Unavailable
from onematter.client.messages import headers_of, value_of
from onematter.contracts import keys, traces
from onematter.contracts.connections import KafkaConnection
from onematter.contracts.topics import table
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand

Command = IntakeCommand | ApprovalCommand


def partition_key(serialized_key: bytes, all_partitions: list[int]) -> int:
    """The partition of a key among a topic's partitions."""
    return sorted(all_partitions)[keys.partition_of(serialized_key, len(all_partitions))]


class Publisher:
    """One producer, made at the first write. Safe to use from several threads."""

    def __init__(
        self, connection: KafkaConnection, timeout_seconds: float, traceparent: Callable[[], str] | None = None
    ) -> None:
        """`traceparent` gives the trace context (W3C) of each write; "" or what is none leaves it out."""
        self._connection = connection
        self._traceparent = traceparent
        self._timeout_seconds = timeout_seconds
        self._producer: KafkaProducer | None = None
        self._lock = threading.Lock()

    def write(self, topic: str, command: Command) -> int:
        """Write a command under its matter's key; return the broker's time of the record, unix milliseconds.

        Raises Unavailable, or DeadlineExceeded when it is not known whether the broker has it: write it again, the
        same request_id has the same effect once. Raises Invalid when the record is too large.
        """
        headers = headers_of(command, time.time_ns() // 1_000_000)
        if self._traceparent is not None and (context := traces.parse(self._traceparent())) is not None:
            headers.append((traces.HEADER, context.traceparent.encode()))
        key = command.matter_id.encode()
        try:
            producer = self._made()
            partition = partition_key(key, list(producer.partitions_for(topic)))
        except KafkaError as error:
            # Nothing was sent yet, also when this took too long.
            raise unavailable(self._connection, error) from None
        try:
            sent = producer.send(topic, key=key, value=value_of(command), headers=headers, partition=partition)
            return sent.get(timeout=self._timeout_seconds).timestamp
        except MessageSizeTooLargeError:
            limit = table().max_message_bytes
            raise Invalid(
                f"the request is larger than {limit} bytes; name materials by digest, and put less into it",
                f"请求超过 {limit} 字节；材料请只写摘要，并减少内容",
            ) from None
        except KafkaTimeoutError as error:
            raise DeadlineExceeded(
                f"Kafka did not acknowledge the write to {topic} in {self._timeout_seconds:g} s;"
                f" send request {command.request_id} again: {error}",
                f"Kafka 未在 {self._timeout_seconds:g} 秒内确认写入 {topic}；"
                f"请以同一 request_id（{command.request_id}）再次发送：{error}",
            ) from None
        except KafkaError as error:
            raise unavailable(self._connection, error) from None

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            if self._producer is not None:
                self._producer.close(timeout=self._timeout_seconds)
                self._producer = None

    def _made(self) -> KafkaProducer:
        with self._lock:
            if self._producer is None:
                self._producer = KafkaProducer(
                    **self._connection.kafka_python(),
                    acks="all",
                    enable_idempotence=True,
                    allow_auto_create_topics=False,
                    max_block_ms=int(self._timeout_seconds * 1000),
                    delivery_timeout_ms=int(self._timeout_seconds * 1000),
                    request_timeout_ms=int(self._timeout_seconds * 1000),
                    bootstrap_timeout_ms=int(self._timeout_seconds * 1000),  # pyright: ignore[reportCallIssue]
                    max_request_size=table().max_message_bytes,
                )
            return self._producer


def unavailable(connection: KafkaConnection, error: Exception) -> Unavailable:
    """The error of a broker that cannot be used, with the way out."""
    return Unavailable(
        f"Kafka at {connection.bootstrap_servers}: {error or type(error).__name__};"
        " check KAFKA_BOOTSTRAP_SERVERS and its security settings",
        f"无法使用 {connection.bootstrap_servers} 的 Kafka：{error or type(error).__name__}；请检查"
        " KAFKA_BOOTSTRAP_SERVERS 及其安全设置",
    )
