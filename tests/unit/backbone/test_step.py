"""One transaction a step: whatever fails, wherever, either all of it is there or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.simulation.bench import MATTER, Bench, Fails, Process, order, put_visit, submit
from tests.simulation.bench import open_task as opening
from tests.simulation.cores import BACK, FRONT
from tests.simulation.database import Tables
from tests.simulation.weather import Crashed

from onematter.backbone.ports import Unavailable

MAX_CALLS = 60


def prepare(deployment: str) -> Bench:
    bench = Bench(deployment, partitions=1)
    if deployment == FRONT:
        submit(bench)
        put_visit(bench, "v")
    else:
        order(bench, 1, opening())
    return bench


def contents(tables: Tables) -> tuple[Any, ...]:
    """Everything that a step writes; not the epoch, nor the marks that move with the next step."""
    return (
        tables.aggregates, tables.timers, tables.parked,
        {lane: row.offsets for lane, row in tables.lanes.items() if row.offsets},
        [blob for _, blob in sorted(tables.outbox.items())],
    )  # fmt: skip


def failing(deployment: str, error: type[BaseException], after: bool) -> Iterator[tuple[Bench, Process, Fails]]:
    """A run for every call that can fail."""
    for number in range(1, MAX_CALLS):
        bench = prepare(deployment)
        weather = Fails(number, error, after=after)
        process = bench.start(weather)
        for _ in range(20):
            try:
                process.worker.advance(0.0)
            except error:
                break
        if number > len(weather.calls):
            return
        if weather.failed:
            yield bench, process, weather


@pytest.mark.parametrize("deployment", [FRONT, BACK])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("commits", [False, True], ids=["rolled back", "committed in flight"])
@pytest.mark.parametrize("error", [Crashed, Unavailable])
def test_all_or_nothing(deployment: str, error: type[BaseException], after: bool, commits: bool) -> None:
    clean = prepare(deployment)
    nothing = contents(clean.database.snapshot())
    clean.run()
    everything = contents(clean.database.snapshot())
    wanted = [entry.value for entry in clean.entries("front.events") + clean.entries("back.events")]
    failed_at: set[str] = set()
    for bench, process, weather in failing(deployment, error, after):
        failed_at.add(weather.calls[weather.number - 1])
        process.store.disconnect()
        for orphan in list(bench.database.orphans):
            bench.database.settle(orphan, commit=commits)
        assert contents(bench.database.tables) in (nothing, everything), weather.calls
        bench.run()
        assert contents(bench.database.tables)[:4] == everything[:4], weather.calls
        values = [entry.value for entry in bench.entries("front.events") + bench.entries("back.events")]
        assert list(dict.fromkeys(values)) == wanted, weather.calls
    assert failed_at >= {"take", "poll", "flush", "write", "write_lanes", "commit", "send"}


def test_a_worker_whose_database_is_away_takes_its_lanes_anew() -> None:
    for bench, process, weather in failing(FRONT, Unavailable, False):
        process.store.disconnect()
        for orphan in list(bench.database.orphans):
            bench.database.settle(orphan, commit=False)
        bench.run(process)
        assert bench.kinds(MATTER) in (
            ["matter_accepted", "visit_recorded"],
            ["command_refused", "matter_accepted"],
        ), weather.calls


def test_a_poll_that_fails_while_a_step_is_given_up_leaves_the_worker_ready_to_take() -> None:
    bench = prepare(FRONT)

    class TwiceAway(Fails):
        def before(self, call: str) -> None:
            super().before(call)
            if self.failed and call == "poll" and not self.late:
                self.late = True
                raise Unavailable(call)

    weather = TwiceAway(0, Unavailable)
    process = bench.start(weather)
    while "write_lanes" not in weather.calls:
        process.worker.advance(0.0)
    weather.number = len(weather.calls) + 1
    with pytest.raises(Unavailable):
        process.worker.advance(0.0)
    assert weather.late
    bench.lose_connection(process)
    bench.run(process)
    assert len(bench.events(MATTER)) == 2
