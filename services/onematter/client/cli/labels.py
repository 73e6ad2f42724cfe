"""Words for the contract's enums, per language: (zh-CN, en). A number of tomorrow is shown as it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from onematter.approval.v1.approval_state_pb2 import TaskState, TaskStatus
from onematter.client.cli.app import App
from onematter.common.v1.actor_pb2 import Level
from onematter.contracts.times import unix_ms
from onematter.intake.v1.intake_events_pb2 import ItemOutcome, MatterOutcome
from onematter.intake.v1.intake_service_pb2 import MatterView
from onematter.intake.v1.intake_state_pb2 import ItemState, ItemStatus, MatterStatus
from onematter.notification.v1.notification_events_pb2 import NoticeKind
from onematter.notification.v1.notification_state_pb2 import NoticeStatus

_LEVEL = {
    Level.LEVEL_NATIONAL: ("国家", "nation"),
    Level.LEVEL_PROVINCE: ("省", "province"),
    Level.LEVEL_CITY: ("市", "city"),
    Level.LEVEL_COUNTY: ("县（区）", "county"),
    Level.LEVEL_TOWN: ("镇（街）", "town"),
    Level.LEVEL_VILLAGE: ("村（社）", "village"),
}
_MATTER = {
    MatterStatus.MATTER_STATUS_RUNNING: ("办理中", "running"),
    MatterStatus.MATTER_STATUS_WITHDRAWING: ("撤回中", "withdrawing"),
    MatterStatus.MATTER_STATUS_COMPLETED: ("办结", "completed"),
}
_OUTCOME = {
    MatterOutcome.MATTER_OUTCOME_GRANTED: ("准予", "granted"),
    MatterOutcome.MATTER_OUTCOME_PARTLY_DENIED: ("部分不予", "partly denied"),
    MatterOutcome.MATTER_OUTCOME_DENIED: ("不予", "denied"),
    MatterOutcome.MATTER_OUTCOME_WITHDRAWN: ("撤回", "withdrawn"),
}
_ITEM = {
    ItemStatus.ITEM_STATUS_WAITING: ("等待前置事项", "waiting"),
    ItemStatus.ITEM_STATUS_SENT: ("已分发", "sent"),
    ItemStatus.ITEM_STATUS_OPEN: ("办理中", "open"),
    ItemStatus.ITEM_STATUS_CONCLUDED: ("已结", "concluded"),
}
_ITEM_OUTCOME = {
    ItemOutcome.ITEM_OUTCOME_GRANTED: ("准予", "granted"),
    ItemOutcome.ITEM_OUTCOME_DENIED: ("不予", "denied"),
    ItemOutcome.ITEM_OUTCOME_WITHDRAWN: ("撤回", "withdrawn"),
    ItemOutcome.ITEM_OUTCOME_LAPSED: ("未启动", "lapsed"),
}
_TASK = {
    TaskStatus.TASK_STATUS_OPEN: ("待办", "open"),
    TaskStatus.TASK_STATUS_CLAIMED: ("已签收", "claimed"),
    TaskStatus.TASK_STATUS_DECIDED: ("已决定", "decided"),
    TaskStatus.TASK_STATUS_RECALLED: ("已撤回", "recalled"),
}
_KIND = {
    NoticeKind.NOTICE_KIND_ACCEPTED: ("受理通知", "accepted"),
    NoticeKind.NOTICE_KIND_PROGRESS: ("进度告知", "progress"),
    NoticeKind.NOTICE_KIND_RESULT: ("结果告知", "result"),
}
_NOTICE = {
    NoticeStatus.NOTICE_STATUS_DELAYED: ("待重发", "delayed"),
    NoticeStatus.NOTICE_STATUS_DELIVERED: ("已送达", "delivered"),
}


def _word(words: Mapping[Any, tuple[str, str]], number: int, app: App) -> str:
    pair = words.get(number)
    return app.words(*pair) if pair else str(number) if number else "-"


def level(number: int, app: App) -> str:
    """A level of government."""
    return _word(_LEVEL, number, app)


def matter(view: MatterView, app: App) -> str:
    """How a matter stands, with its result."""
    status = _word(_MATTER, view.status, app)
    return f"{status} · {_word(_OUTCOME, view.outcome, app)}" if view.outcome else status


def item(state: ItemState, app: App) -> str:
    """How an item stands, with its result."""
    if not state.HasField("result"):
        return _word(_ITEM, state.status, app)
    automatic = app.words("（秒批）", " (by rule)") if state.result.automatic else ""
    return _word(_ITEM_OUTCOME, state.result.outcome, app) + automatic


def task(state: TaskState, app: App) -> str:
    """How a task stands."""
    overdue = state.legal_overdue or state.promised_overdue
    return _word(_TASK, state.status, app) + (app.words(" 逾期", " overdue") if overdue else "")


def notice_kind(number: int, app: App) -> str:
    """What a notice tells."""
    return _word(_KIND, number, app)


def notice_status(number: int, app: App) -> str:
    """How a notice stands."""
    return _word(_NOTICE, number, app)


def when(timestamp: Timestamp) -> str:
    """A time in the local zone, to the second; a dash for none."""
    if not timestamp.seconds:
        return "-"
    return f"{datetime.fromtimestamp(unix_ms(timestamp) / 1000, UTC).astimezone():%Y-%m-%d %H:%M:%S}"


def day(timestamp: Timestamp) -> str:
    """A day in the local zone; a dash for none."""
    return when(timestamp)[:10]
