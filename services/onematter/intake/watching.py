"""Who watches a matter learns every change of it, at the cost of one query a tick for all.

Rule 1: only changes are told; a watcher that is slow sees the newest state, not each one between.
Rule 2: nothing runs while nobody watches. While the database is away, watchers wait; their deadlines hold.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from onematter.backbone.doors import Queries
from onematter.backbone.ports import Unavailable
from onematter.backbone.v1.ledger_pb2 import Ledger
from onematter.intake import store
from onematter.intake.v1.intake_service_pb2 import MatterView
from onematter.intake.v1.intake_state_pb2 import MatterState

TICK_SECONDS = 0.1
RETRY_SECONDS = 1.0


@dataclass(slots=True)
class _Watched:
    digest: bytes = b""
    view: MatterView | None = None
    watchers: set[asyncio.Event] = field(default_factory=set[asyncio.Event])


class Watching:
    """The watchers of one process."""

    def __init__(self, queries: Queries, view: Callable[[str, MatterState, Ledger], MatterView]) -> None:
        self._queries = queries
        self._view = view
        self._watched: dict[str, _Watched] = {}
        self._ticker: asyncio.Task[None] | None = None

    @property
    def watchers(self) -> int:
        """How many watch now."""
        return sum(len(watched.watchers) for watched in self._watched.values())

    async def follow(self, matter_id: str) -> AsyncGenerator[MatterView, None]:
        """Yield the matter as it is, then at every change, without end; close it to stop."""
        watched = self._watched.setdefault(matter_id, _Watched())
        changed = asyncio.Event()
        watched.watchers.add(changed)
        if watched.view is not None:
            changed.set()
        if self._ticker is None or self._ticker.done():
            self._ticker = asyncio.create_task(self._tick())
        try:
            while True:
                await changed.wait()
                changed.clear()
                assert watched.view is not None
                yield watched.view
        finally:
            watched.watchers.discard(changed)
            if not watched.watchers:
                self._watched.pop(matter_id, None)

    async def _tick(self) -> None:
        while self._watched:
            known = {matter_id: watched.digest for matter_id, watched in self._watched.items()}
            try:
                changed = await store.changed_matters(self._queries, known)
            except Unavailable:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for matter_id, digest, state, ledger in changed:
                watched = self._watched.get(matter_id)
                if watched is not None:
                    self._show(watched, digest, self._view(matter_id, state, ledger))
            await asyncio.sleep(TICK_SECONDS)

    @staticmethod
    def _show(watched: _Watched, digest: bytes, view: MatterView) -> None:
        watched.digest = digest
        if watched.view is not None:
            # The same matter in other bytes is no change, nor is an event that leaves it as it was.
            before = MatterView()
            before.CopyFrom(watched.view)
            before.as_of.CopyFrom(view.as_of)
            if before == view:
                return
        watched.view = view
        for watcher in watched.watchers:
            watcher.set()
