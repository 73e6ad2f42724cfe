"""Which message leads to which command, and the aggregate that the unit of work runs.

Rule 1: a notice stands in its channel before the step that tells so is committed. A crash in between gives it to the
channel again, which knows it; so it is never lost, and stands there once.
Rule 2: only what may give a notice is decoded.
"""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.message import DecodeError

from onematter.backbone.records import Record
from onematter.backbone.service import Again, Aggregate
from onematter.common.v1.application_pb2 import PersonalData, Sealed
from onematter.contracts.aggregate import Context, TimerDue, Undecodable, UnknownType
from onematter.contracts.topics import MATTER_EVENTS
from onematter.intake.v1.intake_events_pb2 import MatterEvent
from onematter.law.catalogue import Catalogue
from onematter.notification import core
from onematter.notification.channel import Addressee, Channel, Letter
from onematter.notification.core import RecordAttempt, Tell
from onematter.notification.telling import is_told
from onematter.notification.texts import render
from onematter.notification.v1.notification_events_pb2 import Notice, NoticeEvent
from onematter.notification.v1.notification_state_pb2 import NoticesState

Command = Tell | TimerDue

_TYPES = {
    field.message_type.full_name: field.name
    for field in MatterEvent.DESCRIPTOR.oneofs_by_name["event"].fields
    if field.message_type is not None
}
# After a restore a notice may be due before the receipt or acceptance, which names the addressees, has come again.
ADDRESSEE_UNKNOWN = "the matter's receipt or acceptance has not arrived"
_UNREADABLE = (None, None)


def command_from(record: Record) -> Tell | None:
    """Return the command to tell what a matter's event says; None for what is never told.

    Raises UnknownType for an event that this version does not know, Undecodable for what is no event of the matter.
    """
    if record.topic != MATTER_EVENTS or not record.writer:
        return None
    member = _TYPES.get(record.type)
    if member is None:
        raise UnknownType("a MatterEvent that this version does not know")
    if not is_told(member):
        return None
    try:
        event = MatterEvent.FromString(record.value)
    except DecodeError:
        raise Undecodable("not an onematter.intake.v1.MatterEvent") from None
    if event.WhichOneof("event") != member:
        raise Undecodable("ce_type names another event than the record carries")
    if event.matter_id != record.key:
        raise Undecodable("matter_id is not the record's key")
    return Tell(event, record.writer, record.topic, record.sequence)


class Delivery:
    """Plans, delivers and records: the core's decisions with a channel between them."""

    def __init__(self, channel: Channel, catalogue: Catalogue) -> None:
        self._channel = channel
        self._catalogue = catalogue

    def decide(self, state: NoticesState, command: Command, context: Context) -> NoticeEvent | None:
        """Return what came of the notice that the command gives; None when it gives none."""
        if isinstance(command, TimerDue):
            notice = core.due(state, command.name)
        else:
            notice = core.plan(state, command, self._catalogue)
        if notice is None:
            return None
        known = state.HasField("name")
        failure = self._channel.deliver(letter_of(state, notice)) if known else ADDRESSEE_UNKNOWN
        return core.decide(state, RecordAttempt(notice, self._channel.name, failure), context)


def letter_of(state: NoticesState, notice: Notice) -> Letter:
    """Return the notice as a letter to the applicant and agents."""
    subject, body = render(notice)
    parameters = notice.parameters
    addressees = addressees_of(state.addressee_ids, state.personal_data)
    return Letter(notice, parameters["matter_id"], addressees, subject, body, parameters["time"])


def addressees_of(party_ids: Iterable[str], sealed: Sealed) -> tuple[Addressee, ...]:
    """Return whom to address; without name and mobile where they are encrypted, or are not what they should be."""
    try:
        # Of what is encrypted, `plain` is empty and holds no party.
        parties = PersonalData.FromString(sealed.plain).parties
    except DecodeError:
        parties = ()
    details = {party.party_id: (party.name, party.mobile) for party in parties}
    return tuple([Addressee(party_id, *details.get(party_id, _UNREADABLE)) for party_id in party_ids])


def absorb(state: NoticesState, command: Command, context: Context) -> NoticesState:  # noqa: ARG001
    """Keep what later notices need of the event; changes `state` in place, as core.absorb does."""
    return state if isinstance(command, TimerDue) else core.absorb(state, command.event)


def again(state: NoticesState, matter_id: str) -> Again:  # noqa: ARG001
    """Return the notices that wait to be delivered again, and their timers."""
    waiting = core.waiting(state)
    return Again(tuple(waiting), tuple(waiting.values()))


def aggregate(channel: Channel, catalogue: Catalogue) -> Aggregate[NoticesState, Command, NoticeEvent]:
    """Return the notices of a matter as the unit of work's aggregate, delivered through `channel`.

    `catalogue` has the names of what events tell by code.
    """
    return Aggregate(
        state_type=NoticesState,
        event_type=NoticeEvent,
        command_from=command_from,
        decide=Delivery(channel, catalogue).decide,
        evolve=core.evolve,
        react=core.react,
        absorb=absorb,
        observer=True,
        before_commit=channel.flush,
        again=again,
    )
