"""What is wished for with a hand-in: materials that follow, items on a pledge, and the way of delivery."""

from __future__ import annotations

import pytest
from tests.unit.intake.cases import CITY, Matter, fact_list, item, make_core, names, violations
from tests.unit.intake.window import accept, commands, document, explained, received, submission, told, window_type

from onematter.common.v1.application_pb2 import Fact
from onematter.intake.v1.intake_commands_pb2 import DeliveryWay, IntakeCommand
from onematter.intake.v1.intake_events_pb2 import MatterEvent

POST = DeliveryWay.DELIVERY_WAY_POST
COUNTER = DeliveryWay.DELIVERY_WAY_COUNTER


def by_rule(command: IntakeCommand, **more: object) -> Matter:
    matter = Matter(make_core(window_type(acceptance="rule", **more)))
    assert isinstance(matter.give(command), MatterEvent)
    return matter


def refused(command: IntakeCommand, **more: object) -> list[tuple[str, str, dict[str, str]]]:
    return explained(Matter(make_core(window_type(**more))).give(command))


def test_a_promised_material_is_outstanding_for_each_item_that_uses_it() -> None:
    matter = by_rule(submission(promised_materials=["photo"]))
    assert list(matter.events[0].matter_accepted.outstanding_materials) == ["photo"]
    assert list(matter.state.outstanding_materials) == ["photo"]
    matter.grant("01")
    opened = {one.item_id: list(one.open_task.outstanding_materials) for one in commands(matter, "open_task")}
    assert opened == {"01": [], "03": ["photo"], "02": ["photo"]}


def test_a_promise_stands_until_the_window_accepts() -> None:
    matter = received(promised_materials=["photo"], pledged_items=["03"])
    assert list(matter.events[0].matter_received.outstanding_materials) == ["photo"]
    event = told(matter.give(accept())).matter_accepted
    assert (list(event.outstanding_materials), list(event.pledged_items)) == (["photo"], ["03"])
    opened = {one.item_id: list(one.open_task.outstanding_materials) for one in commands(matter, "open_task")}
    assert opened == {"01": [], "03": ["photo"]}


def test_what_is_neither_supplied_nor_promised_is_not_outstanding() -> None:
    matter = by_rule(submission())
    assert list(matter.state.outstanding_materials) == []
    assert {tuple(one.open_task.outstanding_materials) for one in commands(matter, "open_task")} == {()}


def test_a_promised_material_that_was_handed_in_is_not_outstanding() -> None:
    command = submission(promised_materials=["photo"])
    command.submit_matter.application.materials.add().CopyFrom(command.submit_matter.application.materials[0])
    command.submit_matter.application.materials[1].material_id = "photo"
    assert list(by_rule(command).state.outstanding_materials) == []


@pytest.mark.parametrize("material_id", ["plan", "note", "licence", "proof"])
def test_only_a_secondary_material_may_follow(material_id: str) -> None:
    assert refused(submission(promised_materials=["photo", material_id])) == [
        (
            f"submit_matter.promised_materials[{material_id}]",
            "MATERIAL_NOT_TOLERABLE",
            {"material": material_id},
        )
    ]


def test_a_secondary_material_that_this_situation_does_not_need_cannot_be_promised() -> None:
    materials = document()["materials"]
    materials[1]["when"] = "facts.area < 10.0"
    answer = refused(submission(promised_materials=["photo"]), materials=materials)
    assert answer == [("submit_matter.promised_materials[photo]", "MATERIAL_NOT_TOLERABLE", {"material": "photo"})]


def test_an_unknown_or_repeated_promise_is_told_without_repeating_what_was_sent() -> None:
    answer = refused(submission(promised_materials=["photo", "330106199003071236", "photo"]))
    assert answer == [
        ("submit_matter.promised_materials[#1]", "MATERIAL_UNKNOWN", {"known": "photo"}),
        ("submit_matter.promised_materials[photo]", "MATERIAL_DUPLICATE", {}),
    ]
    many = refused(submission(promised_materials=["photo"] * 101, pledged_items=["03"] * 101))
    assert [(field, reason) for field, reason, _ in many] == [
        ("submit_matter.promised_materials", "FIELD_TOO_LONG"),
        ("submit_matter.pledged_items", "FIELD_TOO_LONG"),
    ]


def test_a_pledged_item_opens_on_the_pledge() -> None:
    matter = by_rule(submission(pledged_items=["03"]))
    assert list(matter.events[0].matter_accepted.pledged_items) == ["03"]
    assert {one.item_id: one.open_task.pledged for one in commands(matter, "open_task")} == {"01": False, "03": True}


def test_a_pledge_for_an_item_of_each_division_is_one_for_all_or_for_the_named() -> None:
    cities = {"key": "cities", "kind": "list", "required": True, "names": names("cities")}
    each = item("01", CITY, routing="each", for_each="cities", pledge=True)
    kind = {"facts": [*document()["facts"], cities], "items": [each], "materials": document()["materials"][:1]}
    places = {"cities": fact_list("330100", "330200")}
    for pledged, expected in (
        (["01"], ["01@330100", "01@330200"]),
        (["01@330200"], ["01@330200"]),
        # A division that is not among them has no item.
        (["01@330300"], []),
    ):
        matter = by_rule(submission(pledged_items=pledged, facts=places), **kind)
        assert list(matter.state.pledged_items) == expected
        opened = [one.item_id for one in commands(matter, "open_task") if one.open_task.pledged]
        assert opened == expected


def test_only_what_the_catalogue_offers_is_decided_on_a_pledge() -> None:
    assert refused(submission(pledged_items=["03", "01", "99"])) == [
        ("submit_matter.pledged_items[01]", "PLEDGE_NOT_ALLOWED", {"known": "03"}),
        ("submit_matter.pledged_items[99]", "PLEDGE_NOT_ALLOWED", {"known": "03"}),
    ]


def test_whoever_has_a_bad_credit_record_is_trusted_with_neither() -> None:
    wishes = {"promised_materials": ["photo"], "pledged_items": ["03"]}
    assert refused(submission(facts={"credit_barred": Fact(flag=True)}, **wishes)) == [
        ("submit_matter.promised_materials", "CREDIT_BARRED", {}),
        ("submit_matter.pledged_items", "CREDIT_BARRED", {}),
    ]
    assert by_rule(submission(facts={"credit_barred": Fact(flag=False)}, **wishes))
    # Without a wish it does not matter.
    assert by_rule(submission(facts={"credit_barred": Fact(flag=True)}))


def test_the_way_of_delivery_is_kept_also_by_the_window() -> None:
    assert by_rule(submission(delivery=POST)).state.delivery == POST
    matter = received(delivery=COUNTER)
    assert matter.events[0].matter_received.delivery == COUNTER
    assert told(matter.give(accept())).matter_accepted.delivery == COUNTER


def test_a_way_that_is_not_offered_is_refused() -> None:
    offered = ["e_certificate", "post"]
    assert refused(submission(delivery=COUNTER), delivery=offered) == [
        ("submit_matter.delivery", "DELIVERY_WAY_NOT_OFFERED", {"offered": "e_certificate, post"})
    ]
    assert refused(submission(delivery=9)) == [("submit_matter.delivery", "FIELD_MALFORMED", {"rule": "delivery"})]


@pytest.mark.parametrize(
    ("offered", "way"),
    [(["e_certificate", "post"], 0), (["post", "counter"], POST), (["counter"], COUNTER)],
)
def test_without_a_wish_it_comes_by_e_certificate_or_as_first_offered(offered: list[str], way: int) -> None:
    assert by_rule(submission(), delivery=offered).state.delivery == way


def test_wishes_are_told_with_all_else_that_is_wrong() -> None:
    command = submission(promised_materials=["plan"], delivery=COUNTER)
    command.submit_matter.division = "x"
    command.submit_matter.application.materials[0].size_bytes = 0
    answer = violations(Matter(make_core(window_type(delivery=["post"]))).give(command))
    assert set(answer) == {
        ("submit_matter.division", "DIVISION_UNKNOWN"),
        ("submit_matter.delivery", "DELIVERY_WAY_NOT_OFFERED"),
        ("application.materials[plan]", "MATERIAL_MALFORMED"),
        ("submit_matter.promised_materials[plan]", "MATERIAL_NOT_TOLERABLE"),
    }
