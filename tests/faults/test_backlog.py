"""A backlog is worked off in bounded memory; and the verdict can fail. The long form: `tests.faults.backlog`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.faults.backlog import ALLOWED_BYTES, judge, measure
from tests.faults.sampling import Sample

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


def test_a_process_that_keeps_something_of_each_record_is_told() -> None:
    def samples(bytes_a_record: int) -> list[Sample]:
        return [Sample(n / 10, 1000 * n, 100_000_000 + bytes_a_record * 1000 * n, 20, 9) for n in range(101)]

    assert judge("leaks", samples(1000), 100_000).flat is False
    assert judge("keeps nothing", samples(0), 100_000).flat is True
    # What comes once is no leak, wherever it comes.
    step = [Sample(n / 10, 1000 * n, 100_000_000 + (ALLOWED_BYTES // 2 if n > 50 else 0), 20, 9) for n in range(101)]
    assert judge("took a heavy step", step, 100_000).flat is True
