"""Lanes and epochs: who lost a lane writes nothing."""

from __future__ import annotations

import pytest
from tests.simulation.bench import MATTER, Bench, put_visit, submit
from tests.simulation.weather import Blocked

from onematter.backbone.worker import Phase


@pytest.mark.parametrize("phase", [Phase.POLL, Phase.EXECUTE])
def test_a_zombie_writes_nothing(phase: Phase) -> None:
    bench = Bench()
    submit(bench)
    zombie = bench.start()
    bench.until(zombie, Phase.TAKE)
    zombie.worker.advance(0.0)
    bench.until(zombie, phase)
    bench.run(bench.start())
    before = bench.database.snapshot()
    put_visit(bench, "v")
    bench.until(zombie, Phase.TAKE)
    assert bench.watching.troubles == ["fenced"]
    assert bench.database.tables == before
    assert bench.database.locks == {}


def test_a_zombie_that_sends_what_it_committed_repeats_what_is_there() -> None:
    bench = Bench()
    submit(bench)
    zombie = bench.start()
    bench.until(zombie, Phase.SEND)
    bench.run(bench.start())
    put_visit(bench, "v")
    bench.run(bench.start())
    zombie.worker.advance(0.0)
    zombie.log.flush()
    assert bench.kinds(MATTER) == ["matter_accepted", "visit_recorded"]


def test_taking_a_lane_waits_for_a_commit_in_flight() -> None:
    bench = Bench()
    submit(bench)
    first = bench.start()
    bench.until(first, Phase.COMMIT)
    second = bench.start()
    bench.until(second, Phase.TAKE)
    with pytest.raises(Blocked):
        second.worker.advance(0.0)
    first.worker.advance(0.0)
    bench.run(second)
    assert bench.kinds(MATTER) == ["matter_accepted"]
    assert second.worker.lanes[0].epoch == 2


def test_a_fenced_worker_drops_its_cache_and_goes_on_from_the_database() -> None:
    bench = Bench()
    submit(bench)
    first = bench.run()
    put_visit(bench, "v1")
    bench.run(bench.start())
    put_visit(bench, "v2")
    bench.until(first, Phase.TAKE)
    bench.run(first)
    assert [e.visit_recorded.visits for e in bench.events(MATTER)[1:]] == [1, 2]


def test_a_lane_that_was_given_away_is_not_consumed() -> None:
    bench = Bench()
    process = bench.run()
    process.log.news = frozenset()
    bench.run(process)
    submit(bench)
    bench.run(process)
    assert bench.database.tables.aggregates == {}
    assert process.worker.lanes == {}
