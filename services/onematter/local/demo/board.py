"""What the demo knows: folded from views of the matters, what officials did, and notices. Pure but for waiting.

Rule 1: an item is open when intake says so in a view (WatchMatter), never because an official meant to open it.
Rule 2: levels stand open together only when one and the same view shows it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from onematter.common.v1.actor_pb2 import Level
from onematter.intake.v1.intake_events_pb2 import Item, ItemOutcome
from onematter.intake.v1.intake_service_pb2 import MatterView
from onematter.intake.v1.intake_state_pb2 import ItemState, ItemStatus, MatterStatus
from onematter.notification.v1.notification_state_pb2 import NoticeState, NoticeStatus

LEVELS = (Level.LEVEL_PROVINCE, Level.LEVEL_CITY, Level.LEVEL_COUNTY)

WAITING, SENT, OPEN, CLAIMED = "waiting", "sent", "open", "claimed"
GRANTED, DENIED, BY_RULE, CLOSED = "granted", "denied", "by rule", "closed"
ACCEPTED, COMPLETED, TOGETHER, NOTICE = "accepted", "completed", "together", "notice"
RECEIVED, VISITED = "received", "visited"
_NOT_ACCEPTED = frozenset({MatterStatus.MATTER_STATUS_RECEIVED, MatterStatus.MATTER_STATUS_CORRECTION})
ENDS = (GRANTED, DENIED, BY_RULE, CLOSED)


@dataclass(frozen=True)
class Happening:
    """Something to tell. `kind` is one of the names above; `item` is absent where it concerns the whole matter."""

    matter_id: str
    kind: str
    item: Item | None = None
    notice: NoticeState | None = None


@dataclass(frozen=True)
class Together:
    """A view in which tasks of all three levels stood open: its place in the stream, and the open items."""

    sequence: int
    items: tuple[Item, ...]


@dataclass
class Board:
    """All that is known at one moment. `tell` is called with each happening as it becomes known."""

    tell: Callable[[Happening], None] = lambda happening: None
    views: dict[str, MatterView] = field(default_factory=dict[str, MatterView])
    together: dict[str, Together] = field(default_factory=dict[str, Together])
    notices: dict[str, Mapping[str, NoticeState]] = field(default_factory=dict[str, Mapping[str, NoticeState]])
    _claimed: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    _opened: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def saw(self, view: MatterView) -> None:
        """Take in a view; what is new in it is told."""
        before = self.views.get(view.matter_id)
        self.views[view.matter_id] = view
        waits = view.status in _NOT_ACCEPTED
        if before is None and waits:
            self.tell(Happening(view.matter_id, RECEIVED))
        if not waits and (before is None or before.status in _NOT_ACCEPTED):
            self.tell(Happening(view.matter_id, ACCEPTED))
        known = {state.item.item_id: state.status for state in before.items} if before else {}
        for state in view.items:
            if state.status != known.get(state.item.item_id):
                self._item_moved(view.matter_id, state)
        items = open_items(view)
        if view.matter_id not in self.together and {item.level for item in items} >= set(LEVELS):
            self.together[view.matter_id] = Together(view.as_of.sequence, items)
            self.tell(Happening(view.matter_id, TOGETHER))
        if view.status == MatterStatus.MATTER_STATUS_COMPLETED and (before is None or before.status != view.status):
            self.tell(Happening(view.matter_id, COMPLETED))
        self._wake()

    def claimed(self, matter_id: str, item: Item) -> None:
        """Take in that an official has put a name to a task."""
        self._claimed.add((matter_id, item.item_id))
        self.tell(Happening(matter_id, CLAIMED, item))
        self._wake()

    def visited(self, matter_id: str, item: Item) -> None:
        """Take in that the departments of a joint site visit went there together."""
        self.tell(Happening(matter_id, VISITED, item))

    def noticed(self, matter_id: str, notices: Mapping[str, NoticeState]) -> None:
        """Take in the notices of a matter; those newly delivered are told."""
        before = self.notices.get(matter_id, {})
        self.notices[matter_id] = notices
        for notice_id, notice in notices.items():
            known = before.get(notice_id)
            if delivered(notice) and not (known and delivered(known)):
                self.tell(Happening(matter_id, NOTICE, notice=notice))

    def has_opened(self, matter_id: str, item_id: str) -> bool:
        """Whether a view has shown the item open, now or earlier."""
        return (matter_id, item_id) in self._opened

    def status(self, matter_id: str, state: ItemState) -> str:
        """How an item stands, as one of the names above."""
        match state.status:
            case ItemStatus.ITEM_STATUS_OPEN:
                return CLAIMED if (matter_id, state.item.item_id) in self._claimed else OPEN
            case ItemStatus.ITEM_STATUS_CONCLUDED:
                return _ending(state)
            case ItemStatus.ITEM_STATUS_SENT:
                return SENT
            case _:
                return WAITING

    def received(self, matter_id: str) -> bool:
        """Whether it is handed in and waits for a clerk to accept it."""
        view = self.views.get(matter_id)
        return view is not None and view.status == MatterStatus.MATTER_STATUS_RECEIVED

    def accepted(self, matter_id: str) -> bool:
        """Whether it is accepted, by a rule or a clerk."""
        view = self.views.get(matter_id)
        return view is not None and view.status not in _NOT_ACCEPTED

    def completed(self, matter_id: str) -> bool:
        """Whether the one result is there."""
        view = self.views.get(matter_id)
        return view is not None and view.status == MatterStatus.MATTER_STATUS_COMPLETED

    def sent(self) -> int:
        """How many notices the channel has taken."""
        return sum(delivered(one) for notices in self.notices.values() for one in notices.values())

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something that is known here makes `holds` true."""
        while not holds():
            await self._changed.wait()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _item_moved(self, matter_id: str, state: ItemState) -> None:
        if state.status == ItemStatus.ITEM_STATUS_OPEN:
            self._opened.add((matter_id, state.item.item_id))
            self.tell(Happening(matter_id, OPEN, state.item))
        elif state.status == ItemStatus.ITEM_STATUS_CONCLUDED:
            self.tell(Happening(matter_id, _ending(state), state.item))


def open_items(view: MatterView) -> tuple[Item, ...]:
    """The items that wait for a person, in this very view."""
    return tuple(state.item for state in view.items if state.status == ItemStatus.ITEM_STATUS_OPEN)


def delivered(notice: NoticeState) -> bool:
    """Whether the channel has taken a notice."""
    return notice.status == NoticeStatus.NOTICE_STATUS_DELIVERED


def _ending(state: ItemState) -> str:
    match state.result.outcome:
        case ItemOutcome.ITEM_OUTCOME_GRANTED:
            return BY_RULE if state.result.automatic else GRANTED
        case ItemOutcome.ITEM_OUTCOME_DENIED:
            return DENIED
        case _:
            return CLOSED
