"""What a stack leaves on disk about itself: `stack.json`, so that another process can find, judge and stop it.

Rule 1: written anew, whole, whenever a process starts, so that one can clean up after a starter that was killed.
Rule 2: readable by its owner alone: it holds the database's password.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from onematter.local.errors import AlreadyRunning
from onematter.local.processes import Identity, ProcessSpec

FORMAT = 1


@dataclass(frozen=True)
class ServiceAddress:
    """Where one deployment listens, as host:port. `metrics` serves /metrics, /healthz and /readyz over HTTP."""

    grpc: str | None
    metrics: str


@dataclass(frozen=True)
class Addresses:
    """Where the stack is reached. `database_url` contains the password. `services` is keyed by deployment."""

    kafka_bootstrap_servers: str
    database_url: str
    services: dict[str, ServiceAddress]


@dataclass(frozen=True)
class ProcessRecord:
    """A process as written down."""

    spec: ProcessSpec
    identity: Identity


@dataclass
class State:
    """The contents of `stack.json`. `owner` is the process that started the stack; it matters unless `detached`."""

    owner: Identity
    detached: bool
    ready: bool
    addresses: Addresses
    processes: list[ProcessRecord] = field(default_factory=list[ProcessRecord])

    def save(self, directory: Path) -> None:
        """Write it, whole or not at all."""
        value = {
            "format": FORMAT,
            "owner": _identity_to_json(self.owner),
            "detached": self.detached,
            "ready": self.ready,
            "kafka_bootstrap_servers": self.addresses.kafka_bootstrap_servers,
            "database_url": self.addresses.database_url,
            "services": {
                name: {"grpc": address.grpc, "metrics": address.metrics}
                for name, address in self.addresses.services.items()
            },
            "processes": [
                {**record.spec.to_json(), "identity": _identity_to_json(record.identity)} for record in self.processes
            ],
        }
        new = path(directory).with_suffix(".new")
        new.unlink(missing_ok=True)
        new.touch(mode=0o600)
        new.write_text(json.dumps(value, indent=1, ensure_ascii=False))
        new.replace(path(directory))


def path(directory: Path) -> Path:
    """Return where the state of the stack in `directory` stands."""
    return directory / "stack.json"


def load(directory: Path) -> State | None:
    """Read the state; None when there is none."""
    try:
        value = json.loads(path(directory).read_text())
    except FileNotFoundError:
        return None
    if value.get("format") != FORMAT:
        raise AlreadyRunning(
            f"{path(directory)} was written by another version of onematter: stop that stack with the version that "
            "started it, or remove the file when nothing of it runs"
        )
    return State(
        owner=Identity(**value["owner"]),
        detached=value["detached"],
        ready=value["ready"],
        addresses=Addresses(
            kafka_bootstrap_servers=value["kafka_bootstrap_servers"],
            database_url=value["database_url"],
            services={name: ServiceAddress(**address) for name, address in value["services"].items()},
        ),
        processes=[
            ProcessRecord(ProcessSpec.from_json(record), Identity(**record["identity"]))
            for record in value["processes"]
        ],
    )


def remove(directory: Path) -> None:
    """Forget the state."""
    path(directory).unlink(missing_ok=True)


@contextlib.contextmanager
def exclusively(directory: Path) -> Iterator[None]:
    """Hold the directory while something starts or stops in it; raises AlreadyRunning when another process does."""
    with (directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(f"another process is starting or stopping the stack in {directory}") from None
        yield


def this_process() -> Identity:
    """Return the identity of the calling process."""
    identity = Identity.of(os.getpid())
    assert identity is not None
    return identity


def _identity_to_json(identity: Identity) -> Mapping[str, Any]:
    return {"pid": identity.pid, "started": identity.started}
