"""Every metric of the table follows the rules of its name, unit and labels, and every service can build its own."""

from __future__ import annotations

import re

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from onematter.backbone.metrics import METRICS, Metric, Metrics

SERVICES = ("intake", "approval", "notification", "archive", "exchange", "canary")
# Prometheus' base units that occur here.
UNITS = ("_seconds", "_bytes", "_ratio", "_records")
# Gauges that count things have the things as their unit.
COUNTED = {
    "onematter_lanes", "onematter_parked_streams", "onematter_timers_overdue", "onematter_ready",
    "onematter_submissions_paused", "onematter_open_tasks", "onematter_overdue_tasks", "onematter_sharing_calls_due",
    "onematter_sharing_circuits_open", "onematter_build_info",
}  # fmt: skip
# What may stand in a label: sets that the code or the catalogue bounds. Never an id of a matter, person or request.
BOUNDED_LABELS = {
    "outcome", "type", "reason", "level", "automatic", "kind", "result", "method", "code", "source", "clock",
    "service", "deployment", "version", "department", "stage", "division",
}  # fmt: skip


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_name_unit_labels_and_help(metric: Metric) -> None:
    assert re.fullmatch(r"onematter_[a-z]+(_[a-z]+)*", metric.name)
    assert metric.type in ("counter", "gauge", "histogram")
    assert metric.name.endswith("_total") == (metric.type == "counter")
    if metric.type != "counter":
        assert metric.name.endswith(UNITS) != (metric.name in COUNTED)
    assert set(metric.labels) <= BOUNDED_LABELS
    assert metric.help.endswith(".")
    assert metric.help[0].isupper() or metric.help[0].isdigit() or metric.help.startswith("gRPC")
    assert set(metric.services) <= set(SERVICES)
    assert metric.services


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_histogram_has_growing_buckets_and_nothing_else_has_any(metric: Metric) -> None:
    assert bool(metric.buckets) == (metric.type == "histogram")
    assert list(metric.buckets) == sorted(set(metric.buckets))
    assert all(bucket > 0 for bucket in metric.buckets)


def test_names_stand_once() -> None:
    names = [metric.name for metric in METRICS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_exposes_what_the_table_says_of_it(service: str) -> None:
    metrics = Metrics(service)
    wanted = [metric for metric in METRICS if service in metric.services]
    for metric in wanted:
        collector = metrics[metric.name.removeprefix("onematter_")]
        child = collector.labels(*("x" for _ in metric.labels)) if metric.labels else collector
        if metric.type == "histogram":
            child.observe(1)
        else:
            child.inc()
    exposed = {
        family.name: family for family in text_string_to_metric_families(generate_latest(metrics.registry).decode())
    }
    for metric in wanted:
        family = exposed[metric.name.removesuffix("_total")]
        assert (family.type, family.documentation) == (metric.type, metric.help)
        labels = set(metric.labels) | ({"le"} if metric.type == "histogram" else set())
        assert {name for sample in family.samples for name in sample.labels} == labels


def test_what_the_table_does_not_declare_cannot_be_counted() -> None:
    with pytest.raises(KeyError):
        Metrics("intake")["matters_total"]
    with pytest.raises(KeyError):
        Metrics("archive")["open_tasks"]
