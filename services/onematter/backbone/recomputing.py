"""Asking for deadlines to be worked out again (重新计算), since a calendar became official.

Rule 1: a deployment asks itself, by commands on its own commands topic like everybody's; what changes is its event, and
every replica may ask.
Rule 2: a command's request_id follows from what it is about, the years and the day. So it has one effect a day, however
often and by how many it is asked; and what a replica with an older calendar answered with nothing is asked again on the
next.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import date
from typing import Any, Generic, LiteralString, Protocol, TypeVar

from onematter.common.v1.actor_pb2 import Actor, ActorRole

PAGE_SIZE = 500

Command = TypeVar("Command")


class Reads(Protocol):
    """What is asked of the database (`onematter.backbone.doors.Queries`)."""

    async def rows(self, query: LiteralString, params: Sequence[object] = ()) -> Sequence[tuple[Any, ...]]:
        """Return the rows of a query. Raises Unavailable."""
        ...


class Recomputing(Generic[Command]):
    """Asks once a day and process, beginning with the start.

    `provisional` is a query of what may have to be asked for: behind a place of `place_columns` texts, with which its
    rows begin and by which they are ordered, and at most so many. `commands_for` picks what is asked of a page.
    """

    def __init__(
        self,
        queries: Reads,
        provisional: LiteralString,
        place_columns: int,
        commands_for: Callable[[Sequence[tuple[Any, ...]], date], Iterable[Command]],
        ask: Callable[[Command], Awaitable[None]],
    ) -> None:
        self._queries, self._place_columns = queries, place_columns
        self._provisional: LiteralString = provisional
        self._commands_for, self._ask = commands_for, ask
        self._asked_on: date | None = None

    async def run(self, today: date) -> int:
        """Ask for all that needs it, unless that was done today; return for how many. Raises Unavailable: the next run
        begins again.
        """
        if today == self._asked_on:
            return 0
        asked, place = 0, ("",) * self._place_columns
        while True:
            rows = await self._queries.rows(self._provisional, (*place, PAGE_SIZE))
            for command in self._commands_for(rows, today):
                await self._ask(command)
                asked += 1
            if len(rows) < PAGE_SIZE:
                break
            place = rows[-1][: self._place_columns]
        self._asked_on = today
        return asked


def request_id(about: str, years: Iterable[int], today: date) -> str:
    """Return the request_id of a command (Rule 2); `about` is empty where the matter alone is meant."""
    return "/".join(("recompute", *([about] if about else []), ",".join(map(str, years)), today.isoformat()))


def asker(deployment: str) -> Actor:
    """Return who asks: the deployment itself."""
    return Actor(principal=deployment, role=ActorRole.ACTOR_ROLE_SYSTEM)
