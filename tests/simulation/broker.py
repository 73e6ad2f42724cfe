"""The log itself, in memory: topics of partitions of records, and what is on its way to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from onematter.contracts.topics import TopicTable


class Entry(NamedTuple):
    """A record in the log. Nobody changes its headers."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    timestamp_unix_ms: int


class Produced(NamedTuple):
    """A record on its way to the log."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Broker:
    """The log itself; the time of a record is the broker's.

    slow: places from which nothing can be fetched for now. away: nobody reaches it. delivered: records that workers
    were given.
    """

    def __init__(self, table: TopicTable, clock_unix_ms: Callable[[], int]) -> None:
        self.table, self.clock_unix_ms = table, clock_unix_ms
        self.topics: dict[str, list[list[Entry]]] = {
            name: [[] for _ in range(table.partitions)] for name in table.topics
        }
        self.adrift: list[list[Produced]] = []
        self.slow: set[tuple[str, int]] = set()
        self.away = False
        self.delivered = 0

    def append(self, record: Produced) -> None:
        """Append one record."""
        self.topics[record.topic][record.partition].append(
            Entry(record.key, record.value, record.headers, self.clock_unix_ms())
        )
