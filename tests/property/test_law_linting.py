"""Random matters of up to 40 items: the lint finds what is planted and nothing before, and every plan can be run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.unit.law.documents import document, flag, item, material, names, when

from onematter.law.catalogue import Catalogue, MatterType, check, plan
from onematter.law.dependencies import cycle, dependencies, stages
from onematter.law.guide import guide
from onematter.law.linting import lint
from onematter.law.needs import needed
from onematter.law.problems import DocumentRefused
from onematter.law.reading import read_matter_type
from onematter.law.rules import FactValue, Rule

FLAGS = ("f0", "f1", "f2", "f3")
MAX_ITEMS = 40


class Made(NamedTuple):
    matter_type: MatterType
    catalogue: Catalogue
    written: dict[str, Any]


def certificate_of(item_id: str) -> str:
    return f"c{item_id}"


@st.composite
def matters(draw: st.DrawFn) -> Made:
    """A matter in which nothing is wrong: what waits stands behind what it waits for, in an order of its own."""
    count = draw(st.integers(1, MAX_ITEMS))
    order = draw(st.permutations([f"{number:02d}" for number in range(1, count + 1)]))
    asked = FLAGS[: draw(st.integers(0, len(FLAGS)))]
    rules = st.sampled_from(["", *(f"{sign}facts.{key}" for key in asked for sign in ("", "!"))])
    items: dict[str, dict[str, Any]] = {}
    for position, item_id in enumerate(order):
        earlier = order[:position]
        some = st.lists(st.sampled_from(earlier), max_size=4, unique=True) if earlier else st.just([])
        rule = draw(rules)
        items[item_id] = item(
            item_id,
            depends_on=draw(some),
            needs_certificates=[certificate_of(one) for one in draw(some)],
            produces_certificates=[certificate_of(item_id)],
            promised_days=draw(st.integers(0, 5)),
            **({"when": when(rule)} if rule else {}),
        )
    for first, second in zip(order[::2], order[1::2], strict=False):
        if asked and draw(st.booleans()):
            key = draw(st.sampled_from(asked))
            items[first].update(alternative_group=f"way{first}", when=when(f"facts.{key}"))
            items[second].update(alternative_group=f"way{first}", when=when(f"!facts.{key}"))
    conditional = {one for item_id, made in items.items() if "when" in made for one in [certificate_of(item_id)]}
    wanted = {certificate for one in items.values() for certificate in one["needs_certificates"]}
    written = document(
        *(items[item_id] for item_id in sorted(items)),
        facts=[flag(key) for key in asked],
        materials=[
            material(
                f"m_{certificate}",
                certificate=certificate,
                **({"share_source": "registry"} if draw(st.booleans()) else {}),
            )
            for certificate in sorted(conditional & wanted)
        ],
    )
    tables = {certificate_of(item_id): names(item_id) for item_id in order}
    departments = {"planning": names("planning"), "registry": names("registry")}
    matter_type = read_matter_type(written)
    return Made(matter_type, Catalogue((matter_type,), departments, {**tables, "ghost": names("ghost")}), written)


def codes(made: Made, matter_type: MatterType) -> set[tuple[str, str]]:
    changed = replace(made.catalogue, matter_types=(matter_type,))
    return {(one.code, one.place.removeprefix("OM-50 v1 ")) for one in lint(changed) if one.severity == "error"}


def with_item(matter_type: MatterType, item_id: str, **changes: Any) -> MatterType:
    return replace(
        matter_type,
        items=tuple(replace(one, **changes) if one.item_id == item_id else one for one in matter_type.items),
    )


slow = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@slow
@given(matters())
def test_a_sound_matter_has_no_errors(made: Made) -> None:
    assert codes(made, made.matter_type) == set()


@slow
@given(matters(), st.data())
def test_a_planted_cycle_is_found_and_never_read(made: Made, data: st.DataObject) -> None:
    graph = dependencies(made.matter_type.items)
    last = data.draw(st.sampled_from(sorted(graph)))
    behind, grown = {last}, True
    while grown:
        more = behind | {needed for one in behind for needed in graph[one]}
        grown, behind = more != behind, more
    first = data.draw(st.sampled_from(sorted(behind)))
    depends_on = (*made.matter_type.item(first).depends_on, last)
    assert ("cycle", "items") in codes(made, with_item(made.matter_type, first, depends_on=depends_on))
    written = {**made.written, "items": [dict(one) for one in made.written["items"]]}
    planted = next(one for one in written["items"] if one["id"] == first)
    planted["depends_on"] = sorted({*planted["depends_on"], last})
    with pytest.raises(DocumentRefused) as refused:
        read_matter_type(written)
    assert [problem.path for problem in refused.value.problems] == ["items"]


@slow
@given(matters(), st.data())
def test_a_planted_item_that_nothing_leads_to_is_found(made: Made, data: st.DataObject) -> None:
    assume(made.matter_type.facts)
    chosen = data.draw(st.sampled_from(made.matter_type.items))
    never = Rule("facts.f0 && !facts.f0", names("never"))
    found = codes(made, with_item(made.matter_type, chosen.item_id, when=never, alternative_group=None))
    assert ("item_unreachable", f"items.{chosen.item_id}.when") in found


@slow
@given(matters(), st.data())
def test_a_planted_certificate_of_nobody_is_found(made: Made, data: st.DataObject) -> None:
    chosen = data.draw(st.sampled_from(made.matter_type.items))
    needs = (*chosen.needs_certificates, "ghost")
    found = codes(made, with_item(made.matter_type, chosen.item_id, needs_certificates=needs))
    assert found == {("certificate_unproduced", f"items.{chosen.item_id}.needs_certificates")}


@slow
@given(matters(), st.data())
def test_a_removed_material_leaves_a_certificate_that_is_found_unless_it_is_always_made(
    made: Made, data: st.DataObject
) -> None:
    assume(made.matter_type.materials)
    gone = data.draw(st.sampled_from(made.matter_type.materials))
    items = tuple(
        replace(one, materials=tuple(m for m in one.materials if m is not gone)) for one in made.matter_type.items
    )
    left = tuple(one for one in made.matter_type.materials if one is not gone)
    without = replace(made.matter_type, items=items, materials=left)
    found = {place.split(".")[1] for code, place in codes(made, without) if code == "certificate_unproduced"}
    expected: set[str] = set()
    for facts in answers(made.matter_type):
        planned = {one.item.item_id: one.item for one in plan(made.matter_type, "330106", facts)}
        makers = [one for one in planned.values() if gone.certificate in one.produces_certificates]
        if not makers:
            expected |= {one for one in planned if gone.certificate in planned[one].needs_certificates}
    assert found == expected


def answers(matter_type: MatterType) -> list[dict[str, FactValue]]:
    keys = [fact.key for fact in matter_type.facts]
    return [
        {key: bool(number >> position & 1) for position, key in enumerate(keys)} for number in range(1 << len(keys))
    ]


@slow
@given(matters())
def test_every_plan_can_be_run_to_its_end(made: Made) -> None:
    for facts in answers(made.matter_type):
        planned = plan(made.matter_type, "330106", facts)
        by_id = {one.instance_id: one for one in planned}
        assert all(set(one.depends_on) <= set(by_id) for one in planned)
        done: set[str] = set()
        while ready := [one for one in planned if one.instance_id not in done and done.issuperset(one.depends_on)]:
            done.update(one.instance_id for one in ready)
        assert done == set(by_id)
        groups = [one.item.alternative_group for one in planned if one.item.alternative_group]
        assert len(groups) == len(set(groups))


@slow
@given(matters())
def test_every_needed_certificate_is_waited_for_or_asked_or_shared(made: Made) -> None:
    for facts in answers(made.matter_type):
        planned = plan(made.matter_type, "330106", facts)
        sources = {need.material.certificate: need for need in needed(made.matter_type, facts)}
        missing = {one.field for one in check(made.matter_type, facts, ()) if one.reason == "MATERIAL_MISSING"}
        for one in planned:
            for certificate in one.item.needs_certificates:
                makers = {x.instance_id for x in planned if certificate in x.item.produces_certificates}
                assert makers <= set(one.depends_on)
                if makers:
                    assert certificate not in sources or sources[certificate].source == "produced"
                else:
                    need = sources[certificate]
                    is_asked = f"application.materials[{need.material.material_id}]" in missing
                    assert (need.source, is_asked) in {("asked", True), ("shared", False)}


@slow
@given(matters(), st.data())
def test_a_guide_with_all_answers_is_the_plan(made: Made, data: st.DataObject) -> None:
    facts = data.draw(st.sampled_from(answers(made.matter_type)))
    told = guide(made.catalogue, made.matter_type, facts)
    planned = plan(made.matter_type, "330106", facts)
    assert {step.item_id: set(step.after) for step in told.steps} == {
        one.instance_id: set(one.depends_on) for one in planned
    }
    assert all(step.is_certain for step in told.steps)
    whole = {step.item_id for step in guide(made.catalogue, made.matter_type).steps}
    assert whole == {item_type.item_id for item_type in made.matter_type.items}


@given(st.dictionaries(st.integers(0, 12), st.sets(st.integers(0, 12), max_size=3), max_size=13))
def test_a_cycle_is_told_exactly_when_some_item_has_no_stage(edges: dict[int, set[int]]) -> None:
    graph = {str(one): tuple(str(other) for other in sorted(needed) if other in edges) for one, needed in edges.items()}
    staged = [item_id for stage in stages(graph) for item_id in stage]
    found = cycle(graph)
    assert bool(found) == (len(staged) < len(graph))
    for one, following in zip(found, (*found[1:], *found[:1]), strict=True):
        assert following in graph[one]
    place = {item_id: number for number, stage in enumerate(stages(graph)) for item_id in stage}
    for item_id in staged:
        assert all(place[needed] < place[item_id] for needed in graph[item_id])
