"""Renders the chart as Helm does, from the library that Helm is: values judged by the schema, then the templates.

Rule 1: no network and no cluster: charts/onematter alone is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import helm_python
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "onematter"
EXAMPLES = {path.stem: path for path in sorted((CHART / "examples").glob("*.yaml"))}
NAME, NAMESPACE = "om", "gov"
PREFIX = f"{NAME}-onematter-"

# The least that an operator must say.
LEAST: Mapping[str, Any] = {
    "image": {"repository": "registry.example/onematter"},
    "kafka": {"bootstrapServers": "kafka.example:9093", "existingSecret": "kafka"},
    "database": {"existingSecret": "database"},
}

Document = dict[str, Any]
Resources = Sequence[Document]


class Refused(Exception):
    """The chart's own words on values that it does not take."""


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Values on top of others, as `-f` after `-f`."""
    result = dict(base)
    for key, value in over.items():
        found = result.get(key)
        result[key] = merged(found, value) if isinstance(found, Mapping) and isinstance(value, Mapping) else value
    return result


def texts(values: Mapping[str, Any], chart: Path = CHART) -> dict[str, str]:
    """What each template renders to, by its path. Raises Refused."""
    with helm_python.Chart.load(chart) as loaded:
        try:
            loaded.validate_schema(dict(values))
            return loaded.render(dict(values), name=NAME, namespace=NAMESPACE, is_install=True)
        except helm_python.HelmError as error:
            raise Refused(str(error)) from None


def documents(values: Mapping[str, Any], chart: Path = CHART) -> list[Document]:
    """Every resource that the values render to."""
    rendered = sorted(texts(values, chart).items())
    return [
        document
        for path, text in rendered
        if path.endswith(".yaml")
        for document in yaml.safe_load_all(text)
        if document is not None
    ]


@cache
def example_values(name: str) -> Mapping[str, Any]:
    """The values of an example; `least` is the least."""
    return LEAST if name == "least" else yaml.safe_load(EXAMPLES[name].read_text(encoding="utf-8"))


@cache
def example(name: str) -> tuple[Document, ...]:
    """The resources of an example. They are shared: change none."""
    return tuple(documents(example_values(name)))


STORIES = ("least", *EXAMPLES)


def of_kind(resources: Resources, *kinds: str) -> list[Document]:
    """The resources of these kinds."""
    return [one for one in resources if one["kind"] in kinds]


def pods(resources: Resources) -> Iterator[tuple[str, dict[str, str], Document]]:
    """Every pod: the name of what makes it, its labels, its spec."""
    for one in resources:
        if one["kind"] in ("Deployment", "Job"):
            template = one["spec"]["template"]
            yield one["metadata"]["name"], template["metadata"]["labels"], template["spec"]
        elif one["kind"] == "Pod":
            yield one["metadata"]["name"], one["metadata"]["labels"], one["spec"]


def containers(resources: Resources) -> Iterator[tuple[str, Document, Document]]:
    """Every container: the name of what makes its pod, the pod's spec, its own."""
    for name, _, spec in pods(resources):
        for container in (*spec.get("initContainers", ()), *spec["containers"]):
            yield f"{name}/{container['name']}", spec, container


def named(resources: Resources, kind: str, name: str) -> Document:
    """The one resource of that kind, named without the release's prefix."""
    (found,) = [one for one in of_kind(resources, kind) if one["metadata"]["name"] == PREFIX + name]
    return found


def topics_toml(resources: Resources) -> str:
    """The topics table that the services read."""
    return named(resources, "ConfigMap", "topics")["data"]["topics.toml"]


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector with matchLabels alone selects the labels; an empty one selects everything."""
    assert set(selector) <= {"matchLabels"}, "only matchLabels are understood here"
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
