"""Voiding a matter: handed in twice, by mistake, or for somebody who does not exist."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.unit.intake.cases import CITY, COUNTY, Matter, item, make_core, matter_type, violations, withdraw
from tests.unit.intake.window import OFFICIAL, correct, explained, received, status, told, void

from onematter.common.v1.actor_pb2 import ActorRole
from onematter.intake.v1.intake_events_pb2 import MatterOutcome


def running() -> Matter:
    """01 open, 02 sent, 03 waiting for 02, 04 granted by a person."""
    core = make_core(matter_type(item("01", COUNTY), item("02", CITY), item("03", COUNTY, ["02"]), item("04", CITY)))
    matter = Matter(core)
    matter.happen()
    matter.hear("01", "task_opened")
    matter.grant("04")
    return matter


def voiding() -> Matter:
    matter = running()
    told(matter.give(void()))
    return matter


@pytest.mark.parametrize("role", [ActorRole.ACTOR_ROLE_CLERK, OFFICIAL])
def test_the_office_voids_what_is_open_and_lapses_what_waits(role: int) -> None:
    matter = running()
    event = told(matter.give(void(role=role)))
    voided = event.matter_voided
    assert (voided.reason, list(voided.recalled_items), list(voided.lapsed_items)) == (
        "handed in twice",
        ["01", "02"],
        ["03"],
    )
    assert event.actor.principal == "clerk-7"
    assert status(matter) == "VOIDING"
    assert matter.asked("recall_task") == ["01", "02"]
    assert matter.outcomes() == {"03": "LAPSED", "04": "GRANTED"}
    assert matter.restored().state == matter.state


def test_when_all_is_called_back_the_matter_is_void() -> None:
    matter = voiding()
    first = matter.hear("02", "task_recalled")
    assert first is not None
    assert first.HasField("item_concluded")
    last = matter.hear("01", "task_recalled")
    assert last is not None
    assert last.matter_completed.outcome == MatterOutcome.MATTER_OUTCOME_VOIDED
    assert matter.outcomes() == {"01": "VOIDED", "02": "VOIDED", "03": "LAPSED", "04": "GRANTED"}
    assert status(matter) == "COMPLETED"


def test_a_decision_that_crosses_stands() -> None:
    matter = voiding()
    crossing = matter.deny("02")
    assert crossing is not None
    last = matter.hear("01", "task_recalled")
    assert last is not None
    assert last.matter_completed.outcome == MatterOutcome.MATTER_OUTCOME_VOIDED
    assert matter.outcomes()["02"] == "DENIED"


def test_what_a_rule_granted_before_is_told_with_it() -> None:
    matter = Matter(make_core())
    matter.happen()
    matter.rule("02")
    event = told(matter.give(void()))
    assert [result.item_id for result in event.matter_voided.earlier_results] == ["02"]
    assert list(event.matter_voided.recalled_items) == ["01", "03"]
    assert matter.restored(matter.taken).state == matter.state


def asked() -> Matter:
    matter = received()
    told(matter.give(correct("plan")))
    return matter


@pytest.mark.parametrize("matter", [received, asked])
def test_before_it_is_accepted_it_ends_at_once(matter: Callable[[], Matter]) -> None:
    one = matter()
    event = told(one.give(void()))
    assert event.matter_completed.outcome == MatterOutcome.MATTER_OUTCOME_VOIDED
    assert event.matter_completed.reason == "handed in twice"
    assert one.timers["acceptance"] is None
    assert (status(one), one.sent) == ("COMPLETED", [])
    assert one.restored().state == one.state


@pytest.mark.parametrize(
    ("reason", "role", "expected"),
    [
        ("", ActorRole.ACTOR_ROLE_CLERK, [("void_matter.reason", "FIELD_MISSING")]),
        ("x" * 2_001, ActorRole.ACTOR_ROLE_CLERK, [("void_matter.reason", "FIELD_TOO_LONG")]),
        ("x", ActorRole.ACTOR_ROLE_APPLICANT, [("actor.role", "ROLE_NOT_ALLOWED")]),
        ("x", ActorRole.ACTOR_ROLE_SYSTEM, [("actor.role", "ROLE_NOT_ALLOWED")]),
    ],
)
def test_a_malformed_voiding_is_refused(reason: str, role: int, expected: list[tuple[str, str]]) -> None:
    matter = running()
    assert violations(matter.give(void(reason, role))) == expected
    assert status(matter) == "RUNNING"


def test_an_unknown_matter_is_not_voided() -> None:
    assert violations(Matter(make_core()).give(void())) == [("matter_id", "MATTER_UNKNOWN")]


def test_what_is_called_back_already_is_not_called_back_again() -> None:
    matter = voiding()
    assert explained(matter.give(void())) == [("matter_id", "MATTER_CONCLUDED", {"status": "MATTER_STATUS_VOIDING"})]
    assert explained(matter.give(withdraw())) == [
        ("matter_id", "MATTER_CONCLUDED", {"status": "MATTER_STATUS_VOIDING"})
    ]
    taken_back = running()
    told(taken_back.give(withdraw()))
    assert violations(taken_back.give(void())) == [("matter_id", "MATTER_CONCLUDED")]
    assert matter.asked("recall_task") == ["01", "02"]
