"""People who do anything at any time, and a log and a store that fail now and then, as hypothesis has drawn it.

Rule 1: nothing here is random: a deed is a few drawn numbers, read by a Dice, and a fault a drawn number of calls after
the one before. So a failure shrinks to the fewest deeds and faults, and a number 0 is the simplest that there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

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

T = TypeVar("T")

OPEN, CLAIMED = TaskStatus.TASK_STATUS_OPEN, TaskStatus.TASK_STATUS_CLAIMED
SUSPENDED = TaskStatus.TASK_STATUS_SUSPENDED
RECEIVED, CORRECTION = MatterStatus.MATTER_STATUS_RECEIVED, MatterStatus.MATTER_STATUS_CORRECTION
SIDES = 1_000
MATERIALS = (
    material("form"),
    material("plan", trust_class="B"),
    material("title", trust_class="C"),
    material("report", tolerant=True),
    material("licence", share_source="market"),
)


class Dice:
    """Drawn numbers below SIDES, read one after the other; 0 when none is left."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self._numbers = iter(numbers)

    def next(self) -> int:
        """The next number."""
        return next(self._numbers, 0)

    def chance(self, chance: float) -> bool:
        """Whether what has this chance happens; not for 0."""
        return self.next() >= SIDES * (1 - chance)

    def choice(self, options: Sequence[T]) -> T:
        """One of them; the first for 0."""
        return options[self.next() % len(options)]

    def weighted(self, *options: tuple[float, T]) -> T:
        """One of them, each by its weight; the first for 0."""
        left = self.next() / SIDES * sum(weight for weight, _ in options)
        for weight, option in options:
            left -= weight
            if left < 0:
                return option
        return options[-1][1]


class Strikes:
    """Which calls of a kind are struck: the first after so many others, and so on, until all are used."""

    def __init__(self, gaps: Iterable[int]) -> None:
        self._gaps = iter(gaps)
        self._left = next(self._gaps, None)

    def struck(self) -> bool:
        """Whether this call is."""
        if self._left is None:
            return False
        if self._left:
            self._left -= 1
            return False
        self._left = next(self._gaps, None)
        return True


class Gusts(Weather):
    """A log and a store that fail where they are struck, until they are to be calm."""

    def __init__(self, fails: Iterable[int], parts: Iterable[int], breaks: Iterable[int]) -> None:
        self._fails, self._parts, self._breaks = Strikes(fails), Strikes(parts), Strikes(breaks)
        self.calm = False

    def before(self, call: str) -> None:
        """Fail before the call."""
        if not self.calm and self._fails.struck():
            raise Unavailable(call)

    def portion(self, available: int) -> int:
        """Read or deliver a part."""
        return available // 2 if not self.calm and self._parts.struck() else available

    def breaks(self) -> bool:
        """Lose what was sent, which is sent again."""
        return not self.calm and self._breaks.struck()


class Crowd:
    """What applicant, clerks and officials do, as drawn; nobody here looks at a service's code."""

    def __init__(self, world: World, matter_id: str, made: MatterType) -> None:
        self.world, self.matter_id, self.made = world, matter_id, made
        self.applicant, self.clerk = people.applicant(world), people.clerk(world)
        self.deeds = 0

    def act(self, dice: Dice) -> None:
        """Somebody does something; that it is refused is an outcome like another."""
        status = self.world.state(self.matter_id).status
        with suppress(Refused):
            if status in (RECEIVED, CORRECTION):
                self._before_acceptance(dice)
            elif dice.chance(0.1):
                self._about_the_matter(dice)
            else:
                tasks = self.world.tasks(self.matter_id).values()
                pledged = [t for t in tasks if t.decided.pledged and not t.HasField("pledge_verified")]
                waiting = [t for t in tasks if t.status in (OPEN, CLAIMED, SUSPENDED)]
                if pledged and (not waiting or dice.chance(0.3)):
                    official = people.official(self.world, self.matter_id, dice.choice(pledged).item_id, "li")
                    official.verify(kept=not dice.chance(0.7), finding="核查")
                elif waiting:
                    self._about(dice.choice(waiting), dice)
        self.deeds += 1

    def _before_acceptance(self, dice: Dice) -> None:
        matter, clerk = self.matter_id, self.clerk
        self._do(
            dice,
            (5, lambda: clerk.accept(matter)),
            (3, lambda: clerk.ask_correction(matter, **{dice.choice(MATERIALS).material_id: "有误"})),
            (4, lambda: self._supply(dice)),
            (0.3, lambda: clerk.refuse(matter, "不属于职权范围", competent_body="省厅")),
            (0.2, lambda: clerk.void(matter, "重复提交")),
            (0.2, lambda: self.applicant.withdraw(matter)),
            (1, lambda: self._visit(dice)),
        )

    def _about_the_matter(self, dice: Dice) -> None:
        matter = self.matter_id
        mayor = people.government(self.world, "mayor", Rank.RANK_GOVERNMENT_HEAD)
        self._do(
            dice,
            (2, lambda: self._visit(dice)),
            (4, lambda: self._supply(dice)),
            (0.3, lambda: self.applicant.withdraw(matter)),
            (0.2, lambda: self.clerk.void(matter, "重复提交")),
            (1, lambda: mayor.extend(matter, 15, "情况复杂")),
        )

    def _about(self, task: TaskState, dice: Dice) -> None:
        head = people.official(self.world, self.matter_id, task.item_id, "li", rank=Rank.RANK_DEPARTMENT_HEAD)
        asked = dice.choice(("police", "water", "fire"))
        other = people.official(self.world, self.matter_id, task.item_id, department=asked)
        self._do(
            dice,
            (5, head.grant),
            (2, head.claim),
            (0.7, head.deny),
            (0.5, head.release),
            (0.4, lambda: head.transfer(dice.choice(("housing", "planning")), "机构职能调整")),
            (0.6, lambda: head.ask_correction(**{dice.choice(MATERIALS).material_id: "有误"})),
            (0.3, head.lift),
            (1, lambda: self._supply(dice)),
            (0.6, lambda: head.begin_special(SuspensionReason.SUSPENSION_REASON_TESTING, 5, "检测")),
            (1.5, lambda: head.end_special("已完成")),
            (0.4, lambda: head.extend(5, "情况复杂")),
            (0.4, lambda: head.ask_opinions("是否同意", asked)),
            (0.8, other.consent),
            (0.2, lambda: other.veto("不同意")),
            (0.8, lambda: head.visit_site(passed=not dice.chance(0.2), attended=dice.chance(0.5))),
        )

    def _do(self, dice: Dice, *deeds: tuple[float, Callable[[], Any]]) -> None:
        dice.weighted(*deeds)()

    def _supply(self, dice: Dice) -> None:
        first = dice.choice(MATERIALS)
        found = [first, dice.choice(MATERIALS)] if dice.chance(0.3) else [first]
        channel = dice.choice((Channel.CHANNEL_WEB, Channel.CHANNEL_WINDOW))
        materials = {one.material_id: made_of(one, str(self.deeds)) for one in found}
        self.applicant.supply(self.matter_id, *materials.values(), channel=channel)

    def _visit(self, dice: Dice) -> None:
        cause = dice.choice((TripCause.TRIP_CAUSE_APPLICANT_WISH, TripCause.TRIP_CAUSE_UNSPECIFIED))
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
