"""Each pod is given what its program reads, and nothing that nobody reads; every secret it mounts is documented."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from tests.chart.rendering import (
    CHART,
    LEAST,
    PREFIX,
    ROOT,
    STORIES,
    Document,
    documents,
    example,
    merged,
    named,
    of_kind,
    pods,
    topics_toml,
)

from onematter.backbone import otlp
from onematter.backbone.settings import Settings
from onematter.contracts.connections import DatabaseConnection, KafkaConnection
from onematter.exchange.settings import ExchangeSettings

PACKAGE = ROOT / "services" / "onematter"
BACKBONE = ("backbone", "contracts")
# No service's own: librdkafka, Python and the like read theirs.
OURS = ("ONEMATTER_", "KAFKA_", "DATABASE_", "OTEL_")
EVERYTHING = merged(
    LEAST,
    {
        "kafka": {"tls": {"caSecret": "kafka-ca", "clientSecret": "kafka-client"}, "topics": {"username": "maker"}},
        "database": {"caSecret": "database-ca"},
        "intake": {"queryKeySecret": "query-key"},
        "exchange": {"platformAddress": "platform.example:8443", "timeoutSeconds": 2.5},
        "catalogue": {"configMap": "catalogue", "calendarConfigMap": "calendar"},
        "tracing": {"endpoint": "http://collector.example:4318"},
        "services": {
            "archive": {"env": {"MALLOC_ARENA_MAX": 2}, "kafka": {"existingSecret": "archive", "username": "archive"}}
        },
    },
)


@cache
def constants(*packages: str) -> set[str]:
    """Every text that stands in the code of these packages."""
    return {
        node.value
        for package in packages
        for path in (PACKAGE / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def variables(container: Document) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container["env"]}


def module_of(container: Document) -> str:
    return container["args"][0].removeprefix("onematter.").partition(".")[0]


@pytest.fixture(scope="module")
def everything() -> list[Document]:
    return documents(EVERYTHING)


@pytest.mark.parametrize("story", ["everything", *STORIES])
def test_every_variable_is_read_by_the_program_that_gets_it(story: str, everything: list[Document]) -> None:
    resources = everything if story == "everything" else example(story)
    # `onematter` makes an option, with its variable, for each deployment of the table.
    deployments = tomllib.loads(topics_toml(resources))["deployment"]
    options = {"ONEMATTER_" + row["name"].upper().replace("-", "_") for row in deployments}
    seen = 0
    for name, _, spec in pods(resources):
        for container in spec["containers"]:
            names = [one["name"] for one in container["env"]]
            assert len(names) == len(set(names)), name
            client = name == f"{PREFIX}test"
            read = constants("client", "contracts") | options if client else constants(module_of(container), *BACKBONE)
            for variable in names:
                if variable.startswith(OURS):
                    assert variable in read or variable.removesuffix("_FILE") in read, (
                        f"{name}: nobody reads {variable}"
                    )
                    seen += 1
    assert seen > 50


def files_of(spec: Document, container: Document) -> Iterator[tuple[str, str]]:
    """Each file of a secret that a container sees: its path, and the secret with its key."""
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    for mount in container["volumeMounts"]:
        secret = volumes[mount["name"]].get("secret")
        for item in secret["items"] if secret else ():
            yield f"{mount['mountPath']}/{item['path']}", f"{secret['secretName']}/{item['key']}"


@pytest.mark.parametrize("story", ["everything", *STORIES])
def test_every_pod_finds_its_settings_lawful(story: str, everything: list[Document], tmp_path: Path) -> None:
    """The programs' own readers take what the chart gives, with a file for each that a secret holds."""
    resources = everything if story == "everything" else example(story)
    for resource in of_kind(resources, "Deployment"):
        spec = resource["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        environment = variables(container)
        seen = dict(files_of(spec, container))
        for name, path in list(environment.items()):
            if name.endswith("_FILE"):
                # A file that is named is one of a secret that is mounted, and the other way round.
                held = seen.pop(path)
                file = tmp_path / (resource["metadata"]["name"] + name)
                file.write_text(f"value-of-{held}-which-is-longer-than-32-bytes\n", encoding="utf-8")
                environment[name] = str(file)
        assert set(seen) <= {"/etc/onematter/database/ca.crt"}
        kafka = KafkaConnection.from_environment(environment)
        assert kafka.librdkafka()["bootstrap.servers"] == environment["KAFKA_BOOTSTRAP_SERVERS"]
        assert kafka.sasl_password.startswith("value-of-")
        assert kafka.sasl_username
        if resource["metadata"]["name"] == f"{PREFIX}supervision":
            assert "DATABASE_URL_FILE" not in environment
            continue
        assert DatabaseConnection.from_environment(environment).url.startswith("value-of-")
        settings = Settings.from_environment("any", environment)
        assert resource["metadata"]["name"] == PREFIX + settings.deployment
        assert settings.clock()
        grace = resource["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        wait = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert settings.grace_seconds + wait <= grace
        if settings.deployment == "intake":
            given = merged(EVERYTHING if story == "everything" else {}, {}).get("intake") or "query-key" in str(
                spec["volumes"]
            )
            assert bool(settings.query_key) == bool(given)
        if settings.deployment == "exchange":
            ExchangeSettings.from_environment(environment)


def test_tracing_is_off_but_where_a_collector_is_named(everything: list[Document]) -> None:
    for resource in of_kind(everything, "Deployment"):
        (container,) = resource["spec"]["template"]["spec"]["containers"]
        told = {name: value for name, value in variables(container).items() if name.startswith("OTEL_")}
        if resource["metadata"]["name"] == f"{PREFIX}supervision":
            assert told == {}
            continue
        assert told == {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.example:4318",
            "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": "0.01",
        }
        assert otlp.is_on(told)
    for story in STORIES:
        for _, _, spec in pods(example(story)):
            assert not any(one["name"].startswith("OTEL_") for one in spec["containers"][0]["env"])


def test_everything_reaches_the_program(everything: list[Document]) -> None:
    (archive,) = named(everything, "Deployment", "archive")["spec"]["template"]["spec"]["containers"]
    environment = variables(archive)
    assert environment["MALLOC_ARENA_MAX"] == "2"
    assert environment["KAFKA_SASL_USERNAME"] == "archive"
    assert environment["ONEMATTER_CATALOGUE_DIR"] == "/etc/onematter/catalogue"
    assert environment["KAFKA_SSL_CERTIFICATE_FILE"] == "/etc/onematter/kafka-client/tls.crt"
    (exchange,) = named(everything, "Deployment", "exchange")["spec"]["template"]["spec"]["containers"]
    settings = ExchangeSettings.from_environment(variables(exchange))
    assert settings.platform_address == "platform.example:8443"
    assert settings.intake_address == f"{PREFIX}intake:8080"
    assert (settings.timeout_seconds, settings.policy.give_up_seconds, settings.policy.late_seconds) == (
        2.5,
        30,
        604_800,
    )
    (job,) = named(everything, "Job", "provision")["spec"]["template"]["spec"]["containers"]
    assert variables(job)["KAFKA_SASL_USERNAME"] == "maker"
    assert variables(job)["KAFKA_MIN_INSYNC_REPLICAS"] == "2"


def test_every_secret_and_its_keys_are_documented(everything: list[Document]) -> None:
    readme = (CHART / "README.md").read_text(encoding="utf-8")
    keys: set[str] = set()
    for _, _, spec in pods(everything):
        for volume in spec["volumes"]:
            for item in volume.get("secret", {}).get("items", ()):
                keys.add(item["key"])
    assert keys == {"username", "password", "url", "query-key", "ca.crt", "tls.crt", "tls.key"}
    for key in keys:
        assert f"`{key}`" in readme


def test_the_test_reaches_every_service_by_its_own_name() -> None:
    for story in STORIES:
        services = {
            one["metadata"]["name"]: one["spec"]["ports"][0]["port"]
            for one in of_kind(example(story), "Service")
            if one["spec"]["ports"][0]["name"] == "grpc"
        }
        environment = variables(named(example(story), "Pod", "test")["spec"]["containers"][0])
        given = {value for value in environment.values() if value.endswith(":8080")}
        assert given == {f"{name}:{port}" for name, port in services.items()}
