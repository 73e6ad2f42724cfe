"""Stories of a year whose calendar becomes official while matters run: what was provisional is worked out again."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from tests.stories import people
from tests.stories.officials import finish
from tests.stories.paths import ASKING, JOINT, WINDOW, story
from tests.stories.paths_acceptance import status
from tests.stories.paths_tasks import TESTING, hand_in
from tests.stories.world import Refused, World, shipped_calendar

from onematter.common.v1.actor_pb2 import ActorRole
from onematter.intake.v1.intake_events_pb2 import AcceptedBy
from onematter.law.calendar import WorkingCalendar


@story
def a_years_calendar_becomes_official(world: World) -> str:
    """A deadline in a year not announced is provisional; when the year is announced it is worked out again."""
    world.advance_to("2026-12-20 09:00")
    matter = hand_in(world)
    assert world.task(matter, "01").deadlines.provisional
    people.official(world, matter, "02").claim()
    announce_2027(world)
    for item in ("01", "02"):
        recompute(world, matter, item)
        assert not world.task(matter, item).deadlines.provisional
    finish(world, matter)
    return matter


@story
def a_years_calendar_becomes_official_during_a_procedure(world: World) -> str:
    """The promise had passed when the procedure began; that deadline is firm now, the legal one stands still."""
    world.advance_to("2027-01-05 09:00")
    matter = hand_in(world)
    world.advance(working_days=11)
    people.official(world, matter, "02").begin_special(TESTING, 15, "委托水质检测")
    announce_2027(world)
    recompute(world, matter, "02")
    deadlines = world.task(matter, "02").deadlines
    assert (deadlines.HasField("promised"), deadlines.HasField("legal"), deadlines.provisional) == (True, False, False)
    people.official(world, matter, "02").end_special("水质合格")
    finish(world, matter)
    return matter


@story
def a_years_calendar_becomes_official_for_a_joint_matter(world: World) -> str:
    """The matter's own time in a year not announced is provisional too; the applicant is told the new day."""
    world.advance_to("2026-12-20 09:00")
    matter = hand_in(world, JOINT)
    before = world.state(matter).deadlines
    assert (before.provisional, list(before.provisional_years)) == (True, [2027])
    with pytest.raises(Refused, match="ROLE_NOT_ALLOWED"):
        people.clerk(world).send(matter, recompute_deadlines={})
    # The notice says what was expected, but that the 4th of January is off.
    announce_2027(world, off=date(2027, 1, 4))
    for item in ("01", "02"):
        recompute(world, matter, item)
    for _ in range(2):
        people.intake(world).send(matter, recompute_deadlines={})
    after = world.state(matter).deadlines
    assert (after.provisional, list(after.provisional_years)) == (False, [])
    assert after.promised.seconds > before.promised.seconds
    assert world.kinds(matter).count("matter_deadlines_recomputed") == 1
    finish(world, matter)
    return matter


@story
def accepted_by_silence_when_the_years_calendar_is_there(world: World) -> str:
    """No calendar was loaded for the new year, so the five days had no end; with it they have one, and pass."""
    world.restart(WorkingCalendar.of(year for year in shipped_calendar().years if year.year != 2027))
    world.advance_to("2026-12-28 09:00")
    matter = hand_in(world, WINDOW)
    assert not world.state(matter).HasField("acceptance_deadline")
    world.restart(shipped_calendar())
    announce_2027(world)
    people.intake(world).send(matter, recompute_deadlines={})
    assert world.state(matter).HasField("acceptance_deadline")
    world.advance_to("2027-01-05 23:59")
    assert status(world, matter) == "RECEIVED"
    world.advance_to("2027-01-06 00:01")
    state = world.state(matter)
    assert (state.accepted_by, state.accepted_day) == (AcceptedBy.ACCEPTED_BY_SILENCE, "2026-12-28")
    finish(world, matter)
    return matter


@story
def a_years_calendar_becomes_official_while_an_opinion_is_waited_for(world: World) -> str:
    """The department's clock stands still, the seven days of whom it asked do not: these are worked out again."""
    world.advance_to("2026-12-28 09:00")
    matter = hand_in(world, ASKING)
    official = people.official(world, matter, "02").claim()
    official.ask_opinions("是否影响行洪", "environment")
    official.begin_special(TESTING, 15, "委托水质检测")
    before = world.task(matter, "02").opinions[0].deadline.seconds
    announce_2027(world, date(2027, 1, 4))
    recompute(world, matter, "02")
    (opinion,) = world.task(matter, "02").opinions
    assert (opinion.deadline.seconds > before, list(opinion.provisional_years)) == (True, [])
    people.official(world, matter, "02", department="environment").consent()
    official.end_special("水质合格")
    finish(world, matter)
    return matter


def announce_2027(world: World, off: date | None = None) -> None:
    """The year's notice is out, and every service is started anew with it; it says what was expected, and one
    day `off` more.
    """
    more = frozenset() if off is None else frozenset({off})
    years = [
        year if year.year != 2027 else replace(year, state="official", days_off=year.days_off | more)
        for year in world.calendar.years
    ]
    world.restart(WorkingCalendar.of(years))


def recompute(world: World, matter: str, item: str) -> None:
    """A system asks for the deadlines to be worked out again."""
    system = people.official(world, matter, item, "calendar", role=ActorRole.ACTOR_ROLE_SYSTEM)
    system.send(recompute_deadlines={})
