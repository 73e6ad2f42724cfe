"""Supervision's fold: figures, redelivery, corrections, estimates."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from onematter.common.v1.actor_pb2 import Level
from onematter.supervision.core import (
    BUCKETS_MS,
    Finished,
    Mark,
    Row,
    VisitedAfterResult,
    as_document,
    by_level,
    day_of,
    fold_finished,
    fold_visit,
    leading_level,
    level_name,
    quantile_hours,
)

HOUR_MS = 3_600_000
T = 1_767_225_600_000  # 2026-01-01T00:00:00Z
CITY = Level.LEVEL_CITY

Fact = Finished | VisitedAfterResult


def finished(matter: str, *, hours: float = 1, visits: int = 0) -> Finished:
    return Finished(matter, T, CITY, int(hours * HOUR_MS), visits)


class OneDay:
    """One partition, day and level, with the writes in the order in which the changelog gets them."""

    def __init__(self) -> None:
        self.row: Row | None = None
        self.marks: dict[str, Mark] = {}
        self.writes: list[tuple[str, Row | Mark]] = []

    def take_in(self, fact: Fact, offset: int) -> None:
        mark = self.marks.get(fact.matter_id)
        if isinstance(fact, Finished):
            row, new_mark = fold_finished(self.row, mark, fact, offset)
        elif mark is not None:
            row, new_mark = fold_visit(self.row, mark, fact, offset)
        else:
            return
        if row is not None:
            self.row = row
            self.writes.append(("", row))
        if new_mark is not None:
            self.marks[fact.matter_id] = new_mark
            self.writes.append((fact.matter_id, new_mark))

    def read(self, log: Iterable[tuple[int, Fact]]) -> OneDay:
        for offset, fact in log:
            self.take_in(fact, offset)
        return self

    @classmethod
    def recovered(cls, writes: Iterable[tuple[str, Row | Mark]]) -> OneDay:
        day = cls()
        for key, value in writes:
            if isinstance(value, tuple):
                day.marks[key] = value
            else:
                day.row = value
        return day

    def document(self) -> dict[str, object]:
        return as_document(by_level([(CITY, self.row)] if self.row else [])["city"])


LOG: list[tuple[int, Fact]] = [
    (3, finished("a", hours=2, visits=1)),
    (4, finished("b", hours=10)),
    (5, finished("a", hours=2, visits=1)),  # told twice
    (7, VisitedAfterResult("b", T + 1, 1)),
    (8, VisitedAfterResult("a", T + 2, 2)),
    (9, VisitedAfterResult("b", T + 1, 1)),  # told twice
    (10, finished("c", hours=0.5)),
    (11, VisitedAfterResult("a", T + 3, 3)),
    (12, VisitedAfterResult("a", T + 2, 2)),  # told twice, after a later one
]


def test_figures_of_a_day() -> None:
    document = OneDay().read(LOG).document()

    assert document["matters_finished"] == 3
    assert document["visits_per_matter"] == {"mean": 1.333333, "none": 1, "once": 1, "more": 1}
    hours = document["hours_to_result"]
    assert isinstance(hours, dict)
    assert hours["mean"] == 4.166667
    assert hours["count"] == 3


def test_every_crash_point_and_every_replay_gives_the_same_figures() -> None:
    whole = OneDay().read(LOG)
    for kept in range(len(whole.writes) + 1):
        prefix = OneDay.recovered(whole.writes[:kept])
        through = prefix.row["through"] if prefix.row else 0
        for start in range(through + 1):
            again = OneDay.recovered(whole.writes[:kept]).read((o, f) for o, f in LOG if o >= start)
            assert (again.row, again.marks) == (whole.row, whole.marks), f"{kept} writes kept, read from {start}"


def test_a_visit_after_the_result_moves_the_matter_and_keeps_the_rest() -> None:
    day = OneDay().read([(0, finished("a", visits=0)), (1, finished("b", visits=1))])
    before = day.row
    day.take_in(VisitedAfterResult("a", T + 5, 1), 2)

    assert before is not None
    assert before["visits"] == [1, 1, 0]
    assert day.row is not None
    assert day.row["visits"] == [0, 2, 0]
    assert day.row["visits_sum"] == 2
    assert day.row["finished"] == 2
    assert day.row["latest_unix_ms"] == T + 5


def test_a_lost_visit_between_is_made_up_for() -> None:
    day = OneDay().read([(0, finished("a", visits=0)), (1, VisitedAfterResult("a", T, 3))])

    assert day.row is not None
    assert day.row["visits"] == [0, 0, 1]
    assert day.row["visits_sum"] == 3
    assert day.marks["a"] == (CITY, 3)


@pytest.mark.parametrize(
    ("division", "level"),
    [
        ("330000", "province"),
        ("330100", "city"),
        ("330106", "county"),
        ("330106001", "town"),
        ("330106001001", "village"),
        ("000000", "national"),
        ("", "unspecified"),
        ("33", "unspecified"),
    ],
)
def test_the_handling_division_leads(division: str, level: str) -> None:
    assert level_name(leading_level(division)) == level


def test_levels_are_there_when_empty_and_all_is_their_sum() -> None:
    row, _ = fold_finished(None, None, finished("a", visits=2), 0)
    assert row is not None
    levels = by_level([(Level.LEVEL_CITY, row), (Level.LEVEL_PROVINCE, row), (Level.LEVEL_CITY, row), (0, row)])

    assert {name: figures.finished for name, figures in levels.items()} == {
        "all": 4,
        "province": 1,
        "city": 2,
        "county": 0,
        "town": 0,
        "village": 0,
        "unspecified": 1,
    }
    assert levels["all"].visits_sum == 8
    assert as_document(levels["town"]) == {
        "matters_finished": 0,
        "hours_to_result": {"mean": None, "p50": None, "p99": None, "count": 0},
        "visits_per_matter": {"mean": None, "none": 0, "once": 0, "more": 0},
    }


def test_the_day_turns_at_midnight_of_utc_8() -> None:
    midnight = T - 8 * HOUR_MS
    assert day_of(midnight) == day_of(midnight - 1) + 1
    assert day_of(midnight) == day_of(midnight + 24 * HOUR_MS - 1)
    assert day_of(0) == 0


def test_quantiles_lie_in_the_bucket_of_the_value() -> None:
    day = OneDay().read((i, finished(str(i), hours=1 + i / 100)) for i in range(100))
    assert day.row is not None
    latencies = tuple(day.row["latencies"])

    p50, p99 = quantile_hours(latencies, 0.5), quantile_hours(latencies, 0.99)
    assert p50 is not None
    assert p99 is not None
    assert 1 < p50 < p99 <= 2
    assert p50 == pytest.approx(1.5, abs=0.02)


def test_a_bound_belongs_to_its_bucket_and_what_lies_above_tells_the_last_bound() -> None:
    day = OneDay().read([(0, Finished("a", T, CITY, BUCKETS_MS[3], 0)), (1, Finished("b", T, CITY, 10**12, 0))])
    assert day.row is not None
    assert day.row["latencies"][3] == 1
    assert day.row["latencies"][-1] == 1
    assert quantile_hours(tuple(day.row["latencies"]), 0.99) == 1440
