"""Installs the chart on a real cluster and does to it what happens to one: `python -m tests.kubernetes.run`.

Installation, `helm test`, then under load: pods killed, approval scaled from 1 to 3 and back, an upgrade to another
image (with a migration, where it has one), a rollback. At rest the auditor judges what was told, written and kept. Then
it is uninstalled.

Environment: KUBECONFIG; IMAGE and UPGRADE_IMAGE, which the cluster can pull or has (IMAGE when absent);
KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL as pods reach them, else both are started here, on the address of the cluster's
one node, which must then be this machine's; MATTERS (300).
Rule 1: everything is made in a namespace of its own, which is deleted at the end, however it ends.
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from tests.faults import auditor
from tests.faults.auditor.topology import DEPLOYMENTS, TOPICS
from tests.faults.book import Book
from tests.faults.clients import Clients
from tests.faults.load import Load
from tests.faults.settling import Settling
from tests.faults.watch import Watch
from tests.kubernetes.backing import backing
from tests.kubernetes.cluster import CHART, RELEASE, Cluster, Failed, run

ALL = (*DEPLOYMENTS, "supervision")
SETTLE_SECONDS = 180.0
CLAIM = "notices"
# A copy of the notices that SQLite itself makes while they are written.
READ_NOTICES = """
import base64, sqlite3, sys
there = sqlite3.connect("file:/var/lib/onematter/notices.db?mode=ro", uri=True)
copy = sqlite3.connect("/tmp/copy.db")
there.backup(copy)
copy.close()
sys.stdout.write(base64.b64encode(open("/tmp/copy.db", "rb").read()).decode())
"""


class Report:
    """Steps with their times."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def tell(self, line: str) -> None:
        """Print what came true."""
        print(f"[{time.monotonic() - self._began:6.1f} s] {line}", flush=True)


def values_of(image: str, servers: str) -> dict[str, Any]:
    """The values of the test: one small process of each."""
    repository, _, tag = image.rpartition(":")
    return {
        "image": {"repository": repository, "tag": tag, "pullPolicy": "IfNotPresent"},
        "kafka": {
            "bootstrapServers": servers,
            "securityProtocol": "PLAINTEXT",
            "topics": {"partitions": 4, "replicationFactor": 1, "minInsyncReplicas": 1},
        },
        "database": {"existingSecret": "database"},
        "intake": {"queryKeySecret": "query-key"},
        "defaults": {
            "replicas": 1,
            "maxBatch": 50,
            "resources": {"requests": {"cpu": "20m", "memory": "96Mi"}, "limits": {"memory": "512Mi"}},
        },
        "notification": {"persistence": {"existingClaim": CLAIM}},
        "migrations": {"resources": {"requests": {"cpu": "20m", "memory": "96Mi"}, "limits": {"memory": "512Mi"}}},
    }


@contextmanager
def parts(cluster: Cluster, directory: Path) -> Iterator[tuple[str, str]]:
    """Kafka and PostgreSQL: those of the environment, else our own on the node's address."""
    servers, url = os.environ.get("KAFKA_BOOTSTRAP_SERVERS"), os.environ.get("DATABASE_URL")
    if servers and url:
        yield servers, url
        return
    (node,) = cluster.get("nodes")["items"]
    (host,) = [one["address"] for one in node["status"]["addresses"] if one["type"] == "InternalIP"]
    with backing(directory, host) as given:
        yield given


def make_namespace(cluster: Cluster, url: str, directory: Path) -> None:
    """What an operator has before the release: namespace, secrets, a volume."""
    run("kubectl", "create", "namespace", cluster.namespace)
    run("kubectl", "label", "namespace", cluster.namespace, "pod-security.kubernetes.io/enforce=restricted")
    cluster.secret("database", {"url": url})
    cluster.secret("query-key", {"query-key": secrets.token_urlsafe(32)})
    claim: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": CLAIM},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    if not cluster.get("storageclasses")["items"]:
        # No provisioner: a directory of the node, which is this machine.
        place = directory / "notices"
        place.mkdir()
        os.chown(place, 10001, 10001)
        volume = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": cluster.namespace},
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce"],
                "hostPath": {"path": str(place)},
                "persistentVolumeReclaimPolicy": "Retain",
                "storageClassName": "",
            },
        }
        cluster.apply(volume)
        claim["spec"] |= {"volumeName": cluster.namespace, "storageClassName": ""}
    cluster.apply(claim)


class Trial:
    """One release under load, and what is done to it."""

    def __init__(self, cluster: Cluster, servers: str, url: str, directory: Path, report: Report) -> None:
        self.cluster, self.servers, self.url, self.directory, self.report = cluster, servers, url, directory, report
        self.image = os.environ.get("IMAGE") or "localhost/onematter:0.1.0"
        self.next_image = os.environ.get("UPGRADE_IMAGE") or self.image

    def values(self, image: str, **more: Any) -> str:
        """A file of values."""
        file = self.directory / "values.yaml"
        file.write_text(yaml.safe_dump({**values_of(image, self.servers), **more}), encoding="utf-8")
        return str(file)

    def install(self) -> None:
        """Install, until every pod is ready; then hand a matter in."""
        arguments = (RELEASE, str(CHART), "--values", self.values(self.image), "--wait", "--timeout", "8m")
        self.cluster.helm("install", *arguments)
        self.cluster.wait_ready(ALL)
        self.report.tell(f"installed: {len(ALL)} deployments ready")
        told = self.cluster.helm("test", RELEASE, "--logs", "--timeout", "5m")
        self.report.tell("helm test: " + " | ".join(line for line in told.splitlines() if "ed: " in line))

    def kill(self) -> None:
        """Kill a pod of each at once, as a node that is lost does."""
        victims = [self.cluster.pods(name)[0] for name in DEPLOYMENTS]
        self.cluster.kubectl("delete", "pod", *victims, "--force", "--grace-period=0")
        self.cluster.wait_ready(ALL)
        self.report.tell(f"killed {len(victims)} pods; all ready again")

    def scale(self) -> None:
        """Approval of the city from 1 to 3 and back."""
        name = f"deployment/{RELEASE}-onematter-approval-city"
        for replicas in (3, 1):
            self.cluster.kubectl("scale", name, f"--replicas={replicas}")
            self.cluster.wait_ready(["approval-city"])
            self.report.tell(f"approval-city: {replicas} ready")

    def upgrade_and_back(self) -> None:
        """To the next image, and back to the one before."""
        arguments = (RELEASE, str(CHART), "--values", self.values(self.next_image, commonLabels={"round": "next"}))
        self.cluster.helm("upgrade", *arguments, "--wait", "--timeout", "8m")
        self.cluster.wait_ready(ALL)
        self.report.tell(f"upgraded to {self.next_image}: all ready")
        self.cluster.helm("rollback", RELEASE, "1", "--wait", "--timeout", "8m")
        self.cluster.wait_ready(ALL)
        self.report.tell(f"rolled back to {self.image}: all ready")

    def under_load(self, matters: int) -> list[auditor.Finding]:
        """All of it under load, and what the auditor finds at rest."""
        book = Book()
        watch = Watch(self.servers, TOPICS)
        watch.start()
        addresses = {name: self.cluster.address(name) for name in DEPLOYMENTS}
        clients = Clients(self.servers, lambda name: addresses[name], book)
        try:
            for seed, (what, act) in enumerate(
                (("pods killed", self.kill), ("scaling", self.scale), ("upgrade and rollback", self.upgrade_and_back))
            ):
                load = Load(clients, watch, book, seed)
                load.begin(matters)
                load.wait(matters // 10)
                act()
                stories = load.finish()
                load.close()
                self.report.tell(f"{what}: {stories} clients have their answers")
            took = Settling(self.servers, self.url, DEPLOYMENTS).wait(SETTLE_SECONDS)
            self.report.tell(f"at rest after {took:.1f} s")
            evidence = auditor.gather(self.servers, self.url, self.notices(), book)
            findings = auditor.audit(evidence)
            records = sum(map(len, evidence.records.values()))
            self.report.tell(
                f"audited: {len(book.matters())} matters, {len(book.commands())} commands, {records} records, "
                f"{len(evidence.notices)} notices: {len(findings)} findings"
            )
            return findings
        finally:
            clients.close()
            watch.stop()

    def notices(self) -> Path:
        """A copy of what the file channel holds."""
        (pod,) = self.cluster.pods("notification")
        text = self.cluster.kubectl("exec", pod, "--", "python", "-c", READ_NOTICES)
        file = self.directory / "notices.db"
        file.write_bytes(base64.b64decode(text))
        return file

    def uninstall(self) -> None:
        """Nothing of it is left but what holds records."""
        self.cluster.helm("uninstall", RELEASE, "--wait", "--timeout", "5m")
        self.cluster.kubectl("delete", "pod", f"{RELEASE}-onematter-test", "--ignore-not-found")
        self.cluster.until_gone()
        kinds = "deployments,services,serviceaccounts,configmaps,jobs,networkpolicies,poddisruptionbudgets"
        left = self.cluster.get(kinds, "--selector", f"app.kubernetes.io/instance={RELEASE}")["items"]
        if left:
            raise Failed(f"left: {[(one['kind'], one['metadata']['name']) for one in left]}")
        self.report.tell("uninstalled: nothing is left but secrets, topics, schemas and the volume")


def main() -> int:
    """Do it all; 0 when the auditor found nothing."""
    report = Report()
    cluster = Cluster(f"onematter-{secrets.token_hex(3)}")
    with tempfile.TemporaryDirectory(prefix="onematter-kubernetes-") as made:
        directory = Path(made)
        directory.chmod(0o711)
        with parts(cluster, directory / "parts") as (servers, url):
            report.tell(f"Kafka at {servers}, PostgreSQL beside it")
            try:
                make_namespace(cluster, url, directory)
                trial = Trial(cluster, servers, url, directory, report)
                trial.install()
                findings = trial.under_load(int(os.environ.get("MATTERS") or "300"))
                for finding in findings[:50]:
                    print(finding)
                for pod, count in cluster.restarts().items():
                    report.tell(f"{pod} was restarted {count} times")
                trial.uninstall()
            except Failed as error:
                print(error, file=sys.stderr)
                print(cluster.state(), file=sys.stderr)
                return 1
            finally:
                run("kubectl", "delete", "namespace", cluster.namespace, "--ignore-not-found", "--wait=false")
                run("kubectl", "delete", "persistentvolume", cluster.namespace, "--ignore-not-found", "--wait=false")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
