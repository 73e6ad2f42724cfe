"""What officials do with tasks over gRPC, beside claiming and deciding one: on real Kafka and PostgreSQL."""

from __future__ import annotations

import json
from typing import Any

import grpc
from tests.live import CALL_SECONDS, TASK_EVENTS, Live, failure_of
from tests.tail import poll

from onematter.approval.v1 import approval_service_pb2 as approval
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_state_pb2 import TaskStatus
from onematter.common.v1.outcome_pb2 import Reason
from onematter.common.v1.period_pb2 import SuspensionReason


def handle(live: Live, level: str, command: ApprovalCommand) -> Any:
    return live.approval(level).HandleTask(approval.HandleTaskRequest(command=command), timeout=CALL_SECONDS)


def asked(live: Live, level: str, matter_id: str, item_id: str) -> ApprovalCommand:
    command = ApprovalCommand(request_id=live.new_id(), matter_id=matter_id, item_id=item_id)
    command.actor.CopyFrom(live.official(level))
    return command


def view_of(live: Live, level: str, matter_id: str, item_id: str) -> Any:
    request = approval.GetTaskRequest(matter_id=matter_id, item_id=item_id)
    return live.approval(level).GetTask(request, timeout=CALL_SECONDS).task


def test_a_task_is_suspended_listed_explained_and_goes_on(live: Live) -> None:
    matter_id, item_id = live.open_matter(), live.item_at("city")
    begin = asked(live, "city", matter_id, item_id)
    begin.begin_special_procedure.kind = SuspensionReason.SUSPENSION_REASON_TESTING
    begin.begin_special_procedure.expected_days = 10
    begin.begin_special_procedure.reason = "委托检测"
    told = handle(live, "city", begin).outcome.told_by
    assert told.topic == TASK_EVENTS["city"]

    (listed,) = (
        live.approval("city").ListTasks(approval.ListTasksRequest(matter_id=matter_id), timeout=CALL_SECONDS).tasks
    )
    assert listed.task.status == TaskStatus.TASK_STATUS_SUSPENDED
    view = view_of(live, "city", matter_id, item_id)
    assert not view.task.deadlines.HasField("legal")
    explained = json.loads(view.deadline_explanation_json)
    assert (explained["legal"]["deadline"], explained["promised"]["deadline"]) == (None, None)

    failure = failure_of(lambda: live.decide("city", live.decision("city", matter_id, item_id)))
    assert failure.told == {("item_id", "TASK_SUSPENDED")}

    end = asked(live, "city", matter_id, item_id)
    end.end_special_procedure.result = "合格"
    handle(live, "city", end)
    view = view_of(live, "city", matter_id, item_id)
    assert view.task.status == TaskStatus.TASK_STATUS_OPEN
    assert json.loads(view.deadline_explanation_json)["legal"]["deadline"]
    live.decide("city", live.decision("city", matter_id, item_id))


def test_what_is_intakes_is_not_handled(live: Live) -> None:
    command = asked(live, "city", live.open_matter(), live.item_at("city"))
    command.recall_task.SetInParent()
    assert failure_of(lambda: handle(live, "city", command)).code is grpc.StatusCode.INVALID_ARGUMENT


def test_of_several_decisions_each_has_its_outcome(live: Live) -> None:
    item_id = live.item_at("city")
    matters = [live.open_matter() for _ in range(5)]
    commands = [live.decision("city", matter_id, item_id) for matter_id in matters]
    commands[2].actor.department = "forestry"
    request = approval.DecideTasksRequest(commands=commands)
    outcomes = live.approval("city").DecideTasks(request, timeout=CALL_SECONDS).outcomes
    assert [outcome.matter_id for outcome in outcomes] == matters
    assert [outcome.HasField("refused") for outcome in outcomes] == [False, False, True, False, False]
    (violation,) = outcomes[2].refused.violations
    assert violation.reason == Reason.REASON_WRONG_DEPARTMENT
    again = live.approval("city").DecideTasks(request, timeout=CALL_SECONDS).outcomes
    assert list(again) == list(outcomes)

    def decided() -> Any:
        statuses = [view_of(live, "city", matter_id, item_id).task.status for matter_id in matters]
        return statuses if statuses.count(TaskStatus.TASK_STATUS_DECIDED) == 4 else None

    assert poll(decided, "four decisions")[2] == TaskStatus.TASK_STATUS_OPEN
