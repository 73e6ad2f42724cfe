"""What is asked of a matter or a task while it is handled, made from plain Python values.

The rules of `messages` hold here too. What names an absent thing is left to the service, which tells every broken rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand, CorrectionNeed, OpinionPosition
from onematter.client.errors import Invalid
from onematter.client.messages import AnyMaterial, channel_number, checked_id, material_of, number_of
from onematter.common.v1.actor_pb2 import Actor
from onematter.common.v1.period_pb2 import SuspensionReason
from onematter.intake.v1.intake_commands_pb2 import DeliveryWay, IntakeCommand, MaterialNeed

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Need:
    """A material that must be corrected (补正), why, and from the second round on what made that visible only now."""

    material_id: str
    reason: str
    newly_visible_because: str = ""


def china_day(day: str | date, field: str) -> str:
    """A China date as 2026-11-23; empty stays empty. Raises Invalid."""
    text = day.isoformat() if isinstance(day, date) else day
    if text:
        try:
            date.fromisoformat(text if _DAY.fullmatch(text) else "")
        except ValueError:
            raise Invalid(
                f"{field}: it is no day; write it as 2026-11-23", f"{field}：不是日期；请写作 2026-11-23"
            ) from None
    return text


def accept_command(actor: Actor, request_id: str, matter_id: str) -> IntakeCommand:
    """Accept a matter (受理), where the catalogue leaves that to the window."""
    command = _of_matter(actor, request_id, matter_id)
    command.accept_matter.SetInParent()
    return command


def correct_command(actor: Actor, request_id: str, matter_id: str, needs: Iterable[Need]) -> IntakeCommand:
    """Tell all that must be corrected before acceptance, once (一次性告知)."""
    command = _of_matter(actor, request_id, matter_id)
    command.ask_correction.SetInParent()
    command.ask_correction.needs.extend(
        MaterialNeed(material_id=one.material_id, reason=one.reason, newly_visible_because=one.newly_visible_because)
        for one in needs
    )
    return command


def refuse_command(
    actor: Actor,
    request_id: str,
    matter_id: str,
    reason: str,
    *,
    competent_body: str = "",
    not_required: bool = False,
    basis: Iterable[str] = (),
) -> IntakeCommand:
    """Refuse to accept (不予受理): name the body that is competent, or say that no approval is needed."""
    command = _of_matter(actor, request_id, matter_id)
    refusal = command.refuse_acceptance
    refusal.reason, refusal.competent_body, refusal.not_required = reason, competent_body, not_required
    refusal.basis.extend(basis)
    return command


def supply_command(
    actor: Actor, request_id: str, matter_id: str, materials: Iterable[AnyMaterial], *, channel: str | int
) -> IntakeCommand:
    """Supply what was asked or promised (补交材料), on whatever channel. Raises Invalid when a file cannot be read."""
    command = _of_matter(actor, request_id, matter_id)
    command.supply_materials.channel = channel_number(channel)
    command.supply_materials.materials.extend(material_of(one) for one in materials)
    return command


def void_command(actor: Actor, request_id: str, matter_id: str, reason: str) -> IntakeCommand:
    """Void a matter (作废): handed in twice, or by mistake."""
    command = _of_matter(actor, request_id, matter_id)
    command.void_matter.reason = reason
    return command


def extend_command(actor: Actor, request_id: str, matter_id: str, days: int, reason: str) -> IntakeCommand:
    """Extend the matter's own period (行政许可法 §42 para. 2), with the actor's rank."""
    command = _of_matter(actor, request_id, matter_id)
    command.extend_matter.days, command.extend_matter.reason = days, reason
    return command


def deliver_command(
    actor: Actor, request_id: str, matter_id: str, way: str | int, *, reference: str = "", division: str = ""
) -> IntakeCommand:
    """Note that the result reached the applicant (送达)."""
    command = _of_matter(actor, request_id, matter_id)
    delivery = command.record_delivery
    delivery.way = number_of(DeliveryWay, "DELIVERY_WAY_", way, "way")
    delivery.reference, delivery.division = reference, division
    return command


def release_command(actor: Actor, request_id: str, matter_id: str, item_id: str) -> ApprovalCommand:
    """Take one's name off a task again (撤销签收)."""
    command = _of_task(actor, request_id, matter_id, item_id)
    command.release_task.SetInParent()
    return command


def transfer_command(
    actor: Actor, request_id: str, matter_id: str, item_id: str, department: str, reason: str, *, division: str = ""
) -> ApprovalCommand:
    """Give a task to another department of the level (转办)."""
    command = _of_task(actor, request_id, matter_id, item_id)
    transfer = command.transfer_task
    transfer.department, transfer.division, transfer.reason = department, division, reason
    return command


def request_correction_command(
    actor: Actor, request_id: str, matter_id: str, item_id: str, needs: Iterable[Need]
) -> ApprovalCommand:
    """Ask the applicant for an item's materials, all at once (一次性告知); its clock stands still until then."""
    command = _of_task(actor, request_id, matter_id, item_id)
    command.request_correction.SetInParent()
    command.request_correction.needs.extend(
        CorrectionNeed(material_id=one.material_id, reason=one.reason, newly_visible_because=one.newly_visible_because)
        for one in needs
    )
    return command


def lift_command(actor: Actor, request_id: str, matter_id: str, item_id: str, reason: str) -> ApprovalCommand:
    """Take a correction back (撤回补正要求); the clock goes on, and it is decided on what is there."""
    command = _of_task(actor, request_id, matter_id, item_id)
    command.lift_correction.reason = reason
    return command


def suspend_command(
    actor: Actor, request_id: str, matter_id: str, item_id: str, kind: str | int, expected_days: int, reason: str
) -> ApprovalCommand:
    """Begin a special procedure (特别程序), as `hearing`; it does not count (行政许可法 §45)."""
    command = _of_task(actor, request_id, matter_id, item_id)
    begun = command.begin_special_procedure
    begun.kind = number_of(SuspensionReason, "SUSPENSION_REASON_", kind, "kind")
    begun.expected_days, begun.reason = expected_days, reason
    return command


def resume_command(actor: Actor, request_id: str, matter_id: str, item_id: str, result: str) -> ApprovalCommand:
    """End the special procedure; the clock goes on."""
    command = _of_task(actor, request_id, matter_id, item_id)
    command.end_special_procedure.result = result
    return command


def prolong_command(
    actor: Actor, request_id: str, matter_id: str, item_id: str, days: int, reason: str
) -> ApprovalCommand:
    """Extend a task's legal period (延长期限, 行政许可法 §42), with the actor's rank."""
    command = _of_task(actor, request_id, matter_id, item_id)
    command.extend_period.days, command.extend_period.reason = days, reason
    return command


def ask_opinions_command(
    actor: Actor, request_id: str, matter_id: str, item_id: str, departments: Iterable[str], question: str
) -> ApprovalCommand:
    """Ask other departments (征求意见)."""
    command = _of_task(actor, request_id, matter_id, item_id)
    command.ask_opinions.question = question
    command.ask_opinions.departments.extend(departments)
    return command


def opinion_command(
    actor: Actor,
    request_id: str,
    matter_id: str,
    item_id: str,
    position: str | int,
    text: str,
    *,
    conditions: Iterable[str] = (),
) -> ApprovalCommand:
    """Answer as a department that was asked: consent, conditional or veto."""
    command = _of_task(actor, request_id, matter_id, item_id)
    opinion = command.give_opinion
    opinion.position = number_of(OpinionPosition, "OPINION_POSITION_", position, "position")
    opinion.text = text
    opinion.conditions.extend(conditions)
    return command


def site_visit_command(
    actor: Actor,
    request_id: str,
    matter_id: str,
    item_id: str,
    *,
    day: str | date,
    passed: bool,
    finding: str,
    applicant_attended: bool = False,
    departments: Sequence[str] = (),
) -> ApprovalCommand:
    """Record a site visit (现场勘验); one does for all items of its group."""
    command = _of_task(actor, request_id, matter_id, item_id)
    visit = command.record_site_visit.site_visit
    visit.day, visit.passed, visit.finding = china_day(day, "day"), passed, finding
    visit.applicant_attended = applicant_attended
    visit.departments.extend(departments)
    return command


def verify_pledge_command(
    actor: Actor, request_id: str, matter_id: str, item_id: str, kept: bool, finding: str, *, basis: Iterable[str] = ()
) -> ApprovalCommand:
    """Verify afterwards what was pledged (告知承诺核查); what was not kept revokes the grant."""
    command = _of_task(actor, request_id, matter_id, item_id)
    command.verify_pledge.kept, command.verify_pledge.finding = kept, finding
    command.verify_pledge.basis.extend(basis)
    return command


def _of_matter(actor: Actor, request_id: str, matter_id: str) -> IntakeCommand:
    return IntakeCommand(request_id=request_id, matter_id=checked_id(matter_id), actor=actor)


def _of_task(actor: Actor, request_id: str, matter_id: str, item_id: str) -> ApprovalCommand:
    return ApprovalCommand(request_id=request_id, matter_id=checked_id(matter_id), actor=actor, item_id=item_id)
