"""The whole product on one machine: Kafka, PostgreSQL, topics and schemas, and every service as a process of its own.

    with termination_as_exit(), start(default_directory(), detached=False, progress=print) as stack:
        print(stack.addresses)

Rule 1: `KAFKA_BOOTSTRAP_SERVERS` and `DATABASE_URL` replace the embedded parts, each alone or both, with no other
change.
Rule 2: data are kept: a start in a directory that was used before goes on with what is there, or refuses what another
version has left (see `layout`). Removing the directory of a stopped stack is how one begins anew.
Rule 3: a start that fails or is interrupted stops what it had started. A stack that is not detached ends with the
process that started it, however that ends.
"""

from __future__ import annotations

import functools
import http.client
import json
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

from onematter.local import kafka, layout, postgres, state
from onematter.local.clock import clock_environment
from onematter.local.errors import AlreadyRunning, LocalError
from onematter.local.ports import LOOPBACK, allocate
from onematter.local.processes import (
    STOP_GRACE_SECONDS,
    ManagedProcess,
    ProcessSpec,
    Supervisor,
    kill_process,
    stop_processes,
    termination_as_exit,
)
from onematter.local.secrets import secret_environment
from onematter.local.services import DEFAULT_SERVICES, DEFAULT_SETUP, ServiceSpec
from onematter.local.state import Addresses, ProcessRecord, ServiceAddress, State

KAFKA, POSTGRES = "kafka", "postgres"
READY_TIMEOUT_SECONDS = 60.0
SETUP_TIMEOUT_SECONDS = 120.0
HTTP_TIMEOUT_SECONDS = 2.0

# Prints reach the log at once; a file in the current directory never stands in for a module.
_PYTHON_ENVIRONMENT = {"PYTHONUNBUFFERED": "1", "PYTHONSAFEPATH": "1"}

Progress = Callable[[str], None]


@dataclass(frozen=True)
class ProcessStatus:
    """How one process of the stack is. `exit_code` is known to the process that started it alone."""

    name: str
    pid: int
    state: Literal["ready", "not ready", "ended"]
    exit_code: int | None
    log: Path


def default_directory() -> Path:
    """Return `$ONEMATTER_HOME`, or `.onematter` in the current directory."""
    return Path(os.environ.get("ONEMATTER_HOME") or ".onematter").resolve()


def cache_directory() -> Path:
    """Return where fetched parts are kept, for all stacks: `$ONEMATTER_HOME/cache`, or the user's cache."""
    if home := os.environ.get("ONEMATTER_HOME"):
        return Path(home).resolve() / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "onematter"


class Stack:
    """A stack that was started, here or by another process. As a context manager it stops at the end."""

    def __init__(self, directory: Path, written: State, supervisor: Supervisor) -> None:
        self._directory = directory
        self._state = written
        self.supervisor = supervisor
        self._saving = threading.Lock()

    @property
    def addresses(self) -> Addresses:
        """Where the stack is reached."""
        return self._state.addresses

    @property
    def detached(self) -> bool:
        """Whether it outlives the process that started it."""
        return self._state.detached

    def status(self) -> list[ProcessStatus]:
        """Return how each process is, asking those that run; Kafka and PostgreSQL included where embedded."""
        return [
            ProcessStatus(
                name=name,
                pid=process.identity.pid,
                state="ended" if not process.alive() else "ready" if self._is_ready(name) else "not ready",
                exit_code=process.exit_code,
                log=process.spec.log,
            )
            for name, process in self.supervisor.processes.items()
        ]

    def check(self) -> None:
        """Raise ProcessDied, with the last lines of its log, when a process has ended that should run."""
        for process in self.supervisor.processes.values():
            if not process.alive():
                raise process.died()

    def kill(self, name: str) -> None:
        """Kill one process with SIGKILL, as a fault does. `name` is a deployment, `kafka` or `postgres`."""
        kill_process(self._process(name))

    def restart(self, name: str, *, ready_timeout_seconds: float = READY_TIMEOUT_SECONDS) -> None:
        """Stop one process if it runs, start it again at the same address, and wait until it is ready."""
        old = self._process(name)
        if not self.detached and self._state.owner != state.this_process():
            raise LocalError(f"{name} belongs to a stack in the foreground of process {self._state.owner.pid}")
        stop_processes([old])
        self.launch(old.spec, ready_timeout_seconds, append=True)

    def stop(self) -> None:
        """Stop everything, services first; data stay. Does nothing when all has ended."""
        self.supervisor.close()
        processes = self.supervisor.processes
        stop_processes([process for name, process in processes.items() if name not in (KAFKA, POSTGRES)])
        stop_processes([process for name, process in processes.items() if name in (KAFKA, POSTGRES)])
        state.remove(self._directory)

    def launch(self, spec: ProcessSpec, ready_timeout_seconds: float, *, append: bool = False) -> None:
        """Start a process of the stack, write it down, and wait until it is ready."""
        process = self.supervisor.start(spec, append=append)
        self._save()
        self.supervisor.wait_ready(process, lambda: self._is_ready(spec.name), ready_timeout_seconds)

    def declare_ready(self) -> None:
        """Write down that all of it is up."""
        self._state.ready = True
        self._save()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _process(self, name: str) -> ManagedProcess:
        try:
            return self.supervisor.processes[name]
        except KeyError:
            known = ", ".join(self.supervisor.processes)
            raise LocalError(f"no process {name!r} in this stack; there are {known}") from None

    def _save(self) -> None:
        with self._saving:
            processes = list(self.supervisor.processes.values())
            self._state.processes = [ProcessRecord(process.spec, process.identity) for process in processes]
            self._state.save(self._directory)

    def _is_ready(self, name: str) -> bool:
        if name == KAFKA:
            return kafka.is_ready(_port(self.addresses.kafka_bootstrap_servers))
        if name == POSTGRES:
            return postgres.is_ready(self._directory / POSTGRES, _port(self.addresses.database_url.rpartition("/")[0]))
        return name in self.addresses.services and _answers_ready(self.addresses.services[name].metrics)


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def _answers_ready(address: str) -> bool:
    connection = http.client.HTTPConnection(address, timeout=HTTP_TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def start(
    directory: Path,
    *,
    detached: bool,
    services: Sequence[ServiceSpec] = DEFAULT_SERVICES,
    setup: Sequence[Sequence[str]] = DEFAULT_SETUP,
    progress: Progress = lambda line: None,
    ready_timeout_seconds: float = READY_TIMEOUT_SECONDS,
) -> Stack:
    """Bring everything up in `directory` and return when all of it is ready.

    `setup` are commands that run to their end, one after the other, when Kafka and PostgreSQL answer and before the
    services start. `progress` takes one line a step, with the seconds since the start. Raises a LocalError that names
    the part; what had started is then stopped.
    """
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    for private in ("logs", "data"):
        (directory / private).mkdir(mode=0o700, exist_ok=True)
    with termination_as_exit(), state.exclusively(directory):
        _clear(directory)
        layout.check(directory)
        ports = _ports(directory, services)
        stack = Stack(directory, _plan(directory, detached, services, ports), Supervisor(bound=not detached))
        try:
            _Start(stack, directory, ports, progress, ready_timeout_seconds).run(services, setup)
        except BaseException:
            stack.stop()
            raise
    return stack


def load(directory: Path) -> Stack | None:
    """Return the stack that was started in `directory`, by whichever process; None when there is none."""
    directory = directory.resolve()
    written = state.load(directory)
    if written is None:
        return None
    supervisor = Supervisor(bound=not written.detached)
    for record in written.processes:
        supervisor.processes[record.spec.name] = ManagedProcess(record.spec, record.identity)
    return Stack(directory, written, supervisor)


def _clear(directory: Path) -> None:
    """Stop what a starter that was killed has left; refuse where a stack is up."""
    left = load(directory)
    if left is None:
        return
    written = left._state
    alive = any(record.identity.alive() for record in written.processes)
    if alive and written.ready and (written.detached or written.owner.alive()):
        raise AlreadyRunning(f"a stack is up in {directory}: stop it with `onematter down`, or use another directory")
    left.stop()


def _ports(directory: Path, services: Sequence[ServiceSpec]) -> dict[str, int]:
    names = [KAFKA, "kafka-controller", POSTGRES]
    for service in services:
        names += [f"{service.deployment}/grpc"] if service.serves_grpc else []
        names += [f"{service.deployment}/metrics"]
    return allocate(names, directory / "ports.json")


def _plan(directory: Path, detached: bool, services: Sequence[ServiceSpec], ports: Mapping[str, int]) -> State:
    def address(name: str) -> str:
        return f"{LOOPBACK}:{ports[name]}"

    return State(
        owner=state.this_process(),
        detached=detached,
        ready=False,
        addresses=Addresses(
            kafka_bootstrap_servers=os.environ.get("KAFKA_BOOTSTRAP_SERVERS") or address(KAFKA),
            database_url=os.environ.get("DATABASE_URL") or postgres.database_url(directory / POSTGRES, ports[POSTGRES]),
            services={
                service.deployment: ServiceAddress(
                    grpc=address(f"{service.deployment}/grpc") if service.serves_grpc else None,
                    metrics=address(f"{service.deployment}/metrics"),
                )
                for service in services
            },
        ),
    )


@dataclass
class _Start:
    """One start of a stack: what runs before what, and what runs at once."""

    stack: Stack
    directory: Path
    ports: Mapping[str, int]
    progress: Progress
    ready_timeout_seconds: float
    began: float = field(default_factory=time.monotonic)

    def run(self, services: Sequence[ServiceSpec], setup: Sequence[Sequence[str]]) -> None:
        embedded = {"KAFKA_BOOTSTRAP_SERVERS": self._kafka, "DATABASE_URL": self._postgres}
        for variable in embedded:
            if os.environ.get(variable):
                self._tell(f"{variable} is given: that one is used")
        self._together([step for variable, step in embedded.items() if not os.environ.get(variable)])
        for number, argv in enumerate(setup):
            self._set_up(number, tuple(argv))
        self._together([functools.partial(self._service, service) for service in services])
        self.stack.declare_ready()
        self._tell("ready")

    def _tell(self, line: str) -> None:
        self.progress(f"[{time.monotonic() - self.began:5.1f} s] {line}")

    def _together(self, steps: Sequence[Callable[[], None]]) -> None:
        """Take the steps at once; the first that fails ends the others, and its error is raised."""
        with ThreadPoolExecutor(max(1, len(steps)), thread_name_prefix="onematter-start") as pool:
            futures = [pool.submit(step) for step in steps]
            try:
                done, _ = wait(futures, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
            except BaseException:
                self.stack.supervisor.close()
                raise

    def _log(self, name: str) -> Path:
        return self.directory / "logs" / f"{name}.log"

    def _kafka(self) -> None:
        spec = kafka.prepare(
            self.directory / KAFKA,
            cache_directory(),
            broker_port=self.ports[KAFKA],
            controller_port=self.ports["kafka-controller"],
            log=self._log(KAFKA),
            supervisor=self.stack.supervisor,
            progress=self._tell,
        )
        self._tell(f"kafka {kafka.KAFKA_VERSION}: starting")
        self._bring_up(spec, self.stack.addresses.kafka_bootstrap_servers)

    def _postgres(self) -> None:
        port = self.ports[POSTGRES]
        self._tell(f"postgres {postgres.version()}: starting")
        spec = postgres.prepare(
            self.directory / POSTGRES, port=port, log=self._log(POSTGRES), supervisor=self.stack.supervisor
        )
        self._bring_up(spec, f"{LOOPBACK}:{port}")

    def _set_up(self, number: int, argv: tuple[str, ...]) -> None:
        addresses = self.stack.addresses
        environment = {
            "KAFKA_BOOTSTRAP_SERVERS": addresses.kafka_bootstrap_servers,
            "DATABASE_URL": addresses.database_url,
            **_PYTHON_ENVIRONMENT,
        }
        name = f"setup-{number}"
        self._tell(f"{name}: {' '.join(argv[1:])}")
        self.stack.supervisor.run(ProcessSpec(name, argv, self._log(name), environment), SETUP_TIMEOUT_SECONDS)

    def _service(self, service: ServiceSpec) -> None:
        addresses = self.stack.addresses
        address = addresses.services[service.deployment]
        data = self.directory / "data" / service.deployment
        data.mkdir(exist_ok=True)
        environment = {
            "KAFKA_BOOTSTRAP_SERVERS": addresses.kafka_bootstrap_servers,
            "DATABASE_URL": addresses.database_url,
            "ONEMATTER_DEPLOYMENT": service.deployment,
            "ONEMATTER_METRICS_ADDRESS": address.metrics,
            "ONEMATTER_DATA_DIR": str(data),
            # Whoever stops the stack waits no longer.
            "ONEMATTER_GRACE_SECONDS": str(int(STOP_GRACE_SECONDS) - 1),
            "ONEMATTER_PEERS": json.dumps(
                {name: peer.grpc for name, peer in addresses.services.items() if peer.grpc is not None}
            ),
            **{
                setting: peer.grpc
                for setting, name in service.addresses.items()
                if (peer := addresses.services.get(name)) is not None and peer.grpc is not None
            },
            **clock_environment(self.directory),
            **secret_environment(self.directory, service.deployment),
            **_PYTHON_ENVIRONMENT,
            **service.environment,
        }
        if address.grpc is not None:
            environment["ONEMATTER_GRPC_ADDRESS"] = address.grpc
        log = self._log(service.deployment)
        self._bring_up(ProcessSpec(service.deployment, service.argv, log, environment), address.grpc or address.metrics)

    def _bring_up(self, spec: ProcessSpec, address: str) -> None:
        self.stack.launch(spec, self.ready_timeout_seconds)
        self._tell(f"{spec.name}: up at {address}")
