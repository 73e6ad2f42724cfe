"""The log with what may happen to records on their way: copies, records that come late, and what is broken.

Rule 1: a copy is the same bytes in the same place; whoever reads it must see that it was there before.
Rule 2: a record in a stream may be withheld, and what is sent after it comes first: a gap that closes later.
Where databases are restored an events topic has no gap: its writer folds it then, and could only stop at one.
Rule 3: a record in a stream of commands may be preceded by one that has its place and cannot be decoded. Never in a
matter with a gap: of two that wait for the same place the operator would have to drop the first, and so its place.
Rule 4: a matter in which something was withheld or broken is `troubled`: it may have dead letters.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation.dice import Dice
from tests.simulation.memory import Broker, Entry, Produced

from onematter.contracts.topics import TopicTable

RECENT = 12
UNDECODABLE = b"\xff"
# Field 1000, which nobody knows, of a given length.
UNKNOWN_FIELD = b"\xc2\x3e"


class Wire(Broker):
    """See this module's rules."""

    def __init__(
        self, table: TopicTable, clock_unix_ms: Callable[[], int], dice: Dice, note: Callable[[str], None],
        restores: bool, read: frozenset[str],
    ) -> None:  # fmt: skip
        super().__init__(table, clock_unix_ms)
        self.dice, self.note = dice, note
        self._streams = frozenset(t.name for t in table.topics.values() if t.kind == "commands")
        gaps = ("commands",) if restores else ("commands", "events")
        self._with_gaps = frozenset(t.name for t in table.topics.values() if t.kind in gaps and t.name in read)
        self._copied = [t.name for t in table.topics.values() if t.kind != "dead-letters"]
        self._withhold = self._break = False
        self.held_back: list[Produced] = []
        self.withheld: set[str] = set()
        self.troubled: set[str] = set()
        self.corrupted: set[str] = set()
        self.broken: list[bytes] = []

    def append(self, record: Produced) -> None:
        """Append; or do to it what was ordered for the next of its kind."""
        if (self._withhold or self._break) and record.topic in self._with_gaps and is_sequenced(record):
            key = (record.key or b"").decode()
            if self._break and record.topic in self._streams and key not in self.withheld:
                self._break = False
                self.corrupted.add(key)
                self.note("corrupted on the wire")
                self.troubled.add(key)
                value = UNDECODABLE + self.dice.bytes(8)
                self.broken.append(value)
                super().append(record._replace(value=value))
            elif self._withhold and key not in self.corrupted:
                self._withhold = False
                self.note("withheld")
                self.troubled.add(key)
                self.withheld.add(key)
                self.held_back.append(record)
                return
        super().append(record)

    def withhold_next(self) -> None:
        """The next record in a stream comes late."""
        self._withhold = True

    def break_next(self) -> None:
        """Before the next record in a stream of commands comes one in its place that cannot be decoded."""
        self._break = True

    def calm(self) -> None:
        """Nothing is ordered any more, and everything can be fetched."""
        self._withhold = self._break = self.away = False
        self.slow.clear()

    def release(self) -> None:
        """One that was withheld comes."""
        if self.held_back:
            self.note("withheld, came")
            super().append(self.held_back.pop(self.dice.below(len(self.held_back))))

    def copy(self) -> None:
        """Records come again, byte for byte: one, or all of a place from somewhere on."""
        topic = self.dice.pick(self._copied)
        lane = self.dice.below(self.table.partitions)
        entries = self.topics[topic][lane]
        if not entries:
            return
        start = max(0, len(entries) - 1 - self.dice.below(RECENT))
        if self.dice.chance(0.05):
            start = self.dice.below(len(entries))
        count = 1 if self.dice.chance(0.8) else len(entries) - start
        for entry in entries[start : start + count]:
            self.note("copied on the wire")
            super().append(Produced(topic, lane, entry.key, entry.value, entry.headers))

    def slow_down(self) -> None:
        """From one place nothing can be fetched for a while."""
        self.note("slow partition")
        self.slow.add((self.dice.pick(self._copied), self.dice.below(self.table.partitions)))


def is_sequenced(record: Produced | Entry) -> bool:
    """Whether a deployment wrote it into a stream."""
    return any(name == "ce_stream" for name, _ in record.headers)
