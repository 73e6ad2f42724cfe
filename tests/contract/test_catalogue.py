"""The catalogue that ships: every matter is there with its items, nothing is wrong, and nothing is named in vain."""

from __future__ import annotations

from datetime import date
from typing import get_args

import pytest

from onematter.backbone.catalogue_files import load_catalogue
from onematter.law.catalogue import plan
from onematter.law.linting import groups_in_use, lint, matter_groups_in_use
from onematter.law.matters import Evidence, Grade
from onematter.law.rules import FactValue
from onematter.law.situations import situations

CATALOGUE = load_catalogue()

# How many items the sources give each matter. OM-09: acceptance, provinces on the way, cities on the way, the county of
# origin, traffic police, issue. OM-11: its four phases. OM-12: three permits and four connections.
ITEMS = {
    "OM-01": 7,
    "OM-02": 6,
    "OM-03": 9,
    "OM-04": 9,
    "OM-05": 4,
    "OM-06": 5,
    "OM-07": 8,
    "OM-08": 12,
    "OM-09": 6,
    "OM-10": 4,
    "OM-11": 4,
    "OM-12": 7,
    "OM-13": 5,
    "OM-14": 3,
    "OM-15": 7,
    "OM-16": 4,
    "OM-17": 10,
    "OM-90": 3,
    "SELF-01": 3,
}
ILLUSTRATIVE = {"OM-10", "OM-11", "OM-12", "OM-14", "OM-15", "OM-16", "OM-17", "OM-90", "SELF-01"}


def test_every_matter_is_there_with_its_items() -> None:
    assert {one.code: len(one.items) for one in CATALOGUE.latest()} == ITEMS
    assert {one.code for one in CATALOGUE.latest() if one.illustrative} == ILLUSTRATIVE


def test_nothing_is_wrong_with_it() -> None:
    assert [str(finding) for finding in lint(CATALOGUE)] == []


def test_every_matter_is_in_force_in_2026() -> None:
    for code in ITEMS:
        assert CATALOGUE.in_force(code, date(2026, 11, 23)).code == code


def test_every_group_of_fields_says_how_far_to_trust_it_and_what_is_sourced_from_where() -> None:
    told: list[tuple[str, Evidence | None]] = []
    for matter_type in CATALOGUE.matter_types:
        told += [
            (f"{matter_type.code} {group}", matter_type.evidence_by_group.get(group))
            for group in matter_groups_in_use(matter_type)
        ]
        told += [(matter_type.code, fact.evidence) for fact in matter_type.facts]
        told += [(matter_type.code, material.evidence) for material in matter_type.materials]
        told += [
            (f"{matter_type.code} {item.item_id} {group}", item.evidence_by_group.get(group))
            for item in matter_type.items
            for group in groups_in_use(item)
        ]
    for place, evidence in told:
        assert evidence is not None, place
        assert evidence.grade in get_args(Grade), place
        assert evidence.note or evidence.grade != "sourced", place


def test_tables_hold_what_is_used_and_nothing_else() -> None:
    items = [item for matter_type in CATALOGUE.matter_types for item in matter_type.items]
    materials = [material for matter_type in CATALOGUE.matter_types for material in matter_type.materials]
    departments = {one.department for one in items} | {one.lead_department for one in CATALOGUE.matter_types}
    departments |= {one.share_source for one in materials if one.share_source}
    departments |= {one.supervised_by for one in items if one.supervised_by}
    departments |= {one for item in items if item.opinions for one in item.opinions.departments}
    assert set(CATALOGUE.departments) == departments
    certificates = {one for item in items for one in (*item.produces_certificates, *item.needs_certificates)}
    assert set(CATALOGUE.certificates) == certificates
    assert set(CATALOGUE.laws) == {basis.law for item in items for basis in item.basis}


@pytest.mark.parametrize("code", sorted(ITEMS))
def test_in_every_situation_the_plan_can_be_run_to_its_end(code: str) -> None:
    matter_type = CATALOGUE.get(code)
    keys = [fact.key for fact in matter_type.facts if fact.kind == "flag" or fact.choices]
    fixed: dict[str, FactValue] = {"origin_division": "330206", "route_cities": ["330200", "330100"]}
    reached: set[str] = set()
    for chosen in situations(
        matter_type, [*keys, *(key for item in matter_type.items if item.when for key in item.when.facts)]
    ):
        facts = {**fixed, **chosen} if code == "OM-09" else chosen
        planned = plan(matter_type, "330106", facts)
        done: set[str] = set()
        while ready := [one for one in planned if one.instance_id not in done and done.issuperset(one.depends_on)]:
            done.update(one.instance_id for one in ready)
        assert done == {one.instance_id for one in planned}
        reached.update(one.item.item_id for one in planned)
    # Provinces on the way are the one list that this test leaves empty.
    assert reached == {item.item_id for item in matter_type.items} - ({"06"} if code == "OM-09" else set())


def test_facts_of_the_domain_stand_in_their_places() -> None:
    birth, closing, death = (CATALOGUE.get(code) for code in ("OM-03", "OM-02", "OM-04"))
    facts: dict[str, FactValue] = {
        "mother_resident": True,
        "mother_has_maternity_insurance": True,
        "wants_residents_insurance": True,
    }
    waits = {one.instance_id: one.depends_on for one in plan(birth, "330106", facts)}
    assert waits["05"] == waits["06"] == ("02", "04")
    assert waits["07"] == ("05",)
    assert [item.promised_days for item in closing.items] == [10, 1, 1, 1, 1, 1]
    died: dict[str, FactValue] = {
        "natural_death": False,
        "had_pension_account": True,
        "had_driving_licence": True,
        "had_housing_fund": True,
    }
    waits = {one.instance_id: one.depends_on for one in plan(death, "330106", died)}
    assert "01" not in waits
    assert {item_id for item_id, needed in waits.items() if needed == ("02",)} == {"03", "04", "05", "06", "07", "09"}
    assert waits["08"] == ("07",)
    assert (CATALOGUE.get("OM-01").promised_days, birth.promised_days, CATALOGUE.get("OM-11").promised_days) == (
        2,
        5,
        90,
    )
    building = CATALOGUE.get("OM-10")
    assert [item.item_id for item in building.items if item.optional] == ["04"]


def test_ways_of_handling_stand_where_the_domain_has_them() -> None:
    by_code = {one.code: one for one in CATALOGUE.latest()}
    assert {code for code, one in by_code.items() if one.acceptance == "window"} == {"OM-02", "OM-15"}
    assert {code for code, one in by_code.items() if one.joint} == {"OM-17"}
    assert {code: one.cross_region for code, one in by_code.items() if one.cross_region} == {
        "OM-05": ("relayed",),
        "OM-07": ("remote",),
        "OM-15": ("relayed",),
    }
    assert [total.days for total in by_code["OM-09"].totals] == [5, 10, 20]
    assert {code for code, one in by_code.items() if any(item.pledge for item in one.items)} == {"OM-06", "OM-13"}
    shop, project = by_code["OM-06"], by_code["OM-17"]
    assert [item.item_id for item in shop.items if item.joint_visit_group == "site_visit"] == ["02", "03", "04"]
    assert [item.item_id for item in project.items if item.denial == "matter"] == ["01"]
    # The demo and the benchmark: nothing there waits for a window, a visit of its own or another's opinion.
    for code in ("OM-09", "OM-17", "OM-90"):
        assert by_code[code].acceptance == "rule"
        assert not any(item.opinions for item in by_code[code].items)
