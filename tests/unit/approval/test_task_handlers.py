"""A record of the commands topic, and the command that it leads to."""

from __future__ import annotations

import pytest
from tests.unit.approval.cases import MATTER_ID, claim_task, open_task

from onematter.approval.core import FromIntake
from onematter.approval.handlers import command_from, key_of
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.backbone.records import Record, read
from onematter.contracts.aggregate import Undecodable, UnknownType
from onematter.contracts.topics import table

TOPIC = table().topics[table().commands_topic("approval-city")]
INTAKE = [("ce_stream", b"intake"), ("ce_sequence", b"1")]


def record(value: bytes, *, topic: str = TOPIC.name, key: str = MATTER_ID, **headers: bytes) -> Record:
    found = read(topic, 0, 0, 0, key.encode(), value, [*headers.items()])
    assert isinstance(found, Record)
    return found


def inside(value: bytes, writer: bytes = b"intake", key: str = MATTER_ID) -> Record:
    return record(value, key=key, ce_stream=writer, ce_sequence=b"1")


def test_a_record_of_intakes_stream_is_a_command_of_intake() -> None:
    asked = open_task().command
    assert command_from(TOPIC, inside(asked.SerializeToString())) == FromIntake(asked)


def test_a_record_without_a_writer_comes_from_outside() -> None:
    asked = claim_task()
    command = command_from(TOPIC, record(asked.SerializeToString()))
    assert command == asked
    assert command is not None
    assert key_of(command) == MATTER_ID


def test_even_an_opening_without_a_writer_comes_from_outside() -> None:
    asked = open_task().command
    assert command_from(TOPIC, record(asked.SerializeToString())) == asked


def test_a_record_of_another_topic_is_no_command() -> None:
    other = table().commands_topic("approval-county")
    assert command_from(TOPIC, record(claim_task().SerializeToString(), topic=other)) is None


@pytest.mark.parametrize("value", [b"", b"\xff\xff", b'{"matter_id": "x"}', claim_task().SerializeToString()[:9]])
def test_an_alien_or_truncated_record_is_undecodable(value: bytes) -> None:
    with pytest.raises(Undecodable, match="ApprovalCommand"):
        command_from(TOPIC, record(value))


def test_a_command_of_a_stream_under_another_key_is_undecodable() -> None:
    with pytest.raises(Undecodable, match="another matter"):
        command_from(TOPIC, inside(open_task().command.SerializeToString(), key="another"))


def test_from_outside_another_key_is_left_to_the_unit_of_work_to_forward() -> None:
    command = command_from(TOPIC, record(claim_task().SerializeToString(), key="another"))
    assert command is not None
    assert key_of(command) == MATTER_ID


def test_a_command_of_a_newer_version_is_an_unknown_type() -> None:
    # Field 31 of ApprovalCommand, an empty message.
    value = ApprovalCommand(matter_id=MATTER_ID, item_id="02").SerializeToString() + b"\xfa\x01\x00"
    for newer in (record(value), inside(value)):
        with pytest.raises(UnknownType):
            command_from(TOPIC, newer)


def test_a_command_that_asks_for_nothing_goes_on_to_be_refused() -> None:
    asked = ApprovalCommand(matter_id=MATTER_ID, item_id="02")
    assert command_from(TOPIC, record(asked.SerializeToString())) == asked
