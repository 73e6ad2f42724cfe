"""Processes are known by id and start, end when asked or when we end, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from onematter.local.errors import Cancelled, NotReady, ProcessDied
from onematter.local.processes import Identity, ManagedProcess, ProcessSpec, Supervisor, stop_processes

SLEEP = "import time; time.sleep(120)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(120)"
)
WITH_CHILD = (
    "import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(120)'],"
    " start_new_session={own_session}); print(child.pid, flush=True); time.sleep(120)"
)


def poll(condition: Callable[[], object], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.02)


def python(code: str, tmp_path: Path, name: str = "sleeper") -> ProcessSpec:
    return ProcessSpec(name, (sys.executable, "-c", code), tmp_path / f"{name}.log")


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    supervisor = Supervisor(bound=True)
    yield supervisor
    stop_processes(list(supervisor.processes.values()), grace_seconds=0)


def test_a_process_that_ignores_sigterm_is_killed_after_the_grace(supervisor: Supervisor, tmp_path: Path) -> None:
    process = supervisor.start(python(STUBBORN, tmp_path))
    poll(process.last_lines, "first line")
    stop_processes([process], grace_seconds=0.2)
    assert not process.identity.alive()
    assert process.exit_code == -signal.SIGKILL


@pytest.mark.parametrize("leader_is_killed_first", [False, True])
def test_what_a_process_started_ends_with_it(
    supervisor: Supervisor, tmp_path: Path, leader_is_killed_first: bool
) -> None:
    # An orphan is found by the session it stayed in; a child that left the session, by its parent.
    code = WITH_CHILD.format(own_session=not leader_is_killed_first)
    process = supervisor.start(python(code, tmp_path))
    poll(process.last_lines, "child's id")
    child = Identity.of(int(process.last_lines()[0]))
    assert child is not None
    if leader_is_killed_first:
        process.signal(signal.SIGKILL)
        assert process.wait_ended(10)
        assert child.alive()
    stop_processes([process], grace_seconds=5)
    assert not child.alive()


def test_a_recycled_id_is_never_signalled(supervisor: Supervisor, tmp_path: Path) -> None:
    bystander = supervisor.start(python(SLEEP, tmp_path))
    recorded = ManagedProcess(bystander.spec, replace(bystander.identity, started="some other moment"))
    assert not recorded.alive()
    stop_processes([recorded], grace_seconds=0)
    assert bystander.alive()


def test_an_early_end_is_told_with_its_code_and_last_lines(supervisor: Supervisor, tmp_path: Path) -> None:
    process = supervisor.start(python("import sys; print('no such catalogue'); sys.exit(3)", tmp_path, "intake"))
    with pytest.raises(ProcessDied, match=r"intake exited with code 3(.|\n)*no such catalogue"):
        supervisor.wait_ready(process, lambda: False, timeout_seconds=30)


def test_a_process_that_is_never_ready_is_told(supervisor: Supervisor, tmp_path: Path) -> None:
    process = supervisor.start(python(SLEEP, tmp_path, "archive"))
    with pytest.raises(NotReady, match="archive runs but was not ready"):
        supervisor.wait_ready(process, lambda: False, timeout_seconds=0.1)


def test_a_command_that_fails_or_cannot_be_run_is_told(supervisor: Supervisor, tmp_path: Path) -> None:
    with pytest.raises(ProcessDied, match=r"provision exited with code 1(.|\n)*no broker"):
        supervisor.run(python("raise SystemExit('no broker')", tmp_path, "provision"), timeout_seconds=30)
    with pytest.raises(ProcessDied, match="cannot run /no/such/program"):
        supervisor.run(ProcessSpec("absent", ("/no/such/program",), tmp_path / "absent.log"), timeout_seconds=30)


def test_a_closed_supervisor_starts_nothing_and_ends_every_wait(supervisor: Supervisor, tmp_path: Path) -> None:
    process = supervisor.start(python(SLEEP, tmp_path))
    supervisor.close()
    with pytest.raises(Cancelled):
        supervisor.wait_ready(process, lambda: False, timeout_seconds=30)
    with pytest.raises(Cancelled):
        supervisor.start(python(SLEEP, tmp_path, "late"))


PARENT = """
import os, sys, threading, time
from pathlib import Path
from onematter.local.processes import ProcessSpec, Supervisor

supervisor = Supervisor(bound=sys.argv[1] == "bound")
code = "import time; print('up', flush=True); time.sleep(120)"
spec = ProcessSpec("child", (sys.executable, "-c", code), Path(sys.argv[2]))

def start_and_end():
    child = supervisor.start(spec)
    supervisor.wait_ready(child, child.last_lines, 30)

# From a thread that ends: the child must not end with it.
thread = threading.Thread(target=start_and_end)
thread.start()
thread.join()
while str(thread.native_id) in os.listdir("/proc/self/task"):
    time.sleep(0.01)
child = supervisor.processes["child"]
print("ended with its thread" if child.wait_ended(0.5) else child.identity.pid, flush=True)
time.sleep(120)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child's life to its parent's")
@pytest.mark.parametrize("kind", ["bound", "detached"])
def test_only_a_bound_child_dies_with_a_parent_that_is_killed(tmp_path: Path, kind: str) -> None:
    command = [sys.executable, "-c", PARENT, kind, str(tmp_path / "child.log")]
    child = None
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        try:
            assert parent.stdout is not None
            child = Identity.of(int(parent.stdout.readline()))
            assert child is not None
            assert child.alive()
            parent.kill()
            parent.wait()
            if kind == "bound":
                poll(lambda: not child.alive(), "end of the child")
            else:
                assert child.alive()
        finally:
            parent.kill()
            if child is not None and child.alive():
                os.kill(child.pid, signal.SIGKILL)
