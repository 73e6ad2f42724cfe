"""Kafka, PostgreSQL and a data-exchange platform beside a cluster, on an address of this machine that its pods reach.

Rule 1: they are those of `onematter.local`, moved from the loopback interface to `host` before they start. What comes
to PostgreSQL from elsewhere needs its password, and pods come to Kafka by a door that asks for a user and TLS.
"""

from __future__ import annotations

import secrets
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
from psycopg import sql
from tests import secured

from onematter.local import kafka, postgres
from onematter.local.ports import LOOPBACK, allocate
from onematter.local.processes import ProcessSpec, Supervisor, stop_processes
from onematter.local.stack import cache_directory

START_SECONDS = 60.0
MAKER = "maker"


@dataclass(frozen=True, slots=True)
class Door:
    """How pods come to Kafka: where, the authority's certificate, and each user's password."""

    servers: str
    authority: str
    users: dict[str, str]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a release needs besides a cluster. `door` is None where pods come to Kafka as everybody does."""

    servers: str
    database_url: str
    platform: str = ""
    door: Door | None = None


@contextmanager
def backing(directory: Path, host: str, users: Sequence[str]) -> Iterator[Parts]:
    """Run all three in `directory`. The user MAKER may make topics and ACLs. Raises TimeoutError."""
    directory.mkdir(parents=True, exist_ok=True)
    # PostgreSQL runs as another account where root starts it.
    directory.chmod(0o711)
    names = ["kafka", "controller", "users", "postgres", "platform", "platform-metrics"]
    ports = allocate(names, directory / "ports.json")
    supervisor = Supervisor(bound=True)
    try:
        broker = kafka.prepare(
            directory / "kafka",
            cache_directory(),
            broker_port=ports["kafka"],
            controller_port=ports["controller"],
            log=directory / "kafka.log",
            supervisor=supervisor,
            progress=print,
        )
        ca, keystore = secured.authority(directory / "tls", host)
        _rewrite(
            directory / "kafka" / "server.properties",
            lambda text: secured.with_door(text.replace(LOOPBACK, host), host, ports["users"], keystore, MAKER),
        )
        supervisor.start(_with_names(broker, directory / "names", host))
        url = _start_postgres(directory, host, ports["postgres"], supervisor)
        supervisor.start(_platform(directory, host, ports))
        servers = f"{host}:{ports['kafka']}"
        for name in ("kafka", "postgres", "platform"):
            _answers(host, ports[name])
        _create_database(url)
        words = {name: secrets.token_urlsafe(16) for name in (MAKER, *users)}
        secured.add_users(servers, words)
        door = Door(f"{host}:{ports['users']}", ca.read_text(encoding="utf-8"), words)
        yield Parts(servers, url, f"{host}:{ports['platform']}", door)
    finally:
        supervisor.close()
        stop_processes(list(supervisor.processes.values()))


def _with_names(broker: ProcessSpec, names: Path, host: str) -> ProcessSpec:
    """A broker that asks no name server: at each SASL session it looks up the name of its own address, and a network
    thread that gets no answer holds up every client for seconds.
    """
    names.write_text(f"{LOOPBACK} localhost\n{host} kafka\n", encoding="utf-8")
    java, *arguments = broker.argv
    return replace(broker, argv=(java, f"-Djdk.net.hosts.file={names}", *arguments))


def _start_postgres(directory: Path, host: str, port: int, supervisor: Supervisor) -> str:
    loopback_url = postgres.database_url(directory / "postgres", port)
    log = directory / "postgres.log"
    server = postgres.prepare(directory / "postgres", port=port, log=log, supervisor=supervisor)
    access = directory / "postgres" / "data" / "pg_hba.conf"
    _rewrite(access, lambda text: text + "host all all 0.0.0.0/0 scram-sha-256\n")
    argv = tuple(one.replace(f"listen_addresses={LOOPBACK}", f"listen_addresses={host}") for one in server.argv)
    supervisor.start(replace(server, argv=argv))
    return loopback_url.replace(f"@{LOOPBACK}:", f"@{host}:")


def _platform(directory: Path, host: str, ports: dict[str, int]) -> ProcessSpec:
    environment = {
        "ONEMATTER_GRPC_ADDRESS": f"{host}:{ports['platform']}",
        "ONEMATTER_METRICS_ADDRESS": f"{host}:{ports['platform-metrics']}",
        "ONEMATTER_DATA_DIR": str(directory / "platform"),
    }
    command = (sys.executable, "-m", "onematter.local.platform")
    return ProcessSpec("platform", command, directory / "platform.log", environment=environment)


def _rewrite(file: Path, change: Callable[[str], str]) -> None:
    file.write_text(change(file.read_text(encoding="utf-8")), encoding="utf-8")


def _answers(host: str, port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"nothing answers at {host}:{port} after {START_SECONDS:g} s") from None
            time.sleep(0.2)
        else:
            return


def _create_database(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with closing(psycopg.connect(url, dbname="postgres", autocommit=True, connect_timeout=5)) as connection:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(postgres.DATABASE)))
        except psycopg.errors.DuplicateDatabase:
            return
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return
