"""Supplying what was asked or promised, before and after acceptance, on whatever channel."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.intake.cases import Matter, make_core, violations, withdraw
from tests.unit.intake.window import (
    MONDAY,
    accept,
    accepted,
    commands,
    correct,
    end_of,
    explained,
    ids,
    material,
    on,
    received,
    refuse,
    ring,
    status,
    supply,
    told,
    void,
    window_type,
)

from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.common.v1.actor_pb2 import ActorRole, Channel
from onematter.contracts.times import unix_ms
from onematter.intake.v1.intake_commands_pb2 import TripCause
from onematter.intake.v1.intake_events_pb2 import AcceptedBy


def in_correction() -> Matter:
    """plan and photo are asked."""
    matter = received()
    told(matter.give(correct("plan", "photo")))
    return matter


def asked_of(matter: Matter, item_id: str, *material_ids: str) -> None:
    """A department asks for materials of an item that a person has."""
    matter.hear(item_id, "task_opened")
    event = ApprovalEvent(matter_id=matter.matter_id, item_id=item_id)
    for material_id in material_ids:
        event.correction_requested.needs.add(material_id=material_id, reason="blurred")
    event.correction_requested.round = 1
    pinned = matter.item(item_id)
    assert matter.hear_event(event, pinned.owner, pinned.events_topic) is not None


def test_a_part_of_what_was_asked_leaves_the_rest_asked() -> None:
    matter = in_correction()
    event = told(matter.give(supply("photo")))
    supplied = event.materials_supplied
    assert ids(supplied.materials) == ["photo"]
    assert list(supplied.missing) == ["plan"]
    assert not supplied.HasField("acceptance_deadline")
    assert list(supplied.told_items) == []
    assert status(matter) == "CORRECTION"
    assert list(matter.state.missing) == ["plan"]
    assert matter.timers["acceptance"] is None
    assert matter.sent == []


def test_with_the_last_material_the_matter_is_received_anew() -> None:
    matter = in_correction()
    told(matter.give(supply("photo")))
    on(matter, "2026-12-02")
    event = told(matter.give(supply("plan")))
    # 3, 4, 7, 8 and 9 December.
    assert unix_ms(event.materials_supplied.acceptance_deadline) == end_of("2026-12-09")
    assert (status(matter), matter.state.received_day) == ("RECEIVED", "2026-12-02")
    assert matter.timers["acceptance"] == end_of("2026-12-09")
    assert matter.restored().state == matter.state
    silent = ring(matter, "acceptance")
    assert silent is not None
    assert silent.matter_accepted.accepted_by == AcceptedBy.ACCEPTED_BY_SILENCE
    assert silent.matter_accepted.accepted_day == "2026-12-02"
    # Handed in when it was.
    assert unix_ms(matter.state.handed_in) == unix_ms(matter.events[0].time)


def test_what_was_supplied_takes_the_place_of_what_was_handed_in() -> None:
    matter = in_correction()
    told(matter.give(supply("photo", "plan")))
    event = told(matter.give(accept()))
    materials = {one.material_id: one.digest for one in event.matter_accepted.application.materials}
    assert materials == {
        "plan": hashlib.sha256(b"anewplan").digest(),
        "photo": hashlib.sha256(b"anewphoto").digest(),
    }
    assert ids(event.matter_accepted.application.materials) == ["photo", "plan"]
    opened = commands(matter, "open_task")[0].open_task.application.materials
    assert {one.material_id: one.digest for one in opened} == materials


def test_what_was_promised_may_come_before_acceptance_and_changes_no_time() -> None:
    matter = received(promised_materials=["photo"])
    due = matter.timers["acceptance"]
    event = told(matter.give(supply("photo")))
    assert list(event.materials_supplied.missing) == []
    assert not event.materials_supplied.HasField("acceptance_deadline")
    assert (status(matter), matter.timers["acceptance"], matter.state.received_day) == ("RECEIVED", due, MONDAY)
    assert list(matter.state.outstanding_materials) == []
    accepted_event = told(matter.give(accept())).matter_accepted
    assert list(accepted_event.outstanding_materials) == []


def test_what_was_promised_is_told_to_the_items_in_hand_that_use_it() -> None:
    matter = accepted(promised_materials=["photo"])
    matter.hear("03", "task_opened")
    event = told(matter.give(supply("photo")))
    # 03 has it open; 02 waits for 01 and will open with it.
    assert list(event.materials_supplied.told_items) == ["03"]
    (command,) = commands(matter, "supply_task")
    assert (command.item_id, ids(command.supply_task.materials)) == ("03", ["photo"])
    assert command.actor.role == ActorRole.ACTOR_ROLE_SYSTEM
    assert command.matter_id == matter.matter_id
    assert list(matter.state.outstanding_materials) == []
    matter.grant("01")
    opened = commands(matter, "open_task")[-1].open_task
    assert "photo" in ids(opened.application.materials)
    assert list(opened.outstanding_materials) == []
    assert matter.restored().state == matter.state


def test_an_item_that_is_only_asked_for_is_told_behind_its_opening() -> None:
    matter = accepted(promised_materials=["photo"])
    told(matter.give(supply("photo")))
    kinds = [(one.item_id, one.WhichOneof("command")) for one in commands_to(matter, "03")]
    assert kinds == [("03", "open_task"), ("03", "supply_task")]


def commands_to(matter: Matter, item_id: str) -> list[Any]:
    return [one.command for one in matter.sent if getattr(one.command, "item_id", "") == item_id]


def test_a_department_gets_what_it_asked_and_each_item_what_it_uses() -> None:
    matter = accepted(promised_materials=["photo"])
    asked_of(matter, "01", "plan")
    event = told(matter.give(supply("plan", "photo")))
    assert list(event.materials_supplied.told_items) == ["01", "03"]
    told_items = {one.item_id: ids(one.supply_task.materials) for one in commands(matter, "supply_task")}
    assert told_items == {"01": ["plan"], "03": ["photo"]}
    assert [list(one.missing) for one in matter.state.items] == [[], [], []]


def test_what_waits_misses_it_no_longer() -> None:
    matter = accepted()
    waiting = matter.state.items[1]
    assert matter.statuses()["02"] == "WAITING"
    waiting.missing.append("photo")
    told(matter.give(supply("photo")))
    assert list(matter.state.items[1].missing) == []


def test_what_is_still_missing_is_told_each_once() -> None:
    matter = accepted(promised_materials=["photo"])
    asked_of(matter, "01", "plan")
    asked_of(matter, "03", "photo", "note")
    event = told(matter.give(supply("note")))
    assert list(event.materials_supplied.missing) == ["photo", "plan"]


def test_what_its_holder_did_not_share_may_be_supplied() -> None:
    matter = accepted()
    matter.state.unshared_materials.append("licence")
    event = told(matter.give(supply("licence")))
    assert list(event.materials_supplied.told_items) == ["01"]
    assert list(matter.state.unshared_materials) == []


@pytest.mark.parametrize("matter", [received, accepted])
def test_what_nobody_asked_is_not_taken(matter: Callable[[], Matter]) -> None:
    answer = matter().give(supply("plan", "cellar"))
    assert explained(answer)[0] == (
        "supply_materials.materials[plan]",
        "CORRECTION_NOT_ASKED",
        {"material": "plan"},
    )
    assert violations(answer)[1] == ("supply_materials.materials[cellar]", "MATERIAL_UNKNOWN")


def test_a_supply_with_one_that_nobody_asked_is_without_effect() -> None:
    matter = in_correction()
    assert violations(matter.give(supply("plan", "note"))) == [
        ("supply_materials.materials[note]", "CORRECTION_NOT_ASKED")
    ]
    assert list(matter.state.missing) == ["plan", "photo"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"digest": b"short"}, "MATERIAL_MALFORMED"),
        ({"size_bytes": 0}, "MATERIAL_MALFORMED"),
        ({"size_bytes": 1_001}, "MATERIAL_OVERSIZED"),
        ({"media_type": "image/png"}, "MATERIAL_MALFORMED"),
    ],
)
def test_each_material_is_checked_as_of_a_hand_in(fields: dict[str, Any], reason: str) -> None:
    matter = in_correction()
    assert violations(matter.give(supply("plan", **fields))) == [("supply_materials.materials[plan]", reason)]


def test_a_material_given_twice_is_refused() -> None:
    command = supply("plan")
    command.supply_materials.materials.append(material("plan", b"other"))
    assert violations(in_correction().give(command)) == [("supply_materials.materials[plan]", "MATERIAL_DUPLICATE")]


def test_everything_that_is_wrong_with_a_supply_is_told_at_once() -> None:
    command = supply(channel=0, role=ActorRole.ACTOR_ROLE_OFFICIAL)
    command.request_id = ""
    assert explained(in_correction().give(command)) == [
        ("request_id", "FIELD_MISSING", {}),
        ("actor.role", "ROLE_NOT_ALLOWED", {"allowed": "APPLICANT, AGENT, CLERK, SYSTEM"}),
        ("supply_materials.channel", "FIELD_MISSING", {"rule": "channel"}),
        ("supply_materials.materials", "FIELD_MISSING", {}),
    ]
    too_many = supply(*["plan"] * 101)
    assert violations(in_correction().give(too_many))[0] == ("supply_materials.materials", "FIELD_TOO_LONG")


@pytest.mark.parametrize(
    "role",
    [
        ActorRole.ACTOR_ROLE_APPLICANT,
        ActorRole.ACTOR_ROLE_AGENT,
        ActorRole.ACTOR_ROLE_CLERK,
        ActorRole.ACTOR_ROLE_SYSTEM,
    ],
)
def test_who_may_supply_need_not_be_who_handed_in(role: int) -> None:
    matter = in_correction()
    event = told(matter.give(supply("plan", role=role)))
    assert event.actor.principal == "clerk-7" != matter.state.principal


def ended(command: Any) -> Matter:
    matter = received()
    told(matter.give(command))
    return matter


def called_back(command: Any) -> Matter:
    matter = accepted(promised_materials=["photo"])
    told(matter.give(command))
    return matter


@pytest.mark.parametrize(
    ("matter", "reason", "told_status"),
    [
        (Matter(make_core(window_type())), "MATTER_UNKNOWN", {}),
        (ended(withdraw()), "MATTER_CONCLUDED", {"status": "MATTER_STATUS_COMPLETED"}),
        (ended(refuse()), "MATTER_CONCLUDED", {"status": "MATTER_STATUS_COMPLETED"}),
        (called_back(withdraw()), "MATTER_CONCLUDED", {"status": "MATTER_STATUS_WITHDRAWING"}),
        (called_back(void()), "MATTER_CONCLUDED", {"status": "MATTER_STATUS_VOIDING"}),
    ],
)
def test_what_is_over_takes_nothing_in(matter: Matter, reason: str, told_status: dict[str, str]) -> None:
    assert explained(matter.give(supply("photo"))) == [("matter_id", reason, told_status)]


def test_a_matter_begun_online_is_corrected_at_a_window_with_a_trip() -> None:
    matter = received(channel=Channel.CHANNEL_WEB)
    assert matter.state.visits == 0
    told(matter.give(correct("plan", "photo")))
    told(matter.give(supply("plan", channel=Channel.CHANNEL_WINDOW, role=ActorRole.ACTOR_ROLE_CLERK)))
    assert matter.state.visits == 1
    assert [trip.cause for trip in matter.state.trips] == [TripCause.TRIP_CAUSE_CORRECTION]
    # And the rest from home again.
    told(matter.give(supply("photo", channel=Channel.CHANNEL_APP)))
    assert matter.state.visits == 1
    assert matter.restored().state == matter.state
