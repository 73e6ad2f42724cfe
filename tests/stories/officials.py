"""Officials who do what a matter needs until it ends: the ones who grant everything."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from tests.stories import people
from tests.stories.applications import application_for, material_of
from tests.stories.world import World

from onematter.approval.v1.approval_commands_pb2 import OpinionPosition
from onematter.approval.v1.approval_state_pb2 import TaskState, TaskStatus
from onematter.contracts.synthetic import is_synthetic
from onematter.intake.v1.intake_state_pb2 import MatterStatus

_IN_HAND = (TaskStatus.TASK_STATUS_OPEN, TaskStatus.TASK_STATUS_CLAIMED)
_MAX_ROUNDS = 100

Deciding = Callable[[World, str, TaskState], None]


def grant(world: World, matter_id: str, task: TaskState) -> None:
    """Get what the item needs (opinions, a site visit, materials that follow) and grant it."""
    prepare(world, matter_id, task)
    people.official(world, matter_id, task.item_id).grant()


def prepare(world: World, matter_id: str, task: TaskState, principal: str = "") -> None:
    """Claim the task, and get what it needs before it can be granted."""
    item_id = task.item_id
    official = people.official(world, matter_id, item_id, principal)
    if task.status == TaskStatus.TASK_STATUS_OPEN:
        official.claim()
    for opinion in task.opinions:
        if opinion.position == OpinionPosition.OPINION_POSITION_UNSPECIFIED:
            people.official(world, matter_id, item_id, department=opinion.department).consent()
    group = next(i.item.joint_visit_group for i in world.state(matter_id).items if i.item.item_id == item_id)
    if group and not world.task(matter_id, item_id).HasField("site_visit"):
        official.visit_site()
    now = world.task(matter_id, item_id)
    missing = [*now.outstanding_materials, *(one.material_id for one in now.unshared_materials if one.awaited)]
    if missing:
        state = world.state(matter_id)
        matter_type = world.catalogue.get(state.matter_code, state.catalogue_version)
        found = [material_of(matter_type, material_id) for material_id in missing]
        people.applicant(world, state.principal).supply(matter_id, *found)


def finish(world: World, matter_id: str, decide: Deciding = grant, *, accept: bool = True) -> None:
    """Take the matter to its end: each working day at nine, everybody deals with what is in their hands by then."""
    for _ in range(_MAX_ROUNDS):
        status = world.state(matter_id).status
        if status == MatterStatus.MATTER_STATUS_COMPLETED:
            return
        world.advance(working_days=1)
        if status == MatterStatus.MATTER_STATUS_RECEIVED and accept:
            people.clerk(world).accept(matter_id)
        for item_id, task in sorted(world.tasks(matter_id).items()):
            if task.status in _IN_HAND and world.task(matter_id, item_id).status in _IN_HAND:
                decide(world, matter_id, world.task(matter_id, item_id))
    raise AssertionError(f"{matter_id} has not ended after {_MAX_ROUNDS} working days")


@cache
def granted(code: str) -> tuple[World, str]:
    """The world in which a matter of the catalogue was handed in on the web and granted, and that matter."""
    world = World()
    matter_type = world.catalogue.in_force(code, world.today)
    sender = people.operator(world) if is_synthetic(code) else people.applicant(world)
    matter_id = sender.submit(code, application_for(matter_type))
    finish(world, matter_id)
    return world, matter_id
