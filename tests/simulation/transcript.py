"""What happened in a schedule, in order, short enough to read.

A line has its number, the simulation's time in seconds, who, and what: faults and actions of the scheduler; of a
process what it read, took, committed and sent. A record is topic/partition, its matter's first eight digits and its
number in the stream; one from outside has its offset instead. Epochs are lane:epoch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.simulation.memory import MemoryLog, MemoryStore
from tests.simulation.processes import Process
from tests.simulation.scheduler import Simulation
from tests.simulation.traffic import Traffic
from tests.simulation.wire import Wire

from onematter.backbone.ports import Identity
from onematter.backbone.records import DeadRecord, Record, Sending
from onematter.backbone.step import LaneRow, Step

MATTER = 8
_NAMED = re.compile(r"\b[0-9a-f]{8}")


class Transcript:
    """The journal of one schedule."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.simulation: Simulation | None = None

    def told(self, what: str, process: Process | None = None) -> None:
        """Something happened around the processes, or to one."""
        self.write(process.name if process is not None else "·", what)

    def write(self, who: str, what: str) -> None:
        """One line."""
        now = (self.simulation.now_unix_ms - 1_800_000_000_000) / 1000 if self.simulation is not None else 0.0
        self.lines.append(f"{len(self.lines) + 1:5} {now:9.3f} {who:<14} {what}")

    def log_of(self, log: MemoryLog, name: str) -> MemoryLog:
        """A log that tells."""
        told = ToldLog(log.broker, log.deployment, log.weather)
        told.transcript, told.name = self, name
        return told

    def store_of(self, store: MemoryStore, name: str) -> MemoryStore:
        """A store that tells."""
        told = ToldStore(store.database, store.weather)
        told.transcript, told.name = self, name
        return told

    def about(self, problems: Sequence[str]) -> Iterator[str]:
        """The lines about the matters that the problems name; all lines when they name none."""
        named = {found for problem in problems for found in _NAMED.findall(problem)}
        return (line for line in self.lines if not named or any(matter in line for matter in named))


def _record(record: Record | DeadRecord) -> str:
    key = record.key[:MATTER] if isinstance(record, Record) else "?"
    number = f"#{record.sequence}" if isinstance(record, Record) and record.sequence else f"@{record.offset}"
    return f"{record.topic}/{record.partition} {key}{number}"


def _sending(sending: Sending) -> str:
    number = f"#{sending.sequence}" if sending.sequence else ""
    return f"{sending.topic}/{sending.partition} {sending.key.decode(errors='replace')[:MATTER]}{number}"


class ToldLog(MemoryLog):
    """Tells what it reads and sends."""

    transcript: Transcript
    name: str

    def poll(self, max_records: int, timeout_seconds: float) -> list[Record | DeadRecord]:
        """As the log does."""
        news = self.news
        records = super().poll(max_records, timeout_seconds)
        if news is not None and self.news is None:
            self.transcript.write(self.name, f"poll: assigned lanes {sorted(news)}")
        if records:
            self.transcript.write(self.name, f"poll: {', '.join(map(_record, records))}")
        return records

    def send(self, sendings: Sequence[Sending]) -> None:
        """As the log does."""
        if sendings:
            self.transcript.write(self.name, f"send: {', '.join(map(_sending, sendings))}")
        super().send(sendings)

    def deliver(self, count: int) -> None:
        """As the log does."""
        if count:
            self.transcript.write(self.name, f"arrived: {count} of {len(self.pending)}")
        super().deliver(count)


class ToldStore(MemoryStore):
    """Tells what it takes, writes and commits."""

    transcript: Transcript
    name: str

    def take(self, lanes: Sequence[int], identity: Identity) -> list[LaneRow]:
        """As the store does."""
        rows = super().take(lanes, identity)
        told = ", ".join(f"{row.lane}:{row.epoch} from {row.offsets} sent {row.sent_position}" for row in rows)
        self.transcript.write(self.name, f"take: {told}")
        return rows

    def begin(self, epochs: Mapping[int, int]) -> None:
        """As the store does."""
        told = ", ".join(f"{lane}:{epoch}" for lane, epoch in epochs.items())
        self.transcript.write(self.name, f"execute: epochs {told}")
        super().begin(epochs)

    def write(self, step: Step[Any, Any]) -> None:
        """As the store does."""
        super().write(step)
        parts = [f"matters {', '.join(key[:MATTER] for key in step.touched)}"] if step.touched else []
        parts += [f"parks {_record(row.record)} ({row.reason})" for row in step.parked]
        parts += [f"unparks {_record(record)}" for record in step.unparked]
        if parts:
            self.transcript.write(self.name, f"write: {'; '.join(parts)}")

    def commit(self) -> None:
        """As the store does."""
        super().commit()
        self.transcript.write(self.name, "commit")

    def rollback(self) -> None:
        """As the store does."""
        if self.transaction is not None:
            self.transcript.write(self.name, "rollback")
        super().rollback()


def _told_wire(wire: Wire, transcript: Transcript) -> None:
    """Hand-ins and copies are told where they reach the log."""
    append = wire.append

    def told(record: Any) -> None:
        found = dict(record.headers)
        if "ce_stream" not in found:
            key = (record.key or b"").decode(errors="replace")[:MATTER]
            told_id = found.get("ce_id", b"").decode(errors="replace")
            transcript.write("·", f"outside: {record.topic}/{record.partition} {key} {told_id}")
        append(record)

    wire.append = told  # type: ignore[method-assign]


def transcribe(seed: int, traffic: Traffic, actions: int | None = None) -> tuple[list[str], Transcript]:
    """Run a schedule and keep what happened: what is wrong, and the transcript, which is the same for the same seed."""
    transcript = Transcript()
    simulation = transcript.simulation = Simulation(seed, traffic, actions=actions, journal=transcript)
    _told_wire(simulation.broker, transcript)
    return outcome(simulation), transcript


def outcome(simulation: Simulation) -> list[str]:
    """What is wrong with a schedule; what a service raised is wrong, too."""
    try:
        return simulation.run()
    except Exception as error:
        return [f"raised {type(error).__name__}: {error}"]


def shortest(seed: int, traffic: Traffic) -> int:
    """A small number of actions with which the seed still fails, found by halving."""
    passes, fails = 0, traffic.actions
    while fails - passes > 1:
        middle = (passes + fails) // 2
        if outcome(Simulation(seed, traffic, actions=middle)):
            fails = middle
        else:
            passes = middle
    return fails
