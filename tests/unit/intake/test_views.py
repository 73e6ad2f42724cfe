"""What intake shows of a matter and of the catalogue."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from tests.unit.intake.cases import (
    CALENDAR,
    CITY,
    COUNTY,
    ID_CARD,
    USCC,
    Matter,
    item,
    make_core,
    matter_type,
    three_levels,
)

from onematter.backbone.catalogue_files import load_catalogue
from onematter.common.v1.actor_pb2 import Level
from onematter.common.v1.outcome_pb2 import StreamPosition
from onematter.intake.servicer import MAX_MATERIAL_BYTES
from onematter.intake.v1 import intake_service_pb2 as messages
from onematter.intake.v1.intake_commands_pb2 import DeliveryWay
from onematter.intake.v1.intake_events_pb2 import MatterOutcome
from onematter.intake.v1.intake_state_pb2 import ItemStatus, MatterState, MatterStatus
from onematter.intake.views import guide, matter_view
from onematter.law.rules import Rule

AS_OF = StreamPosition(writer="intake", topic="onematter.matter.events.v1", sequence=4)


def test_a_view_says_how_the_matter_stands_and_of_when() -> None:
    matter = Matter(make_core())
    matter.happen()
    running = matter_view(matter.matter_id, matter.state, AS_OF)
    assert (running.matter_id, running.matter_number) == (matter.matter_id, matter.state.matter_number)
    assert (running.matter_code, running.division, running.visits) == ("OM-77", "330106", 1)
    assert running.status == MatterStatus.MATTER_STATUS_RUNNING
    assert running.as_of == AS_OF
    assert running.handed_in == matter.state.handed_in
    assert not running.HasField("completed")
    for item_id in ("01", "02", "03"):
        matter.grant(item_id)
    completed = matter_view(matter.matter_id, matter.state, AS_OF)
    assert completed.outcome == MatterOutcome.MATTER_OUTCOME_GRANTED
    assert completed.completed == matter.state.completed
    assert list(completed.items) == list(matter.state.items)


def test_a_view_shows_what_a_rule_granted_before_an_event_tells_it() -> None:
    matter = Matter(make_core())
    matter.happen()
    matter.rule("02")
    shown = matter_view(matter.matter_id, matter.state, AS_OF).items[1]
    assert (shown.status, shown.untold) == (ItemStatus.ITEM_STATUS_CONCLUDED, True)
    assert (shown.result.item_id, shown.result.automatic) == ("02", True)


def test_a_view_has_no_personal_data() -> None:
    # As long as an item waits, the state has them.
    matter = Matter(make_core(matter_type(item("01"), item("02", CITY, ["01"]))))
    matter.happen()
    shown = matter_view(matter.matter_id, matter.state, AS_OF).SerializeToString()
    for secret in (USCC, ID_CARD, "some firm", "somebody"):
        assert secret.encode() in matter.state.SerializeToString()
        assert secret.encode() not in shown


def test_every_material_of_the_shipped_catalogue_can_be_uploaded() -> None:
    sizes = [one.max_bytes for matter in load_catalogue().matter_types for one in matter.materials]
    assert 0 < max(sizes) <= MAX_MATERIAL_BYTES


def test_a_guide_says_what_is_asked_and_by_whom() -> None:
    rule = {"grant_when": "facts.area < 50.0", "explanation": {"zh-CN": "小", "en": "small"}}
    shown = guide(matter_type(item("01", COUNTY, auto_rule=rule), item("02", CITY, ["01"], legal_days=40)))
    assert (shown.matter_code, shown.version, shown.lead_department) == ("OM-77", 3, "planning")
    assert shown.name.texts["zh-CN"] == "中a matter"
    assert [(one.key, one.kind, one.required) for one in shown.facts] == [
        ("area", "number", True),
        ("name", "text", False),
        ("cities", "list", False),
    ]
    first, second = shown.items
    assert (first.item_id, first.level, first.automatic_rule) == ("01", Level.LEVEL_COUNTY, "facts.area < 50.0")
    assert (first.legal_days, first.promised_days) == (20, 10)
    assert second.legal_days == 40
    assert (second.level, list(second.depends_on), second.automatic_rule) == (Level.LEVEL_CITY, ["01"], "")
    (material,) = first.materials
    assert (material.material_id, material.required, material.max_bytes) == ("plan", True, 1_000)
    assert list(material.media_types) == ["application/pdf"]


def test_a_guide_says_what_an_item_waits_for_also_for_its_certificate() -> None:
    maker = item("01", COUNTY, produces_certificates=["permit"])
    shown = guide(matter_type(maker, item("02", CITY, needs_certificates=["permit"]), item("03", CITY, ["02"])))
    assert [list(one.depends_on) for one in shown.items] == [[], ["01"], ["02"]]


def test_a_view_says_what_is_asked_of_the_applicant_now() -> None:
    matter = Matter(make_core())
    matter.happen()
    matter.state.missing.append("plan")
    matter.state.unshared_materials.extend(["photo", "plan"])
    matter.state.items[1].missing.extend(["map", "plan"])
    assert list(matter_view(matter.matter_id, matter.state, AS_OF).missing) == ["plan", "map"]


def test_a_view_names_as_held_only_what_is_not_asked_after_all() -> None:
    state = MatterState(status=MatterStatus.MATTER_STATUS_RUNNING)
    for material_id in ("licence", "title", "photo"):
        state.held_materials.add(material_id=material_id, source="market_regulation")
    state.unshared_materials.append("title")
    state.instead_materials.append("photo")
    assert [one.material_id for one in matter_view("m", state, AS_OF).held_materials] == ["licence"]


def test_a_view_has_the_ledger_of_trips_and_how_many_are_to_come() -> None:
    kind = three_levels()
    matter = Matter(make_core(kind))
    matter.happen()
    matter.state.delivery = DeliveryWay.DELIVERY_WAY_COUNTER
    shown = matter_view(matter.matter_id, matter.state, AS_OF, matter_type=kind)
    assert list(shown.trips) == list(matter.state.trips)
    assert (shown.visits, shown.expected_visits) == (1, 2)
    assert matter_view(matter.matter_id, matter.state, AS_OF).expected_visits == 1


def test_a_view_shows_every_field_that_the_state_and_it_share() -> None:
    state = MatterState(status=MatterStatus.MATTER_STATUS_COMPLETED)
    shared: set[str] = set()
    for field in state.DESCRIPTOR.fields:
        if field.name not in messages.MatterView.DESCRIPTOR.fields_by_name:
            continue
        shared.add(field.name)
        if field.name in ("missing", "unshared_materials", "status"):
            continue
        fill(state, field)
    shown = matter_view("m", state, AS_OF)
    different = [name for name in shared - {"missing"} if getattr(shown, name) != getattr(state, name)]
    assert different == []
    assert {"trips", "delivered", "deadlines", "held_materials", "accepted_day"} <= shared


def fill(state: Any, field: Any) -> None:
    """Put something into a field of any kind."""
    value = getattr(state, field.name)
    if field.is_repeated:
        if field.message_type is not None:
            value.add()
        else:
            value.append("x")
    elif field.message_type is not None:
        value.SetInParent()
    else:
        setattr(state, field.name, {field.TYPE_STRING: "x", field.TYPE_BOOL: True}.get(field.type, 1))


def test_the_matters_deadline_explains_itself() -> None:
    kind = replace(three_levels(), promised_days=3)
    state = MatterState(accepted_day="2026-11-23", promised_days=3)
    shown = matter_view("m", state, AS_OF, matter_type=kind, calendar=CALENDAR)
    told = json.loads(shown.deadline_explanation_json)
    assert (told["period"], told["from"], told["days"], told["deadline"]) == ("promise", "2026-11-23", 3, "2026-11-26")
    joint = replace(three_levels(), joint=True)
    legal = matter_view("m", MatterState(accepted_day="2026-11-23"), AS_OF, matter_type=joint, calendar=CALENDAR)
    assert json.loads(legal.deadline_explanation_json)["days"] == 45


def test_without_a_clock_of_its_own_nothing_is_explained() -> None:
    state = MatterState(accepted_day="2026-11-23")
    shown = matter_view("m", state, AS_OF, matter_type=three_levels(), calendar=CALENDAR)
    assert shown.deadline_explanation_json == ""
    received = matter_view(
        "m", MatterState(), AS_OF, matter_type=replace(three_levels(), joint=True), calendar=CALENDAR
    )
    assert received.deadline_explanation_json == ""


def test_a_guide_requires_what_is_asked_of_everybody() -> None:
    plain = three_levels()
    (plan,) = plain.materials
    for change in (
        {"share_source": "police"},
        {"tolerant": True},
        {"required": False},
        {"when": Rule("facts.area > 1.0")},
    ):
        changed = replace(plan, **change)
        item_types = tuple(replace(one, materials=(changed,)) for one in plain.items)
        assert not guide(replace(plain, materials=(changed,), items=item_types)).items[0].materials[0].required
    made = replace(plan, certificate="permit")
    made_here = [replace(one, materials=(made,)) for one in plain.items]
    made_here[2] = replace(made_here[2], produces_certificates=("permit",))
    assert guide(replace(plain, items=tuple(made_here[:2]))).items[0].materials[0].required
    assert not guide(replace(plain, items=tuple(made_here))).items[0].materials[0].required
