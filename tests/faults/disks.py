"""Full disks: of the broker, of the database, and of the file of notices.

Rule 1: each of the three has a small disk of its own, a tmpfs over its directory. Full is when it is made as small as
what it holds; there is room again when it is made larger. Nothing else on the machine is touched.
Rule 2: who may not mount (a container without CAP_SYS_ADMIN) is struck by a limit on the size of files instead
(RLIMIT_FSIZE, set to nothing from outside): every write fails just so, with EFBIG for ENOSPC. Children born later
inherit it, and a process that is started anew is free of it.
Rule 3: a mount carries the process that made it in its name; one whose process is gone is taken away by the next.
"""

from __future__ import annotations

import contextlib
import os
import random
import resource
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from tests.faults.harness import FINDINGS, NotHere, World
from tests.tail import poll

KAFKA, POSTGRES, NOTIFICATION = "kafka", "postgres", "notification"
# Below the stack's directory.
PLACES = {KAFKA: "kafka", POSTGRES: "postgres", NOTIFICATION: "data/notification"}
ROOMY = "4g"
SOURCE = "onematter-faults-"
ATTEMPTS = 50
# A file that has room in itself, as a log that is written again from its beginning, feels it late.
HARM_SECONDS = 120.0
BACK_SECONDS = 120.0
FULL_SECONDS = 2.0


def mounts() -> dict[Path, str]:
    """Our mounts: directory and source."""
    lines = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    return {Path(fields[1]): fields[0] for fields in lines if fields[0].startswith(SOURCE)}


def mount(path: Path) -> bool:
    """Put a tmpfs over a directory, which is made; returns whether that is allowed here."""
    path.mkdir(parents=True, exist_ok=True)
    return _run("mount", "-t", "tmpfs", "-o", f"size={ROOMY},mode=0755", f"{SOURCE}{os.getpid()}", str(path))


def unmount(path: Path) -> None:
    """Take it away; what is still open there goes with its last user."""
    _run("umount", "--lazy", str(path))


@contextlib.contextmanager
def mounted(directory: Path) -> Iterator[bool]:
    """Small disks for a stack in `directory`, from before its start to after its end; False where none may be had."""
    for path, source in mounts().items():
        if not psutil.pid_exists(int(source.removeprefix(SOURCE))):
            unmount(path)
    done: list[Path] = []
    try:
        for place in PLACES.values():
            if not mount(directory / place):
                break
            done.append(directory / place)
        yield bool(done)
    finally:
        for path in done:
            if (directory / FINDINGS).exists():
                keep(path)
            else:
                unmount(path)


def keep(path: Path) -> None:
    """Take a small disk away and leave what was on it in its place."""
    kept = path.with_name(f"{path.name}.kept")
    copied = _run("cp", "--archive", str(path), str(kept))
    unmount(path)
    if copied:
        path.rmdir()
        kept.rename(path)


def _run(*command: str, **account: Any) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=30, check=False, **account).returncode == 0
    except OSError:
        return False


class SmallDisk:
    """A tmpfs that `mounted` made."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self) -> None:
        """Leave no room."""
        for _ in range(ATTEMPTS):
            found = os.statvfs(self.path)
            used = (found.f_blocks - found.f_bfree) * found.f_frsize
            # Refused when more was written since it was measured.
            if _run("mount", "-o", f"remount,size={max(used, found.f_frsize)}", str(self.path)):
                return
        raise AssertionError(f"{self.path} could not be made full")

    def free(self) -> None:
        """Make room."""
        assert _run("mount", "-o", f"remount,size={ROOMY}", str(self.path)), f"{self.path} could not be made larger"


class LimitedFiles:
    """No file of a process and its children may grow, nor be written."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process

    def fill(self) -> None:
        """Let every write fail. Raises NotHere where no limit may be set."""
        if not self._limit(0):
            raise NotHere("no tmpfs may be mounted, and no limit be set on another account's process")

    def free(self) -> None:
        """Let them succeed again, where the process still runs."""
        self._limit(None)

    def _limit(self, size: int | None) -> bool:
        try:
            # The parent first: what is born after that has its limit. A child may end before its turn comes.
            done = _set_limit(self._process, size)
            for child in self._process.children(recursive=True):
                _set_limit(child, size)
        except psutil.NoSuchProcess:
            return True
        return done


def _set_limit(process: psutil.Process, size: int | None) -> bool:
    """Set the soft limit, which may be raised again; None: none but the hard one. False where that is forbidden."""
    try:
        _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (hard if size is None else size, hard))
    except ProcessLookupError:
        return True
    except PermissionError:
        # Even root needs CAP_SYS_RESOURCE for another account's process; that account does not.
        with contextlib.suppress(psutil.NoSuchProcess):
            account = {"user": process.uids().real, "group": process.gids().real, "extra_groups": []}
            soft = "unlimited" if size is None else size
            return _run("prlimit", f"--pid={process.pid}", f"--fsize={soft}:", **account)
    return True


class FullDisk:
    """The disk of one part is full for some seconds; where the part dies of it, it is started when there is room."""

    def __init__(self, part: str) -> None:
        self.part = part
        self.name = f"full disk: {part}"
        self._disk: SmallDisk | LimitedFiles | None = None

    def strike(self, world: World, rng: random.Random) -> int:
        """Fill it, and see somebody suffer from it."""
        before = self._harm(world)
        self._disk = self._find(world)
        self._disk.fill()
        poll(lambda: not world.alive(self.part) or self._harm(world) > before, "harm of a full disk", HARM_SECONDS)
        time.sleep(rng.uniform(0, FULL_SECONDS))
        return 1

    def heal(self, world: World) -> None:
        """Make room, and start it where it died."""
        disk, self._disk = self._disk, None
        if disk is None:
            return
        disk.free()
        poll(lambda: self._is_back(world), f"{self.part} is back", BACK_SECONDS)
        world.wait_ready(*world.services)

    def _is_back(self, world: World) -> bool:
        # It may die a moment after there is room: in the middle of a recovery that had begun without.
        if not world.alive(self.part):
            world.start(self.part)
        return world.ready(self.part)

    def _find(self, world: World) -> SmallDisk | LimitedFiles:
        path = world.directory / PLACES[self.part]
        if path in mounts():
            return SmallDisk(path)
        try:
            return LimitedFiles(psutil.Process(world.process(self.part).identity.pid))
        except psutil.NoSuchProcess as error:
            raise NotHere(f"{self.part} is not a process of this machine") from error

    def _harm(self, world: World) -> float:
        # Whoever waits for it has given a step up; a notice that the file did not take is told as delayed.
        given_up = sum(world.metric(name, "onematter_steps_given_up_total") for name in world.services)
        delayed = world.metric(NOTIFICATION, "onematter_events_total", type="NoticeDelayed")
        return given_up + delayed


FAULTS = (FullDisk(KAFKA), FullDisk(POSTGRES), FullDisk(NOTIFICATION))
