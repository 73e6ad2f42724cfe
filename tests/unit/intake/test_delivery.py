"""The result in the applicant's hands (送达): at once, or within ten working days by post or at the counter."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.unit.intake.cases import Matter, item, make_core, matter_type, violations, withdraw

from onematter.common.v1.actor_pb2 import Actor, ActorRole, Channel
from onematter.contracts.aggregate import TimerDue
from onematter.intake.v1.intake_commands_pb2 import DeliveryWay, IntakeCommand, TripCause
from onematter.intake.v1.intake_events_pb2 import MatterEvent
from onematter.law.catalogue import MatterType

POST, COUNTER = DeliveryWay.DELIVERY_WAY_POST, DeliveryWay.DELIVERY_WAY_COUNTER
E_CERTIFICATE = DeliveryWay.DELIVERY_WAY_E_CERTIFICATE
BY_DEFAULT = DeliveryWay.DELIVERY_WAY_UNSPECIFIED
CLERK = ActorRole.ACTOR_ROLE_CLERK
DAY_MS = 86_400_000


def deliver(way: int = POST, role: int = CLERK, **fields: Any) -> IntakeCommand:
    command = IntakeCommand(request_id="d-1", matter_id="m", actor=Actor(principal="clerk-7"))
    command.actor.role = role  # type: ignore[assignment]
    command.record_delivery.way = way  # type: ignore[assignment]
    for name, value in fields.items():
        setattr(command.record_delivery, name, value)
    return command


def one_item(**more: Any) -> MatterType:
    return matter_type(item("01", **more))


def handed_in(way: int, channel: int = Channel.CHANNEL_WEB, matter: MatterType | None = None) -> Matter:
    made = Matter(make_core(matter or one_item()))
    made.happen(channel=channel)
    made.state.delivery = way  # type: ignore[assignment]
    return made


def completed(way: int, channel: int = Channel.CHANNEL_WEB) -> Matter:
    made = handed_in(way, channel)
    made.grant("01")
    return made


def china(unix_seconds: int) -> str:
    return (datetime.fromtimestamp(unix_seconds, UTC) + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize("way", [BY_DEFAULT, E_CERTIFICATE])
def test_an_e_certificate_is_delivered_when_the_matter_is_completed(way: int) -> None:
    matter = completed(way)
    result = matter.events[-1].matter_completed
    assert not result.HasField("delivery_deadline")
    assert matter.state.delivered == matter.state.completed
    assert matter.state.delivered_way == E_CERTIFICATE
    assert matter.timers == {}


@pytest.mark.parametrize("way", [POST, COUNTER])
def test_by_post_and_at_the_counter_there_are_ten_working_days(way: int) -> None:
    matter = completed(way)
    result = matter.events[-1].matter_completed
    assert result.delivery == way
    # Completed on Monday, 2026-11-23: Tuesday is the first of ten, Monday in two weeks the last, until 24:00.
    assert china(result.delivery_deadline.seconds) == "2026-12-08 00:00"
    assert matter.state.delivery_deadline == result.delivery_deadline
    assert matter.timers == {"delivery": result.delivery_deadline.ToMilliseconds()}
    assert not matter.state.HasField("delivered")


def test_a_denial_is_delivered_too() -> None:
    matter = handed_in(POST)
    told = matter.deny("01")
    assert told is not None
    assert told.matter_completed.HasField("delivery_deadline")


def test_what_was_taken_back_before_any_decision_has_no_result_to_deliver() -> None:
    matter = handed_in(POST)
    matter.give(withdraw())
    told = matter.hear("01", "task_recalled")
    assert told is not None
    assert not told.matter_completed.HasField("delivery_deadline")
    assert not matter.state.HasField("delivered")
    assert matter.timers == {}


def test_it_is_delivered_once_and_the_timer_goes() -> None:
    matter = completed(POST)
    matter.now_unix_ms += DAY_MS
    answer = matter.give(deliver(POST, reference="EMS 1234", division="330106"))
    assert isinstance(answer, MatterEvent)
    told = answer.matter_delivered
    assert (told.way, told.reference, told.division, told.visits) == (POST, "EMS 1234", "330106", 0)
    assert matter.state.delivered.ToMilliseconds() == matter.now_unix_ms
    assert matter.state.delivered_way == POST
    assert matter.timers == {"delivery": None}
    assert violations(matter.give(deliver(POST))) == [("matter_id", "MATTER_DELIVERED")]


def test_collected_at_the_counter_is_a_trip() -> None:
    matter = completed(COUNTER, Channel.CHANNEL_WINDOW)
    matter.now_unix_ms += DAY_MS
    answer = matter.give(deliver(COUNTER))
    assert isinstance(answer, MatterEvent)
    assert answer.matter_delivered.visits == 2
    assert matter.state.trips[1].cause == TripCause.TRIP_CAUSE_COLLECTION


def test_who_hands_in_and_collects_at_once_came_once() -> None:
    matter = completed(COUNTER, Channel.CHANNEL_WINDOW)
    answer = matter.give(deliver(COUNTER))
    assert isinstance(answer, MatterEvent)
    assert answer.matter_delivered.visits == matter.state.visits == len(matter.state.trips) == 1


def test_that_the_ten_days_passed_is_told_once_and_stops_nothing() -> None:
    matter = completed(POST)
    deadline = matter.state.delivery_deadline
    matter.now_unix_ms = deadline.ToMilliseconds()
    told = matter.give(TimerDue("delivery"))
    assert isinstance(told, MatterEvent)
    assert told.delivery_overdue.deadline == deadline
    assert matter.state.delivery_overdue
    matter.timers.clear()
    assert isinstance(matter.give(deliver(POST)), MatterEvent)
    assert matter.timers == {}


def test_a_timer_that_comes_after_the_delivery_tells_nothing() -> None:
    matter = completed(POST)
    matter.give(deliver(POST))
    assert matter.give(TimerDue("delivery")) is None


def test_another_way_than_the_chosen_one_is_lawful_where_it_is_offered() -> None:
    matter = completed(POST)
    answer = matter.give(deliver(COUNTER))
    assert isinstance(answer, MatterEvent)
    assert matter.state.delivered_way == COUNTER


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (deliver(BY_DEFAULT), [("record_delivery.way", "FIELD_MISSING")]),
        (deliver(99), [("record_delivery.way", "FIELD_MALFORMED")]),
        (deliver(division="33x"), [("record_delivery.division", "DIVISION_UNKNOWN")]),
        (deliver(reference="x" * 2_001), [("record_delivery.reference", "FIELD_TOO_LONG")]),
        (deliver(role=ActorRole.ACTOR_ROLE_APPLICANT), [("actor.role", "ROLE_NOT_ALLOWED")]),
        (deliver(role=ActorRole.ACTOR_ROLE_OFFICIAL), [("actor.role", "ROLE_NOT_ALLOWED")]),
    ],
)
def test_a_wrong_delivery_is_refused(command: IntakeCommand, expected: list[tuple[str, str]]) -> None:
    assert violations(completed(POST).give(command)) == expected


def test_a_system_may_say_that_it_was_delivered() -> None:
    assert isinstance(completed(POST).give(deliver(POST, ActorRole.ACTOR_ROLE_SYSTEM)), MatterEvent)


def test_a_way_that_the_matter_does_not_offer_is_refused() -> None:
    matter = handed_in(POST, matter=replace(one_item(), delivery=("post",)))
    matter.grant("01")
    answer = matter.give(deliver(COUNTER))
    assert violations(answer) == [("record_delivery.way", "DELIVERY_WAY_NOT_OFFERED")]


def test_only_what_is_completed_can_be_delivered() -> None:
    assert violations(handed_in(POST).give(deliver())) == [("matter_id", "MATTER_NOT_COMPLETED")]
    assert violations(Matter(make_core()).give(deliver())) == [("matter_id", "MATTER_UNKNOWN")]


def test_a_delivered_matter_is_restored_from_its_events() -> None:
    matter = completed(COUNTER, Channel.CHANNEL_WINDOW)
    matter.state.delivery = BY_DEFAULT
    matter.now_unix_ms += DAY_MS
    matter.give(deliver(COUNTER))
    assert matter.restored().state == matter.state
