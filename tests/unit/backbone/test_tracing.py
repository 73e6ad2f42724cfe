"""Spans of the unit of work: whose trace, what they tell, and when they are handed over."""

from __future__ import annotations

from typing import Any

import pytest
from tests.simulation.bench import MATTER, Bench, Fails, Watching, open_task, order, put_visit, submit, visit
from tests.simulation.cores import BACK, BACK_COMMANDS, BACK_EVENTS, FRONT, FRONT_COMMANDS, FRONT_EVENTS, SUBMISSIONS
from tests.simulation.memory import Entry
from tests.simulation.weather import Crashed

from onematter.backbone.service import Change
from onematter.backbone.spans import Kind, Recorder, Span
from onematter.backbone.step import Step
from onematter.backbone.tracing import OUTCOME, REASONS, TracedUnit
from onematter.contracts.traces import TraceContext, parse

CALLER = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", True)


class Traced(Bench):
    """A bench whose unit is traced. `sampled`: whether a trace that begins here is recorded."""

    def __init__(self, deployment: str = FRONT, *, sampled: bool = True) -> None:
        super().__init__(deployment)
        self.spans: list[Span] = []
        self.changes: list[Change[Any, Any]] = []
        self.recorder = Recorder(self.spans.append, lambda parent, *_: sampled if parent is None else parent.sampled)
        self.unit = TracedUnit(self.unit.aggregate, deployment, self.table, self.recorder)
        bench = self

        class Commits(Watching):
            def committed(self, step: Step[Any, Any], records: int) -> None:
                super().committed(step, records)
                bench.changes += step.changes
                if step.spans:
                    bench.recorder.commit(step.spans, "step", {"records": records})

        self.watching = Commits()

    def named(self, name: str) -> list[Span]:
        """The spans with this name."""
        return [span for span in self.spans if span.name == name]

    def come(self, topic: str, key: str, value: bytes, traceparent: str, of: tuple[str, int] = ("", 0)) -> None:
        """A record with a trace context."""
        self.put(topic, key, value, of=of, more=(("traceparent", traceparent.encode()),))


def carried(entry: Entry) -> TraceContext | None:
    return parse(dict(entry.headers)["traceparent"].decode())


def test_what_a_record_causes_is_in_its_trace_and_carries_its_span() -> None:
    bench = Traced(BACK)
    bench.come(BACK_COMMANDS, MATTER, open_task(), CALLER.traceparent, (FRONT, 1))
    bench.run()
    process = bench.named(f"process {BACK_COMMANDS}")[0]
    assert (process.context.trace_id, process.parent_id) == (CALLER.trace_id, CALLER.span_id)
    assert process.kind is Kind.CONSUMER
    opened = bench.entries(BACK_EVENTS)[0]
    assert carried(opened) == process.context
    assert process.attributes["onematter.matter.id"] == MATTER
    assert process.attributes["messaging.destination.name"] == BACK_COMMANDS
    assert process.attributes["messaging.kafka.offset"] == 0
    assert process.attributes[OUTCOME] == "task_opened"
    assert bench.changes[0].traceparent == process.context.traceparent


def test_a_hand_in_without_a_trace_begins_its_matters_and_a_later_command_one_of_its_own() -> None:
    bench = Traced()
    matter_id = submit(bench)
    put_visit(bench, "v")
    bench.run()
    (handed_in,), (visited,) = bench.named(f"process {SUBMISSIONS}"), bench.named(f"process {FRONT_COMMANDS}")
    assert handed_in.context.trace_id == matter_id
    assert (handed_in.parent_id, visited.parent_id) == ("", "")
    assert visited.context.trace_id not in (matter_id, "")
    events = [carried(entry) for entry in bench.entries(FRONT_EVENTS)]
    assert events == [handed_in.context, visited.context]


def test_a_timer_begins_a_trace() -> None:
    bench = Traced(BACK)
    bench.come(BACK_COMMANDS, MATTER, open_task(mode="timer"), CALLER.traceparent, (FRONT, 1))
    bench.run()
    bench.now_unix_ms += 10**10
    bench.run()
    (timer,) = bench.named(f"timer {BACK}")
    assert (timer.kind, timer.parent_id) == (Kind.INTERNAL, "")
    assert timer.context.trace_id != CALLER.trace_id
    assert timer.attributes["onematter.matter.id"] == MATTER
    assert carried(bench.entries(BACK_EVENTS)[-1]) == timer.context


def test_a_step_is_linked_with_what_it_dealt_with_and_has_a_trace_of_its_own() -> None:
    bench = Traced()
    submit(bench)
    submit(bench, "r2")
    bench.run()
    (step,) = bench.named("step")
    processed = bench.named(f"process {SUBMISSIONS}")
    assert len(processed) == 2
    assert step.links == [span.context for span in processed]
    assert all(span.links == [step.context] for span in processed)
    assert step.attributes == {"records": 2}
    assert {span.end_unix_ns for span in processed} == {step.end_unix_ns}
    assert step.start_unix_ns == min(span.start_unix_ns for span in processed)


def test_a_refusal_tells_its_reasons_by_name_and_nothing_of_the_request() -> None:
    bench = Traced()
    command = visit("v", reason="王小明")
    bench.put(FRONT_COMMANDS, MATTER, command.SerializeToString())
    bench.run()
    (span,) = bench.named(f"process {FRONT_COMMANDS}")
    assert span.attributes[OUTCOME] == "command_refused"
    assert span.attributes[REASONS] == "MATTER_UNKNOWN"
    assert "王小明" not in repr(span)
    assert not span.failed


@pytest.mark.parametrize(
    ("repeat", "outcome"), [(open_task(), "duplicates"), (open_task("02"), "alarms")], ids=["duplicate", "alarm"]
)
def test_what_changes_nothing_tells_how_it_was_counted(repeat: bytes, outcome: str) -> None:
    bench = Traced(BACK)
    order(bench, 1, open_task())
    order(bench, 1, repeat)
    bench.run()
    assert [span.attributes[OUTCOME] for span in bench.named(f"process {BACK_COMMANDS}")] == ["task_opened", outcome]


def test_what_fails_is_told_when_it_is_put_aside() -> None:
    bench = Traced(BACK)
    bench.come(BACK_COMMANDS, MATTER, b"\xff\xff", CALLER.traceparent, (FRONT, 1))
    bench.run()
    (span,) = bench.named(f"process {BACK_COMMANDS}")
    assert (span.failed, span.attributes[OUTCOME]) == (True, "parked")
    assert span.parent_id == CALLER.span_id


def test_a_key_that_is_no_id_is_told_nowhere() -> None:
    bench = Traced()
    bench.put(FRONT_COMMANDS, "330106199003071236", b"\xff\xff")
    bench.run()
    assert bench.letters()
    assert "330106199003071236" not in repr(bench.spans)


@pytest.mark.parametrize("number", range(1, 25))
def test_a_step_that_is_given_up_records_nothing(number: int) -> None:
    """Whichever call of a port a process dies in: what is recorded is what is committed, once."""
    bench = Traced()
    submit(bench)
    weather = Fails(number, Crashed)
    process = bench.start(weather)
    for _ in range(20):
        try:
            process.worker.advance(0.0)
        except Crashed:
            break
    bench.lose_connection(process)
    known = bool(bench.database.tables.aggregates)
    assert len(bench.named(f"process {SUBMISSIONS}")) <= known
    bench.run()
    # Sent by this process or after its end, the event is in its matter's trace.
    assert {context and context.trace_id for context in map(carried, bench.entries(FRONT_EVENTS))} == {MATTER}


def test_a_trace_that_is_not_recorded_goes_on_as_it_came_and_leaves_nothing() -> None:
    bench = Traced(sampled=False)
    matter_id = submit(bench)
    came = f"00-{CALLER.trace_id}-{CALLER.span_id}-00"
    bench.come(FRONT_COMMANDS, matter_id, visit("v", matter_id).SerializeToString(), came)
    bench.run()
    assert bench.spans == []
    first, second = (carried(entry) for entry in bench.entries(FRONT_EVENTS))
    assert first is not None
    assert (first.trace_id, first.sampled) == (matter_id, False)
    assert second == parse(came)
    assert {change.traceparent[-2:] for change in bench.changes} == {"00"}


@pytest.mark.parametrize("traceparent", ["", "00-trace", "王小明", f"00-{'0' * 32}-{'0' * 16}-01"])
def test_what_is_no_context_is_none(traceparent: str) -> None:
    bench = Traced()
    command = visit("v")
    bench.come(FRONT_COMMANDS, MATTER, command.SerializeToString(), traceparent)
    bench.run()
    (span,) = bench.named(f"process {FRONT_COMMANDS}")
    assert span.parent_id == ""
    assert carried(bench.entries(FRONT_EVENTS)[0]) == span.context


def test_a_decision_has_a_span_within_its_records() -> None:
    bench = Traced()
    recorder = bench.recorder
    decide = recorder.around("seal", lambda *_: "event", lambda event: {"what": event})
    assert decide(None, None, None) == "event"
    assert recorder.beside == []
    within = Span("process", Kind.CONSUMER, CALLER, "", 1, attributes={"onematter.matter.id": MATTER})
    recorder.in_hand = within
    assert decide(None, None, None) == "event"
    (span,) = recorder.beside
    assert (span.parent_id, span.context.trace_id) == (CALLER.span_id, CALLER.trace_id)
    assert span.attributes == {"what": "event", "onematter.matter.id": MATTER}
    assert span.end_unix_ns >= span.start_unix_ns
    recorder.beside = []
    assert recorder.around("seal", lambda *_: None, lambda _: {})(None, None, None) is None
    assert recorder.beside == []


class Message:
    def latency(self) -> float:
        return 0.25

    def offset(self) -> int:
        return 7


def test_a_written_record_has_a_span_from_its_writing_to_its_acknowledgement() -> None:
    bench = Traced()
    told: list[tuple[Any, Any]] = []
    message = Message()
    delivered = bench.recorder.written("t", 3, MATTER, CALLER, lambda *what: told.append(what))
    assert bench.spans == []
    delivered(None, message)
    (span,) = bench.spans
    assert told == [(None, message)]
    assert (span.name, span.kind, span.parent_id) == ("send t", Kind.PRODUCER, CALLER.span_id)
    assert span.end_unix_ns - span.start_unix_ns == 250_000_000
    assert span.attributes["messaging.kafka.offset"] == 7
    assert not span.failed


def test_a_record_of_a_trace_that_is_not_recorded_has_none() -> None:
    bench = Traced()

    def then(error: Any, message: Any) -> None: ...

    assert bench.recorder.written("t", 3, MATTER, CALLER._replace(sampled=False), then) is then
    assert bench.recorder.written("t", 3, MATTER, None, then) is then
