"""`python -m tests.faults.backlog --records N`: a backlog is worked off in bounded memory, however long it is.

    hand-ins   N hand-ins stand on the topic before intake starts; intake alone works them off, and so leaves N records
               on each internal topic before the others start: every service meets a backlog of its own.
    commands   N commands of nobody's matters stand on intake's commands: each is refused, told and kept.

Measured of each process while it works its backlog off: memory against records, from when its cache is full. Exit 1
when a process grew by more than ALLOWED_BYTES and ALLOWED_BYTES_A_RECORD.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tests.benchmark.handins import HandIns, template
from tests.faults.sampling import MEBIBYTE, Sample, Sampler
from tests.tail import poll

from onematter.common.v1.actor_pb2 import ActorRole
from onematter.contracts.headers import outside
from onematter.contracts.keys import partition_of
from onematter.contracts.topics import INTAKE_COMMANDS, MATTER_EVENTS, table
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.local.services import DEFAULT_SERVICES
from onematter.local.stack import Stack, start

CACHED_AGGREGATES = 2000
SAMPLE_SECONDS = 0.5
READY_SECONDS = 120.0
PROGRESS_SECONDS = 5.0
# What may come beside the backlog: allocators keep what one heavy step took, and samples are few.
ALLOWED_BYTES = 24 * MEBIBYTE
ALLOWED_BYTES_A_RECORD = 64
# The share of a backlog that a process may fill its caches with.
WARM_SHARE = 0.4
LATER = ("approval-province", "approval-city", "approval-county", "notification", "archive")


@dataclass(frozen=True)
class Grown:
    """A process over its backlog: records, memory when warm and at most after that, in bytes."""

    name: str
    records: int
    seconds: float
    warm_bytes: int
    most_bytes: int

    @property
    def grown_bytes(self) -> int:
        """By how much it grew."""
        return self.most_bytes - self.warm_bytes

    @property
    def allowed_bytes(self) -> int:
        """By how much it may."""
        return ALLOWED_BYTES + ALLOWED_BYTES_A_RECORD * int(self.records * (1 - WARM_SHARE))

    @property
    def flat(self) -> bool:
        """The verdict."""
        return self.grown_bytes <= self.allowed_bytes


def judge(name: str, samples: Sequence[Sample], records: int) -> Grown:
    """What the samples of one process say, which tell how many of its `records` were done."""
    warm = [s.rss_bytes for s in samples if s.done <= WARM_SHARE * records] or [samples[0].rss_bytes]
    after = [s.rss_bytes for s in samples if s.done > WARM_SHARE * records] or [samples[-1].rss_bytes]
    return Grown(name, records, samples[-1].seconds - samples[0].seconds, max(warm), max(after))


class Backlog:
    """One stack, and what stands before its services. `say` is given a line of progress now and then."""

    def __init__(self, stack: Stack, say: Callable[[str], None]) -> None:
        self.stack, self._say = stack, say
        self.handins = HandIns(stack.addresses.kafka_bootstrap_servers, table().partitions)
        self.specs = {name: process.spec for name, process in stack.supervisor.processes.items()}

    def run(self, names: Sequence[str]) -> None:
        """Start these services."""
        for name in names:
            self.stack.launch(self.specs[name], READY_SECONDS)

    def stop(self, names: Sequence[str]) -> None:
        """Stop these services, and leave them out."""
        for name in names:
            self.stack.kill(name)
            self.stack.supervisor.processes.pop(name)

    def count(self, topic: str) -> int:
        """How many records stand on a topic."""
        return sum(self.handins.ends(topic).values())

    def work_off(self, names: Sequence[str], done: Callable[[], float], records: int, seconds: float) -> list[Grown]:
        """Start services and wait until `done` says `records`; what each of them grew by."""
        sampler = Sampler(self.stack, SAMPLE_SECONDS, done)
        who, began, told = ", ".join(names), time.monotonic(), 0.0

        def worked_off() -> bool:
            nonlocal told
            time.sleep(0.2)
            so_far, seconds = done(), time.monotonic() - began
            if seconds - told >= PROGRESS_SECONDS:
                told = seconds
                self._say(f"{seconds:5.0f} s: {so_far:.0f} of {records} records, by {who}")
            return so_far >= records

        self._say(f"{records} records stand before {who}")
        self.run(names)
        sampler.start()
        try:
            poll(worked_off, f"{records} records by {who}", seconds)
        finally:
            sampler.stop()
        return [judge(name, sampler.samples[name], records) for name in names]


def hand_ins(backlog: Backlog, records: int, seconds: float) -> list[Grown]:
    """Intake over hand-ins, then the others over what intake left."""
    command = template()
    for number in range(records):
        backlog.handins.send(command, f"backlog-{number}")
        if number % 500 == 0:
            backlog.handins.poll()
    backlog.handins.flush()
    accepted = backlog.count(MATTER_EVENTS)
    found = backlog.work_off(["intake"], lambda: backlog.count(MATTER_EVENTS) - accepted, records, seconds)
    seals = table().events_topic("archive")
    sealed = backlog.count(seals)
    found += backlog.work_off(LATER, lambda: backlog.count(seals) - sealed, records, seconds)
    return found


def commands(backlog: Backlog, records: int, seconds: float) -> list[Grown]:
    """Intake over commands that are refused one by one."""
    command = IntakeCommand()
    command.actor.principal, command.actor.role = "backlog", ActorRole.ACTOR_ROLE_CLERK
    command.withdraw_matter.reason = "不办了"
    producer: Any = vars(backlog.handins)["_producer"]
    headers = outside(id="x", source="/backlog", type="onematter.tests", time_unix_ms=int(time.time() * 1000))
    for number in range(records):
        matter_id = hashlib.sha256(b"%d" % number).hexdigest()[:32]
        command.request_id, command.matter_id = f"r{number}", matter_id
        key = matter_id.encode()
        while True:
            try:
                producer.produce(
                    INTAKE_COMMANDS,
                    command.SerializeToString(),
                    key,
                    partition_of(key, table().partitions),
                    headers=headers,
                )
                break
            except BufferError:
                producer.poll(0.1)
    backlog.handins.flush()
    told = backlog.count(MATTER_EVENTS)
    return backlog.work_off(["intake"], lambda: backlog.count(MATTER_EVENTS) - told, records, seconds)


KINDS = {"hand-ins": hand_ins, "commands": commands}


def measure(
    directory: Path,
    kind: str,
    records: int,
    seconds: float,
    environment: dict[str, str],
    say: Callable[[str], None] = lambda _: None,
) -> list[Grown]:
    """Bring a stack up in `directory`, let a backlog stand before its services, and have it worked off."""
    own = {"ONEMATTER_CACHED_AGGREGATES": str(CACHED_AGGREGATES), **environment}
    services = [
        replace(spec, environment={**spec.environment, **own})
        for spec in DEFAULT_SERVICES
        if spec.deployment in ("intake", *LATER)
    ]
    with start(directory, detached=False, services=services, ready_timeout_seconds=READY_SECONDS) as stack:
        backlog = Backlog(stack, say)
        backlog.stop(["intake", *LATER])
        try:
            return KINDS[kind](backlog, records, seconds)
        finally:
            backlog.handins.close()


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    """Measure, print a line a process, write build/backlog.json."""
    parser = argparse.ArgumentParser(description="a backlog is worked off in bounded memory")
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--kind", choices=sorted(KINDS), default="hand-ins")
    parser.add_argument("--seconds", type=float, default=520, help="at most, of each part")
    parser.add_argument("--output", type=Path, default=Path("build/backlog.json"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="onematter-backlog-") as directory:
        found = measure(Path(directory), arguments.kind, arguments.records, arguments.seconds, {}, _say)
    for one in found:
        print(
            f"{one.name:18} {one.records:8} records in {one.seconds:6.1f} s: {one.warm_bytes / MEBIBYTE:6.1f} MiB, "
            f"{one.grown_bytes / MEBIBYTE:+6.1f} (allowed {one.allowed_bytes / MEBIBYTE:.1f}) "
            f"{'flat' if one.flat else 'GROWS'}"
        )
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    document = {"kind": arguments.kind, "processes": [{**asdict(one), "flat": one.flat} for one in found]}
    arguments.output.write_text(json.dumps(document, indent=2) + "\n")
    return 0 if all(one.flat for one in found) else 1


__all__ = ["Grown", "judge", "measure"]

if __name__ == "__main__":
    sys.exit(main())
