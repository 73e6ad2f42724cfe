"""Alerts rest on metrics that exist, fire when they should, and each has its section in the runbook."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.promtool import program

from onematter.backbone.metrics import METRICS, Metric
from onematter.supervision.metrics import DECLARED, Declared

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "charts" / "onematter" / "monitoring"
DASHBOARDS = {path.stem: json.loads(path.read_text()) for path in sorted((MONITORING / "dashboards").glob("*.json"))}
RULES = {name: yaml.safe_load((MONITORING / "rules" / f"{name}.yaml").read_text()) for name in ("recording", "alerts")}
# What Prometheus itself adds, and what a histogram's series have.
GIVEN_LABELS = {"job", "instance", "le"}


def rules(name: str) -> list[dict[str, Any]]:
    return [rule for group in RULES[name]["groups"] for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in rules("alerts")}
EXPRESSIONS = {rule.get("alert") or rule["record"]: rule["expr"] for rule in rules("alerts") + rules("recording")}
SUFFIXES = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
# What Kafka's and PostgreSQL's own exporters give; the integration tests ask every one of a real Prometheus.
OF_EXPORTERS = re.compile(r"\b(?:kafka|pg)_[a-z0-9_]+")
SUFFIXES |= {"gaugehistogram": ("_bucket", "_gcount", "_gsum")}
# Supervision counts by itself, and its client adds what a counter's name ends with.
OF_SUPERVISION = {one.name + ("_total" if one.type == "counter" else ""): one for one in DECLARED}
NAMED: dict[str, Metric | Declared] = {metric.name: metric for metric in METRICS} | OF_SUPERVISION
SERIES = {name + suffix: metric for name, metric in NAMED.items() for suffix in SUFFIXES[metric.type]}


def queries() -> dict[str, str]:
    """Every query of a dashboard, by where it stands."""
    return {
        f"{name}: {panel['title']}: {target['legendFormat']}": target["expr"]
        for name, dashboard in DASHBOARDS.items()
        for panel in dashboard["panels"]
        for target in panel["targets"]
    }


EXPRESSIONS |= queries()


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_a_rule_or_panel_asks_for_what_services_export(name: str) -> None:
    recorded = {rule["record"] for rule in rules("recording")}
    asked = set(re.findall(r"\bonematter[_:][a-z0-9_:]+", EXPRESSIONS[name]))
    assert asked or OF_EXPORTERS.search(EXPRESSIONS[name])
    assert asked <= SERIES.keys() | recorded
    for series, matchers in re.findall(r"(onematter_[a-z_]+)\{([^}]*)\}", EXPRESSIONS[name]):
        labels = set(re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)", matchers))
        assert labels <= set(SERIES[series].labels) | GIVEN_LABELS


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_has_severity_words_and_its_section_in_the_runbook(name: str) -> None:
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"].keys() == {"summary", "description", "runbook"}
    path, _, anchor = rule["annotations"]["runbook"].partition("#")
    text = (ROOT / path).read_text()
    assert f"\n## {name}\n" in text
    assert anchor == name.lower()


def test_a_section_has_its_alert_and_every_link_its_target() -> None:
    path = ROOT / "deploy" / "runbooks" / "alerts.md"
    text = path.read_text()
    sections = re.findall(r"(?m)^## (.*)$", text)
    assert sorted(sections) == sorted(ALERTS)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        file, _, anchor = target.partition("#")
        assert (path.parent / file).exists() if file else anchor in {name.lower() for name in sections}


def test_each_alert_is_tested_to_be_silent_and_to_fire() -> None:
    tests = yaml.safe_load((MONITORING / "tests" / "alerts.yaml").read_text())["tests"]
    shown = [test for test in tests if "promql_expr_test" in test]
    assert [test["name"] for test in shown] == list(ALERTS)
    for test in shown:
        quiet, firing = test["promql_expr_test"]
        assert f'"{test["name"]}"' in firing["expr"] == quiet["expr"]
        assert "exp_samples" not in quiet
        assert firing["exp_samples"] == [{"labels": "{}", "value": 1}]


def test_the_dashboards_are_what_their_source_writes() -> None:
    spec = importlib.util.spec_from_file_location("dashboards", MONITORING / "dashboards.py")
    assert spec is not None
    assert spec.loader is not None
    source = importlib.util.module_from_spec(spec)
    # Its dataclasses look their module up.
    sys.modules["dashboards"] = source
    spec.loader.exec_module(source)
    written = {one.uid: json.loads(source.text(one)) for one in source.DASHBOARDS}
    assert written == DASHBOARDS


def test_an_alert_rests_on_our_own_metrics_alone() -> None:
    assert not [name for name in ALERTS if OF_EXPORTERS.search(EXPRESSIONS[name])]


def test_every_metric_is_in_a_panel_or_an_alert() -> None:
    asked = {series for text in EXPRESSIONS.values() for series in re.findall(r"\bonematter_[a-z0-9_]+", text)}
    used = {SERIES[series].name for series in asked}
    assert used == {metric.name for metric in NAMED.values()}


def test_promtool_finds_every_rule_right() -> None:
    files = [str(path) for path in sorted((MONITORING / "rules").iterdir())]
    done = subprocess.run([program("promtool"), "check", "rules", *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_takes_the_example_of_a_configuration(tmp_path: Path) -> None:
    example = (ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text()
    (tmp_path / "prometheus.yml").write_text(example)
    shutil.copytree(MONITORING / "rules", tmp_path / "rules")
    command = [program("promtool"), "check", "config", str(tmp_path / "prometheus.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert str(tmp_path / "rules") in done.stdout


@pytest.mark.timeout(300)
def test_promtool_sees_each_alert_fire() -> None:
    done = subprocess.run(
        [program("promtool"), "test", "rules", "alerts.yaml"],
        cwd=MONITORING / "tests", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
