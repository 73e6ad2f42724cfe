"""What an operator gets wrong is told before anything is touched: the field, the rule, the way out."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from tests.chart.rendering import CHART, EXAMPLES, LEAST, Refused, example_values, merged, texts

SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
PLAIN = {"securityProtocol": "PLAINTEXT", "existingSecret": ""}

# What is wrong with the values, and the words that say so.
CONTRADICTIONS: list[tuple[dict[str, Any], str]] = [
    ({"image": {"repository": ""}}, "image.repository: it is empty"),
    ({"canary": {"enabled": True}}, "canary.divisions: it is empty, and the canary hands its matters in somewhere"),
    ({"image": {"tag": "1", "digest": "sha256:" + "0" * 64}}, "image.digest and image.tag: both are given"),
    ({"kafka": {"bootstrapServers": ""}}, "kafka.bootstrapServers: it is empty, and this chart brings no Kafka"),
    (
        {"kafka": {**PLAIN, "tls": {"caSecret": "ca"}}},
        "kafka.tls: certificates are given, but kafka.securityProtocol PLAINTEXT",
    ),
    ({"kafka": {"securityProtocol": "SSL"}}, "a user is given, but kafka.securityProtocol SSL does not ask for one"),
    (
        {"kafka": {"saslMechanism": "PLAIN", "strimzi": {"users": True, "cluster": "k"}}},
        "kafka.strimzi.users: Strimzi's users log in by SCRAM-SHA-512, and kafka.saslMechanism is PLAIN",
    ),
    ({"kafka": {"existingSecret": ""}}, "needs a user for the job that makes the topics"),
    ({"kafka": {"existingSecret": "", "topics": {"existingSecret": "maker"}}}, "asks intake for a user"),
    (
        {"kafka": {"topics": {"mode": "strimzi"}}},
        "kafka.strimzi.cluster: KafkaTopic and KafkaUser resources need the name",
    ),
    ({"kafka": {"topics": {"replicationFactor": 1}}}, "2 replicas must have a record, and there are 1"),
    ({"kafka": {"topics": {"minInsyncReplicas": 3}}}, "so every broker's restart stops every service"),
    ({"kafka": {"topics": {"minInsyncReplicas": 1}}}, "is lost with one broker; give 2"),
    (
        {"kafka": {"topics": {"localRetentionMs": 1000}}},
        "without kafka.topics.remoteStorage it would be all that is kept",
    ),
    ({"kafka": {"acls": {"enabled": True}}}, "kafka.acls.principals: as whom intake logs in stands in a secret"),
    (
        {"kafka": {"username": "om", "acls": {"enabled": True, "principals": {"moon": ["User:moon"]}}}},
        "kafka.acls.principals.moon: there is no such deployment; there are intake, ",
    ),
    (
        {"kafka": {"username": "om", "topics": {"mode": "none"}, "acls": {"enabled": True}}},
        "kafka.acls.enabled: the job that makes the topics makes the ACLs, and kafka.topics.mode is none",
    ),
    (
        {"kafka": {"username": "om", "strimzi": {"cluster": "k", "users": True}, "acls": {"enabled": True}}},
        "kafka.acls.enabled and kafka.strimzi.users: Strimzi takes away what its users do not say",
    ),
    (
        {"kafka": {**PLAIN, "acls": {"enabled": True}}},
        "kafka.acls.enabled: with kafka.securityProtocol PLAINTEXT Kafka knows nobody",
    ),
    (
        {"database": {"existingSecret": ""}},
        "database.existingSecret: intake needs a database, and this chart brings none",
    ),
    (
        {"approvals": [{"name": "approval-a", "level": "CITY"}, {"name": "approval-a", "level": "COUNTY"}]},
        "approvals: approval-a is there twice",
    ),
    (
        {"approvals": [{"name": "approval-a", "level": "CITY"}, {"name": "approval-b", "level": "CITY"}]},
        "approvals: approval-a and approval-b both take the items of level CITY of everywhere",
    ),
    (
        {"approvals": [{"name": "approval-a", "level": "CITY", "division": "330106"}]},
        "division 330106 is none of that level",
    ),
    ({"approvals": [{"name": "approval-a", "level": "PROVINCE", "division": "330100"}]}, "a province ends with 0000"),
    (
        {"services": {"intakes": {}}},
        "services.intakes: there is no such service; there are intake, approval, notification",
    ),
    (
        {"services": {"notification": {"replicas": 2}}},
        "it must be one process: it writes its notices into one SQLite file",
    ),
    (
        {"services": {"notification": {"autoscaling": {"enabled": True}}}},
        "services.notification: it must be one process",
    ),
    ({"defaults": {"autoscaling": {"enabled": True}}}, "services.notification: it must be one process"),
    (
        {"services": {"supervision": {"replicas": 2}}},
        "each of two processes would show the figures of its own partitions",
    ),
    ({"services": {"intake": {"replicas": 13}}}, "replicas of intake: 13 of them share 12 partitions"),
    (
        {"services": {"archive": {"autoscaling": {"enabled": True, "maxReplicas": 13}}}},
        "autoscaling.maxReplicas of archive: 13 is more than the 12 partitions",
    ),
    (
        {"services": {"archive": {"autoscaling": {"enabled": True, "minReplicas": 4, "maxReplicas": 3}}}},
        "autoscaling of archive: minReplicas 4 is more than maxReplicas 3",
    ),
    (
        {"defaults": {"terminationGracePeriodSeconds": 30}},
        "terminationGracePeriodSeconds of intake: 30 is less than preStopSeconds and drainSeconds together",
    ),
    ({"test": {"submission": "matter_code: [OM-90"}}, "test.submission: it is not YAML"),
    (
        {"notification": {"persistence": {"mode": "none", "existingClaim": "mine"}}},
        "notification.persistence: mode none keeps nothing, and existingClaim is given",
    ),
    (
        {"serviceMonitor": {"enabled": True}},
        "networkPolicy.monitoring: it is empty, so the Prometheus of serviceMonitor",
    ),
]


@pytest.mark.parametrize(("wrong", "words"), CONTRADICTIONS, ids=[words[:40] for _, words in CONTRADICTIONS])
def test_contradictions_are_told_in_plain_words(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused) as refused:
        texts(merged(LEAST, wrong))
    assert words in str(refused.value)


def test_every_word_of_refusal_is_shown_above() -> None:
    told = ""
    for wrong, _ in CONTRADICTIONS:
        with pytest.raises(Refused) as refused:
            texts(merged(LEAST, wrong))
        told += str(refused.value)
    written = [
        sentence
        for path in (CHART / "templates").rglob("*.tpl")
        for sentence in re.findall(r'\bfail \(?(?:printf )?"((?:[^"\\]|\\.)+)"', path.read_text(encoding="utf-8"))
    ]
    assert len(written) >= 25
    for sentence in written:
        # The longest piece between what is filled in.
        piece = max(re.split(r"%[a-z]", sentence), key=len)
        assert piece in told, sentence


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"kafka": {"bootstrapServer": "kafka:9092"}}, "bootstrapServer"),
        ({"kafka": {"bootstrapServers": "kafka"}}, "bootstrapServers"),
        ({"kafka": {"securityProtocol": "TLS"}}, "securityProtocol"),
        ({"kafka": {"topics": {"partitions": 0}}}, "partitions"),
        ({"replicas": 3}, "replicas"),
        ({"defaults": {"replica": 3}}, "replica"),
        ({"defaults": {"autoscaling": {"minReplicas": 0}}}, "minReplicas"),
        ({"services": {"intake": {"replicas": "3"}}}, "replicas"),
        ({"services": {"intake": {"cpu": "1"}}}, "cpu"),
        ({"approvals": []}, "approvals"),
        ({"approvals": [{"name": "city", "level": "CITY"}]}, "name"),
        ({"approvals": [{"name": "approval-a", "level": "TOWN"}]}, "level"),
        ({"approvals": [{"name": "approval-a", "level": "CITY", "division": 330100}]}, "division"),
        ({"image": {"digest": "sha256:1"}}, "digest"),
        ({"exchange": {"platformAddress": "https://platform"}}, "platformAddress"),
        ({"networkPolicy": {"clients": [{}]}}, "clients"),
        ({"database": {"url": "postgresql://u:p@h/d"}}, "url"),
    ],
)
def test_the_schema_is_strict(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refused:
        texts(merged(LEAST, wrong))
    assert field in str(refused.value)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_accepted(name: str) -> None:
    assert texts(example_values(name))


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = SCHEMA["definitions"][schema["$ref"].rpartition("/")[2]]
    return schema


def properties(schema: dict[str, Any], path: str = "") -> set[str]:
    """The paths of all values that the schema knows by name."""
    schema = resolved(schema)
    found: set[str] = set()
    for name, of_value in schema.get("properties", {}).items():
        found |= {f"{path}{name}"} | properties(of_value, f"{path}{name}.")
    return found


def paths(values: dict[str, Any], path: str = "") -> set[str]:
    """The paths of all values."""
    found: set[str] = set()
    for name, value in values.items():
        found |= {f"{path}{name}"} | (paths(value, f"{path}{name}.") if isinstance(value, dict) else set())
    return found


def test_what_the_schema_knows_stands_in_the_values() -> None:
    """`global` is Helm's own; a deployment's own Kafka and database fill in what is absent: no defaults."""
    known = {
        path
        for path in properties(SCHEMA)
        if not re.match(r"global$|defaults\.(kafka|database|resources)\.|migrations\.resources\.", path)
    }
    there = paths(DEFAULTS)
    assert known <= there
    free = (
        r"defaults\.(resources|env)|migrations\.resources|commonLabels|"
        r"(serviceMonitor|prometheusRule|dashboards)\.labels"
    )
    assert {path for path in there - known if not re.match(free, path)} == set()


def test_a_service_and_a_division_take_whatever_the_defaults_have() -> None:
    defaults = SCHEMA["properties"]["defaults"]["properties"]
    assert SCHEMA["properties"]["services"]["additionalProperties"]["properties"] == defaults
    of_division = SCHEMA["properties"]["approvals"]["items"]["properties"]
    assert {name: value for name, value in of_division.items() if name not in ("name", "level", "division")} == defaults
