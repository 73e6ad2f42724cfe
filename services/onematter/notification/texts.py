"""What notices say: subject and body, by language and template. Pure.

Rule 1: a text has no personal data; whom it addresses stands beside it.
Rule 2: a template that this version does not know, of a notice planned by a newer one, is told by its kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from onematter.notification.core import DEFAULT_LANGUAGE
from onematter.notification.v1.notification_events_pb2 import Notice, NoticeKind


class Text(NamedTuple):
    """A text, as a template or rendered."""

    subject: str
    body: str


_ZH_END = "办件编号:{matter_number};查询号:{matter_id}。"
_EN_END = " Matter number: {matter_number}; to follow it: {matter_id}."

_ZH: Mapping[str, Text] = {
    "matter_accepted": Text(
        "受理通知:{matter_name}",
        "您提交的“{matter_name}”已受理,共{item_count}个事项,由各部门同时办理,您无需再跑。" + _ZH_END,
    ),
    "item_granted": Text(
        "进度告知:{matter_name}", "“{matter_name}”中的事项“{item_name}”已准予,其余事项继续办理。" + _ZH_END
    ),
    "item_denied": Text(
        "进度告知:{matter_name}", "“{matter_name}”中的事项“{item_name}”不予批准,理由见办理结果。" + _ZH_END
    ),
    "matter_withdrawn": Text(
        "进度告知:{matter_name}", "您的撤回申请已收到,“{matter_name}”停止办理,正在收回各事项。" + _ZH_END
    ),
    "matter_granted": Text("结果告知:{matter_name}", "您办理的“{matter_name}”已办结,全部事项准予。" + _ZH_END),
    "matter_partly_denied": Text(
        "结果告知:{matter_name}", "您办理的“{matter_name}”已办结,部分事项准予。未准予:{missed_items}。" + _ZH_END
    ),
    "matter_denied": Text(
        "结果告知:{matter_name}", "您办理的“{matter_name}”已办结,未获准予:{missed_items}。" + _ZH_END
    ),
    "matter_closed_withdrawn": Text("结果告知:{matter_name}", "“{matter_name}”已按您的申请撤回并办结。" + _ZH_END),
    "matter_closed": Text("结果告知:{matter_name}", "您办理的“{matter_name}”已办结。" + _ZH_END),
    "matter_progress": Text("进度告知:{matter_name}", "您办理的“{matter_name}”有新的进展。" + _ZH_END),
}

_EN: Mapping[str, Text] = {
    "matter_accepted": Text(
        "Accepted: {matter_name}",
        "Your matter “{matter_name}” is accepted. Its items ({item_count}) are handled by all departments at the same "
        "time; you need not come again." + _EN_END,
    ),
    "item_granted": Text(
        "Progress: {matter_name}",
        "Item “{item_name}” of “{matter_name}” is granted; the other items go on." + _EN_END,
    ),
    "item_denied": Text(
        "Progress: {matter_name}",
        "Item “{item_name}” of “{matter_name}” is denied; the reasons stand in the result." + _EN_END,
    ),
    "matter_withdrawn": Text(
        "Progress: {matter_name}",
        "Your withdrawal has arrived; “{matter_name}” is stopped and its items are called back." + _EN_END,
    ),
    "matter_granted": Text(
        "Result: {matter_name}", "Your matter “{matter_name}” is concluded; every item is granted." + _EN_END
    ),
    "matter_partly_denied": Text(
        "Result: {matter_name}",
        "Your matter “{matter_name}” is concluded; some items are granted. Not granted: {missed_items}." + _EN_END,
    ),
    "matter_denied": Text(
        "Result: {matter_name}",
        "Your matter “{matter_name}” is concluded; nothing is granted. Not granted: {missed_items}." + _EN_END,
    ),
    "matter_closed_withdrawn": Text(
        "Result: {matter_name}", "“{matter_name}” is withdrawn as you asked, and concluded." + _EN_END
    ),
    "matter_closed": Text("Result: {matter_name}", "Your matter “{matter_name}” is concluded." + _EN_END),
    "matter_progress": Text("Progress: {matter_name}", "There is news of your matter “{matter_name}”." + _EN_END),
}

TEMPLATES: Mapping[str, Mapping[str, Text]] = {DEFAULT_LANGUAGE: _ZH, "en": _EN}

_BY_KIND = {
    NoticeKind.NOTICE_KIND_ACCEPTED: "matter_accepted",
    NoticeKind.NOTICE_KIND_RESULT: "matter_closed",
}


class _Parameters(dict[str, str]):
    """An absent parameter reads as nothing: a notice with a blank in it is better than none."""

    def __missing__(self, key: str) -> str:
        return ""


def render(notice: Notice) -> Text:
    """Return the notice's subject and body in its language, in zh-CN when there is no text in its own."""
    templates = TEMPLATES.get(notice.language) or TEMPLATES[DEFAULT_LANGUAGE]
    given = notice.parameters
    # A third faster than to let the map be copied as a mapping.
    parameters = _Parameters({name: given[name] for name in given})
    template = templates.get(parameters["template"])
    if template is None:
        template = templates[_BY_KIND.get(notice.kind, "matter_progress")]
    parameters["matter_number"] = notice.matter_number
    return Text(template.subject.format_map(parameters), template.body.format_map(parameters))
