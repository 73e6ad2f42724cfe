"""What a trial saw: its steps with their times, how long pods took to be ready, and their memory.

Memory is the working set that the kubelet tells (`/metrics/resource`), which needs no metrics server.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.kubernetes.cluster import RELEASE, Cluster, Failed

OUT = Path("build") / "kubernetes.json"
_MEMORY = re.compile(r'^pod_memory_working_set_bytes\{namespace="([^"]+)",pod="([^"]+)"\} ([0-9.e+]+)', re.MULTILINE)
_MEBIBYTE = 1 << 20


class Report:
    """Prints what comes true, and keeps it."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.kept: dict[str, Any] = {"began": datetime.now().astimezone().isoformat(timespec="seconds"), "steps": []}

    def tell(self, line: str) -> None:
        """Print what came true."""
        print(f"[{time.monotonic() - self._began:6.1f} s] {line}", flush=True)

    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """Time a step; what is appended to the list it gives is told with it."""
        began, more = time.monotonic(), list[str]()
        yield more
        seconds = time.monotonic() - began
        text = ", ".join((name, *more))
        self.kept["steps"].append({"step": text, "seconds": round(seconds, 1)})
        self.tell(f"{text} ({seconds:.1f} s)")

    def ready(self, cluster: Cluster) -> None:
        """How long each pod took from its acceptance by the node to being ready, in seconds."""
        took: dict[str, int] = {}
        for pod in _pods(cluster):
            ready = next(one for one in pod["status"]["conditions"] if one["type"] == "Ready")
            begun = datetime.fromisoformat(pod["status"]["startTime"])
            component = pod["metadata"]["labels"]["app.kubernetes.io/component"]
            took[component] = int((datetime.fromisoformat(ready["lastTransitionTime"]) - begun).total_seconds())
        self.kept["ready_seconds"] = took
        self.tell("ready after " + ", ".join(f"{name} {seconds} s" for name, seconds in sorted(took.items())))

    def memory(self, when: str, cluster: Cluster) -> None:
        """The working set of each deployment's largest pod, in MiB."""
        names = {pod["metadata"]["name"]: pod for pod in _pods(cluster)}
        found: dict[str, int] = {}
        for node in {pod["spec"]["nodeName"] for pod in names.values()}:
            try:
                text = cluster.kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/metrics/resource")
            except Failed:
                self.tell(f"memory {when}: this cluster does not tell")
                return
            for namespace, pod, count in _MEMORY.findall(text):
                if namespace == cluster.namespace and pod in names:
                    component = names[pod]["metadata"]["labels"]["app.kubernetes.io/component"]
                    found[component] = max(found.get(component, 0), round(float(count) / _MEBIBYTE))
        self.kept.setdefault("memory_mebibytes", {})[when] = found
        self.tell(f"memory {when}: " + ", ".join(f"{name} {count} MiB" for name, count in sorted(found.items())))

    def write(self, findings: int) -> None:
        """Keep all of it in build/kubernetes.json."""
        OUT.parent.mkdir(exist_ok=True)
        self.kept["findings"] = findings
        OUT.write_text(json.dumps(self.kept, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _pods(cluster: Cluster) -> list[dict[str, Any]]:
    selector = f"app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component notin (test,migrate,provision)"
    items = cluster.get("pods", "--selector", selector, "--field-selector", "status.phase=Running")["items"]
    return [pod for pod in items if "deletionTimestamp" not in pod["metadata"]]
