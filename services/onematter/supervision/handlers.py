"""Which record tells which fact.

Supervision is an observer: what it doesn't know it passes over, and what it cannot decode it only counts,
since the dead letter is its writer's and the archive's matter.
"""

from __future__ import annotations

from google.protobuf.message import DecodeError

from onematter.contracts.aggregate import Undecodable
from onematter.contracts.synthetic import is_synthetic
from onematter.contracts.times import unix_ms
from onematter.intake.v1.intake_events_pb2 import MatterEvent
from onematter.supervision.core import Finished, VisitedAfterResult, leading_level


def fact_from(value: bytes | None) -> Finished | VisitedAfterResult | None:
    """The fact in a record of the matters' events; None where supervision counts nothing.

    Raises Undecodable when the value is no MatterEvent, or lacks the matter or the times that a fact needs.
    """
    if not value:
        raise Undecodable("empty value; a MatterEvent is expected")
    try:
        event = MatterEvent.FromString(value)
    except DecodeError as error:
        raise Undecodable("not a MatterEvent") from error
    kind = event.WhichOneof("event")
    if kind in ("matter_completed", "acceptance_refused"):
        completed = event.matter_completed if kind == "matter_completed" else event.acceptance_refused
        if is_synthetic(completed.matter_code):
            return None
        if not (_placed(event) and completed.HasField("handed_in")):
            raise Undecodable(f"{kind} without matter_id, time or handed_in")
        time = unix_ms(event.time)
        return Finished(
            matter_id=event.matter_id,
            time_unix_ms=time,
            level=leading_level(completed.division),
            latency_ms=max(0, time - unix_ms(completed.handed_in)),
            visits=completed.visits,
        )
    if kind == "visit_recorded" and not event.visit_recorded.before_result:
        if not _placed(event):
            raise Undecodable("visit_recorded without matter_id or time")
        return VisitedAfterResult(event.matter_id, unix_ms(event.time), event.visit_recorded.visits)
    return None


def _placed(event: MatterEvent) -> bool:
    # Keys of rows contain a slash, ids of matters never do.
    return bool(event.matter_id) and "/" not in event.matter_id and event.HasField("time")
