"""The topics that a release makes are those of the one table, and each service may do with them what the table says."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from tests.chart.rendering import LEAST, PREFIX, STORIES, documents, example, merged, named, of_kind, topics_toml

from onematter.backbone.acls import Client, Principals, read_principals, rights_of
from onematter.backbone.provision import _SERVICES_WITH_SCHEMA
from onematter.contracts.topics import TopicTable, parse


def table_of(story: str) -> TopicTable:
    return parse(tomllib.loads(topics_toml(example(story))))


def sorted_rows(document: dict[str, Any]) -> dict[str, Any]:
    return {
        "deployment": sorted(document["deployment"], key=lambda row: row["name"]),
        "topic": sorted(
            (
                {**row, "writers": sorted(row.get("writers", [])), "readers": sorted(row.get("readers", []))}
                for row in document["topic"]
            ),
            key=lambda row: row["name"],
        ),
    }


def test_the_default_is_the_table_that_ships() -> None:
    shipped = tomllib.loads(files("onematter.contracts").joinpath("topics.toml").read_text(encoding="utf-8"))
    rendered = tomllib.loads(topics_toml(example("least")))
    assert sorted_rows(rendered) == sorted_rows(shipped)
    assert {**rendered["defaults"], "partitions": None} == {**shipped["defaults"], "partitions": None}


@pytest.mark.parametrize("story", STORIES)
def test_every_story_makes_a_lawful_table(story: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONEMATTER_PARTITIONS", raising=False)
    table = table_of(story)
    deployments = {one["metadata"]["name"].removeprefix(PREFIX) for one in of_kind(example(story), "Deployment")}
    assert set(table.deployments) == deployments
    # What a hook writes is what the pods read.
    for one in of_kind(example(story), "ConfigMap"):
        if "topics.toml" in one["data"]:
            assert one["data"]["topics.toml"] == topics_toml(example(story))


@pytest.mark.parametrize(
    ("story", "level", "division", "deployment"),
    [
        ("city", 4, "330106", "approval-xihu"),
        ("city", 4, "330110", "approval-yuhang"),
        ("city", 4, "330112", "approval-county"),
        ("city", 3, "330100", "approval-city"),
        ("province", 3, "330200", "approval-ningbo"),
        ("province", 4, "330203", "approval-ningbo-counties"),
        ("province", 4, "330106", "approval-county"),
        ("province", 2, "330000", "approval-province"),
        ("county", 4, "330106", "approval-county"),
    ],
)
def test_items_go_to_the_nearest_centre(story: str, level: int, division: str, deployment: str) -> None:
    assert table_of(story).destination(level, division).deployment == deployment


@pytest.mark.parametrize("story", STORIES)
def test_every_schema_is_migrated_once_in_its_own_database(story: str) -> None:
    table = table_of(story)
    with_schema = [d for d in table.deployments.values() if d.service in _SERVICES_WITH_SCHEMA]
    secrets: dict[str, str] = {}
    for deployment in with_schema:
        spec = named(example(story), "Deployment", deployment.name)["spec"]["template"]["spec"]
        (volume,) = [volume for volume in spec["volumes"] if volume["name"] == "database"]
        secrets[deployment.name] = volume["secret"]["secretName"]
    spec = named(example(story), "Job", "migrate")["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    migrated: dict[str, set[str]] = {}
    for container in spec["containers"]:
        (name,) = [m["name"] for m in container["volumeMounts"] if m["mountPath"] == "/etc/onematter/database-url"]
        assert container["args"][:2] == ["onematter.backbone.provision", "--schemas"]
        migrated[volumes[name]["secret"]["secretName"]] = set(container["args"][2:]) or set(secrets)
    wanted: dict[str, set[str]] = defaultdict(set)
    for name, secret in secrets.items():
        wanted[secret].add(name)
    assert migrated == wanted


def test_strimzi_topics_are_those_of_the_table() -> None:
    table = table_of("city")
    made = {one["spec"]["topicName"]: one["spec"] for one in of_kind(example("city"), "KafkaTopic")}
    assert set(made) == set(table.topics)
    for name, spec in made.items():
        assert (spec["partitions"], spec["replicas"]) == (12, 3)
        config = {key: str(value) for key, value in spec["config"].items()}
        assert config.pop("min.insync.replicas") == "2"
        limit = config.pop("max.message.bytes")
        assert int(limit) == table.max_message_bytes * (2 if table.topics[name].kind == "dead-letters" else 1)
        assert config == {key: value for key, value in table.config.items() if key != "max.message.bytes"}


def test_strimzi_users_may_do_what_the_table_says_and_no_more() -> None:
    table = table_of("city")
    users = {one["metadata"]["name"].removeprefix(PREFIX): one["spec"] for one in of_kind(example("city"), "KafkaUser")}
    assert set(users) == set(table.deployments)
    for name, spec in users.items():
        may: dict[str, set[str]] = defaultdict(set)
        for acl in spec["authorization"]["acls"]:
            resource = acl["resource"]
            assert resource["patternType"] == "literal"
            if resource["type"] == "group":
                assert resource["name"] == f"onematter-{name}"
            else:
                may[resource["name"]] |= set(acl["operations"])
        may.pop("onematter-supervision-indicators-changelog", None)
        for topic in table.topics.values():
            writes = name == topic.owner or name in topic.writers
            # A deployment reads its own events when it takes a lane, and none of its dead letters.
            reads = (name == topic.owner and topic.kind != "dead-letters") or name in topic.readers
            assert ("Write" in may[topic.name]) == writes, (name, topic.name)
            assert ("Read" in may[topic.name]) == reads, (name, topic.name)
        assert set.union(*may.values()) <= {"Read", "Write", "Describe", "DescribeConfigs"}


def spelled(operation: str) -> str:
    """As the broker calls it what Strimzi calls `operation`."""
    return "".join(f"_{letter}" if letter.isupper() else letter for letter in operation).lstrip("_").upper()


def test_strimzi_users_and_the_job_give_the_same_rights() -> None:
    principals = {name: (f"User:{name}",) for name in table_of("city").deployments}
    by_job = {
        (one.principal, one.resource, one.name, one.operation)
        for one in rights_of(table_of("city"), Principals(principals))
    }
    by_strimzi = {
        (
            f"User:{user['metadata']['name'].removeprefix(PREFIX)}",
            acl["resource"]["type"],
            acl["resource"]["name"],
            operation,
        )
        for user in of_kind(example("city"), "KafkaUser")
        for acl in user["spec"]["authorization"]["acls"]
        # Who may read or write may describe, says Kafka.
        for operation in map(spelled, set(acl["operations"]) - {"Describe"})
    }
    assert by_strimzi == by_job


def test_the_job_gets_the_principals_of_the_values(tmp_path: Path) -> None:
    more = {
        "kafka": {
            "username": "everybody",
            "acls": {
                "enabled": True,
                "principals": {"intake": ['User:CN=<intake>,O="gov"']},
                "clients": [
                    {"principal": "User:water", "groups": "water-", "topics": ["onematter.matter.events.v1"]},
                    {"principal": "User:news", "groups": "news-"},
                ],
            },
        },
        "services": {"approval": {"kafka": {"username": "officials"}}},
    }
    resources = documents(merged(LEAST, more))
    file = tmp_path / "principals.toml"
    file.write_text(named(resources, "ConfigMap", "provision")["data"]["principals.toml"], encoding="utf-8")
    principals = read_principals(file)
    assert principals.clients == (
        Client("User:water", "water-", ("onematter.matter.events.v1",)),
        Client("User:news", "news-"),
    )
    assert principals.deployments["intake"] == ('User:CN=<intake>,O="gov"',)
    assert principals.deployments["approval-city"] == ("User:officials",)
    assert principals.deployments["archive"] == ("User:everybody",)
    rights_of(parse(tomllib.loads(topics_toml(resources))), principals)
    (container,) = named(resources, "Job", "provision")["spec"]["template"]["spec"]["containers"]
    path = Path(container["args"][container["args"].index("--acls") + 1])
    assert (str(path.parent), path.name) in {(one["mountPath"], file.name) for one in container["volumeMounts"]}


def test_without_acls_the_job_makes_topics_alone() -> None:
    (container,) = named(example("least"), "Job", "provision")["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["onematter.backbone.provision", "--topics"]
    assert set(named(example("least"), "ConfigMap", "provision")["data"]) == {"topics.toml"}


def test_autoscaling_looks_at_every_input() -> None:
    table = table_of("city")
    for one in of_kind(example("city"), "ScaledObject"):
        name = one["metadata"]["name"].removeprefix(PREFIX)
        assert {t["metadata"]["topic"] for t in one["spec"]["triggers"]} == set(table.inputs(name))
        assert {t["metadata"]["consumerGroup"] for t in one["spec"]["triggers"]} == {f"onematter-{name}"}


def test_a_changed_table_replaces_the_pods() -> None:
    def digests(values: dict[str, Any]) -> set[str]:
        deployments = of_kind(documents(values), "Deployment")
        return {one["spec"]["template"]["metadata"]["annotations"]["onematter/topics-digest"] for one in deployments}

    more = merged(LEAST, {"approvals": [{"name": "approval-county", "level": "COUNTY"}]})
    assert len(digests(dict(LEAST))) == 1
    assert digests(dict(LEAST)) != digests(more)
