"""What time it is for the law, and how a test moves it.

Rule 1: legal time is the broker's time of a record, or a timer's due time; every clock of ours is for the rest: which
timers are due, what day it is at a door. All of them ask one Clock.
Rule 2: a moved clock shifts records and timers by the same offset, which stands in a file: `+30d`, `+1d12h`, `+90m`,
`+45s`. Whoever changes the file moves the time of every service that reads it.
Rule 3: time never goes back: a smaller offset than the one before counts only from the next start.
Rule 4: what a production deployment reads is the real Clock (see settings).
"""

# pyright: strict

from __future__ import annotations

import logging
import os
import re
import time
from datetime import date
from pathlib import Path

from onematter.law.calendar import legal_date

logger = logging.getLogger("onematter.clock")

# What ONEMATTER_ENVIRONMENT may say.
PRODUCTION, TEST = "production", "test"
_OFFSET = re.compile(r"\+?(?:(\d{1,5})d)?(?:(\d{1,7})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?")
_UNIT_MS = (86_400_000, 3_600_000, 60_000, 1_000)
_MAX_BYTES = 256


class OffsetMalformed(ValueError):
    """What should be an offset is none; the text says how one is written."""


def parse_offset(text: str) -> int:
    """Return an offset in milliseconds: `+` and days, hours, minutes, seconds, as `+1d12h`. Nothing at all is 0."""
    found = _OFFSET.fullmatch(text.strip())
    if found is None:
        raise OffsetMalformed("an offset is written as +30d, +1d12h, +90m or +45s; it never goes back")
    return sum(int(number) * unit for number, unit in zip(found.groups(), _UNIT_MS, strict=True) if number)


def format_offset(offset_ms: int) -> str:
    """Write an offset as `parse_offset` reads it, in whole seconds."""
    parts: list[str] = []
    rest = max(0, offset_ms)
    for unit, letter in zip(_UNIT_MS, "dhms", strict=True):
        number, rest = divmod(rest, unit)
        parts += [f"{number}{letter}"] if number else []
    return "+" + ("".join(parts) or "0s")


def read_offset(path: Path) -> int:
    """Return the offset in the file; 0 when there is none. Raises OffsetMalformed."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return parse_offset(file.read(_MAX_BYTES))
    except FileNotFoundError:
        return 0


def write_offset(path: Path, offset_ms: int) -> None:
    """Write the file whole or not at all, so that no service reads half an offset."""
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    new.write_text(format_offset(offset_ms) + "\n", encoding="utf-8")
    new.replace(path)


class Clock:
    """The real time."""

    @property
    def shift_ms(self) -> int:
        """By how much records and timers are shifted."""
        return 0

    def now_unix_ms(self) -> int:
        """Legal time now, unix milliseconds."""
        return int(time.time() * 1000) + self.shift_ms

    def today(self) -> date:
        """The legal date (China time)."""
        return legal_date(self.now_unix_ms())


class ClockRefused(ValueError):
    """A test clock that may not be, or cannot be read; the text names the setting and says what it takes."""


def clock_of(test_clock: Path | None, *, is_test: bool) -> Clock:
    """Return a process's clock: the real one, unless a file moves the time. Raises ClockRefused."""
    if test_clock is None:
        return Clock()
    if not is_test:
        raise ClockRefused(
            "ONEMATTER_TEST_CLOCK moves the time on which deadlines rest, and this is a production deployment "
            "(ONEMATTER_ENVIRONMENT): take the test clock away, or declare a test with ONEMATTER_ENVIRONMENT=test"
        )
    try:
        return MovedClock(test_clock)
    except (OffsetMalformed, OSError) as error:
        raise ClockRefused(f"ONEMATTER_TEST_CLOCK={test_clock}: {error}") from error


class MovedClock(Clock):
    """The real time and the offset in a file, looked up at every use."""

    def __init__(self, path: Path) -> None:
        """Raises OffsetMalformed when the file is there and has no offset."""
        self._path = path
        self._seen = self._look()
        self._shift_ms = read_offset(path)

    @property
    def shift_ms(self) -> int:
        """The largest offset that was read so far."""
        seen = self._look()
        if seen != self._seen:
            self._seen = seen
            try:
                self._shift_ms = max(self._shift_ms, read_offset(self._path))
            except OffsetMalformed as error:
                logger.warning("the test clock stays as it is: %s", error)
        return self._shift_ms

    def _look(self) -> tuple[int, int, int]:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return 0, 0, 0
        return found.st_mtime_ns, found.st_ino, found.st_size
