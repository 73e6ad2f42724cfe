"""What notices say: subject and body, by language and template. Pure.

Rule 1: a text has no personal data of its own; whom it addresses stands beside it.
Rule 2: a template that this version does not know, of a notice planned by a newer one, is told by its kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from onematter.notification import wording_en, wording_zh
from onematter.notification.v1.notification_events_pb2 import Notice, NoticeKind
from onematter.notification.voice import DEFAULT_LANGUAGE, Given, Template


class Text(NamedTuple):
    """What is sent."""

    subject: str
    body: str


class TextTemplate(NamedTuple):
    """What it is made from."""

    subject: Template
    body: Template


def _templates(texts: Mapping[str, tuple[str, str]], end: str) -> Mapping[str, TextTemplate]:
    return {name: TextTemplate(Template(subject), Template(body + end)) for name, (subject, body) in texts.items()}


TEMPLATES: Mapping[str, Mapping[str, TextTemplate]] = {
    DEFAULT_LANGUAGE: _templates(wording_zh.TEXTS, wording_zh.END),
    "en": _templates(wording_en.TEXTS, wording_en.END),
}

_BY_KIND = {
    NoticeKind.NOTICE_KIND_ACCEPTED: "matter_accepted",
    NoticeKind.NOTICE_KIND_RESULT: "matter_closed",
}


def render(notice: Notice) -> Text:
    """Return the notice's subject and body in its language, in zh-CN when there is no text in its own."""
    templates = TEMPLATES.get(notice.language) or TEMPLATES[DEFAULT_LANGUAGE]
    given = notice.parameters
    # A third faster than to let the map be copied as a mapping.
    parameters = Given({name: given[name] for name in given})
    template = templates.get(parameters["template"])
    if template is None:
        template = templates[_BY_KIND.get(notice.kind, "matter_progress")]
    parameters["matter_number"] = notice.matter_number
    return Text(template.subject.fill(parameters), template.body.fill(parameters))
