"""`python -m tests.suite test|faults`: the tests in parts, several beside each other.

Most tests of real parts wait for servers, and lint and the tests without servers compute: on two cores they take less
time together than one after the other. Each part is a pytest process with a broker, a database and ports of its own.

Rule 1: every test has exactly one part: the one that names the nearest path, and `tests` is one's too.
Rule 2: what a part says is shown in one piece when it ends, and grows meanwhile in build/tests-NAME.log; its results
are build/tests-NAME.xml.
Rule 3: where a broker or a database is given, it is one for all, and so the parts run one after the other.
Rule 4: whatever fails, the others go on to their end. Ctrl-C and SIGTERM end them all, with their servers.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from onematter.local.errors import LocalError
from onematter.local.ports import FIRST_PORT, LAST_PORT, PORTS
from onematter.local.processes import (
    ManagedProcess,
    ProcessSpec,
    Supervisor,
    stop_processes,
    termination_as_exit,
)

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"
PYTEST = (sys.executable, "-m", "pytest", "--durations=15", "--durations-min=1")
POLL_SECONDS = 0.1
# A part that is told to end stops its servers first; what is killed instead takes them with it.
GRACE_SECONDS = 20.0

LINT = "lint"
# By part, what it takes.
PARTS: dict[str, tuple[str, ...]] = {
    # Whatever needs no broker and no database: all that nobody else takes.
    "rules": (
        "tests",
        "tests/integration/test_local_maven.py",
        "tests/integration/test_local_processes.py",
    ),
    # What asks the product that runs for the whole session.
    "product": ("tests/e2e", "tests/faults/test_drain.py", "tests/faults/test_recovery.py", "tests/integration"),
    # What asks a broker or a database alone, or brings up a product of its own.
    "stacks": (
        "tests/e2e/test_demo.py",
        "tests/faults/test_auditor.py",
        "tests/integration/test_acls.py",
        "tests/integration/test_backbone_kafka.py",
        "tests/integration/test_backbone_kafka_sending.py",
        "tests/integration/test_backbone_postgres.py",
        "tests/integration/test_local_parts.py",
        "tests/integration/test_local_stack.py",
        "tests/integration/test_moved_clock.py",
        "tests/integration/test_parking_tables.py",
        "tests/integration/test_provision.py",
        "tests/integration/test_supervision.py",
        "tests/integration/test_tracing.py",
    ),
    # Long plays, each on a stack that it harms.
    "faults": ("tests/faults/plays",),
}
# What a broker or a database is given by.
GIVEN = ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL")
# What runs beside what; in each row one after the other.
PLANS: dict[str, tuple[tuple[str, ...], ...]] = {
    "test": (("stacks",), ("product",), (LINT, "rules")),
    "faults": (("faults",),),
}


def plan_of(name: str, environment: Mapping[str, str] = os.environ) -> tuple[tuple[str, ...], ...]:
    """The rows of a plan here (Rule 3)."""
    plan = PLANS[name]
    if any(environment.get(variable) for variable in GIVEN):
        return (tuple(part for parts in plan for part in parts),)
    return plan


def part_of(module: Path) -> str:
    """The part that names the nearest path."""
    named = [
        (len(Path(path).parts), part) for part, paths in PARTS.items() for path in paths if module.is_relative_to(path)
    ]
    return max(named)[1]


def modules(part: str) -> list[str]:
    """The modules of tests that a part takes, in the order of their paths."""
    every = sorted(path.relative_to(ROOT) for path in (ROOT / "tests").rglob("test_*.py"))
    return [str(module) for module in every if part_of(module) == part]


def command(part: str) -> tuple[str, ...]:
    """What a part runs."""
    if part == LINT:
        return ("make", "--no-print-directory", "lint")
    return (*PYTEST, f"--junit-xml={results(part)}", *modules(part))


def results(part: str) -> Path:
    """Where pytest writes what came of a part."""
    return BUILD / f"tests-{part}.xml"


def ports(number: int, of: int) -> str:
    """The ports of one row of several."""
    each = (LAST_PORT - FIRST_PORT) // of
    return f"{FIRST_PORT + number * each}-{FIRST_PORT + (number + 1) * each - 1}"


def cpu_seconds() -> float:
    """What the children that have ended took, with all of theirs that they waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@dataclass
class Row:
    """Parts that run one after the other."""

    parts: list[str]
    ports: str
    running: ManagedProcess | None = None
    began: float = 0.0


class Suite:
    """One run of a plan."""

    def __init__(self, plan: Sequence[Sequence[str]]) -> None:
        self._rows = [Row(list(parts), ports(number, len(plan))) for number, parts in enumerate(plan)]
        self._supervisor = Supervisor(bound=True)
        self._cpu_seconds = cpu_seconds()
        self.failed: list[str] = []

    def run(self) -> None:
        """Run all to their end, or until an exception comes in between; then nothing of them runs any more."""
        try:
            while [row for row in self._rows if self._goes_on(row)]:
                time.sleep(POLL_SECONDS)
        finally:
            self._supervisor.close()
            stop_processes([row.running for row in self._rows if row.running], grace_seconds=GRACE_SECONDS)

    def _goes_on(self, row: Row) -> bool:
        if row.running is not None and not row.running.alive():
            self._ended(row, row.running)
        if row.running is None and row.parts:
            self._begin(row, row.parts.pop(0))
        return row.running is not None

    def _begin(self, row: Row, part: str) -> None:
        spec = ProcessSpec(
            part, command(part), BUILD / f"tests-{part}.log", {PORTS: row.ports}, ROOT,
            # pytest ends its servers when it is interrupted.
            stop_signal=signal.SIGINT, death_signal=signal.SIGINT,
        )  # fmt: skip
        results(part).unlink(missing_ok=True)
        row.began, row.running = time.monotonic(), self._supervisor.start(spec)

    def _ended(self, row: Row, process: ManagedProcess) -> None:
        part, code, seconds = process.spec.name, process.exit_code, time.monotonic() - row.began
        # Whatever it has left is nobody's any more.
        stop_processes([process], grace_seconds=1)
        before, self._cpu_seconds = self._cpu_seconds, cpu_seconds()
        cpu = self._cpu_seconds - before
        row.running = None
        if code != 0:
            self.failed.append(part)
        print(f"\n── {part}: {seconds:.0f} s, {cpu:.0f} s of CPU, exit code {code}", flush=True)
        sys.stdout.buffer.write(process.spec.log.read_bytes())
        sys.stdout.flush()


def main(name: str) -> int:
    """Run a plan and report what came of it; returns the exit code."""
    # Where a shell started us in the background Ctrl-C is ignored, and would be by all that tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    plan = plan_of(name)
    print(f"{', '.join(' then '.join(parts) for parts in plan)}: logs grow in {BUILD.name}/tests-*.log", flush=True)
    suite = Suite(plan)
    try:
        with termination_as_exit():
            suite.run()
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except LocalError as error:
        print(error, file=sys.stderr)
        return 1
    files = [str(results(part)) for parts in plan for part in parts if part != LINT]
    print(flush=True)
    report = subprocess.run([sys.executable, ROOT / ".ci" / "report.py", *files], check=False)
    if suite.failed:
        print(f"failed: {', '.join(suite.failed)}")
    return 1 if suite.failed else report.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
