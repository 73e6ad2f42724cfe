"""For which tasks a deployment asks itself to work the deadlines out again, and under which name."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date

from tests.unit.approval.cases import MATTER_ID, NOW, Matter, make_calendar, open_task, unix_ms

from onematter.approval import store
from onematter.approval.recomputing import commands_for, official_years
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.backbone.recomputing import PAGE_SIZE, Recomputing
from onematter.backbone.requests import malformed_request
from onematter.common.v1.actor_pb2 import ActorRole

TODAY = date(2026, 12, 11)
Row = tuple[str, str, bytes]


def row(matter: Matter, item_id: str = "02", now_unix_ms: int = unix_ms(2026, 12, 10)) -> Row:
    matter.when(open_task(item_id), now_unix_ms)
    return MATTER_ID, item_id, matter.task(item_id).SerializeToString()


def test_the_official_years_are_those_announced() -> None:
    assert official_years(make_calendar()) == {2026}


def test_a_task_that_touches_a_year_now_official_is_asked_for(matter: Matter) -> None:
    (asked,) = commands_for([row(matter)], frozenset({2026, 2027}), "approval-city", TODAY)
    assert (asked.matter_id, asked.item_id, asked.WhichOneof("command")) == (MATTER_ID, "02", "recompute_deadlines")
    assert asked.request_id == "recompute/02/2027/2026-12-11"
    assert (asked.actor.principal, asked.actor.role) == ("approval-city", ActorRole.ACTOR_ROLE_SYSTEM)


def test_a_task_whose_years_are_still_open_is_not_asked_for(matter: Matter) -> None:
    assert list(commands_for([row(matter)], frozenset({2026}), "approval-city", TODAY)) == []


def test_a_task_with_certain_deadlines_is_not_asked_for(matter: Matter) -> None:
    assert list(commands_for([row(matter, now_unix_ms=NOW)], frozenset({2026, 2027}), "c", TODAY)) == []


def test_the_same_day_has_the_same_bytes(matter: Matter) -> None:
    rows = [row(matter)]
    first, second = (
        [one.SerializeToString(deterministic=True) for one in commands_for(rows, frozenset({2027}), "c", TODAY)]
        for _ in range(2)
    )
    assert first == second
    (other,) = commands_for(rows, frozenset({2027}), "c", date(2026, 12, 12))
    assert other.SerializeToString(deterministic=True) not in first


def test_the_longest_item_has_a_name_that_the_door_takes(matter: Matter) -> None:
    (asked,) = commands_for([row(matter, "02@330106001001")], frozenset({2027, 2028}), "c", TODAY)
    assert malformed_request(asked, asked.ByteSize()) is None


class Pages:
    """The rows of a table, in pages, as the query gives them."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows
        self.asked = 0

    async def rows(self, query: str, params: Sequence[object] = ()) -> list[tuple[object, ...]]:
        assert "provisional" in query
        self.asked += 1
        matter_id, item_id, size = params
        assert isinstance(size, int)
        behind = [one for one in self._rows if (one[0], one[1]) > (matter_id, item_id)]
        return list(behind[:size])


def test_all_pages_are_asked_for_once_a_day(matter: Matter) -> None:
    _, _, task = row(matter)
    count = PAGE_SIZE * 2 + 1
    pages = Pages([(f"{number:032x}", "02", task) for number in range(count)])
    told: list[ApprovalCommand] = []

    async def ask(command: ApprovalCommand) -> None:
        told.append(command)

    recomputing = Recomputing(
        pages, store.PROVISIONAL, 2, lambda rows, day: commands_for(rows, frozenset({2027}), "approval-city", day), ask
    )

    async def run() -> list[int]:
        return [await recomputing.run(day) for day in (TODAY, TODAY, date(2026, 12, 12))]

    assert asyncio.run(run()) == [count, 0, count]
    assert len({command.matter_id for command in told}) == count
    assert pages.asked == 6
