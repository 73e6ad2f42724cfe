"""Every reason code has its rule and its way out in both languages, whole, whatever parameters come."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import onematter.law
from onematter.approval.v1.approval_state_pb2 import TaskStatus
from onematter.common.v1.actor_pb2 import Rank
from onematter.common.v1.outcome_pb2 import Reason, Violation
from onematter.contracts.reasons import LANGUAGES, ReasonText, language_of, text
from onematter.intake.v1.intake_state_pb2 import MatterStatus
from onematter.law.clock import PERIOD_RULES, legal_rule, promise_rule

SERVICES = Path(onematter.law.__file__).parents[1]
# Every literal that a service names as the rule of what is malformed; a text for it is put in its place.
RULES_IN_CODE = {
    rule
    for service in ("intake", "approval", "exchange", "archive", "notification")
    for path in (SERVICES / service).glob("*.py")
    for rule in re.findall(r'(?:"rule": |\brule=)"([^"]+)"', path.read_text(encoding="utf-8"))
} - {"five working days"}

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
    "period": "joint_decision",
    "since": "2026-11-23",
    "deadline": "2026-11-23",
    "required": "GOVERNMENT_HEAD",
    "earliest": "2026-11-23",
    "departments": "fire, water",
    "quorum": "3",
    "consents": "1",
    "material": "floor_plan",
    "held_by": "water",
    "first_day": "2026-11-23",
    "last_day": "2026-11-24",
    "status": "RECEIVED",
    "offered": "post, counter",
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
        ({"rule": "not_past", "earliest": "2026-11-24"}, "the day must not be earlier than 2026-11-24"),
        ({"rule": "choices", "allowed": "I, II, III"}, "it must be one of: I, II, III"),
        ({"rule": "minimum", "minimum": "0"}, "it must be at least 0"),
        ({"rule": "pattern", "pattern": r"\d{6}[X\d]"}, r"it must match \d{6}[X\d]"),
        ({"rule": "a rule of tomorrow"}, "a rule of tomorrow"),
    ],
)
def test_a_malformed_fact_names_its_rule(parameters: dict[str, str], english: str) -> None:
    violation = Violation(reason=Reason.REASON_FACT_MALFORMED, parameters=parameters)
    assert text(violation, "en").rule == f"This fact is malformed: {english}."


@pytest.mark.parametrize(
    ("reason", "parameters", "chinese", "english"),
    [
        (
            Reason.REASON_RANK_TOO_LOW,
            {"required": "GOVERNMENT_HEAD"},
            "须由本级人民政府负责人批准",
            "it takes the head of the government of its level",
        ),
        (Reason.REASON_PERIOD_NOT_EXTENDABLE, {"period": "delivery"}, "（送达）", "(delivery)"),
        (Reason.REASON_PERIOD_SUSPENDED, {"since": "2026-03-06"}, "自 2026-03-06 起", "since 2026-03-06"),
        (Reason.REASON_OPINIONS_PENDING, {"departments": "fire, water"}, "fire、water", "fire, water to come"),
        (
            Reason.REASON_QUORUM_NOT_REACHED,
            {"quorum": "3", "consents": "1"},
            "须有 3 个，现有 1 个",
            "3 needed, 1 so far",
        ),
        (Reason.REASON_DELIVERY_WAY_NOT_OFFERED, {"offered": "post, counter"}, "邮寄、窗口领取", "post, counter"),
        (Reason.REASON_MATTER_NOT_ACCEPTED, {"status": "RECEIVED"}, "（已收件）", "(received)"),
        (
            Reason.REASON_MATERIAL_HELD_BY_GOVERNMENT,
            {"material": "licence", "held_by": "market"},
            "：licence，由 market 掌握",
            ": licence, held by market",
        ),
    ],
)
def test_what_the_law_refuses_is_said_in_words(
    reason: Reason, parameters: dict[str, str], chinese: str, english: str
) -> None:
    refused = Violation(reason=reason, parameters=parameters)
    assert chinese in text(refused, "zh-CN").rule
    assert english in text(refused, "en").rule


def test_every_period_of_the_law_has_a_word() -> None:
    for name in (*PERIOD_RULES, legal_rule(60).name, promise_rule(5).name):
        refused = Violation(reason=Reason.REASON_PERIOD_NOT_EXTENDABLE, parameters={"period": name})
        assert name not in text(refused, "zh-CN").rule


@pytest.mark.parametrize("rule", sorted(RULES_IN_CODE))
def test_every_rule_that_a_service_names_has_words(rule: str) -> None:
    parameters = {"rule": rule, **dict.fromkeys(("expected", "pattern", "minimum", "known", "allowed"), "x")}
    parameters.update({"earliest": "2026-11-23", "level": "COUNTY", "limit": "9", "digest_bytes": "32"})
    refused = Violation(reason=Reason.REASON_FIELD_MALFORMED, parameters=parameters)
    assert text(refused, "zh-CN").rule != f"此项不合规定：{rule}；可用的有：x。"


@pytest.mark.parametrize("rank", [name.removeprefix("RANK_") for name, number in Rank.items() if number])
def test_every_rank_has_a_word(rank: str) -> None:
    for language in LANGUAGES:
        refused = Violation(reason=Reason.REASON_RANK_TOO_LOW, parameters={"required": rank})
        assert rank not in text(refused, language).rule


@pytest.mark.parametrize(
    "status",
    [name.partition("_STATUS_")[2] for name, number in (*MatterStatus.items(), *TaskStatus.items()) if number],
)
def test_every_status_has_a_word(status: str) -> None:
    for told in (status, f"MATTER_STATUS_{status}"):
        refused = Violation(reason=Reason.REASON_MATTER_NOT_COMPLETED, parameters={"status": told})
        assert status not in text(refused, "zh-CN").rule


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
