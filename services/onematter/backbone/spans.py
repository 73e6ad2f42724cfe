"""Spans of what a service does, from the hand-in to the archive. `otlp` says whether there are any and where they go.

Rule 1: off by default. Without a Recorder nothing here runs, and of OpenTelemetry nothing is imported.
Rule 2: a span is handed over when it has ended. Those of a step end with its commit, and are given up with it.
Rule 3: a step is where many traces meet: it has a trace of its own, linked with what it dealt with.
Rule 4: attributes are places and codes: ids of matters, topics, offsets, types, reasons. Never a text that somebody
wrote, a parameter or a name.
Rule 5: recording never waits.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar

from onematter.contracts.traces import HEADER, TraceContext, is_trace_id

Value = str | int | float | bool
Attributes = dict[str, Value]
# What a producer calls when the broker has a record, or has it not: (error, message).
Delivered = Callable[[Any, Any], None]
D = TypeVar("D")

MATTER_ID = "onematter.matter.id"

# The context in which this task writes records, as the header's value; "" when there is none.
traceparent_in_hand: ContextVar[str] = ContextVar("traceparent_in_hand", default="")


class Kind(Enum):
    """A span's kind, as OpenTelemetry names it."""

    INTERNAL = "INTERNAL"
    SERVER = "SERVER"
    CLIENT = "CLIENT"
    PRODUCER = "PRODUCER"
    CONSUMER = "CONSUMER"


@dataclass(slots=True)
class Span:
    """One span. `end_unix_ns` 0: it has not ended. `parent_id` "": the first of its trace."""

    name: str
    kind: Kind
    context: TraceContext
    parent_id: str
    start_unix_ns: int
    end_unix_ns: int = 0
    attributes: Attributes = field(default_factory=dict[str, Value])
    links: list[TraceContext] = field(default_factory=list[TraceContext])
    failed: bool = False


# Whether a trace is recorded: (parent, trace_id, name).
Sampler = Callable[[TraceContext | None, str, str], bool]


class Recorder:
    """Begins spans and hands over what has ended. `put` must not block; `samples` decides for each trace.

    `in_hand` and `beside` belong to the loop's thread: the span of the record that it deals with, and the spans within.
    """

    def __init__(
        self, put: Callable[[Span], None], samples: Sampler, *, clock_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._put, self._samples, self._clock_ns = put, samples, clock_ns
        self.in_hand: Span | None = None
        self.beside: list[Span] = []

    def begin(
        self, name: str, kind: Kind, parent: TraceContext | None, *, trace_id: str = ""
    ) -> tuple[TraceContext, Span | None]:
        """The context to pass on, and the span; None when the trace is not recorded.

        `trace_id`: of the trace if it begins here; a random one where that is none.
        """
        if parent is not None:
            trace = parent.trace_id
        else:
            trace = trace_id if is_trace_id(trace_id) else _random_hex(16)
        sampled = self._samples(parent, trace, name)
        if not sampled and parent is not None and not parent.sampled:
            return parent, None
        context = TraceContext(trace, _random_hex(8), sampled)
        if not sampled:
            return context, None
        return context, Span(name, kind, context, "" if parent is None else parent.span_id, self._clock_ns())

    def end(self, span: Span, end_unix_ns: int = 0) -> None:
        """Hand over a span that ends now, or did at `end_unix_ns`."""
        span.end_unix_ns = end_unix_ns or self._clock_ns()
        self._put(span)

    def commit(self, spans: Sequence[Span], name: str, attributes: Attributes) -> str:
        """Hand over what a committed step recorded, at least one, and a span of the step itself; its traceparent."""
        now = self._clock_ns()
        context = TraceContext(_random_hex(16), _random_hex(8), True)
        step = Span(name, Kind.INTERNAL, context, "", min(span.start_unix_ns for span in spans), now, attributes)
        for span in spans:
            if not span.end_unix_ns:
                span.end_unix_ns = now
                span.links.append(context)
                step.links.append(span.context)
            self._put(span)
        self._put(step)
        return context.traceparent

    def written(
        self, topic: str, partition: int, matter_id: str, parent: TraceContext | None, then: Delivered
    ) -> Delivered:
        """What the producer is to call for a record that is written now: it ends the record's span and calls `then`."""
        if parent is None or not parent.sampled:
            return then
        _, span = self.begin(f"send {topic}", Kind.PRODUCER, parent)
        if span is None:
            return then
        span.attributes = {
            "messaging.system": "kafka",
            "messaging.operation.type": "send",
            "messaging.operation.name": "send",
            "messaging.destination.name": topic,
            "messaging.destination.partition.id": str(partition),
            **matter(matter_id),
        }

        def delivered(error: Any, message: Any) -> None:
            if error is None:
                span.attributes["messaging.kafka.offset"] = message.offset()
            span.failed = error is not None
            # Reports are served when somebody polls, which may be long after the acknowledgement.
            latency_seconds: float | None = message.latency()
            self.end(span, span.start_unix_ns + int(latency_seconds * 1e9) if latency_seconds else 0)
            then(error, message)

        return delivered

    def around(
        self,
        name: str,
        decide: Callable[[Any, Any, Any], D],
        attributes: Callable[[Any], Attributes],
        *,
        until_commit: bool = False,
    ) -> Callable[[Any, Any, Any], D]:
        """`decide`, with a span within the record's where something comes of it. `until_commit`: that is safe then."""

        def traced(state: Any, command: Any, context: Any) -> D:
            within = self.in_hand
            if within is None:
                return decide(state, command, context)
            _, span = self.begin(name, Kind.INTERNAL, within.context)
            decision = decide(state, command, context)
            if span is not None and decision is not None:
                span.attributes = {**matter(str(within.attributes.get(MATTER_ID, ""))), **attributes(decision)}
                span.end_unix_ns = 0 if until_commit else self._clock_ns()
                self.beside.append(span)
            return decision

        return traced


def metadata_in_hand() -> tuple[tuple[str, str], ...]:
    """The gRPC metadata of a call that this task makes: its trace context, if it has one."""
    traceparent = traceparent_in_hand.get()
    return ((HEADER, traceparent),) if traceparent else ()


def matter(matter_id: str) -> Attributes:
    """The attribute of a matter's id; none for what is no id of ours, since that may be anything."""
    return {MATTER_ID: matter_id} if is_trace_id(matter_id) else {}


def _random_hex(size_bytes: int) -> str:
    return f"{random.getrandbits(8 * size_bytes) or 1:0{2 * size_bytes}x}"
