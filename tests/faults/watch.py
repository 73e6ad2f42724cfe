"""All topics as they grow, for clients that wait for an event and for whoever wants to know how far the world is."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence

from kafka import KafkaConsumer
from kafka.errors import KafkaError
from kafka.structs import TopicPartition
from tests.faults.auditor.evidence import Entry
from tests.faults.auditor.reading import entry_of

POLL_SECONDS = 0.2


class Watch(threading.Thread):
    """Reads every topic from offset 0 in a thread of its own; goes on when the broker was away."""

    def __init__(self, servers: str, topics: Sequence[str]) -> None:
        super().__init__(name="watch", daemon=True)
        self._servers, self._topics = servers, tuple(topics)
        self._ended = threading.Event()
        self._positions: dict[TopicPartition, int] = {}
        self._by_key: dict[tuple[str, str], list[Entry]] = defaultdict(list)
        self.records: dict[str, list[Entry]] = {topic: [] for topic in topics}

    def stop(self) -> None:
        """End it."""
        self._ended.set()
        self.join()

    def of(self, topic: str, key: str) -> list[Entry]:
        """The records of a key, so far."""
        return list(self._by_key.get((topic, key), ()))

    def has(self, ends: Mapping[tuple[str, int], int]) -> bool:
        """Whether all is read up to these ends."""
        return all(self._positions.get(TopicPartition(*place), 0) >= end for place, end in ends.items())

    def run(self) -> None:
        """The thread."""
        while not self._ended.is_set():
            try:
                self._read()
            except (KafkaError, OSError, ValueError):
                time.sleep(POLL_SECONDS)

    def _read(self) -> None:
        consumer = KafkaConsumer(
            bootstrap_servers=self._servers, enable_auto_commit=False, auto_offset_reset="earliest",
            fetch_max_wait_ms=100, max_poll_records=5000, reconnect_backoff_max_ms=1000,
        )  # fmt: skip
        try:
            partitions = [
                TopicPartition(topic, number)
                for topic in self._topics
                for number in sorted(consumer.partitions_for_topic(topic) or ())
            ]
            if {one.topic for one in partitions} != set(self._topics):
                time.sleep(POLL_SECONDS)
                return
            consumer.assign(partitions)
            for one in partitions:
                consumer.seek(one, self._positions.get(one, 0))
            while not self._ended.is_set():
                for place, records in consumer.poll(timeout_ms=int(POLL_SECONDS * 1000)).items():
                    # What a new connection gives again is known already.
                    new = [entry_of(r) for r in records if r.offset >= self._positions.get(place, 0)]
                    if new:
                        self.records[place.topic] += new
                        for entry in new:
                            self._by_key[entry.topic, entry.key].append(entry)
                        self._positions[place] = new[-1].offset + 1
        finally:
            consumer.close(autocommit=False)
