"""Accountable time of real matters: it sums up, nobody has two shares, and the archive's door tells it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.stories import people
from tests.stories.coverage import reached
from tests.stories.paths import STORIES, small_catalogue, told
from tests.stories.paths_tasks import TESTING, hand_in
from tests.stories.world import World, instant

from onematter.archive.accounting import account, handovers_of, messages_of
from onematter.archive.servicer import ArchiveServicer
from onematter.archive.v1.archive_service_pb2 import AccountableTime, GetCaseFileRequest, Office
from onematter.backbone.clock import Clock
from onematter.common.v1.actor_pb2 import Level
from onematter.common.v1.period_pb2 import SuspensionReason
from onematter.contracts.times import unix_ms
from onematter.law.accounting import OFFICE_HOURS, working_ms
from onematter.law.calendar import WorkingCalendar

WINDOW = Office(level=Level.LEVEL_COUNTY, division="330106", department="government_services")
MINUTE_MS = 60_000


class Rows:
    """The archive's database in a world, as far as its door reads it."""

    def __init__(self, world: World) -> None:
        self.tables = world.members["archive"].tables

    async def state(self, matter_id: str) -> tuple[bytes, bytes]:
        """State and ledger."""
        return self.tables.aggregates[matter_id][1:]

    async def rows(self, _sql: str, params: Any) -> list[tuple[bytes]]:
        """The records."""
        return [(row,) for (matter_id, _), row in self.tables.records.items() if matter_id == params[0]]


class Fixed(Clock):
    """A world's clock."""

    def __init__(self, world: World) -> None:
        self.world = world

    def now_unix_ms(self) -> int:
        """Its time."""
        return self.world.now_unix_ms


def door(world: World, matter_id: str, calendar: WorkingCalendar | None = None) -> list[AccountableTime]:
    """What GetCaseFile answers; the records are there in any case."""
    servicer = ArchiveServicer(Rows(world), world.table, calendar or world.calendar, Fixed(world))  # type: ignore[arg-type]
    answer = asyncio.run(servicer.GetCaseFile(GetCaseFileRequest(matter_id=matter_id), None))  # type: ignore[arg-type]
    assert answer.case_file == world.case_file(matter_id)
    return list(answer.accountable_time)


@pytest.mark.parametrize("name", sorted(STORIES))
def test_the_time_of_every_story_sums_up(name: str) -> None:
    if name in reached().broken:
        pytest.skip("the story itself could not be told")
    world, matter_id = told(name)
    state = world.state(matter_id)
    found = account(world.case_file(matter_id).records, world.table, world.calendar, world.now_unix_ms)
    if not state.status:
        assert found is None, "a hand-in that was refused has no time"
        return
    assert found is not None
    _, ended = handovers_of(world.case_file(matter_id).records, world.table)
    assert ended is not None
    until = ended
    assert found.minutes == working_ms(unix_ms(state.handed_in), until, world.calendar, OFFICE_HOURS) // MINUTE_MS
    shares = messages_of(found)
    assert sum(share.minutes for share in shares) == found.minutes
    owners = [
        str(AccountableTime(**{one: getattr(share, one)})) for share in shares if (one := share.WhichOneof("owner"))
    ]
    assert len(owners) == len(shares) == len(set(owners)), "somebody has two shares"
    assert door(world, matter_id) == shares


def test_the_door_tells_offices_applicant_and_procedures() -> None:
    world, matter_id = told("corrected_before_acceptance")
    shares = door(world, matter_id)
    assert shares[0].office == WINDOW
    assert [share.WhichOneof("owner") for share in shares] == ["office", "applicant", "office", "office"]
    # Told on Monday at 9:02, supplied on Thursday at 9:05, and once more for a minute.
    assert [share.minutes for share in shares if share.applicant] == [3 * 420 + 3 + 1]


def test_while_it_runs_the_time_is_told_up_to_now() -> None:
    world = World(small_catalogue())
    matter_id = hand_in(world)
    for item in ("01", "02"):
        people.official(world, matter_id, item).begin_special(TESTING, 10, "委托检测")
    world.advance_to(instant("2026-03-03 10:00"))
    shares = {share.WhichOneof("owner"): share for share in door(world, matter_id)}
    assert shares["special_procedure"].special_procedure == SuspensionReason.SUSPENSION_REASON_TESTING
    # From Monday 9:03 to Tuesday 10:00.
    assert shares["special_procedure"].minutes == 417 + 60


def test_without_the_calendar_the_case_file_is_given_all_the_same() -> None:
    world, matter_id = told("corrected_before_acceptance")
    other = WorkingCalendar.of([year for year in world.calendar.years if year.year == 2025])
    assert door(world, matter_id, other) == []
