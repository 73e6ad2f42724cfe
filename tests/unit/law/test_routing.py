"""Who is competent for what crosses regions, and where items of towns and villages are decided."""

from __future__ import annotations

import pytest
from tests.unit.law.documents import document, item, question

from onematter.backbone.catalogue_files import load_catalogue
from onematter.common.v1 import actor_pb2
from onematter.contracts.topics import table
from onematter.law.catalogue import Unroutable, check, plan
from onematter.law.divisions import Level
from onematter.law.planning import promised_for_whole
from onematter.law.problems import DocumentRefused
from onematter.law.reading import read_matter_type
from onematter.law.routing import Competence, competent
from onematter.law.rules import FactValue

TRANSPORT = load_catalogue().get("OM-09")


@pytest.mark.parametrize(
    ("origin", "crossed", "level", "division", "coordinates"),
    [
        # Within one county.
        ("330106", [], Level.COUNTY, "330106", ()),
        ("330106001", ["330106", "330106002"], Level.COUNTY, "330106", ()),
        # Within one city, crossing counties.
        ("330106", ["330110"], Level.CITY, "330100", ()),
        ("330106", ["330100"], Level.CITY, "330100", ()),
        ("330100", [], Level.CITY, "330100", ()),
        # Within one province, crossing cities.
        ("330106", ["330206"], Level.PROVINCE, "330000", ()),
        ("330106", ["330100", "330600", "330200"], Level.PROVINCE, "330000", ()),
        ("330106", ["330000"], Level.PROVINCE, "330000", ()),
        # Crossing provinces: the province of the origin, which coordinates the others in their order.
        ("330106", ["320500", "310000", "320100"], Level.PROVINCE, "330000", ("320000", "310000")),
        ("320506", ["330100"], Level.PROVINCE, "320000", ("330000",)),
        # A city without counties is its own county.
        ("441900", ["441900001"], Level.COUNTY, "441900", ()),
        ("441900", ["442000"], Level.PROVINCE, "440000", ()),
    ],
)
def test_the_regions_crossed_say_who_is_competent(
    origin: str, crossed: list[str], level: Level, division: str, coordinates: tuple[str, ...]
) -> None:
    assert competent(origin, crossed) == Competence(level, division, coordinates)


@pytest.mark.parametrize("crossed", [["33"], ["000000"], ["330106", "x"]])
def test_what_is_no_division_of_a_province_is_refused(crossed: list[str]) -> None:
    with pytest.raises(ValueError, match=r"; give "):
        competent("330106", crossed)


def facts(**more: FactValue) -> dict[str, FactValue]:
    return {
        "goods": "a transformer", "height_m": 4.8, "width_m": 4.2, "length_m": 32.5, "weight_t": 118.0,
        "origin_division": "330206", "route_cities": ["330200", "330100"], **more,
    }  # fmt: skip


def where(division: str, given: dict[str, FactValue]) -> dict[str, tuple[Level, str]]:
    return {one.instance_id: (one.level, one.division) for one in plan(TRANSPORT, division, given)}


def test_an_oversize_transport_is_accepted_and_permitted_by_who_is_competent_for_its_route() -> None:
    across_cities = where("330106", facts())
    assert across_cities["01"] == across_cities["05"] == (Level.PROVINCE, "330000")
    in_one_city = where("330106", facts(route_cities=["330200"]))
    assert in_one_city["01"] == in_one_city["05"] == (Level.CITY, "330200")
    # Handed in elsewhere, it is still the province of its origin that accepts; the others permit their own roads.
    abroad = where("330106", facts(origin_division="320506", route_cities=["320500"], route_provinces=["330000"]))
    assert abroad["01"] == abroad["05"] == (Level.PROVINCE, "320000")
    assert abroad["06@330000"] == (Level.PROVINCE, "330000")


def test_a_route_that_names_no_division_is_a_violation() -> None:
    with pytest.raises(Unroutable) as error:
        plan(TRANSPORT, "330106", facts(origin_division="339"))
    assert error.value.violation.field == "application.facts[origin_division]"
    materials = [(one, 32, 1_000, "application/pdf") for one in ("transport_application", "load_drawing")]
    assert check(TRANSPORT, facts(), materials) == ()
    (violation,) = check(TRANSPORT, facts(route_cities=["000000"]), materials)
    assert (violation.field, violation.reason) == ("application.facts[route_cities]", "FACT_MALFORMED")


@pytest.mark.parametrize(
    ("height", "width", "length", "weight", "days"),
    [
        (4.2, 3.0, 20.0, 49.0, 5),
        (4.21, 3.0, 20.0, 49.0, 10),
        (4.2, 3.01, 20.0, 49.0, 10),
        (4.2, 3.0, 20.1, 49.0, 10),
        (4.2, 3.0, 20.0, 49.1, 10),
        (4.5, 3.75, 28.0, 100.0, 10),
        (4.51, 3.0, 20.0, 49.0, 20),
        (4.2, 3.76, 20.0, 49.0, 20),
        (4.2, 3.0, 28.1, 49.0, 20),
        (4.2, 3.0, 20.0, 100.1, 20),
    ],
)
def test_the_class_of_a_load_says_in_how_many_days_it_is_promised(
    height: float, width: float, length: float, weight: float, days: int
) -> None:
    load = facts(height_m=height, width_m=width, length_m=length, weight_t=weight)
    assert promised_for_whole(TRANSPORT, load) == days


def refused(**changes: object) -> list[str]:
    crossing = {"routing": "crossed", "level": "PROVINCE", **changes}
    places = question("places", "list")
    each = item("02", routing="each", for_each="places")
    variants = (
        document(item("01", **crossing), each, facts=[places]),
        document(item("01", **crossing), facts=[question("origin_division", "text")]),
        document(item("01", **crossing), each, facts=[places, question("origin_division", "text")]),
    )
    told: list[str] = []
    for one in variants:
        try:
            read_matter_type(one)
        except DocumentRefused as error:
            told += [str(problem) for problem in error.problems]
    return told


def test_an_item_routed_by_regions_that_nobody_tells_is_refused() -> None:
    nobody = "items[0].routing: routing crossed without the regions crossed; ask the fact origin_division of kind text"
    assert [one[: len(nobody)] for one in refused()] == [nobody, nobody]
    assert refused(level="CITY")[-1].startswith("items[0].level: routing crossed with level CITY; write PROVINCE")


@pytest.mark.parametrize(("level", "division"), [("TOWN", "330106001"), ("VILLAGE", "330106001001")])
def test_items_of_towns_and_villages_go_to_the_approval_of_their_county(level: str, division: str) -> None:
    made = read_matter_type(document(item("01", level=level), item("02")))
    town, county = plan(made, division, {})
    assert (town.level, town.division) == (county.level, county.division) == (Level.COUNTY, "330106")
    topics = table()
    destination = topics.destination(town.level, town.division)
    assert destination == topics.destination(actor_pb2.LEVEL_COUNTY, "330106")
    deployment = topics.deployments[destination.deployment]
    assert (deployment.service, deployment.level) == ("approval", actor_pb2.LEVEL_COUNTY)
