"""Given a correction that the applicant does not answer, when the department takes it back, then the clock goes on."""

from __future__ import annotations

import pytest
from tests.unit.approval.cases import (
    MATTER_ID,
    Matter,
    broken,
    claim_task,
    command,
    decide_task,
    official,
    open_task,
    recall_task,
    unix_ms,
)

from onematter.approval.core import FromIntake
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TaskStatus
from onematter.common.v1.actor_pb2 import Actor
from onematter.contracts.times import unix_ms as ms_of


def correct(*material_ids: str) -> ApprovalCommand:
    return command("request_correction", needs=[{"material_id": one, "reason": "缺少签章"} for one in material_ids])


def lift(reason: str = "以现有材料审查", actor: Actor | None = None) -> ApprovalCommand:
    return command("lift_correction", actor, reason=reason)


def supply(*material_ids: str) -> FromIntake:
    asked = ApprovalCommand(matter_id=MATTER_ID, item_id="02")
    for one in material_ids:
        asked.supply_task.materials.add(material_id=one, digest=bytes(32))
    return FromIntake(asked)


@pytest.mark.parametrize("claimed", [False, True], ids=["open", "claimed"])
def test_the_clock_goes_on_with_what_is_there(matter: Matter, claimed: bool) -> None:
    matter.given(open_task(version=4), *([claim_task()] if claimed else []))
    before = matter.task().status
    matter.when(correct("plan", "map"), unix_ms(2026, 11, 25, 2))
    matter.when(supply("map"), unix_ms(2026, 11, 27, 2))
    matter.when(lift(), unix_ms(2026, 12, 2, 2))
    lifted = matter.events[-1].correction_lifted
    assert (list(lifted.material_ids), lifted.reason, lifted.day) == (["plan"], "以现有材料审查", "2026-12-02")
    task = matter.task()
    assert (task.status, list(task.corrections[0].missing)) == (before, [])
    # 24 November counted; nineteen weekdays from 2 December on end on the 28th.
    assert ms_of(task.deadlines.legal) == ms_of(lifted.deadlines.legal) == unix_ms(2026, 12, 28, 16)
    assert "legal:02" in matter.timers
    assert isinstance(matter.when(decide_task()), ApprovalEvent)


def test_what_comes_afterwards_is_kept_and_moves_no_clock(matter: Matter) -> None:
    matter.given(open_task(version=4), correct("plan"), lift(), supply("plan"))
    assert matter.events[-1].task_supplied.resumed_day == ""
    assert [one.material_id for one in matter.task().supplied] == ["plan"]


def test_it_says_why(matter: Matter) -> None:
    matter.given(open_task(version=4), correct("plan"))
    assert broken(matter.when(lift(" "))) == [("lift_correction.reason", "FIELD_MISSING", {})]


def test_where_no_correction_runs_there_is_none_to_take_back(matter: Matter) -> None:
    matter.given(open_task(version=4))
    assert broken(matter.when(lift())) == [("item_id", "PERIOD_NOT_SUSPENDED", {})]
    matter.given(command("begin_special_procedure", kind=6, expected_days=10, reason="委托检测"))
    assert broken(matter.when(lift())) == [("item_id", "TASK_SUSPENDED", {"since": "2026-11-23"})]
    matter.given(recall_task())
    assert broken(matter.when(lift())) == [("item_id", "TASK_WITHDRAWN", {})]


def test_a_correction_is_not_ended_as_a_special_procedure_is(matter: Matter) -> None:
    matter.given(open_task(version=4), correct("plan"))
    end = command("end_special_procedure", result="合格")
    assert broken(matter.when(end)) == [("item_id", "TASK_SUSPENDED", {"since": "2026-11-23"})]


def test_only_who_has_the_task_takes_it_back(matter: Matter) -> None:
    matter.given(open_task(version=4), claim_task(official("li")), correct("plan"))
    refused = broken(matter.when(lift(actor=official("wang", department="forestry"))))
    assert [reason for _, reason, _ in refused] == ["WRONG_DEPARTMENT", "TASK_CLAIMED_BY_ANOTHER"]
    assert matter.task().status == TaskStatus.TASK_STATUS_SUSPENDED
