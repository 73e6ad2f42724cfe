"""Given a task, when a command comes, then what it causes: opened, claimed, decided."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.approval.cases import (
    MATTER_NUMBER,
    NAMES,
    NOW,
    RULE,
    SIMPLE,
    Matter,
    broken,
    claim_task,
    decide_task,
    official,
    open_task,
    recall_task,
    system,
    unix_ms,
)

from onematter.approval.core import FromIntake
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand, Decision
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TaskStatus
from onematter.common.v1.actor_pb2 import Actor, ActorRole, Level
from onematter.common.v1.outcome_pb2 import CommandRefused
from onematter.contracts.aggregate import SetTimer
from onematter.contracts.times import unix_ms as ms_of

# 24:00 in China of the 5th and the 20th weekday after Monday 2026-11-23.
PROMISED_DUE = unix_ms(2026, 11, 30, 16)
LEGAL_DUE = unix_ms(2026, 12, 21, 16)
# 00:00 in China when two of the five days are left, a Friday, and when one is, a Monday.
YELLOW_DUE = unix_ms(2026, 11, 26, 16)
RED_DUE = unix_ms(2026, 11, 29, 16)
NO_TIMERS = [SetTimer(f"{kind}:02", None) for kind in ("yellow", "red", "promised", "legal")]


def kind(event: object) -> str | None:
    assert isinstance(event, ApprovalEvent), event
    return event.WhichOneof("event")


# Opening


def test_a_rule_that_says_yes_opens_and_decides_in_one_event(matter: Matter) -> None:
    event = matter.when(open_task("01", **SIMPLE))
    assert kind(event) == "task_decided"
    assert isinstance(event, ApprovalEvent)
    decided = event.task_decided
    assert (event.item_id, decided.decision, decided.automatic) == ("01", Decision.DECISION_GRANT, True)
    assert (decided.rule, decided.department, decided.opinion) == (RULE, "water", "")
    assert dict(decided.item.name.texts) == NAMES
    assert [(c.certificate_type, c.number) for c in decided.certificates] == [
        ("water_permit", f"{MATTER_NUMBER}-01"),
        ("water_licence", f"{MATTER_NUMBER}-01"),
    ]
    assert event.actor == Actor(
        principal="approval-city",
        role=ActorRole.ACTOR_ROLE_SYSTEM,
        level=Level.LEVEL_CITY,
        division="330100",
        department="water",
    )
    task = matter.task("01")
    assert task.status == TaskStatus.TASK_STATUS_DECIDED
    assert (ms_of(task.decided_time), task.HasField("opened")) == (NOW, False)
    assert matter.set_timers == []


@pytest.mark.parametrize(
    "facts",
    [
        SIMPLE | {"investment": 1001.0},
        SIMPLE | {"industry": "steel"},
        SIMPLE | {"flat": False},
        SIMPLE | {"cities": ["330100", "330400"]},
        {key: value for key, value in SIMPLE.items() if key != "flat"},
        SIMPLE | {"flat": None},
        SIMPLE | {"investment": "900"},
    ],
    ids=["number", "text", "flag", "list", "absent", "of no kind", "of another kind"],
)
def test_a_rule_that_says_no_or_cannot_tell_leaves_the_task_to_a_person(matter: Matter, facts: dict[str, Any]) -> None:
    assert kind(matter.when(open_task("01", **facts))) == "task_opened"
    assert matter.task("01").status == TaskStatus.TASK_STATUS_OPEN


def test_an_item_of_another_version_of_the_catalogue_is_left_to_a_person_for_twenty_days(
    matter: Matter,
) -> None:
    assert kind(matter.when(open_task("01", version=4, **SIMPLE))) == "task_opened"
    assert ms_of(matter.task("01").opened.legal_deadline) == LEGAL_DUE
    assert ms_of(matter.task("01").opened.promised_deadline) == LEGAL_DUE


def test_each_instance_of_a_repeated_item_has_the_rule_of_its_item(matter: Matter) -> None:
    event = matter.when(open_task("01@330100", **SIMPLE))
    assert kind(event) == "task_decided"
    assert matter.task("01@330100").decided.certificates[0].number == f"{MATTER_NUMBER}-01@330100"
    assert kind(matter.when(open_task("01@330400", **SIMPLE))) == "task_decided"


def test_an_opened_task_carries_what_a_department_needs_and_its_deadlines(matter: Matter) -> None:
    command = open_task("02", investment=5000.0)
    event = matter.when(command)
    assert isinstance(event, ApprovalEvent)
    opened, asked = event.task_opened, command.command.open_task
    assert opened.item == asked.item
    assert opened.application == asked.application
    assert opened.matter_name == asked.matter_name
    assert (opened.matter_number, opened.matter_code, opened.catalogue_version) == (MATTER_NUMBER, "OM-17", 3)
    assert (ms_of(opened.promised_deadline), ms_of(opened.legal_deadline)) == (PROMISED_DUE, LEGAL_DUE)
    assert not opened.deadline_provisional
    assert event.actor.department == "water"
    assert ms_of(matter.task().opened_time) == NOW
    assert matter.set_timers == [
        SetTimer("yellow:02", YELLOW_DUE),
        SetTimer("red:02", RED_DUE),
        SetTimer("promised:02", PROMISED_DUE),
        SetTimer("legal:02", LEGAL_DUE),
    ]


def test_a_deadline_counted_through_a_year_not_yet_announced_is_provisional(matter: Matter) -> None:
    matter.when(open_task("02"), unix_ms(2026, 12, 10))
    assert matter.task().opened.deadline_provisional
    assert ms_of(matter.task().opened.legal_deadline) == unix_ms(2027, 1, 7, 16)


def test_a_deadline_beyond_the_loaded_years_is_provisional_and_stops_nothing(matter: Matter) -> None:
    assert kind(matter.when(open_task("02"), unix_ms(2027, 12, 30))) == "task_opened"
    # Thursday 2027-12-30: the fifth weekday after it is Thursday 2028-01-06, the twentieth Thursday 2028-01-27.
    deadlines = matter.task().deadlines
    assert ms_of(deadlines.promised) == unix_ms(2028, 1, 6, 16)
    assert ms_of(deadlines.legal) == unix_ms(2028, 1, 27, 16)
    assert (deadlines.provisional, list(deadlines.provisional_years)) == (True, [2027, 2028])


@pytest.mark.parametrize("facts", [{}, SIMPLE], ids=["opened", "decided by rule"])
def test_a_second_opening_changes_nothing(matter: Matter, facts: dict[str, Any]) -> None:
    matter.given(open_task("01", **facts))
    assert matter.when(open_task("01", **facts)) is None


def test_an_opening_under_two_item_ids_breaks_an_invariant(matter: Matter) -> None:
    command = open_task("02")
    command.command.item_id = "03"
    with pytest.raises(AssertionError, match="not the same"):
        matter.when(command)


@pytest.mark.parametrize("command", [open_task("02"), recall_task("02")], ids=["open", "recall"])
def test_what_intake_alone_may_send_is_refused_from_outside(matter: Matter, command: FromIntake) -> None:
    outside = command.command
    outside.actor.CopyFrom(system())
    refused = matter.when(outside)
    assert broken(refused) == [("actor.role", "ROLE_NOT_ALLOWED", {"allowed": "intake"})]
    assert isinstance(refused, CommandRefused)
    assert refused.command == outside.WhichOneof("command")


def test_a_command_that_asks_for_nothing_is_refused(matter: Matter) -> None:
    assert broken(matter.when(ApprovalCommand(item_id="02", actor=official()))) == [("command", "FIELD_MISSING", {})]


def test_a_command_that_is_too_large_is_refused_whatever_it_asks(matter: Matter) -> None:
    refused = matter.given(open_task()).when(claim_task(official(department="x" * 70_000)))
    assert broken(refused) == [("command", "COMMAND_TOO_LARGE", {"max_bytes": "65536"})]


def test_intake_may_not_claim_or_decide(matter: Matter) -> None:
    matter.given(open_task())
    with pytest.raises(AssertionError, match="claim_task"):
        matter.when(FromIntake(claim_task()))


# Claiming


@pytest.mark.parametrize("actor", [official(), system()], ids=["official", "system"])
def test_a_task_is_claimed_by_who_is_competent(matter: Matter, actor: Actor) -> None:
    event = matter.given(open_task()).when(claim_task(actor))
    assert kind(event) == "task_claimed"
    assert isinstance(event, ApprovalEvent)
    assert event.actor == actor
    assert matter.task().status == TaskStatus.TASK_STATUS_CLAIMED
    assert matter.task().claimed_by == actor
    assert matter.set_timers == []


def test_claiming_again_is_accepted_and_changes_nothing(matter: Matter) -> None:
    assert matter.given(open_task(), claim_task(official("li"))).when(claim_task(official("li"))) is None


@pytest.mark.parametrize("actor", [official("wang"), system()], ids=["official", "system"])
def test_what_another_has_claimed_cannot_be_claimed(matter: Matter, actor: Actor) -> None:
    refused = matter.given(open_task(), claim_task(official("li"))).when(claim_task(actor))
    assert broken(refused) == [("item_id", "TASK_CLAIMED_BY_ANOTHER", {})]
    assert matter.task().claimed_by.principal == "li"


# What claiming and deciding have in common


def ask(name: str, actor: Actor | None = None, item_id: str = "02") -> ApprovalCommand:
    if name == "claim_task":
        return claim_task(actor, item_id=item_id)
    return decide_task(actor=actor, item_id=item_id)


BOTH = pytest.mark.parametrize("name", ["claim_task", "decide_task"])


@BOTH
def test_a_task_that_is_not_here_is_unknown(matter: Matter, name: str) -> None:
    assert broken(matter.when(ask(name))) == [("item_id", "TASK_UNKNOWN", {})]
    matter.given(open_task("01"))
    refused = matter.when(ask(name))
    assert broken(refused) == [("item_id", "TASK_UNKNOWN", {})]
    assert isinstance(refused, CommandRefused)
    assert refused.command == name


@BOTH
def test_a_task_must_be_named(matter: Matter, name: str) -> None:
    assert broken(matter.given(open_task()).when(ask(name, item_id=""))) == [("item_id", "FIELD_MISSING", {})]


@BOTH
@pytest.mark.parametrize(
    ("changes", "violation"),
    [
        (
            {"role": ActorRole.ACTOR_ROLE_CLERK},
            ("actor.role", "ROLE_NOT_ALLOWED", {"allowed": "OFFICIAL, SYSTEM"}),
        ),
        ({"level": Level.LEVEL_PROVINCE}, ("actor.level", "WRONG_LEVEL", {"competent": "CITY"})),
        ({"division": "330106"}, ("actor.division", "WRONG_DIVISION", {"competent": "330100"})),
        ({"department": "forestry"}, ("actor.department", "WRONG_DEPARTMENT", {"competent": "water"})),
        ({"principal": "l\0i"}, ("actor.principal", "FIELD_MALFORMED", {"rule": "no NUL character"})),
    ],
    ids=["role", "level", "division", "department", "principal"],
)
def test_who_is_not_competent_is_told_who_is(
    matter: Matter, name: str, changes: dict[str, object], violation: tuple[str, str, dict[str, str]]
) -> None:
    matter.given(open_task())
    assert broken(matter.when(ask(name, official(**changes)))) == [violation]  # type: ignore[arg-type]
    assert matter.task().status == TaskStatus.TASK_STATUS_OPEN


@BOTH
def test_all_that_is_wrong_with_the_actor_is_told_at_once(matter: Matter, name: str) -> None:
    refused = matter.given(open_task()).when(ask(name, Actor(principal="x")))
    assert [(field, reason) for field, reason, _ in broken(refused)] == [
        ("actor.role", "ROLE_NOT_ALLOWED"),
        ("actor.level", "WRONG_LEVEL"),
        ("actor.division", "WRONG_DIVISION"),
        ("actor.department", "WRONG_DEPARTMENT"),
    ]


@BOTH
def test_a_decided_task_stays_decided(matter: Matter, name: str) -> None:
    matter.given(open_task(), decide_task(Decision.DECISION_DENY))
    assert broken(matter.when(ask(name))) == [("item_id", "TASK_DECIDED", {})]
    assert matter.task().decided.decision == Decision.DECISION_DENY


@BOTH
def test_a_task_decided_by_rule_stays_decided_and_knows_its_department(matter: Matter, name: str) -> None:
    matter.given(open_task("01", **SIMPLE))
    assert broken(matter.when(ask(name, item_id="01"))) == [("item_id", "TASK_DECIDED", {})]
    assert [reason for _, reason, _ in broken(matter.when(ask(name, official(department="x"), "01")))] == [
        "WRONG_DEPARTMENT",
        "TASK_DECIDED",
    ]


@BOTH
def test_a_recalled_task_stays_recalled(matter: Matter, name: str) -> None:
    matter.given(open_task(), recall_task())
    assert broken(matter.when(ask(name))) == [("item_id", "TASK_WITHDRAWN", {})]


# Deciding


@pytest.mark.parametrize("actor", [official(), system()], ids=["official", "system"])
@pytest.mark.parametrize("claimed", [False, True], ids=["unclaimed", "claimed by the same"])
def test_a_grant_produces_the_certificates(matter: Matter, actor: Actor, claimed: bool) -> None:
    matter.given(open_task(), *([claim_task(actor)] if claimed else []))
    event = matter.when(decide_task(Decision.DECISION_GRANT, "符合条件", actor))
    assert isinstance(event, ApprovalEvent)
    decided = event.task_decided
    assert (decided.decision, decided.opinion, decided.department) == (1, "符合条件", "water")
    assert (decided.automatic, decided.rule, decided.HasField("item")) == (False, "", False)
    assert [(c.certificate_type, c.number) for c in decided.certificates] == [("water_permit", f"{MATTER_NUMBER}-02")]
    assert event.actor == actor
    task = matter.task()
    assert (task.status, ms_of(task.decided_time)) == (TaskStatus.TASK_STATUS_DECIDED, NOW)
    assert task.decided == decided
    assert matter.set_timers == NO_TIMERS


def test_a_denial_produces_nothing(matter: Matter) -> None:
    matter.given(open_task(), decide_task(Decision.DECISION_DENY))
    assert matter.task().decided.decision == Decision.DECISION_DENY
    assert len(matter.task().decided.certificates) == 0


def test_a_grant_of_an_item_that_the_catalogue_lacks_produces_the_decision_alone(matter: Matter) -> None:
    matter.given(open_task("07"), decide_task(item_id="07"))
    assert [c.certificate_type for c in matter.task("07").decided.certificates] == ["decision"]


def test_what_another_has_claimed_is_not_decided_by_a_colleague(matter: Matter) -> None:
    refused = matter.given(open_task(), claim_task(official("li"))).when(decide_task(actor=official("wang")))
    assert broken(refused) == [("item_id", "TASK_CLAIMED_BY_ANOTHER", {})]
    assert matter.task().status == TaskStatus.TASK_STATUS_CLAIMED


def test_the_departments_own_system_may_decide_what_an_official_has_claimed(matter: Matter) -> None:
    assert kind(matter.given(open_task(), claim_task(official("li"))).when(decide_task(actor=system()))) == (
        "task_decided"
    )


def test_another_departments_system_may_not(matter: Matter) -> None:
    actor = official("x", role=ActorRole.ACTOR_ROLE_SYSTEM, department="forestry")
    refused = matter.given(open_task(), claim_task(official("li"))).when(decide_task(actor=actor))
    assert broken(refused) == [("actor.department", "WRONG_DEPARTMENT", {"competent": "water"})]


@pytest.mark.parametrize(
    ("decision", "opinion", "violations"),
    [
        (0, "x", [("decide_task.decision", "FIELD_MISSING", {})]),
        (9, "x", [("decide_task.decision", "FIELD_MALFORMED", {"allowed": "GRANT, DENY"})]),
        (1, " \n", [("decide_task.opinion", "OPINION_MISSING", {})]),
        (1, "意" * 4001, [("decide_task.opinion", "FIELD_TOO_LONG", {"limit": "4000"})]),
        (
            0,
            "",
            [
                ("decide_task.decision", "FIELD_MISSING", {}),
                ("decide_task.opinion", "OPINION_MISSING", {}),
            ],
        ),
    ],
)
def test_a_decision_says_what_and_why(
    matter: Matter, decision: int, opinion: str, violations: list[tuple[str, str, dict[str, str]]]
) -> None:
    assert broken(matter.given(open_task()).when(decide_task(decision, opinion))) == violations


def test_the_longest_opinion_is_taken_whole(matter: Matter) -> None:
    matter.given(open_task(), decide_task(opinion="意" * 4000))
    assert matter.task().decided.opinion == "意" * 4000


def test_what_is_wrong_with_actor_content_and_task_is_told_at_once(matter: Matter) -> None:
    matter.given(open_task(), claim_task(official("li")))
    refused = matter.when(decide_task(0, "", official("wang", division="330400")))
    assert [(field, reason) for field, reason, _ in broken(refused)] == [
        ("decide_task.decision", "FIELD_MISSING"),
        ("decide_task.opinion", "OPINION_MISSING"),
        ("actor.division", "WRONG_DIVISION"),
        ("item_id", "TASK_CLAIMED_BY_ANOTHER"),
    ]
