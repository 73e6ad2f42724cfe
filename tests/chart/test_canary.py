"""The canary in the chart: absent until it is asked for, and then with what it needs and no more."""

from __future__ import annotations

import re

import pytest
from tests.chart.rendering import (
    LEAST,
    PREFIX,
    STORIES,
    documents,
    example,
    merged,
    named,
    of_kind,
    texts,
    topics_toml,
)

from onematter.canary.settings import CanarySettings

ENABLED = merged(LEAST, {"canary": {"enabled": True, "divisions": ["330106", "330206"]}})


@pytest.mark.parametrize("story", STORIES)
def test_it_is_not_there_until_it_is_asked_for(story: str) -> None:
    assert not [one for one in example(story) if "canary" in one["metadata"]["name"]]


def test_it_finds_its_settings_and_needs_no_secret() -> None:
    deployment = named(documents(ENABLED), "Deployment", "canary")
    spec = deployment["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    settings = CanarySettings.from_environment({one["name"]: one["value"] for one in container["env"]})
    assert settings.divisions == ("330106", "330206")
    assert settings.addresses == {name: f"{PREFIX}{name}:8080" for name in ("intake", "archive")}
    assert (settings.interval_seconds, settings.timeout_seconds) == (120, 60)
    assert container["args"] == ["onematter.canary"]
    assert (deployment["spec"]["replicas"], deployment["spec"]["strategy"]) == (1, {"type": "Recreate"})
    assert {key for volume in spec["volumes"] for key in volume} == {"name", "emptyDir"}


def test_it_calls_intake_and_the_archive_and_nobody_else() -> None:
    made = documents(ENABLED)
    egress = named(made, "NetworkPolicy", "canary")["spec"]["egress"]
    component = "app.kubernetes.io/component"
    called = [
        to["podSelector"]["matchLabels"][component] for rule in egress for to in rule["to"] if "podSelector" in to
    ]
    assert called == ["intake", "archive"]
    assert {port["port"] for rule in egress for port in rule["ports"]} == {53, 8080}
    for name in ("intake", "archive", "exchange"):
        ingress = named(made, "NetworkPolicy", name)["spec"]["ingress"]
        callers = [one["podSelector"]["matchLabels"][component] for rule in ingress for one in rule["from"]]
        assert ("canary" in callers) == (name != "exchange")


def test_kafka_does_not_know_of_it() -> None:
    users = {"topics": {"mode": "strimzi"}, "strimzi": {"users": True, "cluster": "kafka"}}
    made = documents(merged(ENABLED, {"kafka": users}))
    assert topics_toml(made) == topics_toml(documents(merged(LEAST, {"kafka": users})))
    assert not [one for one in of_kind(made, "KafkaUser") if "canary" in one["metadata"]["name"]]


def test_a_changed_table_leaves_it_alone() -> None:
    more = merged(ENABLED, {"approvals": [{"name": "approval-county", "level": "COUNTY"}]})
    before, after = (named(documents(values), "Deployment", "canary") for values in (ENABLED, more))
    assert before == after
    noted = merged(ENABLED, {"services": {"canary": {"podAnnotations": {"example.com/note": "x"}}}})
    template = named(documents(noted), "Deployment", "canary")["spec"]["template"]
    assert template["metadata"]["annotations"] == {"example.com/note": "x"}


def test_the_notes_name_what_is_served() -> None:
    (notes,) = (text for path, text in texts(ENABLED).items() if path.endswith("NOTES.txt"))
    served = {name: f"{way} {where}" for name, way, where in re.findall(r"^  (\S+) +(gRPC|HTTP) (\S+)$", notes, re.M)}
    assert served["intake"] == f"gRPC {PREFIX}intake:8080"
    assert served["supervision"] == f"HTTP {PREFIX}supervision:9090/indicators"
    # It has its metrics, and nothing to look at besides.
    assert served["canary"] == f"HTTP {PREFIX}canary:9090/metrics"
    assert len(served) == len(of_kind(documents(ENABLED), "Deployment"))


def test_it_needs_no_kafka_user_where_each_service_has_its_own() -> None:
    own = {"kafka": {"existingSecret": "own", "username": "own"}}
    kafka = {"existingSecret": "", "securityProtocol": "SASL_SSL", "topics": own["kafka"]}
    services = ("intake", "notification", "archive", "exchange", "supervision")
    approvals = [{"name": f"approval-{one}", "level": one.upper(), **own} for one in ("province", "city", "county")]
    values = {"kafka": kafka, "services": dict.fromkeys(services, own), "approvals": approvals}
    deployment = named(documents(merged(ENABLED, values)), "Deployment", "canary")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert not [one for one in container["env"] if "KAFKA" in one["name"]]
