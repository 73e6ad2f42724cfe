"""The file channel among processes: two that write the same letters, and one that is killed while it writes."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests.unit.notification.cases import ids_in, ids_of, letter

DEADLINE_SECONDS = 60.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "notices.db"


WRITER = """
import pathlib, sys
from tests.unit.notification.cases import letter
from onematter.notification.file_channel import FileChannel
path, first, last, batch = pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:])
channel = FileChannel(path)
print("ready", flush=True)
sys.stdin.readline()
for begin in range(first, last, batch):
    for number in range(begin, min(begin + batch, last)):
        assert channel.deliver(letter(number)) == ""
    channel.flush()
"""


@contextmanager
def writer(path: Path, first: int, last: int, batch: int) -> Iterator[subprocess.Popen[str]]:
    """A process that waits for a line and then writes these letters, a step for each batch."""
    arguments = [sys.executable, "-c", WRITER, str(path), str(first), str(last), str(batch)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


def begin(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_two_processes_with_the_same_letters_leave_each_once(path: Path):
    """As while a lane moves: both make the file, both write, and a gateway reads on from its last position."""
    taken: list[str] = []
    last = 0
    with writer(path, 0, 1500, 7) as one, writer(path, 500, 2000, 11) as another:
        begin(one)
        begin(another)
        until = time.monotonic() + DEADLINE_SECONDS
        done = False
        while not done:
            done = one.poll() is not None and another.poll() is not None
            assert time.monotonic() < until
            if path.exists() and "notices" in tables_in(path):
                with closing(sqlite3.connect(path)) as connection:
                    for position, notice_id in connection.execute(
                        "SELECT position, notice_id FROM notices WHERE position > ? ORDER BY position", (last,)
                    ):
                        last = position
                        taken.append(notice_id)
        assert (one.returncode, another.returncode) == (0, 0)
    wanted = ids_of(*(letter(n) for n in range(2000)))
    assert sorted(ids_in(path)) == sorted(wanted)
    assert sorted(taken) == sorted(wanted)


def tables_in(path: Path) -> list[str]:
    with closing(sqlite3.connect(path, timeout=10)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]


def test_kill_9_leaves_whole_steps_and_the_rest_comes_again(path: Path):
    batch, total = 20, 4000
    wanted = [ids_of(*(letter(n) for n in range(b, b + batch))) for b in range(0, total, batch)]
    killed = 0
    for share in (0, 1, 2, 3):
        with writer(path, 0, total, batch) as process:
            begin(process)
            until = time.monotonic() + DEADLINE_SECONDS
            while process.poll() is None and (not path.exists() or len(whole_ids_in(path)) < 1 + share * total // 4):
                assert time.monotonic() < until
            process.send_signal(signal.SIGKILL)
            killed += process.wait() == -signal.SIGKILL
        standing = set(whole_ids_in(path))
        assert {len(standing.intersection(step)) for step in wanted} <= {0, batch}
    assert killed
    with writer(path, 0, total, batch) as process:
        begin(process)
        assert process.wait(DEADLINE_SECONDS) == 0
    assert whole_ids_in(path) == [notice_id for step in wanted for notice_id in step]


def whole_ids_in(path: Path) -> list[str]:
    """The ids in their order, of a file that is found to be whole; none while it is being made."""
    with closing(sqlite3.connect(path, timeout=10)) as connection:
        if not connection.execute("PRAGMA user_version").fetchone()[0]:
            return []
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [one for (one,) in connection.execute("SELECT notice_id FROM notices ORDER BY position")]
