"""Run schedules over seeds in a pool of processes: `python -m tests.simulation.run --seeds 2000 --seconds 60`.

Prints how it goes on, and at the end schedules, delivered records (those that a worker was given by its log), records
a minute and a schedule, the kinds of traffic, and how often each fault hit; the same as build/simulation.json. A seed
that fails is made as short as it still fails, and its transcript is written to build/simulation-<seed>.txt. `--kind`
runs one kind alone; `--without` takes a safeguard out, to see the auditor notice (see controls.py).

Exit code 1 when a schedule fails.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from tests.simulation import traffic as kinds
from tests.simulation.controls import CONTROLS
from tests.simulation.scheduler import Simulation
from tests.simulation.traffic import Traffic
from tests.simulation.transcript import outcome, shortest, transcribe

KINDS = (
    kinds.NORMAL, kinds.BUGGY, kinds.DENSE, kinds.STORMY, kinds.DENSE_RESTORES, kinds.DENSE_BUGS, kinds.FLOOD
)  # fmt: skip
BY_NAME = {kind.name.replace(", ", "-"): kind for kind in (*KINDS, kinds.SERVICES)}
SERVICES_EVERY = 29
BUILD = Path("build")
TAIL_LINES = 40
MAX_FAILURES = 5
PROGRESS_SECONDS = 5.0
COLLECT_EVERY = 50


@dataclass
class Failure:
    """A seed that fails."""

    seed: int
    kind: Traffic
    problems: list[str]


@dataclass
class Tally:
    """What some schedules came to."""

    schedules: int = 0
    records: list[int] = field(default_factory=list)
    seconds: float = 0.0
    by_kind: dict[str, list[int]] = field(default_factory=dict)
    kind_seconds: dict[str, float] = field(default_factory=dict)
    happened: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Add another."""
        self.schedules += other.schedules
        self.records += other.records
        self.seconds += other.seconds
        for name, records in other.by_kind.items():
            self.by_kind.setdefault(name, []).extend(records)
        for name, seconds in other.kind_seconds.items():
            self.kind_seconds[name] = self.kind_seconds.get(name, 0.0) + seconds
        for what, count in other.happened.items():
            self.happened[what] = self.happened.get(what, 0) + count
        self.failures += other.failures


def kind_of(number: int) -> Traffic:
    """The kind of traffic of the schedule with this number."""
    return KINDS[number % len(KINDS)]


def mixed(seed: int) -> Traffic:
    """The kind of a seed: the small plays in turn, and the services' own cores now and then."""
    return kinds.SERVICES if seed % SERVICES_EVERY == SERVICES_EVERY - 1 else kind_of(seed)


def run_one(asked: tuple[int, Traffic]) -> Tally:
    """One schedule."""
    seed, kind = asked
    began = time.process_time()
    simulation = Simulation(seed, kind)
    problems = outcome(simulation)
    seconds, delivered = time.process_time() - began, simulation.broker.delivered
    if seed % COLLECT_EVERY == 0:
        gc.collect()
    failures = [Failure(seed, kind, problems)] if problems else []
    return Tally(1, [delivered], seconds, {kind.name: [delivered]}, {kind.name: seconds}, simulation.happened, failures)


def _prepare(without: str | None) -> None:
    """In each process of the pool: take the safeguard out; schedules leave cycles, which `run_one` collects."""
    if without:
        CONTROLS[without][0](Lasting())
    gc.collect()
    gc.freeze()
    gc.disable()


class Lasting:
    """A patch that nobody takes back: the process ends with it."""

    def setattr(self, target: object, name: str, value: object) -> None:
        """Replace an attribute."""
        setattr(target, name, value)


def report(failure: Failure) -> str:
    """A failing seed's transcript: what is wrong, what concerns the matters that it names, and all that happened."""
    actions = shortest(failure.seed, failure.kind)
    problems, transcript = transcribe(failure.seed, failure.kind, actions)
    about = list(transcript.about(problems))
    head = [
        f"seed {failure.seed} of {failure.kind.name}, {actions} of {failure.kind.actions} actions", "",
        "Problems", *problems, "", "With all actions", *failure.problems, "",
    ]  # fmt: skip
    concerned = [] if len(about) == len(transcript.lines) else ["What concerns the matters named", *about, ""]
    return "\n".join([*head, "All that happened", *transcript.lines, "", *concerned])


def run(first: int, seeds: int, seconds: float | None, kind: Traffic | None, without: str | None, jobs: int) -> Tally:
    """Run the seeds until they, or the seconds, are over, or too many fail."""
    ends = time.monotonic() + seconds if seconds else None
    asked: Iterator[tuple[int, Traffic]] = ((seed, kind or mixed(seed)) for seed in range(first, first + seeds))
    if ends is not None:
        source, deadline = asked, ends
        asked = iter(lambda: next(source) if time.monotonic() < deadline else (-1, kinds.NORMAL), (-1, kinds.NORMAL))
    whole, told, began = Tally(), time.monotonic(), time.monotonic()
    with multiprocessing.get_context("fork").Pool(jobs, _prepare, (without,)) as pool:
        while batch := list(islice(asked, 16 * jobs)):
            for tally in pool.imap_unordered(run_one, batch):
                whole.add(tally)
            now = time.monotonic()
            if now - told > PROGRESS_SECONDS:
                told, delivered = now, sum(whole.records)
                print(
                    f"{whole.schedules:7,} schedules {delivered:12,} records {delivered / (now - began) * 60:12,.0f} a"
                    f" minute, {len(whole.failures)} failed", flush=True,
                )  # fmt: skip
            if len(whole.failures) >= MAX_FAILURES:
                break
    whole.seconds = time.monotonic() - began
    return whole


def figures(tally: Tally, jobs: int) -> dict[str, object]:
    """What stands in build/simulation.json."""
    return {
        "schedules": tally.schedules,
        "processes": jobs,
        "seconds": round(tally.seconds, 1),
        "delivered_records": sum(tally.records),
        "records_per_minute": round(sum(tally.records) / tally.seconds * 60),
        "records_per_cpu_minute": round(sum(tally.records) / sum(tally.kind_seconds.values()) * 60),
        "records_per_schedule": {"min": min(tally.records), "median": statistics.median(tally.records)},
        "kinds": {
            name: {
                "schedules": len(records),
                "records_per_schedule_min": min(records),
                "records_per_schedule_median": statistics.median(records),
                "records_per_cpu_minute": round(sum(records) / tally.kind_seconds[name] * 60),
            }
            for name, records in sorted(tally.by_kind.items())
        },
        "faults": dict(sorted(tally.happened.items())),
        "failed_seeds": [failure.seed for failure in tally.failures],
    }


def show(found: dict[str, object]) -> None:
    """Print the figures as tables."""
    faults, by_kind = found["faults"], found["kinds"]
    assert isinstance(faults, dict)
    assert isinstance(by_kind, dict)
    print(f"\n{'fault, or effect (→)':40} {'times':>10}")
    for what, count in faults.items():
        print(f"{what:40} {count:10,}")
    print(f"\n{'kind':18} {'schedules':>10} {'min':>8} {'median':>8} {'a minute of CPU':>22}")
    for name, row in by_kind.items():
        schedules, least, median, rate = row.values()
        print(f"{name:18} {schedules:10,} {least:8,} {median:8,.0f} {rate:22,}")
    per = found["records_per_schedule"]
    assert isinstance(per, dict)
    print(
        f"\n{found['schedules']:,} schedules in {found['seconds']} s on {found['processes']} processes: "
        f"{found['delivered_records']:,} records delivered, {found['records_per_minute']:,} a minute "
        f"({found['records_per_cpu_minute']:,} a minute of one processor's time); "
        f"a schedule has {per['min']:,} at least, {per['median']:,.0f} at the median"
    )


def main() -> int:
    """See this module."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.run", description="Simulate schedules of faults.")
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, help="begin no schedule after this time")
    parser.add_argument("--kind", choices=sorted(BY_NAME))
    parser.add_argument("--without", choices=sorted(CONTROLS), help="take this safeguard out")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    kind = BY_NAME[options.kind] if options.kind else None
    if kind is None and options.without:
        kind = CONTROLS[options.without][1]
    tally = run(options.first, options.seeds, options.seconds, kind, options.without, options.jobs)
    found = figures(tally, options.jobs)
    BUILD.mkdir(exist_ok=True)
    (BUILD / "simulation.json").write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    show(found)
    if options.without:
        CONTROLS[options.without][0](Lasting())
    for failure in tally.failures[:MAX_FAILURES]:
        text = report(failure)
        path = BUILD / f"simulation-{failure.seed}.txt"
        path.write_text(text + "\n", encoding="utf-8")
        print(f"\n{path}: its end\n" + "\n".join(text.splitlines()[-TAIL_LINES:]))
        print(f"seed {failure.seed} of {failure.kind.name} failed: {'; '.join(failure.problems[:3])}")
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
