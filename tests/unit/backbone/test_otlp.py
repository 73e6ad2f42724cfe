"""Whether spans are exported, and what waits for it: off by default, bounded, and never in anybody's way."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence

import pytest
from tests.collector import collecting
from tests.tail import poll

from onematter.backbone.otlp import SpanQueue, start
from onematter.backbone.settings import SettingWrong
from onematter.backbone.spans import Kind, Span
from onematter.contracts.traces import TraceContext

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
CONTEXT = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", True)
SERVICES = ("approval", "archive", "exchange", "intake", "notification", "supervision")


def span(number: int = 1, parent_id: str = "") -> Span:
    context = CONTEXT._replace(span_id=f"{number:016x}")
    return Span(f"span {number}", Kind.CONSUMER, context, parent_id, 1_000, 2_000, {"n": number}, [CONTEXT])


class Tally(Counter[str]):
    def __call__(self, result: str, number: int) -> None:
        self[result] += number


def test_without_an_endpoint_nothing_of_opentelemetry_is_imported() -> None:
    """Every service's program, and what it does at its start."""
    code = (
        "import sys\n"
        + "".join(f"import onematter.{service}.__main__\n" for service in SERVICES)
        + "from onematter.backbone import otlp\n"
        "assert otlp.start({}, 'intake', 'intake', print) is None\n"
        "print(sorted(name for name in sys.modules if name.partition('.')[0] == 'opentelemetry' or 'otlp_sdk' in name))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


@pytest.mark.parametrize(
    "off", [{}, {**ENDPOINT, "OTEL_SDK_DISABLED": "true"}, {**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}]
)
def test_it_is_off(off: dict[str, str]) -> None:
    assert start(off, "intake", "intake", Tally()) is None


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL is http/protobuf"),
        ({"OTEL_TRACES_SAMPLER": "sometimes"}, "OTEL_TRACES_SAMPLER is one of"),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "2"}, "a share from 0 to 1"),
        ({"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "half"}, "from 0 to 1"),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "nan"}, "from 0 to 1"),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "0"}, "OTEL_BSP_MAX_QUEUE_SIZE is a whole number from 1"),
    ],
)
def test_a_setting_that_is_wrong_is_refused(wrong: dict[str, str], told: str) -> None:
    with pytest.raises(SettingWrong, match=re.escape(told)):
        start({**ENDPOINT, **wrong}, "intake", "intake", Tally())


def test_spans_arrive_as_they_were_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as collector:
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}"}
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        tally = Tally()
        started = start(environment, "approval", "approval-city", tally)
        assert started is not None
        recorder, queue = started
        recorder.end(span(1), 3_000)
        failed = span(2, CONTEXT.span_id)
        failed.failed = True
        recorder.end(failed, 4_000)
        queue.close(30)
        first, second = collector.spans
    assert first.service == "onematter-approval-city"
    assert (first.trace_id, first.span_id, first.parent_id) == (CONTEXT.trace_id, f"{1:016x}", "")
    assert (first.name, first.kind, first.start_ns, first.end_ns) == ("span 1", 5, 1_000, 3_000)
    assert (first.attributes, first.links) == ({"n": 1}, [(CONTEXT.trace_id, CONTEXT.span_id)])
    assert (first.failed, second.failed) == (False, True)
    assert (second.trace_id, second.parent_id) == (CONTEXT.trace_id, CONTEXT.span_id)
    assert tally == {"sent": 2}


@pytest.mark.parametrize(
    ("sampler", "share", "parent", "low", "high"),
    [
        ("", "", None, 1000, 1000),
        ("always_off", "", None, 0, 0),
        ("parentbased_traceidratio", "0.1", None, 60, 140),
        ("parentbased_traceidratio", "0.1", CONTEXT, 1000, 1000),
        ("parentbased_traceidratio", "1", CONTEXT._replace(sampled=False), 0, 0),
        ("traceidratio", "0.1", CONTEXT, 0, 1000),
    ],
)
def test_the_sampler_decides(
    monkeypatch: pytest.MonkeyPatch, sampler: str, share: str, parent: TraceContext | None, low: int, high: int
) -> None:
    environment = {**ENDPOINT, "OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": share}
    for name, value in environment.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
    started = start({k: v for k, v in environment.items() if v}, "intake", "intake", Tally())
    assert started is not None
    recorder, queue = started
    begun = [recorder.begin("x", Kind.INTERNAL, parent) for _ in range(1000)]
    queue.close(0)
    recorded = sum(span is not None for _, span in begun)
    assert low <= recorded <= high
    assert all(context.sampled == (span is not None) for context, span in begun)


class Hangs:
    """A collector that does not answer until it is let go."""

    def __init__(self) -> None:
        self.called, self.go = threading.Event(), threading.Event()

    def __call__(self, spans: Sequence[Span]) -> bool:
        self.called.set()
        self.go.wait(60)
        return True


def test_what_does_not_fit_is_dropped_and_counted_and_nobody_waits() -> None:
    tally, hangs = Tally(), Hangs()
    queue = SpanQueue(hangs, tally, limit=100, batch=10, delay_seconds=60)
    queue.start()
    for number in range(10):
        queue.put(span(number))
    assert hangs.called.wait(30)
    began = time.monotonic()
    for number in range(10_000):
        queue.put(span(number))
    took = time.monotonic() - began
    assert tally["dropped"] == 10_000 - 100
    # A single wait for the collector would be 60 s.
    assert took < 30
    queue.close(0.05)
    assert queue.is_alive()
    hangs.go.set()
    queue.join(30)
    assert tally == {"dropped": 9_900, "sent": 110}


def test_what_is_not_taken_is_counted_and_the_next_is_tried() -> None:
    tally, outcomes = Tally(), iter([False, RuntimeError("no"), True])

    def export(_: Sequence[Span]) -> bool:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    queue = SpanQueue(export, tally, limit=100, batch=1, delay_seconds=60)
    queue.start()
    for number, known in enumerate((1, 2, 3)):
        queue.put(span(number))
        poll(lambda known=known: sum(tally.values()) == known, "a batch")
    queue.close(30)
    assert tally == {"failed": 2, "sent": 1}


def test_little_is_sent_after_a_while_and_the_rest_at_the_end() -> None:
    tally = Tally()
    queue = SpanQueue(lambda spans: True, tally, limit=100, batch=50, delay_seconds=0.05)
    queue.start()
    queue.put(span())
    poll(lambda: tally["sent"] == 1, "the span")
    queue.close(30)
    slow = SpanQueue(lambda spans: True, tally, limit=100, batch=50, delay_seconds=60)
    slow.start()
    slow.put(span())
    slow.close(30)
    assert tally["sent"] == 2
