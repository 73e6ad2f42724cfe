"""What a request over gRPC must hold before it reaches the database or the topic."""

from __future__ import annotations

import pytest
from tests.unit.approval.cases import claim_task, decide_task

from onematter.approval import store
from onematter.approval.servicer import Malformed, check_command, wanted_of
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_service_pb2 import ListTasksRequest
from onematter.common.v1.actor_pb2 import Actor, Level
from onematter.common.v1.outcome_pb2 import Reason


def test_an_empty_list_request_asks_for_what_waits() -> None:
    assert wanted_of(ListTasksRequest()) == store.Wanted(statuses=frozenset({1, 2}), limit=51)


def test_a_list_request_with_everything() -> None:
    place = store.Place(7, "k", "02")
    request = ListTasksRequest(
        level=Level.LEVEL_CITY,
        division="330100",
        department="water",
        statuses=["TASK_STATUS_DECIDED"],
        matter_id="m",
        page_size=500,
        page_token=store.encode_token(place),
    )
    request.deadline_before.seconds = 12
    assert wanted_of(request) == store.Wanted(
        statuses=frozenset({3}), limit=501, level=3, division="330100", department="water", matter_id="m",
        deadline_before_unix_ms=12_000, after=place,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("field", "request_fields"),
    [
        ("page_size", {"page_size": -1}),
        ("page_size", {"page_size": 501}),
        ("page_token", {"page_token": "x"}),
        ("statuses", {"statuses": [0]}),
        ("statuses", {"statuses": [1, 5]}),
        ("division", {"division": "33\0"}),
        ("department", {"department": "\0"}),
        ("matter_id", {"matter_id": "\0"}),
        ("deadline_before", {"deadline_before": {"seconds": 1 << 62}}),
        ("deadline_before", {"deadline_before": {"seconds": -1}}),
    ],
)
def test_a_malformed_list_request_names_its_field(field: str, request_fields: dict[str, object]) -> None:
    with pytest.raises(Malformed) as malformed:
        wanted_of(ListTasksRequest(**request_fields))  # type: ignore[arg-type]
    assert (malformed.value.field, malformed.value.reason) == (field, Reason.REASON_FIELD_MALFORMED)


@pytest.mark.parametrize(
    ("command", "field", "reason"),
    [
        (ApprovalCommand(), "command.matter_id", Reason.REASON_FIELD_MISSING),
        (ApprovalCommand(matter_id="m"), "command.request_id", Reason.REASON_FIELD_MISSING),
        (ApprovalCommand(matter_id="m", request_id="r"), "command.actor.principal", Reason.REASON_FIELD_MISSING),
        (ApprovalCommand(matter_id="\0", request_id="r"), "command.matter_id", Reason.REASON_FIELD_MALFORMED),
        (decide_task(), "command.decide_task", Reason.REASON_FIELD_MALFORMED),
    ],
)
def test_a_command_that_cannot_be_sent_names_its_field(command: ApprovalCommand, field: str, reason: Reason) -> None:
    with pytest.raises(Malformed) as malformed:
        check_command(command, "claim_task")
    assert (malformed.value.field, malformed.value.reason) == (field, reason)


def test_a_whole_command_passes_as_it_is() -> None:
    command, same = claim_task(), claim_task()
    check_command(command, "claim_task")
    assert command == same


@pytest.mark.parametrize("name", ["claim_task", "decide_task"])
def test_a_call_without_its_oneof_means_what_it_is_named_after(name: str) -> None:
    command = ApprovalCommand(matter_id="m", request_id="r", actor=Actor(principal="li"))
    check_command(command, name)
    assert command.WhichOneof("command") == name
