"""What tests of real parts share: one Kafka broker and one PostgreSQL server for the whole session.

They are the embedded ones, in a temporary directory, unless `KAFKA_BOOTSTRAP_SERVERS` or `DATABASE_URL` name others.
They start when the first test asks for them. Whoever uses them keeps to topics, groups and schemas of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import pytest

# Modules of tests whose assertions shall say what differed; before anything imports them.
pytest.register_assert_rewrite(
    *(
        f"tests.stories.{name}"
        for name in (
            "folding",
            "paths_acceptance",
            "paths_promises",
            "paths_results",
            "paths_sharing",
            "paths_tasks",
            "paths_years",
            "transcript",
        )
    )
)

from tests.live import Live  # noqa: E402
from tests.tail import forget_refused_connections  # noqa: E402

from onematter.local import kafka, postgres  # noqa: E402
from onematter.local.stack import DEFAULT_SERVICES, Stack, start  # noqa: E402

# Small batches, so that a fault meets a service between many steps of its work and not between three; and an exchange
# that gives up soon.
MORE = {
    "exchange": {"ONEMATTER_SHARING_GIVE_UP_SECONDS": "12", "ONEMATTER_DATASHARE_TIMEOUT_SECONDS": "3"},
}
SERVICES = tuple(
    replace(spec, environment={**spec.environment, "ONEMATTER_MAX_BATCH": "200", **MORE.get(spec.deployment, {})})
    for spec in DEFAULT_SERVICES
    if spec.deployment != "supervision"
)


def pytest_report_header() -> list[str]:
    """Say which real parts the tests run on."""
    broker = "from KAFKA_BOOTSTRAP_SERVERS" if os.environ.get("KAFKA_BOOTSTRAP_SERVERS") else kafka.KAFKA_VERSION
    database = "from DATABASE_URL" if os.environ.get("DATABASE_URL") else postgres.version()
    return [f"real parts: Apache Kafka {broker}, PostgreSQL {database}"]


@pytest.fixture(scope="session")
def local_stack(
    tmp_path_factory: pytest.TempPathFactory, record_testsuite_property: Callable[[str, object], None]
) -> Iterator[Stack]:
    """Kafka and PostgreSQL, without topics, schemas or services of ours."""
    for name, variable, embedded in (
        ("Apache Kafka", "KAFKA_BOOTSTRAP_SERVERS", kafka.KAFKA_VERSION),
        ("PostgreSQL", "DATABASE_URL", postgres.version()),
    ):
        record_testsuite_property(name, f"given by {variable}" if os.environ.get(variable) else embedded)
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


@pytest.fixture(scope="session")
def live(local_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Every service but supervision as a process of its own, on the session's broker and database."""
    addresses = local_stack.addresses
    directory = tmp_path_factory.mktemp("live")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("KAFKA_BOOTSTRAP_SERVERS", addresses.kafka_bootstrap_servers)
        environment.setenv("DATABASE_URL", addresses.database_url)
        stack = start(directory, detached=False, services=SERVICES, ready_timeout_seconds=120)
    with stack, closing(Live(stack, local_stack, directory)) as running:
        yield running
    forget_refused_connections()
