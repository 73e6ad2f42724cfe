"""Decide what is asked of the departments that hold a material, how often and until when, and what came of it. Pure.

Rule 1: a material is asked for once in a matter; what the platform answers first for good stays.
Rule 2: the matter is never blocked: after `give_up_seconds` without an answer the applicant is to be asked, whatever
the platform does then. What it announced for later is still fetched then, until `late_seconds` have passed.
Rule 3: each refusal and each delay is an event with the department that holds the data. What our own side could not
carry is told as that, and is nobody's refusal.
Rule 4: a call that fails is made again after 2 s, then twice as long each time, as long as time is left.
Rule 5: personal data stand in the state as long as something is open, and in no event.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple, TypeAlias

from onematter.common.v1.actor_pb2 import ActorRole
from onematter.common.v1.outcome_pb2 import CommandRefused, Reason
from onematter.contracts.aggregate import NO_EFFECTS, Context, Effects, Refusal, SetTimer, TimerDue, refuse
from onematter.contracts.times import set_unix_ms, unix_ms
from onematter.datashare.v1.datashare_service_pb2 import MaterialDelayed, MaterialFound, MaterialRefused
from onematter.exchange.v1.exchange_commands_pb2 import CallFailure, ExchangeCommand, RecordAnswer, ResolveMaterials
from onematter.exchange.v1.exchange_events_pb2 import DelayCause, ExchangeEvent
from onematter.exchange.v1.exchange_state_pb2 import SharingRequest, SharingState, SharingStatus
from onematter.intake.v1.intake_events_pb2 import SharingFailure

FIRST_DELAY_SECONDS = 2
# 2^10 s is past every time that is left; a larger power is never needed.
_MAX_DOUBLINGS = 10
MIN_DELAY_MS = 1_000
MAX_REASON = 500
_TIMER = "give-up:"

_ASKED = SharingStatus.SHARING_STATUS_ASKED
_LATE = SharingStatus.SHARING_STATUS_LATE
_RESOLVED = SharingStatus.SHARING_STATUS_RESOLVED
_FAILED = SharingStatus.SHARING_STATUS_FAILED
_OPEN = frozenset({_ASKED, _LATE})
_ANNOUNCED = DelayCause.DELAY_CAUSE_ANNOUNCED
_DELAYS = {
    CallFailure.CALL_FAILURE_AWAY: DelayCause.DELAY_CAUSE_AWAY,
    CallFailure.CALL_FAILURE_TIMED_OUT: DelayCause.DELAY_CAUSE_TIMED_OUT,
    CallFailure.CALL_FAILURE_MALFORMED: DelayCause.DELAY_CAUSE_MALFORMED,
    CallFailure.CALL_FAILURE_OWN_SIDE: DelayCause.DELAY_CAUSE_OWN_SIDE,
}
_FAILURES = {
    # Every call leaves an answer; where there is none, nobody called.
    DelayCause.DELAY_CAUSE_UNSPECIFIED: SharingFailure.SHARING_FAILURE_OWN_SIDE,
    DelayCause.DELAY_CAUSE_OWN_SIDE: SharingFailure.SHARING_FAILURE_OWN_SIDE,
    DelayCause.DELAY_CAUSE_AWAY: SharingFailure.SHARING_FAILURE_AWAY,
    DelayCause.DELAY_CAUSE_MALFORMED: SharingFailure.SHARING_FAILURE_AWAY,
    DelayCause.DELAY_CAUSE_TIMED_OUT: SharingFailure.SHARING_FAILURE_TIMED_OUT,
    _ANNOUNCED: SharingFailure.SHARING_FAILURE_TIMED_OUT,
}


class FromIntake(NamedTuple):
    """A command in intake's stream."""

    command: ExchangeCommand


Command: TypeAlias = "FromIntake | ExchangeCommand | TimerDue"


class Policy(NamedTuple):
    """Until when the applicant is spared, and how long a late answer is waited for."""

    give_up_seconds: float = 30.0
    late_seconds: float = 7 * 86_400.0


class Core:
    """The sharings of a matter at one deployment, whose answers `principal` records."""

    def __init__(self, policy: Policy, principal: str) -> None:
        self._give_up_ms = int(policy.give_up_seconds * 1000)
        self._late_ms = int(policy.late_seconds * 1000)
        self._principal = principal

    def decide(self, state: SharingState, command: Command, context: Context) -> ExchangeEvent | CommandRefused | None:
        """Return the one event that `command` causes, a refusal, or None. `state` has absorbed the command."""
        now = context.now_unix_ms
        match command:
            case FromIntake():
                if command.command.WhichOneof("command") == "resolve_materials":
                    return self._request(state, command.command.resolve_materials, now)
                return _stop(state, command.command.stop_resolving.material_ids)
            case ExchangeCommand():
                return self._answer(state, command, now)
            case TimerDue():
                return _give_up(state, command.name)

    def _request(self, state: SharingState, command: ResolveMaterials, now: int) -> ExchangeEvent | None:
        known = {one.material.material_id for one in state.requests}
        event = ExchangeEvent()
        requested = event.materials_requested
        for want in command.wants:
            if want.material_id in known:
                continue
            known.add(want.material_id)
            requested.materials.add(
                material_id=want.material_id,
                source=want.source,
                certificate_type=want.certificate_type,
                item_ids=want.item_ids,
                media_types=want.media_types,
                max_bytes=want.max_bytes,
            )
        if not requested.materials:
            return None
        requested.matter_number = command.matter_number
        requested.matter_code = command.matter_code
        requested.catalogue_version = command.catalogue_version
        set_unix_ms(requested.give_up, now + self._give_up_ms)
        return event

    def _answer(self, state: SharingState, command: ExchangeCommand, now: int) -> ExchangeEvent | CommandRefused | None:
        kind = command.WhichOneof("command")
        if kind != "record_answer":
            # What is to be fetched follows from a matter; a person who could ask for it could ask for anybody's.
            return refuse(kind or "", "actor", Reason.REASON_ROLE_NOT_ALLOWED, {"allowed": "intake's own stream"})
        answer = command.record_answer
        refusal = Refusal(kind)
        actor = command.actor
        if actor.principal != self._principal or actor.role != ActorRole.ACTOR_ROLE_SYSTEM:
            refusal.add("actor", Reason.REASON_ROLE_NOT_ALLOWED, {"allowed": "the exchange itself"})
        request = find(state, answer.material_id)
        if request is None:
            refusal.add("record_answer.material_id", Reason.REASON_MATERIAL_UNKNOWN)
        if refusal or request is None:
            return refusal.outcome()
        found = answer.WhichOneof("result") == "answer" and answer.answer.WhichOneof("answer") == "found"
        # After the end a call may still bring it.
        if request.status not in _OPEN and not (found and request.status == _FAILED):
            return None
        if answer.attempt != request.attempts + 1:
            return None
        return self._judge(request, answer, now)

    def _judge(self, request: SharingRequest, answer: RecordAnswer, now: int) -> ExchangeEvent:
        if answer.WhichOneof("result") != "answer":
            return self._failed_call(request, answer, now)
        told = answer.answer
        match told.WhichOneof("answer"):
            case "found":
                return _resolved(request, answer, told.found)
            case "refused":
                return _refused(request, answer, told.refused)
            case "delayed":
                return self._announced(request, answer, told.delayed, now)
            case "not_found":
                reason = told.not_found.reason
                return _failed(request, SharingFailure.SHARING_FAILURE_NOT_FOUND, reason, answer.attempt)
            case _:
                malformed = RecordAnswer(
                    attempt=answer.attempt, failure=CallFailure.CALL_FAILURE_MALFORMED, detail="an empty answer"
                )
                return self._failed_call(request, malformed, now)

    def _announced(
        self, request: SharingRequest, answer: RecordAnswer, delayed: MaterialDelayed, now: int
    ) -> ExchangeEvent:
        until = max(unix_ms(delayed.until), now + MIN_DELAY_MS)
        if until > unix_ms(request.asked) + self._late_ms:
            return _failed(request, SharingFailure.SHARING_FAILURE_TIMED_OUT, delayed.reason, answer.attempt)
        return _delayed(request, _ANNOUNCED, delayed.reason, until, answer.attempt, delayed.owner)

    def _failed_call(self, request: SharingRequest, answer: RecordAnswer, now: int) -> ExchangeEvent:
        cause = _DELAYS.get(answer.failure)
        if cause is None:
            return _failed(request, SharingFailure.SHARING_FAILURE_AWAY, answer.detail, answer.attempt)
        until = now + delay_seconds(answer.attempt) * 1000
        if until >= unix_ms(request.give_up):
            return _failed(request, _FAILURES[cause], answer.detail, answer.attempt)
        return _delayed(request, cause, answer.detail, until, answer.attempt)


def absorb(state: SharingState, command: Command, context: Context) -> SharingState:  # noqa: ARG001
    """Keep for whom it is asked, which no event carries, as long as something is open; changes `state` in place.

    After a restore the events come first, and may have closed everything already.
    """
    if not isinstance(command, FromIntake) or command.command.WhichOneof("command") != "resolve_materials":
        return state
    asked = command.command.resolve_materials
    known = {one.material.material_id for one in state.requests}
    if known.issuperset(want.material_id for want in asked.wants) and not is_open(state):
        return state
    state.division = asked.division
    del state.parties[:]
    state.parties.extend(asked.parties)
    state.personal_data.CopyFrom(asked.personal_data)
    state.requester.CopyFrom(asked.requester)
    return state


def evolve(state: SharingState, event: ExchangeEvent) -> SharingState:
    """Return the state after `event`; `state` stays as it is."""
    kind = event.WhichOneof("event")
    if kind == "command_refused" or kind is None:
        return state
    new = SharingState()
    new.CopyFrom(state)
    match kind:
        case "materials_requested":
            requested = event.materials_requested
            new.matter_number = requested.matter_number
            new.matter_code = requested.matter_code
            new.catalogue_version = requested.catalogue_version
            for material in requested.materials:
                request = new.requests.add(status=_ASKED)
                request.material.CopyFrom(material)
                request.asked.CopyFrom(event.time)
                request.give_up.CopyFrom(requested.give_up)
                request.next_attempt.CopyFrom(event.time)
            return new
        case "material_resolved":
            resolved = event.material_resolved
            request = _close(new, resolved.material.material_id, _RESOLVED, event)
            request.attempts = resolved.attempts
        case "sharing_refused":
            refused = event.sharing_refused
            request = _close(new, refused.material_id, SharingStatus.SHARING_STATUS_REFUSED, event)
            request.attempts, request.reason = refused.attempts, refused.reason
        case "sharing_delayed":
            delayed = event.sharing_delayed
            request = _known(new, delayed.material_id)
            request.attempts, request.reason, request.delay = delayed.attempts, delayed.reason, delayed.cause
            request.next_attempt.CopyFrom(delayed.until)
        case "sharing_failed":
            failed = event.sharing_failed
            if failed.HasField("until"):
                _known(new, failed.material_id).status = _LATE
            else:
                request = _close(new, failed.material_id, _FAILED, event)
                request.attempts, request.reason = failed.attempts, failed.reason
        case "sharing_stopped":
            for material_id in event.sharing_stopped.material_ids:
                _close(new, material_id, SharingStatus.SHARING_STATUS_STOPPED, event)
        case _:
            raise AssertionError("an event that the fold does not know")
    if not is_open(new):
        for name in ("parties", "personal_data", "requester"):
            new.ClearField(name)
    return new


def react(state: SharingState, event: ExchangeEvent) -> Effects:  # noqa: ARG001
    """Return the timers that end the applicant's waiting; one that finds nothing open does nothing."""
    if event.WhichOneof("event") != "materials_requested":
        return NO_EFFECTS
    requested = event.materials_requested
    due = unix_ms(requested.give_up)
    return Effects(timers=tuple(SetTimer(_TIMER + one.material_id, due) for one in requested.materials))


def delay_seconds(attempts: int) -> int:
    """Return how long to wait after the failure of call number `attempts` (from 1)."""
    return FIRST_DELAY_SECONDS << min(attempts - 1, _MAX_DOUBLINGS)


def is_open(state: SharingState) -> bool:
    """Whether anything may still be answered."""
    return any(one.status in _OPEN for one in state.requests)


def is_waiting(request: SharingRequest) -> bool:
    """Whether an answer is still waited for."""
    return request.status in _OPEN


def find(state: SharingState, material_id: str) -> SharingRequest | None:
    """Return the request for a material; None when it was not asked for."""
    for one in state.requests:
        if one.material.material_id == material_id:
            return one
    return None


def _known(state: SharingState, material_id: str) -> SharingRequest:
    request = find(state, material_id)
    assert request is not None, "an event of a material that was not asked for"
    return request


def _close(state: SharingState, material_id: str, status: SharingStatus, event: ExchangeEvent) -> SharingRequest:
    request = _known(state, material_id)
    request.status = status
    request.answered.CopyFrom(event.time)
    request.ClearField("next_attempt")
    return request


def _stop(state: SharingState, material_ids: Collection[str]) -> ExchangeEvent | None:
    """Ask no more for these materials, or for none where none is named."""
    open_ids = [
        one.material.material_id
        for one in state.requests
        if one.status in _OPEN and (not material_ids or one.material.material_id in material_ids)
    ]
    if not open_ids:
        return None
    event = ExchangeEvent()
    event.sharing_stopped.material_ids.extend(open_ids)
    return event


def _give_up(state: SharingState, timer: str) -> ExchangeEvent | None:
    request = find(state, timer.removeprefix(_TIMER))
    if request is None or request.status != _ASKED:
        return None
    event = _failed(request, _FAILURES[request.delay], request.reason, request.attempts)
    if request.delay == _ANNOUNCED:
        event.sharing_failed.until.CopyFrom(request.next_attempt)
    return event


def _resolved(request: SharingRequest, answer: RecordAnswer, found: MaterialFound) -> ExchangeEvent:
    event = ExchangeEvent()
    resolved = event.material_resolved
    resolved.material.CopyFrom(found.material)
    resolved.material.material_id = request.material.material_id
    resolved.source = request.material.source
    resolved.item_ids.extend(request.material.item_ids)
    resolved.issuer = found.issuer
    resolved.valid_from = found.valid_from
    resolved.valid_until = found.valid_until
    resolved.attempts = answer.attempt
    resolved.late = request.status != _ASKED
    return event


def _refused(request: SharingRequest, answer: RecordAnswer, refused: MaterialRefused) -> ExchangeEvent:
    event = ExchangeEvent()
    told = event.sharing_refused
    told.material_id = request.material.material_id
    told.source = request.material.source
    told.item_ids.extend(request.material.item_ids)
    told.reason = refused.reason[:MAX_REASON]
    told.owner = refused.owner[:MAX_REASON]
    told.basis = refused.basis[:MAX_REASON]
    told.attempts = answer.attempt
    told.late = request.status != _ASKED
    return event


def _delayed(
    request: SharingRequest, cause: DelayCause, reason: str, until_unix_ms: int, attempts: int, owner: str = ""
) -> ExchangeEvent:
    event = ExchangeEvent()
    delayed = event.sharing_delayed
    delayed.material_id = request.material.material_id
    delayed.source = request.material.source
    delayed.cause = cause
    delayed.reason = reason[:MAX_REASON]
    delayed.owner = owner[:MAX_REASON]
    set_unix_ms(delayed.until, until_unix_ms)
    delayed.attempts = attempts
    return event


def _failed(request: SharingRequest, failure: SharingFailure, reason: str, attempts: int) -> ExchangeEvent:
    event = ExchangeEvent()
    failed = event.sharing_failed
    failed.material_id = request.material.material_id
    failed.source = request.material.source
    failed.item_ids.extend(request.material.item_ids)
    failed.failure = failure
    failed.reason = reason[:MAX_REASON]
    failed.attempts = attempts
    failed.late = request.status != _ASKED
    return event
