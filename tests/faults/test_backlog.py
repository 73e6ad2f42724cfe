"""The verdict on a backlog can fail."""

from __future__ import annotations

from tests.faults.backlog import ALLOWED_BYTES, judge
from tests.faults.sampling import Sample


def test_a_process_that_keeps_something_of_each_record_is_told() -> None:
    def samples(bytes_a_record: int) -> list[Sample]:
        return [Sample(n / 10, 1000 * n, 100_000_000 + bytes_a_record * 1000 * n, 20, 9) for n in range(101)]

    assert judge("leaks", samples(1000), 100_000).flat is False
    assert judge("keeps nothing", samples(0), 100_000).flat is True
    # What comes once is no leak, wherever it comes.
    step = [Sample(n / 10, 1000 * n, 100_000_000 + (ALLOWED_BYTES // 2 if n > 50 else 0), 20, 9) for n in range(101)]
    assert judge("took a heavy step", step, 100_000).flat is True
