"""The test build: a service exactly as `python -m onematter.<service>` runs it, with what a test takes out or adds.

    ONEMATTER_TEST_BUILD='{"without": ["outbox"]}' python -m tests.faults.build onematter.intake

ONEMATTER_TEST_BUILD is a JSON object; without it nothing is changed. Its members, each of them optional:

- `without`: names of safeguards (`SAFEGUARDS`) that are taken out.
- `die_at`: {"point": …, "after": N, "once": path}: kill -9 of itself at a boundary of the loop (`POINTS`). Those that
  have something to send are counted: N of them pass whole (0 when absent), the next one is the end. With `once` the
  file is made just before, and a build that finds it there lives on: so a restart with the same settings works, and
  whoever set the trap sees that it closed.
- `stop_at`: the same, by SIGSTOP; the step goes on from exactly there at SIGCONT.
- `clock_skew_ms`: the wall clock of the whole process is ahead by this much, or behind where it is negative.
- `slow_commit_ms`: each commit of a step takes this much longer, with the lanes' locks held.

The points, in the order of a step:

- `taking`: the lanes' epochs are raised and committed, nothing of them is read yet. N counts takings with lanes.
- `before_begin`: the step is dealt with in memory, nothing of it has left the process.
- `before_commit`: its transaction is written and not committed.
- `after_commit`: it is committed, nothing of it is produced.
- `after_produce`: all of it is produced and acknowledged; the sent mark has not moved.

Rule 1: the product has no switch and knows nothing of this module; everything is done to it from outside, before its
`__main__` is imported. What is patched must be there: a build that would change nothing does not start.
Rule 2: neither the wheel nor the image contains this module.
"""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

VARIABLE = "ONEMATTER_TEST_BUILD"
ROOT = Path(__file__).resolve().parents[2]
POINTS = ("taking", "before_begin", "before_commit", "after_commit", "after_produce")
DIE, STOP = "die_at", "stop_at"


class PlanWrong(ValueError):
    """ONEMATTER_TEST_BUILD asks for something that there is not; the text says what there is."""


@dataclass
class Trap:
    """Closes at one boundary: `strike` is called when `after` of them have passed and `once` is not there."""

    point: str
    strike: Callable[[], None]
    after: int = 0
    once: Path | None = None
    passed: int = 0

    def reach(self, point: str) -> None:
        """The loop is at `point`, with something to send."""
        if point != self.point:
            return
        self.passed += 1
        if self.passed != self.after + 1 or (self.once is not None and self.once.exists()):
            return
        if self.once is not None:
            self.once.touch()
        self.strike()


@dataclass(frozen=True)
class Plan:
    """What ONEMATTER_TEST_BUILD asks for; see the module."""

    without: tuple[str, ...] = ()
    traps: Sequence[Trap] = ()
    clock_skew_ms: int = 0
    slow_commit_ms: int = 0


def parse(text: str) -> Plan:
    """Read ONEMATTER_TEST_BUILD. Raises PlanWrong."""
    try:
        asked = json.loads(text or "{}")
    except ValueError as error:
        raise PlanWrong(f"{VARIABLE} is no JSON: {error}") from None
    if not isinstance(asked, dict):
        raise PlanWrong(f"{VARIABLE} is a JSON object")
    known = {"without", DIE, STOP, "clock_skew_ms", "slow_commit_ms"}
    if unknown := sorted(asked.keys() - known):
        raise PlanWrong(f"{VARIABLE}: unknown {unknown}; there are {sorted(known)}")
    without = tuple(asked.get("without", ()))
    if unknown := sorted(set(without) - SAFEGUARDS.keys()):
        raise PlanWrong(f"{VARIABLE}: unknown safeguards {unknown}; there are {sorted(SAFEGUARDS)}")
    traps = tuple(_trap(asked[name], number) for name, number in _SIGNALS.items() if name in asked)
    return Plan(without, traps, int(asked.get("clock_skew_ms", 0)), int(asked.get("slow_commit_ms", 0)))


def _trap(asked: Mapping[str, Any], number: signal.Signals) -> Trap:
    if asked.get("point") not in POINTS:
        raise PlanWrong(f"{VARIABLE}: the point is one of {POINTS}, not {asked.get('point')!r}")
    once = Path(asked["once"]) if asked.get("once") else None

    def strike() -> None:
        # To this thread: what is sent to the process goes to its main thread, and this one would run on meanwhile.
        signal.pthread_kill(threading.get_ident(), number)

    return Trap(asked["point"], strike, int(asked.get("after", 0)), once)


def environment(plan: Mapping[str, Any]) -> dict[str, str]:
    """What a process's environment needs for the test build, from wherever it is started."""
    path = os.pathsep.join(p for p in (str(ROOT), os.environ.get("PYTHONPATH", "")) if p)
    return {VARIABLE: json.dumps(dict(plan)), "PYTHONPATH": path}


def argv(module: str) -> tuple[str, ...]:
    """The command that starts `module`, such as onematter.intake, in the test build."""
    return (sys.executable, "-m", "tests.faults.build", module)


def wrap(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Replace `owner.name` by what `make` makes of it. Raises PlanWrong where `owner` itself has no such thing."""
    if name not in vars(owner):
        raise PlanWrong(f"{owner.__name__} has no {name} any more: the test build must be brought up to date")
    setattr(owner, name, make(vars(owner)[name]))


def skew_clock(skew_ms: int) -> None:
    """Set the wall clock of this process; monotonic time, and with it every time-out, stays as it is."""
    real, real_ns = time.time, time.time_ns
    time.time = lambda: real() + skew_ms / 1000
    time.time_ns = lambda: real_ns() + skew_ms * 1_000_000


def slow_commits(slow_ms: int) -> None:
    """Let each commit of a step take longer."""
    from onematter.backbone.store import PostgresStore

    def slow(commit: Any) -> Any:
        def after_a_while(self: Any) -> None:
            time.sleep(slow_ms / 1000)
            commit(self)

        return after_a_while

    wrap(PostgresStore, "commit", slow)


def set_traps(traps: Sequence[Trap], *, store: Any = None) -> None:
    """Let the worker tell each trap where it is. `store`: the Store whose `take` is watched (PostgresStore)."""
    from onematter.backbone.store import PostgresStore
    from onematter.backbone.worker import Worker

    def reach(point: str) -> None:
        for trap in traps:
            trap.reach(point)

    def execute(original: Any) -> Any:
        def run(self: Any) -> None:
            # A step that is None is made anew under savepoints; there is nothing yet to be counted.
            if self._step is not None and self._step.sendings:
                reach("before_begin")
            original(self)

        return run

    def commit(original: Any) -> Any:
        def run(self: Any) -> None:
            sends = bool(self._step.sendings)
            if sends:
                reach("before_commit")
            original(self)
            if sends:
                reach("after_commit")

        return run

    def send(original: Any) -> Any:
        def run(self: Any) -> None:
            sends = bool(self._step.sendings)
            original(self)
            if sends and any(trap.point == "after_produce" for trap in traps):
                self.log.flush()
                reach("after_produce")

        return run

    def take(original: Any) -> Any:
        def run(self: Any, lanes: Any, identity: Any) -> Any:
            rows = original(self, lanes, identity)
            if rows:
                reach("taking")
            return rows

        return run

    wrap(Worker, "_execute", execute)
    wrap(Worker, "_commit", commit)
    wrap(Worker, "_send", send)
    wrap(store or PostgresStore, "take", take)


def without_lane_epoch() -> None:
    """A transaction goes on though another process has taken its lanes since."""
    from onematter.backbone.ports import Fenced
    from onematter.backbone.store import PostgresStore

    def unfenced(begin: Any) -> Any:
        def run(self: Any, epochs: Any) -> None:
            with contextlib.suppress(Fenced):
                begin(self, epochs)

        return run

    wrap(PostgresStore, "begin", unfenced)


def without_co_partition_check() -> None:
    """An assignment is taken as it comes, whatever the number of partitions of each topic."""
    from onematter.backbone import broker
    from onematter.backbone.kafka import KafkaLog

    def unchecked(on_assign: Any) -> Any:
        def run(self: Any, consumer: Any, partitions: Any) -> None:
            on_assign(self, consumer, partitions)
            self._refused = ""

        return run

    wrap(KafkaLog, "_on_assign", unchecked)
    wrap(broker, "wrong_partitions", lambda _: lambda *of: "")


def without_outbox() -> None:
    """What a step sends is not written by its transaction."""
    from onematter.backbone.store import PostgresStore

    def unkept(write_lanes: Any) -> Any:
        def run(self: Any, step: Any, rows: Any) -> None:
            lanes = step.lanes()
            bare = replace(step, sendings={}, offsets={lane: step.offsets.get(lane, {}) for lane in lanes})
            write_lanes(self, bare, rows)

        return run

    wrap(PostgresStore, "write_lanes", unkept)


def without_sent_mark() -> None:
    """What is committed counts as sent, whether or not it was."""
    from onematter.backbone.store import PostgresStore

    def sent_at_once(write_lanes: Any) -> Any:
        def run(self: Any, step: Any, rows: Any) -> None:
            marked = {
                lane: replace(row, sent_position=row.next_position + (lane in step.sendings))
                for lane, row in rows.items()
            }
            write_lanes(self, step, marked)

        return run

    wrap(PostgresStore, "write_lanes", sent_at_once)


def without_stream_sequence() -> None:
    """Each record of a stream is taken in as it comes: neither duplicates nor gaps are looked for."""
    from onematter.backbone import ledger

    wrap(ledger, "judge", lambda judge: lambda stream, record: ledger.Verdict.NEXT)


def without_kept_outcomes() -> None:
    """A request that comes again is dealt with again."""
    from onematter.backbone import ledger

    wrap(ledger, "find_outcome", lambda find: lambda *of: None)
    wrap(ledger, "is_reused", lambda find: lambda *of: False)


def without_commit_order() -> None:
    """A step is produced first and committed then."""
    from onematter.backbone.worker import Worker

    def produce_first(execute: Any) -> Any:
        def run(self: Any) -> None:
            step = self._step
            if step is not None:
                for sendings in step.sendings.values():
                    self.log.send(sendings)
                self.log.flush()
            execute(self)

        return run

    def only_mark(send: Any) -> Any:
        def run(self: Any) -> None:
            log, self.log = self.log, _Silent()
            try:
                send(self)
            finally:
                self.log = log

        return run

    wrap(Worker, "_execute", produce_first)
    wrap(Worker, "_send", only_mark)


class _Silent:
    """A log that sends nothing."""

    def send(self, sendings: object) -> None:
        """Send nothing."""


def without_parking() -> None:
    """A record that cannot be taken in is a dead letter and forgotten; what is behind it goes on."""
    from onematter.backbone.unit import UnitOfWork

    def passed_over(self: Any, step: Any, _held: Any, record: Any, reason: str, *, letter: bool = True) -> None:
        if letter:
            self.bury(step, record, reason)

    wrap(UnitOfWork, "park", lambda _: passed_over)


_SIGNALS = {DIE: signal.SIGKILL, STOP: signal.SIGSTOP}
# In the order in which they are taken out.
SAFEGUARDS: Mapping[str, Callable[[], None]] = {
    "lane_epoch": without_lane_epoch,
    "co_partition_check": without_co_partition_check,
    "outbox": without_outbox,
    "sent_mark": without_sent_mark,
    "stream_sequence": without_stream_sequence,
    "kept_outcomes": without_kept_outcomes,
    "commit_order": without_commit_order,
    "parking": without_parking,
}


def change(plan: Plan) -> None:
    """Change the product in this process as the plan says; traps last, so that they see the changed loop."""
    if plan.clock_skew_ms:
        skew_clock(plan.clock_skew_ms)
    for name in plan.without:
        SAFEGUARDS[name]()
    if plan.slow_commit_ms:
        slow_commits(plan.slow_commit_ms)
    if plan.traps:
        set_traps(plan.traps)


def main() -> None:
    """Start the module that the command line names, as `python -m` does."""
    if len(sys.argv) < 2:
        print(f"usage: {VARIABLE}=… python -m tests.faults.build onematter.<service>", file=sys.stderr)
        sys.exit(2)
    try:
        change(parse(os.environ.get(VARIABLE, "")))
    except PlanWrong as error:
        print(f"tests.faults.build: {error}", file=sys.stderr)
        sys.exit(2)
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
