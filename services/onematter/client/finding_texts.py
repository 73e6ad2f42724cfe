"""What a finding says, by its code: who takes the next step, the sentence and that step in zh-CN and en.

Rule 1: a code never changes its meaning; a new meaning is a new code.
Rule 2: names in braces are filled by the one who finds; a finding without a next step has two empty texts.
"""

from __future__ import annotations

from typing import NamedTuple

APPLICANT, WINDOW, OFFICE, OPERATOR, SENDER, NOBODY = (
    "applicant", "window", "office", "operator", "sender", "nobody",
)  # fmt: skip
WHO: dict[str, tuple[str, str]] = {
    APPLICANT: ("申请人", "the applicant"),
    WINDOW: ("综合窗口", "the window"),
    OFFICE: ("承办部门", "the office"),
    OPERATOR: ("运维人员", "an operator"),
    SENDER: ("发送方", "its sender"),
    NOBODY: ("无", "nobody"),
}


class FindingText(NamedTuple):
    """Texts are (zh-CN, en)."""

    who: str
    sentence: tuple[str, str]
    next: tuple[str, str] = ("", "")


_SUPPLY = ("提交所列材料。", "Supplies it, on any channel.")
_LOOK = ("若持续如此，请查看该服务的死信和积压。", "If it stays so: looks at that service's dead letters and lag.")
_AGAIN = ("会自动重试，也可立即重试。", "It is tried again by itself; or at once.")

FINDING_TEXTS: dict[str, FindingText] = {
    "RECORD_PARKED": FindingText(
        OPERATOR,
        (
            "{deployment} 有一条记录等待处理（{reason}），其后还有 {behind} 条；{since} 收到。",
            "A record waits in {deployment} ({reason}), and {behind} behind it; received {since}.",
        ),
        ("原因消除后重放，或说明理由后放弃。", "Replays it when its cause is gone, or gives it up with a reason."),
    ),
    "RECORD_SET_ASIDE": FindingText(
        SENDER,
        (
            "{deployment} 搁置了一条记录（{reason}），不影响其他记录；{since} 收到。",
            "{deployment} set a record aside ({reason}), for which nothing waits; received {since}.",
        ),
        ("改正后以新的 request_id 重新发送。", "Corrects it and sends it again with a new request_id."),
    ),
    "SERVICE_UNREACHABLE": FindingText(
        OPERATOR,
        (
            "{deployment} 没有答复，它所知道的没有列出：{why}",
            "{deployment} does not answer, and what it knows is left out: {why}",
        ),
        ("恢复该服务后再查。", "Brings it back and asks again."),
    ),
    "AWAITS_ACCEPTANCE": FindingText(
        WINDOW,
        (
            "{since} 收件，窗口尚未答复是否受理；过了 {until} 视为受理（行政许可法第32条）。",
            "Received {since}, and the window has not said whether it is accepted; after {until} it is by silence.",
        ),
        ("受理、要求补正或不予受理。", "Accepts it, asks for a correction, or refuses it."),
    ),
    "AWAITS_CORRECTION": FindingText(
        APPLICANT,
        ("受理前已要求补正，等待：{names}。", "A correction was asked before acceptance; to come: {names}."),
        _SUPPLY,
    ),
    "WITHDRAWING": FindingText(
        NOBODY,
        ("正在撤回，等待各级收回在办事项。", "It is being withdrawn, and waits for its items to be called back."),
        ("无需操作，收回后即告办结。", "Nothing: it ends when they are."),
    ),
    "VOIDING": FindingText(
        NOBODY,
        ("正在作废，等待各级收回在办事项。", "It is being voided, and waits for its items to be called back."),
        ("无需操作，收回后即告办结。", "Nothing: it ends when they are."),
    ),
    "ENDED": FindingText(NOBODY, ("已于 {since} 办结（{outcome}）。", "It ended {since} ({outcome}).")),
    "AWAITS_DELIVERY": FindingText(
        WINDOW,
        ("结果尚未送达，最迟 {until}。", "The result is not delivered; it is due by {until}."),
        ("送达并登记。", "Hands it over and records it."),
    ),
    "AWAITS_CONCLUSION": FindingText(
        OPERATOR,
        (
            "各事项均已有结果，尚未出具一件事的结果。",
            "Every item has its result, and the one result is not issued yet.",
        ),
        _LOOK,
    ),
    "MATERIALS_OUTSTANDING": FindingText(
        APPLICANT,
        ("申请人承诺后补（容缺），尚未收到：{names}。", "Promised for later and not here: {names}."),
        _SUPPLY,
    ),
    "MATERIALS_NOT_SHARED": FindingText(
        APPLICANT,
        ("持有部门未能共享：{names}。", "Not shared by the department that holds it: {names}."),
        _SUPPLY,
    ),
    "ITEM_ENDED": FindingText(
        NOBODY, ("{since} 已有结果（{outcome}）。", "It has had its result ({outcome}) since {since}.")
    ),
    "ITEM_WAITS_FOR_ITEMS": FindingText(
        NOBODY,
        ("等待前置事项准予（证照）：{names}。", "It waits for what these grant: {names}."),
        ("无需操作，前置事项准予后自动开始。", "Nothing: it opens when they are granted."),
    ),
    "ITEM_NOT_ARRIVED": FindingText(
        OPERATOR, ("已发往 {deployment}，尚未到达。", "It was sent to {deployment} and has not arrived there."), _LOOK
    ),
    "ITEM_TOLD_BY_OFFICE": FindingText(
        OPERATOR,
        (
            "{deployment} 已于 {since} 结束该事项，受理服务尚未得知。",
            "{deployment} ended it {since}; intake has not heard of it yet.",
        ),
        _LOOK,
    ),
    "ITEM_SUSPENDED_PROCEDURE": FindingText(
        OFFICE,
        (
            "{office} 自 {since} 起进行{kind}，不计时限。",
            "{kind} since {since} at {office}; its clock stands still.",
        ),
        ("特别程序结束后恢复计时。", "Ends the procedure and goes on."),
    ),
    "ITEM_AWAITS_CORRECTION": FindingText(
        APPLICANT,
        (
            "{office} 于 {since} 要求补正：{names}；不计时限。",
            "{office} asked for a correction {since}: {names}; its clock stands still.",
        ),
        _SUPPLY,
    ),
    "ITEM_AWAITS_OPINIONS": FindingText(
        OFFICE,
        ("{office} 征求意见，尚未回复：{names}。", "{office} asked for opinions; to come: {names}."),
        ("被征求意见的部门回复。", "The departments that were asked answer."),
    ),
    "ITEM_MATERIALS_OUTSTANDING": FindingText(
        APPLICANT, ("容缺材料尚未补交：{names}。", "Promised for later and not here: {names}."), _SUPPLY
    ),
    "ITEM_CLAIMED": FindingText(
        OFFICE,
        (
            "{office} 自 {since} 在办，{principal} 已签收，最迟 {until}{late}。",
            "At {office} since {since}, claimed by {principal}, due by {until}{late}.",
        ),
        ("{principal} 作出决定。", "{principal} decides it."),
    ),
    "ITEM_IN_INBOX": FindingText(
        OFFICE,
        (
            "{office} 自 {since} 待办，无人签收，最迟 {until}{late}。",
            "In the inbox of {office} since {since}, claimed by nobody, due by {until}{late}.",
        ),
        ("该部门人员签收并办理。", "An official of it claims and decides it."),
    ),
    "SHARING_ASKED": FindingText(
        NOBODY,
        (
            "正向 {source} 调取{name}，尚无答复；最迟等到 {until}。",
            "{name} is asked of {source}, with no answer yet, until {until}.",
        ),
        ("无需操作；逾时改由申请人提交。", "Nothing: after that the applicant is asked."),
    ),
    "SHARING_DELAYED": FindingText(
        OPERATOR,
        (
            "向 {source} 调取{name}未成（{delay}），已试 {attempts} 次，下次 {again}。",
            "{name} could not be had of {source} ({delay}) in {attempts} attempt(s); the next {again}.",
        ),
        _AGAIN,
    ),
    "NOTICE_NOT_DELIVERED": FindingText(
        OPERATOR,
        (
            "{kind} 未能送达，已试 {attempts} 次，最近一次 {since}（告知 {notice_id}）。",
            "The notice {kind} is not delivered after {attempts} attempt(s), the last {since} (notice {notice_id}).",
        ),
        _AGAIN,
    ),
    "SEALED": FindingText(NOBODY, ("已归档并出具回执。", "It is sealed, and its receipt can be had.")),
    "NOT_SEALED": FindingText(
        OPERATOR,
        ("尚未归档，档案还缺：{names}。", "It is not sealed; the archive still misses: {names}."),
        (
            "记录到齐后自动归档；若不到齐，请查看各服务的死信。",
            "It is sealed when all has arrived; if it does not: looks at the dead letters.",
        ),
    ),
}
