"""The archive checks itself (自检): sealed matters one after the other, from the bytes that it keeps.

Rule 1: everything is worked out anew from the kept bytes: each leaf, their order, the root. What was sealed is only
ever compared.
Rule 2: one matter at a time, in the order of their ids, round and round: the cost is bounded whatever is kept.
Rule 3: what differs is counted, and logged by the matter's id alone. It is not mended here: see the runbook.
"""

from __future__ import annotations

import logging
from typing import Any, LiteralString

from onematter.archive import store
from onematter.archive.v1.archive_service_pb2 import CaseFile
from onematter.archive.v1.archive_state_pb2 import RecordState
from onematter.backbone.doors import Queries
from onematter.law.merkle import leaf_digest, root

logger = logging.getLogger("onematter.archive")

_NEXT: LiteralString = "SELECT matter_id, state FROM aggregates WHERE matter_id > %s ORDER BY matter_id LIMIT 1"


def difference(state: RecordState, case: CaseFile) -> str | None:
    """Return what of the kept records is not as it was sealed; None when all is, or while nothing is sealed.

    `case` holds the matter's records in the order of (writer, topic, sequence).
    """
    if not state.HasField("seal"):
        return None
    seal = state.seal
    last = {(place.writer, place.topic): place.sequence for place in seal.manifest}
    under = [
        record
        for record in case.records
        if record.position.sequence <= last.get((record.position.writer, record.position.topic), 0)
    ]
    if len(under) != seal.leaf_count:
        return f"{len(under)} records are kept of {seal.leaf_count} that were sealed"
    if root([leaf_digest(record.value) for record in under]) != seal.root:
        return "the records have another root than the one that was sealed"
    return None


class SelfAudit:
    """Goes through the archive, one matter a call."""

    def __init__(self, queries: Queries, results: Any) -> None:
        """`results` is the counter by result: ok, different, unsealed."""
        self._queries, self._results = queries, results
        self._after = ""

    async def next(self) -> None:
        """Check the matter behind the last one; begin anew behind the last of all. Raises Unavailable."""
        rows = await self._queries.rows(_NEXT, [self._after])
        if not rows:
            self._after = ""
            return
        ((self._after, kept),) = rows
        state = RecordState.FromString(kept)
        # Read after the state: records are only ever added, so a seal never comes without its records.
        chunks = await self._queries.rows(store.SELECT, [self._after])
        found = difference(state, store.case_file(self._after, (row[0] for row in chunks)))
        if found is not None:
            logger.error("self-audit: %s", found, extra={"matter_id": self._after})
        result = "different" if found is not None else "ok" if state.HasField("seal") else "unsealed"
        self._results.labels(result).inc()
