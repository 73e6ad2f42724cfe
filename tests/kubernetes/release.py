"""What an operator has before a release, and the values of the test's release."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.faults.auditor.topology import DEPLOYMENTS
from tests.kubernetes.backing import MAKER, Parts
from tests.kubernetes.cluster import Cluster, Failed, run

CLAIM = "notices"
ALL = (*DEPLOYMENTS, "supervision")
CANARY = "canary"
PROCESSES = (*ALL, CANARY)
RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
# What Pod Security must not let in, beside a release.
UNSAFE: Mapping[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "unsafe"},
    "spec": {"containers": [{"name": "unsafe", "image": "unsafe", "securityContext": {"privileged": True}}]},
}


def values_of(image: str, parts: Parts, node: str) -> dict[str, Any]:
    """The values of the test: a process of each service, with a user of its own where Kafka asks for one."""
    repository, _, tag = image.rpartition(":") if ":" in image.rpartition("/")[2] else (image, "", "latest")
    resources = {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": "512Mi"}}
    kafka: dict[str, Any] = {
        "bootstrapServers": parts.servers,
        "securityProtocol": "PLAINTEXT",
        "topics": {"partitions": 4, "replicationFactor": 1, "minInsyncReplicas": 1},
    }
    own: dict[str, dict[str, Any]] = {name: {} for name in ALL}
    if parts.door is not None:
        kafka |= {
            "bootstrapServers": parts.door.servers,
            "securityProtocol": "SASL_SSL",
            "tls": {"caSecret": "kafka-ca"},
            "acls": {"enabled": True},
        }
        kafka["topics"] |= {"existingSecret": secret_of(MAKER), "username": MAKER}
        own = {name: {"kafka": {"existingSecret": secret_of(name), "username": name}} for name in ALL}
    levels = {name: name.removeprefix("approval-").upper() for name in ALL if name.startswith("approval-")}
    return {
        "image": {"repository": repository, "tag": tag, "pullPolicy": "IfNotPresent"},
        "kafka": kafka,
        "database": {"existingSecret": "database", "port": int(parts.database_url.rpartition(":")[2].split("/")[0])},
        "intake": {"queryKeySecret": "query-key"},
        # Longer than any outage here: else the applicant is asked for the material, whom no story of the load plays.
        "exchange": {"platformAddress": parts.platform, "giveUpSeconds": 900},
        "defaults": {"replicas": 1, "maxBatch": 50, "resources": resources},
        "test": {"timeoutSeconds": 240},
        CANARY: {"enabled": True, "divisions": ["330106"], "intervalSeconds": 10},
        "approvals": [{"name": name, "level": level, **own[name]} for name, level in levels.items()],
        "services": {name: own[name] for name in ALL if name not in levels},
        "notification": {"persistence": {"existingClaim": CLAIM}},
        "migrations": {"resources": resources},
        # Clients and the auditor are where the pods' node is.
        "networkPolicy": {"clients": [{"ipBlock": {"cidr": f"{node}/32"}}]},
    }


def secret_of(user: str) -> str:
    """The secret with a Kafka user's password."""
    return f"kafka-{user}"


def make_namespace(cluster: Cluster, parts: Parts, directory: Path) -> None:
    """What an operator has before the release: namespace, secrets, a volume. Raises Failed."""
    run("kubectl", "create", "namespace", cluster.namespace)
    run("kubectl", "label", "namespace", cluster.namespace, RESTRICTED)
    cluster.secret("database", {"url": parts.database_url})
    cluster.secret("query-key", {"query-key": secrets.token_urlsafe(32)})
    if parts.door is not None:
        cluster.secret("kafka-ca", {"ca.crt": parts.door.authority})
        for user, password in parts.door.users.items():
            cluster.secret(secret_of(user), {"username": user, "password": password})
    _make_claim(cluster, directory)
    try:
        cluster.apply(UNSAFE)
    except Failed as refused:
        if "violates PodSecurity" not in str(refused):
            raise
    else:
        raise Failed("the cluster took a privileged pod into a restricted namespace: it does not enforce Pod Security")


def _make_claim(cluster: Cluster, directory: Path) -> None:
    spec: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    if not cluster.get("storageclasses")["items"]:
        # No provisioner: a directory of the node, which is this machine.
        place = directory / "notices"
        place.mkdir()
        os.chown(place, 10001, 10001)
        volume = {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": str(place)},
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "",
        }
        name = {"name": cluster.namespace}
        cluster.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": name, "spec": volume})
        spec |= {"volumeName": cluster.namespace, "storageClassName": ""}
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": CLAIM}, "spec": spec}
    cluster.apply(claim)
