"""What the departments tell of an item while a person has it, and what the matter tells of that."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.intake.cases import CITY, COUNTY, PROVINCE, Matter, item, make_core, matter_type, visit, withdraw

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.common.v1.period_pb2 import SuspensionReason
from onematter.intake.hearing import QUIET
from onematter.intake.v1.intake_events_pb2 import ItemClockChange, MatterEvent
from onematter.intake.v1.intake_state_pb2 import ItemState, ItemStatus

CORRECTION = SuspensionReason.SUSPENSION_REASON_CORRECTION
APPRAISAL = SuspensionReason.SUSPENSION_REASON_APPRAISAL
NEWS = {
    "correction_lifted", "correction_requested", "deadlines_recomputed", "pledge_verified", "site_visited",
    "special_procedure_begun", "special_procedure_ended", "task_decided", "task_extended", "task_opened",
    "task_recalled", "task_supplied", "task_transferred",
}  # fmt: skip


def opened(*item_ids: str, groups: bool = False) -> Matter:
    """A matter of county, city and province, whose items a person has; 04 waits for 01."""
    group = {"joint_visit_group": "site"} if groups else {}
    matter = Matter(
        make_core(
            matter_type(
                item("01", COUNTY, **group), item("02", CITY, **group), item("03", PROVINCE),
                item("04", CITY, ["01"], **group),
            )
        )
    )  # fmt: skip
    matter.happen()
    for item_id in item_ids or ("01", "02", "03"):
        event = told(item_id, "task_opened")
        event.task_opened.legal_deadline.seconds = 2_000
        event.task_opened.promised_deadline.seconds = 1_000
        hear(matter, event)
    return matter


def told(item_id: str, member_name: str, /, **fields: Any) -> ApprovalEvent:
    event = ApprovalEvent(matter_id="m", item_id=item_id)
    event.actor.principal = "official-3"
    member = getattr(event, member_name)
    member.SetInParent()
    for name, value in fields.items():
        setattr(member, name, value)
    return event


def hear(matter: Matter, event: ApprovalEvent) -> MatterEvent | None:
    pinned = matter.item(event.item_id)
    return matter.hear_event(event, pinned.owner, pinned.events_topic)


def of(matter: Matter, item_id: str) -> ItemState:
    return next(one for one in matter.state.items if one.item.item_id == item_id)


def deadlines(message: Any, legal: int, promised: int, *, provisional: bool = False) -> None:
    message.legal.seconds, message.promised.seconds, message.provisional = legal, promised, provisional


def correction(item_id: str = "02") -> ApprovalEvent:
    event = told(item_id, "correction_requested", round=1)
    event.correction_requested.needs.add(material_id="plan", reason="no seal")
    event.correction_requested.needs.add(material_id="map", reason="missing", newly_visible_because="a visit")
    return event


def visited(item_id: str = "01", *, noted: bool = False, passed: bool = True) -> ApprovalEvent:
    event = told(item_id, "site_visited", noted=noted, joint_visit_group="site")
    visit = event.site_visited.site_visit
    visit.day, visit.finding, visit.passed, visit.departments[:] = "2026-11-23", "符合", passed, ["planning", "fire"]
    return event


def test_every_approval_event_is_either_news_or_not() -> None:
    kinds = {field.name for field in ApprovalEvent.DESCRIPTOR.oneofs_by_name["event"].fields}
    assert kinds == NEWS | QUIET
    assert not NEWS & QUIET


@pytest.mark.parametrize("kind", sorted(QUIET - {"command_refused"}))
def test_what_is_between_departments_is_no_event_of_the_matter(kind: str) -> None:
    matter = opened()
    before = matter.state.SerializeToString(deterministic=True)
    assert hear(matter, told("02", kind)) is None
    assert matter.state.SerializeToString(deterministic=True) == before


def test_a_correction_tells_all_that_is_missing_and_stops_the_clock() -> None:
    matter = opened()
    event = hear(matter, correction())
    assert event is not None
    asked = event.correction_asked
    assert (asked.item_id, asked.round) == ("02", 1)
    assert [(one.material_id, one.reason, one.newly_visible_because) for one in asked.needs] == [
        ("plan", "no seal", ""),
        ("map", "missing", "a visit"),
    ]
    item = of(matter, "02")
    assert (list(item.missing), item.suspended_for) == (["plan", "map"], CORRECTION)
    assert not item.HasField("legal_deadline")
    assert not item.HasField("promised_deadline")
    assert event.actor.principal == "official-3"
    assert of(matter, "01").suspended_for == 0


def test_a_correction_before_acceptance_is_of_no_item() -> None:
    matter = opened()
    event = MatterEvent(matter_id=matter.matter_id)
    event.correction_asked.needs.add(material_id="plan")
    after = matter.core.evolve(matter.state, event)
    assert list(after.items) == list(matter.state.items)


def test_what_the_applicant_supplied_is_not_missing_any_more() -> None:
    matter = opened()
    hear(matter, correction())
    event = MatterEvent(matter_id=matter.matter_id)
    event.materials_supplied.materials.add(material_id="plan")
    event.materials_supplied.told_items.append("02")
    matter.state = matter.core.evolve(matter.state, event)
    assert list(of(matter, "02").missing) == ["map"]
    resolved = MatterEvent(matter_id=matter.matter_id)
    resolved.materials_resolved.materials.add(material_id="map")
    resolved.materials_resolved.told_items.append("02")
    assert not matter.core.evolve(matter.state, resolved).items[1].missing


def test_the_clock_goes_on_when_nothing_is_missing() -> None:
    matter = opened()
    hear(matter, correction())
    event = told("02", "task_supplied", resumed_day="2026-12-01")
    deadlines(event.task_supplied.deadlines, 5_000, 4_000, provisional=True)
    answer = hear(matter, event)
    assert answer is not None
    changed = answer.item_clock_changed
    assert (changed.item_id, changed.change) == ("02", ItemClockChange.ITEM_CLOCK_CHANGE_RESUMED)
    assert changed.suspension_reason == CORRECTION
    item = of(matter, "02")
    assert (item.suspended_for, list(item.missing)) == (0, [])
    assert (item.legal_deadline.seconds, item.promised_deadline.seconds) == (5_000, 4_000)
    assert item.deadline_provisional


def test_materials_that_do_not_end_the_correction_are_no_news() -> None:
    matter = opened()
    hear(matter, correction())
    assert hear(matter, told("02", "task_supplied")) is None
    assert of(matter, "02").suspended_for == CORRECTION


def test_a_special_procedure_stops_the_clock_and_says_for_how_long() -> None:
    matter = opened()
    event = hear(matter, told("02", "special_procedure_begun", kind=APPRAISAL, expected_days=30, reason="soil"))
    assert event is not None
    changed = event.item_clock_changed
    assert (changed.change, changed.suspension_reason) == (ItemClockChange.ITEM_CLOCK_CHANGE_SUSPENDED, APPRAISAL)
    assert (changed.reason, changed.days, changed.HasField("deadlines")) == ("soil", 30, False)
    assert of(matter, "02").suspended_for == APPRAISAL
    assert not of(matter, "02").HasField("legal_deadline")
    ending = told("02", "special_procedure_ended", kind=APPRAISAL, result="sound")
    deadlines(ending.special_procedure_ended.deadlines, 6_000, 5_000)
    ended = hear(matter, ending)
    assert ended is not None
    assert (ended.item_clock_changed.change, ended.item_clock_changed.reason) == (
        ItemClockChange.ITEM_CLOCK_CHANGE_RESUMED,
        "sound",
    )
    assert (of(matter, "02").suspended_for, of(matter, "02").legal_deadline.seconds) == (0, 6_000)


def test_an_extension_moves_the_deadline_and_tells_why() -> None:
    matter = opened()
    event = told("02", "task_extended", days=10, reason="two surveys")
    deadlines(event.task_extended.deadlines, 9_000, 1_000)
    answer = hear(matter, event)
    assert answer is not None
    changed = answer.item_clock_changed
    assert (changed.change, changed.days, changed.reason) == (
        ItemClockChange.ITEM_CLOCK_CHANGE_EXTENDED,
        10,
        "two surveys",
    )
    assert (of(matter, "02").legal_deadline.seconds, of(matter, "02").promised_deadline.seconds) == (9_000, 1_000)


def test_an_extension_while_the_clock_stands_still_brings_no_deadline() -> None:
    matter = opened()
    hear(matter, told("02", "special_procedure_begun", kind=APPRAISAL))
    hear(matter, told("02", "task_extended", days=10))
    assert of(matter, "02").suspended_for == APPRAISAL
    assert not of(matter, "02").HasField("legal_deadline")


def test_a_calendar_that_became_official_moves_the_deadline() -> None:
    matter = opened()
    event = told("02", "deadlines_recomputed")
    deadlines(event.deadlines_recomputed.deadlines, 2_500, 1_500)
    answer = hear(matter, event)
    assert answer is not None
    assert answer.item_clock_changed.change == ItemClockChange.ITEM_CLOCK_CHANGE_RECOMPUTED
    assert of(matter, "02").promised_deadline.seconds == 1_500


def test_a_transfer_says_who_has_the_item() -> None:
    matter = opened()
    moved = told("02", "task_transferred", department="fire", division="330102", reason="competence")
    event = hear(matter, moved)
    assert event is not None
    told_event = event.item_transferred
    assert (told_event.item_id, told_event.department, told_event.reason) == ("02", "fire", "competence")
    assert (of(matter, "02").department, of(matter, "02").division) == ("fire", "330102")
    assert of(matter, "02").item.department == "planning"


def test_a_joint_visit_is_told_to_the_items_of_its_group_that_are_in_hand() -> None:
    matter = opened("01", groups=True)
    event = hear(matter, visited("01"))
    assert event is not None
    told_event = event.item_visited
    # 02 is asked for and not opened yet, 03 is of no group, 04 waits.
    assert list(told_event.told_items) == ["02"]
    assert (told_event.item_id, told_event.joint_visit_group, told_event.day) == ("01", "site", "2026-11-23")
    assert (told_event.finding, told_event.passed) == ("符合", True)
    (note,) = [one.command for one in matter.sent if one.command.HasField("note_site_visit")]
    assert isinstance(note, ApprovalCommand)
    assert (note.item_id, note.matter_id, note.actor.principal) == ("02", matter.matter_id, "intake")
    assert list(note.note_site_visit.site_visit.departments) == ["planning", "fire"]
    assert note.note_site_visit.site_visit.passed


def sent_to_approval(matter: Matter) -> list[ApprovalCommand]:
    return [one.command for one in matter.sent if isinstance(one.command, ApprovalCommand)]


def test_what_opens_after_the_joint_visit_opens_with_its_finding() -> None:
    matter = opened("01", groups=True)
    hear(matter, visited("01", passed=False))
    hear(matter, visited("01"))
    matter.grant("01")
    (opening,) = [
        command.open_task
        for command in sent_to_approval(matter)
        if command.item_id == "04" and command.HasField("open_task")
    ]
    assert (opening.site_visit.finding, opening.site_visit.passed) == ("符合", True)
    assert [one.passed for one in matter.state.joint_visits] == [True]
    assert matter.restored().state == matter.state


def test_an_item_of_no_group_opens_without_a_visit_and_tells_nobody() -> None:
    matter = opened("01", "03")
    event = hear(matter, visited("03"))
    assert event is not None
    assert list(event.item_visited.told_items) == []
    matter.grant("01")
    (opening,) = [command.open_task for command in sent_to_approval(matter) if command.item_id == "04"]
    assert not opening.HasField("site_visit")


def test_a_visit_that_the_matter_told_itself_is_no_news() -> None:
    matter = opened("01", "02", groups=True)
    assert hear(matter, visited("02", noted=True)) is None


def test_a_withdrawn_matter_tells_nobody_of_a_visit() -> None:
    matter = opened("01", "02", groups=True)
    matter.give(withdraw())
    event = hear(matter, visited("01"))
    assert event is not None
    assert list(event.item_visited.told_items) == []


def test_a_grant_is_revoked_when_its_pledge_was_not_kept_also_after_the_result() -> None:
    matter = opened()
    for item_id in ("01", "02", "03", "04"):
        matter.grant(item_id)
    assert matter.events[-1].HasField("matter_completed")
    event = told("02", "pledge_verified", revoked=True, finding="no exit", credit_recorded=True)
    event.pledge_verified.basis.append("art. 69")
    answer = hear(matter, event)
    assert answer is not None
    revoked = answer.item_revoked
    assert (revoked.item_id, revoked.finding, list(revoked.basis)) == ("02", "no exit", ["art. 69"])
    assert revoked.credit_recorded
    assert of(matter, "02").revoked
    assert of(matter, "02").status == ItemStatus.ITEM_STATUS_CONCLUDED
    assert not of(matter, "01").revoked


def test_a_pledge_that_was_kept_is_no_news() -> None:
    matter = opened()
    matter.grant("02")
    assert hear(matter, told("02", "pledge_verified", kept=True)) is None


@pytest.mark.parametrize(
    "kind",
    sorted(
        NEWS
        - {"deadlines_recomputed", "task_decided", "task_opened", "task_recalled", "task_supplied", "pledge_verified"}
    ),
)
def test_what_no_task_can_have_caused_is_a_broken_invariant(kind: str) -> None:
    matter = opened("01")
    with pytest.raises(AssertionError, match="not in a department's hands"):
        hear(matter, told("02", kind))


def test_a_new_deadline_of_what_nobody_has_is_a_broken_invariant() -> None:
    event = told("02", "deadlines_recomputed")
    event.deadlines_recomputed.deadlines.SetInParent()
    with pytest.raises(AssertionError, match="not in a department's hands"):
        hear(opened("01"), event)


def test_a_new_time_of_asked_departments_alone_is_no_news() -> None:
    event = told("02", "deadlines_recomputed")
    event.deadlines_recomputed.opinions.add(department="fire")
    assert hear(opened("01", "02"), event) is None


def test_when_a_department_takes_a_correction_back_the_clock_goes_on_and_nothing_is_asked() -> None:
    matter = opened("01", "02")
    hear(matter, correction("02"))
    event = told("02", "correction_lifted", reason="以现有材料审查", day="2026-11-30")
    deadlines(event.correction_lifted.deadlines, 1_800_000_000, 1_799_000_000)
    changed = hear(matter, event)
    assert changed is not None
    told_event = changed.item_clock_changed
    assert (told_event.change, told_event.suspension_reason, told_event.reason) == (
        ItemClockChange.ITEM_CLOCK_CHANGE_RESUMED,
        SuspensionReason.SUSPENSION_REASON_CORRECTION,
        "以现有材料审查",
    )
    assert list(of(matter, "02").missing) == []
    assert of(matter, "02").legal_deadline.seconds == 1_800_000_000


def test_a_grant_that_was_never_made_is_not_revoked() -> None:
    with pytest.raises(AssertionError, match="never made"):
        hear(opened(), told("02", "pledge_verified", revoked=True))


def test_the_whole_story_is_restored_from_its_events() -> None:
    matter = opened("01", "02", groups=True)
    hear(matter, correction("02"))
    hear(matter, visited("01"))
    matter.give(visit())
    assert matter.restored().state == matter.state
