"""Clients as integrators write them: both doors, and trying again with the same request_id until there is an answer.

Rule 1: a client that was told nothing sends the very same bytes again; it never makes up a new request for an old one.
Rule 2: everything that is sent and told goes into the book at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import grpc
from grpc_status import rpc_status
from kafka import KafkaProducer
from kafka.errors import KafkaError
from tests.faults.book import Book, Command
from tests.live import outside

from onematter.common.v1.outcome_pb2 import CommandRefused, Outcome

CALL_SECONDS = 8.0
ACKNOWLEDGED_SECONDS = 20.0
ENDS_SECONDS = 5.0
GIVE_UP_SECONDS = 240.0
AGAIN_SECONDS = 0.25
# What a client may meet while parts are away; all of them mean: ask again.
AGAIN = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.CANCELLED,
    }
)
OPTIONS = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.initial_reconnect_backoff_ms", 100),
)


class GaveUp(Exception):
    """There was no answer for as long as a client waits."""


class Clients:
    """The two doors. `address_of` gives a deployment's gRPC address. Threads may share it.

    A client gives up after `patience_seconds` without an answer.
    """

    def __init__(
        self, servers: str, address_of: Callable[[str], str], book: Book, patience_seconds: float = GIVE_UP_SECONDS
    ) -> None:
        self._servers, self._address_of, self.book = servers, address_of, book
        self.patience_seconds = patience_seconds
        self._lock = threading.Lock()
        self._producer: KafkaProducer | None = None
        self._channels: dict[str, grpc.Channel] = {}
        self.closing = threading.Event()

    def close(self) -> None:
        """Close every connection; whoever still waits gives up."""
        self.closing.set()
        with self._lock:
            if self._producer is not None:
                self._producer.close(timeout=5)
                self._producer = None
            for channel in self._channels.values():
                channel.close()
            self._channels.clear()

    def channel(self, deployment: str) -> grpc.Channel:
        """The channel to a deployment."""
        with self._lock:
            if deployment not in self._channels:
                self._channels[deployment] = grpc.insecure_channel(self._address_of(deployment), OPTIONS)
            return self._channels[deployment]

    def publish(self, topic: str, message: Any) -> Command:
        """Write a command to a topic until the broker has acknowledged it."""
        command = Command.of(message)
        self._until(lambda: self._publish(topic, command), f"{topic} took no record")
        return command

    def _publish(self, topic: str, command: Command) -> bool:
        producer = None
        try:
            producer = self._producer_now()
            sent = producer.send(
                topic, value=command.value, key=command.matter_id.encode(), headers=outside(command.request_id)
            )
            told = sent.get(timeout=ACKNOWLEDGED_SECONDS)
        except (KafkaError, OSError):
            self.book.unknown(command, topic)
            if producer is not None:
                self._forget(producer)
            return False
        self.book.acknowledged(command, topic, told.partition, told.offset)
        return True

    def call(
        self, deployment: str, topic: str, message: Any, method: Callable[[grpc.Channel], Any], request: Any
    ) -> Outcome | CommandRefused:
        """Call until there is an outcome or a refusal; `topic` is where the command goes behind the door."""
        command = Command.of(message)
        return self._until(
            lambda: self._call(deployment, topic, command, method, request), f"{deployment} gave no answer"
        )

    def _call(
        self, deployment: str, topic: str, command: Command, method: Callable[[grpc.Channel], Any], request: Any
    ) -> Outcome | CommandRefused | None:
        try:
            outcome = method(self.channel(deployment))(request, timeout=CALL_SECONDS).outcome
        except grpc.RpcError as failure:
            error: Any = failure
            refused = refused_of(error)
            if refused is not None:
                self.book.refused(command, topic, refused)
                return refused
            self.book.unknown(command, topic)
            if error.code() not in AGAIN:
                self.book.trouble(f"gRPC {error.code().name}: {error.details()}")
            return None
        except ValueError:
            # The channel was closed.
            self.book.unknown(command, topic)
            return None
        self.book.answered(command, topic, outcome)
        return outcome

    def _until(self, attempt: Callable[[], Any], what: str) -> Any:
        deadline = time.monotonic() + self.patience_seconds
        while not (found := attempt()):
            if time.monotonic() > deadline or self.closing.wait(AGAIN_SECONDS):
                raise GaveUp(what)
        return found

    def _producer_now(self) -> KafkaProducer:
        with self._lock:
            if self._producer is None:
                if self.closing.is_set():
                    raise GaveUp("the clients are closed")
                self._producer = KafkaProducer(
                    bootstrap_servers=self._servers, acks="all", max_request_size=1 << 20, max_block_ms=10_000,
                    linger_ms=5, reconnect_backoff_max_ms=1000,
                )  # fmt: skip
            return self._producer

    def _forget(self, producer: KafkaProducer) -> None:
        """A producer that failed may hold records that it would send later: it ends, and a new one begins."""
        with self._lock:
            if self._producer is producer:
                self._producer = None
        try:
            producer.close(timeout=0)
        except KafkaError:
            # With records on hand it raises, and goes on sending them.
            sender: Any = getattr(producer, "_sender")  # noqa: B009
            sender.force_close()
            sender.join(ENDS_SECONDS)
            producer.close(timeout=0)


def refused_of(error: Any) -> CommandRefused | None:
    """The refusal in a failed call's details."""
    status = rpc_status.from_call(error)
    for detail in status.details if status is not None else ():
        refused = CommandRefused()
        if detail.Is(refused.DESCRIPTOR):
            detail.Unpack(refused)
            return refused
    return None
