"""Catalogue files on this machine: judged, compared and told as a guide, without any service."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from tests.unit.law.documents import document, flag, item, names, when

from onematter.client.cli import cli

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    for name in ("LC_ALL", "LC_MESSAGES", "ONEMATTER_CATALOGUE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: CliRunner().invoke(cli, arguments)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Two versions of a matter; the second one is a little wrong."""
    made = tmp_path / "catalogue"
    made.mkdir()
    tables = {
        "departments": {"planning": names("planning")},
        "certificates": {"permit": names("permit")},
    }
    for name, table in tables.items():
        (made / f"{name}.yaml").write_text(yaml.safe_dump({name: table}, allow_unicode=True))
    first = document(item("01", legal_days=20), facts=[flag("a")], code="OM-50")
    second = document(
        item("01", legal_days=15),
        item("02", when=when("facts.a"), needs_certificates=["permit"]),
        facts=[flag("a")],
        version=2,
        valid_from="2026-07-01",
        valid_until="2026-12-31",
    )
    for number, content in ((1, first), (2, second)):
        (made / f"OM-50.{number}.yaml").write_text(yaml.safe_dump(content, allow_unicode=True))
    return made


def shown(result: Result) -> Any:
    return json.loads(result.stdout)


def test_the_catalogue_that_ships_has_no_errors(run: Run) -> None:
    result = run("catalogue", "lint", "--json")
    assert result.exit_code == 0, result.output
    assert (shown(result)["errors"], shown(result)["findings"]) == (0, [])
    assert "0 errors" in run("catalogue", "lint").stdout


def test_lint_ends_with_1_and_says_place_rule_and_way_out(run: Run, directory: Path) -> None:
    result = run("catalogue", "lint", str(directory))
    assert result.exit_code == 1
    assert "error OM-50 v2 items.02.needs_certificates: nobody produces permit" in result.stdout
    assert "→ describe the material that stands for it" in result.stdout
    (finding,) = shown(run("catalogue", "lint", str(directory), "--json"))["findings"]
    assert (finding["severity"], finding["code"]) == ("error", "certificate_unproduced")
    assert "错误" in run("--lang", "zh-CN", "catalogue", "lint", str(directory)).stdout


def test_lint_tells_what_cannot_be_read_beside_what_can(run: Run, directory: Path) -> None:
    (directory / "torn.yaml").write_text("code: [")
    findings = shown(run("catalogue", "lint", str(directory), "--json"))["findings"]
    assert [one["code"] for one in findings] == ["document", "certificate_unproduced"]
    assert findings[0]["place"].startswith("torn.yaml: ")


def test_the_directory_may_come_from_the_environment(
    run: Run, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONEMATTER_CATALOGUE_DIR", str(directory))
    assert run("catalogue", "lint").exit_code == 1
    assert "a matter" in run("guide", "OM-50", "--on", "2026-01-01").stdout


def test_compare_tells_what_a_version_changes(run: Run, directory: Path) -> None:
    result = run("catalogue", "compare", "OM-50", "1", "2", "--dir", str(directory))
    assert result.exit_code == 0
    assert "item 01 “item 01”: legal time was “20 working days”, is “15 working days”" in result.stdout
    assert "item 02 “item 02” is new" in result.stdout
    changes = shown(run("catalogue", "compare", "OM-50", "2", "1", "--dir", str(directory), "--json"))["changes"]
    assert changes[-1]["text"]["zh-CN"] == "取消事项 02“中item 02”"
    assert run("catalogue", "compare", "OM-50", "1", "1", "--dir", str(directory)).stdout == "nothing has changed\n"
    assert run("catalogue", "compare", "OM-50", "1", "3", "--dir", str(directory)).exit_code == 4


def test_a_guide_is_that_of_the_version_in_force(run: Run, directory: Path) -> None:
    at = ("--dir", str(directory), "--on")
    assert "version 1" in run("guide", "OM-50", *at, "2026-06-30").stdout
    assert "version 2" in run("guide", "OM-50", *at, "2026-07-01").stdout
    retired = run("guide", "OM-50", *at, "2027-01-01")
    assert retired.exit_code == 4
    assert "no version of OM-50 is in force on 2027-01-01; it is retired" in retired.stderr
    assert "version 1" in run("guide", "OM-50", "--version", "1", *at, "2027-01-01").stdout


def test_a_guide_with_answers_is_that_of_the_situation(run: Run, directory: Path) -> None:
    at = ("--dir", str(directory), "--version", "2", "--format", "json")
    whole, without = shown(run("guide", "OM-50", *at)), shown(run("guide", "OM-50", *at, "--fact", "a=no"))
    assert [len(stage) for stage in whole["stages"]] == [2]
    assert [len(stage) for stage in without["stages"]] == [1]


def test_a_guide_has_three_forms_and_two_languages(run: Run) -> None:
    assert run("guide", "OM-03", "--lang", "zh-CN").stdout.startswith("办事指南 · 新生儿出生\n")
    assert run("guide", "OM-03").stdout.startswith("Guide · Birth of a child\n")
    html = run("guide", "OM-03", "--format", "html", "--lang", "zh-CN").stdout
    assert html.startswith('<!DOCTYPE html>\n<html lang="zh-CN">')
    assert shown(run("guide", "OM-03", "--json"))["code"] == "OM-03"


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (("guide", "OM-99"), 4, "no such matter"),
        (("guide", "OM-03", "--fact", "mother_resident"), 2, "write KEY=VALUE"),
        (("guide", "OM-03", "--fact", "x=1"), 2, "asks no such question; use one of mother_resident"),
        (
            ("guide", "OM-03", "--fact", "mother_resident=yes", "--fact", "mother_resident=no"),
            2,
            "is answered twice",
        ),
        (("guide", "OM-03", "--dir", "absent"), 2, "no such directory"),
        (("catalogue", "lint", "absent"), 2, "no such directory"),
        (("catalogue", "compare", "OM-03", "1", "0"), 2, "0 is not in the range"),
    ],
)
def test_what_is_wrong_is_told_with_its_exit_code(
    run: Run, arguments: tuple[str, ...], code: int, expected: str
) -> None:
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert expected in result.stderr
    as_json = run(*arguments, "--json")
    assert as_json.exit_code == code
    assert expected in shown(as_json)["error"]["message"]


def test_a_missing_package_is_named_with_its_extra(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    def missing(name: str) -> Any:
        raise ModuleNotFoundError(f"no module named yaml ({name})", name="yaml")

    monkeypatch.setattr(importlib, "import_module", missing)
    result = run("guide", "OM-03")
    assert result.exit_code == 2
    assert 'needs yaml, which is not installed: pip install "onematter[services]"' in result.stderr


def test_rules_are_tried_on_their_examples(run: Run) -> None:
    told = shown(run("catalogue", "rules", "OM-90", "--json"))
    assert [one["item_id"] for one in told["rules"]] == ["01", "02", "03"]
    first = told["rules"][0]
    assert first["rule"] == "facts.amount <= 1000000.0"
    assert {(one["grants"], one["verdict"]) for one in first["examples"]} >= {(True, "holds"), (False, "does_not_hold")}
    text = run("catalogue", "rules", "OM-90").stdout
    assert "OM-90 01 County item" in text
    assert "✓ amount=1000000: granted" in text
    assert "3 rules, every example agrees" in text
    assert "由人审批" in run("--lang", "zh-CN", "catalogue", "rules", "OM-90").stdout
    assert len(shown(run("catalogue", "rules", "--json"))["rules"]) > 3


def test_rules_of_nothing_are_4_and_of_a_file_that_cannot_be_read_2(run: Run, directory: Path) -> None:
    assert run("catalogue", "rules", "OM-77").exit_code == 4
    assert shown(run("catalogue", "rules", "--dir", str(directory), "--json"))["rules"] == []
    (directory / "torn.yaml").write_text("code: [")
    assert run("catalogue", "rules", "--dir", str(directory)).exit_code == 2


def test_a_rule_that_contradicts_its_example_is_refused(run: Run, directory: Path) -> None:
    rule = {"grant_when": "facts.a", "explanation": names("so it is")}
    examples = [{"facts": {"a": True}, "grants": False}]
    third = document(
        item("01", auto_rule=rule, rule_examples=examples), facts=[flag("a")], version=3, valid_from="2027-01-01"
    )
    (directory / "OM-50.3.yaml").write_text(yaml.safe_dump(third, allow_unicode=True))
    result = run("catalogue", "rules", "--dir", str(directory))
    assert result.exit_code == 2
    assert "OM-50.3.yaml" in result.stderr
    assert "example" in result.stderr
