"""The exchange's own table: which calls to the platform are due. Written by the unit of work, taken by the caller.

Rule 1: a row stands as long as a request is open, and is written in the transaction that changes the request.
Rule 2: taking a call moves its due time on, so that no replica makes it at the same time; one whose caller died is due
again. So a call is made at least once, and what it brought counts once, by its attempt.
Rule 3: due times are the database's: how long to wait is legal time, since when is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString, NamedTuple

from onematter.backbone.doors import Queries
from onematter.backbone.service import Again, Change, Statement, Transaction
from onematter.backbone.v1.ledger_pb2 import Ledger
from onematter.contracts.times import unix_ms
from onematter.exchange.core import is_waiting
from onematter.exchange.v1.exchange_events_pb2 import ExchangeEvent
from onematter.exchange.v1.exchange_state_pb2 import SharingState

_UPSERT: LiteralString = """
    INSERT INTO calls (matter_id, material_id, source, attempt, due)
    VALUES (%s, %s, %s, %s, clock_timestamp() + %s * interval '1 millisecond')
    ON CONFLICT (matter_id, material_id) DO UPDATE SET attempt = excluded.attempt, due = excluded.due
"""
_DELETE: LiteralString = "DELETE FROM calls WHERE matter_id = %s AND material_id = %s"
_DUE: LiteralString = "SELECT source, count(*) FROM calls WHERE due <= clock_timestamp() GROUP BY source"
# The subquery is evaluated once, and skips what the unit of work or another replica has in hand.
_TAKE: LiteralString = """
    WITH taken AS MATERIALIZED (
        SELECT matter_id, material_id FROM calls WHERE source = %s AND due <= clock_timestamp()
        ORDER BY due LIMIT %s FOR UPDATE SKIP LOCKED
    )
    UPDATE calls SET due = clock_timestamp() + %s * interval '1 second' FROM taken
    WHERE calls.matter_id = taken.matter_id AND calls.material_id = taken.material_id
    RETURNING calls.matter_id, calls.material_id, calls.source, calls.attempt
"""
_POSTPONE: LiteralString = """
    UPDATE calls SET due = clock_timestamp() + %s * interval '1 second'
    WHERE matter_id = %s AND material_id = %s AND attempt = %s
"""


_HASTEN: LiteralString = """
    UPDATE calls SET due = clock_timestamp()
    WHERE matter_id = %s AND material_id = ANY(%s) AND due > clock_timestamp()
"""


class Call(NamedTuple):
    """A call that was taken: which material of which matter, of which source, and its number."""

    matter_id: str
    material_id: str
    source: str
    attempt: int


def project(transaction: Transaction, changes: Sequence[Change[SharingState, ExchangeEvent]]) -> None:
    """Write which calls the step's events make due, and which are not needed any more."""
    wanted: dict[tuple[str, str], tuple[str, int, int] | None] = {}
    for change in changes:
        if change.event is not None:
            wanted.update(_calls(change.matter_id, change.event))
    gone = [key for key, row in wanted.items() if row is None]
    if gone:
        transaction.executemany(_DELETE, gone)
    rows = [(*key, *row) for key, row in wanted.items() if row is not None]
    if rows:
        transaction.executemany(_UPSERT, rows)


def _calls(matter_id: str, event: ExchangeEvent) -> dict[tuple[str, str], tuple[str, int, int] | None]:
    """Return by (matter, material): source, attempt and milliseconds to wait; None where none is to be made."""
    match event.WhichOneof("event"):
        case "materials_requested":
            requested = event.materials_requested.materials
            return {(matter_id, one.material_id): (one.source, 1, 0) for one in requested}
        case "sharing_delayed":
            delayed = event.sharing_delayed
            wait_ms = max(0, unix_ms(delayed.until) - unix_ms(event.time))
            return {(matter_id, delayed.material_id): (delayed.source, delayed.attempts + 1, wait_ms)}
        case "material_resolved":
            return {(matter_id, event.material_resolved.material.material_id): None}
        case "sharing_refused":
            return {(matter_id, event.sharing_refused.material_id): None}
        case "sharing_failed" if not event.sharing_failed.HasField("until"):
            return {(matter_id, event.sharing_failed.material_id): None}
        case "sharing_stopped":
            return {(matter_id, material_id): None for material_id in event.sharing_stopped.material_ids}
        case _:
            return {}


def again(state: SharingState, matter_id: str) -> Again:
    """Return the materials that wait to be asked for again, and what makes their calls due at once.

    One that is being made may be made twice by it: what it brings counts once all the same.
    """
    waiting = [one.material.material_id for one in state.requests if is_waiting(one) and one.attempts]
    return Again(waiting, statements=(Statement(_HASTEN, (matter_id, waiting)),) if waiting else ())


async def due(queries: Queries) -> dict[str, int]:
    """Return how many calls are due, by source."""
    return dict(await queries.rows(_DUE))


async def take(queries: Queries, source: str, limit: int, lease_seconds: float) -> list[Call]:
    """Take up to `limit` calls of a source that are due; they are due again after `lease_seconds`."""
    return [Call(*row) for row in await queries.rows(_TAKE, (source, limit, lease_seconds))]


async def postpone(queries: Queries, call: Call, seconds: float) -> None:
    """Make a call due again after `seconds`, unless it was dealt with meanwhile."""
    await queries.rows(_POSTPONE, (seconds, call.matter_id, call.material_id, call.attempt))


async def sharings(queries: Queries, matter_id: str) -> tuple[SharingState, Ledger] | None:
    """Return what is asked for a matter, and the ledger of the same moment; None when nothing is known of it."""
    found = await queries.state(matter_id)
    return None if found is None else (SharingState.FromString(found[0]), found[1])
