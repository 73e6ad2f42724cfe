"""Every resource of every story: valid, restricted, and hanging together."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import helm_python
import jsonschema
import kubernetes_validate
import pytest
import yaml
from tests.chart.rendering import (
    CHART,
    LEAST,
    PREFIX,
    STORIES,
    containers,
    documents,
    example,
    example_values,
    merged,
    named,
    of_kind,
    pods,
    selects,
)

# The oldest that Chart.yaml allows, what a cluster runs today, and the newest that is known here.
KUBERNETES = ("1.30", "1.34", "1.37")
CRDS = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (Path(__file__).parent / "crds").glob("*.json")
}
ALONE = {"notification", "supervision"}


@pytest.mark.parametrize("story", STORIES)
def test_every_resource_is_valid(story: str) -> None:
    checked = 0
    for resource in example(story):
        if resource["kind"] in CRDS:
            jsonschema.Draft202012Validator(CRDS[resource["kind"]]).validate(resource)
        else:
            for version in KUBERNETES if story == "county" else KUBERNETES[1:2]:
                kubernetes_validate.validate(resource, version, strict=True)
        checked += 1
    assert checked > 30


def test_the_schemas_of_custom_resources_see_a_wrong_field() -> None:
    monitor = json.loads(json.dumps(of_kind(example("city"), "ServiceMonitor")[0]))
    monitor["spec"]["endpoints"][0]["prot"] = "metrics"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(CRDS["ServiceMonitor"]).validate(monitor)
    deployment = json.loads(json.dumps(named(example("city"), "Deployment", "intake")))
    deployment["spec"]["template"]["spec"]["containers"][0]["enviroment"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, KUBERNETES[1], strict=True)


def test_the_stories_together_write_every_kind() -> None:
    kinds = {resource["kind"] for story in STORIES for resource in example(story)}
    assert kinds >= set(CRDS)
    assert kinds >= {
        "Deployment",
        "Job",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "PersistentVolumeClaim",
        "ServiceAccount",
    }


def test_helm_lints_it() -> None:
    report = helm_python.lint(CHART, dict(LEAST), strict=True)
    assert [message for message in report["messages"] if message["severity"] > 1] == []
    assert report["errors"] == []


@pytest.mark.parametrize("story", STORIES)
def test_names_are_unique_and_of_this_release(story: str) -> None:
    keys = [(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in example(story)]
    assert len(keys) == len(set(keys))
    for kind, _, name in keys:
        assert name.startswith(PREFIX) or name == PREFIX.rstrip("-") or kind == "KafkaTopic", name
        assert len(name) <= 63 or kind == "KafkaTopic"


@pytest.mark.parametrize("story", STORIES)
def test_pods_are_restricted(story: str) -> None:
    """The restricted profile of the Pod Security Standards, with a read-only root and no token."""
    accounts = {one["metadata"]["name"]: one for one in of_kind(example(story), "ServiceAccount")}
    used: list[str] = []
    for name, _, spec in pods(example(story)):
        security = spec["securityContext"]
        assert security["runAsNonRoot"] is True, name
        assert security["runAsUser"] > 0
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        assert accounts[spec["serviceAccountName"]]["automountServiceAccountToken"] is False
        used.append(spec["serviceAccountName"])
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        assert all(set(v) & {"configMap", "secret", "emptyDir", "persistentVolumeClaim"} for v in spec["volumes"])
    assert len(used) == len(set(used)), "each has an account of its own"
    for name, _, container in containers(example(story)):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert container["resources"]["limits"]["memory"]
        assert container["resources"]["requests"]["cpu"]


@pytest.mark.parametrize("story", STORIES)
def test_every_mount_has_its_volume_and_every_volume_a_mount(story: str) -> None:
    for name, _, spec in pods(example(story)):
        volumes = [volume["name"] for volume in spec["volumes"]]
        assert len(volumes) == len(set(volumes)), name
        mounted = {mount["name"] for container in spec["containers"] for mount in container["volumeMounts"]}
        assert mounted == set(volumes), name
    maps = {one["metadata"]["name"] for one in of_kind(example(story), "ConfigMap")}
    claims = {one["metadata"]["name"] for one in of_kind(example(story), "PersistentVolumeClaim")}
    for name, _, spec in pods(example(story)):
        for volume in spec["volumes"]:
            if "configMap" in volume:
                assert volume["configMap"]["name"] in maps, name
            if "persistentVolumeClaim" in volume:
                assert volume["persistentVolumeClaim"]["claimName"] in claims, name


@pytest.mark.parametrize("story", STORIES)
def test_every_selector_matches_exactly_its_pods(story: str) -> None:
    resources = example(story)
    labels = {name: found for name, found, _ in pods(resources)}

    def hit(selector: dict[str, Any]) -> set[str]:
        return {name for name, found in labels.items() if selects(selector, found)}

    for one in of_kind(resources, "Deployment", "PodDisruptionBudget"):
        assert hit(one["spec"]["selector"]) == {one["metadata"]["name"]}
        for spread in one["spec"].get("template", {}).get("spec", {}).get("topologySpreadConstraints", ()):
            assert hit(spread["labelSelector"]) == {one["metadata"]["name"]}
    for one in of_kind(resources, "Service"):
        assert hit({"matchLabels": one["spec"]["selector"]}) == {one["metadata"]["name"]}
    for one in of_kind(resources, "ScaledObject"):
        assert one["spec"]["scaleTargetRef"]["name"] in labels
    for one in of_kind(resources, "NetworkPolicy"):
        everything = one["metadata"]["name"] == f"{PREFIX}deny"
        expected = set(labels) if everything else {one["metadata"]["name"]}
        assert hit(one["spec"]["podSelector"]) == expected
    services = {one["metadata"]["name"]: one["metadata"]["labels"] for one in of_kind(resources, "Service")}
    for one in of_kind(resources, "ServiceMonitor"):
        found = {name for name, of_service in services.items() if selects(one["spec"]["selector"], of_service)}
        assert found == set(services)


@pytest.mark.parametrize("story", STORIES)
def test_every_port_exists(story: str) -> None:
    resources = example(story)
    ports = {
        name.split("/")[0]: {port["name"]: port["containerPort"] for port in container.get("ports", ())}
        for name, _, container in containers(resources)
    }
    for one in of_kind(resources, "Service"):
        for port in one["spec"]["ports"]:
            assert ports[one["metadata"]["name"]][port["targetPort"]] == port["port"]
    for name, _, container in containers(resources):
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            if probe in container:
                assert container[probe]["httpGet"]["port"] in ports[name.split("/")[0]]
    for one in of_kind(resources, "NetworkPolicy"):
        for rule in one["spec"].get("ingress", ()):
            assert {port["port"] for port in rule["ports"]} <= set(ports[one["metadata"]["name"]])


@pytest.mark.parametrize("story", STORIES)
def test_probes_tell_starting_living_and_serving_apart(story: str) -> None:
    for one in of_kind(example(story), "Deployment"):
        (container,) = one["spec"]["template"]["spec"]["containers"]
        assert container["startupProbe"]["httpGet"]["path"] == "/healthz"
        assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        # Kafka or PostgreSQL may be away for minutes at a start.
        assert container["startupProbe"]["periodSeconds"] * container["startupProbe"]["failureThreshold"] >= 300


@pytest.mark.parametrize("story", STORIES)
def test_what_must_be_alone_is(story: str) -> None:
    for one in of_kind(example(story), "Deployment"):
        service = one["metadata"]["name"].removeprefix(PREFIX)
        if service in ALONE:
            assert one["spec"]["replicas"] == 1
            assert one["spec"]["strategy"] == {"type": "Recreate"}
        else:
            assert one["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert not {one["metadata"]["name"].removeprefix(PREFIX) for one in of_kind(example(story), "ScaledObject")} & ALONE


@pytest.mark.parametrize("story", STORIES)
def test_hooks_have_constant_names_and_leave_nothing(story: str) -> None:
    resources = example(story)
    hooks = [one for one in resources if "helm.sh/hook" in one["metadata"].get("annotations", {})]
    jobs = {one["metadata"]["name"].removeprefix(PREFIX) for one in hooks if one["kind"] == "Job"}
    assert jobs == ({"migrate"} if story == "city" else {"migrate", "provision"})
    for one in hooks:
        notes = one["metadata"]["annotations"]
        name = one["metadata"]["name"].removeprefix(PREFIX)
        assert name in {"migrate", "provision", "test"}
        if name == "test":
            assert notes["helm.sh/hook"] == "test"
            continue
        assert notes["helm.sh/hook"] == "pre-install,pre-upgrade"
        assert notes["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"
        # What a job needs is there before it.
        assert (int(notes["helm.sh/hook-weight"]) < 0) == (one["kind"] != "Job")
    for one in hooks:
        if one["kind"] == "Job":
            spec = one["spec"]["template"]["spec"]
            hooked = {(other["kind"], other["metadata"]["name"]) for other in hooks}
            assert ("ServiceAccount", spec["serviceAccountName"]) in hooked
            wanted = {("ConfigMap", v["configMap"]["name"]) for v in spec["volumes"] if "configMap" in v}
            assert wanted <= hooked, "a hook runs before what the release brings"
            assert spec["restartPolicy"] == "Never"


def test_no_secret_is_made() -> None:
    for story in STORIES:
        assert of_kind(example(story), "Secret") == []
        for resource in example(story):
            assert not re.search(r"password\s*[:=]\s*\S", json.dumps(resource.get("data", {})), re.IGNORECASE)


def test_what_holds_records_outlives_the_release() -> None:
    kept = of_kind(example("city"), "KafkaTopic", "PersistentVolumeClaim")
    assert len(kept) > 10
    for one in kept:
        assert one["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_an_image_by_digest_has_no_tag() -> None:
    for name, _, container in containers(example("city")):
        assert re.fullmatch(r"registry\.hangzhou\.example/onematter@sha256:[0-9a-f]{64}", container["image"]), name
    for _, _, container in containers(example("least")):
        version = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))["appVersion"]
        assert container["image"] == f"registry.example/onematter:{version}"


def test_a_later_service_is_one_entry(tmp_path: Path) -> None:
    chart = tmp_path / "onematter"
    shutil.copytree(CHART, chart)
    wiring = yaml.safe_load((chart / "files" / "services.yaml").read_text(encoding="utf-8"))
    wiring["services"].append(
        {
            "name": "appeals",
            "module": "onematter.appeals",
            "database": True,
            "grpc": True,
            "topics": [{"name": "onematter.appeals.events.v1", "kind": "events", "readers": ["archive"]}],
        }
    )
    (chart / "files" / "services.yaml").write_text(yaml.safe_dump(wiring), encoding="utf-8")
    made = documents(merged(LEAST, {"services": {"appeals": {"replicas": 3}}}), chart)
    assert named(made, "Deployment", "appeals")["spec"]["replicas"] == 3
    for kind in ("Service", "ServiceAccount", "NetworkPolicy", "PodDisruptionBudget"):
        assert named(made, kind, "appeals")
    assert len(made) == len(example("least")) + 5


@pytest.mark.parametrize("story", STORIES)
def test_replicas_are_bounded_by_the_partitions(story: str) -> None:
    values = merged({"kafka": {"topics": {"partitions": 12}}}, example_values(story))
    partitions = values["kafka"]["topics"]["partitions"]
    for one in of_kind(example(story), "Deployment"):
        assert one["spec"].get("replicas", 1) <= partitions
    for one in of_kind(example(story), "ScaledObject"):
        assert 1 <= one["spec"]["minReplicaCount"] <= one["spec"]["maxReplicaCount"] <= partitions
