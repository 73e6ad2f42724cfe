"""`make bench`: matters a second from the topic at saturation, and hand-in → result at a tenth of it.

Everything is on this machine: Kafka, PostgreSQL, the services and the load. A matter is OM-90: three items at three
levels, decided by rule, archived and notified. Supervision does not run: it watches, and is measured by its own tests.
Neither does the exchange: what a rule grants needs nothing from it.

matters_per_second: hand-ins, all written at once, by the time from the broker's time of the first hand-in to that of
the last record among seals and notices. result_p50_ms, result_p99_ms: from the broker's time of the hand-in to that of
MatterCompleted, with hand-ins paced at a tenth of the rate. cpu_us_per_matter: by process, while the hand-ins were
worked off. calibration_ms: how fast the machine was just then. Every loop has a bound.
"""

from __future__ import annotations

import platform
import sys
import time
import uuid
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from tests.benchmark.ground import ground, options, write
from tests.benchmark.handins import HandIns, template
from tests.benchmark.machine import calibration_ms, cpu_seconds, cpu_us_each, machine, python_build

from onematter.contracts.topics import MATTER_EVENTS, SUBMISSIONS, table
from onematter.intake.v1.intake_events_pb2 import MatterEvent
from onematter.local.kafka import KAFKA_VERSION
from onematter.local.postgres import version as postgres_version

SEALS = table().events_topic("archive")
NOTICES = table().events_topic("notification")
NOTICES_PER_MATTER = 2
TIMEOUT_SECONDS = 300


@dataclass(frozen=True)
class Saturation:
    """What a flood of hand-ins came to."""

    matters: int
    seconds: float
    dead_letters: int

    @property
    def matters_per_second(self) -> float:
        """Complete, archived and notified."""
        return self.matters / self.seconds


def flood(handins: HandIns, matters: int, progress: Progress) -> Saturation:
    """Hand in `matters` at once and wait until all are sealed and told."""
    letters = [t.name for t in table().topics.values() if t.kind == "dead-letters"]
    starts = {topic: handins.ends(topic) for topic in (SUBMISSIONS, SEALS, NOTICES, MATTER_EVENTS, *letters)}
    run, command = uuid.uuid4().hex[:12], template()
    for number, handin in enumerate([handins.make(command, f"{run}-{number}") for number in range(matters)]):
        handins.write(handin)
        if number % 500 == 0:
            handins.poll()
    handins.flush()
    bar = progress.add_task(f"{matters} matters", total=matters)
    deadline = time.monotonic() + TIMEOUT_SECONDS
    sealed = told = 0
    while sealed < matters or told < NOTICES_PER_MATTER * matters:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{sealed} of {matters} matters were sealed within {TIMEOUT_SECONDS} s")
        # Seldom: every question takes from what is measured, and the figure is by the broker's times.
        time.sleep(1.0)
        sealed = sum(handins.ends(SEALS).values()) - sum(starts[SEALS].values())
        told = sum(handins.ends(NOTICES).values()) - sum(starts[NOTICES].values())
        progress.update(bar, completed=min(sealed, told // NOTICES_PER_MATTER))
    progress.remove_task(bar)
    first = min(at for _, _, at in handins.records(SUBMISSIONS, starts[SUBMISSIONS]))
    seals = list(handins.records(SEALS, starts[SEALS]))
    last = max(*(at for _, _, at in seals), *(at for _, _, at in handins.records(NOTICES, starts[NOTICES])))
    assert len({key for key, _, _ in seals}) == len(seals) == matters, "a matter was sealed twice"
    dead = sum(sum(handins.ends(name).values()) - sum(starts[name].values()) for name in letters)
    return Saturation(matters, (last - first) / 1000, dead)


def paced(handins: HandIns, per_second: float, seconds: float, progress: Progress) -> list[float]:
    """Hand in at an even rate; returns hand-in → result in ms, sorted."""
    starts = handins.ends(MATTER_EVENTS)
    run, command = uuid.uuid4().hex[:12], template()
    total = max(1, int(per_second * seconds))
    bar = progress.add_task(f"{per_second:.0f} matters a second", total=total)
    began = time.monotonic()
    ours: set[str] = set()
    while len(ours) < total:
        for number in range(len(ours), min(total, int((time.monotonic() - began) * per_second) + 1)):
            ours.add(handins.send(command, f"{run}-{number}"))
        handins.poll()
        progress.update(bar, completed=len(ours))
        time.sleep(0.002)
    handins.flush()
    deadline = time.monotonic() + 60
    latencies: list[float] = []
    while len(latencies) < total:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(latencies)} of {total} matters had a result within 60 s")
        latencies = _latencies(handins, starts, ours)
    progress.remove_task(bar)
    return sorted(latencies)


def _latencies(handins: HandIns, starts: dict[int, int], ours: set[str]) -> list[float]:
    found: list[float] = []
    for key, value, at in handins.records(MATTER_EVENTS, starts):
        event = MatterEvent.FromString(value)
        if key in ours and event.WhichOneof("event") == "matter_completed":
            handed_in = event.matter_completed.handed_in
            found.append(at - (handed_in.seconds * 1000 + handed_in.nanos / 1_000_000))
    return found


def percentile(values: list[float], share: float) -> float:
    """Of sorted values, by the nearest rank."""
    return values[max(0, min(len(values) - 1, round(share * len(values) + 0.5) - 1))]


def main() -> int:
    """Measure, print a table, write build/bench.json."""
    parser = options(
        "matters a second, and hand-in → result", matters=20_000, warm_up=3_000, output=Path("build/bench.json")
    )
    parser.add_argument("--latency-seconds", type=float, default=15, help="how long at a tenth of the rate")
    arguments = parser.parse_args()
    console = Console()
    with ground(arguments.partitions, console) as on:
        flood(on.handins, arguments.warm_up, on.progress)
        speed, before = calibration_ms(), cpu_seconds(on.stack)
        full = flood(on.handins, arguments.matters, on.progress)
        cpu = cpu_us_each(cpu_seconds(on.stack), before, full.matters)
        latencies = paced(on.handins, full.matters_per_second / 10, arguments.latency_seconds, on.progress)
    result = {
        "matters_per_second": round(full.matters_per_second, 1),
        "result_p50_ms": round(percentile(latencies, 0.5), 1),
        "result_p99_ms": round(percentile(latencies, 0.99), 1),
        "matters": full.matters,
        "seconds": round(full.seconds, 2),
        "dead_letters": full.dead_letters,
        "latency_matters": len(latencies),
        "partitions": arguments.partitions,
        "cpu_us_per_matter": cpu,
        "calibration_ms": round(speed, 1),
        "versions": {
            "onematter": version("onematter"),
            "python": platform.python_version(),
            "python_build": python_build(),
            "kafka": KAFKA_VERSION,
            "postgresql": postgres_version(),
            "confluent-kafka": version("confluent-kafka"),
            "protobuf": version("protobuf"),
        },
        "machine": machine(),
    }
    write(result, arguments.output)
    rows = Table(title="one matter: three items, three levels, by rule, archived and notified")
    rows.add_column("figure")
    rows.add_column("value", justify="right")
    for name in ("matters_per_second", "result_p50_ms", "result_p99_ms", "dead_letters"):
        rows.add_row(name, f"{result[name]}")
    for name, microseconds in cpu.items():
        rows.add_row(f"CPU of {name}, µs a matter", f"{microseconds}")
    rows.add_row("CPU in all, µs a matter", f"{sum(cpu.values())}")
    rows.add_row("calibration_ms", f"{result['calibration_ms']}")
    rows.add_row("Python", f"{platform.python_version()}, {python_build()}")
    console.print(rows)
    return 0 if full.dead_letters == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
