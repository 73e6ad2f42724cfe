"""The ledger of trips (跑动): how often the applicant came in person, and why.

Rule 1: trips follow from facts: a hand-in at a window, materials corrected there, a site visit that the applicant had
to attend, a result collected at the counter. What else brings the applicant, a clerk records.
Rule 2: the first trip needs no cause; who came again was sent or asked to, and the cause is told (TRIP_CAUSE_MISSING).
Rule 3: one presence is one trip. A fact that finds a trip of the same day at the same window counts no second one: who
hands in and collects at once came once. A recorded visit is the trip of the same day, division and cause, if there is
one; with another cause the applicant came again. A site visit is elsewhere, and never the same presence as a window's.
Rule 4: an event says how many trips there are after it; the fold adds one where that is more than before.
"""

# pyright: strict

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from onematter.common.v1.actor_pb2 import ActorRole, Channel
from onematter.common.v1.outcome_pb2 import Reason
from onematter.contracts.aggregate import Context, Refusal
from onematter.contracts.times import unix_ms
from onematter.intake.checks import check_division, check_sender, check_text, told
from onematter.intake.desk import Answer, Decider, Desk, Evolver, Reactor
from onematter.intake.fields import too_long
from onematter.intake.items import find
from onematter.intake.v1.intake_commands_pb2 import DeliveryWay, IntakeCommand, TripCause
from onematter.intake.v1.intake_events_pb2 import MatterEvent
from onematter.intake.v1.intake_state_pb2 import MatterState, MatterStatus
from onematter.law.calendar import legal_date
from onematter.law.catalogue import MatterType

# What is recorded beyond is no trip that anybody made, and the one result that tells them all would not fit its topic.
MAX_TRIPS = 50

# A hand-in or a supplement here is a trip: at a window, of whichever region (跨省通办).
WINDOW_CHANNELS = frozenset({Channel.CHANNEL_WINDOW, Channel.CHANNEL_OTHER_REGION})

_VISIT_ROLES = frozenset(
    {
        ActorRole.ACTOR_ROLE_APPLICANT,
        ActorRole.ACTOR_ROLE_AGENT,
        ActorRole.ACTOR_ROLE_CLERK,
        ActorRole.ACTOR_ROLE_SYSTEM,
    }
)
_UNKNOWN = MatterStatus.MATTER_STATUS_UNSPECIFIED
_COMPLETED = MatterStatus.MATTER_STATUS_COMPLETED
_BEFORE_RESULT = frozenset(
    {
        MatterStatus.MATTER_STATUS_RECEIVED,
        MatterStatus.MATTER_STATUS_CORRECTION,
        MatterStatus.MATTER_STATUS_RUNNING,
    }
)
_CAUSES = frozenset(TripCause.values())
_HAND_IN = TripCause.TRIP_CAUSE_HAND_IN
_SITE_VISIT = TripCause.TRIP_CAUSE_SITE_VISIT
_COLLECTION = TripCause.TRIP_CAUSE_COLLECTION
_CORRECTION = TripCause.TRIP_CAUSE_CORRECTION
# Originals are shown with these.
_AT_A_WINDOW = frozenset({_HAND_IN, _CORRECTION, TripCause.TRIP_CAUSE_ORIGINAL_CHECK})
_COUNTER = DeliveryWay.DELIVERY_WAY_COUNTER


def window_of(state: MatterState) -> str:
    """Return the division whose window the matter has: where it was taken, or where it is handled."""
    return state.receiving_division or state.division


def visits_with(state: MatterState, now_unix_ms: int, division: str, cause: TripCause) -> int:
    """Return how many trips there are when the applicant is found in person at `division` by a fact (Rule 3)."""
    return state.visits + (not _is_present(state, now_unix_ms, division, cause))


def expected_visits(state: MatterState, matter_type: MatterType) -> int:
    """Return how many trips the matter needs at most, as things stand: those made, and those still to come.

    To come are one to show the originals of materials of trust class C (核验原件) while there was none at a window, and
    one to collect the result at the counter. What a department may yet ask for is not foreseen.
    """
    expected = state.visits
    seen = any(trip.cause in _AT_A_WINDOW for trip in state.trips)
    if state.status in _BEFORE_RESULT and not seen and _has_originals(state, matter_type):
        expected += 1
    is_owed = state.status != _COMPLETED or state.HasField("delivery_deadline")
    if state.delivery == _COUNTER and is_owed and not state.HasField("delivered"):
        expected += 1
    return expected


def record_visit(_desk: Desk, state: MatterState, command: IntakeCommand, context: Context) -> Answer:
    """Record that the applicant came in person."""
    refusal = Refusal("record_visit")
    check_sender(command, refusal)
    visit = command.record_visit
    check_text("record_visit.reason", visit.reason, refusal)
    if visit.division:
        check_division("record_visit.division", visit.division, refusal)
    if command.actor.role not in _VISIT_ROLES:
        refusal.add("actor.role", Reason.REASON_ROLE_NOT_ALLOWED, {"allowed": "CLERK, APPLICANT, AGENT, SYSTEM"})
    cause = visit.cause
    if cause not in _CAUSES:
        refusal.add("record_visit.cause", Reason.REASON_FIELD_MALFORMED, {"rule": "cause"})
    if state.status == _UNKNOWN:
        refusal.add("matter_id", Reason.REASON_MATTER_UNKNOWN)
    elif state.visits and not cause:
        refusal.add("record_visit.cause", Reason.REASON_TRIP_CAUSE_MISSING, {"visits": str(state.visits)})
    if len(state.trips) >= MAX_TRIPS:
        too_long(refusal, "record_visit", MAX_TRIPS)
    if refusal:
        return told(refusal)
    event = MatterEvent(actor=command.actor)
    recorded = event.visit_recorded
    recorded.reason = visit.reason
    recorded.division = visit.division
    recorded.cause = cause
    place = visit.division or window_of(state)
    recorded.visits = state.visits + (not cause or not _is_recorded(state, context.now_unix_ms, place, cause))
    recorded.before_result = state.status != _COMPLETED
    return event


def _is_recorded(state: MatterState, now_unix_ms: int, division: str, cause: TripCause) -> bool:
    day = legal_date(now_unix_ms)
    return any(
        trip.cause == cause and trip.division == division and legal_date(unix_ms(trip.time)) == day
        for trip in state.trips
    )


def _is_present(state: MatterState, now_unix_ms: int, division: str, cause: TripCause) -> bool:
    if not state.trips:
        return False
    day, on_site = legal_date(now_unix_ms), cause == _SITE_VISIT
    return any(
        (trip.cause == _SITE_VISIT) == on_site and trip.division == division and legal_date(unix_ms(trip.time)) == day
        for trip in state.trips
    )


def _has_originals(state: MatterState, matter_type: MatterType) -> bool:
    """Whether the applicant gives a material of class C to an item of the plan, whatever the situation is."""
    planned = {one.item.item_id.partition("@")[0] for one in state.items}
    items = [item for item in matter_type.items if not planned or item.item_id in planned]
    produced = {certificate for item in items for certificate in item.produces_certificates}
    return any(
        one.trust_class == "C" and one.required and one.share_source is None and one.certificate not in produced
        for item in items
        for one in item.materials
    )


def _add(state: MatterState, time: Timestamp, visits: int, cause: TripCause, division: str, reason: str = "") -> None:
    """Add a trip when there are more than before (Rule 4)."""
    if visits > state.visits:
        state.visits = visits
        trip = state.trips.add(cause=cause, division=division, reason=reason)
        trip.time.CopyFrom(time)


def _evolve_received(state: MatterState, event: MatterEvent) -> None:
    if event.matter_received.channel in WINDOW_CHANNELS:
        _add_hand_in(state, event.time, event.matter_received.receiving_division or event.matter_received.division)


def _evolve_accepted(state: MatterState, event: MatterEvent) -> None:
    if event.matter_accepted.channel in WINDOW_CHANNELS:
        _add_hand_in(state, event.time, event.matter_accepted.receiving_division or event.matter_accepted.division)


def _add_hand_in(state: MatterState, time: Timestamp, division: str) -> None:
    # Of what was received before it was accepted, the hand-in stands in the ledger already.
    if not any(trip.cause == _HAND_IN for trip in state.trips):
        trip = state.trips.add(cause=_HAND_IN, division=division)
        trip.time.CopyFrom(time)
    state.visits = max(state.visits, len(state.trips))


def _evolve_supplied(state: MatterState, event: MatterEvent) -> None:
    if event.materials_supplied.channel in WINDOW_CHANNELS:
        division = window_of(state)
        visits = visits_with(state, unix_ms(event.time), division, _CORRECTION)
        _add(state, event.time, visits, _CORRECTION, division)


def _evolve_visited(state: MatterState, event: MatterEvent) -> None:
    visited = event.item_visited
    item = find(state, visited.item_id)
    division = item.item.division if item is not None else ""
    _add(state, event.time, visited.visits, _SITE_VISIT, division)


def _evolve_recorded(state: MatterState, event: MatterEvent) -> None:
    recorded = event.visit_recorded
    _add(state, event.time, recorded.visits, recorded.cause, recorded.division or window_of(state), recorded.reason)


def _evolve_delivered(state: MatterState, event: MatterEvent) -> None:
    delivered = event.matter_delivered
    _add(state, event.time, delivered.visits, _COLLECTION, delivered.division or window_of(state))


DECIDE: dict[str, Decider] = {"record_visit": record_visit}
EVOLVE: dict[str, Evolver] = {
    "item_visited": _evolve_visited,
    "materials_supplied": _evolve_supplied,
    "matter_accepted": _evolve_accepted,
    "matter_delivered": _evolve_delivered,
    "matter_received": _evolve_received,
    "visit_recorded": _evolve_recorded,
}
REACT: dict[str, Reactor] = {}
