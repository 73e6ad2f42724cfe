"""What `/metrics` shows, declared as data: name, type, unit, labels, help.

Figures of the window go up and down, so they are gauges; levels and outcomes are the only labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from onematter.supervision.core import ALL, BUCKETS_MS, Figures


class Outcome(StrEnum):
    """What became of a record."""

    COUNTED = "counted"
    REPEATED = "repeated"  # redelivered, or told twice
    PASSED_OVER = "passed_over"  # of a kind that is not counted
    EXPIRED = "expired"  # older than the window
    UNATTRIBUTED = "unattributed"  # a visit to a matter that is not counted in the window
    UNDECODABLE = "undecodable"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Declared:
    """One metric."""

    name: str
    type: str
    unit: str
    labels: tuple[str, ...]
    help: str


RECORDS = Declared(
    "onematter_supervision_records", "counter", "", ("outcome",), "Records taken in, by what became of them."
)
FINISHED = Declared(
    "onematter_window_matters_finished",
    "gauge",
    "",
    ("level",),
    "Matters finished in the window, by leading level.",
)
VISITS = Declared(
    "onematter_window_visits",
    "gauge",
    "",
    ("level",),
    "Visits of the matters finished in the window, by leading level.",
)
VISITED = Declared(
    "onematter_window_matters_by_visits",
    "gauge",
    "",
    ("level", "visits"),
    "Matters finished in the window with no, one and more visits, by leading level.",
)
LATENCY = Declared(
    "onematter_window_result_latency_seconds",
    "gaugehistogram",
    "seconds",
    ("level",),
    "Time from hand-in to result of the matters finished in the window, by leading level.",
)
LAG = Declared("onematter_supervision_lag_records", "gauge", "", (), "Records that supervision has not read yet.")
READY = Declared(
    "onematter_supervision_ready",
    "gauge",
    "",
    (),
    "1 when partitions are assigned and the table is recovered.",
)

DECLARED = (RECORDS, FINISHED, VISITS, VISITED, LATENCY, LAG, READY)


class Tally:
    """Counts records by outcome, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        counter = Counter(RECORDS.name, RECORDS.help, RECORDS.labels, registry=self.registry)
        self._counters = {outcome: counter.labels(outcome.value) for outcome in Outcome}

    def count(self, outcome: Outcome) -> None:
        """Count one record."""
        self._counters[outcome].inc()


class WindowCollector(Collector):
    """Reads the figures when it is asked."""

    def __init__(
        self, figures: Callable[[], Mapping[str, Figures]], lag: Callable[[], int], ready: Callable[[], bool]
    ) -> None:
        self._figures = figures
        self._lag = lag
        self._ready = ready

    def collect(self) -> Iterable[Metric]:
        """The gauges. While not ready the figures are left out, since they would be too small."""
        ready = self._ready()
        yield GaugeMetricFamily(READY.name, READY.help, value=int(ready))
        if not ready:
            return
        yield GaugeMetricFamily(LAG.name, LAG.help, value=self._lag())
        finished, visits, visited = (
            GaugeMetricFamily(metric.name, metric.help, labels=metric.labels) for metric in (FINISHED, VISITS, VISITED)
        )
        latency = GaugeHistogramMetricFamily(LATENCY.name, LATENCY.help, labels=LATENCY.labels)
        for level, of_level in self._figures().items():
            if level == ALL:
                continue  # a sum over the label
            finished.add_metric([level], of_level.finished)
            visits.add_metric([level], of_level.visits_sum)
            for name, matters in zip(("none", "once", "more"), of_level.visits, strict=True):
                visited.add_metric([level, name], matters)
            bounds = [str(bound / 1000) for bound in BUCKETS_MS] + ["+Inf"]
            cumulated = list(zip(bounds, accumulate(of_level.latencies), strict=True))
            latency.add_metric([level], cumulated, of_level.latency_sum_ms / 1000)
        yield from (finished, visits, visited, latency)


def exposition(registry: CollectorRegistry) -> bytes:
    """The registry in Prometheus' text format."""
    return generate_latest(registry)
