"""How matters are handled, as the catalogue says it: read strictly, judged by the lint, told by the guide."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.law.documents import catalogue, document, flag, item, material, matter, names, question, when

from onematter.law.catalogue import MatterType
from onematter.law.guide import guide
from onematter.law.guide_handling import Asked, Limit, WholeTime
from onematter.law.guide_html import as_html
from onematter.law.guide_json import as_document
from onematter.law.guide_text import as_text
from onematter.law.linting import lint
from onematter.law.matters import OpinionRule, RuleExample
from onematter.law.planning import promised_for_whole
from onematter.law.problems import DocumentRefused
from onematter.law.reading import read_matter_type
from onematter.law.rules import FactValue

RULE = {"grant_when": "facts.amount <= 10.0 && facts.kind == 'shop'", "explanation": names("small shops")}
EXAMPLES: list[dict[str, Any]] = [
    {"facts": {"amount": 10, "kind": "shop"}, "grants": True},
    {"facts": {"amount": 10.1, "kind": "shop"}, "grants": False},
    {"facts": {"kind": "shop"}, "grants": False},
]
FACTS = [
    question("amount", "number"),
    question("kind", "text", choices=[{"value": one, "names": names(one)} for one in ("shop", "mill")]),
    flag("urgent"),
    question("places", "list", required=False),
]
BIG, SMALL = when("facts.amount > 100.0", "it is big"), when("facts.amount <= 100.0", "it is small")


def full() -> dict[str, Any]:
    """A document that says everything about handling, and nothing wrong."""
    return document(
        item("01", auto_rule=RULE, rule_version=3, rule_examples=EXAMPLES, promised_days=0, denial="matter"),
        item("02", depends_on=["01"], materials=["form"], pledge=True, promised_days=8,
             produces_certificates=["permit"], validity_years=5, supervised_by="registry",
             opinions={"departments": ["registry"], "quorum": 1, "veto": True}),
        item("03", department="registry", level="CITY", promised_days=7, materials=["plan"]),
        facts=FACTS,
        materials=[material("form"), material("plan", tolerant=True)],
        acceptance="window",
        joint=True,
        delivery=["post", "e_certificate"],
        cross_region=["remote", "joint"],
        promised_days=9,
        totals=[{"when": BIG, "days": 20}, {"when": when("facts.urgent", "it is urgent"), "days": 8}],
    )  # fmt: skip


def test_what_a_document_says_of_its_handling_is_read() -> None:
    made = read_matter_type(full())
    first, second, third = made.items
    assert (first.rule_version, first.denial, first.pledge, first.opinions) == (3, "matter", False, None)
    assert first.rule_examples[1] == RuleExample({"amount": 10.1, "kind": "shop"}, False)
    assert (second.pledge, second.validity_years, second.supervised_by) == (True, 5, "registry")
    assert second.opinions == OpinionRule(("registry",), 1, True)
    assert (third.denial, third.rule_version, third.rule_examples, third.supervised_by) == ("dependents", 1, (), None)
    assert (made.acceptance, made.joint, made.delivery) == ("window", True, ("post", "e_certificate"))
    assert made.cross_region == ("remote", "joint")
    assert [(one.when.text, one.days) for one in made.totals] == [("facts.amount > 100.0", 20), ("facts.urgent", 8)]


def test_what_a_document_leaves_out_is_the_usual_way() -> None:
    made = matter(item("01"))
    assert (made.acceptance, made.joint, made.cross_region, made.totals) == ("rule", False, (), ())
    assert made.delivery == ("e_certificate", "post", "counter")


def test_who_is_asked_all_have_to_consent_unless_a_quorum_is_given() -> None:
    asked = {"departments": ["registry", "planning_board"]}
    assert matter(item("01", opinions=asked)).items[0].opinions == OpinionRule(("registry", "planning_board"), 2, False)
    advised = matter(item("01", opinions={**asked, "quorum": 0})).items[0].opinions
    assert advised == OpinionRule(("registry", "planning_board"), 0, False)


def problems(*items: dict[str, Any], **more: Any) -> list[str]:
    with pytest.raises(DocumentRefused) as refused:
        matter(*items, facts=FACTS, **more)
    return [str(problem) for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"opinions": {"departments": ["registry"], "quorum": 2}},
            "items[0].opinions.quorum: 2 consents where 1 departments are asked; ask for at most as many as are asked",
        ),
        (
            {"opinions": {"departments": ["planning"]}},
            "items[0].opinions.departments: planning decides the item, and would ask itself; name other departments",
        ),
        (
            {"pledge": True},
            "items[0].pledge: nothing is asked and nothing is visited that could be pledged instead; take pledge out,"
            " or name the material or the visit that proves the condition",
        ),
        ({"rule_version": 2}, "items[0].rule_version: there is no auto_rule; take it out, or write the rule"),
        ({"rule_examples": EXAMPLES}, "items[0].rule_examples: there is no auto_rule; take it out, or write the rule"),
        (
            {"auto_rule": RULE, "rule_examples": [{"facts": {"amount": 11, "kind": "shop"}, "grants": True}]},
            "items[0].rule_examples[0]: the rule leaves to a person what the example says it grants; correct the rule"
            " or the example, whichever is wrong",
        ),
        (
            {"auto_rule": RULE, "rule_examples": [{"facts": {"amount": 9, "kind": "shop"}, "grants": False}]},
            "items[0].rule_examples[0]: the rule grants what the example says it leaves to a person; correct the"
            " rule or the example, whichever is wrong",
        ),
        (
            {"auto_rule": RULE, "rule_examples": [{"facts": {"colour": "red"}, "grants": False}]},
            "items[0].rule_examples[0].facts.colour: answers a question that nobody asks; correct its key, or ask it"
            " under facts",
        ),
        (
            {"auto_rule": RULE, "rule_examples": [{"facts": {"amount": True}, "grants": False}]},
            "items[0].rule_examples[0].facts.amount: is no number; write a number",
        ),
        (
            {"auto_rule": RULE, "rule_examples": [{"facts": {"urgent": 1}, "grants": False}]},
            "items[0].rule_examples[0].facts.urgent: is no flag; write a flag",
        ),
        (
            {"auto_rule": RULE, "rule_examples": [{"facts": {"kind": "shed"}, "grants": False}]},
            "items[0].rule_examples[0].facts.kind: is none of the choices; write one of shop, mill",
        ),
        (
            {"auto_rule": RULE, "rule_examples": [{"facts": {"places": "330100"}, "grants": False}]},
            "items[0].rule_examples[0].facts.places: is no list; write a list",
        ),
    ],
)
def test_what_could_not_be_run_is_refused_with_its_way_out(changes: dict[str, Any], expected: str) -> None:
    assert problems(item("01", **changes)) == [expected]


def test_what_may_be_pledged_is_a_material_of_the_applicant_or_what_a_visit_shows() -> None:
    own = matter(item("01", pledge=True, materials=["form"]), materials=[material("form", tolerant=True)])
    visited = matter(item("01", pledge=True, joint_visit_group="visit"))
    assert own.items[0].pledge
    assert visited.items[0].pledge
    shared = [material("card", share_source="registry")]
    assert "could be pledged" in problems(item("01", pledge=True, materials=["card"]), materials=shared)[0]
    free = [material("note", required=False)]
    assert "could be pledged" in problems(item("01", pledge=True, materials=["note"]), materials=free)[0]


def test_a_time_by_situation_may_not_depend_on_what_nobody_has_to_answer() -> None:
    (told,) = problems(item("01"), totals=[{"when": when("size(facts.places) > 1"), "days": 5}])
    assert told.startswith("totals[0].when: depends on places, which the applicant may leave out;")


@pytest.mark.parametrize(
    ("facts", "days"),
    [
        ({"amount": 101.0, "urgent": True}, 20),
        ({"amount": 1.0, "urgent": True}, 8),
        ({"amount": 1.0, "urgent": False}, 9),
        ({}, 9),
    ],
)
def test_the_first_time_whose_situation_holds_is_promised_for_the_whole(facts: dict[str, FactValue], days: int) -> None:
    assert promised_for_whole(read_matter_type(full()), facts) == days


# The lint


def found(made: MatterType) -> list[tuple[str, str, str]]:
    return [(one.severity, one.code, one.place.removeprefix("OM-50 v1 ")) for one in lint(catalogue(made))]


def changed(**changes: Any) -> MatterType:
    return read_matter_type({**full(), **changes})


def with_item(position: int, **changes: Any) -> MatterType:
    made = read_matter_type(full())
    items = list(made.items)
    items[position] = replace(items[position], **changes)
    return replace(made, items=tuple(items))


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert [str(one) for one in lint(catalogue(read_matter_type(full())))] == []


def test_a_window_before_an_item_that_is_decided_at_once_is_fine() -> None:
    assert found(matter(item("01", auto_rule=RULE, rule_examples=EXAMPLES), facts=FACTS, acceptance="window")) == []


def test_a_rule_without_examples_on_both_sides_is_found() -> None:
    untested = ("warning", "rule_untested", "items.01.rule_examples")
    assert found(with_item(0, rule_examples=())) == [untested]
    assert found(with_item(0, rule_examples=(RuleExample({"amount": 1.0, "kind": "shop"}, True),))) == [untested]
    assert found(with_item(0, rule_examples=(RuleExample({}, False),))) == [untested]


def test_a_rule_that_contradicts_an_example_is_found() -> None:
    wrong = (RuleExample({"amount": 1.0, "kind": "shop"}, False), RuleExample({}, True))
    assert found(with_item(0, rule_examples=wrong)) == [
        ("error", "rule_contradicts_example", "items.01.rule_examples[0]"),
        ("error", "rule_contradicts_example", "items.01.rule_examples[1]"),
    ]


def test_a_joint_matter_that_promises_more_than_the_law_gives_is_found() -> None:
    too_long = {"totals": [{"when": BIG, "days": 46}, {"when": SMALL, "days": 45}]}
    assert found(changed(**too_long)) == [("error", "total_over_limit", "totals[0].days")]
    assert found(changed(promised_days=46)) == [("error", "total_over_limit", "promised_days")]
    assert found(changed(promised_days=46, joint=False)) == []
    (finding,) = lint(catalogue(changed(promised_days=46)))
    assert "takes 46 working days where the Administrative Licensing Law, art. 42 para. 2 gives 45" in finding.rule


def test_joint_handling_by_one_department_is_found() -> None:
    assert found(matter(item("01"), item("02"), joint=True)) == [("warning", "joint_alone", "joint")]


def test_a_time_that_no_situation_leads_to_is_found() -> None:
    never = [{"when": BIG, "days": 20}, {"when": when("facts.amount > 200.0"), "days": 30}]
    assert found(changed(totals=never)) == [("warning", "total_unreachable", "totals[1].when")]


def test_a_time_for_the_whole_that_its_items_break_is_found() -> None:
    (finding,) = lint(catalogue(changed(totals=[{"when": BIG, "days": 7}, {"when": SMALL, "days": 8}])))
    assert (finding.code, finding.place) == ("promise_unreachable", "OM-50 v1 totals[0].days")
    assert "promises 7 working days where items 02 are promised in 8" in finding.rule


def test_a_time_whose_situation_nobody_explains_is_found() -> None:
    bare = [{"when": "facts.amount > 100.0", "days": 20}]
    assert found(changed(totals=bare)) == [("warning", "situation_unexplained", "totals[0].when")]


def test_opinions_that_take_longer_than_the_item_promises_are_found() -> None:
    assert found(with_item(1, promised_days=6)) == [("warning", "opinions_over_promise", "items.02.opinions")]
    assert found(with_item(1, promised_days=7)) == []


def test_fields_that_cannot_be_meant_together_are_found() -> None:
    assert found(with_item(1, produces_certificates=())) == [
        ("warning", "validity_without_certificate", "items.02.validity_years")
    ]
    optional = matter(item("01", optional=True, when=when("facts.urgent"), denial="matter"), facts=FACTS)
    assert found(optional) == [("warning", "denial_of_optional", "items.01.denial")]


def test_ways_that_cost_a_second_visit_are_found() -> None:
    shown = [material("form", trust_class="C"), material("plan", tolerant=True)]
    twice = ("warning", "visits_over_one", "delivery")
    assert found(changed(materials=shown, delivery=["counter"], cross_region=["relayed"])) == [twice]
    assert found(changed(materials=shown, delivery=["counter", "post"], cross_region=["relayed"])) == []
    depends = [material("form", trust_class="C", when=when("facts.urgent")), shown[1]]
    assert found(changed(materials=depends, delivery=["counter"], cross_region=["relayed"])) == []


def test_what_is_wholly_online_and_needs_a_window_is_found() -> None:
    window = ("warning", "remote_needs_window", "cross_region")
    shown = [material("form", trust_class="C"), material("plan", tolerant=True)]
    assert found(changed(materials=shown)) == [window]
    assert found(changed(delivery=["counter"])) == [window]
    assert found(changed(delivery=["counter"], cross_region=["relayed"])) == []


def test_unknown_departments_are_found() -> None:
    made = with_item(1, supervised_by="magic", opinions=OpinionRule(("registry", "wizards"), 1, False))
    assert found(made) == [
        ("error", "department_unknown", "items.02.opinions"),
        ("error", "department_unknown", "items.02.supervised_by"),
    ]


def test_evidence_is_missed_for_each_group_of_handling_in_use() -> None:
    made = read_matter_type({**full(), "evidence": {"matter": "general", "facts": "general", "materials": "general"}})
    missed = {place.rpartition(".")[2] for _, code, place in found(made) if code == "evidence_missing"}
    assert {"acceptance", "joint", "delivery", "cross_region", "totals"} <= missed
    assert {"pledge", "opinions", "denial", "validity", "supervision"} <= missed
    usual = matter(item("01"), evidence={"matter": "general", "item": "general", "level": "general"})
    assert found(usual) == []


def twin(matter_code: str, changes: dict[str, Any]) -> MatterType:
    return matter(item("01", **{"basis": [{"law": "roads", "article": 3}], **changes}), code=matter_code)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({}, {}, []),
        # Time and level may differ from place to place.
        ({"legal_days": 10}, {"legal_days": 20, "level": "CITY"}, []),
        ({}, {"basis": [{"law": "roads", "article": 4}]}, ["same_item_basis"]),
        ({}, {"names": {"zh-CN": "中item 01", "en": "another"}}, ["same_item_names"]),
        ({}, {"names": names("another")}, []),
        ({}, {"department": "registry", "basis": []}, []),
        (
            {"code": {"scheme": "basic", "text": "330168008000"}},
            {"code": {"scheme": "basic", "text": "330768008000"}},
            ["same_item_code"],
        ),
        (
            {"code": {"scheme": "basic", "text": "000168008000"}},
            {"code": {"scheme": "implementation", "text": "11330000002482011K4000168008000"}, "names": names("x")},
            ["same_item_names"],
        ),
    ],
)
def test_the_same_item_is_the_same_in_every_matter(
    first: dict[str, Any], second: dict[str, Any], expected: list[str]
) -> None:
    found_between = lint(catalogue(twin("OM-51", first), twin("OM-52", second)))
    assert [one.code for one in found_between] == expected
    assert all(one.place.startswith("OM-52 v1 items.01.") and "OM-51 item 01" in one.rule for one in found_between)


# The guide


def made_guide(**facts: FactValue) -> Any:
    made = read_matter_type(full())
    return guide(catalogue(made), made, facts)


def test_the_time_for_the_whole_is_told_by_situation_until_it_is_settled() -> None:
    big, urgent = WholeTime(names("it is big"), 20), WholeTime(names("it is urgent"), 8)
    assert (made_guide().handling.totals, made_guide().promised_days) == ((big, urgent), 9)
    assert (made_guide(amount=1.0).handling.totals, made_guide(amount=1.0).promised_days) == ((urgent,), 9)
    settled = made_guide(amount=101.0)
    assert (settled.handling.totals, settled.promised_days) == ((), 20)
    text = as_text(made_guide(), "en")
    assert "Promised for the whole: 8–20 working days, depending on the situation" in text
    assert "     it is big: 20 working days\n     it is urgent: 8 working days\n     otherwise: 9 working days" in text
    assert "Promised for the whole: 20 working days\n" in as_text(settled, "en")


def test_the_guide_says_who_is_asked_what_may_be_pledged_and_what_follows_a_grant() -> None:
    _, third, second = made_guide().steps
    assert second.asked == Asked((names("registry"),), 1, True)
    assert (second.has_pledge, second.validity_years, second.supervised_by) == (True, 5, names("registry"))
    assert (third.has_pledge, third.asked, third.ends_matter) == (False, None, False)
    english = as_text(made_guide(), "en")
    for sentence in (
        "registry is asked for an opinion, to be given within 7 working days; a refusal forbids the grant",
        "may be pledged: decided on your written pledge and verified afterwards",
        "valid for 5 years",
        "supervised by registry afterwards",
        "if it is denied, the whole matter ends",
    ):
        assert sentence in english
    chinese = as_text(made_guide(), "zh-CN")
    for sentence in (
        "征求中registry意见，7 个工作日内答复；有不同意的，不予许可",
        "可告知承诺",
        "有效期 5 年",
        "办成后由中registry监管",
        "不予许可的，整件事终止",
    ):
        assert sentence in chinese


def test_the_guide_says_within_which_time_what_follows_later_has_to_come() -> None:
    (later,) = [one for one in made_guide().brought if one.due == "later"]
    assert (later.material_id, later.limit) == ("plan", Limit(7, "working"))
    assert "plan (may follow later, within 7 working days at the latest)" in as_text(made_guide(), "en")
    assert all(one.limit is None for one in made_guide().brought if one.due != "later")
    # The shortest of its items, in whatever days; without any time the 20 working days of the law.
    two = matter(
        item("01", materials=["plan"], promised_days=6),
        item("02", materials=["plan"], legal_days=7, clock_kind="calendar"),
        materials=[material("plan", tolerant=True)],
    )
    assert guide(catalogue(two), two).brought[0].limit == Limit(7, "calendar")
    none = matter(item("01", materials=["plan"]), materials=[material("plan", tolerant=True)])
    assert guide(catalogue(none), none).brought[0].limit == Limit(20, "working")


@pytest.mark.parametrize("show", [as_text, as_html])
def test_the_guide_tells_acceptance_delivery_and_remedies(show: Any) -> None:
    english, chinese = show(made_guide(), "en"), show(made_guide(), "zh-CN")
    for sentence in (
        "A clerk at the window accepts it within 5 working days",
        "Within 10 working days of the decision (Administrative Licensing Law, art. 44): post or e-certificate.",
        "It can be applied for elsewhere: wholly online, handled by several places together.",
        "the law gives the whole 45 working days (Administrative Licensing Law, art. 42 para. 2)",
        "ask for reconsideration within 60 days",
        "go to court within 6 months",
    ):
        assert sentence in english
    for sentence in ("窗口人员在 5 个工作日内受理", "邮寄或电子证照", "60 日内申请行政复议", "6 个月内提起行政诉讼"):
        assert sentence in chinese
    plain = matter(item("01"))
    usual = show(guide(catalogue(plain), plain), "en")
    assert "Accepted at once by the system" in usual
    assert "e-certificate, post or at a counter" in usual
    assert "applied for elsewhere" not in usual
    assert "45 working days" not in usual


def test_the_guide_as_json_has_all_of_it() -> None:
    told = as_document(made_guide())
    assert told["acceptance"] == {"by": "window", "within_days": 5}
    assert told["delivery"] == {"ways": ["post", "e_certificate"], "within_days": 10}
    assert (told["joint"], told["cross_region"]) == (True, ["remote", "joint"])
    assert told["remedies"] == {"reconsideration_days": 60, "litigation_months": 6}
    assert told["time"]["promised_by_situation"][0] == {"when": names("it is big"), "days": 20}
    assert (told["time"]["promised_days"], told["time"]["legal_days"]) == (9, 45)
    steps = {step["item_id"]: step for stage in told["stages"] for step in stage}
    assert steps["02"]["opinions"] == {
        "departments": [names("registry")], "quorum": 1, "veto": True, "within_days": 7,
    }  # fmt: skip
    assert (steps["02"]["pledge"], steps["02"]["validity_years"], steps["01"]["denial"]) == (True, 5, "matter")
    assert steps["02"]["supervised_by"] == names("registry")
    (later,) = [one for one in told["bring"] if one["due"] == "later"]
    assert later["later_within"] == {"days": 7, "kind": "working"}
