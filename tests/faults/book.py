"""The book: what clients sent and what they were told, kept by the clients themselves.

Rule 1: a command is known by where it goes and its exact bytes; the same bytes sent again are the same command.
Rule 2: what the broker acknowledged must have an outcome; what gRPC answered must be what is kept; of what had no
answer nothing is known but that it may stand, once.
Rule 3: records that a fault forged are no client's: they are noted as foreign, with what must come of them.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from onematter.common.v1.outcome_pb2 import CommandRefused, Outcome

Place = tuple[str, int, int]


@dataclass
class Sent:
    """One command: its topic, its bytes, and all that was told of it."""

    topic: str
    matter_id: str
    principal: str
    request_id: str
    value: bytes
    acknowledged: list[Place] = field(default_factory=list[Place])
    accepted: list[Outcome] = field(default_factory=list[Outcome])
    refused: list[CommandRefused] = field(default_factory=list[CommandRefused])
    unknown: int = 0

    @property
    def promised(self) -> bool:
        """Whether anybody was told anything: then it must have an outcome."""
        return bool(self.acknowledged or self.accepted or self.refused)


class Book:
    """All commands of all clients, and what faults put into the topics. Threads may write at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.sent: dict[tuple[str, bytes], Sent] = {}
        self.foreign: set[Place] = set()
        self.dead_expected: set[Place] = set()
        self.parked_expected: set[Place] = set()
        # Topic and matter of streams in which events of a later contract may stand: their types are not known here.
        self.later: set[tuple[str, str]] = set()
        # By matter, the outcome that its clients brought about: the name of a MatterOutcome.
        self.ends: dict[str, str] = {}
        # Calls that failed with another code than a client may meet while parts are away: by code.
        self.troubles: dict[str, int] = {}

    def _of(self, topic: str, command: Command) -> Sent:
        value = command.value
        entry = self.sent.get((topic, value))
        if entry is None:
            entry = Sent(topic, command.matter_id, command.principal, command.request_id, value)
            self.sent[topic, value] = entry
        return entry

    def acknowledged(self, command: Command, topic: str, partition: int, offset: int) -> None:
        """The broker has the command's record, at this place."""
        with self._lock:
            self._of(topic, command).acknowledged.append((topic, partition, offset))

    def answered(self, command: Command, topic: str, outcome: Outcome) -> None:
        """A call was answered with the outcome of an accepted command."""
        with self._lock:
            self._of(topic, command).accepted.append(outcome)

    def refused(self, command: Command, topic: str, refused: CommandRefused) -> None:
        """A call ended with a refusal."""
        with self._lock:
            self._of(topic, command).refused.append(refused)

    def unknown(self, command: Command, topic: str) -> None:
        """A call or a write ended without an answer: the command may stand."""
        with self._lock:
            self._of(topic, command).unknown += 1

    def ends_as(self, matter_id: str, outcome: str) -> None:
        """The matter must end with this MatterOutcome (its name), since all that is needed for it was done."""
        with self._lock:
            self.ends[matter_id] = outcome

    def trouble(self, what: str) -> None:
        """A client met what it should not."""
        with self._lock:
            self.troubles[what] = self.troubles.get(what, 0) + 1

    def forged(self, topic: str, partition: int, offset: int) -> None:
        """A fault wrote this record; it is nobody's, and nothing need come of it."""
        with self._lock:
            self.foreign.add((topic, partition, offset))

    def dead(self, topic: str, partition: int, offset: int) -> None:
        """A fault wrote this record, and it must be a dead letter."""
        with self._lock:
            self.foreign.add((topic, partition, offset))
            self.dead_expected.add((topic, partition, offset))

    def parked(self, topic: str, partition: int, offset: int) -> None:
        """A fault wrote this record, and it must be a dead letter and park its stream."""
        with self._lock:
            self.foreign.add((topic, partition, offset))
            self.dead_expected.add((topic, partition, offset))
            self.parked_expected.add((topic, partition, offset))

    def matters(self) -> set[str]:
        """The matters that any command is about."""
        with self._lock:
            return {one.matter_id for one in self.sent.values()}

    def commands(self) -> list[Sent]:
        """All commands so far."""
        with self._lock:
            return list(self.sent.values())

    def save(self, file: Path) -> None:
        """Write it down beside a failed round, one JSON line a command."""
        with file.open("w") as out:
            for one in self.commands():
                line = {
                    "topic": one.topic, "matter_id": one.matter_id, "principal": one.principal,
                    "request_id": one.request_id, "value": one.value.hex(), "acknowledged": one.acknowledged,
                    "accepted": [told.SerializeToString().hex() for told in one.accepted],
                    "refused": [told.SerializeToString().hex() for told in one.refused],
                    "unknown": one.unknown,
                }  # fmt: skip
                out.write(json.dumps(line, ensure_ascii=False) + "\n")
            places: Iterable[tuple[str, set[Place]]] = (
                ("foreign", self.foreign), ("dead", self.dead_expected), ("parked", self.parked_expected),
            )  # fmt: skip
            for what, found in places:
                out.write(json.dumps({what: sorted(found)}) + "\n")


@dataclass(frozen=True)
class Command:
    """A command as a client sends it."""

    matter_id: str
    principal: str
    request_id: str
    value: bytes

    @classmethod
    def of(cls, message: Any) -> Command:
        """Take it from an IntakeCommand or ApprovalCommand."""
        value = message.SerializeToString(deterministic=True)
        return cls(message.matter_id, message.actor.principal, message.request_id, value)
