"""What a worker deals with beside its topics: timers that are due, parked records with an action, what operators ask.

Rule 1: it is looked for now and then, not at every step; and with one question as long as there is nothing.
Rule 2: a timer whose step failed stays due, which a gauge shows, and is tried again later: it has no stream to park.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from onematter.backbone.operating import OPERATIONS_A_STEP
from onematter.backbone.ports import Store
from onematter.backbone.step import OperationRow, ParkedRow, TimerRow


@dataclass(slots=True)
class Due:
    """One look's findings; each kind in its order."""

    timers: list[TimerRow] = field(default_factory=list[TimerRow])
    replays: list[ParkedRow] = field(default_factory=list[ParkedRow])
    operations: list[OperationRow] = field(default_factory=list[OperationRow])

    def __bool__(self) -> bool:
        """Whether anything is due."""
        return bool(self.timers or self.replays or self.operations)

    @property
    def one_by_one(self) -> bool:
        """Whether it needs a step that runs each message under a savepoint of its own."""
        return bool(self.replays or self.operations)


class Housekeeping:
    """Looks into `store` each `every_ms`; a timer that was put off is passed over for `postpone_ms`."""

    def __init__(self, store: Store, *, limit: int, every_ms: int, postpone_ms: int) -> None:
        self._store, self._limit = store, limit
        self._every_ms, self._postpone_ms = every_ms, postpone_ms
        self._next_ms = 0
        self._postponed: dict[tuple[str, str, int], int] = {}

    def look(self, lanes: Collection[int], now_unix_ms: int) -> Due:
        """What is due of these lanes, `limit` timers and replays at most; nothing before it is time to look again."""
        # A clock that was set back must not put it off.
        if not lanes or self._next_ms - self._every_ms <= now_unix_ms < self._next_ms:
            return Due()
        self._next_ms = now_unix_ms + self._every_ms
        store, ours = self._store, sorted(lanes)
        if not store.is_due(ours, now_unix_ms):
            return Due()
        timers = store.due_timers(ours, now_unix_ms, self._limit)
        return Due(
            [timer for timer in timers if now_unix_ms >= self._postponed.get(_key(timer), 0)],
            store.replays(ours, self._limit),
            store.operations(ours, OPERATIONS_A_STEP),
        )

    def hurry(self) -> None:
        """There is more: look again at the next step."""
        self._next_ms = 0

    def postpone(self, timer: TimerRow, now_unix_ms: int) -> None:
        """Its step failed: pass it over for a while."""
        self._postponed[_key(timer)] = now_unix_ms + self._postpone_ms

    def settle(self, timer: TimerRow) -> None:
        """It was dealt with."""
        self._postponed.pop(_key(timer), None)


def _key(timer: TimerRow) -> tuple[str, str, int]:
    return timer.matter_id, timer.name, timer.version
