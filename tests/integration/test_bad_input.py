"""Whatever comes in, by gRPC or on a topic: it is refused with its field, rule and way out, put to the dead letters
with its reason, or forwarded. The services go on, and nothing that was acknowledged is lost.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from confluent_kafka import Producer
from tests.live import (
    CALL_SECONDS,
    COMMANDS,
    DEAD_LETTERS,
    INTAKE_COMMANDS,
    MATTER_EVENTS,
    NOTICE_EVENTS,
    SUBMISSIONS,
    TASK_EVENTS,
    Headers,
    Live,
    failure_of,
    forged,
    matter_id_of,
    outside,
    seal,
    told_by,
)
from tests.tail import poll

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.common.v1.application_pb2 import IdentifierKind
from onematter.common.v1.outcome_pb2 import CommandRefused
from onematter.intake.v1 import intake_service_pb2 as intake
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_events_pb2 import MatterOutcome

IDENTIFIER = "application.personal_data.parties[p1].identifier"
# Right but for their last characters.
WRONG_ID_CARD = "330106199003071237"
WRONG_USCC = "91330106MA2B0XYQ1M"
MAX_FORM_BYTES = 10_485_760
PERSONAL = (WRONG_ID_CARD, WRONG_USCC, "杭州示例智造有限公司")

Told = set[tuple[str, str]]


@pytest.fixture(scope="module", autouse=True)
def beginning(live: Live) -> dict[str, int]:
    """How many records of each topic stood there before these tests."""
    live.tail.read_to_end()
    return {topic: len(records) for topic, records in live.tail.records.items()}


def unknown_matter_type(command: IntakeCommand) -> None:
    command.submit_matter.matter_code = "OM-99"


def wrong_id_card(command: IntakeCommand) -> None:
    seal(command, name="某某", kind=IdentifierKind.IDENTIFIER_KIND_ID_CARD, identifier=WRONG_ID_CARD)


def wrong_uscc(command: IntakeCommand) -> None:
    seal(command, name="某某", kind=IdentifierKind.IDENTIFIER_KIND_USCC, identifier=WRONG_USCC)


def missing_material(command: IntakeCommand) -> None:
    command.submit_matter.application.ClearField("materials")


def oversized_material(command: IntakeCommand) -> None:
    command.submit_matter.application.materials[0].size_bytes = MAX_FORM_BYTES + 1


def everything(command: IntakeCommand) -> None:
    wrong_id_card(command)
    missing_material(command)
    command.submit_matter.division = "33010"
    command.submit_matter.application.ClearField("facts")


HAND_INS: dict[str, tuple[Callable[[IntakeCommand], None], Told]] = {
    "unknown matter": (unknown_matter_type, {("submit_matter.matter_code", "MATTER_TYPE_UNKNOWN")}),
    "ID card": (wrong_id_card, {(IDENTIFIER, "IDENTIFIER_INVALID")}),
    "USCC": (wrong_uscc, {(IDENTIFIER, "IDENTIFIER_INVALID")}),
    "missing material": (missing_material, {("application.materials[form]", "MATERIAL_MISSING")}),
    "oversized material": (oversized_material, {("application.materials[form]", "MATERIAL_OVERSIZED")}),
    "all at once": (
        everything,
        {
            (IDENTIFIER, "IDENTIFIER_INVALID"),
            ("application.materials[form]", "MATERIAL_MISSING"),
            ("submit_matter.division", "DIVISION_UNKNOWN"),
            ("application.facts[amount]", "FACT_MISSING"),
        },
    ),
}


def check_refused(call: Callable[[], object], on_topic: CommandRefused, told: Told) -> None:
    """The refusal by gRPC and the one on the topic name the same fields and rules; gRPC says them in words."""
    failure = failure_of(call)
    assert failure.code is grpc.StatusCode.FAILED_PRECONDITION
    assert failure.told == told_by(on_topic) == told_by(failure.refused) == told
    assert failure.info.reason in {reason for _, reason in told}
    for violation in failure.bad_request.field_violations:
        # The rule and the way out are a sentence each.
        assert violation.description.count(".") >= 2
        assert violation.field in failure.text
    said = failure.text + str(failure.bad_request) + str(failure.info) + str(on_topic)
    assert not [personal for personal in PERSONAL if personal in said]


@pytest.mark.parametrize("name", HAND_INS)
def test_a_hand_in_that_breaks_rules_is_refused_with_all_of_them_by_both_doors(live: Live, name: str) -> None:
    spoil, told = HAND_INS[name]
    by_topic, by_grpc = live.hand_in(), live.hand_in()
    spoil(by_topic)
    spoil(by_grpc)
    value = live.publish(SUBMISSIONS, by_topic)
    refused = live.answer(MATTER_EVENTS, by_topic.matter_id, value).command_refused
    assert refused.command == "submit_matter"
    check_refused(lambda: live.submit(by_grpc), refused, told)
    with pytest.raises(grpc.RpcError, match="NOT_FOUND"):
        live.intake.GetMatter(intake.GetMatterRequest(matter_id=by_topic.matter_id), timeout=CALL_SECONDS)
    live.goes_on()


def test_a_command_about_an_unknown_matter_is_refused_by_both_doors(live: Live) -> None:
    def withdrawal() -> IntakeCommand:
        command = IntakeCommand(request_id=live.new_id())
        command.matter_id = matter_id_of(live.principal, command.request_id)
        command.actor.principal = live.principal
        command.withdraw_matter.reason = "不办了"
        return command

    by_topic, by_grpc = withdrawal(), withdrawal()
    value = live.publish(INTAKE_COMMANDS, by_topic)
    refused = live.answer(MATTER_EVENTS, by_topic.matter_id, value).command_refused
    request = intake.WithdrawMatterRequest(command=by_grpc)
    check_refused(
        lambda: live.intake.WithdrawMatter(request, timeout=CALL_SECONDS), refused, {("matter_id", "MATTER_UNKNOWN")}
    )


def test_a_request_id_used_again_is_refused_on_the_topic_and_a_repetition_changes_nothing(live: Live) -> None:
    command = live.hand_in()
    other = live.hand_in(amount=6, request_id=command.request_id)
    first = live.publish(SUBMISSIONS, command)
    live.publish(SUBMISSIONS, command)
    second = live.publish(SUBMISSIONS, other)
    assert live.answer(MATTER_EVENTS, command.matter_id, first).WhichOneof("event") == "matter_accepted"
    refused = live.answer(MATTER_EVENTS, command.matter_id, second).command_refused
    assert told_by(refused) == {("request_id", "REQUEST_ID_REUSED")}
    live.completes(command.matter_id)
    live.tail.read_to_end()
    told = [e.cause.digest for e in live.events(MATTER_EVENTS, command.matter_id)]
    assert told.count(hashlib.sha256(first).digest()) == 1
    check_refused(lambda: live.submit(other), refused, {("request_id", "REQUEST_ID_REUSED")})


def test_a_decided_task_and_a_wrong_department_are_refused_by_both_doors(live: Live) -> None:
    matter_id = live.open_matter()

    def wrong() -> ApprovalCommand:
        command = live.decision("city", matter_id, "02")
        command.actor.department = "forestry"
        return command

    told = {("actor.department", "WRONG_DEPARTMENT")}
    refused = live.answer(TASK_EVENTS["city"], matter_id, live.publish(COMMANDS["city"], wrong())).command_refused
    assert refused.violations[0].parameters["competent"] == "government_services"
    check_refused(lambda: live.decide("city", wrong()), refused, told)

    live.decide("city", live.decision("city", matter_id, "02"))
    again = live.decision("city", matter_id, "02", grant=False)
    refused = live.answer(TASK_EVENTS["city"], matter_id, live.publish(COMMANDS["city"], again)).command_refused
    told = {("item_id", "TASK_DECIDED")}
    check_refused(lambda: live.decide("city", live.decision("city", matter_id, "02", grant=False)), refused, told)
    check_refused(lambda: live.decide("city", again), refused, told)

    for level in ("province", "county"):
        live.publish(COMMANDS[level], live.decision(level, matter_id, live.item_at(level)))
    assert live.completes(matter_id).matter_completed.outcome == MatterOutcome.MATTER_OUTCOME_GRANTED


def test_a_command_that_is_too_large_is_refused_by_both_doors(live: Live) -> None:
    def large() -> IntakeCommand:
        command = live.hand_in()
        command.submit_matter.application.facts["project"].text = "大" * 300_000
        return command

    by_topic = large()
    value = live.publish(SUBMISSIONS, by_topic)
    assert len(value) >= 900_000
    refused = live.answer(MATTER_EVENTS, by_topic.matter_id, value).command_refused
    failure = failure_of(lambda: live.submit(large()))
    assert failure.told == told_by(refused) == {("", "COMMAND_TOO_LARGE")}
    live.goes_on()


# Value, key, headers and topic of a record that is none of ours; and what the dead letter says of it.
Alien = Callable[[Live], tuple[str, bytes | None, bytes | None, Headers]]


def good(live: Live) -> tuple[IntakeCommand, bytes]:
    command = live.hand_in()
    return command, command.SerializeToString(deterministic=True)


def truncated(live: Live) -> tuple[str, bytes | None, bytes | None, Headers]:
    command, value = good(live)
    return SUBMISSIONS, value[:-3], command.matter_id.encode(), outside(command.request_id)


def nameless(live: Live) -> tuple[str, bytes | None, bytes | None, Headers]:
    command = IntakeCommand(request_id=live.new_id())
    command.actor.principal = live.principal
    command.withdraw_matter.reason = "不办了"
    return INTAKE_COMMANDS, command.SerializeToString(), None, []


def nul_in_header(live: Live) -> tuple[str, bytes | None, bytes | None, Headers]:
    command, value = good(live)
    return SUBMISSIONS, value, command.matter_id.encode(), outside("a\0b")


def half_a_stream(live: Live) -> tuple[str, bytes | None, bytes | None, Headers]:
    command, value = good(live)
    return SUBMISSIONS, value, command.matter_id.encode(), [("ce_stream", b"intake")]


def stream_of_a_stranger(live: Live) -> tuple[str, bytes | None, bytes | None, Headers]:
    command, value = good(live)
    key = command.matter_id
    return SUBMISSIONS, value, key.encode(), forged("approval-city", SUBMISSIONS, key, 1)


def stream_of_a_stranger_to_a_level(live: Live) -> tuple[str, bytes | None, bytes | None, Headers]:
    key = live.hand_in().matter_id
    value = live.decision("city", key, "02").SerializeToString()
    return COMMANDS["city"], value, key.encode(), forged("approval-county", COMMANDS["city"], key, 1)


def stream_without_a_key(live: Live) -> tuple[str, bytes | None, bytes | None, Headers]:
    value = live.decision("city", live.hand_in().matter_id, "02").SerializeToString()
    return COMMANDS["city"], value, None, forged("intake", COMMANDS["city"], "", 1)


def observed_without_a_key(_live: Live) -> tuple[str, bytes | None, bytes | None, Headers]:
    return NOTICE_EVENTS, b"of any kind", None, forged("notification", NOTICE_EVENTS, "", 1)


def alien(topic: str, value: bytes | None, key: bytes) -> Alien:
    return lambda _live: (topic, value, key, [])


ALIENS: dict[str, tuple[Alien, str, str]] = {
    "truncated": (truncated, "intake", "undecodable: not an onematter.intake.v1.IntakeCommand"),
    "JSON": (alien(SUBMISSIONS, b'{"matter_code": "OM-90"}', b"json"), "intake", "undecodable: not an"),
    "JSON to a level": (alien(COMMANDS["county"], b'{"grant": true}', b"json"), "approval", "undecodable: not an"),
    "no key": (nameless, "intake", "undecodable: the command names no matter"),
    "NUL in the key": (alien(SUBMISSIONS, b"", b"a\0b"), "intake", "NUL"),
    "a key of other bytes": (alien(SUBMISSIONS, b"", b"\xff\xfe"), "intake", "the key is malformed"),
    "a long key": (alien(SUBMISSIONS, b"", b"k" * 129), "intake", "the key is longer than 128 characters"),
    "NUL in a header": (nul_in_header, "intake", "NUL"),
    "empty": (alien(SUBMISSIONS, b"", b"empty"), "intake", "undecodable: an empty value"),
    "no value": (alien(SUBMISSIONS, None, b"tombstone"), "intake", "undecodable: an empty value"),
    "enormous": (alien(SUBMISSIONS, b"\xff" * 1_000_000, b"enormous"), "intake", "undecodable: not an"),
    "half a stream": (half_a_stream, "intake", "ce_stream and ce_sequence stand together"),
    "a stranger's stream": (stream_of_a_stranger, "intake", "may not write to this topic"),
    "a stranger's stream to a level": (stream_of_a_stranger_to_a_level, "approval", "may not write to this topic"),
    "a stream without a key": (stream_without_a_key, "approval", "under the key of another matter"),
    "a stream without a key, observed": (observed_without_a_key, "archive", "needs its matter's key"),
}


@pytest.mark.parametrize("name", ALIENS)
def test_what_is_no_record_of_ours_is_a_dead_letter_with_its_reason_and_origin(live: Live, name: str) -> None:
    make, service, reason = ALIENS[name]
    topic, value, key, headers = make(live)
    written = live.write(topic, value, key, headers)
    letter = live.dead_letter(service, topic, written.partition, written.offset)
    told = dict(letter.headers)
    assert reason in told["dead_letter_reason"].decode()
    assert int(told["dead_letter_timestamp_unix_ms"]) > 0
    assert (letter.value or b"") == (value or b"")
    assert (letter.key or b"") == (key or b"")
    assert dict(headers).items() <= told.items()
    assert letter.partition == written.partition
    assert not [personal for personal in PERSONAL if personal in told["dead_letter_reason"].decode()]
    live.goes_on()


def partition_by_crc32(key: bytes, partitions: int) -> int:
    """Where librdkafka puts a key by default, and kcat with it."""
    return zlib.crc32(key) % partitions


def test_a_key_on_the_wrong_partition_is_forwarded_and_completed(live: Live) -> None:
    commands = [live.hand_in() for _ in range(24)]
    places: dict[str, int] = {}

    def delivered(error: Any, message: Any) -> None:
        assert error is None
        places[message.key().decode()] = message.partition()

    producer = Producer({"bootstrap.servers": live.servers, "partitioner": "consistent_random"})
    for command in commands:
        value = command.SerializeToString()
        producer.produce(SUBMISSIONS, value, command.matter_id.encode(), on_delivery=delivered)
    assert producer.flush(CALL_SECONDS) == 0
    for command in commands:
        live.completes(command.matter_id)
    partitions = {record.partition for topic in (SUBMISSIONS, MATTER_EVENTS) for record in live.tail.records[topic]}
    wrong = 0
    for command in commands:
        key = command.matter_id
        assert places[key] == partition_by_crc32(key.encode(), len(partitions))
        home = live.tail.of(MATTER_EVENTS, key)[0].partition
        values = {(record.partition, record.value) for record in live.tail.of(SUBMISSIONS, key)}
        assert values == {(place, command.SerializeToString()) for place in {places[key], home}}
        wrong += places[key] != home
    assert wrong > 0


def test_a_hand_in_without_or_under_another_key_is_forwarded_to_its_own(live: Live) -> None:
    for key in (None, b"somebody else", live.hand_in().matter_id.encode()):
        command = live.hand_in()
        live.write(SUBMISSIONS, command.SerializeToString(), key)
        live.completes(command.matter_id)
        assert live.tail.of(SUBMISSIONS, command.matter_id)


def test_nothing_that_was_acknowledged_is_lost(live: Live, beginning: dict[str, int]) -> None:
    """Of all that these tests wrote from outside: an event that tells its outcome, a dead letter, or the same again at
    its own place, with an event of its own."""
    for _ in range(5):
        live.write(SUBMISSIONS, os.urandom(40), os.urandom(8).hex().encode())
        live.goes_on()

    def unanswered() -> list[str]:
        tail = live.tail
        tail.read_to_end()
        origins = {
            (told["dead_letter_topic"].decode(), int(told["dead_letter_partition"]), int(told["dead_letter_offset"]))
            for topic in DEAD_LETTERS.values()
            for told in (dict(letter.headers) for letter in tail.records[topic])
        }
        answered = {
            live.parse(record).cause.digest
            for topic in (MATTER_EVENTS, *TASK_EVENTS.values())
            for record in tail.records[topic]
        }
        lost: list[str] = []
        for topic in (SUBMISSIONS, INTAKE_COMMANDS, *COMMANDS.values()):
            for record in tail.records[topic][beginning[topic] :]:
                if "ce_stream" in dict(record.headers):
                    continue
                digest = hashlib.sha256(record.value or b"").digest()
                place = (topic, record.partition, record.offset)
                if place not in origins and digest not in answered:
                    lost.append("/".join(map(str, place)))
        return lost

    poll(lambda: not unanswered(), "an answer to everything")
