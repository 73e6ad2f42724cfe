"""People who do anything at any time, and a log and a store that fail now and then, all from one seeded source."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tests.simulation.weather import Weather
from tests.stories import people
from tests.stories.applications import material as made_of
from tests.stories.catalogues import material
from tests.stories.officials import prepare
from tests.stories.world import Refused, World

from onematter.approval.v1.approval_state_pb2 import TaskState, TaskStatus
from onematter.backbone.ports import Unavailable
from onematter.common.v1.actor_pb2 import Channel, Rank
from onematter.common.v1.period_pb2 import SuspensionReason
from onematter.intake.v1.intake_commands_pb2 import TripCause
from onematter.intake.v1.intake_state_pb2 import MatterStatus
from onematter.law.matters import MatterType

OPEN, CLAIMED = TaskStatus.TASK_STATUS_OPEN, TaskStatus.TASK_STATUS_CLAIMED
SUSPENDED = TaskStatus.TASK_STATUS_SUSPENDED
RECEIVED, CORRECTION = MatterStatus.MATTER_STATUS_RECEIVED, MatterStatus.MATTER_STATUS_CORRECTION
MATERIALS = (
    material("form"),
    material("plan", trust_class="B"),
    material("title", trust_class="C"),
    material("report", tolerant=True),
    material("licence", share_source="market"),
)


class Gusts(Weather):
    """A log and a store that fail now and then, until they are to be calm."""

    def __init__(self, rng: random.Random) -> None:
        self.rng, self.calm = rng, False

    def _fails(self, chance: float) -> bool:
        return not self.calm and self.rng.random() < chance

    def before(self, call: str) -> None:
        """Fail before the call."""
        if self._fails(0.02 if call == "commit" else 0.004):
            raise Unavailable(call)

    def portion(self, available: int) -> int:
        """Read or deliver a part."""
        return self.rng.randint(0, available) if self._fails(0.1) else available

    def breaks(self) -> bool:
        """Lose what was sent, which is sent again."""
        return self._fails(0.02)


class Crowd:
    """What applicant, clerks and officials do, at random; nobody here looks at a service's code."""

    def __init__(self, world: World, rng: random.Random, matter_id: str, made: MatterType) -> None:
        self.world, self.rng, self.matter_id, self.made = world, rng, matter_id, made
        self.applicant, self.clerk = people.applicant(world), people.clerk(world)
        self.deeds = 0

    def act(self) -> None:
        """Somebody does something; that it is refused is an outcome like another."""
        status = self.world.state(self.matter_id).status
        with suppress(Refused):
            if status in (RECEIVED, CORRECTION):
                self._before_acceptance()
            elif self.rng.random() < 0.1:
                self._about_the_matter()
            else:
                waiting = [
                    t for t in self.world.tasks(self.matter_id).values() if t.status in (OPEN, CLAIMED, SUSPENDED)
                ]
                if waiting:
                    self._about(self.rng.choice(waiting))
        self.deeds += 1

    def _choose(self, *deeds: tuple[float, Callable[[], Any]]) -> None:
        (deed,) = self.rng.choices([one for _, one in deeds], [weight for weight, _ in deeds])
        deed()

    def _before_acceptance(self) -> None:
        matter, clerk = self.matter_id, self.clerk
        self._choose(
            (5, lambda: clerk.accept(matter)),
            (3, lambda: clerk.ask_correction(matter, **{self.rng.choice(MATERIALS).material_id: "有误"})),
            (4, self._supply),
            (0.3, lambda: clerk.refuse(matter, "不属于职权范围", competent_body="省厅")),
            (0.2, lambda: clerk.void(matter, "重复提交")),
            (0.2, lambda: self.applicant.withdraw(matter)),
            (1, self._visit),
        )

    def _about_the_matter(self) -> None:
        matter = self.matter_id
        mayor = people.government(self.world, "mayor", Rank.RANK_GOVERNMENT_HEAD)
        self._choose(
            (2, self._visit),
            (4, self._supply),
            (0.3, lambda: self.applicant.withdraw(matter)),
            (0.2, lambda: self.clerk.void(matter, "重复提交")),
            (1, lambda: mayor.extend(matter, 15, "情况复杂")),
        )

    def _about(self, task: TaskState) -> None:
        head = people.official(self.world, self.matter_id, task.item_id, "li", rank=Rank.RANK_DEPARTMENT_HEAD)
        asked = self.rng.choice(("police", "water", "fire"))
        other = people.official(self.world, self.matter_id, task.item_id, department=asked)
        material_id = self.rng.choice(MATERIALS).material_id
        self._choose(
            (2, head.claim),
            (5, head.grant),
            (0.7, head.deny),
            (0.5, head.release),
            (0.4, lambda: head.transfer(self.rng.choice(("housing", "planning")), "机构职能调整")),
            (0.6, lambda: head.ask_correction(**{material_id: "有误"})),
            (1, self._supply),
            (0.6, lambda: head.begin_special(SuspensionReason.SUSPENSION_REASON_TESTING, 5, "检测")),
            (1.5, lambda: head.end_special("已完成")),
            (0.4, lambda: head.extend(5, "情况复杂")),
            (0.4, lambda: head.ask_opinions("是否同意", asked)),
            (0.8, other.consent),
            (0.2, lambda: other.veto("不同意")),
            (0.8, lambda: head.visit_site(passed=self.rng.random() < 0.8, attended=self.rng.random() < 0.5)),
            (0.5, lambda: head.verify(kept=self.rng.random() < 0.5, finding="核查")),
        )

    def _supply(self) -> None:
        found = self.rng.sample(MATERIALS, self.rng.choice((1, 1, 2)))
        channel = self.rng.choice((Channel.CHANNEL_WEB, Channel.CHANNEL_WINDOW))
        self.applicant.supply(self.matter_id, *(made_of(one, str(self.deeds)) for one in found), channel=channel)

    def _visit(self) -> None:
        cause = self.rng.choice((TripCause.TRIP_CAUSE_UNSPECIFIED, TripCause.TRIP_CAUSE_APPLICANT_WISH))
        self.clerk.visit(self.matter_id, cause, "来访")

    def decide(self, world: World, matter_id: str, task: TaskState) -> None:
        """At last: grant where that may be, and deny where not."""
        official = people.official(world, matter_id, task.item_id, "li")
        try:
            prepare(world, matter_id, task, "li")
            official.grant()
        except Refused:
            with suppress(Refused):
                official.deny()
