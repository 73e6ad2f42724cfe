"""Pledges that the conditions are met (告知承诺): decided on at once, verified afterwards (事中事后核查).

Rule 1: a pledge is verified once, by the department that granted on it. What was not kept revokes the grant as of that
moment and goes on the applicant's credit record (信用记录); the revocation names the articles on which it rests.
Rule 2: the general frame is 国办发〔2020〕42号; that a false pledge costs the grant is general knowledge of practice.
"""

from __future__ import annotations

from onematter.approval.checks import check_actor, check_text, event_by, task_for
from onematter.approval.desk import Desk, Evolver, Handler, Reactor, TimerHandler
from onematter.approval.entries import check_entries, without_repeats
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TasksState, TaskState, TaskStatus
from onematter.common.v1.outcome_pb2 import CommandRefused, Reason
from onematter.contracts.aggregate import Context, Refusal

MAX_FINDING_CHARACTERS = 4_000


def verify_pledge(
    _desk: Desk, state: TasksState, command: ApprovalCommand, context: Context
) -> ApprovalEvent | CommandRefused:
    """Tell whether what was pledged is so; if not, the grant is revoked."""
    refusal = Refusal("verify_pledge")
    asked = command.verify_pledge
    missing = Reason.REASON_FIELD_MISSING
    check_text(refusal, "verify_pledge.finding", asked.finding, MAX_FINDING_CHARACTERS, missing)
    check_entries(refusal, "verify_pledge.basis", asked.basis)
    if not asked.kept and not asked.basis:
        refusal.add("verify_pledge.basis", Reason.REASON_LEGAL_BASIS_MISSING)
    task = task_for(refusal, state, command)
    if task is None:
        return refusal.outcome()
    check_actor(refusal, task, command.actor, context.now_unix_ms)
    if not task.decided.pledged:
        refusal.add("item_id", Reason.REASON_PLEDGE_UNKNOWN)
    elif task.HasField("pledge_verified"):
        refusal.add("item_id", Reason.REASON_PLEDGE_VERIFIED)
    if refusal:
        return refusal.outcome()
    event = event_by(command.actor, task)
    verified = event.pledge_verified
    verified.kept = asked.kept
    verified.finding = asked.finding
    verified.basis.extend(without_repeats(asked.basis))
    verified.revoked = verified.credit_recorded = not asked.kept
    return event


def evolve_verified(task: TaskState, event: ApprovalEvent) -> None:
    """Keep what was found, and that the grant is revoked if it is."""
    task.pledge_verified.CopyFrom(event.pledge_verified)
    if event.pledge_verified.revoked:
        task.status = TaskStatus.TASK_STATUS_REVOKED


DECIDE: dict[str, Handler] = {"verify_pledge": verify_pledge}
FROM_INTAKE: dict[str, Handler] = {}
TIMERS: dict[str, TimerHandler] = {}
EVOLVE: dict[str, Evolver] = {"pledge_verified": evolve_verified}
REACT: dict[str, Reactor] = {}
