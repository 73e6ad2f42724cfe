"""A release in a namespace of its own, by kubectl and helm: whatever an operator would type."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

RELEASE = "om"
CHART = Path(__file__).parents[2] / "charts" / "onematter"
COMMAND_SECONDS = 580.0


class Failed(Exception):
    """A command that failed, with what it printed."""


def run(*command: str, given: str = "", seconds: float = COMMAND_SECONDS) -> str:
    """What a command prints. Raises Failed."""
    done = subprocess.run(
        command, input=given, capture_output=True, text=True, timeout=seconds, check=False, env=dict(os.environ)
    )
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


class Cluster:
    """One namespace of the cluster that KUBECONFIG names."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self._restarts: dict[str, int] = {}

    def kubectl(self, *arguments: str, given: str = "") -> str:
        """Run kubectl in the namespace."""
        return run("kubectl", "--namespace", self.namespace, *arguments, given=given)

    def helm(self, *arguments: str) -> str:
        """Run helm in the namespace."""
        return run("helm", "--namespace", self.namespace, *arguments)

    def get(self, *arguments: str) -> Any:
        """Resources as JSON."""
        return json.loads(self.kubectl("get", *arguments, "--output", "json"))

    def apply(self, *resources: Mapping[str, Any]) -> None:
        """Make resources."""
        for resource in resources:
            self.kubectl("apply", "--filename", "-", given=json.dumps(resource))

    def secret(self, name: str, data: Mapping[str, str]) -> None:
        """Make a secret."""
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        self.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": encoded})

    def address(self, deployment: str) -> str:
        """Where a deployment's Service answers gRPC, for who is where the pods are."""
        spec = self.get("service", f"{RELEASE}-onematter-{deployment}")["spec"]
        return f"{spec['clusterIP']}:8080"

    def pods(self, deployment: str) -> list[str]:
        """The names of a deployment's pods that are not about to end."""
        found = self.get("pods", "--selector", f"app.kubernetes.io/component={deployment}")["items"]
        return [pod["metadata"]["name"] for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def wait_ready(self, deployments: Sequence[str], seconds: float = 480) -> None:
        """Wait until every pod of these is there and ready."""
        for name in deployments:
            self.kubectl("rollout", "status", f"deployment/{RELEASE}-onematter-{name}", f"--timeout={int(seconds)}s")
        self.restarts()

    def restarts(self) -> dict[str, int]:
        """How often containers were restarted, of the pods that are there and of those that were when this was asked.

        To be asked before pods are replaced, since they take their count with them.
        """
        for pod in self.get("pods", "--selector", f"app.kubernetes.io/instance={RELEASE}")["items"]:
            for status in pod["status"].get("containerStatuses", ()):
                if status["restartCount"]:
                    self._restarts[pod["metadata"]["name"]] = status["restartCount"]
        return dict(self._restarts)

    def state(self) -> str:
        """For whoever looks for the cause of a failure: pods, events, and the last words of each."""
        told = [self.kubectl("get", "pods", "--output", "wide"), self.kubectl("get", "events")]
        for pod in self.get("pods")["items"]:
            name = pod["metadata"]["name"]
            with contextlib.suppress(Failed):
                told.append(f"{name}:\n{self.kubectl('logs', name, '--all-containers', '--tail=15')}")
        return "\n".join(told)

    def until_gone(self, selector: str, seconds: float = 120) -> None:
        """Wait until no such pod is left."""
        deadline = time.monotonic() + seconds
        while left := self.get("pods", "--selector", selector)["items"]:
            if time.monotonic() > deadline:
                raise Failed(f"left after {seconds:g} s: {[pod['metadata']['name'] for pod in left]}")
            time.sleep(1)
