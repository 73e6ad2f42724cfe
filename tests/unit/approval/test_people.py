"""Given a task, when it changes hands: releases (撤销签收), transfers (转办) and acting for another (代理)."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from tests.unit.approval.cases import (
    MATTER_ID,
    Matter,
    broken,
    claim_task,
    command,
    decide_task,
    item_type,
    make_calendar,
    make_catalogue,
    matter_type,
    official,
    open_task,
    recall_task,
    system,
    unix_ms,
)

from onematter.approval.core import Core, FromIntake
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TaskStatus
from onematter.common.v1.actor_pb2 import Actor, Delegation
from onematter.law.catalogue import Catalogue

NAMES = {"zh-CN": "林业", "en": "Forestry"}
OPEN, CLAIMED, SUSPENDED = (
    TaskStatus.TASK_STATUS_OPEN,
    TaskStatus.TASK_STATUS_CLAIMED,
    TaskStatus.TASK_STATUS_SUSPENDED,
)
TESTING = command("begin_special_procedure", kind=6, expected_days=10, reason="委托检测")


def release(actor: Actor | None = None, item_id: str = "02") -> ApprovalCommand:
    return command("release_task", actor, item_id)


def transfer(
    department: str = "forestry", division: str = "", reason: str = "职责调整", actor: Actor | None = None
) -> ApprovalCommand:
    return command("transfer_task", actor, department=department, division=division, reason=reason)


def acting(principal: str = "wang", for_whom: str = "li", **changes: Any) -> Actor:
    """`principal` in the place of `for_whom`, from 2026-11-20 to 2026-11-25."""
    fields: dict[str, Any] = {
        "principal": for_whom,
        "first_day": "2026-11-20",
        "last_day": "2026-11-25",
        "reference": "杭水代〔2026〕7号",
    }
    return official(principal, acting_for=Delegation(**(fields | changes)))


def at(month: int, day: int) -> int:
    """10:00 in China of a day of 2026."""
    return unix_ms(2026, month, day, 2)


# Releasing


def test_the_claimer_takes_the_name_off_again(matter: Matter) -> None:
    matter.given(open_task(), claim_task(official("li")), release(official("li")))
    assert matter.events[-1].WhichOneof("event") == "task_released"
    assert (matter.task().status, matter.task().HasField("claimed_by")) == (OPEN, False)
    assert matter.set_timers == []
    matter.given(claim_task(official("wang")))
    assert matter.task().claimed_by.principal == "wang"


def test_what_nobody_claimed_is_not_released(matter: Matter) -> None:
    assert broken(matter.given(open_task()).when(release())) == [("item_id", "TASK_NOT_CLAIMED", {})]


@pytest.mark.parametrize("actor", [official("wang"), system()], ids=["colleague", "system"])
def test_nobody_else_releases(matter: Matter, actor: Actor) -> None:
    matter.given(open_task(), claim_task(official("li")))
    assert broken(matter.when(release(actor))) == [("item_id", "TASK_CLAIMED_BY_ANOTHER", {})]


@pytest.mark.parametrize("asked", [release(), transfer()], ids=["release", "transfer"])
def test_a_task_at_its_end_changes_hands_no_more(matter: Matter, asked: ApprovalCommand) -> None:
    matter.given(open_task(), claim_task(), decide_task())
    assert broken(matter.when(asked)) == [("item_id", "TASK_DECIDED", {})]
    other = ApprovalCommand.FromString(asked.SerializeToString())
    other.item_id = "03"
    matter.given(open_task("03"), recall_task("03"))
    assert broken(matter.when(other)) == [("item_id", "TASK_WITHDRAWN", {})]


@pytest.mark.parametrize("name", ["release_task", "transfer_task"])
def test_an_unknown_task_changes_no_hands(matter: Matter, name: str) -> None:
    fields: dict[str, Any] = {"department": "forestry", "reason": "职责调整"} if name == "transfer_task" else {}
    assert broken(matter.when(command(name, **fields))) == [("item_id", "TASK_UNKNOWN", {})]
    assert broken(matter.when(command(name, item_id="", **fields))) == [("item_id", "FIELD_MISSING", {})]


def test_a_suspended_task_stays_so_when_it_is_released(matter: Matter) -> None:
    matter.given(open_task(), claim_task(), TESTING, release())
    assert matter.task().status == SUSPENDED
    matter.given(command("end_special_procedure", result="合格"))
    assert matter.task().status == OPEN


# Transferring


def test_a_transferred_task_is_the_other_departments(matter: Matter) -> None:
    matter.given(open_task(), claim_task(), transfer())
    transferred = matter.events[-1].task_transferred
    assert (transferred.department, transferred.division) == ("forestry", "330100")
    assert (transferred.from_department, transferred.from_division) == ("water", "330100")
    assert transferred.reason == "职责调整"
    task = matter.task()
    assert (task.department, task.division, task.status, task.HasField("claimed_by")) == (
        "forestry",
        "330100",
        OPEN,
        False,
    )
    assert task.opened.item.department == "water"
    assert matter.set_timers == []
    refused = broken(matter.when(decide_task()))
    assert refused == [("actor.department", "WRONG_DEPARTMENT", {"competent": "forestry"})]
    matter.given(decide_task(actor=official("sun", department="forestry")))
    assert matter.task().decided.department == "forestry"


def test_a_task_goes_to_another_division_and_on_from_there(matter: Matter) -> None:
    matter.given(open_task(), transfer("water", "330200"))
    assert broken(matter.when(claim_task())) == [("actor.division", "WRONG_DIVISION", {"competent": "330200"})]
    matter.given(transfer("forestry", actor=official("zhao", division="330200")))
    assert (matter.events[-1].task_transferred.from_division, matter.task().division) == ("330200", "330200")


def test_a_suspended_task_is_transferred_as_it_is(matter: Matter) -> None:
    matter.given(open_task(), claim_task(), TESTING, transfer())
    assert matter.task().status == SUSPENDED
    matter.given(command("end_special_procedure", official("sun", department="forestry"), result="合格"))
    assert matter.task().status == OPEN


@pytest.mark.parametrize(
    ("asked", "violations"),
    [
        (transfer("water"), [("transfer_task.department", "SAME_DEPARTMENT", {})]),
        (transfer("water", "330100"), [("transfer_task.department", "SAME_DEPARTMENT", {})]),
        (transfer(""), [("transfer_task.department", "FIELD_MISSING", {})]),
        (transfer(reason=" "), [("transfer_task.reason", "FIELD_MISSING", {})]),
        (transfer(reason="由" * 2001), [("transfer_task.reason", "FIELD_TOO_LONG", {"limit": "2000"})]),
        (transfer(division="3302"), [("transfer_task.division", "DIVISION_UNKNOWN", {})]),
        (transfer(division="330106"), [("transfer_task.division", "WRONG_LEVEL", {"competent": "CITY"})]),
        (transfer(division="330000"), [("transfer_task.division", "WRONG_LEVEL", {"competent": "CITY"})]),
        (transfer(division="350200"), [("transfer_task.division", "DIVISION_UNKNOWN", {})]),
        (transfer("mars"), [("transfer_task.department", "FIELD_MALFORMED", {"rule": "department"})]),
        (
            transfer("", "3302", ""),
            [
                ("transfer_task.reason", "FIELD_MISSING", {}),
                ("transfer_task.department", "FIELD_MISSING", {}),
                ("transfer_task.division", "DIVISION_UNKNOWN", {}),
            ],
        ),
    ],
)
def test_a_transfer_names_another_department_of_the_level(
    asked: ApprovalCommand, violations: list[tuple[str, str, dict[str, str]]]
) -> None:
    departments = {"water": NAMES, "forestry": NAMES}
    catalogue = dataclasses.replace(make_catalogue(), departments=departments)
    core = Core(catalogue, make_calendar(), "approval-city", lambda _level, division: division.startswith("33"))
    assert broken(Matter(core).given(open_task()).when(asked)) == violations


def test_a_city_without_counties_is_a_county_too() -> None:
    catalogue = Catalogue((matter_type(item_type("02")),), {})
    matter = Matter(Core(catalogue, make_calendar(), "approval-county"))
    opening = FromIntake(ApprovalCommand.FromString(open_task().command.SerializeToString()))
    opening.command.open_task.item.level = 4  # type: ignore[assignment]
    opening.command.open_task.item.division = "441302"
    county = official(level=4, division="441302")
    matter.given(opening, transfer("water", "441900", actor=county))
    assert (matter.task().division, matter.events[-1].matter_id) == ("441900", MATTER_ID)


def test_a_task_in_a_colleagues_hands_is_not_transferred(matter: Matter) -> None:
    matter.given(open_task(), claim_task(official("li")))
    refused = broken(matter.when(transfer(actor=official("wang"))))
    assert refused == [("item_id", "TASK_CLAIMED_BY_ANOTHER", {})]


# Acting for another


@pytest.mark.parametrize("name", ["decide", "release", "transfer", "stop"])
def test_who_acts_for_the_claimer_may_what_the_claimer_may(matter: Matter, name: str) -> None:
    matter.given(open_task(), claim_task(official("li")))
    deputy = acting()
    asked = {
        "decide": decide_task(actor=deputy),
        "release": release(deputy),
        "transfer": transfer(actor=deputy),
        "stop": command("begin_special_procedure", deputy, kind=6, expected_days=10, reason="委托检测"),
    }[name]
    assert broken(matter.when(_without_delegation(asked))) == [("item_id", "TASK_CLAIMED_BY_ANOTHER", {})]
    assert isinstance(matter.when(asked), ApprovalEvent)
    assert matter.events[-1].actor == deputy


def _without_delegation(asked: ApprovalCommand) -> ApprovalCommand:
    other = ApprovalCommand.FromString(asked.SerializeToString())
    other.actor.ClearField("acting_for")
    return other


def test_acting_for_somebody_else_than_the_claimer_does_not_help(matter: Matter) -> None:
    matter.given(open_task(), claim_task(official("li")))
    refused = broken(matter.when(decide_task(actor=acting(for_whom="zhao"))))
    assert refused == [("item_id", "TASK_CLAIMED_BY_ANOTHER", {})]


def test_a_delegation_of_another_department_does_not_help(matter: Matter) -> None:
    matter.given(open_task(), claim_task(official("li")))
    deputy = acting()
    deputy.department = "forestry"
    refused = broken(matter.when(decide_task(actor=deputy)))
    assert [reason for _, reason, _ in refused] == ["WRONG_DEPARTMENT", "TASK_CLAIMED_BY_ANOTHER"]


def test_who_comes_back_has_what_was_claimed_in_their_place(matter: Matter) -> None:
    matter.given(open_task(), claim_task(acting("wang", "li")))
    assert matter.when(claim_task(official("li"))) is None
    assert broken(matter.when(claim_task(official("zhao")))) == [("item_id", "TASK_CLAIMED_BY_ANOTHER", {})]
    matter.given(decide_task(actor=official("li")))


@pytest.mark.parametrize(
    ("day", "in_force"), [((11, 19), False), ((11, 20), True), ((11, 25), True), ((11, 26), False)]
)
def test_a_delegation_holds_from_its_first_day_to_its_last(
    matter: Matter, day: tuple[int, int], in_force: bool
) -> None:
    matter.when(open_task(), at(11, 18))
    matter.when(claim_task(official("li")), at(11, 18))
    outcome = matter.when(decide_task(actor=acting()), at(*day))
    if in_force:
        assert isinstance(outcome, ApprovalEvent)
    else:
        dates = {"first_day": "2026-11-20", "last_day": "2026-11-25"}
        assert broken(outcome) == [("actor.acting_for", "DELEGATION_NOT_IN_FORCE", dates)]


def test_a_delegation_not_in_force_bars_also_what_one_could_do_oneself(matter: Matter) -> None:
    matter.given(open_task())
    refused = broken(matter.when(claim_task(acting(last_day="2026-11-22"))))
    assert [reason for _, reason, _ in refused] == ["DELEGATION_NOT_IN_FORCE"]


@pytest.mark.parametrize(
    ("changes", "violations"),
    [
        ({"for_whom": ""}, [("actor.acting_for.principal", "FIELD_MISSING", {})]),
        ({"for_whom": "李" * 129}, [("actor.acting_for.principal", "FIELD_TOO_LONG", {"limit": "128"})]),
        ({"reference": ""}, [("actor.acting_for.reference", "FIELD_MISSING", {})]),
        ({"first_day": ""}, [("actor.acting_for.first_day", "FIELD_MISSING", {})]),
        ({"first_day": "20261120"}, [("actor.acting_for.first_day", "FIELD_MALFORMED", {"rule": "day"})]),
        ({"last_day": "2026-11-31"}, [("actor.acting_for.last_day", "FIELD_MALFORMED", {"rule": "day"})]),
    ],
)
def test_a_delegation_says_who_when_and_where_it_is_on_file(
    matter: Matter, changes: dict[str, Any], violations: list[tuple[str, str, dict[str, str]]]
) -> None:
    assert broken(matter.given(open_task()).when(claim_task(acting(**changes)))) == violations
