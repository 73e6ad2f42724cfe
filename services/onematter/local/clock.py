"""The time of a local stack: a file in its directory, which every service reads (see backbone.clock).

    move_clock(default_directory(), "+30d")

A stack is a test, and says so to its services, unless `ONEMATTER_ENVIRONMENT` says that it is not: then its time
cannot be moved. The file is kept with the data: the time of what was handled never lies ahead of the clock's.
"""

from __future__ import annotations

import os
from pathlib import Path

from onematter.backbone.clock import TEST, format_offset, parse_offset, read_offset, write_offset


def clock_file(directory: Path) -> Path:
    """Return where the offset of the stack in `directory` stands; the file is there once time was moved."""
    return directory / "clock"


def is_movable() -> bool:
    """Whether a stack that is started now may have its time moved."""
    return (os.environ.get("ONEMATTER_ENVIRONMENT") or TEST) == TEST


def clock_environment(directory: Path) -> dict[str, str]:
    """Return what a service of the stack in `directory` must be told."""
    if not is_movable():
        return {"ONEMATTER_ENVIRONMENT": os.environ["ONEMATTER_ENVIRONMENT"]}
    return {"ONEMATTER_ENVIRONMENT": TEST, "ONEMATTER_TEST_CLOCK": str(clock_file(directory))}


def clock_offset(directory: Path) -> str:
    """Return by how much time is moved, as `+30d`; `+0s` when it is not. Raises OffsetMalformed."""
    return format_offset(read_offset(clock_file(directory)))


def move_clock(directory: Path, by: str) -> str:
    """Move the time on by `by`, as `+30d` or `+1d12h`, and return the whole offset. Raises OffsetMalformed.

    Every running service of the stack has the new time with its next look, which is at once.
    """
    path = clock_file(directory)
    offset_ms = read_offset(path) + parse_offset(by)
    write_offset(path, offset_ms)
    return format_offset(offset_ms)
