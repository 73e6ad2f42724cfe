"""What a pure core and the unit of work say to each other.

Rule 1: one cause has at most one event. The event is the whole fact of the step, so a published event tells that its
cause is dealt with, and a service restored from an older database can go on from what it published.
Rule 2: outgoing commands and timers are functions of (state, event); they can be derived again.
Rule 3: `absorb` keeps what a record teaches without an event. It is a function of (state, record); taught again after a
restore, the state is the same.
Rule 4: time and place come in with the Context; a core reads nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from google.protobuf.message import Message

from onematter.backbone.v1.ledger_pb2 import Ledger
from onematter.common.v1.outcome_pb2 import CommandRefused, Reason, Violation


class Context(NamedTuple):
    """The facts around one command.

    now_unix_ms: legal time, the broker's time of the causing record or the time when a timer was due.
    partition, offset: where the causing record stands; for a timer -1.
    ledger: what was taken in (the causing record included) and sent for this matter. Read only.
    """

    now_unix_ms: int
    partition: int
    offset: int
    ledger: Ledger


@dataclass(frozen=True, slots=True)
class TimerDue:
    """A timer of the aggregate came due, as a command."""

    name: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A command for another deployment: the topic, and the message with its ids set."""

    topic: str
    command: Message


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Set, or set anew, the aggregate's timer `name`; `due_unix_ms` None takes it away."""

    name: str
    due_unix_ms: int | None


@dataclass(frozen=True, slots=True)
class Effects:
    """What follows from an event."""

    commands: tuple[Outgoing, ...] = ()
    timers: tuple[SetTimer, ...] = ()


NO_EFFECTS = Effects()


class Undecodable(Exception):
    """The record is not what its topic carries. Its text is the dead letter's reason: no content of the record."""


class UnknownType(Exception):
    """The record decodes, but to a type this version doesn't know. Owners park it; observers pass over it."""


@dataclass(slots=True)
class Refusal:
    """Collects violations, so that all of them are told at once."""

    command: str
    violations: list[Violation] = field(default_factory=list[Violation])

    def add(self, field: str, reason: Reason, parameters: Mapping[str, str] | None = None) -> None:
        """Note that `field` breaks the rule that `reason` names."""
        self.violations.append(Violation(field=field, reason=reason, parameters=parameters or {}))

    def check_text(self, field: str, text: str, limit: int) -> None:
        """Note a text that is missing, longer than `limit` characters, or that a database cannot keep."""
        if not text.strip():
            self.add(field, Reason.REASON_FIELD_MISSING)
        elif len(text) > limit:
            self.add(field, Reason.REASON_FIELD_TOO_LONG, {"limit": str(limit)})
        elif "\0" in text:
            self.add(field, Reason.REASON_FIELD_MALFORMED, {"rule": "no NUL character"})

    def __bool__(self) -> bool:
        return bool(self.violations)

    def outcome(self) -> CommandRefused:
        """The refusal as a contract."""
        return CommandRefused(command=self.command, violations=self.violations)


def refuse(command: str, field: str, reason: Reason, parameters: Mapping[str, str] | None = None) -> CommandRefused:
    """A refusal with one violation."""
    refusal = Refusal(command)
    refusal.add(field, reason, parameters)
    return refusal.outcome()
