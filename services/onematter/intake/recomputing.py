"""Which matters' deadlines are to be worked out again (重新计算), since a calendar became official.

Rule 1: intake asks itself, by a command on its own commands topic like everybody's; what changes is its event, and
every replica may ask.
Rule 2: a command's request_id follows from the years and the day. So it has one effect a day, however often and by how
many it is asked; and what a replica with an older calendar answered with nothing is asked again on the next.
Rule 3: a deadline that rests on a year not official waits until it is. One that is not there at all, since the year was
missing, waits until the year is loaded, official or not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import date
from typing import Any, LiteralString, Protocol

from onematter.common.v1.actor_pb2 import ActorRole
from onematter.intake import store
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.law.calendar import WorkingCalendar

PAGE_SIZE = 500


def commands_for(
    rows: Sequence[tuple[str, Sequence[int], bool]], calendar: WorkingCalendar, deployment: str, today: date
) -> Iterator[IntakeCommand]:
    """Yield a command for each matter of `rows` (matter, years, is the deadline missing) that Rule 3 lets go on."""
    states = {year.year: year.state for year in calendar.years}
    for matter_id, years, is_missing in rows:
        known = [year for year in years if states.get(year) == "official" or (is_missing and year in states)]
        if not known:
            continue
        command = IntakeCommand(matter_id=matter_id)
        command.request_id = f"recompute/{','.join(map(str, known))}/{today.isoformat()}"
        command.actor.principal = deployment
        command.actor.role = ActorRole.ACTOR_ROLE_SYSTEM
        command.recompute_deadlines.SetInParent()
        yield command


class Reads(Protocol):
    """What is asked of the database (`onematter.backbone.doors.Queries`)."""

    async def rows(self, query: LiteralString, params: Sequence[object] = ()) -> Sequence[tuple[Any, ...]]:
        """Return the rows of a query. Raises Unavailable."""
        ...


class Recomputing:
    """Asks once a day and process, beginning with the start."""

    def __init__(
        self,
        queries: Reads,
        calendar: WorkingCalendar,
        deployment: str,
        ask: Callable[[IntakeCommand], Awaitable[None]],
    ) -> None:
        self._queries = queries
        self._calendar = calendar
        self._deployment = deployment
        self._ask = ask
        self._asked_on: date | None = None

    async def run(self, today: date) -> int:
        """Ask for every matter that needs it, unless that was done today; return for how many. Raises Unavailable: the
        next run begins again.
        """
        if today == self._asked_on:
            return 0
        asked, place = 0, ""
        while True:
            rows = await self._queries.rows(store.PROVISIONAL, (place, PAGE_SIZE))
            kept = [(row[0], row[1], row[2]) for row in rows]
            for command in commands_for(kept, self._calendar, self._deployment, today):
                await self._ask(command)
                asked += 1
            if len(rows) < PAGE_SIZE:
                break
            place = rows[-1][0]
        self._asked_on = today
        return asked
