"""Disks that are full, and have room again; each way by itself, with a process that writes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from tests.faults import disks
from tests.faults.disks import LimitedFiles, SmallDisk, mounted, mounts
from tests.faults.harness import FINDINGS
from tests.tail import poll

SECONDS = 10.0
# Writes 64 KiB to a file of a directory at each line that it is given, and says how that went.
WRITER = """
import os, sys
for number, _ in enumerate(sys.stdin):
    try:
        with open(f"{sys.argv[1]}/{number}", "wb", buffering=0) as file:
            file.write(bytes(65536))
            os.fsync(file.fileno())
        print("written", flush=True)
    except OSError as error:
        print(error.strerror, flush=True)
"""


@contextmanager
def writing_to(directory: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", WRITER, str(directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def write(process: subprocess.Popen[str]) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def test_a_small_disk_is_full_until_it_is_freed_and_gone_at_the_end(tmp_path: Path) -> None:
    with mounted(tmp_path) as there:
        if not there:
            pytest.skip("no tmpfs may be mounted here: the limit on files stands in for it")
        place = tmp_path / disks.PLACES[disks.NOTIFICATION]
        disk = SmallDisk(place)
        with writing_to(place) as process:
            assert write(process) == "written"
            disk.fill()
            assert write(process) == "No space left on device"
            assert (tmp_path / "beside").write_bytes(bytes(65536))
            disk.free()
            assert write(process) == "written"
        assert {tmp_path / one for one in disks.PLACES.values()} <= mounts().keys()
    assert not [path for path in mounts() if path.is_relative_to(tmp_path)]


@pytest.mark.parametrize("found", [True, False])
def test_what_was_on_a_small_disk_is_kept_where_something_was_found(tmp_path: Path, found: bool) -> None:
    place = tmp_path / disks.PLACES[disks.NOTIFICATION]
    with mounted(tmp_path) as there:
        if not there:
            pytest.skip("no tmpfs may be mounted here: all is on the directory's own disk")
        (place / "notices.db").write_text("a notice")
        if found:
            (tmp_path / FINDINGS).write_text("a finding")
    assert not [path for path in mounts() if path.is_relative_to(tmp_path)]
    assert [one.read_text() for one in place.glob("*")] == (["a notice"] if found else [])


def test_a_mount_whose_maker_is_gone_is_taken_away(tmp_path: Path) -> None:
    with mounted(tmp_path / "mine") as there:
        if not there:
            pytest.skip("no tmpfs may be mounted here")
        code = (
            "import sys, os; from tests.faults import disks, harness; from pathlib import Path; p = Path(sys.argv[1])"
        )
        left = tmp_path / "left"
        command = [sys.executable, "-c", f"{code}; assert disks.mount(p); os._exit(0)", str(left)]
        subprocess.run(command, check=True, timeout=60, cwd=Path(__file__).parents[2])
        assert left in mounts()
        with mounted(tmp_path / "next"):
            assert left not in mounts()
            assert tmp_path / "mine" / "kafka" in mounts()


def test_a_limit_on_files_fails_the_writes_of_a_process_and_its_children_until_it_is_lifted(tmp_path: Path) -> None:
    shell = ["/bin/sh", "-c", '"$0" -c "$1" "$2"; true', sys.executable, WRITER, str(tmp_path)]
    with subprocess.Popen(shell, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert write(process) == "written"
            limit = LimitedFiles(psutil.Process(process.pid))
            limit.fill()
            assert write(process) == "File too large"
            (tmp_path / "beside").write_bytes(bytes(65536))
            limit.free()
            assert write(process) == "written"
        finally:
            children = psutil.Process(process.pid).children(recursive=True)
            for one in children:
                one.kill()
            process.kill()
    poll(
        lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in children), "ended", SECONDS
    )


def test_a_limit_on_a_process_that_is_gone_is_no_error() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        gone = psutil.Process(process.pid)
        limit = LimitedFiles(gone)
        process.wait(SECONDS)
    limit.fill()
    limit.free()
