"""How things of a matter are called in a story, in Chinese, with dates in China time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache

from onematter.backbone.catalogue_files import load_divisions
from onematter.common.v1.actor_pb2 import Actor, ActorRole, Channel, Rank
from onematter.common.v1.outcome_pb2 import CommandRefused, Reason
from onematter.common.v1.period_pb2 import Clock, Deadlines, SuspensionReason, WarningColour
from onematter.contracts.times import unix_ms
from onematter.intake.v1.intake_commands_pb2 import CrossRegionMode, DeliveryWay, TripCause
from onematter.intake.v1.intake_events_pb2 import Certificate, Item, ItemOutcome, MatterOutcome, SharingFailure
from onematter.law.calendar import legal_date
from onematter.law.catalogue import Catalogue, MatterType

CHINESE = "zh-CN"
_WEEKDAYS = "一二三四五六日"
_CHINA = timedelta(hours=8)

CHANNELS = {
    Channel.CHANNEL_WINDOW: "窗口",
    Channel.CHANNEL_WEB: "网上",
    Channel.CHANNEL_APP: "移动端",
    Channel.CHANNEL_MINI_PROGRAM: "小程序",
    Channel.CHANNEL_OFFICIAL_ACCOUNT: "公众号",
    Channel.CHANNEL_SELF_SERVICE: "自助终端",
    Channel.CHANNEL_HOTLINE: "热线",
    Channel.CHANNEL_OTHER_REGION: "异地窗口",
    Channel.CHANNEL_SYSTEM: "业务系统",
}
ROLES = {
    ActorRole.ACTOR_ROLE_APPLICANT: "申请人",
    ActorRole.ACTOR_ROLE_AGENT: "代办人",
    ActorRole.ACTOR_ROLE_CLERK: "窗口人员",
    ActorRole.ACTOR_ROLE_OFFICIAL: "审批人员",
    ActorRole.ACTOR_ROLE_SYSTEM: "系统",
}
RANKS = {
    Rank.RANK_STAFF: "经办人",
    Rank.RANK_SECTION_HEAD: "科（处）室负责人",
    Rank.RANK_DEPARTMENT_HEAD: "本行政机关负责人",
    Rank.RANK_GOVERNMENT_HEAD: "本级人民政府负责人",
}
SUSPENSIONS = {
    SuspensionReason.SUSPENSION_REASON_CORRECTION: "补正",
    SuspensionReason.SUSPENSION_REASON_HEARING: "听证",
    SuspensionReason.SUSPENSION_REASON_TENDER: "招标",
    SuspensionReason.SUSPENSION_REASON_AUCTION: "拍卖",
    SuspensionReason.SUSPENSION_REASON_INSPECTION: "检验",
    SuspensionReason.SUSPENSION_REASON_TESTING: "检测",
    SuspensionReason.SUSPENSION_REASON_QUARANTINE: "检疫",
    SuspensionReason.SUSPENSION_REASON_APPRAISAL: "鉴定",
    SuspensionReason.SUSPENSION_REASON_EXPERT_REVIEW: "专家评审",
}
OUTCOMES = {
    ItemOutcome.ITEM_OUTCOME_GRANTED: "准予",
    ItemOutcome.ITEM_OUTCOME_DENIED: "不予",
    ItemOutcome.ITEM_OUTCOME_WITHDRAWN: "撤回",
    ItemOutcome.ITEM_OUTCOME_LAPSED: "未开办",
    ItemOutcome.ITEM_OUTCOME_VOIDED: "作废",
    ItemOutcome.ITEM_OUTCOME_REVOKED: "撤销",
}
RESULTS = {
    MatterOutcome.MATTER_OUTCOME_GRANTED: "全部准予",
    MatterOutcome.MATTER_OUTCOME_PARTLY_DENIED: "部分准予",
    MatterOutcome.MATTER_OUTCOME_DENIED: "不予",
    MatterOutcome.MATTER_OUTCOME_WITHDRAWN: "撤回",
    MatterOutcome.MATTER_OUTCOME_NOT_ACCEPTED: "不予受理",
    MatterOutcome.MATTER_OUTCOME_VOIDED: "作废",
}
WAYS = {
    DeliveryWay.DELIVERY_WAY_UNSPECIFIED: "电子证照",
    DeliveryWay.DELIVERY_WAY_E_CERTIFICATE: "电子证照",
    DeliveryWay.DELIVERY_WAY_POST: "邮寄",
    DeliveryWay.DELIVERY_WAY_COUNTER: "窗口领取",
}
CAUSES = {
    TripCause.TRIP_CAUSE_UNSPECIFIED: "未说明",
    TripCause.TRIP_CAUSE_HAND_IN: "窗口提交",
    TripCause.TRIP_CAUSE_ORIGINAL_CHECK: "核对原件",
    TripCause.TRIP_CAUSE_SITE_VISIT: "到场勘验",
    TripCause.TRIP_CAUSE_COLLECTION: "领取结果",
    TripCause.TRIP_CAUSE_CORRECTION: "窗口补正",
    TripCause.TRIP_CAUSE_SYSTEM_AWAY: "网上办理不可用",
    TripCause.TRIP_CAUSE_APPLICANT_WISH: "申请人自愿",
    TripCause.TRIP_CAUSE_OTHER: "其他",
}
MODES = {
    CrossRegionMode.CROSS_REGION_MODE_REMOTE: "全程网办",
    CrossRegionMode.CROSS_REGION_MODE_RELAYED: "异地代收代办",
    CrossRegionMode.CROSS_REGION_MODE_JOINT: "多地联办",
}
FAILURES = {
    SharingFailure.SHARING_FAILURE_REFUSED: "拒绝提供",
    SharingFailure.SHARING_FAILURE_NOT_FOUND: "查无记录",
    SharingFailure.SHARING_FAILURE_TIMED_OUT: "逾时未答",
    SharingFailure.SHARING_FAILURE_AWAY: "系统不可用",
    SharingFailure.SHARING_FAILURE_OWN_SIDE: "已提供而本平台未能接收",
}
CLOCKS = {Clock.CLOCK_LEGAL: "法定时限", Clock.CLOCK_PROMISED: "承诺时限"}
COLOURS = {WarningColour.WARNING_COLOUR_YELLOW: "黄牌", WarningColour.WARNING_COLOUR_RED: "红牌"}


@cache
def _divisions() -> Mapping[str, Mapping[str, str]]:
    return load_divisions()


def moment(ms: int) -> str:
    """A time in China, to the minute."""
    local = datetime.fromtimestamp(ms // 1000, UTC) + _CHINA
    return f"{local:%Y-%m-%d} 周{_WEEKDAYS[local.weekday()]} {local:%H:%M}"


def last_day(ms: int) -> str:
    """The day that ends with a deadline."""
    return legal_date(ms - 1).isoformat()


def due(deadlines: Deadlines) -> str:
    """Deadlines as a clause; empty when the clock stands still."""
    told = [
        f"{name} {last_day(unix_ms(ends))}"
        for name, ends, has in (
            ("承诺", deadlines.promised, deadlines.HasField("promised")),
            ("法定", deadlines.legal, deadlines.HasField("legal")),
        )
        if has
    ]
    if not told:
        return ""
    return f"期限：{'，'.join(told)}{'（暂定）' if deadlines.provisional else ''}"


def days_between(first_ms: int, last_ms: int) -> int:
    """Whole days."""
    first: date = legal_date(first_ms)
    return (legal_date(last_ms) - first).days


class Words:
    """The names of one matter."""

    def __init__(self, catalogue: Catalogue, matter_type: MatterType | None, items: Iterable[Item]) -> None:
        self.catalogue = catalogue
        self.items = {item.item_id: item.name.texts[CHINESE] for item in items}
        specs = matter_type.materials if matter_type is not None else ()
        self.material_names = {spec.material_id: spec.names[CHINESE] for spec in specs}

    def department(self, code: str) -> str:
        """A department."""
        names = self.catalogue.departments.get(code)
        return names[CHINESE] if names is not None else code

    def departments(self, codes: Iterable[str]) -> str:
        """Departments."""
        return "、".join(self.department(code) for code in codes)

    def division(self, code: str) -> str:
        """A division with those above it, as far as they have names."""
        above = dict.fromkeys((code[:2] + "0000", code[:4] + "00", code[:6]))
        names = [_divisions()[one][CHINESE] for one in above if one in _divisions()]
        return "".join(names) or code

    def item(self, item_id: str) -> str:
        """An item."""
        name = self.items.get(item_id, "")
        place = item_id.partition("@")[2]
        return f"{item_id} {name}{f'（{self.division(place)}）' if place else ''}".strip()

    def item_list(self, item_ids: Iterable[str]) -> str:
        """Items."""
        return "；".join(self.item(item_id) for item_id in item_ids)

    def materials(self, ids: Iterable[str]) -> str:
        """Materials."""
        return "、".join(self.material_names.get(one, one) for one in ids)

    def who(self, actor: Actor) -> str:
        """Somebody, with what they are."""
        role = ROLES.get(actor.role, "")
        if actor.role == ActorRole.ACTOR_ROLE_OFFICIAL:
            office = f"{self.division(actor.division)}{self.department(actor.department)}"
            rank = RANKS.get(actor.rank, "") if actor.rank > Rank.RANK_STAFF else ""
            away = (
                f"（代 {actor.acting_for.principal}，{actor.acting_for.reference}）"
                if actor.acting_for.principal
                else ""
            )
            return f"{office}{rank} {actor.principal}{away}"
        if actor.role == ActorRole.ACTOR_ROLE_SYSTEM:
            return "系统"
        rank = RANKS[actor.rank] if actor.rank == Rank.RANK_GOVERNMENT_HEAD else role
        return f"{rank} {actor.principal}"

    def certificates(self, found: Iterable[Certificate]) -> str:
        """Documents with number and validity."""
        told: list[str] = []
        for one in found:
            names = self.catalogue.certificates.get(one.certificate_type)
            name = "决定书" if one.certificate_type == "decision" else names[CHINESE] if names else one.certificate_type
            until = f"，有效期至 {one.valid_until}" if one.valid_until else ""
            told.append(f"{name}（{one.number}{until}）")
        return "、".join(told)

    def refusal(self, refused: CommandRefused) -> str:
        """Why a command was refused, as codes: a text is for the person who asked."""
        return "、".join(Reason.Name(v.reason).removeprefix("REASON_") for v in refused.violations)
