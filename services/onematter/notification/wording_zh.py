"""What notices say in zh-CN: the subject and body of every template, and the phrases that stand inside them.

Rule 1: a clause in square brackets stands only when everything that it names came with the notice.
Rule 2: a notice that refuses, denies or revokes tells the reasons, the articles and the remedy (行政许可法 §38).
"""

from __future__ import annotations

from collections.abc import Mapping

END = "办件编号：{matter_number}；办件标识：{matter_id}。"
_SUPPLY = "补交可在网上、移动端、邮寄或任一窗口办理，无需专程前往。"
_REMEDY = "不服的，可以依法申请行政复议或者提起行政诉讼。"
_OUTSTANDING = "[您承诺后补的材料：{outstanding}，须在所涉事项的承诺时限届满前补齐；逾期未补的，按现有材料作出决定。]"

TEXTS: Mapping[str, tuple[str, str]] = {
    "matter_received": (
        "收件凭证：{matter_name}",
        "您提交的“{matter_name}”及材料已收到[，最迟{acceptance_day}答复是否受理或者一次性告知补正；届时未答复的，"
        "自收到之日起即为受理]。" + _OUTSTANDING,
    ),
    "matter_accepted": (
        "受理通知：{matter_name}",
        "您提交的“{matter_name}”已受理，共{item_count}个事项，由各部门同时办理；还需要您做什么，会另行告知。"
        + _OUTSTANDING,
    ),
    "matter_accepted_by_silence": (
        "受理通知：{matter_name}",
        "您提交的“{matter_name}”五个工作日内未获答复，依照《行政许可法》第32条，"
        "自收到材料之日[（{accepted_day}）]起即为受理，共{item_count}个事项，由各部门同时办理。" + _OUTSTANDING,
    ),
    "correction_asked": (
        "一次性补正告知：{matter_name}",
        "“{matter_name}”需要补正以下材料：{needs}。这是全部需要补正的内容。"
        + _SUPPLY
        + "材料补齐之日起重新计算受理期限。",
    ),
    "item_correction_asked": (
        "一次性补正告知：{matter_name}",
        "“{matter_name}”中的事项“{item_name}”需要补正以下材料：{needs}。这是全部需要补正的内容。"
        + _SUPPLY
        + "补正期间停止计时，其他事项继续办理。",
    ),
    "materials_supplied": (
        "补正材料接收凭证：{matter_name}",
        "“{matter_name}”的材料已收到：{materials}。[还缺：{missing}。][最迟{acceptance_day}答复是否受理。]",
    ),
    "acceptance_refused": (
        "不予受理告知：{matter_name}",
        "“{matter_name}”不予受理。[理由：{reason}。][依据：{basis}。][有权办理的机关：{competent_body}，"
        "请向该机关申请。]" + _REMEDY,
    ),
    "acceptance_refused_not_required": (
        "不予受理告知：{matter_name}",
        "“{matter_name}”依法不需要取得行政许可，不予受理，您可以直接从事相关活动。[理由：{reason}。][依据：{basis}。]"
        + _REMEDY,
    ),
    "supplement_due": (
        "补交材料提醒：{matter_name}",
        "“{matter_name}”中的事项“{item_name}”已开始办理。您承诺后补的材料：{outstanding}[，请于{promised_day}前补齐]；"
        "逾期未补的，按现有材料作出决定。" + _SUPPLY,
    ),
    "item_granted": (
        "进度告知：{matter_name}",
        "“{matter_name}”中的事项“{item_name}”已准予，其余事项继续办理。[结果：{details}。]",
    ),
    "item_denied": (
        "进度告知：{matter_name}",
        "“{matter_name}”中的事项“{item_name}”不予批准。[{details}。][受此影响不再办理：{lapsed}。]",
    ),
    "item_transferred": (
        "进度告知：{matter_name}",
        "“{matter_name}”中的事项“{item_name}”已转由{department}办理[，原因：{reason}]。期限不变，您无需重新提交。",
    ),
    "item_visited": (
        "进度告知：{matter_name}",
        "“{matter_name}”中的事项“{item_name}”已于{visit_day}现场勘验，结果通过。[勘验情况：{finding}。]"
        "[一并适用于：{told_items}，不再另行勘验。]",
    ),
    "item_visited_not_passed": (
        "进度告知：{matter_name}",
        "“{matter_name}”中的事项“{item_name}”已于{visit_day}现场勘验，结果未通过。[勘验情况：{finding}。]"
        "[同时涉及：{told_items}。]",
    ),
    "special_procedure": (
        "特别程序告知：{matter_name}",
        "“{matter_name}”中的事项“{item_name}”依法需要{procedure}[，预计{days}个工作日][，原因：{reason}]。"
        "所需时间不计算在办理期限内（《行政许可法》第45条），其他事项继续办理。",
    ),
    "clock_resumed": (
        "恢复计时告知：{matter_name}",
        "“{matter_name}”中的事项“{item_name}”已恢复计时[，承诺{promised_day}前办结][，法定期限至{legal_day}]。"
        "[办理部门不再要求补正，将按现有材料作出决定：{lifted}。]",
    ),
    "item_extended": (
        "延长期限告知：{matter_name}",
        "“{matter_name}”中的事项“{item_name}”经批准延长{days}个工作日[，延长至{legal_day}]。[理由：{reason}。]"
        "（《行政许可法》第42条）",
    ),
    "deadline_recomputed": (
        "进度告知：{matter_name}",
        "因放假安排公布，“{matter_name}”中的事项“{item_name}”的期限重新计算[，承诺{promised_day}前办结][，"
        "法定期限至{legal_day}]。",
    ),
    "matter_deadlines_recomputed": (
        "进度告知：{matter_name}",
        "因放假安排公布，“{matter_name}”的期限重新计算[，最迟{acceptance_day}答复是否受理][，承诺{promised_day}前办结][，"
        "法定期限至{legal_day}]。",
    ),
    "matter_extended": (
        "延长期限告知：{matter_name}",
        "“{matter_name}”经{rank}批准延长{days}个工作日[，延长至{legal_day}]。[理由：{reason}。]"
        "（《行政许可法》第42条第2款）",
    ),
    "matter_overdue_promised": (
        "进度告知：{matter_name}",
        "“{matter_name}”未能在承诺时限（{deadline_day}）内办结，我们已记录并督促办理。法定期限内仍将作出决定，"
        "您无需做任何事。",
    ),
    "matter_overdue_legal": (
        "进度告知：{matter_name}",
        "“{matter_name}”未能在法定期限（{deadline_day}）内办结，逾期已记录，办理仍在继续。" + _REMEDY,
    ),
    "sharing_failed": (
        "请补交材料：{matter_name}",
        "“{matter_name}”所需的{materials}本应由{department}提供、不向您收取，但{failure}。为不耽误办理，请您补交一次；"
        "此事已记在该部门名下。" + _SUPPLY,
    ),
    "sharing_failed_here": (
        "请补交材料：{matter_name}",
        "“{matter_name}”所需的{materials}由{department}掌握、不应向您收取，但数据共享系统暂时不通。为不耽误办理，请您补交一次。"
        + _SUPPLY,
    ),
    "matter_withdrawn": (
        "进度告知：{matter_name}",
        "您的撤回申请已收到，“{matter_name}”停止办理，正在收回各事项。",
    ),
    "matter_voided": ("作废告知：{matter_name}", "“{matter_name}”已作废，停止办理。[理由：{reason}。]" + _REMEDY),
    "matter_granted": (
        "结果告知：{matter_name}",
        "您办理的“{matter_name}”已办结，全部事项准予。[结果：{grants}。][{delivery}。]",
    ),
    "matter_partly_denied": (
        "结果告知：{matter_name}",
        "您办理的“{matter_name}”已办结，部分事项准予。未准予：{missed_items}。[{denials}。][结果：{grants}。]"
        "[{delivery}。]",
    ),
    "matter_denied": (
        "结果告知：{matter_name}",
        "您办理的“{matter_name}”已办结，未获准予：{missed_items}。[{denials}。]",
    ),
    "matter_closed_withdrawn": (
        "结果告知：{matter_name}",
        "“{matter_name}”已按您的申请撤回并办结。[此前准予：{grants}。]",
    ),
    "matter_closed_voided": ("结果告知：{matter_name}", "“{matter_name}”已作废并办结。[理由：{reason}。]"),
    "matter_closed": ("结果告知：{matter_name}", "您办理的“{matter_name}”已办结。"),
    "matter_delivered": (
        "送达告知：{matter_name}",
        "“{matter_name}”的结果已{way}[，凭证号{reference}]。",
    ),
    "item_revoked": (
        "撤销告知：{matter_name}",
        "“{matter_name}”中按告知承诺准予的事项“{item_name}”，经核查未达到承诺的条件，现予撤销。[核查情况：{finding}。]"
        "[依据：{basis}。]" + _REMEDY,
    ),
    "item_revoked_recorded": (
        "撤销告知：{matter_name}",
        "“{matter_name}”中按告知承诺准予的事项“{item_name}”，经核查未达到承诺的条件，现予撤销，并记入信用记录。"
        "[核查情况：{finding}。][依据：{basis}。]信用记录可以依法申请修复。" + _REMEDY,
    ),
    "matter_progress": ("进度告知：{matter_name}", "您办理的“{matter_name}”有新的进展。"),
}

PHRASES: Mapping[str, str] = {
    "list": "、",
    "clauses": "；",
    "need": "{material}[（{reason}）][（此前未能发现的原因：{because}）]",
    "document": "{name}（编号{number}，{issuer}[，自{valid_from}][至{valid_until}]）",
    "conditions": "条件：{conditions}",
    "supervisor": "由{supervisor}负责后续监管",
    "pledged": "按告知承诺准予，将进行核查",
    "reasons": "理由：{reasons}",
    "basis": "依据：{basis}",
    "remedy": "不服的，可以自收到决定之日起{days}日内申请行政复议，或者{months}个月内提起行政诉讼",
    "of_item": "“{item_name}”：{details}",
    "post": "结果将邮寄给您[，最迟{delivery_day}送达]",
    "counter": "请到您选择的窗口领取结果[，最迟{delivery_day}备妥]",
    "delivered_e_certificate": "以电子证照送达",
    "delivered_post": "邮寄送达",
    "delivered_counter": "由您在窗口领取",
    "hearing": "听证",
    "tender": "招标",
    "auction": "拍卖",
    "inspection": "检验",
    "testing": "检测",
    "quarantine": "检疫",
    "appraisal": "鉴定",
    "expert_review": "专家评审",
    "special": "进行特别程序",
    "refused": "该部门未予提供",
    "not_found": "该部门没有查到",
    "timed_out": "该部门未在时限内提供",
    "away": "该部门的系统暂时无法访问",
    "failed": "该部门未能提供",
    "staff": "经办人",
    "section_head": "科（处）室负责人",
    "department_head": "本行政机关负责人",
    "government_head": "本级人民政府负责人",
    "approver": "有权机关",
}
