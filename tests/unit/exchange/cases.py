"""A matter's wants and the platform's answers, as the tests of the exchange speak."""

from __future__ import annotations

import hashlib
from typing import Any

from onematter.backbone.v1.ledger_pb2 import Ledger
from onematter.common.v1.actor_pb2 import Actor, ActorRole
from onematter.common.v1.application_pb2 import Material, Party, PartyDetails, PartyRole, PersonalData, TrustClass
from onematter.common.v1.outcome_pb2 import CommandRefused
from onematter.contracts.aggregate import Context, TimerDue
from onematter.contracts.times import set_unix_ms, timestamp, unix_ms
from onematter.exchange.core import Core, FromIntake, Policy, absorb, evolve
from onematter.exchange.v1.exchange_commands_pb2 import CallFailure, ExchangeCommand, Want
from onematter.exchange.v1.exchange_events_pb2 import ExchangeEvent
from onematter.exchange.v1.exchange_state_pb2 import SharingRequest, SharingState

MATTER_ID = "0123456789abcdef0123456789abcdef"
# 2026-11-23T10:00:00Z.
NOW = 1_795_428_000_000
GIVE_UP_MS = 30_000
LATE_MS = 3_600_000
NAME = "张三"
CONTENT = b"%PDF-1.5 a licence"
EXCHANGE = Actor(principal="exchange", role=ActorRole.ACTOR_ROLE_SYSTEM)
INTAKE = Actor(principal="intake", role=ActorRole.ACTOR_ROLE_SYSTEM)

LICENCE = Want(
    material_id="business_licence", source="market_regulation", certificate_type="business_licence", item_ids=["01"],
    media_types=["application/pdf"], max_bytes=1_000,
)  # fmt: skip
TITLE = Want(
    material_id="land_title", source="natural_resources", item_ids=["01", "02"], media_types=["application/pdf"],
    max_bytes=1_000,
)  # fmt: skip


def ask(*wants: Want) -> FromIntake:
    """Intake's command to fetch these; of no others, the licence and the title."""
    command = ExchangeCommand(matter_id=MATTER_ID, actor=INTAKE)
    asked = command.resolve_materials
    asked.matter_number = "202611233301061000000017"
    asked.matter_code = "OM-17"
    asked.catalogue_version = 1
    asked.division = "330106"
    asked.wants.extend(wants or (LICENCE, TITLE))
    asked.parties.append(Party(party_id="p1", role=PartyRole.PARTY_ROLE_APPLICANT))
    personal_data = PersonalData(parties=[PartyDetails(party_id="p1", name=NAME)])
    asked.personal_data.plain = personal_data.SerializeToString()
    asked.requester.CopyFrom(INTAKE)
    return FromIntake(command)


def stop(*material_ids: str) -> FromIntake:
    """Intake's command to ask no more, for nothing or not for these."""
    command = ExchangeCommand(matter_id=MATTER_ID, actor=INTAKE)
    command.stop_resolving.SetInParent()
    command.stop_resolving.material_ids.extend(material_ids)
    return FromIntake(command)


def answer(material_id: str = "business_licence", attempt: int = 1, actor: Actor = EXCHANGE) -> ExchangeCommand:
    """A record of a call, to be filled in."""
    command = ExchangeCommand(request_id=f"{material_id}-{attempt}", matter_id=MATTER_ID, actor=actor)
    command.record_answer.material_id = material_id
    command.record_answer.attempt = attempt
    return command


def found(material_id: str = "business_licence", attempt: int = 1) -> ExchangeCommand:
    """It was found."""
    command = answer(material_id, attempt)
    told = command.record_answer.answer.found
    told.material.CopyFrom(
        Material(
            material_id=material_id, digest=hashlib.sha256(CONTENT).digest(), size_bytes=len(CONTENT),
            media_type="application/pdf", trust_class=TrustClass.TRUST_CLASS_A,
        )
    )  # fmt: skip
    told.issuer, told.number = "market_regulation", "n-1"
    told.valid_from, told.valid_until = "2026-01-01", "2036-01-01"
    return command


def refused(material_id: str = "business_licence", attempt: int = 1, reason: str = "不予共享") -> ExchangeCommand:
    """The source refused."""
    command = answer(material_id, attempt)
    told = command.record_answer.answer.refused
    told.reason, told.owner, told.basis = reason, "data_bureau", "第十二条"
    return command


def not_found(material_id: str = "business_licence", attempt: int = 1) -> ExchangeCommand:
    """The source has none."""
    command = answer(material_id, attempt)
    command.record_answer.answer.not_found.reason = "无此记录"
    return command


def delayed(until_unix_ms: int, material_id: str = "business_licence", attempt: int = 1) -> ExchangeCommand:
    """The source answers later."""
    command = answer(material_id, attempt)
    told = command.record_answer.answer.delayed
    told.reason = "排队"
    told.until.CopyFrom(timestamp(until_unix_ms))
    return command


def failed(failure: CallFailure, material_id: str = "business_licence", attempt: int = 1) -> ExchangeCommand:
    """The call failed."""
    command = answer(material_id, attempt)
    command.record_answer.failure = failure
    command.record_answer.detail = "why"
    return command


class Matter:
    """The sharings of one matter, as the unit of work moves them on."""

    def __init__(self) -> None:
        self.core = Core(Policy(GIVE_UP_MS / 1000, LATE_MS / 1000), "exchange")
        self.state = SharingState()
        self.events: list[ExchangeEvent] = []

    def given(self, command: Any, after_ms: int = 0) -> ExchangeEvent:
        """Deal with a command that must have an event; returns it."""
        event = self.when(command, after_ms)
        assert isinstance(event, ExchangeEvent), event
        return event

    def when(self, command: Any, after_ms: int = 0) -> ExchangeEvent | CommandRefused | None:
        """Deal with a command, so long after the asking; returns what it caused."""
        context = Context(NOW + after_ms, 0, -1, Ledger())
        self.state = absorb(self.state, command, context)
        event = self.core.decide(self.state, command, context)
        if isinstance(event, ExchangeEvent):
            event.matter_id = MATTER_ID
            set_unix_ms(event.time, NOW + after_ms)
            before = self.state.SerializeToString(deterministic=True)
            after = evolve(self.state, event)
            assert self.state.SerializeToString(deterministic=True) == before, "evolve changed its argument"
            self.state = after
            self.events.append(event)
        return event

    def gives_up(self, material_id: str = "business_licence") -> ExchangeEvent | CommandRefused | None:
        """The applicant has waited long enough."""
        return self.when(TimerDue(f"give-up:{material_id}"), GIVE_UP_MS)

    def request(self, material_id: str = "business_licence") -> SharingRequest:
        """The request for a material."""
        return next(one for one in self.state.requests if one.material.material_id == material_id)


def until(event: ExchangeEvent) -> int:
    """After how many milliseconds it is asked again."""
    return unix_ms(event.sharing_delayed.until) - unix_ms(event.time)
