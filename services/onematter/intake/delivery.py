"""The result in the applicant's hands (送达), and its ten working days (行政许可法 §44).

Rule 1: the one result is delivered once, all documents together. By e-certificate (电子证照) it is in the applicant's
hands when the matter is completed, and there is nothing left to do; by post or at the counter a clerk, or a system,
says when it was.
Rule 2: the ten days run from the last decision. That they passed is a fact, told once; the result can be delivered as
before.
Where a year's calendar is missing there is no deadline.
Rule 3: what has no decision (a matter taken back before any) has no result to deliver, and no time for it; a delivery
of it is refused.
Rule 4: collected at the counter is a trip, unless the applicant is there already (see `trips`).
"""

# pyright: strict

from __future__ import annotations

from collections.abc import Iterable

from onematter.common.v1.actor_pb2 import ActorRole
from onematter.common.v1.outcome_pb2 import Reason
from onematter.contracts.aggregate import NO_EFFECTS, Context, Effects, Refusal, SetTimer
from onematter.contracts.times import set_unix_ms, unix_ms
from onematter.intake import trips
from onematter.intake.checks import MAX_REASON, check_division, check_sender, told
from onematter.intake.desk import Answer, Decider, Desk, Evolver, Hearer, Reactor, Timer
from onematter.intake.v1.intake_commands_pb2 import DeliveryWay, IntakeCommand, TripCause
from onematter.intake.v1.intake_events_pb2 import ItemOutcome, ItemResult, MatterCompleted, MatterEvent
from onematter.intake.v1.intake_state_pb2 import MatterState, MatterStatus
from onematter.law.calendar import CalendarMissing, legal_date
from onematter.law.clock import DELIVERY, due_unix_ms, end_of_period

TIMER = "delivery"

_COMPLETED = MatterStatus.MATTER_STATUS_COMPLETED
_UNKNOWN = MatterStatus.MATTER_STATUS_UNSPECIFIED
_E_CERTIFICATE = DeliveryWay.DELIVERY_WAY_E_CERTIFICATE
_COUNTER = DeliveryWay.DELIVERY_WAY_COUNTER
_BY_HAND = frozenset({DeliveryWay.DELIVERY_WAY_POST, _COUNTER})
# As the catalogue calls them.
_WAYS = {_E_CERTIFICATE: "e_certificate", DeliveryWay.DELIVERY_WAY_POST: "post", _COUNTER: "counter"}
_ROLES = frozenset({ActorRole.ACTOR_ROLE_CLERK, ActorRole.ACTOR_ROLE_SYSTEM})
_DECIDED = frozenset({ItemOutcome.ITEM_OUTCOME_GRANTED, ItemOutcome.ITEM_OUTCOME_DENIED})


def set_delivery(completed: MatterCompleted, desk: Desk, state: MatterState, context: Context) -> None:
    """Say in the one result how it is delivered, and until when where somebody has to."""
    way = state.delivery
    if way:
        completed.delivery = way
    if way not in _BY_HAND or not _has_result(completed.results):
        return
    try:
        end = end_of_period(legal_date(context.now_unix_ms), DELIVERY.days, desk.calendar, DELIVERY.kind)
    except CalendarMissing:
        return
    set_unix_ms(completed.delivery_deadline, due_unix_ms(end.date))


def record_delivery(desk: Desk, state: MatterState, command: IntakeCommand, context: Context) -> Answer:
    """Record that the result reached the applicant."""
    refusal = Refusal("record_delivery")
    check_sender(command, refusal)
    delivery = command.record_delivery
    way = delivery.way
    if way not in _WAYS:
        reason = Reason.REASON_FIELD_MALFORMED if way else Reason.REASON_FIELD_MISSING
        refusal.add("record_delivery.way", reason, {"rule": "way"})
    if len(delivery.reference) > MAX_REASON:
        refusal.add("record_delivery.reference", Reason.REASON_FIELD_TOO_LONG, {"limit": str(MAX_REASON)})
    if delivery.division:
        check_division("record_delivery.division", delivery.division, refusal)
    if command.actor.role not in _ROLES:
        refusal.add("actor.role", Reason.REASON_ROLE_NOT_ALLOWED, {"allowed": "CLERK, SYSTEM"})
    if state.status == _UNKNOWN:
        refusal.add("matter_id", Reason.REASON_MATTER_UNKNOWN)
    elif state.status != _COMPLETED:
        refusal.add("matter_id", Reason.REASON_MATTER_NOT_COMPLETED, {"status": MatterStatus.Name(state.status)})
    elif state.HasField("delivered"):
        refusal.add("matter_id", Reason.REASON_MATTER_DELIVERED, {"way": DeliveryWay.Name(state.delivered_way)})
    elif not _has_result(one.result for one in state.items):
        refusal.add("matter_id", Reason.REASON_MATTER_CONCLUDED, {"status": MatterStatus.Name(state.status)})
    elif way in _WAYS and _WAYS[way] not in (offered := desk.matter_type(state).delivery):
        parameters = {"offered": ", ".join(offered)}
        refusal.add("record_delivery.way", Reason.REASON_DELIVERY_WAY_NOT_OFFERED, parameters)
    if refusal:
        return told(refusal)
    event = MatterEvent(actor=command.actor)
    delivered = event.matter_delivered
    delivered.way = way
    delivered.reference = delivery.reference
    delivered.division = delivery.division
    place = delivery.division or trips.window_of(state)
    cause = TripCause.TRIP_CAUSE_COLLECTION
    delivered.visits = trips.visits_with(state, context.now_unix_ms, place, cause) if way == _COUNTER else state.visits
    return event


def delivery_due(_desk: Desk, state: MatterState, _context: Context) -> MatterEvent | None:
    """The ten days have passed."""
    if state.HasField("delivered"):
        return None
    event = MatterEvent()
    event.delivery_overdue.deadline.CopyFrom(state.delivery_deadline)
    return event


def _has_result(results: Iterable[ItemResult]) -> bool:
    return any(result.outcome in _DECIDED for result in results)


def _evolve_completed(state: MatterState, event: MatterEvent) -> None:
    completed = event.matter_completed
    if completed.HasField("delivery_deadline"):
        state.delivery_deadline.CopyFrom(completed.delivery_deadline)
    elif completed.delivery not in _BY_HAND and _has_result(completed.results):
        state.delivered.CopyFrom(event.time)
        state.delivered_way = _E_CERTIFICATE


def _react_completed(_desk: Desk, _state: MatterState, event: MatterEvent) -> Effects:
    completed = event.matter_completed
    if not completed.HasField("delivery_deadline"):
        return NO_EFFECTS
    return Effects(timers=(SetTimer(TIMER, unix_ms(completed.delivery_deadline)),))


def _evolve_delivered(state: MatterState, event: MatterEvent) -> None:
    state.delivered.CopyFrom(event.time)
    state.delivered_way = event.matter_delivered.way


def _react_delivered(_desk: Desk, state: MatterState, _event: MatterEvent) -> Effects:
    if state.HasField("delivery_deadline") and not state.delivery_overdue:
        return Effects(timers=(SetTimer(TIMER, None),))
    return NO_EFFECTS


def _evolve_overdue(state: MatterState, _event: MatterEvent) -> None:
    state.delivery_overdue = True


DECIDE: dict[str, Decider] = {"record_delivery": record_delivery}
HEAR: dict[str, Hearer] = {}
TIMERS: dict[str, Timer] = {TIMER: delivery_due}
EVOLVE: dict[str, Evolver] = {
    "delivery_overdue": _evolve_overdue,
    "matter_completed": _evolve_completed,
    "matter_delivered": _evolve_delivered,
}
REACT: dict[str, Reactor] = {"matter_completed": _react_completed, "matter_delivered": _react_delivered}
