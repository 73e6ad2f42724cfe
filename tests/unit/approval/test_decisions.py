"""Given a task that is ready, when it is decided, then what the decision says and hands over."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from tests.unit.approval.cases import MATTER_NUMBER, NOW, RULE, SIMPLE, broken, official, unix_ms
from tests.unit.approval.joint_cases import (
    ASKS_BY_RULE,
    BY_RULE,
    LASTING,
    PLAIN,
    PLAIN_BY_RULE,
    VISITED_BY_RULE,
    ask_opinions,
    command_of,
    decide_task,
    give_opinion,
    joint_matter,
    open_task,
    record_site_visit,
    site_visit,
    told,
)

from onematter.approval.decisions import last_day_of_validity
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_events_pb2 import TaskDecided
from onematter.common.v1.actor_pb2 import Actor, ActorRole, Level
from onematter.common.v1.period_pb2 import SuspensionReason
from onematter.contracts.times import unix_ms as ms_of

DENY = 2
BASIS = ["行政许可法第三十八条第二款", "水土保持法第二十五条"]


def documents(decided: TaskDecided) -> list[tuple[str, str, str, str, str, str]]:
    return [
        (one.certificate_type, one.number, one.issuer_department, one.issuer_division, one.valid_from, one.valid_until)
        for one in decided.certificates
    ]


def test_a_grant_hands_over_each_certificate_with_its_issuer_and_first_day() -> None:
    decided = told(joint_matter(open_task()).when(decide_task())).task_decided
    number = f"{MATTER_NUMBER}-02"
    assert documents(decided) == [
        ("water_permit", number, "water", "330100", "2026-11-23", ""),
        ("water_licence", number, "water", "330100", "2026-11-23", ""),
    ]
    assert (decided.supervised_by, decided.pledged, list(decided.basis), list(decided.conditions)) == (
        "",
        False,
        [],
        [],
    )
    assert (decided.reconsideration_days, decided.litigation_months) == (0, 0)


@pytest.mark.parametrize("item_id", [LASTING, "99"], ids=["nothing produced", "not in the catalogue"])
def test_what_produces_no_certificate_is_granted_by_a_written_decision(item_id: str) -> None:
    decided = told(joint_matter(open_task(item_id)).when(decide_task(item_id=item_id))).task_decided
    assert [document[:4] for document in documents(decided)] == [
        ("decision", f"{MATTER_NUMBER}-{item_id}", "water", "330100")
    ]


def test_a_grant_begins_on_the_legal_day_of_the_decision() -> None:
    # 00:30 on the 24th in China.
    decided = told(joint_matter(open_task()).when(decide_task(), unix_ms(2026, 11, 23, 17))).task_decided
    assert decided.certificates[0].valid_from == "2026-11-24"


def test_the_catalogue_tells_how_long_a_grant_lasts_and_who_supervises_it() -> None:
    decided = told(joint_matter(open_task(LASTING)).when(decide_task(item_id=LASTING))).task_decided
    assert decided.certificates[0].valid_until == "2031-11-22"
    assert decided.supervised_by == "ecology"


@pytest.mark.parametrize("item_id", [PLAIN, LASTING])
@pytest.mark.parametrize("valid_until", ["2026-11-23", "2027-02-28"])
def test_the_official_may_set_the_last_day(item_id: str, valid_until: str) -> None:
    decided = told(joint_matter(open_task(item_id)).when(decide_task(item_id=item_id, valid_until=valid_until)))
    assert {one.valid_until for one in decided.task_decided.certificates} == {valid_until}


@pytest.mark.parametrize(
    ("first_day", "years", "last_day"),
    [
        (date(2026, 11, 23), 5, date(2031, 11, 22)),
        (date(2027, 1, 1), 1, date(2027, 12, 31)),
        (date(2028, 2, 29), 1, date(2029, 2, 28)),
        (date(2028, 2, 29), 4, date(2032, 2, 28)),
        (date(2027, 3, 1), 1, date(2028, 2, 29)),
        (date(2027, 2, 28), 1, date(2028, 2, 27)),
    ],
)
def test_a_validity_of_years_ends_the_day_before_its_anniversary(first_day: date, years: int, last_day: date) -> None:
    assert last_day_of_validity(first_day, years) == last_day


def test_a_denial_names_its_basis_and_tells_its_remedies() -> None:
    event = told(joint_matter(open_task(LASTING)).when(decide_task(DENY, LASTING, basis=BASIS)))
    decided = event.task_decided
    assert list(decided.basis) == BASIS
    assert (decided.reconsideration_days, decided.litigation_months) == (60, 6)
    assert (documents(decided), decided.supervised_by, decided.department) == ([], "", "water")


def test_a_grant_may_name_its_basis() -> None:
    decided = told(joint_matter(open_task()).when(decide_task(basis=[*BASIS, " 第三条 "]))).task_decided
    assert list(decided.basis) == [*BASIS, "第三条"]


def test_a_denial_of_a_pledge_is_none_on_a_pledge() -> None:
    decided = told(joint_matter(open_task("06", pledged=True)).when(decide_task(DENY, "06", basis=BASIS)))
    assert not decided.task_decided.pledged


FIELD = "decide_task"


@pytest.mark.parametrize(
    ("command", "violations"),
    [
        (decide_task(DENY), [(f"{FIELD}.basis", "LEGAL_BASIS_MISSING", {})]),
        (decide_task(DENY, basis=[" "]), [(f"{FIELD}.basis[0]", "FIELD_MISSING", {})]),
        (decide_task(basis=["条"] * 21), [(f"{FIELD}.basis", "FIELD_TOO_LONG", {"limit": "20"})]),
        (decide_task(conditions=["a", "a"]), [(f"{FIELD}.conditions[1]", "FIELD_MALFORMED", {"rule": "distinct"})]),
        (
            decide_task(DENY, basis=BASIS, conditions=["a"], valid_until="2027-01-01"),
            [
                (f"{FIELD}.conditions", "FIELD_MALFORMED", {"rule": "grant_only"}),
                (f"{FIELD}.valid_until", "FIELD_MALFORMED", {"rule": "grant_only"}),
            ],
        ),
        (
            decide_task(valid_until="2026-11-22"),
            [(f"{FIELD}.valid_until", "FIELD_MALFORMED", {"rule": "not_past", "earliest": "2026-11-23"})],
        ),
        (decide_task(valid_until="2027-02-29"), [(f"{FIELD}.valid_until", "FIELD_MALFORMED", {"rule": "day"})]),
        (decide_task(valid_until="2027-W05-1"), [(f"{FIELD}.valid_until", "FIELD_MALFORMED", {"rule": "day"})]),
        (decide_task(valid_until="long"), [(f"{FIELD}.valid_until", "FIELD_MALFORMED", {"rule": "day"})]),
    ],
    ids=["no basis", "blank basis", "many", "twice", "denied with", "past", "no such day", "week", "no day"],
)
def test_a_decision_that_does_not_hold_is_refused(
    command: ApprovalCommand, violations: list[tuple[str, str, dict[str, str]]]
) -> None:
    assert broken(joint_matter(open_task()).when(command)) == violations


def test_the_longest_lists_are_taken_whole() -> None:
    conditions = [f"{number:02}" + "条" * 498 for number in range(20)]
    decided = told(joint_matter(open_task()).when(decide_task(conditions=conditions))).task_decided
    assert list(decided.conditions) == conditions


def test_what_is_outstanding_holds_up_a_grant_and_not_a_denial() -> None:
    matter = joint_matter(open_task(outstanding=["plan"]))
    assert [(field, why) for field, why, _ in broken(matter.when(decide_task()))] == [
        ("item_id", "MATERIAL_OUTSTANDING")
    ]
    assert told(matter.when(decide_task(DENY, basis=BASIS))).HasField("task_decided")


# By rule


def test_a_grant_by_rule_says_the_same_as_one_by_a_person() -> None:
    matter = joint_matter()
    event = told(matter.when(open_task(BY_RULE, visit=site_visit(), **SIMPLE)))
    decided = event.task_decided
    assert (decided.decision, decided.automatic, decided.rule, decided.department) == (1, True, RULE, "water")
    assert documents(decided) == [
        ("decision", f"{MATTER_NUMBER}-08", "water", "330100", "2026-11-23", "2027-11-22"),
    ]
    assert (decided.supervised_by, decided.pledged, decided.item.item_id) == ("ecology", False, "08")
    assert event.actor == Actor(
        principal="approval-city",
        role=ActorRole.ACTOR_ROLE_SYSTEM,
        level=Level.LEVEL_CITY,
        division="330100",
        department="water",
    )


def test_grants_by_one_rule_do_not_mix() -> None:
    openings = [
        open_task(BY_RULE, pledged=True, **SIMPLE),
        open_task(f"{BY_RULE}@330400", visit=site_visit(), **SIMPLE),
    ]
    openings[1].command.open_task.item.division = "330400"
    openings[1].command.open_task.matter_number = "N"
    first, second, third = (
        told(joint_matter().when(opening, now)).task_decided
        for opening, now in (
            (openings[0], unix_ms(2026, 11, 23, 2)),
            (openings[1], unix_ms(2026, 11, 23, 2)),
            (openings[0], unix_ms(2026, 11, 24, 2)),
        )
    )
    assert [decided.pledged for decided in (first, second, third)] == [True, False, True]
    assert documents(first) == [
        ("decision", f"{MATTER_NUMBER}-08", "water", "330100", "2026-11-23", "2027-11-22"),
    ]
    assert documents(second) == [("decision", "N-08@330400", "water", "330400", "2026-11-23", "2027-11-22")]
    assert documents(third) == [
        ("decision", f"{MATTER_NUMBER}-08", "water", "330100", "2026-11-24", "2027-11-23"),
    ]


@pytest.mark.parametrize(
    ("item_id", "opening", "event"),
    [
        (PLAIN_BY_RULE, {}, "task_decided"),
        (ASKS_BY_RULE, {}, "task_opened"),
        (BY_RULE, {}, "task_opened"),
        (BY_RULE, {"visit": site_visit(passed=False)}, "task_opened"),
        (BY_RULE, {"visit": site_visit()}, "task_decided"),
        (BY_RULE, {"pledged": True}, "task_decided"),
        (VISITED_BY_RULE, {"pledged": True}, "task_opened"),
        (BY_RULE, {"visit": site_visit(), "outstanding": ["plan"]}, "task_opened"),
    ],
    ids=["alone", "opinions", "no visit", "failed visit", "visit", "pledge", "no such pledge", "outstanding"],
)
def test_a_rule_grants_only_what_nothing_else_holds_up(item_id: str, opening: dict[str, Any], event: str) -> None:
    assert told(joint_matter().when(open_task(item_id, **opening, **SIMPLE))).WhichOneof("event") == event


def test_a_grant_by_rule_is_on_a_pledge_only_where_the_catalogue_says_so() -> None:
    event = told(joint_matter().when(open_task(PLAIN_BY_RULE, pledged=True, **SIMPLE)))
    assert not event.task_decided.pledged


def test_a_pledge_counts_where_the_catalogue_does_not_hold_the_item_for_intake_has_judged_it() -> None:
    decided = told(joint_matter(open_task("99", pledged=True)).when(decide_task(item_id="99"))).task_decided
    assert decided.pledged


SUSPENDED = [("item_id", "TASK_SUSPENDED", {"since": "2026-11-23"})]


def test_while_the_clock_stands_nothing_is_decided_or_asked_but_answers_and_visits_are_kept() -> None:
    hearing = SuspensionReason.SUSPENSION_REASON_HEARING
    begin = command_of(PLAIN)
    begin.begin_special_procedure.kind = hearing
    begin.begin_special_procedure.expected_days = 20
    begin.begin_special_procedure.reason = "申请人要求听证"
    matter = joint_matter(open_task(), ask_opinions("forestry"), begin)
    assert broken(matter.when(ask_opinions("police"))) == SUSPENDED
    assert SUSPENDED[0] in broken(matter.when(decide_task()))
    matter.given(give_opinion("forestry"), record_site_visit(item_id=PLAIN))


def test_a_decision_keeps_what_was_said_and_when() -> None:
    matter = joint_matter(open_task(), decide_task(DENY, basis=BASIS))
    task = matter.task()
    assert (task.decided.decision, task.decided.opinion, ms_of(task.decided_time)) == (DENY, "符合条件", NOW)


def test_only_who_has_the_task_decides_it() -> None:
    command = decide_task(DENY)
    command.actor.CopyFrom(official(department="ecology"))
    assert [why for _, why, _ in broken(joint_matter(open_task()).when(command))] == [
        "LEGAL_BASIS_MISSING",
        "WRONG_DEPARTMENT",
    ]
