"""A matter's items: found, concluded, opened and called back.

Rule 1: nothing here decides; `fold` and the modules that it merges use it on a state of their own.
Rule 2: the application, the only place of personal data, stays in the state until the matter is accepted, and then no
longer than an item waits that will be opened with it.
"""

# pyright: strict

from __future__ import annotations

from collections.abc import Iterable

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand, RecallTask, SiteVisit, UnsharedMaterial
from onematter.common.v1.actor_pb2 import Actor, ActorRole
from onematter.common.v1.application_pb2 import Application
from onematter.contracts.aggregate import Effects, Outgoing
from onematter.intake.desk import Desk
from onematter.intake.v1.intake_events_pb2 import ItemOutcome, ItemResult, ItemVisited, MatterEvent
from onematter.intake.v1.intake_state_pb2 import ItemState, ItemStatus, MatterState, MatterStatus
from onematter.law.matters import MatterType

SYSTEM = Actor(principal="intake", role=ActorRole.ACTOR_ROLE_SYSTEM)

_LAPSED = ItemOutcome.ITEM_OUTCOME_LAPSED
_WAITING = ItemStatus.ITEM_STATUS_WAITING
_CONCLUDED = ItemStatus.ITEM_STATUS_CONCLUDED
_NOT_ACCEPTED = frozenset({MatterStatus.MATTER_STATUS_RECEIVED, MatterStatus.MATTER_STATUS_CORRECTION})


def find(state: MatterState, item_id: str) -> ItemState | None:
    """Return the item, or None when the matter does not have it."""
    for one in state.items:
        if one.item.item_id == item_id:
            return one
    return None


def item_of(state: MatterState, item_id: str) -> ItemState:
    """Return the item of an own event. Raises AssertionError when the matter does not have it."""
    item = find(state, item_id)
    assert item is not None, "an event of an item that this matter does not have"
    return item


def conclude(item: ItemState, result: ItemResult) -> None:
    """Bring an item to its end, in place."""
    item.status = _CONCLUDED
    item.result.CopyFrom(result)
    item.untold = False


def lapse(state: MatterState, item_ids: Iterable[str], event: MatterEvent) -> None:
    """Bring to their end, in place, items that never opened."""
    for item_id in item_ids:
        item = item_of(state, item_id)
        item.status = _CONCLUDED
        set_lapsed(item.result, item)
        item.result.time.CopyFrom(event.time)


def set_lapsed(result: ItemResult, item: ItemState) -> None:
    """Make `result` that of an item which never opened; its time is the event's."""
    result.item_id = item.item.item_id
    result.outcome = _LAPSED
    result.department = item.item.department


def drop_application(state: MatterState) -> None:
    """Clear the application of `state`, in place, when no item needs it any more (Rule 2)."""
    if (
        state.HasField("application")
        and all(one.status != _WAITING for one in state.items)
        and state.status not in _NOT_ACCEPTED
    ):
        state.ClearField("application")


def open_tasks(
    desk: Desk,
    state: MatterState,
    application: Application,
    matter_id: str,
    item_ids: Iterable[str],
    started_day: str = "",
) -> Effects:
    """Return the commands that ask for the tasks of these items; `started_day` where periods began before today."""
    wanted = set(item_ids)
    common = ApprovalCommand(matter_id=matter_id)
    common.actor.CopyFrom(SYSTEM)
    opening = common.open_task
    opening.matter_number = state.matter_number
    opening.matter_code = state.matter_code
    opening.catalogue_version = state.catalogue_version
    opening.matter_name.CopyFrom(state.name)
    opening.application.CopyFrom(application)
    if started_day:
        opening.started_day = started_day
    outstanding = state.outstanding_materials
    unshared = bool(state.unshared_materials or state.instead_materials)
    matter_type = desk.matter_type(state) if outstanding or unshared else None
    pledged = state.pledged_items
    commands: list[Outgoing] = []
    for one in state.items:
        item = one.item
        item_id = item.item_id
        if item_id in wanted:
            command = ApprovalCommand()
            command.CopyFrom(common)
            command.item_id = item_id
            command.open_task.item.CopyFrom(item)
            if matter_type is not None:
                command.open_task.outstanding_materials.extend(used_by(item_id, matter_type, outstanding))
                command.open_task.unshared_materials.extend(unshared_of(state, one, matter_type))
            if pledged and item_id in pledged:
                command.open_task.pledged = True
            group = item.joint_visit_group
            if group:
                for visited in state.joint_visits:
                    if visited.joint_visit_group == group:
                        set_site_visit(command.open_task.site_visit, visited)
            commands.append(Outgoing(item.commands_topic, command))
    return Effects(tuple(commands))


def used_by(item_id: str, matter_type: MatterType, material_ids: Iterable[str]) -> list[str]:
    """Return which of these materials the item uses."""
    used = {one.material_id for one in matter_type.item(item_id.partition("@")[0]).materials}
    return [material_id for material_id in material_ids if material_id in used]


def unshared_of(state: MatterState, item: ItemState, matter_type: MatterType) -> list[UnsharedMaterial]:
    """Return what the item uses and its holder did not share, also where the applicant has supplied it meanwhile."""
    sources = {one.material_id: one.source for one in state.held_materials}
    unshared = [*state.unshared_materials, *state.instead_materials]
    return [
        UnsharedMaterial(
            material_id=material_id, source=sources.get(material_id, ""), awaited=material_id in item.missing
        )
        for material_id in used_by(item.item.item_id, matter_type, unshared)
    ]


def missing_of(state: MatterState) -> list[str]:
    """Return what is asked of the applicant now, each once: before acceptance, or for an item that has not ended."""
    live = [material_id for one in state.items if one.status != _CONCLUDED for material_id in one.missing]
    asked = state.missing if state.status in _NOT_ACCEPTED else [one for one in state.missing if one in live]
    return list(dict.fromkeys([*asked, *live]))


def set_site_visit(visit: SiteVisit, visited: ItemVisited) -> None:
    """Make `visit` what the matter was told of a site visit."""
    visit.day = visited.day
    visit.finding = visited.finding
    visit.passed = visited.passed
    visit.applicant_attended = visited.applicant_attended
    visit.departments.extend(visited.departments)


def recall_tasks(state: MatterState, matter_id: str, item_ids: Iterable[str]) -> Effects:
    """Return the commands that call back the tasks of these items."""
    wanted = set(item_ids)
    return Effects(
        tuple(
            Outgoing(
                one.item.commands_topic,
                ApprovalCommand(matter_id=matter_id, actor=SYSTEM, item_id=one.item.item_id, recall_task=RecallTask()),
            )
            for one in state.items
            if one.item.item_id in wanted
        )
    )
