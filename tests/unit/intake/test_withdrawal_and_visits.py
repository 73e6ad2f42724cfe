"""Taking a matter back, and counting how often the applicant came."""

from __future__ import annotations

import pytest
from tests.unit.intake.cases import (
    CITY,
    COUNTY,
    Matter,
    item,
    make_core,
    matter_type,
    violations,
    visit,
    withdraw,
)

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.common.v1.actor_pb2 import ActorRole, Channel
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand, TripCause
from onematter.intake.v1.intake_events_pb2 import MatterEvent, MatterOutcome
from onematter.intake.v1.intake_state_pb2 import MatterStatus


def running() -> Matter:
    """01 open, 02 sent, 03 waiting for 02, 04 granted."""
    core = make_core(matter_type(item("01", COUNTY), item("02", CITY), item("03", COUNTY, ["02"]), item("04", CITY)))
    matter = Matter(core)
    matter.happen()
    matter.hear("01", "task_opened")
    matter.grant("04")
    return matter


def withdrawing() -> Matter:
    matter = running()
    assert isinstance(matter.give(withdraw()), MatterEvent)
    return matter


def test_a_withdrawal_calls_back_what_is_open_and_lapses_what_waits() -> None:
    matter = running()
    event = matter.give(withdraw())
    assert isinstance(event, MatterEvent)
    withdrawn = event.matter_withdrawn
    assert withdrawn.reason == "changed my mind"
    assert list(withdrawn.recalled_items) == ["01", "02"]
    assert list(withdrawn.lapsed_items) == ["03"]
    assert matter.state.status == MatterStatus.MATTER_STATUS_WITHDRAWING
    assert matter.outcomes() == {"03": "LAPSED", "04": "GRANTED"}
    recalls = matter.sent[-2:]
    assert [outgoing.topic for outgoing in recalls] == [
        "onematter.approval.county.commands.v1",
        "onematter.approval.city.commands.v1",
    ]
    for outgoing in recalls:
        assert isinstance(outgoing.command, ApprovalCommand)
        assert outgoing.command.WhichOneof("command") == "recall_task"
        assert outgoing.command.matter_id == matter.matter_id
        assert outgoing.command.actor.role == ActorRole.ACTOR_ROLE_SYSTEM
    assert matter.asked("recall_task") == ["01", "02"]


def test_when_all_is_called_back_the_matter_is_withdrawn() -> None:
    matter = withdrawing()
    first = matter.hear("02", "task_recalled")
    assert first is not None
    assert first.WhichOneof("event") == "item_concluded"
    assert list(first.item_concluded.opened_items) == []
    last = matter.hear("01", "task_recalled")
    assert last is not None
    assert last.matter_completed.outcome == MatterOutcome.MATTER_OUTCOME_WITHDRAWN
    assert matter.outcomes() == {"01": "WITHDRAWN", "02": "WITHDRAWN", "03": "LAPSED", "04": "GRANTED"}
    assert matter.state.status == MatterStatus.MATTER_STATUS_COMPLETED


def test_a_decision_that_crosses_the_withdrawal_stands_and_opens_nothing() -> None:
    matter = withdrawing()
    crossing = matter.grant("02")
    assert crossing is not None
    assert list(crossing.item_concluded.opened_items) == []
    assert matter.outcomes()["03"] == "LAPSED"
    last = matter.hear("01", "task_recalled")
    assert last is not None
    assert last.matter_completed.outcome == MatterOutcome.MATTER_OUTCOME_WITHDRAWN
    assert matter.outcomes()["02"] == "GRANTED"


def test_a_task_that_opens_while_the_recall_is_on_its_way_is_no_error() -> None:
    matter = withdrawing()
    assert matter.hear("02", "task_opened") is not None
    assert matter.hear("02", "task_recalled") is not None


def test_when_every_decision_crossed_and_granted_the_matter_is_granted() -> None:
    matter = Matter(make_core())
    matter.happen()
    matter.give(withdraw())
    for item_id in ("01", "02", "03"):
        told = matter.grant(item_id)
    assert told is not None
    assert told.matter_completed.outcome == MatterOutcome.MATTER_OUTCOME_GRANTED


def test_only_who_handed_in_may_withdraw() -> None:
    matter = running()
    assert violations(matter.give(withdraw(principal="another"))) == [("actor.principal", "NOT_THE_APPLICANT")]
    assert matter.state.status == MatterStatus.MATTER_STATUS_RUNNING
    assert matter.asked("recall_task") == []


def test_an_unknown_matter_cannot_be_withdrawn() -> None:
    assert violations(Matter(make_core()).give(withdraw())) == [("matter_id", "MATTER_UNKNOWN")]


def test_a_completed_matter_cannot_be_withdrawn() -> None:
    matter = Matter(make_core())
    matter.happen()
    for item_id in ("01", "02", "03"):
        matter.grant(item_id)
    assert violations(matter.give(withdraw())) == [("matter_id", "MATTER_CONCLUDED")]
    assert matter.state.status == MatterStatus.MATTER_STATUS_COMPLETED


def test_a_second_withdrawal_is_refused() -> None:
    matter = withdrawing()
    assert violations(matter.give(withdraw())) == [("matter_id", "MATTER_CONCLUDED")]
    assert matter.asked("recall_task") == ["01", "02"]


def test_all_that_is_wrong_with_a_withdrawal_is_told_at_once() -> None:
    command = withdraw(reason="x" * 2_001, principal="p" * 129)
    command.request_id = ""
    assert set(violations(running().give(command))) == {
        ("request_id", "FIELD_MISSING"),
        ("actor.principal", "FIELD_TOO_LONG"),
        ("withdraw_matter.reason", "FIELD_TOO_LONG"),
        ("actor.principal", "NOT_THE_APPLICANT"),
    }


def test_visits_are_counted_on_from_the_hand_in() -> None:
    matter = running()
    event = matter.give(visit(division="330106"))
    assert isinstance(event, MatterEvent)
    recorded = event.visit_recorded
    assert (recorded.reason, recorded.division, recorded.visits) == ("to sign", "330106", 2)
    assert recorded.before_result
    assert event.actor.principal == "clerk-7"
    again = matter.give(visit(cause=TripCause.TRIP_CAUSE_SYSTEM_AWAY))
    assert isinstance(again, MatterEvent)
    assert again.visit_recorded.visits == 3
    assert matter.state.visits == 3


def test_a_matter_handed_in_from_home_has_its_first_visit_recorded() -> None:
    matter = Matter(make_core())
    matter.happen(channel=Channel.CHANNEL_WEB)
    event = matter.give(visit())
    assert isinstance(event, MatterEvent)
    assert event.visit_recorded.visits == 1


def test_a_visit_after_the_result_is_one_to_collect() -> None:
    matter = Matter(make_core())
    matter.happen()
    for item_id in ("01", "02", "03"):
        matter.grant(item_id)
    event = matter.give(visit())
    assert isinstance(event, MatterEvent)
    assert not event.visit_recorded.before_result
    assert matter.state.visits == 2
    assert matter.state.status == MatterStatus.MATTER_STATUS_COMPLETED


def test_a_recorded_visit_is_in_the_one_result() -> None:
    matter = Matter(make_core())
    matter.happen()
    matter.give(visit())
    for item_id in ("01", "02", "03"):
        told = matter.grant(item_id)
    assert told is not None
    assert told.matter_completed.visits == 2


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (ActorRole.ACTOR_ROLE_CLERK, True),
        (ActorRole.ACTOR_ROLE_APPLICANT, True),
        (ActorRole.ACTOR_ROLE_AGENT, True),
        (ActorRole.ACTOR_ROLE_SYSTEM, True),
        (ActorRole.ACTOR_ROLE_OFFICIAL, False),
        (ActorRole.ACTOR_ROLE_UNSPECIFIED, False),
    ],
)
def test_who_may_record_a_visit(role: ActorRole, allowed: bool) -> None:
    answer = running().give(visit(role))
    if allowed:
        assert isinstance(answer, MatterEvent)
    else:
        assert violations(answer) == [("actor.role", "ROLE_NOT_ALLOWED")]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (visit(division="33x"), [("record_visit.division", "DIVISION_UNKNOWN")]),
        (visit(reason="x" * 2_001), [("record_visit.reason", "FIELD_TOO_LONG")]),
    ],
)
def test_a_malformed_visit_is_refused(command: IntakeCommand, expected: list[tuple[str, str]]) -> None:
    assert violations(running().give(command)) == expected


def test_an_unknown_matter_has_no_visits() -> None:
    assert violations(Matter(make_core()).give(visit())) == [("matter_id", "MATTER_UNKNOWN")]
