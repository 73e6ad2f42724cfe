"""The changelog topic, made before Faust starts, and unmade for a rebuild.

The changelog has as many partitions as the matters' events, since a change is written to the partition of
its cause. It is compacted, and deleted after the window and a margin: compaction alone would keep a mark of
every matter for ever.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import KafkaError, NewTopic

from onematter.contracts.topics import table
from onematter.supervision.core import DAY_MS, WINDOW_DAYS

TABLE = "indicators"
SESSION_SECONDS = 6
_CONFIG = {
    "cleanup.policy": "compact,delete",
    "retention.ms": str((WINDOW_DAYS + 2) * DAY_MS),
    "message.timestamp.type": "LogAppendTime",
    "segment.bytes": str(64 * 1024 * 1024),
    "min.cleanable.dirty.ratio": "0.2",
}
_DEADLINE_SECONDS = 30.0
_TOPIC_SECONDS = 5.0
_AGAIN_SECONDS = 2.0
# Kafka does not answer, or not in time.
_AWAY = frozenset({
    KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT, KafkaError._TIMED_OUT_QUEUE,
    KafkaError._RESOLVE, KafkaError.REQUEST_TIMED_OUT, KafkaError.BROKER_NOT_AVAILABLE,
})  # fmt: skip

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Names:
    """What a deployment's supervision is called in Kafka; Faust makes the changelog's name from the app's."""

    deployment: str
    events_topic: str

    @classmethod
    def of(cls, deployment: str) -> Names:
        """Names from the topics table. Raises Unprovisioned unless it lets the deployment read exactly one topic."""
        inputs = table().inputs(deployment)
        if len(inputs) != 1:
            raise Unprovisioned(f"deployment {deployment} reads {len(inputs)} topics; let topics.toml name one")
        return cls(deployment, inputs[0])

    @property
    def app_id(self) -> str:
        """Faust's app, which is the consumer group."""
        return f"onematter-{self.deployment}"

    @property
    def changelog(self) -> str:
        """The table's changelog topic."""
        return f"{self.app_id}-{TABLE}-changelog"


class Unprovisioned(RuntimeError):
    """What supervision needs of Kafka is not there; the text names it and the way out."""


def awaited(ask: Callable[[], T], pause: Callable[[float], None] = time.sleep) -> T:
    """What `ask` returns, once Kafka answers: a broker that is away is waited for, as by every service."""
    while True:
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].code() not in _AWAY:
                raise
            log.warning("waiting for a dependency: Kafka: %s", error.args[0].name())
            pause(_AGAIN_SECONDS)


def provide(admin: AdminClient, names: Names) -> int:
    """Make the changelog if it is absent; return the number of partitions. May be called again.

    Raises Unprovisioned when the matters' events are absent, or when the changelog has another number of
    partitions.
    """
    partitions = _wait(lambda: _partitions(admin, names.events_topic), _TOPIC_SECONDS)
    if not partitions:
        raise Unprovisioned(f"topic {names.events_topic} is absent; create the topics first")
    if not _partitions(admin, names.changelog):
        (created,) = admin.create_topics([NewTopic(names.changelog, partitions, config=_CONFIG)]).values()
        try:
            created.result(_DEADLINE_SECONDS)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
    found = _wait(lambda: _partitions(admin, names.changelog))
    if found != partitions:
        raise Unprovisioned(
            f"topic {names.changelog} has {found} partitions, {names.events_topic} has {partitions}; "
            "run `python -m onematter.supervision rebuild`"
        )
    return partitions


def remove_state(admin: AdminClient, names: Names, data_dir: Path) -> None:
    """Delete the consumer group, the changelog and the local files; what follows is a start from the events
    alone.

    Raises Unprovisioned when the group still has a member, before anything is deleted.
    """
    _remove_group(admin, names.app_id)
    if _partitions(admin, names.changelog):
        (deleted,) = admin.delete_topics([names.changelog]).values()
        deleted.result(_DEADLINE_SECONDS)
        if not _wait(lambda: not _partitions(admin, names.changelog)):
            raise Unprovisioned(f"topic {names.changelog} is still there after its deletion; try again")
    shutil.rmtree(data_dir / names.app_id, ignore_errors=True)


def _remove_group(admin: AdminClient, group: str) -> None:
    # A process that was killed stays a member until its session ends.
    deadline = time.monotonic() + SESSION_SECONDS + 5
    while True:
        (removed,) = admin.delete_consumer_groups([group]).values()
        try:
            removed.result(_DEADLINE_SECONDS)
            return
        except KafkaException as error:
            code = error.args[0].code()
            if code == KafkaError.GROUP_ID_NOT_FOUND:
                return
            if code != KafkaError.NON_EMPTY_GROUP:
                raise
        if time.monotonic() > deadline:
            raise Unprovisioned(f"consumer group {group} has a member; stop supervision first")
        time.sleep(0.2)


def _partitions(admin: AdminClient, topic: str) -> int:
    """Number of partitions; 0 when the topic is absent."""
    metadata = admin.list_topics(timeout=_TOPIC_SECONDS).topics.get(topic)
    return len(metadata.partitions) if metadata and metadata.error is None else 0


def _wait(condition: Callable[[], int], seconds: float = _DEADLINE_SECONDS) -> int:
    deadline = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found
