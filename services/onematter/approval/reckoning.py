"""The periods of a task (期限): what of the catalogue and the task's own facts makes them.

Rule 1: a task has two periods with the same facts, the legal one and the promised one; extensions are of the legal one
alone. Where nothing is promised beyond the law they are one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from onematter.approval.desk import Desk
from onematter.approval.v1.approval_state_pb2 import TaskState
from onematter.backbone.reckoning import deadlines_of, legal_period, promised_period
from onematter.common.v1.period_pb2 import Deadlines, PeriodFact
from onematter.law.calendar import WorkingCalendar
from onematter.law.clock import legal_rule, promise_rule
from onematter.law.matters import ItemType
from onematter.law.periods import Period


class Clocks(NamedTuple):
    """Both periods of a task."""

    legal: Period
    promised: Period


def reckon(known: ItemType | None, started: date, facts: Sequence[PeriodFact]) -> Clocks:
    """Return the periods that began on `started`, after `facts` in their order.

    `known` None is an item that the catalogue does not hold: its legal time is that of 行政许可法 §42, and nothing is
    promised. Raises AssertionError for facts that were never lawful.
    """
    rule = legal_rule(None) if known is None else legal_rule(known.legal_days, known.clock_kind)
    legal = legal_period(rule, started, facts)
    if known is None or known.promised_days is None:
        return Clocks(legal, legal)
    return Clocks(legal, promised_period(promise_rule(known.promised_days, known.clock_kind), started, facts))


def clocks_of(desk: Desk, task: TaskState, *more: PeriodFact) -> Clocks:
    """Return the periods of an opened task, after its own facts and `more`."""
    types = desk.types_of(task)
    started = date.fromisoformat(task.opened.started_day)
    return reckon(None if types is None else types[1], started, [*task.period_facts, *more])


def deadlines(clocks: Clocks, calendar: WorkingCalendar) -> Deadlines:
    """Return when both clocks end under `calendar`, and when they warn. A clock that stands still has no deadline."""
    return deadlines_of(clocks.legal, clocks.promised, calendar)
