"""What an event of approval says in a story: one sentence or more, by the name of the event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tests.stories import words
from tests.stories.words import Words, due, last_day

from onematter.approval.v1.approval_commands_pb2 import CorrectionNeed, Decision, OpinionPosition, UnsharedMaterial
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent, OpinionsAsked, RuleReport, SiteVisited
from onematter.common.v1.actor_pb2 import ActorRole
from onematter.contracts.times import unix_ms

Sentence = Callable[[Words, ApprovalEvent], str]

_POSITIONS = {
    OpinionPosition.OPINION_POSITION_CONSENT: "同意",
    OpinionPosition.OPINION_POSITION_CONDITIONAL: "附条件同意",
    OpinionPosition.OPINION_POSITION_VETO: "不同意",
}
_VERDICTS = {"holds": "成立", "does_not_hold": "不成立", "cannot_tell": "无法判断"}


def _report(report: RuleReport) -> str:
    facts = "，".join(f"{fact.key}＝{fact.value}" for fact in report.facts)
    return f"规则（第 {report.version} 版）{_VERDICTS.get(report.verdict, report.verdict)}：{report.rule}（{facts}）"


def _opened(say: Words, event: ApprovalEvent) -> str:
    opened = event.task_opened
    item = opened.item
    parts = [
        f"{say.division(item.division)}{say.department(item.department)}收办 {say.item(event.item_id)}，"
        f"承诺 {last_day(unix_ms(opened.promised_deadline))}，法定 {last_day(unix_ms(opened.legal_deadline))}"
        f"{'（暂定）' if opened.deadline_provisional else ''}。"
    ]
    if opened.HasField("rule_report"):
        parts.append(f"转人工：{_report(opened.rule_report)}。")
    if opened.pledged:
        parts.append("申请人已作告知承诺。")
    if opened.outstanding_materials:
        until = f"，须于 {opened.supplement_until} 前补齐" if opened.supplement_until else ""
        parts.append(f"容缺：{say.materials(opened.outstanding_materials)}{until}。")
    if opened.unshared_materials:
        parts.append(f"{_unshared(say, opened.unshared_materials)}。")
    if opened.HasField("site_visit"):
        parts.append(f"已有联合勘验结论：{opened.site_visit.finding}。")
    if opened.HasField("opinions_asked"):
        parts.append(_asking(say, opened.opinions_asked))
    return "".join(parts)


def _unshared(say: Words, materials: Iterable[UnsharedMaterial]) -> str:
    told = "、".join(
        f"{say.materials([one.material_id])}（{say.department(one.source)}掌握{'，尚缺' if one.awaited else ''}）"
        for one in materials
    )
    return f"未能共享：{told}"


def _lifted(say: Words, event: ApprovalEvent) -> str:
    lifted = event.correction_lifted
    asked = say.materials(lifted.material_ids)
    told = f"{say.who(event.actor)} 撤回对 {say.item(event.item_id)} 的补正要求（{asked}）：{lifted.reason}"
    return f"{told}，自 {lifted.day} 恢复计时，{due(lifted.deadlines)}。"


def _asking(say: Words, asked: OpinionsAsked) -> str:
    question = f"“{asked.question}”" if asked.question else ""
    return f"征求{say.departments(asked.departments)}意见{question}，{last_day(unix_ms(asked.deadline))} 前答复。"


def _decided(say: Words, event: ApprovalEvent) -> str:
    decided = event.task_decided
    granted = decided.decision == Decision.DECISION_GRANT
    said = "准予" if granted else "不予"
    if decided.automatic:
        parts = [f"秒批：{say.item(event.item_id)} 按规则当即{said}"]
        parts.append(f"，{_report(decided.rule_report)}" if decided.HasField("rule_report") else f"：{decided.rule}")
    else:
        parts = [f"{say.who(event.actor)} 对 {say.item(event.item_id)} 决定{said}：{decided.opinion}"]
    if decided.basis:
        parts.append(f"，依据{'；'.join(decided.basis)}")
    if decided.conditions:
        parts.append(f"，附条件：{'；'.join(decided.conditions)}")
    if decided.certificates:
        parts.append(f"。出件：{say.certificates(decided.certificates)}")
    if decided.pledged:
        parts.append("。凭承诺作出，事后核查")
    if decided.reconsideration_days:
        parts.append(
            f"。可在 {decided.reconsideration_days} 日内申请行政复议，或者 {decided.litigation_months} 个月内起诉"
        )
    if granted and decided.supervised_by:
        parts.append(f"。移交{say.department(decided.supervised_by)}监管")
    return "".join(parts) + "。"


def _correction(say: Words, event: ApprovalEvent) -> str:
    asked = event.correction_requested
    told = f"{say.who(event.actor)} 就 {say.item(event.item_id)} 一次性告知补正（第 {asked.round} 次）"
    return f"{told}，停止计时：{_needs(say, asked.needs)}。"


def _needs(say: Words, needs: Iterable[CorrectionNeed]) -> str:
    return "、".join(
        f"{say.materials([one.material_id])}（{one.reason}"
        f"{f'；此前不可见：{one.newly_visible_because}' if one.newly_visible_because else ''}）"
        for one in needs
    )


def _supplied(say: Words, event: ApprovalEvent) -> str:
    supplied = event.task_supplied
    source = f"{say.department(supplied.source)}共享的" if supplied.source else ""
    told = f"{say.item(event.item_id)} 收到{source}材料：{say.materials(one.material_id for one in supplied.materials)}"
    resumed = f"，自 {supplied.resumed_day} 恢复计时" if supplied.resumed_day else ""
    ends = f"，{due(supplied.deadlines)}" if supplied.HasField("deadlines") else ""
    return f"{told}{resumed}{ends}。"


def _begun(say: Words, event: ApprovalEvent) -> str:
    begun = event.special_procedure_begun
    kind = words.SUSPENSIONS[begun.kind]
    return (
        f"{say.who(event.actor)} 对 {say.item(event.item_id)} 启动特别程序（{kind}），预计 {begun.expected_days} 日，"
        f"不计入期限：{begun.reason}。"
    )


def _ended(say: Words, event: ApprovalEvent) -> str:
    ended = event.special_procedure_ended
    ends = f"，{due(ended.deadlines)}" if ended.HasField("deadlines") else ""
    return f"{say.item(event.item_id)} 的特别程序（{words.SUSPENSIONS[ended.kind]}）结束：{ended.result}{ends}。"


def _extended(say: Words, event: ApprovalEvent) -> str:
    longer = event.task_extended
    rank = words.RANKS[longer.rank]
    ends = due(longer.deadlines)
    return (
        f"经{rank}批准，{say.item(event.item_id)} 延长 {longer.days} 日：{longer.reason}{f'，{ends}' if ends else ''}。"
    )


def _recomputed(say: Words, event: ApprovalEvent) -> str:
    told = event.deadlines_recomputed
    years = "、".join(str(year) for year in told.years)
    ends = f"重新计算{due(told.deadlines)}" if told.HasField("deadlines") else ""
    opinions = "、".join(
        f"{say.department(one.department)}须于 {last_day(unix_ms(one.deadline))} 前答复" for one in told.opinions
    )
    return f"{years} 年放假安排公布，{say.item(event.item_id)} {'，'.join(part for part in (ends, opinions) if part)}。"


def _transferred(say: Words, event: ApprovalEvent) -> str:
    moved = event.task_transferred
    to = f"{say.division(moved.division)}{say.department(moved.department)}"
    return f"{say.who(event.actor)} 将 {say.item(event.item_id)} 转办{to}：{moved.reason}。"


def _warned(say: Words, event: ApprovalEvent) -> str:
    warned = event.task_warned
    until = last_day(unix_ms(warned.deadline))
    return f"{words.COLOURS[warned.colour]}：{say.item(event.item_id)} 的{words.CLOCKS[warned.clock]} {until} 将届满。"


def _overdue(say: Words, event: ApprovalEvent) -> str:
    overdue = event.task_overdue
    until = last_day(unix_ms(overdue.deadline))
    return f"逾期：{say.item(event.item_id)} 的{words.CLOCKS[overdue.clock]} {until} 已过，仍须办理。"


def _opinion(say: Words, event: ApprovalEvent) -> str:
    given = event.opinion_given
    conditions = f"，条件：{'；'.join(given.conditions)}" if given.conditions else ""
    told = f"{say.department(given.department)}对 {say.item(event.item_id)} {_POSITIONS[given.position]}"
    return f"{told}：{given.text}{conditions}。"


def _visited(say: Words, event: ApprovalEvent) -> str:
    told: SiteVisited = event.site_visited
    visit = told.site_visit
    joint = f"联合勘验（{told.joint_visit_group}）" if told.joint_visit_group else "现场勘验"
    found = f"{'通过' if visit.passed else '未通过'}，{visit.finding}"
    if told.noted:
        return f"{say.item(event.item_id)} 采用 {visit.day} 的{joint}结论：{found}。"
    attended = "，申请人到场" if visit.applicant_attended else ""
    return (
        f"{say.departments(visit.departments)}于 {visit.day} 就 {say.item(event.item_id)} {joint}{attended}：{found}。"
    )


def _verified(say: Words, event: ApprovalEvent) -> str:
    verified = event.pledge_verified
    if verified.kept:
        return f"{say.who(event.actor)} 核查 {say.item(event.item_id)} 的承诺：属实，{verified.finding}。"
    credit = "，记入信用记录" if verified.credit_recorded else ""
    revoked = "，撤销准予" if verified.revoked else ""
    basis = f"（{'；'.join(verified.basis)}）" if verified.basis else ""
    told = f"{say.who(event.actor)} 核查 {say.item(event.item_id)} 的承诺：不实"
    return f"{told}，{verified.finding}{revoked}{credit}{basis}。"


def _recalled(say: Words, event: ApprovalEvent) -> str:
    by = "" if event.actor.role == ActorRole.ACTOR_ROLE_SYSTEM else f"{say.who(event.actor)} "
    return f"{by}{say.item(event.item_id)} 收回，不再办理。"


def _supplement_overdue(say: Words, event: ApprovalEvent) -> str:
    missing = say.materials(event.supplement_overdue.material_ids)
    return f"逾期：{say.item(event.item_id)} 容缺材料未补齐（{missing}），按现有材料决定。"


SENTENCES: Mapping[str, Sentence] = {
    "task_opened": _opened,
    "task_claimed": lambda say, event: f"{say.who(event.actor)} 签收 {say.item(event.item_id)}。",
    "task_released": lambda say, event: f"{say.who(event.actor)} 撤销签收 {say.item(event.item_id)}。",
    "task_decided": _decided,
    "task_recalled": _recalled,
    "task_overdue": _overdue,
    "task_transferred": _transferred,
    "correction_requested": _correction,
    "correction_lifted": _lifted,
    "task_supplied": _supplied,
    "unshared_noted": lambda say, event: (
        f"{say.item(event.item_id)} {_unshared(say, event.unshared_noted.materials)}。"
    ),
    "special_procedure_begun": _begun,
    "special_procedure_ended": _ended,
    "task_extended": _extended,
    "deadlines_recomputed": _recomputed,
    "task_warned": _warned,
    "opinions_asked": lambda say, event: f"{say.item(event.item_id)} {_asking(say, event.opinions_asked)}",
    "opinion_given": _opinion,
    "opinions_overdue": lambda say, event: (
        f"逾期：{say.departments(event.opinions_overdue.departments)}未就 {say.item(event.item_id)} 答复，不再等候。"
    ),
    "site_visited": _visited,
    "pledge_verified": _verified,
    "supplement_overdue": _supplement_overdue,
    "command_refused": lambda say, event: (
        f"{say.who(event.actor)} 的请求 {event.command_refused.command} 被拒绝：{say.refusal(event.command_refused)}。"
    ),
}
