"""The demo's board counts only what one view shows."""

from __future__ import annotations

import asyncio

import pytest

from onematter.common.v1.actor_pb2 import Level
from onematter.intake.v1.intake_events_pb2 import Item, ItemOutcome, ItemResult
from onematter.intake.v1.intake_service_pb2 import MatterView
from onematter.intake.v1.intake_state_pb2 import ItemState, ItemStatus, MatterStatus
from onematter.local.demo.board import Board, Happening
from onematter.notification.v1.notification_events_pb2 import Notice
from onematter.notification.v1.notification_state_pb2 import NoticeState, NoticeStatus

MATTER = "0123456789abcdef0123456789abcdef"
PROVINCE, CITY, COUNTY = Level.LEVEL_PROVINCE, Level.LEVEL_CITY, Level.LEVEL_COUNTY
WAITING, SENT, OPEN, CONCLUDED = (
    ItemStatus.ITEM_STATUS_WAITING,
    ItemStatus.ITEM_STATUS_SENT,
    ItemStatus.ITEM_STATUS_OPEN,
    ItemStatus.ITEM_STATUS_CONCLUDED,
)


def state(item_id: str, level: Level, status: ItemStatus, *, automatic: bool = False) -> ItemState:
    made = ItemState(item=Item(item_id=item_id, level=level), status=status)
    if status == CONCLUDED:
        made.result.CopyFrom(ItemResult(item_id=item_id, outcome=ItemOutcome.ITEM_OUTCOME_GRANTED, automatic=automatic))
    return made


def view(*items: ItemState, status: MatterStatus = MatterStatus.MATTER_STATUS_RUNNING, sequence: int = 1) -> MatterView:
    made = MatterView(matter_id=MATTER, status=status, items=items)
    made.as_of.sequence = sequence
    return made


def board() -> tuple[Board, list[tuple[str, str]]]:
    told: list[tuple[str, str]] = []

    def tell(happening: Happening) -> None:
        told.append((happening.kind, happening.item.item_id if happening.item else ""))

    return Board(tell), told


def test_three_levels_count_only_when_one_view_shows_them_open() -> None:
    seen, told = board()
    seen.saw(view(state("1", PROVINCE, OPEN), state("2", CITY, OPEN), state("3", COUNTY, SENT)))
    # Each level has been open by now, but never all in one view.
    seen.saw(view(state("1", PROVINCE, CONCLUDED), state("2", CITY, OPEN), state("3", COUNTY, OPEN)))
    assert seen.together == {}
    assert ("together", "") not in told


def test_the_view_that_shows_three_levels_open_is_kept_with_its_items() -> None:
    seen, told = board()
    items = (state("1", PROVINCE, OPEN), state("2", CITY, OPEN), state("3", COUNTY, OPEN), state("4", CITY, WAITING))
    seen.saw(view(*items, sequence=7))
    seen.saw(view(*items, sequence=8))
    assert seen.together[MATTER].sequence == 7
    assert [item.item_id for item in seen.together[MATTER].items] == ["1", "2", "3"]
    assert told.count(("together", "")) == 1


def test_a_claim_by_an_official_does_not_open_an_item() -> None:
    seen, _ = board()
    for item_id, level in (("1", PROVINCE), ("2", CITY), ("3", COUNTY)):
        seen.claimed(MATTER, Item(item_id=item_id, level=level))
    seen.saw(view(state("1", PROVINCE, OPEN), state("2", CITY, OPEN), state("3", COUNTY, SENT)))
    assert seen.together == {}
    assert not seen.has_opened(MATTER, "3")


def test_each_change_is_told_once() -> None:
    seen, told = board()
    seen.saw(view(state("1", COUNTY, SENT), state("2", CITY, WAITING)))
    seen.saw(view(state("1", COUNTY, CONCLUDED, automatic=True), state("2", CITY, OPEN)))
    seen.saw(view(state("1", COUNTY, CONCLUDED, automatic=True), state("2", CITY, OPEN)))
    done = view(
        state("1", COUNTY, CONCLUDED, automatic=True),
        state("2", CITY, CONCLUDED),
        status=MatterStatus.MATTER_STATUS_COMPLETED,
    )
    seen.saw(done)
    seen.saw(done)
    assert told == [("accepted", ""), ("by rule", "1"), ("open", "2"), ("granted", "2"), ("completed", "")]
    assert seen.completed(MATTER)


@pytest.mark.parametrize(
    ("status", "automatic", "said"),
    [
        (WAITING, False, "waiting"),
        (SENT, False, "sent"),
        (OPEN, False, "open"),
        (CONCLUDED, False, "granted"),
        (CONCLUDED, True, "by rule"),
    ],
)
def test_the_status_of_an_item(status: ItemStatus, automatic: bool, said: str) -> None:
    seen, _ = board()
    assert seen.status(MATTER, state("1", CITY, status, automatic=automatic)) == said


def test_an_open_item_is_claimed_once_its_official_has_put_a_name_to_it() -> None:
    seen, _ = board()
    seen.claimed(MATTER, Item(item_id="1"))
    assert seen.status(MATTER, state("1", CITY, OPEN)) == "claimed"
    assert seen.status(MATTER, state("2", CITY, OPEN)) == "open"


def test_a_notice_counts_when_the_channel_has_taken_it() -> None:
    seen, told = board()
    late = NoticeState(notice=Notice(notice_id="n"), status=NoticeStatus.NOTICE_STATUS_DELAYED)
    seen.noticed(MATTER, {"n": late})
    assert seen.sent() == 0
    sent = NoticeState(notice=Notice(notice_id="n"), status=NoticeStatus.NOTICE_STATUS_DELIVERED)
    seen.noticed(MATTER, {"n": sent})
    seen.noticed(MATTER, {"n": sent})
    assert seen.sent() == 1
    assert told == [("notice", "")]


def test_who_waits_is_woken_by_the_view_that_makes_it_true() -> None:
    async def play() -> list[str]:
        seen, _ = board()
        order: list[str] = []

        async def official() -> None:
            await seen.until(lambda: seen.has_opened(MATTER, "1"))
            order.append("decided")

        waiting = asyncio.create_task(official())
        await asyncio.sleep(0)
        seen.saw(view(state("1", CITY, SENT)))
        for _ in range(5):
            await asyncio.sleep(0)
        order.append("sent")
        seen.saw(view(state("1", CITY, OPEN)))
        await asyncio.wait_for(waiting, 5)
        return order

    assert asyncio.run(play()) == ["sent", "decided"]
