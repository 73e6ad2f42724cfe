"""The demo's script fits the catalogue: every item that waits for a person has an official who knows it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from onematter.backbone.catalogue_files import load_catalogue, load_divisions
from onematter.client.messages import MaterialFile, material_of
from onematter.common.v1.actor_pb2 import Level
from onematter.law.catalogue import Catalogue
from onematter.law.identifiers import check_id_card, check_uscc
from onematter.law.planning import PlannedItem, plan
from onematter.law.rules import FactValue
from onematter.local.demo.matters import INDUSTRIAL_PROJECT, MATTERS, OVERSIZE_TRANSPORT
from onematter.local.demo.program import main
from onematter.local.demo.report import took, without_password
from onematter.local.demo.run import first_ends
from onematter.local.demo.script import DEPARTMENTS, DIVISIONS, ENTERPRISE, MOTHER, Matter, pdf


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def planned(catalogue: Catalogue, matter: Matter) -> Iterator[tuple[PlannedItem, bool]]:
    matter_type = catalogue.get(matter.code)
    facts: dict[str, FactValue] = dict(matter.facts)  # type: ignore[arg-type]
    for item in plan(matter_type, matter.division, facts):
        rule = item.item.rule
        yield item, rule is not None and rule.holds(facts)


@pytest.mark.parametrize("matter", MATTERS, ids=lambda matter: matter.code)
def test_every_item_has_its_desk_and_practice_or_its_rule(catalogue: Catalogue, matter: Matter) -> None:
    desks = {(Level.Name(desk.level), desk.division, desk.department) for desk in matter.desks}
    used: set[tuple[str, str, str]] = set()
    for item, by_rule in planned(catalogue, matter):
        if by_rule:
            assert matter.short[item.item.item_id]
            continue
        used.add((f"LEVEL_{item.level.name}", item.division, item.department))
        assert matter.practices[item.item.item_id].opinion
    assert used == desks


@pytest.mark.parametrize("matter", [INDUSTRIAL_PROJECT, OVERSIZE_TRANSPORT], ids=lambda matter: matter.code)
def test_some_items_are_decided_by_rule(catalogue: Catalogue, matter: Matter) -> None:
    assert [item.instance_id for item, by_rule in planned(catalogue, matter) if by_rule] == ["01"]


def test_the_site_visit_joins_three_levels_and_none_waits_for_another_of_it(catalogue: Catalogue) -> None:
    items = {item.instance_id: item for item, _ in planned(catalogue, INDUSTRIAL_PROJECT)}
    visit = next(practice.visits_with for practice in INDUSTRIAL_PROJECT.practices.values() if practice.visits_with)
    assert {items[one].level.name for one in visit} == {"PROVINCE", "CITY", "COUNTY"}
    for one in visit:
        assert INDUSTRIAL_PROJECT.practices[one].visits_with == visit
        needed, seen = list(items[one].depends_on), set[str]()
        while needed:
            other = needed.pop()
            seen.add(other)
            needed += items[other].depends_on
        assert not seen & set(visit)


def test_names_are_those_of_the_catalogue(catalogue: Catalogue) -> None:
    divisions = load_divisions()
    for code, names in DIVISIONS.items():
        assert names == (divisions[code]["zh-CN"], divisions[code]["en"])
    for code, names in DEPARTMENTS.items():
        assert names == (catalogue.departments[code]["zh-CN"], catalogue.departments[code]["en"])


def test_the_applicant_has_a_valid_code() -> None:
    assert check_uscc(ENTERPRISE.identifier) is None
    assert check_id_card(MOTHER.identifier) is None


def test_materials_are_pdf_files_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "site_plan.pdf").write_bytes(pdf("a"))
    made = material_of(MaterialFile(tmp_path / "site_plan.pdf"))
    assert (made.material_id, made.media_type) == ("site_plan", "application/pdf")
    assert pdf("a").startswith(b"%PDF-1.4\n")
    assert pdf("a") != pdf("b")
    # The cross-reference table points at the objects.
    for number, line in enumerate(pdf("a").split(b"xref\n0 5\n")[1].splitlines()[1:5], 1):
        assert pdf("a")[int(line[:10]) :].startswith(b"%d 0 obj" % number)


def test_the_first_failure_ends_everybody_and_is_raised() -> None:
    ended: list[str] = []

    async def waits(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    async def fails() -> None:
        raise LookupError("refused")

    with pytest.raises(LookupError, match="refused"):
        asyncio.run(first_ends(waits("leader"), [waits("official"), fails()]))
    assert sorted(ended) == ["leader", "official"]


def test_the_leader_ends_the_others() -> None:
    ended: list[str] = []

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("official")

    async def leads() -> None:
        await asyncio.sleep(0)

    asyncio.run(first_ends(leads(), [waits()]))
    assert ended == ["official"]


@pytest.mark.parametrize(
    ("milliseconds", "said"),
    [(8_240, "8.24 s (0.0023 h)"), (5_400_000, "1.500 h"), (129_600_000, "1.5 d (36.0 h)")],
)
def test_lengths_of_time(milliseconds: int, said: str) -> None:
    assert took(milliseconds) == said


def test_a_password_is_not_shown() -> None:
    assert without_password("postgresql://me:secret@127.0.0.1:5432/db") == "postgresql://me:***@127.0.0.1:5432/db"
    assert without_password("postgresql://127.0.0.1/db") == "postgresql://127.0.0.1/db"


@pytest.mark.parametrize("pace", ["-1", "nan", "fast"])
def test_a_pace_that_is_none_is_refused_before_anything_starts(pace: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--pace", pace])
    assert ended.value.code == 2
