"""A matter that two provinces share: its mode, who owns it, and where its items go."""

from __future__ import annotations

import pytest
from tests.unit.intake.cases import CITY, Matter, item, make_core, matter_type
from tests.unit.intake.window import accept, explained, submission, told, window_type

from onematter.common.v1.actor_pb2 import Channel
from onematter.intake.v1.intake_commands_pb2 import CrossRegionMode, IntakeCommand
from onematter.intake.v1.intake_events_pb2 import MatterAccepted

ONE_PLACE = CrossRegionMode.CROSS_REGION_MODE_UNSPECIFIED
REMOTE = CrossRegionMode.CROSS_REGION_MODE_REMOTE
RELAYED = CrossRegionMode.CROSS_REGION_MODE_RELAYED
JOINT = CrossRegionMode.CROSS_REGION_MODE_JOINT
HANGZHOU, YIWU, SHANGHAI = "330106", "330782", "310101"
ALL = ["remote", "relayed", "joint"]


def accepted(command: IntakeCommand, offered: list[str]) -> MatterAccepted:
    matter = Matter(make_core(window_type(acceptance="rule", cross_region=offered)))
    return told(matter.give(command)).matter_accepted


def refused(command: IntakeCommand, offered: list[str]) -> list[tuple[str, str, dict[str, str]]]:
    return explained(Matter(make_core(window_type(cross_region=offered))).give(command))


@pytest.mark.parametrize(
    ("mode", "owner"),
    [(REMOTE, "330000"), (RELAYED, "330000"), (JOINT, "310000")],
)
def test_the_province_that_accepts_owns_the_matter(mode: int, owner: str) -> None:
    command = submission(division=HANGZHOU, receiving_division=SHANGHAI, cross_region=mode)
    event = accepted(command, ALL)
    assert (event.cross_region, event.owner_division) == (mode, owner)
    assert (event.division, event.receiving_division) == (HANGZHOU, SHANGHAI)


@pytest.mark.parametrize(
    ("channel", "mode"),
    [
        (Channel.CHANNEL_WINDOW, RELAYED),
        (Channel.CHANNEL_OTHER_REGION, RELAYED),
        (Channel.CHANNEL_WEB, REMOTE),
        (Channel.CHANNEL_SELF_SERVICE, REMOTE),
        (Channel.CHANNEL_SYSTEM, REMOTE),
    ],
)
def test_without_a_mode_the_channel_tells_it(channel: int, mode: int) -> None:
    command = submission(division=HANGZHOU, receiving_division=SHANGHAI, channel=channel)
    assert accepted(command, ALL).cross_region == mode


@pytest.mark.parametrize("received", ["", HANGZHOU, YIWU])
def test_one_province_shares_with_nobody(received: str) -> None:
    event = accepted(submission(division=HANGZHOU, receiving_division=received), [])
    assert (event.cross_region, event.owner_division) == (ONE_PLACE, "")
    assert event.receiving_division == (received or HANGZHOU)


def test_from_afar_it_may_be_taken_where_it_is_handled() -> None:
    event = accepted(submission(division=HANGZHOU, cross_region=REMOTE, channel=Channel.CHANNEL_WEB), ["remote"])
    assert (event.cross_region, event.owner_division) == (REMOTE, "330000")


@pytest.mark.parametrize("mode", [RELAYED, JOINT])
def test_what_is_relayed_or_joint_needs_a_second_province(mode: int) -> None:
    command = submission(division=HANGZHOU, receiving_division=YIWU, cross_region=mode)
    assert refused(command, ALL) == [
        ("submit_matter.receiving_division", "FIELD_MALFORMED", {"rule": "another province"})
    ]


@pytest.mark.parametrize(
    ("mode", "offered", "parameters"),
    [
        (ONE_PLACE, [], {}),
        (ONE_PLACE, ["joint"], {"offered": "joint"}),
        (REMOTE, ["joint", "relayed"], {"offered": "joint, relayed"}),
        (RELAYED, ["remote"], {"offered": "remote"}),
        (JOINT, ["remote", "relayed"], {"offered": "remote, relayed"}),
    ],
)
def test_a_mode_that_the_matter_does_not_offer_is_refused(
    mode: int, offered: list[str], parameters: dict[str, str]
) -> None:
    command = submission(division=HANGZHOU, receiving_division=SHANGHAI, cross_region=mode)
    assert refused(command, offered) == [("submit_matter.cross_region", "CROSS_REGION_NOT_OFFERED", parameters)]


def test_a_mode_that_is_none_is_refused() -> None:
    command = submission(division=HANGZHOU, receiving_division=SHANGHAI, cross_region=9)
    assert refused(command, ALL) == [("submit_matter.cross_region", "FIELD_MALFORMED", {"rule": "cross_region"})]


def test_of_a_malformed_division_only_that_is_told() -> None:
    command = submission(division=HANGZHOU, receiving_division="x", cross_region=JOINT)
    assert [(field, reason) for field, reason, _ in refused(command, ALL)] == [
        ("submit_matter.receiving_division", "DIVISION_UNKNOWN")
    ]


def test_items_go_by_the_handling_division() -> None:
    kind = matter_type(item("01"), item("02", CITY))
    offering = window_type(acceptance="rule", cross_region=ALL)
    assert kind.cross_region == ()
    matter = Matter(make_core(offering))
    told(matter.give(submission(division=HANGZHOU, receiving_division=SHANGHAI, cross_region=JOINT)))
    assert {one.item.division for one in matter.state.items} == {"330106", "330100"}
    assert matter.state.owner_division == "310000"


def test_the_window_accepts_in_the_mode_that_was_received() -> None:
    matter = Matter(make_core(window_type(cross_region=ALL)))
    received = told(matter.give(submission(division=HANGZHOU, receiving_division=SHANGHAI))).matter_received
    assert (received.cross_region, received.receiving_division) == (RELAYED, SHANGHAI)
    event = told(matter.give(accept())).matter_accepted
    assert (event.cross_region, event.owner_division) == (RELAYED, "330000")
    assert (matter.state.cross_region, matter.state.owner_division) == (RELAYED, "330000")
    assert matter.state.receiving_division == SHANGHAI
