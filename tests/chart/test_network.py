"""What may talk with what, against a table written by hand: what each service needs, and no more."""

from __future__ import annotations

from typing import Any

import pytest
from tests.chart.rendering import (
    LEAST,
    PREFIX,
    STORIES,
    Document,
    Resources,
    documents,
    example,
    merged,
    named,
    of_kind,
    pods,
    selects,
)

GRPC, METRICS, KAFKA, POSTGRES, PLATFORM, DNS = 8080, 9090, 9093, 5432, 8443, 53
SINGLE = ("intake", "notification", "archive", "exchange")
MONITORING = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
GATEWAYS = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateways"}}}
NUMBERS = {"grpc": GRPC, "metrics": METRICS}


def rules(resources: Resources, labels: dict[str, str], direction: str) -> list[Document]:
    """The rules of one direction that hold for a pod. A pod that no policy selects may everything."""
    policies = [one for one in of_kind(resources, "NetworkPolicy") if selects(one["spec"]["podSelector"], labels)]
    assert any(direction.capitalize() in one["spec"]["policyTypes"] for one in policies), labels
    return [rule for one in policies for rule in one["spec"].get(direction, ())]


def ports(rule: Document) -> set[int]:
    return {NUMBERS[port["port"]] if port["port"] in NUMBERS else port["port"] for port in rule["ports"]}


def may_call(resources: Resources, caller: dict[str, str], called: dict[str, str], port: int) -> bool:
    """Whether both ends allow it: a peer without a namespace is of the release's own."""

    def names(rule: Document, side: str, other: dict[str, str]) -> bool:
        peers = rule.get(side)
        return port in ports(rule) and (
            peers is None
            or any(
                "podSelector" in p and "namespaceSelector" not in p and selects(p["podSelector"], other) for p in peers
            )
        )

    out = any(names(rule, "to", called) for rule in rules(resources, caller, "egress"))
    return out and any(names(rule, "from", caller) for rule in rules(resources, called, "ingress"))


@pytest.mark.parametrize("story", STORIES)
def test_calls_within_the_release(story: str) -> None:
    labels = {name.removeprefix(PREFIX): found for name, found, _ in pods(example(story))}
    approvals = [name for name in labels if name.startswith("approval-")]
    expected = {("exchange", "intake"), *(("test", name) for name in (*SINGLE, *approvals))}
    for port in (GRPC, METRICS):
        found = {
            (caller, called)
            for caller in labels
            for called in labels
            if may_call(example(story), labels[caller], labels[called], port)
        }
        assert found == (expected if port == GRPC else set())


@pytest.mark.parametrize("story", STORIES)
def test_ways_out_of_the_release(story: str) -> None:
    resources = example(story)
    kafka = 9094 if story == "county" else KAFKA
    for name, labels, _ in pods(resources):
        component = name.removeprefix(PREFIX)
        found = set().union(*(ports(rule) for rule in rules(resources, labels, "egress")))
        wanted = {DNS}
        if component != "test":
            wanted |= {kafka} if component in ("supervision", "provision") else set()
            wanted |= {POSTGRES} if component == "migrate" else set()
            if component not in ("supervision", "provision", "migrate"):
                wanted |= {kafka, POSTGRES}
        if component in ("exchange", "test"):
            wanted |= {GRPC}
        if component == "exchange" and story in ("city", "province"):
            wanted |= {PLATFORM}
        assert found == wanted, name


@pytest.mark.parametrize("story", STORIES)
def test_nothing_is_open_to_everybody(story: str) -> None:
    for one in of_kind(example(story), "NetworkPolicy"):
        for rule in one["spec"].get("ingress", ()):
            assert rule["from"], one["metadata"]["name"]
            assert rule["ports"]
        for rule in one["spec"].get("egress", ()):
            assert rule["ports"]


def test_strangers_come_in_where_they_are_named() -> None:
    def inbound(resources: list[Document], component: str) -> list[tuple[set[int], list[Any]]]:
        spec = named(resources, "NetworkPolicy", component)["spec"]
        strangers = [
            (ports(rule), [p for p in rule["from"] if "namespaceSelector" in p]) for rule in spec.get("ingress", ())
        ]
        return [one for one in strangers if one[1]]

    assert inbound(documents(LEAST), "intake") == []
    opened = documents(merged(LEAST, {"networkPolicy": {"clients": [GATEWAYS], "monitoring": [MONITORING]}}))
    assert inbound(opened, "intake") == [({GRPC}, [GATEWAYS]), ({METRICS}, [MONITORING])]
    assert inbound(opened, "supervision") == [({METRICS}, [MONITORING])]
    assert inbound(opened, "test") == []


def test_places_of_kafka_and_the_database_can_be_named() -> None:
    place = {"ipBlock": {"cidr": "198.51.100.0/26"}}
    made = documents(
        merged(LEAST, {"kafka": {"ports": [9093, 9094]}, "networkPolicy": {"kafka": [place], "database": [place]}})
    )
    egress = named(made, "NetworkPolicy", "archive")["spec"]["egress"]
    assert [(ports(rule), rule["to"]) for rule in egress[1:]] == [({9093, 9094}, [place]), ({POSTGRES}, [place])]


def test_a_collector_is_reached_by_who_records_and_at_its_port_alone() -> None:
    place = {"ipBlock": {"cidr": "198.51.100.0/26"}}
    tracing = {"endpoint": "https://collector.example:4318/otlp"}
    made = documents(merged(LEAST, {"tracing": tracing, "networkPolicy": {"collector": [place]}}))

    def ways(component: str) -> list[Any]:
        egress = named(made, "NetworkPolicy", component)["spec"]["egress"]
        return [rule.get("to") for rule in egress if 4318 in ports(rule)]

    assert ways("archive") == [[place]]
    assert ways("supervision") == ways("test") == []


def test_without_policies_there_are_none() -> None:
    assert of_kind(documents(merged(LEAST, {"networkPolicy": {"enabled": False}})), "NetworkPolicy") == []
