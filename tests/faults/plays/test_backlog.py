"""A backlog is worked off in bounded memory. The long form: `tests.faults.backlog`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.faults.backlog import measure

RECORDS = 8_000
SECONDS = 240.0


@pytest.mark.timeout(600)
@pytest.mark.skipif(
    bool(os.environ.get("KAFKA_BOOTSTRAP_SERVERS")), reason="the broker is given from outside, with other topics"
)
def test_memory_is_flat_whatever_the_backlog(tmp_path: Path) -> None:
    found = measure(tmp_path, "hand-ins", RECORDS, SECONDS, {})
    assert len(found) == 6
    assert [one for one in found if not one.flat] == []
