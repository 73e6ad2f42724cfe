"""What the worker needs of a log (Kafka) and of a store (PostgreSQL); the simulation has both in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from onematter.backbone.records import DeadRecord, Record, Sending
from onematter.backbone.step import LaneRow, Letter, OperationRow, ParkedRow, Step, TimerRow


class Unavailable(Exception):
    """A dependency is away. The worker waits and takes its lanes anew."""


class Fenced(Exception):
    """Another process has taken one of the lanes."""


class BadData(Exception):
    """The database refused a row's content."""


class WrongCluster(Exception):
    """The offsets belong to another cluster, or a topic was made anew: going on would lose or repeat records."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which cluster and which topics the offsets belong to, and over how many partitions matters are keyed."""

    cluster_id: str
    topic_ids: Mapping[str, str]
    partitions: int = 0


class Log(Protocol):
    """The broker, as one member of the deployment's consumer group."""

    def identity(self) -> Identity:
        """Ids of the cluster and of the input topics."""
        ...

    def poll(self, max_records: int, timeout_seconds: float) -> list[Record | DeadRecord]:
        """Read; learns of rebalances. Empty while nothing is started."""
        ...

    def assigned(self) -> frozenset[int] | None:
        """The lanes of a new assignment that `start` has not answered yet; None when there is none."""
        ...

    def start(self, offsets: Mapping[int, Mapping[str, int]]) -> None:
        """Consume these lanes from these offsets; a topic that is not named from its beginning."""
        ...

    def stop(self) -> None:
        """Consume nothing, and stay in the group."""
        ...

    def send(self, sendings: Sequence[Sending]) -> None:
        """Send in order; returns before they are acknowledged."""
        ...

    def flush(self) -> None:
        """Wait until everything sent is acknowledged. Raises Unavailable when it was not; send the suffix again."""
        ...

    def own_events_end(self, lane: int) -> int:
        """The end of the deployment's own events topic on the lane's partition."""
        ...

    def own_events(self, lane: int, start: int, end: int) -> Iterable[Record]:
        """The own events between two offsets."""
        ...


class Store(Protocol):
    """The deployment's database. Every method raises Unavailable when it is away."""

    def take(self, lanes: Sequence[int], identity: Identity) -> list[LaneRow]:
        """Raise the epochs, in ascending order of the lanes, waiting for a commit in flight. Raises WrongCluster."""
        ...

    def unsent(self, lane: int) -> list[Sending]:
        """The records of the lane's outbox that are not known to be sent, in order."""
        ...

    def load(self, matter_ids: Sequence[str]) -> Mapping[str, tuple[bytes, bytes]]:
        """State and ledger of the aggregates that are there."""
        ...

    def begin(self, epochs: Mapping[int, int]) -> None:
        """Begin the step's transaction and lock its lanes in ascending order. Raises Fenced on another epoch."""
        ...

    def write(self, step: Step[Any, Any]) -> None:
        """Write aggregates, timers, parked records and the service's own rows. Raises BadData."""
        ...

    def write_lanes(self, step: Step[Any, Any], rows: Mapping[int, LaneRow]) -> None:
        """Write the step's lanes: its offsets, an outbox blob each at `next_position`, and the marks of `rows`."""
        ...

    def savepoint(self) -> AbstractContextManager[None]:
        """A part of the transaction that is undone on an exception."""
        ...

    def commit(self) -> None:
        """Commit the step."""
        ...

    def rollback(self) -> None:
        """Undo the step; never raises."""
        ...

    def is_due(self, lanes: Sequence[int], now_unix_ms: int) -> bool:
        """Whether one of the three that follow would find anything."""
        ...

    def due_timers(self, lanes: Sequence[int], now_unix_ms: int, limit: int) -> list[TimerRow]:
        """Timers that are due, earliest first."""
        ...

    def replays(self, lanes: Sequence[int], limit: int) -> list[ParkedRow]:
        """Parked records with an action, in their order."""
        ...

    def operations(self, lanes: Sequence[int], limit: int) -> list[OperationRow]:
        """What operators ask and is not carried out to its end, in the order in which it was asked."""
        ...

    def waiting(self, operation: OperationRow, limit: int) -> list[ParkedRow]:
        """The parked records of the stream that an operation is about, in their order, `limit` at most. Empty when its
        record is not parked."""
        ...

    def letter(self, operation: OperationRow) -> Letter | None:
        """What became of the record that an operation is about; None when it was never parked, or still is."""
        ...
