"""Carries out what operators ask of a lane, inside the step of the lane's owner.

Rule 1: a stream is replayed in its order, each record under a savepoint; the first that fails stops it there.
Rule 2: the outcome is written in the transaction of what it tells, and says of each record what became of it.
Rule 3: an operation that is larger than a step goes on in the next one from what is still parked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Generic

from onematter.backbone import ledger as books
from onematter.backbone.ports import Fenced, Store, Unavailable
from onematter.backbone.service import Again, C, E, S
from onematter.backbone.step import Held, Letter, LetterStatus, OperationRow, ParkedRow, Step, TimerRow, reason_of
from onematter.backbone.unit import UnitOfWork
from onematter.backbone.v1.operations_service_pb2 import OperationKind, OperationOutcome, OperationStatus
from onematter.common.v1.outcome_pb2 import Reason
from onematter.contracts.aggregate import refuse

# Each record of an operation is a savepoint, and the lanes' locks are held meanwhile.
OPERATIONS_A_STEP = 5
RECORDS_AN_OPERATION = 200
PENDING = OperationStatus.OPERATION_STATUS_PENDING
DONE = OperationStatus.OPERATION_STATUS_DONE
STOPPED = OperationStatus.OPERATION_STATUS_STOPPED
REFUSED = OperationStatus.OPERATION_STATUS_REFUSED
_DROP = OperationKind.OPERATION_KIND_DROP
_RETRY = OperationKind.OPERATION_KIND_RETRY
# How a refusal names what was asked.
NAMES = {
    OperationKind.OPERATION_KIND_REPLAY: "replay_dead_letter",
    _DROP: "drop_dead_letter",
    _RETRY: "retry_matter",
    OperationKind.OPERATION_KIND_READ: "get_dead_letter",
}


class Operating(Generic[S, C, E]):
    """Carries out operations for one worker.

    held: the aggregates of (matter_id, lane), as the transaction sees them. forget: drops what is held in memory, after
    a failure may have changed it.
    """

    def __init__(
        self,
        unit: UnitOfWork[S, C, E],
        store: Store,
        held: Callable[[Sequence[tuple[str, int]]], Mapping[str, Held[S]]],
        forget: Callable[[], None],
        max_records: int,
    ) -> None:
        self._unit, self._store, self._held, self._forget = unit, store, held, forget
        self._max_records = min(max_records, RECORDS_AN_OPERATION)

    def carry_out(self, whole: Step[S, E], operations: Sequence[OperationRow], now_unix_ms: int) -> bool:
        """Do what fits into this step, write what came of it, and add to `whole` what is left for its end.

        True when something is left for the next step.
        """
        for operation in operations:
            self._carry_out(whole, operation, now_unix_ms)
        return any(operation.status == PENDING for operation in operations)

    def _carry_out(self, whole: Step[S, E], operation: OperationRow, now_unix_ms: int) -> None:
        if operation.kind == _RETRY:
            self._retry(whole, operation, now_unix_ms)
        else:
            self._go_on(whole, operation)
        self._store.write(Step(operations=[operation]))

    def _go_on(self, whole: Step[S, E], operation: OperationRow) -> None:
        rows = self._store.waiting(operation, self._max_records + 1)
        if not operation.matter_id and not self._begins(operation, rows):
            return
        outcome = operation.outcome
        for row in rows[: self._max_records]:
            named = row.record.offset == operation.offset and row.record.topic == operation.topic
            row.action = "drop" if named and operation.kind == _DROP else "replay"
            became, why = self._try(whole, row, operation.number)
            _count(outcome, became)
            if became is LetterStatus.PARKED:
                self._stop(operation, row, why)
                return
        operation.status = PENDING if len(rows) > self._max_records else DONE

    def _begins(self, operation: OperationRow, rows: Sequence[ParkedRow]) -> bool:
        """Whether the record is what the operation may begin with; if not, it is answered."""
        if not rows:
            letter = self._store.letter(operation)
            if letter is not None and letter.status is LetterStatus.SET_ASIDE and operation.kind == _DROP:
                letter.status, letter.operation = LetterStatus.DROPPED, operation.number
                self._store.write(Step(letters=[letter]))
                operation.outcome.dropped = True
                operation.status = DONE
                return False
            self._refuse(operation, "record", Reason.REASON_RECORD_NOT_WAITING, _became(letter))
            return False
        first = rows[0].record
        if (first.topic, first.offset) != (operation.topic, operation.offset):
            place = f"{first.topic}/{first.partition}/{first.offset}"
            self._refuse(operation, "record", Reason.REASON_RECORD_NOT_FIRST, {"first": place})
            return False
        operation.matter_id, operation.writer = first.key, first.writer
        return True

    def _try(self, whole: Step[S, E], row: ParkedRow, number: int) -> tuple[LetterStatus, str]:
        """What became of a parked record; of one that goes on waiting, why."""
        step: Step[S, E] = Step()
        record = row.record
        try:
            held = self._held([(record.key, record.partition)])[record.key]
            with self._store.savepoint():
                became = self._unit.replay(step, held, row)
                for letter in step.letters:
                    letter.operation = number
                self._store.write(step)
        except (Unavailable, Fenced):
            raise
        except Exception as error:
            # Whatever it is, it is this record's: those before it stay taken in, and those behind it wait.
            self._forget()
            return LetterStatus.PARKED, reason_of(error)
        whole.merge(step)
        if became is not LetterStatus.PARKED:
            return became, ""
        following = held.stream(record.writer, record.topic).last_sequence + 1
        return became, f"gap: sequence {following} is missing" if record.sequence > following else row.reason

    def _stop(self, operation: OperationRow, row: ParkedRow, why: str) -> None:
        record, outcome = row.record, operation.outcome
        outcome.stopped_at.topic = record.topic
        outcome.stopped_at.partition, outcome.stopped_at.offset = record.partition, record.offset
        outcome.stopped_reason = why
        held = self._held([(record.key, record.partition)])[record.key]
        outcome.still_parked = held.stream(record.writer, record.topic).parked
        operation.status = STOPPED
        row.reason, row.action = why, ""
        self._store.write(Step(parked=[row]))

    def _retry(self, whole: Step[S, E], operation: OperationRow, now_unix_ms: int) -> None:
        matter_id = operation.matter_id
        step: Step[S, E] = Step()
        try:
            held = self._held([(matter_id, operation.lane)])[matter_id]
            again = self._unit.aggregate.again
            wanted = again(held.state, matter_id) if again is not None else Again(())
            for name in wanted.timers:
                hasten(step, held, matter_id, name, now_unix_ms)
            step.statements += wanted.statements
            with self._store.savepoint():
                self._store.write(step)
        except (Unavailable, Fenced):
            raise
        except Exception as error:
            self._forget()
            operation.outcome.stopped_reason = reason_of(error)
            operation.status = STOPPED
            return
        if not wanted.what:
            self._refuse(operation, "matter_id", Reason.REASON_NOTHING_TO_RETRY, {})
            return
        whole.merge(step)
        operation.outcome.tried_again.extend(wanted.what)
        operation.status = DONE

    def _refuse(self, operation: OperationRow, field: str, reason: Reason, parameters: Mapping[str, str]) -> None:
        operation.outcome.refused.CopyFrom(refuse(NAMES[operation.kind], field, reason, parameters))
        operation.status = REFUSED


def hasten(step: Step[S, E], held: Held[S], matter_id: str, name: str, now_unix_ms: int) -> None:
    """Make a timer that is set due now; one that is due already, or not set, stays as it is."""
    entry = books.timer(held.ledger, name)
    if entry.due_unix_ms > now_unix_ms:
        entry.due_unix_ms = now_unix_ms
        step.touched[matter_id] = held
        step.timers[matter_id, name] = TimerRow(held.lane, matter_id, name, entry.version, now_unix_ms)


def _count(outcome: OperationOutcome, became: LetterStatus) -> None:
    match became:
        case LetterStatus.REPLAYED:
            outcome.replayed += 1
        case LetterStatus.DUPLICATE:
            outcome.duplicates += 1
        case LetterStatus.SET_ASIDE:
            outcome.set_aside += 1
        case LetterStatus.FORWARDED:
            outcome.forwarded += 1
        case LetterStatus.DROPPED:
            outcome.dropped = True
        case LetterStatus.PARKED:
            pass


def _became(letter: Letter | None) -> dict[str, str]:
    """What a refusal tells of a record that does not wait."""
    if letter is None:
        return {}
    told = {"became": letter.status.name.lower()}
    return told | {"operation": str(letter.operation)} if letter.operation else told
