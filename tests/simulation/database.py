"""A database in memory: what is committed, who holds which lock, and transactions whose process is gone."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Any

from onematter.backbone.records import Record, Sending
from onematter.backbone.step import Letter
from onematter.backbone.v1.operations_service_pb2 import OperationKind, OperationOutcome, OperationStatus

Asked = tuple[int, OperationKind, str, int, str, str, OperationStatus, bytes]


@dataclass(slots=True)
class Lane:
    """A lane's row."""

    epoch: int = 0
    offsets: dict[str, int] = field(default_factory=dict)
    next_position: int = 0
    sent_position: int = 0
    own_offset: int = 0


@dataclass(slots=True)
class Tables:
    """What is committed, keyed by primary key. Values are immutable but for lanes."""

    lanes: dict[int, Lane] = field(default_factory=dict)
    aggregates: dict[str, tuple[int, bytes, bytes]] = field(default_factory=dict)
    outbox: dict[tuple[int, int], tuple[Sending, ...]] = field(default_factory=dict)
    timers: dict[tuple[str, str], tuple[int, int, int]] = field(default_factory=dict)
    parked: dict[tuple[str, int, int], tuple[Record, str, str]] = field(default_factory=dict)
    letters: dict[tuple[str, int, int], Letter] = field(default_factory=dict)
    # By number: lane, kind, topic, offset, matter_id, writer, status, outcome.
    operations: dict[int, Asked] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class Transaction:
    """Writes of one transaction: (table, key) to the new value, None for a deletion; of a lane, its columns."""

    locks: tuple[int, ...] = ()
    writes: dict[tuple[str, Any], Any] = field(default_factory=dict)
    aborted: bool = False
    may_commit: bool = False


def copied(tables: Tables) -> Tables:
    """The tables again. Rows but lanes are shared: nobody changes one."""
    found = copy.copy(tables)
    for table in fields(tables):
        setattr(found, table.name, dict(getattr(tables, table.name)))
    found.lanes = {lane: replace(row, offsets=dict(row.offsets)) for lane, row in tables.lanes.items()}
    return found


class Database:
    """One deployment's database."""

    def __init__(self) -> None:
        self.tables = Tables()
        self.locks: dict[int, Transaction] = {}
        self.orphans: list[Transaction] = []
        self.away = False
        self.refuses: Callable[[str], bool] = lambda matter_id: False

    def snapshot(self) -> Tables:
        """A backup of what is committed."""
        return copied(self.tables)

    def restore(self, backup: Tables) -> None:
        """Go back to a backup; whatever was open is lost. The processes must be gone."""
        self.tables = copied(backup)
        self.locks.clear()
        self.orphans.clear()

    def has_to_wait(self, lanes: Iterable[int]) -> bool:
        """Whether one of the lanes is locked."""
        return any(lane in self.locks for lane in lanes)

    def visible(self, transaction: Transaction | None, table: str) -> dict[Any, Any]:
        """A table as a transaction sees it."""
        rows = dict(getattr(self.tables, table))
        if transaction is not None:
            for (name, key), value in transaction.writes.items():
                if name == table:
                    rows[key] = value
                    if value is None:
                        del rows[key]
        return rows

    def apply(self, transaction: Transaction) -> None:
        """Commit."""
        assert not transaction.aborted, "a commit after an error would be a rollback"
        for (table, key), value in transaction.writes.items():
            if table == "lanes":
                row = self.tables.lanes[key]
                row.offsets = row.offsets | value[0]
                row.next_position, row.sent_position, row.own_offset = value[1:]
            elif value is None:
                getattr(self.tables, table).pop(key, None)
            else:
                getattr(self.tables, table)[key] = value
        self.release(transaction)

    def release(self, transaction: Transaction) -> None:
        """Give the locks back."""
        for lane in transaction.locks:
            if self.locks.get(lane) is transaction:
                del self.locks[lane]

    def settle(self, transaction: Transaction, commit: bool) -> None:
        """End the transaction of a process that is gone."""
        self.orphans.remove(transaction)
        if commit and transaction.may_commit:
            self.apply(transaction)
        else:
            self.release(transaction)

    def ask(self, action: str, wanted: Callable[[Record], bool] = lambda record: True) -> None:
        """What an operator does: mark parked records for replay or drop."""
        for key, (record, reason, _) in list(self.tables.parked.items()):
            if wanted(record):
                self.tables.parked[key] = (record, reason, action)

    def operate(self, kind: OperationKind, place: tuple[str, int, int] = ("", 0, -1), matter_id: str = "") -> int:
        """What an operator asks of the record at (topic, lane, offset), or of a matter of the lane; its number."""
        number = len(self.tables.operations) + 1
        topic, lane, offset = place
        pending = OperationStatus.OPERATION_STATUS_PENDING
        self.tables.operations[number] = (lane, kind, topic, offset, matter_id, "", pending, b"")
        return number

    def answer(self, number: int) -> tuple[OperationStatus, OperationOutcome]:
        """What came of an operation."""
        *_, status, outcome = self.tables.operations[number]
        return status, OperationOutcome.FromString(outcome)
