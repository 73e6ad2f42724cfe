"""One world for every test that strikes one; it starts when the first asks for it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults import catalogue
from tests.faults.harness import World, open_world
from tests.tail import forget_refused_connections

SEED = 5


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """The whole stack but supervision, and clients. Kept below the system's temporary directory when a test failed."""
    # Before the stack starts: a module of faults may ask something of it.
    catalogue.all_faults()
    directory = Path(tempfile.mkdtemp(prefix="onematter-faults-"))
    with open_world(directory, seed=SEED) as opened:
        yield opened
    forget_refused_connections()
    if not (directory / "findings.txt").exists():
        shutil.rmtree(directory, ignore_errors=True)
