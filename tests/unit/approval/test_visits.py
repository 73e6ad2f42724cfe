"""Given a task, when a site visit takes place or intake tells of one, then what the task keeps and may still do."""

from __future__ import annotations

import pytest
from tests.unit.approval.cases import Matter, broken, claim_task, official, recall_task, unix_ms
from tests.unit.approval.joint_cases import (
    PLAIN,
    VISITED,
    decide_task,
    joint_matter,
    note_site_visit,
    open_task,
    record_site_visit,
    site_visit,
    told,
)

from onematter.approval.core import FromIntake
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand, SiteVisit
from onematter.approval.v1.approval_state_pb2 import TaskStatus

PATH = "record_site_visit.site_visit"
FAILED = site_visit(finding="通道堵塞", passed=False)


def opened(*commands: FromIntake | ApprovalCommand) -> Matter:
    return joint_matter(open_task(VISITED), *commands)


def test_a_visit_is_recorded_with_its_group_and_who_took_part() -> None:
    matter = opened()
    visit = site_visit(applicant_attended=True, departments=["forestry", "police"])
    event = told(matter.when(record_site_visit(visit)))
    visited = event.site_visited
    assert (visited.joint_visit_group, visited.noted, event.actor) == ("shop", False, official())
    assert list(visited.site_visit.departments) == ["water", "forestry", "police"]
    kept = matter.task(VISITED).site_visit
    assert (kept.day, kept.finding, kept.passed, kept.applicant_attended) == ("2026-11-23", "现场符合", True, True)
    assert matter.set_timers == []


def test_the_group_is_the_catalogues_where_the_item_does_not_tell_it() -> None:
    opening = open_task(VISITED)
    opening.command.open_task.item.joint_visit_group = ""
    event = told(joint_matter(opening).when(record_site_visit()))
    assert event.site_visited.joint_visit_group == "shop"


def test_the_group_is_the_items_where_the_catalogue_does_not_hold_it() -> None:
    opening = open_task("99")
    opening.command.open_task.item.joint_visit_group = "road"
    matter = joint_matter(opening)
    assert broken(matter.when(decide_task(item_id="99"))) == [
        ("decide_task.decision", "SITE_VISIT_MISSING", {"group": "road"})
    ]
    assert told(matter.when(record_site_visit(item_id="99"))).site_visited.joint_visit_group == "road"


def test_an_item_without_a_group_can_be_visited_for_itself_alone() -> None:
    event = told(joint_matter(open_task()).when(record_site_visit(item_id=PLAIN)))
    assert event.site_visited.joint_visit_group == ""


@pytest.mark.parametrize(
    ("visit", "violations"),
    [
        (
            SiteVisit(),
            [(f"{PATH}.finding", "FIELD_MISSING", {}), (f"{PATH}.day", "FIELD_MISSING", {})],
        ),
        (site_visit(finding="见" * 4001), [(f"{PATH}.finding", "FIELD_TOO_LONG", {"limit": "4000"})]),
        (site_visit(day="20261123"), [(f"{PATH}.day", "FIELD_MALFORMED", {"rule": "day"})]),
        (site_visit(day="2026-11-31"), [(f"{PATH}.day", "FIELD_MALFORMED", {"rule": "day"})]),
        (site_visit(day="2026-11-24"), [(f"{PATH}.day", "FIELD_MALFORMED", {"rule": "not_future"})]),
        (site_visit(day="2026-11-22"), [(f"{PATH}.day", "DAY_TOO_EARLY", {"earliest": "2026-11-23"})]),
        (site_visit(departments=["police", ""]), [(f"{PATH}.departments[1]", "FIELD_MISSING", {})]),
    ],
    ids=["empty", "long", "basic form", "no day", "tomorrow", "before the task", "nobody"],
)
def test_a_visit_says_when_and_what(visit: SiteVisit, violations: list[tuple[str, str, dict[str, str]]]) -> None:
    command = record_site_visit()
    command.record_site_visit.site_visit.CopyFrom(visit)
    assert broken(opened().when(command)) == violations


def test_the_day_of_a_visit_is_chinas() -> None:
    # 00:30 on the 24th in China.
    assert told(opened().when(record_site_visit(site_visit(day="2026-11-24")), unix_ms(2026, 11, 23, 17)))


def test_only_who_has_the_task_records_a_visit() -> None:
    refused = opened().when(record_site_visit(actor=official(department="police")))
    assert broken(refused) == [("actor.department", "WRONG_DEPARTMENT", {"competent": "water"})]
    refused = opened(claim_task(official("li"), VISITED)).when(record_site_visit(actor=official("wang")))
    assert broken(refused) == [("item_id", "TASK_CLAIMED_BY_ANOTHER", {})]
    assert broken(opened().when(record_site_visit(item_id="99"))) == [("item_id", "TASK_UNKNOWN", {})]


def test_what_passed_is_not_visited_again() -> None:
    for matter in (opened(record_site_visit()), opened(note_site_visit())):
        assert broken(matter.when(record_site_visit(FAILED))) == [(PATH, "FIELD_MALFORMED", {"rule": "visit_passed"})]
        assert matter.task(VISITED).site_visit.passed


def test_what_did_not_pass_may_be_visited_again() -> None:
    matter = opened(record_site_visit(FAILED))
    assert not matter.task(VISITED).site_visit.passed
    matter.given(record_site_visit(site_visit(finding="已整改")))
    assert matter.task(VISITED).site_visit.finding == "已整改"


def test_a_siblings_visit_counts_as_ones_own() -> None:
    matter = opened()
    event = told(matter.when(note_site_visit()))
    assert (event.site_visited.noted, event.site_visited.joint_visit_group) == (True, "shop")
    assert event.actor.principal == "approval-city"
    assert told(matter.when(decide_task(item_id=VISITED))).HasField("task_decided")


def test_a_visit_before_the_item_opened_counts() -> None:
    matter = joint_matter(open_task(VISITED, visit=site_visit(day="2026-11-02")))
    assert matter.task(VISITED).site_visit.day == "2026-11-02"
    assert told(matter.when(decide_task(item_id=VISITED))).HasField("task_decided")


@pytest.mark.parametrize(
    "before",
    [
        [record_site_visit()],
        [note_site_visit(FAILED)],
        [decide_task(2, VISITED, basis=["第三十八条"])],
        [recall_task(VISITED)],
    ],
    ids=["passed", "told already", "decided", "recalled"],
)
def test_what_crosses_on_its_way_changes_nothing(before: list[ApprovalCommand]) -> None:
    matter = opened(*before)
    state = matter.state
    assert matter.when(note_site_visit(FAILED)) is None
    assert matter.state is state


def test_a_siblings_second_visit_counts_after_a_failed_one() -> None:
    matter = opened(record_site_visit(FAILED), note_site_visit())
    assert matter.task(VISITED).site_visit.passed


def test_intake_tells_no_task_that_it_never_opened() -> None:
    with pytest.raises(AssertionError, match="never opened"):
        joint_matter().when(note_site_visit())


def test_intake_alone_tells_of_a_siblings_visit() -> None:
    command = note_site_visit().command
    command.actor.CopyFrom(official())
    assert broken(opened().when(command)) == [("actor.role", "ROLE_NOT_ALLOWED", {"allowed": "intake"})]


@pytest.mark.parametrize("visits", [[], [record_site_visit(FAILED)], [note_site_visit(FAILED)]])
def test_without_a_visit_that_passed_the_item_is_not_granted(visits: list[ApprovalCommand]) -> None:
    matter = opened(*visits)
    assert broken(matter.when(decide_task(item_id=VISITED))) == [
        ("decide_task.decision", "SITE_VISIT_MISSING", {"group": "shop"})
    ]
    assert told(matter.when(decide_task(2, VISITED, basis=["第三十八条"]))).HasField("task_decided")


@pytest.mark.parametrize(
    ("end", "reason"),
    [(decide_task(2, VISITED, basis=["第三十八条"]), "TASK_DECIDED"), (recall_task(VISITED), "TASK_WITHDRAWN")],
)
def test_after_the_end_there_is_no_visit(end: ApprovalCommand, reason: str) -> None:
    assert broken(opened(end).when(record_site_visit())) == [("item_id", reason, {})]


def test_a_visit_leaves_the_tasks_status_as_it_is() -> None:
    matter = opened(claim_task(item_id=VISITED), record_site_visit())
    assert matter.task(VISITED).status == TaskStatus.TASK_STATUS_CLAIMED
