"""Metrics, declared once as data: name, type, unit, labels, help. Dashboards, alerts and docs read this table.

Rule 1: names begin with onematter_ and end with their base unit. Rule 2: labels are bounded; never an id in a label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 86400, 604800, 2592000)
# Of calls, which have deadlines.
CALL_SECONDS = SECONDS[:12]
STEP_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
SIZES = (1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500)

# When a series began is one more series of each in the text format, and nobody asks for it.
disable_created_metrics()


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `type` is counter, gauge or histogram; `services` who exposes it."""

    name: str
    type: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: Sequence[float] = ()
    services: tuple[str, ...] = ("intake", "approval", "notification", "archive", "exchange")


METRICS = (
    Metric(
        "onematter_build_info", "gauge", "1, for each process: what runs there.", ("service", "deployment", "version"),
        (), ("intake", "approval", "notification", "archive", "exchange", "canary"),
    ),
    Metric("onematter_records_total", "counter", "Records dealt with, by what came of them.", ("outcome",)),
    Metric("onematter_events_total", "counter", "Events published, by type.", ("type",)),
    Metric("onematter_step_duration_seconds", "histogram", "Time of one step, from poll to commit.", (), STEP_SECONDS),
    Metric("onematter_step_size_records", "histogram", "Records in one step.", (), SIZES),
    Metric("onematter_steps_given_up_total", "counter", "Steps given up, by reason.", ("reason",)),
    Metric("onematter_lanes", "gauge", "Lanes that this process has taken."),
    Metric("onematter_lag_records", "gauge", "Records on this process's lanes that are not read yet."),
    Metric(
        "onematter_oldest_unprocessed_age_seconds", "gauge",
        "Age of the oldest record that was read and is not dealt with; 0 when there is none.",
    ),
    Metric("onematter_outbox_age_seconds", "gauge", "Age of the oldest committed record that is not acknowledged."),
    Metric("onematter_parked_streams", "gauge", "Streams that wait for replay or drop."),
    Metric("onematter_dead_letters_total", "counter", "Records put to the dead letters."),
    Metric("onematter_timers_overdue", "gauge", "Timers that are due and not dealt with."),
    Metric("onematter_ready", "gauge", "1 when lanes are served and dependencies answer."),
    Metric(
        "onematter_submissions_paused", "gauge", "1 while hand-ins wait because events lag.", services=("intake",)
    ),
    Metric(
        "onematter_matter_result_seconds", "histogram",
        "From hand-in to the one result, by outcome and by rules alone or with people.",
        ("outcome", "automatic"), SECONDS, ("intake",),
    ),
    Metric(
        "onematter_matter_sealed_seconds", "histogram", "From hand-in to the sealed case file.", (), SECONDS,
        ("archive",),
    ),
    Metric(
        "onematter_self_audits_total", "counter", "Sealed matters that the archive worked out again, by result.",
        ("result",), (), ("archive",),
    ),
    Metric(
        "onematter_open_tasks", "gauge", "Tasks that wait for a person, by level and department.",
        ("level", "department"), (), ("approval",),
    ),
    Metric(
        "onematter_overdue_tasks", "gauge", "Tasks past a deadline that wait for a person, by whose and by clock.",
        ("level", "department", "clock"), (), ("approval",),
    ),
    Metric(
        "onematter_decisions_total", "counter", "Decisions, by level, department and by rule or person.",
        ("level", "department", "automatic"), (), ("approval",),
    ),
    Metric(
        "onematter_notices_total", "counter", "Notices by kind and result.", ("kind", "result"), (), ("notification",)
    ),
    Metric(
        "onematter_sharing_calls_total", "counter", "Calls to the data-exchange platform, by source and result.",
        ("source", "result"), (), ("exchange",),
    ),
    Metric(
        "onematter_sharing_call_duration_seconds", "histogram", "Time of calls to the platform, by source.",
        ("source",), CALL_SECONDS, ("exchange",),
    ),
    Metric(
        "onematter_sharings_total", "counter", "Materials that were asked of a source, by what came of it.",
        ("source", "result"), (), ("exchange",),
    ),
    Metric(
        "onematter_sharing_calls_due", "gauge", "Calls to the platform that are due and not made.",
        (), (), ("exchange",),
    ),
    Metric(
        "onematter_sharing_circuits_open", "gauge", "Sources that are not called for a while, since calls failed.",
        (), (), ("exchange",),
    ),
    Metric(
        "onematter_canary_runs_total", "counter", "Matters of the installation's own that came to an end, well or not.",
        (), (), ("canary",),
    ),
    Metric(
        "onematter_canary_failures_total", "counter", "Matters of the installation's own that failed, by stage.",
        ("stage",), (), ("canary",),
    ),
    Metric(
        "onematter_canary_duration_seconds", "histogram",
        "From the hand-in of a matter of the installation's own to the end of each stage.",
        ("stage",), SECONDS[:14], ("canary",),
    ),
    Metric(
        "onematter_canary_last_success_timestamp_seconds", "gauge",
        "When a matter of the installation's own was last archived and proven, by where it was handed in; 0 for never.",
        ("division",), (), ("canary",),
    ),
    Metric("onematter_spans_total", "counter", "Spans, by what came of them: sent, dropped, failed.", ("result",)),
    Metric("onematter_door_requests_total", "counter", "gRPC requests by method and code.", ("method", "code")),
    Metric("onematter_door_duration_seconds", "histogram", "Time of gRPC requests.", ("method",), CALL_SECONDS),
)  # fmt: skip


class Metrics:
    """The metrics of one service in a registry of their own, by name without the prefix."""

    def __init__(self, service: str, deployment: str = "") -> None:
        """`deployment`: its name; that of the service when there is only one."""
        self.registry = CollectorRegistry()
        self._collectors: Mapping[str, Any] = {
            metric.name: _collector(metric, self.registry) for metric in METRICS if service in metric.services
        }
        if "onematter_build_info" in self._collectors:
            self["build_info"].labels(service, deployment or service, version("onematter")).set(1)

    def __getitem__(self, name: str) -> Any:
        """The collector of `onematter_<name>`. Raises KeyError for what the table doesn't declare."""
        return self._collectors[f"onematter_{name}"]


def _collector(metric: Metric, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    if metric.type == "histogram":
        return Histogram(metric.name, metric.help, metric.labels, buckets=metric.buckets, registry=registry)
    if metric.type == "counter":
        return Counter(metric.name.removesuffix("_total"), metric.help, metric.labels, registry=registry)
    return Gauge(metric.name, metric.help, metric.labels, registry=registry)
