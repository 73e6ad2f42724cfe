"""Random matters in the whole deployment: any graph of items up to 40, any deeds in any order, a log that delivers
twice and a store that fails; all of it drawn by hypothesis, so that a failure shrinks.

Whatever happens: every matter ends; no item opens before the certificates that it needs are there, nor after they were
taken away; accountable time sums up; nobody comes twice without a recorded cause; the events alone make the state.

ONEMATTER_RANDOM_CATALOGUES is the number of matters to try, 150 when it is absent.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.stories import people
from tests.stories.applications import application_for
from tests.stories.applications import material as made_of
from tests.stories.catalogues import catalogue, flag, item, matter_type, rule
from tests.stories.coverage import Lawful, lawful
from tests.stories.crowd import MATERIALS, SIDES, Crowd, Dice, Gusts, Strikes
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
LEVELS = (Level.COUNTY, Level.CITY, Level.PROVINCE, Level.TOWN)
SUSPENDED = TaskStatus.TASK_STATUS_SUSPENDED
COMPLETED = MatterStatus.MATTER_STATUS_COMPLETED
GRANT = Decision.DECISION_GRANT
GRANTED, REVOKED = ItemOutcome.ITEM_OUTCOME_GRANTED, ItemOutcome.ITEM_OUTCOME_REVOKED
LAWFUL = frozenset(lawful())

SIDE = st.integers(0, SIDES - 1)


class Node(NamedTuple):
    """An item as drawn: what of the items before it it needs, and the dice for its fields."""

    needs: list[int]
    dice: tuple[int, ...]


NODES = st.builds(Node, st.lists(st.integers(0, MAX_ITEMS - 1), max_size=3), st.tuples(*[SIDE] * 12))


class Deed(NamedTuple):
    """Something that somebody does after so many hours; the dice say who and what."""

    hours: int
    dice: tuple[int, ...]


DEEDS = st.builds(Deed, st.sampled_from((0, 1, 5, 30, 200)), st.tuples(*[SIDE] * 7))


class Faults(NamedTuple):
    """Which calls fail, are done in part, lose what they sent, and are written twice: gaps between one and the next."""

    fails: list[int]
    parts: list[int]
    breaks: list[int]
    again: list[int]
    settled: list[bool]


def gaps(most: int, count: int) -> st.SearchStrategy[list[int]]:
    """At most so many gaps, each at most so long."""
    return st.lists(st.integers(0, most), max_size=count)


FAULTS = st.builds(Faults, gaps(300, 12), gaps(20, 30), gaps(80, 8), gaps(20, 20), st.lists(st.booleans(), max_size=8))


class Drawn(NamedTuple):
    """A matter, the applicant's situation and wishes, and all that people do and that the log suffers."""

    matter_type: MatterType
    facts: Mapping[str, FactValue]
    wishes: tuple[int, ...]
    deeds: list[Deed]
    faults: Faults

    def __repr__(self) -> str:
        items = ", ".join(
            f"{one.item_id}<-{[*one.needs_certificates, *one.depends_on]}" for one in self.matter_type.items
        )
        return f"Drawn({items}; {self.facts}; wishes {self.wishes}; {self.deeds}; {self.faults})"


@st.composite
def drawn(draw: st.DrawFn) -> Drawn:
    """Items need certificates of items anywhere in the catalogue's order, but never in a circle. Of two alternatives
    the first is for a situation and the second for all others; both make the same certificate.
    """
    nodes = draw(st.lists(NODES, min_size=1, max_size=8) | st.lists(NODES, min_size=9, max_size=MAX_ITEMS))
    order = draw(st.permutations(range(1, MAX_ITEMS + 1)))
    left = [f"{number:02}" for number in order]
    items: dict[str, ItemType] = {}
    for node in nodes:
        if not left:
            break
        _add(items, node, left)
    fields = Dice(draw(st.tuples(*[SIDE] * 3)))
    made = matter_type(
        [items[one] for one in sorted(items)],
        [flag(key) for key in (*CHOICES, SIMPLE)],
        code="OM-99",
        acceptance=fields.choice(("rule", "rule", "window")),
        joint=fields.chance(0.3),
        promised_days=fields.choice((None, 15, 60)),
    )
    facts = {key: draw(st.booleans()) for key in (*CHOICES, SIMPLE)}
    deeds = draw(st.lists(DEEDS, max_size=10) | st.lists(DEEDS, min_size=11, max_size=80))
    return Drawn(made, facts, draw(st.tuples(*[SIDE] * 16)), deeds, draw(FAULTS))


def _add(items: dict[str, ItemType], node: Node, left: list[str]) -> None:
    """Add the item, or the two alternatives, that a node stands for; their ids are taken from `left`."""
    dice, before, item_id = Dice(node.dice), list(items), left.pop(0)
    needs = list(dict.fromkeys(before[one % len(before)] for one in node.needs)) if before else []
    used = {one.material_id: one for one in (dice.choice(MATERIALS), dice.choice(MATERIALS))}
    common: dict[str, Any] = {
        # Some wait for the certificate, some for the item itself.
        "needs_certificates": tuple(f"c{one}" for one in needs if int(one) % 3),
        "depends_on": tuple(one for one in needs if not int(one) % 3),
        "produces_certificates": (f"c{item_id}",),
        "rule": rule(f"facts.{SIMPLE}") if dice.chance(0.3) else None,
        "denial": "matter" if dice.chance(0.1) else "dependents",
        "promised_days": dice.choice((10, 0, 1, 5, 20)),
        "materials": tuple(used.values())[: dice.choice((1, 0, 1, 2))],
        "pledge": dice.chance(0.4),
        "joint_visit_group": "site" if dice.chance(0.15) else None,
        "opinions": OpinionRule(("police", "water"), 1, True) if dice.chance(0.15) else None,
    }
    when = rule(f"facts.{dice.choice(CHOICES)}") if before and dice.chance(0.3) else None
    group = f"either-{item_id}" if when is not None and left and dice.chance(0.5) else None
    for one in (item_id, left.pop(0)) if group else (item_id,):
        items[one] = item(
            one,
            LEVELS[int(one) % len(LEVELS)],
            ("planning", "water", "fire")[int(one) % 5 % 3],
            when=when if one == item_id else None,
            optional=when is not None and group is None,
            alternative_group=group,
            **common,
        )


def run(found: Drawn) -> tuple[World, str]:
    """Hand in, let people act for a while in bad weather, and then come to an end in calm one."""
    wishes, faults = Dice(found.wishes), found.faults
    gusts = Gusts(faults.fails, faults.parts, faults.breaks)
    again, settled = Strikes(faults.again), iter(faults.settled)
    world = World(catalogue(found.matter_type), weather=lambda: gusts, chance=again.struck, lenient=True)
    world.commits = lambda: next(settled, False)
    world.platform.ways["market"] = wishes.choice(("found", "refused", "away", "delayed", "tomorrow", "not_found"))
    needs = needed(found.matter_type, found.facts)
    late = [one.material.material_id for one in needs if one.source == "later" and wishes.chance(0.5)]
    delivery = wishes.choice((DeliveryWay.DELIVERY_WAY_UNSPECIFIED, DeliveryWay.DELIVERY_WAY_COUNTER))
    channel = wishes.choice((Channel.CHANNEL_WEB, Channel.CHANNEL_WINDOW))
    signs = wishes.chance(0.5)
    pledged = [one for one in applying(found) if found.matter_type.item(one).pledge and not wishes.chance(0.5)]
    matter_id = people.applicant(world).submit(
        "OM-99",
        application_for(found.matter_type, found.facts, without=tuple(late)),
        channel=channel,
        promised=late,
        pledged=pledged,
        delivery=delivery,
    )
    crowd = Crowd(world, matter_id, found.matter_type)
    for deed in found.deeds:
        world.advance(hours=deed.hours)
        if world.state(matter_id).status == COMPLETED:
            break
        crowd.act(Dice(deed.dice))
    gusts.calm = True
    come_to_an_end(world, matter_id, crowd)
    if signs:
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


# To explain a failure takes minutes here, to make it smaller some seconds; `print_blob` tells how to have it again.
PHASES = (Phase.explicit, Phase.generate, Phase.shrink)


@pytest.mark.timeout(0 if EXAMPLES > 150 else 300)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=PHASES,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(drawn().filter(applying))
def test_whatever_happens_a_matter_ends_as_it_should(found: Drawn) -> None:
    world, matter_id = run(found)
    assert world.state(matter_id).status == COMPLETED
    if world.state(matter_id).accepted_day:
        check_results(world, matter_id)
    check_tokens(world, matter_id, found.matter_type)
    check_unshared(world, matter_id)
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
    """Each item has the end that its department told, or that it took back while the matter ran; one that never opened
    was granted by nobody.
    """
    told = [one for one in world.events(matter_id) if one.kind in ("task_decided", "task_recalled")]
    decisions = {one.event.item_id: one.event.task_decided.decision for one in told if one.kind == "task_decided"}
    recalled = {one.event.item_id for one in told if one.kind == "task_recalled"}
    (completed,) = each(world, matter_id, "matter_completed")
    assert len(completed.results) == len(world.state(matter_id).items)
    revoked = taken_away(world, matter_id)
    for result in completed.results:
        decision = decisions.get(result.item_id)
        assert (result.outcome == REVOKED) == (result.item_id in revoked), result.item_id
        assert (result.outcome in (GRANTED, REVOKED)) == (decision == GRANT), result.item_id
        assert (result.outcome == ItemOutcome.ITEM_OUTCOME_DENIED) == (decision == Decision.DECISION_DENY)
        lapsed = result.outcome == ItemOutcome.ITEM_OUTCOME_LAPSED
        assert lapsed == (decision is None and result.item_id not in recalled), result.item_id


def taken_away(world: World, matter_id: str) -> set[str]:
    """The items whose grant was revoked before the matter's result."""
    kinds = [one for one in world.events(matter_id, ("intake",)) if one.kind in ("item_revoked", "matter_completed")]
    end = next(place for place, one in enumerate(kinds) if one.kind == "matter_completed")
    return {one.event.item_revoked.item_id for one in kinds[:end]}


def check_tokens(world: World, matter_id: str, made: MatterType) -> None:
    """No department has an item in hand before the certificates and items that it waits for are granted, and none is
    asked for once one of these was revoked.
    """
    planned = {one.item.item_id for one in world.state(matter_id).items}

    def needs_of(item_id: str) -> set[str]:
        needs = made.item(item_id)
        makers = {one.item_id for one in made.items if set(one.produces_certificates) & set(needs.needs_certificates)}
        return (makers | set(needs.depends_on)) & planned

    granted: set[str] = set()
    revoked: set[str] = set()
    for told in world.events(matter_id):
        event = getattr(told.event, told.kind)
        if told.kind in ("task_opened", "task_decided"):
            assert needs_of(told.event.item_id) <= granted, f"{told.event.item_id} opened too early"
        if told.kind == "task_decided" and event.decision == GRANT:
            granted.add(told.event.item_id)
        if told.kind == "item_revoked":
            revoked.add(event.item_id)
        if told.kind in ("matter_accepted", "item_concluded"):
            for item_id in event.opened_items:
                assert not needs_of(item_id) & revoked, f"{item_id} opened on what was taken away"


def check_unshared(world: World, matter_id: str) -> None:
    """What its holder did not share is waited for until it is here, and no grant but on a pledge does without."""
    for task in world.tasks(matter_id).values():
        awaited = {one.material_id for one in task.unshared_materials if one.awaited}
        assert not awaited & {one.material_id for one in task.supplied}, f"{task.item_id} waits for what is here"
        if task.decided.decision == GRANT and not task.decided.pledged:
            assert not awaited, f"{task.item_id} is granted without {awaited}"


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
