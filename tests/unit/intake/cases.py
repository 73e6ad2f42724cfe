"""A small catalogue, a hand-in, and a matter that keeps its books, and is restored, as the unit of work does."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand, Decision
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.backbone.catalogue_files import load_calendar
from onematter.backbone.v1.ledger_pb2 import Ledger
from onematter.common.v1.actor_pb2 import Actor, ActorRole, Channel, Level
from onematter.common.v1.application_pb2 import (
    Fact,
    IdentifierKind,
    PartyDetails,
    PartyRole,
    PersonalData,
    TextList,
)
from onematter.common.v1.outcome_pb2 import CommandRefused, Reason
from onematter.contracts import keys
from onematter.contracts.aggregate import Context, Outgoing
from onematter.contracts.times import set_unix_ms
from onematter.contracts.topics import table
from onematter.intake.core import Core
from onematter.intake.desk import Command, Heard
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand, TripCause
from onematter.intake.v1.intake_events_pb2 import Item, ItemOutcome, MatterEvent
from onematter.intake.v1.intake_state_pb2 import ItemStatus, MatterState
from onematter.law.catalogue import Catalogue, MatterType
from onematter.law.reading import read_matter_type

CODE = "OM-77"
CALENDAR = load_calendar()
APPLICANT = "windows-of-xihu"
# 2026-11-23 00:30 in China, when it is still the 22nd in UTC.
NOW = 1_795_365_000_000
ID_CARD = "330106199003071236"
USCC = "91330106MA2B0XYQ1K"

COUNTY, CITY, PROVINCE = "COUNTY", "CITY", "PROVINCE"
OWNERS = {
    "LEVEL_COUNTY": "approval-county",
    "LEVEL_CITY": "approval-city",
    "LEVEL_PROVINCE": "approval-province",
}


def names(text: str) -> dict[str, str]:
    return {"zh-CN": f"中{text}", "en": text}


def item(item_id: str, level: str = COUNTY, depends_on: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    """An item of a catalogue document."""
    return {
        "id": item_id,
        "names": names(f"item {item_id}"),
        "department": "planning",
        "level": level,
        "routing": "own",
        "case_type": "promise",
        "depends_on": list(depends_on),
        "materials": ["plan"],
        "legal_days": 20,
        "promised_days": 10,
        "evidence": "I: made up for a test",
        **more,
    }


def matter_type(*items: Mapping[str, Any], code: str = CODE) -> MatterType:
    """A matter with these items, one required fact and one required material."""
    return read_matter_type(
        {
            "code": code,
            "version": 3,
            "valid_from": "2026-01-01",
            "names": names("a matter"),
            "lead_department": "planning",
            "lead_level": "COUNTY",
            "evidence": "I: made up for a test",
            "facts": [
                {"key": "area", "kind": "number", "required": True, "names": names("area")},
                {"key": "name", "kind": "text", "required": False, "names": names("name")},
                {"key": "cities", "kind": "list", "required": False, "names": names("cities")},
            ],
            "materials": [
                {
                    "id": "plan",
                    "names": names("plan"),
                    "required": True,
                    "trust_class": "B",
                    "media_types": ["application/pdf"],
                    "max_bytes": 1_000,
                }
            ],
            "items": list(items),
        }
    )


def three_levels() -> MatterType:
    """County, city and province at once."""
    return matter_type(item("01", COUNTY), item("02", CITY), item("03", PROVINCE))


def make_core(matter: MatterType | None = None) -> Core:
    return Core(Catalogue((matter or three_levels(),), {}), table(), "intake", CALENDAR)


def hand_in(**changes: Any) -> IntakeCommand:
    """A right hand-in; changes are fields of SubmitMatter."""
    command = IntakeCommand(request_id="r-1", actor=Actor(principal=APPLICANT, role=ActorRole.ACTOR_ROLE_CLERK))
    submit = command.submit_matter
    submit.matter_code = changes.get("matter_code", CODE)
    submit.division = changes.get("division", "330106")
    submit.channel = changes.get("channel", Channel.CHANNEL_WINDOW)
    submit.language = changes.get("language", "")
    submit.receiving_division = changes.get("receiving_division", "")
    application = submit.application
    application.facts["area"].number = 40
    application.materials.add(
        material_id="plan",
        digest=hashlib.sha256(b"plan").digest(),
        size_bytes=900,
        media_type="application/pdf",
    )
    application.parties.add(party_id="p1", role=PartyRole.PARTY_ROLE_APPLICANT)
    application.parties.add(party_id="p2", role=PartyRole.PARTY_ROLE_AGENT)
    seal(command, *right_details())
    return command


def right_details() -> tuple[PartyDetails, PartyDetails]:
    return (
        PartyDetails(
            party_id="p1",
            name="some firm",
            identifier_kind=IdentifierKind.IDENTIFIER_KIND_USCC,
            identifier=USCC,
        ),
        PartyDetails(
            party_id="p2",
            name="somebody",
            identifier_kind=IdentifierKind.IDENTIFIER_KIND_ID_CARD,
            identifier=ID_CARD,
        ),
    )


def seal(command: IntakeCommand, *details: PartyDetails) -> None:
    """Put these details into the hand-in's sealed field."""
    data = PersonalData(parties=details)
    command.submit_matter.application.personal_data.plain = data.SerializeToString()


def fact_list(*values: str) -> Fact:
    return Fact(list=TextList(values=values))


def withdraw(reason: str = "changed my mind", principal: str = APPLICANT) -> IntakeCommand:
    command = IntakeCommand(request_id="w-1", matter_id="m", actor=Actor(principal=principal))
    command.withdraw_matter.reason = reason
    return command


def visit(
    role: int = ActorRole.ACTOR_ROLE_CLERK,
    reason: str = "to sign",
    division: str = "",
    cause: int = TripCause.TRIP_CAUSE_OTHER,
) -> IntakeCommand:
    command = IntakeCommand(request_id="v-1", matter_id="m", actor=Actor(principal="clerk-7"))
    command.actor.role = role  # type: ignore[assignment]
    command.record_visit.reason = reason
    command.record_visit.division = division
    command.record_visit.cause = cause  # type: ignore[assignment]
    return command


def violations(answer: object) -> list[tuple[str, str]]:
    """Field and reason of each violation of a refusal, in their order."""
    assert isinstance(answer, CommandRefused), answer
    return [(v.field, Reason.Name(v.reason).removeprefix("REASON_")) for v in answer.violations]


@dataclass(frozen=True)
class Taken:
    """An approval event that was taken in, who told it, and the number of the matter's event of it (0: it had none)."""

    heard: Heard
    writer: str
    told: int


@dataclass
class Matter:
    """One matter at intake: its state, its events, and what it sent. Keeps the ledger as the unit of work does."""

    core: Core
    state: MatterState = field(default_factory=MatterState)
    ledger: Ledger = field(default_factory=Ledger)
    events: list[MatterEvent] = field(default_factory=list[MatterEvent])
    sent: list[Outgoing] = field(default_factory=list[Outgoing])
    taken: list[Taken] = field(default_factory=list[Taken])
    # By name; None when it was taken away.
    timers: dict[str, int | None] = field(default_factory=dict[str, int | None])
    matter_id: str = keys.matter_id(APPLICANT, "r-1")
    now_unix_ms: int = NOW

    def give(self, command: Command, *, offset: int = 41, partition: int = 2) -> MatterEvent | CommandRefused | None:
        """Absorb, decide, and take the event over."""
        self.now_unix_ms += 1_000
        context = Context(self.now_unix_ms, partition, offset, self.ledger)
        untouched = self.state.SerializeToString(deterministic=True)
        self.state = self.core.absorb(self.state, command, context)
        before = self.state.SerializeToString(deterministic=True)
        answer = self.core.decide(self.state, command, context)
        assert before == untouched or answer is None, "both absorbed and decided"
        event = MatterEvent(command_refused=answer) if isinstance(answer, CommandRefused) else answer
        if event is not None:
            event.matter_id = self.matter_id
            set_unix_ms(event.time, self.now_unix_ms)
            old = self.state
            self._fold(event)
            assert old.SerializeToString(deterministic=True) == before, "evolve changed its argument"
            assert event is not answer or not self.untold(), "an event left something untold"
        return answer

    def happen(self, **changes: Any) -> MatterEvent:
        """Hand in, expecting acceptance."""
        event = self.give(hand_in(**changes))
        assert isinstance(event, MatterEvent), event
        return event

    def hear(self, item_id: str, kind: str, **fields: Any) -> MatterEvent | None:
        """An event of the department that owns the item."""
        pinned = self.item(item_id)
        event = ApprovalEvent(matter_id=self.matter_id, item_id=item_id)
        event.actor.principal = "official-3"
        set_unix_ms(event.time, self.now_unix_ms - 500)
        member = getattr(event, kind)
        member.SetInParent()
        for name, value in fields.items():
            setattr(member, name, value)
        return self.hear_event(event, pinned.owner, pinned.events_topic)

    def hear_event(self, event: ApprovalEvent, writer: str, topic: str) -> MatterEvent | None:
        heard = Heard(event, topic, self._take_in(writer, topic))
        answer = self.give(heard)
        assert not isinstance(answer, CommandRefused)
        self.taken.append(Taken(heard, writer, 0 if answer is None else len(self.events)))
        return answer

    def restored(self, again: Sequence[Taken] = (), *, events: int | None = None) -> Matter:
        """This matter restored from an empty database: its first `events` (None: all), then what it had heard, `again`.

        What had one of these events is settled and not decided; of the rest nothing may come.
        """
        made = Matter(self.core, now_unix_ms=self.now_unix_ms + 1_000_000)
        for event in self.events[:events]:
            made._fold(MatterEvent.FromString(event.SerializeToString()))
        known = len(made.events)
        for taken in again:
            made._take_in(taken.writer, taken.heard.topic, taken.heard.sequence)
            if 0 < taken.told <= known:
                context = Context(made.now_unix_ms, 2, 41, made.ledger)
                made.state = self.core.absorb(made.state, taken.heard, context)
            else:
                assert made.give(taken.heard) is None, "decided again"
        return made

    def grant(self, item_id: str) -> MatterEvent | None:
        return self.hear(item_id, "task_decided", decision=Decision.DECISION_GRANT, opinion="in order")

    def deny(self, item_id: str) -> MatterEvent | None:
        return self.hear(item_id, "task_decided", decision=Decision.DECISION_DENY, opinion="too near a school")

    def rule(self, item_id: str, decision: Decision = Decision.DECISION_GRANT) -> MatterEvent | None:
        """A decision by rule (秒批)."""
        return self.hear(item_id, "task_decided", decision=decision, automatic=True, opinion="the rule holds")

    def untold(self) -> list[str]:
        return [one.item.item_id for one in self.state.items if one.untold]

    def item(self, item_id: str) -> Item:
        return next(one.item for one in self.state.items if one.item.item_id == item_id)

    def statuses(self) -> dict[str, str]:
        return {one.item.item_id: ItemStatus.Name(one.status).removeprefix("ITEM_STATUS_") for one in self.state.items}

    def outcomes(self) -> dict[str, str]:
        """The outcome of every concluded item."""
        return {
            one.item.item_id: ItemOutcome.Name(one.result.outcome).removeprefix("ITEM_OUTCOME_")
            for one in self.state.items
            if one.status == ItemStatus.ITEM_STATUS_CONCLUDED
        }

    def asked(self, kind: str) -> list[str]:
        """Items for which a command of this kind was sent, in order."""
        found: list[str] = []
        for outgoing in self.sent:
            command = outgoing.command
            assert isinstance(command, ApprovalCommand)
            if command.WhichOneof("command") == kind:
                found.append(command.item_id)
        return found

    def _fold(self, event: MatterEvent) -> None:
        self._count("onematter.matter.events.v1")
        self.state = self.core.evolve(self.state, event)
        effects = self.core.react(self.state, event)
        for timer in effects.timers:
            self.timers[timer.name] = timer.due_unix_ms
        for outgoing in effects.commands:
            self._count(outgoing.topic)
        self.sent.extend(effects.commands)
        self.events.append(event)

    def _take_in(self, writer: str, topic: str, sequence: int = 0) -> int:
        """Note a record of a stream, the next one for `sequence` 0, and return its number."""
        stream = next((s for s in self.ledger.received if (s.writer, s.topic) == (writer, topic)), None)
        if stream is None:
            stream = self.ledger.received.add(writer=writer, topic=topic)
        stream.last_sequence = max(stream.last_sequence, sequence or stream.last_sequence + 1)
        return stream.last_sequence

    def _count(self, topic: str) -> None:
        stream = next((s for s in self.ledger.sent if s.topic == topic), None)
        if stream is None:
            stream = self.ledger.sent.add(topic=topic)
        stream.last_sequence += 1


def level_names(matter: Matter) -> list[str]:
    return [Level.Name(one.item.level) for one in matter.state.items]
