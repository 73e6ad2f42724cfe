"""`make soak MINUTES=30`: hours of steady work must leave no trace but the matters themselves.

A steady load, about a third of what the machine carries: hand-ins on the topic, and at the doors hand-ins, queries,
watchers and receipts. Sampled of every process: memory, open files, threads; of the database: its size, and the rows of
what must not stay (outbox, timers, parked). A line a minute; at the end a verdict a process on what came after the
first minutes, build/soak.json and build/soak.svg. Exit 1 on a verdict that is not good.

What may grow: the database by its matters, at an even rate a matter; supervision by what it keeps of each matter of its
window (see its store); Kafka's and PostgreSQL's caches, which are bounded
by their settings and are only told.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import grpc
import psycopg
from psycopg import sql
from tests.benchmark.handins import HandIns, template
from tests.benchmark.machine import machine
from tests.faults.sampling import MEBIBYTE, Sample, Sampler, growth, slope

from onematter.archive.v1 import archive_service_pb2 as archive
from onematter.archive.v1.archive_service_pb2_grpc import ArchiveServiceStub
from onematter.contracts.keys import matter_id
from onematter.contracts.topics import table
from onematter.intake.v1 import intake_service_pb2 as intake
from onematter.intake.v1.intake_service_pb2_grpc import IntakeServiceStub
from onematter.local.services import DEFAULT_SERVICES
from onematter.local.stack import Stack, start

SAMPLE_SECONDS = 5.0
CALL_SECONDS = 30.0
CALLERS = 4
RECEIPT_TRIES = 120
RECEIPT_SECONDS = 60.0
PRINCIPAL = "soak"
# Of our own processes, after the first minutes. An allocator's unit is a few megabytes.
ALLOWED_BYTES = 12 * MEBIBYTE
ALLOWED_OPEN_FILES = 4
ALLOWED_THREADS = 2
# The bytes a matter takes, in the second half of what is measured against the first.
ALLOWED_DATABASE_SHARE = 0.3
# What supervision keeps of a matter for 90 days, and may grow by on top.
KEPT_BYTES_A_MATTER = {"supervision": 300}
TOLD_ONLY = ("kafka", "postgres", "platform")
PASSING = ("outbox", "parked")


@dataclass(frozen=True)
class Verdict:
    """On one process or the database. `growth`: after the first minutes; `rate`: of memory, MiB an hour."""

    name: str
    good: bool
    growth_bytes: float
    rate_mib_an_hour: float
    open_files: float
    threads: float
    why: str = ""


@dataclass(frozen=True)
class Stored:
    """The database at one moment: size, matters handed in by then, and rows of what must not stay."""

    seconds: float
    matters: int
    size_bytes: int
    passing_rows: int


def judge(name: str, samples: Sequence[Sample]) -> Verdict:
    """The verdict on a process's samples, the first minutes left out."""
    rss = [float(s.rss_bytes) for s in samples]
    more, files = growth(rss), growth([float(s.open_files) for s in samples])
    explained = KEPT_BYTES_A_MATTER.get(name, 0) * (samples[-1].done - samples[0].done)
    threads = growth([float(s.threads) for s in samples])
    rate = slope([s.seconds / 3600 for s in samples], [value / MEBIBYTE for value in rss])
    reasons = [
        text
        for wrong, text in (
            (more > ALLOWED_BYTES + explained, f"memory grew by {more / MEBIBYTE:.1f} MiB"),
            (files > ALLOWED_OPEN_FILES, f"{files:.0f} open files more"),
            (threads > ALLOWED_THREADS, f"{threads:.0f} threads more"),
        )
        if wrong and name not in TOLD_ONLY
    ]
    return Verdict(name, not reasons, more, rate, files, threads, ", ".join(reasons))


def judge_database(stored: Sequence[Stored]) -> Verdict:
    """The database may grow by its matters at an even rate, and what passes must have passed."""
    middle = len(stored) // 2
    first = slope([float(s.matters) for s in stored[: middle + 1]], [float(s.size_bytes) for s in stored[: middle + 1]])
    second = slope([float(s.matters) for s in stored[middle:]], [float(s.size_bytes) for s in stored[middle:]])
    rows = growth([float(s.passing_rows) for s in stored])
    reasons = []
    if first > 0 and second > first * (1 + ALLOWED_DATABASE_SHARE):
        reasons.append(f"a matter takes {second:.0f} bytes, at first {first:.0f}")
    if rows > 100:
        reasons.append(f"{rows:.0f} rows more in {', '.join(PASSING)}")
    hours = [s.seconds / 3600 for s in stored]
    rate = slope(hours, [s.size_bytes / MEBIBYTE for s in stored])
    return Verdict(
        "database", not reasons, growth([float(s.size_bytes) for s in stored]), rate, 0, 0, ", ".join(reasons)
    )


class Callers:
    """Who calls the doors: hands in, follows to the result, asks for what is there, fetches the receipt."""

    def __init__(self, stack: Stack) -> None:
        addresses = stack.addresses.services
        options = (("grpc.enable_http_proxy", 0),)
        self._channels = [grpc.insecure_channel(str(addresses[n].grpc), options) for n in ("intake", "archive")]
        self._intake: Any = IntakeServiceStub(self._channels[0])
        self._archive: Any = ArchiveServiceStub(self._channels[1])
        self._ended = threading.Event()
        self._pool = ThreadPoolExecutor(CALLERS, thread_name_prefix="caller")
        self._numbers = itertools.count()
        self._run = uuid.uuid4().hex[:12]
        self.answers: Counter[str] = Counter()
        self._futures = [self._pool.submit(self._call) for _ in range(CALLERS)]

    def stop(self) -> None:
        """End them; what one of them stumbled over is raised."""
        self._ended.set()
        for future in self._futures:
            future.result()
        self._pool.shutdown()
        for channel in self._channels:
            channel.close()

    def _call(self) -> None:
        while not self._ended.wait(0.1):
            command = template()
            command.actor.principal = PRINCIPAL
            command.request_id = f"{self._run}-{next(self._numbers)}"
            try:
                self._one(command)
            except grpc.RpcError as error:
                failed: Any = error
                self.answers[failed.code().name] += 1

    def _one(self, command: Any) -> None:
        self._intake.SubmitMatter(intake.SubmitMatterRequest(command=command), timeout=CALL_SECONDS)
        self.answers["handed in"] += 1
        matter = matter_id(PRINCIPAL, command.request_id)
        for _ in self._intake.WatchMatter(intake.WatchMatterRequest(matter_id=matter), timeout=CALL_SECONDS):
            self.answers["watched"] += 1
        self._intake.GetMatter(intake.GetMatterRequest(matter_id=matter), timeout=CALL_SECONDS)
        # Sealed a moment later; until then every try is a call that fails.
        for _ in range(RECEIPT_TRIES):
            try:
                self._archive.GetReceipt(archive.GetReceiptRequest(matter_id=matter), timeout=CALL_SECONDS)
                self.answers["receipts"] += 1
                return
            except grpc.RpcError as error:
                failed: Any = error
                if failed.code() is not grpc.StatusCode.NOT_FOUND:
                    raise
                self.answers["receipts not there yet"] += 1
                # At the end too: what was handed in still has its time.
                time.sleep(RECEIPT_SECONDS / RECEIPT_TRIES)
        raise AssertionError(f"no receipt of {matter} within {RECEIPT_SECONDS:g} s")


class Soak:
    """A stack under a steady load."""

    def __init__(self, stack: Stack, per_second: float) -> None:
        self.stack, self.per_second = stack, per_second
        self.handed_in = 0
        self.stored: list[Stored] = []
        self.sampler = Sampler(stack, SAMPLE_SECONDS, lambda: float(self.handed_in))
        self._handins = HandIns(stack.addresses.kafka_bootstrap_servers, table().partitions)
        self._run = uuid.uuid4().hex[:12]

    def last(self, seconds: float) -> Counter[str]:
        """Load for so long, a line a minute; what callers were answered."""
        callers, command = Callers(self.stack), template()
        self.sampler.start()
        began, minute = time.monotonic(), 0
        try:
            while (now := time.monotonic() - began) < seconds:
                for number in range(self.handed_in, int(now * self.per_second)):
                    self._handins.send(command, f"{self._run}-{number}")
                    self.handed_in += 1
                self._handins.poll()
                if now >= 60 * minute:
                    minute += 1
                    self.stack.check()
                    self.stored.append(self._look(now))
                    self._tell(self.stored[-1])
                time.sleep(0.02)
        finally:
            callers.stop()
            self.sampler.stop()
            self._handins.flush()
            self._handins.close()
        self.stored.append(self._look(time.monotonic() - began))
        return callers.answers

    def _look(self, seconds: float) -> Stored:
        schemas = [d.schema for d in table().deployments.values() if d.service != "supervision"]
        with psycopg.connect(self.stack.addresses.database_url, autocommit=True) as connection:
            (size,) = _row(connection.execute("SELECT pg_database_size(current_database())"))
            rows = 0
            for schema, name in itertools.product(schemas, PASSING):
                place = sql.Identifier(schema, name)
                rows += _row(connection.execute(sql.SQL("SELECT count(*) FROM {}").format(place)))[0]
        return Stored(seconds, self.handed_in, size, rows)

    def _tell(self, stored: Stored) -> None:
        self.sampler.take()
        sizes = " ".join(
            f"{name.removeprefix('approval-')[:9]} {of[-1].rss_bytes / MEBIBYTE:.0f}"
            for name, of in self.sampler.samples.items()
        )
        print(
            f"{stored.seconds / 60:4.0f} min {stored.matters:8} matters, database {stored.size_bytes / MEBIBYTE:7.0f}, "
            f"MiB: {sizes}",
            flush=True,
        )


def _row(cursor: Any) -> Any:
    row = cursor.fetchone()
    assert row is not None
    return row


def chart(samples: dict[str, list[Sample]], width: int = 900, height: int = 360) -> str:
    """Memory by process over time, as an SVG."""
    colours = (
        "#1b6ca8", "#c0392b", "#27814a", "#8e44ad", "#b9770e", "#16777a", "#5d6d7e", "#a04000", "#2c3e50", "#d81b60",
    )  # fmt: skip
    longest = max((s.seconds for of in samples.values() for s in of), default=1.0) or 1.0
    most = max((s.rss_bytes for of in samples.values() for s in of), default=1) * 1.05
    lines: list[str] = []
    for number, (name, of) in enumerate(samples.items()):
        colour = colours[number % len(colours)]
        points = " ".join(
            f"{50 + s.seconds / longest * (width - 220):.1f},{height - 30 - s.rss_bytes / most * (height - 50):.1f}"
            for s in of
        )
        lines.append(f'<polyline fill="none" stroke="{colour}" points="{points}"/>')
        lines.append(f'<text x="{width - 160}" y="{30 + 18 * number}" fill="{colour}">{name}</text>')
    lines.append(f'<text x="4" y="24">{most / MEBIBYTE:.0f} MiB</text><text x="4" y="{height - 30}">0</text>')
    lines.append(f'<text x="{width - 230}" y="{height - 8}">{longest / 60:.0f} min</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="12">\n<rect width="100%" height="100%" fill="#ffffff"/>\n' + "\n".join(lines) + "\n</svg>\n"
    )


def main() -> int:
    """Soak, tell, write build/soak.json and build/soak.svg."""
    parser = argparse.ArgumentParser(description="steady work, and what it leaves")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--settle-minutes", type=float, default=5, help="left out of the verdict")
    parser.add_argument("--per-second", type=float, default=200, help="hand-ins on the topic; callers come on top")
    parser.add_argument("--output", type=Path, default=Path("build/soak.json"))
    arguments = parser.parse_args()
    services = [s for s in DEFAULT_SERVICES if s.deployment != "platform"]
    with (
        tempfile.TemporaryDirectory(prefix="onematter-soak-") as directory,
        start(Path(directory), detached=False, services=services, progress=print, ready_timeout_seconds=120) as stack,
    ):
        soak = Soak(stack, arguments.per_second)
        answers = soak.last(arguments.minutes * 60)
    settled = arguments.settle_minutes * 60
    verdicts = [judge(name, [s for s in of if s.seconds >= settled] or of) for name, of in soak.sampler.samples.items()]
    verdicts.append(judge_database([s for s in soak.stored if s.seconds >= settled] or soak.stored))
    for one in verdicts:
        print(
            f"{one.name:18} {one.growth_bytes / MEBIBYTE:+8.1f} MiB, {one.rate_mib_an_hour:+8.1f} MiB an hour, "
            f"open files {one.open_files:+.0f}, threads {one.threads:+.0f}: "
            + ("told only" if one.name in TOLD_ONLY else "good" if one.good else one.why)
        )
    troubles = {what: count for what, count in answers.items() if what.isupper()}
    result = {
        "minutes": arguments.minutes,
        "settle_minutes": arguments.settle_minutes,
        "matters": soak.handed_in + answers["handed in"],
        "answers": dict(answers),
        "good": all(one.good for one in verdicts),
        "verdicts": [asdict(one) for one in verdicts],
        "database": [asdict(one) for one in soak.stored],
        "machine": machine(),
    }
    print(f"{result['matters']} matters; at the doors {dict(answers)}; troubles {troubles or 'none'}")
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    arguments.output.with_suffix(".svg").write_text(chart(soak.sampler.samples))
    return 0 if result["good"] else 1


if __name__ == "__main__":
    sys.exit(main())
