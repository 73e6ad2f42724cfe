"""What the applicant is told of a matter on its way: receipt, corrections, clocks, visits, results, what follows."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tests.unit.notification.cases import (
    APPLICANT,
    MATTER_NUMBER,
    WITHDRAWN,
    Notification,
    Wire,
    end_of,
    received,
    restaurant,
)

from onematter.common.v1.actor_pb2 import Rank
from onematter.common.v1.application_pb2 import Material
from onematter.common.v1.period_pb2 import Clock, Deadlines, SuspensionReason, WarningColour
from onematter.intake.v1.intake_commands_pb2 import DeliveryWay, MaterialNeed
from onematter.intake.v1.intake_events_pb2 import (
    AcceptanceRefused,
    AcceptedBy,
    Certificate,
    CorrectionAsked,
    DeliveryOverdue,
    ItemClockChange,
    ItemClockChanged,
    ItemConcluded,
    ItemOpened,
    ItemOutcome,
    ItemResult,
    ItemRevoked,
    ItemTransferred,
    ItemVisited,
    MaterialsResolved,
    MaterialsSupplied,
    MatterCompleted,
    MatterDeadlinesRecomputed,
    MatterDelivered,
    MatterExtended,
    MatterOutcome,
    MatterOverdue,
    MatterVoided,
    MatterWarned,
    SharingFailed,
    SharingFailure,
)
from onematter.notification.channel import Letter
from onematter.notification.v1.notification_events_pb2 import NoticeKind
from onematter.notification.voice import last_day

GRANTED = ItemOutcome.ITEM_OUTCOME_GRANTED
DENIED = ItemOutcome.ITEM_OUTCOME_DENIED


def tell(content: Any, language: str = "zh-CN", **fields: Any) -> tuple[Letter, Any]:
    """The letter that an event after the acceptance gives, and the event that told of its delivery."""
    wire = Wire()
    notification = Notification(wire)
    notification.tell(restaurant(language, **fields), content)
    assert len(wire.given) == 2, "no notice, or more than one"
    return wire.given[1], notification.events[1].notice_delivered.notice


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (received(), NoticeKind.NOTICE_KIND_RECEIVED),
        (MaterialsSupplied(), NoticeKind.NOTICE_KIND_RECEIVED),
        (CorrectionAsked(), NoticeKind.NOTICE_KIND_CORRECTION),
        (AcceptanceRefused(), NoticeKind.NOTICE_KIND_NOT_ACCEPTED),
        (
            ItemClockChanged(change=ItemClockChange.ITEM_CLOCK_CHANGE_SUSPENDED),
            NoticeKind.NOTICE_KIND_SPECIAL_PROCEDURE,
        ),
        (ItemClockChanged(change=ItemClockChange.ITEM_CLOCK_CHANGE_RESUMED), NoticeKind.NOTICE_KIND_RESUMED),
        (ItemClockChanged(change=ItemClockChange.ITEM_CLOCK_CHANGE_EXTENDED), NoticeKind.NOTICE_KIND_EXTENSION),
        (ItemClockChanged(change=ItemClockChange.ITEM_CLOCK_CHANGE_RECOMPUTED), NoticeKind.NOTICE_KIND_PROGRESS),
        (MatterExtended(), NoticeKind.NOTICE_KIND_EXTENSION),
        (MatterDeadlinesRecomputed(), NoticeKind.NOTICE_KIND_PROGRESS),
        (MatterOverdue(), NoticeKind.NOTICE_KIND_PROGRESS),
        (ItemTransferred(), NoticeKind.NOTICE_KIND_PROGRESS),
        (ItemVisited(), NoticeKind.NOTICE_KIND_PROGRESS),
        (MatterVoided(), NoticeKind.NOTICE_KIND_VOIDED),
        (MatterDelivered(), NoticeKind.NOTICE_KIND_DELIVERED),
        (ItemRevoked(), NoticeKind.NOTICE_KIND_REVOKED),
        (SharingFailed(), NoticeKind.NOTICE_KIND_SHARING),
    ],
)
@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_each_is_told_once_by_its_kind(content: Any, kind: int, language: str):
    letter, notice = tell(content, language)
    assert notice.kind == kind
    assert notice.matter_number == MATTER_NUMBER
    assert MATTER_NUMBER in letter.body
    assert notice.parameters["template"] not in ("matter_progress", "matter_closed")


@pytest.mark.parametrize(
    "content",
    [
        MatterWarned(colour=WarningColour.WARNING_COLOUR_RED),
        DeliveryOverdue(),
        MaterialsResolved(),
        ItemOpened(item_id="02"),
        ItemClockChanged(),
        ItemClockChanged(
            change=ItemClockChange.ITEM_CLOCK_CHANGE_SUSPENDED,
            suspension_reason=SuspensionReason.SUSPENSION_REASON_CORRECTION,
        ),
    ],
)
def test_what_is_for_officials_or_told_by_another_event_is_not_told(content: Any):
    wire = Wire()
    Notification(wire).tell(restaurant(), content)
    assert len(wire.given) == 1


def test_a_matter_that_is_never_accepted_has_its_notices_addressed():
    wire = Wire()
    notification = Notification(wire)
    refused = AcceptanceRefused(
        reason="不属于本机关职权范围。", competent_body="fire_rescue", basis=["《行政许可法》第32条"]
    )
    notification.tell(received(), refused)
    receipt, refusal = wire.given
    assert [one.party_id for one in refusal.addressees] == ["p1", "p2"]
    assert refusal.addressees[0].name == APPLICANT.name
    assert "最迟2026-12-04答复是否受理" in receipt.body
    assert refusal.subject == "不予受理告知：开办餐饮店"
    assert "理由：不属于本机关职权范围。" in refusal.body
    assert "依据：《行政许可法》第32条" in refusal.body
    assert "有权办理的机关：消防救援" in refusal.body
    assert "行政复议" in refusal.body
    told = b"".join(one.SerializeToString() for one in notification.events)
    assert APPLICANT.name.encode() not in told


def test_an_acceptance_that_repeats_no_application_keeps_the_receipts_addressees():
    wire = Wire()
    bare = restaurant(accepted_by=AcceptedBy.ACCEPTED_BY_CLERK)
    bare.ClearField("application")
    Notification(wire).tell(received(), bare)
    assert wire.given[1].addressees == wire.given[0].addressees


def test_what_needs_no_approval_is_said_so():
    letter, _ = tell(AcceptanceRefused(not_required=True), "en")
    assert "needs no approval by law" in letter.body
    assert "Competent" not in letter.body


def test_acceptance_by_silence_names_the_day_and_the_article():
    wire = Wire()
    by_silence = restaurant(accepted_by=AcceptedBy.ACCEPTED_BY_SILENCE, accepted_day="2026-11-27")
    Notification(wire).tell(received(), by_silence)
    body = wire.given[1].body
    assert "《行政许可法》第32条，自收到材料之日（2026-11-27）起即为受理" in body


def test_promised_materials_are_named_with_the_limit_until_they_are_here():
    wire = Wire()
    notification = Notification(wire)
    promised = ["health_certificates", "floor_plan"]
    notification.tell(received(outstanding=tuple(promised)), restaurant(outstanding_materials=promised))
    assert "从业人员健康证明、经营场所平面布局图，须在所涉事项的承诺时限届满前补齐" in wire.given[1].body
    supplied = MaterialsSupplied(materials=[Material(material_id="floor_plan")], missing=["health_certificates"])
    notification.tell(supplied)
    assert "已收到：经营场所平面布局图。还缺：从业人员健康证明。" in wire.given[2].body
    notification.tell(ItemOpened(item_id="04", promised_deadline=end_of(10)))
    assert len(wire.given) == 3, "the plan is here, and item 04 awaits nothing else"
    notification.tell(ItemOpened(item_id="02", promised_deadline=end_of(10)))
    assert (
        "“食品经营许可新办”已开始办理。您承诺后补的材料：从业人员健康证明，请于2026-12-10前补齐" in wire.given[3].body
    )


def test_a_correction_names_everything_with_its_reasons():
    needs = [
        MaterialNeed(material_id="floor_plan", reason="未标注消防通道。"),
        MaterialNeed(material_id="unknown_thing", newly_visible_because="现场勘验"),
    ]
    letter, _ = tell(CorrectionAsked(needs=needs, item_id="04"))
    assert "事项“消防安全检查”需要补正以下材料：经营场所平面布局图（未标注消防通道）、unknown_thing" in letter.body
    assert "（此前未能发现的原因：现场勘验）" in letter.body
    assert "停止计时" in letter.body
    before, _ = tell(CorrectionAsked(needs=needs))
    assert "重新计算受理期限" in before.body


def test_a_special_procedure_tells_what_it_is_and_how_long_it_takes():
    begun = ItemClockChanged(
        item_id="04", change=ItemClockChange.ITEM_CLOCK_CHANGE_SUSPENDED, days=15, reason="需专家论证",
        suspension_reason=SuspensionReason.SUSPENSION_REASON_EXPERT_REVIEW,
    )  # fmt: skip
    letter, _ = tell(begun)
    assert "依法需要专家评审，预计15个工作日，原因：需专家论证。" in letter.body
    assert "《行政许可法》第45条" in letter.body


@pytest.mark.parametrize("number", [number for number in SuspensionReason.values() if number > 1])
def test_every_special_procedure_has_a_word(number: Any):
    begun = ItemClockChanged(change=ItemClockChange.ITEM_CLOCK_CHANGE_SUSPENDED, suspension_reason=number)
    letter, _ = tell(begun)
    assert "依法需要进行特别程序" not in letter.body


def test_an_extension_tells_reasons_days_and_who_approved():
    deadlines = Deadlines(legal=end_of(31), promised=end_of(21))
    extended = ItemClockChanged(
        item_id="02", change=ItemClockChange.ITEM_CLOCK_CHANGE_EXTENDED, days=10, reason="案情复杂", deadlines=deadlines
    )
    letter, _ = tell(extended)
    assert "经批准延长10个工作日，延长至2026-12-31。理由：案情复杂。" in letter.body
    whole = MatterExtended(days=15, rank=Rank.RANK_GOVERNMENT_HEAD, reason="complex", deadlines=deadlines)
    letter, _ = tell(whole, "en")
    assert (
        "extended by 15 working days, to 2026-12-31, approved by the head of the government of its level."
        in letter.body
    )


def test_a_matter_computed_anew_tells_its_days_or_when_it_is_answered():
    whole = MatterDeadlinesRecomputed(years=[2027], deadlines=Deadlines(legal=end_of(31), promised=end_of(21)))
    letter, _ = tell(whole)
    assert "因放假安排公布，“开办餐饮店”的期限重新计算，承诺2026-12-21前办结，法定期限至2026-12-31。" in letter.body
    letter, _ = tell(MatterDeadlinesRecomputed(years=[2027], acceptance_deadline=end_of(4)), "en")
    assert "is computed anew; an answer whether it is accepted comes by 2026-12-04." in letter.body


def test_a_clock_that_goes_on_tells_both_days():
    resumed = ItemClockChanged(
        item_id="02",
        change=ItemClockChange.ITEM_CLOCK_CHANGE_RESUMED,
        deadlines=Deadlines(legal=end_of(31), promised=end_of(21)),
    )
    letter, _ = tell(resumed)
    assert "承诺2026-12-21前办结，法定期限至2026-12-31" in letter.body
    assert "不再要求补正" not in letter.body


def test_that_a_correction_is_taken_back_is_told_with_its_reason():
    lifted = ItemClockChanged(
        item_id="02",
        change=ItemClockChange.ITEM_CLOCK_CHANGE_RESUMED,
        suspension_reason=SuspensionReason.SUSPENSION_REASON_CORRECTION,
        reason="现场已能确定",
    )
    letter, _ = tell(lifted)
    assert "办理部门不再要求补正，将按现有材料作出决定：现场已能确定。" in letter.body
    letter, _ = tell(lifted, "en")
    assert "asks for no more corrections and decides on what is there: 现场已能确定." in letter.body


@pytest.mark.parametrize(
    ("clock", "part"),
    [(Clock.CLOCK_PROMISED, "法定期限内仍将作出决定"), (Clock.CLOCK_LEGAL, "行政复议或者提起行政诉讼")],
)
def test_the_applicant_knows_that_a_matter_is_overdue(clock: Any, part: str):
    letter, _ = tell(MatterOverdue(clock=clock, deadline=end_of(21)))
    assert "（2026-12-21）" in letter.body
    assert part in letter.body


def test_a_transfer_and_a_visit_are_progress():
    letter, _ = tell(ItemTransferred(item_id="04", department="market_regulation", reason="职责调整"))
    assert "“消防安全检查”已转由市场监管办理，原因：职责调整。" in letter.body
    visited = ItemVisited(item_id="02", day="2026-12-01", passed=True, finding="符合要求。", told_items=["04"])
    letter, _ = tell(visited)
    assert "已于2026-12-01现场勘验，结果通过。勘验情况：符合要求。一并适用于：消防安全检查" in letter.body
    visited.passed = False
    letter, _ = tell(visited)
    assert "结果未通过" in letter.body


@pytest.mark.parametrize(
    ("failure", "part"),
    [
        (SharingFailure.SHARING_FAILURE_REFUSED, "该部门未予提供"),
        (SharingFailure.SHARING_FAILURE_NOT_FOUND, "该部门没有查到"),
        (SharingFailure.SHARING_FAILURE_TIMED_OUT, "未在时限内提供"),
        (SharingFailure.SHARING_FAILURE_AWAY, "系统暂时无法访问"),
        (SharingFailure.SHARING_FAILURE_OWN_SIDE, "数据共享系统暂时不通"),
    ],
)
def test_what_is_not_shared_is_asked_once_with_its_holder_and_reason(failure: Any, part: str):
    failed = SharingFailed(source="market_regulation", material_ids=["business_licence"], failure=failure)
    letter, _ = tell(failed)
    assert "营业执照" in letter.body
    assert "市场监管" in letter.body
    assert part in letter.body
    own_side = failure == SharingFailure.SHARING_FAILURE_OWN_SIDE
    assert ("记在该部门名下" in letter.body) == (not own_side)


FOOD = ItemResult(
    item_id="02", outcome=GRANTED, department="market_regulation", conditions=["不得制售冷食"],
    supervised_by="market_regulation", pledged=True,
    certificates=[
        Certificate(
            certificate_type="food_business_licence", number="JY1330106", issuer_department="market_regulation",
            valid_from="2026-12-01", valid_until="2031-11-30",
        )
    ],
)  # fmt: skip
FIRE = ItemResult(
    item_id="04", outcome=DENIED, opinion="疏散通道不足。", basis=["《消防法》第15条"], reconsideration_days=60,
    litigation_months=6, certificates=[Certificate(certificate_type="decision", number="1")],
)  # fmt: skip
GRANT_TOLD = (
    "食品经营许可证（编号JY1330106，市场监管，自2026-12-01至2031-11-30）；条件：不得制售冷食；由市场监管负责后续监管；"
    "按告知承诺准予，将进行核查"
)
DENIAL_TOLD = (
    "理由：疏散通道不足；依据：《消防法》第15条；"
    "不服的，可以自收到决定之日起60日内申请行政复议，或者6个月内提起行政诉讼"
)


def test_a_grant_tells_its_documents_conditions_and_who_supervises():
    letter, _ = tell(ItemConcluded(result=FOOD))
    assert f"结果：{GRANT_TOLD}。" in letter.body


def test_a_denial_tells_reasons_basis_and_remedy():
    letter, _ = tell(ItemConcluded(result=FIRE))
    assert f"不予批准。{DENIAL_TOLD}。" in letter.body
    assert "不再办理" not in letter.body
    letter, _ = tell(ItemConcluded(result=FIRE, lapsed_items=["02"]))
    assert "受此影响不再办理：食品经营许可新办。" in letter.body
    letter, _ = tell(ItemConcluded(result=FIRE), "en")
    assert "reconsideration within 60 days of receiving it, or sue within 6 months" in letter.body


def test_the_result_tells_what_every_item_came_to():
    completed = MatterCompleted(
        outcome=MatterOutcome.MATTER_OUTCOME_PARTLY_DENIED, results=[FOOD, FIRE], delivery_deadline=end_of(25),
        delivery=DeliveryWay.DELIVERY_WAY_COUNTER,
    )  # fmt: skip
    letter, _ = tell(completed)
    assert (
        f"未准予：消防安全检查。“消防安全检查”：{DENIAL_TOLD}。结果：“食品经营许可新办”：{GRANT_TOLD}。" in letter.body
    )
    assert "请到您选择的窗口领取结果，最迟2026-12-25备妥。" in letter.body


def test_the_bare_decision_behind_a_grant_stands_not_in_the_result():
    bare = ItemResult(
        item_id="02", outcome=GRANTED, certificates=[Certificate(certificate_type="decision", number="1")]
    )
    completed = MatterCompleted(outcome=MatterOutcome.MATTER_OUTCOME_GRANTED, results=[bare])
    letter, notice = tell(completed)
    assert "结果：" not in letter.body
    assert set(notice.parameters) == {"template", "matter_id", "matter_name", "time"}


@pytest.mark.parametrize(
    ("outcome", "content", "part"),
    [
        (MatterOutcome.MATTER_OUTCOME_VOIDED, MatterVoided(reason="重复提交"), "已作废并办结"),
        (MatterOutcome.MATTER_OUTCOME_WITHDRAWN, WITHDRAWN, "已按您的申请撤回并办结"),
    ],
)
def test_a_matter_that_ends_early_says_how(outcome: Any, content: Any, part: str):
    wire = Wire()
    Notification(wire).tell(restaurant(), content, MatterCompleted(outcome=outcome))
    assert part in wire.given[2].body


def test_a_matter_voided_before_its_acceptance_tells_why_in_its_result():
    wire = Wire()
    voided = MatterCompleted(outcome=MatterOutcome.MATTER_OUTCOME_VOIDED, reason="重复提交。")
    Notification(wire).tell(received(), voided)
    assert "“开办餐饮店”已作废并办结。理由：重复提交。" in wire.given[1].body


@pytest.mark.parametrize(
    ("way", "part"),
    [
        (DeliveryWay.DELIVERY_WAY_E_CERTIFICATE, "已以电子证照送达"),
        (DeliveryWay.DELIVERY_WAY_POST, "已邮寄送达，凭证号EMS1"),
        (DeliveryWay.DELIVERY_WAY_COUNTER, "已由您在窗口领取"),
    ],
)
def test_delivery_tells_the_way(way: Any, part: str):
    letter, _ = tell(MatterDelivered(way=way, reference="EMS1"))
    assert part in letter.body


@pytest.mark.parametrize("recorded", [False, True])
def test_a_revocation_tells_why_and_whether_the_credit_record_says_so(recorded: bool):
    revoked = ItemRevoked(item_id="02", finding="场所不符", basis=["《食品安全法》第35条"], credit_recorded=recorded)
    letter, _ = tell(revoked)
    assert "核查情况：场所不符。依据：《食品安全法》第35条。" in letter.body
    assert ("信用记录" in letter.body) == recorded


def test_a_matter_of_an_unknown_catalogue_version_is_told_by_its_codes():
    begun = restaurant(outstanding_materials=["floor_plan"])
    begun.catalogue_version = 99
    wire = Wire()
    Notification(wire).tell(begun, ItemOpened(item_id="02"))
    assert "floor_plan" in wire.given[0].body
    assert len(wire.given) == 1


def test_the_last_day_of_a_deadline_is_the_one_that_it_ends():
    assert last_day(end_of(21)) == "2026-12-21"
    assert last_day(Timestamp()) == ""
