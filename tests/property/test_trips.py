"""Whatever brings the applicant, in whatever order: at most one trip (最多跑一次) unless a cause is on record."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.intake.cases import COUNTY, Matter, item, make_core, matter_type, violations, visit

from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.common.v1.actor_pb2 import Actor, ActorRole, Channel
from onematter.common.v1.outcome_pb2 import CommandRefused
from onematter.intake.v1.intake_commands_pb2 import DeliveryWay, IntakeCommand, TripCause
from onematter.intake.v1.intake_events_pb2 import MatterEvent

DAY_MS = 86_400_000
UNSPECIFIED = TripCause.TRIP_CAUSE_UNSPECIFIED
SITE_VISIT = TripCause.TRIP_CAUSE_SITE_VISIT
WINDOW = Channel.CHANNEL_WINDOW
HERE, ELSEWHERE = "330106", "330108"

days = st.integers(0, 2)
steps = st.one_of(
    st.tuples(st.just("visit"), days, st.sampled_from(sorted(TripCause.values())), st.sampled_from([HERE, ELSEWHERE])),
    st.tuples(st.just("site"), days, st.booleans()),
    st.tuples(st.just("supply"), days, st.sampled_from([WINDOW, Channel.CHANNEL_WEB])),
    st.tuples(st.just("deliver"), days, st.sampled_from([HERE, ELSEWHERE])),
)


class Ledger:
    """Where the applicant was seen, on which day and for what; shares no code with intake."""

    def __init__(self) -> None:
        self.presences: set[tuple[date, str, bool]] = set()
        self.reasons: set[tuple[date, str, int]] = set()
        self.count = 0

    def note(self, day: date, place: str, cause: int, *, by_a_fact: bool) -> None:
        presence = day, place, cause == SITE_VISIT
        known = (
            presence in self.presences if by_a_fact else cause != UNSPECIFIED and (day, place, cause) in self.reasons
        )
        self.count += not known
        if not known:
            self.presences.add(presence)
            self.reasons.add((day, place, cause))


def today(matter: Matter) -> date:
    return (datetime.fromtimestamp(matter.now_unix_ms / 1000, UTC) + timedelta(hours=8)).date()


def attended(matter: Matter, was_there: bool) -> None:
    event = ApprovalEvent(matter_id=matter.matter_id, item_id="01")
    event.site_visited.site_visit.applicant_attended = was_there
    pinned = matter.item("01")
    assert matter.hear_event(event, pinned.owner, pinned.events_topic) is not None


def supplied(matter: Matter, channel: int) -> None:
    """As acceptance tells it; what is supplied does not matter here."""
    matter.now_unix_ms += 1_000
    event = MatterEvent(matter_id=matter.matter_id)
    event.time.FromMilliseconds(matter.now_unix_ms)
    event.materials_supplied.channel = channel  # type: ignore[assignment]
    matter._fold(event)


def delivery(place: str) -> IntakeCommand:
    command = IntakeCommand(request_id="d-1", matter_id="m", actor=Actor(principal="clerk-7"))
    command.actor.role = ActorRole.ACTOR_ROLE_CLERK
    command.record_delivery.way, command.record_delivery.division = DeliveryWay.DELIVERY_WAY_COUNTER, place
    return command


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([WINDOW, Channel.CHANNEL_WEB]), st.lists(steps, max_size=12))
def test_there_is_at_most_one_trip_unless_a_cause_is_on_record(channel: int, taken: list[tuple[object, ...]]) -> None:
    matter, ledger = Matter(make_core(matter_type(item("01", COUNTY)))), Ledger()
    matter.happen(channel=channel)
    if channel == WINDOW:
        ledger.note(today(matter), HERE, TripCause.TRIP_CAUSE_HAND_IN, by_a_fact=True)
    matter.state.delivery = DeliveryWay.DELIVERY_WAY_COUNTER
    matter.hear("01", "task_opened")
    for kind, moved, *rest in taken:
        before = matter.state.visits
        matter.now_unix_ms += DAY_MS * moved  # type: ignore[operator]
        if kind == "visit":
            cause, place = rest
            answer = matter.give(visit(cause=cause, division=place))  # type: ignore[arg-type]
            if not cause and before:
                assert violations(answer) == [("record_visit.cause", "TRIP_CAUSE_MISSING")]
            else:
                ledger.note(today(matter), place, cause, by_a_fact=False)  # type: ignore[arg-type]
        elif kind == "site" and not matter.state.HasField("completed"):
            attended(matter, bool(rest[0]))
            if rest[0]:
                ledger.note(today(matter), HERE, SITE_VISIT, by_a_fact=True)
        elif kind == "supply":
            supplied(matter, rest[0])  # type: ignore[arg-type]
            if rest[0] == WINDOW:
                ledger.note(today(matter), HERE, TripCause.TRIP_CAUSE_CORRECTION, by_a_fact=True)
        elif kind == "deliver" and not matter.state.HasField("delivered"):
            if not matter.state.HasField("completed"):
                matter.grant("01")
            answer = matter.give(delivery(rest[0]))  # type: ignore[arg-type]
            assert not isinstance(answer, CommandRefused)
            ledger.note(today(matter), str(rest[0]), TripCause.TRIP_CAUSE_COLLECTION, by_a_fact=True)
        assert 0 <= matter.state.visits - before <= 1
        assert matter.state.visits == len(matter.state.trips) == ledger.count
    causes = [trip.cause for trip in matter.state.trips]
    assert all(cause != UNSPECIFIED for cause in causes[1:]), "a second trip without a cause"
    assert [trip.time.ToMilliseconds() for trip in matter.state.trips] == sorted(
        trip.time.ToMilliseconds() for trip in matter.state.trips
    )
    restored = matter.restored().state
    assert list(restored.trips) == list(matter.state.trips)
    assert restored.visits == matter.state.visits
