"""What a service plugs into the unit of work: its aggregate. The types a core needs stand in contracts.aggregate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, LiteralString, NamedTuple, Protocol, TypeVar

from google.protobuf.message import Message

from onematter.backbone.records import Record
from onematter.common.v1.outcome_pb2 import CommandRefused, StreamPosition
from onematter.contracts.aggregate import Context, Effects, TimerDue

S = TypeVar("S", bound=Message)
E = TypeVar("E", bound=Message)
C = TypeVar("C")


class Transaction(Protocol):
    """The step's one transaction; `search_path` is the deployment's schema."""

    def execute(self, sql: LiteralString, params: Sequence[object] = ()) -> None:
        """Run one statement."""
        ...

    def executemany(self, sql: LiteralString, rows: Sequence[Sequence[object]]) -> None:
        """Run one statement for each row."""
        ...


@dataclass(slots=True)
class Change(Generic[S, E]):
    """One dealt-with record (or timer: record None): the state after it, and its event if it had one.

    traceparent: what the event carries; "" without tracing.
    """

    matter_id: str
    lane: int
    state: S
    event: E | None
    record: Record | None
    traceparent: str = ""


class Statement(NamedTuple):
    """A statement for the step's transaction."""

    sql: LiteralString
    params: Sequence[object]


class Again(NamedTuple):
    """What of a matter waits to be tried again: what it is (ids), its timers, and what makes the rest due at once."""

    what: Sequence[str]
    timers: Sequence[str] = ()
    statements: Sequence[Statement] = ()


def _key_of(command: Any) -> str:
    return command.matter_id


@dataclass(frozen=True)
class Aggregate(Generic[S, C, E]):
    """How a service turns records into events.

    command_from: which record leads to which command; None: not for us. Raises Undecodable or UnknownType.
    key_of: the matter that a command from outside is about; a record under another key is forwarded to this one.
    decide: the event, a refusal, or None when nothing changes. evolve: the fold; never changes its argument.
    react: what follows from an event, given the state after it. absorb: what a record teaches without a decision; the
    unit of work owns the state it passes and drops it on failure, so this one may change it in place.
    project: rows beside the state, in the same transaction. observer: passes over unknown types.
    before_commit: called once when a step is whole and before its transaction commits: what an effect outside the
    database needs to be safe. Raises Unavailable to give the step up; the lanes' locks are held while it waits.
    answer_to: the place of the record that a command heard from another deployment answers; None for what answers none.
    again: what of a matter, by its state and id, only waits to be tried again, so that an operator may hasten it; never
    a time that the law gives.
    """

    state_type: type[S]
    event_type: type[E]
    command_from: Callable[[Record], C | None]
    decide: Callable[[S, C, Context], E | CommandRefused | None]
    evolve: Callable[[S, E], S]
    react: Callable[[S, E], Effects]
    absorb: Callable[[S, C, Context], S] | None = None
    project: Callable[[Transaction, Sequence[Change[S, E]]], None] | None = None
    timer_command: Callable[[str], C] = field(default=TimerDue)  # type: ignore[assignment]
    key_of: Callable[[C], str] = _key_of
    observer: bool = False
    before_commit: Callable[[], None] | None = None
    again: Callable[[S, str], Again] | None = None
    answer_to: Callable[[C], StreamPosition | None] | None = None
