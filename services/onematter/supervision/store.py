"""The one table, and its changelog.

One windowed Faust table holds the rows (key `partition/level`) and the marks (key matter_id), in tumbling
windows of a day. They share one changelog because its order is what makes recovery exact: per partition it
is written in order, so what survives a crash is a prefix of the steps, and the greatest `through` in it says
where to read on. Faust's own committed offset does not say that: it is committed without waiting for the
changelog.

The store is `memory://`: about 250 bytes per counted matter of the last 90 days, read anew from the changelog
at each start, some 5,000 records a second. That is 750 MB and ten minutes for three million matters; beyond them
the store wants to be a RocksDB. Expired windows are dropped here by the hour, and in the changelog by its
retention.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, cast

import faust

from onematter.supervision.core import WINDOW_DAYS, Mark, Row

_DAY_SECONDS = 86_400
Window = tuple[float, float]

log = logging.getLogger(__name__)


@lru_cache(maxsize=4 * WINDOW_DAYS)
def window_of(day: int) -> Window:
    """The table's window of a day; windows count in days of UTC+8 as if they were UTC."""
    return cast(Window, faust.TumblingWindow(_DAY_SECONDS).current(day * _DAY_SECONDS))


@lru_cache(maxsize=4_096)
def _shared(level: int, visits: int) -> Mark:
    return level, visits


class Days(faust.Table):
    """A table whose keys are (key, window), spare of memory and strict about its changelog."""

    def _should_expire_keys(self) -> bool:
        # Faust notes a timestamp for each write until the window expires, and nothing for keys that it
        # recovered.
        return False

    def _to_key(self, k: Any) -> Any:
        key, (start, _) = k
        return sys.intern(key) if "/" in key else key, window_of(int(start) // _DAY_SECONDS)

    def _to_value(self, v: Any) -> Any:
        return _shared(*v) if isinstance(v, list) else v

    def send_changelog(self, *args: Any, **kwargs: Any) -> Any:
        """Send a change. Ends the process when it cannot be kept: Faust would log and go on with a gap."""
        sent = super().send_changelog(*args, **kwargs)
        sent.add_done_callback(_end_when_lost)
        return sent


def _end_when_lost(sent: Any) -> None:
    if not sent.cancelled() and sent.exception() is not None:
        log.critical("a change could not be written to the changelog (%s); ending", type(sent.exception()).__name__)
        # At once: a later change that succeeds would hide the gap from the next start.
        os._exit(70)


class Indicators:
    """Rows and marks by day, over the Faust table."""

    def __init__(self, table: Days) -> None:
        self._table = table

    def row(self, partition: int, level: int, day: int) -> Row | None:
        """The row of a level and day from one partition."""
        return cast(Row | None, self._table.data.get((_row_key(partition, level), window_of(day))))

    def put_row(self, partition: int, level: int, day: int, row: Row) -> None:
        """Write a row. Inside the stream's iteration only."""
        self._table[(_row_key(partition, level), window_of(day))] = row

    def mark(self, matter_id: str, day: int) -> Mark | None:
        """The mark of a matter that was counted on a day."""
        return cast(Mark | None, self._table.data.get((matter_id, window_of(day))))

    def put_mark(self, matter_id: str, day: int, mark: Mark) -> None:
        """Write a mark. Inside the stream's iteration only."""
        self._table[(matter_id, window_of(day))] = _shared(*mark)

    def find_mark(self, matter_id: str, day: int) -> tuple[int, Mark] | None:
        """The day on which a matter was counted, and its mark, searched back from `day`."""
        for candidate in range(day, day - WINDOW_DAYS, -1):
            mark = self.mark(matter_id, candidate)
            if mark is not None:
                return candidate, mark
        return None

    def rows(self, partitions: set[int], after_day: int) -> Iterator[tuple[int, int, Row]]:
        """(partition, level, row) of the given partitions and of the days after `after_day`."""
        data = self._table.data
        for partition in sorted(partitions):
            for level in _LEVELS:
                key = _row_key(partition, level)
                for day in range(after_day + 1, after_day + WINDOW_DAYS + 2):
                    row = cast(Row | None, data.get((key, window_of(day))))
                    if row is not None:
                        yield partition, level, row

    def through(self, partition: int, after_day: int) -> int | None:
        """Offset of the last record that any row of a partition is folded through; None without rows."""
        return max((row["through"] for _, _, row in self.rows({partition}, after_day)), default=None)

    def expire(self, through_day: int) -> int:
        """Drop what belongs to `through_day` or before; return how many keys."""
        data = self._table.data
        last_start = through_day * _DAY_SECONDS
        stale = [key for key in data if key[1][0] <= last_start]
        for key in stale:
            data.pop(key, None)
        return len(stale)


_LEVELS = range(7)


@lru_cache(maxsize=4_096)
def _row_key(partition: int, level: int) -> str:
    return f"{partition}/{level}"
