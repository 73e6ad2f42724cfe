"""A record of the exchange's commands topic, the command that it leads to, and the calls that its event makes due."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.unit.exchange.cases import (
    GIVE_UP_MS,
    LICENCE,
    MATTER_ID,
    NOW,
    Matter,
    ask,
    delayed,
    found,
    not_found,
    refused,
    stop,
)

from onematter.backbone.records import Record, read
from onematter.backbone.service import Change
from onematter.contracts.aggregate import Undecodable, UnknownType
from onematter.contracts.topics import table
from onematter.exchange.core import FromIntake
from onematter.exchange.handlers import command_from, key_of
from onematter.exchange.store import project
from onematter.exchange.v1.exchange_commands_pb2 import ExchangeCommand
from onematter.exchange.v1.exchange_events_pb2 import ExchangeEvent
from onematter.exchange.v1.exchange_state_pb2 import SharingState

TOPIC = table().topics[table().commands_topic("exchange")]


def record(value: bytes, *, topic: str = TOPIC.name, key: str = MATTER_ID, writer: bytes = b"") -> Record:
    headers = [("ce_stream", writer), ("ce_sequence", b"1")] if writer else []
    made = read(topic, 0, 0, 0, key.encode(), value, headers)
    assert isinstance(made, Record)
    return made


def test_what_stands_in_intakes_stream_is_intakes() -> None:
    asked = ask().command
    assert command_from(TOPIC, record(asked.SerializeToString(), writer=b"intake")) == FromIntake(asked)


def test_what_has_no_writer_is_an_answer_or_refused_by_the_core() -> None:
    command = command_from(TOPIC, record(found().SerializeToString()))
    assert command == found()
    assert command is not None
    assert key_of(command) == MATTER_ID
    assert command_from(TOPIC, record(ask().command.SerializeToString())) == ask().command


def test_another_topic_is_not_for_us() -> None:
    assert command_from(TOPIC, record(found().SerializeToString(), topic=table().events_topic("exchange"))) is None


@pytest.mark.parametrize("value", [b"", b"\xff\xff", b'{"matter_id": "x"}'])
def test_an_alien_record_is_undecodable(value: bytes) -> None:
    with pytest.raises(Undecodable, match="ExchangeCommand"):
        command_from(TOPIC, record(value))


@pytest.mark.parametrize(
    ("value", "key"),
    [(found().SerializeToString(), MATTER_ID), (ask().command.SerializeToString(), "another")],
)
def test_a_stream_brings_what_intake_may_say_of_this_matter(value: bytes, key: str) -> None:
    with pytest.raises(Undecodable):
        command_from(TOPIC, record(value, writer=b"intake", key=key))


def test_a_command_of_a_later_version_is_parked() -> None:
    # Field 99, which no version has yet: length-delimited and empty.
    later = ExchangeCommand(matter_id=MATTER_ID).SerializeToString() + b"\x9a\x06\x00"
    with pytest.raises(UnknownType):
        command_from(TOPIC, record(later))


class Rows:
    """A transaction that keeps the calls as the table would."""

    def __init__(self) -> None:
        self.rows: dict[tuple[object, ...], tuple[object, ...]] = {}

    def execute(self, sql: str, params: Sequence[object] = ()) -> None:
        raise AssertionError("a statement for each row alone")

    def executemany(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        for row in rows:
            if "DELETE" in sql:
                self.rows.pop(tuple(row), None)
            else:
                self.rows[tuple(row[:2])] = tuple(row[2:])


def projected(matter: Matter, rows: Rows | None = None) -> dict[str, tuple[object, ...]]:
    """Source, attempt and milliseconds to wait by material, after all events of the matter in one step."""
    rows = rows or Rows()
    changes: list[Change[SharingState, ExchangeEvent]] = [
        Change(MATTER_ID, 0, matter.state, event, None) for event in matter.events
    ]
    project(rows, changes)
    return {str(key[1]): row for key, row in rows.rows.items()}


def test_what_is_asked_for_is_due_at_once() -> None:
    matter = Matter()
    matter.given(ask())
    assert projected(matter) == {
        "business_licence": ("market_regulation", 1, 0),
        "land_title": ("natural_resources", 1, 0),
    }


def test_what_is_delayed_is_due_then_and_what_is_answered_is_not() -> None:
    matter = Matter()
    rows = Rows()
    matter.given(ask())
    matter.given(delayed(NOW + 21_000), 1_000)
    matter.given(refused("land_title"), 1_000)
    assert projected(matter, rows) == {"business_licence": ("market_regulation", 2, 20_000)}
    matter.given(found(attempt=2), 21_000)
    assert projected(matter, rows) == {}


def test_what_may_still_come_late_stays_due_and_what_failed_does_not() -> None:
    matter = Matter()
    matter.given(ask())
    matter.given(delayed(NOW + 600_000))
    matter.gives_up()
    matter.given(not_found("land_title"), GIVE_UP_MS)
    assert projected(matter) == {"business_licence": ("market_regulation", 2, 600_000)}


def test_what_nobody_needs_any_more_is_not_called_for() -> None:
    matter = Matter()
    matter.given(ask(LICENCE))
    matter.given(stop())
    assert projected(matter) == {}
