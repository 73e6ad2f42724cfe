"""A matter's whole trace, from the client's call to the seal, as a collector receives it; every line of every log."""

from __future__ import annotations

import json
import re
import secrets
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.collector import Collector, Told
from tests.live import EVENT_TYPES, LEVELS, MATTER_EVENTS, RECORD_EVENTS, SUBMISSIONS, Live, failure_of, seal
from tests.tail import forget_refused_connections, poll

from onematter.client.channel import Services
from onematter.client.sdk import OneMatter
from onematter.common.v1.application_pb2 import IdentifierKind
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.local.stack import DEFAULT_SERVICES, Stack, start

NAME, IDENTIFIER, WRONG_IDENTIFIER = "王小明测试", "330106199003071236", "330106199003071237"
OPINION = "材料齐全，经核查王小明符合条件。"
PRODUCER, CONSUMER, SERVER = 4, 5, 2
SERVICES = tuple(one for one in DEFAULT_SERVICES)
PART = {f"approval-{level}" for level in LEVELS} | {"intake", "notification", "archive"}


class Traced(Live):
    """The product with tracing on, and its collector."""

    def __init__(self, stack: Stack, directory: Path, collector: Collector) -> None:
        super().__init__(stack, stack, directory)
        self.collector = collector

    def spans(self, trace_id: str, wanted: Callable[[list[Told]], bool], what: str) -> list[Told]:
        """A trace when it has what is wanted."""
        poll(lambda: wanted(self.collector.trace(trace_id)), what)
        return self.collector.trace(trace_id)

    def metrics(self, deployment: str, accept: str = "") -> str:
        """What a service exposes."""
        address = self.stack.addresses.services[deployment].metrics
        request = urllib.request.Request(f"http://{address}/metrics", headers={"Accept": accept} if accept else {})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode()

    def hand_in_of_a_person(self, **more: Any) -> IntakeCommand:
        """A hand-in with a person's name and number."""
        command = self.hand_in(**more)
        seal(command, name=NAME, kind=IdentifierKind.IDENTIFIER_KIND_ID_CARD, identifier=IDENTIFIER)
        return command


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    """Every service with tracing on, on a Kafka and a PostgreSQL of its own: the session's have services already."""
    directory = tmp_path_factory.mktemp("traced")
    collector = Collector()
    tracing = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
    }
    services = [replace(one, environment={**one.environment, **tracing}) for one in SERVICES]
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
        environment.delenv("DATABASE_URL", raising=False)
        stack = start(directory, detached=False, services=services, ready_timeout_seconds=240)
    with stack, closing(collector), closing(Traced(stack, directory, collector)) as running:
        yield running
    forget_refused_connections()


def named(spans: list[Told], name: str, service: str = "") -> list[Told]:
    return [span for span in spans if span.name == name and (not service or span.service == f"onematter-{service}")]


def only(found: list[Any]) -> Any:
    assert len(found) == 1, found
    return found[0]


def caused_by(span: Told, spans: list[Told]) -> list[str]:
    """The services and names on the way from a span up to the first of its trace."""
    by_id = {one.span_id: one for one in spans}
    way = [span]
    while way[-1].parent_id in by_id:
        way.append(by_id[way[-1].parent_id])
    return [f"{one.service.removeprefix('onematter-')}: {one.name}" for one in way]


def is_sealed(spans: list[Told]) -> bool:
    """Whether nothing of a matter by rule is missing: its seal is sent, and every service's last notice is out."""
    return bool(named(spans, f"send {RECORD_EVENTS}") and named(spans, "deliver notice"))


def test_one_trace_from_the_clients_call_to_the_seal(traced: Traced) -> None:
    trace_id, client_span = secrets.token_hex(16), secrets.token_hex(8)
    addresses = {"intake": traced.stack.addresses.services["intake"].grpc or ""}
    command = traced.hand_in_of_a_person()
    with Services(addresses, traceparent=lambda: f"00-{trace_id}-{client_span}-01", deadline_seconds=60) as client:
        client.submit(command)
    traced.event(RECORD_EVENTS, command.matter_id, "matter_sealed")
    spans = traced.spans(trace_id, is_sealed, "the trace up to the seal")

    # One tree: each has its parent in the trace, but for the call itself, whose parent is the client's.
    ids = {span.span_id for span in spans}
    assert len(ids) == len(spans)
    first = only([span for span in spans if span.parent_id not in ids])
    assert (first.parent_id, first.kind, first.service) == (client_span, SERVER, "onematter-intake")
    assert first.name == "onematter.intake.v1.IntakeService/SubmitMatter"
    assert first.attributes["rpc.grpc.status_code"] == 0
    assert all(span.start_ns <= span.end_ns for span in spans)

    # Who had a part in it, and by what cause.
    assert {span.service.removeprefix("onematter-") for span in spans} >= PART
    submissions = only(named(spans, f"process {SUBMISSIONS}"))
    assert submissions.attributes["onematter.outcome"] == "matter_accepted"
    assert submissions.kind == CONSUMER
    assert only(named(spans, f"send {SUBMISSIONS}")).kind == PRODUCER
    for level in LEVELS:
        decided = only(named(spans, f"process onematter.approval.{level}.commands.v1", f"approval-{level}"))
        assert decided.attributes["onematter.outcome"] == "task_decided"
        assert caused_by(decided, spans) == [
            f"approval-{level}: process onematter.approval.{level}.commands.v1",
            f"intake: process {SUBMISSIONS}",
            f"intake: {first.name}",
        ]
        heard = only(named(spans, f"process onematter.approval.{level}.events.v1", "intake"))
        assert heard.parent_id == decided.span_id
    joined = [span for span in spans if span.attributes.get("onematter.outcome") == "matter_completed"]
    assert re.fullmatch(r"process onematter\.approval\.\w+\.events\.v1", only(joined).name)
    told = [
        span for span in named(spans, f"process {MATTER_EVENTS}", "notification") if span.parent_id == joined[0].span_id
    ]
    result = only([one for one in named(spans, "deliver notice") if one.parent_id == only(told).span_id])
    assert result.attributes["onematter.notice.result"] == "delivered"
    sealed = only(named(spans, "seal"))
    assert sealed.service == "onematter-archive"
    assert caused_by(sealed, spans)[-2:] == [f"intake: process {SUBMISSIONS}", f"intake: {first.name}"]
    assert only(named(spans, f"send {RECORD_EVENTS}")).parent_id == sealed.parent_id

    # What a span tells is the record's place.
    record = only(traced.tail.of(RECORD_EVENTS, command.matter_id))
    sent = only(named(spans, f"send {RECORD_EVENTS}"))
    assert sent.attributes["messaging.kafka.offset"] == record.offset
    assert sent.attributes["messaging.destination.partition.id"] == str(record.partition)
    assert {span.attributes["onematter.matter.id"] for span in spans} == {command.matter_id}

    # A step has a trace of its own, linked with what it dealt with.
    steps = {(span.trace_id, span.span_id): span for span in traced.collector.spans if span.name.startswith("step ")}
    for span in spans:
        if span.name.startswith("process "):
            step = steps[span.links[0]]
            assert (span.trace_id, span.span_id) in step.links
            assert step.service == span.service
            assert step.attributes["messaging.batch.message_count"] >= 1
            assert step.trace_id != trace_id


def test_a_hand_in_without_a_trace_begins_the_one_with_its_matters_id(traced: Traced) -> None:
    with OneMatter(traced.servers, principal=traced.principal) as client:
        handed_in = client.submit("OM-90", "330106", facts={"amount": 5}, materials=[])
    with_form = traced.hand_in_of_a_person()
    traced.publish(SUBMISSIONS, with_form)
    traced.event(RECORD_EVENTS, with_form.matter_id, "matter_sealed")
    spans = traced.spans(with_form.matter_id, is_sealed, "the trace of the matter")
    first = only([span for span in spans if not span.parent_id])
    assert first.name == f"process {SUBMISSIONS}"
    # The one without its form is refused, which is an end too.
    refused = traced.spans(handed_in.matter_id, bool, "the trace of the refusal")
    assert named(refused, f"process {SUBMISSIONS}")[0].attributes["onematter.outcome"] == "command_refused"


def test_what_a_person_asks_is_a_trace_of_its_own(traced: Traced) -> None:
    matter_id = traced.open_matter()
    command = traced.decision("city", matter_id, traced.item_at("city"))
    command.decide_task.opinion = OPINION
    traced.decide("city", command)
    calls: list[Told] = []

    def found() -> bool:
        calls[:] = [
            span
            for span in traced.collector.spans
            if span.name.endswith("/DecideTask") and span.attributes.get("onematter.matter.id") == matter_id
        ]
        return bool(calls)

    poll(found, "the call's span")
    call = only(calls)
    assert not call.parent_id
    assert call.trace_id != matter_id
    spans = traced.spans(
        call.trace_id,
        lambda spans: bool(named(spans, f"process {'onematter.approval.city.events.v1'}", "intake")),
        "intake's span of the decision",
    )
    heard = only(named(spans, "process onematter.approval.city.events.v1", "intake"))
    assert caused_by(heard, spans) == [
        "intake: process onematter.approval.city.events.v1",
        "approval-city: process onematter.approval.city.commands.v1",
        "approval-city: onematter.approval.v1.ApprovalService/DecideTask",
    ]


def test_a_call_to_the_platform_and_what_its_answer_causes_are_one_trace(traced: Traced) -> None:
    matter_id = traced.open_matter()
    calls: list[Told] = []

    def found() -> bool:
        called = named(traced.collector.spans, "call market_regulation", "exchange")
        calls[:] = [span for span in called if span.attributes["onematter.matter.id"] == matter_id]
        return bool(calls)

    poll(found, "the call's span")
    events = "process onematter.exchange.events.v1"
    spans = traced.spans(only(calls).trace_id, lambda spans: bool(named(spans, events, "intake")), "the answer's span")
    assert caused_by(only(named(spans, events, "intake")), spans) == [
        f"intake: {events}",
        "exchange: process onematter.exchange.commands.v1",
        "exchange: call market_regulation",
    ]
    kept = only(named(spans, "onematter.intake.v1.IntakeService/UploadMaterial", "intake"))
    assert kept.parent_id == calls[0].span_id


def test_a_refusal_names_its_reasons_alone(traced: Traced) -> None:
    command = traced.hand_in_of_a_person()
    seal(command, name=NAME, kind=IdentifierKind.IDENTIFIER_KIND_ID_CARD, identifier=WRONG_IDENTIFIER)
    command.submit_matter.application.ClearField("materials")
    failure_of(lambda: traced.submit(command))
    spans = traced.spans(
        command.matter_id, lambda spans: bool(named(spans, f"process {SUBMISSIONS}")), "the refusal's span"
    )
    process = only(named(spans, f"process {SUBMISSIONS}"))
    assert process.attributes["onematter.outcome"] == "command_refused"
    assert set(process.attributes["onematter.reasons"].split(",")) >= {"MATERIAL_MISSING"}
    assert not process.failed


def exemplars(text: str, metric: str) -> set[str]:
    """The trace ids beside a histogram's buckets."""
    return set(re.findall(rf'(?m)^{metric}_bucket\{{.*\}} \S+ # \{{trace_id="([0-9a-f]{{32}})"\}}', text))


def test_histograms_name_a_trace_where_openmetrics_is_asked_for(traced: Traced) -> None:
    command = traced.hand_in()
    traced.publish(SUBMISSIONS, command)
    traced.event(RECORD_EVENTS, command.matter_id, "matter_sealed")
    traced.spans(command.matter_id, is_sealed, "the trace")
    known = {span.trace_id for span in traced.collector.spans}
    openmetrics = "application/openmetrics-text;version=1.0.0"

    def told() -> bool:
        return command.matter_id in exemplars(traced.metrics("intake", openmetrics), "onematter_matter_result_seconds")

    poll(told, "the exemplar of hand-in → result")
    text = traced.metrics("archive", openmetrics)
    assert text.endswith("# EOF\n")
    assert exemplars(text, "onematter_matter_sealed_seconds") & {command.matter_id}
    assert exemplars(text, "onematter_step_duration_seconds") & known
    assert "# {" not in traced.metrics("archive")


def sensitive(traced: Traced) -> dict[str, bytes]:
    """What is somebody's in what the tests handed in."""
    texts = {
        "name": NAME,
        "number": IDENTIFIER,
        "wrong number": WRONG_IDENTIFIER,
        "opinion": OPINION,
        "given name": "小明",
    }
    texts |= {"company": "杭州示例智造", "principal": traced.principal, "official": "official-city"}
    return {what: text.encode() for what, text in texts.items()}


def test_no_span_has_anything_of_a_person(traced: Traced) -> None:
    assert len(traced.collector.spans) > 100
    assert any(b"/SubmitMatter" in body for body in traced.collector.bodies)
    for what, text in sensitive(traced).items():
        assert not any(text in body for body in traced.collector.bodies), what


LEVEL_NAMES = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}
IDS = {"matter_id", "trace_id"}


def lines_of(traced: Traced) -> dict[str, list[str]]:
    return {
        one.deployment: (traced.directory / "logs" / f"{one.deployment}.log").read_text().splitlines()
        for one in SERVICES
        if one.deployment != "platform"
    }


def test_every_line_of_every_log_is_a_document_and_none_has_anything_of_a_person(traced: Traced) -> None:
    command = traced.hand_in_of_a_person()
    traced.submit(command)
    logs = lines_of(traced)
    assert all(logs[name] for name in ("intake", "archive", "exchange", "notification", "approval-city"))
    for name, lines in logs.items():
        for line in lines:
            told = json.loads(line)
            assert told.keys() >= {"time", "level", "service", "deployment", "logger", "message"}, line
            assert told["time"].endswith("Z")
            datetime.fromisoformat(told["time"])
            assert told["level"] in LEVEL_NAMES
            assert (told["deployment"], told["service"]) == (name, name.partition("-")[0])
            assert all(re.fullmatch(r"[0-9a-f]{32}", told[one]) for one in IDS & told.keys()), line
            for what, text in sensitive(traced).items():
                assert text.decode() not in line, what


def test_a_request_is_one_line(traced: Traced) -> None:
    command = traced.hand_in_of_a_person()
    traced.submit(command)

    def requests() -> list[dict[str, Any]]:
        told = [json.loads(line) for line in lines_of(traced)["intake"]]
        return [one for one in told if "method" in one and one.get("matter_id") == command.matter_id]

    poll(requests, "the request's line")
    line = requests()[0]
    assert len(requests()) == 1
    assert (line["method"], line["code"], line["level"]) == ("SubmitMatter", "OK", "INFO")
    assert 0 < line["duration_seconds"] < 60
    assert line["trace_id"] == command.matter_id


def test_a_collector_that_is_away_costs_spans_and_nothing_else(traced: Traced) -> None:
    """The last: the collector does not come back."""
    traced.collector.close()
    commands = [traced.hand_in() for _ in range(20)]
    traced.publish_all(commands)
    for command in commands:
        traced.event(RECORD_EVENTS, command.matter_id, "matter_sealed")

    def lost() -> float:
        found = re.search(r'(?m)^onematter_spans_total\{result="failed"\} (\S+)', traced.metrics("archive"))
        return float(found[1]) if found else 0.0

    poll(lost, "spans that were not taken are counted")
    assert {one.state for one in traced.stack.status()} == {"ready"}
    # Ended within its grace, whatever waits to be sent.
    traced.stack.restart("archive", ready_timeout_seconds=120)
    assert EVENT_TYPES
