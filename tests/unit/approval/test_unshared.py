"""Given a task whose material a department holds and did not share, what may be granted, and what may be asked."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from tests.unit.approval.cases import (
    MATTER_ID,
    NAMES,
    Matter,
    broken,
    command,
    decide_task,
    item_type,
    make_calendar,
    matter_type,
    official,
    open_task,
    recall_task,
)

from onematter.approval.core import Core, FromIntake
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand, UnsharedMaterial
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TaskStatus
from onematter.law.catalogue import Catalogue
from onematter.law.matters import MaterialSpec


def material(material_id: str, **changes: Any) -> MaterialSpec:
    fields: dict[str, Any] = {
        "material_id": material_id, "names": NAMES, "required": True, "trust_class": "A", "share_source": "market",
        "media_types": ("application/pdf",), "max_bytes": 1_000_000, "tolerant": False,
    }  # fmt: skip
    return MaterialSpec(**(fields | changes))


PLAN = material("plan", trust_class="D", share_source=None)
LICENCE = material("licence")
TITLE = material("title", trust_class="C", share_source="land")


@pytest.fixture
def matter() -> Matter:
    """Item 02 needs a plan, and a licence and a title that are shared; a pledge stands for the title's original."""
    materials = (PLAN, LICENCE, TITLE)
    item = dataclasses.replace(item_type("02"), materials=materials, pledge=True)
    whole = dataclasses.replace(matter_type(item), materials=materials)
    return Matter(Core(Catalogue((whole,), {}), make_calendar(), "approval-city"))


def unshared(material_id: str = "licence", *, source: str = "market", awaited: bool = True) -> UnsharedMaterial:
    return UnsharedMaterial(material_id=material_id, source=source, awaited=awaited)


def opened_with(*materials: UnsharedMaterial, pledged: bool = False) -> FromIntake:
    opening = open_task()
    opening.command.open_task.unshared_materials.extend(materials)
    opening.command.open_task.pledged = pledged
    return opening


def note(*materials: UnsharedMaterial) -> FromIntake:
    asked = ApprovalCommand(matter_id=MATTER_ID, item_id="02")
    asked.note_unshared.SetInParent()
    asked.note_unshared.materials.extend(materials)
    return FromIntake(asked)


def supply(*material_ids: str, source: str = "") -> FromIntake:
    asked = ApprovalCommand(matter_id=MATTER_ID, item_id="02")
    asked.supply_task.source = source
    for material_id in material_ids:
        asked.supply_task.materials.add(material_id=material_id, digest=bytes(32))
    return FromIntake(asked)


def correct(*material_ids: str) -> ApprovalCommand:
    return command("request_correction", needs=[{"material_id": one, "reason": "过期"} for one in material_ids])


def reasons(answer: object) -> list[str]:
    return [reason for _, reason, _ in broken(answer)]


@pytest.mark.parametrize(
    "told", [[opened_with(unshared())], [open_task(), note(unshared())]], ids=["at the opening", "while in hand"]
)
def test_what_was_not_shared_and_is_not_here_forbids_a_grant_but_no_denial(
    matter: Matter, told: list[FromIntake]
) -> None:
    matter.given(*told)
    refused = broken(matter.when(decide_task()))
    assert refused == [("item_id", "MATERIAL_NOT_SHARED", {"material": "licence", "held_by": "market"})]
    assert isinstance(matter.when(decide_task(2)), ApprovalEvent)


@pytest.mark.parametrize("source", ["", "market"], ids=["by the applicant", "by its holder"])
def test_once_it_is_here_it_is_granted(matter: Matter, source: str) -> None:
    matter.given(opened_with(unshared(), unshared("title", source="land")), supply("licence", source=source))
    assert broken(matter.when(decide_task()))[0][2] == {"material": "title", "held_by": "land"}
    matter.given(supply("title"), decide_task())


def test_what_nobody_is_asked_for_forbids_nothing(matter: Matter) -> None:
    matter.given(opened_with(unshared(awaited=False)), decide_task())


def test_a_pledge_stands_for_originals_alone(matter: Matter) -> None:
    matter.given(opened_with(unshared("title", source="land"), unshared(), pledged=True))
    assert broken(matter.when(decide_task())) == [
        ("item_id", "MATERIAL_NOT_SHARED", {"material": "licence", "held_by": "market"})
    ]
    matter.given(supply("licence"), decide_task())


def test_a_wrong_paper_in_its_place_is_asked_again_and_nothing_else_that_is_held(matter: Matter) -> None:
    matter.given(opened_with(unshared()), supply("licence"))
    assert reasons(matter.when(correct("licence", "title"))) == ["MATERIAL_HELD_BY_GOVERNMENT"]
    matter.given(correct("licence"))
    assert matter.task().status == TaskStatus.TASK_STATUS_SUSPENDED
    matter.given(supply("licence"))
    assert matter.task().status == TaskStatus.TASK_STATUS_OPEN
    matter.given(decide_task())


def test_it_may_be_asked_so_that_the_clock_stands_still_until_it_is_here(matter: Matter) -> None:
    matter.given(open_task(), note(unshared()), correct("licence"))
    assert not matter.task().deadlines.HasField("legal")
    matter.given(supply("licence", source="market"))
    assert matter.task().deadlines.HasField("legal")


def test_once_its_holder_shares_it_it_is_asked_no_more(matter: Matter) -> None:
    matter.given(opened_with(unshared()), supply("licence", source="market"))
    assert reasons(matter.when(correct("licence"))) == ["MATERIAL_HELD_BY_GOVERNMENT"]
    assert matter.events[-1].task_supplied.source == "market"


def test_what_may_be_asked_is_told_where_a_word_is_unknown(matter: Matter) -> None:
    matter.given(opened_with(unshared()))
    assert broken(matter.when(correct("passport"))) == [
        ("request_correction.needs[0].material_id", "MATERIAL_UNKNOWN", {"item": "02", "known": "plan, licence"})
    ]


def test_what_is_told_twice_stands_once(matter: Matter) -> None:
    matter.given(opened_with(unshared(awaited=False)), note(unshared()))
    assert list(matter.task().unshared_materials) == [unshared()]


@pytest.mark.parametrize("last", [decide_task(2), recall_task()], ids=["decided", "recalled"])
def test_what_crosses_the_end_or_says_nothing_changes_nothing(matter: Matter, last: Any) -> None:
    matter.given(open_task())
    assert matter.when(note()) is None
    assert matter.given(last).when(note(unshared())) is None


def test_a_word_about_what_was_never_opened_breaks_an_invariant(matter: Matter) -> None:
    with pytest.raises(AssertionError, match="never opened"):
        matter.when(note(unshared()))


def test_intake_alone_tells(matter: Matter) -> None:
    matter.given(open_task())
    asked = note(unshared()).command
    asked.actor.CopyFrom(official())
    assert broken(matter.when(asked)) == [("actor.role", "ROLE_NOT_ALLOWED", {"allowed": "intake"})]
