"""What a person who gets a task is told of the rule that did not decide it (秒批, 智能审批)."""

from __future__ import annotations

from typing import Any

from tests.unit.approval.cases import RULE, SIMPLE, Matter, open_task

from onematter.approval.v1.approval_events_pb2 import RuleReport


def told(matter: Matter, facts: dict[str, Any]) -> RuleReport:
    matter.given(open_task("01", **facts))
    return matter.task("01").opened.rule_report


def test_a_rule_that_says_no_tells_what_it_saw_and_which_condition_failed(matter: Matter) -> None:
    report = told(matter, SIMPLE | {"investment": 1001.0})
    assert (report.rule, report.version, report.verdict) == (RULE, 1, "does_not_hold")
    assert {fact.key: fact.value for fact in report.facts}["investment"] == "1001"
    assert list(report.missing) == []


def test_a_rule_that_cannot_tell_names_what_it_lacks(matter: Matter) -> None:
    report = told(matter, {key: value for key, value in SIMPLE.items() if key != "flat"})
    assert (report.verdict, list(report.missing)) == ("cannot_tell", ["flat"])


def test_an_item_without_a_rule_has_no_report(matter: Matter) -> None:
    matter.given(open_task("02", **SIMPLE))
    assert not matter.task("02").opened.HasField("rule_report")


def test_a_grant_by_rule_tells_the_facts_that_it_rests_on(matter: Matter) -> None:
    matter.given(open_task("01", **SIMPLE))
    decided = matter.task("01").decided
    assert (decided.rule, decided.rule_report.version, decided.rule_report.verdict) == (RULE, 1, "holds")
    assert {fact.key: fact.value for fact in decided.rule_report.facts} == {
        "cities": "[330100]",
        "flat": "true",
        "industry": "food",
        "investment": "900",
    }
