"""Child processes that leave nothing behind.

Rule 1: a process is known by its id *and* its start; a recycled id is never signalled.
Rule 2: each child leads a session of its own, so that Ctrl-C in the terminal reaches us alone, and we decide.
Rule 3: a bound child dies with us, even when we are killed with -9 (Linux: the kernel sees to it). The kernel ties it
to the *thread* that started it; so one thread, which lives as long as the process, starts them all.
Rule 4: a closed supervisor starts nothing more.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from onematter.local.errors import Cancelled, NotReady, ProcessDied

POLL_INTERVAL_SECONDS = 0.03
STOP_GRACE_SECONDS = 15.0
_LAUNCHER = str(Path(__file__).with_name("launch.py"))
# A Popen that is collected while its process runs warns; detached processes are meant to outlive us.
_detached: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True)
class Account:
    """An unprivileged account for a program that refuses to run as root; see `launch` for `keep_search`."""

    uid: int
    gid: int
    keep_search: bool = False


@dataclass(frozen=True)
class ProcessSpec:
    """What to run. `environment` comes on top of ours; `log` takes stdout and stderr.

    `stop_signal` asks for an orderly end; `death_signal` ends it when we are gone and must not be ignorable by hanging.
    """

    name: str
    argv: tuple[str, ...]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    directory: Path | None = None
    stop_signal: int = signal.SIGTERM
    death_signal: int = signal.SIGKILL
    account: Account | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the spec as JSON-ready values; `from_json` is its inverse."""
        account = self.account
        return {
            "name": self.name,
            "argv": list(self.argv),
            "log": str(self.log),
            "environment": dict(self.environment),
            "directory": str(self.directory) if self.directory else None,
            "stop_signal": int(self.stop_signal),
            "death_signal": int(self.death_signal),
            "account": [account.uid, account.gid, account.keep_search] if account else None,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ProcessSpec:
        """Read what `to_json` wrote."""
        return cls(
            name=value["name"],
            argv=tuple(value["argv"]),
            log=Path(value["log"]),
            environment=value["environment"],
            directory=Path(value["directory"]) if value["directory"] else None,
            stop_signal=value["stop_signal"],
            death_signal=value["death_signal"],
            account=Account(*value["account"]) if value["account"] else None,
        )


@dataclass(frozen=True)
class Identity:
    """A process id with the moment it started: the pair is never reused."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        """Return the identity of the live process `pid`; None when there is none, or only a zombie."""
        started = _started(pid)
        return cls(pid, started) if started is not None else None

    def alive(self) -> bool:
        """Return whether this very process still runs."""
        return _started(self.pid) == self.started


@functools.cache
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _started(pid: int) -> str | None:
    if sys.platform == "linux":
        # In clock ticks since boot: unlike a wall-clock time it does not move when the clock is set.
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else f"{_boot()}/{fields[19]}"
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else repr(process.create_time())
    except psutil.NoSuchProcess:
        return None


class ManagedProcess:
    """A process that we started, or found again by its identity."""

    def __init__(self, spec: ProcessSpec, identity: Identity, popen: subprocess.Popen[bytes] | None = None) -> None:
        self.spec = spec
        self.identity = identity
        self._popen = popen

    def alive(self) -> bool:
        """Return whether it runs; a zombie does not."""
        if self._popen is not None:
            return self._popen.poll() is None
        return self.identity.alive()

    @property
    def exit_code(self) -> int | None:
        """Exit code, negative for a signal; None while it runs or when it is not our child."""
        return self._popen.poll() if self._popen is not None else None

    def signal(self, number: int) -> None:
        """Send a signal to the process alone; a process that has ended takes none."""
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.identity.pid, number)

    def last_lines(self, count: int = 15) -> list[str]:
        """Return the last lines of its log."""
        try:
            with self.spec.log.open("rb") as log:
                log.seek(max(0, self.spec.log.stat().st_size - 16_384))
                return log.read().decode(errors="replace").splitlines()[-count:]
        except OSError:
            return []

    def died(self) -> ProcessDied:
        """Return the error that says how it ended."""
        code = self.exit_code
        how = "ended" if code is None else f"was killed by signal {-code}" if code < 0 else f"exited with code {code}"
        lines = "\n".join(f"    {line}" for line in self.last_lines())
        return ProcessDied(f"{self.spec.name} {how}. The last lines of {self.spec.log}:\n{lines or '    (empty)'}")

    def wait_ended(self, timeout_seconds: float) -> bool:
        """Wait for the end; returns whether it came in time."""
        deadline = time.monotonic() + timeout_seconds
        while self.alive():
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_INTERVAL_SECONDS)
        return True


class Supervisor:
    """Starts, awaits and stops processes. With `bound`, they die with this process, however it ends."""

    def __init__(self, *, bound: bool) -> None:
        self._bound = bound
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self.processes: dict[str, ManagedProcess] = {}

    def start(self, spec: ProcessSpec, *, append: bool = False, bound: bool = False) -> ManagedProcess:
        """Start a process under its name; `append` keeps what its log held, `bound` binds it in any case."""
        with self._lock:
            self.check()
            process = _spawner().submit(_spawn, spec, self._bound or bound, append).result()
            self.processes[spec.name] = process
        return process

    def run(self, spec: ProcessSpec, timeout_seconds: float) -> None:
        """Run a command to its end; raises ProcessDied unless it exits with 0 in time."""
        process = self.start(spec, bound=True)
        try:
            deadline = time.monotonic() + timeout_seconds
            while process.alive():
                self.check()
                if time.monotonic() >= deadline:
                    raise NotReady(f"{spec.name} did not end within {timeout_seconds:.0f} s; see {spec.log}")
                time.sleep(POLL_INTERVAL_SECONDS)
        finally:
            stop_processes([process], grace_seconds=1)
            self.processes.pop(spec.name, None)
        if process.exit_code != 0:
            raise process.died()

    def wait_ready(self, process: ManagedProcess, ready: Callable[[], bool], timeout_seconds: float) -> None:
        """Wait until `ready` says so; raises ProcessDied, NotReady or Cancelled."""
        deadline = time.monotonic() + timeout_seconds
        while not ready():
            self.check()
            if not process.alive():
                raise process.died()
            if time.monotonic() >= deadline:
                lines = "\n".join(f"    {line}" for line in process.last_lines())
                raise NotReady(
                    f"{process.spec.name} runs but was not ready within {timeout_seconds:.0f} s. "
                    f"The last lines of {process.spec.log}:\n{lines or '    (empty)'}"
                )
            time.sleep(POLL_INTERVAL_SECONDS)

    def check(self) -> None:
        """Raise Cancelled when the supervisor is closed."""
        if self._closed.is_set():
            raise Cancelled("given up, because another part failed or the start was interrupted")

    def close(self) -> None:
        """Start nothing more, and end every wait."""
        self._closed.set()
        # A start that is under way is finished when the lock is free, and then stands in `processes`.
        with self._lock:
            pass


@functools.cache
def _spawner() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="onematter-spawner")


def _spawn(spec: ProcessSpec, bound: bool, append: bool) -> ManagedProcess:
    account = spec.account
    options = {
        "parent": os.getpid(),
        "death_signal": int(spec.death_signal) if bound else 0,
        "account": [account.uid, account.gid] if account else None,
        "keep_search": account.keep_search if account else False,
    }
    spec.log.parent.mkdir(parents=True, exist_ok=True)
    with spec.log.open("ab" if append else "wb") as log:
        popen = subprocess.Popen(
            [sys.executable, "-I", "-S", _LAUNCHER, json.dumps(options), *spec.argv],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **spec.environment},
            cwd=spec.directory,
            start_new_session=True,
        )
    if not bound:
        _detached.append(popen)
    # Not reaped before `poll`, so even a child that ended at once has not given its id away.
    identity = Identity.of(popen.pid) or Identity(popen.pid, "ended")
    return ManagedProcess(spec, identity, popen)


def stop_processes(processes: Sequence[ManagedProcess], *, grace_seconds: float = STOP_GRACE_SECONDS) -> None:
    """Stop them all at once: ask, wait, then kill what is left, and whatever they had started."""
    family = _family([process.identity for process in processes])
    for process in processes:
        process.signal(process.spec.stop_signal)
    deadline = time.monotonic() + grace_seconds
    for process in processes:
        if not process.wait_ended(max(0.0, deadline - time.monotonic())):
            process.signal(signal.SIGKILL)
            process.wait_ended(5)
    # PostgreSQL's own children leave by themselves a moment after it.
    for identity in family:
        _end(identity, grace_seconds=2)


def kill_process(process: ManagedProcess) -> None:
    """Kill with -9, as a fault does, and wait until it is gone; what it had started is left to notice."""
    process.signal(signal.SIGKILL)
    process.wait_ended(5)


def _family(leaders: Iterable[Identity]) -> list[Identity]:
    """Return the other processes below the leaders, or in the sessions they lead."""
    found: dict[int, Identity] = {}
    # A session's id cannot be reused while it has members: when another process has it, the session is over.
    sessions = {leader.pid for leader in leaders if _started(leader.pid) in (leader.started, None)}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            ancestors = {parent.pid for parent in process.parents()}
            if process.pid not in sessions and (os.getsid(process.pid) in sessions or ancestors & sessions):
                identity = Identity.of(process.pid)
                if identity is not None:
                    found[process.pid] = identity
    return list(found.values())


def _end(identity: Identity, grace_seconds: float) -> None:
    deadline = time.monotonic() + grace_seconds
    while identity.alive():
        if time.monotonic() >= deadline:
            with contextlib.suppress(ProcessLookupError):
                os.kill(identity.pid, signal.SIGKILL)
        time.sleep(POLL_INTERVAL_SECONDS)


@contextlib.contextmanager
def termination_as_exit() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind the stack like Ctrl-C does (SystemExit, 128 + number), so that cleanup runs.

    Leaves handlers alone that someone else has set; does nothing outside the main thread.
    """

    def leave(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    previous: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                previous[number] = signal.signal(number, leave)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
