"""Accountable time from a case file: its records, read as hand-overs of `onematter.law.accounting`. Pure.

Rule 1: nothing is known here but the records' bytes; whoever holds the case file finds the same account.
Rule 2: an item is its office's from opening to its end. A correction makes it the applicant's, a special procedure
(特别程序) its own, each until it has ended; a department that is only asked for its opinion has nothing in hand.
Rule 3: with no item open the matter is the window's (综合窗口) that received it, or the applicant's whom it asked.
Rule 4: what comes after the one result (delivery, verification of a pledge) is no part of the account.
Rule 5: a record that is not known here, or cannot be read, hands nothing over.
"""

# pyright: strict

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias, cast

from google.protobuf.message import DecodeError

from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.archive.v1.archive_service_pb2 import AccountableTime, ArchivedRecord
from onematter.common.v1.period_pb2 import Deadlines, SuspensionReason
from onematter.contracts.times import unix_ms
from onematter.contracts.topics import MATTER_EVENTS, TopicTable
from onematter.intake.v1.intake_events_pb2 import Item, MatterEvent
from onematter.law import accounting as law
from onematter.law.accounting import APPLICANT, Applicant, Handover, Office, Owner, SpecialProcedure
from onematter.law.calendar import WorkingCalendar
from onematter.law.divisions import Level, level_of

WINDOW_DEPARTMENT = "government_services"
_PREFIX = "SUSPENSION_REASON_"

_Event: TypeAlias = "MatterEvent | ApprovalEvent"


@dataclass(slots=True)
class _Task:
    """An item in hand: whose it is, and who has it now."""

    office: Office
    owner: Owner


@dataclass(slots=True)
class _Reader:
    """Reads events in their order; `ended_unix_ms` is that of the one result."""

    handovers: list[Handover] = field(default_factory=list[Handover])
    tasks: dict[str, _Task] = field(default_factory=dict[str, _Task])
    window: Office | None = None
    ended_unix_ms: int | None = None

    def matter(self, event: MatterEvent) -> None:
        at = unix_ms(event.time)
        match event.WhichOneof("event"):
            case "matter_received":
                received = event.matter_received
                self._to_window(at, received.receiving_division or received.division)
            case "matter_accepted":
                accepted = event.matter_accepted
                self._to_window(at, accepted.receiving_division or accepted.division)
            case "correction_asked" if not event.correction_asked.item_id:
                self.handovers.append(Handover(at, "", APPLICANT))
            case "materials_supplied" if event.materials_supplied.HasField("acceptance_deadline"):
                assert self.window is not None, "materials before the hand-in"
                self.handovers.append(Handover(at, "", self.window))
            case "matter_completed" | "acceptance_refused":
                self.ended_unix_ms = at
            case _:
                pass

    def _to_window(self, at: int, division: str) -> None:
        self.window = Office(_level(division), division, WINDOW_DEPARTMENT)
        self.handovers.append(Handover(at, "", self.window))

    def approval(self, event: ApprovalEvent) -> None:
        at, item_id = unix_ms(event.time), event.item_id
        kind = event.WhichOneof("event")
        if kind == "task_opened":
            opened = event.task_opened
            office = _office(opened.item)
            self.tasks[item_id] = _Task(office, office)
            self.handovers.append(Handover(at, item_id, office, unix_ms(opened.legal_deadline) or None))
            return
        task = self.tasks.get(item_id)
        if task is None:
            return
        match kind:
            case "task_decided" | "task_recalled":
                del self.tasks[item_id]
                self.handovers.append(Handover(at, item_id, None))
            case "task_transferred":
                moved = event.task_transferred
                division = moved.division or task.office.division
                before, task.office = task.office, Office(task.office.level, division, moved.department)
                self._to(task, task.office if task.owner == before else task.owner, at, item_id)
            case "correction_requested":
                self._to(task, APPLICANT, at, item_id)
            case "special_procedure_begun":
                self._to(task, _special(event.special_procedure_begun.kind), at, item_id)
            case "task_supplied" if event.task_supplied.resumed_day:
                self._to(task, task.office, at, item_id, event.task_supplied.deadlines)
            case "special_procedure_ended":
                self._to(task, task.office, at, item_id, event.special_procedure_ended.deadlines)
            case "task_extended":
                self._to(task, task.owner, at, item_id, event.task_extended.deadlines)
            case "deadlines_recomputed":
                self._to(task, task.owner, at, item_id, event.deadlines_recomputed.deadlines)
            case _:
                pass

    def _to(self, task: _Task, owner: Owner, at: int, item_id: str, deadlines: Deadlines | None = None) -> None:
        task.owner = owner
        legal = unix_ms(deadlines.legal) if deadlines is not None else 0
        self.handovers.append(Handover(at, item_id, owner, legal or None))


def account(
    records: Iterable[ArchivedRecord], table: TopicTable, calendar: WorkingCalendar, now_unix_ms: int
) -> law.Account | None:
    """Return whose time a matter's was, up to its result, or to `now_unix_ms` while it has none.

    None while the hand-in is not among the records, as while the archive is behind. Raises CalendarMissing when the
    time leaves the loaded years.
    """
    handovers, ended = handovers_of(records, table)
    if not handovers or handovers[0].item_id:
        return None
    until = ended if ended is not None else max(now_unix_ms, handovers[-1].at_unix_ms)
    return law.account([one for one in handovers if one.at_unix_ms <= until], until, calendar)


def handovers_of(records: Iterable[ArchivedRecord], table: TopicTable) -> tuple[list[Handover], int | None]:
    """Return the hand-overs that records tell, in the order of their instants, and when the result was there."""
    approvals = {t.name for t in table.topics.values() if t.kind == "events" and _is_approval(table, t.owner)}
    found: list[tuple[int, bool, str, int, _Event]] = []
    for record in records:
        topic, sequence = record.position.topic, record.position.sequence
        with suppress(DecodeError):
            if topic == MATTER_EVENTS:
                told = MatterEvent.FromString(record.value)
                found.append((unix_ms(told.time), False, topic, sequence, told))
            elif topic in approvals:
                done = ApprovalEvent.FromString(record.value)
                found.append((unix_ms(done.time), True, topic, sequence, done))
    reader = _Reader()
    # Of one instant the matter's own events come first, then each stream in its order.
    for *_, event in sorted(found, key=lambda one: one[:4]):
        if isinstance(event, MatterEvent):
            reader.matter(event)
        else:
            reader.approval(event)
    return reader.handovers, reader.ended_unix_ms


def messages_of(account: law.Account | None) -> list[AccountableTime]:
    """Return the account by owner, as the contract tells it; nothing without an account."""
    return [] if account is None else [_message(owner, minutes) for owner, minutes in account.by_owner().items()]


def _message(owner: Owner, minutes: int) -> AccountableTime:
    told = AccountableTime(minutes=minutes)
    match owner:
        case Office(level, division, department):
            told.office.level = level.value  # type: ignore[assignment]
            told.office.division = division
            told.office.department = department
        case Applicant():
            told.applicant = True
        case SpecialProcedure(kind):
            told.special_procedure = SuspensionReason.Value(f"{_PREFIX}{kind.upper()}")  # type: ignore[assignment]
    return told


def _office(item: Item) -> Office:
    return Office(Level(item.level), item.division, item.department)


def _special(kind: SuspensionReason) -> SpecialProcedure:
    name = SuspensionReason.Name(kind).removeprefix(_PREFIX).lower()
    return SpecialProcedure(cast("law.SuspensionReason", name))


def _level(division: str) -> Level:
    try:
        return level_of(division)
    except ValueError:
        return Level.NATIONAL


def _is_approval(table: TopicTable, deployment: str) -> bool:
    return table.deployments[deployment].service == "approval"
