"""What a denial means, by the catalogue's rule: dependents lapse, or the matter ends. And what a result carries."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.intake.cases import CITY, COUNTY, PROVINCE, Matter, item, make_core, matter_type, withdraw

from onematter.approval.v1.approval_commands_pb2 import Decision
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.intake.v1.intake_events_pb2 import ItemResult, MatterEvent, MatterOutcome
from onematter.intake.v1.intake_state_pb2 import MatterStatus
from onematter.law.catalogue import MatterType

DENIED = MatterOutcome.MATTER_OUTCOME_DENIED
PARTLY = MatterOutcome.MATTER_OUTCOME_PARTLY_DENIED


def five_items(*ending: str) -> MatterType:
    """01, 02 and 03 open at once, 04 waits for 01, 05 for 04; a denial of `ending` ends the matter."""
    plain = matter_type(
        item("01", COUNTY), item("02", CITY), item("03", PROVINCE), item("04", CITY, ["01"]), item("05", CITY, ["04"])
    )
    items = [replace(one, denial="matter") if one.item_id in ending else one for one in plain.items]
    return replace(plain, items=tuple(items))


def running(*ending: str) -> Matter:
    matter = Matter(make_core(five_items(*ending)))
    matter.happen()
    return matter


def recalled(matter: Matter, item_id: str) -> MatterEvent:
    answer = matter.hear(item_id, "task_recalled")
    assert answer is not None
    return answer


def test_a_denial_that_ends_the_matter_calls_back_what_is_in_hand_and_lapses_what_waits() -> None:
    matter = running("02")
    matter.hear("03", "task_opened")
    event = matter.deny("02")
    assert event is not None
    concluded = event.item_concluded
    assert (list(concluded.recalled_items), list(concluded.lapsed_items)) == (["01", "03"], ["04", "05"])
    assert list(concluded.opened_items) == []
    assert matter.asked("recall_task") == ["01", "03"]
    assert matter.statuses() == {
        "01": "SENT", "02": "CONCLUDED", "03": "OPEN", "04": "CONCLUDED", "05": "CONCLUDED",
    }  # fmt: skip
    assert not matter.state.HasField("application")


def test_the_result_comes_when_all_is_back() -> None:
    matter = running("02")
    matter.deny("02")
    assert recalled(matter, "03").HasField("item_concluded")
    completed = recalled(matter, "01").matter_completed
    assert completed.outcome == DENIED
    assert matter.outcomes() == {
        "01": "WITHDRAWN", "02": "DENIED", "03": "WITHDRAWN", "04": "LAPSED", "05": "LAPSED",
    }  # fmt: skip


def test_what_was_granted_before_or_crosses_the_call_stands() -> None:
    matter = running("02")
    matter.grant("03")
    matter.deny("02")
    assert matter.asked("recall_task") == ["01"]
    told = matter.grant("01")
    assert told is not None
    assert told.matter_completed.outcome == PARTLY
    assert matter.outcomes()["04"] == "LAPSED"


def test_a_second_denial_that_ends_the_matter_calls_nothing_back_again() -> None:
    matter = running("01", "02")
    matter.deny("02")
    told = matter.deny("01")
    assert told is not None
    assert list(told.item_concluded.recalled_items) == []
    assert matter.asked("recall_task") == ["01", "03"]
    assert recalled(matter, "03").matter_completed.outcome == DENIED


def test_the_last_denial_that_ends_the_matter_is_the_result() -> None:
    matter = running("01", "02", "03")
    for item_id in ("02", "03"):
        matter.grant(item_id)
    told = matter.deny("01")
    assert told is not None
    assert told.matter_completed.outcome == PARTLY
    assert matter.asked("recall_task") == []
    assert {one.item_id for one in told.matter_completed.results if one.outcome == 4} == {"04", "05"}


def test_a_denial_in_a_withdrawn_matter_calls_nothing_back_again() -> None:
    matter = running("02")
    matter.give(withdraw())
    told = matter.deny("02")
    assert told is not None
    assert list(told.item_concluded.recalled_items) == []
    assert matter.asked("recall_task") == ["01", "02", "03"]


def test_where_the_catalogue_says_nothing_only_dependents_lapse() -> None:
    matter = running()
    told = matter.deny("01")
    assert told is not None
    assert list(told.item_concluded.lapsed_items) == ["04", "05"]
    assert list(told.item_concluded.recalled_items) == []
    with pytest.raises(AssertionError, match="nobody recalls"):
        recalled(matter, "02")


def test_an_ended_matter_is_restored_from_its_events() -> None:
    matter = running("02")
    matter.deny("02")
    made = matter.restored()
    assert made.state == matter.state
    assert made.asked("recall_task") == ["01", "03"]
    recalled(matter, "03")
    recalled(matter, "01")
    assert matter.restored(matter.taken).state == matter.state


def test_what_is_called_back_from_a_void_matter_is_void() -> None:
    matter = Matter(make_core(matter_type(item("01"))))
    matter.happen()
    matter.state.status = MatterStatus.MATTER_STATUS_VOIDING
    completed = recalled(matter, "01").matter_completed
    assert completed.outcome == MatterOutcome.MATTER_OUTCOME_VOIDED
    assert matter.outcomes() == {"01": "VOIDED"}
    assert completed.results[0].department == "planning"


def decided(matter: Matter, decision: int, **fields: Any) -> ItemResult:
    pinned = matter.item("01")
    event = ApprovalEvent(matter_id=matter.matter_id, item_id="01")
    told = event.task_decided
    told.decision, told.opinion = decision, "符合"  # type: ignore[assignment]
    for name, value in fields.items():
        if isinstance(value, list):
            getattr(told, name).extend(value)
        else:
            setattr(told, name, value)
    answer = matter.hear_event(event, pinned.owner, pinned.events_topic)
    assert answer is not None
    return answer.matter_completed.results[0]


def one_item() -> Matter:
    matter = Matter(make_core(matter_type(item("01"))))
    matter.happen()
    return matter


def test_a_denial_carries_its_basis_and_what_the_applicant_may_do() -> None:
    result = decided(
        one_item(), Decision.DECISION_DENY, basis=["行政许可法 §38"], reconsideration_days=60, litigation_months=6
    )
    assert list(result.basis) == ["行政许可法 §38"]
    assert (result.reconsideration_days, result.litigation_months) == (60, 6)


def test_a_grant_carries_its_conditions_and_who_supervises() -> None:
    result = decided(
        one_item(), Decision.DECISION_GRANT, conditions=["two exits"], supervised_by="market", pledged=True
    )
    assert (list(result.conditions), result.supervised_by, result.pledged) == (["two exits"], "market", True)
    assert (list(result.basis), result.reconsideration_days) == ([], 0)


def test_a_grant_by_rule_carries_who_supervises_and_its_pledge() -> None:
    result = decided(one_item(), Decision.DECISION_GRANT, automatic=True, supervised_by="market", pledged=True)
    assert (result.automatic, result.supervised_by, result.pledged) == (True, "market", True)


def test_the_result_counts_what_was_asked_and_what_was_not() -> None:
    matter = one_item()
    matter.state.materials_asked, matter.state.materials_held = 3, 2
    told = matter.grant("01")
    assert told is not None
    assert (told.matter_completed.materials_asked, told.matter_completed.materials_held) == (3, 2)
