"""The file channel: each notice stands there once and whole, whatever fails or is killed."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.notification.cases import (
    APPLICANT,
    MATTER_ID,
    MATTER_NUMBER,
    Notification,
    Wire,
    accepted,
    files_in,
    read,
)

from onematter.notification.channel import FileChannel, Letter, content_of


@pytest.fixture(scope="module")
def letter() -> Letter:
    wire = Wire()
    Notification(wire).tell(accepted())
    return wire.given[0]


def test_one_file_with_everything_in_its_place(tmp_path: Path):
    notification = Notification(FileChannel(tmp_path))
    notification.tell(accepted())
    (told,) = notification.events
    notice_id = told.notice_delivered.notice.notice_id
    path = tmp_path / notice_id[:2] / f"{notice_id}.json"
    assert files_in(tmp_path) == [path]
    content = read(path)
    assert content.pop("body").startswith("您提交的“工业项目落地”已受理")
    assert content == {
        "notice_id": notice_id,
        "kind": "ACCEPTED",
        "matter_id": MATTER_ID,
        "matter_number": MATTER_NUMBER,
        "language": "zh-CN",
        "addressees": [
            {"party_id": "p1", "name": "张三", "mobile": "13900000000"},
            {"party_id": "p2", "name": None, "mobile": None},
        ],
        "subject": "受理通知:工业项目落地",
        "about": {"writer": "intake", "topic": "onematter.matter.events.v1", "sequence": 1},
        "time": "2026-11-23T10:00:00.000Z",
    }
    assert path.stat().st_mode & 0o077 == 0
    assert told.notice_delivered.channel == "file"


def test_repeated_delivery_leaves_the_first_file_untouched(tmp_path: Path, letter: Letter):
    channel = FileChannel(tmp_path)
    assert channel.deliver(letter) == ""
    (path,) = files_in(tmp_path)
    first = (path.read_bytes(), path.stat().st_ino, path.stat().st_mtime_ns)
    assert channel.deliver(letter) == ""
    assert FileChannel(tmp_path).deliver(letter._replace(body="another")) == ""
    assert files_in(tmp_path) == [path]
    assert (path.read_bytes(), path.stat().st_ino, path.stat().st_mtime_ns) == first


@pytest.mark.parametrize("nameless", [True, False])
def test_second_letter_of_a_folder(tmp_path: Path, letter: Letter, monkeypatch: pytest.MonkeyPatch, nameless: bool):
    """In a folder that is there a file appears by its link; where that cannot be done, by a rename, the same."""
    (tmp_path / letter.notice.notice_id[:2]).mkdir()
    if not nameless:
        monkeypatch.setattr("onematter.notification.channel._NAMELESS", os.O_WRONLY)
    channel = FileChannel(tmp_path)
    assert channel.deliver(letter) == ""
    (path,) = files_in(tmp_path)
    assert (tmp_path / "incoming").exists() is not nameless
    assert path.read_bytes() == content_of(letter)
    assert path.stat().st_mode & 0o777 == 0o600
    assert channel.deliver(letter._replace(body="another")) == ""
    assert path.read_bytes() == content_of(letter)
    assert files_in(tmp_path) == [path]


def test_kill_before_the_link_leaves_nothing(tmp_path: Path, letter: Letter, monkeypatch: pytest.MonkeyPatch):
    class Killed(BaseException):
        pass

    def killed(*_: object, **__: object) -> None:
        raise Killed

    (tmp_path / letter.notice.notice_id[:2]).mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(os, "link", killed)
        with pytest.raises(Killed):
            FileChannel(tmp_path).deliver(letter)
    assert files_in(tmp_path) == []
    assert FileChannel(tmp_path).deliver(letter) == ""


def test_crash_before_the_rename_leaves_nothing_partial(
    tmp_path: Path, letter: Letter, monkeypatch: pytest.MonkeyPatch
):
    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    channel = FileChannel(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", killed)
        with pytest.raises(Killed):
            channel.deliver(letter)
    assert [path.parent.name for path in files_in(tmp_path)] == ["incoming"]
    assert FileChannel(tmp_path).deliver(letter) == ""
    (path,) = files_in(tmp_path)
    assert read(path)["notice_id"] == letter.notice.notice_id


def test_kill_at_every_write_leaves_whole_files_alone(tmp_path: Path):
    program = """
import os, pathlib, signal, sys
from tests.unit.notification.cases import Notification, Wire, accepted
from onematter.notification.channel import FileChannel
wire = Wire()
Notification(wire).tell(accepted())
write = os.write
def half(file, content):
    written = write(file, content[: len(content) // 2])
    if sys.argv[2] == "first" or written < 300:
        os.kill(os.getpid(), signal.SIGKILL)
    return written
os.write = half
FileChannel(pathlib.Path(sys.argv[1])).deliver(wire.given[0])
"""
    for moment in ("first", "later"):
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path), moment], check=False, timeout=60, cwd=Path.cwd()
        )
        assert done.returncode == -signal.SIGKILL
        assert [path.parent.name for path in files_in(tmp_path)] == ["incoming"]
    FileChannel(tmp_path)
    assert files_in(tmp_path) == []


def test_short_writes_are_carried_on(tmp_path: Path, letter: Letter, monkeypatch: pytest.MonkeyPatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, content: write(file, content[:100]))
    assert FileChannel(tmp_path).deliver(letter) == ""
    (path,) = files_in(tmp_path)
    assert read(path)["body"] == letter.body


def test_missing_directory_is_a_failure_until_it_is_there(tmp_path: Path, letter: Letter):
    directory = tmp_path / "not-mounted"
    channel = FileChannel(directory)
    assert channel.deliver(letter) == "ENOENT: No such file or directory"
    assert not directory.exists()
    directory.mkdir()
    assert channel.deliver(letter) == ""
    assert len(files_in(directory)) == 1


def test_full_disk_is_a_failure_and_leaves_nothing(tmp_path: Path, letter: Letter):
    """A limit on file size stands in for the disk: the kernel refuses the write midway, as it does when full."""
    channel = FileChannel(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        failure = channel.deliver(letter)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert failure == "EFBIG: File too large"
    assert files_in(tmp_path) == []
    for text in (APPLICANT.name, APPLICANT.mobile):
        assert text not in failure
    assert channel.deliver(letter) == ""


def test_device_without_space_is_a_failure(tmp_path: Path, letter: Letter, monkeypatch: pytest.MonkeyPatch):
    channel = FileChannel(tmp_path)
    with Path("/dev/full").open("wb", buffering=0) as full:
        write = os.write
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", lambda _, content: write(full.fileno(), content))
            assert channel.deliver(letter) == "ENOSPC: No space left on device"
    assert files_in(tmp_path) == []


def test_stale_files_go_at_start_and_finished_ones_stay(tmp_path: Path, letter: Letter):
    FileChannel(tmp_path).deliver(letter)
    (finished,) = files_in(tmp_path)
    (tmp_path / "incoming" / "abc.1-2").write_bytes(b"{")
    FileChannel(tmp_path)
    assert files_in(tmp_path) == [finished]
