"""What an event of intake says in a story: one sentence or more, by the name of the event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests.stories import words
from tests.stories.words import Words, due, last_day

from onematter.contracts.times import unix_ms
from onematter.intake.v1.intake_events_pb2 import (
    AcceptedBy,
    ItemClockChange,
    ItemResult,
    MatterAccepted,
    MatterEvent,
    MatterReceived,
)

Sentence = Callable[[Words, MatterEvent], str]

_ACCEPTED_BY = {
    AcceptedBy.ACCEPTED_BY_UNSPECIFIED: "予以受理",
    AcceptedBy.ACCEPTED_BY_RULE: "材料齐全、符合法定形式，系统当即受理",
    AcceptedBy.ACCEPTED_BY_SILENCE: "逾期未告知，自收到材料之日起即为受理（《行政许可法》第三十二条）",
}
_CHANGES = {
    ItemClockChange.ITEM_CLOCK_CHANGE_SUSPENDED: "停止计时",
    ItemClockChange.ITEM_CLOCK_CHANGE_RESUMED: "恢复计时",
    ItemClockChange.ITEM_CLOCK_CHANGE_EXTENDED: "延长期限",
    ItemClockChange.ITEM_CLOCK_CHANGE_RECOMPUTED: "重新计算期限",
}


def _earlier(say: Words, results: Iterable[ItemResult]) -> str:
    told = "；".join(f"{say.item(one.item_id)} {words.OUTCOMES[one.outcome]}" for one in results)
    return f"此前按规则即时办结：{told}。" if told else ""


def _handed_in(say: Words, event: MatterEvent, told: MatterReceived | MatterAccepted) -> str:
    channel = words.CHANNELS[told.channel]
    parts = [f"{say.who(event.actor)} 经{channel}提交“{told.name.texts[words.CHINESE]}”"]
    materials = say.materials(one.material_id for one in told.application.materials)
    parts.append(f"提交材料：{materials}" if materials else "无须提交材料")
    if told.receiving_division not in ("", told.division):
        parts.append(f"收件地 {say.division(told.receiving_division)}，办理地 {say.division(told.division)}")
    if told.cross_region:
        parts.append(f"跨省通办：{words.MODES[told.cross_region]}")
    if told.outstanding_materials:
        parts.append(f"承诺后补（容缺受理）：{say.materials(told.outstanding_materials)}")
    if told.pledged_items:
        parts.append(f"告知承诺：{say.item_list(told.pledged_items)}")
    return "。".join(parts) + "。"


def _received(say: Words, event: MatterEvent) -> str:
    received = event.matter_received
    told = _handed_in(say, event, received)
    if not received.HasField("acceptance_deadline"):
        return f"{told}收件待审，答复期限待放假安排公布后确定。"
    until = last_day(unix_ms(received.acceptance_deadline))
    certain = "（暂定）" if received.acceptance_provisional_years else ""
    return f"{told}收件待审，{until}{certain} 前受理或者一次性告知补正。"


def _accepted(say: Words, event: MatterEvent, handed_in: bool) -> str:
    accepted = event.matter_accepted
    parts = [_handed_in(say, event, accepted)] if handed_in else []
    by = _ACCEPTED_BY.get(accepted.accepted_by) or f"{say.who(event.actor)} 受理"
    day = f"，受理日 {accepted.accepted_day}" if accepted.accepted_day else ""
    parts.append(f"{by}{day}。")
    held = "、".join(
        f"{say.materials([one.material_id])}（{say.department(one.source)}）" for one in accepted.held_materials
    )
    if held:
        parts.append(f"免提交（政府已掌握）：{held}。")
    if accepted.owner_division not in ("", accepted.division):
        parts.append(f"归属 {say.division(accepted.owner_division)}。")
    if accepted.HasField("deadlines"):
        parts.append(f"整件{due(accepted.deadlines)}。")
    parts.append(f"交办：{say.item_list(accepted.opened_items)}。")
    return "".join(parts)


def _concluded(say: Words, event: MatterEvent) -> str:
    concluded = event.item_concluded
    parts = [_earlier(say, concluded.earlier_results)]
    name = say.item(concluded.result.item_id)
    if concluded.opened_items:
        parts.append(f"{name} 办结，据此交办：{say.item_list(concluded.opened_items)}。")
    if concluded.lapsed_items:
        parts.append(
            f"因 {name} {words.OUTCOMES[concluded.result.outcome]}，不再开办：{say.item_list(concluded.lapsed_items)}。"
        )
    return "".join(parts)


def _withdrawn(say: Words, event: MatterEvent) -> str:
    withdrawn = event.matter_withdrawn
    recalled, lapsed = say.item_list(withdrawn.recalled_items), say.item_list(withdrawn.lapsed_items)
    told = f"{say.who(event.actor)} 撤回申请：{withdrawn.reason}。"
    return told + _called_back(recalled, lapsed) + _earlier(say, withdrawn.earlier_results)


def _voided(say: Words, event: MatterEvent) -> str:
    voided = event.matter_voided
    recalled, lapsed = say.item_list(voided.recalled_items), say.item_list(voided.lapsed_items)
    told = f"{say.who(event.actor)} 作废本件：{voided.reason}。"
    return told + _called_back(recalled, lapsed) + _earlier(say, voided.earlier_results)


def _called_back(recalled: str, lapsed: str) -> str:
    return (f"收回：{recalled}。" if recalled else "") + (f"不再开办：{lapsed}。" if lapsed else "")


def _visited(say: Words, event: MatterEvent) -> str:
    visit = event.visit_recorded
    reason = f"（{visit.reason}）" if visit.reason else ""
    where = f"在{say.division(visit.division)}" if visit.division else ""
    told = f"申请人{where}跑动一次，累计第 {visit.visits} 次：{words.CAUSES[visit.cause]}{reason}。"
    return told + _earlier(say, visit.earlier_results)


def _completed(say: Words, event: MatterEvent) -> str:
    completed = event.matter_completed
    # Taken back or voided before acceptance: no other event tells by whom and why.
    why = f"（{say.who(event.actor)}：{completed.reason}）" if completed.reason else ""
    parts = [f"办结：{words.RESULTS[completed.outcome]}{why}。"]
    for one in completed.results:
        how = "（秒批）" if one.automatic else ""
        documents = f"：{say.certificates(one.certificates)}" if one.certificates else ""
        parts.append(f"\n  {say.item(one.item_id)} {words.OUTCOMES[one.outcome]}{how}{documents}")
        if one.supervised_by:
            parts.append(f"，由{say.department(one.supervised_by)}监管")
        if one.pledged:
            parts.append("，凭承诺办理，事后核查")
        if one.conditions:
            parts.append(f"，附条件：{'；'.join(one.conditions)}")
        if one.basis:
            parts.append(f"，依据{'；'.join(one.basis)}")
        if one.reconsideration_days:
            parts.append(f"，可在 {one.reconsideration_days} 日内申请行政复议或者 {one.litigation_months} 个月内起诉")
    trips = "；".join(words.CAUSES[trip.cause] for trip in completed.trips)
    parts.append(f"\n  跑动 {completed.visits} 次{f'（{trips}）' if trips else ''}")
    if completed.materials_asked or completed.materials_held:
        parts.append(f"，要求提交材料 {completed.materials_asked} 份，免提交 {completed.materials_held} 份")
    if completed.HasField("delivery_deadline"):
        way, until = words.WAYS[completed.delivery], last_day(unix_ms(completed.delivery_deadline))
        parts.append(f"。以{way}送达，{until} 前")
    return "".join(parts) + "。"


def _needs(say: Words, needs: Iterable[Any]) -> str:
    told = [
        f"{say.materials([one.material_id])}（{one.reason}"
        f"{f'；此前不可见：{one.newly_visible_because}' if one.newly_visible_because else ''}）"
        for one in needs
    ]
    return "、".join(told)


def _correction(say: Words, event: MatterEvent) -> str:
    asked = event.correction_asked
    if asked.item_id:
        # What and why, the department's own event has said.
        return f"告知申请人：{say.item(asked.item_id)} 停止计时，等待补正。"
    return f"{say.who(event.actor)} 一次性告知补正（第 {asked.round} 次）：{_needs(say, asked.needs)}。"


def _supplied(say: Words, event: MatterEvent) -> str:
    supplied = event.materials_supplied
    channel = f"经{words.CHANNELS[supplied.channel]}" if supplied.channel else ""
    parts = [f"{say.who(event.actor)} {channel}补交：{say.materials(one.material_id for one in supplied.materials)}。"]
    if supplied.missing:
        parts.append(f"尚缺：{say.materials(supplied.missing)}。")
    if supplied.told_items:
        parts.append(f"转交：{say.item_list(supplied.told_items)}。")
    if supplied.HasField("acceptance_deadline"):
        parts.append(f"重新收件，{last_day(unix_ms(supplied.acceptance_deadline))} 前受理或者告知。")
    return "".join(parts)


def _not_accepted(say: Words, event: MatterEvent) -> str:
    refused = event.acceptance_refused
    if refused.not_required:
        told = "依法不需要取得行政许可，即时告知不受理"
    else:
        told = f"不予受理，请向有权机关 {refused.competent_body} 申请" if refused.competent_body else "不予受理"
    basis = f"（{'；'.join(refused.basis)}）" if refused.basis else ""
    return f"{say.who(event.actor)} 决定{told}：{refused.reason}{basis}。跑动 {refused.visits} 次。"


def _clock_changed(say: Words, event: MatterEvent) -> str:
    changed = event.item_clock_changed
    why = words.SUSPENSIONS.get(changed.suspension_reason, "")
    because = "，".join(one for one in (why, changed.reason) if one)
    days = f" {changed.days} 日" if changed.days else ""
    ends = f"，{due(changed.deadlines)}" if changed.HasField("deadlines") else ""
    told = f"告知申请人：{say.item(changed.item_id)} {_CHANGES[changed.change]}{days}"
    return f"{told}{f'（{because}）' if because else ''}{ends}。{_earlier(say, changed.earlier_results)}"


def _transferred(say: Words, event: MatterEvent) -> str:
    moved = event.item_transferred
    to = f"{say.division(moved.division)}{say.department(moved.department)}"
    return f"告知申请人：{say.item(moved.item_id)} 转由{to}办理。"


def _extended(say: Words, event: MatterEvent) -> str:  # noqa: ARG001
    longer = event.matter_extended
    rank = words.RANKS[longer.rank]
    return f"经{rank}批准，整件延长 {longer.days} 个工作日：{longer.reason}。{due(longer.deadlines)}。"


def _recomputed(say: Words, event: MatterEvent) -> str:
    recomputed = event.matter_deadlines_recomputed
    years = "、".join(str(year) for year in recomputed.years)
    if recomputed.HasField("acceptance_deadline"):
        ends = f"，{last_day(unix_ms(recomputed.acceptance_deadline))} 前受理或者一次性告知补正"
    else:
        ends = due(recomputed.deadlines)
    return f"{years} 年放假安排公布，整件重新计算{ends}。{_earlier(say, recomputed.earlier_results)}"


def _warned(say: Words, event: MatterEvent) -> str:  # noqa: ARG001
    warned = event.matter_warned
    until = last_day(unix_ms(warned.deadline))
    return f"{words.COLOURS[warned.colour]}：整件{words.CLOCKS[warned.clock]} {until} 将届满。"


def _overdue(say: Words, event: MatterEvent) -> str:  # noqa: ARG001
    overdue = event.matter_overdue
    return f"逾期：整件{words.CLOCKS[overdue.clock]} {last_day(unix_ms(overdue.deadline))} 已过。"


def _delivered(say: Words, event: MatterEvent) -> str:
    delivered = event.matter_delivered
    where = f"在{say.division(delivered.division)}" if delivered.division else ""
    reference = f"（{delivered.reference}）" if delivered.reference else ""
    return f"结果{where}以{words.WAYS[delivered.way]}送达申请人{reference}，跑动累计 {delivered.visits} 次。"


def _delivery_overdue(say: Words, event: MatterEvent) -> str:  # noqa: ARG001
    return f"逾期：决定后十个工作日（{last_day(unix_ms(event.delivery_overdue.deadline))}）内未送达。"


def _revoked(say: Words, event: MatterEvent) -> str:
    revoked = event.item_revoked
    credit = "，记入信用记录" if revoked.credit_recorded else ""
    return f"{say.item(revoked.item_id)} 的准予被撤销：{revoked.finding}（{'；'.join(revoked.basis)}）{credit}。"


def _resolved(say: Words, event: MatterEvent) -> str:
    resolved = event.materials_resolved
    materials = say.materials(one.material_id for one in resolved.materials)
    told = f"，转交：{say.item_list(resolved.told_items)}" if resolved.told_items else ""
    return f"数据共享：{say.department(resolved.source)}提供{materials}{told}。"


def _sharing_failed(say: Words, event: MatterEvent) -> str:
    failed = event.sharing_failed
    reason = f"（{failed.reason}）" if failed.reason else ""
    return (
        f"数据共享未成：{say.materials(failed.material_ids)}，{say.department(failed.source)}"
        f"{words.FAILURES[failed.failure]}{reason}；改请申请人提供一次。"
    )


def _item_visited(say: Words, event: MatterEvent) -> str:
    visited = event.item_visited
    told = f"，结论通报：{say.item_list(visited.told_items)}" if visited.told_items else ""
    trip = f"申请人到场，跑动累计 {visited.visits} 次" if visited.applicant_attended else "申请人无须到场"
    return f"{say.item(visited.item_id)} 的勘验已登记，{trip}{told}。"


SENTENCES: Mapping[str, Sentence] = {
    "matter_received": _received,
    "item_opened": lambda say, event: _earlier(say, event.item_opened.earlier_results),
    "item_concluded": _concluded,
    "matter_withdrawn": _withdrawn,
    "visit_recorded": _visited,
    "matter_completed": _completed,
    "command_refused": lambda say, event: (
        f"{say.who(event.actor)} 的请求 {event.command_refused.command} 被拒绝：{say.refusal(event.command_refused)}。"
    ),
    "correction_asked": _correction,
    "materials_supplied": _supplied,
    "acceptance_refused": _not_accepted,
    "matter_voided": _voided,
    "item_clock_changed": _clock_changed,
    "matter_extended": _extended,
    "matter_deadlines_recomputed": _recomputed,
    "matter_warned": _warned,
    "matter_overdue": _overdue,
    "matter_delivered": _delivered,
    "delivery_overdue": _delivery_overdue,
    "item_revoked": _revoked,
    "materials_resolved": _resolved,
    "sharing_failed": _sharing_failed,
    "item_visited": _item_visited,
    "item_transferred": _transferred,
    "matter_accepted": lambda say, event: _accepted(say, event, handed_in=True),
}
ACCEPTED_LATER: Sentence = lambda say, event: _accepted(say, event, handed_in=False)  # noqa: E731
