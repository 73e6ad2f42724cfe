"""Which message leads to which command."""

from __future__ import annotations

import hashlib

import pytest
from tests.unit.intake.cases import (
    APPLICANT,
    CALENDAR,
    Matter,
    hand_in,
    make_core,
    three_levels,
    violations,
    visit,
    withdraw,
)

from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.backbone.records import Record
from onematter.common.v1.outcome_pb2 import CommandRefused
from onematter.contracts import keys
from onematter.contracts.aggregate import TimerDue, Undecodable, UnknownType
from onematter.contracts.topics import INTAKE_COMMANDS, MATTER_EVENTS, SUBMISSIONS, table
from onematter.exchange.v1.exchange_events_pb2 import ExchangeEvent
from onematter.intake import handlers
from onematter.intake.desk import Heard, HeardSharing, Unfit
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.law.catalogue import Catalogue

CITY_EVENTS = "onematter.approval.city.events.v1"
EXCHANGE_EVENTS = "onematter.exchange.events.v1"
# Field 1 says that 100 bytes follow, and none do.
TRUNCATED = b"\x0a\x64"
# Field 99, a varint: a message of a later version.
LATER = b"\x98\x06\x01"


def record(topic: str, value: bytes, *, key: str = "k", writer: str = "", sequence: int = 1) -> Record:
    return Record(
        topic=topic,
        partition=1,
        offset=7,
        timestamp_unix_ms=0,
        key=key,
        value=value,
        type="",
        id="",
        writer=writer,
        sequence=sequence if writer else 0,
        traceparent="",
        digest=hashlib.sha256(value).digest(),
        headers=[],
    )


def opened() -> bytes:
    event = ApprovalEvent(matter_id="m", item_id="01")
    event.task_opened.SetInParent()
    return event.SerializeToString()


@pytest.mark.parametrize(
    ("topic", "command"), [(SUBMISSIONS, hand_in()), (INTAKE_COMMANDS, withdraw()), (INTAKE_COMMANDS, visit())]
)
def test_a_command_on_its_topic_comes_whole(topic: str, command: IntakeCommand) -> None:
    assert handlers.command_from(table(), record(topic, command.SerializeToString())) == command


@pytest.mark.parametrize(
    ("topic", "command", "field", "right"),
    [
        (INTAKE_COMMANDS, hand_in(), "submit_matter", SUBMISSIONS),
        (SUBMISSIONS, withdraw(), "withdraw_matter", INTAKE_COMMANDS),
        (SUBMISSIONS, visit(), "record_visit", INTAKE_COMMANDS),
    ],
)
def test_a_command_on_the_wrong_topic_is_refused_with_the_right_one(
    topic: str, command: IntakeCommand, field: str, right: str
) -> None:
    unfit = handlers.command_from(table(), record(topic, command.SerializeToString()))
    assert isinstance(unfit, Unfit)
    # What the unit of work needs to keep the refusal.
    assert (unfit.request_id, unfit.matter_id, unfit.actor) == (command.request_id, command.matter_id, command.actor)
    assert unfit.WhichOneof("command") == field
    answer = Matter(make_core()).give(unfit)
    assert violations(answer) == [(field, "COMMAND_ON_WRONG_TOPIC")]
    assert isinstance(answer, CommandRefused)
    assert answer.command == field
    assert answer.violations[0].parameters["topic"] == right


@pytest.mark.parametrize(("padding", "is_refused"), [(1_000, False), (270_000, True)])
def test_a_command_that_is_too_large_is_refused(padding: int, is_refused: bool) -> None:
    command = hand_in()
    command.submit_matter.application.personal_data.plain = b"x" * padding
    found = handlers.command_from(table(), record(SUBMISSIONS, command.SerializeToString()))
    assert isinstance(found, Unfit) == is_refused
    if is_refused:
        assert isinstance(found, Unfit)
        answer = Matter(make_core()).give(found)
        assert violations(answer) == [("", "COMMAND_TOO_LARGE")]
        assert isinstance(answer, CommandRefused)
        assert answer.violations[0].parameters["max_bytes"] == "262144"


def test_a_command_without_a_matter_is_about_its_key() -> None:
    command = withdraw()
    command.matter_id = ""
    found = handlers.command_from(table(), record(INTAKE_COMMANDS, command.SerializeToString(), key="m-9"))
    assert isinstance(found, IntakeCommand)
    assert found.matter_id == "m-9"


def test_an_approval_event_comes_with_its_place() -> None:
    found = handlers.command_from(table(), record(CITY_EVENTS, opened(), writer="approval-city", sequence=3))
    assert found == Heard(ApprovalEvent.FromString(opened()), CITY_EVENTS, 3)


def test_an_approval_event_of_no_stream_is_a_dead_letter() -> None:
    with pytest.raises(Undecodable, match="no stream"):
        handlers.command_from(table(), record(CITY_EVENTS, opened()))


def test_what_is_not_for_intake_is_passed_over() -> None:
    assert handlers.command_from(table(), record("onematter.approval.city.commands.v1", b"x")) is None
    assert handlers.command_from(table(), record("elsewhere", b"x")) is None


@pytest.mark.parametrize(
    ("topic", "writer"), [(SUBMISSIONS, ""), (INTAKE_COMMANDS, ""), (CITY_EVENTS, "approval-city")]
)
def test_what_does_not_decode_is_a_dead_letter_and_what_is_newer_is_unknown(topic: str, writer: str) -> None:
    with pytest.raises(Undecodable):
        handlers.command_from(table(), record(topic, TRUNCATED, writer=writer))
    with pytest.raises(UnknownType):
        handlers.command_from(table(), record(topic, LATER, writer=writer))


def test_an_empty_record_is_a_dead_letter() -> None:
    with pytest.raises(Undecodable, match="empty"):
        handlers.command_from(table(), record(SUBMISSIONS, b""))


def test_a_reason_never_repeats_the_record() -> None:
    with pytest.raises(Undecodable) as caught:
        handlers.command_from(table(), record(SUBMISSIONS, b"\x0a\x7f330106199003071236"))
    assert "3301" not in str(caught.value)


def test_the_key_of_a_hand_in_is_derived_and_of_others_named() -> None:
    submitted = hand_in()
    derived = keys.matter_id(APPLICANT, "r-1")
    assert handlers.key_of(submitted) == derived
    unfit = handlers.command_from(table(), record(INTAKE_COMMANDS, submitted.SerializeToString()))
    assert unfit is not None
    assert handlers.key_of(unfit) == derived
    assert handlers.key_of(withdraw()) == "m"
    assert handlers.key_of(Heard(ApprovalEvent(matter_id="m-2"), CITY_EVENTS, 1)) == "m-2"
    with pytest.raises(AssertionError):
        handlers.key_of(TimerDue("x"))


def test_an_event_of_the_data_exchange_comes_with_its_place() -> None:
    event = ExchangeEvent(matter_id="m")
    event.material_resolved.source = "market_regulation"
    told = record(EXCHANGE_EVENTS, event.SerializeToString(), writer="exchange", sequence=4)
    heard = handlers.command_from(table(), told)
    assert heard == HeardSharing(event, EXCHANGE_EVENTS, 4)
    assert isinstance(heard, HeardSharing)
    assert handlers.key_of(heard) == "m"
    for value, error in ((TRUNCATED, Undecodable), (b"", UnknownType), (LATER, UnknownType)):
        with pytest.raises(error):
            handlers.command_from(table(), record(EXCHANGE_EVENTS, value, writer="exchange"))


def test_the_aggregate_speaks_on_the_matter_events() -> None:
    aggregate = handlers.aggregate(Catalogue((three_levels(),), {}), table(), "intake", CALENDAR)
    assert table().events_topic("intake") == MATTER_EVENTS
    command = aggregate.command_from(record(SUBMISSIONS, hand_in().SerializeToString()))
    assert command == hand_in()
