"""Random matters in the whole deployment: any graph of items up to 40, any decisions in any order, a log that delivers
twice and a store that fails.

Whatever happens: every matter ends; no item opens before the certificates that it needs are there; accountable time
sums up; nobody comes twice without a recorded cause; the events alone make the state.

ONEMATTER_RANDOM_CATALOGUES is the number of matters to try, 150 when it is absent.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.stories import people
from tests.stories.applications import application_for
from tests.stories.applications import material as made_of
from tests.stories.catalogues import catalogue, flag, item, matter_type, rule
from tests.stories.coverage import Lawful, lawful
from tests.stories.crowd import MATERIALS, Crowd, Gusts
from tests.stories.folding import check_replay, each, folded
from tests.stories.officials import finish
from tests.stories.world import MINUTE_MS, Refused, World

from onematter.approval.v1.approval_commands_pb2 import Decision
from onematter.approval.v1.approval_state_pb2 import TaskStatus
from onematter.archive.accounting import account, handovers_of
from onematter.client.verification import verify
from onematter.common.v1.actor_pb2 import Channel
from onematter.contracts.times import unix_ms
from onematter.intake.v1.intake_commands_pb2 import DeliveryWay
from onematter.intake.v1.intake_events_pb2 import ItemOutcome
from onematter.intake.v1.intake_state_pb2 import MatterStatus
from onematter.law.accounting import OFFICE_HOURS, working_ms
from onematter.law.divisions import Level
from onematter.law.matters import ItemType, MatterType, OpinionRule
from onematter.law.needs import needed
from onematter.law.planning import applicable
from onematter.law.rules import FactValue

EXAMPLES = int(os.environ.get("ONEMATTER_RANDOM_CATALOGUES", "150"))
MAX_ITEMS = 40
CHOICES = ("chosen_1", "chosen_2", "chosen_3")
SIMPLE = "simple"
LEVELS = (Level.PROVINCE, Level.CITY, Level.COUNTY, Level.TOWN)
SUSPENDED = TaskStatus.TASK_STATUS_SUSPENDED
COMPLETED = MatterStatus.MATTER_STATUS_COMPLETED
LAWFUL = frozenset(lawful())


@dataclass(frozen=True, repr=False)
class Drawn:
    """A matter, the applicant's situation, and the seed of all that people do and that the log suffers."""

    matter_type: MatterType
    facts: Mapping[str, FactValue]
    seed: int

    def __repr__(self) -> str:
        items = ", ".join(
            f"{one.item_id}<-{[*one.needs_certificates, *one.depends_on]}" for one in self.matter_type.items
        )
        return f"Drawn({items}; {self.facts}; seed {self.seed})"


@st.composite
def drawn(draw: st.DrawFn) -> Drawn:
    """Items need certificates of items anywhere in the catalogue's order, but never in a circle. Of two alternatives
    the first is for a situation and the second for all others; both make the same certificate.
    """
    count = draw(st.integers(1, 8) | st.integers(1, MAX_ITEMS))
    shape = random.Random(draw(st.integers(0, 2**32)))
    left = [f"{number:02}" for number in range(1, count + 1)]
    shape.shuffle(left)
    items: dict[str, ItemType] = {}
    while left:
        item_id, before = left.pop(), list(items)
        needed = shape.sample(before, min(len(before), shape.choice((0, 0, 1, 1, 2, 3))))
        common: dict[str, Any] = {
            # Some wait for the certificate, some for the item itself.
            "needs_certificates": tuple(f"c{one}" for one in needed if int(one) % 3),
            "depends_on": tuple(one for one in needed if not int(one) % 3),
            "produces_certificates": (f"c{item_id}",),
            "rule": rule(f"facts.{SIMPLE}") if shape.random() < 0.3 else None,
            "denial": "matter" if shape.random() < 0.1 else "dependents",
            "promised_days": shape.choice((0, 1, 5, 10, 20)),
            "materials": tuple(shape.sample(MATERIALS, shape.choice((0, 1, 1, 2)))),
            "pledge": shape.random() < 0.2,
            "joint_visit_group": "site" if shape.random() < 0.15 else None,
            "opinions": OpinionRule(("police", "water"), 1, shape.random() < 0.5) if shape.random() < 0.15 else None,
        }
        when = rule(f"facts.{shape.choice(CHOICES)}") if before and shape.random() < 0.3 else None
        group = f"either-{item_id}" if when is not None and left and shape.random() < 0.5 else None
        for one in (item_id, left.pop()) if group else (item_id,):
            items[one] = item(
                one,
                shape.choice(LEVELS),
                shape.choice(("planning", "water", "fire")),
                when=when if one == item_id else None,
                optional=when is not None and group is None,
                alternative_group=group,
                **common,
            )
    made = matter_type(
        [items[one] for one in sorted(items)],
        [flag(key) for key in (*CHOICES, SIMPLE)],
        code="OM-99",
        acceptance=shape.choice(("rule", "rule", "window")),
        joint=shape.random() < 0.3,
        promised_days=shape.choice((None, 15, 60)),
    )
    facts = {key: draw(st.booleans()) for key in (*CHOICES, SIMPLE)}
    return Drawn(made, facts, draw(st.integers(0, 2**32)))


def run(found: Drawn) -> tuple[World, str]:
    """Hand in, let people act for a while in bad weather, and then come to an end in calm one."""
    rng = random.Random(found.seed)
    gusts: list[Gusts] = []

    def weather() -> Gusts:
        gusts.append(Gusts(rng))
        return gusts[-1]

    world = World(catalogue(found.matter_type), weather=weather, chance=lambda: rng.random() < 0.1, lenient=True)
    world.platform.ways["market"] = rng.choice(("found", "refused", "away", "delayed", "not_found"))
    needs = needed(found.matter_type, found.facts)
    late = [one.material.material_id for one in needs if one.source == "later" and rng.random() < 0.5]
    matter_id = people.applicant(world).submit(
        "OM-99",
        application_for(found.matter_type, found.facts, without=tuple(late)),
        channel=rng.choice((Channel.CHANNEL_WEB, Channel.CHANNEL_WINDOW)),
        promised=late,
        pledged=[one for one in applying(found) if found.matter_type.item(one).pledge and rng.random() < 0.5],
        delivery=rng.choice((DeliveryWay.DELIVERY_WAY_UNSPECIFIED, DeliveryWay.DELIVERY_WAY_COUNTER)),
    )
    crowd = Crowd(world, rng, matter_id, found.matter_type)
    for _ in range(rng.choice((0, 5, 3 * len(found.matter_type.items)))):
        world.advance(hours=rng.choice((0, 1, 5, 30, 200)))
        if world.state(matter_id).status == COMPLETED:
            break
        crowd.act()
    for gust in gusts:
        gust.calm = True
    come_to_an_end(world, matter_id, crowd)
    if rng.random() < 0.5:
        with suppress(Refused):
            crowd.clerk.deliver(matter_id, DeliveryWay.DELIVERY_WAY_COUNTER, "签名")
    return world, matter_id


def come_to_an_end(world: World, matter_id: str, crowd: Crowd) -> None:
    """Everything that was begun is ended, and every item decided."""
    for task in world.tasks(matter_id).values():
        if task.status == SUSPENDED and task.HasField("special_procedure"):
            people.official(world, matter_id, task.item_id, "li").end_special("已完成")
    for one in crowd.made.materials:
        with suppress(Refused):
            crowd.applicant.supply(matter_id, made_of(one, "最后"))
    try:
        finish(world, matter_id, crowd.decide)
    except AssertionError:
        raise AssertionError(told_where(world, matter_id)) from None


def applying(found: Drawn) -> list[str]:
    """The items that the situation has."""
    flags = applicable(found.matter_type, found.facts)
    return [one.item_id for one, applies in zip(found.matter_type.items, flags, strict=True) if applies]


# To make a failure smaller, or to explain it, takes minutes here; `print_blob` tells how to have it again.
PHASES = (Phase.explicit, Phase.generate)


@pytest.mark.timeout(0 if EXAMPLES > 150 else 300)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=PHASES,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(drawn().filter(applying))
def test_whatever_happens_a_matter_ends_as_it_should(found: Drawn) -> None:
    world, matter_id = run(found)
    assert world.state(matter_id).status == COMPLETED
    if world.state(matter_id).accepted_day:
        check_results(world, matter_id)
    check_tokens(world, matter_id, found.matter_type)
    check_time(world, matter_id)
    check_trips(world, matter_id)
    check_replay(world, matter_id)
    check_lawful(world, matter_id)
    receipt = world.receipt(matter_id)
    assert receipt is not None, "the matter is not sealed"
    assert verify(world.case_file(matter_id), receipt).difference is None


def told_where(world: World, matter_id: str) -> str:
    """Where a matter is that did not end."""
    items = [(one.item.item_id, one.status, one.result.outcome) for one in world.state(matter_id).items]
    tasks = [(task.item_id, task.status) for task in world.tasks(matter_id).values()]
    return f"the matter did not end; items {items}, tasks {tasks}"


def check_results(world: World, matter_id: str) -> None:
    """Each item has the end that its department told; one that never opened was granted by nobody."""
    decisions = {
        told.event.item_id: told.event.task_decided.decision
        for told in world.events(matter_id)
        if told.kind == "task_decided"
    }
    recalled = {told.event.item_id for told in world.events(matter_id) if told.kind == "task_recalled"}
    (completed,) = each(world, matter_id, "matter_completed")
    assert len(completed.results) == len(world.state(matter_id).items)
    for result in completed.results:
        decision = decisions.get(result.item_id)
        granted = result.outcome == ItemOutcome.ITEM_OUTCOME_GRANTED
        assert granted == (decision == Decision.DECISION_GRANT), result.item_id
        assert (result.outcome == ItemOutcome.ITEM_OUTCOME_DENIED) == (decision == Decision.DECISION_DENY)
        lapsed = result.outcome == ItemOutcome.ITEM_OUTCOME_LAPSED
        assert lapsed == (decision is None and result.item_id not in recalled), result.item_id


def check_tokens(world: World, matter_id: str, made: MatterType) -> None:
    """No department has an item in hand before the certificates and items that it waits for are granted."""
    planned = {one.item.item_id for one in world.state(matter_id).items}
    makers = {
        token: {one.item_id for one in made.items if token in one.produces_certificates} & planned
        for one in made.items
        for token in one.needs_certificates
    }
    granted: set[str] = set()
    for told in world.events(matter_id):
        if told.kind in ("task_opened", "task_decided"):
            needs = made.item(told.event.item_id)
            for token in needs.needs_certificates:
                assert makers[token] <= granted, f"{needs.item_id} opened before {token}"
            assert set(needs.depends_on) & planned <= granted, f"{needs.item_id} opened before {needs.depends_on}"
        if told.kind == "task_decided" and told.event.task_decided.decision == Decision.DECISION_GRANT:
            granted.add(told.event.item_id)


def check_time(world: World, matter_id: str) -> None:
    """Every working minute from receipt to result has exactly one owner."""
    records = world.case_file(matter_id).records
    found = account(records, world.table, world.calendar, world.now_unix_ms)
    handovers, ended = handovers_of(records, world.table)
    assert found is not None
    assert ended is not None
    start = unix_ms(world.state(matter_id).handed_in)
    assert handovers[0].at_unix_ms == start
    assert found.minutes == working_ms(start, ended, world.calendar, OFFICE_HOURS) // MINUTE_MS
    assert sum(found.by_owner().values()) == sum(entry.minutes for entry in found.entries) == found.minutes


def check_trips(world: World, matter_id: str) -> None:
    """Every trip has its cause on record, and the second one is never without."""
    state = world.state(matter_id)
    assert state.visits == len(state.trips)
    assert all(trip.cause for trip in state.trips[1:]), "a second trip without a cause"
    for ended in (*each(world, matter_id, "matter_completed"), *each(world, matter_id, "acceptance_refused")):
        assert ended.visits <= state.visits


def check_lawful(world: World, matter_id: str) -> None:
    """Nothing happens in a status in which the tables of the stories' coverage do not have it."""
    for one in folded(world, matter_id)[2]:
        told = Lawful(one.of_task, one.before, one.event, one.after)
        assert one.event == "command_refused" or told in LAWFUL, f"not lawful: {told}"
