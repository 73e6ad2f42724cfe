"""What tests of real parts share: one Kafka broker and one PostgreSQL server for the whole session.

They are the embedded ones, in a temporary directory, unless `KAFKA_BOOTSTRAP_SERVERS` or `DATABASE_URL` name others.
They start when the first test asks for them. Whoever uses them keeps to topics, groups and schemas of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from onematter.local import kafka, postgres
from onematter.local.stack import Stack, start


def pytest_report_header() -> list[str]:
    """Say which real parts the tests run on."""
    broker = "from KAFKA_BOOTSTRAP_SERVERS" if os.environ.get("KAFKA_BOOTSTRAP_SERVERS") else kafka.KAFKA_VERSION
    database = "from DATABASE_URL" if os.environ.get("DATABASE_URL") else postgres.version()
    return [f"real parts: Apache Kafka {broker}, PostgreSQL {database}"]


@pytest.fixture(scope="session")
def local_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Kafka and PostgreSQL, without topics, schemas or services of ours."""
    with start(tmp_path_factory.mktemp("stack"), detached=False, services=(), setup=()) as stack:
        yield stack


@pytest.fixture(scope="session")
def kafka_bootstrap_servers(local_stack: Stack) -> str:
    """Where the session's broker is reached, as host:port."""
    return local_stack.addresses.kafka_bootstrap_servers


@pytest.fixture(scope="session")
def database_url(local_stack: Stack) -> str:
    """Connection URL of the session's database, of which the user is the owner."""
    return local_stack.addresses.database_url
