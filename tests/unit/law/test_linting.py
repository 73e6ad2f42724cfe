"""Every rule of the lint finds what was planted for it, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.law.documents import catalogue, flag, item, material, matter, names, question, when

from onematter.law.catalogue import Catalogue, MatterType
from onematter.law.findings import Finding
from onematter.law.linting import lint
from onematter.law.matters import ItemType


def found(*matter_types: MatterType) -> list[tuple[str, str, str]]:
    return [(one.severity, one.code, one.place) for one in lint(catalogue(*matter_types))]


def sound() -> MatterType:
    """A matter with a bit of everything, and nothing wrong."""
    return matter(
        item("01", produces_certificates=["licence"], when=when("!facts.has_licence"), legal_days=20, promised_days=3),
        item("02", needs_certificates=["licence"], materials=["form"], basis=[{"law": "roads", "article": 3}]),
        item("03", alternative_group="way", when=when("facts.where == 'here'"), depends_on=["02"]),
        item("04", alternative_group="way", when=when("facts.where == 'there'"), depends_on=["02"]),
        item("05", optional=True, when=when("facts.more"), code={"scheme": "basic", "text": "330168008000"}),
        item("06", case_type="joint", legal_days=45, joint_visit_group="visit"),
        item("07", legal_days=28, clock_kind="calendar", joint_visit_group="visit", depends_on=["06"]),
        facts=[
            flag("has_licence"),
            flag("more"),
            question("where", "text", choices=[{"value": one, "names": names(one)} for one in ("here", "there")]),
        ],
        materials=[material("form"), material("licence_copy", certificate="licence", share_source="registry")],
        promised_days=30,
    )


def changed(**changes: dict[str, Any]) -> MatterType:
    """The sound matter with some items changed, by their ids with an i before them."""
    base = sound()
    items = tuple(replace(one, **changes.get(f"i{one.item_id}", {})) for one in base.items)
    return replace(base, items=items)


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert found(sound()) == []


def test_a_finding_says_place_rule_and_way_out() -> None:
    (finding,) = lint(catalogue(changed(i06={"legal_days": 46})))
    assert finding == Finding(
        "error",
        "OM-50 v1 items.06.legal_days",
        "legal_over_limit",
        "takes 46 working days where the Administrative Licensing Law, art. 42 para. 2 gives 45",
        "correct it, or name the article that gives this time under basis, with sets_time: true",
    )
    assert str(finding).startswith("error: OM-50 v1 items.06.legal_days: takes 46")


def test_items_that_wait_for_each_other_are_found() -> None:
    assert ("error", "cycle", "OM-50 v1 items") in found(changed(i06={"depends_on": ("07",)}))
    assert ("error", "cycle", "OM-50 v1 items") in found(changed(i01={"needs_certificates": ("licence",)}))


def rule(text: str) -> Any:
    return matter(item("01", when=when(text)), facts=[flag("more"), question("n", "number", minimum=0)]).items[0].when


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("facts.more && !facts.more", [("error", "item_unreachable", "OM-50 v1 items.05.when")]),
        ("facts.n < 0.0", [("error", "item_unreachable", "OM-50 v1 items.05.when")]),
        ("facts.n > 3.0 && facts.n < 4.0", []),
        ("facts.n > 3.0 && facts.n < 3.0", [("error", "item_unreachable", "OM-50 v1 items.05.when")]),
        # It holds for 1,234,567 alone, which is not among what is tried.
        ("facts.n * 2.0 == 2469134.0", [("warning", "item_unreachable", "OM-50 v1 items.05.when")]),
    ],
)
def test_an_item_that_no_situation_leads_to_is_found(text: str, expected: list[tuple[str, str, str]]) -> None:
    base = changed(i05={"when": rule(text)})
    more = matter(item("01"), facts=[question("n", "number", minimum=0)]).facts
    assert found(replace(base, facts=(*base.facts, *more))) == expected


def test_a_certificate_that_nobody_makes_and_nobody_is_asked_for_is_found() -> None:
    base = sound()
    without = replace(base, materials=base.materials[:1], items=tuple(bare(one) for one in base.items))
    (finding,) = lint(catalogue(without))
    assert (finding.code, finding.place) == ("certificate_unproduced", "OM-50 v1 items.02.needs_certificates")
    assert "licence" in finding.rule
    assert "when has_licence is true" in finding.rule
    assert found(changed(i06={"needs_certificates": ("ghost",)})) == [
        ("error", "certificate_unproduced", "OM-50 v1 items.06.needs_certificates")
    ]


def bare(item_type: ItemType) -> ItemType:
    return replace(item_type, materials=tuple(one for one in item_type.materials if one.certificate is None))


def test_a_certificate_whose_material_is_needed_elsewhere_only_is_found() -> None:
    base = sound()
    copy = replace(base.materials[1], when=rule("!facts.more"))
    items = tuple(
        replace(one, materials=tuple(copy if m.certificate else m for m in one.materials)) for one in base.items
    )
    findings = lint(catalogue(replace(base, materials=(base.materials[0], copy), items=items)))
    assert [one.code for one in findings] == ["certificate_unproduced"]
    assert "has_licence is true, more is true" in findings[0].rule


def test_a_material_that_no_situation_needs_is_found() -> None:
    never = matter(
        item("01", materials=["form"]),
        facts=[flag("a")],
        materials=[material("form", when=when("facts.a && !facts.a"))],
    )
    assert found(never) == [("error", "material_unneeded", "OM-50 v1 materials.form")]
    always_made = matter(
        item("01", produces_certificates=["licence"]),
        item("02", needs_certificates=["licence"]),
        materials=[material("copy", certificate="licence")],
    )
    assert found(always_made) == [("warning", "material_unneeded", "OM-50 v1 materials.copy")]


def test_a_dependency_that_is_never_planned_is_found() -> None:
    assert found(changed(i04={"depends_on": ("02", "03")})) == [
        ("warning", "dependency_unreachable", "OM-50 v1 items.04.depends_on")
    ]


def test_alternatives_of_which_not_exactly_one_applies_are_found() -> None:
    group = "OM-50 v1 alternative_group.way"
    base = sound()
    assert found(changed(i03={"alternative_group": None})) == [
        ("error", "alternatives_none", group),
        ("warning", "alternatives_alone", group),
    ]
    here = next(one for one in base.items if one.item_id == "03").when
    assert ("warning", "alternatives_overlap", group) in found(changed(i04={"when": rule("facts.more || !facts.more")}))
    assert ("error", "alternatives_none", group) in found(changed(i04={"when": here}))
    # The last of them may do without a situation of its own: it is the rest.
    assert found(changed(i04={"when": None})) == []


def test_an_optional_item_that_nobody_is_asked_about_is_found() -> None:
    assert found(changed(i05={"when": None})) == [("error", "optional_without_question", "OM-50 v1 items.05.optional")]


def test_times_over_promise_and_limit_are_found() -> None:
    assert found(changed(i01={"promised_days": 21})) == [
        ("error", "promise_over_legal", "OM-50 v1 items.01.promised_days")
    ]
    for item_id, days in (("i01", 21), ("i06", 46), ("i07", 29)):
        place = f"OM-50 v1 items.{item_id[1:]}.legal_days"
        assert found(changed(**{item_id: {"legal_days": days}})) == [("error", "legal_over_limit", place)]
    by_law = matter(item("01", legal_days=60, basis=[{"law": "trees", "article": 2, "sets_time": True}]))
    assert found(by_law) == []
    assert found(matter(item("01", legal_days=60, basis=[{"law": "trees", "article": 2}]))) == [
        ("error", "legal_over_limit", "OM-50 v1 items.01.legal_days")
    ]
    examined = matter(item("01", legal_days=21, case_type="referred"))
    assert "art. 43 gives 20" in lint(catalogue(examined))[0].rule


def test_a_promise_for_the_whole_that_its_items_break_is_found() -> None:
    whole = matter(
        item("01", promised_days=3), item("02", promised_days=4, depends_on=["01"]), item("03"), promised_days=6
    )
    (finding,) = lint(catalogue(whole))
    assert (finding.severity, finding.code) == ("warning", "promise_unreachable")
    assert "01, 02 are promised in 7" in finding.rule
    assert found(replace(whole, promised_days=7)) == []


def test_missing_languages_and_explanations_are_found() -> None:
    base = sound()
    assert found(replace(base, names={"zh-CN": "一件事"})) == [("error", "name_missing", "OM-50 v1 names")]
    assert found(changed(i02={"names": {"zh-CN": "事项", "en": " "}})) == [
        ("error", "name_missing", "OM-50 v1 items.02.names")
    ]
    bare_rule = matter(item("01", when="facts.a"), facts=[flag("a")])
    assert found(bare_rule) == [("warning", "situation_unexplained", "OM-50 v1 items.01.when")]
    unnamed = matter(item("01"), facts=[question("a", "text", choices=["x"])])
    assert found(unnamed) == [("warning", "choice_unnamed", "OM-50 v1 facts.a.choices")]


def test_codes_without_an_entry_in_their_table_are_found() -> None:
    unknown = matter(
        item("01", department="magic", produces_certificates=["wand"], basis=[{"law": "spells"}], materials=["m"]),
        lead_department="wizards",
        materials=[material("m", share_source="library")],
    )
    assert found(unknown) == [
        ("error", "law_unknown", "OM-50 v1 items.01.basis"),
        ("error", "certificate_unknown", "OM-50 v1 items.01.certificates"),
        ("error", "department_unknown", "OM-50 v1 items.01.department"),
        ("error", "department_unknown", "OM-50 v1 lead_department"),
        ("error", "department_unknown", "OM-50 v1 materials.m.share_source"),
    ]


def test_item_codes_that_fail_their_scheme_are_found() -> None:
    county = "11330000002482011K4000168008000"
    codes = matter(
        item("01", code={"scheme": "basic", "text": "33016800800"}),
        item("02", code={"scheme": "implementation", "text": county}, level="CITY"),
        item("03", code={"scheme": "implementation", "text": county}),
    )
    assert found(codes) == [
        ("error", "code_malformed", "OM-50 v1 items.01.code"),
        ("error", "code_level", "OM-50 v1 items.02.code"),
        ("warning", "code_twice", "OM-50 v1 items.03.code"),
    ]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (("2026-01-01", None), ("2026-07-01", None), []),
        (("2026-01-01", "2026-06-30"), ("2026-07-01", None), []),
        (("2026-01-01", "2026-07-01"), ("2026-07-01", None), [("error", "validity_overlap", "OM-50 v2 valid_from")]),
        (("2026-01-01", None), ("2026-01-01", None), [("error", "validity_overlap", "OM-50 v2 valid_from")]),
        (("2026-01-01", "2026-06-29"), ("2026-07-01", None), [("warning", "validity_gap", "OM-50 v2 valid_from")]),
        (("2026-07-01", None), ("2026-01-01", None), [("error", "version_order", "OM-50 v1 version")]),
    ],
)
def test_versions_that_do_not_follow_each_other_are_found(
    first: tuple[str, str | None], second: tuple[str, str | None], expected: list[tuple[str, str, str]]
) -> None:
    versions = [
        matter(item("01"), version=number, valid_from=begins, **({} if ends is None else {"valid_until": ends}))
        for number, (begins, ends) in ((1, first), (2, second))
    ]
    assert found(*versions) == expected


def test_a_version_that_ends_before_it_begins_is_found() -> None:
    base = sound()
    assert found(replace(base, valid_until=base.valid_from.replace(year=2025))) == [
        ("error", "validity_reversed", "OM-50 v1 valid_until")
    ]


def test_missing_evidence_is_found_for_every_group_in_use() -> None:
    parts = matter(
        item("01", legal_days=5, materials=["m"], when=when("facts.a")),
        item("02", joint_visit_group="v"),
        evidence={"matter": "sourced: ", "item": "general", "level": "heard: somewhere"},
        facts=[flag("a")],
        materials=[material("m")],
    )
    assert found(parts) == [
        ("error", "source_missing", "OM-50 v1 evidence.matter"),
        ("error", "evidence_missing", "OM-50 v1 facts.a.evidence"),
        ("error", "evidence_missing", "OM-50 v1 items.01.evidence.level"),
        ("error", "evidence_missing", "OM-50 v1 items.01.evidence.situation"),
        ("error", "evidence_missing", "OM-50 v1 items.01.evidence.time"),
        ("error", "evidence_missing", "OM-50 v1 items.02.evidence.level"),
        ("error", "evidence_missing", "OM-50 v1 items.02.evidence.visit"),
        ("error", "evidence_missing", "OM-50 v1 materials.m.evidence"),
    ]


def test_what_has_too_many_situations_is_told_and_not_judged() -> None:
    choices = [{"value": f"c{number}", "names": names(f"c{number}")} for number in range(200)]
    wide = matter(
        item("01", when=when("facts.a == 'c1' && facts.b == 'c1' && facts.c == 'none'")),
        facts=[question(key, "text", choices=choices) for key in "abc"],
    )
    assert found(wide) == [("warning", "situations_too_many", "OM-50 v1 items.01.when")]


def test_an_empty_catalogue_has_nothing_to_find() -> None:
    assert lint(Catalogue((), {})) == ()
