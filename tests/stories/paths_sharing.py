"""Stories of what the government holds: shared, not shared, shared late, and papers that stand in its place."""

from __future__ import annotations

import pytest
from tests.stories import people
from tests.stories.applications import material_of
from tests.stories.folding import each
from tests.stories.officials import finish
from tests.stories.paths import SHARED, story
from tests.stories.paths_acceptance import outcome
from tests.stories.paths_tasks import TESTING, hand_in, task_status
from tests.stories.world import Refused, World


@story
def held_by_the_government(world: World) -> str:
    """The licence is shared and not asked for; asking for it is refused and on record."""
    matter = hand_in(world, SHARED)
    market = people.official(world, matter, "01").claim()
    with pytest.raises(Refused, match="MATERIAL_HELD_BY_GOVERNMENT"):
        market.ask_correction(licence="请提交营业执照")
    finish(world, matter)
    (resolved,) = each(world, matter, "materials_resolved")
    assert (resolved.source, list(resolved.told_items)) == ("market", ["01", "02"])
    return matter


@story
def a_department_refuses_to_share(world: World) -> str:
    """It is booked on that department; the matter goes on, and the applicant is asked once."""
    world.platform.ways["market"] = "refused"
    matter = hand_in(world, SHARED)
    assert list(world.state(matter).unshared_materials) == ["licence"]
    licence = material_of(world.catalogue.get(SHARED), "licence")
    people.applicant(world).supply(matter, licence)
    assert not world.state(matter).missing
    finish(world, matter)
    return matter


@story
def a_department_is_away(world: World) -> str:
    """The exchange calls again and again for half a minute; then the applicant is asked."""
    world.platform.ways["market"] = "away"
    matter = hand_in(world, SHARED)
    assert not world.state(matter).unshared_materials
    world.advance(minutes=1)
    (failed,) = each(world, matter, "sharing_failed")
    assert (failed.source, list(failed.told_items)) == ("market", ["01", "02"])
    finish(world, matter)
    return matter


@story
def a_department_is_away_while_others_are_at_work(world: World) -> str:
    """One has signed for its item, another's stands still for a test; both learn what is missing before a grant."""
    world.platform.ways["market"] = "away"
    matter = hand_in(world, SHARED)
    with world.asleep("exchange"):
        market = people.official(world, matter, "01").claim()
        fire = people.official(world, matter, "02")
        fire.begin_special(TESTING, 5, "委托检测")
    world.advance(minutes=1)
    with pytest.raises(Refused, match="MATERIAL_NOT_SHARED"):
        market.grant()
    people.applicant(world).supply(matter, material_of(world.catalogue.get(SHARED), "licence"))
    market.grant()
    fire.end_special("合格")
    finish(world, matter)
    return matter


@story
def the_paper_in_its_place_is_wrong(world: World) -> str:
    """Not shared, so the applicant is asked; what comes has expired, and this alone of what is held is asked again."""
    world.platform.ways["market"] = "refused"
    matter = hand_in(world, SHARED)
    market = people.official(world, matter, "01").claim()
    with pytest.raises(Refused, match="MATERIAL_NOT_SHARED"):
        market.grant()
    licence = material_of(world.catalogue.get(SHARED), "licence")
    applicant = people.applicant(world)
    applicant.supply(matter, licence)
    market.ask_correction(licence="营业执照已过期")
    assert task_status(world, matter, "01") == "SUSPENDED"
    assert list(world.state(matter).items[0].missing) == ["licence"]
    applicant.supply(matter, material_of(world.catalogue.get(SHARED), "licence", "换发"))
    market.grant()
    finish(world, matter)
    assert outcome(world, matter) == "GRANTED"
    return matter


@story
def announced_for_later_and_supplied_meanwhile(world: World) -> str:
    """The department announces it for the next day; the applicant is faster, and nobody asks the department again."""
    world.platform.ways["market"] = "tomorrow"
    matter = hand_in(world, SHARED)
    world.advance(minutes=1)
    people.applicant(world).supply(matter, material_of(world.catalogue.get(SHARED), "licence"))
    world.advance(days=2)
    assert not list(each(world, matter, "materials_resolved"))
    assert not list(world.platform.calls(world.members["exchange"]))
    finish(world, matter)
    return matter


@story
def a_department_answers_late(world: World) -> str:
    """It checks first, and shares ten seconds later; nobody was asked."""
    world.platform.ways["market"] = "delayed"
    matter = hand_in(world, SHARED)
    world.advance(minutes=1)
    assert [one.source for one in each(world, matter, "materials_resolved")] == ["market"]
    finish(world, matter)
    return matter
