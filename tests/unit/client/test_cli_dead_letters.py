"""`onematter dead-letters` and `onematter matter`: what they ask of the services, and what they tell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from click.testing import Result

from onematter.approval.v1.approval_service_pb2 import TaskView
from onematter.backbone.v1 import operations_service_pb2 as pb
from onematter.common.v1.actor_pb2 import ActorRole
from onematter.common.v1.outcome_pb2 import CommandRefused, Reason

from .conftest import MATTER, Office, abort, document, view

Run = Callable[..., Result]

TOPIC = "onematter.approval.city.commands.v1"
PARKED, SET_ASIDE = pb.DEAD_LETTER_STATUS_PARKED, pb.DEAD_LETTER_STATUS_SET_ASIDE
HERE = ("--service", "approval-city")


def letter(
    offset: int, status: int = PARKED, reason: str = "failed: RuntimeError", first: bool = True
) -> pb.DeadLetter:
    made = pb.DeadLetter(matter_id=MATTER, status=status, reason=reason, first=first, size_bytes=5)  # type: ignore[arg-type]
    made.record.topic, made.record.partition, made.record.offset = TOPIC, 2, offset
    made.position.writer, made.position.topic, made.position.sequence = "intake", TOPIC, offset
    return made


def operation(status: int = pb.OPERATION_STATUS_DONE, **outcome: object) -> pb.Operation:
    made = pb.Operation(number=7, kind=pb.OPERATION_KIND_REPLAY, status=status, reason="why")  # type: ignore[arg-type]
    made.outcome.CopyFrom(pb.OperationOutcome(**outcome))  # type: ignore[arg-type]
    return made


def place(offset: int) -> str:
    return f"{TOPIC}/2/{offset}"


def test_the_list_is_one_table_over_all_services_and_all_pages(run: Run, office: Office) -> None:
    office.letters = [letter(1), letter(2, reason="behind a parked record", first=False), letter(3, SET_ASIDE)]
    told = document(run("dead-letters", "list", "--json"))
    assert [(one["deployment"], one["place"]) for one in told["dead_letters"]] == [
        (name, place(offset)) for name in ("intake", "approval-city", "notification", "archive") for offset in (1, 2, 3)
    ]
    assert (told["more"], told["unreachable"]) == (False, [])
    bounded = document(run("dead-letters", "list", *HERE, "--limit", "2", "--json"))
    assert (len(bounded["dead_letters"]), bounded["more"]) == (2, True)
    aside = document(run("dead-letters", "list", *HERE, "--status", "set-aside", "--json"))
    assert [one["status"] for one in aside["dead_letters"]] == ["set_aside"]
    shown = run("dead-letters", "list", *HERE, "--lang", "zh-CN")
    assert f"approval-city  {place(3)}  已搁置（首条）\n" in shown.stdout
    assert shown.exit_code == 0


def test_a_service_that_is_away_hides_nothing_and_ends_with_3(run: Run, office: Office) -> None:
    office.letters = [letter(1)]
    result = run("--archive", "127.0.0.1:1", "dead-letters", "list", "--json")
    assert result.exit_code == 3
    assert document(result)["unreachable"] == ["archive"]
    assert len(document(result)["dead_letters"]) == 3


def test_show_tells_what_it_is_and_writes_bytes_for_a_reason_only(run: Run, office: Office, tmp_path: Path) -> None:
    office.letters = [letter(1)]
    told = document(run("dead-letters", "show", place(1), *HERE, "--json"))
    assert (told["content"], told["headers"], told["reason"]) == (
        {"matter_id": "m"}, {"ce_type": "t"}, "failed: RuntimeError",
    )  # fmt: skip
    assert not office.requests[-1].HasField("raw")
    assert run("dead-letters", "show", place(1), *HERE, "--raw", "out.bin").exit_code == 2
    assert run("dead-letters", "show", place(1), *HERE, "--raw", "out.bin", "--reason", "later version").exit_code == 0
    assert (tmp_path / "out.bin").read_bytes() == b"bytes"
    assert (tmp_path / "out.bin").stat().st_mode & 0o077 == 0
    raw = office.requests[-1].raw
    assert (raw.reason, raw.actor.role) == ("later version", ActorRole.ACTOR_ROLE_OPERATOR)
    assert "RuntimeError" in run("dead-letters", "show", place(1), *HERE).stdout


@pytest.mark.parametrize("wrong", ["x", f"{TOPIC}/2", f"{TOPIC}/2/x", f"{TOPIC}/-1/2", f"{TOPIC}/2/{2**63}"])
def test_a_place_that_is_none_is_2(run: Run, wrong: str) -> None:
    assert run("dead-letters", "show", "--json", *HERE, "--", wrong).exit_code == 2


def test_an_unknown_place_is_4_and_one_of_several_services_is_asked_for(run: Run, office: Office) -> None:
    assert run("dead-letters", "show", place(9), "--json").exit_code == 4
    office.letters = [letter(1)]
    several = document(run("dead-letters", "show", place(1), "--json"))
    assert several["error"]["code"] == "invalid"
    assert "--service" in several["error"]["message"]


@pytest.mark.parametrize("command", ["replay", "drop"])
def test_a_change_names_the_record_who_and_why(run: Run, office: Office, command: str) -> None:
    office.letters, office.operations = [letter(1)], [operation(replayed=3, dropped=command == "drop")]
    sent = ("--reason", "repaired", "--as", "wang", "--role", "supervisor", "--request-id", "r1", "--yes", "--json")
    result = run("dead-letters", command, place(1), *HERE, *sent)
    assert result.exit_code == 0
    told = document(result)
    assert (told["deployment"], told["status"], told["outcome"]["replayed"]) == ("approval-city", "done", 3)
    asked = office.requests[-1]
    assert asked.record == letter(1).record
    assert (asked.request_id, asked.reason, asked.actor.principal) == ("r1", "repaired", "wang")
    assert asked.actor.role == ActorRole.ACTOR_ROLE_SUPERVISOR


def test_a_change_asks_on_a_terminal_and_needs_yes_where_nobody_can_be_asked(
    run: Run, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.letters, office.operations = [letter(1)], [operation(dropped=True)]
    drop = ("dead-letters", "drop", place(1), *HERE, "--reason", "r")
    assert run(*drop, "--json").exit_code == 2
    assert run(*drop, text="y\n").exit_code == 2
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda self: True)
    assert run(*drop, text="n\n").exit_code == 130
    assert not any(isinstance(one, pb.DropDeadLetterRequest) for one in office.requests)
    agreed = run(*drop, text="y\n")
    assert agreed.exit_code == 0
    assert "the record is given up" in agreed.stdout
    assert run("dead-letters", "drop", place(1), *HERE, "--yes").exit_code == 2, "without a reason"


def test_a_replay_that_stopped_is_1_and_says_where(run: Run, office: Office) -> None:
    office.letters = [letter(1)]
    stopped = operation(pb.OPERATION_STATUS_STOPPED, stopped_reason="failed: RuntimeError", still_parked=2)
    stopped.outcome.stopped_at.CopyFrom(letter(1).record)
    office.operations = [stopped]
    result = run("dead-letters", "replay", place(1), *HERE, "--reason", "r", "--yes")
    assert result.exit_code == 1
    assert f"stopped at {place(1)}: failed: RuntimeError; 2 wait" in result.stdout
    assert run("dead-letters", "replay", place(1), *HERE, "--reason", "r", "--yes", "--json").exit_code == 1


def refuses(context: grpc.ServicerContext) -> None:
    refused = CommandRefused(command="drop_dead_letter")
    refused.violations.add(
        field="record", reason=Reason.REASON_RECORD_NOT_WAITING, parameters={"became": "dropped", "operation": "7"}
    )
    abort(context, grpc.StatusCode.FAILED_PRECONDITION, "refused", refused)


def test_a_drop_of_what_is_gone_is_refused_with_what_became_of_it(run: Run, office: Office) -> None:
    office.letters = [letter(1)]

    def only_the_change(context: grpc.ServicerContext) -> None:
        if office.requests and isinstance(office.requests[-1], pb.DropDeadLetterRequest):
            refuses(context)

    office.failure = only_the_change
    result = run("dead-letters", "drop", place(1), *HERE, "--reason", "r", "--yes", "--json")
    assert result.exit_code == 1
    (violation,) = document(result)["error"]["violations"]
    assert violation["reason"] == "RECORD_NOT_WAITING"
    assert violation["parameters"]["became"] == "dropped"


def test_the_log_tells_who_did_what_and_why(run: Run, office: Office) -> None:
    done = operation(replayed=2)
    done.actor.principal = "wang"
    done.record.CopyFrom(letter(1).record)
    refused = operation(pb.OPERATION_STATUS_REFUSED)
    refused.outcome.refused.violations.add(field="record", reason=Reason.REASON_RECORD_NOT_FIRST)
    office.operations = [done, refused]
    told = document(run("dead-letters", "log", *HERE, "--json"))
    assert [one["status"] for one in told["operations"]] == ["done", "refused"]
    shown = run("dead-letters", "log", *HERE).stdout
    for word in ("wang", "why", "2 replayed", place(1)):
        assert word in shown


def test_explain_names_the_office_and_the_next_step(run: Run, office: Office, task: TaskView) -> None:
    task.task.claimed_by.principal = "li"
    office.matter = view()
    office.letters = [letter(1, reason="gap: sequence 1 is missing")]
    result = run("matter", "explain", MATTER, "--json")
    told = document(result)
    codes = [(one["code"], one["item_id"]) for one in told["findings"]]
    assert ("ITEM_CLAIMED", "02") in codes
    assert ("RECORD_PARKED", "") in codes
    claimed = next(one for one in told["findings"] if one["code"] == "ITEM_CLAIMED")
    assert claimed["facts"]["claimed_by"] == "li"
    assert claimed["next"]["command"] == f"onematter decide {MATTER} 02"
    chinese = run("matter", "explain", MATTER, "--lang", "zh-CN")
    assert "已签收" in chinese.stdout
    assert chinese.exit_code == result.exit_code == 3, "the exchange has no address here"


def test_a_matter_that_nobody_knows_is_4(run: Run, office: Office) -> None:
    del office
    assert run("matter", "explain", "f" * 32, "--json").exit_code == 4


@pytest.mark.usefixtures("task")
def test_retry_replays_what_failed_and_leaves_a_gap_alone(run: Run, office: Office) -> None:
    office.matter = view()
    office.operations = [operation(replayed=1)]
    office.letters = [letter(1), letter(2, first=False), letter(3, reason="gap: sequence 3 is missing")]
    result = run("matter", "retry", MATTER, "--reason", "repaired", "--request-id", "r", "--yes", "--json")
    assert result.exit_code == 0
    replays = [one for one in office.requests if isinstance(one, pb.ReplayDeadLetterRequest)]
    assert {one.record.offset for one in replays} == {1}
    # One for each of the services, which in this office is one and the same.
    assert len({one.request_id for one in replays}) == len(replays) == 4
    again = run("matter", "retry", MATTER, "--reason", "repaired", "--request-id", "r", "--yes", "--json")
    assert again.exit_code == 0
    repeated = [one for one in office.requests if isinstance(one, pb.ReplayDeadLetterRequest)][4:]
    assert repeated == replays, "the same request asks the same"


@pytest.mark.usefixtures("task")
def test_retry_of_what_waits_for_a_person_is_refused_with_whom_it_waits_for(run: Run, office: Office) -> None:
    office.matter = view()
    result = run("matter", "retry", MATTER, "--reason", "r", "--yes", "--json")
    assert result.exit_code == 1
    error = document(result)["error"]
    assert [one["reason"] for one in error["violations"]] == ["NOTHING_TO_RETRY"]
    assert "ITEM_IN_INBOX" in [one["code"] for one in error["waits_for"]]
    assert "In the inbox" in run("matter", "retry", MATTER, "--reason", "r", "--yes").stderr
