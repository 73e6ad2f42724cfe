"""What a rule saw and why it said so, condition by condition, in both languages; and the examples beside it, run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.law.documents import catalogue, flag, item, matter, names, question

from onematter.backbone.catalogue_files import load_catalogue
from onematter.law.catalogue import UnknownMatter
from onematter.law.matters import RuleExample
from onematter.law.rule_examples import rules_of_catalogue
from onematter.law.rule_parts import Condition, FactName, Group, Part, parts_of
from onematter.law.rule_reports import explain, report, used
from onematter.law.rules import FactValue, Rule, RuleError

QUESTIONS = matter(
    item("01"),
    facts=[
        question("amount", "number"),
        question("limit", "number"),
        question("kind", "text", choices=[{"value": "mill", "names": {"zh-CN": "工厂", "en": "a mill"}}, "shop"]),
        question("places", "list"),
        flag("urgent"),
    ],
).facts


def told(text: str, language: str = "en", **facts: FactValue) -> list[str]:
    return [line[language] for line in explain(Rule(text), facts, QUESTIONS)]


def test_a_report_names_the_facts_that_were_used_and_no_others() -> None:
    rule = Rule("facts.urgent && facts.amount <= 10.0 && facts.kind == 'mill'")
    verdict = report(rule, {"amount": 9, "kind": "mill", "urgent": True, "other": "personal"})
    assert verdict.verdict == "holds"
    assert verdict.used == (("amount", "9"), ("kind", "mill"), ("urgent", "true"))
    assert (verdict.missing, verdict.explanation) == ((), ())
    assert used(rule, {"amount": 9.5}) == (("amount", "9.5"),)
    assert used(Rule("size(facts.places) > 1"), {"places": ["330100", "330200"]}) == (("places", "[330100, 330200]"),)


def test_a_report_says_what_does_not_hold_and_what_cannot_be_told() -> None:
    rule = Rule("facts.amount <= 10.0 && facts.urgent")
    assert report(rule, {"amount": 11.0, "urgent": True}).verdict == "does_not_hold"
    unsure = report(rule, {"amount": 9.0})
    assert (unsure.verdict, unsure.missing, unsure.used) == ("cannot_tell", ("urgent",), (("amount", "9"),))
    # What decides without it is not waiting for it.
    assert report(rule, {"amount": 11.0}).verdict == "does_not_hold"
    guarded = report(Rule("has(facts.limit) && facts.limit > 1.0"), {})
    assert (guarded.verdict, guarded.missing) == ("does_not_hold", ())
    wrong = report(Rule("facts.amount <= 10.0"), {"amount": "much"})
    assert (wrong.verdict, wrong.missing) == ("cannot_tell", ())


def test_each_condition_is_told_in_both_languages() -> None:
    verdict = report(Rule("facts.amount <= 10.0"), {"amount": 12.5}, QUESTIONS)
    assert verdict.explanation == (
        {
            "zh-CN": "中what amount：要求不高于 10，实际为 12.5，不符合",
            "en": "what amount: has to be at most 10, is 12.5: not met",
        },
    )
    (missing,) = explain(Rule("facts.amount > 1.0"), {})
    assert missing == {"zh-CN": "amount：要求高于 1，未提供，无法判断", "en": "amount: has to be above 1, is not given: cannot be told"}  # noqa: E501  # fmt: skip


@pytest.mark.parametrize(
    ("text", "facts", "expected"),
    [
        ("facts.amount < 10.0", {"amount": 9.0}, "what amount: has to be below 10, is 9: met"),
        ("facts.amount >= 10.0", {"amount": 9.0}, "what amount: has to be at least 10, is 9: not met"),
        ("10.0 >= facts.amount", {"amount": 9.0}, "what amount: has to be at most 10, is 9: met"),
        ("facts.amount > -1.5", {"amount": 0.0}, "what amount: has to be above -1.5, is 0: met"),
        ("facts.amount == 1e3", {"amount": 1000.0}, "what amount: has to be 1000, is 1000: met"),
        ("facts.amount <= facts.limit", {"amount": 2.0, "limit": 1.0},
         "what amount: has to be at most what limit, is 2: not met"),
        ("facts.kind == 'mill'", {"kind": "mill"}, "what kind: has to be a mill, is a mill: met"),
        ("facts.kind != \"mill\"", {"kind": "mill"}, "what kind: has to be other than a mill, is a mill: not met"),
        ("facts.kind in ['mill', 'shop']", {"kind": "shop"}, "what kind: has to be one of a mill, shop, is shop: met"),
        ("!(facts.kind in ['mill'])", {"kind": "mill"}, "what kind: has to be none of a mill, is a mill: not met"),
        ("'330100' in facts.places", {"places": ["330100"]},
         "what places: has to be with 330100 among them, is 330100: met"),
        ("!('330100' in facts.places)", {"places": ["330100"]},
         "what places: has to be without 330100, is 330100: not met"),
        ("facts.urgent", {"urgent": False}, "is it urgent: has to be yes, is no: not met"),
        ("!facts.urgent", {"urgent": False}, "is it urgent: has to be no, is no: met"),
        ("facts.urgent == true", {"urgent": True}, "is it urgent: has to be yes, is yes: met"),
        ("has(facts.limit)", {}, "what limit: has to be given, is not given: not met"),
        ("!has(facts.limit)", {}, "what limit: has to be left out, is not given: met"),
        ("!(facts.amount > 1.0)", {"amount": 1.0}, "what amount: has to be at most 1, is 1: met"),
        # What has another form is told as it stands.
        ("facts.amount * 2.0 > 3.0", {"amount": 2.0}, "`facts.amount * 2.0 > 3.0` has to hold: met"),
        ("!(size(facts.places) > 1)", {"places": ["a", "b"]}, "`size(facts.places) > 1` must not hold: not met"),
        ("facts.places.all(p, p == 'a' || p == 'b')", {"places": ["a"]},
         "`facts.places.all(p, p == 'a' || p == 'b')` has to hold: met"),
        ("facts.urgent ? facts.amount > 1.0 : facts.amount > 2.0", {"urgent": False, "amount": 1.5},
         "`facts.urgent ? facts.amount > 1.0 : facts.amount > 2.0` has to hold: not met"),
        ("!facts.urgent == facts.urgent", {"urgent": True}, "`!facts.urgent == facts.urgent` has to hold: not met"),
        ("(facts.amount + 1.0) > 2.0", {"amount": 2.0}, "`(facts.amount + 1.0) > 2.0` has to hold: met"),
        ("facts.kind == 'a && b || !c'", {"kind": "x"}, "what kind: has to be a && b || !c, is x: not met"),
    ],
)  # fmt: skip
def test_a_condition_is_told_as_it_has_to_be_as_it_is_and_whether_it_is_met(
    text: str, facts: dict[str, Any], expected: str
) -> None:
    assert told(text, **facts) == [expected]


def test_several_conditions_say_whether_all_are_needed_or_one_is_enough() -> None:
    text = "facts.urgent && (facts.amount <= 1.0 || facts.kind == 'mill')"
    assert told(text, urgent=True, amount=2.0, kind="mill") == [
        "all of these have to be met:",
        "  is it urgent: has to be yes, is yes: met",
        "  one of these is enough:",
        "    what amount: has to be at most 1, is 2: not met",
        "    what kind: has to be a mill, is a mill: met",
    ]
    assert told(text, "zh-CN", urgent=True, amount=2.0, kind="mill")[2:4] == [
        "  以下各项符合其一即可：",
        "    中what amount：要求不高于 1，实际为 2，不符合",
    ]


def test_a_negation_is_carried_to_the_conditions_beneath_it() -> None:
    assert told("!(facts.urgent || !(facts.amount > 1.0 && facts.amount < 3.0))", urgent=False, amount=2.0) == [
        "all of these have to be met:",
        "  is it urgent: has to be no, is no: met",
        "  all of these have to be met:",
        "    what amount: has to be above 1, is 2: met",
        "    what amount: has to be below 3, is 2: met",
    ]
    assert told("!(facts.urgent && facts.amount > 1.0)", urgent=True, amount=1.0)[0] == "one of these is enough:"


def holds(part: Part, facts: dict[str, FactValue]) -> bool:
    """Put the conditions together again."""
    if isinstance(part, Group):
        outcomes = [holds(one, facts) for one in part.parts]
        return all(outcomes) if part.needs_all else any(outcomes)
    try:
        return Rule(part.text).decide(facts) is not part.is_negated
    except RuleError:
        return part.text == "true"


@pytest.mark.parametrize(
    "text",
    [
        "facts.a && facts.b || facts.c",
        "facts.a && (facts.b || facts.c)",
        "!(facts.a && facts.b) || !facts.c",
        "!(facts.a || !(facts.b && !facts.c)) && facts.b",
        "!!facts.a || ((facts.b))",
        "facts.a ? facts.b : facts.c",
        "(facts.a ? facts.b : facts.c) && facts.b",
        "facts.a && facts.b ? facts.c : facts.b",
        "facts.a ? facts.b : facts.c || facts.a",
        "facts.a == facts.b && facts.c != facts.b",
        "!facts.a == facts.b || facts.c",
        "facts.a in [facts.b] && !(facts.c in [true])",
    ],
)
def test_the_conditions_together_say_what_the_rule_says(text: str) -> None:
    for number in range(8):
        facts: dict[str, FactValue] = {key: bool(number >> bit & 1) for bit, key in enumerate("abc")}
        assert holds(parts_of(text), facts) == Rule(text).decide(facts), facts


def test_a_condition_is_read_with_its_fact_relation_and_operand() -> None:
    assert parts_of("facts.a <= facts.b") == Condition("facts.a <= facts.b", False, "a", "<=", FactName("b"))
    assert parts_of("!(facts.a in ['x', 'y'])") == Condition("facts.a in ['x', 'y']", True, "a", "not in", ("x", "y"))
    assert parts_of("facts.a == r'x'").text == "facts.a == r'x'"  # type: ignore[union-attr]
    # A word that is not known here leaves the whole as it is.
    assert parts_of("facts.a & facts.b") == Condition("facts.a & facts.b", False, "", "other", None)


def test_the_examples_of_a_rule_are_run_and_explained() -> None:
    rule = {"grant_when": "facts.amount <= 10.0", "explanation": names("small")}
    examples = [{"facts": {"amount": 10}, "grants": True}, {"facts": {}, "grants": False}]
    made = matter(
        item("01"),
        item("02", auto_rule=rule, rule_version=4, rule_examples=examples),
        facts=[question("amount", "number")],
    )
    (found,) = rules_of_catalogue(catalogue(made))
    assert (found.matter_code, found.item_id, found.rule_version, found.rule.text) == (
        "OM-50", "02", 4, "facts.amount <= 10.0",
    )  # fmt: skip
    assert [(one.verdict.verdict, one.agrees) for one in found.outcomes] == [("holds", True), ("cannot_tell", True)]
    assert found.outcomes[0].verdict.explanation[0]["en"] == "what amount: has to be at most 10, is 10: met"
    wrong = replace(made.items[1], rule_examples=(RuleExample({"amount": 10.0}, False),))
    (found,) = rules_of_catalogue(catalogue(replace(made, items=(made.items[0], wrong))))
    assert [one.agrees for one in found.outcomes] == [False]


def test_every_rule_of_the_shipped_catalogue_agrees_with_its_examples_and_can_be_read() -> None:
    found = rules_of_catalogue(load_catalogue())
    assert {(one.matter_code, one.item_id) for one in found} == {
        ("OM-09", "01"), ("OM-09", "02"), ("OM-17", "01"), ("OM-90", "01"), ("OM-90", "02"), ("OM-90", "03"),
        ("SELF-01", "01"), ("SELF-01", "02"), ("SELF-01", "03"),
    }  # fmt: skip
    assert all(outcome.agrees for one in found for outcome in one.outcomes)
    assert all({outcome.example.grants for outcome in one.outcomes} == {True, False} for one in found)
    told = [line["en"] for one in found for outcome in one.outcomes for line in outcome.verdict.explanation]
    assert told
    assert not any("`" in line for line in told)
    assert [one.item_id for one in rules_of_catalogue(load_catalogue(), "OM-17")] == ["01"]
    with pytest.raises(UnknownMatter):
        rules_of_catalogue(load_catalogue(), "OM-99")
