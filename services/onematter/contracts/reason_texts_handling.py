"""The words of refusals while a matter is handled: periods, corrections, opinions, pledges, acceptance, delivery.

The rules of `reason_texts` hold here too.
"""

from __future__ import annotations

from typing import TypeAlias

from onematter.common.v1.outcome_pb2 import Reason

# (rule, way out) in zh-CN, then in en.
Texts: TypeAlias = tuple[tuple[str, str], tuple[str, str]]

HANDLING_TEXTS: dict[int, Texts] = {
    Reason.REASON_PERIOD_NOT_SUSPENDABLE: (
        (
            "这一期限[（{period}）]不因补正或特别程序停止计时。",
            "请在期限届满前办结；只有作出决定的期限可以停止计时（行政许可法第45条）。",
        ),
        (
            "Nothing stops this period[ ({period})]: neither a correction nor a special procedure does.",
            "Act before it ends; only the time for deciding can stand still (Administrative Licensing Law, art. 45).",
        ),
    ),
    Reason.REASON_PERIOD_SUSPENDED: (
        (
            "期限已[自 {since} 起]停止计时，不能再次停止。",
            "请先恢复计时：等补正材料到齐，或撤回补正要求（onematter lift），或结束特别程序（onematter resume）。",
        ),
        (
            "The clock stands still already[, since {since}].",
            "Let it go on first: wait for the materials or take the correction back (`onematter lift`), or end the"
            " special procedure (`onematter resume`).",
        ),
    ),
    Reason.REASON_PERIOD_NOT_SUSPENDED: (
        ("期限正在计时，没有可以恢复的。", "无需恢复；请核对办件事项的状态。"),
        ("The clock is running; there is nothing to resume.", "Leave it as it is, or check which task was meant."),
    ),
    Reason.REASON_PERIOD_NOT_EXTENDABLE: (
        (
            "法律没有规定这一期限[（{period}）]可以延长[，或者 {calendar_missing} 年的工作日历尚未载入]。",
            "请在期限内作出决定。",
        ),
        (
            "No law allows this period[ ({period})] to be extended[, or {calendar_missing} has no calendar yet].",
            "Decide before it ends.",
        ),
    ),
    Reason.REASON_PERIOD_EXTENDED_ALREADY: (
        ("期限只能延长一次，已经延长过[（{since}）]。", "请在延长后的期限内作出决定。"),
        (
            "A period is extended once at most, and this one was[, on {since}].",
            "Decide before the extended period ends.",
        ),
    ),
    Reason.REASON_PERIOD_PASSED: (
        ("期限已[于 {deadline} ]届满，不能再延长。", "请尽快作出决定；逾期已经记录。"),
        (
            "The period has passed[, on {deadline},] and cannot be extended any more.",
            "Decide soon; that it is overdue is on record.",
        ),
    ),
    Reason.REASON_EXTENSION_OUT_OF_RANGE: (
        ("延长的天数不合规定[：1 至 {limit} 日]（行政许可法第42条）。", "请改正天数，以新的 request_id 再次发送。"),
        (
            "The extension is not what the law allows[: 1 to {limit} days] (Administrative Licensing Law, art. 42).",
            "Ask for fewer days, with a new request_id.",
        ),
    ),
    Reason.REASON_RANK_TOO_LOW: (
        ("批准人的职级不够[：须由{required}批准]（行政许可法第42条）。", "请由有权批准的负责人提出。"),
        (
            "The actor's rank may not approve this[; it takes the {required}] (Administrative Licensing Law, art. 42).",
            "Let somebody of that rank ask for it.",
        ),
    ),
    Reason.REASON_DAY_TOO_EARLY: (
        ("日期早于已经记录的事实[：不得早于 {earliest}]。", "请改正日期，以新的 request_id 再次发送。"),
        (
            "The day lies before what is on record[: {earliest} at the earliest].",
            "Correct the day and send it again with a new request_id.",
        ),
    ),
    Reason.REASON_TASK_NOT_CLAIMED: (
        ("该事项没有人签收，没有可以撤销的。", "无需撤销；请核对事项编号。"),
        ("Nobody has claimed the task, so there is nothing to release.", "Leave it as it is, or check the item's id."),
    ),
    Reason.REASON_TASK_SUSPENDED: (
        (
            "该事项已暂停[（自 {since} 起）]：补正或者特别程序尚未结束。",
            "请等补正材料到齐，或撤回补正要求（onematter lift），或先结束特别程序（onematter resume）。",
        ),
        (
            "The task stands still[, since {since}]: a correction or a special procedure runs.",
            "Wait for the materials or take the correction back (`onematter lift`), or end the special procedure first"
            " (`onematter resume`).",
        ),
    ),
    Reason.REASON_CORRECTION_ALREADY_VISIBLE: (
        (
            "首次告知时就能看出的，不得再次要求补正[（{material}）]（行政许可法第32条，一次性告知）。此次要求已记录。",
            "请按现有材料办理；此后才能发现的，须在 newly_visible_because 中写明为何此前不能发现（onematter correct："
            "--need 材料=问题|为何此前不能发现）。",
        ),
        (
            "What could be seen at the first time is not asked a second time[ ({material})] (Administrative Licensing"
            " Law, art. 32). This request is on record.",
            "Go on with what is there; of what shows only now, say in newly_visible_because what made it visible"
            " (`onematter correct`: --need MATERIAL=REASON|BECAUSE).",
        ),
    ),
    Reason.REASON_MATERIAL_HELD_BY_GOVERNMENT: (
        (
            "政府已经掌握的材料不得要求申请人提交[：{material}][，由 {held_by} 掌握]（国务院令第716号第7条）。"
            "此次要求已记录。",
            "请通过数据共享取得；掌握的部门不提供的，由系统记录，并只向申请人要求一次。",
        ),
        (
            "What the government holds is not asked of the applicant[: {material}][, held by {held_by}] (State Council"
            " decree 716, art. 7). This request is on record.",
            "Get it by data sharing; where its holder does not share it, the system asks the applicant once.",
        ),
    ),
    Reason.REASON_MATERIAL_OUTSTANDING: (
        (
            "容缺的材料尚未补齐[：{material}]，不能准予。",
            "请等申请人补交；期限已过仍未补齐的，按现有材料作出决定。",
        ),
        (
            "A material that was to follow is not here yet[: {material}], so the item cannot be granted.",
            "Wait for it; when its time has passed, decide on what is there.",
        ),
    ),
    Reason.REASON_MATERIAL_NOT_SHARED: (
        (
            "政府掌握的材料[（{material}）]未能共享[，掌握的部门：{held_by}]，申请人也尚未补交，不能准予。",
            "请等材料到齐；要停止计时的，可就这一材料一次性告知补正（onematter correct）。不共享已记在掌握的部门名下。",
        ),
        (
            "A material that the government holds was not shared[: {material}][, held by {held_by}], and the applicant"
            " has not supplied it yet, so the item cannot be granted.",
            "Wait for it, or ask for it as a correction (`onematter correct`), so that the clock stands still; that it"
            " was not shared is on record against its holder.",
        ),
    ),
    Reason.REASON_ROUNDS_EXHAUSTED: (
        (
            "同一事项中此类程序的次数已经用完[：最多 {limit} 次]（行政许可法第32条：一次性告知）。",
            "请按现有材料和意见作出决定；不能准予的，写明依据。",
        ),
        (
            "This was done as often as one task allows[: {limit} times at most]; everything is told at once"
            " (Administrative Licensing Law, art. 32).",
            "Decide on what is there; what cannot be granted is denied, with its basis.",
        ),
    ),
    Reason.REASON_LEGAL_BASIS_MISSING: (
        (
            "对申请人不利的决定须写明所依据的条款（行政许可法第38条）。",
            "请写明条款（basis），以新的 request_id 再次发送。",
        ),
        (
            "A decision against the applicant names the articles it rests on (Administrative Licensing Law, art. 38).",
            "Add the basis and send it again with a new request_id.",
        ),
    ),
    Reason.REASON_OPINION_NOT_ASKED: (
        ("没有征求过这一部门的意见[；已征求：{departments}]。", "请由被征求意见的部门回复，或先向该部门征求意见。"),
        (
            "This department's opinion was not asked[; asked: {departments}].",
            "Let a department that was asked answer, or ask this one first (`onematter ask-opinion`).",
        ),
    ),
    Reason.REASON_OPINION_GIVEN_ALREADY: (
        ("这一部门已经回复过意见[：{departments}]。", "意见不能重复回复；情况有变的，请与主办部门联系。"),
        (
            "This department has given its opinion already[: {departments}].",
            "Nothing is left to do; tell the department in charge what has changed since.",
        ),
    ),
    Reason.REASON_OPINIONS_PENDING: (
        (
            "征求的意见尚未全部回复[：{departments}]。",
            "请等待回复；满 7 个工作日仍未回复的，可以不再等待（国发〔1999〕9号）。",
        ),
        (
            "Not every opinion that was asked is here[: {departments} to come].",
            "Wait for them; after 7 working days the decision need not wait any longer (State Council"
            " document Guofa 1999 No. 9).",
        ),
    ),
    Reason.REASON_OPINION_VETOED: (
        ("有部门不同意[：{departments}]，依规定不能准予。", "请与该部门协商，或者作出不予的决定并写明依据。"),
        (
            "A department objects[: {departments}], and by the catalogue's rule its objection forbids a grant.",
            "Come to terms with it, or deny and name the basis.",
        ),
    ),
    Reason.REASON_QUORUM_NOT_REACHED: (
        (
            "同意的部门不足[：须有 {quorum} 个][，现有 {consents} 个]，不能准予。",
            "请等待其他部门回复，或者作出不予的决定。",
        ),
        (
            "Too few departments consent to a grant[: {quorum} needed][, {consents} so far].",
            "Wait for the others, or deny and name the basis.",
        ),
    ),
    Reason.REASON_SITE_VISIT_MISSING: (
        (
            "尚无通过的现场勘验，不能准予。",
            "请先组织勘验并记录结果（onematter site-visit）；同组事项一同勘验，一次即可。",
        ),
        (
            "No site visit was passed yet, so the item cannot be granted.",
            "Hold it and record what it found (`onematter site-visit`); one visit does for all items of its group.",
        ),
    ),
    Reason.REASON_PLEDGE_UNKNOWN: (
        ("该事项不是按告知承诺办理的，没有可以核查的承诺。", "请核对事项编号。"),
        ("The item was not granted on a pledge, so there is nothing to verify.", "Check the item's id."),
    ),
    Reason.REASON_PLEDGE_VERIFIED: (
        ("该承诺已经核查过。", "核查只作一次；可用 onematter progress 查看结果。"),
        ("The pledge was verified already.", "Nothing is left to do; see `onematter progress` for what came of it."),
    ),
    Reason.REASON_DELEGATION_NOT_IN_FORCE: (
        ("委托代理在这一天无效[：有效期为 {first_day}][ 至 {last_day}]。", "请由本人办理，或提交有效的委托。"),
        (
            "The delegation is not in force on this day[: it begins on {first_day}][ and ends on {last_day}].",
            "Let the official act in person, or give a delegation that is in force.",
        ),
    ),
    Reason.REASON_SAME_DEPARTMENT: (
        ("该部门就是正在办理的部门。", "请另选部门：转办和征求意见都须是其他部门。"),
        (
            "That department has the task already.",
            "Name another one: nobody transfers to, or asks an opinion of, the department in charge itself.",
        ),
    ),
    Reason.REASON_MATTER_NOT_ACCEPTED: (
        ("该办件尚未受理[（{status}）]。", "请先受理或一次性告知补正（行政许可法第32条，五个工作日内）。"),
        (
            "The matter is not accepted yet[ ({status})].",
            "Accept it, or tell all corrections, within five working days (Administrative Licensing Law, art. 32).",
        ),
    ),
    Reason.REASON_MATTER_ACCEPTED_ALREADY: (
        (
            "该办件已经受理[（{status}）][：{received} 收到，五个工作日内未答复，依法视为受理]。",
            "受理后的补正由办理部门提出；不能准予的，依法作出不予的决定。",
        ),
        (
            "The matter is accepted already[ ({status})][: received on {received}, and silence of five days accepts].",
            "From now on the departments ask for corrections; what cannot be granted is denied, with its basis.",
        ),
    ),
    Reason.REASON_CORRECTION_NOT_ASKED: (
        ("没有要求补交这一材料[（{material}）]。", "请只提交被要求补正或承诺后补的材料（onematter progress）。"),
        (
            "Nobody asked for this material[ ({material})].",
            "Supply what is asked or was promised; `onematter progress` names it.",
        ),
    ),
    Reason.REASON_COMPETENT_BODY_MISSING: (
        (
            "不予受理须告知有权办理的机关，或说明依法不需要许可（行政许可法第32条）。",
            "请写明有权机关（competent_body），或注明不需要许可（not_required）。",
        ),
        (
            "Who refuses to accept names the body that is competent, or says that no approval is needed (Administrative"
            " Licensing Law, art. 32).",
            "Give competent_body, or say not_required.",
        ),
    ),
    Reason.REASON_MATERIAL_NOT_TOLERABLE: (
        ("这是主要材料，不能容缺后补[：{material}]。", "请随申请一并提交；只有次要材料可以承诺后补。"),
        (
            "This is a main material and cannot follow later[: {material}].",
            "Hand it in with the rest; only secondary materials may be promised.",
        ),
    ),
    Reason.REASON_PLEDGE_NOT_ALLOWED: (
        ("这一事项不适用告知承诺[；适用的有：{known}]。", "请去掉这一承诺，按一般程序提交。"),
        (
            "This item cannot be granted on a pledge[; it can be for: {known}].",
            "Leave the pledge out and hand in what the guide asks.",
        ),
    ),
    Reason.REASON_TRIP_CAUSE_MISSING: (
        (
            "从第二次跑动起，须写明原因的类别（cause）[；此前已有 {visits} 次]。",
            "请补充类别；第二次跑动会作为问题记录。",
        ),
        (
            "From the second trip on its cause is needed[; there were {visits} before].",
            "Say which cause it was; a second trip is recorded as a breach of “once at most”.",
        ),
    ),
    Reason.REASON_MATTER_NOT_COMPLETED: (
        ("该办件尚未办结[（{status}）]，没有可以送达的结果。", "请等办结后再送达（onematter progress）。"),
        (
            "The matter is not completed yet[ ({status})], so there is no result to deliver.",
            "Wait until it is; `onematter progress` tells.",
        ),
    ),
    Reason.REASON_MATTER_DELIVERED: (
        ("结果已经送达。", "无需再次送达；可用 onematter progress 查看。"),
        ("The result was delivered already.", "Nothing is left to do; see `onematter progress`."),
    ),
    Reason.REASON_DELIVERY_WAY_NOT_OFFERED: (
        ("这件事不提供这一送达方式[；可选：{offered}]。", "请改选送达方式。"),
        ("The result is not delivered in this way[; offered: {offered}].", "Choose another way of delivery."),
    ),
    Reason.REASON_CREDIT_BARRED: (
        (
            "有尚未修复的失信记录，不适用容缺受理和告知承诺。",
            "请提交全部材料，按一般程序办理；信用修复后可以再次承诺。",
        ),
        (
            "A credit record that is not repaired bars promises and pledges.",
            "Hand in every material; a promise is possible again when the record is repaired.",
        ),
    ),
    Reason.REASON_CROSS_REGION_NOT_OFFERED: (
        ("这件事不能这样跨省办理[；可选：{offered}]。", "请去掉 cross_region 并在办理地提交，或改选所提供的方式。"),
        (
            "The matter is not shared between regions in this way[; offered: {offered}].",
            "Leave cross_region out and hand it in where it is handled, or choose a mode that is offered.",
        ),
    ),
}
