"""`onematter demo` as a stranger runs it: exit 0 with proof, and no process left behind, however it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from onematter.local import state
from onematter.local.processes import Identity
from onematter.local.stack import start
from onematter.local.state import Addresses

START_AND_RUN_SECONDS = 240


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    """A broker and a database of the demo's own: on the session's, the session's services would share its lanes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
        patch.delenv("DATABASE_URL", raising=False)
        stack = start(tmp_path_factory.mktemp("demo"), detached=False, services=(), setup=())
    with stack:
        yield stack.addresses


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def environment(home: Path, servers: Addresses) -> dict[str, str]:
    """A given broker and database; a home of its own; no pauses."""
    return {
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVERS": servers.kafka_bootstrap_servers,
        "DATABASE_URL": servers.database_url,
        "ONEMATTER_HOME": str(home),
        "ONEMATTER_DEMO_PACE": "0",
        "LC_ALL": "C.UTF-8",
    }


def demo(environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "onematter.client", "demo"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )


def left_behind(home: Path) -> list[int]:
    """Processes that run with this home in their environment or arguments."""
    found: list[int] = []
    for process in psutil.process_iter():
        try:
            told = [*process.cmdline(), *process.environ().values()]
        except (psutil.Error, OSError):
            continue
        if process.pid != os.getpid() and any(str(home) in word for word in told):
            found.append(process.pid)
    return found


def lines_until(process: subprocess.Popen[str], wanted: str) -> Iterator[str]:
    assert process.stdout is not None
    for line in process.stdout:
        yield line
        if re.search(wanted, line):
            return
    raise AssertionError(f"the demo ended before {wanted!r}")


def poll(condition: Callable[[], object], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.05)


@pytest.mark.timeout(START_AND_RUN_SECONDS + 60)
def test_four_matters_are_completed_and_verified(environment: dict[str, str], home: Path) -> None:
    with demo(environment) as process:
        said, _ = process.communicate(timeout=START_AND_RUN_SECONDS)
    assert process.returncode == 0, said
    events = [line for line in said.splitlines() if re.match(r"\d\d:\d\d:\d\d\.\d\d OM-\d\d ", line)]

    def place(pattern: str) -> int:
        return next(number for number, line in enumerate(events) if re.search(pattern, line))

    # They run at the same time, some items are decided by rule, and the result comes last.
    for code, rest in (("OM-17", "10 Construction permit"), ("OM-09", "05 Summing up")):
        assert place(rf"{code} accepted") < place(rf"{code} .*by rule 01 ")
        assert place(rf"{code} .*granted {rest}") < place(rf"{code} joined")
    # Every level of one matter was open before the first of the site visit was decided.
    together = place("OM-17 province, city and county stand open at one moment")
    for opened in ("province .*open 02 ", "city .*open 04 ", "county .*open 07 "):
        assert place(f"OM-17 {opened}") < together
    for decided in ("granted 02 ", "granted 04 ", "granted 07 "):
        assert together < place(f"OM-17 .*{decided}")
    # A certificate that is made on the way opens what needs it; the window accepts the closing of the enterprise.
    assert place("OM-03 .*granted 02 ") < place("OM-03 .*open 04 ") < place("OM-03 .*granted 04 ")
    assert place("OM-03 .*granted 04 ") < place("OM-03 .*open 05 ")
    assert place("OM-02 received") < place("OM-02 accepted") < place("OM-02 .*open 01 ")
    assert re.search(
        r"(?m)^certificate made on the way .*: 02 Medical certificate of birth .* 03, 04, 05, 06, 08, 09$", said
    )
    assert re.search(r"(?m)^not asked .*: Marriage certificate .*: Civil Affairs$", said)
    assert len(re.findall(r"(?m)^verified ", said)) == 4
    assert len(re.findall(r"(?m)^✓ root: Merkle root [0-9a-f]{64} ", said)) == 4
    file = home / "demo" / "data" / "notification" / "notices.db"
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
        kinds = [json.loads(document)["kind"] for (document,) in connection.execute("SELECT document FROM notices")]
    assert {kind: kinds.count(kind) for kind in ("RECEIVED", "ACCEPTED", "RESULT")} == {
        "RECEIVED": 1,
        "ACCEPTED": 4,
        "RESULT": 4,
    }
    assert f"{len(kinds)} of {len(kinds)} stand in the channel's file" in said
    assert left_behind(home) == []
    assert state.load(home / "demo") is None


@pytest.mark.timeout(START_AND_RUN_SECONDS + 60)
@pytest.mark.parametrize(
    ("number", "exit_code", "when"),
    [
        (signal.SIGINT, 130, "OM-17 accepted"),
        (signal.SIGTERM, 143, "OM-17 accepted"),
        (signal.SIGINT, 130, "up at"),
    ],
)
def test_whoever_ends_it_finds_no_process_left(
    environment: dict[str, str], home: Path, number: int, exit_code: int, when: str
) -> None:
    # Slow officials, so that it cannot be over before the signal comes.
    with demo({**environment, "ONEMATTER_DEMO_PACE": "20"}) as process:
        for _ in lines_until(process, when):
            pass
        assert left_behind(home)
        process.send_signal(number)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == exit_code, said
    assert left_behind(home) == []
    assert state.load(home / "demo") is None, said


@pytest.mark.timeout(START_AND_RUN_SECONDS + 60)
def test_a_service_that_dies_fails_the_demo_with_its_name(environment: dict[str, str], home: Path) -> None:
    with demo({**environment, "ONEMATTER_DEMO_PACE": "20"}) as process:
        for _ in lines_until(process, "OM-17 accepted"):
            pass
        os.kill(identity(home, "approval-city").pid, signal.SIGKILL)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 1, said
    assert "approval-city was killed by signal 9" in said
    assert left_behind(home) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child's life to its parent's")
@pytest.mark.timeout(START_AND_RUN_SECONDS + 60)
def test_kill_9_leaves_no_process_either(environment: dict[str, str], home: Path) -> None:
    with demo({**environment, "ONEMATTER_DEMO_PACE": "20"}) as process:
        for _ in lines_until(process, "OM-17 accepted"):
            pass
        process.kill()
        process.communicate(timeout=60)
    poll(lambda: not left_behind(home), "end of every child")


def identity(home: Path, name: str) -> Identity:
    written = state.load(home / "demo")
    assert written is not None
    return next(record.identity for record in written.processes if record.spec.name == name)
