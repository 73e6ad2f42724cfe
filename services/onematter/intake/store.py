"""Intake's own table, and what its watchers read.

Rule 1: a material's content is kept once, by its digest, and never changes; keeping it again does nothing.
Rule 2: watchers are served by one query, which returns only what has changed since.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from onematter.backbone.doors import Queries
from onematter.backbone.v1.ledger_pb2 import Ledger
from onematter.intake.v1.intake_state_pb2 import MatterState

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
