"""Conditions that are polled until a deadline, and topics that are read to their end, by kafka-python."""

from __future__ import annotations

import gc
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from kafka import KafkaConsumer
from kafka.structs import TopicPartition

# The machine may be busy: a deadline is there to end a test that has failed, not to measure.
DEADLINE_SECONDS = 90.0
POLL_SECONDS = 0.02

T = TypeVar("T")


def forget_refused_connections() -> None:
    """kafka-python leaves the sockets of refused connections to the collector, which warns of them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def poll(condition: Callable[[], T], what: str, seconds: float = DEADLINE_SECONDS) -> T:
    """Return what `condition` returns as soon as that is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(POLL_SECONDS)
    return found


class Tail:
    """Reads topics from where they ended when it was made. Records stand in their partition's order."""

    def __init__(self, servers: str, topics: Sequence[str]) -> None:
        self._consumer = KafkaConsumer(
            bootstrap_servers=servers, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=50,
            max_poll_records=5000,
        )  # fmt: skip
        self._partitions = [
            TopicPartition(topic, number)
            for topic in topics
            for number in sorted(self._consumer.partitions_for_topic(topic) or ())
        ]
        assert {p.topic for p in self._partitions} == set(topics), "every topic is there"
        self._consumer.assign(self._partitions)
        for partition, end in self._consumer.end_offsets(self._partitions).items():
            self._consumer.seek(partition, end)
        self.records: dict[str, list[Any]] = {topic: [] for topic in topics}
        self._by_key: dict[tuple[str, bytes], list[Any]] = defaultdict(list)

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close(autocommit=False)

    def read(self, timeout_seconds: float = 0.1) -> None:
        """Take in what has come."""
        for partition, records in self._consumer.poll(timeout_ms=int(timeout_seconds * 1000)).items():
            self.records[partition.topic] += records
            for record in records:
                self._by_key[record.topic, record.key or b""].append(record)

    def read_to_end(self, seconds: float = DEADLINE_SECONDS) -> None:
        """Take in all that stands in the topics now."""
        ends = self._consumer.end_offsets(self._partitions)
        self.until(lambda: all((self._consumer.position(p) or 0) >= end for p, end in ends.items()), "the end", seconds)

    def written(self) -> dict[str, int]:
        """How many records each topic has now, read or not; cheap."""
        counts = dict.fromkeys(self.records, 0)
        for partition, end in self._consumer.end_offsets(self._partitions).items():
            counts[partition.topic] += end
        return counts

    def of(self, topic: str, key: str) -> list[Any]:
        """The records of a key."""
        return self._by_key.get((topic, key.encode()), [])

    def until(self, condition: Callable[[], T], what: str, seconds: float = DEADLINE_SECONDS) -> T:
        """Read until `condition` is true, and return what it says."""
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
            self.read()
        return found
