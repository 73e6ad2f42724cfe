"""One world for every test that strikes one; it starts when the first asks for it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults import catalogue
from tests.faults.harness import FINDINGS, World, open_world
from tests.tail import forget_refused_connections

SEED = 5


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """kafka-python does not close the sockets of connections that were refused; whose they were is found out late."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"))


@pytest.fixture(scope="package")
def world() -> Iterator[World]:
    """The whole stack but supervision, and clients, until the last of these tests. Kept below the system's temporary
    directory when a test failed.
    """
    # Before the stack starts: a module of faults may ask something of it.
    catalogue.all_faults()
    directory = Path(tempfile.mkdtemp(prefix="onematter-faults-"))
    with open_world(directory, seed=SEED) as opened:
        yield opened
    forget_refused_connections()
    if not (directory / FINDINGS).exists():
        shutil.rmtree(directory, ignore_errors=True)
