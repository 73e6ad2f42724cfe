"""Figures of tasks by department."""

from __future__ import annotations

from onematter.approval.figures import TaskFigures
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TasksState
from onematter.backbone.metrics import Metrics
from onematter.backbone.service import Change


def figures() -> tuple[Metrics, TaskFigures]:
    metrics = Metrics("approval")
    return metrics, TaskFigures(metrics, "city", ["planning"])


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"onematter_{name}", {"level": "city", **labels})


def decided(department: str, *, automatic: bool, handed_to: str = "") -> Change[TasksState, ApprovalEvent]:
    state = TasksState()
    task = state.tasks.add(item_id="02", department=handed_to)
    task.opened.item.department = department
    event = ApprovalEvent(matter_id="m", item_id="02")
    event.task_decided.automatic = automatic
    return Change("m", 0, state, event, None)


def test_what_waits_is_told_by_department() -> None:
    metrics, told = figures()
    told.waiting([("planning", 5, 2, 1), ("water", 1, 0, 0)])
    assert value(metrics, "open_tasks", department="planning") == 5
    assert value(metrics, "overdue_tasks", department="planning", clock="promised") == 2
    assert value(metrics, "overdue_tasks", department="planning", clock="legal") == 1
    assert value(metrics, "open_tasks", department="water") == 1


def test_a_department_without_tasks_has_none() -> None:
    metrics, told = figures()
    told.waiting([])
    assert value(metrics, "open_tasks", department="planning") == 0
    told.waiting([("planning", 5, 2, 1)])
    told.waiting([])
    assert value(metrics, "open_tasks", department="planning") == 0
    assert value(metrics, "overdue_tasks", department="planning", clock="legal") == 0


def test_decisions_are_counted_by_whose_they_are() -> None:
    metrics, told = figures()
    told.decided(decided("planning", automatic=False))
    told.decided(decided("planning", automatic=False))
    told.decided(decided("planning", automatic=True))
    told.decided(decided("planning", automatic=False, handed_to="water"))
    assert value(metrics, "decisions_total", department="planning", automatic="false") == 2
    assert value(metrics, "decisions_total", department="planning", automatic="true") == 1
    assert value(metrics, "decisions_total", department="water", automatic="false") == 1


def test_the_installations_own_items_are_in_no_figure() -> None:
    metrics = Metrics("approval")
    told = TaskFigures(metrics, "city", ["planning", "self_check"])
    told.waiting([])
    told.decided(decided("self_check", automatic=True))
    assert value(metrics, "decisions_total", department="self_check", automatic="true") is None
    assert value(metrics, "open_tasks", department="self_check") is None
    assert value(metrics, "open_tasks", department="planning") == 0


def test_what_is_no_decision_is_not_counted() -> None:
    metrics, told = figures()
    event = ApprovalEvent(matter_id="m", item_id="02")
    event.task_claimed.SetInParent()
    told.decided(Change("m", 0, TasksState(), event, None))
    told.decided(Change("m", 0, TasksState(), None, None))
    assert value(metrics, "decisions_total", department="", automatic="false") is None
