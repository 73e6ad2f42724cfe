"""What an approval deployment's metrics tell of its tasks, by department: what waits, what is overdue, decisions.

Rule 1: a department without tasks is told with 0: an office that has done all is no gap in a chart.
Rule 2: a department of the catalogue is a label, a division never: a level has some twenty of the one and hundreds of
the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from onematter.approval.checks import department_of, find
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TasksState
from onematter.backbone.metrics import Metrics
from onematter.backbone.service import Change
from onematter.contracts.synthetic import DEPARTMENT

# Of a department: tasks that wait, and of them those past the promised and past the legal deadline.
Waiting = tuple[str, int, int, int]


class TaskFigures:
    """The figures of one process. `level` is that of all its tasks."""

    def __init__(self, metrics: Metrics, level: str, departments: Iterable[str]) -> None:
        """`departments`: those that the catalogue gives tasks of this level; others join when they have one."""
        self._level = level
        self._open, self._overdue = metrics["open_tasks"], metrics["overdue_tasks"]
        self._decisions = metrics["decisions_total"]
        self._departments = set(departments) - {DEPARTMENT}
        # Looking a child up by its labels costs more than to count.
        self._decisions_of = cache(self._looked_up)

    def decided(self, change: Change[TasksState, ApprovalEvent]) -> None:
        """Count the decision, if the change is one."""
        event = change.event
        if event is None or event.WhichOneof("event") != "task_decided":
            return
        task = find(change.state, event.item_id)
        department = "" if task is None else department_of(task)
        if department == DEPARTMENT:
            return
        self._decisions_of(department, event.task_decided.automatic).inc()

    def _looked_up(self, department: str, automatic: bool) -> Any:
        return self._decisions.labels(self._level, department, str(automatic).lower())

    def waiting(self, rows: Iterable[Waiting]) -> None:
        """Set what waits now; a department that is not among the rows has nothing."""
        found = {department: counts for department, *counts in rows}
        self._departments |= found.keys()
        for department in self._departments:
            waiting, past_promise, past_law = found.get(department, (0, 0, 0))
            self._open.labels(self._level, department).set(waiting)
            self._overdue.labels(self._level, department, "promised").set(past_promise)
            self._overdue.labels(self._level, department, "legal").set(past_law)
