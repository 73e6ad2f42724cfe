"""What the government holds is fetched and told to the items that need it; nothing is fetched that nobody needs."""

from __future__ import annotations

import pytest
from tests.unit.intake.cases import APPLICANT, hand_in, item, names, withdraw
from tests.unit.intake.sharing_cases import (
    EXCHANGE_COMMANDS,
    GRANT_SMALL,
    accepted,
    asked,
    found,
    hears,
    refused,
    shared_type,
    supplied,
    timed_out,
)

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.contracts import keys
from onematter.contracts.topics import TopicTable, table
from onematter.exchange.v1.exchange_commands_pb2 import ExchangeCommand
from onematter.exchange.v1.exchange_events_pb2 import ExchangeEvent


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
    matter.hear("01", "task_recalled")
    assert matter.events[-1].WhichOneof("event") == "matter_completed"
    assert len(asked(matter)) == 2


def test_a_matter_that_ends_while_something_may_still_come_stops_it() -> None:
    matter = accepted()
    hears(matter, timed_out())
    matter.deny("01")
    assert matter.events[-1].WhichOneof("event") == "matter_completed"
    assert [command.WhichOneof("command") for command in asked(matter)] == ["resolve_materials", "stop_resolving"]


def test_a_matter_that_ends_while_something_is_still_fetched_stops_it() -> None:
    matter = accepted()
    hears(matter, found())
    matter.deny("01")
    assert [command.WhichOneof("command") for command in asked(matter)] == ["resolve_materials", "stop_resolving"]
    assert list(asked(matter)[-1].stop_resolving.material_ids) == []


def test_a_matter_that_got_everything_stops_nothing() -> None:
    matter = accepted()
    for one, items in (("licence", ("01", "02")), ("title", ("01",)), ("photo", ("02",))):
        hears(matter, found(one, items))
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
