"""Timers: handled by the lane's owner when due, set anew, taken away; a stale one does nothing."""

from __future__ import annotations

from dataclasses import replace

from tests.simulation.bench import MATTER, Bench, open_task, order, recall_task
from tests.simulation.cores import BACK, TIMER_MS


def opened() -> Bench:
    bench = Bench(BACK)
    order(bench, 1, open_task("01"))
    bench.run()
    return bench


def due(bench: Bench) -> int:
    ((_, _, due_unix_ms),) = bench.database.tables.timers.values()
    return due_unix_ms


def test_a_due_timer_is_handled_once_at_its_legal_time() -> None:
    bench = opened()
    at = due(bench)
    assert at == bench.events(MATTER)[0].time.ToMilliseconds() + TIMER_MS
    bench.now_unix_ms = at + 5000
    bench.run()
    bench.run()
    assert bench.kinds(MATTER) == ["task_opened", "task_decided"]
    event = bench.events(MATTER)[1]
    assert event.time.ToMilliseconds() == at
    assert event.cause.id == "timer/01/1"
    assert bench.database.tables.timers == {}


def test_a_timer_is_not_handled_before_it_is_due() -> None:
    bench = opened()
    bench.now_unix_ms = due(bench) - 2000
    bench.run()
    assert bench.kinds(MATTER) == ["task_opened"]


def test_a_timer_that_is_taken_away_does_not_come() -> None:
    bench = opened()
    order(bench, 2, recall_task("01"))
    bench.run()
    assert bench.database.tables.timers == {}
    bench.now_unix_ms += 2 * TIMER_MS
    bench.run()
    assert bench.kinds(MATTER) == ["task_opened", "task_recalled"]


def test_a_stale_version_does_nothing_and_goes_away() -> None:
    bench = opened()
    first = due(bench)
    order(bench, 2, open_task("01"))
    bench.run()
    ((key, (lane, version, _)),) = bench.database.tables.timers.items()
    assert version == 2
    bench.database.tables.timers[key] = (lane, 1, first)
    bench.now_unix_ms = first + 1
    bench.run()
    assert bench.kinds(MATTER) == ["task_opened", "task_opened"]
    assert bench.database.tables.timers == {}


def test_a_timer_that_is_set_anew_has_a_new_version_and_comes_at_the_new_time_only() -> None:
    bench = opened()
    first = due(bench)
    order(bench, 2, open_task("01"))
    bench.run()
    ((_, version, second),) = bench.database.tables.timers.values()
    assert (version, second > first) == (2, True)
    bench.now_unix_ms = first
    bench.run()
    assert bench.kinds(MATTER) == ["task_opened", "task_opened"]
    bench.now_unix_ms = second
    bench.run()
    assert bench.kinds(MATTER) == ["task_opened", "task_opened", "task_decided"]
    assert bench.events(MATTER)[2].cause.id == "timer/01/2"


def test_a_recall_in_the_batch_of_the_due_timer_wins() -> None:
    bench = opened()
    bench.now_unix_ms = due(bench) + 1
    order(bench, 2, recall_task("01"))
    bench.run()
    assert bench.kinds(MATTER) == ["task_opened", "task_recalled"]
    assert bench.database.tables.timers == {}


def test_a_timer_whose_decision_fails_stays_due_and_is_tried_again_after_a_minute() -> None:
    bench = opened()
    sound = bench.unit.aggregate
    attempts: list[int] = []

    def fail(*_: object) -> None:
        attempts.append(bench.now_unix_ms)
        raise RuntimeError("a bug")

    bench.unit.aggregate = replace(sound, decide=fail)
    bench.now_unix_ms = due(bench) + 1
    process = bench.run()
    bench.run(process)
    # Once in the batch, and once more alone.
    assert len(attempts) == 2
    assert len(bench.database.tables.timers) == 1
    bench.unit.aggregate = sound
    bench.now_unix_ms += 60_000
    bench.run(process)
    assert bench.kinds(MATTER) == ["task_opened", "task_decided"]
    assert bench.database.tables.timers == {}
