"""What notification reads of its database. It has no tables of its own: the notices stand in their matter's state."""

from __future__ import annotations

from collections.abc import Sequence

from onematter.backbone.doors import Queries
from onematter.backbone.v1.ledger_pb2 import Ledger
from onematter.notification.v1.notification_state_pb2 import NoticesState, NoticeState


async def notices_of(queries: Queries, matter_id: str) -> tuple[Sequence[NoticeState], Ledger] | None:
    """Return the matter's notices in the order of their events, and the ledger of the same moment; None if unknown."""
    found = await queries.state(matter_id)
    if found is None:
        return None
    state, ledger = found
    return NoticesState.FromString(state).notices, ledger
