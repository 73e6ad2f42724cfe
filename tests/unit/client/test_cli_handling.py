"""What is asked of a matter and of a task while it is handled: what each command sends, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from click.testing import Result

from onematter.approval.v1.approval_commands_pb2 import Decision, OpinionPosition
from onematter.approval.v1.approval_service_pb2 import TaskView
from onematter.client.cli import cli
from onematter.common.v1.actor_pb2 import ActorRole, Channel, Level, Rank
from onematter.common.v1.application_pb2 import TrustClass
from onematter.common.v1.period_pb2 import SuspensionReason
from onematter.intake.v1.intake_commands_pb2 import DeliveryWay

from .conftest import CODE, MATTER, NUMBER, Office, abort, add_task, document

Run = Callable[..., Result]

CLERK, OFFICIAL = ActorRole.ACTOR_ROLE_CLERK, ActorRole.ACTOR_ROLE_OFFICIAL
APPLICANT = ActorRole.ACTOR_ROLE_APPLICANT


@pytest.mark.parametrize(
    ("arguments", "name", "role", "expected"),
    [
        (("accept", MATTER, "--division", "330106"), "accept_matter", CLERK, {}),
        (
            ("correct", MATTER, "--need", "form=not signed", "--need", "plan=blurred|seen later"),
            "ask_correction",
            CLERK,
            {
                "needs": [
                    {"material_id": "form", "reason": "not signed"},
                    {"material_id": "plan", "reason": "blurred", "newly_visible_because": "seen later"},
                ]
            },
        ),
        (
            ("refuse", MATTER, "--reason", "not ours", "--competent", "fire_rescue", "--basis", "art. 32"),
            "refuse_acceptance",
            CLERK,
            {"reason": "not ours", "competent_body": "fire_rescue", "basis": ["art. 32"]},
        ),
        (
            ("refuse", MATTER, "--reason", "free", "--not-required"),
            "refuse_acceptance",
            CLERK,
            {"reason": "free", "not_required": True},
        ),
        (("void", MATTER, "--reason", "twice"), "void_matter", CLERK, {"reason": "twice"}),
        (
            ("extend", MATTER, "--days", "15", "--reason", "complex", "--rank", "government-head"),
            "extend_matter",
            OFFICIAL,
            {"days": 15, "reason": "complex"},
        ),
        (
            ("deliver", MATTER, "--way", "post", "--reference", "EMS1", "--division", "330106"),
            "record_delivery",
            CLERK,
            {"way": "DELIVERY_WAY_POST", "reference": "EMS1", "division": "330106"},
        ),
    ],
)
def test_the_window_asks_it_of_the_matter(
    run: Run, office: Office, arguments: tuple[str, ...], name: str, role: int, expected: dict[str, Any]
) -> None:
    result = run(*arguments, "--as", "window-3", "--request-id", "r1", "--json")
    assert result.exit_code == 0, result.output
    (command,) = office.commands
    assert command.WhichOneof("command") == name
    assert (command.matter_id, command.request_id) == (MATTER, "r1")
    assert (command.actor.principal, command.actor.role) == ("window-3", role)
    from onematter.client.cli.app import as_document

    assert as_document(getattr(command, name)) == expected
    assert document(result)["request_id"] == "r1"


def test_an_extension_carries_the_rank_that_approves(run: Run, office: Office) -> None:
    run("extend", MATTER, "--days", "15", "--reason", "complex", "--rank", "government-head")
    assert office.commands[0].actor.rank == Rank.RANK_GOVERNMENT_HEAD


def test_supply_uploads_and_names_the_materials(run: Run, office: Office) -> None:
    Path("floor_plan.pdf").write_bytes(b"a plan")
    Path("scan-7.png").write_bytes(b"a scan")
    result = run("supply", MATTER, "floor_plan.pdf", "health=scan-7.png", "--as", "me", "--json")
    assert result.exit_code == 0, result.output
    (command,) = office.commands
    assert command.actor.role == APPLICANT
    supplied = command.supply_materials
    assert [(m.material_id, m.size_bytes, m.media_type) for m in supplied.materials] == [
        ("floor_plan", 6, "application/pdf"),
        ("health", 6, "image/png"),
    ]
    assert supplied.channel == Channel.CHANNEL_WEB
    assert office.uploads == [b"a plan", b"a scan"]
    window = run("supply", MATTER, "floor_plan.pdf", "--channel", "window", "--trust-class", "C")
    assert window.exit_code == 0
    assert office.commands[1].actor.role == CLERK
    assert office.commands[1].supply_materials.channel == Channel.CHANNEL_WINDOW
    assert office.commands[1].supply_materials.materials[0].trust_class == TrustClass.TRUST_CLASS_C


@pytest.mark.parametrize(
    ("arguments", "name", "expected"),
    [
        (("release", MATTER, "02"), "release_task", {}),
        (
            ("transfer", MATTER, "02", "--to", "fire", "--to-division", "330200", "--reason", "theirs"),
            "transfer_task",
            {"department": "fire", "division": "330200", "reason": "theirs"},
        ),
        (
            ("correct", MATTER, "02", "--need", "form=not signed"),
            "request_correction",
            {"needs": [{"material_id": "form", "reason": "not signed"}]},
        ),
        (
            ("suspend", MATTER, "02", "--for", "expert-review", "--days", "15", "--reason", "complex"),
            "begin_special_procedure",
            {"kind": "SUSPENSION_REASON_EXPERT_REVIEW", "expected_days": 15, "reason": "complex"},
        ),
        (("lift", MATTER, "02", "--reason", "it will do"), "lift_correction", {"reason": "it will do"}),
        (("resume", MATTER, "02", "--result", "passed"), "end_special_procedure", {"result": "passed"}),
        (
            ("prolong", MATTER, "02", "--days", "10", "--reason", "complex"),
            "extend_period",
            {"days": 10, "reason": "complex"},
        ),
        (
            ("ask-opinion", MATTER, "02", "--of", "fire", "--of", "police", "--question", "safe?"),
            "ask_opinions",
            {"departments": ["fire", "police"], "question": "safe?"},
        ),
        (
            ("opinion", MATTER, "02", "--department", "fire", "--position", "conditional", "--text", "if so",
             "--condition", "two exits"),
            "give_opinion",
            {"position": "OPINION_POSITION_CONDITIONAL", "text": "if so", "conditions": ["two exits"]},
        ),
        (
            ("site-visit", MATTER, "02", "--passed", "--finding", "fine", "--on", "2026-12-01", "--attended",
             "--with", "fire", "--with", "water"),
            "record_site_visit",
            {"site_visit": {"day": "2026-12-01", "finding": "fine", "passed": True, "applicant_attended": True,
                            "departments": ["fire", "water"]}},
        ),
        (("verify-pledge", MATTER, "02", "--kept", "--finding", "fine"), "verify_pledge",
         {"kept": True, "finding": "fine"}),
        (
            ("verify-pledge", MATTER, "02", "--broken", "--finding", "no", "--basis", "art. 69"),
            "verify_pledge",
            {"finding": "no", "basis": ["art. 69"]},
        ),
    ],
)  # fmt: skip
def test_a_department_asks_it_of_the_task(
    run: Run, office: Office, task: TaskView, arguments: tuple[str, ...], name: str, expected: dict[str, Any]
) -> None:
    del task
    from onematter.client.cli.app import as_document

    result = run(*arguments, "--as", "li", "--request-id", "r1", "--json")
    assert result.exit_code == 0, result.output
    (command,) = office.commands
    assert command.WhichOneof("command") == name
    assert (command.matter_id, command.item_id, command.request_id) == (MATTER, "02", "r1")
    actor = command.actor
    assert (actor.principal, actor.role, actor.level, actor.division) == ("li", OFFICIAL, Level.LEVEL_CITY, "330100")
    assert actor.department == ("fire" if name == "give_opinion" else "water")
    assert as_document(getattr(command, name)) == expected
    told = document(result)
    assert (told["deployment"], told["item_id"], told["request_id"]) == ("approval-city", "02", "r1")


def test_a_site_visit_is_today_unless_it_is_said(run: Run, office: Office, task: TaskView) -> None:
    del task
    before = datetime.now(UTC)
    assert run("site-visit", MATTER, "02", "--failed", "--finding", "no").exit_code == 0
    day = datetime.fromisoformat(office.commands[0].record_site_visit.site_visit.day + "T00:00+08:00")
    assert abs((before - day).total_seconds()) < 86_400 * 1.5


def test_an_official_acts_for_who_is_away_and_with_a_rank(run: Run, office: Office, task: TaskView) -> None:
    del task
    delegation = ("--acting-for", "wang", "--delegation", "2026-11-01..2026-11-30:D-7")
    assert run("claim", MATTER, "02", *delegation, "--rank", "section-head").exit_code == 0
    actor = office.commands[0].actor
    assert actor.rank == Rank.RANK_SECTION_HEAD
    away = actor.acting_for
    assert (away.principal, away.first_day, away.last_day, away.reference) == (
        "wang",
        "2026-11-01",
        "2026-11-30",
        "D-7",
    )


def test_who_has_a_transferred_task_acts_as_it_says_now(run: Run, office: Office, task: TaskView) -> None:
    task.task.department, task.task.division = "fire", "330200"
    assert run("claim", MATTER, "02").exit_code == 0
    actor = office.commands[0].actor
    assert (actor.department, actor.division) == ("fire", "330200")


def test_a_decision_carries_basis_conditions_and_validity(run: Run, office: Office, task: TaskView) -> None:
    del task
    more = ("--basis", "art. 1", "--basis", "art. 2", "--condition", "two exits", "--valid-until", "2031-12-31")
    assert run("decide", MATTER, "02", "--grant", "--opinion", "ok", *more).exit_code == 0
    decided = office.commands[0].decide_task
    assert (list(decided.basis), list(decided.conditions)) == (["art. 1", "art. 2"], ["two exits"])
    assert decided.valid_until == "2031-12-31"


def test_several_tasks_are_decided_at_once_each_with_its_outcome(run: Run, office: Office) -> None:
    for item in ("02", "03"):
        add_task(office, item)
    office.refused_items = {"03"}
    both = ("decide", f"{MATTER}/02", f"{MATTER}/03", "--deny", "--opinion", "no", "--basis", "art. 1")
    result = run(*both, "--request-id", "r1", "--json")
    assert result.exit_code == 1, result.output
    told = document(result)
    assert told["refused"] == 1
    assert [one["item_id"] for one in told["tasks"]] == ["02", "03"]
    assert "refused" not in told["tasks"][0]["outcome"]
    assert told["tasks"][1]["outcome"]["refused"]["violations"][0]["reason"] == "REASON_TASK_DECIDED"
    assert len(office.requests) == 1, "one call for all of a deployment"
    ids = [command.request_id for command in office.commands]
    assert len(set(ids)) == 2
    assert {command.decide_task.decision for command in office.commands} == {Decision.DECISION_DENY}
    person = run(*both, "--request-id", "r1")
    assert person.exit_code == 1
    assert "The task is decided already" in person.stdout
    assert [command.request_id for command in office.commands[2:]] == ids, "repeated, every decision is known"
    office.refused_items = set()
    assert run(*both).exit_code == 0


def test_a_decision_that_may_have_happened_says_how_to_repeat_it(run: Run, office: Office) -> None:
    for item in ("02", "03"):
        add_task(office, item)
    answered = 0

    def fails(context: Any) -> None:
        nonlocal answered
        answered += 1
        if answered > 2:
            abort(context, grpc.StatusCode.UNAVAILABLE, "away")

    office.failure = fails
    result = run("decide", f"{MATTER}/02", f"{MATTER}/03", "--grant", "--opinion", "ok", "--request-id", "r9")
    assert result.exit_code == 3
    assert "--request-id r9" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("refuse", MATTER, "--reason", "x"),
        ("refuse", MATTER, "--reason", "x", "--competent", "y", "--not-required"),
        ("correct", MATTER),
        ("correct", MATTER, "--need", "form"),
        ("correct", MATTER, "--need", "=why"),
        ("supply", MATTER),
        ("supply", MATTER, "plan="),
        ("supply", MATTER, "absent.pdf"),
        ("deliver", MATTER, "--way", "pigeon"),
        ("extend", MATTER, "--days", "0", "--reason", "x", "--rank", "staff"),
        ("opinion", MATTER, "02", "--position", "veto", "--text", "no"),
        ("site-visit", MATTER, "02", "--finding", "x"),
        ("site-visit", MATTER, "02", "--passed", "--finding", "x", "--on", "tomorrow"),
        ("verify-pledge", MATTER, "02", "--finding", "x"),
        ("suspend", MATTER, "02", "--for", "holiday", "--days", "1", "--reason", "x"),
        ("claim", MATTER, "02", "--acting-for", "wang"),
        ("claim", MATTER, "02", "--acting-for", "wang", "--delegation", "soon"),
        ("decide", MATTER, "--grant", "--opinion", "x"),
        ("decide", f"{MATTER}/02", "03", "--grant", "--opinion", "x"),
        ("decide", MATTER, "02", "--grant", "--opinion", "x", "--valid-until", "for ever"),
        ("decide", "12/02", "--grant", "--opinion", "x"),
        ("decide", *(f"{MATTER}/{n}" for n in range(101)), "--grant", "--opinion", "x"),
    ],
)
def test_wrong_usage_sends_nothing(run: Run, office: Office, task: TaskView, arguments: tuple[str, ...]) -> None:
    del task
    result = run(*arguments, "--json")
    assert result.exit_code == 2, result.output
    assert document(result)["error"]["message"]
    assert not office.commands


def test_a_wrong_day_names_its_option(run: Run, task: TaskView) -> None:
    del task
    result = run("site-visit", MATTER, "02", "--passed", "--finding", "x", "--on", "tomorrow", "--json")
    assert document(result)["error"]["message"].startswith("--on: it is no day")


def test_query_is_by_number_and_code_and_tells_neither_wrong_one(run: Run) -> None:
    assert document(run("query", NUMBER, CODE, "--json"))["matter_id"] == MATTER
    wrong_code, wrong_number = run("query", NUMBER, "X"), run("query", "1", CODE)
    assert (wrong_code.exit_code, wrong_number.exit_code) == (4, 4)
    assert wrong_code.stderr == wrong_number.stderr


def test_help_lists_every_command_under_who_uses_it(run: Run) -> None:
    told = run("--help").stdout
    listed = [name for names in cli.sections.values() for name in names]
    assert sorted(listed) == sorted(cli.commands)
    for section in cli.sections:
        assert f"\n{section}:\n" in told
    for name in listed:
        assert f"  {name} " in told


def test_enums_are_told_by_every_name_the_contract_has() -> None:
    def choices(command: str, option: str) -> set[str]:
        found = next(p for p in cli.commands[command].params if option in p.opts)
        return {one.upper().replace("-", "_") for one in found.type.choices}  # type: ignore[attr-defined]

    def names(enum: Any, prefix: str) -> set[str]:
        return {name.removeprefix(prefix) for name, number in enum.items() if number}

    assert choices("supply", "--channel") == names(Channel, "CHANNEL_")
    assert choices("deliver", "--way") == names(DeliveryWay, "DELIVERY_WAY_")
    assert choices("suspend", "--for") == names(SuspensionReason, "SUSPENSION_REASON_") - {"CORRECTION"}
    assert choices("opinion", "--position") == names(OpinionPosition, "OPINION_POSITION_")
    assert choices("claim", "--rank") == names(Rank, "RANK_")
