"""The words in which tests speak of a task's clocks: what stops, moves and ends them, and what is due."""

from __future__ import annotations

from typing import Any

from tests.unit.approval.cases import (
    Matter,
    command,
    official,
    system,
    unix_ms,
)

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.common.v1.actor_pb2 import Actor, Rank
from onematter.common.v1.period_pb2 import Deadlines, SuspensionReason
from onematter.contracts.times import unix_ms as ms_of

KINDS = ("yellow", "red", "promised", "legal")
# The item's five and twenty days after Monday 2026-11-23, weekdays all, end at 24:00 in China.
PROMISED_DUE = unix_ms(2026, 11, 30, 16)
LEGAL_DUE = unix_ms(2026, 12, 21, 16)
TESTING = SuspensionReason.SUSPENSION_REASON_TESTING
HEAD = official("head", rank=Rank.RANK_DEPARTMENT_HEAD)


def on(month: int, day: int, year: int = 2026) -> int:
    """10:00 in China of a day."""
    return unix_ms(year, month, day, 2)


def begin(kind: int = TESTING, days: int = 10, actor: Actor | None = None, **changes: Any) -> ApprovalCommand:
    fields: dict[str, Any] = {"kind": kind, "expected_days": days, "reason": "委托检测"}
    return command("begin_special_procedure", actor, **(fields | changes))


def end(result: str = "合格", actor: Actor | None = None) -> ApprovalCommand:
    return command("end_special_procedure", actor, result=result)


def extend(days: int = 10, reason: str = "案情复杂", actor: Actor | None = None) -> ApprovalCommand:
    return command("extend_period", actor or HEAD, days=days, reason=reason)


def recompute(actor: Actor | None = None) -> ApprovalCommand:
    return command("recompute_deadlines", actor or system())


def told(matter: Matter, name: str) -> Any:
    """The last event, of type `name`."""
    event = matter.events[-1]
    assert event.WhichOneof("event") == name
    return getattr(event, name)


def instants(deadlines: Deadlines) -> dict[str, int]:
    return {kind: ms_of(getattr(deadlines, kind)) for kind in KINDS if deadlines.HasField(kind)}  # type: ignore[arg-type]


def set_timers(matter: Matter) -> dict[str, int | None]:
    return {timer.name: timer.due_unix_ms for timer in matter.set_timers}
