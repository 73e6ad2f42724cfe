"""What each event of a matter tells the applicant: the kind of notice, its template and what stands in it. Pure.

Rule 1: told is what the applicant must or may do, and what the law says they are told: receipt, correction, acceptance
or its refusal (行政许可法 §32), special procedures (§45), extensions with their reasons (§42), decisions with basis and
remedy (§38), delivery. That a promise or the law's time was not kept is theirs to know too; warnings that a deadline is
near are for officials.
Rule 2: a correction stops an item's clock in the one event that asks for it; it is told once, by that.
Rule 3: what a rule decided is not told by itself: the result follows at once.
Rule 4: a document (证照) stands in the result; the bare decision behind it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from onematter.common.v1.actor_pb2 import Rank
from onematter.common.v1.period_pb2 import Clock, Deadlines, SuspensionReason
from onematter.intake.v1.intake_commands_pb2 import DeliveryWay, MaterialNeed
from onematter.intake.v1.intake_events_pb2 import (
    AcceptedBy,
    ItemClockChange,
    ItemOutcome,
    ItemResult,
    MatterEvent,
    MatterOutcome,
    SharingFailure,
)
from onematter.notification.v1.notification_events_pb2 import NoticeKind
from onematter.notification.voice import Voice, day_of, last_day, said

Told: TypeAlias = "tuple[NoticeKind, dict[str, str]] | None"

# Named once: to look a number up by its name takes a call each time.
_ACCEPTED = NoticeKind.NOTICE_KIND_ACCEPTED
_PROGRESS = NoticeKind.NOTICE_KIND_PROGRESS
_RESULT = NoticeKind.NOTICE_KIND_RESULT
_RECEIVED = NoticeKind.NOTICE_KIND_RECEIVED
_GRANTED = ItemOutcome.ITEM_OUTCOME_GRANTED
_DENIED = ItemOutcome.ITEM_OUTCOME_DENIED
_CORRECTION = SuspensionReason.SUSPENSION_REASON_CORRECTION

_RESULTS = {
    MatterOutcome.MATTER_OUTCOME_GRANTED: "matter_granted",
    MatterOutcome.MATTER_OUTCOME_PARTLY_DENIED: "matter_partly_denied",
    MatterOutcome.MATTER_OUTCOME_DENIED: "matter_denied",
    MatterOutcome.MATTER_OUTCOME_WITHDRAWN: "matter_closed_withdrawn",
    MatterOutcome.MATTER_OUTCOME_VOIDED: "matter_closed_voided",
}
_PROCEDURES = {
    SuspensionReason.SUSPENSION_REASON_HEARING: "hearing",
    SuspensionReason.SUSPENSION_REASON_TENDER: "tender",
    SuspensionReason.SUSPENSION_REASON_AUCTION: "auction",
    SuspensionReason.SUSPENSION_REASON_INSPECTION: "inspection",
    SuspensionReason.SUSPENSION_REASON_TESTING: "testing",
    SuspensionReason.SUSPENSION_REASON_QUARANTINE: "quarantine",
    SuspensionReason.SUSPENSION_REASON_APPRAISAL: "appraisal",
    SuspensionReason.SUSPENSION_REASON_EXPERT_REVIEW: "expert_review",
}
_FAILURES = {
    SharingFailure.SHARING_FAILURE_REFUSED: "refused",
    SharingFailure.SHARING_FAILURE_NOT_FOUND: "not_found",
    SharingFailure.SHARING_FAILURE_TIMED_OUT: "timed_out",
    SharingFailure.SHARING_FAILURE_AWAY: "away",
}
_RANKS = {
    Rank.RANK_STAFF: "staff",
    Rank.RANK_SECTION_HEAD: "section_head",
    Rank.RANK_DEPARTMENT_HEAD: "department_head",
    Rank.RANK_GOVERNMENT_HEAD: "government_head",
}
_COLLECTED = {DeliveryWay.DELIVERY_WAY_POST: "post", DeliveryWay.DELIVERY_WAY_COUNTER: "counter"}
_DELIVERED = {
    DeliveryWay.DELIVERY_WAY_POST: "delivered_post",
    DeliveryWay.DELIVERY_WAY_COUNTER: "delivered_counter",
}
# The document of an item that produces none; it is the decision itself (决定书).
_DECISION = "decision"


def told(event: MatterEvent, voice: Voice) -> Told:
    """Return the kind of notice that the event gives and its parameters, `template` among them; None for no notice."""
    tell = _TELLERS.get(event.WhichOneof("event") or "")
    return None if tell is None else tell(event, voice)


def is_told(member: str) -> bool:
    """Whether an event of this name may give a notice, or teach what a later one needs."""
    return member in _TELLERS


def _received(event: MatterEvent, voice: Voice) -> Told:
    received = event.matter_received
    return _RECEIVED, {
        "template": "matter_received",
        "acceptance_day": last_day(received.acceptance_deadline),
        "outstanding": voice.materials(received.outstanding_materials),
    }


def _correction(event: MatterEvent, voice: Voice) -> Told:
    asked = event.correction_asked
    parameters = {"template": "correction_asked", "needs": voice.listed(_need(need, voice) for need in asked.needs)}
    if asked.item_id:
        parameters["template"] = "item_correction_asked"
        parameters["item_name"] = voice.item(asked.item_id)
    return NoticeKind.NOTICE_KIND_CORRECTION, parameters


def _need(need: MaterialNeed, voice: Voice) -> str:
    name = voice.material(need.material_id)
    return voice.phrase("need", material=name, reason=said(need.reason), because=said(need.newly_visible_because))


def _supplied(event: MatterEvent, voice: Voice) -> Told:
    supplied = event.materials_supplied
    return _RECEIVED, {
        "template": "materials_supplied",
        "materials": voice.materials(material.material_id for material in supplied.materials),
        "missing": voice.materials(supplied.missing),
        "acceptance_day": last_day(supplied.acceptance_deadline),
    }


def _refused(event: MatterEvent, voice: Voice) -> Told:
    refused = event.acceptance_refused
    return NoticeKind.NOTICE_KIND_NOT_ACCEPTED, {
        "template": "acceptance_refused_not_required" if refused.not_required else "acceptance_refused",
        "reason": said(refused.reason),
        "basis": voice.listed(refused.basis),
        "competent_body": voice.department(refused.competent_body),
    }


def _accepted(event: MatterEvent, voice: Voice) -> Told:
    accepted = event.matter_accepted
    parameters = {"template": "matter_accepted", "item_count": str(len(accepted.items))}
    if accepted.accepted_by == AcceptedBy.ACCEPTED_BY_SILENCE:
        parameters["template"] = "matter_accepted_by_silence"
        parameters["accepted_day"] = accepted.accepted_day
    if accepted.outstanding_materials:
        parameters["outstanding"] = voice.materials(accepted.outstanding_materials)
    return _ACCEPTED, parameters


def _opened(event: MatterEvent, voice: Voice) -> Told:
    outstanding = voice.state.outstanding_materials
    if not outstanding:
        return None
    opened = event.item_opened
    used = voice.used_by(opened.item_id)
    awaited = [material_id for material_id in outstanding if material_id in used]
    if not awaited:
        return None
    return _PROGRESS, {
        "template": "supplement_due",
        "item_name": voice.item(opened.item_id),
        "outstanding": voice.materials(awaited),
        "promised_day": last_day(opened.promised_deadline),
    }


def _concluded(event: MatterEvent, voice: Voice) -> Told:
    result = event.item_concluded.result
    if result.automatic:
        return None
    match result.outcome:
        case ItemOutcome.ITEM_OUTCOME_GRANTED:
            template, details = "item_granted", _grant(result, voice)
        case ItemOutcome.ITEM_OUTCOME_DENIED:
            template, details = "item_denied", _denial(result, voice)
        case _:
            return None
    return _PROGRESS, {
        "template": template,
        "item_name": voice.item(result.item_id),
        "details": details,
        "lapsed": voice.items(event.item_concluded.lapsed_items),
    }


def _clock_changed(event: MatterEvent, voice: Voice) -> Told:
    changed = event.item_clock_changed
    parameters = {"item_name": voice.item(changed.item_id), "reason": said(changed.reason), **_days(changed.deadlines)}
    if changed.days:
        parameters["days"] = str(changed.days)
    match changed.change:
        case ItemClockChange.ITEM_CLOCK_CHANGE_SUSPENDED:
            if changed.suspension_reason == _CORRECTION:
                return None
            kind, parameters["template"] = NoticeKind.NOTICE_KIND_SPECIAL_PROCEDURE, "special_procedure"
            parameters["procedure"] = voice.phrase(_PROCEDURES.get(changed.suspension_reason, "special"))
        case ItemClockChange.ITEM_CLOCK_CHANGE_RESUMED:
            kind, parameters["template"] = NoticeKind.NOTICE_KIND_RESUMED, "clock_resumed"
            if changed.suspension_reason == _CORRECTION:
                # Only a correction that was taken back says why.
                parameters["lifted"] = said(changed.reason)
        case ItemClockChange.ITEM_CLOCK_CHANGE_EXTENDED:
            kind, parameters["template"] = NoticeKind.NOTICE_KIND_EXTENSION, "item_extended"
        case ItemClockChange.ITEM_CLOCK_CHANGE_RECOMPUTED:
            kind, parameters["template"] = _PROGRESS, "deadline_recomputed"
        case _:
            return None
    return kind, parameters


def _days(deadlines: Deadlines) -> dict[str, str]:
    return {"legal_day": last_day(deadlines.legal), "promised_day": last_day(deadlines.promised)}


def _transferred(event: MatterEvent, voice: Voice) -> Told:
    transferred = event.item_transferred
    return _PROGRESS, {
        "template": "item_transferred",
        "item_name": voice.item(transferred.item_id),
        "department": voice.department(transferred.department),
        "reason": said(transferred.reason),
    }


def _visited(event: MatterEvent, voice: Voice) -> Told:
    visited = event.item_visited
    return _PROGRESS, {
        "template": "item_visited" if visited.passed else "item_visited_not_passed",
        "item_name": voice.item(visited.item_id),
        "visit_day": visited.day or day_of(event.time),
        "finding": said(visited.finding),
        "told_items": voice.items(visited.told_items),
    }


def _extended(event: MatterEvent, voice: Voice) -> Told:
    extended = event.matter_extended
    return NoticeKind.NOTICE_KIND_EXTENSION, {
        "template": "matter_extended",
        "days": str(extended.days),
        "rank": voice.phrase(_RANKS.get(extended.rank, "approver")),
        "reason": said(extended.reason),
        **_days(extended.deadlines),
    }


def _recomputed(event: MatterEvent, voice: Voice) -> Told:  # noqa: ARG001
    recomputed = event.matter_deadlines_recomputed
    return _PROGRESS, {
        "template": "matter_deadlines_recomputed",
        "acceptance_day": last_day(recomputed.acceptance_deadline),
        **_days(recomputed.deadlines),
    }


def _overdue(event: MatterEvent, voice: Voice) -> Told:  # noqa: ARG001
    overdue = event.matter_overdue
    legal = overdue.clock == Clock.CLOCK_LEGAL
    template = "matter_overdue_legal" if legal else "matter_overdue_promised"
    return _PROGRESS, {"template": template, "deadline_day": last_day(overdue.deadline)}


def _sharing_failed(event: MatterEvent, voice: Voice) -> Told:
    failed = event.sharing_failed
    own_side = failed.failure == SharingFailure.SHARING_FAILURE_OWN_SIDE
    return NoticeKind.NOTICE_KIND_SHARING, {
        "template": "sharing_failed_here" if own_side else "sharing_failed",
        "department": voice.department(failed.source),
        "materials": voice.materials(failed.material_ids),
        "failure": voice.phrase(_FAILURES.get(failed.failure, "failed")),
    }


def _withdrawn(event: MatterEvent, voice: Voice) -> Told:  # noqa: ARG001
    return _PROGRESS, {"template": "matter_withdrawn"}


def _voided(event: MatterEvent, voice: Voice) -> Told:  # noqa: ARG001
    return NoticeKind.NOTICE_KIND_VOIDED, {"template": "matter_voided", "reason": said(event.matter_voided.reason)}


def _delivered(event: MatterEvent, voice: Voice) -> Told:
    delivered = event.matter_delivered
    return NoticeKind.NOTICE_KIND_DELIVERED, {
        "template": "matter_delivered",
        "way": voice.phrase(_DELIVERED.get(delivered.way, "delivered_e_certificate")),
        "reference": delivered.reference,
    }


def _revoked(event: MatterEvent, voice: Voice) -> Told:
    revoked = event.item_revoked
    return NoticeKind.NOTICE_KIND_REVOKED, {
        "template": "item_revoked_recorded" if revoked.credit_recorded else "item_revoked",
        "item_name": voice.item(revoked.item_id),
        "finding": said(revoked.finding),
        "basis": voice.listed(revoked.basis),
    }


def _completed(event: MatterEvent, voice: Voice) -> Told:
    completed = event.matter_completed
    missed: list[str] = []
    denials: list[str] = []
    grants: list[str] = []
    for result in completed.results:
        if result.outcome == _GRANTED:
            _of_item(result, _grant(result, voice), grants, voice)
            continue
        missed.append(voice.item(result.item_id))
        if result.outcome == _DENIED:
            _of_item(result, _denial(result, voice), denials, voice)
    parameters = {
        "template": _RESULTS.get(completed.outcome, "matter_closed"),
        "missed_items": voice.listed(missed) if missed else "",
    }
    if grants:
        parameters["grants"] = voice.clauses(grants)
    if denials:
        parameters["denials"] = voice.clauses(denials)
    if completed.reason:
        parameters["reason"] = said(completed.reason)
    way = _COLLECTED.get(completed.delivery)
    if way is not None:
        parameters["delivery"] = voice.phrase(way, delivery_day=last_day(completed.delivery_deadline))
    return _RESULT, parameters


def _of_item(result: ItemResult, details: str, told_items: list[str], voice: Voice) -> None:
    if details:
        told_items.append(voice.phrase("of_item", item_name=voice.item(result.item_id), details=details))


def _grant(result: ItemResult, voice: Voice) -> str:
    """What a grant brings: documents, conditions, who supervises; empty where it is the decision alone."""
    documents = [one for one in result.certificates if one.certificate_type != _DECISION]
    if not (documents or result.conditions or result.supervised_by or result.pledged):
        return ""
    parts = [
        voice.phrase(
            "document",
            name=voice.certificate(one.certificate_type),
            number=one.number,
            issuer=voice.department(one.issuer_department or result.department),
            valid_from=one.valid_from,
            valid_until=one.valid_until,
        )
        for one in documents
    ]
    if result.conditions:
        parts.append(voice.phrase("conditions", conditions=voice.listed(result.conditions)))
    if result.supervised_by:
        parts.append(voice.phrase("supervisor", supervisor=voice.department(result.supervised_by)))
    if result.pledged:
        parts.append(voice.phrase("pledged"))
    return voice.clauses(parts)


def _denial(result: ItemResult, voice: Voice) -> str:
    """Why, on what basis, and what can be done against it."""
    parts: list[str] = []
    if result.opinion:
        parts.append(voice.phrase("reasons", reasons=said(result.opinion)))
    if result.basis:
        parts.append(voice.phrase("basis", basis=voice.listed(result.basis)))
    if result.reconsideration_days and result.litigation_months:
        days, months = str(result.reconsideration_days), str(result.litigation_months)
        parts.append(voice.phrase("remedy", days=days, months=months))
    return voice.clauses(parts)


_TELLERS: Mapping[str, Callable[[MatterEvent, Voice], Told]] = {
    "matter_received": _received,
    "correction_asked": _correction,
    "materials_supplied": _supplied,
    "acceptance_refused": _refused,
    "matter_accepted": _accepted,
    "item_opened": _opened,
    "item_concluded": _concluded,
    "item_clock_changed": _clock_changed,
    "item_transferred": _transferred,
    "item_visited": _visited,
    "matter_extended": _extended,
    "matter_deadlines_recomputed": _recomputed,
    "matter_overdue": _overdue,
    "sharing_failed": _sharing_failed,
    "matter_withdrawn": _withdrawn,
    "matter_voided": _voided,
    "matter_delivered": _delivered,
    "item_revoked": _revoked,
    "matter_completed": _completed,
}
