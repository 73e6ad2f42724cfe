"""Every reason code has its rule and its way out in both languages, whole, whatever parameters come."""

from __future__ import annotations

import re

import pytest

from onematter.common.v1.outcome_pb2 import Reason, Violation
from onematter.contracts.reasons import LANGUAGES, ReasonText, language_of, text

CODES = [(value.name, value.number) for value in Reason.DESCRIPTOR.values]
EVERYTHING = {
    "competent": "CITY",
    "max_bytes": "10485760",
    "rule": "pattern",
    "pattern": "[0-9]{6}",
    "allowed": "OFFICIAL, SYSTEM",
    "limit": "64",
    "known": "a, b",
    "kind": "number",
    "media_types": "application/pdf",
    "matter": "OM-17",
    "level": "COUNTY",
    "topic": "t",
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("name", "code"), CODES)
@pytest.mark.parametrize("parameters", [{}, EVERYTHING, {"rule": ""}, {"nobody_asks": "{this}"}])
def test_every_reason_has_a_whole_text(name: str, code: int, language: str, parameters: dict[str, str]) -> None:
    said = text(Violation(field="f", reason=Reason.Name(code), parameters=parameters), language)
    for sentence in (said.rule, said.way_out):
        assert sentence.strip(), name
        without_pattern = sentence.replace(EVERYTHING["pattern"], "")
        assert not re.search(r"[\[\]{}]", without_pattern), sentence
        chinese = re.search(r"[一-鿿]", sentence) is not None
        assert chinese == (language == "zh-CN"), sentence


@pytest.mark.parametrize(("name", "code"), CODES)
def test_no_two_reasons_say_the_same_rule(name: str, code: int) -> None:
    def said(number: int, language: str) -> str:
        return text(Violation(reason=Reason.Name(number)), language).rule

    for language in LANGUAGES:
        same = [other for other, number in CODES if said(number, language) == said(code, language)]
        assert same == [name]


def test_parameters_stand_in_the_text() -> None:
    wrong = Violation(reason=Reason.REASON_WRONG_DEPARTMENT, parameters={"competent": "natural-resources"})
    assert "natural-resources" in text(wrong, "en").rule
    assert "natural-resources" in text(wrong, "zh-CN").rule
    big = Violation(reason=Reason.REASON_MATERIAL_OVERSIZED, parameters={"max_bytes": "10485760"})
    assert "10 MiB" in text(big, "en").rule
    odd = Violation(reason=Reason.REASON_MATERIAL_OVERSIZED, parameters={"max_bytes": "1000"})
    assert "1000 bytes" in text(odd, "en").rule


@pytest.mark.parametrize(
    ("parameters", "english"),
    [
        ({"rule": "choices", "allowed": "I, II, III"}, "it must be one of: I, II, III"),
        ({"rule": "minimum", "minimum": "0"}, "it must be at least 0"),
        ({"rule": "pattern", "pattern": r"\d{6}[X\d]"}, r"it must match \d{6}[X\d]"),
        ({"rule": "a rule of tomorrow"}, "a rule of tomorrow"),
    ],
)
def test_a_malformed_fact_names_its_rule(parameters: dict[str, str], english: str) -> None:
    violation = Violation(reason=Reason.REASON_FACT_MALFORMED, parameters=parameters)
    assert text(violation, "en").rule == f"This fact is malformed: {english}."


def test_a_code_of_tomorrow_is_told_as_unknown() -> None:
    known = text(Violation(reason=Reason.REASON_UNSPECIFIED), "en")
    tomorrow = Violation.FromString(b"\x10\xff\x7f")
    assert tomorrow.reason not in Reason.values()
    assert text(tomorrow, "en") == known
    assert isinstance(known, ReasonText)


def test_control_characters_never_reach_a_terminal() -> None:
    sent = Violation(reason=Reason.REASON_WRONG_DEPARTMENT, parameters={"competent": "a\x1b[31mb\n"})
    assert "\x1b" not in text(sent, "en").rule
    assert "\n" not in text(sent, "en").rule


@pytest.mark.parametrize(
    ("tag", "language"),
    [("zh-CN", "zh-CN"), ("zh_CN.UTF-8", "zh-CN"), ("zh", "zh-CN"), ("ZH-Hans", "zh-CN"), ("en", "en"),
     ("de-DE", "en"), ("C", "en"), ("", "en"), ("zhx", "en")],
)  # fmt: skip
def test_language_of_a_tag(tag: str, language: str) -> None:
    assert language_of(tag) == language
