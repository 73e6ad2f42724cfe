"""Decide which notices (告知) a matter gives, and what comes of an attempt to deliver one. Pure.

Rule 1: an event has at most one notice, and its notice_id is a function of the event's place in its stream.
Rule 2: which events are told and what they say stands in `telling`; here, whom and when.
Rule 3: a notice carries no personal data; whom it is for stands in the state, sealed, and is opened by the channel.
Rule 4: a notice that the channel did not take is tried again, after 1 s, then twice as long each time, at most 1 h.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from onematter.common.v1.application_pb2 import PartyRole
from onematter.contracts.aggregate import NO_EFFECTS, Context, Effects, SetTimer
from onematter.contracts.headers import rfc3339
from onematter.contracts.times import set_unix_ms, unix_ms
from onematter.intake.v1.intake_events_pb2 import MatterAccepted, MatterEvent, MatterReceived
from onematter.law.catalogue import Catalogue
from onematter.notification.telling import told
from onematter.notification.v1.notification_events_pb2 import Notice, NoticeEvent
from onematter.notification.v1.notification_state_pb2 import NoticesState, NoticeState, NoticeStatus
from onematter.notification.voice import Voice, language_of, text_in

FIRST_DELAY_SECONDS = 1
MAX_DELAY_SECONDS = 3600
# 2^12 s is past the longest delay; a larger power is never needed.
_MAX_DOUBLINGS = 12
_TIMER = "notice:"

_DELAYED = NoticeStatus.NOTICE_STATUS_DELAYED
_DELIVERED = NoticeStatus.NOTICE_STATUS_DELIVERED
_ADDRESSED = (PartyRole.PARTY_ROLE_APPLICANT, PartyRole.PARTY_ROLE_AGENT)


class Tell(NamedTuple):
    """Tell what happened to the matter. The writer, topic and sequence are the event's place."""

    event: MatterEvent
    writer: str
    topic: str
    sequence: int


class RecordAttempt(NamedTuple):
    """Note that a channel was given a notice. `failure` is empty when it took it; never personal data."""

    notice: Notice
    channel: str
    failure: str


def absorb(state: NoticesState, event: MatterEvent) -> NoticesState:
    """Keep what later notices need: of the receipt and the acceptance whom they address and what things are called, of
    what is supplied that it is not awaited any more.

    Changes `state` in place and returns it: the unit of work owns the state that it passes, and drops it on failure.
    """
    match event.WhichOneof("event"):
        case "matter_accepted":
            accepted = event.matter_accepted
            _keep(state, accepted)
            language = language_of(state.language)
            names = state.item_names
            for item in accepted.items:
                names[item.item_id] = text_in(item.name, language)
        case "matter_received":
            _keep(state, event.matter_received)
        case "materials_supplied":
            here = {material.material_id for material in event.materials_supplied.materials}
            awaited = [one for one in state.outstanding_materials if one not in here]
            state.outstanding_materials[:] = awaited
        case _:
            pass
    return state


def _keep(state: NoticesState, begun: MatterReceived | MatterAccepted) -> None:
    """Keep what both tell; an acceptance that does not repeat the application leaves the receipt's."""
    state.matter_number = begun.matter_number or state.matter_number
    state.matter_code = begun.matter_code
    state.catalogue_version = begun.catalogue_version
    if begun.HasField("name"):
        state.name.CopyFrom(begun.name)
    state.language = begun.language or state.language
    if begun.outstanding_materials or state.outstanding_materials:
        state.outstanding_materials[:] = begun.outstanding_materials
    if not begun.HasField("application"):
        return
    application = begun.application
    state.personal_data.CopyFrom(application.personal_data)
    state.addressee_ids[:] = [p.party_id for p in application.parties if p.role in _ADDRESSED]


def plan(state: NoticesState, command: Tell, catalogue: Catalogue) -> Notice | None:
    """Return the notice that the event gives, `state` having absorbed it; None when it gives none or has given it.

    `catalogue` tells the names of materials, departments and documents.
    """
    event = command.event
    voice = Voice(state, catalogue)
    said = told(event, voice)
    if said is None:
        return None
    kind, parameters = said
    matter_id = event.matter_id
    notice_id = notice_id_of(command.writer, command.topic, matter_id, command.sequence)
    if find(state, notice_id) is not None:
        return None
    parameters["matter_id"] = matter_id
    parameters["matter_name"] = text_in(state.name, voice.language)
    parameters["time"] = _time_text(unix_ms(event.time))
    # Field by field, which is twice as fast as the constructor.
    notice = Notice(notice_id=notice_id, kind=kind, matter_number=state.matter_number, language=voice.language)
    kept = notice.parameters
    for name, value in parameters.items():
        if value:
            kept[name] = value
    about = notice.about
    about.writer = command.writer
    about.topic = command.topic
    about.sequence = command.sequence
    return notice


def due(state: NoticesState, timer: str) -> Notice | None:
    """Return the notice that the timer is about; None when it is delivered or unknown."""
    kept = find(state, timer.removeprefix(_TIMER)) if timer.startswith(_TIMER) else None
    return kept.notice if kept is not None and kept.status == _DELAYED else None


def waiting(state: NoticesState) -> dict[str, str]:
    """Return the notices that were not delivered yet, by id, each with the timer of its next attempt."""
    return {kept.notice.notice_id: _TIMER + kept.notice.notice_id for kept in state.notices if kept.status == _DELAYED}


def decide(state: NoticesState, command: RecordAttempt, context: Context) -> NoticeEvent | None:
    """Return NoticeDelivered or NoticeDelayed; None when the notice is known to be delivered."""
    notice = command.notice
    kept = find(state, notice.notice_id)
    if kept is not None and kept.status == _DELIVERED:
        return None
    attempts = 1 if kept is None else kept.attempts + 1
    event = NoticeEvent(notice_id=notice.notice_id)
    if not command.failure:
        attempt = event.notice_delivered
    else:
        attempt = event.notice_delayed
        attempt.failure = command.failure
        set_unix_ms(attempt.next_attempt, context.now_unix_ms + delay_seconds(attempts) * 1000)
    attempt.notice.CopyFrom(notice)
    attempt.channel = command.channel
    attempt.attempts = attempts
    return event


def evolve(state: NoticesState, event: NoticeEvent) -> NoticesState:
    """Return the state after `event`: each notice once, with its last attempt."""
    match event.WhichOneof("event"):
        case "notice_delivered":
            attempt, status = event.notice_delivered, _DELIVERED
        case "notice_delayed":
            attempt, status = event.notice_delayed, _DELAYED
        case _:
            return state
    notice = attempt.notice
    new = NoticesState()
    new.CopyFrom(state)
    kept = find(new, notice.notice_id)
    if kept is None:
        kept = new.notices.add()
        kept.notice.CopyFrom(notice)
    kept.status = status
    kept.attempts = attempt.attempts
    kept.time.CopyFrom(event.time)
    return new


def react(state: NoticesState, event: NoticeEvent) -> Effects:  # noqa: ARG001
    """Return the timer of the next attempt; one that came due is gone, and delivery needs no other."""
    if event.WhichOneof("event") != "notice_delayed":
        return NO_EFFECTS
    delayed = event.notice_delayed
    return Effects(timers=(SetTimer(_TIMER + delayed.notice.notice_id, unix_ms(delayed.next_attempt)),))


def delay_seconds(attempts: int) -> int:
    """Return how long to wait after the failure of attempt number `attempts` (from 1)."""
    return min(FIRST_DELAY_SECONDS << min(attempts - 1, _MAX_DOUBLINGS), MAX_DELAY_SECONDS)


def notice_id_of(writer: str, topic: str, matter_id: str, sequence: int) -> str:
    """Return 32 hexadecimal digits: the first 16 bytes of SHA-256 over the place of the event told about.

    Each text goes in with its length before it, so that no two places run together.
    """
    place = b"onematter.notice.v1" + _framed(writer) + _framed(topic) + _framed(matter_id) + sequence.to_bytes(8, "big")
    return sha256(place).hexdigest()[:32]


def find(state: NoticesState, notice_id: str) -> NoticeState | None:
    """Return the notice as the state keeps it."""
    for kept in state.notices:
        if kept.notice.notice_id == notice_id:
            return kept
    return None


def _framed(text: str) -> bytes:
    raw = text.encode()
    return len(raw).to_bytes(4, "big") + raw


def _time_text(unix_ms: int) -> str:
    seconds, milliseconds = divmod(unix_ms, 1000)
    return f"{_second_text(seconds)}{milliseconds:03d}Z"


@lru_cache(maxsize=256)
def _second_text(seconds: int) -> str:
    return rfc3339(seconds * 1000).removesuffix("000Z")
