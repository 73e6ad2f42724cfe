"""Given a grant on a pledge, when the pledge is verified, then whether the grant stands."""

from __future__ import annotations

import pytest
from tests.unit.approval.cases import SIMPLE, Matter, broken, official, recall_task
from tests.unit.approval.joint_cases import (
    BY_RULE,
    PLAIN,
    PLEDGED,
    decide_task,
    joint_matter,
    open_task,
    told,
    verify_pledge,
)

from onematter.approval.core import FromIntake
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_state_pb2 import TaskStatus


def granted() -> Matter:
    return joint_matter(open_task(PLEDGED, pledged=True), decide_task(item_id=PLEDGED))


def test_on_a_pledge_the_item_is_granted_at_once_without_visit_or_originals() -> None:
    matter = joint_matter(open_task(PLEDGED, pledged=True, outstanding=["lease"]))
    assert told(matter.when(decide_task(item_id=PLEDGED))).task_decided.pledged


def test_a_pledge_does_not_stand_for_other_materials() -> None:
    matter = joint_matter(open_task(PLEDGED, pledged=True, outstanding=["lease", "plan"]))
    assert [(field, why) for field, why, _ in broken(matter.when(decide_task(item_id=PLEDGED)))] == [
        ("item_id", "MATERIAL_OUTSTANDING")
    ]


def test_without_a_pledge_the_item_waits() -> None:
    matter = joint_matter(open_task(PLEDGED, outstanding=["lease"]))
    assert [why for _, why, _ in broken(matter.when(decide_task(item_id=PLEDGED)))] == [
        "SITE_VISIT_MISSING",
        "MATERIAL_OUTSTANDING",
    ]


def test_only_where_the_catalogue_says_so_a_pledge_counts() -> None:
    matter = joint_matter(open_task(PLAIN, pledged=True, outstanding=["plan"]))
    assert [why for _, why, _ in broken(matter.when(decide_task()))] == ["MATERIAL_OUTSTANDING"]
    matter = joint_matter(open_task(PLAIN, pledged=True), decide_task())
    assert not matter.task(PLAIN).decided.pledged


def test_a_pledge_that_was_kept_leaves_the_grant() -> None:
    matter = granted()
    event = told(matter.when(verify_pledge(True, finding=" 现场与承诺一致")))
    verified = event.pledge_verified
    assert (verified.kept, verified.finding, verified.revoked, verified.credit_recorded) == (
        True, " 现场与承诺一致", False, False,
    )  # fmt: skip
    assert event.actor == official()
    assert matter.task(PLEDGED).status == TaskStatus.TASK_STATUS_DECIDED
    assert matter.task(PLEDGED).pledge_verified == verified
    assert matter.set_timers == []


def test_a_pledge_that_was_not_kept_costs_the_grant_and_goes_on_record() -> None:
    matter = granted()
    basis = ["行政许可法第六十九条第二款"]
    verified = told(matter.when(verify_pledge(False, basis=basis))).pledge_verified
    assert (verified.kept, verified.revoked, verified.credit_recorded) == (False, True, True)
    assert list(verified.basis) == basis
    assert matter.task(PLEDGED).status == TaskStatus.TASK_STATUS_REVOKED
    assert matter.task(PLEDGED).decided.pledged


def test_a_grant_by_rule_on_a_pledge_is_verified_too() -> None:
    matter = joint_matter(open_task(BY_RULE, pledged=True, **SIMPLE))
    assert matter.task(BY_RULE).decided.automatic
    assert told(matter.when(verify_pledge(True, BY_RULE))).HasField("pledge_verified")


@pytest.mark.parametrize("kept", [True, False])
def test_a_pledge_is_verified_once(kept: bool) -> None:
    matter = granted().given(verify_pledge(kept, basis=["第六十九条"]))
    assert broken(matter.when(verify_pledge(not kept, basis=["第六十九条"]))) == [("item_id", "PLEDGE_VERIFIED", {})]


@pytest.mark.parametrize(
    "before",
    [
        [open_task(PLEDGED, pledged=True)],
        [open_task(PLEDGED, pledged=True), decide_task(2, PLEDGED, basis=["第三十八条"])],
        [open_task(PLEDGED, pledged=True), recall_task(PLEDGED)],
    ],
    ids=["not decided", "denied", "recalled"],
)
def test_what_was_not_granted_on_a_pledge_cannot_be_verified(before: list[FromIntake | ApprovalCommand]) -> None:
    assert broken(joint_matter(*before).when(verify_pledge(True))) == [("item_id", "PLEDGE_UNKNOWN", {})]
    assert broken(joint_matter(open_task(), decide_task()).when(verify_pledge(True, PLAIN))) == [
        ("item_id", "PLEDGE_UNKNOWN", {})
    ]


FINDING, BASIS = "verify_pledge.finding", "verify_pledge.basis"


@pytest.mark.parametrize(
    ("command", "violations"),
    [
        (verify_pledge(True, finding=" "), [(FINDING, "FIELD_MISSING", {})]),
        (verify_pledge(True, finding="见" * 4001), [(FINDING, "FIELD_TOO_LONG", {"limit": "4000"})]),
        (verify_pledge(False), [(BASIS, "LEGAL_BASIS_MISSING", {})]),
        (verify_pledge(False, basis=[" "]), [(f"{BASIS}[0]", "FIELD_MISSING", {})]),
        (verify_pledge(True, "99"), [("item_id", "TASK_UNKNOWN", {})]),
        (
            verify_pledge(True, actor=official(department="ecology")),
            [("actor.department", "WRONG_DEPARTMENT", {"competent": "water"})],
        ),
    ],
    ids=["no finding", "long finding", "no basis", "blank basis", "no task", "not theirs"],
)
def test_a_verification_says_what_was_found_and_by_whom(
    command: ApprovalCommand, violations: list[tuple[str, str, dict[str, str]]]
) -> None:
    assert broken(granted().when(command)) == violations


def test_a_revoked_grant_is_not_decided_again() -> None:
    matter = granted().given(verify_pledge(False, basis=["第六十九条"]))
    assert [why for _, why, _ in broken(matter.when(decide_task(item_id=PLEDGED)))] == ["TASK_DECIDED"]
    assert matter.when(recall_task(PLEDGED)) is None
