"""What intake shows of a matter and of the catalogue."""

from __future__ import annotations

from tests.unit.intake.cases import CITY, COUNTY, ID_CARD, USCC, Matter, item, make_core, matter_type

from onematter.backbone.catalogue_files import load_catalogue
from onematter.common.v1.actor_pb2 import Level
from onematter.common.v1.outcome_pb2 import StreamPosition
from onematter.intake.servicer import MAX_MATERIAL_BYTES
from onematter.intake.v1.intake_events_pb2 import MatterOutcome
from onematter.intake.v1.intake_state_pb2 import ItemStatus, MatterStatus
from onematter.intake.views import guide, matter_view

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
