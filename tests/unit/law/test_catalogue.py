"""Which items a matter opens, where and after what; and everything that an application lacks, at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from onematter.backbone.catalogue_files import load_catalogue
from onematter.law.catalogue import (
    Catalogue,
    MatterType,
    SubmittedMaterial,
    UnknownMatter,
    Unroutable,
    Violation,
    check,
    plan,
)
from onematter.law.divisions import Level
from onematter.law.rules import FactValue

CATALOGUE = load_catalogue()
PROJECT = CATALOGUE.get("OM-17")
TRANSPORT = CATALOGUE.get("OM-09")
BIRTH = CATALOGUE.get("OM-03")

PROJECT_FACTS: dict[str, FactValue] = {
    "project_name": "a factory",
    "investment_cny": 100_000_000.0,
    "site_area_m2": 20_000.0,
    "industry": "equipment",
    "uses_forest_land": True,
}
PROJECT_MATERIALS: tuple[SubmittedMaterial, ...] = (
    ("project_report", 32, 1_000, "application/pdf"),
    ("site_plan", 32, 1_000, "image/png"),
    ("environmental_report", 32, 1_000, "application/pdf"),
)
TRANSPORT_FACTS: dict[str, FactValue] = {
    "goods": "a transformer",
    "height_m": 4.9,
    "width_m": 3.5,
    "length_m": 25.0,
    "weight_t": 90.0,
    "origin_division": "330206",
    "route_cities": ["330200", "330600", "330100"],
}
TRANSPORT_MATERIALS: tuple[SubmittedMaterial, ...] = (
    ("transport_application", 32, 1_000, "application/pdf"),
    ("load_drawing", 32, 1_000, "application/pdf"),
)


def places(matter_type: MatterType, division: str, facts: dict[str, FactValue]) -> list[tuple[str, str, str]]:
    return [(one.instance_id, one.level.name, one.division) for one in plan(matter_type, division, facts)]


def told(
    matter_type: MatterType, facts: dict[str, FactValue], materials: Sequence[SubmittedMaterial]
) -> list[tuple[str, str, str]]:
    violations = check(matter_type, facts, materials)
    return [(one.field, one.reason, one.parameters.get("rule", "")) for one in violations]


def test_an_industrial_project_opens_ten_items_at_three_levels() -> None:
    assert places(PROJECT, "330106", PROJECT_FACTS) == [
        ("01", "COUNTY", "330106"),
        ("02", "PROVINCE", "330000"),
        ("03", "PROVINCE", "330000"),
        ("04", "CITY", "330100"),
        ("05", "CITY", "330100"),
        ("06", "CITY", "330100"),
        ("07", "COUNTY", "330106"),
        ("08", "COUNTY", "330106"),
        ("09", "CITY", "330100"),
        ("10", "COUNTY", "330106"),
    ]
    by_id = {one.instance_id: one for one in plan(PROJECT, "330106", PROJECT_FACTS)}
    assert by_id["10"].depends_on == ("04", "08", "09")
    assert by_id["02"].department == "forestry"


def test_an_item_opens_only_in_its_situation() -> None:
    ids = [one.instance_id for one in plan(PROJECT, "330106", {**PROJECT_FACTS, "uses_forest_land": False})]
    assert ids == ["01", "03", "04", "05", "06", "07", "08", "09", "10"]


def test_a_transport_opens_one_check_in_each_city_of_its_route() -> None:
    assert places(TRANSPORT, "330106", TRANSPORT_FACTS) == [
        ("01", "PROVINCE", "330000"),
        ("02@330200", "CITY", "330200"),
        ("02@330600", "CITY", "330600"),
        ("02@330100", "CITY", "330100"),
        ("03", "CITY", "330200"),
        ("04", "COUNTY", "330206"),
        ("05", "PROVINCE", "330000"),
    ]
    permit = plan(TRANSPORT, "330106", TRANSPORT_FACTS)[-1]
    assert permit.depends_on == ("01", "02@330200", "02@330600", "02@330100", "03", "04")


def test_a_dependency_on_an_item_that_does_not_apply_is_dropped() -> None:
    permit = plan(TRANSPORT, "330106", {**TRANSPORT_FACTS, "height_m": 4.0})[-1]
    assert permit.depends_on == ("01", "02@330200", "02@330600", "02@330100", "03")


def test_plans_of_different_situations_are_not_mixed_up() -> None:
    other = {**TRANSPORT_FACTS, "route_cities": ["330400"], "origin_division": "330402"}
    assert ("02@330400", "CITY", "330400") in places(TRANSPORT, "330106", other)
    assert ("03", "CITY", "330400") in places(TRANSPORT, "330106", other)
    assert ("03", "CITY", "330200") in places(TRANSPORT, "330106", TRANSPORT_FACTS)


def test_without_an_origin_the_matters_own_division_counts() -> None:
    facts = {key: value for key, value in TRANSPORT_FACTS.items() if key != "origin_division"}
    assert ("04", "COUNTY", "330106") in places(TRANSPORT, "330106", facts)


def test_town_items_go_to_their_county() -> None:
    facts: dict[str, FactValue] = {
        "mother_resident": True,
        "mother_has_maternity_insurance": False,
        "wants_residents_insurance": True,
    }
    first = plan(BIRTH, "330106001", facts)[0]
    assert (first.item.level, first.level, first.division) == (Level.TOWN, Level.COUNTY, "330106")


@pytest.mark.parametrize(
    ("division", "level"),
    [("330100", "COUNTY"), ("330000", "COUNTY"), ("33", "COUNTY"), ("330006", "COUNTY")],
)
def test_a_division_above_an_items_level_or_malformed_cannot_be_routed(division: str, level: str) -> None:
    with pytest.raises(Unroutable) as unroutable:
        plan(PROJECT, division, PROJECT_FACTS)
    assert unroutable.value.violation == Violation("division", "DIVISION_UNKNOWN", {"rule": "division", "level": level})


def test_unchecked_facts_cannot_be_routed_either() -> None:
    for facts in ({"route_cities": "330100"}, {"route_cities": ["33"]}, {"origin_division": "330200"}):
        with pytest.raises(Unroutable, match=r"application\.facts\["):
            plan(TRANSPORT, "330106", {**TRANSPORT_FACTS, **facts})


def test_a_complete_application_has_no_violations() -> None:
    assert told(PROJECT, PROJECT_FACTS, PROJECT_MATERIALS) == []
    assert told(TRANSPORT, TRANSPORT_FACTS, TRANSPORT_MATERIALS) == []


def test_everything_wrong_is_told_at_once() -> None:
    facts: dict[str, FactValue] = {
        "project_name": "  ",
        "investment_cny": -1.0,
        "industry": "gambling",
        "uses_forest_land": "yes",
        "colour": "red",
    }
    materials = [
        ("site_plan", 20, 0, "text/html"),
        ("environmental_report", 32, 52_428_801, "application/pdf"),
        ("environmental_report", 32, 1_000, "application/pdf"),
        ("environmental_report", 32, 1_000, "application/pdf"),
        ("love_letter", 32, 1_000, "application/pdf"),
    ]
    assert told(PROJECT, facts, materials) == [
        ("application.facts[project_name]", "FACT_MISSING", ""),
        ("application.facts[investment_cny]", "FACT_MALFORMED", "minimum"),
        ("application.facts[site_area_m2]", "FACT_MISSING", ""),
        ("application.facts[industry]", "FACT_MALFORMED", "choices"),
        ("application.facts[uses_forest_land]", "FACT_MALFORMED", "kind"),
        ("application.facts[colour]", "FACT_MALFORMED", "unknown"),
        ("application.materials[site_plan]", "MATERIAL_MALFORMED", "digest"),
        ("application.materials[site_plan]", "MATERIAL_MALFORMED", "empty"),
        ("application.materials[site_plan]", "MATERIAL_MALFORMED", "media_type"),
        ("application.materials[environmental_report]", "MATERIAL_OVERSIZED", ""),
        ("application.materials[environmental_report]", "MATERIAL_DUPLICATE", ""),
        ("application.materials[love_letter]", "MATERIAL_UNKNOWN", ""),
        ("application.materials[project_report]", "MATERIAL_MISSING", ""),
    ]


def test_what_the_government_holds_or_may_follow_is_never_asked() -> None:
    missing = {field for field, _, _ in told(PROJECT, PROJECT_FACTS, ())}
    assert missing == {
        "application.materials[project_report]",
        "application.materials[site_plan]",
        "application.materials[environmental_report]",
    }


def test_materials_of_items_that_do_not_apply_are_not_asked() -> None:
    restaurant = CATALOGUE.get("OM-06")
    facts: dict[str, FactValue] = {
        "shop_name": "a restaurant",
        "floor_area_m2": 80.0,
        "has_outdoor_sign": False,
        "sells_tobacco": False,
    }
    sign = ("application.materials[sign_drawing]", "MATERIAL_MISSING", "")
    assert sign not in told(restaurant, facts, ())
    assert sign in told(restaurant, {**facts, "has_outdoor_sign": True}, ())


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"height_m": float("inf")}, "finite"),
        ({"height_m": float("nan")}, "finite"),
        ({"height_m": True}, "kind"),
        ({"height_m": "4.9"}, "kind"),
        ({"goods": "x" * 1_001}, "length"),
        ({"route_cities": ["330100"] * 2}, "distinct"),
        ({"route_cities": [f"{code:04d}00" for code in range(3301, 3366)]}, "length"),
        ({"route_cities": ["330106"]}, "pattern"),
        ({"route_cities": ["000100"]}, "division"),
        ({"route_cities": "330100"}, "kind"),
        ({"origin_division": "330200"}, "division"),
        ({"origin_division": "330006"}, "division"),
        ({"origin_division": "330206\n"}, "pattern"),
    ],
)
def test_a_malformed_fact_names_its_rule(change: dict[str, FactValue], rule: str) -> None:
    (field,) = (f"application.facts[{key}]" for key in change)
    assert (field, "FACT_MALFORMED", rule) in told(TRANSPORT, {**TRANSPORT_FACTS, **change}, TRANSPORT_MATERIALS)


def test_an_empty_required_list_is_missing() -> None:
    facts = {**TRANSPORT_FACTS, "route_cities": []}
    assert ("application.facts[route_cities]", "FACT_MISSING", "") in told(TRANSPORT, facts, TRANSPORT_MATERIALS)


def test_names_that_no_catalogue_could_hold_are_told_by_position() -> None:
    facts: dict[str, FactValue] = {**PROJECT_FACTS, "330106199003071236": "x"}
    materials = [*PROJECT_MATERIALS, ("张三的材料", 32, 1, "application/pdf")]
    assert [field for field, _, _ in told(PROJECT, facts, materials)] == [
        "application.facts[#5]",
        "application.materials[#3]",
    ]


def test_the_number_of_violations_is_bounded() -> None:
    materials = [(f"m{number}", 32, 1, "application/pdf") for number in range(10_000)]
    assert len(check(PROJECT, PROJECT_FACTS, materials)) == 100


def test_a_situation_in_which_no_item_applies_is_refused() -> None:
    death = CATALOGUE.get("OM-04")
    only_by_licence = replace(death, items=tuple(item for item in death.items if item.item_id == "08"))
    facts: dict[str, FactValue] = {
        "natural_death": True,
        "had_pension_account": False,
        "had_driving_licence": False,
        "had_housing_fund": False,
    }
    assert told(only_by_licence, facts, ()) == [("application.facts", "SITUATION_NOT_APPLICABLE", "")]
    assert plan(only_by_licence, "330106", facts) == ()


def test_a_media_type_is_compared_without_case() -> None:
    materials = [(name, size, digest, kind.upper()) for name, size, digest, kind in PROJECT_MATERIALS]
    assert told(PROJECT, PROJECT_FACTS, materials) == []


@pytest.mark.parametrize(
    ("code", "item_id", "facts", "granted"),
    [
        ("OM-90", "02", {"amount": 1_000_000.0}, True),
        ("OM-90", "02", {"amount": 1_000_000.5}, False),
        ("OM-17", "01", PROJECT_FACTS, True),
        ("OM-17", "01", {**PROJECT_FACTS, "industry": "steel"}, False),
        ("OM-09", "02", TRANSPORT_FACTS, False),
        (
            "OM-09",
            "02",
            {**TRANSPORT_FACTS, "height_m": 4.2, "width_m": 3, "length_m": 20, "weight_t": 49},
            True,
        ),
        ("OM-09", "01", {**TRANSPORT_FACTS, "weight_t": 0.0}, False),
    ],
)
def test_shipped_rules_grant_what_they_say(code: str, item_id: str, facts: dict[str, FactValue], granted: bool) -> None:
    rule = CATALOGUE.get(code).item(item_id).rule
    assert rule is not None
    assert rule.decide(facts) is granted


def test_a_matter_is_found_by_version_and_never_replaced_by_another() -> None:
    second = replace(PROJECT, version=2)
    catalogue = Catalogue((second, PROJECT), {})
    assert catalogue.get("OM-17") is second
    assert catalogue.get("OM-17", 1) is PROJECT
    assert catalogue.latest() == (second,)
    with pytest.raises(UnknownMatter, match="no such matter in version 3"):
        catalogue.get("OM-17", 3)
    with pytest.raises(UnknownMatter, match="onematter catalogue"):
        catalogue.get("OM-99")


def test_the_same_version_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="OM-17 stands twice in version 1"):
        Catalogue((PROJECT, replace(PROJECT, illustrative=False)), {})


def test_every_shipped_matter_can_be_planned() -> None:
    samples: dict[str, FactValue] = {"text": "x", "number": 1_000_001.0, "flag": True, "list": ["330100"]}
    for matter_type in CATALOGUE.latest():
        facts: dict[str, FactValue] = {
            fact.key: fact.choices[0] if fact.choices and fact.kind == "text" else samples[fact.kind]
            for fact in matter_type.facts
        }
        if "origin_division" in facts:
            facts["origin_division"] = "330106"
        assert plan(matter_type, "330106", facts), matter_type.code


def test_departments_have_names_in_both_languages() -> None:
    assert CATALOGUE.department_names("forestry") == {"zh-CN": "林草", "en": "Forestry and Grassland"}
    assert CATALOGUE.department_names("elsewhere") == {"zh-CN": "elsewhere", "en": "elsewhere"}
