"""What a rule grants without consequence has no event of its own: it is told with the matter's next one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.unit.intake.cases import (
    CITY,
    COUNTY,
    NOW,
    PROVINCE,
    Matter,
    item,
    make_core,
    matter_type,
    violations,
    visit,
    withdraw,
)

from onematter.approval.v1.approval_commands_pb2 import Decision
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.common.v1.outcome_pb2 import StreamPosition
from onematter.contracts.aggregate import Context, TimerDue
from onematter.intake.desk import Heard
from onematter.intake.v1.intake_events_pb2 import Certificate, ItemOutcome, ItemResult, MatterEvent, MatterOutcome
from onematter.intake.v1.intake_state_pb2 import MatterState

COUNTY_EVENTS = "onematter.approval.county.events.v1"
GRANTED = ItemOutcome.ITEM_OUTCOME_GRANTED


def four() -> Matter:
    """Four items that depend on nothing."""
    matter = Matter(
        make_core(matter_type(item("01", COUNTY), item("02", CITY), item("03", PROVINCE), item("04", CITY)))
    )
    matter.happen()
    return matter


def three() -> Matter:
    matter = Matter(make_core())
    matter.happen()
    return matter


def joined() -> Matter:
    """03 rests on 01 and 02; beside them 04."""
    matter = Matter(make_core(matter_type(item("01"), item("02"), item("03", CITY, ["01", "02"]), item("04", CITY))))
    matter.happen()
    return matter


def kinds(matter: Matter) -> list[str | None]:
    return [event.WhichOneof("event") for event in matter.events]


def ids(results: object) -> list[str]:
    return [result.item_id for result in results]  # type: ignore[attr-defined]


def by_rule(item_id: str, topic: str = COUNTY_EVENTS) -> Heard:
    event = ApprovalEvent(item_id=item_id)
    event.task_decided.decision = Decision.DECISION_GRANT
    event.task_decided.automatic = True
    return Heard(event, topic, 1)


def test_what_a_rule_grants_is_concluded_with_its_result_and_not_told() -> None:
    matter = three()
    asked = list(matter.sent)
    event = ApprovalEvent(matter_id=matter.matter_id, item_id="01")
    event.time.seconds = 77
    decided = event.task_decided
    decided.decision = Decision.DECISION_GRANT
    decided.automatic = True
    decided.opinion = "the rule holds"
    decided.department = "housing"
    decided.certificates.add(certificate_type="permit", number="P-1")
    assert matter.hear_event(event, "approval-county", COUNTY_EVENTS) is None
    expected = ItemResult(item_id="01", outcome=GRANTED, automatic=True, opinion="the rule holds", department="housing")
    expected.sequence = 1
    expected.certificates.append(Certificate(certificate_type="permit", number="P-1"))
    expected.time.seconds = 77
    assert matter.state.items[0].result == expected
    assert matter.statuses() == {"01": "CONCLUDED", "02": "SENT", "03": "SENT"}
    assert matter.untold() == ["01"]
    assert (kinds(matter), matter.sent) == (["matter_accepted"], asked)


def test_it_is_told_with_the_next_item_that_opens_and_once() -> None:
    matter = three()
    matter.rule("03")
    told = matter.hear("02", "task_opened")
    assert told is not None
    assert list(told.item_opened.earlier_results) == [matter.state.items[2].result]
    assert told.item_opened.earlier_results[0].automatic
    assert matter.untold() == []
    next_told = matter.hear("01", "task_opened")
    assert next_told is not None
    assert list(next_told.item_opened.earlier_results) == []


def test_what_a_rule_grants_while_a_person_has_another_item_is_told_at_once() -> None:
    matter = four()
    matter.rule("04")
    opened = matter.hear("02", "task_opened")
    assert opened is not None
    assert ids(opened.item_opened.earlier_results) == ["04"]
    told = matter.rule("03")
    assert told is not None
    concluded = told.item_concluded
    assert (concluded.result.item_id, concluded.result.automatic) == ("03", True)
    assert (ids(concluded.earlier_results), matter.untold()) == ([], [])
    # The person is done, and no other has an item.
    matter.grant("02")
    assert matter.hear("01", "task_opened") is not None
    assert kinds(matter) == ["matter_accepted", "item_opened", "item_concluded", "item_concluded", "item_opened"]


def test_when_no_person_has_an_item_any_more_what_a_rule_grants_is_not_told_again() -> None:
    matter = three()
    matter.hear("02", "task_opened")
    matter.deny("02")
    assert matter.rule("03") is None
    assert matter.untold() == ["03"]


def test_an_item_that_a_person_had_is_told_at_once() -> None:
    matter = three()
    matter.hear("02", "task_opened")
    told = matter.rule("02")
    assert told is not None
    assert told.item_concluded.result.item_id == "02"


def test_it_is_told_with_the_next_item_that_is_concluded_in_the_order_of_the_matter() -> None:
    matter = four()
    matter.rule("03")
    matter.rule("01")
    told = matter.grant("02")
    assert told is not None
    concluded = told.item_concluded
    assert (concluded.result.item_id, ids(concluded.earlier_results)) == ("02", ["01", "03"])
    assert {result.opinion for result in concluded.earlier_results} == {"the rule holds"}
    assert matter.untold() == []


def test_it_is_told_with_a_withdrawal_and_not_called_back() -> None:
    matter = joined()
    matter.rule("01")
    event = matter.give(withdraw())
    assert isinstance(event, MatterEvent)
    withdrawn = event.matter_withdrawn
    assert ids(withdrawn.earlier_results) == ["01"]
    assert (list(withdrawn.recalled_items), list(withdrawn.lapsed_items)) == (["02", "04"], ["03"])
    assert matter.untold() == []
    assert matter.outcomes() == {"01": "GRANTED", "03": "LAPSED"}


def test_it_is_told_with_a_visit() -> None:
    matter = three()
    matter.rule("02")
    event = matter.give(visit())
    assert isinstance(event, MatterEvent)
    assert ids(event.visit_recorded.earlier_results) == ["02"]
    assert matter.untold() == []


def test_a_refusal_tells_nothing_of_the_matter() -> None:
    matter = three()
    matter.rule("02")
    assert violations(matter.give(withdraw(principal="another"))) == [("actor.principal", "NOT_THE_APPLICANT")]
    assert matter.untold() == ["02"]
    told = matter.hear("01", "task_opened")
    assert told is not None
    assert ids(told.item_opened.earlier_results) == ["02"]


def test_a_matter_that_rules_decide_has_two_events() -> None:
    matter = three()
    assert matter.rule("03") is None
    assert matter.rule("01") is None
    told = matter.rule("02")
    assert told is not None
    completed = told.matter_completed
    assert kinds(matter) == ["matter_accepted", "matter_completed"]
    assert ids(completed.results) == ["01", "02", "03"]
    assert all(result.automatic and result.outcome == GRANTED for result in completed.results)
    # Each at its own time: 01 was the second decision, 02 the third, 03 the first.
    assert [result.time.seconds - NOW // 1_000 for result in completed.results] == [1, 2, 0]
    assert completed.outcome == MatterOutcome.MATTER_OUTCOME_GRANTED
    assert list(completed.manifest) == [
        StreamPosition(writer="approval-city", topic="onematter.approval.city.events.v1", sequence=1),
        StreamPosition(writer="approval-county", topic=COUNTY_EVENTS, sequence=1),
        StreamPosition(writer="approval-province", topic="onematter.approval.province.events.v1", sequence=1),
        StreamPosition(writer="intake", topic="onematter.matter.events.v1", sequence=2),
    ]
    assert matter.untold() == []


def test_a_person_may_have_the_last_word() -> None:
    matter = three()
    matter.rule("01")
    matter.rule("02")
    told = matter.deny("03")
    assert told is not None
    assert [(r.item_id, r.automatic) for r in told.matter_completed.results] == [
        ("01", True),
        ("02", True),
        ("03", False),
    ]
    assert told.matter_completed.outcome == MatterOutcome.MATTER_OUTCOME_PARTLY_DENIED


@pytest.mark.parametrize(
    "decide",
    [
        lambda matter: matter.grant("01"),
        lambda matter: matter.deny("01"),
        lambda matter: matter.rule("01", Decision.DECISION_DENY),
    ],
    ids=["granted by a person", "denied by a person", "denied by a rule"],
)
def test_what_a_person_decides_and_every_denial_is_told_at_once(decide: Callable[[Matter], MatterEvent | None]) -> None:
    matter = three()
    told = decide(matter)
    assert told is not None
    assert told.item_concluded.result.item_id == "01"
    assert (list(told.item_concluded.earlier_results), matter.untold()) == ([], [])


def test_what_a_rule_grants_while_the_matter_is_being_withdrawn_is_told_at_once() -> None:
    matter = three()
    matter.give(withdraw())
    told = matter.rule("01")
    assert told is not None
    assert told.item_concluded.result.automatic


@pytest.mark.parametrize(("first", "second"), [("01", "02"), ("02", "01")])
def test_what_opens_an_item_is_told_at_once_and_before_it_what_opens_none(first: str, second: str) -> None:
    matter = joined()
    assert matter.rule(first) is None
    assert matter.statuses()["03"] == "WAITING"
    told = matter.rule(second)
    assert told is not None
    concluded = told.item_concluded
    assert (concluded.result.item_id, ids(concluded.earlier_results)) == (second, [first])
    assert list(concluded.opened_items) == ["03"]
    assert matter.asked("open_task")[-1] == "03"
    assert matter.untold() == []


@pytest.mark.parametrize(("first", "second"), [("01", "02"), ("02", "01")])
def test_a_person_opens_what_waits_for_a_rule_too(first: str, second: str) -> None:
    matter = joined()
    matter.rule(first)
    told = matter.grant(second)
    assert told is not None
    assert list(told.item_concluded.opened_items) == ["03"]
    assert ids(told.item_concluded.earlier_results) == [first]


def test_a_denial_lapses_what_waits_for_a_rule_too() -> None:
    matter = joined()
    matter.rule("01")
    told = matter.deny("02")
    assert told is not None
    assert list(told.item_concluded.lapsed_items) == ["03"]
    assert ids(told.item_concluded.earlier_results) == ["01"]
    assert matter.outcomes() == {"01": "GRANTED", "02": "DENIED", "03": "LAPSED"}


def test_the_application_leaves_the_state_when_nothing_waits_any_more() -> None:
    matter = joined()
    matter.rule("01")
    assert matter.state.HasField("application")
    matter.grant("02")
    assert matter.state.HasField("application"), "the event that opens the last item still needs it"
    matter.rule("04")
    assert not matter.state.HasField("application")


@pytest.mark.parametrize(
    "again",
    [
        lambda matter: matter.deny("01"),
        lambda matter: matter.grant("01"),
        lambda matter: matter.rule("01", Decision.DECISION_DENY),
        lambda matter: matter.rule("01"),
    ],
    ids=["denied by a person", "granted by a person", "denied by a rule", "granted by a rule in another record"],
)
def test_another_decision_of_the_same_item_is_a_broken_invariant(again: Callable[[Matter], object]) -> None:
    matter = three()
    matter.rule("01")
    before = matter.state.items[0].SerializeToString(deterministic=True)
    with pytest.raises(AssertionError, match="not in a department's hands"):
        again(matter)
    assert matter.state.items[0].SerializeToString(deterministic=True) == before


def test_what_is_granted_by_rule_is_not_opened_afterwards() -> None:
    matter = three()
    matter.rule("01")
    with pytest.raises(AssertionError, match="nobody asked"):
        matter.hear("01", "task_opened")


@pytest.mark.parametrize(
    ("heard", "broken"),
    [
        (by_rule("99"), "does not have"),
        (by_rule("01", "onematter.approval.city.events.v1"), "does not own"),
        (by_rule("03", "onematter.approval.city.events.v1"), "not in a department's hands"),
    ],
    ids=["unknown", "of another owner", "waiting"],
)
def test_what_is_wrong_is_not_absorbed(heard: Heard, broken: str) -> None:
    matter = joined()
    before = matter.state.SerializeToString(deterministic=True)
    with pytest.raises(AssertionError, match=broken):
        matter.give(heard)
    assert matter.state.SerializeToString(deterministic=True) == before


def test_of_commands_and_timers_nothing_is_absorbed() -> None:
    matter = three()
    context = Context(0, 0, 0, matter.ledger)
    for command in (visit(), withdraw(), TimerDue("x")):
        state = MatterState()
        state.CopyFrom(matter.state)
        assert matter.core.absorb(state, command, context) is state
        assert state == matter.state


def test_after_the_result_a_restore_changes_nothing_whether_a_decision_is_settled_or_next() -> None:
    matter = three()
    for item_id in ("02", "03", "01"):
        matter.rule(item_id)
    assert kinds(matter) == ["matter_accepted", "matter_completed"]
    assert [taken.told for taken in matter.taken] == [0, 0, 2]
    assert matter.restored().state == matter.state
    assert matter.restored(matter.taken).state == matter.state
    # Decided anew, as if nothing had been noted of the last one.
    again = matter.restored()
    for taken in matter.taken:
        assert again.give(taken.heard) is None
    assert again.state == matter.state


def test_what_a_later_event_told_is_not_absorbed_again_after_a_restore() -> None:
    matter = four()
    matter.rule("01")
    matter.hear("02", "task_opened")
    assert matter.untold() == []
    restored = matter.restored()
    assert restored.state == matter.state
    assert restored.outcomes() == {"01": "GRANTED"}
    assert matter.restored(matter.taken).state == matter.state


def test_what_no_event_told_is_absorbed_again_after_a_restore() -> None:
    matter = joined()
    matter.rule("01")
    matter.give(visit())
    matter.rule("04")
    assert matter.untold() == ["04"]
    assert matter.restored().statuses()["04"] == "SENT"
    assert matter.restored(matter.taken).state == matter.state


def test_what_an_event_tells_is_untold_no_longer_though_it_is_known() -> None:
    # From a database that had absorbed the decision, when after another restore it was the last and had the event.
    matter = three()
    told = matter.grant("02")
    assert told is not None
    known = three()
    known.rule("02")
    assert known.untold() == ["02"]
    state = known.core.evolve(known.state, told)
    assert not state.items[1].untold
    assert state.items[1].result == told.item_concluded.result


def places(matter: Matter) -> dict[tuple[str, str], int]:
    """What the one result's manifest names of approval's streams."""
    (completed,) = (event.matter_completed for event in matter.events if event.HasField("matter_completed"))
    return {(one.writer, one.topic): one.sequence for one in completed.manifest if one.writer != "intake"}


@pytest.mark.parametrize("decide", [Matter.rule, Matter.deny], ids=["told with a later event", "told at once"])
def test_after_a_restore_the_result_names_a_stream_that_is_not_read_again_yet(
    decide: Callable[[Matter, str], MatterEvent | None],
) -> None:
    matter = three()
    claimed = ApprovalEvent(matter_id=matter.matter_id, item_id="01")
    claimed.task_claimed.SetInParent()
    matter.hear_event(claimed, "approval-county", COUNTY_EVENTS)
    decide(matter, "01")
    matter.hear("02", "task_opened")
    matter.grant("02")
    restored = matter.restored([taken for taken in matter.taken if taken.writer != "approval-county"])
    assert restored.state == matter.state
    assert restored.grant("03") is not None
    assert places(restored) == {
        ("approval-county", COUNTY_EVENTS): 2,
        ("approval-city", "onematter.approval.city.events.v1"): 2,
        ("approval-province", "onematter.approval.province.events.v1"): 1,
    }


def test_the_result_names_the_last_record_of_a_stream_though_no_item_ended_by_it() -> None:
    matter = three()
    for item_id in ("01", "02"):
        matter.grant(item_id)
    late = ApprovalEvent(matter_id=matter.matter_id, item_id="01")
    late.task_overdue.SetInParent()
    matter.hear_event(late, "approval-county", COUNTY_EVENTS)
    matter.give(withdraw())
    matter.hear("03", "task_recalled")
    assert places(matter)["approval-county", COUNTY_EVENTS] == 2
    assert [result.sequence for result in matter.events[-1].matter_completed.results] == [1, 1, 1]


def test_what_lapses_has_no_place_in_a_stream() -> None:
    matter = joined()
    matter.rule("04")
    matter.deny("02")
    matter.grant("01")
    results = matter.events[-1].matter_completed.results
    # County's stream has the decisions of 02 and 01, in that order.
    assert [(result.item_id, result.sequence) for result in results] == [("01", 2), ("02", 1), ("03", 0), ("04", 1)]
