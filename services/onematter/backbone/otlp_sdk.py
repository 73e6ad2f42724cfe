"""Spans as OpenTelemetry's SDK has them: its sampler, its resource, its exporter. Imported where tracing is on alone.

What is recorded here was sampled and has its ids already, so the provider samples everything and takes ids as given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from onematter.backbone.otlp import Export
from onematter.backbone.spans import Kind, Sampler, Span
from onematter.contracts.traces import TraceContext

_KINDS = {kind: SpanKind[kind.value] for kind in Kind}


class _GivenIds(IdGenerator):
    """The ids of the span that is made next; one thread makes them."""

    def __init__(self) -> None:
        self.trace_id = self.span_id = 0

    def generate_trace_id(self) -> int:
        return self.trace_id

    def generate_span_id(self) -> int:
        return self.span_id


class _Gathered(SpanProcessor):
    """Spans that have ended."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


def connect(service_name: str, attributes: Mapping[str, str]) -> tuple[Sampler, Export]:
    """Whether a trace is recorded, as OTEL_TRACES_SAMPLER says, and what sends spans to the collector.

    `attributes` of the resource; those of OTEL_RESOURCE_ATTRIBUTES come on top.
    """
    configured = TracerProvider(shutdown_on_exit=False).sampler
    resource = Resource(dict(attributes)).merge(Resource.create()).merge(Resource({"service.name": service_name}))
    ids, gathered = _GivenIds(), _Gathered()
    provider = TracerProvider(ALWAYS_ON, resource, shutdown_on_exit=False, id_generator=ids)
    provider.add_span_processor(gathered)
    tracer = provider.get_tracer("onematter", str(attributes.get("service.version", "")))
    exporter = OTLPSpanExporter()

    def samples(parent: TraceContext | None, trace_id: str, name: str) -> bool:
        if parent is not None and isinstance(configured, ParentBased):
            # Its delegates, as the environment sets them, do no more.
            return parent.sampled
        context = Context() if parent is None else _within(parent)
        return configured.should_sample(context, int(trace_id, 16), name).decision.is_sampled()

    def export(spans: Sequence[Span]) -> bool:
        gathered.spans = []
        for span in spans:
            ids.trace_id, ids.span_id = int(span.context.trace_id, 16), int(span.context.span_id, 16)
            parent = TraceContext(span.context.trace_id, span.parent_id, True) if span.parent_id else None
            made = tracer.start_span(
                span.name,
                Context() if parent is None else _within(parent),
                _KINDS[span.kind],
                span.attributes,
                [Link(_context(link)) for link in span.links],
                span.start_unix_ns,
            )
            if span.failed:
                made.set_status(Status(StatusCode.ERROR))
            made.end(span.end_unix_ns)
        return exporter.export(gathered.spans) is SpanExportResult.SUCCESS

    return samples, export


def _context(context: TraceContext) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED if context.sampled else TraceFlags.DEFAULT)
    return SpanContext(int(context.trace_id, 16), int(context.span_id, 16), is_remote=True, trace_flags=flags)


def _within(parent: TraceContext) -> Context:
    return set_span_in_context(NonRecordingSpan(_context(parent)), Context())
