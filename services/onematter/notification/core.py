"""Decide which notices (告知) a matter gives, and what comes of an attempt to deliver one. Pure.

Rule 1: an event has at most one notice, and its notice_id is a function of the event's place in its stream.
Rule 2: told are the acceptance (受理), what a person decided about an item and a withdrawal (进度), and the one result
(结果). What a rule decided is not told by itself: the result follows at once.
Rule 3: a notice carries no personal data; whom it is for stands in the state, sealed, and is opened by the channel.
Rule 4: a notice that the channel did not take is tried again, after 1 s, then twice as long each time, at most 1 h.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from onematter.common.v1.application_pb2 import PartyRole
from onematter.common.v1.names_pb2 import LocalizedText
from onematter.contracts.aggregate import NO_EFFECTS, Context, Effects, SetTimer
from onematter.contracts.headers import rfc3339
from onematter.contracts.times import set_unix_ms, unix_ms
from onematter.intake.v1.intake_events_pb2 import (
    ItemOutcome,
    ItemResult,
    MatterAccepted,
    MatterCompleted,
    MatterEvent,
    MatterOutcome,
)
from onematter.notification.v1.notification_events_pb2 import Notice, NoticeEvent, NoticeKind
from onematter.notification.v1.notification_state_pb2 import NoticesState, NoticeState, NoticeStatus

DEFAULT_LANGUAGE = "zh-CN"
# The languages that notices are written in.
LANGUAGES = (DEFAULT_LANGUAGE, "en")

FIRST_DELAY_SECONDS = 1
MAX_DELAY_SECONDS = 3600
# 2^12 s is past the longest delay; a larger power is never needed.
_MAX_DOUBLINGS = 12
_TIMER = "notice:"

# Named once: to look a number up by its name takes a call each time.
_ACCEPTED = NoticeKind.NOTICE_KIND_ACCEPTED
_PROGRESS = NoticeKind.NOTICE_KIND_PROGRESS
_RESULT = NoticeKind.NOTICE_KIND_RESULT
_DELAYED = NoticeStatus.NOTICE_STATUS_DELAYED
_DELIVERED = NoticeStatus.NOTICE_STATUS_DELIVERED
_GRANTED = ItemOutcome.ITEM_OUTCOME_GRANTED

_TOLD_ITEMS = {
    _GRANTED: "item_granted",
    ItemOutcome.ITEM_OUTCOME_DENIED: "item_denied",
}
_RESULTS = {
    MatterOutcome.MATTER_OUTCOME_GRANTED: "matter_granted",
    MatterOutcome.MATTER_OUTCOME_PARTLY_DENIED: "matter_partly_denied",
    MatterOutcome.MATTER_OUTCOME_DENIED: "matter_denied",
    MatterOutcome.MATTER_OUTCOME_WITHDRAWN: "matter_closed_withdrawn",
}
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
    """Keep what later notices need of the acceptance.

    Changes `state` in place and returns it: the unit of work owns the state that it passes, and drops it on failure.
    """
    if event.WhichOneof("event") == "matter_accepted":
        accepted = event.matter_accepted
        state.matter_number = accepted.matter_number
        state.name.CopyFrom(accepted.name)
        state.language = accepted.language
        application = accepted.application
        state.personal_data.CopyFrom(application.personal_data)
        del state.addressee_ids[:]
        state.addressee_ids.extend([p.party_id for p in application.parties if p.role in _ADDRESSED])
        language = language_of(accepted.language)
        names = state.item_names
        for item in accepted.items:
            names[item.item_id] = text_in(item.name, language)
    return state


def plan(state: NoticesState, command: Tell) -> Notice | None:
    """Return the notice that the event gives, `state` having absorbed it; None when it gives none or has given it."""
    event = command.event
    language = language_of(state.language)
    match event.WhichOneof("event"):
        case "matter_accepted":
            kind, parameters = _ACCEPTED, _accepted(event.matter_accepted)
        case "item_concluded":
            kind, parameters = _PROGRESS, _item(state, event.item_concluded.result)
        case "matter_withdrawn":
            kind, parameters = _PROGRESS, {"template": "matter_withdrawn"}
        case "matter_completed":
            kind, parameters = _RESULT, _result(state, event.matter_completed, language)
        case _:
            return None
    if parameters is None:
        return None
    matter_id = event.matter_id
    notice_id = notice_id_of(command.writer, command.topic, matter_id, command.sequence)
    if find(state, notice_id) is not None:
        return None
    parameters["matter_id"] = matter_id
    parameters["matter_name"] = text_in(state.name, language)
    parameters["time"] = _time_text(unix_ms(event.time))
    # Field by field, which is twice as fast as the constructor.
    notice = Notice(notice_id=notice_id, kind=kind, matter_number=state.matter_number, language=language)
    kept = notice.parameters
    for name, value in parameters.items():
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


def decide(state: NoticesState, command: RecordAttempt, context: Context) -> NoticeEvent | None:
    """Return NoticeDelivered or NoticeDelayed; None when the notice is known to be delivered."""
    notice = command.notice
    kept = find(state, notice.notice_id)
    if kept is not None and kept.status == _DELIVERED:
        return None
    attempts = 1 if kept is None else kept.attempts + 1
    event = NoticeEvent(notice_id=notice.notice_id)
    if not command.failure:
        told = event.notice_delivered
    else:
        told = event.notice_delayed
        told.failure = command.failure
        set_unix_ms(told.next_attempt, context.now_unix_ms + delay_seconds(attempts) * 1000)
    told.notice.CopyFrom(notice)
    told.channel = command.channel
    told.attempts = attempts
    return event


def evolve(state: NoticesState, event: NoticeEvent) -> NoticesState:
    """Return the state after `event`: each notice once, with its last attempt."""
    match event.WhichOneof("event"):
        case "notice_delivered":
            told, status = event.notice_delivered, _DELIVERED
        case "notice_delayed":
            told, status = event.notice_delayed, _DELAYED
        case _:
            return state
    notice = told.notice
    new = NoticesState()
    new.CopyFrom(state)
    kept = find(new, notice.notice_id)
    if kept is None:
        kept = new.notices.add()
        kept.notice.CopyFrom(notice)
    kept.status = status
    kept.attempts = told.attempts
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


@lru_cache(maxsize=1024)
def language_of(tag: str) -> str:
    """Return the one of LANGUAGES that serves a BCP 47 tag: by its first subtag, zh-CN for what is not written here."""
    first = tag.partition("-")[0].lower()
    return next((known for known in LANGUAGES if known.partition("-")[0] == first), DEFAULT_LANGUAGE)


def text_in(name: LocalizedText, language: str) -> str:
    """Return the name in a language, in zh-CN when it has no other; empty when it has neither."""
    texts = name.texts
    return texts[language] if language in texts else texts.get(DEFAULT_LANGUAGE, "")


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


def _accepted(accepted: MatterAccepted) -> dict[str, str]:
    return {"template": "matter_accepted", "item_count": str(len(accepted.items))}


def _item(state: NoticesState, result: ItemResult) -> dict[str, str] | None:
    template = _TOLD_ITEMS.get(result.outcome)
    if result.automatic or template is None:
        return None
    return {"template": template, "item_name": _item_name(state, result.item_id)}


def _result(state: NoticesState, completed: MatterCompleted, language: str) -> dict[str, str]:
    missed = [_item_name(state, r.item_id) for r in completed.results if r.outcome != _GRANTED]
    return {
        "template": _RESULTS.get(completed.outcome, "matter_closed"),
        "missed_items": ("、" if language == DEFAULT_LANGUAGE else "; ").join(missed),
    }


def _item_name(state: NoticesState, item_id: str) -> str:
    return state.item_names.get(item_id, "") or item_id
