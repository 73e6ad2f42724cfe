"""Which deadlines are to be worked out again (重新计算), since a calendar became official.

Rule 1: the deployment asks itself, by a command on its own commands topic like everybody's; what changes is its event,
and every replica may ask.
Rule 2: a command's request_id follows from the item, the years and the day. So it has one effect a day, however
often and by how many it is asked; and what a replica with an older calendar answered with nothing is asked again
on the next.
Rule 3: a task whose clocks stand still needs none: its deadlines are worked out when they go on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import date
from typing import Any, LiteralString, Protocol

from onematter.approval import store
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_state_pb2 import TaskState
from onematter.common.v1.actor_pb2 import ActorRole
from onematter.law.calendar import WorkingCalendar

PAGE_SIZE = 500


def official_years(calendar: WorkingCalendar) -> frozenset[int]:
    """Return the years that are announced."""
    return frozenset(year.year for year in calendar.years if year.state == "official")


def commands_for(
    rows: Sequence[tuple[str, str, bytes]], official: frozenset[int], deployment: str, today: date
) -> Iterator[ApprovalCommand]:
    """Yield a command for each task of `rows` (matter, item, TaskState) that touches a year now official."""
    for matter_id, item_id, serialised in rows:
        years = [year for year in TaskState.FromString(serialised).deadlines.provisional_years if year in official]
        if not years:
            continue
        command = ApprovalCommand(matter_id=matter_id, item_id=item_id)
        command.request_id = f"recompute/{item_id}/{','.join(map(str, years))}/{today.isoformat()}"
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
        official: frozenset[int],
        deployment: str,
        ask: Callable[[ApprovalCommand], Awaitable[None]],
    ) -> None:
        self._queries = queries
        self._official = official
        self._deployment = deployment
        self._ask = ask
        self._asked_on: date | None = None

    async def run(self, today: date) -> int:
        """Ask for every task that needs it, unless that was done today; return for how many. Raises Unavailable: the
        next run begins again.
        """
        if today == self._asked_on:
            return 0
        asked, place = 0, ("", "")
        while True:
            rows = await self._queries.rows(store.PROVISIONAL, (*place, PAGE_SIZE))
            for command in commands_for(
                [(row[0], row[1], row[2]) for row in rows], self._official, self._deployment, today
            ):
                await self._ask(command)
                asked += 1
            if len(rows) < PAGE_SIZE:
                break
            place = rows[-1][0], rows[-1][1]
        self._asked_on = today
        return asked
