"""Installs the chart on a real cluster and does to it what happens to one: `python -m tests.kubernetes.run`.

Installation, `helm test`, then under load: pods killed, approval scaled from 1 to 3 and back, an upgrade to another
image (with a migration), a rollback. At rest the auditor judges what was told, written and kept. Then it is
uninstalled. What was seen and measured stands in build/kubernetes.json.

Environment: KUBECONFIG; IMAGE, which the cluster can pull or has; UPGRADE_IMAGE, IMAGE when absent, else it must bring
a migration of intake (see later/); KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL as pods reach them, else both are started
here, on the address of the cluster's one node, which must then be this machine's; MATTERS (300) of each load.
Rule 1: everything is made in a namespace of its own, which is deleted at the end, however it ends.
Rule 2: what comes of a step is looked up in the cluster and in the database, never in what helm says.
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

import psycopg
import yaml
from tests.faults import auditor
from tests.faults.auditor.topology import DEPLOYMENTS, TOPICS
from tests.faults.book import Book
from tests.faults.clients import Clients
from tests.faults.load import Load
from tests.faults.settling import Settling
from tests.faults.watch import Watch
from tests.kubernetes.backing import Parts, backing
from tests.kubernetes.cluster import CHART, RELEASE, Cluster, Failed, run
from tests.kubernetes.measured import Report
from tests.kubernetes.release import ALL, CANARY, PROCESSES, make_namespace, values_of

SETTLE_SECONDS = 300.0
# A pod that is killed or replaced starts anew, on a node that may be at its limit: clients wait longer than for a
# process, and tell no more meanwhile than is worked off afterwards.
PATIENCE_SECONDS = 600.0
TRICKLE_A_SECOND = 2.0
CANARY_SECONDS = 120.0
# A copy of the notices that SQLite itself makes while they are written.
READ_NOTICES = """
import base64, sqlite3, sys
there = sqlite3.connect("file:/var/lib/onematter/notices.db?mode=ro", uri=True)
copy = sqlite3.connect("/tmp/copy.db")
there.backup(copy)
copy.close()
sys.stdout.write(base64.b64encode(open("/tmp/copy.db", "rb").read()).decode())
"""
# The canary's runs and its failures, so far.
READ_CANARY = """
import urllib.request
lines = urllib.request.urlopen("http://127.0.0.1:9090/metrics").read().decode().splitlines()
for name in ("onematter_canary_runs_total", "onematter_canary_failures_total"):
    print(sum(float(line.split()[-1]) for line in lines if line.split("{")[0].split()[0] == name))
"""
# What a pod may not do, run in supervision's, which has no business with intake: exit code 0 when all of it is refused.
LOCKED_IN = """
import os, socket, sys
for place in ("/opt/onematter/x", "/etc/x", "/x"):
    try:
        open(place, "w")
    except OSError:
        continue
    sys.exit(f"{place} can be written")
if os.getuid() != 10001 or os.path.exists("/var/run/secrets/kubernetes.io"):
    sys.exit("another user, or a token of the cluster's")
try:
    socket.create_connection(("om-onematter-intake", 8080), timeout=4).close()
except OSError:
    print("enforced")
else:
    print("not enforced")
"""


@contextmanager
def parts_of(cluster: Cluster, directory: Path) -> Iterator[tuple[str, Parts]]:
    """The node's address, with Kafka and PostgreSQL: those of the environment, else our own on that address."""
    node, *others = cluster.get("nodes")["items"]
    (host,) = [one["address"] for one in node["status"]["addresses"] if one["type"] == "InternalIP"]
    servers, url = os.environ.get("KAFKA_BOOTSTRAP_SERVERS"), os.environ.get("DATABASE_URL")
    if servers and url:
        yield host, Parts(servers, url)
        return
    if others:
        raise Failed(
            "this cluster has several nodes; give KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL as its pods reach them"
        )
    with backing(directory, host, ALL) as given:
        yield host, given


class Trial:
    """One release under load, and what is done to it."""

    def __init__(self, cluster: Cluster, node: str, parts: Parts, directory: Path, report: Report) -> None:
        self.cluster, self.node, self.parts, self.directory, self.report = cluster, node, parts, directory, report
        self.image = os.environ.get("IMAGE") or "localhost/onematter:0.1.0"
        self.next_image = os.environ.get("UPGRADE_IMAGE") or self.image

    def values(self, image: str, **more: Any) -> str:
        """A file of values."""
        file = self.directory / "values.yaml"
        values = {**values_of(image, self.parts, self.node), **more}
        file.write_text(yaml.safe_dump(values), encoding="utf-8")
        return str(file)

    def install(self) -> None:
        """Install, until every pod is ready; then hand a matter in."""
        arguments = (RELEASE, str(CHART), "--values", self.values(self.image), "--wait", "--timeout", "8m")
        with self.report.step("install"):
            self.cluster.helm("install", *arguments)
            self.cluster.wait_ready(PROCESSES)
        self.report.ready(self.cluster)
        with self.report.step("helm test"):
            told = self.cluster.helm("test", RELEASE, "--logs", "--timeout", "5m")
        for line in told.splitlines():
            if line.startswith(("handed in:", "completed:", "archived and verified:")):
                self.report.tell(f"  {line}")
        if "archived and verified:" not in told:
            raise Failed(f"helm test did not see its matter archived:\n{told}")
        (pod,) = self.cluster.pods("supervision")
        policies = self.cluster.kubectl("exec", pod, "--", "python", "-c", LOCKED_IN).strip()
        self.report.tell(f"root read-only, no token, no other user; NetworkPolicies are {policies} by this cluster")
        self.report.memory("at rest", self.cluster)

    def kill(self) -> None:
        """Kill a pod of each at once, as a node that is lost does."""
        victims = [self.cluster.pods(name)[0] for name in DEPLOYMENTS]
        self.cluster.restarts()
        with self.report.step(f"{len(victims)} pods killed, all ready again"):
            self.cluster.kubectl("delete", "pod", *victims, "--force", "--grace-period=0")
            self.cluster.wait_ready(PROCESSES)

    def scale(self) -> None:
        """Approval of the city from 1 to 3 and back."""
        name = f"deployment/{RELEASE}-onematter-approval-city"
        for replicas in (3, 1):
            with self.report.step(f"approval-city scaled to {replicas}, all ready"):
                self.cluster.kubectl("scale", name, f"--replicas={replicas}")
                self.cluster.wait_ready(["approval-city"])
        self.report.memory("under load", self.cluster)

    def upgrade_and_back(self) -> None:
        """To the next image, and back to the one before; the schema goes on and stays."""
        arguments = (RELEASE, str(CHART), "--values", self.values(self.next_image, commonLabels={"round": "next"}))
        before = self.revision()
        self.cluster.restarts()
        with self.report.step("helm upgrade, all ready"):
            self.cluster.helm("upgrade", *arguments, "--wait", "--timeout", "8m")
            self.cluster.wait_ready(PROCESSES)
        self.runs(self.next_image)
        after = self.revision()
        if self.next_image != self.image and after == before:
            raise Failed(f"UPGRADE_IMAGE brings no migration: intake's schema is still at {before}")
        self.cluster.restarts()
        with self.report.step("helm rollback, all ready"):
            self.cluster.helm("rollback", RELEASE, "1", "--wait", "--timeout", "8m")
            self.cluster.wait_ready(PROCESSES)
        self.runs(self.image)
        if self.revision() != after:
            raise Failed(f"the rollback took intake's schema from {after} to {self.revision()}")
        self.report.tell(f"intake's schema went from {before} to {after}, and stayed there")

    def revision(self) -> str:
        """The revision of intake's schema."""
        with psycopg.connect(self.parts.database_url) as connection:
            row = connection.execute("SELECT version_num FROM intake.alembic_version").fetchone()
        return row[0] if row else "none"

    def runs(self, image: str) -> None:
        """Raise Failed unless every pod runs this image."""
        for name in PROCESSES:
            for pod in self.cluster.pods(name):
                (container,) = self.cluster.get("pod", pod)["spec"]["containers"]
                if container["image"] != image:
                    raise Failed(f"{pod} runs {container['image']}, not {image}")

    def under_load(self, matters: int) -> list[auditor.Finding]:
        """All of it under load, and what the auditor finds at rest."""
        book = Book()
        watch = Watch(self.parts.servers, TOPICS)
        watch.start()
        addresses = {name: self.cluster.address(name) for name in DEPLOYMENTS}
        clients = Clients(self.parts.servers, lambda name: addresses[name], book, PATIENCE_SECONDS)
        try:
            for seed, act in enumerate((self.kill, self.scale, self.upgrade_and_back)):
                load = Load(clients, watch, book, seed, TRICKLE_A_SECOND)
                try:
                    load.begin(matters)
                    load.wait(matters // 10)
                    act()
                    with self.report.step("every client has its answer") as told:
                        told.append(f"{load.finish()} of them")
                finally:
                    load.close()
            self.stop_canary()
            took = Settling(self.parts.servers, self.parts.database_url, DEPLOYMENTS).wait(SETTLE_SECONDS)
            self.report.tell(f"at rest after {took:.1f} s")
            with self.report.step("audit") as told:
                evidence = auditor.gather(self.parts.servers, self.parts.database_url, self.notices(), book)
                findings = auditor.audit(evidence)
                records = sum(map(len, evidence.records.values()))
                told.append(f"{len(book.matters())} matters, {len(book.commands())} commands, {records} records")
                told.append(f"{len(evidence.notices)} notices: {len(findings)} findings")
            return findings
        finally:
            clients.close()
            watch.stop()

    def stop_canary(self) -> None:
        """Wait until a matter of the canary has come out archived and proven; then end it, so that nothing moves."""
        (pod,) = self.cluster.pods(CANARY)
        deadline = time.monotonic() + CANARY_SECONDS
        while True:
            runs, failures = self.cluster.kubectl("exec", pod, "--", "python", "-c", READ_CANARY).split()
            if float(runs) > float(failures):
                break
            if time.monotonic() > deadline:
                raise Failed(f"the canary's {runs} runs had {failures} failures: none came out well")
            time.sleep(1)
        self.report.tell(f"canary since its pod began: {float(runs):g} runs, {float(failures):g} failed")
        self.cluster.kubectl("scale", f"deployment/{RELEASE}-onematter-{CANARY}", "--replicas=0")
        self.cluster.until_gone(f"app.kubernetes.io/component={CANARY}")

    def notices(self) -> Path:
        """A copy of what the file channel holds."""
        (pod,) = self.cluster.pods("notification")
        text = self.cluster.kubectl("exec", pod, "--", "python", "-c", READ_NOTICES)
        file = self.directory / "notices.db"
        file.write_bytes(base64.b64decode(text))
        return file

    def uninstall(self) -> None:
        """Nothing of it is left but what holds records."""
        with self.report.step("uninstall"):
            self.cluster.helm("uninstall", RELEASE, "--wait", "--timeout", "5m")
            self.cluster.kubectl("delete", "pod", f"{RELEASE}-onematter-test", "--ignore-not-found")
            self.cluster.until_gone(f"app.kubernetes.io/instance={RELEASE}")
        kinds = "deployments,services,serviceaccounts,configmaps,jobs,networkpolicies,poddisruptionbudgets"
        left = self.cluster.get(kinds, "--selector", f"app.kubernetes.io/instance={RELEASE}")["items"]
        if left:
            raise Failed(f"left: {[(one['kind'], one['metadata']['name']) for one in left]}")
        self.report.tell("nothing is left but secrets, topics, schemas and the volume")


def main() -> int:
    """Do it all; 0 when every step came true and the auditor found nothing."""
    report = Report()
    cluster = Cluster(f"onematter-{secrets.token_hex(3)}")
    findings: list[auditor.Finding] = []
    with tempfile.TemporaryDirectory(prefix="onematter-kubernetes-") as made:
        directory = Path(made)
        directory.chmod(0o711)
        with parts_of(cluster, directory / "parts") as (node, parts):
            report.tell(f"Kafka at {parts.servers}" + (f", for pods at {parts.door.servers}" if parts.door else ""))
            try:
                make_namespace(cluster, parts, directory)
                trial = Trial(cluster, node, parts, directory, report)
                trial.install()
                findings = trial.under_load(int(os.environ.get("MATTERS") or "300"))
                for finding in findings[:50]:
                    print(finding)
                restarts = cluster.restarts()
                report.tell(f"containers that were restarted: {restarts or 'none'}")
                trial.uninstall()
            except BaseException:
                print(cluster.state(), file=sys.stderr, flush=True)
                raise
            finally:
                report.write(len(findings))
                run("kubectl", "delete", "namespace", cluster.namespace, "--ignore-not-found", "--wait=false")
                run("kubectl", "delete", "persistentvolume", cluster.namespace, "--ignore-not-found", "--wait=false")
    return 1 if findings else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failed, TimeoutError, AssertionError) as error:
        sys.exit(f"kubernetes-test: {error}")
