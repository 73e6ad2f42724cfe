"""Answers are taken as a person types them, and refused by the rules of the hand-in, all at once."""

from __future__ import annotations

import pytest
from tests.unit.law.documents import flag, item, matter, names, question, when

from onematter.law.answers import read_answers
from onematter.law.problems import DocumentRefused

MATTER = matter(
    item("01"),
    facts=[
        flag("a"),
        flag("b", when=when("facts.a")),
        question("area", "number", minimum=0),
        question("where", "text", choices=[{"value": "here", "names": names("at home")}, "there"]),
        question("all", "list", choices=[{"value": "water", "names": names("wet")}, "gas"]),
        question("name", "text", pattern="[a-z]+"),
    ],
)


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("a", "true", True),
        ("a", " Yes ", True),
        ("a", "是", True),
        ("a", "no", False),
        ("a", "否", False),
        ("area", "1e3", 1000.0),
        ("where", "here", "here"),
        ("where", "中at home", "here"),
        ("where", "at home", "here"),
        ("all", "water, gas", ["water", "gas"]),
        ("all", "中wet、gas", ["water", "gas"]),
        ("name", "mill", "mill"),
    ],
)
def test_an_answer_is_taken(key: str, text: str, expected: object) -> None:
    assert read_answers(MATTER, {key: text}) == {key: expected}


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (
            {"c": "x", "a": "perhaps", "area": "large"},
            [
                "c: this matter asks no such question; use one of a, b, area, where, all, name",
                "a: the answer is no flag; answer true or false",
                "area: the answer is no number; give a number of at least 0",
            ],
        ),
        (
            {"area": "-1", "where": "away", "all": "gas, steam", "name": "X"},
            [
                "area: breaks the rule minimum; give a number of at least 0",
                "where: breaks the rule choices; use one of here, there",
                "all: breaks the rule choices; use some of water, gas",
                "name: breaks the rule pattern; give a text that matches [a-z]+",
            ],
        ),
        (
            {"a": "no", "b": "yes"},
            [
                "b: is not asked in this situation, as far as it is told; "
                "answer the questions before it, or leave it out"
            ],
        ),
        ({"area": "nan"}, ["area: breaks the rule finite; give a number of at least 0"]),
    ],
)
def test_everything_that_cannot_be_taken_is_told_at_once(answers: dict[str, str], expected: list[str]) -> None:
    with pytest.raises(DocumentRefused) as refused:
        read_answers(MATTER, answers)
    assert [str(problem) for problem in refused.value.problems] == expected


def test_no_answer_is_no_fact() -> None:
    assert read_answers(MATTER, {}) == {}
    assert read_answers(MATTER, {"a": "yes", "b": "no"}) == {"a": True, "b": False}
