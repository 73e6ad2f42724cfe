"""Accountable time: the parts are the whole, whatever happens side by side, and what is booked stays booked."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from onematter.backbone.catalogue_files import load_calendar
from onematter.law.accounting import (
    APPLICANT,
    MINUTE_MS,
    OFFICE_HOURS,
    Handover,
    Office,
    Owner,
    SpecialProcedure,
    account,
    working_ms,
)
from onematter.law.calendar import legal_date
from onematter.law.divisions import Level

CALENDAR = load_calendar()
# 2026-09-24 00:00 China time: a Thursday, before the days off of Mid-Autumn Festival; Sunday 20th was made up.
ORIGIN = 1_790_179_200_000
DAY_MS = 86_400_000
OFFICES = [Office(Level(level), f"33010{level}", f"department_{level}") for level in (2, 3, 4)]
OWNERS: list[Owner | None] = [*OFFICES, APPLICANT, SpecialProcedure("testing"), SpecialProcedure("hearing"), None]


@st.composite
def handovers(draw: st.DrawFn, unit_ms: int, longest: int) -> tuple[list[Handover], int]:
    """A receipt and up to twelve handovers, and an end behind them; instants are multiples of `unit_ms`."""
    gaps = st.integers(0, longest)
    now = ORIGIN - 5 * DAY_MS + draw(gaps) * unit_ms
    facts = [Handover(now, "", draw(st.sampled_from(OFFICES)))]
    for _ in range(draw(st.integers(0, 12))):
        now += draw(gaps) * unit_ms
        item_id = draw(st.sampled_from(["", "01", "02", "03"]))
        owner = draw(st.sampled_from(OWNERS[:-1] if not item_id else OWNERS))
        until = draw(st.one_of(st.none(), st.integers(1, 4).map(lambda days: ORIGIN + days * DAY_MS)))
        facts.append(Handover(now, item_id, owner, until))
    return facts, now + draw(gaps) * unit_ms


@given(handovers(1, 40_000_000))
def test_the_parts_are_the_whole(told: tuple[list[Handover], int]) -> None:
    facts, end = told
    found = account(facts, end, CALENDAR)
    whole = working_ms(facts[0].at_unix_ms, end, CALENDAR, OFFICE_HOURS) // MINUTE_MS
    assert sum(found.by_owner().values()) == sum(entry.minutes for entry in found.entries) == found.minutes == whole
    assert all(entry.minutes >= 0 for entry in found.entries)
    edges = [facts[0].at_unix_ms, *(entry.end_unix_ms for entry in found.entries)]
    assert [entry.start_unix_ms for entry in found.entries] == edges[:-1]
    assert edges[-1] == end


@given(handovers(1, 40_000_000), st.integers(0, 12))
def test_what_is_booked_stays_booked(told: tuple[list[Handover], int], kept: int) -> None:
    facts, end = told
    early = facts[: kept + 1]
    until = facts[kept + 1].at_unix_ms if kept + 1 < len(facts) else end
    before, after = account(early, until, CALENDAR), account(facts, end, CALENDAR)
    for one, other in zip(before.entries[:-1], after.entries, strict=False):
        assert one == other
    if before.entries:
        last = after.entries[len(before.entries) - 1]
        assert last[:3] == before.entries[-1][:3]
        assert last.end_unix_ms >= before.entries[-1].end_unix_ms


def owner_at(facts: list[Handover], instant: int) -> Owner:
    """Whose the time is, by the rules read aloud."""
    holders: dict[str, tuple[Owner, float]] = {}
    for fact in facts:
        if fact.at_unix_ms > instant:
            break
        if fact.owner is None:
            holders.pop(fact.item_id, None)
            continue
        known = holders.get(fact.item_id, (fact.owner, float("inf")))[1]
        until = known if fact.legal_deadline_unix_ms is None else fact.legal_deadline_unix_ms
        holders[fact.item_id] = (fact.owner, until)
    items = sorted(((until, item_id) for item_id, (_, until) in holders.items() if item_id))
    offices = [item_id for _, item_id in items if isinstance(holders[item_id][0], Office)]
    chosen = offices or [item_id for _, item_id in items] or [""]
    return holders[chosen[0]][0]


@settings(max_examples=40)
@given(handovers(MINUTE_MS, 600))
def test_it_agrees_with_a_walk_minute_by_minute(told: tuple[list[Handover], int]) -> None:
    facts, end = told
    expected: dict[Owner, int] = {}
    for instant in range(facts[0].at_unix_ms, end, MINUTE_MS):
        of_day = (instant + 8 * 3_600_000) % DAY_MS // MINUTE_MS
        is_open = 540 <= of_day < 720 or 780 <= of_day < 1020
        if is_open and CALENDAR.is_working_day(legal_date(instant)):
            owner = owner_at(facts, instant)
            expected[owner] = expected.get(owner, 0) + 1
    found = {owner: minutes for owner, minutes in account(facts, end, CALENDAR).by_owner().items() if minutes}
    assert found == expected
