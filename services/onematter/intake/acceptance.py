"""Acceptance (受理, 行政许可法 §32): what becomes of a hand-in until it is accepted, refused or taken back.

Rule 1: what the catalogue leaves to the window is received (收件), and the window has five working days to accept it,
to refuse it, or to tell all corrections at once. If it is silent the matter is accepted, as of the day of receipt.
Rule 2: while the applicant corrects, no time runs. With the last material that was asked the matter is received anew,
and the five days begin again.
Rule 3: a correction names everything at once (一次性告知). From the second round on each need says what made it visible
only then. What the government holds, or makes itself, is never asked, unless its holder did not share it. Such a
request is refused, and the refusal, with its author, is the record of it.
Rule 4: who refuses to accept (不予受理) names the body that is competent, or says that no approval is needed.
Rule 5: when the five days have passed nobody can refuse or ask any more, whether or not the timer came first.
Rule 6: where the calendar of a year is missing no five days can be counted: then the window alone accepts, until the
year is there and they are (see `recomputing_matter`).
"""

# pyright: strict

from __future__ import annotations

from datetime import date

from onematter.common.v1.actor_pb2 import ActorRole
from onematter.common.v1.outcome_pb2 import Reason
from onematter.contracts.aggregate import NO_EFFECTS, Context, Effects, Refusal, SetTimer
from onematter.contracts.times import unix_ms
from onematter.intake import clock, sharing
from onematter.intake.acceptance_deadline import clear_deadline, keep_deadline
from onematter.intake.checks import MAX_MATERIALS, check_reason, check_role, check_sender, check_text, facts_of, told
from onematter.intake.cross_region import owner_division
from onematter.intake.desk import Answer, Decider, Desk, Evolver, Hearer, Reactor, Timer
from onematter.intake.fields import too_long
from onematter.intake.items import open_tasks
from onematter.intake.manifest import add_manifest
from onematter.intake.plans import HELD, holder
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand, MaterialNeed, RefuseAcceptance
from onematter.intake.v1.intake_events_pb2 import AcceptedBy, MatterAccepted, MatterEvent, MatterOutcome
from onematter.intake.v1.intake_state_pb2 import ItemStatus, MatterState, MatterStatus
from onematter.law.calendar import legal_date
from onematter.law.matters import MatterType
from onematter.law.needs import Need, needed

TIMER = "acceptance"
MAX_BODY = 200
MAX_BASIS = 20

_RECEIVED = MatterStatus.MATTER_STATUS_RECEIVED
_CORRECTION = MatterStatus.MATTER_STATUS_CORRECTION
_RUNNING = MatterStatus.MATTER_STATUS_RUNNING
_COMPLETED = MatterStatus.MATTER_STATUS_COMPLETED
NOT_ACCEPTED = frozenset({_RECEIVED, _CORRECTION})
# Who acts for the office; that it is the right one is not asked of them.
OFFICE = frozenset({ActorRole.ACTOR_ROLE_CLERK, ActorRole.ACTOR_ROLE_OFFICIAL})

_WAITING = ItemStatus.ITEM_STATUS_WAITING
_SENT = ItemStatus.ITEM_STATUS_SENT
_CLERK = AcceptedBy.ACCEPTED_BY_CLERK
_SILENCE = AcceptedBy.ACCEPTED_BY_SILENCE


def set_accepted(
    accepted: MatterAccepted, desk: Desk, matter_type: MatterType, accepted_by: AcceptedBy, day: date
) -> None:
    """Say who accepted the matter, as of which day, what time that gives it, and what is fetched for it."""
    accepted.accepted_by = accepted_by
    accepted.accepted_day = day.isoformat()
    sharing.mark_fetched(accepted, desk, matter_type)
    clock.set_clock(accepted, matter_type, accepted.application, day, desk.calendar)


def accept_matter(desk: Desk, state: MatterState, command: IntakeCommand, context: Context) -> Answer:
    """Accept the matter. When the five days have passed it was accepted by silence, and this only says so."""
    refusal = Refusal("accept_matter")
    check_sender(command, refusal)
    check_role(command, OFFICE, refusal)
    _check_open(state, refusal)
    if refusal:
        return told(refusal)
    if _is_silence_complete(state, context):
        event = _accepted(desk, state, _SILENCE, date.fromisoformat(state.received_day))
    else:
        event = _accepted(desk, state, _CLERK, legal_date(context.now_unix_ms))
    event.actor.CopyFrom(command.actor)
    return event


def ask_correction(desk: Desk, state: MatterState, command: IntakeCommand, context: Context) -> Answer:
    """Tell the applicant everything that must be corrected (一次性告知)."""
    refusal = Refusal("ask_correction")
    check_sender(command, refusal)
    check_role(command, OFFICE, refusal)
    needs = command.ask_correction.needs
    if not needs:
        refusal.add("ask_correction.needs", Reason.REASON_FIELD_MISSING)
    if len(needs) > MAX_MATERIALS:
        too_long(refusal, "ask_correction.needs", MAX_MATERIALS)
    _check_open(state, refusal)
    if state.status in NOT_ACCEPTED:
        _check_in_time(state, context, refusal)
        situation = needed(desk.matter_type(state), facts_of(state.application))
        known = {need.material.material_id: need for need in situation}
        for position, need in enumerate(needs[:MAX_MATERIALS]):
            repeated = any(need.material_id == earlier.material_id for earlier in needs[:position])
            _check_need(desk, state, need, f"ask_correction.needs[{position}]", known, repeated, refusal)
    if refusal:
        return told(refusal)
    event = MatterEvent(actor=command.actor)
    asked = event.correction_asked
    asked.needs.extend(needs)
    asked.round = state.correction_rounds + 1
    return event


def refuse_acceptance(desk: Desk, state: MatterState, command: IntakeCommand, context: Context) -> Answer:
    """Refuse to accept the matter (不予受理), which ends it."""
    refusal = Refusal("refuse_acceptance")
    check_sender(command, refusal)
    check_role(command, OFFICE, refusal)
    asked = command.refuse_acceptance
    _check_refusing(asked, refusal)
    _check_open(state, refusal)
    _check_in_time(state, context, refusal)
    if refusal:
        return told(refusal)
    event = MatterEvent(actor=command.actor)
    refused = event.acceptance_refused
    refused.reason = asked.reason
    refused.competent_body = asked.competent_body
    refused.not_required = asked.not_required
    refused.basis.extend(asked.basis)
    refused.visits = state.visits
    refused.handed_in.CopyFrom(state.handed_in)
    refused.matter_number = state.matter_number
    refused.matter_code = state.matter_code
    refused.division = state.division
    refused.name.CopyFrom(state.name)
    add_manifest(refused.manifest, desk, context)
    return event


def silence(desk: Desk, state: MatterState, context: Context) -> MatterEvent | None:
    """The five days have passed; None when the matter was answered meanwhile."""
    if not _is_silence_complete(state, context):
        return None
    return _accepted(desk, state, _SILENCE, date.fromisoformat(state.received_day))


def _accepted(desk: Desk, state: MatterState, accepted_by: AcceptedBy, day: date) -> MatterEvent:
    matter_type = desk.matter_type(state)
    prepared = desk.plans.prepare(matter_type, state.division, facts_of(state.application))
    event = MatterEvent()
    accepted = event.matter_accepted
    accepted.CopyFrom(prepared.accepted)
    accepted.matter_number = state.matter_number
    accepted.division = state.division
    accepted.receiving_division = state.receiving_division
    accepted.channel = state.channel
    accepted.language = state.language
    accepted.application.CopyFrom(state.application)
    accepted.outstanding_materials.extend(state.outstanding_materials)
    accepted.pledged_items.extend(state.pledged_items)
    accepted.delivery = state.delivery
    accepted.cross_region = state.cross_region
    accepted.owner_division = owner_division(state.cross_region, state.division, state.receiving_division)
    set_accepted(accepted, desk, matter_type, accepted_by, day)
    return event


def _is_silence_complete(state: MatterState, context: Context) -> bool:
    return (
        state.status == _RECEIVED
        and state.HasField("acceptance_deadline")
        and context.now_unix_ms >= unix_ms(state.acceptance_deadline)
    )


def _check_open(state: MatterState, refusal: Refusal) -> None:
    """Note that the matter is not there, or not to be accepted any more."""
    status = {"status": MatterStatus.Name(state.status)}
    match state.status:
        case MatterStatus.MATTER_STATUS_RECEIVED | MatterStatus.MATTER_STATUS_CORRECTION:
            pass
        case MatterStatus.MATTER_STATUS_UNSPECIFIED:
            refusal.add("matter_id", Reason.REASON_MATTER_UNKNOWN)
        case MatterStatus.MATTER_STATUS_COMPLETED:
            refusal.add("matter_id", Reason.REASON_MATTER_CONCLUDED, status)
        case _:
            refusal.add("matter_id", Reason.REASON_MATTER_ACCEPTED_ALREADY, status)


def _check_in_time(state: MatterState, context: Context, refusal: Refusal) -> None:
    if _is_silence_complete(state, context):
        received = {"rule": "five working days", "received": state.received_day}
        refusal.add("matter_id", Reason.REASON_MATTER_ACCEPTED_ALREADY, received)


def _check_need(
    desk: Desk,
    state: MatterState,
    need: MaterialNeed,
    field: str,
    known: dict[str, Need],
    repeated: bool,
    refusal: Refusal,
) -> None:
    material_id = need.material_id
    check_text(f"{field}.reason", need.reason, refusal)
    check_reason(f"{field}.newly_visible_because", need.newly_visible_because, refusal)
    found = known.get(material_id)
    if not material_id:
        refusal.add(f"{field}.material_id", Reason.REASON_FIELD_MISSING)
    elif found is None:
        may_ask = [one for one, other in known.items() if other.source not in HELD]
        refusal.add(f"{field}.material_id", Reason.REASON_MATERIAL_UNKNOWN, {"known": ", ".join(may_ask)})
    elif repeated:
        refusal.add(f"{field}.material_id", Reason.REASON_MATERIAL_DUPLICATE)
    elif found.source in HELD and material_id not in state.unshared_materials:
        held = {"material": material_id, "held_by": holder(desk.matter_type(state), found)}
        refusal.add(f"{field}.material_id", Reason.REASON_MATERIAL_HELD_BY_GOVERNMENT, held)
    if state.correction_rounds and not need.newly_visible_because.strip():
        named = {"material": material_id} if found is not None else {}
        refusal.add(f"{field}.newly_visible_because", Reason.REASON_CORRECTION_ALREADY_VISIBLE, named)


def _check_refusing(asked: RefuseAcceptance, refusal: Refusal) -> None:
    check_text("refuse_acceptance.reason", asked.reason, refusal)
    body = "refuse_acceptance.competent_body"
    named = bool(asked.competent_body.strip())
    if len(asked.competent_body) > MAX_BODY:
        too_long(refusal, body, MAX_BODY)
    elif named and asked.not_required:
        refusal.add(body, Reason.REASON_FIELD_MALFORMED, {"rule": "either competent_body or not_required"})
    elif not named and not asked.not_required:
        refusal.add(body, Reason.REASON_COMPETENT_BODY_MISSING)
    if len(asked.basis) > MAX_BASIS:
        too_long(refusal, "refuse_acceptance.basis", MAX_BASIS)
    for position, article in enumerate(asked.basis[:MAX_BASIS]):
        check_text(f"refuse_acceptance.basis[{position}]", article, refusal)


def _evolve_received(state: MatterState, event: MatterEvent) -> None:
    received = event.matter_received
    state.status = _RECEIVED
    state.matter_number = received.matter_number
    state.matter_code = received.matter_code
    state.catalogue_version = received.catalogue_version
    state.name.CopyFrom(received.name)
    state.division = received.division
    state.receiving_division = received.receiving_division
    state.channel = received.channel
    state.language = received.language
    state.principal = event.actor.principal
    state.application.CopyFrom(received.application)
    state.handed_in.CopyFrom(event.time)
    state.received_day = legal_date(unix_ms(event.time)).isoformat()
    keep_deadline(state, received)
    state.outstanding_materials.extend(received.outstanding_materials)
    state.pledged_items.extend(received.pledged_items)
    state.delivery = received.delivery
    state.cross_region = received.cross_region


def _evolve_accepted(state: MatterState, event: MatterEvent) -> None:
    accepted = event.matter_accepted
    if state.status not in NOT_ACCEPTED:
        state.matter_number = accepted.matter_number
        state.matter_code = accepted.matter_code
        state.catalogue_version = accepted.catalogue_version
        state.division = accepted.division
        state.channel = accepted.channel
        state.principal = event.actor.principal
        # CopyFrom throughout: a message given to a constructor goes through its bytes.
        state.name.CopyFrom(accepted.name)
        state.handed_in.CopyFrom(event.time)
        state.receiving_division = accepted.receiving_division
        state.language = accepted.language
        if accepted.outstanding_materials:
            state.outstanding_materials.extend(accepted.outstanding_materials)
        if accepted.pledged_items:
            state.pledged_items.extend(accepted.pledged_items)
        if accepted.delivery:
            state.delivery = accepted.delivery
        if accepted.cross_region:
            state.cross_region = accepted.cross_region
    else:
        clear_deadline(state)
        state.ClearField("missing")
        state.ClearField("application")
    state.status = _RUNNING
    state.accepted_by = accepted.accepted_by
    state.accepted_day = accepted.accepted_day
    if accepted.owner_division:
        state.owner_division = accepted.owner_division
    if accepted.held_materials:
        state.held_materials.extend(accepted.held_materials)
        state.materials_held = len(accepted.held_materials)
    state.materials_asked = accepted.materials_asked
    opened = set(accepted.opened_items)
    add = state.items.add
    waits = False
    for item in accepted.items:
        is_opened = item.item_id in opened
        waits = waits or not is_opened
        add(status=_SENT if is_opened else _WAITING).item.CopyFrom(item)
    if waits:
        state.application.CopyFrom(accepted.application)


def _evolve_asked(state: MatterState, event: MatterEvent) -> None:
    asked = event.correction_asked
    if asked.item_id:
        return
    state.status = _CORRECTION
    state.correction_rounds = asked.round
    asked_now = {need.material_id for need in asked.needs}
    before = [need for need in state.asked_corrections if need.material_id not in asked_now]
    del state.asked_corrections[:]
    state.asked_corrections.extend([*before, *asked.needs])
    state.missing.extend(need.material_id for need in asked.needs if need.material_id not in state.missing)
    clear_deadline(state)


def _evolve_refused(state: MatterState, event: MatterEvent) -> None:
    state.status = _COMPLETED
    state.outcome = MatterOutcome.MATTER_OUTCOME_NOT_ACCEPTED
    state.completed.CopyFrom(event.time)
    clear_deadline(state)
    state.ClearField("missing")


def _react_received(desk: Desk, state: MatterState, event: MatterEvent) -> Effects:  # noqa: ARG001
    if not state.HasField("acceptance_deadline"):
        return NO_EFFECTS
    return Effects(timers=(SetTimer(TIMER, unix_ms(state.acceptance_deadline)),))


def _react_accepted(desk: Desk, state: MatterState, event: MatterEvent) -> Effects:
    accepted = event.matter_accepted
    started = accepted.accepted_day if accepted.accepted_by == _SILENCE else ""
    opening = open_tasks(desk, state, accepted.application, event.matter_id, accepted.opened_items, started)
    # What a rule accepted was never received.
    return Effects(opening.commands, (SetTimer(TIMER, None),)) if state.received_day else opening


def _react_answered(desk: Desk, state: MatterState, event: MatterEvent) -> Effects:  # noqa: ARG001
    if event.correction_asked.item_id:
        return NO_EFFECTS
    return Effects(timers=(SetTimer(TIMER, None),))


DECIDE: dict[str, Decider] = {
    "accept_matter": accept_matter,
    "ask_correction": ask_correction,
    "refuse_acceptance": refuse_acceptance,
}
HEAR: dict[str, Hearer] = {}
TIMERS: dict[str, Timer] = {TIMER: silence}
EVOLVE: dict[str, Evolver] = {
    "acceptance_refused": _evolve_refused,
    "correction_asked": _evolve_asked,
    "matter_accepted": _evolve_accepted,
    "matter_received": _evolve_received,
}
REACT: dict[str, Reactor] = {
    "acceptance_refused": _react_answered,
    "correction_asked": _react_answered,
    "matter_accepted": _react_accepted,
    "matter_received": _react_received,
}
