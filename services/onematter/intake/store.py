"""Intake's own tables, and what its watchers read.

Rule 1: a material's content is kept once, by its digest, and never changes; keeping it again does nothing.
Rule 2: watchers are served by one query, which returns only what has changed since.
Rule 3: a matter has a row in `provisional_matters` as long as a deadline of its own rests on a year not official, or is
missing with its year. Rows follow the state; a matter of which no deadline ever was provisional costs nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import LiteralString

from onematter.backbone.doors import Queries
from onematter.backbone.service import Change, Transaction
from onematter.backbone.v1.ledger_pb2 import Ledger
from onematter.intake.v1.intake_events_pb2 import MatterEvent
from onematter.intake.v1.intake_state_pb2 import MatterState, MatterStatus

_KEEP = """
    INSERT INTO materials (digest, size_bytes, content) VALUES (%s, %s, %s) ON CONFLICT (digest) DO NOTHING
"""
_SIZE = "SELECT size_bytes FROM materials WHERE digest = %s"
_SLICE = "SELECT substring(content FROM %s::int FOR %s::int) FROM materials WHERE digest = %s"
_AT = "SELECT matter_id, state, ledger FROM aggregates WHERE matter_id >= %s AND matter_id < %s LIMIT 8"
_CHANGED = """
    SELECT matter_id, state, ledger
    FROM unnest(%s::text[], %s::bytea[]) AS known (matter_id, digest)
    JOIN aggregates USING (matter_id)
    WHERE sha256(state) <> known.digest
"""

KEEP_PROVISIONAL: LiteralString = """
    INSERT INTO provisional_matters (matter_id, years, is_missing) VALUES (%s, %s::integer[], %s)
    ON CONFLICT (matter_id) DO UPDATE SET years = excluded.years, is_missing = excluded.is_missing
"""
DROP_PROVISIONAL: LiteralString = "DELETE FROM provisional_matters WHERE matter_id = ANY(%s::text[])"

# Behind a place.
PROVISIONAL: LiteralString = """
    SELECT matter_id, years, is_missing FROM provisional_matters WHERE matter_id > %s ORDER BY matter_id LIMIT %s
"""

_RECEIVED = MatterStatus.MATTER_STATUS_RECEIVED
_RUNNING = MatterStatus.MATTER_STATUS_RUNNING


def project(transaction: Transaction, changes: Sequence[Change[MatterState, MatterEvent]]) -> None:
    """Write the rows of the matters whose deadlines are provisional, and take away those that were (Rule 3)."""
    touched = {change.matter_id: change.state for change in changes if change.state.ever_provisional}
    if not touched:
        return
    rows = {matter_id: provisional(state) for matter_id, state in touched.items()}
    kept = [(matter_id, *row) for matter_id, row in rows.items() if row is not None]
    if kept:
        transaction.executemany(KEEP_PROVISIONAL, kept)
    if len(kept) < len(rows):
        transaction.execute(DROP_PROVISIONAL, ([matter_id for matter_id, row in rows.items() if row is None],))


def provisional(state: MatterState) -> tuple[list[int], bool] | None:
    """Return the years not official on which the deadline rests that runs now, and whether it is missing with them.

    None when it is certain, and when none runs.
    """
    if state.status == _RECEIVED:
        years, is_known = state.acceptance_provisional_years, state.HasField("acceptance_deadline")
    elif state.status == _RUNNING:
        deadlines = state.deadlines
        years, is_known = deadlines.provisional_years, deadlines.HasField("legal") or deadlines.HasField("promised")
    else:
        return None
    return (list(years), not is_known) if years else None


async def keep_material(queries: Queries, digest: bytes, content: bytes) -> None:
    """Keep a content whose digest was checked."""
    await queries.rows(_KEEP, (digest, len(content), content))


async def material_size_bytes(queries: Queries, digest: bytes) -> int | None:
    """The size of a kept content; None when it is not there."""
    rows = await queries.rows(_SIZE, (digest,))
    return rows[0][0] if rows else None


async def material_slice(queries: Queries, digest: bytes, start: int, size_bytes: int) -> bytes:
    """A part of a kept content, from `start` (0 is the first byte)."""
    rows = await queries.rows(_SLICE, (start + 1, size_bytes, digest))
    return rows[0][0] if rows else b""


async def matters_at(queries: Queries, place: str) -> list[tuple[str, bytes, Ledger]]:
    """Return id, state and ledger of the matters whose id begins with `place`, hexadecimal digits. Hardly ever two."""
    # Whatever an id goes on with stands before g.
    rows = await queries.rows(_AT, (place, f"{place}g"))
    return [(matter_id, state, Ledger.FromString(ledger)) for matter_id, state, ledger in rows]


async def changed_matters(
    queries: Queries, known: Mapping[str, bytes]
) -> Iterable[tuple[str, bytes, MatterState, Ledger]]:
    """Return id, digest, state and ledger of the matters whose state has another digest than the known one."""
    rows = await queries.rows(_CHANGED, (list(known), list(known.values())))
    return [
        (matter_id, hashlib.sha256(state).digest(), MatterState.FromString(state), Ledger.FromString(ledger))
        for matter_id, state, ledger in rows
    ]
