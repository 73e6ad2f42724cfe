"""The file channel: each notice stands there once and whole, whatever fails or is killed."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.unit.notification.cases import (
    APPLICANT,
    MATTER_ID,
    MATTER_NUMBER,
    Notification,
    accepted,
    completed,
    ids_in,
    ids_of,
    letter,
    rows_in,
)

from onematter.backbone.ports import Unavailable
from onematter.notification.channel import Letter
from onematter.notification.file_channel import FileChannel

LETTER = letter(1)
NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "notices.db"


@pytest.fixture
def channel(path: Path) -> Iterator[FileChannel]:
    with closing(FileChannel(path, busy_seconds=0.2)) as channel:
        yield channel


def put(channel: FileChannel, *letters: Letter) -> None:
    """A step of these letters that succeeds."""
    assert [channel.deliver(one) for one in letters] == [""] * len(letters)
    channel.flush()


def give_up(channel: FileChannel, *letters: Letter) -> str:
    """A step of these letters that is given up; return why."""
    assert [channel.deliver(one) for one in letters] == [""] * len(letters)
    with pytest.raises(Unavailable) as why:
        channel.flush()
    for personal in (APPLICANT.name, APPLICANT.mobile, MATTER_ID):
        assert personal not in str(why.value)
    return str(why.value).removeprefix("the file of the notices: ")


def test_one_row_with_everything_in_its_place(channel: FileChannel, path: Path):
    notification = Notification(channel)
    notification.tell(accepted())
    (told,) = notification.events
    ((position, notice_id, document),) = rows_in(path)
    assert (position, notice_id) == (1, told.notice_delivered.notice.notice_id)
    assert document.pop("body").startswith("您提交的“工业项目落地”已受理")
    assert document == {
        "notice_id": notice_id,
        "kind": "ACCEPTED",
        "matter_id": MATTER_ID,
        "matter_number": MATTER_NUMBER,
        "language": "zh-CN",
        "addressees": [
            {"party_id": "p1", "name": "张三", "mobile": "13900000000"},
            {"party_id": "p2", "name": None, "mobile": None},
        ],
        "subject": "受理通知：工业项目落地",
        "about": {"writer": "intake", "topic": "onematter.matter.events.v1", "sequence": 1},
        "time": "2026-11-23T10:00:00.000Z",
    }
    assert told.notice_delivered.channel == "file"


def test_file_is_its_owners_alone_and_names_its_schema(channel: FileChannel, path: Path):
    before = os.umask(0)
    try:
        put(channel, LETTER)
    finally:
        os.umask(before)
    files = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert files == {"notices.db": 0o600, "notices.db-wal": 0o600, "notices.db-shm": 0o600}
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)


def test_letters_of_a_step_stand_there_together_once_it_is_flushed(channel: FileChannel, path: Path):
    put(channel, LETTER)
    letters = [letter(n) for n in range(2, 7)]
    for one in letters:
        assert channel.deliver(one) == ""
    assert ids_in(path) == ids_of(LETTER)
    channel.flush()
    channel.flush()
    assert ids_in(path) == ids_of(LETTER, *letters)


def test_a_flush_is_one_transaction_and_waits_for_the_disk(path: Path, monkeypatch: pytest.MonkeyPatch):
    connections: list[sqlite3.Connection] = []
    statements: list[str] = []

    def connect(*args: Any, **more: Any) -> sqlite3.Connection:
        connections.append(sqlite3.Connection(*args, **more))
        return connections[-1]

    monkeypatch.setattr(sqlite3, "connect", connect)
    with closing(FileChannel(path)) as channel:
        put(channel, LETTER)
        (connection,) = connections
        connection.set_trace_callback(statements.append)
        put(channel, *(letter(n) for n in range(500)))
        channel.flush()
        assert [statements.count(one) for one in ("BEGIN IMMEDIATE", "COMMIT")] == [1, 1]
        full = 2
        assert connection.execute("PRAGMA synchronous").fetchone() == (full,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_file_is_not_locked_between_flushes(channel: FileChannel, path: Path):
    put(channel, LETTER)
    channel.deliver(letter(2))
    with closing(FileChannel(path, busy_seconds=0.0)) as another:
        put(another, letter(3))
    channel.flush()
    assert ids_in(path) == ids_of(LETTER, letter(3), letter(2))


def test_repeated_delivery_leaves_the_first_untouched(channel: FileChannel, path: Path):
    put(channel, LETTER, letter(2))
    first = rows_in(path)
    put(channel, LETTER)
    put(channel, letter(2), letter(2), LETTER)
    with closing(FileChannel(path)) as another:
        put(another, LETTER._replace(body="another"))
    assert rows_in(path) == first
    put(channel, letter(3))
    assert ids_in(path) == ids_of(LETTER, letter(2), letter(3))


def test_positions_ascend_and_are_never_given_again(channel: FileChannel, path: Path):
    put(channel, LETTER, letter(2))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM notices")
    put(channel, letter(3))
    ((position, _, _),) = rows_in(path)
    assert position > 2


def test_first_use_waits_for_another_process_that_writes_before_the_file_is_in_wal(
    channel: FileChannel, path: Path, monkeypatch: pytest.MonkeyPatch
):
    put(channel, LETTER)
    channel.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as another:
        assert another.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)
        another.execute("BEGIN IMMEDIATE")
        assert give_up(channel, letter(2)) == "SQLITE_BUSY: database is locked"
        with monkeypatch.context() as patch:
            patch.setattr(time, "sleep", lambda _: another.execute("ROLLBACK") if another.in_transaction else None)
            assert channel.deliver(letter(2)) == ""
    with closing(sqlite3.connect(path)) as fresh:
        assert fresh.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert ids_in(path) == ids_of(LETTER, letter(2))


def test_missing_directory_is_a_failure_until_it_is_there(tmp_path: Path):
    directory = tmp_path / "not-mounted"
    failure = "ENOENT: No such file or directory"
    with closing(FileChannel(directory / "notices.db")) as channel:
        notification = Notification(channel)
        notification.tell(accepted())
        assert notification.given_up == [f"the file of the notices: {failure}"]
        assert [event.notice_delayed.failure for event in notification.events] == [failure]
        assert not directory.exists()
        notification.fire()
        assert notification.events[-1].notice_delayed.attempts == 2
        directory.mkdir()
        notification.fire()
        assert notification.events[-1].notice_delivered.attempts == 3
        assert len(notification.given_up) == 1
        assert ids_in(directory / "notices.db") == [notification.events[0].notice_id]


def test_after_a_failure_each_letter_is_written_by_itself_until_a_step_has_taken_all(tmp_path: Path):
    directory = tmp_path / "not-mounted"
    path = directory / "notices.db"
    with closing(FileChannel(path)) as channel:
        give_up(channel, LETTER)
        assert channel.deliver(LETTER) == "ENOENT: No such file or directory"
        directory.mkdir()
        assert channel.deliver(letter(2)) == "ENOENT: No such file or directory", "one attempt a step"
        channel.flush()
        channel.flush()
        assert channel.deliver(LETTER) == ""
        assert ids_in(path) == ids_of(LETTER), "it stands there at once"
        channel.flush()
        assert channel.deliver(letter(2)) == ""
        assert ids_in(path) == ids_of(LETTER), "with the step's others again"
        channel.flush()
        assert ids_in(path) == ids_of(LETTER, letter(2))


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """No file grows beyond `room` bytes: the kernel refuses the write midway, as it does when the disk is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_full_disk_is_a_failure_and_leaves_nothing(channel: FileChannel, path: Path):
    put(channel, LETTER)
    with full_disk(100):
        assert give_up(channel, letter(2)) == "SQLITE_IOERR_WRITE: disk I/O error"
        answer = channel.deliver(letter(2))
        assert answer.startswith(("SQLITE_", "EFBIG"))
    channel.flush()
    assert ids_in(path) == ids_of(LETTER)
    put(channel, letter(2))
    assert ids_in(path) == ids_of(LETTER, letter(2))


def test_disk_with_room_for_a_few_letters_takes_a_few_and_answers_for_the_rest(channel: FileChannel, path: Path):
    put(channel, LETTER)
    letters = [letter(n)._replace(body="长" * 2000) for n in range(2, 200)]
    with full_disk(160_000):
        assert give_up(channel, *letters).startswith("SQLITE_")
        answers = [channel.deliver(one) for one in letters]
        channel.flush()
    taken = [one for one, answer in zip(letters, answers, strict=True) if not answer]
    assert 0 < len(taken) < len(letters)
    assert sorted(answers, key=bool) == answers, "none is tried after the first that fails"
    assert ids_in(path) == ids_of(LETTER, *taken)
    put(channel, *letters)
    assert ids_in(path) == ids_of(LETTER, *letters)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without root's rights, to whom nothing is read-only."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("exists", [False, True])
def test_read_only_directory_is_a_failure_until_it_can_be_written(exists: bool):
    # Not tmp_path, which another user cannot enter.
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        path = directory / "notices.db"
        if os.geteuid() == 0:
            os.chown(directory, NOBODY, -1)
        with as_nobody():
            with closing(FileChannel(path)) as channel:
                if exists:
                    put(channel, LETTER)
            directory.chmod(0o555)
            with closing(FileChannel(path)) as channel:
                failure = give_up(channel, letter(2))
                assert failure.startswith("SQLITE_READONLY" if exists else "EACCES: Permission denied")
                assert channel.deliver(letter(2)) == failure
                channel.flush()
                directory.chmod(0o755)
                put(channel, letter(2))
                assert ids_in(path) == ids_of(*([LETTER] if exists else []), letter(2))


def test_what_is_no_database_is_a_failure_and_left_as_it_is(channel: FileChannel, path: Path):
    path.write_bytes(b"This is another program's file. " * 100)
    assert give_up(channel, LETTER) == "SQLITE_NOTADB: file is not a database"
    assert path.read_bytes() == b"This is another program's file. " * 100
    path.unlink()
    put(channel, LETTER)
    assert ids_in(path) == ids_of(LETTER)


@pytest.mark.parametrize("version", [0, 2])
def test_database_of_another_program_or_version_is_a_failure_and_left_as_it_is(
    channel: FileChannel, path: Path, version: int
):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE notices (something TEXT)")
        connection.execute(f"PRAGMA user_version = {version}")
    before = path.read_bytes()
    failure = f"DatabaseError: user_version is {version}, not 1; move the file away"
    assert give_up(channel, LETTER) == failure
    assert channel.deliver(LETTER) == failure
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_file_that_was_removed_is_made_anew(channel: FileChannel, path: Path, tmp_path: Path):
    put(channel, LETTER)
    shutil.move(path, tmp_path / "old.db")
    for companion in ("-wal", "-shm"):
        Path(f"{path}{companion}").unlink()
    put(channel, letter(2))
    assert ids_in(path) == ids_of(letter(2))


def test_lock_that_another_process_holds_delays_a_step_once_and_not_a_letter_each(channel: FileChannel, path: Path):
    put(channel, LETTER)
    letters = [letter(n) for n in range(2, 102)]
    with closing(sqlite3.connect(path, isolation_level=None)) as another:
        another.execute("BEGIN IMMEDIATE")
        assert give_up(channel, *letters) == "SQLITE_BUSY: database is locked"
        begun = time.monotonic()
        assert {channel.deliver(one) for one in letters} == {"SQLITE_BUSY: database is locked"}
        assert time.monotonic() - begun < 50 * 0.2
        channel.flush()
        another.execute("COMMIT")
    put(channel, *letters)
    assert ids_in(path) == ids_of(LETTER, *letters)


def test_a_step_that_was_given_up_before_its_flush_leaves_its_letters_to_the_next(channel: FileChannel, path: Path):
    channel.deliver(LETTER)
    put(channel, letter(2), LETTER)
    assert sorted(ids_in(path)) == sorted(ids_of(LETTER, letter(2)))


def test_failures_of_the_channel_hold_up_nothing(channel: FileChannel, path: Path):
    notification = Notification(channel)
    path.mkdir()
    notification.tell(accepted(), completed())
    assert [event.WhichOneof("event") for event in notification.events] == ["notice_delayed"] * 2
    path.rmdir()
    for row in list(notification.timers.values()):
        notification.fire(row)
    assert not notification.timers
    assert sorted(ids_in(path)) == sorted(event.notice_id for event in notification.events[2:])
    assert len(notification.given_up) == 1
