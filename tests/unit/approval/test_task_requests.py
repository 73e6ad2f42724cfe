"""What a request over gRPC must hold before it reaches the database or the topic."""

from __future__ import annotations

import json

import pytest
from tests.unit.approval.cases import (
    SIMPLE,
    Matter,
    claim_task,
    command,
    decide_task,
    open_task,
    recall_task,
    unix_ms,
)

from onematter.approval import store
from onematter.approval.servicer import (
    Malformed,
    check_command,
    check_decisions,
    check_handled,
    explanation_of,
    wanted_of,
)
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_service_pb2 import DecideTasksRequest, ListTasksRequest
from onematter.common.v1.actor_pb2 import Actor, Level
from onematter.common.v1.outcome_pb2 import Reason


def test_an_empty_list_request_asks_for_what_waits() -> None:
    assert wanted_of(ListTasksRequest()) == store.Wanted(statuses=frozenset({1, 2, 5}), limit=51)


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
        ("statuses", {"statuses": [1, 7]}),
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


# HandleTask and DecideTasks


@pytest.mark.parametrize(
    "name",
    [
        "ask_opinions", "begin_special_procedure", "end_special_procedure", "extend_period", "give_opinion",
        "recompute_deadlines", "record_site_visit", "release_task", "request_correction", "transfer_task",
        "verify_pledge",
    ],
)  # fmt: skip
def test_whatever_else_may_be_done_is_handled(name: str) -> None:
    assert check_handled(command(name)) == name


@pytest.mark.parametrize("asked", [claim_task(), decide_task(), open_task().command, recall_task().command])
def test_what_has_a_call_of_its_own_or_is_intakes_is_not_handled(asked: ApprovalCommand) -> None:
    with pytest.raises(Malformed) as malformed:
        check_handled(asked)
    assert malformed.value.field == f"command.{asked.WhichOneof('command')}"
    assert malformed.value.parameters["allowed"].startswith("ask_opinions, begin_special_procedure, ")


def test_nothing_at_all_is_not_handled() -> None:
    with pytest.raises(Malformed) as malformed:
        check_handled(ApprovalCommand(matter_id="m", request_id="r", actor=Actor(principal="li")))
    assert (malformed.value.field, malformed.value.reason) == ("command", Reason.REASON_FIELD_MISSING)


def test_a_hundred_decisions_are_taken_at_once() -> None:
    check_decisions(DecideTasksRequest(commands=[decide_task()] * 100))


@pytest.mark.parametrize(
    ("commands", "field", "reason"),
    [
        ([], "commands", Reason.REASON_FIELD_MISSING),
        ([decide_task()] * 101, "commands", Reason.REASON_FIELD_TOO_LONG),
        ([decide_task(), claim_task()], "commands[1].claim_task", Reason.REASON_FIELD_MALFORMED),
        ([ApprovalCommand()], "commands[0].matter_id", Reason.REASON_FIELD_MISSING),
        (
            [decide_task(), ApprovalCommand(matter_id="m", request_id="r")],
            "commands[1].actor.principal",
            Reason.REASON_FIELD_MISSING,
        ),
    ],
    ids=["none", "too many", "another command", "no matter", "nobody"],
)
def test_decisions_that_cannot_be_sent_name_their_place(
    commands: list[ApprovalCommand], field: str, reason: Reason
) -> None:
    with pytest.raises(Malformed) as malformed:
        check_decisions(DecideTasksRequest(commands=commands))
    assert (malformed.value.field, malformed.value.reason) == (field, reason)


# How a deadline comes about


def test_a_task_tells_how_its_deadlines_come_about(matter: Matter) -> None:
    matter.given(open_task())
    matter.when(command("begin_special_procedure", kind=6, expected_days=7, reason="委托检测"), unix_ms(2026, 11, 25))
    matter.when(command("end_special_procedure", result="合格"), unix_ms(2026, 12, 2))
    told = json.loads(explanation_of(matter.core.desk, matter.task()))
    assert set(told) == {"legal", "promised"}
    assert (told["legal"]["days"], told["legal"]["deadline"]) == (20, "2026-12-28")
    promised = told["promised"]
    assert (promised["from"], promised["days"], promised["deadline"]) == ("2026-11-23", 5, "2026-12-07")
    assert {"first": "2026-11-25", "last": "2026-12-01", "counted": False, "why": "suspended", "reason": "testing"} in (
        promised["spans"]
    )


def test_a_task_whose_clocks_stand_still_tells_how_many_days_are_left(matter: Matter) -> None:
    matter.given(open_task())
    matter.when(command("begin_special_procedure", kind=6, expected_days=7, reason="委托检测"), unix_ms(2026, 11, 25))
    told = json.loads(explanation_of(matter.core.desk, matter.task()))
    assert (told["promised"]["deadline"], told["promised"]["days_left"]) == (None, 4)


def test_a_deadline_beyond_the_loaded_years_is_told_as_provisional(matter: Matter) -> None:
    matter.when(open_task(), unix_ms(2027, 12, 30))
    assert json.loads(explanation_of(matter.core.desk, matter.task()))["legal"]["provisional_years"] == [2027, 2028]


def test_a_task_decided_by_rule_has_no_deadline_to_tell(matter: Matter) -> None:
    matter.given(open_task("01", **SIMPLE))
    assert explanation_of(matter.core.desk, matter.task("01")) == ""
