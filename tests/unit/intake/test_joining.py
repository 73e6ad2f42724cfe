"""What approval tells, and what it means for the matter: items open, lapse and join into the one result."""

from __future__ import annotations

import pytest
from tests.unit.intake.cases import (
    CITY,
    COUNTY,
    PROVINCE,
    Matter,
    item,
    make_core,
    matter_type,
)

from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.common.v1.outcome_pb2 import StreamPosition
from onematter.contracts.aggregate import NO_EFFECTS, Context, TimerDue
from onematter.intake.desk import Heard
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_events_pb2 import Certificate, ItemOutcome, MatterEvent, MatterOutcome
from onematter.intake.v1.intake_state_pb2 import MatterState, MatterStatus

COUNTY_EVENTS = "onematter.approval.county.events.v1"


def chain() -> Matter:
    """01 → 02 → 03 and, beside them, 04."""
    core = make_core(
        matter_type(
            item("01", COUNTY),
            item("02", CITY, ["01"]),
            item("03", PROVINCE, ["02"]),
            item("04", CITY),
        )
    )
    matter = Matter(core)
    matter.happen()
    return matter


def three() -> Matter:
    matter = Matter(make_core())
    matter.happen()
    return matter


def test_an_opened_task_gives_the_item_its_deadlines() -> None:
    matter = three()
    event = ApprovalEvent(matter_id=matter.matter_id, item_id="01")
    event.task_opened.legal_deadline.seconds = 2_000
    event.task_opened.promised_deadline.seconds = 1_000
    event.task_opened.deadline_provisional = True
    told = matter.hear_event(event, "approval-county", COUNTY_EVENTS)
    assert told is not None
    opened = told.item_opened
    assert (opened.item_id, opened.legal_deadline.seconds, opened.promised_deadline.seconds) == ("01", 2_000, 1_000)
    assert opened.deadline_provisional
    kept = matter.state.items[0]
    assert (kept.legal_deadline.seconds, kept.promised_deadline.seconds) == (2_000, 1_000)
    assert kept.deadline_provisional
    assert matter.statuses() == {"01": "OPEN", "02": "SENT", "03": "SENT"}


def test_a_decision_concludes_its_item_and_the_others_run_on() -> None:
    matter = three()
    matter.hear("01", "task_opened")
    event = ApprovalEvent(matter_id=matter.matter_id, item_id="01")
    event.actor.principal = "official-3"
    event.time.seconds = 77
    decided = event.task_decided
    decided.decision = 1  # type: ignore[assignment]
    decided.opinion = "in order"
    decided.department = "housing"
    decided.certificates.add(certificate_type="permit", number="P-1")
    told = matter.hear_event(event, "approval-county", COUNTY_EVENTS)
    assert told is not None
    assert told.WhichOneof("event") == "item_concluded"
    assert told.actor.principal == "official-3"
    result = told.item_concluded.result
    assert result.item_id == "01"
    assert result.outcome == ItemOutcome.ITEM_OUTCOME_GRANTED
    assert (result.automatic, result.opinion, result.department) == (False, "in order", "housing")
    assert list(result.certificates) == [Certificate(certificate_type="permit", number="P-1")]
    assert result.time.seconds == 77
    assert matter.state.items[0].result == result
    assert matter.statuses() == {"01": "CONCLUDED", "02": "SENT", "03": "SENT"}


def test_a_decision_needs_no_opened_task() -> None:
    matter = three()
    assert matter.grant("01") is not None
    assert matter.outcomes() == {"01": "GRANTED"}


def test_a_granted_item_opens_what_waited_for_it() -> None:
    matter = chain()
    told = matter.grant("01")
    assert told is not None
    assert list(told.item_concluded.opened_items) == ["02"]
    assert list(told.item_concluded.lapsed_items) == []
    assert matter.statuses() == {"01": "CONCLUDED", "02": "SENT", "03": "WAITING", "04": "SENT"}
    assert matter.asked("open_task") == ["01", "04", "02"]
    assert matter.sent[-1].topic == "onematter.approval.city.commands.v1"


def test_an_item_opens_only_when_all_it_depends_on_is_granted() -> None:
    matter = Matter(make_core(matter_type(item("01"), item("02"), item("03", CITY, ["01", "02"]))))
    matter.happen()
    first = matter.grant("02")
    assert first is not None
    assert list(first.item_concluded.opened_items) == []
    second = matter.grant("01")
    assert second is not None
    assert list(second.item_concluded.opened_items) == ["03"]


def test_a_denied_item_lapses_all_that_rests_on_it_and_siblings_run_on() -> None:
    matter = chain()
    told = matter.deny("01")
    assert told is not None
    assert list(told.item_concluded.lapsed_items) == ["02", "03"]
    assert matter.outcomes() == {"01": "DENIED", "02": "LAPSED", "03": "LAPSED"}
    assert matter.statuses()["04"] == "SENT"
    assert matter.state.items[1].result.time == told.time
    assert matter.asked("open_task") == ["01", "04"]


def test_lapsing_does_not_depend_on_the_order_of_the_catalogue() -> None:
    # 01 rests on 02, which rests on 03.
    matter = Matter(
        make_core(matter_type(item("01", COUNTY, ["02"]), item("02", CITY, ["03"]), item("03"), item("04")))
    )
    matter.happen()
    told = matter.deny("03")
    assert told is not None
    assert list(told.item_concluded.lapsed_items) == ["01", "02"]


def test_the_last_decision_is_the_one_result() -> None:
    matter = three()
    matter.hear("01", "task_opened")
    matter.grant("03")
    matter.grant("01")
    told = matter.grant("02")
    assert told is not None
    assert told.WhichOneof("event") == "matter_completed"
    completed = told.matter_completed
    assert completed.outcome == MatterOutcome.MATTER_OUTCOME_GRANTED
    assert [result.item_id for result in completed.results] == ["01", "02", "03"]
    assert all(result.outcome == ItemOutcome.ITEM_OUTCOME_GRANTED for result in completed.results)
    assert completed.handed_in == matter.state.handed_in
    assert completed.visits == 1
    assert (completed.matter_code, completed.division) == ("OM-77", "330106")
    assert completed.matter_number == matter.state.matter_number
    assert completed.name == matter.state.name
    assert matter.state.status == MatterStatus.MATTER_STATUS_COMPLETED
    assert matter.state.outcome == completed.outcome
    assert matter.state.completed == told.time
    assert matter.core.react(matter.state, told) == NO_EFFECTS


def test_the_one_result_carries_what_lapses_with_the_last_decision() -> None:
    matter = chain()
    matter.grant("04")
    told = matter.deny("01")
    assert told is not None
    completed = told.matter_completed
    assert [(r.item_id, ItemOutcome.Name(r.outcome)) for r in completed.results] == [
        ("01", "ITEM_OUTCOME_DENIED"),
        ("02", "ITEM_OUTCOME_LAPSED"),
        ("03", "ITEM_OUTCOME_LAPSED"),
        ("04", "ITEM_OUTCOME_GRANTED"),
    ]
    assert completed.results[1].time == told.time
    assert completed.results[1].department == "planning"
    assert completed.outcome == MatterOutcome.MATTER_OUTCOME_PARTLY_DENIED


@pytest.mark.parametrize(
    ("denied", "outcome"),
    [
        ("", MatterOutcome.MATTER_OUTCOME_GRANTED),
        ("02", MatterOutcome.MATTER_OUTCOME_PARTLY_DENIED),
        ("01 02 03", MatterOutcome.MATTER_OUTCOME_DENIED),
    ],
)
def test_the_outcome_is_that_of_all_items(denied: str, outcome: MatterOutcome) -> None:
    matter = three()
    for item_id in ("01", "02", "03"):
        told = matter.deny(item_id) if item_id in denied else matter.grant(item_id)
    assert told is not None
    assert told.matter_completed.outcome == outcome


def test_the_manifest_has_every_stream_of_events_with_its_last_record() -> None:
    matter = three()
    # What came from outside is evidence inside its own event, commands are read by their owner alone, dead letters
    # belong to no case file, and a stream of which all records are parked has told nothing yet.
    matter.ledger.received.add(writer="", topic="onematter.intake.submissions.v1", last_sequence=1)
    matter.ledger.received.add(writer="approval-town", topic="onematter.approval.town.events.v1", parked=1)
    matter.ledger.sent.add(topic="onematter.intake.dead-letters.v1", last_sequence=1)
    matter.hear("01", "task_opened")
    matter.hear("01", "task_claimed")
    matter.grant("01")
    matter.grant("02")
    told = matter.grant("03")
    assert told is not None
    # Accepted, opened, two concluded, completed.
    assert list(told.matter_completed.manifest) == [
        StreamPosition(writer="approval-city", topic="onematter.approval.city.events.v1", sequence=1),
        StreamPosition(writer="approval-county", topic=COUNTY_EVENTS, sequence=3),
        StreamPosition(writer="approval-province", topic="onematter.approval.province.events.v1", sequence=1),
        StreamPosition(writer="intake", topic="onematter.matter.events.v1", sequence=5),
    ]


@pytest.mark.parametrize("kind", ["task_claimed", "task_overdue"])
def test_what_changes_nothing_for_the_matter_is_passed_over(kind: str) -> None:
    matter = three()
    assert matter.hear("01", kind) is None
    assert matter.statuses() == {"01": "SENT", "02": "SENT", "03": "SENT"}


def test_a_refusal_of_approval_is_passed_over_even_for_what_does_not_exist() -> None:
    event = ApprovalEvent(matter_id="m", item_id="99")
    event.command_refused.command = "decide_task"
    assert Matter(make_core()).hear_event(event, "approval-county", COUNTY_EVENTS) is None
    assert three().hear_event(event, "approval-county", COUNTY_EVENTS) is None


def test_an_event_for_an_unknown_item_is_a_broken_invariant() -> None:
    event = ApprovalEvent(matter_id="m", item_id="99")
    event.task_claimed.SetInParent()
    with pytest.raises(AssertionError, match="does not have"):
        three().hear_event(event, "approval-county", COUNTY_EVENTS)


def test_an_event_for_an_unknown_matter_is_a_broken_invariant() -> None:
    event = ApprovalEvent(matter_id="m", item_id="01")
    event.task_opened.SetInParent()
    with pytest.raises(AssertionError, match="does not have"):
        Matter(make_core()).hear_event(event, "approval-county", COUNTY_EVENTS)


def test_an_event_of_another_owner_is_a_broken_invariant() -> None:
    event = ApprovalEvent(matter_id="m", item_id="01")
    event.task_decided.decision = 1  # type: ignore[assignment]
    with pytest.raises(AssertionError, match="does not own"):
        three().hear_event(event, "approval-city", "onematter.approval.city.events.v1")


def test_a_decision_that_decides_nothing_is_a_broken_invariant() -> None:
    with pytest.raises(AssertionError, match="without a decision"):
        three().hear("01", "task_decided")


def test_what_is_concluded_is_not_concluded_again() -> None:
    matter = three()
    matter.grant("01")
    with pytest.raises(AssertionError, match="not in a department's hands"):
        matter.deny("01")
    with pytest.raises(AssertionError, match="nobody asked"):
        matter.hear("01", "task_opened")


def test_what_waits_cannot_be_decided() -> None:
    with pytest.raises(AssertionError, match="not in a department's hands"):
        chain().grant("02")


def test_a_recall_that_nobody_asked_for_is_a_broken_invariant() -> None:
    with pytest.raises(AssertionError, match="nobody recalls"):
        three().hear("01", "task_recalled")


def test_what_no_version_of_this_service_sends_is_a_broken_invariant() -> None:
    core = make_core()
    context = Context(0, 0, 0, Matter(core).ledger)
    for command in (TimerDue("x"), IntakeCommand()):
        with pytest.raises(AssertionError):
            core.decide(MatterState(), command, context)
    matter = three()
    with pytest.raises(AssertionError):
        matter.give(Heard(ApprovalEvent(item_id="01"), COUNTY_EVENTS, 1))


def test_a_refusal_leaves_the_state_as_it_is() -> None:
    matter = three()
    event = MatterEvent()
    event.command_refused.command = "withdraw_matter"
    assert matter.core.evolve(matter.state, event) == matter.state
    assert matter.core.react(matter.state, event) == NO_EFFECTS
