"""Aggregates as they were last committed, so that a matter that is worked on is not read again.

Rule 1: bounded by number and by bytes, whatever the aggregates hold: what was least recently used goes first.
Rule 2: what a step has in hand stays until the step is settled.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Generic

from onematter.backbone.service import S
from onematter.backbone.step import Held

# What is in hand at once, with room: hand-ins wait while 2,000 events do. Some 20 KB of memory each where a state was
# built up event by event: messages keep what they have outgrown.
DEFAULT_AGGREGATES = 3_000
DEFAULT_BYTES = 32 * 1024 * 1024
# What an aggregate takes beside its content: two messages with their arenas, its streams, its place here.
_OVERHEAD_BYTES = 512


class AggregateCache(Generic[S]):
    """At most `max_aggregates`, with at most `max_bytes` as they are stored; in memory about ten times that."""

    def __init__(self, max_aggregates: int = DEFAULT_AGGREGATES, max_bytes: int = DEFAULT_BYTES) -> None:
        self._max_aggregates, self._max_bytes = max_aggregates, max_bytes
        # With the size that is counted in `_bytes`.
        self._entries: OrderedDict[str, tuple[Held[S], int]] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        """How many are held."""
        return len(self._entries)

    @property
    def size_bytes(self) -> int:
        """What they take, as counted against `max_bytes`."""
        return self._bytes

    def get(self, matter_id: str) -> Held[S] | None:
        """The aggregate, None when it is not held."""
        found = self._entries.get(matter_id)
        return None if found is None else found[0]

    def put(self, matter_id: str, held: Held[S]) -> None:
        """Hold it, as the most recently used."""
        before = self._entries.pop(matter_id, None)
        size = held.size_bytes + _OVERHEAD_BYTES
        self._bytes += size - (0 if before is None else before[1])
        self._entries[matter_id] = (held, size)

    def settle(self, touched: Iterable[str]) -> None:
        """A step is committed: what it touched was used last, and has another size; then the bounds hold again."""
        for matter_id in touched:
            found = self._entries.get(matter_id)
            if found is not None:
                self.put(matter_id, found[0])
        while self._entries and (len(self._entries) > self._max_aggregates or self._bytes > self._max_bytes):
            _, (_, size) = self._entries.popitem(last=False)
            self._bytes -= size

    def clear(self) -> None:
        """Hold nothing."""
        self._entries.clear()
        self._bytes = 0
