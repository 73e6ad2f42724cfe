"""Kafka and PostgreSQL beside a cluster, on an address of this machine that its pods reach.

Rule 1: they are those of `onematter.local`, moved from the loopback interface to `host` before they start; what
comes from elsewhere needs PostgreSQL's password.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
from psycopg import sql

from onematter.local import kafka, postgres
from onematter.local.ports import LOOPBACK, allocate
from onematter.local.processes import Supervisor, stop_processes
from onematter.local.stack import cache_directory

START_SECONDS = 60.0


@contextmanager
def backing(directory: Path, host: str) -> Iterator[tuple[str, str]]:
    """Run both in `directory`; gives Kafka's address and the database's URL. Raises TimeoutError."""
    directory.mkdir(parents=True, exist_ok=True)
    # PostgreSQL runs as another account where root starts it.
    directory.chmod(0o711)
    ports = allocate(["kafka", "controller", "postgres"], directory / "ports.json")
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
        _rewrite(directory / "kafka" / "server.properties", lambda text: text.replace(LOOPBACK, host))
        loopback_url = postgres.database_url(directory / "postgres", ports["postgres"])
        server = postgres.prepare(
            directory / "postgres", port=ports["postgres"], log=directory / "postgres.log", supervisor=supervisor
        )
        _rewrite(
            directory / "postgres" / "data" / "pg_hba.conf",
            lambda text: text + "host all all 0.0.0.0/0 scram-sha-256\n",
        )
        arguments = tuple(
            one.replace(f"listen_addresses={LOOPBACK}", f"listen_addresses={host}") for one in server.argv
        )
        supervisor.start(broker)
        supervisor.start(replace(server, argv=arguments))
        url = loopback_url.replace(f"@{LOOPBACK}:", f"@{host}:")
        _answers(host, ports["kafka"])
        _answers(host, ports["postgres"])
        _create_database(url)
        yield f"{host}:{ports['kafka']}", url
    finally:
        supervisor.close()
        stop_processes(list(supervisor.processes.values()))


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
