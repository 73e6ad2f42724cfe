"""Matters with shared materials, and what the exchange tells of these: the words of the tests of sharing."""

from __future__ import annotations

import hashlib
from typing import Any

from tests.unit.intake.cases import APPLICANT, CALENDAR, Matter, item, names

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.common.v1.application_pb2 import Material, TrustClass
from onematter.contracts import keys
from onematter.contracts.topics import TopicTable, table
from onematter.exchange.v1.exchange_commands_pb2 import ExchangeCommand
from onematter.exchange.v1.exchange_events_pb2 import ExchangeEvent
from onematter.intake.core import Core
from onematter.intake.desk import HeardSharing
from onematter.intake.v1.intake_events_pb2 import MatterEvent, SharingFailure
from onematter.law.catalogue import Catalogue
from onematter.law.matters import MatterType
from onematter.law.reading import read_matter_type

EXCHANGE_COMMANDS = "onematter.exchange.commands.v1"
EXCHANGE_EVENTS = "onematter.exchange.events.v1"
GRANT_SMALL = {"grant_when": "facts.area <= 50.0", "explanation": names("small")}


def material(material_id: str, **more: Any) -> dict[str, Any]:
    return {
        "id": material_id,
        "names": names(material_id),
        "required": True,
        "trust_class": "A",
        "media_types": ["application/pdf"],
        "max_bytes": 1_000,
        **more,
    }


def shared_type(*items: dict[str, Any]) -> MatterType:
    """Two items that use a licence of one department, the first a title of another too; a photo that is optional."""
    used = items or (
        item("01", "COUNTY", materials=["plan", "licence", "title"]),
        item("02", "CITY", ["01"], materials=["licence", "photo"]),
    )
    materials = (
        material("plan", trust_class="B"),
        material("licence", share_source="market_regulation"),
        material("title", share_source="natural_resources"),
        material("photo", share_source="public_security", required=False),
    )
    return read_matter_type(
        {
            "code": "OM-77",
            "version": 3,
            "valid_from": "2026-01-01",
            "names": names("a matter"),
            "lead_department": "planning",
            "lead_level": "COUNTY",
            "evidence": "I: made up for a test",
            "facts": [{"key": "area", "kind": "number", "required": True, "names": names("area")}],
            "materials": [one for one in materials if any(one["id"] in user["materials"] for user in used)],
            "items": list(used),
        }
    )


def accepted(matter_type: MatterType | None = None, topics: TopicTable | None = None) -> Matter:
    core = Core(Catalogue((matter_type or shared_type(),), {}), topics or table(), "intake", CALENDAR)
    matter = Matter(core)
    matter.happen()
    return matter


def asked(matter: Matter) -> list[ExchangeCommand]:
    """What was asked of the exchange."""
    return [one.command for one in matter.sent if isinstance(one.command, ExchangeCommand)]


def supplied(matter: Matter) -> list[tuple[str, list[str]]]:
    """Items that were told of materials, and of which."""
    return [
        (one.command.item_id, [m.material_id for m in one.command.supply_task.materials])
        for one in matter.sent
        if isinstance(one.command, ApprovalCommand) and one.command.WhichOneof("command") == "supply_task"
    ]


def approval(matter: Matter, kind: str) -> list[ApprovalCommand]:
    """The commands of a kind that departments were sent."""
    found = [one.command for one in matter.sent if isinstance(one.command, ApprovalCommand)]
    return [one for one in found if one.WhichOneof("command") == kind]


def unshared_told(matter: Matter, kind: str) -> list[tuple[str, list[tuple[str, str, bool]]]]:
    """What each item was told as not shared: material, holder, and whether it is awaited."""
    return [
        (
            one.item_id,
            [
                (m.material_id, m.source, m.awaited)
                for m in (one.open_task.unshared_materials if kind == "open_task" else one.note_unshared.materials)
            ],
        )
        for one in approval(matter, kind)
    ]


def found(material_id: str = "licence", items: tuple[str, ...] = ("01", "02")) -> ExchangeEvent:
    event = ExchangeEvent(matter_id=keys.matter_id(APPLICANT, "r-1"))
    resolved = event.material_resolved
    resolved.material.CopyFrom(
        Material(
            material_id=material_id, digest=hashlib.sha256(b"x").digest(), size_bytes=1, media_type="application/pdf",
            trust_class=TrustClass.TRUST_CLASS_A,
        )
    )  # fmt: skip
    resolved.source = "market_regulation"
    resolved.item_ids.extend(items)
    return event


def refused(material_id: str = "licence", items: tuple[str, ...] = ("01", "02")) -> ExchangeEvent:
    event = ExchangeEvent(matter_id=keys.matter_id(APPLICANT, "r-1"))
    told = event.sharing_refused
    told.material_id, told.source, told.reason = material_id, "market_regulation", "不予共享"
    told.item_ids.extend(items)
    return event


def timed_out(material_id: str = "licence", items: tuple[str, ...] = ("01", "02")) -> ExchangeEvent:
    event = ExchangeEvent(matter_id=keys.matter_id(APPLICANT, "r-1"))
    told = event.sharing_failed
    told.material_id, told.source, told.reason = material_id, "market_regulation", "排队"
    told.failure = SharingFailure.SHARING_FAILURE_TIMED_OUT
    told.item_ids.extend(items)
    return event


def hears(matter: Matter, event: ExchangeEvent) -> MatterEvent | None:
    answer = matter.give(HeardSharing(event, EXCHANGE_EVENTS, matter._take_in("exchange", EXCHANGE_EVENTS)))
    assert answer is None or isinstance(answer, MatterEvent)
    return answer


def missing(matter: Matter) -> dict[str, list[str]]:
    return {one.item.item_id: list(one.missing) for one in matter.state.items}
