"""The ledger of trips (跑动): which facts are a trip, which are the same presence, and when a cause is needed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.intake.cases import CITY, COUNTY, Matter, item, make_core, matter_type, violations, visit, withdraw

from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.common.v1.actor_pb2 import Channel
from onematter.common.v1.outcome_pb2 import CommandRefused
from onematter.intake.trips import expected_visits
from onematter.intake.v1.intake_commands_pb2 import DeliveryWay, TripCause
from onematter.intake.v1.intake_events_pb2 import MatterEvent
from onematter.law.catalogue import MatterType
from onematter.law.reading import read_matter_type

DAY_MS = 86_400_000
HAND_IN = TripCause.TRIP_CAUSE_HAND_IN
ORIGINAL = TripCause.TRIP_CAUSE_ORIGINAL_CHECK
AWAY = TripCause.TRIP_CAUSE_SYSTEM_AWAY
NONE = TripCause.TRIP_CAUSE_UNSPECIFIED


def running(channel: int = Channel.CHANNEL_WEB, matter: MatterType | None = None, **more: Any) -> Matter:
    made = Matter(make_core(matter))
    made.happen(channel=channel, **more)
    return made


def causes(matter: Matter) -> list[str]:
    """Causes in the ledger, checked to be as many as the visits."""
    assert matter.state.visits == len(matter.state.trips)
    return [TripCause.Name(trip.cause).removeprefix("TRIP_CAUSE_") for trip in matter.state.trips]


def recorded(matter: Matter, **fields: Any) -> int:
    answer = matter.give(visit(**fields))
    assert isinstance(answer, MatterEvent), answer
    return answer.visit_recorded.visits


def site_visit(matter: Matter, item_id: str = "02", *, attended: bool = True) -> MatterEvent:
    event = ApprovalEvent(matter_id=matter.matter_id, item_id=item_id)
    visited = event.site_visited.site_visit
    visited.day, visited.finding, visited.passed, visited.applicant_attended = "2026-11-23", "符合", True, attended
    pinned = matter.item(item_id)
    answer = matter.hear_event(event, pinned.owner, pinned.events_topic)
    assert answer is not None
    return answer


def supplied(matter: Matter, channel: int) -> None:
    event = MatterEvent(matter_id=matter.matter_id)
    event.time.FromMilliseconds(matter.now_unix_ms)
    event.materials_supplied.channel = channel  # type: ignore[assignment]
    matter.state = matter.core.evolve(matter.state, event)


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        (Channel.CHANNEL_WINDOW, ["HAND_IN"]),
        (Channel.CHANNEL_OTHER_REGION, ["HAND_IN"]),
        (Channel.CHANNEL_WEB, []),
        (Channel.CHANNEL_SELF_SERVICE, []),
        (Channel.CHANNEL_HOTLINE, []),
    ],
)
def test_a_hand_in_at_a_window_is_a_trip_to_that_window(channel: int, expected: list[str]) -> None:
    matter = running(channel, receiving_division="330108")
    assert causes(matter) == expected
    assert [trip.division for trip in matter.state.trips] == ["330108"] * len(expected)
    assert all(trip.time == matter.state.handed_in for trip in matter.state.trips)


def test_what_was_received_before_it_was_accepted_was_handed_in_once() -> None:
    once = running(Channel.CHANNEL_WINDOW)
    (accepted,) = once.events
    received = MatterEvent(matter_id=once.matter_id, time=accepted.time)
    received.matter_received.channel, received.matter_received.division = Channel.CHANNEL_WINDOW, "330106"
    twice = Matter(once.core)
    twice.state = twice.core.evolve(twice.core.evolve(twice.state, received), accepted)
    assert causes(twice) == ["HAND_IN"]
    corrected = Matter(once.core)
    corrected.now_unix_ms += DAY_MS
    corrected.state = corrected.core.evolve(corrected.state, received)
    supplied(corrected, Channel.CHANNEL_WINDOW)
    corrected.state = corrected.core.evolve(corrected.state, accepted)
    assert causes(corrected) == ["HAND_IN", "CORRECTION"]


def test_the_first_trip_needs_no_cause_and_the_second_does() -> None:
    matter = running()
    assert recorded(matter, cause=NONE) == 1
    matter.now_unix_ms += DAY_MS
    answer = matter.give(visit(cause=NONE))
    assert violations(answer) == [("record_visit.cause", "TRIP_CAUSE_MISSING")]
    assert isinstance(answer, CommandRefused)
    assert dict(answer.violations[0].parameters) == {"visits": "1"}
    assert recorded(matter, cause=AWAY) == 2
    assert causes(matter) == ["UNSPECIFIED", "SYSTEM_AWAY"]


@pytest.mark.parametrize("reason", ["", " "])
def test_a_visit_without_a_reason_is_not_recorded(reason: str) -> None:
    matter = running()
    assert violations(matter.give(visit(reason=reason))) == [("record_visit.reason", "FIELD_MISSING")]
    assert matter.state.visits == 0


def test_after_a_hand_in_at_a_window_the_next_trip_needs_a_cause() -> None:
    assert violations(running(Channel.CHANNEL_WINDOW).give(visit(cause=NONE))) == [
        ("record_visit.cause", "TRIP_CAUSE_MISSING")
    ]


def test_a_cause_that_is_none_is_malformed() -> None:
    assert violations(running().give(visit(cause=99))) == [("record_visit.cause", "FIELD_MALFORMED")]


def test_a_trip_keeps_when_where_and_why() -> None:
    matter = running()
    recorded(matter, cause=ORIGINAL, reason="show the licence", division="330108")
    (trip,) = matter.state.trips
    assert (trip.cause, trip.reason, trip.division) == (ORIGINAL, "show the licence", "330108")
    assert trip.time.ToMilliseconds() == matter.now_unix_ms


def test_the_clerks_record_of_a_trip_that_counts_by_itself_is_the_same_trip() -> None:
    matter = running(Channel.CHANNEL_WINDOW)
    assert recorded(matter, cause=HAND_IN) == 1
    assert recorded(matter, cause=HAND_IN, division="330106") == 1
    assert causes(matter) == ["HAND_IN"]


@pytest.mark.parametrize(
    "again",
    [{"cause": ORIGINAL}, {"cause": HAND_IN, "division": "330108"}],
    ids=["another cause", "another division"],
)
def test_with_another_cause_or_at_another_place_the_applicant_came_again(again: dict[str, Any]) -> None:
    matter = running(Channel.CHANNEL_WINDOW)
    assert recorded(matter, **again) == 2


def test_on_another_day_the_applicant_came_again() -> None:
    matter = running(Channel.CHANNEL_WINDOW)
    matter.now_unix_ms += DAY_MS
    assert recorded(matter, cause=HAND_IN) == 2


def test_the_day_is_chinas() -> None:
    # 00:30 of the 23rd in China; 23 hours later it is the same day there, and 24 hours later it is not.
    matter = running(Channel.CHANNEL_WINDOW)
    matter.now_unix_ms += 23 * 3_600_000
    assert recorded(matter, cause=HAND_IN) == 1
    matter.now_unix_ms += 3_600_000
    assert recorded(matter, cause=HAND_IN) == 2


def test_materials_corrected_at_a_window_are_a_trip_and_online_they_are_none() -> None:
    matter = running()
    supplied(matter, Channel.CHANNEL_WEB)
    assert causes(matter) == []
    supplied(matter, Channel.CHANNEL_WINDOW)
    assert causes(matter) == ["CORRECTION"]


def test_what_is_done_in_one_presence_is_one_trip() -> None:
    matter = running(Channel.CHANNEL_WINDOW)
    supplied(matter, Channel.CHANNEL_WINDOW)
    assert causes(matter) == ["HAND_IN"]
    matter.now_unix_ms += DAY_MS
    supplied(matter, Channel.CHANNEL_WINDOW)
    assert causes(matter) == ["HAND_IN", "CORRECTION"]


def test_a_site_visit_that_the_applicant_attended_is_a_trip_of_its_own() -> None:
    matter = running(Channel.CHANNEL_WINDOW)
    matter.hear("01", "task_opened")
    event = site_visit(matter, "01")
    assert event.item_visited.visits == 2
    assert causes(matter) == ["HAND_IN", "SITE_VISIT"]
    assert matter.state.trips[1].division == matter.item("01").division


def test_one_day_on_site_is_one_trip_for_all_items() -> None:
    matter = running()
    for item_id in ("01", "03"):
        matter.hear(item_id, "task_opened")
    matter.state.items[2].item.division = matter.state.items[0].item.division
    assert site_visit(matter, "01").item_visited.visits == 1
    assert site_visit(matter, "03").item_visited.visits == 1
    assert causes(matter) == ["SITE_VISIT"]
    assert recorded(matter, cause=TripCause.TRIP_CAUSE_SITE_VISIT, division="330106") == 1


def test_a_site_visit_without_the_applicant_is_no_trip() -> None:
    matter = running()
    matter.hear("01", "task_opened")
    assert site_visit(matter, "01", attended=False).item_visited.visits == 0
    assert causes(matter) == []


def test_the_result_carries_the_ledger() -> None:
    matter = running(Channel.CHANNEL_WINDOW)
    recorded(matter, cause=ORIGINAL, reason="show the licence")
    for item_id in ("01", "02", "03"):
        told = matter.grant(item_id)
    assert told is not None
    completed = told.matter_completed
    assert [trip.cause for trip in completed.trips] == [HAND_IN, ORIGINAL]
    assert (completed.visits, completed.trips[1].reason) == (2, "show the licence")


def with_material(**material: Any) -> MatterType:
    document: dict[str, Any] = {
        "id": "licence", "names": {"zh-CN": "证", "en": "licence"}, "required": True, "trust_class": "C",
        "media_types": ["application/pdf"], "max_bytes": 1_000, **material,
    }  # fmt: skip
    plain = matter_type(item("01", COUNTY))
    return read_matter_type(
        {
            "code": plain.code, "version": 3, "valid_from": "2026-01-01", "names": dict(plain.names),
            "lead_department": "planning", "lead_level": "COUNTY", "evidence": "I: made up for a test", "facts": [],
            "materials": [document], "items": [item("01", COUNTY, materials=["licence"])],
        }
    )  # fmt: skip


def planned(matter: MatterType, channel: int = Channel.CHANNEL_WEB) -> Matter:
    """A matter of this type, as it runs; what was handed in does not matter here."""
    made = running(channel, matter_type(item("01", COUNTY), item("02", CITY)))
    assert matter.code == made.state.matter_code
    return made


def test_a_material_of_class_c_needs_one_trip_to_show_the_original() -> None:
    matter = planned(with_material())
    assert expected_visits(matter.state, with_material()) == 1
    recorded(matter, cause=ORIGINAL)
    assert expected_visits(matter.state, with_material()) == 1


def test_another_trip_does_not_show_the_original() -> None:
    matter = planned(with_material())
    recorded(matter, cause=AWAY)
    assert expected_visits(matter.state, with_material()) == 2


def test_at_the_window_the_original_was_shown_with_the_hand_in() -> None:
    assert expected_visits(planned(with_material(), Channel.CHANNEL_WINDOW).state, with_material()) == 1


@pytest.mark.parametrize("better", [{"trust_class": "B"}, {"trust_class": "D"}, {"share_source": "police"}])
def test_what_is_trusted_or_held_costs_no_trip(better: dict[str, Any]) -> None:
    matter = with_material(**better)
    assert expected_visits(planned(matter).state, matter) == 0


def test_what_is_made_on_the_way_costs_no_trip() -> None:
    plain = with_material()
    taker = replace(plain.items[0], materials=(replace(plain.materials[0], certificate="permit"),))
    matter = replace(plain, items=(taker,))
    maker = replace(taker, produces_certificates=("permit",))
    assert expected_visits(planned(matter).state, matter) == 1
    assert expected_visits(planned(matter).state, replace(matter, items=(maker,))) == 0


def test_to_collect_at_the_counter_is_a_trip_to_come() -> None:
    matter = planned(with_material(trust_class="B"))
    matter.state.delivery = DeliveryWay.DELIVERY_WAY_COUNTER
    assert expected_visits(matter.state, with_material(trust_class="B")) == 1
    matter.state.delivered.FromMilliseconds(matter.now_unix_ms)
    assert expected_visits(matter.state, with_material(trust_class="B")) == 0


def test_of_a_matter_that_ended_without_a_result_nothing_is_collected() -> None:
    matter = planned(with_material(trust_class="B"))
    matter.state.delivery = DeliveryWay.DELIVERY_WAY_COUNTER
    matter.give(withdraw())
    for item_id in ("01", "02"):
        matter.hear(item_id, "task_recalled")
    assert matter.state.HasField("completed")
    assert expected_visits(matter.state, with_material(trust_class="B")) == 0
