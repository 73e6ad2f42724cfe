"""A hand-in: what it must fulfil, and what follows when it does."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from tests.unit.intake.cases import (
    APPLICANT,
    CALENDAR,
    CITY,
    CODE,
    COUNTY,
    ID_CARD,
    NOW,
    OWNERS,
    PROVINCE,
    Matter,
    fact_list,
    hand_in,
    item,
    level_names,
    make_core,
    matter_type,
    right_details,
    seal,
    three_levels,
    violations,
)

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.common.v1.actor_pb2 import ActorRole, Channel
from onematter.common.v1.application_pb2 import PartyDetails, PartyRole
from onematter.common.v1.outcome_pb2 import CommandRefused
from onematter.contracts import keys
from onematter.contracts.topics import TopicTable, parse
from onematter.intake.core import Core
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_events_pb2 import MatterEvent
from onematter.intake.v1.intake_state_pb2 import MatterStatus
from onematter.law.catalogue import Catalogue
from onematter.law.identifiers import check_matter_number


def refused(change: Callable[[IntakeCommand], object]) -> list[tuple[str, str]]:
    """The violations of a right hand-in after `change`."""
    command = hand_in()
    change(command)
    return violations(Matter(make_core()).give(command))


def test_three_levels_open_at_the_same_moment() -> None:
    matter = Matter(make_core())
    event = matter.happen()
    accepted = event.matter_accepted
    assert list(accepted.opened_items) == ["01", "02", "03"]
    assert level_names(matter) == ["LEVEL_COUNTY", "LEVEL_CITY", "LEVEL_PROVINCE"]
    assert [one.division for one in accepted.items] == ["330106", "330100", "330000"]
    assert [one.owner for one in accepted.items] == ["approval-county", "approval-city", "approval-province"]
    assert [outgoing.topic for outgoing in matter.sent] == [
        "onematter.approval.county.commands.v1",
        "onematter.approval.city.commands.v1",
        "onematter.approval.province.commands.v1",
    ]
    assert [one.events_topic for one in accepted.items] == [
        "onematter.approval.county.events.v1",
        "onematter.approval.city.events.v1",
        "onematter.approval.province.events.v1",
    ]
    assert matter.statuses() == {"01": "SENT", "02": "SENT", "03": "SENT"}


def test_the_accepted_matter_says_what_later_steps_need() -> None:
    matter = Matter(make_core())
    command = hand_in(receiving_division="330783")
    event = matter.give(command)
    assert isinstance(event, MatterEvent)
    accepted = event.matter_accepted
    assert event.actor == command.actor
    assert (accepted.matter_code, accepted.catalogue_version) == (CODE, 3)
    assert dict(accepted.name.texts) == {"zh-CN": "中a matter", "en": "a matter"}
    assert (accepted.division, accepted.receiving_division) == ("330106", "330783")
    assert accepted.application == command.submit_matter.application
    assert accepted.language == "zh-CN"
    state = matter.state
    assert state.status == MatterStatus.MATTER_STATUS_RUNNING
    assert state.principal == APPLICANT
    assert state.handed_in.seconds == NOW // 1000 + 1


def test_the_number_has_the_legal_day_the_place_the_channel_and_a_serial() -> None:
    matter = Matter(make_core())
    event = matter.give(hand_in(channel=Channel.CHANNEL_WEB), offset=25_000_007, partition=3)
    assert isinstance(event, MatterEvent)
    number = event.matter_accepted.matter_number
    # (25,000,007 * 4 partitions + 3) modulo 100,000,000
    assert number[:-1] == "20261123" + "330106" + "2" + "00000031"
    assert check_matter_number(number) is None


def test_an_opened_task_carries_the_whole_application() -> None:
    matter = Matter(make_core())
    matter.happen()
    for outgoing, pinned in zip(matter.sent, matter.state.items, strict=True):
        command = outgoing.command
        assert isinstance(command, ApprovalCommand)
        assert (command.matter_id, command.item_id) == (matter.matter_id, pinned.item.item_id)
        assert command.request_id == ""
        assert (command.actor.principal, command.actor.role) == ("intake", ActorRole.ACTOR_ROLE_SYSTEM)
        task = command.open_task
        assert task.item == pinned.item
        assert task.application == hand_in().submit_matter.application
        assert (task.matter_code, task.catalogue_version) == (CODE, 3)
        assert task.matter_number == matter.state.matter_number
        assert task.matter_name == matter.state.name


def areas_asked(matter: Matter) -> set[float]:
    commands = [outgoing.command for outgoing in matter.sent]
    assert all(isinstance(command, ApprovalCommand) for command in commands)
    return {command.open_task.application.facts["area"].number for command in commands}  # type: ignore[attr-defined]


def test_the_application_is_kept_until_the_last_waiting_item_is_opened_with_it() -> None:
    handed_in = hand_in().submit_matter.application
    matter = Matter(make_core(matter_type(item("01"), item("02", CITY, ["01"]))))
    matter.happen()
    assert matter.state.application == handed_in
    matter.grant("01")
    command = matter.sent[-1].command
    assert isinstance(command, ApprovalCommand)
    assert (command.item_id, command.open_task.application) == ("02", handed_in)
    matter.grant("02")
    assert not matter.state.HasField("application")


def test_an_application_that_nothing_waits_for_is_not_kept() -> None:
    opened = Matter(make_core())
    opened.happen()
    assert not opened.state.HasField("application")
    lapsed = Matter(make_core(matter_type(item("01"), item("02", CITY, ["01"]), item("03"))))
    lapsed.happen()
    assert lapsed.state.HasField("application")
    lapsed.deny("01")
    assert not lapsed.state.HasField("application")


def test_an_item_with_dependencies_waits() -> None:
    matter = Matter(make_core(matter_type(item("01"), item("02", CITY, ["01"]))))
    assert list(matter.happen().matter_accepted.opened_items) == ["01"]
    assert matter.statuses() == {"01": "SENT", "02": "WAITING"}
    assert matter.asked("open_task") == ["01"]


def test_one_item_for_each_division_goes_to_each() -> None:
    crossing = item("01", CITY, routing="each", for_each="cities")
    core = make_core(matter_type(crossing, item("02", PROVINCE, ["01"])))
    matter = Matter(core)
    command = hand_in()
    command.submit_matter.application.facts["cities"].CopyFrom(fact_list("330100", "330700"))
    event = matter.give(command)
    assert isinstance(event, MatterEvent)
    items = event.matter_accepted.items
    assert [one.item_id for one in items] == ["01@330100", "01@330700", "02"]
    assert list(items[2].depends_on) == ["01@330100", "01@330700"]


def test_two_matters_of_one_plan_share_nothing() -> None:
    core = make_core()
    first, second = Matter(core), Matter(core)
    first.happen()
    other = hand_in(channel=Channel.CHANNEL_APP)
    other.submit_matter.application.facts["area"].number = 7
    second.give(other)
    assert first.state.channel == Channel.CHANNEL_WINDOW
    assert [areas_asked(matter) for matter in (first, second)] == [{40}, {7}]
    assert first.state.matter_number != second.state.matter_number


@pytest.mark.parametrize(
    ("channel", "visits"),
    [
        (Channel.CHANNEL_WINDOW, 1),
        (Channel.CHANNEL_OTHER_REGION, 1),
        (Channel.CHANNEL_WEB, 0),
        (Channel.CHANNEL_SYSTEM, 0),
        (Channel.CHANNEL_SELF_SERVICE, 0),
    ],
)
def test_a_hand_in_at_a_window_is_a_visit(channel: Channel, visits: int) -> None:
    matter = Matter(make_core())
    matter.happen(channel=channel)
    assert matter.state.visits == visits


# What is wrong, and how it is told.
WRONG: list[tuple[str, Callable[[IntakeCommand], object], list[tuple[str, str]]]] = [
    ("no principal", lambda c: c.actor.ClearField("principal"), [("actor.principal", "FIELD_MISSING")]),
    (
        "long principal",
        lambda c: setattr(c.actor, "principal", "p" * 129),
        [("actor.principal", "FIELD_TOO_LONG")],
    ),
    ("no request", lambda c: c.ClearField("request_id"), [("request_id", "FIELD_MISSING")]),
    ("long request", lambda c: setattr(c, "request_id", "r" * 65), [("request_id", "FIELD_TOO_LONG")]),
    ("another's id", lambda c: setattr(c, "matter_id", "f" * 32), [("matter_id", "FIELD_MALFORMED")]),
    (
        "unknown matter",
        lambda c: setattr(c.submit_matter, "matter_code", "OM-00"),
        [("submit_matter.matter_code", "MATTER_TYPE_UNKNOWN")],
    ),
    (
        "no division",
        lambda c: c.submit_matter.ClearField("division"),
        [("submit_matter.division", "DIVISION_UNKNOWN")],
    ),
    (
        "malformed division",
        lambda c: setattr(c.submit_matter, "division", "33010a"),
        [("submit_matter.division", "DIVISION_UNKNOWN")],
    ),
    (
        "division above the item's level",
        lambda c: setattr(c.submit_matter, "division", "330000"),
        [("submit_matter.division", "DIVISION_UNKNOWN")],
    ),
    (
        "long division",
        lambda c: setattr(c.submit_matter, "division", "3" * 13),
        [("submit_matter.division", "FIELD_TOO_LONG")],
    ),
    (
        "malformed receiving division",
        lambda c: setattr(c.submit_matter, "receiving_division", "x"),
        [("submit_matter.receiving_division", "DIVISION_UNKNOWN")],
    ),
    ("no channel", lambda c: c.submit_matter.ClearField("channel"), [("submit_matter.channel", "FIELD_MISSING")]),
    (
        "unknown channel",
        lambda c: setattr(c.submit_matter, "channel", 77),
        [("submit_matter.channel", "FIELD_MALFORMED")],
    ),
    (
        "long language",
        lambda c: setattr(c.submit_matter, "language", "z" * 36),
        [("submit_matter.language", "FIELD_TOO_LONG")],
    ),
    (
        "missing fact",
        lambda c: c.submit_matter.application.facts.clear(),
        [("application.facts[area]", "FACT_MISSING")],
    ),
    (
        "long fact",
        lambda c: setattr(c.submit_matter.application.facts["name"], "text", "n" * 2_001),
        [("application.facts[name]", "FIELD_TOO_LONG")],
    ),
    (
        "long value in a list",
        lambda c: c.submit_matter.application.facts["cities"].CopyFrom(fact_list("n" * 2_001)),
        [("application.facts[cities]", "FIELD_TOO_LONG")],
    ),
    (
        "missing material",
        lambda c: c.submit_matter.application.ClearField("materials"),
        [("application.materials[plan]", "MATERIAL_MISSING")],
    ),
    (
        "oversized material",
        lambda c: setattr(c.submit_matter.application.materials[0], "size_bytes", 1_001),
        [("application.materials[plan]", "MATERIAL_OVERSIZED")],
    ),
    (
        "no applicant",
        lambda c: setattr(c.submit_matter.application.parties[0], "role", PartyRole.PARTY_ROLE_SUBJECT),
        [("application.parties", "FIELD_MISSING")],
    ),
    (
        "party without a role",
        lambda c: c.submit_matter.application.parties[1].ClearField("role"),
        [("application.parties[p2].role", "FIELD_MISSING")],
    ),
    (
        "party twice",
        lambda c: c.submit_matter.application.parties.add(party_id="p1", role=PartyRole.PARTY_ROLE_AGENT),
        [("application.parties[p1].party_id", "FIELD_MALFORMED")],
    ),
    (
        "no personal data",
        lambda c: c.submit_matter.application.ClearField("personal_data"),
        [("application.personal_data", "FIELD_MISSING")],
    ),
    (
        "personal data of another form",
        lambda c: setattr(c.submit_matter.application.personal_data, "plain", b"\xff\xff"),
        [("application.personal_data", "FIELD_MALFORMED")],
    ),
    (
        "encrypted to no known key",
        lambda c: c.submit_matter.application.personal_data.ciphertext.SetInParent(),
        [("application.personal_data", "SEALED_KEY_UNKNOWN")],
    ),
    (
        "party without details",
        lambda c: seal(c, right_details()[0]),
        [("application.personal_data.parties[p2]", "FIELD_MISSING")],
    ),
    (
        "details of no party",
        lambda c: seal(c, *right_details(), PartyDetails(party_id="p9")),
        [("application.personal_data.parties[p9]", "FIELD_MALFORMED")],
    ),
    (
        "details twice",
        lambda c: seal(c, *right_details(), right_details()[1]),
        [("application.personal_data.parties[p2]", "FIELD_MALFORMED")],
    ),
    (
        "identifier of no kind",
        lambda c: seal(c, right_details()[0], PartyDetails(party_id="p2", identifier=ID_CARD)),
        [("application.personal_data.parties[p2].identifier_kind", "FIELD_MISSING")],
    ),
    (
        "long name",
        lambda c: seal(c, right_details()[0], PartyDetails(party_id="p2", name="n" * 501)),
        [("application.personal_data.parties[p2].name", "FIELD_TOO_LONG")],
    ),
]


@pytest.mark.parametrize(("change", "expected"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_what_is_wrong_is_told_by_field_and_rule(
    change: Callable[[IntakeCommand], object], expected: list[tuple[str, str]]
) -> None:
    assert refused(change) == expected


@pytest.mark.parametrize(
    ("kind", "identifier", "rule"),
    [
        (1, "330106199003071235", "check_digit"),
        (1, "33010619900307123", "length"),
        (1, "", "length"),
        (1, "330106199013071236", "birth_date"),
        (2, "91330106MA2B0XYQ1J", "check_digit"),
        (2, "9133010-MA2B0XYQ1K", "characters"),
    ],
)
def test_a_wrong_identifier_is_told_without_it(kind: int, identifier: str, rule: str) -> None:
    command = hand_in()
    first, second = right_details()
    second.identifier_kind = kind  # type: ignore[assignment]
    second.identifier = identifier
    seal(command, first, second)
    answer = Matter(make_core()).give(command)
    assert violations(answer) == [("application.personal_data.parties[p2].identifier", "IDENTIFIER_INVALID")]
    assert isinstance(answer, CommandRefused)
    assert answer.violations[0].parameters["rule"] == rule
    assert not identifier or identifier not in str(answer)


def test_a_party_named_by_an_identifier_is_told_by_its_position() -> None:
    command = hand_in()
    command.submit_matter.application.parties[1].party_id = ID_CARD
    seal(command, right_details()[0])
    answer = Matter(make_core()).give(command)
    assert violations(answer) == [("application.personal_data.parties[#1]", "FIELD_MISSING")]
    assert ID_CARD not in str(answer)


def test_a_party_may_be_without_an_identifier() -> None:
    command = hand_in()
    command.submit_matter.application.parties[1].role = PartyRole.PARTY_ROLE_SUBJECT
    seal(command, right_details()[0], PartyDetails(party_id="p2", name="a newborn"))
    assert isinstance(Matter(make_core()).give(command), MatterEvent)


def test_everything_wrong_is_told_at_once() -> None:
    command = IntakeCommand()
    command.submit_matter.matter_code = "OM-00"
    assert set(violations(Matter(make_core()).give(command))) == {
        ("request_id", "FIELD_MISSING"),
        ("actor.principal", "FIELD_MISSING"),
        ("submit_matter.channel", "FIELD_MISSING"),
        ("submit_matter.division", "DIVISION_UNKNOWN"),
        ("submit_matter.matter_code", "MATTER_TYPE_UNKNOWN"),
        ("application.parties", "FIELD_MISSING"),
        ("application.personal_data", "FIELD_MISSING"),
    }


def test_facts_materials_division_and_identifiers_are_told_together() -> None:
    command = hand_in(division="330000")
    application = command.submit_matter.application
    application.ClearField("materials")
    first, second = right_details()
    second.identifier = "330106199003071235"
    seal(command, first, second)
    assert set(violations(Matter(make_core()).give(command))) == {
        ("application.materials[plan]", "MATERIAL_MISSING"),
        ("submit_matter.division", "DIVISION_UNKNOWN"),
        ("application.personal_data.parties[p2].identifier", "IDENTIFIER_INVALID"),
    }


@pytest.mark.parametrize(
    ("field", "fill"),
    [
        ("application.facts", lambda a, i: setattr(a.facts[f"f{i}"], "flag", True)),
        ("application.materials", lambda a, _: a.materials.add(material_id="plan")),
        ("application.parties", lambda a, i: a.parties.add(party_id=f"x{i}", role=PartyRole.PARTY_ROLE_SUBJECT)),
    ],
)
def test_lists_are_bounded_and_so_is_the_refusal(field: str, fill: Callable[..., object]) -> None:
    command = hand_in()
    for index in range(150):
        fill(command.submit_matter.application, index)
    told = violations(Matter(make_core()).give(command))
    assert (field, "FIELD_TOO_LONG") in told
    assert len(told) <= 100


def test_a_division_that_nobody_serves_is_refused() -> None:
    narrow = parse(
        {
            "defaults": {
                "partitions": 4,
                "retention_ms": -1,
                "cleanup_policy": "delete",
                "timestamp_type": "LogAppendTime",
                "max_message_bytes": 1_048_576,
            },
            "deployment": [
                {"name": "intake", "service": "intake"},
                {"name": "zj-county", "service": "approval", "level": "COUNTY", "division": "330000"},
            ],
            "topic": [
                {"name": "c", "kind": "commands", "owner": "zj-county", "readers": ["zj-county"]},
                {"name": "e", "kind": "events", "owner": "zj-county", "readers": ["intake"]},
            ],
        }
    )
    assert isinstance(narrow, TopicTable)
    core = Core(Catalogue((matter_type(item("01", COUNTY)),), {}), narrow, "intake", CALENDAR)
    assert isinstance(Matter(core).give(hand_in()), MatterEvent)
    assert violations(Matter(core).give(hand_in(division="440106"))) == [("submit_matter.division", "DIVISION_UNKNOWN")]


def test_a_right_matter_id_may_be_given() -> None:
    command = hand_in()
    command.matter_id = keys.matter_id(APPLICANT, "r-1")
    assert isinstance(Matter(make_core()).give(command), MatterEvent)


def test_a_refused_hand_in_changes_nothing() -> None:
    matter = Matter(make_core())
    matter.give(hand_in(division="x"))
    assert matter.state.status == MatterStatus.MATTER_STATUS_UNSPECIFIED
    assert matter.sent == []


def test_a_second_hand_in_under_one_id_is_a_broken_invariant() -> None:
    matter = Matter(make_core())
    matter.happen()
    with pytest.raises(AssertionError, match="handed in already"):
        matter.give(hand_in())


def test_every_item_is_pinned_to_the_owner_of_its_level() -> None:
    matter = Matter(make_core(matter_type(item("01", PROVINCE), item("02", "TOWN"), item("03", CITY))))
    matter.happen(division="330106001")
    owners = [one.item.owner for one in matter.state.items]
    # A town's item is decided in its county.
    assert level_names(matter) == ["LEVEL_PROVINCE", "LEVEL_COUNTY", "LEVEL_CITY"]
    assert owners == [OWNERS[level] for level in level_names(matter)]
    assert re.fullmatch(r"330106", matter.item("02").division)


@pytest.mark.parametrize(
    ("valid_from", "valid_until", "parameters"),
    [("2026-11-24", None, {"begins": "2026-11-24"}), ("2026-01-01", "2026-11-22", {})],
    ids=["not yet", "no longer"],
)
def test_what_is_not_in_force_on_the_legal_day_cannot_be_handed_in(
    valid_from: str, valid_until: str | None, parameters: dict[str, str]
) -> None:
    made = replace(
        three_levels(),
        valid_from=date.fromisoformat(valid_from),
        valid_until=None if valid_until is None else date.fromisoformat(valid_until),
    )
    answer = Matter(make_core(made)).give(hand_in())
    assert violations(answer) == [("submit_matter.matter_code", "MATTER_NOT_IN_FORCE")]
    assert isinstance(answer, CommandRefused)
    assert dict(answer.violations[0].parameters) == parameters
    last_day = replace(made, valid_from=date(2026, 1, 1), valid_until=date(2026, 11, 23))
    assert isinstance(Matter(make_core(last_day)).give(hand_in()), MatterEvent)
