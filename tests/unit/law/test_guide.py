"""The guide says what the record says, in every situation, and nothing that is not known.

The files under golden/ are whole guides to look at; `ONEMATTER_GOLDEN=write` writes them again.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tests.unit.law.documents import catalogue, flag, item, material, matter, names, question, when

from onematter.backbone.catalogue_files import load_catalogue
from onematter.law.answers import read_answers
from onematter.law.catalogue import MatterType
from onematter.law.guide import Guide, guide
from onematter.law.guide_html import as_html
from onematter.law.guide_json import as_document
from onematter.law.guide_text import as_text
from onematter.law.reading import ITEM_GROUPS
from onematter.law.rules import FactValue

GOLDEN = Path(__file__).parent / "golden"
SHIPPED = load_catalogue()
PROJECT = {
    "project_name": "a factory",
    "investment_cny": "100000000",
    "site_area_m2": "20000",
    "industry": "equipment",
    "uses_forest_land": "yes",
}

SHOP = matter(
    item("01", produces_certificates=["licence"], when=when("!facts.has_licence", "no licence yet"), legal_days=20,
         promised_days=5, materials=["form"], basis=[{"law": "roads", "article": 3, "paragraph": 2}]),
    item("02", needs_certificates=["licence"], produces_certificates=["permit"], level="CITY", legal_days=14,
         clock_kind="calendar", joint_visit_group="visit", materials=["card"]),
    item("03", optional=True, when=when("facts.wants_sign", "a sign is wanted"), needs_certificates=["licence"],
         joint_visit_group="visit", materials=["drawing"]),
    item("04", depends_on=["02"], promised_days=1, fee=names("10 yuan"), online_depth="whole",
         code={"scheme": "opaque", "text": "X-4"}, evidence={"code": "illustrative", "time": "sourced: a plan"}),
    evidence=dict.fromkeys(("matter", "facts", "materials", *ITEM_GROUPS), "sourced: a plan"),
    facts=[flag("has_licence"), flag("wants_sign"), question("shop_name", "text", required=False)],
    materials=[
        material("form"),
        material("card", share_source="registry", trust_class="A"),
        material("drawing", trust_class="C", media_types=["image/png", "text/plain"], max_bytes=2_048),
        material("licence_copy", certificate="licence", tolerant=True),
    ],
)  # fmt: skip


def made(matter_type: MatterType = SHOP, **facts: FactValue) -> Guide:
    return guide(catalogue(matter_type), matter_type, facts)


def test_the_guide_to_the_whole_matter_says_in_which_situation_an_item_applies() -> None:
    whole = made()
    assert [[step.item_id for step in stage] for stage in whole.stages] == [["01"], ["02", "03"], ["04"]]
    first, second, third, fourth = whole.steps
    assert (first.is_certain, first.when) == (False, names("no licence yet"))
    assert (second.is_certain, second.after, second.visits_with) == (True, ("01",), ("03",))
    assert (third.is_certain, third.is_optional) == (False, True)
    assert (fourth.after, fourth.fee, fourth.online_depth) == (("02",), names("10 yuan"), "whole")
    assert [(question.key, question.decides) for question in whole.questions] == [
        ("has_licence", True),
        ("wants_sign", True),
        ("shop_name", False),
    ]


def test_with_all_answers_it_is_the_plan_of_the_situation() -> None:
    told = made(has_licence=True, wants_sign=False)
    assert [[step.item_id for step in stage] for stage in told.stages] == [["02"], ["04"]]
    assert all(step.is_certain and step.when is None for step in told.steps)
    assert [(one.key, one.value["en"]) for one in told.answers] == [("has_licence", "yes"), ("wants_sign", "no")]
    assert [question.key for question in told.questions] == ["shop_name"]


def test_what_is_brought_and_what_is_not_asked_follows_the_situation() -> None:
    whole = made()
    assert [(one.material_id, one.due, one.is_certain) for one in whole.brought] == [
        ("form", "asked", False),
        ("drawing", "asked", False),
        ("licence_copy", "later", False),
    ]
    assert [(one.names["en"], one.by, one.is_certain) for one in whole.held] == [
        ("card", "shared", True),
        ("licence", "produced", False),
    ]
    without = made(has_licence=False, wants_sign=True)
    assert [(one.material_id, one.is_certain) for one in without.brought] == [("form", True), ("drawing", True)]
    assert [(one.names["en"], one.maker_ids, one.is_certain) for one in without.held] == [
        ("card", (), True),
        ("licence", ("01",), True),
    ]
    assert [one.material_id for one in without.visits] == ["drawing"]
    assert made(has_licence=True, wants_sign=False).visits == ()


def test_the_critical_path_counts_working_days_and_says_what_it_leaves_out() -> None:
    whole = made()
    # 14 calendar days are the working days of two weeks.
    assert (whole.promised.least_days, whole.promised.most_days) == (11, 16)
    assert whole.promised.item_ids == ("01", "02", "04")
    assert whole.promised.unknown == ("03",)
    assert whole.promised.is_converted
    assert (whole.legal.least_days, whole.legal.most_days, whole.legal.unknown) == (10, 30, ("03", "04"))
    assert made(has_licence=True, wants_sign=False).promised.least_days == 11


def test_a_certificate_of_alternatives_is_certain_though_none_of_them_is() -> None:
    ways = matter(
        item("01", alternative_group="way", when=when("facts.a"), produces_certificates=["permit"]),
        item("02", alternative_group="way", when=when("!facts.a"), produces_certificates=["permit"]),
        item("03", needs_certificates=["permit"]),
        facts=[flag("a")],
    )
    (held,) = made(ways).held
    assert (held.is_certain, held.maker_ids) == (True, ("01", "02"))
    text = as_text(made(ways), "en")
    assert "made on the way: 01 item 01 or 02 item 02" in text
    assert "after 01 or 02" in text
    assert "one of this and 02" in text


def test_a_follow_up_question_says_when_it_is_asked_until_that_is_known() -> None:
    follow = matter(
        item("01"),
        item("02", when=when("has(facts.b) && facts.b")),
        facts=[flag("a"), flag("b", when=when("facts.a", "a is so"))],
    )
    assert [one.when for one in made(follow).questions] == [None, names("a is so")]
    assert [(one.key, one.when) for one in made(follow, a=True).questions] == [("b", None)]
    assert made(follow, a=False).questions == ()
    assert [step.item_id for step in made(follow, a=False).steps] == ["01"]


def test_what_is_not_known_is_not_shown() -> None:
    plain = matter(item("01"))
    for language in ("zh-CN", "en"):
        shown = as_text(made(plain), language) + as_html(made(plain), language)
        for word in ("收费", "fee:", "None", "null", "法定 ", "by law ", "事项编码", "item code:"):
            assert word not in shown
    step = as_document(made(plain))["stages"][0][0]
    assert not {"fee", "legal_days", "promised_days", "code", "online_depth", "when", "each", "by_rule"} & step.keys()


def test_an_illustrative_value_is_marked_where_it_stands() -> None:
    text = as_text(made(), "en")
    assert "item code: X-4 (illustrative)" in text
    assert "promised 1 working day\n" in text
    assert "Illustrative:" not in text
    assert "Do not act on it." in as_text(made(replace(SHOP, illustrative=True)), "en")


def test_a_situation_in_which_nothing_applies_has_a_guide_too() -> None:
    only = matter(item("01", when=when("facts.a")), facts=[flag("a")])
    assert "Nothing has to be applied for" in as_text(made(only, a=False), "en")
    assert "没有需要办理的事项" in as_html(made(only, a=False), "zh-CN")
    assert as_document(made(only, a=False))["stages"] == []


def test_with_too_many_situations_everything_is_told_as_possible() -> None:
    choices = [f"c{number}" for number in range(30)]
    wide = matter(
        item("01", when=when("facts.a == 'c1' && facts.b == 'c1' && facts.c == 'c1'"), materials=["form"]),
        facts=[question(key, "text", choices=choices) for key in "abc"],
        materials=[material("form")],
    )
    whole = made(wide)
    assert [step.is_certain for step in whole.steps] == [False]
    assert [(one.due, one.is_certain) for one in whole.brought] == [("asked", False)]


def validator() -> Draft202012Validator:
    schema = resources.files("onematter.law") / "data" / "guide.schema.json"
    return Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))


@pytest.mark.parametrize("code", [one.code for one in SHIPPED.latest()])
def test_every_shipped_guide_keeps_to_the_schema_and_can_be_shown(code: str) -> None:
    whole = guide(SHIPPED, SHIPPED.get(code))
    document: Any = json.loads(json.dumps(as_document(whole)))
    assert [error.message for error in validator().iter_errors(document)] == []  # type: ignore[misc]
    for language in ("zh-CN", "en"):
        assert as_text(whole, language)
        page(as_html(whole, language), language)


def test_the_schema_refuses_what_is_no_guide() -> None:
    document = as_document(made())
    validator().validate(document)  # type: ignore[misc]
    document["stages"][0][0]["fee"] = None
    assert list(validator().iter_errors(document))  # type: ignore[misc]


VOID = {"meta"}


class _Page(HTMLParser):
    """Reads a page strictly: every element is closed in its order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def page(html: str, language: str) -> _Page:
    """The page, when it is whole, stands for itself and can be found one's way in without seeing it."""
    read = _Page()
    read.feed(html)
    read.close()
    assert read.open == []
    tags = [tag for tag, _ in read.seen]
    assert not {"script", "link", "img", "iframe", "object"} & set(tags)
    assert "url(" not in html
    assert "http://" not in html
    assert "https://" not in html
    assert not any(name.startswith("on") for _, attributes in read.seen for name in attributes)
    assert ("html", {"lang": language}) in read.seen
    assert (tags.count("h1"), tags.count("main"), tags.count("title")) == (1, 1, 1)
    levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = [attributes["id"] for _, attributes in read.seen if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in read.seen:
        if "aria-labelledby" in attributes:
            assert attributes["aria-labelledby"] in ids
        if (attributes.get("href") or "").startswith("#"):
            assert (attributes["href"] or "")[1:] in ids
    assert tags.count("table") == tags.count("caption")
    assert all("scope" in attributes for tag, attributes in read.seen if tag == "th")
    return read


def test_what_the_record_says_cannot_become_markup() -> None:
    hostile = "<script>alert('1')</script>\" onload=\"x"
    named = replace(SHOP, names={"zh-CN": hostile, "en": hostile})
    html = as_html(made(named), "en")
    assert "<script" not in html
    assert hostile in "".join(page(html, "en").text)


def test_the_page_has_colours_for_light_dark_and_paper_that_can_be_read() -> None:
    html = as_html(made(), "en")
    assert "@media (prefers-color-scheme: dark)" in html
    assert "@media print" in html
    light, dark, paper = (dict(re.findall(r"--(\w+): (#[0-9a-f]{3,6})", block)) for block in
                          re.findall(r":root \{(.*?)\}", html, re.DOTALL))  # fmt: skip
    for colours in (light, dark, paper):
        for ink in ("ink", "quiet", "mark"):
            for ground in ("ground", "sheet", "tint"):
                assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)


def contrast(first: str, second: str) -> float:
    """The contrast ratio of WCAG 2."""

    def luminance(colour: str) -> float:
        digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
        parts = [int(digits[index : index + 2], 16) / 255 for index in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    brighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize(
    ("name", "code", "answers", "language"),
    [("birth.zh-CN", "OM-03", {}, "zh-CN"), ("project.en", "OM-17", PROJECT, "en")],
)
@pytest.mark.parametrize("form", ["txt", "html"])
def test_whole_guides_stay_as_they_were_looked_at(
    name: str, code: str, answers: dict[str, str], language: str, form: str
) -> None:
    matter_type = SHIPPED.get(code, 1)
    whole = guide(SHIPPED, matter_type, read_answers(matter_type, answers))
    shown = as_text(whole, language) if form == "txt" else as_html(whole, language)
    golden = GOLDEN / f"{name}.{form}"
    if os.environ.get("ONEMATTER_GOLDEN") == "write":
        golden.write_text(shown, encoding="utf-8")
    assert shown == golden.read_text(encoding="utf-8"), "look at it; ONEMATTER_GOLDEN=write keeps it"
