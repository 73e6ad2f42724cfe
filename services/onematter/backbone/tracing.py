"""One trace for a step of a matter, across records: the unit of work with a span for each record and timer.

Rule 1: what a record causes belongs to the record's trace (W3C Trace Context in the header `traceparent`). A hand-in
that comes without one begins the trace that has the matter's id; any other command, and a timer, one of its own.
Rule 2: what is sent carries the span that decided it. That stands with the record in the outbox, so it is sent under
the same parent whoever sends it, a process after a crash too.
Rule 3: a record's span lasts from its handling to the commit. It tells what came of the record: the event, or how it
was counted; of a refusal the reasons, and of those the names alone.

Names and attributes follow OpenTelemetry's conventions for messaging (Kafka): a `process` span for each record, child
of the span that the record carries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from onematter.backbone.records import DeadRecord, Record
from onematter.backbone.service import Aggregate, C, E, S
from onematter.backbone.spans import Kind, Recorder, Span, matter
from onematter.backbone.step import Held, Step, TimerRow
from onematter.backbone.unit import UnitOfWork
from onematter.common.v1.actor_pb2 import Actor
from onematter.common.v1.outcome_pb2 import Reason
from onematter.contracts.topics import TopicTable
from onematter.contracts.traces import parse

OUTCOME = "onematter.outcome"
REASONS = "onematter.reasons"


class TracedUnit(UnitOfWork[S, C, E]):
    """See the module."""

    def __init__(self, aggregate: Aggregate[S, C, E], deployment: str, table: TopicTable, recorder: Recorder) -> None:
        super().__init__(aggregate, deployment, table)
        self._recorder = recorder
        self._hand_ins = frozenset(t.name for t in table.topics.values() if t.kind == "submissions")
        self._traceparent = ""

    def handle(self, step: Step[S, E], held: Held[S], record: Record, command: C | None) -> None:
        """Deal with one record."""
        span = self._begin(record)
        self._within(step, span, lambda: super(TracedUnit, self).handle(step, held, record, command))

    def handle_timer(self, step: Step[S, E], held: Held[S], row: TimerRow) -> None:
        """Deal with a timer that is due."""
        context, span = self._recorder.begin(f"timer {self.deployment}", Kind.INTERNAL, None)
        self._traceparent = context.traceparent
        if span is not None:
            span.attributes = matter(row.matter_id)
        self._within(step, span, lambda: super(TracedUnit, self).handle_timer(step, held, row))

    def park(self, step: Step[S, E], held: Held[S], record: Record, reason: str, *, letter: bool = True) -> None:
        """Keep the record; one whose handling failed has its span here."""
        super().park(step, held, record, reason, letter=letter)
        self._put_aside(step, record, "parked")

    def bury(self, step: Step[S, E], record: Record | DeadRecord, reason: str) -> None:
        """A dead letter; what cannot even be decoded has its span here."""
        super().bury(step, record, reason)
        self._put_aside(step, record, "dead_letters")

    def _put_aside(self, step: Step[S, E], record: Record | DeadRecord, outcome: str) -> None:
        if self._recorder.in_hand is None and isinstance(record, Record):
            span = self._begin(record)
            if span is not None:
                span.attributes[OUTCOME] = outcome
                span.failed = True
                step.spans.append(span)

    def _begin(self, record: Record) -> Span | None:
        parent = parse(record.traceparent) if record.traceparent else None
        trace_id = record.key if record.topic in self._hand_ins else ""
        context, span = self._recorder.begin(f"process {record.topic}", Kind.CONSUMER, parent, trace_id=trace_id)
        self._traceparent = context.traceparent
        if span is not None:
            span.attributes = {
                "messaging.system": "kafka",
                "messaging.operation.type": "process",
                "messaging.operation.name": "process",
                "messaging.consumer.group.name": f"onematter-{self.deployment}",
                "messaging.destination.name": record.topic,
                "messaging.destination.partition.id": str(record.partition),
                "messaging.kafka.offset": record.offset,
                **matter(record.key),
            }
        return span

    def _within(self, step: Step[S, E], span: Span | None, deal: Callable[[], None]) -> None:
        if span is None:
            deal()
            return
        recorder = self._recorder
        changes, counts = len(step.changes), dict(step.counts)
        recorder.in_hand, recorder.beside = span, []
        try:
            deal()
        finally:
            recorder.in_hand = None
        changed = len(step.changes) > changes
        event = step.changes[-1].event if changed else None
        span.attributes[OUTCOME] = outcome_of(event, counts, step.counts, changed=changed)
        reasons = reasons_of(event)
        if reasons:
            span.attributes[REASONS] = reasons
        step.spans += [span, *recorder.beside]

    def _tell(
        self,
        step: Step[S, E],
        held: Held[S],
        matter_id: str,
        event: Any,
        actor: Actor,
        now_unix_ms: int,
        traceparent: str,
        record: Record | None,
    ) -> None:
        super()._tell(step, held, matter_id, event, actor, now_unix_ms, self._traceparent, record)
        step.changes[-1].traceparent = self._traceparent


def outcome_of(event: Any, before: Mapping[str, int], after: Mapping[str, int], *, changed: bool) -> str:
    """What came of a record: its event, else how it was counted, else that it was absorbed or passed over."""
    if event is not None:
        return event.WhichOneof("event") or ""
    counted = [what for what, count in after.items() if count > before.get(what, 0)]
    return counted[0] if counted else "absorbed" if changed else "passed_over"


def reasons_of(event: Any) -> str:
    """The names of a refusal's reasons; "" for any other event. Its fields and parameters may quote the request."""
    if event is None or event.WhichOneof("event") != "command_refused":
        return ""
    violations = event.command_refused.violations
    return ",".join(sorted({Reason.Name(one.reason).removeprefix("REASON_") for one in violations}))
