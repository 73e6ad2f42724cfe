"""Working days (工作日) of the People's Republic of China.

Rule 1: a day is a working day when the State Council's notice for its year says so: weekdays less the days
off, plus the make-up days (调休上班). There is no formula for it; each year is data.
Rule 2: a year that is not loaded is an error that names the year, never a guess; but for those who ask for an
`open_ended` calendar, to whom it is provisional.
Rule 3: a year not yet announced may be loaded as provisional; whatever counts through it says so.
Rule 4: legal days are days in China, UTC+8, all year.
Rule 5: a day that the notice moves says why, by the holiday's name and the notice's number, so that a deadline
can be explained; the count itself never looks at a name.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Literal, NamedTuple

# A name in each language, as zh-CN and en.
Names = Mapping[str, str]
CalendarState = Literal["official", "provisional"]

CHINA_OFFSET_MS = 8 * 3_600_000
DAY_MS = 86_400_000
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


class CalendarMissing(LookupError):
    """No calendar is loaded for `year`."""

    def __init__(self, year: int) -> None:
        super().__init__(
            f"calendar: no working days are known for {year}; add {year}.yaml to the calendar directory "
            "(state: provisional as long as the State Council has not announced the year)"
        )
        self.year = year


class Deadline(NamedTuple):
    """The last day of a period; `provisional` when it was counted through a year not yet announced."""

    date: date
    provisional: bool


@dataclass(frozen=True, eq=False)
class CalendarYear:
    """One year's notice. Weekends are days off by themselves; `days_off` may name them again.

    `notice` is the notice's document number (发文字号), `names` tells for which holiday a day is off or made up;
    both may be left out. Raises ValueError when a day lies in another year, is both off and made up, or a make-up
    day is no weekend day.
    """

    year: int
    state: CalendarState
    days_off: frozenset[date]
    make_up_days: frozenset[date]
    source: str
    notice: str = ""
    names: Mapping[date, Names] = field(default_factory=dict[date, Names], repr=False)
    working_ordinals: tuple[int, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for day in sorted(self.days_off | self.make_up_days):
            if day.year != self.year:
                raise ValueError(f"{day} stands in the calendar of {self.year}; move it to {day.year}.yaml")
        for day in sorted(self.make_up_days):
            if day in self.days_off:
                raise ValueError(f"{day} is both a day off and a make-up day; keep one of the two")
            if day.weekday() < 5:
                raise ValueError(f"make-up day {day} is no Saturday or Sunday; it is a working day by itself")
        first, last = date(self.year, 1, 1).toordinal(), date(self.year, 12, 31).toordinal()
        days = (date.fromordinal(ordinal) for ordinal in range(first, last + 1))
        working = tuple(
            day.toordinal()
            for day in days
            if day in self.make_up_days or (day.weekday() < 5 and day not in self.days_off)
        )
        object.__setattr__(self, "working_ordinals", working)


@dataclass(frozen=True, eq=False)
class WorkingCalendar:
    """The years that an operator has loaded. Raises ValueError when a year stands twice."""

    years: tuple[CalendarYear, ...]
    _by_year: Mapping[int, CalendarYear] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        by_year = {year.year: year for year in self.years}
        if len(by_year) != len(self.years):
            raise ValueError(f"a year stands twice in {sorted(year.year for year in self.years)}")
        object.__setattr__(self, "_by_year", by_year)

    @classmethod
    def of(cls, years: Iterable[CalendarYear]) -> WorkingCalendar:
        """Return a calendar of `years` in their order in time."""
        return cls(tuple(sorted(years, key=lambda year: year.year)))

    def is_working_day(self, day: date) -> bool:
        """Tell whether offices are open on `day`. Raises CalendarMissing."""
        ordinals = self._year(day.year).working_ordinals
        position = bisect_right(ordinals, day.toordinal())
        return position > 0 and ordinals[position - 1] == day.toordinal()

    def is_provisional(self, day: date) -> bool:
        """Tell whether the year of `day` is not announced yet. Raises CalendarMissing."""
        return self._year(day.year).state == "provisional"

    def year_of(self, day: date) -> CalendarYear:
        """Return the year of `day`, with its notice. Raises CalendarMissing."""
        return self._year(day.year)

    def years_between(self, first: date, last: date) -> tuple[CalendarYear, ...]:
        """Return the years from that of `first` to that of `last`, with their notices. Raises CalendarMissing."""
        return tuple(self._year(year) for year in range(first.year, last.year + 1))

    def provisional_years(self, first: date, last: date) -> tuple[int, ...]:
        """Return the years from `first` to `last` that are not announced yet. Raises CalendarMissing."""
        return tuple(one.year for one in self.years_between(first, last) if one.state == "provisional")

    def changed_years(self, other: WorkingCalendar, first: date, last: date) -> tuple[int, ...]:
        """Return the years from `first` to `last` whose state or working days `other` has otherwise, or not at all."""

        def told(calendar: WorkingCalendar, year: int) -> tuple[str, tuple[int, ...]] | None:
            found = calendar._by_year.get(year)
            return found and (found.state, found.working_ordinals)

        return tuple(year for year in range(first.year, last.year + 1) if told(self, year) != told(other, year))

    def add_working_days(self, start: date, days: int) -> Deadline:
        """Return the last of `days` working days after `start`; the starting day is not counted (民法典
        §201).

        With 0 days that is `start` itself, a working day or not. Raises CalendarMissing when the period
        leaves the loaded years and ValueError when `days` is negative.
        """
        if days < 0:
            raise ValueError(f"days {days}: a period counts forward, give 0 or more")
        year = self._year(start.year)
        provisional = year.state == "provisional"
        if days == 0:
            return Deadline(start, provisional)
        counted = bisect_right(year.working_ordinals, start.toordinal())
        while counted + days > len(year.working_ordinals):
            days -= len(year.working_ordinals) - counted
            counted = 0
            year = self._year(year.year + 1)
            provisional = provisional or year.state == "provisional"
        return Deadline(date.fromordinal(year.working_ordinals[counted + days - 1]), provisional)

    def subtract_working_days(self, end: date, days: int) -> Deadline:
        """Return the first of `days` working days before `end`; the day counted from is not counted.

        That is the last day for what must be done so many days before another. With 0 days that is `end` itself.
        Raises CalendarMissing when the period leaves the loaded years and ValueError when `days` is negative.
        """
        if days < 0:
            raise ValueError(f"days {days}: a number of days back, give 0 or more")
        year = self._year(end.year)
        provisional = year.state == "provisional"
        if days == 0:
            return Deadline(end, provisional)
        left = bisect_left(year.working_ordinals, end.toordinal())
        while left < days:
            days -= left
            year = self._year(year.year - 1)
            left = len(year.working_ordinals)
            provisional = provisional or year.state == "provisional"
        return Deadline(date.fromordinal(year.working_ordinals[left - days]), provisional)

    def next_working_day(self, day: date) -> Deadline:
        """Return `day` when it is a working day, else the first one after it. Raises CalendarMissing."""
        return self.add_working_days(day, 0 if self.is_working_day(day) else 1)

    def working_days_between(self, start: date, end: date) -> int:
        """Count the working days after `start` up to and including `end`; negative when `end` lies before
        `start`.

        It undoes `add_working_days`. Raises CalendarMissing.
        """
        if end < start:
            return -self.working_days_between(end, start)
        total = -bisect_right(self._year(start.year).working_ordinals, start.toordinal())
        for year in range(start.year, end.year):
            total += len(self._year(year).working_ordinals)
        return total + bisect_right(self._year(end.year).working_ordinals, end.toordinal())

    def _year(self, year: int) -> CalendarYear:
        found = self._by_year.get(year)
        if found is None:
            raise CalendarMissing(year)
        return found


@dataclass(frozen=True, eq=False)
class _OpenEnded(WorkingCalendar):
    """Knows every year: one that is not loaded has its weekends off and is provisional."""

    def _year(self, year: int) -> CalendarYear:
        found = self._by_year.get(year)
        return _unannounced(year) if found is None else found


@lru_cache(maxsize=64)
def _unannounced(year: int) -> CalendarYear:
    return CalendarYear(year, "provisional", frozenset(), frozenset(), "未加载，仅按周末休息暂计")


def open_ended(calendar: WorkingCalendar) -> WorkingCalendar:
    """Return `calendar` for whoever must come to a deadline whatever is loaded: it never raises CalendarMissing.

    A year that nobody loaded is provisional and has weekends off alone, so that a deadline in it says that it is not
    certain and is worked out again when the year is there.
    """
    return _OpenEnded(calendar.years)


def read_calendar_year(document: Mapping[str, Any]) -> CalendarYear:
    """Return the year that a document of `calendar.schema.json` tells. The document has passed its schema.

    Raises ValueError, with the rule and the way out, for what a schema cannot tell: a day that is none, a period
    that runs backwards, and the contradictions that CalendarYear names.
    """
    names: dict[date, Names] = {}
    return CalendarYear(
        year=document["year"],
        state=document["state"],
        days_off=_read_days(document["days_off"], names),
        make_up_days=_read_days(document["make_up_days"], names),
        source=document["source"],
        notice=document.get("notice", ""),
        names=names,
    )


def _read_days(entries: Iterable[str | Mapping[str, Any]], names: dict[date, Names]) -> frozenset[date]:
    """Return the days of periods such as "2026-01-01/2026-01-03"; add to `names` what they are off or made up for."""
    days: set[date] = set()
    for entry in entries:
        period = entry if isinstance(entry, str) else entry["days"]
        first, _, last = period.partition("/")
        start, end = date.fromisoformat(first), date.fromisoformat(last or first)
        if end < start or (end - start).days > 366:
            raise ValueError(f"{period} is no period within a year; write the first day before the last")
        days.update(days_from(start, end))
        if not isinstance(entry, str):
            names.update((day, entry["names"]) for day in days_from(start, end))
    return frozenset(days)


def legal_date(unix_ms: int) -> date:
    """Return the day in China (UTC+8) on which the instant `unix_ms` (milliseconds since 1970, UTC) falls."""
    return date.fromordinal(_EPOCH_ORDINAL + (unix_ms + CHINA_OFFSET_MS) // DAY_MS)


def end_of_day_unix_ms(day: date) -> int:
    """Return 24:00 of `day` in China (UTC+8) as milliseconds since 1970, UTC."""
    return (day.toordinal() + 1 - _EPOCH_ORDINAL) * DAY_MS - CHINA_OFFSET_MS


def days_from(first: date, last: date) -> Iterable[date]:
    """Yield every day from `first` to `last`, both included; nothing when `last` lies before."""
    return (first + timedelta(days=offset) for offset in range((last - first).days + 1))
