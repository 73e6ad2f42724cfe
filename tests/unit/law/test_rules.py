"""A rule says yes, no, or that it cannot tell; it is refused when it could never tell."""

from __future__ import annotations

import pytest

from onematter.law.rules import Rule, RuleError, RuleInconclusive


def test_a_rule_is_decided_on_the_facts_it_names() -> None:
    rule = Rule("facts.amount <= 1000000.0 && !(facts.industry in ['steel'])")
    assert rule.decide({"amount": 5.0, "industry": "food", "other": "x"}) is True
    assert rule.decide({"amount": 5.0, "industry": "steel"}) is False
    assert rule.facts == {"amount", "industry"}


def test_whole_numbers_reach_a_rule_as_floats() -> None:
    assert Rule("facts.a + 0.5 > 2.0").decide({"a": 2}) is True


def test_lists_and_flags_reach_a_rule() -> None:
    assert Rule("facts.cities.all(city, city.startsWith('33')) && facts.agreed").decide(
        {"cities": ["330100", "330400"], "agreed": True}
    )


def test_an_absent_fact_leaves_the_rule_inconclusive_and_is_named() -> None:
    with pytest.raises(RuleInconclusive, match="without facts amount") as inconclusive:
        Rule("facts.amount > 1.0").decide({})
    assert inconclusive.value.absent == ("amount",)


def test_a_fact_that_may_be_absent_is_asked_for() -> None:
    rule = Rule("has(facts.energy) && facts.energy > 1000.0")
    assert rule.decide({}) is False
    assert rule.decide({"energy": 1001.0}) is True
    assert rule.guarded == {"energy"}


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("facts.amount > 1.0", {"amount": "personal text"}),
        ("facts.amount > 1.0", {"amount": float("nan")}),
        ("int(facts.amount) > 1", {"amount": 1e300}),
        ("int(facts.text) > 1", {"text": "personal text"}),
        ("facts.list[3] == 'a'", {"list": ["personal text"]}),
        ("facts.amount", {"amount": 1.0}),
        ("facts.amount > 1.0", {"amount": 10**400}),
    ],
)
def test_a_failing_evaluation_is_inconclusive_and_repeats_no_value(text: str, facts: dict[str, object]) -> None:
    rule = Rule(text)
    with pytest.raises(RuleInconclusive) as inconclusive:
        rule.decide(facts)  # pyright: ignore[reportArgumentType]
    assert "personal" not in str(inconclusive.value)
    assert inconclusive.value.__context__ is None
    assert not rule.holds(facts)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("facts.a >", "not an expression"),
        ("", "not an expression"),
        ("true", "does not name its facts"),
        ("facts['a'] > 1.0", "does not name its facts"),
        ("size(facts) > 1 && facts.a > 1.0", "does not name its facts"),
        ("nonsense(facts.a)", "calls unknown function nonsense"),
        ("facts.a > 1.0 || facts.b > 1.0 " * 100, "characters"),
    ],
)
def test_a_text_that_is_no_rule_is_refused(text: str, rule: str) -> None:
    with pytest.raises(RuleError, match=rule):
        Rule(text)


def test_facts_inside_quotes_are_text() -> None:
    assert Rule("facts.a == 'facts of life'").facts == {"a"}


def test_rules_of_the_same_text_are_equal() -> None:
    assert Rule("facts.a > 1.0") == Rule("facts.a > 1.0")
    assert len({Rule("facts.a > 1.0"), Rule("facts.a > 1.0"), Rule("facts.a > 2.0")}) == 2
