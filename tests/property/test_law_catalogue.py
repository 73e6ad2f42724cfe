"""Every plan of every shipped matter is a stable order without cycles; every missing material is told."""

from __future__ import annotations

from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from onematter.backbone.catalogue_files import load_catalogue
from onematter.law.catalogue import FactSpec, MatterType, SubmittedMaterial, applicable, check, plan
from onematter.law.divisions import Level, level_of
from onematter.law.rules import FactValue

CATALOGUE = load_catalogue()
COUNTIES = ["330106", "330206", "330402", "110101", "330106001", "330106001001", "442000"]
PROVINCES = ["320000", "350000", "360000"]
CITIES = ["330100", "330200", "330400", "330600", "331100"]


def values(fact: FactSpec) -> st.SearchStrategy[Any]:
    if fact.key == "origin_division":
        return st.sampled_from(["330106", "330206", "330402"])
    if fact.kind == "list":
        known = fact.choices or (PROVINCES if fact.key == "route_provinces" else CITIES)
        return st.lists(st.sampled_from(known), min_size=1, unique=True)
    if fact.pattern:
        return st.from_regex(fact.pattern, fullmatch=True, alphabet="0123456789-")
    if fact.choices:
        return st.sampled_from(fact.choices)
    return {
        "text": st.text(min_size=1, max_size=20).filter(lambda text: not text.isspace()),
        "number": st.floats(fact.minimum or 0, 1e12, allow_nan=False),
        "flag": st.booleans(),
    }[fact.kind]


@st.composite
def applications(draw: st.DrawFn) -> tuple[MatterType, str, dict[str, FactValue]]:
    matter_type = draw(st.sampled_from(CATALOGUE.latest()))
    facts: dict[str, FactValue] = {}
    for fact in matter_type.facts:
        if fact.when is None or fact.when.holds(facts):
            facts[fact.key] = draw(values(fact))
    assume(any(applicable(matter_type, facts)))
    return matter_type, draw(st.sampled_from(COUNTIES)), facts


def complete(matter_type: MatterType) -> list[SubmittedMaterial]:
    return [(one.material_id, 32, one.max_bytes, one.media_types[0]) for one in matter_type.materials]


@given(applications())
def test_a_plan_has_no_cycle_and_no_dependency_outside_it(application: tuple[Any, str, Any]) -> None:
    planned = plan(*application)
    ids = [one.instance_id for one in planned]
    assert len(set(ids)) == len(ids)
    done: set[str] = set()
    while ready := [one for one in planned if one.instance_id not in done and done.issuperset(one.depends_on)]:
        done.update(one.instance_id for one in ready)
    assert done == set(ids)


@given(applications())
def test_a_plan_is_stable_and_in_the_catalogues_order(application: tuple[Any, str, Any]) -> None:
    matter_type, division, facts = application
    planned = plan(matter_type, division, facts)
    again = plan(matter_type, division, dict(reversed(facts.items())))
    assert [one.instance_id for one in again] == [one.instance_id for one in planned]
    order = [item.item_id for item in matter_type.items]
    positions = [order.index(one.item.item_id) for one in planned]
    assert positions == sorted(positions)


@given(applications())
def test_an_item_is_planned_at_an_approving_level_that_holds_its_division(
    application: tuple[Any, str, Any],
) -> None:
    for one in plan(*application):
        assert one.level in (Level.PROVINCE, Level.CITY, Level.COUNTY)
        assert level_of(one.division) == one.level or one.division == "442000"


@given(applications(), st.data())
def test_every_removed_material_is_told_and_nothing_else(
    application: tuple[Any, str, Any], data: st.DataObject
) -> None:
    matter_type, division, facts = application
    materials = complete(matter_type)
    assert check(matter_type, facts, materials) == ()
    # One matter asks for none.
    removed = data.draw(st.sets(st.sampled_from([one[0] for one in materials]))) if materials else set[str]()
    left = [one for one in materials if one[0] not in removed]
    planned = plan(matter_type, division, facts)
    made = {certificate for one in planned for certificate in one.item.produces_certificates}
    asked = {
        spec.material_id
        for one in planned
        for spec in one.item.materials
        if spec.required and not spec.tolerant and spec.share_source is None
        if spec.certificate not in made and (spec.when is None or spec.when.decide(facts))
    }
    told = [(one.field, one.reason) for one in check(matter_type, facts, left)]
    expected = {(f"application.materials[{material_id}]", "MATERIAL_MISSING") for material_id in removed & asked}
    assert len(told) == len(expected)
    assert set(told) == expected


@given(applications(), st.data())
def test_every_removed_answer_that_no_rule_needs_is_told(
    application: tuple[Any, str, Any], data: st.DataObject
) -> None:
    matter_type, _, facts = application
    behind = {key for fact in matter_type.facts if fact.when is not None for key in fact.when.facts}
    free = sorted(facts.keys() - behind)
    removed = data.draw(st.sets(st.sampled_from(free))) if free else set[str]()
    left = {key: value for key, value in facts.items() if key not in removed}
    required = {fact.key for fact in matter_type.facts if fact.required}
    told = {one.field for one in check(matter_type, left, complete(matter_type)) if one.reason == "FACT_MISSING"}
    assert told == {f"application.facts[{key}]" for key in removed & required}
