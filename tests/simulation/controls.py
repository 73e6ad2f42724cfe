"""Negative controls: each takes one safeguard out. An auditor that then finds nothing proves nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from tests.simulation.database import Database
from tests.simulation.memory import MemoryStore
from tests.simulation.traffic import DENSE, DENSE_BUGS, DENSE_RESTORES, NORMAL, STORMY, Traffic

from onematter.backbone import ledger as books
from onematter.backbone.ledger import Verdict
from onematter.backbone.step import LaneRow, Step
from onematter.backbone.worker import Phase, Worker


class Patch(Protocol):
    """pytest.MonkeyPatch, as far as it is used here."""

    def setattr(self, target: Any, name: str, value: Any) -> None:
        """Replace an attribute."""
        ...


def without_dedupe(patch: Patch) -> None:
    """Every record of a stream is taken in."""
    patch.setattr(books, "judge", lambda stream, record: Verdict.NEXT)


def _other_verdict(patch: Patch, wrong: Verdict) -> None:
    judge = books.judge
    patch.setattr(
        books, "judge", lambda stream, record: Verdict.NEXT if judge(stream, record) is wrong else judge(stream, record)
    )


def without_gap_check(patch: Patch) -> None:
    """What comes too early is taken in."""
    _other_verdict(patch, Verdict.GAP)


def without_parking(patch: Patch) -> None:
    """What comes behind a parked record is taken in before it."""
    _other_verdict(patch, Verdict.BEHIND_PARKED)


def without_kept_outcomes(patch: Patch) -> None:
    """Nobody knows whether a request came before."""
    patch.setattr(books, "find_outcome", lambda *of: None)
    patch.setattr(books, "is_reused", lambda *of: False)


def without_republication(patch: Patch) -> None:
    """What stood unsent when a process died stays unsent."""
    patch.setattr(MemoryStore, "unsent", lambda self, lane: [])


def sent_mark_moves_early(patch: Patch) -> None:
    """A batch counts as sent in the transaction that writes it."""
    apply = Database.apply

    def applied(self: Database, transaction: Any) -> None:
        for (table, key), value in list(transaction.writes.items()):
            if table == "lanes":
                transaction.writes[table, key] = (value[0], value[1], value[1], value[3])
        apply(self, transaction)

    patch.setattr(Database, "apply", applied)


def take_does_not_wait(patch: Patch) -> None:
    """A lane is taken while a commit on it is in flight."""
    original = MemoryStore.take

    def take(self: MemoryStore, lanes: Any, identity: Any) -> list[LaneRow]:
        self.database.locks.clear()
        return original(self, lanes, identity)

    patch.setattr(MemoryStore, "take", take)


def without_epoch_check(patch: Patch) -> None:
    """A zombie may commit."""
    patch.setattr(MemoryStore, "stale", lambda self, epochs: [])


def _offsets_apart(patch: Patch, *, before: bool) -> None:
    """Offsets are written by a transaction of their own: at the write, or after the commit."""
    late: dict[int, tuple[Database, dict[int, dict[str, int]]]] = {}
    write_lanes, send = MemoryStore.write_lanes, Worker._send

    def write_now(database: Database, offsets: Mapping[int, Mapping[str, int]]) -> None:
        for lane, of in offsets.items():
            database.tables.lanes[lane].offsets |= of

    def write_without(self: MemoryStore, step: Step[Any, Any], rows: Mapping[int, LaneRow]) -> None:
        if before:
            write_now(self.database, step.offsets)
        late[id(self)] = (self.database, {lane: dict(of) for lane, of in step.offsets.items()})
        step.offsets = {lane: {} for lane in step.offsets}
        write_lanes(self, step, rows)

    def send_and_write(self: Worker[Any, Any, Any]) -> None:
        send(self)
        write_now(*late.pop(id(self.store)))

    patch.setattr(MemoryStore, "write_lanes", write_without)
    patch.setattr(Worker, "_send", send_and_write)


def offsets_before(patch: Patch) -> None:
    """Offsets are committed before what was done with the records."""
    _offsets_apart(patch, before=True)


def offsets_after(patch: Patch) -> None:
    """Offsets are committed after what was done with the records."""
    _offsets_apart(patch, before=False)


def without_fold(patch: Patch) -> None:
    """A restored service does not read what it published."""
    patch.setattr(Worker, "_fold_own_events", lambda self, row: True)


def sends_before_commit(patch: Patch) -> None:
    """The world learns what may never be committed."""

    def commit(self: Worker[Any, Any, Any]) -> None:
        assert self._step is not None
        for sendings in self._step.sendings.values():
            self.log.send(sendings)
        self.store.commit()
        for lane in self._step.sendings:
            self.lanes[lane].next_position += 1
            self.lanes[lane].sent_position = self.lanes[lane].next_position
        self._step = None
        self.phase = Phase.POLL

    patch.setattr(Worker, "_commit", commit)


CONTROLS: Mapping[str, tuple[Callable[[Patch], None], Traffic]] = {
    "dedupe": (without_dedupe, DENSE),
    "gap-check": (without_gap_check, DENSE),
    "parking": (without_parking, DENSE_BUGS),
    "kept-outcomes": (without_kept_outcomes, NORMAL),
    "republication": (without_republication, DENSE),
    "sent-mark": (sent_mark_moves_early, DENSE),
    "wait-for-commit": (take_does_not_wait, DENSE),
    "epoch": (without_epoch_check, DENSE),
    "offsets-before": (offsets_before, DENSE),
    "offsets-after": (offsets_after, DENSE_BUGS),
    "fold": (without_fold, DENSE_RESTORES),
    "commit-order": (sends_before_commit, STORMY),
}
