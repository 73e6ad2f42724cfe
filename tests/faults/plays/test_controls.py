"""Every negative control fails as it should: without its safeguard the auditor finds what is expected, else nothing."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from tests.faults import controls
from tests.faults.controls import CONTROLS, ControlResult
from tests.tail import forget_refused_connections

# On a busy machine; alone it is a tenth of that.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def results(
    kafka_bootstrap_servers: str, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, ControlResult]:
    """All controls, once, side by side."""
    judged = controls.run_all(kafka_bootstrap_servers, database_url, tmp_path_factory.mktemp("controls"))
    forget_refused_connections()
    return judged


@pytest.mark.parametrize("name", sorted(CONTROLS))
def test_the_auditor_fails_without_each_safeguard_and_passes_with_it(
    name: str, results: Mapping[str, ControlResult]
) -> None:
    result = results[name]
    assert result.failed, result.told
