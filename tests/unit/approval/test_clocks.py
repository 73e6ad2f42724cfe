"""Given a task whose clocks run, when they are stopped, moved or run out: every rule of its periods."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from tests.unit.approval.cases import (
    Matter,
    broken,
    claim_task,
    decide_task,
    item_type,
    make_calendar,
    matter_type,
    official,
    open_task,
    recall_task,
    unix_ms,
)
from tests.unit.approval.clock_cases import (
    KINDS,
    PROMISED_DUE,
    TESTING,
    begin,
    end,
    extend,
    instants,
    on,
    set_timers,
    told,
)

from onematter.approval.core import Core
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TaskStatus
from onematter.common.v1.actor_pb2 import Rank
from onematter.contracts.aggregate import TimerDue
from onematter.contracts.times import unix_ms as ms_of
from onematter.law.catalogue import Catalogue

# Special procedures


@pytest.mark.parametrize("claimed", [False, True], ids=["open", "claimed"])
def test_a_special_procedure_stops_the_clocks_and_its_end_lets_them_go_on(matter: Matter, claimed: bool) -> None:
    matter.given(open_task(), *([claim_task()] if claimed else []))
    before = matter.task().status
    assert isinstance(matter.when(begin(), on(11, 25)), ApprovalEvent)
    begun = told(matter, "special_procedure_begun")
    assert (begun.kind, begun.expected_days, begun.reason, begun.day) == (TESTING, 10, "委托检测", "2026-11-25")
    task = matter.task()
    assert task.status == TaskStatus.TASK_STATUS_SUSPENDED
    assert (task.special_procedure.kind, task.special_procedure.expected_days) == (TESTING, 10)
    assert instants(task.deadlines) == {}
    assert set_timers(matter) == {f"{kind}:02": None for kind in KINDS}

    assert isinstance(matter.when(end(), on(12, 2)), ApprovalEvent)
    ended = told(matter, "special_procedure_ended")
    assert (ended.kind, ended.result, ended.day) == (TESTING, "合格", "2026-12-02")
    task = matter.task()
    assert (task.status, task.HasField("special_procedure")) == (before, False)
    # 24 November counted, then nothing before 2 December: the fifth day is Monday 7, the twentieth Monday 28.
    expected = {
        "yellow": unix_ms(2026, 12, 3, 16),
        "red": unix_ms(2026, 12, 6, 16),
        "promised": unix_ms(2026, 12, 7, 16),
        "legal": unix_ms(2026, 12, 28, 16),
    }
    assert instants(task.deadlines) == instants(ended.deadlines) == expected
    assert set_timers(matter) == {f"{kind}:02": due for kind, due in expected.items()}
    assert ms_of(task.opened.promised_deadline) == PROMISED_DUE


@pytest.mark.parametrize("kind", range(2, 10))
def test_every_special_procedure_of_the_law_can_begin(matter: Matter, kind: int) -> None:
    matter.given(open_task(), begin(kind))
    assert matter.task().special_procedure.kind == kind
    matter.given(end())
    assert matter.task().status == TaskStatus.TASK_STATUS_OPEN


@pytest.mark.parametrize("decision", [1, 2], ids=["grant", "deny"])
def test_nothing_is_decided_while_the_clocks_stand_still(matter: Matter, decision: int) -> None:
    matter.given(open_task(), begin())
    assert broken(matter.when(decide_task(decision))) == [("item_id", "TASK_SUSPENDED", {"since": "2026-11-23"})]


def test_a_suspended_task_can_be_withdrawn(matter: Matter) -> None:
    matter.given(open_task(), begin(), recall_task())
    assert matter.task().status == TaskStatus.TASK_STATUS_RECALLED
    assert set_timers(matter) == {}


def test_a_claim_during_a_suspension_holds_after_it(matter: Matter) -> None:
    matter.given(open_task(), begin(), claim_task(official("li")))
    assert matter.task().status == TaskStatus.TASK_STATUS_SUSPENDED
    assert broken(matter.when(end(actor=official("wang")))) == [("item_id", "TASK_CLAIMED_BY_ANOTHER", {})]
    matter.given(end(actor=official("li")))
    assert (matter.task().status, matter.task().claimed_by.principal) == (TaskStatus.TASK_STATUS_CLAIMED, "li")


def test_the_clocks_are_not_stopped_twice(matter: Matter) -> None:
    matter.given(open_task(), begin())
    assert broken(matter.when(begin())) == [("item_id", "PERIOD_SUSPENDED", {"since": "2026-11-23"})]


def test_what_does_not_run_does_not_end(matter: Matter) -> None:
    assert broken(matter.given(open_task()).when(end())) == [("item_id", "PERIOD_NOT_SUSPENDED", {})]


def test_a_day_before_the_last_fact_is_too_early(matter: Matter) -> None:
    matter.given(open_task())
    matter.when(begin(), on(11, 26))
    assert broken(matter.when(end(), on(11, 25))) == [("item_id", "DAY_TOO_EARLY", {"earliest": "2026-11-26"})]


KINDS_ALLOWED = "HEARING, TENDER, AUCTION, INSPECTION, TESTING, QUARANTINE, APPRAISAL, EXPERT_REVIEW"


@pytest.mark.parametrize(
    ("changes", "violations"),
    [
        ({"kind": 0}, [("begin_special_procedure.kind", "FIELD_MISSING", {})]),
        ({"kind": 1}, [("begin_special_procedure.kind", "FIELD_MALFORMED", {"allowed": KINDS_ALLOWED})]),
        ({"kind": 10}, [("begin_special_procedure.kind", "FIELD_MALFORMED", {"allowed": KINDS_ALLOWED})]),
        ({"expected_days": 0}, [("begin_special_procedure.expected_days", "FIELD_MISSING", {})]),
        (
            {"expected_days": 1001},
            [("begin_special_procedure.expected_days", "FIELD_MALFORMED", {"rule": "1 to 1000"})],
        ),
        ({"reason": " "}, [("begin_special_procedure.reason", "FIELD_MISSING", {})]),
        ({"reason": "检" * 2001}, [("begin_special_procedure.reason", "FIELD_TOO_LONG", {"limit": "2000"})]),
    ],
)
def test_a_special_procedure_says_which_how_long_and_why(
    matter: Matter, changes: dict[str, Any], violations: list[tuple[str, str, dict[str, str]]]
) -> None:
    assert broken(matter.given(open_task()).when(begin(**changes))) == violations


def test_the_end_of_a_special_procedure_has_a_result(matter: Matter) -> None:
    matter.given(open_task(), begin())
    assert broken(matter.when(end(" "))) == [("end_special_procedure.result", "FIELD_MISSING", {})]


@pytest.mark.parametrize("asked", [begin(), end(), extend()], ids=["begin", "end", "extend"])
def test_nobody_else_touches_the_clocks(matter: Matter, asked: ApprovalCommand) -> None:
    asked = ApprovalCommand.FromString(asked.SerializeToString())
    asked.actor.department = "forestry"
    refused = broken(matter.given(open_task()).when(asked))
    assert ("actor.department", "WRONG_DEPARTMENT", {"competent": "water"}) in refused


@pytest.mark.parametrize("asked", [begin(), end(), extend()], ids=["begin", "end", "extend"])
@pytest.mark.parametrize("by_rule", [False, True], ids=["by a person", "by rule"])
def test_the_clocks_of_a_decided_task_are_not_touched(matter: Matter, asked: ApprovalCommand, by_rule: bool) -> None:
    facts: dict[str, Any] = {"investment": 900.0, "industry": "food", "flat": True, "cities": ["330100"]}
    matter.given(*([open_task("01", **facts)] if by_rule else [open_task("01"), decide_task(item_id="01")]))
    asked = ApprovalCommand.FromString(asked.SerializeToString())
    asked.item_id = "01"
    assert broken(matter.when(asked)) == [("item_id", "TASK_DECIDED", {})]


def test_a_stop_after_the_deadline_heals_nothing(matter: Matter) -> None:
    matter.given(open_task())
    matter.when(begin(), on(12, 2))
    assert instants(matter.task().deadlines) == {
        "yellow": unix_ms(2026, 11, 26, 16),
        "red": unix_ms(2026, 11, 29, 16),
        "promised": PROMISED_DUE,
    }
    # What was not told yet is still to be told, at once.
    assert matter.timers == {
        "yellow:02": unix_ms(2026, 11, 26, 16),
        "red:02": unix_ms(2026, 11, 29, 16),
        "promised:02": PROMISED_DUE,
    }
    assert isinstance(matter.when(TimerDue("promised:02"), on(12, 2)), ApprovalEvent)
    assert matter.task().promised_overdue
    matter.when(end(), on(12, 9))
    assert ms_of(matter.task().deadlines.promised) == PROMISED_DUE
    # 6 days counted, then 14 from 9 December on: Monday 28.
    assert ms_of(matter.task().deadlines.legal) == unix_ms(2026, 12, 28, 16)


# Extensions


def test_the_head_of_the_department_extends_the_legal_period_alone(matter: Matter) -> None:
    matter.given(open_task(), claim_task(official("li")))
    matter.when(extend(), on(12, 21))
    extended = told(matter, "task_extended")
    assert (extended.days, extended.rank, extended.reason, extended.day) == (
        10,
        Rank.RANK_DEPARTMENT_HEAD,
        "案情复杂",
        "2026-12-21",
    )
    deadlines = matter.task().deadlines
    # Ten weekdays after 21 December: Monday 2027-01-04, in a year that is not announced.
    assert ms_of(deadlines.legal) == unix_ms(2027, 1, 4, 16)
    assert ms_of(deadlines.promised) == PROMISED_DUE
    assert (deadlines.provisional, list(deadlines.provisional_years)) == (True, [2027])
    assert set_timers(matter)["legal:02"] == unix_ms(2027, 1, 4, 16)
    assert matter.events[-1].actor.principal == "head"
    assert matter.task().claimed_by.principal == "li"


def test_a_suspended_period_is_extended_too(matter: Matter) -> None:
    matter.given(open_task(), begin(), extend())
    assert matter.task().status == TaskStatus.TASK_STATUS_SUSPENDED
    assert instants(matter.task().deadlines) == {}
    matter.given(end())
    assert ms_of(matter.task().deadlines.legal) == unix_ms(2027, 1, 4, 16)


@pytest.mark.parametrize(
    ("asked", "violations"),
    [
        (extend(0), [("extend_period.days", "EXTENSION_OUT_OF_RANGE", {"limit": "10"})]),
        (extend(11), [("extend_period.days", "EXTENSION_OUT_OF_RANGE", {"limit": "10"})]),
        (extend(reason=""), [("extend_period.reason", "FIELD_MISSING", {})]),
        (extend(actor=official()), [("actor.rank", "RANK_TOO_LOW", {"required": "DEPARTMENT_HEAD"})]),
        (
            extend(actor=official(rank=Rank.RANK_SECTION_HEAD)),
            [("actor.rank", "RANK_TOO_LOW", {"required": "DEPARTMENT_HEAD"})],
        ),
        (
            extend(12, "", official(rank=7)),
            [
                ("extend_period.reason", "FIELD_MISSING", {}),
                ("extend_period.days", "EXTENSION_OUT_OF_RANGE", {"limit": "10"}),
                ("actor.rank", "RANK_TOO_LOW", {"required": "DEPARTMENT_HEAD"}),
            ],
        ),
    ],
)
def test_an_extension_is_what_the_law_allows(
    matter: Matter, asked: ApprovalCommand, violations: list[tuple[str, str, dict[str, str]]]
) -> None:
    assert broken(matter.given(open_task()).when(asked)) == violations


def test_a_period_is_extended_once(matter: Matter) -> None:
    matter.given(open_task(), extend(1))
    refused = broken(matter.when(extend(1)))
    assert refused == [("item_id", "PERIOD_EXTENDED_ALREADY", {"since": "2026-11-23"})]


def test_a_period_that_has_passed_is_not_extended(matter: Matter) -> None:
    matter.given(open_task())
    refused = broken(matter.when(extend(), on(12, 22)))
    assert refused == [("item_id", "PERIOD_PASSED", {"deadline": "2026-12-21"})]


def test_the_time_of_another_law_is_not_extended() -> None:
    short = dataclasses.replace(item_type("02"), legal_days=15)
    matter = Matter(Core(Catalogue((matter_type(short),), {}), make_calendar(), "approval-city")).given(open_task())
    refused = broken(matter.when(extend()))
    assert refused == [("item_id", "PERIOD_NOT_EXTENDABLE", {"period": "decision_by_other_law"})]
