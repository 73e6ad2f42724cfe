"""What the government holds is fetched and told to the items that need it; the applicant is asked when that fails."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from tests.unit.intake.cases import APPLICANT, CALENDAR, Matter, hand_in, item, names, withdraw
from tests.unit.intake.window import supply

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


def test_on_acceptance_everything_that_is_shared_is_asked_for_with_its_source() -> None:
    matter = accepted()
    (command,) = asked(matter)
    resolve = command.resolve_materials
    assert [(want.material_id, want.source, list(want.item_ids)) for want in resolve.wants] == [
        ("licence", "market_regulation", ["01", "02"]),
        ("title", "natural_resources", ["01"]),
        ("photo", "public_security", ["02"]),
    ]
    assert (resolve.matter_number, resolve.matter_code) == (matter.state.matter_number, "OM-77")
    assert resolve.personal_data == hand_in().submit_matter.application.personal_data
    assert (resolve.requester.department, resolve.requester.division) == ("planning", "330106")
    assert [one.topic for one in matter.sent if isinstance(one.command, ExchangeCommand)] == [EXCHANGE_COMMANDS]


def test_the_items_open_at_once() -> None:
    matter = accepted()
    assert matter.statuses() == {"01": "SENT", "02": "WAITING"}


def test_what_a_rule_grants_needs_no_paper() -> None:
    by_rule = item("01", "COUNTY", materials=["plan", "licence"], auto_rule=GRANT_SMALL)
    assert asked(accepted(shared_type(by_rule))) == []
    other = item("02", "CITY", materials=["licence", "title"])
    (command,) = asked(accepted(shared_type(by_rule, other)))
    assert [(want.material_id, list(want.item_ids)) for want in command.resolve_materials.wants] == [
        ("licence", ["02"]),
        ("title", ["02"]),
    ]


def test_where_a_rule_leaves_it_to_a_person_it_is_fetched() -> None:
    strict = {"grant_when": "facts.area <= 10.0", "explanation": names("tiny")}
    (command,) = asked(accepted(shared_type(item("01", "COUNTY", materials=["plan", "licence"], auto_rule=strict))))
    assert [want.material_id for want in command.resolve_materials.wants] == ["licence"]


def test_without_an_exchange_nothing_is_asked() -> None:
    whole = table()
    topics = TopicTable(
        whole.partitions, whole.config, whole.max_message_bytes,
        {name: one for name, one in whole.deployments.items() if one.service != "exchange"},
        {name: one for name, one in whole.topics.items() if one.owner != "exchange"},
    )  # fmt: skip
    assert asked(accepted(topics=topics)) == []


def test_a_matter_without_shared_materials_asks_nothing() -> None:
    assert asked(accepted(shared_type(item("01", "COUNTY", materials=["plan"])))) == []


def test_what_came_is_told_to_items_in_hand_and_kept_for_those_that_wait() -> None:
    matter = accepted()
    event = hears(matter, found())
    assert event is not None
    assert list(event.materials_resolved.told_items) == ["01"]
    assert event.materials_resolved.source == "market_regulation"
    assert supplied(matter) == [("01", ["licence"])]
    assert [one.material_id for one in matter.state.application.materials] == ["plan", "licence"]
    matter.grant("01")
    (opening,) = [
        one.command
        for one in matter.sent
        if isinstance(one.command, ApprovalCommand)
        and one.command.item_id == "02"
        and one.command.WhichOneof("command") == "open_task"
    ]
    assert [one.material_id for one in opening.open_task.application.materials] == ["plan", "licence"]


def test_a_refusal_asks_the_applicant_once_and_is_booked_to_its_source() -> None:
    matter = accepted()
    event = hears(matter, refused())
    assert event is not None
    told = event.sharing_failed
    assert (told.source, list(told.material_ids), told.reason) == ("market_regulation", ["licence"], "不予共享")
    assert told.failure == SharingFailure.SHARING_FAILURE_REFUSED
    assert list(told.asked_items) == ["01", "02"]
    assert list(matter.state.missing) == ["licence"]
    assert list(matter.state.unshared_materials) == ["licence"]
    assert missing(matter) == {"01": ["licence"], "02": ["licence"]}
    assert hears(matter, refused()) is None
    assert hears(matter, timed_out()) is None


def test_what_is_not_required_is_not_asked_of_the_applicant() -> None:
    matter = accepted()
    event = hears(matter, refused("photo", ("02",)))
    assert event is not None
    assert list(event.sharing_failed.asked_items) == []
    assert list(matter.state.missing) == []
    assert list(matter.state.unshared_materials) == ["photo"]


def test_what_comes_late_is_taken_and_not_asked_any_more() -> None:
    matter = accepted()
    hears(matter, timed_out())
    event = hears(matter, found())
    assert event is not None
    assert (list(matter.state.missing), list(matter.state.unshared_materials)) == ([], [])
    assert missing(matter) == {"01": [], "02": []}
    assert supplied(matter) == [("01", ["licence"])]


def test_what_the_applicant_has_supplied_is_not_replaced() -> None:
    matter = accepted()
    hears(matter, timed_out())
    matter.give(supply("licence"))
    event = found()
    event.material_resolved.late = True
    assert hears(matter, event) is None


def test_what_nobody_needs_any_more_is_no_event() -> None:
    matter = accepted()
    matter.deny("01")
    assert hears(matter, found()) is None
    assert hears(matter, refused()) is None


def test_an_item_at_its_end_is_not_told() -> None:
    matter = accepted()
    matter.grant("01")
    event = hears(matter, found())
    assert event is not None
    assert list(event.materials_resolved.told_items) == ["02"]
    assert hears(matter, found("title", ("01",))) is None


@pytest.mark.parametrize("kind", ["materials_requested", "sharing_delayed", "sharing_stopped", "command_refused"])
def test_what_is_between_the_exchange_and_its_platform_is_no_event_of_the_matter(kind: str) -> None:
    event = ExchangeEvent(matter_id=keys.matter_id(APPLICANT, "r-1"))
    getattr(event, kind).SetInParent()
    assert hears(accepted(), event) is None


def test_a_matter_that_is_taken_back_has_nothing_fetched_any_more() -> None:
    matter = accepted()
    matter.give(withdraw())
    assert [command.WhichOneof("command") for command in asked(matter)] == ["resolve_materials", "stop_resolving"]
    assert hears(matter, found()) is None


def test_a_matter_that_ends_while_something_may_still_come_stops_it() -> None:
    matter = accepted()
    hears(matter, timed_out())
    matter.deny("01")
    assert matter.events[-1].WhichOneof("event") == "matter_completed"
    assert [command.WhichOneof("command") for command in asked(matter)] == ["resolve_materials", "stop_resolving"]


def test_a_matter_that_got_everything_stops_nothing() -> None:
    matter = accepted()
    hears(matter, found())
    matter.deny("01")
    assert [command.WhichOneof("command") for command in asked(matter)] == ["resolve_materials"]


def test_the_events_alone_give_the_same_state() -> None:
    matter = accepted()
    hears(matter, timed_out())
    hears(matter, refused("title", ("01",)))
    hears(matter, found())
    assert matter.restored().state == matter.state


def test_a_restored_matter_asks_the_same_again() -> None:
    matter = accepted()
    hears(matter, found())
    assert [one.command for one in matter.restored().sent] == [one.command for one in matter.sent]
