"""Refusals are outcomes: kept, published, and the same again for the same request."""

from __future__ import annotations

import pytest
from tests.simulation.bench import MATTER, Bench, digest, put_visit, submission, submit, visit
from tests.simulation.cores import FRONT, FRONT_COMMANDS, FRONT_EVENTS

from onematter.common.v1.outcome_pb2 import Reason


def test_a_refusal_is_published_and_kept() -> None:
    bench = Bench()
    put_visit(bench, "v")
    bench.run()
    (event,) = bench.events(MATTER)
    (violation,) = event.command_refused.violations
    assert (violation.field, violation.reason) == ("matter_id", Reason.REASON_MATTER_UNKNOWN)
    assert event.command_refused.command == "record_visit"
    (outcome,) = bench.ledger(MATTER).outcomes
    assert outcome.refused == event.command_refused
    assert (outcome.principal, outcome.request_id, outcome.digest) == ("li", "v", digest(visit("v")))
    assert (outcome.told_by.writer, outcome.told_by.topic, outcome.told_by.sequence) == (FRONT, FRONT_EVENTS, 1)


def test_an_accepted_request_is_kept_and_the_event_carries_the_evidence() -> None:
    bench = Bench()
    submit(bench)
    bench.run()
    (event,) = bench.events(MATTER)
    (outcome,) = bench.ledger(MATTER).outcomes
    assert not outcome.HasField("refused")
    assert event.cause.received == submission().SerializeToString()
    assert (event.cause.principal, event.cause.request_id) == ("li", "r1")
    assert event.actor.principal == "li"


def test_the_same_request_has_the_same_outcome_even_when_another_would_be_due() -> None:
    bench = Bench()
    put_visit(bench, "v")
    bench.run()
    submit(bench)
    bench.run()
    put_visit(bench, "v")
    bench.run()
    assert bench.kinds(MATTER) == ["command_refused", "matter_accepted"]


def test_the_same_request_with_another_content_is_refused_each_once() -> None:
    bench = Bench()
    for note in ("", "other", "", "other", "third"):
        submit(bench, note=note)
    bench.run()
    assert bench.kinds(MATTER) == ["matter_accepted", "command_refused", "command_refused"]
    for event in bench.events(MATTER)[1:]:
        (violation,) = event.command_refused.violations
        assert (violation.field, violation.reason) == ("request_id", Reason.REASON_REQUEST_ID_REUSED)
    assert len(bench.ledger(MATTER).outcomes) == 3


def test_another_principal_may_use_the_same_request_id() -> None:
    bench = Bench()
    submit(bench)
    bench.run()
    mine, yours = visit("v"), visit("v")
    yours.actor.principal = "wang"
    for command in (mine, yours):
        bench.put(FRONT_COMMANDS, MATTER, command.SerializeToString())
    bench.run()
    assert bench.kinds(MATTER) == ["matter_accepted", "visit_recorded", "visit_recorded"]


@pytest.mark.parametrize(
    ("request_id", "principal", "expected"),
    [
        ("", "li", [("request_id", Reason.REASON_FIELD_MISSING)]),
        ("v", "", [("actor.principal", Reason.REASON_FIELD_MISSING)]),
        ("", "", [("request_id", Reason.REASON_FIELD_MISSING), ("actor.principal", Reason.REASON_FIELD_MISSING)]),
        ("v" * 65, "li", [("request_id", Reason.REASON_FIELD_TOO_LONG)]),
        ("v", "l" * 129, [("actor.principal", Reason.REASON_FIELD_TOO_LONG)]),
    ],
)
def test_who_asks_and_under_which_name_must_be_there(
    request_id: str, principal: str, expected: list[tuple[str, int]]
) -> None:
    bench = Bench()
    submit(bench)
    bench.run()
    command = visit(request_id)
    command.actor.principal = principal
    for _ in range(2):
        bench.put(FRONT_COMMANDS, MATTER, command.SerializeToString())
    bench.run()
    assert bench.kinds(MATTER) == ["matter_accepted", "command_refused"]
    violations = bench.events(MATTER)[1].command_refused.violations
    assert [(v.field, v.reason) for v in violations] == expected
    assert bench.letters() == []
