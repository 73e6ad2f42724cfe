"""Words for the contract's enums, per language: (zh-CN, en). A number of tomorrow is shown as it is.

Times are told in China's zone, as days and deadlines are: an acceptance never seems to lie a day after its hand-in.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from onematter.approval.v1.approval_state_pb2 import TaskState, TaskStatus
from onematter.archive.v1.archive_service_pb2 import AccountableTime
from onematter.client.cli.app import App
from onematter.client.findings import CHINA
from onematter.common.v1.actor_pb2 import Level
from onematter.common.v1.period_pb2 import SuspensionReason
from onematter.contracts.times import unix_ms
from onematter.intake.v1.intake_commands_pb2 import DeliveryWay, TripCause
from onematter.intake.v1.intake_events_pb2 import AcceptedBy, ItemOutcome, MatterOutcome
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
    MatterStatus.MATTER_STATUS_RECEIVED: ("已收件", "received"),
    MatterStatus.MATTER_STATUS_CORRECTION: ("待补正", "correction asked"),
    MatterStatus.MATTER_STATUS_VOIDING: ("作废中", "being voided"),
}
_OUTCOME = {
    MatterOutcome.MATTER_OUTCOME_GRANTED: ("准予", "granted"),
    MatterOutcome.MATTER_OUTCOME_PARTLY_DENIED: ("部分不予", "partly denied"),
    MatterOutcome.MATTER_OUTCOME_DENIED: ("不予", "denied"),
    MatterOutcome.MATTER_OUTCOME_WITHDRAWN: ("撤回", "withdrawn"),
    MatterOutcome.MATTER_OUTCOME_NOT_ACCEPTED: ("不予受理", "not accepted"),
    MatterOutcome.MATTER_OUTCOME_VOIDED: ("作废", "void"),
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
    ItemOutcome.ITEM_OUTCOME_VOIDED: ("作废", "void"),
    ItemOutcome.ITEM_OUTCOME_REVOKED: ("撤销", "revoked"),
}
_TASK = {
    TaskStatus.TASK_STATUS_OPEN: ("待办", "open"),
    TaskStatus.TASK_STATUS_CLAIMED: ("已签收", "claimed"),
    TaskStatus.TASK_STATUS_DECIDED: ("已决定", "decided"),
    TaskStatus.TASK_STATUS_RECALLED: ("已撤回", "recalled"),
    TaskStatus.TASK_STATUS_SUSPENDED: ("已暂停", "suspended"),
    TaskStatus.TASK_STATUS_REVOKED: ("已撤销", "revoked"),
}
_KIND = {
    NoticeKind.NOTICE_KIND_ACCEPTED: ("受理通知", "accepted"),
    NoticeKind.NOTICE_KIND_PROGRESS: ("进度告知", "progress"),
    NoticeKind.NOTICE_KIND_RESULT: ("结果告知", "result"),
    NoticeKind.NOTICE_KIND_RECEIVED: ("收件凭证", "received"),
    NoticeKind.NOTICE_KIND_CORRECTION: ("一次性补正告知", "correction"),
    NoticeKind.NOTICE_KIND_NOT_ACCEPTED: ("不予受理", "not accepted"),
    NoticeKind.NOTICE_KIND_SPECIAL_PROCEDURE: ("特别程序告知", "special procedure"),
    NoticeKind.NOTICE_KIND_EXTENSION: ("延期告知", "extension"),
    NoticeKind.NOTICE_KIND_RESUMED: ("恢复计时", "resumed"),
    NoticeKind.NOTICE_KIND_VOIDED: ("作废", "voided"),
    NoticeKind.NOTICE_KIND_DELIVERED: ("送达", "delivered"),
    NoticeKind.NOTICE_KIND_REVOKED: ("撤销", "revoked"),
    NoticeKind.NOTICE_KIND_SHARING: ("请补交未能共享的材料", "not shared, asked once"),
}
_ACCEPTED_BY = {
    AcceptedBy.ACCEPTED_BY_RULE: ("系统自动受理", "by rule, at once"),
    AcceptedBy.ACCEPTED_BY_CLERK: ("窗口受理", "by the window"),
    AcceptedBy.ACCEPTED_BY_SILENCE: ("逾期未答复，视为受理（行政许可法第32条）", "by silence (Licensing Law, art. 32)"),
}
_DELIVERY = {
    DeliveryWay.DELIVERY_WAY_E_CERTIFICATE: ("电子证照", "e-certificate"),
    DeliveryWay.DELIVERY_WAY_POST: ("邮寄", "post"),
    DeliveryWay.DELIVERY_WAY_COUNTER: ("窗口领取", "counter"),
}
_TRIP = {
    TripCause.TRIP_CAUSE_HAND_IN: ("窗口提交", "handed in at a window"),
    TripCause.TRIP_CAUSE_ORIGINAL_CHECK: ("核验原件", "an original was shown"),
    TripCause.TRIP_CAUSE_SITE_VISIT: ("到场勘验", "attended a site visit"),
    TripCause.TRIP_CAUSE_COLLECTION: ("领取结果", "collected the result"),
    TripCause.TRIP_CAUSE_CORRECTION: ("窗口补正", "corrected at a window"),
    TripCause.TRIP_CAUSE_SYSTEM_AWAY: ("系统故障", "an online way did not work"),
    TripCause.TRIP_CAUSE_APPLICANT_WISH: ("申请人自愿", "the applicant's wish"),
    TripCause.TRIP_CAUSE_OTHER: ("其他", "other"),
}
_SUSPENDED = {
    SuspensionReason.SUSPENSION_REASON_CORRECTION: ("待补正", "waits for materials"),
    SuspensionReason.SUSPENSION_REASON_HEARING: ("听证", "hearing"),
    SuspensionReason.SUSPENSION_REASON_TENDER: ("招标", "tender"),
    SuspensionReason.SUSPENSION_REASON_AUCTION: ("拍卖", "auction"),
    SuspensionReason.SUSPENSION_REASON_INSPECTION: ("检验", "inspection"),
    SuspensionReason.SUSPENSION_REASON_TESTING: ("检测", "testing"),
    SuspensionReason.SUSPENSION_REASON_QUARANTINE: ("检疫", "quarantine"),
    SuspensionReason.SUSPENSION_REASON_APPRAISAL: ("鉴定", "appraisal"),
    SuspensionReason.SUSPENSION_REASON_EXPERT_REVIEW: ("专家评审", "expert review"),
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
    if state.revoked:
        return _word(_ITEM_OUTCOME, ItemOutcome.ITEM_OUTCOME_REVOKED, app)
    if not state.HasField("result"):
        status = _word(_ITEM, state.status, app)
        return f"{status} · {_word(_SUSPENDED, state.suspended_for, app)}" if state.suspended_for else status
    automatic = app.words("（秒批）", " (by rule)") if state.result.automatic else ""
    return _word(_ITEM_OUTCOME, state.result.outcome, app) + automatic


def task(state: TaskState, app: App) -> str:
    """How a task stands."""
    overdue = state.legal_overdue or state.promised_overdue
    return _word(_TASK, state.status, app) + (app.words(" 逾期", " overdue") if overdue else "")


def accepted_by(number: int, app: App) -> str:
    """Who accepted a matter."""
    return _word(_ACCEPTED_BY, number, app)


def delivery(number: int, app: App) -> str:
    """How a result is delivered; by e-certificate where nothing was chosen."""
    return _word(_DELIVERY, number or DeliveryWay.DELIVERY_WAY_E_CERTIFICATE, app)


def trip_cause(number: int, app: App) -> str:
    """Why there was a trip; empty where nobody said."""
    return _word(_TRIP, number, app) if number else ""


def owner(time: AccountableTime, app: App) -> str:
    """Whose working time it was."""
    match time.WhichOneof("owner"):
        case "office":
            office = time.office
            return f"{office.department} {office.division} {level(office.level, app)}"
        case "special_procedure":
            return _word(_SUSPENDED, time.special_procedure, app)
        case _:
            return app.words("申请人", "the applicant")


def notice_kind(number: int, app: App) -> str:
    """What a notice tells."""
    return _word(_KIND, number, app)


def notice_status(number: int, app: App) -> str:
    """How a notice stands."""
    return _word(_NOTICE, number, app)


def suspension(number: int, app: App) -> str:
    """Why a clock stands still."""
    return _word(_SUSPENDED, number, app)


def when(timestamp: Timestamp) -> str:
    """A time in China, to the second; a dash for none."""
    if not timestamp.seconds:
        return "-"
    return f"{datetime.fromtimestamp(unix_ms(timestamp) / 1000, CHINA):%Y-%m-%d %H:%M:%S}"


def day(timestamp: Timestamp) -> str:
    """A day in China; a dash for none."""
    return when(timestamp)[:10]
