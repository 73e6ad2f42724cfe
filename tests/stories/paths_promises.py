"""Stories of what an applicant promises: materials that follow (容缺受理), and conditions that are met (告知承诺)."""

from __future__ import annotations

import pytest
from tests.stories import people
from tests.stories.applications import application_for, material
from tests.stories.officials import finish
from tests.stories.paths import PLAIN, PLEDGED, REPORT, story
from tests.stories.paths_acceptance import outcome
from tests.stories.paths_tasks import TESTING, hand_in, item_outcomes, task_status
from tests.stories.world import Refused, World


@story
def tolerant_acceptance(world: World) -> str:
    """Accepted without the report (容缺受理), which comes in time."""
    application = application_for(world.catalogue.get(PLAIN), without=("report",))
    matter = people.applicant(world).submit(PLAIN, application, promised=["report"])
    officer = people.official(world, matter, "02").claim()
    with pytest.raises(Refused, match="MATERIAL_OUTSTANDING"):
        officer.grant()
    world.advance(working_days=3)
    people.applicant(world).supply(matter, material(REPORT))
    assert not world.task(matter, "02").outstanding_materials
    officer.grant()
    finish(world, matter)
    return matter


@story
def tolerant_acceptance_of_an_open_task(world: World) -> str:
    """The same, before anybody has signed for it."""
    application = application_for(world.catalogue.get(PLAIN), without=("report",))
    matter = people.applicant(world).submit(PLAIN, application, promised=["report"])
    people.applicant(world).supply(matter, material(REPORT))
    finish(world, matter)
    return matter


@story
def promised_material_never_comes(world: World) -> str:
    """The time for it passes: a fact; the department decides on what is there."""
    application = application_for(world.catalogue.get(PLAIN), without=("report",))
    matter = people.applicant(world).submit(PLAIN, application, promised=["report"])
    people.official(world, matter, "02", "li").claim()
    world.advance(working_days=11)
    assert world.task(matter, "02").supplement_overdue
    people.official(world, matter, "02", "li").deny("逾期未补齐检测报告")
    finish(world, matter)
    assert outcome(world, matter) == "PARTLY_DENIED"
    return matter


@story
def promised_material_of_an_open_task_never_comes(world: World) -> str:
    """Nobody has signed for it either."""
    application = application_for(world.catalogue.get(PLAIN), without=("report",))
    matter = people.applicant(world).submit(PLAIN, application, promised=["report"])
    world.advance(working_days=11)
    assert (task_status(world, matter, "02"), world.task(matter, "02").supplement_overdue) == ("OPEN", True)
    people.applicant(world).supply(matter, material(REPORT))
    finish(world, matter)
    return matter


@story
def promised_material_is_late_during_a_procedure(world: World) -> str:
    """The time for it passes all the same while the item's own clock stands still."""
    application = application_for(world.catalogue.get(PLAIN), without=("report",))
    matter = people.applicant(world).submit(PLAIN, application, promised=["report"])
    officer = people.official(world, matter, "02")
    officer.begin_special(TESTING, 20, "委托水质检测")
    world.advance(working_days=11)
    assert world.task(matter, "02").supplement_overdue
    officer.end_special("水质合格")
    finish(world, matter)
    return matter


@story
def pledge_kept(world: World) -> str:
    """Granted on the applicant's pledge; verified afterwards, and kept."""
    matter = hand_in(world, PLEDGED, pledged=["01"])
    official = people.official(world, matter, "01")
    official.grant("凭告知承诺准予")
    assert world.task(matter, "01").decided.pledged
    finish(world, matter)
    world.advance(days=40)
    official.verify(kept=True, finding="现场与承诺一致")
    with pytest.raises(Refused, match="PLEDGE_VERIFIED"):
        official.verify(kept=True, finding="再次核查")
    return matter


@story
def pledge_broken(world: World) -> str:
    """Verified after the one result, and not kept: the grant is revoked, and that goes on record."""
    matter = hand_in(world, PLEDGED, pledged=["01"])
    official = people.official(world, matter, "01")
    official.grant("凭告知承诺准予")
    finish(world, matter)
    world.advance(days=40)
    official.verify(kept=False, finding="场所不存在")
    assert task_status(world, matter, "01") == "REVOKED"
    assert world.state(matter).items[0].revoked
    with pytest.raises(Refused):
        official.grant()
    return matter


@story
def pledge_broken_while_the_matter_runs(world: World) -> str:
    """Verified before the other item is decided."""
    matter = hand_in(world, PLEDGED, pledged=["01"])
    official = people.official(world, matter, "01")
    official.grant("凭告知承诺准予")
    world.advance(days=5)
    official.verify(kept=False, finding="场所不存在")
    finish(world, matter)
    assert item_outcomes(world, matter) == {"01": "REVOKED", "02": "GRANTED"}
    return matter
