"""The words of refusals: by reason, the rule that was broken and the way out, in zh-CN and en.

Rule 1: a text stands whole without any parameter: what needs one stands in square brackets, and is left out without it.
Rule 2: the rule cites the article it rests on where the law has one; the way out says who does what next.
"""

from __future__ import annotations

from onematter.common.v1.outcome_pb2 import Reason
from onematter.contracts.reason_texts_handling import HANDLING_TEXTS, Texts
from onematter.contracts.reason_texts_operating import OPERATING_TEXTS

# What the parameter `rule` of a malformed fact, material or field says; the text is put in its place.
RULES: dict[str, tuple[str, str]] = {
    "kind": ("类型应为[ {expected}]", "it must be of the kind[ {expected}]"),
    "applicant": ("须有一位申请人", "one party must be the applicant"),
    "channel": ("应为受理渠道之一", "it must be a channel"),
    "derived": (
        "应由 principal 和 request_id 导出，或留空",
        "it must be derived from principal and request_id, or empty",
    ),
    "identifier_kind": ("应为证件类型之一", "it must be a kind of identifier"),
    "party_id": ("没有这一当事人", "no party has this party_id"),
    "role": ("应为当事人角色之一", "it must be a role of a party"),
    "served": ("该地尚未开通", "nobody serves the division here"),
    "length": (
        "过长[：最多 {limit} 个字符（列表为值的个数）]",
        "it is too long[: at most {limit} characters, of a list values]",
    ),
    "choices": ("应为下列之一[：{allowed}]", "it must be one of[: {allowed}]"),
    "pattern": ("格式应符合[ {pattern}]", "it must match[ {pattern}]"),
    "minimum": ("不得小于[ {minimum}]", "it must be at least[ {minimum}]"),
    "finite": ("应为有限的数", "it must be a finite number"),
    "distinct": ("同一个值只能出现一次", "no value may stand twice"),
    "unknown": ("目录中没有这一项[；可用的有：{known}]", "the catalogue has no such fact[; it has: {known}]"),
    "division": (
        "应为[{level}或其下级的]行政区划代码",
        "it must be the code of [{level} or of ]a division below it",
    ),
    "digest": (
        "摘要应为 SHA-256[，共 {digest_bytes} 字节]",
        "its digest must be SHA-256[, {digest_bytes} bytes]",
    ),
    "empty": ("材料是空的", "it is empty"),
    "media_type": ("文件类型应为[ {allowed}]", "its media type must be one of[: {allowed}]"),
    "PersonalData": ("应为 PersonalData 消息", "it must be a PersonalData message"),
    "another province": ("收件地应在另一省", "it must be taken in another province than it is handled in"),
    "cause": ("应为跑动原因之一", "it must be a cause of a trip"),
    "conditional_only": ("只有附条件同意才写条件", "only a conditional consent has conditions"),
    "cross_region": ("应为跨省通办的方式之一", "it must be a mode of handling across regions"),
    "day": ("应为日期，如 2026-11-23", "it must be a day, as 2026-11-23"),
    "delivery": ("应为送达方式之一", "it must be a way of delivery"),
    "department": ("没有这一部门代码", "the catalogue has no department with this code"),
    "either competent_body or not_required": (
        "有权机关和不需要许可只能写明其一",
        "name the competent body or say that nobody is, not both",
    ),
    "grant_only": ("只有准予才写此项", "only a grant has it"),
    "hand in with SubmitMatter": ("请改用 SubmitMatter 提交", "hand in with SubmitMatter"),
    "next_page_token of the page before": (
        "应为上一页返回的 next_page_token",
        "it must be the next_page_token of the page before",
    ),
    "no NUL character": ("不得含有空字符（NUL）", "it must have no NUL character"),
    "not_future": ("不得晚于今天", "the day must not be later than today"),
    "not_past": ("不得早于[ {earliest}]", "the day must not be earlier than[ {earliest}]"),
    "visit_passed": (
        "现场勘验已经通过，无需再次勘验",
        "a site visit was passed already, and does for all items of its group",
    ),
    "way": ("应为送达方式之一", "it must be a way of delivery"),
    "years 1970 to 9999": ("应在 1970 年至 9999 年之间", "it must lie in the years 1970 to 9999"),
}

# The same of an identifier that is wrong (law.identifiers).
IDENTIFIER_RULES: dict[str, tuple[str, str]] = {
    "length": ("位数不对", "its length"),
    "characters": ("有不允许的字符", "its characters"),
    "birth_date": ("其中的出生日期不存在", "its date of birth"),
    "date": ("其中的日期不存在", "its date"),
    "division": ("其中的行政区划代码不存在", "its division code"),
    "check_digit": ("校验码不符", "its check digit"),
    "check_character": ("校验码不符", "its check character"),
}

_RESUBMIT_ZH = "请改正后以新的 request_id 重新提交。"
_RESUBMIT_EN = "Correct it and hand in again with a new request_id."
_RENEW_ZH = "请改正后以新的 request_id 再次发送。"
_RENEW_EN = "Correct it and send it again with a new request_id."

TEXTS: dict[int, Texts] = {
    Reason.REASON_UNSPECIFIED: (
        ("请求被拒绝，原因代码不为本版本所知。", "请升级客户端后再看，或凭办件编号询问受理窗口。"),
        (
            "The request was refused for a reason that this version does not know.",
            "Upgrade the client, or ask the window with the matter's number.",
        ),
    ),
    Reason.REASON_FIELD_MISSING: (
        ("此项必须填写[：{rule}]。", "请填写此项，以新的 request_id 再次发送。"),
        ("This field is required[: {rule}].", "Fill it in and send it again with a new request_id."),
    ),
    Reason.REASON_FIELD_MALFORMED: (
        ("此项不合规定[：{rule}][；可用的有：{allowed}]。", _RENEW_ZH),
        ("This field is malformed[: {rule}][; allowed: {allowed}].", _RENEW_EN),
    ),
    Reason.REASON_FIELD_TOO_LONG: (
        (
            "此项过长[：最多 {limit} 个字符（列表为项数）]。",
            _RENEW_ZH,
        ),
        (
            "This field is too long[: at most {limit} characters, of a list entries].",
            "Shorten it and send it again with a new request_id.",
        ),
    ),
    Reason.REASON_REQUEST_ID_REUSED: (
        (
            "同一 request_id 已用于内容不同的请求。",
            "内容不同的请求请换用新的 request_id；重发原请求须逐字节相同。",
        ),
        (
            "This request_id already stands for a request with another content.",
            "Use a new request_id for a new content; a repeated request must be the same byte for byte.",
        ),
    ),
    Reason.REASON_MATTER_UNKNOWN: (
        ("没有这一办件。", "请核对办件标识（32 位十六进制，提交时返回）。"),
        (
            "There is no such matter.",
            "Check the matter's id: the 32 hexadecimal digits that handing in gave.",
        ),
    ),
    Reason.REASON_MATTER_CONCLUDED: (
        ("该办件已经办结，不能再变更。", "如有新的请求，请另行提交一件事。"),
        (
            "The matter is concluded and cannot change any more.",
            "Hand in a new matter for what is still wanted.",
        ),
    ),
    Reason.REASON_MATTER_TYPE_UNKNOWN: (
        ("事项目录中没有这一件事。", "请用 onematter catalogue 查看可以办理的一件事。"),
        ("The catalogue has no such matter.", "See `onematter catalogue` for what can be handed in."),
    ),
    Reason.REASON_MATTER_NOT_IN_FORCE: (
        (
            "这一件事目前没有生效的版本[，下一版本自 {begins} 起生效]。",
            "请用 onematter catalogue 查看可以办理的一件事。",
        ),
        (
            "No version of this matter is in force[; the next one begins on {begins}].",
            "See `onematter catalogue` for what can be handed in.",
        ),
    ),
    Reason.REASON_NOT_THE_APPLICANT: (
        ("只有提交人可以这样做。", "请由提交该办件的主体（principal）提出。"),
        (
            "Only the principal who handed in the matter may do this.",
            "Let that principal ask for it.",
        ),
    ),
    Reason.REASON_IDENTIFIER_INVALID: (
        (
            "证件号码不正确[：{rule}]：公民身份号码按 GB 11643 校验，统一社会信用代码按 GB 32100 校验。",
            "请核对证件上的号码。" + _RESUBMIT_ZH,
        ),
        (
            "The identifier is wrong[: {rule}]; an ID card number is checked by GB 11643, a unified social credit"
            " code by GB 32100.",
            "Compare it with the document. " + _RESUBMIT_EN,
        ),
    ),
    Reason.REASON_SEALED_KEY_UNKNOWN: (
        ("个人信息所用的加密密钥不为系统所知，或无法解开。", "请用受理服务现行公布的公钥重新加密后提交。"),
        (
            "The personal data are sealed to a key that is not known here, or cannot be opened.",
            "Seal them to the key that intake publishes now, and hand in again.",
        ),
    ),
    Reason.REASON_FACT_MISSING: (
        ("缺少必须回答的情形[（类型：{kind}）]。", "请补充这一情形。" + _RESUBMIT_ZH),
        ("A fact that the catalogue asks for is missing[ (kind: {kind})].", "Add it. " + _RESUBMIT_EN),
    ),
    Reason.REASON_FACT_MALFORMED: (
        ("情形的回答不合规定[：{rule}]。", _RESUBMIT_ZH),
        ("This fact is malformed[: {rule}].", _RESUBMIT_EN),
    ),
    Reason.REASON_MATERIAL_MISSING: (
        (
            "缺少必须提交的材料[；可用的文件类型：{media_types}][；每份最大 {max_bytes}]。",
            "请补充这一材料。" + _RENEW_ZH,
        ),
        (
            "A required material is missing[; media types: {media_types}][; at most {max_bytes}].",
            "Add the material. " + _RENEW_EN,
        ),
    ),
    Reason.REASON_MATERIAL_UNKNOWN: (
        (
            "[事项 {item} ]不需要这一材料[；可以写的材料代码：{known}]。",
            "请去掉它，或改用目录中的材料代码（onematter catalogue 代码）。" + _RENEW_ZH,
        ),
        (
            "[Item {item}: ]no such material is needed[; it may be: {known}].",
            "Leave it out, or use the catalogue's id (`onematter catalogue CODE`). " + _RENEW_EN,
        ),
    ),
    Reason.REASON_MATERIAL_OVERSIZED: (
        ("材料过大[：最大 {max_bytes}]。", "请压缩或分拆材料。" + _RENEW_ZH),
        ("The material is too large[: at most {max_bytes}].", "Make it smaller. " + _RENEW_EN),
    ),
    Reason.REASON_MATERIAL_MALFORMED: (
        ("材料不合规定[：{rule}]。", _RENEW_ZH),
        ("The material is malformed[: {rule}].", _RENEW_EN),
    ),
    Reason.REASON_MATERIAL_DUPLICATE: (
        ("同一材料提交了不止一份。", "每种材料只交一份。" + _RENEW_ZH),
        ("The same material stands there more than once.", "Give each material once. " + _RENEW_EN),
    ),
    Reason.REASON_SITUATION_NOT_APPLICABLE: (
        ("按所述情形，[{matter} ]没有需要办理的事项。", "请核对所答的情形；若无误，则无需办理。"),
        (
            "In the situation described[, {matter},] nothing needs to be approved.",
            "Check the facts; if they are right, there is nothing to hand in.",
        ),
    ),
    Reason.REASON_DIVISION_UNKNOWN: (
        (
            "行政区划代码不正确，或该地尚未开通[：{rule}]。",
            "请填 6 位（省、市、县）、9 位（镇街）或 12 位（村社）代码，如 330106。" + _RESUBMIT_ZH,
        ),
        (
            "The division code is wrong, or the division is not served here[: {rule}].",
            "Give 6 digits (province, city, county), 9 (town) or 12 (village), as 330106. " + _RESUBMIT_EN,
        ),
    ),
    Reason.REASON_TASK_UNKNOWN: (
        ("此处没有这一办件事项。", "请核对事项编号，并确认由哪一级办理（onematter progress）。"),
        (
            "There is no such task here.",
            "Check the item's id, and which level has it, with `onematter progress`.",
        ),
    ),
    Reason.REASON_TASK_DECIDED: (
        ("该事项已经作出决定。", "决定不能重复作出；可用 onematter progress 查看结果。"),
        ("The task is decided already.", "Nothing is left to do; see `onematter progress` for its result."),
    ),
    Reason.REASON_TASK_WITHDRAWN: (
        ("申请人已撤回，该事项已终止。", "无需再办。"),
        ("The matter was withdrawn and the task called back.", "Nothing is left to do."),
    ),
    Reason.REASON_TASK_CLAIMED_BY_ANOTHER: (
        ("该事项已由他人签收。", "请由签收人办理，或由其撤销签收。"),
        ("Another official has claimed the task.", "Let that official act, or release it (`onematter release`)."),
    ),
    Reason.REASON_WRONG_DEPARTMENT: (
        ("该事项不由此部门办理[；主管部门：{competent}]。", "请由主管部门办理。"),
        (
            "Another department is competent[: {competent}].",
            "Let that department act, or correct the actor's department.",
        ),
    ),
    Reason.REASON_WRONG_LEVEL: (
        ("该事项不由此层级办理[；应由{competent}办理]。", "请由有权的层级办理，或改正所写的层级、行政区划。"),
        (
            "Another level is competent[: {competent}].",
            "Let that level act, or correct the level or division that was given.",
        ),
    ),
    Reason.REASON_WRONG_DIVISION: (
        ("该事项不由此地办理[；办理地：{competent}]。", "请由办理地的部门办理。"),
        (
            "Another division is competent[: {competent}].",
            "Let that division act, or correct the actor's division.",
        ),
    ),
    Reason.REASON_OPINION_MISSING: (
        ("作出决定必须写明意见（理由）。", "请写明意见，以新的 request_id 再次发送。"),
        ("A decision needs an opinion.", "State it and send it again with a new request_id."),
    ),
    Reason.REASON_ROLE_NOT_ALLOWED: (
        ("此角色不能这样做[；可由：{allowed}]。", "请由有权的角色提出。"),
        ("This role may not do that[; allowed: {allowed}].", "Let a role that may do it ask."),
    ),
    Reason.REASON_COMMAND_ON_WRONG_TOPIC: (
        (
            "该命令不应写到这一主题（topic）[；应写到 {topic}][；应写到 {expected}]。",
            "请以新的 request_id 写到正确的主题。",
        ),
        (
            "The command does not belong on this topic[; its topic is {topic}][; its topic is {expected}].",
            "Write it to the right topic with a new request_id.",
        ),
    ),
    Reason.REASON_COMMAND_TOO_LARGE: (
        ("该请求过大[：最大 {max_bytes}]。", "请减少内容；材料内容应另行上传，只在请求中写摘要。"),
        (
            "The request is too large[: at most {max_bytes}].",
            "Make it smaller; contents of materials are uploaded apart, and the request names their digests.",
        ),
    ),
    **HANDLING_TEXTS,
    **OPERATING_TEXTS,
}
