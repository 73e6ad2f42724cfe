"""The texts of notices: complete in every language, and never without an answer."""

from __future__ import annotations

import pytest

from onematter.notification import core, texts
from onematter.notification.v1.notification_events_pb2 import Notice, NoticeKind

PARAMETERS = {"matter_name": "N", "matter_id": "I", "item_name": "T", "item_count": "7", "missed_items": "M"}


@pytest.mark.parametrize("language", core.LANGUAGES)
@pytest.mark.parametrize("template", sorted(texts.TEMPLATES["zh-CN"]))
def test_every_template_is_rendered_whole(language: str, template: str):
    notice = Notice(language=language, matter_number="2026", parameters={**PARAMETERS, "template": template})
    subject, body = texts.render(notice)
    assert "N" in subject
    assert "2026" in body
    assert "I" in body
    assert "{" not in subject + body


def test_languages_have_the_same_templates():
    assert texts.TEMPLATES.keys() == set(core.LANGUAGES)
    assert texts.TEMPLATES["en"].keys() == texts.TEMPLATES["zh-CN"].keys()


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        (NoticeKind.NOTICE_KIND_ACCEPTED, "受理通知:N"),
        (NoticeKind.NOTICE_KIND_PROGRESS, "进度告知:N"),
        (NoticeKind.NOTICE_KIND_RESULT, "结果告知:N"),
    ],
)
def test_unknown_template_and_language_are_told_by_kind(kind: NoticeKind, subject: str):
    notice = Notice(language="xx", kind=kind, parameters={"template": "of_a_newer_version", "matter_name": "N"})
    assert texts.render(notice).subject == subject


def test_braces_in_a_name_are_only_text():
    notice = Notice(language="en", parameters={"template": "matter_granted", "matter_name": "{matter_id.x}"})
    assert texts.render(notice).subject == "Result: {matter_id.x}"
