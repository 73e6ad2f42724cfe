"""Housekeeping: when it looks, what it finds, and what it passes over."""

from __future__ import annotations

from tests.simulation.database import Database
from tests.simulation.memory import MemoryStore
from tests.simulation.weather import Weather

from onematter.backbone.due import Due, Housekeeping
from onematter.backbone.step import TimerRow

NOW = 1_796_000_000_000
LATE = TimerRow(0, "m", "reminder", 1, NOW - 5)


class Asked(Weather):
    """Calm, and keeps what the store was asked."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def before(self, call: str) -> None:
        """As the weather does."""
        self.calls.append(call)


def a_housekeeping(*timers: TimerRow) -> tuple[Housekeeping, Database, Asked]:
    database, weather = Database(), Asked()
    for timer in timers:
        database.tables.timers[timer.matter_id, timer.name] = (timer.lane, timer.version, timer.due_unix_ms)
    store = MemoryStore(database, weather)
    return Housekeeping(store, limit=10, every_ms=200, postpone_ms=60_000), database, weather


def test_what_is_due_is_found_once_in_a_while() -> None:
    housekeeping, _, weather = a_housekeeping(LATE, TimerRow(0, "m", "later", 1, NOW + 1), TimerRow(1, "n", "a", 1, 5))
    assert housekeeping.look([0], NOW) == Due(timers=[LATE])
    asked = len(weather.calls)
    assert asked
    assert housekeeping.look([0], NOW + 199) == Due()
    assert len(weather.calls) == asked, "it is not time yet"
    assert housekeeping.look([0], NOW + 200).timers == [LATE, TimerRow(0, "m", "later", 1, NOW + 1)]


def test_it_looks_again_at_once_when_told_to_hurry_and_when_the_clock_was_set_back() -> None:
    housekeeping, database, _ = a_housekeeping()
    assert housekeeping.look([0], NOW) == Due()
    database.tables.timers["m", "reminder"] = (0, 1, NOW - 3_600_000)
    housekeeping.hurry()
    assert housekeeping.look([0], NOW + 1)
    assert housekeeping.look([0], NOW - 3_600_000), "or timers would stand still for an hour"


def test_without_lanes_nothing_is_asked() -> None:
    housekeeping, _, weather = a_housekeeping(LATE)
    assert housekeeping.look([], NOW) == Due()
    assert weather.calls == []


def test_a_timer_that_failed_is_passed_over_for_a_while_and_another_version_of_it_is_not() -> None:
    housekeeping, database, _ = a_housekeeping(LATE)
    assert housekeeping.look([0], NOW).timers == [LATE]
    housekeeping.postpone(LATE, NOW)
    assert not housekeeping.look([0], NOW + 59_999)
    assert housekeeping.look([0], NOW + 60_199).timers == [LATE]

    housekeeping.postpone(LATE, NOW + 60_199)
    database.tables.timers["m", "reminder"] = (0, 2, NOW)
    assert housekeeping.look([0], NOW + 60_399).timers == [TimerRow(0, "m", "reminder", 2, NOW)]


def test_a_timer_that_was_dealt_with_is_put_off_no_longer() -> None:
    housekeeping, _, _ = a_housekeeping(LATE)
    housekeeping.postpone(LATE, NOW)
    housekeeping.settle(LATE)
    assert housekeeping.look([0], NOW).timers == [LATE]
