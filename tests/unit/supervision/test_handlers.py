"""Which records supervision counts."""

from __future__ import annotations

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from onematter.common.v1.actor_pb2 import Level
from onematter.contracts.aggregate import Undecodable
from onematter.intake.v1.intake_events_pb2 import (
    AcceptanceRefused,
    MatterAccepted,
    MatterCompleted,
    MatterEvent,
    VisitRecorded,
)
from onematter.supervision.core import Finished, VisitedAfterResult
from onematter.supervision.handlers import fact_from

MATTER = "00112233445566778899aabbccddeeff"


def completed(**fields: object) -> MatterEvent:
    event = MatterEvent(
        matter_id=MATTER,
        time=Timestamp(seconds=100, nanos=7_000_000),
        matter_completed=MatterCompleted(handed_in=Timestamp(seconds=90), visits=2, division="330100"),
    )
    for name, value in fields.items():
        setattr(event, name, value)
    return event


def test_a_result_is_counted() -> None:
    assert fact_from(completed().SerializeToString()) == Finished(MATTER, 100_007, Level.LEVEL_CITY, 10_007, 2)


def test_a_refusal_to_accept_ends_a_matter_and_is_counted() -> None:
    event = MatterEvent(
        matter_id=MATTER,
        time=Timestamp(seconds=100),
        acceptance_refused=AcceptanceRefused(handed_in=Timestamp(seconds=90), visits=1, division="330106"),
    )
    assert fact_from(event.SerializeToString()) == Finished(MATTER, 100_000, Level.LEVEL_COUNTY, 10_000, 1)
    event.acceptance_refused.ClearField("handed_in")
    with pytest.raises(Undecodable, match="acceptance_refused"):
        fact_from(event.SerializeToString())


def test_the_installations_own_matter_is_in_no_indicator() -> None:
    event = completed()
    event.matter_completed.matter_code = "SELF-01"
    assert fact_from(event.SerializeToString()) is None
    event.matter_completed.matter_code = "OM-90"
    assert fact_from(event.SerializeToString()) is not None


def test_a_result_before_its_hand_in_took_no_time() -> None:
    event = completed()
    event.matter_completed.handed_in.seconds = 101
    fact = fact_from(event.SerializeToString())
    assert isinstance(fact, Finished)
    assert fact.latency_ms == 0


@pytest.mark.parametrize("before_result", [True, False])
def test_only_a_visit_after_the_result_is_counted(before_result: bool) -> None:
    event = MatterEvent(
        matter_id=MATTER,
        time=Timestamp(seconds=5),
        visit_recorded=VisitRecorded(visits=3, before_result=before_result),
    )
    expected = None if before_result else VisitedAfterResult(MATTER, 5_000, 3)
    assert fact_from(event.SerializeToString()) == expected


def test_other_and_unknown_events_are_passed_over() -> None:
    accepted = MatterEvent(matter_id=MATTER, matter_accepted=MatterAccepted(matter_code="OM-17"))
    unknown = MatterEvent(matter_id=MATTER).SerializeToString() + b"\xfa\x07\x02\x08\x01"  # field 127, a message
    assert fact_from(accepted.SerializeToString()) is None
    assert fact_from(unknown) is None


def without(field: str) -> bytes:
    event = completed()
    if field == "handed_in":
        event.matter_completed.ClearField("handed_in")
    else:
        event.ClearField(field)
    return event.SerializeToString()


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"\xff\xff\xff",
        completed().SerializeToString()[:-3],
        without("time"),
        without("matter_id"),
        without("handed_in"),
        completed(matter_id="0/3").SerializeToString(),
    ],
)
def test_what_is_no_event_is_undecodable(value: bytes | None) -> None:
    with pytest.raises(Undecodable):
        fact_from(value)
