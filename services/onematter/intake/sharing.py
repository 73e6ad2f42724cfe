"""What the government holds and is not asked (免证办, 国务院令716 §7): fetched by the exchange, told to the items.

Rule 1: what is shared is fetched when the matter is accepted, for every item that a person will decide. What a rule
grants (秒批) needs no paper, and what nobody needs is not fetched.
Rule 2: the matter never waits: its items open at once, and what comes later is told to those that still need it.
Rule 3: what a department does not share is asked of the applicant, once, and stands in the matter with that department
and the reason. The items in hand are told, so that none is granted without it, and so that it may be asked for again
when the applicant's paper is wrong. When it comes after all and is still missing, it is taken and not asked any more.
Rule 4: what nobody needs is not fetched: once the applicant has supplied it, and when the matter ends.
"""

# pyright: strict

from __future__ import annotations

from collections.abc import Iterable, Iterator

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.common.v1.actor_pb2 import Actor, ActorRole, Level
from onematter.contracts.aggregate import NO_EFFECTS, Context, Effects, Outgoing
from onematter.exchange.v1.exchange_commands_pb2 import ExchangeCommand, Want
from onematter.intake.checks import facts_of
from onematter.intake.desk import Decider, Desk, Evolver, HeardSharing, Hearer, Reactor, SharingHearer, Timer
from onematter.intake.items import SYSTEM, find, item_of, unshared_of
from onematter.intake.v1.intake_events_pb2 import MatterAccepted, MatterEvent, MatterOutcome, SharingFailure
from onematter.intake.v1.intake_state_pb2 import ItemState, ItemStatus, MatterState, MatterStatus
from onematter.law.catalogue import MatterType
from onematter.law.needs import needed
from onematter.law.rules import Facts

_RUNNING = MatterStatus.MATTER_STATUS_RUNNING
_IN_HAND = frozenset({ItemStatus.ITEM_STATUS_SENT, ItemStatus.ITEM_STATUS_OPEN})
_TAKEN_BACK = frozenset({MatterOutcome.MATTER_OUTCOME_WITHDRAWN, MatterOutcome.MATTER_OUTCOME_VOIDED})
_CONCLUDED = ItemStatus.ITEM_STATUS_CONCLUDED


def _topic(desk: Desk) -> str | None:
    """The commands topic of the exchange; None where the topics table has none."""
    for deployment in desk.table.deployments.values():
        if deployment.service == "exchange":
            return desk.table.commands_topic(deployment.name)
    return None


def mark_fetched(accepted: MatterAccepted, desk: Desk, matter_type: MatterType) -> None:
    """Note in `accepted` what of the held materials is fetched."""
    if not accepted.held_materials or _topic(desk) is None:
        return
    fetched = {want.material_id for want in _wants(matter_type, accepted)}
    if fetched:
        for held in accepted.held_materials:
            held.fetched = held.material_id in fetched


def _wants(matter_type: MatterType, accepted: MatterAccepted) -> Iterator[Want]:
    """What is to be fetched: all that is shared, for the items that a person will decide, and is not here already."""
    facts = facts_of(accepted.application)
    by_person: dict[str, bool] = {}
    for need in needed(matter_type, facts):
        if need.source != "shared":
            continue
        users = [item_id for item_id in need.item_ids if _needs_a_person(matter_type, item_id, facts, by_person)]
        material = need.material
        if not users or any(one.material_id == material.material_id for one in accepted.application.materials):
            continue
        yield Want(
            material_id=material.material_id,
            source=material.share_source or "",
            certificate_type=material.certificate or "",
            # An item of each division has an id of its own.
            item_ids=[one.item_id for one in accepted.items if one.item_id.partition("@")[0] in users],
            media_types=material.media_types,
            max_bytes=material.max_bytes,
        )


def _needs_a_person(matter_type: MatterType, item_id: str, facts: Facts, known: dict[str, bool]) -> bool:
    rule = matter_type.item(item_id).rule
    if rule is None:
        return True
    # Items often have one rule in common, and to ask it is what costs here.
    found = known.get(rule.text)
    if found is None:
        found = known[rule.text] = not rule.holds(facts)
    return found


def _react_accepted(desk: Desk, state: MatterState, event: MatterEvent) -> Effects:
    accepted = event.matter_accepted
    if not state.fetched_materials:
        return NO_EFFECTS
    topic = _topic(desk)
    if topic is None:
        return NO_EFFECTS
    matter_type = desk.matter_type(state)
    command = _command(event.matter_id)
    resolve = command.resolve_materials
    resolve.matter_number = state.matter_number
    resolve.matter_code = state.matter_code
    resolve.catalogue_version = state.catalogue_version
    resolve.division = accepted.division
    resolve.wants.extend(_wants(matter_type, accepted))
    resolve.parties.extend(accepted.application.parties)
    resolve.personal_data.CopyFrom(accepted.application.personal_data)
    resolve.requester.CopyFrom(_requester(matter_type, accepted.division))
    return Effects((Outgoing(topic, command),))


def _requester(matter_type: MatterType, division: str) -> Actor:
    """On whose behalf it is asked: the department that leads the matter."""
    return Actor(
        principal=SYSTEM.principal,
        role=ActorRole.ACTOR_ROLE_SYSTEM,
        level=Level.Name(matter_type.lead_level),
        division=division,
        department=matter_type.lead_department,
    )


def _command(matter_id: str) -> ExchangeCommand:
    command = ExchangeCommand(matter_id=matter_id)
    command.actor.CopyFrom(SYSTEM)
    return command


def _stop(desk: Desk, matter_id: str, material_ids: Iterable[str] = ()) -> Effects:
    topic = _topic(desk)
    if topic is None:
        return NO_EFFECTS
    command = _command(matter_id)
    command.stop_resolving.SetInParent()
    command.stop_resolving.material_ids.extend(material_ids)
    return Effects((Outgoing(topic, command),))


def _react_ended(desk: Desk, state: MatterState, event: MatterEvent) -> Effects:
    return _stop(desk, event.matter_id) if state.fetched_materials else NO_EFFECTS


def _react_completed(desk: Desk, state: MatterState, event: MatterEvent) -> Effects:
    # When a matter is taken back or voided, that has stopped it already.
    return NO_EFFECTS if state.outcome in _TAKEN_BACK else _react_ended(desk, state, event)


def _react_supplied(desk: Desk, state: MatterState, event: MatterEvent) -> Effects:
    if not state.instead_materials:
        return NO_EFFECTS
    supplied = event.materials_supplied.materials
    here = [one.material_id for one in supplied if one.material_id in state.instead_materials]
    return _stop(desk, event.matter_id, here) if here else NO_EFFECTS


def material_resolved(
    desk: Desk,  # noqa: ARG001
    state: MatterState,
    heard: HeardSharing,
    context: Context,  # noqa: ARG001
) -> MatterEvent | None:
    """What a department holds has come; None when no item needs it any more, or the applicant has supplied it."""
    resolved = heard.event.material_resolved
    material = resolved.material
    users = _running(state, resolved.item_ids)
    # What was told as not shared stands there until the applicant supplies it, and is missing again when it was wrong.
    supplied = resolved.late and not _is_missing(state, material.material_id)
    if not users or supplied:
        return None
    event = MatterEvent()
    event.actor.CopyFrom(heard.event.actor)
    told = event.materials_resolved
    told.materials.add().CopyFrom(material)
    told.source = resolved.source
    told.told_items.extend(one.item.item_id for one in users if one.status in _IN_HAND)
    return event


def sharing_refused(
    desk: Desk,
    state: MatterState,
    heard: HeardSharing,
    context: Context,  # noqa: ARG001
) -> MatterEvent | None:
    """A department does not share what it holds."""
    refused = heard.event.sharing_refused
    failure = SharingFailure.SHARING_FAILURE_REFUSED
    return _failed(desk, state, heard, refused.material_id, refused.source, refused.item_ids, failure, refused.reason)


def sharing_failed(
    desk: Desk,
    state: MatterState,
    heard: HeardSharing,
    context: Context,  # noqa: ARG001
) -> MatterEvent | None:
    """What a department holds did not come in time."""
    failed = heard.event.sharing_failed
    return _failed(
        desk, state, heard, failed.material_id, failed.source, failed.item_ids, failed.failure, failed.reason
    )


def _failed(
    desk: Desk,
    state: MatterState,
    heard: HeardSharing,
    material_id: str,
    source: str,
    item_ids: Iterable[str],
    failure: SharingFailure,
    reason: str,
) -> MatterEvent | None:
    users = _running(state, item_ids)
    if not users or material_id in state.unshared_materials or material_id in state.instead_materials:
        return None
    event = MatterEvent()
    event.actor.CopyFrom(heard.event.actor)
    told = event.sharing_failed
    told.source = source
    told.material_ids.append(material_id)
    told.failure = failure
    told.reason = reason
    told.told_items.extend(one.item.item_id for one in users if one.status in _IN_HAND)
    if any(one.required for one in desk.matter_type(state).materials if one.material_id == material_id):
        told.asked_items.extend(one.item.item_id for one in users)
    return event


def _is_missing(state: MatterState, material_id: str) -> bool:
    return material_id in state.unshared_materials or any(material_id in one.missing for one in state.items)


def _running(state: MatterState, item_ids: Iterable[str]) -> list[ItemState]:
    """Of these items, those that are not at their end; none when the matter is not running."""
    if state.status != _RUNNING:
        return []
    found = [find(state, item_id) for item_id in item_ids]
    return [one for one in found if one is not None and one.status != _CONCLUDED]


def _evolve_accepted(state: MatterState, event: MatterEvent) -> None:
    state.fetched_materials.extend(one.material_id for one in event.matter_accepted.held_materials if one.fetched)


def _evolve_resolved(state: MatterState, event: MatterEvent) -> None:
    for material in event.materials_resolved.materials:
        material_id = material.material_id
        if material_id in state.unshared_materials and material_id in state.missing:
            _count_asked(state, -1)
        for kept in (
            state.missing,
            state.fetched_materials,
            state.unshared_materials,
            state.instead_materials,
            *(one.missing for one in state.items),
        ):
            if material_id in kept:
                kept.remove(material_id)
        if state.HasField("application"):
            given = state.application.materials
            left = [one for one in given if one.material_id != material_id]
            del given[:]
            given.extend([*left, material])


def _evolve_failed(state: MatterState, event: MatterEvent) -> None:
    failed = event.sharing_failed
    for material_id in failed.material_ids:
        state.unshared_materials.append(material_id)
        if not failed.asked_items:
            continue
        _count_asked(state, 1)
        if material_id not in state.missing:
            state.missing.append(material_id)
        for item_id in failed.asked_items:
            item = find(state, item_id)
            if item is not None and material_id not in item.missing:
                item.missing.append(material_id)


def _count_asked(state: MatterState, more: int) -> None:
    """Count a held material as asked of the applicant after all, or no more."""
    state.materials_asked += more
    state.materials_held = max(0, state.materials_held - more)


def _react_resolved(desk: Desk, state: MatterState, event: MatterEvent) -> Effects:  # noqa: ARG001
    resolved = event.materials_resolved
    commands: list[Outgoing] = []
    for item_id in resolved.told_items:
        item = find(state, item_id)
        assert item is not None, "an event of an item that this matter does not have"
        command = ApprovalCommand(matter_id=event.matter_id, item_id=item_id)
        command.actor.CopyFrom(SYSTEM)
        command.supply_task.materials.extend(resolved.materials)
        command.supply_task.source = resolved.source
        commands.append(Outgoing(item.item.commands_topic, command))
    return Effects(tuple(commands)) if commands else NO_EFFECTS


def _react_failed(desk: Desk, state: MatterState, event: MatterEvent) -> Effects:
    failed = event.sharing_failed
    matter_type = desk.matter_type(state)
    commands: list[Outgoing] = []
    for item_id in failed.told_items:
        item = item_of(state, item_id)
        command = ApprovalCommand(matter_id=event.matter_id, actor=SYSTEM, item_id=item_id)
        unshared = unshared_of(state, item, matter_type)
        command.note_unshared.materials.extend(one for one in unshared if one.material_id in failed.material_ids)
        commands.append(Outgoing(item.item.commands_topic, command))
    return Effects(tuple(commands)) if commands else NO_EFFECTS


DECIDE: dict[str, Decider] = {}
HEAR: dict[str, Hearer] = {}
SHARED: dict[str, SharingHearer] = {
    "material_resolved": material_resolved,
    "sharing_failed": sharing_failed,
    "sharing_refused": sharing_refused,
}
TIMERS: dict[str, Timer] = {}
EVOLVE: dict[str, Evolver] = {
    "matter_accepted": _evolve_accepted,
    "materials_resolved": _evolve_resolved,
    "sharing_failed": _evolve_failed,
}
REACT: dict[str, Reactor] = {
    "matter_accepted": _react_accepted,
    "matter_completed": _react_completed,
    "matter_voided": _react_ended,
    "matter_withdrawn": _react_ended,
    "materials_resolved": _react_resolved,
    "materials_supplied": _react_supplied,
    "sharing_failed": _react_failed,
}
