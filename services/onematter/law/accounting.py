"""Accountable time: every working minute of a matter, from receipt to result, belongs to exactly one owner.

Rule 1: an owner is an office (level, division, department), the applicant (a correction is asked, a material is
awaited), or a special procedure (特别程序, 行政许可法 §45). What lies outside office hours is nobody's.
Rule 2: with several items open at once the time is the office's whose running item has the earliest legal deadline,
of two the same the item first in the catalogue's order (item id). It is the one the law presses hardest, and
everybody could know so at the time.
Rule 3: while any office has an item to work on, the time is an office's. The applicant, or a special procedure, bears
only time in which everything that is open waits for them; between these the same order decides.
Rule 4: with no item open the time belongs to who holds the matter itself: the window, or the applicant whom it asked.
Rule 5: what is booked stays booked: a later fact never moves time that went before it, so figures once published
hold. Minutes are rounded down on the running total, so the parts sum to the whole exactly.

Counting each item for itself books parallel time twice or more; giving it to the item that ends last (a trace's
critical path) is known only at the end and would move what was booked. Neither is done here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from onematter.law.calendar import CHINA_OFFSET_MS, DAY_MS, WorkingCalendar, legal_date
from onematter.law.clock import Evidence
from onematter.law.divisions import Level
from onematter.law.periods import SuspensionReason

MINUTE_MS = 60_000
_NO_DEADLINE = 1 << 63


@dataclass(frozen=True, slots=True)
class Office:
    """A department of a division, at a level."""

    level: Level
    division: str
    department: str


@dataclass(frozen=True, slots=True)
class Applicant:
    """Whoever handed the matter in, while all waits for them."""


@dataclass(frozen=True, slots=True)
class SpecialProcedure:
    """What §45 leaves out of the periods, by its kind."""

    kind: SuspensionReason


Owner: TypeAlias = "Office | Applicant | SpecialProcedure"
APPLICANT = Applicant()


@dataclass(frozen=True)
class OfficeHours:
    """When offices are open on a working day, in minutes since midnight, China time, in order and apart.

    `evidence` tells how far to trust them. Raises ValueError for hours that overlap, run backwards or leave the day.
    """

    spans: tuple[tuple[int, int], ...]
    evidence: Evidence

    def __post_init__(self) -> None:
        edges = [edge for span in self.spans for edge in span]
        if not edges or edges[0] < 0 or edges[-1] > 1_440 or any(one >= two for one, two in pairwise(edges)):
            raise ValueError(f"office hours {self.spans}: give minutes of a day, 0 to 1440, in order and apart")

    @property
    def day_ms(self) -> int:
        """How long offices are open on a working day, in milliseconds."""
        return sum(end - start for start, end in self.spans) * MINUTE_MS

    def open_ms_before(self, of_day_ms: int) -> int:
        """Return how long offices have been open on a working day, `of_day_ms` milliseconds after its midnight."""
        return sum(max(0, min(of_day_ms, end * MINUTE_MS) - start * MINUTE_MS) for start, end in self.spans)


# Places set their own hours, many another in summer: 9 to 12 and 13 to 17 stand for them.
OFFICE_HOURS = OfficeHours(((9 * 60, 12 * 60), (13 * 60, 17 * 60)), "illustrative")


@dataclass(frozen=True, slots=True)
class Handover:
    """From this instant on `owner` has the item (or the matter itself, when `item_id` is empty).

    Opened, transferred, resumed: an office. Correction asked: the applicant. Special procedure begun: that. Decided,
    recalled, withdrawn: None, it is in nobody's hands. `legal_deadline_unix_ms` None leaves the one it had; give
    it when the item opens, is resumed or extended, or when the calendar has changed it.
    """

    at_unix_ms: int
    item_id: str
    owner: Owner | None
    legal_deadline_unix_ms: int | None = None


class Entry(NamedTuple):
    """An owner's time without a break, booked for `item_id` (empty: the matter itself)."""

    owner: Owner
    item_id: str
    start_unix_ms: int
    end_unix_ms: int
    minutes: int


@dataclass(frozen=True)
class Account:
    """A matter's time: entries end to end from receipt to result, and their sum in working minutes."""

    entries: tuple[Entry, ...]
    minutes: int

    def by_owner(self) -> Mapping[Owner, int]:
        """Return the working minutes of each owner, in the order in which they first had the matter."""
        found: dict[Owner, int] = {}
        for entry in self.entries:
            found[entry.owner] = found.get(entry.owner, 0) + entry.minutes
        return found


def account(
    facts: Iterable[Handover],
    until_unix_ms: int,
    calendar: WorkingCalendar,
    hours: OfficeHours = OFFICE_HOURS,
) -> Account:
    """Return whose time a matter's was, up to its result, or up to now while there is none.

    The first of `facts` is the receipt: it gives the matter itself to an owner, who can change but never be None.
    Facts come in the order of their instants; those of one instant all happen at it. Raises ValueError when they do
    not, or when the first is no receipt; CalendarMissing when the time leaves the loaded years.
    """
    told = list(facts)
    _check(told, until_unix_ms)
    start = told[0].at_unix_ms
    holders: dict[str, tuple[Owner, int]] = {}
    entries: list[Entry] = []
    booked = 0
    for index, fact in enumerate(told):
        _hand_over(holders, fact)
        end = told[index + 1].at_unix_ms if index + 1 < len(told) else until_unix_ms
        if end == fact.at_unix_ms:
            continue
        item_id, owner = _critical(holders)
        total = working_ms(start, end, calendar, hours) // MINUTE_MS
        entry = Entry(owner, item_id, fact.at_unix_ms, end, total - booked)
        booked = total
        if entries and entries[-1][:2] == entry[:2]:
            before = entries.pop()
            entry = entry._replace(start_unix_ms=before.start_unix_ms, minutes=before.minutes + entry.minutes)
        entries.append(entry)
    return Account(tuple(entries), booked)


def working_ms(start_unix_ms: int, end_unix_ms: int, calendar: WorkingCalendar, hours: OfficeHours) -> int:
    """Return how long offices were open between two instants, in milliseconds. Raises CalendarMissing."""
    first, last = legal_date(start_unix_ms), legal_date(end_unix_ms)
    whole = calendar.working_days_between(first, last) * hours.day_ms
    if calendar.is_working_day(last):
        whole -= hours.day_ms - hours.open_ms_before(_of_day_ms(end_unix_ms))
    if calendar.is_working_day(first):
        whole += hours.day_ms - hours.open_ms_before(_of_day_ms(start_unix_ms))
    return whole


def _of_day_ms(unix_ms: int) -> int:
    return (unix_ms + CHINA_OFFSET_MS) % DAY_MS


def _check(facts: list[Handover], until_unix_ms: int) -> None:
    if not facts or facts[0].item_id or facts[0].owner is None:
        raise ValueError("facts: the first hands the matter itself to its window; give the receipt first")
    if any(not fact.item_id and fact.owner is None for fact in facts):
        raise ValueError("facts: the matter itself is always in somebody's hands; name an owner")
    instants = [*(fact.at_unix_ms for fact in facts), until_unix_ms]
    if any(one > two for one, two in pairwise(instants)):
        raise ValueError("facts: give them in the order of their instants, none behind the end")


def _hand_over(holders: dict[str, tuple[Owner, int]], fact: Handover) -> None:
    if fact.owner is None:
        holders.pop(fact.item_id, None)
        return
    deadline = fact.legal_deadline_unix_ms
    if deadline is None:
        deadline = holders[fact.item_id][1] if fact.item_id in holders else _NO_DEADLINE
    holders[fact.item_id] = (fact.owner, deadline)


def _critical(holders: Mapping[str, tuple[Owner, int]]) -> tuple[str, Owner]:
    """Return the item whose owner has the time, and that owner."""
    items = [
        (not isinstance(owner, Office), deadline, item_id) for item_id, (owner, deadline) in holders.items() if item_id
    ]
    item_id = min(items)[2] if items else ""
    return item_id, holders[item_id][0]
