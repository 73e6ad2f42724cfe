"""Findings on a matter's items, and on what the exchange is asked for. Pure; the rules of `explaining` hold."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import Any

from onematter.approval.v1.approval_state_pb2 import TaskState, TaskStatus
from onematter.client.findings import Finding, Words, find, last_day, listed, short, when
from onematter.common.v1.period_pb2 import SuspensionReason
from onematter.exchange.v1.exchange_events_pb2 import DelayCause
from onematter.exchange.v1.exchange_state_pb2 import SharingRequest, SharingStatus
from onematter.intake.v1.intake_events_pb2 import ItemOutcome
from onematter.intake.v1.intake_service_pb2 import MatterView
from onematter.intake.v1.intake_state_pb2 import ItemState, ItemStatus

_ENDED_TASKS = (TaskStatus.TASK_STATUS_DECIDED, TaskStatus.TASK_STATUS_RECALLED)
_WAITING_SHARINGS = (SharingStatus.SHARING_STATUS_ASKED, SharingStatus.SHARING_STATUS_LATE)


def explain_item(
    view: MatterView, state: ItemState, task: TaskState | None, words: Words, away: Container[str]
) -> Iterator[Finding]:
    """What an item waits for, or how it ended. `task` None: the office does not know it, or is among `away`."""
    item_id, owner = state.item.item_id, state.item.owner
    if state.HasField("result"):
        values = {"outcome": short(ItemOutcome, state.result.outcome), "since": when(state.result.time)}
        yield find(words, "ITEM_ENDED", values, item_id=item_id)
    elif state.status == ItemStatus.ITEM_STATUS_WAITING:
        yield _depends(view, state, words)
    elif task is None:
        if owner not in away:
            command = f"onematter dead-letters list --service {owner}"
            yield find(words, "ITEM_NOT_ARRIVED", {"deployment": owner}, item_id=item_id, command=command)
    elif task.status in _ENDED_TASKS:
        values = {"deployment": owner, "since": when(task.decided_time)}
        command = f"onematter dead-letters list --service intake --matter {view.matter_id}"
        yield find(words, "ITEM_TOLD_BY_OFFICE", values, item_id=item_id, command=command)
    else:
        yield from _task(view, state, task, words)


def _depends(view: MatterView, state: ItemState, words: Words) -> Finding:
    granted = {
        one.item.item_id
        for one in view.items
        if one.HasField("result") and one.result.outcome == ItemOutcome.ITEM_OUTCOME_GRANTED
    }
    missing = [one for one in state.item.depends_on if one not in granted]
    values = {"names": listed([words.item(one) for one in missing], words)}
    return find(words, "ITEM_WAITS_FOR_ITEMS", values, item_id=state.item.item_id, facts={"waits_for": missing})


def _task(view: MatterView, state: ItemState, task: TaskState, words: Words) -> Iterator[Finding]:
    item, item_id, matter_id = state.item, state.item.item_id, view.matter_id
    department, division = task.department or item.department, task.division or item.division
    promised = task.deadlines.promised if task.deadlines.HasField("promised") else state.promised_deadline
    overdue = task.legal_overdue or task.promised_overdue
    facts: dict[str, Any] = {
        "deployment": item.owner, "level": int(item.level), "division": division, "department": department,
        "since": when(task.opened_time), "until": last_day(promised), "claimed_by": task.claimed_by.principal,
        "overdue": overdue,
    }  # fmt: skip
    values: dict[str, Any] = {
        "office": f"{words.level(item.level)} {division} {department}", "since": facts["since"],
        "until": facts["until"], "late": ("（已逾期）", " (overdue)")[words.column] if overdue else "",
    }  # fmt: skip

    def found(code: str, command: str, more: dict[str, Any], also: dict[str, Any]) -> Finding:
        command = f"onematter {command} {matter_id} {item_id}"
        return find(words, code, values | more, item_id=item_id, command=command, facts=facts | also)

    def asked(code: str, ids: Sequence[str], since: str = "") -> Finding:
        more = {"names": listed([words.material(one) for one in ids], words)} | ({"since": since} if since else {})
        command = f"onematter supply {matter_id} …"
        also = facts | {"materials": list(ids)}
        return find(words, code, values | more, item_id=item_id, command=command, facts=also)

    if task.HasField("special_procedure"):
        procedure = task.special_procedure
        more = {"kind": words.suspension(procedure.kind), "since": procedure.day}
        also = {"kind": short(SuspensionReason, procedure.kind), "since": procedure.day}
        yield found("ITEM_SUSPENDED_PROCEDURE", "resume", more, also)
        return
    missing = [one for round_ in task.corrections for one in round_.missing]
    if task.status == TaskStatus.TASK_STATUS_SUSPENDED and missing:
        yield asked("ITEM_AWAITS_CORRECTION", missing, when(task.corrections[-1].time))
        return
    pending = [one.department for one in task.opinions if not one.position]
    if pending:
        yield found("ITEM_AWAITS_OPINIONS", "opinion", {"names": listed(pending, words)}, {"departments": pending})
    if task.outstanding_materials:
        yield asked("ITEM_MATERIALS_OUTSTANDING", task.outstanding_materials)
    if task.HasField("claimed_by"):
        yield found("ITEM_CLAIMED", "decide", {"principal": task.claimed_by.principal}, {})
    else:
        yield found("ITEM_IN_INBOX", "claim", {}, {})


def is_called_again(request: SharingRequest) -> bool:
    """Whether a call was not answered and waits to be made again."""
    return request.status in _WAITING_SHARINGS and request.attempts > 0


def explain_sharing(matter_id: str, requests: Sequence[SharingRequest], words: Words) -> Iterator[Finding]:
    """What the exchange is asked for and has not brought."""
    for one in requests:
        if one.status not in _WAITING_SHARINGS:
            continue
        facts = {
            "material_id": one.material.material_id, "source": one.material.source, "attempts": one.attempts,
            "delay": short(DelayCause, one.delay) if one.delay else "", "until": when(one.give_up),
            "again": when(one.next_attempt), "applicant_asked": one.status == SharingStatus.SHARING_STATUS_LATE,
        }  # fmt: skip
        values = facts | {"name": words.material(one.material.material_id)}
        again = is_called_again(one)
        command = f"onematter matter retry {matter_id} --reason …" if again else ""
        yield find(words, "SHARING_DELAYED" if again else "SHARING_ASKED", values, command=command, facts=facts)
