"""What is written about the chart is true: its README is made from the values, and golden files show what comes out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from tests.chart.readme import documented, readme
from tests.chart.rendering import CHART, EXAMPLES, Document, containers, example, of_kind

GOLDEN = Path(__file__).parent / "golden"


def test_the_readme_is_made_from_the_values() -> None:
    assert (CHART / "README.md").read_text(encoding="utf-8") == readme(), "run python -m tests.chart.readme"


def test_every_value_is_documented() -> None:
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    told = {value.path for value in documented(text)}

    def leaves(values: object, path: tuple[str, ...] = ()) -> set[str]:
        if not isinstance(values, dict) or not values or ".".join(path) in told:
            return {".".join(path)}
        return set().union(*(leaves(value, (*path, key)) for key, value in values.items()))

    assert leaves(yaml.safe_load(text)) <= told


def held(shown: str, golden: Path) -> None:
    if os.environ.get("ONEMATTER_GOLDEN") == "write":
        golden.write_text(shown, encoding="utf-8")
    assert golden.is_file(), f"no {golden.name} yet; ONEMATTER_GOLDEN=write keeps it"
    assert shown == golden.read_text(encoding="utf-8"), "look at it; ONEMATTER_GOLDEN=write keeps it"


def test_a_county_to_the_last_field() -> None:
    """What the smallest story makes of intake and notification, and its jobs, as the cluster gets it."""
    kept = ("intake", "notification", "provision", "migrate", None)
    chosen = [one for one in example("county") if one["metadata"]["labels"].get("app.kubernetes.io/component") in kept]
    held(yaml.safe_dump_all(chosen, sort_keys=True, allow_unicode=True, width=160), GOLDEN / "county.yaml")


def shown(resource: Document) -> str:
    """A resource in a line: what an operator would ask of it first."""
    spec = resource.get("spec", {})
    told = []
    if resource["kind"] == "Deployment":
        told.append(f"replicas {spec.get('replicas', 'by KEDA')}")
    if resource["kind"] in ("Deployment", "Job"):
        volumes = spec["template"]["spec"]["volumes"]
        told.append("secrets " + ", ".join(sorted({v["secret"]["secretName"] for v in volumes if "secret" in v})))
    if resource["kind"] == "ScaledObject":
        told.append(f"{spec['minReplicaCount']} to {spec['maxReplicaCount']} on {len(spec['triggers'])} topics")
    if resource["kind"] == "NetworkPolicy":
        for way in ("ingress", "egress"):
            ports = [str(port["port"]) for rule in spec.get(way, ()) for port in rule["ports"]]
            told.append(f"{way} {' '.join(ports) or 'none'}")
    if resource["kind"] == "KafkaTopic":
        told.append(f"{spec['partitions']} partitions, {spec['replicas']} replicas")
    if resource["kind"] == "KafkaUser":
        told.append(f"{len(spec['authorization']['acls'])} rights")
    return f"{resource['kind']} {resource['metadata']['name']}" + (f": {'; '.join(told)}" if told else "")


@pytest.mark.parametrize("story", ["city", "province"])
def test_a_story_at_a_glance(story: str) -> None:
    lines = [shown(resource) for resource in example(story)]
    lines += sorted({f"image {container['image']}" for _, _, container in containers(example(story))})
    held("\n".join(lines) + "\n", GOLDEN / f"{story}.txt")


def test_the_examples_are_the_three_stories() -> None:
    assert set(EXAMPLES) == {"county", "city", "province"}
    assert {len(of_kind(example(name), "Deployment")) for name in EXAMPLES} == {6, 9, 10}


def test_rules_and_dashboards_are_those_of_the_chart() -> None:
    """Word for word: a template of an alert's text is Prometheus' own, not Helm's."""
    groups = [
        group
        for path in sorted((CHART / "monitoring" / "rules").glob("*.yaml"))
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    ]
    (rule,) = of_kind(example("city"), "PrometheusRule")
    assert rule["spec"]["groups"] == groups
    dashboards = {
        path.name: path.read_text(encoding="utf-8") for path in (CHART / "monitoring" / "dashboards").glob("*.json")
    }
    maps = [one["data"] for one in of_kind(example("city"), "ConfigMap") if "-dashboard-" in one["metadata"]["name"]]
    assert {name: text for data in maps for name, text in data.items()} == dashboards
