"""The command against a real gRPC server: what it sends, what it prints, and how it ends."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from click.testing import CliRunner, Result
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo

from onematter.approval.v1.approval_commands_pb2 import Decision
from onematter.approval.v1.approval_service_pb2 import TaskView
from onematter.client.cli import cli
from onematter.common.v1.actor_pb2 import ActorRole, Channel, Level
from onematter.common.v1.application_pb2 import PersonalData
from onematter.common.v1.outcome_pb2 import CommandRefused, Reason, Violation
from onematter.contracts import keys
from onematter.intake.v1.intake_commands_pb2 import CrossRegionMode, DeliveryWay, TripCause

from .conftest import CODE, MATTER, NUMBER, Office, abort, document, sealed

Run = Callable[..., Result]
FORM: dict[str, Any] = {"matter_code": "OM-90", "division": "330106", "facts": {"amount": 5}}
DECIDE = ("decide", MATTER, "02", "--as", "li", "--opinion", "ok", "--department", "water")


def ends(code: grpc.StatusCode, text: str = "so it is") -> Callable[[Any], None]:
    return lambda context: abort(context, code, text)


def test_submit_sends_what_the_file_says_and_uploads_materials(run: Run, office: Office) -> None:
    Path("form.pdf").write_bytes(b"a form")
    party = {"name": "Zhang", "identifier_kind": "id_card", "identifier": "330106199003071236"}
    form = FORM | {"channel": "window", "materials": [{"path": "form.pdf"}], "parties": [party]}
    Path("s.json").write_text(json.dumps(form), encoding="utf-8")
    result = run("submit", "s.json", "--as", "window-3", "--request-id", "r1", "--json")
    assert result.exit_code == 0, result.output
    matter_id = keys.matter_id("window-3", "r1")
    assert document(result) == {
        "matter_id": matter_id,
        "matter_number": NUMBER,
        "query_code": CODE,
        "request_id": "r1",
        "principal": "window-3",
    }
    (command,) = office.commands
    assert command.matter_id == matter_id
    assert command.actor.role == ActorRole.ACTOR_ROLE_CLERK
    submit = command.submit_matter
    assert submit.channel == Channel.CHANNEL_WINDOW
    assert submit.application.facts["amount"].number == 5
    assert office.uploads == [b"a form"]
    (material,) = submit.application.materials
    assert (material.material_id, material.size_bytes, material.media_type) == ("form", 6, "application/pdf")
    assert PersonalData.FromString(submit.application.personal_data.plain).parties[0].name == "Zhang"


def test_submit_sends_promises_pledges_delivery_and_regions(run: Run, office: Office) -> None:
    more = {
        "promised_materials": ["floor_plan"],
        "pledged_items": ["02", "04"],
        "delivery": "counter",
        "cross_region": "relayed",
    }
    assert run("submit", "-", text=json.dumps(FORM | more)).exit_code == 0
    (command,) = office.commands
    submit = command.submit_matter
    assert (list(submit.promised_materials), list(submit.pledged_items)) == (["floor_plan"], ["02", "04"])
    assert submit.delivery == DeliveryWay.DELIVERY_WAY_COUNTER
    assert submit.cross_region == CrossRegionMode.CROSS_REGION_MODE_RELAYED


def test_submit_from_standard_input_tells_how_to_follow(run: Run) -> None:
    result = run("submit", "-", "--as", "me", "--request-id", "r", text=json.dumps(FORM))
    assert result.exit_code == 0
    assert NUMBER in result.stdout
    assert CODE in result.stdout
    assert f"onematter progress {keys.matter_id('me', 'r')} --watch" in result.stdout


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "submission"),
        (json.dumps({"division": "330106"}), "matter_code"),
        (json.dumps(FORM | {"chanel": "web"}), "chanel"),
        (json.dumps(FORM | {"channel": "pigeon"}), "channel"),
        (json.dumps(FORM | {"facts": {"a": None}}), "facts[a]"),
        (json.dumps(FORM | {"materials": {}}), "materials"),
        (json.dumps(FORM | {"materials": [{"path": "absent.pdf"}]}), "materials[absent]"),
        (json.dumps(FORM | {"materials": [{"material_id": "f", "sha256": "xy"}]}), "materials[0].sha256"),
        (json.dumps(FORM | {"parties": [{"name": 1}]}), "parties[0].name"),
        (json.dumps(FORM | {"parties": [{"role": "king"}]}), "parties[0].role"),
        (json.dumps(FORM | {"promised_materials": "floor_plan"}), "promised_materials"),
        (json.dumps(FORM | {"pledged_items": [2]}), "pledged_items[0]"),
        (json.dumps(FORM | {"delivery": "pigeon"}), "delivery"),
        (json.dumps(FORM | {"cross_region": "far"}), "cross_region"),
    ],
)
def test_a_wrong_submission_names_its_field(run: Run, office: Office, text: str, named: str) -> None:
    result = run("submit", "-", "--json", text=text)
    assert result.exit_code == 2
    assert document(result)["error"]["code"] == "invalid"
    assert named in document(result)["error"]["message"]
    assert not office.commands


def test_a_refusal_tells_every_rule_and_way_out(run: Run, office: Office) -> None:
    refused = CommandRefused(
        command="SubmitMatter",
        violations=[
            Violation(
                field="application.materials[form]",
                reason=Reason.REASON_MATERIAL_OVERSIZED,
                parameters={"max_bytes": "1048576"},
            ),
            Violation(field="submit_matter.division", reason=Reason.REASON_DIVISION_UNKNOWN),
        ],
    )
    office.failure = lambda context: abort(
        context, grpc.StatusCode.FAILED_PRECONDITION, "refused", ErrorInfo(reason="X"), refused
    )
    result = run("submit", "-", "--json", text=json.dumps(FORM))
    assert result.exit_code == 1
    told = document(result)["error"]["violations"]
    assert [one["reason"] for one in told] == ["MATERIAL_OVERSIZED", "DIVISION_UNKNOWN"]
    assert "1 MiB" in told[0]["rule"]
    person = run("--lang", "zh-CN", "submit", "-", text=json.dumps(FORM))
    assert person.exit_code == 1
    assert "材料过大：最大 1 MiB" in person.stderr
    assert "application.materials[form]" in person.stderr
    assert person.stdout == ""


def test_a_refusal_by_bad_request_alone_is_understood(run: Run, office: Office) -> None:
    bad = BadRequest(field_violations=[{"field": "page_token", "reason": "FIELD_MALFORMED"}])
    info = ErrorInfo(reason="FIELD_MALFORMED", metadata={"rule": "a token of ours"})
    office.failure = lambda context: abort(context, grpc.StatusCode.INVALID_ARGUMENT, "bad", bad, info)
    result = run("progress", MATTER, "--json")
    assert result.exit_code == 1
    (told,) = document(result)["error"]["violations"]
    assert (told["field"], told["reason"]) == ("page_token", "FIELD_MALFORMED")
    assert "a token of ours" in told["rule"]


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [
        (grpc.StatusCode.FAILED_PRECONDITION, "refused", 1),
        (grpc.StatusCode.INTERNAL, "error", 1),
        (grpc.StatusCode.UNAVAILABLE, "unavailable", 3),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "unavailable", 3),
        (grpc.StatusCode.UNIMPLEMENTED, "unavailable", 3),
        (grpc.StatusCode.NOT_FOUND, "not_found", 4),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "deadline_exceeded", 5),
    ],
)
@pytest.mark.parametrize("command", [("progress", MATTER), ("progress", MATTER, "--watch"), ("case", MATTER)])
def test_every_failure_has_its_exit_code(
    run: Run, office: Office, command: tuple[str, ...], status: grpc.StatusCode, code: str, exit_code: int
) -> None:
    office.failure = ends(status)
    result = run(*command, "--json")
    assert (result.exit_code, document(result)["error"]["code"]) == (exit_code, code)
    assert run(*command).exit_code == exit_code


def test_a_change_that_may_have_happened_says_how_to_repeat_it(run: Run, office: Office) -> None:
    office.failure = ends(grpc.StatusCode.UNAVAILABLE)
    result = run("withdraw", MATTER, "--request-id", "r7")
    assert result.exit_code == 3
    assert "--request-id r7" in result.stderr


def test_nobody_listening_is_unavailable(run: Run) -> None:
    result = run("--intake", "127.0.0.1:1", "--deadline", "5", "progress", MATTER, "--json")
    assert (result.exit_code, document(result)["error"]["code"]) == (3, "unavailable")


def test_silence_ends_with_the_deadline(run: Run, office: Office) -> None:
    release = threading.Event()

    def silent(_: Any) -> None:
        release.wait(30)

    office.failure = silent
    result = run("--deadline", "0.2", "progress", MATTER, "--json")
    release.set()
    assert (result.exit_code, document(result)["error"]["code"]) == (5, "deadline_exceeded")


@pytest.mark.parametrize(
    "arguments",
    [
        ("progress",),
        ("progress", "12"),
        ("nothing",),
        ("inbox", "--page-token", "x"),
        ("inbox", "--level", "moon"),
        ("inbox", "--before", "tomorrow"),
        ("decide", MATTER, "02", "--opinion", "x", "--department", "d"),
        ("verify",),
        ("verify", MATTER, "--file", "x"),
        ("--deadline", "0", "catalogue"),
    ],
)
def test_wrong_usage_is_2_also_as_json(run: Run, arguments: tuple[str, ...]) -> None:
    result = run(*arguments, "--json")
    assert result.exit_code == 2
    assert document(result)["error"]["message"]
    plain = run(*arguments)
    assert plain.exit_code == 2
    assert plain.stderr


def test_no_address_says_which_option(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ONEMATTER_HOME", raising=False)
    monkeypatch.delenv("ONEMATTER_ARCHIVE", raising=False)
    result = CliRunner().invoke(cli, ["case", MATTER, "--json"])
    assert result.exit_code == 2
    assert "--archive" in document(result)["error"]["message"]


def test_addresses_come_from_the_stack_that_runs_here(
    office: Office, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ONEMATTER_HOME", str(tmp_path))
    monkeypatch.delenv("ONEMATTER_INTAKE", raising=False)
    services = {"intake": {"grpc": office.address, "metrics": "x"}, "supervision": {"grpc": None, "metrics": "y"}}
    state = {"format": 1, "kafka_bootstrap_servers": "k", "services": services}
    (tmp_path / "stack.json").write_text(json.dumps(state))
    result = CliRunner().invoke(cli, ["progress", MATTER, "--json"])
    assert result.exit_code == 0
    (tmp_path / "stack.json").write_text("{")
    result = CliRunner().invoke(cli, ["progress", MATTER, "--json"])
    assert (result.exit_code, document(result)["error"]["code"]) == (3, "unavailable")


def test_progress_in_both_languages(run: Run, office: Office) -> None:
    english = run("progress", MATTER.upper())
    assert english.exit_code == 0
    assert "City item" in english.stdout
    chinese = run("progress", MATTER, "--lang", "zh-CN")
    assert "市级事项" in chinese.stdout
    assert "办理中" in chinese.stdout
    assert office.languages == ["en", "zh-CN"]
    assert document(run("progress", MATTER, "--json"))["matter_number"] == NUMBER


def test_progress_of_nothing_is_4(run: Run) -> None:
    assert run("progress", "f" * 32).exit_code == 4


def test_watch_prints_a_line_a_change_and_ends_with_the_matter(run: Run) -> None:
    result = run("progress", MATTER, "--watch")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["1", "9"]
    assert document(run("progress", MATTER, "--watch", "--json"))["status"] == "MATTER_STATUS_COMPLETED"


def test_inbox_asks_for_what_the_options_say(run: Run, office: Office, task: TaskView) -> None:
    result = run(
        "inbox", "--level", "city", "--division", "330100", "--department", "water", "--before", "2026-12-01",
        "--page-size", "7", "--page-token", "t", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    (request,) = office.requests
    assert (request.level, request.division, request.department) == (Level.LEVEL_CITY, "330100", "water")
    assert (request.page_size, request.page_token) == (7, "t")
    # 2026-12-01T00:00+08:00
    assert request.deadline_before.seconds == 1_796_054_400
    told = document(result)
    assert told["tasks"][0]["matter_id"] == task.matter_id
    assert told["next_page_tokens"] == {"approval-city": "next"}
    assert MATTER in run("inbox").stdout


@pytest.mark.parametrize(
    ("flag", "decision"), [("--grant", Decision.DECISION_GRANT), ("--deny", Decision.DECISION_DENY)]
)
def test_decide_takes_level_and_division_from_the_task(
    run: Run, office: Office, task: TaskView, flag: str, decision: int
) -> None:
    del task
    result = run(*DECIDE, flag, "--json")
    assert result.exit_code == 0, result.output
    (command,) = office.commands
    actor = command.actor
    assert (actor.principal, actor.level, actor.division, actor.department) == (
        "li",
        Level.LEVEL_CITY,
        "330100",
        "water",
    )
    assert actor.role == ActorRole.ACTOR_ROLE_OFFICIAL
    assert (command.decide_task.decision, command.decide_task.opinion) == (decision, "ok")
    assert document(result)["request_id"] == command.request_id


def test_claim_as_another_level(run: Run, office: Office, task: TaskView) -> None:
    del task
    result = run("claim", MATTER, "02", "--as", "li", "--department", "d", "--level", "county", "--division", "330106")
    assert result.exit_code == 0, result.output
    (command,) = office.commands
    assert command.WhichOneof("command") == "claim_task"
    assert (command.actor.level, command.actor.division) == (Level.LEVEL_COUNTY, "330106")


def test_a_task_nobody_has_is_4(run: Run) -> None:
    assert run(*DECIDE, "--grant").exit_code == 4


def test_withdraw_visit_and_notices(run: Run, office: Office) -> None:
    assert run("withdraw", MATTER, "--reason", "mistake", "--json").exit_code == 0
    visit = ("visit", MATTER, "--reason", "original asked for", "--division", "330106", "--cause", "original-check")
    assert run(*visit).exit_code == 0
    withdrawn, visited = office.commands
    assert visited.record_visit.cause == TripCause.TRIP_CAUSE_ORIGINAL_CHECK
    assert withdrawn.withdraw_matter.reason == "mistake"
    assert (visited.record_visit.reason, visited.record_visit.division) == ("original asked for", "330106")
    assert document(run("notices", MATTER, "--json"))["notices"][0]["notice"]["notice_id"] == f"{MATTER}-1"
    assert "result" in run("notices", MATTER).stdout


def test_catalogue_reads_every_page_and_shows_a_guide(run: Run) -> None:
    codes = [one["matter_code"] for one in document(run("catalogue", "--json"))["matter_types"]]
    assert codes == ["OM-09", "OM-17"]
    guide = run("catalogue", "OM-17")
    assert guide.exit_code == 0
    assert "amount" in guide.stdout
    assert document(run("catalogue", "OM-17", "--json"))["matter_code"] == "OM-17"


def test_verify_from_the_archive_and_from_a_file(run: Run, office: Office) -> None:
    office.case_file, office.receipt = sealed()
    assert document(run("verify", MATTER, "--json"))["verified"] is True
    written = run("case", MATTER, "--output", "case.json", "--json")
    assert document(written)["records"] == 6
    assert Path("case.json").stat().st_mode & 0o077 == 0
    offline = run("verify", "--file", "case.json")
    assert offline.exit_code == 0
    assert "verified" in offline.stdout
    content = json.loads(Path("case.json").read_text())
    content["case_file"]["records"][0]["value"] = "b3BlTg=="
    Path("case.json").write_text(json.dumps(content))
    tampered = run("verify", "--file", "case.json", "--json")
    assert tampered.exit_code == 1
    assert "commands.v1/1" in document(tampered)["difference"]
    Path("case.json").write_text("[]")
    assert run("verify", "--file", "case.json").exit_code == 2


def test_a_matter_that_is_not_sealed_cannot_be_verified(run: Run, office: Office) -> None:
    office.case_file, _ = sealed()
    office.case_file.ClearField("seal")
    result = run("verify", MATTER, "--json")
    assert (result.exit_code, document(result)["error"]["code"]) == (1, "verification_failed")
    assert run("case", MATTER).exit_code == 0


def test_another_matters_case_is_not_ones_own(run: Run, office: Office) -> None:
    office.case_file, office.receipt = sealed()
    assert run("verify", "e" * 32).exit_code == 1
