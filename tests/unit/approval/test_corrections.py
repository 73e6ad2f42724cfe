"""Given an opened task, when materials are asked for, supplied or do not come: every rule of 补正 and of 容缺."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from tests.unit.approval.cases import (
    MATTER_ID,
    NAMES,
    Matter,
    broken,
    claim_task,
    command,
    decide_task,
    item_type,
    make_calendar,
    matter_type,
    official,
    open_task,
    recall_task,
    unix_ms,
)

from onematter.approval.core import Core, FromIntake
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TaskStatus
from onematter.common.v1.actor_pb2 import Actor
from onematter.contracts.aggregate import SetTimer, TimerDue
from onematter.contracts.times import unix_ms as ms_of
from onematter.law.catalogue import Catalogue
from onematter.law.matters import MaterialSpec
from onematter.law.rules import Rule


def material(material_id: str, **changes: Any) -> MaterialSpec:
    fields: dict[str, Any] = {
        "material_id": material_id, "names": NAMES, "required": True, "trust_class": "D", "share_source": None,
        "media_types": ("application/pdf",), "max_bytes": 1_000_000, "tolerant": False,
    }  # fmt: skip
    return MaterialSpec(**(fields | changes))


PLAN = material("plan")
MAP = material("map", tolerant=True)
LICENCE = material("licence", share_source="market_regulation")
PERMIT = material("permit", certificate="water_permit")
REPORT = material("report", when=Rule("facts.large"))


@pytest.fixture
def matter() -> Matter:
    """Item 02 needs a plan, a map, a licence that is shared, a permit that item 01 makes, and a report if large.

    Item 01 alone needs a photo.
    """
    first = dataclasses.replace(item_type("01", certificates=("water_permit",)), materials=(material("photo"),))
    materials = (PLAN, MAP, LICENCE, PERMIT, REPORT)
    second = dataclasses.replace(item_type("02"), materials=materials)
    whole = dataclasses.replace(matter_type(first, second), materials=materials)
    return Matter(Core(Catalogue((whole,), {}), make_calendar(), "approval-city"))


def on(month: int, day: int) -> int:
    """10:00 in China of a day of 2026."""
    return unix_ms(2026, month, day, 2)


def need(material_id: str = "plan", because: str = "", reason: str = "缺少签章") -> dict[str, str]:
    return {"material_id": material_id, "reason": reason, "newly_visible_because": because}


def correct(*needs: dict[str, str], actor: Actor | None = None) -> ApprovalCommand:
    return command("request_correction", actor, needs=needs)


def supply(*material_ids: str, digest: bytes = bytes(32), item_id: str = "02") -> FromIntake:
    asked = ApprovalCommand(matter_id=MATTER_ID, item_id=item_id)
    asked.supply_task.SetInParent()
    for material_id in material_ids:
        asked.supply_task.materials.add(material_id=material_id, digest=digest)
    return FromIntake(asked)


def tolerant(*material_ids: str) -> FromIntake:
    opening = open_task()
    opening.command.open_task.outstanding_materials.extend(material_ids)
    return opening


# Asking


def test_everything_is_asked_at_once_and_the_clocks_stop(matter: Matter) -> None:
    matter.given(open_task())
    matter.when(correct(need("plan"), need("map", reason="比例尺不对")), on(11, 25))
    requested = matter.events[-1].correction_requested
    assert [(one.material_id, one.reason) for one in requested.needs] == [("plan", "缺少签章"), ("map", "比例尺不对")]
    assert (requested.round, requested.day) == (1, "2026-11-25")
    task = matter.task()
    assert task.status == TaskStatus.TASK_STATUS_SUSPENDED
    (correction,) = task.corrections
    assert list(correction.missing) == ["plan", "map"]
    assert ms_of(correction.time) == on(11, 25)
    assert list(correction.needs) == list(requested.needs)
    assert not task.deadlines.HasField("legal")
    assert matter.timers == {}
    assert broken(matter.when(decide_task())) == [("item_id", "TASK_SUSPENDED", {"since": "2026-11-25"})]


@pytest.mark.parametrize(
    ("material_id", "held_by"), [("licence", "market_regulation"), ("permit", "01")], ids=["shared", "produced"]
)
def test_what_the_government_holds_is_never_asked(matter: Matter, material_id: str, held_by: str) -> None:
    matter.given(open_task())
    assert broken(matter.when(correct(need(), need(material_id)))) == [
        (
            "request_correction.needs[1].material_id",
            "MATERIAL_HELD_BY_GOVERNMENT",
            {"material": material_id, "held_by": held_by},
        )
    ]
    assert matter.task().status == TaskStatus.TASK_STATUS_OPEN


def test_what_another_item_of_the_matter_has_from_a_department_is_not_asked_here_either() -> None:
    first, second = item_type("01"), item_type("02")
    whole = dataclasses.replace(
        matter_type(dataclasses.replace(first, materials=(LICENCE,)), dataclasses.replace(second, materials=(PLAN,))),
        materials=(PLAN, LICENCE),
    )
    matter = Matter(Core(Catalogue((whole,), {}), make_calendar(), "approval-city"))
    matter.given(open_task())
    assert [reason for _, reason, _ in broken(matter.when(correct(need("licence"))))] == ["MATERIAL_HELD_BY_GOVERNMENT"]


def test_what_the_situation_does_not_need_is_not_asked(matter: Matter) -> None:
    matter.given(open_task(large=False))
    for unknown in ("report", "photo", "passport"):
        assert broken(matter.when(correct(need(unknown)))) == [
            ("request_correction.needs[0].material_id", "MATERIAL_UNKNOWN", {"item": "02", "known": "plan, map"})
        ]


def test_what_the_situation_needs_may_be_asked(matter: Matter) -> None:
    matter.given(open_task(large=True), correct(need("report")))
    assert list(matter.task().corrections[0].missing) == ["report"]


def test_of_an_item_that_the_catalogue_lacks_a_person_knows_the_materials(matter: Matter) -> None:
    matter.given(open_task(version=4), correct(need("anything")))
    assert matter.task().status == TaskStatus.TASK_STATUS_SUSPENDED


@pytest.mark.parametrize(
    ("asked", "violations"),
    [
        (correct(), [("request_correction.needs", "FIELD_MISSING", {})]),
        (correct(need(""), need()), [("request_correction.needs[0].material_id", "FIELD_MISSING", {})]),
        (correct(need(), need()), [("request_correction.needs[1].material_id", "MATERIAL_DUPLICATE", {})]),
        (correct(need(reason=" ")), [("request_correction.needs[0].reason", "FIELD_MISSING", {})]),
        (
            correct(need(reason="缺" * 2001)),
            [("request_correction.needs[0].reason", "FIELD_TOO_LONG", {"limit": "2000"})],
        ),
        (
            correct(need(because="新" * 2001)),
            [("request_correction.needs[0].newly_visible_because", "FIELD_TOO_LONG", {"limit": "2000"})],
        ),
        (
            correct(*[need(f"m{number}") for number in range(101)]),
            [("request_correction.needs", "FIELD_TOO_LONG", {"limit": "100"})],
        ),
    ],
    ids=["nothing", "no material", "twice", "no reason", "long", "long because", "too many"],
)
def test_a_correction_says_what_and_why(
    matter: Matter, asked: ApprovalCommand, violations: list[tuple[str, str, dict[str, str]]]
) -> None:
    # The catalogue lacks version 4, so that the materials' names are not looked at.
    assert broken(matter.given(open_task(version=4)).when(asked)) == violations


def test_only_who_has_the_task_asks(matter: Matter) -> None:
    matter.given(open_task(), claim_task(official("li")))
    refused = broken(matter.when(correct(need(), actor=official("wang", department="forestry"))))
    assert [reason for _, reason, _ in refused] == ["WRONG_DEPARTMENT", "TASK_CLAIMED_BY_ANOTHER"]


def test_nothing_is_asked_of_a_task_that_stands_still_or_has_ended(matter: Matter) -> None:
    matter.given(open_task(), correct(need()))
    (suspended,) = broken(matter.when(correct(need("map", "勘验后"))))
    assert suspended == ("item_id", "PERIOD_SUSPENDED", {"since": "2026-11-23"})
    matter.given(recall_task())
    assert broken(matter.when(correct(need("map", "勘验后")))) == [("item_id", "TASK_WITHDRAWN", {})]


# Asking again


def second_round(matter: Matter) -> Matter:
    matter.given(open_task(), correct(need("plan")), supply("plan"))
    assert matter.task().status == TaskStatus.TASK_STATUS_OPEN
    return matter


@pytest.mark.parametrize("material_id", ["plan", "map"], ids=["asked before", "not asked before"])
def test_what_could_be_seen_before_is_not_asked_again(matter: Matter, material_id: str) -> None:
    refused = broken(second_round(matter).when(correct(need(material_id, " "))))
    field = "request_correction.needs[0].newly_visible_because"
    assert refused == [(field, "CORRECTION_ALREADY_VISIBLE", {"material": material_id})]


def test_what_shows_only_now_may_be_asked(matter: Matter) -> None:
    second_round(matter).given(correct(need("plan", "补交的方案未签章"), need("map", "现场勘验发现界址不符")))
    assert matter.events[-1].correction_requested.round == 2
    assert [list(one.missing) for one in matter.task().corrections] == [[], ["plan", "map"]]


def test_a_word_that_nobody_knows_is_not_repeated_in_a_refusal(matter: Matter) -> None:
    refused = broken(second_round(matter).when(correct(need("张三330102"))))
    assert [reason for _, reason, _ in refused] == ["MATERIAL_UNKNOWN", "CORRECTION_ALREADY_VISIBLE"]
    assert "张三" not in str(refused)


# Supplying


@pytest.mark.parametrize("claimed", [False, True], ids=["open", "claimed"])
def test_the_clocks_go_on_when_nothing_is_missing_any_more(matter: Matter, claimed: bool) -> None:
    matter.given(open_task(), *([claim_task()] if claimed else []))
    before = matter.task().status
    matter.when(correct(need("plan"), need("map")), on(11, 25))
    matter.when(supply("map"), on(11, 27))
    task = matter.task()
    assert (task.status, list(task.corrections[0].missing)) == (TaskStatus.TASK_STATUS_SUSPENDED, ["plan"])
    assert matter.events[-1].task_supplied.resumed_day == ""
    assert matter.set_timers == []
    matter.when(supply("plan"), on(12, 2))
    supplied = matter.events[-1].task_supplied
    assert supplied.resumed_day == "2026-12-02"
    task = matter.task()
    assert (task.status, list(task.corrections[0].missing)) == (before, [])
    # 24 November counted; the fifth day is 7 December, the twentieth 28 December.
    assert ms_of(task.deadlines.promised) == ms_of(supplied.deadlines.promised) == unix_ms(2026, 12, 7, 16)
    assert ms_of(task.deadlines.legal) == unix_ms(2026, 12, 28, 16)
    assert set(matter.timers) == {"yellow:02", "red:02", "promised:02", "legal:02"}
    assert [one.material_id for one in task.supplied] == ["map", "plan"]
    assert matter.events[-1].actor.principal == "approval-city"


def test_a_material_that_comes_again_replaces_the_first(matter: Matter) -> None:
    matter.given(open_task(), supply("plan", "map"), supply("plan", digest=b"2" * 32))
    assert [(one.material_id, one.digest[:1]) for one in matter.task().supplied] == [("map", b"\0"), ("plan", b"2")]


def test_what_nobody_asked_for_is_kept_and_ends_no_special_procedure(matter: Matter) -> None:
    testing = command("begin_special_procedure", kind=6, expected_days=10, reason="委托检测")
    matter.given(open_task(), testing, supply("plan"))
    assert matter.task().status == TaskStatus.TASK_STATUS_SUSPENDED
    assert matter.events[-1].task_supplied.resumed_day == ""


def test_who_supplied_is_kept(matter: Matter) -> None:
    asked = supply("plan")
    asked.command.actor.principal = "zhang"
    matter.given(open_task(), asked)
    assert matter.events[-1].actor.principal == "zhang"


def test_a_supply_that_crosses_the_end_or_brings_nothing_changes_nothing(matter: Matter) -> None:
    matter.given(open_task())
    assert matter.when(supply()) is None
    matter.given(decide_task())
    assert matter.when(supply("plan")) is None


def test_a_supply_for_what_was_never_opened_breaks_an_invariant(matter: Matter) -> None:
    with pytest.raises(AssertionError, match="never opened"):
        matter.when(supply("plan"))


def test_a_step_back_of_the_brokers_clock_stops_no_supply(matter: Matter) -> None:
    matter.given(open_task())
    matter.when(correct(need()), on(11, 25))
    matter.when(supply("plan"), on(11, 24))
    assert matter.events[-1].task_supplied.resumed_day == "2026-11-25"


def test_intake_alone_supplies(matter: Matter) -> None:
    matter.given(open_task())
    asked = supply("plan").command
    asked.actor.CopyFrom(official())
    assert broken(matter.when(asked)) == [("actor.role", "ROLE_NOT_ALLOWED", {"allowed": "intake"})]


# Outstanding from the start (容缺)


def test_outstanding_materials_have_the_time_of_the_promise(matter: Matter) -> None:
    matter.given(tolerant("map"))
    task = matter.task()
    assert task.opened.supplement_until == "2026-11-30"
    assert list(task.outstanding_materials) == ["map"]
    assert matter.timers["supplement:02"] == unix_ms(2026, 11, 30, 16) == matter.timers["promised:02"]


def test_without_outstanding_materials_there_is_no_such_time(matter: Matter) -> None:
    matter.given(open_task())
    assert matter.task().opened.supplement_until == ""
    assert "supplement:02" not in matter.timers


def test_what_is_outstanding_forbids_a_grant_but_no_denial(matter: Matter) -> None:
    matter.given(tolerant("map", "report"))
    assert broken(matter.when(decide_task())) == [("item_id", "MATERIAL_OUTSTANDING", {"material": "map, report"})]
    matter.given(decide_task(2))
    assert SetTimer("supplement:02", None) in matter.set_timers
    assert matter.timers == {}


def test_what_was_outstanding_may_come_in_parts(matter: Matter) -> None:
    matter.given(tolerant("map", "report"), supply("map"))
    assert list(matter.task().outstanding_materials) == ["report"]
    assert "supplement:02" in matter.timers
    matter.given(supply("report"))
    assert matter.set_timers == [SetTimer("supplement:02", None)]
    matter.given(decide_task())


def test_that_it_did_not_come_is_told_once(matter: Matter) -> None:
    due = TimerDue("supplement:02")
    matter.given(tolerant("map", "report"), supply("map"), due)
    assert list(matter.events[-1].supplement_overdue.material_ids) == ["report"]
    assert matter.task().supplement_overdue
    assert matter.when(due) is None
    matter.given(supply("report"))
    assert matter.set_timers == []
    assert isinstance(matter.when(decide_task()), ApprovalEvent)


@pytest.mark.parametrize("last", [decide_task(2), recall_task()], ids=["decided", "recalled"])
def test_at_the_end_nothing_is_outstanding_any_more(matter: Matter, last: Any) -> None:
    assert matter.given(tolerant("map"), last).when(TimerDue("supplement:02")) is None


def test_a_correction_and_what_is_outstanding_end_by_one_supply(matter: Matter) -> None:
    matter.given(tolerant("map"), correct(need("plan")), supply("plan", "map"))
    task = matter.task()
    assert (list(task.outstanding_materials), task.status) == ([], TaskStatus.TASK_STATUS_OPEN)
    assert SetTimer("supplement:02", None) in matter.set_timers
    assert "supplement:02" not in matter.timers
