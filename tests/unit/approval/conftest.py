"""The fixtures of approval's tests."""

from __future__ import annotations

import pytest
from tests.unit.approval.cases import Matter, make_core

from onematter.approval.core import Core


@pytest.fixture(scope="session")
def core() -> Core:
    return make_core()


@pytest.fixture
def matter(core: Core) -> Matter:
    return Matter(core)
