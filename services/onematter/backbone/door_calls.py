"""What is told of one gRPC call: a count, its time, a line of the log, and a span where it is recorded.

Rule 1: a call that brings a trace context goes on in that trace; the records that it writes carry it.
Rule 2: without one, and where traces are recorded, it begins one: a hand-in the trace that has its matter's id.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

import grpc

from onematter.backbone.metrics import Metrics
from onematter.backbone.spans import Kind, Recorder, Span, matter, traceparent_in_hand
from onematter.contracts.traces import HEADER, TraceContext, is_trace_id, parse

logger = logging.getLogger("onematter.doors")

_HANDS_IN = "SubmitMatter"
# Codes of a server's own fault, for which its span is an error (OpenTelemetry's conventions for gRPC).
_FAULTS = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})


@dataclass(slots=True)
class DoorCall:
    """A call in hand."""

    method: str
    began: float
    matter_id: str
    context: TraceContext | None
    span: Span | None


class DoorCalls:
    """Tells of calls. `recorder` None: none is recorded."""

    def __init__(self, metrics: Metrics, recorder: Recorder | None = None) -> None:
        self._metrics, self._recorder = metrics, recorder

    def begin(self, path: str, request: Any, context: Any) -> DoorCall:
        """A call of the method at `path`, /package.Service/Method. What its task writes then carries its trace."""
        service, _, method = path[1:].partition("/")
        matter_id = _matter_id_of(request)
        here = _context_of(context)
        span: Span | None = None
        if self._recorder is not None:
            trace_id = matter_id if method == _HANDS_IN else ""
            here, span = self._recorder.begin(path[1:], Kind.SERVER, here, trace_id=trace_id)
            if span is not None:
                span.attributes = {
                    "rpc.system": "grpc", "rpc.service": service, "rpc.method": method, **matter(matter_id)
                }  # fmt: skip
        if here is not None:
            traceparent_in_hand.set(here.traceparent)
        return DoorCall(method, time.monotonic(), matter_id, here, span)

    def end(self, call: DoorCall, context: Any) -> None:
        """The call is answered, refused or gone."""
        code = context.code()
        known = code if isinstance(code, grpc.StatusCode) else grpc.StatusCode.OK
        seconds = time.monotonic() - call.began
        self._metrics["door_requests_total"].labels(call.method, known.name).inc()
        self._metrics["door_duration_seconds"].labels(call.method).observe(seconds)
        if logger.isEnabledFor(logging.INFO):
            told = {
                "method": call.method,
                "code": known.name,
                "duration_seconds": round(seconds, 6),
                "matter_id": call.matter_id,
                "trace_id": call.context.trace_id if call.context is not None else "",
            }
            logger.info("%s %s", call.method, known.name, extra=told)
        if call.span is not None and self._recorder is not None:
            call.span.attributes["rpc.grpc.status_code"] = known.value[0]
            call.span.failed = known.name in _FAULTS
            self._recorder.end(call.span)


def _context_of(context: Any) -> TraceContext | None:
    for key, value in context.invocation_metadata() or ():
        if key == HEADER:
            return parse(value) if isinstance(value, str) else None
    return None


def _matter_id_of(request: Any) -> str:
    """The id of the matter that a request is about; "" where there is none, or what stands there is no id."""
    found = getattr(request, "matter_id", "") or getattr(getattr(request, "command", None), "matter_id", "")
    return found if isinstance(found, str) and is_trace_id(found) else ""
