"""Which tasks' deadlines are to be worked out again (重新计算), since a calendar became official.

Rule 1: a task whose clocks stand still needs none: its deadlines are worked out when they go on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_state_pb2 import TaskState
from onematter.backbone.recomputing import asker, request_id
from onematter.law.calendar import WorkingCalendar


def official_years(calendar: WorkingCalendar) -> frozenset[int]:
    """Return the years that are announced."""
    return frozenset(year.year for year in calendar.years if year.state == "official")


def commands_for(
    rows: Sequence[tuple[str, str, bytes]], official: frozenset[int], deployment: str, today: date
) -> Iterator[ApprovalCommand]:
    """Yield a command for each task of `rows` (matter, item, TaskState) that touches a year now official."""
    for matter_id, item_id, serialised in rows:
        years = [year for year in TaskState.FromString(serialised).deadlines.provisional_years if year in official]
        if years:
            command = ApprovalCommand(matter_id=matter_id, item_id=item_id, actor=asker(deployment))
            command.request_id = request_id(item_id, years, today)
            command.recompute_deadlines.SetInParent()
            yield command
