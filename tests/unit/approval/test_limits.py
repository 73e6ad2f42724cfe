"""Given a task that has gone round as often as it may, when one more round is asked, then it is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.approval.cases import (
    MATTER_ID,
    Matter,
    broken,
    command,
    decide_task,
    item_type,
    make_calendar,
    matter_type,
    open_task,
)

from onematter.approval.core import Core, FromIntake
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.law.catalogue import Catalogue

CORRECTIONS, PROCEDURES, OPINIONS = 10, 10, 60


@pytest.fixture
def matter() -> Matter:
    """A task of a catalogue that does not hold its item, so that any word may be asked for."""
    other = replace(item_type("01"))
    return Matter(Core(Catalogue((matter_type(other),), {}), make_calendar(), "approval-city")).given(open_task())


def correct() -> ApprovalCommand:
    need = {"material_id": "plan", "reason": "缺少签章", "newly_visible_because": "刚刚发现"}
    return command("request_correction", needs=[need])


def supply() -> FromIntake:
    asked = ApprovalCommand(matter_id=MATTER_ID, item_id="02")
    asked.supply_task.materials.add(material_id="plan", digest=bytes(32))
    return FromIntake(asked)


def test_corrections_come_to_an_end(matter: Matter) -> None:
    for _ in range(CORRECTIONS):
        matter.given(correct(), supply())
    assert broken(matter.when(correct())) == [("item_id", "ROUNDS_EXHAUSTED", {"limit": "10"})]
    assert isinstance(matter.when(decide_task()), ApprovalEvent)


def test_special_procedures_come_to_an_end(matter: Matter) -> None:
    begin = command("begin_special_procedure", kind=6, expected_days=10, reason="委托检测")
    for _ in range(PROCEDURES):
        matter.given(begin, command("end_special_procedure", result="合格"))
    assert broken(matter.when(begin)) == [("item_id", "ROUNDS_EXHAUSTED", {"limit": "10"})]


def test_questions_to_other_departments_come_to_an_end(matter: Matter) -> None:
    def ask(first: int, last: int) -> ApprovalCommand:
        return command("ask_opinions", departments=[f"d{n}" for n in range(first, last)], question="有无意见")

    matter.given(ask(0, 20), ask(20, 40))
    assert isinstance(matter.when(ask(40, 59)), ApprovalEvent)
    assert broken(matter.when(ask(59, 61))) == [("item_id", "ROUNDS_EXHAUSTED", {"limit": "60"})]
    assert isinstance(matter.when(ask(59, 60)), ApprovalEvent)
    assert broken(matter.when(ask(60, 61))) == [("item_id", "ROUNDS_EXHAUSTED", {"limit": "60"})]
    assert len(matter.task().opinions) == OPINIONS
