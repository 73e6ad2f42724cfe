"""Answers choose items and materials: optional and alternative items, certificates as tokens, follow-up questions."""

from __future__ import annotations

import pytest
from tests.unit.law.documents import catalogue, document, flag, item, material, matter, names, question, when

from onematter.law.catalogue import MatterType, applicable, check, plan
from onematter.law.needs import needed
from onematter.law.problems import DocumentRefused
from onematter.law.reading import read_matter_type
from onematter.law.rules import FactValue, Rule
from onematter.law.situations import TooManySituations, applying, is_open, situations


def waits(matter_type: MatterType, **facts: FactValue) -> dict[str, tuple[str, ...]]:
    return {one.instance_id: one.depends_on for one in plan(matter_type, "330106", facts)}


def missing(matter_type: MatterType, **facts: FactValue) -> list[str]:
    return [one.field for one in check(matter_type, facts, ()) if one.reason == "MATERIAL_MISSING"]


LICENCE = material("licence_copy", certificate="licence")
CHAIN = matter(
    item("01", produces_certificates=["licence"], when=when("!facts.has_licence")),
    item("02", needs_certificates=["licence"], produces_certificates=["permit"]),
    item("03", needs_certificates=["licence", "permit"]),
    facts=[flag("has_licence")],
    materials=[LICENCE],
)


def test_a_certificate_that_an_item_makes_is_waited_for_and_not_asked() -> None:
    assert waits(CHAIN, has_licence=False) == {"01": (), "02": ("01",), "03": ("01", "02")}
    assert missing(CHAIN, has_licence=False) == []
    (need,) = needed(CHAIN, {"has_licence": False})
    assert (need.source, need.produced_by, need.item_ids) == ("produced", ("01",), ("02", "03"))


def test_a_certificate_that_nobody_makes_is_asked() -> None:
    assert waits(CHAIN, has_licence=True) == {"02": (), "03": ("02",)}
    assert missing(CHAIN, has_licence=True) == ["application.materials[licence_copy]"]


def test_a_certificate_that_nobody_makes_but_somebody_holds_is_shared() -> None:
    shared = matter(
        item("01", produces_certificates=["licence"], when=when("!facts.has_licence")),
        item("02", needs_certificates=["licence"]),
        facts=[flag("has_licence")],
        materials=[material("licence_copy", certificate="licence", share_source="registry")],
    )
    assert missing(shared, has_licence=True) == []
    assert [need.source for need in needed(shared, {"has_licence": True})] == ["shared"]


def test_every_maker_of_a_certificate_is_waited_for_and_a_repeated_one_in_all_its_places() -> None:
    two = matter(
        item("01", needs_certificates=["permit"]),
        item("02", routing="each", for_each="places", produces_certificates=["permit"]),
        item("03", produces_certificates=["permit"]),
        facts=[question("places", "list")],
    )
    assert waits(two, places=["330100", "330200"])["01"] == ("02@330100", "02@330200", "03")


ALTERNATIVES = matter(
    item("01", alternative_group="way", when=when("facts.natural"), produces_certificates=["permit"]),
    item("02", alternative_group="way", when=when("facts.sudden"), produces_certificates=["permit"]),
    item("03", alternative_group="way", produces_certificates=["permit"]),
    item("04", needs_certificates=["permit"]),
    facts=[flag("natural"), flag("sudden")],
)


@pytest.mark.parametrize(
    ("natural", "sudden", "chosen"),
    [(True, False, "01"), (True, True, "01"), (False, True, "02"), (False, False, "03")],
)
def test_of_alternative_items_the_first_that_applies_is_planned_and_no_other(
    natural: bool, sudden: bool, chosen: str
) -> None:
    assert waits(ALTERNATIVES, natural=natural, sudden=sudden) == {chosen: (), "04": (chosen,)}


FOLLOW_UP = matter(
    item("01"),
    item("02", optional=True, when=when("has(facts.lays_pipes) && facts.lays_pipes")),
    facts=[flag("digs"), flag("lays_pipes", when=when("facts.digs"))],
)


def told(matter_type: MatterType, **facts: FactValue) -> list[tuple[str, str]]:
    return [(one.field, one.reason) for one in check(matter_type, facts, ())]


def test_a_follow_up_question_is_required_only_where_it_is_asked() -> None:
    assert told(FOLLOW_UP, digs=False) == []
    assert told(FOLLOW_UP, digs=True) == [("application.facts[lays_pipes]", "FACT_MISSING")]
    assert told(FOLLOW_UP, digs=True, lays_pipes=True) == []
    assert waits(FOLLOW_UP, digs=True, lays_pipes=True) == {"01": (), "02": ()}


def test_an_answer_to_a_question_that_is_not_asked_is_not_taken() -> None:
    violations = check(FOLLOW_UP, {"digs": False, "lays_pipes": True}, ())
    assert [(one.field, one.parameters) for one in violations] == [
        ("application.facts[lays_pipes]", {"rule": "unknown", "known": "digs"})
    ]


def test_a_material_is_asked_only_in_its_situation() -> None:
    register = matter(
        item("01", materials=["register", "form"]),
        facts=[flag("elsewhere")],
        materials=[material("form"), material("register", when=when("facts.elsewhere"))],
    )
    assert missing(register, elsewhere=False) == ["application.materials[form]"]
    assert missing(register, elsewhere=True) == ["application.materials[register]", "application.materials[form]"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"items": [item("01", needs_certificates=["permit"], produces_certificates=["permit"])]},
            "items: item 01 waits for itself; take one of their depends_on or needs_certificates out",
        ),
        (
            {
                "items": [
                    item("01", needs_certificates=["permit"], produces_certificates=["licence"]),
                    item("02", depends_on=["01"], produces_certificates=["permit"]),
                ]
            },
            "items: items 01, 02 wait for each other in a cycle",
        ),
        (
            {"items": [item("01", materials=["licence_copy"])], "materials": [LICENCE]},
            "items[0].materials[0]: licence_copy stands for certificate licence; name licence under needs_certificates",
        ),
        (
            {
                "items": [item("01", needs_certificates=["licence"])],
                "materials": [LICENCE, material("other", certificate="licence")],
            },
            "materials[1].certificate: licence stands twice",
        ),
        (
            {"items": [item("01")], "facts": [flag("a", when=when("facts.b")), flag("b")]},
            "facts[0].when: names unknown fact b; ask the fact under facts (before this question, if it is one)",
        ),
        (
            {"items": [item("01", when=when("facts.b"))], "facts": [flag("a"), flag("b", when=when("facts.a"))]},
            "items[0].when: depends on b, which the applicant may leave out; make b required, or write has(facts.b)",
        ),
        (
            {"items": [item("01", materials=["m"])], "materials": [material("m", when=when("facts.a >"))]},
            "materials[0].when: not an expression",
        ),
        (
            {
                "items": [item("01")],
                "facts": [question("a", "text", choices=["x", {"value": "x", "names": names("x")}])],
            },
            "facts[0].choices[1].value: x stands twice",
        ),
        ({"items": [item("01")], "valid_until": "2025-12-31"}, "valid_until: lies before valid_from"),
    ],
)
def test_what_would_do_an_applicant_wrong_is_refused_when_it_is_read(changes: dict[str, object], expected: str) -> None:
    with pytest.raises(DocumentRefused) as refused:
        read_matter_type({**document(), **changes})
    assert any(str(problem).startswith(expected) for problem in refused.value.problems), str(refused.value)


def test_evidence_is_inherited_by_group_and_may_be_told_apart() -> None:
    read = matter(
        item("01", evidence={"time": "sourced: a law"}),
        item("02", evidence="general"),
        evidence={"matter": "sourced: a plan", "item": "general: usual", "time": "illustrative"},
        facts=[flag("a", evidence="sourced: a form")],
    )
    first, second = read.items
    assert read.evidence == "sourced: a plan"
    assert (first.evidence, second.evidence) == ("general: usual", "general")
    assert str(first.evidence_by_group["time"]) == "sourced: a law"
    assert str(second.evidence_by_group["time"]) == "general"
    assert "level" not in first.evidence_by_group
    assert "matter" not in first.evidence_by_group
    assert str(read.facts[0].evidence) == "sourced: a form"


def test_situations_are_tried_on_both_sides_of_every_limit() -> None:
    numbers = matter(
        item("01", when=when("facts.area > 500.0 && facts.kind == 'mill' || facts.area <= -1.5")),
        facts=[question("area", "number"), question("kind", "text"), question("note", "text")],
    )
    tried = list(situations(numbers, ["area", "kind"]))
    areas = [facts["area"] for facts in tried]
    assert -1.5 in areas
    assert 500.0 in areas
    assert any(isinstance(area, float) and area > 500 for area in areas)
    assert any(isinstance(area, float) and -1.5 < area < 500 for area in areas)
    assert any(isinstance(area, float) and area < -1.5 for area in areas)
    kinds = [str(facts["kind"]) for facts in tried]
    assert "mill" in kinds
    assert len(set(kinds)) > 1
    assert all("note" not in facts for facts in tried)


def test_a_question_that_may_be_left_out_is_tried_so_too_and_one_that_is_not_asked_has_no_answer() -> None:
    assert list(situations(FOLLOW_UP, ["lays_pipes"])) == [
        {"digs": True, "lays_pipes": True},
        {"digs": True, "lays_pipes": False},
        {"digs": False},
    ]
    optional = matter(item("01"), facts=[flag("a", required=False)])
    assert list(situations(optional, ["a"])) == [{}, {"a": True}, {"a": False}]
    assert list(situations(optional, ["a"], {"a": False})) == [{"a": False}]


def test_lists_are_tried_with_every_set_of_choices() -> None:
    several = matter(item("01"), facts=[question("all", "list", choices=["a", "b", "c"])])
    assert sorted("".join(facts["all"]) for facts in situations(several, ["all"])) == [  # type: ignore[arg-type]
        "a", "ab", "abc", "ac", "b", "bc", "c",
    ]  # fmt: skip


def test_too_many_situations_are_not_tried_by_a_part() -> None:
    choices = [f"c{number}" for number in range(30)]
    keys = ["a", "b", "c"]
    wide = matter(
        item("01", when=when("facts.a == 'c1' && facts.b == 'c1' && facts.c == 'c1'")),
        facts=[question(key, "text", choices=choices) for key in keys],
    )
    with pytest.raises(TooManySituations):
        situations(wide, keys)
    with pytest.raises(TooManySituations):
        list(applying(wide, ["01"]))


def test_rules_that_compute_are_open() -> None:
    assert is_open(Rule("facts.a + 1.0 > 2.0"))
    assert is_open(Rule("facts.a - 1.0 > 2.0"))
    assert is_open(Rule("facts.a.startsWith('33')"))
    assert not is_open(Rule("facts.a > -2.0 && facts.b == 'a+b' && 'x' in facts.c"))


def test_the_catalogue_names_certificates() -> None:
    made = catalogue(CHAIN)
    assert made.certificate_names("licence") == names("licence")
    assert made.certificate_names("unnamed") == {"zh-CN": "unnamed", "en": "unnamed"}
    assert applicable(CHAIN, {"has_licence": True}) == (False, True, True)
