"""What operators ask: kept, carried out once by the lane's owner, told as it was, by whom it may be asked; masked."""

from __future__ import annotations

import json
from typing import Any

import grpc
import pytest
from tests.integration.test_parking import CALL_SECONDS, DONE, STOPPED, drop, letters, operator, parked, waiting
from tests.live import DEAD_LETTERS, NOTICE_EVENTS, SUBMISSIONS, Live, failure_of, forged, outside
from tests.tail import poll

from onematter.backbone.v1 import operations_service_pb2 as operations
from onematter.common.v1.actor_pb2 import Actor, ActorRole
from onematter.common.v1.outcome_pb2 import Reason
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand

UNKNOWN = b"\x9a\x06\x02\x08\x01"


def parked_hand_in(live: Live) -> tuple[str, operations.DeadLetter]:
    """A matter whose hand-in is of a later version, and its dead letter."""
    command = live.hand_in()
    value = IntakeCommand(request_id=live.new_id(), matter_id=command.matter_id).SerializeToString() + UNKNOWN
    live.write(SUBMISSIONS, value, command.matter_id.encode(), outside("later"))
    (letter,) = waiting(live, "intake", command.matter_id, 1)
    return command.matter_id, letter


def asked(live: Live, kind: str, record: operations.RecordPlace, **changes: Any) -> Any:
    """The request of a change, complete but for what is changed."""
    request = getattr(operations, f"{kind}DeadLetterRequest")(
        **({"request_id": live.new_id(), "actor": operator(live), "reason": "why"} | changes)
    )
    request.record.CopyFrom(record)
    return request


def test_the_same_request_has_the_same_outcome_and_another_content_is_refused(live: Live) -> None:
    key, letter = parked_hand_in(live)
    stub = live.operations("intake")
    request = asked(live, "Drop", letter.record)
    first = stub.DropDeadLetter(request, timeout=CALL_SECONDS).operation
    assert (first.status, first.outcome.dropped) == (DONE, True)
    assert stub.DropDeadLetter(request, timeout=CALL_SECONDS).operation == first
    other = asked(live, "Replay", letter.record, request_id=request.request_id)
    told = failure_of(lambda: stub.ReplayDeadLetter(other, timeout=CALL_SECONDS))
    assert (told.code, told.told) == (
        grpc.StatusCode.FAILED_PRECONDITION, {("request_id", "REQUEST_ID_REUSED")},
    )  # fmt: skip
    again = failure_of(lambda: stub.DropDeadLetter(asked(live, "Drop", letter.record), timeout=CALL_SECONDS))
    (violation,) = again.refused.violations
    assert violation.reason == Reason.REASON_RECORD_NOT_WAITING
    assert dict(violation.parameters) == {"became": "dropped", "operation": str(first.number)}
    (kept,) = letters(live, "intake", key, operations.DEAD_LETTER_STATUS_DROPPED)
    assert (kept.record, kept.operation, kept.digest) == (letter.record, first.number, letter.digest)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"actor": Actor(principal="o", role=ActorRole.ACTOR_ROLE_OFFICIAL)}, {("actor.role", "ROLE_NOT_ALLOWED")}),
        ({"actor": Actor()}, {("actor.principal", "FIELD_MISSING"), ("actor.role", "ROLE_NOT_ALLOWED")}),
        ({"reason": " "}, {("reason", "FIELD_MISSING")}),
        ({"reason": "x" * 501}, {("reason", "FIELD_TOO_LONG")}),
        ({"request_id": "a\0b"}, {("request_id", "FIELD_MALFORMED")}),
    ],
)
def test_who_may_not_ask_or_does_not_say_why_changes_nothing(
    live: Live, changes: dict[str, Any], told: set[tuple[str, str]]
) -> None:
    place = operations.RecordPlace(topic=SUBMISSIONS, partition=0, offset=0)
    stub = live.operations("intake")
    for kind, call in (("Drop", stub.DropDeadLetter), ("Replay", stub.ReplayDeadLetter)):
        request = asked(live, kind, place, **changes)
        failure = failure_of(lambda call=call, request=request: call(request, timeout=CALL_SECONDS))
        assert (failure.code, failure.told) == (grpc.StatusCode.FAILED_PRECONDITION, told)
        assert not logged(live, "intake", request_id=request.request_id.replace("\0", ""))


def test_a_place_that_no_lane_has_is_refused_at_once(live: Live) -> None:
    request = asked(live, "Drop", operations.RecordPlace(topic=SUBMISSIONS, partition=9_999, offset=0))
    failure = failure_of(lambda: live.operations("intake").DropDeadLetter(request, timeout=CALL_SECONDS))
    assert failure.told == {("record", "FIELD_MALFORMED")}


def logged(live: Live, deployment: str, **wanted: Any) -> list[operations.Operation]:
    request = operations.ListOperationsRequest(**wanted)
    return list(live.operations(deployment).ListOperations(request, timeout=CALL_SECONDS).operations)


def test_every_operation_stands_in_the_log_with_who_why_and_what_came_of_it(live: Live) -> None:
    key, letter = parked_hand_in(live)
    stub = live.operations("intake")
    actor = Actor(principal=operator(live).principal, role=ActorRole.ACTOR_ROLE_SUPERVISOR, department="audit")
    replayed = asked(live, "Replay", letter.record, actor=actor, reason="版本已更新")
    stub.ReplayDeadLetter(replayed, timeout=CALL_SECONDS)
    drop(live, "intake", key, "", SUBMISSIONS)
    newest, oldest = logged(live, "intake", matter_id=key)
    assert (oldest.actor, oldest.reason, oldest.request_id) == (actor, "版本已更新", replayed.request_id)
    assert (oldest.kind, oldest.status) == (operations.OPERATION_KIND_REPLAY, STOPPED)
    assert (newest.kind, newest.status) == (operations.OPERATION_KIND_DROP, DONE)
    assert oldest.asked.ToMilliseconds() <= oldest.ended.ToMilliseconds() <= newest.ended.ToMilliseconds()
    (page,) = logged(live, "intake", matter_id=key, page_size=1)
    assert page == newest
    (rest,) = logged(live, "intake", matter_id=key, page_size=1, page_token=str(newest.number))
    assert rest == oldest


def test_what_could_not_be_read_at_all_is_listed_and_may_be_given_up(live: Live) -> None:
    written = live.write(SUBMISSIONS, b"\xff\xff", b"\xffno key", [("ce_type", b"x"), ("secret", b"1101011990")])
    live.dead_letter("intake", SUBMISSIONS, written.partition, written.offset)
    place = operations.RecordPlace(topic=SUBMISSIONS, partition=written.partition, offset=written.offset)
    stub = live.operations("intake")
    shown = stub.GetDeadLetter(operations.GetDeadLetterRequest(record=place), timeout=CALL_SECONDS)
    assert shown.dead_letter.status == operations.DEAD_LETTER_STATUS_SET_ASIDE
    assert (shown.dead_letter.matter_id, shown.dead_letter.size_bytes) == ("", 2)
    assert (shown.message, shown.masked_json, shown.HasField("value")) == ("", "", False)
    headers = {header.name: header.value for header in shown.headers}
    assert headers["ce_type"] == "x"
    assert "1101011990" not in headers["secret"]
    request = asked(live, "Drop", place)
    assert stub.DropDeadLetter(request, timeout=CALL_SECONDS).operation.outcome.dropped
    gone = stub.GetDeadLetter(operations.GetDeadLetterRequest(record=place), timeout=CALL_SECONDS)
    assert gone.dead_letter.status == operations.DEAD_LETTER_STATUS_DROPPED


def test_personal_data_are_masked_and_the_bytes_are_read_for_a_reason_only(live: Live) -> None:
    name = "欧阳示例"
    command = live.hand_in()
    command.submit_matter.application.facts["note"].text = "LiMing"
    value = command.SerializeToString() + UNKNOWN
    command.submit_matter.Clear()
    later = IntakeCommand.FromString(value)
    later.ClearField("submit_matter")
    live.write(SUBMISSIONS, later.SerializeToString() + UNKNOWN, command.matter_id.encode(), outside(name))
    (letter,) = waiting(live, "intake", command.matter_id, 1)
    stub = live.operations("intake")
    get = operations.GetDeadLetterRequest(record=letter.record)
    shown = stub.GetDeadLetter(get, timeout=CALL_SECONDS)
    assert shown.message == "onematter.intake.v1.IntakeCommand"
    document = json.loads(shown.masked_json)
    assert document["matter_id"] == command.matter_id
    assert not shown.HasField("value")
    assert name not in str(shown)
    get.raw.CopyFrom(operations.RawAccess(request_id=live.new_id(), actor=operator(live)))
    assert failure_of(lambda: stub.GetDeadLetter(get, timeout=CALL_SECONDS)).told == {("reason", "FIELD_MISSING")}
    get.raw.reason = "looks like a later version"
    assert stub.GetDeadLetter(get, timeout=CALL_SECONDS).value == later.SerializeToString() + UNKNOWN
    (read,) = logged(live, "intake", request_id=get.raw.request_id)
    assert (read.kind, read.reason) == (operations.OPERATION_KIND_READ, get.raw.reason)
    drop(live, "intake", command.matter_id, "", SUBMISSIONS)


def test_a_matter_that_waits_for_nothing_is_not_tried_again(live: Live) -> None:
    request = operations.RetryMatterRequest(
        request_id=live.new_id(), actor=operator(live), reason="why", matter_id="0" * 32
    )
    for deployment in ("notification", "exchange", "intake"):
        failure = failure_of(
            lambda deployment=deployment: live.operations(deployment).RetryMatter(request, timeout=CALL_SECONDS)
        )
        assert failure.told == {("matter_id", "NOTHING_TO_RETRY")}


def test_a_record_that_an_observer_sets_aside_is_listed_too(live: Live) -> None:
    key = live.hand_in().matter_id
    live.write(NOTICE_EVENTS, b"one", key.encode(), forged("notification", NOTICE_EVENTS, key, 1))
    live.write(NOTICE_EVENTS, b"two", key.encode(), forged("notification", NOTICE_EVENTS, key, 1))
    (alarm,) = poll(
        lambda: letters(live, "archive", key, operations.DEAD_LETTER_STATUS_SET_ASIDE), "the alarm in the table"
    )
    assert alarm.reason.startswith("alarm")
    assert not parked(live, "archive", key)
    assert DEAD_LETTERS["archive"]
