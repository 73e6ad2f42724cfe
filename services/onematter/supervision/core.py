"""What supervision counts, as a fold over facts.

Three indicators, per day and per level of government: matters finished (办结), time from hand-in to result,
and visits per matter (跑动次数; a hand-in at a window and each recorded visit count, whatever they were for).

Rule 1: a matter counts once, in the day of its result (event time, the calendar day of UTC+8) and under the
level that leads it: the level of the division that handles it, whatever levels its items stand on. Withdrawn
and denied matters, and those whose acceptance was refused (不予受理), have a result too and count.
Rule 2: a visit after the result (to collect it) corrects the matter where it was counted; it opens no new
row.
Rule 3: a row belongs to one partition of the events. It names the offset through which it is folded, and a
record at or below that offset leaves it as it is. So a partition may be read again from any earlier offset.
Rule 4: of each counted matter a mark stays (level, visits). The same event told twice, at two offsets, finds
the mark.
Rule 5: a row is written before its mark. A crash between the two leaves the row, and Rule 3 completes the
step.
Rule 6: sums are whole milliseconds and counts, so that any order of adding gives the same figures.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypedDict

from onematter.common.v1.actor_pb2 import Level
from onematter.law.divisions import level_of

WINDOW_DAYS = 90
DAY_MS = 86_400_000
_UTC_8_MS = 8 * 3_600_000
_HOUR_MS = 3_600_000

# Upper bounds of the buckets in milliseconds, inclusive; one more bucket takes what lies above. From what a
# rule decides in a second to what a statute allows in months.
BUCKETS_MS: tuple[int, ...] = (
    *(50, 100, 200, 300, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000, 30_000),
    *(minutes * 60_000 for minutes in (1, 5, 15, 30)),
    *(hours * _HOUR_MS for hours in (1, 2, 4, 8, 16, 24, 36, 48, 72, 96, 120, 168, 240, 336, 480, 720, 1_080, 1_440)),
)


@dataclass(frozen=True, slots=True)
class Finished:
    """A matter has its result. `latency_ms` runs from hand-in to result, never below 0."""

    matter_id: str
    time_unix_ms: int
    level: int
    latency_ms: int
    visits: int


@dataclass(frozen=True, slots=True)
class VisitedAfterResult:
    """A visit to collect; `visits` is the matter's number of visits with this one."""

    matter_id: str
    time_unix_ms: int
    visits: int


class Row(TypedDict):
    """The figures of one partition, day and level, as they stand in the table.

    through: offset of the last record folded in. latest_unix_ms: the newest event time folded in.
    latencies: matters per bucket of BUCKETS_MS. visits: matters with none, one, and more visits.
    """

    through: int
    latest_unix_ms: int
    finished: int
    latencies: list[int]
    latency_sum_ms: int
    visits: list[int]
    visits_sum: int


# (level, visits) of a matter that is counted.
Mark = tuple[int, int]


def day_of(unix_ms: int) -> int:
    """Number of the calendar day in UTC+8, day 0 being 1970-01-01."""
    return (unix_ms + _UTC_8_MS) // DAY_MS


def leading_level(division: str) -> int:
    """Level of a handling division; LEVEL_UNSPECIFIED for what is no code: the matter still counts."""
    try:
        return int(level_of(division))
    except ValueError:
        return Level.LEVEL_UNSPECIFIED


def level_name(level: int) -> str:
    """Name of a level as the indicators spell it: `province`; `unspecified` for what is unknown here."""
    return Level.Name(level).removeprefix("LEVEL_").lower() if level in Level.values() else "unspecified"


def fold_finished(row: Row | None, mark: Mark | None, fact: Finished, offset: int) -> tuple[Row | None, Mark | None]:
    """The row and the mark to write, each None where it stays as it is (Rules 3 and 4)."""
    if mark is not None:
        return None, None
    new_mark = (fact.level, fact.visits)
    if row is not None and offset <= row["through"]:
        return None, new_mark
    new = _advanced(row, fact.time_unix_ms, offset)
    new["finished"] += 1
    new["latencies"][bisect_left(BUCKETS_MS, fact.latency_ms)] += 1
    new["latency_sum_ms"] += fact.latency_ms
    new["visits"][min(fact.visits, 2)] += 1
    new["visits_sum"] += fact.visits
    return new, new_mark


def fold_visit(row: Row | None, mark: Mark, fact: VisitedAfterResult, offset: int) -> tuple[Row | None, Mark | None]:
    """The row of the matter's own day and its mark, corrected; None where it stays as it is (Rules 2 to 4).

    The matter moves from the visits that its mark tells to those of the fact, which are one more unless a
    record between them was lost.
    """
    level, before = mark
    if fact.visits <= before:
        return None, None
    new_mark = (level, fact.visits)
    if row is not None and offset <= row["through"]:
        return None, new_mark
    new = _advanced(row, fact.time_unix_ms, offset)
    new["visits"][min(before, 2)] -= 1
    new["visits"][min(fact.visits, 2)] += 1
    new["visits_sum"] += fact.visits - before
    return new, new_mark


def _advanced(row: Row | None, time_unix_ms: int, offset: int) -> Row:
    if row is None:
        return Row(
            through=offset,
            latest_unix_ms=time_unix_ms,
            finished=0,
            latencies=[0] * (len(BUCKETS_MS) + 1),
            latency_sum_ms=0,
            visits=[0, 0, 0],
            visits_sum=0,
        )
    return Row(
        through=offset,
        latest_unix_ms=max(row["latest_unix_ms"], time_unix_ms),
        finished=row["finished"],
        latencies=row["latencies"].copy(),
        latency_sum_ms=row["latency_sum_ms"],
        visits=row["visits"].copy(),
        visits_sum=row["visits_sum"],
    )


@dataclass(frozen=True, slots=True)
class Figures:
    """The sum of rows of one level, or of all."""

    finished: int
    latencies: tuple[int, ...]
    latency_sum_ms: int
    visits: tuple[int, int, int]
    visits_sum: int


ALL = "all"
_SHOWN = (Level.LEVEL_PROVINCE, Level.LEVEL_CITY, Level.LEVEL_COUNTY, Level.LEVEL_TOWN, Level.LEVEL_VILLAGE)


def by_level(rows: Iterable[tuple[int, Row]]) -> Mapping[str, Figures]:
    """Figures per level and under `all`, from (level, row). A province's levels are there even when empty."""
    groups: dict[str, list[Row]] = {ALL: []} | {level_name(level): [] for level in _SHOWN}
    for level, row in rows:
        groups.setdefault(level_name(level), []).append(row)
        groups[ALL].append(row)
    return {name: _sum(group) for name, group in groups.items()}


def _sum(rows: list[Row]) -> Figures:
    none, once, more = (sum(row["visits"][i] for row in rows) for i in range(3))
    return Figures(
        finished=sum(row["finished"] for row in rows),
        latencies=tuple(sum(row["latencies"][i] for row in rows) for i in range(len(BUCKETS_MS) + 1)),
        latency_sum_ms=sum(row["latency_sum_ms"] for row in rows),
        visits=(none, once, more),
        visits_sum=sum(row["visits_sum"] for row in rows),
    )


def quantile_hours(latencies: tuple[int, ...], quantile: float) -> float | None:
    """Estimate a quantile in hours, linear within its bucket; the last bound for what lies above it.

    None without matters.
    """
    count = sum(latencies)
    if not count:
        return None
    rank = quantile * count
    below = 0
    for i, n in enumerate(latencies[:-1]):
        if n and below + n >= rank:
            lower = BUCKETS_MS[i - 1] if i else 0
            return (lower + (BUCKETS_MS[i] - lower) * (rank - below) / n) / _HOUR_MS
        below += n
    return BUCKETS_MS[-1] / _HOUR_MS


def as_document(figures: Figures) -> dict[str, object]:
    """Figures as `/indicators` shows them. Means and quantiles are null without matters; times are hours."""
    n = figures.finished
    none, once, more = figures.visits
    return {
        "matters_finished": n,
        "hours_to_result": {
            "mean": round(figures.latency_sum_ms / n / _HOUR_MS, 6) if n else None,
            "p50": _rounded(quantile_hours(figures.latencies, 0.50)),
            "p99": _rounded(quantile_hours(figures.latencies, 0.99)),
            "count": n,
        },
        "visits_per_matter": {
            "mean": round(figures.visits_sum / n, 6) if n else None,
            "none": none,
            "once": once,
            "more": more,
        },
    }


def _rounded(hours: float | None) -> float | None:
    return None if hours is None else round(hours, 6)
