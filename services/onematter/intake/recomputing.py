"""Which matters' deadlines are to be worked out again (重新计算), since a calendar became official.

Rule 1: a deadline that rests on a year not official waits until it is. One that is not there at all, since the year was
missing, waits until the year is loaded, official or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from onematter.backbone.recomputing import asker, request_id
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.law.calendar import WorkingCalendar


def commands_for(
    rows: Sequence[tuple[str, Sequence[int], bool]], calendar: WorkingCalendar, deployment: str, today: date
) -> Iterator[IntakeCommand]:
    """Yield a command for each matter of `rows` (matter, years, is the deadline missing) that Rule 1 lets go on."""
    states = {year.year: year.state for year in calendar.years}
    for matter_id, years, is_missing in rows:
        known = [year for year in years if states.get(year) == "official" or (is_missing and year in states)]
        if known:
            command = IntakeCommand(matter_id=matter_id, actor=asker(deployment))
            command.request_id = request_id("", known, today)
            command.recompute_deadlines.SetInParent()
            yield command
