"""What a holder does not share is asked of the applicant, once, and told to the departments; it may still come."""

from __future__ import annotations

from tests.unit.intake.cases import item
from tests.unit.intake.sharing_cases import (
    accepted,
    approval,
    asked,
    found,
    hears,
    missing,
    refused,
    shared_type,
    supplied,
    timed_out,
    unshared_told,
)
from tests.unit.intake.window import supply

from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.intake.v1.intake_events_pb2 import SharingFailure


def test_a_refusal_asks_the_applicant_once_and_is_booked_to_its_source() -> None:
    matter = accepted()
    event = hears(matter, refused())
    assert event is not None
    told = event.sharing_failed
    assert (told.source, list(told.material_ids), told.reason) == ("market_regulation", ["licence"], "不予共享")
    assert told.failure == SharingFailure.SHARING_FAILURE_REFUSED
    assert list(told.asked_items) == ["01", "02"]
    assert list(matter.state.missing) == ["licence"]
    assert list(matter.state.unshared_materials) == ["licence"]
    assert missing(matter) == {"01": ["licence"], "02": ["licence"]}
    assert hears(matter, refused()) is None
    assert hears(matter, timed_out()) is None


def test_what_is_not_required_is_not_asked_of_the_applicant() -> None:
    matter = accepted()
    event = hears(matter, refused("photo", ("02",)))
    assert event is not None
    assert list(event.sharing_failed.asked_items) == []
    assert list(matter.state.missing) == []
    assert list(matter.state.unshared_materials) == ["photo"]


def test_what_comes_late_is_taken_and_not_asked_any_more() -> None:
    matter = accepted()
    hears(matter, timed_out())
    event = hears(matter, found())
    assert event is not None
    assert (list(matter.state.missing), list(matter.state.unshared_materials)) == ([], [])
    assert missing(matter) == {"01": [], "02": []}
    assert supplied(matter) == [("01", ["licence"])]


def test_what_the_applicant_has_supplied_is_not_replaced() -> None:
    matter = accepted()
    hears(matter, timed_out())
    matter.give(supply("licence"))
    event = found()
    event.material_resolved.late = True
    assert hears(matter, event) is None


def test_what_the_applicant_has_supplied_is_fetched_no_more() -> None:
    matter = accepted()
    hears(matter, timed_out())
    matter.give(supply("licence"))
    assert [command.WhichOneof("command") for command in asked(matter)] == ["resolve_materials", "stop_resolving"]
    assert list(asked(matter)[-1].stop_resolving.material_ids) == ["licence"]
    assert list(matter.state.fetched_materials) == ["title", "photo"]


def test_a_failure_told_after_the_applicant_has_supplied_asks_for_nothing_again() -> None:
    matter = accepted()
    hears(matter, timed_out())
    matter.give(supply("licence"))
    assert hears(matter, refused()) is None


def test_the_departments_are_told_what_is_not_shared_whether_they_have_the_item_or_get_it_later() -> None:
    matter = accepted()
    event = hears(matter, refused())
    assert event is not None
    assert list(event.sharing_failed.told_items) == ["01"]
    assert unshared_told(matter, "note_unshared") == [("01", [("licence", "market_regulation", True)])]
    matter.grant("01")
    assert unshared_told(matter, "open_task")[-1] == ("02", [("licence", "market_regulation", True)])


def test_a_department_that_gets_the_item_later_knows_that_the_applicant_has_supplied_it() -> None:
    matter = accepted()
    hears(matter, refused())
    matter.give(supply("licence"))
    matter.grant("01")
    assert unshared_told(matter, "open_task")[-1] == ("02", [("licence", "market_regulation", False)])


def test_what_its_holder_shares_late_is_not_told_as_unshared() -> None:
    matter = accepted()
    hears(matter, timed_out())
    hears(matter, found())
    matter.grant("01")
    assert unshared_told(matter, "open_task")[-1] == ("02", [])
    assert [one.supply_task.source for one in approval(matter, "supply_task")] == ["market_regulation"]


def test_of_what_is_not_required_nothing_is_awaited() -> None:
    matter = accepted(shared_type(item("01", "COUNTY", materials=["plan", "photo"])))
    hears(matter, refused("photo", ("01",)))
    assert unshared_told(matter, "note_unshared") == [("01", [("photo", "public_security", False)])]


def test_what_was_wrong_and_is_missing_again_is_taken_when_its_holder_shares_it_after_all() -> None:
    matter = accepted()
    matter.hear("01", "task_opened")
    hears(matter, timed_out())
    matter.give(supply("licence"))
    event = ApprovalEvent(matter_id=matter.matter_id, item_id="01")
    event.correction_requested.needs.add(material_id="licence", reason="过期")
    pinned = matter.item("01")
    matter.hear_event(event, pinned.owner, pinned.events_topic)
    late = found()
    late.material_resolved.late = True
    assert hears(matter, late) is not None
    assert missing(matter)["01"] == []


def test_what_is_asked_after_all_is_counted_as_asked_until_its_holder_shares_it() -> None:
    matter = accepted()
    before = (matter.state.materials_asked, matter.state.materials_held)
    hears(matter, timed_out())
    hears(matter, refused("photo", ("02",)))
    assert (matter.state.materials_asked, matter.state.materials_held) == (before[0] + 1, before[1] - 1)
    hears(matter, found())
    assert (matter.state.materials_asked, matter.state.materials_held) == before
    other = accepted()
    hears(other, timed_out())
    other.give(supply("licence"))
    ended = other.deny("01")
    assert ended is not None
    completed = ended.matter_completed
    assert (completed.materials_asked, completed.materials_held) == (before[0] + 1, before[1] - 1)
