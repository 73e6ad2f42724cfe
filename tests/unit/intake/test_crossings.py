"""What crosses on its way between the applicant, the departments, the exchange and the window."""

from __future__ import annotations

from tests.unit.intake.cases import Matter, violations, visit, withdraw
from tests.unit.intake.test_delivery import deliver
from tests.unit.intake.test_hearing import hear, told
from tests.unit.intake.test_sharing import accepted, found, hears, refused, supplied, timed_out
from tests.unit.intake.window import correct, received, refuse, supply
from tests.unit.intake.window import told as event_of

from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.backbone.finishing import Finisher
from onematter.common.v1.outcome_pb2 import StreamPosition
from onematter.contracts.topics import MATTER_EVENTS, table
from onematter.exchange.v1.exchange_events_pb2 import ExchangeEvent
from onematter.intake.v1.intake_commands_pb2 import DeliveryWay, MaterialNeed
from onematter.intake.v1.intake_events_pb2 import MatterEvent
from onematter.intake.views import matter_view


def late(event: ExchangeEvent) -> ExchangeEvent:
    """The same, after the exchange had told that it did not come."""
    event.material_resolved.late = True
    return event


def opened(matter: Matter, *item_ids: str) -> Matter:
    for item_id in item_ids:
        hear(matter, told(item_id, "task_opened"))
    return matter


def correction(item_id: str, *material_ids: str) -> ApprovalEvent:
    event = told(item_id, "correction_requested", round=1)
    for material_id in material_ids:
        event.correction_requested.needs.add(material_id=material_id, reason="no seal")
    return event


def missing(matter: Matter) -> list[str]:
    """What the applicant reads."""
    return list(matter_view("m", matter.state, StreamPosition()).missing)


def test_what_the_applicant_supplied_is_not_replaced_by_what_comes_late() -> None:
    matter = accepted()
    hears(matter, timed_out())
    event_of(matter.give(supply("licence")))
    assert hears(matter, late(found())) is None
    assert supplied(matter) == [("01", ["licence"])]


def test_what_was_never_asked_of_the_applicant_is_taken_when_it_comes_late() -> None:
    matter = accepted()
    hears(matter, refused("photo", ("02",)))
    event = hears(matter, late(found("photo", ("02",))))
    assert event is not None
    assert [one.material_id for one in event.materials_resolved.materials] == ["photo"]
    assert list(matter.state.unshared_materials) == []


def test_what_is_not_required_is_not_shown_as_missing() -> None:
    matter = accepted()
    hears(matter, refused("photo", ("02",)))
    assert missing(matter) == []


def test_a_correction_does_not_hide_what_was_not_shared() -> None:
    matter = opened(accepted(), "01")
    hears(matter, timed_out())
    hear(matter, correction("01", "plan"))
    resumed = told("01", "task_supplied", resumed_day="2026-11-24")
    event_of(matter.give(supply("plan")))
    hear(matter, resumed)
    assert missing(matter) == ["licence"]
    assert list(next(one for one in matter.state.items if one.item.item_id == "01").missing) == ["licence"]


def test_what_only_ended_items_needed_is_asked_no_more() -> None:
    matter = accepted()
    hears(matter, timed_out("title", ("01",)))
    matter.grant("01")
    assert missing(matter) == []
    assert violations(matter.give(supply("title"))) == [("supply_materials.materials[title]", "CORRECTION_NOT_ASKED")]


def test_however_often_somebody_came_the_result_can_be_told() -> None:
    matter = opened(accepted(), "01")
    refusals: list[tuple[str, str]] = []
    for number in range(400):
        matter.now_unix_ms += 86_400_000
        answer = matter.give(visit(reason="\N{GRINNING FACE}" * 2_000))
        if not isinstance(answer, MatterEvent):
            refusals = violations(answer)
            break
        assert number < 300, "without a bound"
    assert refusals == [("record_visit", "FIELD_TOO_LONG")]
    end = matter.deny("01")
    assert end is not None
    assert end.WhichOneof("event") == "matter_completed"
    Finisher(table().max_message_bytes).sending(0, MATTER_EVENTS, "m", end, "event", 1, 0, "")


def test_a_correction_asked_again_and_again_keeps_one_need_of_each_material() -> None:
    matter = received()
    for number in range(5):
        need = MaterialNeed(material_id="plan", reason="blurred", newly_visible_because=f"page {number}")
        event_of(matter.give(correct(need)))
    assert [one.newly_visible_because for one in matter.state.asked_corrections] == ["page 4"]
    assert matter.state.correction_rounds == 5


def test_what_was_not_accepted_has_no_result_to_deliver() -> None:
    matter = received()
    event_of(matter.give(refuse()))
    expected = [("matter_id", "MATTER_CONCLUDED")]
    assert violations(matter.give(deliver(DeliveryWay.DELIVERY_WAY_E_CERTIFICATE))) == expected
    assert not matter.state.HasField("delivered")


def test_what_was_taken_back_before_acceptance_has_no_result_to_deliver() -> None:
    matter = received()
    event_of(matter.give(withdraw()))
    expected = [("matter_id", "MATTER_CONCLUDED")]
    assert violations(matter.give(deliver(DeliveryWay.DELIVERY_WAY_E_CERTIFICATE))) == expected


def test_what_was_transferred_is_given_back_by_who_has_it() -> None:
    matter = opened(accepted(), "01")
    hear(matter, told("01", "task_transferred", department="housing", division="330106", reason="competence"))
    event_of(matter.give(withdraw()))
    end = matter.hear("01", "task_recalled")
    assert end is not None
    assert end.matter_completed.results[0].department == "housing"
