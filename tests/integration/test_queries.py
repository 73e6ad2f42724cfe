"""Progress by what is printed: a matter's number and its query code, on the running product."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from tests.live import CALL_SECONDS, Live, failure_of

from onematter.common.v1.actor_pb2 import ActorRole
from onematter.intake.v1 import intake_service_pb2 as intake
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_state_pb2 import MatterStatus


def query(live: Live, number: str, code: str) -> Any:
    request = intake.QueryMatterRequest(matter_number=number, query_code=code)
    return live.intake.QueryMatter(request, timeout=CALL_SECONDS).matter


@pytest.fixture
def handed_in(live: Live) -> tuple[str, Any]:
    command = live.hand_in()
    told = live.submit(command)
    live.completes(command.matter_id)
    return command.matter_id, told


def test_number_and_code_show_the_matter(live: Live, handed_in: tuple[str, Any]) -> None:
    matter_id, told = handed_in
    found = query(live, told.matter_number, told.query_code)
    shown = live.intake.GetMatter(intake.GetMatterRequest(matter_id=matter_id), timeout=CALL_SECONDS).matter
    assert found == shown
    assert found.status == MatterStatus.MATTER_STATUS_COMPLETED
    typed = f"{told.query_code[:4]}-{told.query_code[4:]}".lower()
    assert query(live, told.matter_number, typed).matter_id == matter_id


def test_the_same_request_is_told_the_same_code(live: Live) -> None:
    command = live.hand_in()
    assert live.submit(command).query_code == live.submit(command).query_code


def test_whatever_is_wrong_the_answer_is_the_same_and_tries_are_bounded(live: Live, handed_in: tuple[str, Any]) -> None:
    _, told = handed_in
    other = live.submit(live.hand_in())
    number, code = told.matter_number, told.query_code
    wrong_digit = number[:-1] + str((int(number[-1]) + 1) % 10)
    tried = [(number, other.query_code), (wrong_digit, code), ("0" * 24, code), (number, "x")]
    failures = [failure_of(lambda pair=pair: query(live, *pair)) for pair in tried]
    assert {one.code for one in failures} == {grpc.StatusCode.NOT_FOUND}
    assert len({one.text for one in failures}) == 1
    assert number not in failures[0].text
    for _ in range(3):
        assert failure_of(lambda: query(live, number, "00000000")).code is grpc.StatusCode.NOT_FOUND
    for attempt in ("00000000", code):
        shut = failure_of(lambda attempt=attempt: query(live, number, attempt))
        assert shut.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert query(live, other.matter_number, other.query_code).matter_number == other.matter_number


def test_an_empty_code_is_no_try(live: Live, handed_in: tuple[str, Any]) -> None:
    _, told = handed_in
    for number, code, field in ((told.matter_number, "", "query_code"), ("", told.query_code, "matter_number")):
        failure = failure_of(lambda number=number, code=code: query(live, number, code))
        assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
        assert failure.told == {(field, "FIELD_MISSING")}


def test_any_later_command_comes_through_one_door(live: Live) -> None:
    command = live.hand_in(amount=2_000_000)
    live.submit(command)
    later = IntakeCommand(request_id=live.new_id(), matter_id=command.matter_id)
    later.actor.principal, later.actor.role = live.principal, ActorRole.ACTOR_ROLE_APPLICANT
    later.withdraw_matter.reason = "不再需要"
    answer = live.intake.HandleMatter(intake.HandleMatterRequest(command=later), timeout=CALL_SECONDS)
    assert answer.outcome.matter_id == command.matter_id
    assert live.completes(command.matter_id)


def test_a_hand_in_and_nothing_at_all_are_no_later_commands(live: Live) -> None:
    nothing = IntakeCommand(request_id="r", matter_id="0" * 32)
    nothing.actor.principal = "li"
    for command, field in ((live.hand_in(), "command.submit_matter"), (nothing, "command.command")):
        request = intake.HandleMatterRequest(command=command)
        failure = failure_of(lambda request=request: live.intake.HandleMatter(request, timeout=CALL_SECONDS))
        assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
        assert {where for where, _ in failure.told} == {field}
