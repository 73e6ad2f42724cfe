"""What the applicant supplies after the hand-in: corrections (补正), and what was promised to follow (容缺).

Rule 1: it may come on any channel, whichever the matter began on (线上线下融合), and by whoever brings it.
Rule 2: only what was asked or promised is taken, each as good as in a hand-in.
Rule 3: before acceptance the last missing material has the matter received anew (see `acceptance`). After it the items
that use a material and are in a department's hands are told; what waits gets it when it opens.
"""

# pyright: strict

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.internal.containers import RepeatedScalarFieldContainer

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.common.v1.actor_pb2 import ActorRole, Channel
from onematter.common.v1.application_pb2 import Material
from onematter.common.v1.outcome_pb2 import Reason
from onematter.common.v1.outcome_pb2 import Violation as ToldViolation
from onematter.contracts.aggregate import NO_EFFECTS, Context, Effects, Outgoing, Refusal, SetTimer
from onematter.contracts.times import unix_ms
from onematter.intake import acceptance
from onematter.intake.acceptance_deadline import keep_deadline, set_deadline
from onematter.intake.checks import MAX_MATERIALS, check_role, check_sender, told
from onematter.intake.desk import Answer, Decider, Desk, Evolver, Reactor
from onematter.intake.fields import absent_or_malformed, too_long
from onematter.intake.items import SYSTEM, item_of, missing_of, used_by
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_events_pb2 import MatterEvent
from onematter.intake.v1.intake_state_pb2 import ItemStatus, MatterState, MatterStatus
from onematter.law.calendar import legal_date
from onematter.law.checking import check
from onematter.law.matters import MatterType

_RECEIVED = MatterStatus.MATTER_STATUS_RECEIVED
_CORRECTION = MatterStatus.MATTER_STATUS_CORRECTION
_TAKING = frozenset({_RECEIVED, _CORRECTION, MatterStatus.MATTER_STATUS_RUNNING})
_CONCLUDED = ItemStatus.ITEM_STATUS_CONCLUDED
_IN_HAND = frozenset({ItemStatus.ITEM_STATUS_SENT, ItemStatus.ITEM_STATUS_OPEN})
_ROLES = frozenset(
    {
        ActorRole.ACTOR_ROLE_APPLICANT,
        ActorRole.ACTOR_ROLE_AGENT,
        ActorRole.ACTOR_ROLE_CLERK,
        # An integrator's system that handed in for its client.
        ActorRole.ACTOR_ROLE_SYSTEM,
    }
)
_CHANNELS = frozenset(Channel.values()) - {Channel.CHANNEL_UNSPECIFIED}
_FIELD = "supply_materials.materials"


def supply_materials(desk: Desk, state: MatterState, command: IntakeCommand, context: Context) -> Answer:
    """Take in what was asked or promised."""
    refusal = Refusal("supply_materials")
    check_sender(command, refusal)
    check_role(command, _ROLES, refusal)
    supplied = command.supply_materials
    if supplied.channel not in _CHANNELS:
        refusal.add("supply_materials.channel", absent_or_malformed(supplied.channel), {"rule": "channel"})
    if not supplied.materials:
        refusal.add(_FIELD, Reason.REASON_FIELD_MISSING)
    if len(supplied.materials) > MAX_MATERIALS:
        too_long(refusal, _FIELD, MAX_MATERIALS)
    if state.status in _TAKING:
        _check_materials(desk.matter_type(state), state, supplied.materials[:MAX_MATERIALS], refusal)
    elif state.status:
        refusal.add("matter_id", Reason.REASON_MATTER_CONCLUDED, {"status": MatterStatus.Name(state.status)})
    else:
        refusal.add("matter_id", Reason.REASON_MATTER_UNKNOWN)
    if refusal:
        return told(refusal)
    event = MatterEvent(actor=command.actor)
    taken = event.materials_supplied
    taken.materials.extend(supplied.materials)
    taken.channel = supplied.channel
    here = {material.material_id for material in supplied.materials}
    taken.missing.extend(one for one in awaited(state) if one not in here)
    if _is_corrected(state, here):
        set_deadline(taken, legal_date(context.now_unix_ms), desk.calendar)
    matter_type = desk.matter_type(state)
    taken.told_items.extend(
        one.item.item_id
        for one in state.items
        if one.status in _IN_HAND and used_by(one.item.item_id, matter_type, here)
    )
    return event


def awaited(state: MatterState) -> list[str]:
    """Return the materials that are asked of the applicant or promised, and not here, each once."""
    asked = missing_of(state)
    first = [material_id for material_id in state.missing if material_id in asked]
    return list(dict.fromkeys([*first, *state.outstanding_materials, *asked]))


def _is_corrected(state: MatterState, here: set[str]) -> bool:
    return state.status == _CORRECTION and here.issuperset(state.missing)


def _check_materials(matter_type: MatterType, state: MatterState, materials: list[Material], refusal: Refusal) -> None:
    wanted = set(awaited(state))
    for one in state.items:
        if state.unshared_materials and one.status != _CONCLUDED:
            wanted.update(used_by(one.item.item_id, matter_type, state.unshared_materials))
    known = {one.material_id for one in matter_type.materials}
    for material in materials:
        if material.material_id in known and material.material_id not in wanted:
            parameters = {"material": material.material_id}
            refusal.add(f"{_FIELD}[{material.material_id}]", Reason.REASON_CORRECTION_NOT_ASKED, parameters)
    given = [(one.material_id, len(one.digest), one.size_bytes, one.media_type) for one in materials]
    # As of a hand-in; only of what was given, since what is missing is not this command's fault.
    for violation in check(matter_type, {}, given):
        place = violation.field.removeprefix("application.materials")
        if place != violation.field and violation.reason != "MATERIAL_MISSING":
            refusal.violations.append(
                ToldViolation(
                    field=f"{_FIELD}{place}", reason=f"REASON_{violation.reason}", parameters=violation.parameters
                )
            )


def _evolve_supplied(state: MatterState, event: MatterEvent) -> None:
    supplied = event.materials_supplied
    here = {material.material_id for material in supplied.materials}
    if _is_corrected(state, here):
        state.status = _RECEIVED
        state.received_day = legal_date(unix_ms(event.time)).isoformat()
        keep_deadline(state, supplied)
    state.instead_materials.extend(one for one in state.unshared_materials if one in here)
    for wanted in (
        state.missing,
        state.outstanding_materials,
        state.unshared_materials,
        *(one.missing for one in state.items),
    ):
        _take_out(wanted, here)
    _take_out(state.fetched_materials, state.instead_materials)
    if state.HasField("application"):
        materials = state.application.materials
        kept = [one for one in materials if one.material_id not in here]
        del materials[:]
        materials.extend([*kept, *supplied.materials])


def _take_out(wanted: RepeatedScalarFieldContainer[str], here: Iterable[str]) -> None:
    for material_id in here:
        while material_id in wanted:
            wanted.remove(material_id)


def _react_supplied(desk: Desk, state: MatterState, event: MatterEvent) -> Effects:
    supplied = event.materials_supplied
    if supplied.HasField("acceptance_deadline"):
        return Effects(timers=(SetTimer(acceptance.TIMER, unix_ms(supplied.acceptance_deadline)),))
    if not supplied.told_items:
        return NO_EFFECTS
    matter_type = desk.matter_type(state)
    commands: list[Outgoing] = []
    for item_id in supplied.told_items:
        used = used_by(item_id, matter_type, [material.material_id for material in supplied.materials])
        command = ApprovalCommand(matter_id=event.matter_id, item_id=item_id)
        command.actor.CopyFrom(SYSTEM)
        command.supply_task.materials.extend(one for one in supplied.materials if one.material_id in used)
        commands.append(Outgoing(item_of(state, item_id).item.commands_topic, command))
    return Effects(tuple(commands))


DECIDE: dict[str, Decider] = {"supply_materials": supply_materials}
EVOLVE: dict[str, Evolver] = {"materials_supplied": _evolve_supplied}
REACT: dict[str, Reactor] = {"materials_supplied": _react_supplied}
