"""Sizes: what could not be produced is never committed."""

from __future__ import annotations

from tests.simulation.bench import MATTER, OTHER, Bench, put_visit, submit
from tests.simulation.cores import SUBMISSIONS

from onematter.backbone.finishing import RECORD_OVERHEAD_BYTES

LIMIT = 2000


def test_an_event_that_is_too_large_parks_its_cause_and_is_never_committed() -> None:
    bench = Bench(partitions=1, max_message_bytes=RECORD_OVERHEAD_BYTES + LIMIT)
    # The event carries the command as it was received, and so is larger.
    submit(bench, note="n" * (LIMIT - 100))
    submit(bench, "r2")
    bench.run()
    assert bench.kinds(MATTER) == []
    assert bench.kinds(OTHER) == ["matter_accepted"]
    assert bench.parked() == [("failed: Oversized", 0)]
    assert not bench.ledger(MATTER).outcomes
    assert not bench.ledger(MATTER).sent
    assert bench.received(MATTER, SUBMISSIONS).parked == 1


def test_what_fits_is_sent() -> None:
    bench = Bench(partitions=1, max_message_bytes=RECORD_OVERHEAD_BYTES + LIMIT)
    submit(bench, note="n" * (LIMIT // 4))
    put_visit(bench, "v")
    bench.run()
    assert sorted(bench.kinds(MATTER)) == ["matter_accepted", "visit_recorded"]
    assert bench.parked() == []
