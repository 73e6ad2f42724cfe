"""Spans to an OpenTelemetry collector, by OTLP over HTTP. The settings are OpenTelemetry's own.

OTEL_EXPORTER_OTLP_ENDPOINT (or …_TRACES_ENDPOINT) turns tracing on; without it, or with OTEL_SDK_DISABLED=true or
OTEL_TRACES_EXPORTER=none, nothing of OpenTelemetry is imported. OTEL_EXPORTER_OTLP_PROTOCOL is http/protobuf.
OTEL_TRACES_SAMPLER (parentbased_always_on) and OTEL_TRACES_SAMPLER_ARG say which traces are recorded, OTEL_SERVICE_NAME
(onematter-<deployment>) and OTEL_RESOURCE_ATTRIBUTES who tells; OTEL_EXPORTER_OTLP_HEADERS, _TIMEOUT, _COMPRESSION and
_CERTIFICATE are the exporter's. OTEL_BSP_MAX_QUEUE_SIZE (2048), OTEL_BSP_MAX_EXPORT_BATCH_SIZE (512) and
OTEL_BSP_SCHEDULE_DELAY (5000 ms) bound what waits.

Rule 1: who records never waits: what does not fit into the queue is dropped and counted, and so is what the collector
does not take. A collector that is away costs spans and nothing else.
Rule 2: spans are made, encoded and sent in a thread of their own.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Any

from onematter.backbone.settings import SettingWrong, count
from onematter.backbone.spans import Recorder, Sampler, Span

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
PROTOCOL = "http/protobuf"
SAMPLERS = (
    "always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off",
    "parentbased_traceidratio",
)  # fmt: skip
CLOSE_SECONDS = 1.0

# Sends spans; whether the collector took them. May take long, and must not raise.
Export = Callable[[Sequence[Span]], bool]
# Counts spans by what came of them: (result, number).
Tally = Callable[[str, int], None]


class SpanQueue(threading.Thread):
    """What waits to be sent, `limit` spans at most; at least every `delay_seconds` it is sent, `batch` at a time."""

    def __init__(
        self, export: Export, tally: Tally, *, limit: int = 2048, batch: int = 512, delay_seconds: float = 5.0
    ) -> None:
        super().__init__(name="spans", daemon=True)
        self._export, self._tally = export, tally
        self._limit, self._batch, self._delay_seconds = limit, min(batch, limit), delay_seconds
        self._waiting: deque[Span] = deque()
        self._wake, self._stopped = threading.Event(), threading.Event()

    def put(self, span: Span) -> None:
        """From any thread: send it later, or drop it."""
        if len(self._waiting) >= self._limit:
            self._tally("dropped", 1)
            return
        self._waiting.append(span)
        if len(self._waiting) >= self._batch:
            self._wake.set()

    def run(self) -> None:
        """The thread."""
        while not self._stopped.is_set():
            self._wake.wait(self._delay_seconds)
            self._wake.clear()
            self._send()
        self._send()

    def _send(self) -> None:
        waiting = self._waiting
        while waiting:
            spans = [waiting.popleft() for _ in range(min(len(waiting), self._batch))]
            try:
                taken = self._export(spans)
            except Exception:
                # Whatever it is: the next batch has its own try, and this thread is all that sends.
                taken = False
            self._tally("sent" if taken else "failed", len(spans))

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Send what waits, for so long at most."""
        self._stopped.set()
        self._wake.set()
        self.join(seconds)


def is_on(environment: Mapping[str, str]) -> bool:
    """Whether spans are wanted."""
    off = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    none = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none"
    return any(environment.get(name) for name in ENDPOINTS) and not (off or none)


def start(
    environment: Mapping[str, str], service: str, deployment: str, tally: Tally
) -> tuple[Recorder, SpanQueue] | None:
    """A recorder and the queue behind it, which runs; None when tracing is off.

    Of OpenTelemetry's settings those that its exporter reads are read from the process's own environment.
    Raises SettingWrong.
    """
    if not is_on(environment):
        return None
    protocol = next((environment[name] for name in PROTOCOLS if environment.get(name)), PROTOCOL)
    if protocol != PROTOCOL:
        raise SettingWrong(f"OTEL_EXPORTER_OTLP_PROTOCOL is {PROTOCOL}; nothing else is sent")
    _check_sampler(environment)
    limit = count(environment, "OTEL_BSP_MAX_QUEUE_SIZE", 2048)
    batch = count(environment, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512)
    delay_ms = count(environment, "OTEL_BSP_SCHEDULE_DELAY", 5000)
    try:
        # By name: no type checker, and no process without an endpoint, needs the package.
        sdk: Any = import_module("onematter.backbone.otlp_sdk")
    except ModuleNotFoundError as error:
        raise SettingWrong(
            f'{" or ".join(ENDPOINTS)} is set, but {error.name} is not installed: pip install "onematter[tracing]"'
        ) from error
    attributes = {
        "service.namespace": "onematter",
        "service.version": version("onematter"),
        "onematter.service": service,
    }
    samples: Sampler
    samples, export = sdk.connect(environment.get("OTEL_SERVICE_NAME") or f"onematter-{deployment}", attributes)
    queue = SpanQueue(export, tally, limit=limit, batch=batch, delay_seconds=delay_ms / 1000)
    queue.start()
    return Recorder(queue.put, samples), queue


def _check_sampler(environment: Mapping[str, str]) -> None:
    """A name or share that is wrong is refused: OpenTelemetry itself would then record every trace."""
    name = environment.get("OTEL_TRACES_SAMPLER") or SAMPLERS[3]
    if name not in SAMPLERS:
        raise SettingWrong(f"OTEL_TRACES_SAMPLER is one of {', '.join(SAMPLERS)}")
    share = environment.get("OTEL_TRACES_SAMPLER_ARG")
    if name.endswith("traceidratio") and share:
        try:
            right = 0 <= float(share) <= 1
        except ValueError:
            right = False
        if not right:
            raise SettingWrong("OTEL_TRACES_SAMPLER_ARG is a share from 0 to 1")
