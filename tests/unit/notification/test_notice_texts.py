"""The texts of notices: complete in every language, and never without an answer."""

from __future__ import annotations

import re

import pytest

from onematter.notification import texts, wording_en, wording_zh
from onematter.notification.v1.notification_events_pb2 import Notice, NoticeKind
from onematter.notification.voice import LANGUAGES, Template

PARAMETERS = {"matter_name": "N", "matter_id": "I", "item_name": "T", "item_count": "7", "missed_items": "M"}
PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", sorted(texts.TEMPLATES["zh-CN"]))
def test_every_template_is_rendered_whole(language: str, template: str):
    notice = Notice(language=language, matter_number="2026", parameters={**PARAMETERS, "template": template})
    subject, body = texts.render(notice)
    assert "N" in subject
    assert "2026" in body
    assert "I" in body
    assert not set("{}[]") & set(subject + body)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", sorted(texts.TEMPLATES["zh-CN"]))
def test_every_clause_is_rendered_when_all_is_given(language: str, template: str):
    pair = texts.TEMPLATES[language][template]
    given = {name: f"<{name}>" for name in PLACEHOLDER.findall(pair.subject.text + pair.body.text)}
    given.pop("matter_number")
    notice = Notice(language=language, matter_number="2026", parameters={**given, "template": template})
    _, body = texts.render(notice)
    for name in set(PLACEHOLDER.findall(pair.body.text)) - {"matter_number"}:
        assert f"<{name}>" in body
    assert not set("{}[]") & set(body)
    chinese = re.search(r"[一-鿿]", body) is not None
    assert chinese == (language == "zh-CN")


def test_languages_have_the_same_templates_with_the_same_parameters():
    assert texts.TEMPLATES.keys() == set(LANGUAGES)
    assert texts.TEMPLATES["en"].keys() == texts.TEMPLATES["zh-CN"].keys()
    for template, chinese in texts.TEMPLATES["zh-CN"].items():
        english = texts.TEMPLATES["en"][template]
        assert set(PLACEHOLDER.findall(chinese.body.text)) == set(PLACEHOLDER.findall(english.body.text)), template


def test_languages_have_the_same_phrases_with_the_same_parameters():
    assert wording_en.PHRASES.keys() == wording_zh.PHRASES.keys()
    for name, chinese in wording_zh.PHRASES.items():
        assert set(PLACEHOLDER.findall(chinese)) == set(PLACEHOLDER.findall(wording_en.PHRASES[name])), name


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({}, "a"),
        ({"b": "B"}, "a"),
        ({"b": "B", "c": "C"}, "a b B C"),
        ({"b": "[{c}]", "c": "{b}", "d": "]"}, "a b [{c}] {b}, ]"),
    ],
)
def test_a_clause_stands_when_everything_in_it_is_given(parameters: dict[str, str], text: str):
    assert Template("a[ b {b} {c}][, {d}]").fill(parameters) == text


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        (NoticeKind.NOTICE_KIND_ACCEPTED, "受理通知：N"),
        (NoticeKind.NOTICE_KIND_PROGRESS, "进度告知：N"),
        (NoticeKind.NOTICE_KIND_RESULT, "结果告知：N"),
    ],
)
def test_unknown_template_and_language_are_told_by_kind(kind: NoticeKind, subject: str):
    notice = Notice(language="xx", kind=kind, parameters={"template": "of_a_newer_version", "matter_name": "N"})
    assert texts.render(notice).subject == subject


def test_braces_in_a_name_are_only_text():
    notice = Notice(language="en", parameters={"template": "matter_granted", "matter_name": "{matter_id.x}"})
    assert texts.render(notice).subject == "Result: {matter_id.x}"
