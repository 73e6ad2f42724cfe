"""What the loader refuses, and that it names the file, the path, the rule and the way out, all at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from onematter.backbone.catalogue_files import (
    LawFilesRefused,
    load_calendar,
    load_catalogue,
    load_divisions,
    read_catalogue,
)
from onematter.law.divisions import level_of
from onematter.law.matters import Law

NAMES = {"zh-CN": "名", "en": "name"}


def item(item_id: str, **more: Any) -> dict[str, Any]:
    return {
        "id": item_id,
        "names": NAMES,
        "department": "forestry",
        "level": "COUNTY",
        "routing": "own",
        "case_type": "promise",
        "depends_on": [],
        "materials": ["form"],
        "evidence": "illustrative: test",
        **more,
    }


def fact(key: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"key": key, "kind": kind, "required": True, "names": NAMES, **more}


def matter() -> dict[str, Any]:
    return {
        "code": "OM-50",
        "version": 1,
        "valid_from": "2026-01-01",
        "names": NAMES,
        "lead_department": "forestry",
        "lead_level": "CITY",
        "evidence": "illustrative: test",
        "facts": [fact("amount", "number"), fact("places", "list"), fact("note", "text", required=False)],
        "materials": [
            {
                "id": "form",
                "names": NAMES,
                "required": True,
                "trust_class": "D",
                "media_types": ["application/pdf"],
                "max_bytes": 10,
            }
        ],
        "items": [item("01"), item("02", depends_on=["01"])],
    }


def write(directory: Path, document: Any, name: str = "OM-50.yaml") -> Path:
    (directory / name).write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return directory


def refused(directory: Path, load: Callable[[Path], object] = load_catalogue) -> list[str]:
    with pytest.raises(LawFilesRefused) as error:
        load(directory)
    assert all(problem.file and problem.problem.way_out for problem in error.value.problems)
    return [str(problem) for problem in error.value.problems]


def test_a_directory_of_the_operators_own_replaces_the_shipped_one(tmp_path: Path) -> None:
    catalogue = load_catalogue(write(tmp_path, matter()))
    assert [one.code for one in catalogue.latest()] == ["OM-50"]
    assert catalogue.department_names("forestry")["zh-CN"] == "林草"


def test_a_directory_may_name_its_own_departments(tmp_path: Path) -> None:
    write(tmp_path, {"departments": {"forestry": {"zh-CN": "林业", "en": "Woods"}}}, "departments.yaml")
    assert load_catalogue(write(tmp_path, matter())).department_names("forestry")["en"] == "Woods"


def test_a_directory_may_have_its_own_certificates_and_laws(tmp_path: Path) -> None:
    write(tmp_path, {"certificates": {"permit": NAMES}}, "certificates.yaml")
    write(tmp_path, {"laws": {"roads": {"names": NAMES, "number": "No. 7"}}}, "laws.yaml")
    catalogue = load_catalogue(write(tmp_path, matter()))
    assert catalogue.certificate_names("permit") == NAMES
    assert catalogue.laws == {"roads": Law(NAMES, "No. 7")}
    assert load_catalogue().laws["construction"].names["zh-CN"] == "中华人民共和国建筑法"


def test_versions_of_a_matter_stand_side_by_side(tmp_path: Path) -> None:
    write(tmp_path, matter(), "OM-50.yaml")
    write(tmp_path, {**matter(), "version": 2, "valid_from": "2026-07-01"}, "OM-50.v2.yaml")
    catalogue = load_catalogue(tmp_path)
    assert [one.version for one in catalogue.versions("OM-50")] == [1, 2]
    assert catalogue.in_force("OM-50", date(2026, 6, 30)).version == 1


def test_what_can_be_read_is_returned_beside_what_cannot(tmp_path: Path) -> None:
    write(tmp_path, matter())
    (tmp_path / "torn.yaml").write_text("code: [")
    catalogue, problems = read_catalogue(tmp_path)
    assert [one.code for one in catalogue.matter_types] == ["OM-50"]
    assert [Path(problem.file).name for problem in problems] == ["torn.yaml"]


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda m: m.pop("code"), "(document): misses code; add it"),
        (lambda m: m.update(colour="red"), "(document): holds unknown colour; use acceptance, code,"),
        (lambda m: m.update(code="om 50"), "code: 'om 50' has not the right form; write letters, a hyphen"),
        (lambda m: m.update(version="1"), "version: is no integer; write a whole number from 1"),
        (
            lambda m: m.update(valid_from="2026-02-30"),
            "valid_from: no day of the calendar; write it as 2026-01-01",
        ),
        (
            lambda m: m.update(evidence="heard it"),
            "evidence: 'heard it' has not the right form; write sourced with a colon and the source",
        ),
        (
            lambda m: m.update(lead_department="magic"),
            "lead_department: unknown department magic; name it in",
        ),
        (lambda m: m["names"].pop("en") and None, "names: misses en; add it"),
        (lambda m: m["items"][1].update(id=2), "items[1].id: is no string; write two digits in quotes"),
        (lambda m: m["items"][1].update(id="01"), "items[1].id: 01 stands twice;"),
        (
            lambda m: m["items"][1].update(level="NATIONAL"),
            "items[1].level: 'NATIONAL' is not allowed here; write",
        ),
        (
            lambda m: m["items"][1].update(department="magic"),
            "items[1].department: unknown department magic;",
        ),
        (
            lambda m: m["items"][1].update(depends_on=["09"]),
            "items[1].depends_on: item 02 depends on unknown item 09",
        ),
        (
            lambda m: m["items"][0].update(depends_on=["02"]),
            "items: items 01, 02 wait for each other in a cycle;",
        ),
        (
            lambda m: m["items"][0].update(depends_on=["01"]),
            "items: item 01 waits for itself;",
        ),
        (
            lambda m: m["items"][0].update(materials=["form", "x"]),
            "items[0].materials[1]: unknown material x;",
        ),
        (
            lambda m: [one.update(materials=[]) for one in m["items"]],
            "materials[0]: no item needs material form;",
        ),
        (
            lambda m: m["items"][0].update(legal_days=5, promised_days=6),
            "items[0].promised_days: promises 6 days",
        ),
        (
            lambda m: m["items"][0].update(routing="each"),
            "items[0].routing: routing each and for_each belong",
        ),
        (
            lambda m: m["items"][0].update(for_each="places"),
            "items[0].routing: routing each and for_each belong",
        ),
        (
            lambda m: m["items"][0].update(routing="each", for_each="amount"),
            "items[0].for_each: amount is not a fact of kind list;",
        ),
        (lambda m: m["items"][0].update(routing="origin"), "items[0].routing: routing origin without a fact"),
        (lambda m: m["items"][0].update(when="facts.amount >"), "items[0].when: not an expression"),
        (
            lambda m: m["items"][0].update(when="facts.nothing > 1.0"),
            "items[0].when: names unknown fact nothing;",
        ),
        (
            lambda m: m["items"][0].update(when="facts.amount > 'x'"),
            "items[0].when: cannot be decided even when",
        ),
        (lambda m: m["items"][0].update(when="facts.amount"), "items[0].when: cannot be decided even when"),
        (
            lambda m: m["items"][0].update(when="facts.note == 'x'"),
            "items[0].when: depends on note, which the applicant may leave out; make note required",
        ),
        (
            lambda m: m["items"][0].update(auto_rule={"grant_when": "now(facts.amount)", "explanation": NAMES}),
            "items[0].auto_rule.grant_when: calls unknown function now;",
        ),
        (lambda m: m["facts"].append(fact("amount", "text")), "facts[3].key: amount stands twice;"),
        (lambda m: m["facts"][0].update(pattern="x"), "facts[0]: choices or a pattern of a number;"),
        (lambda m: m["facts"][2].update(pattern="("), "facts[2].pattern: no regular expression"),
        (lambda m: m["facts"][2].update(minimum=1), "facts[2].minimum: a minimum of a text;"),
        # What may have several forms is told in the form that it has.
        (
            lambda m: m.update(evidence={"colour": "general"}),
            "evidence: 'colour' is not allowed here; use one of matter, facts",
        ),
        (
            lambda m: m.update(evidence={"level": "hearsay"}),
            "evidence.level: 'hearsay' has not the right form; write sourced with a colon and the source",
        ),
        (lambda m: m.update(evidence=["general"]), "evidence: is a list; write how far to trust each group"),
        (
            lambda m: m["items"][0].update(when={"rule": "facts.amount > 1.0"}),
            "items[0].when: misses explanation; add it",
        ),
        (
            lambda m: m["facts"][2].update(choices=["x", {"value": "y"}]),
            "facts[2].choices[1]: misses names; add it",
        ),
        (
            lambda m: m["items"][0].update(code={"scheme": "barcode", "text": "1"}),
            "items[0].code.scheme: 'barcode' is not allowed here; write basic (12 digits)",
        ),
        (
            lambda m: m["items"][0].update(basis=[{"law": "roads", "article": "3"}]),
            "items[0].basis[0].article: is no integer; write the article's number",
        ),
        (
            lambda m: m["items"][0].update(supervised_by="magic"),
            "items[0].supervised_by: unknown department magic; name it in departments.yaml",
        ),
        (
            lambda m: m["items"][0].update(opinions={"departments": ["transport", "magic"]}),
            "items[0].opinions.departments[1]: unknown department magic; name it in",
        ),
        (
            lambda m: m["items"][0].update(opinions={"departments": []}),
            "items[0].opinions.departments: breaks minItems; write the departments asked",
        ),
        (
            lambda m: m["items"][0].update(opinions={"departments": ["transport"], "quorum": -1}),
            "items[0].opinions.quorum: breaks minimum; write how many of them have to consent",
        ),
        (
            lambda m: m["items"][0].update(denial="siblings"),
            "items[0].denial: 'siblings' is not allowed here; write what a denial means",
        ),
        (
            lambda m: m["items"][0].update(validity_years=0),
            "items[0].validity_years: breaks minimum; write for how many years",
        ),
        (
            lambda m: m["items"][0].update(rule_examples=[{"facts": {"amount": None}, "grants": True}]),
            "items[0].rule_examples[0].facts.amount: is a NoneType; write a text, a number",
        ),
        (
            lambda m: m["items"][0].update(routing="crossed"),
            "items[0].routing: routing crossed without the regions crossed; ask the fact origin_division",
        ),
        (lambda m: m.update(acceptance="clerk"), "acceptance: 'clerk' is not allowed here; write rule (a complete"),
        (lambda m: m.update(delivery=[]), "delivery: breaks minItems; write the ways in which results are"),
        (lambda m: m.update(delivery=["drone"]), "delivery[0]: 'drone' is not allowed here; write e_certificate, post"),
        (lambda m: m.update(cross_region=["far"]), "cross_region[0]: 'far' is not allowed here; write remote,"),
        (
            lambda m: m.update(totals=[{"when": "facts.amount > 1.0", "days": 1.5}]),
            "totals[0].days: is no integer; write working days, 0 to 1000",
        ),
        (
            lambda m: m.update(totals=[{"when": "facts.nothing > 1.0", "days": 5}]),
            "totals[0].when: names unknown fact nothing;",
        ),
        (lambda m: m.update(valid_until="tomorrow"), "valid_until: 'tomorrow' has not the right form;"),
    ],
)
def test_a_wrong_document_is_refused_with_file_path_rule_and_way_out(
    tmp_path: Path, change: Change, expected: str
) -> None:
    document = yaml.safe_load(yaml.safe_dump(matter()))
    change(document)
    problems = refused(write(tmp_path, document))
    prefix = f"{tmp_path / 'OM-50.yaml'}: "
    assert any(problem.startswith(prefix + expected) for problem in problems), problems


def test_every_problem_of_every_file_is_told(tmp_path: Path) -> None:
    first, second = matter(), matter()
    first["items"][0]["materials"] = ["x"]
    first["items"][1]["depends_on"] = ["09"]
    second["code"] = 7
    write(tmp_path, first, "a.yaml")
    write(tmp_path, second, "b.yaml")
    problems = refused(tmp_path)
    assert [Path(problem.split(": ", maxsplit=1)[0]).name for problem in problems] == [
        "a.yaml",
        "a.yaml",
        "b.yaml",
    ]


def test_a_situation_may_ask_for_an_optional_fact(tmp_path: Path) -> None:
    document = matter()
    document["items"][0]["when"] = "has(facts.note) && facts.note == 'x'"
    assert load_catalogue(write(tmp_path, document)).get("OM-50").items[0].when is not None


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"code: OM-50\ncode: OM-51\n", "line 2: no YAML that can be read: key code is given twice;"),
        (b"code: [\n", "no YAML that can be read"),
        (b"code: !!python/object:os.system x\n", "no YAML that can be read"),
        (b"\xff\xfe\x00", "no YAML that can be read"),
        (b"", "(document): is no object;"),
        (b"- 1\n", "(document): is no object;"),
        (b"#" * 1_048_577, "(file): 1048577 bytes; keep it within 1048576 bytes"),
        (b"[" * 200_000, "no YAML that can be read"),
    ],
    ids=["twice", "torn", "tag", "binary", "empty", "list", "large", "deep"],
)
def test_a_file_that_is_no_document_is_refused(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "bad.yaml").write_bytes(content)
    (problem,) = refused(tmp_path)
    assert "bad.yaml" in problem
    assert expected in problem


def test_one_version_in_two_files_is_refused(tmp_path: Path) -> None:
    write(tmp_path, matter(), "a.yaml")
    (problem,) = refused(write(tmp_path, matter(), "b.yaml"))
    assert "b.yaml: version: OM-50 version 1 stands in another file too; raise the version" in problem


def test_no_directory_and_no_matter_are_refused(tmp_path: Path) -> None:
    assert "no such directory" in refused(tmp_path / "absent")[0]
    assert "no matter in this directory" in refused(tmp_path)[0]
    assert "no year in this directory" in refused(tmp_path, load_calendar)[0]


YEAR = {
    "year": 2028,
    "state": "provisional",
    "source": "test",
    "days_off": ["2028-01-03"],
    "make_up_days": [],
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, None),
        (
            {"days_off": ["2027-12-31/2028-01-01"]},
            "(document): 2027-12-31 stands in the calendar of 2028; move it",
        ),
        ({"days_off": ["2028-02-30"]}, "(document): "),
        ({"days_off": ["2028-02-02/2028-02-01"]}, "(document): 2028-02-02/2028-02-01 is no period"),
        ({"days_off": ["soon"]}, "days_off[0]: 'soon' has not the right form; write a day as"),
        ({"state": "rumoured"}, "state: 'rumoured' is not allowed here; write official, or provisional"),
        ({"make_up_days": ["2028-01-04"]}, "(document): make-up day 2028-01-04 is no Saturday or Sunday"),
    ],
)
def test_a_calendar_year_is_checked(tmp_path: Path, change: dict[str, Any], expected: str | None) -> None:
    write(tmp_path, {**YEAR, **change}, "2028.yaml")
    if expected is None:
        assert [year.year for year in load_calendar(tmp_path).years] == [2028]
    else:
        assert refused(tmp_path, load_calendar)[0].startswith(f"{tmp_path / '2028.yaml'}: {expected}")


def test_one_year_in_two_files_is_refused(tmp_path: Path) -> None:
    write(tmp_path, YEAR, "2028.yaml")
    (problem,) = refused(write(tmp_path, YEAR, "again.yaml"), load_calendar)
    assert "again.yaml: year: 2028 stands in another file too" in problem


def test_shipped_divisions_are_well_formed_and_named() -> None:
    names = load_divisions()
    assert names["330106"] == {"zh-CN": "西湖区", "en": "Xihu"}
    assert len([code for code in names if code.startswith("33") and level_of(code).name == "COUNTY"]) == 90
    assert list(names) == sorted(names)


def test_a_malformed_division_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, {"divisions": {"330006": NAMES}}, "divisions.yaml") / "divisions.yaml"
    (problem,) = refused(file, load_divisions)
    assert "divisions.330006: division code 330006: a lower part without the part above it; give 6 digits" in problem
