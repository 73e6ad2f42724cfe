"""A department's own system takes its tasks from the topic and publishes its decisions, instead of using the inbox.

Rule 1: at least once. What was taken is committed to Kafka only when its decision is acknowledged, somebody else ended
the task, or it was left to the inbox; after a crash it comes again.
Rule 2: a decision has the same request_id however often its task comes, so that it is decided once.
Rule 3: per partition only the offsets below the first undecided task are committed.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import DecodeError
from kafka import ConsumerRebalanceListener, KafkaConsumer
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata, TopicPartition

from onematter.approval.v1.approval_events_pb2 import ApprovalEvent, TaskOpened
from onematter.client.publisher import unavailable
from onematter.contracts.connections import KafkaConnection

_POLL_MS = 500
_ENDS = ("task_decided", "task_recalled")

Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Decided:
    """What a department decided; see `messages.decide_command`."""

    grant: bool
    opinion: str
    basis: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    valid_until: str = ""


@dataclass(slots=True)
class Task:
    """A task (办件) that waits for its department. Decide it, or leave it to the inbox."""

    event: ApprovalEvent
    decide: Callable[[Task, Decided], None] = field(repr=False)
    settle: Callable[[], None] = field(repr=False)

    @property
    def matter_id(self) -> str:
        """The matter's id."""
        return self.event.matter_id

    @property
    def item_id(self) -> str:
        """The item's id in its matter."""
        return self.event.item_id

    @property
    def opened(self) -> TaskOpened:
        """What is asked: the item, the application, the deadlines."""
        return self.event.task_opened

    @property
    def request_id(self) -> str:
        """The decision's request_id, a function of the task."""
        text = f"onematter.decision.v1/{self.matter_id}/{self.item_id}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def grant(self, opinion: str, *, conditions: Iterable[str] = (), valid_until: str = "") -> None:
        """Grant (准予), with what it requires; returns when the broker has acknowledged it."""
        self.decide(self, Decided(True, opinion, conditions=tuple(conditions), valid_until=valid_until))
        self.settle()

    def deny(self, opinion: str, *, basis: Iterable[str]) -> None:
        """Deny (不予), with the articles it rests on (行政许可法 §38); returns when the broker has acknowledged it."""
        self.decide(self, Decided(False, opinion, basis=tuple(basis)))
        self.settle()

    def leave(self) -> None:
        """Leave it to the inbox: it does not come again."""
        self.settle()


class Progress:
    """Which offsets may be committed. Pure but for its lock: decisions may come from other threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next: dict[Place, int] = {}
        self._open: dict[Place, dict[int, tuple[str, str]]] = {}
        self._committed: dict[Place, int] = {}

    def take(self, place: Place, offset: int, task: tuple[str, str] | None = None) -> None:
        """Note a record that was read, and the task (matter, item) that it opens."""
        with self._lock:
            self._next[place] = offset + 1
            if task is not None:
                self._open.setdefault(place, {})[offset] = task

    def settle(self, place: Place, offset: int) -> None:
        """Note that the task of a record is dealt with."""
        with self._lock:
            self._open.get(place, {}).pop(offset, None)

    def end(self, place: Place, task: tuple[str, str]) -> None:
        """Note that somebody ended the task."""
        with self._lock:
            pending = self._open.get(place, {})
            for offset in [o for o, t in pending.items() if t == task]:
                del pending[offset]

    def is_open(self, place: Place, offset: int) -> bool:
        """Whether the task of a record still waits."""
        with self._lock:
            return offset in self._open.get(place, {})

    def forget(self, places: Sequence[Place]) -> None:
        """Drop what is known of partitions that were taken away."""
        with self._lock:
            for place in places:
                for known in (self._next, self._open, self._committed):
                    known.pop(place, None)

    def committable(self) -> dict[Place, int]:
        """The offsets to commit now, where they have moved since the last call."""
        with self._lock:
            moved: dict[Place, int] = {}
            for place, upcoming in self._next.items():
                offset = min(self._open.get(place) or {upcoming: None})
                if self._committed.get(place) != offset:
                    moved[place] = self._committed[place] = offset
            return moved


class _Listener(ConsumerRebalanceListener):
    def __init__(self, consumer: KafkaConsumer, progress: Progress) -> None:
        self._consumer = consumer
        self._progress = progress

    def on_partitions_revoked(self, revoked: Any) -> None:
        commit(self._consumer, self._progress)
        self._progress.forget([(one.topic, one.partition) for one in revoked])

    def on_partitions_assigned(self, assigned: Any) -> None:
        self._progress.forget([(one.topic, one.partition) for one in assigned])


def commit(consumer: KafkaConsumer, progress: Progress) -> None:
    """Commit what may be committed. A lost membership is no error: the tasks come again, to whoever has them now."""
    moved = progress.committable()
    if not moved:
        return
    offsets = {TopicPartition(*place): OffsetAndMetadata(offset, "", -1) for place, offset in moved.items()}
    try:
        consumer.commit(offsets)
    except KafkaError:
        progress.forget(list(moved))


def wanted(event: ApprovalEvent, level: int, division: str, department: str) -> bool:
    """Whether the event opens a task of this level, division and department; empty ones are not asked about."""
    if event.WhichOneof("event") != "task_opened":
        return False
    item = event.task_opened.item
    return (
        item.level == level
        and (not division or item.division == division)
        and (not department or item.department == department)
    )


def tasks(
    connection: KafkaConnection,
    topics: Sequence[str],
    group_id: str,
    matches: Callable[[ApprovalEvent], bool],
    decide: Callable[[Task, Decided], None],
    idle_seconds: float | None,
) -> Iterator[Task]:
    """Yield tasks as they open; ends when none came for `idle_seconds` (None: never).

    A group that is new begins with the oldest task. A task may take up to five minutes before the next is asked for;
    after that the group gives it to another member. Raises Unavailable when Kafka is away.
    """
    progress = Progress()
    try:
        consumer = KafkaConsumer(
            **connection.kafka_python(),
            group_id=group_id,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            allow_auto_create_topics=False,
        )
    except KafkaError as error:
        raise unavailable(connection, error) from None
    try:
        consumer.subscribe(list(topics), listener=_Listener(consumer, progress))
        newest = time.monotonic()
        while idle_seconds is None or time.monotonic() - newest < idle_seconds:
            for partition, records in consumer.poll(timeout_ms=_POLL_MS, max_records=100).items():
                place = (partition.topic, partition.partition)
                # The whole batch first: of a task that ended in it nothing is asked any more.
                opened = [e for e in (_take(progress, place, record, matches) for record in records) if e]
                for offset, event in opened:
                    if progress.is_open(place, offset):
                        yield Task(event, decide, _settler(progress, place, offset))
                        newest = time.monotonic()
            commit(consumer, progress)
    except KafkaError as error:
        raise unavailable(connection, error) from None
    finally:
        commit(consumer, progress)
        consumer.close(autocommit=False)


def _take(
    progress: Progress, place: Place, record: Any, matches: Callable[[ApprovalEvent], bool]
) -> tuple[int, ApprovalEvent] | None:
    """Note a record; its offset and event when it opens a task of ours."""
    try:
        event = ApprovalEvent.FromString(record.value or b"")
    except DecodeError:
        event = ApprovalEvent()
    task = (event.matter_id, event.item_id)
    if matches(event):
        progress.take(place, record.offset, task)
        return record.offset, event
    progress.take(place, record.offset)
    if event.WhichOneof("event") in _ENDS:
        progress.end(place, task)
    return None


def _settler(progress: Progress, place: Place, offset: int) -> Callable[[], None]:
    return lambda: progress.settle(place, offset)
