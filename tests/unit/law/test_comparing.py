"""What a version changes is told field by field, in words of each language, and nothing is passed over."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date
from typing import Any

import pytest
from tests.unit.law.documents import catalogue, flag, item, material, matter, names, question, when

from onematter.law.catalogue import FactSpec, ItemType, MaterialSpec, MatterType
from onematter.law.comparing import compare, tell
from onematter.law.divisions import Level
from onematter.law.matters import Evidence, ItemCode, LegalBasis, OpinionRule, RuleExample, Total
from onematter.law.rules import Rule


def base() -> MatterType:
    return matter(
        item("01", produces_certificates=["licence"], legal_days=20, promised_days=10),
        item("02", needs_certificates=["licence"], materials=["form"], when=when("facts.a", "it is so")),
        facts=[flag("a"), question("kind", "text", choices=[{"value": "mill", "names": names("a mill")}])],
        materials=[material("form")],
    )


def told(new: MatterType, language: str) -> list[str]:
    old = base()
    return [tell(change, language) for change in compare(old, new, catalogue(old))]


def with_item(**changes: Any) -> MatterType:
    made = base()
    return replace(made, items=(replace(made.items[0], **changes), made.items[1]))


def test_the_same_record_has_no_changes() -> None:
    assert compare(base(), base(), catalogue()) == ()


def test_a_change_is_told_in_both_languages() -> None:
    new = with_item(legal_days=15, department="registry")
    assert told(new, "en") == [
        "item 01 “item 01”: department was “planning”, is “registry”",
        "item 01 “item 01”: legal time was “20 working days”, is “15 working days”",
    ]
    assert told(new, "zh-CN") == [
        "事项 01“中item 01”的部门由“中planning”改为“中registry”",
        "事项 01“中item 01”的法定时限由“20 个工作日”改为“15 个工作日”",
    ]


def test_what_comes_and_what_goes_is_told() -> None:
    old = base()
    new = matter(
        item("02", needs_certificates=["licence"], when=when("facts.a", "it is so")),
        item("03"),
        facts=[flag("a"), flag("b")],
    )
    assert [tell(one, "en") for one in compare(old, new, catalogue())] == [
        "question “what kind” is gone",
        "question “is it b” is new",
        "material “form” is gone",
        "item 01 “item 01” is gone",
        "item 02 “item 02”: materials was “form”, is “nothing”",
        "item 03 “item 03” is new",
    ]
    assert [tell(one, "zh-CN") for one in compare(old, new, catalogue())][:2] == [
        "取消问题“中what kind”",
        "新增问题“中is it b”",
    ]


def test_a_rule_is_told_with_what_it_means() -> None:
    made = base()
    other = replace(made.items[1], when=Rule("!facts.a", names("it is not so")))
    assert told(replace(made, items=(made.items[0], other)), "en") == [
        "item 02 “item 02”: when it applies was “it is so (facts.a)”, is “it is not so (!facts.a)”"
    ]


def test_ways_of_handling_are_told_in_words() -> None:
    asked = OpinionRule(("registry", "planning"), 2, True)
    examples = (RuleExample({"b": 2.50, "a": True}, True), RuleExample({}, False))
    new = with_item(opinions=asked, rule_examples=examples, validity_years=1)
    assert told(new, "en") == [
        "item 01 “item 01”: examples of the rule was “nothing”, is “a=true, b=2.5 → grants, no answers → a person”",
        "item 01 “item 01”: whose opinion is asked was “nothing”, is “registry, planning, at least 2 of them consent,"
        " one refusal forbids it”",
        "item 01 “item 01”: validity was “nothing”, is “1 year”",
    ]
    whole = replace(base(), totals=(Total(Rule("facts.a", names("so it is")), 5),), delivery=("post",))
    assert told(whole, "zh-CN") == [
        "一件事的送达方式由“电子证照、邮寄、窗口领取”改为“邮寄”",
        "一件事的分情形全程时限由“无”改为“中so it is (facts.a)：5 个工作日”",
    ]


ITEM_CHANGES: dict[str, Any] = {
    "names": names("other"),
    "department": "registry",
    "level": Level.CITY,
    "routing": "origin",
    "case_type": "joint",
    "depends_on": ("02",),
    "produces_certificates": ("permit",),
    "needs_certificates": ("title",),
    "legal_days": 7,
    "promised_days": 0,
    "clock_kind": "calendar",
    "materials": base().materials,
    "rule": Rule("facts.a", names("at once")),
    "when": Rule("!facts.a", names("not so")),
    "for_each": "a",
    "joint_visit_group": "visit",
    "optional": True,
    "alternative_group": "way",
    "basis": (LegalBasis("roads", 3, 2),),
    "code": ItemCode("opaque", "x-1"),
    "online_depth": "whole",
    "fee": names("10 yuan"),
    "rule_version": 2,
    "rule_examples": (RuleExample({"a": True}, True),),
    "pledge": True,
    "opinions": OpinionRule(("registry",), 1, True),
    "denial": "matter",
    "validity_years": 5,
    "supervised_by": "registry",
    "evidence_by_group": {"item": Evidence("sourced", "a plan")},
}
FACT_CHANGES: dict[str, Any] = {
    "names": names("other"),
    "kind": "number",
    "required": False,
    "choices": ("x",),
    "pattern": "x",
    "minimum": 3.0,
    "when": Rule("facts.b", names("b")),
    "evidence": Evidence("sourced", "a plan"),
}
MATERIAL_CHANGES: dict[str, Any] = {
    "names": names("other"),
    "required": False,
    "trust_class": "C",
    "share_source": "registry",
    "media_types": ("image/png",),
    "max_bytes": 2_048,
    "tolerant": True,
    "certificate": "permit",
    "when": Rule("facts.a", names("a")),
    "evidence": Evidence("sourced", "a plan"),
}
MATTER_CHANGES: dict[str, Any] = {
    "names": names("other"),
    "lead_department": "registry",
    "lead_level": Level.PROVINCE,
    "valid_from": date(2027, 1, 1),
    "valid_until": date(2027, 12, 31),
    "promised_days": 9,
    "illustrative": True,
    "acceptance": "window",
    "joint": True,
    "delivery": ("counter",),
    "cross_region": ("remote",),
    "totals": (Total(Rule("facts.a", names("so it is")), 5),),
    "evidence_by_group": {"matter": Evidence("sourced", "a plan")},
}


@pytest.mark.parametrize(
    ("record", "changes", "apart"),
    [
        # What names the thing; what is the text of another field; the names of choices, which are told with them.
        (ItemType, ITEM_CHANGES, {"item_id", "evidence"}),
        (FactSpec, FACT_CHANGES, {"key", "choice_names"}),
        (MaterialSpec, MATERIAL_CHANGES, {"material_id"}),
        (MatterType, MATTER_CHANGES, {"code", "version", "facts", "materials", "items", "evidence"}),
    ],
)
def test_every_field_of_a_record_is_compared(record: type, changes: dict[str, Any], apart: set[str]) -> None:
    assert {field.name for field in fields(record)} - apart == set(changes)
    made = base()
    for field, value in changes.items():
        change = {field: value}
        if record is ItemType:
            new = replace(made, items=(replace(made.items[0], **change), made.items[1]))
        elif record is FactSpec:
            new = replace(made, facts=(replace(made.facts[0], **change), *made.facts[1:]))
        elif record is MaterialSpec:
            new = replace(made, materials=(replace(made.materials[0], **change),))
        else:
            new = replace(made, **change)
        found = compare(made, new, catalogue())
        assert found, field
        assert all(tell(one, language) for one in found for language in ("zh-CN", "en"))
