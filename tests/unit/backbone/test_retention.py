"""Retention: a service restored from an older database goes on from what it published."""

from __future__ import annotations

from tests.simulation.bench import MATTER, Bench, digest, open_task, order, put_visit, recall_task, submission, submit
from tests.simulation.cores import BACK, BACK_COMMANDS, FRONT_EVENTS, TIMER_MS


def contents(bench: Bench, topic: str) -> list[tuple[bytes, bytes]]:
    return [(dict(e.headers)["ce_sequence"], e.value or b"") for e in bench.entries(topic)]


def test_nothing_is_decided_twice_and_commands_sent_again_are_identical() -> None:
    bench = Bench()
    older = bench.database.snapshot()
    submit(bench)
    bench.run()
    put_visit(bench, "v")
    bench.run()
    state, commands = bench.database.tables.aggregates[MATTER], contents(bench, BACK_COMMANDS)
    bench.database.restore(older)
    bench.run()
    assert bench.kinds(MATTER) == ["matter_accepted", "visit_recorded"]
    assert bench.database.tables.aggregates[MATTER] == state
    again = contents(bench, BACK_COMMANDS)
    assert len(again) == len(commands) + 1
    assert set(again) == set(commands)
    assert "restored" in bench.watching.troubles


def test_what_the_world_has_seen_holds_though_the_topics_are_read_in_another_order() -> None:
    bench = Bench(partitions=1)
    put_visit(bench, "v")
    older = bench.database.snapshot()
    bench.run()
    submit(bench)
    bench.run()
    assert bench.kinds(MATTER) == ["command_refused", "matter_accepted"]
    bench.database.restore(older)
    # Both stand in the log now, and the submission would be read first.
    bench.run()
    assert bench.kinds(MATTER) == ["command_refused", "matter_accepted"]


def test_outcomes_are_kept_again() -> None:
    bench = Bench()
    older = bench.database.snapshot()
    submit(bench)
    bench.run()
    bench.database.restore(older)
    submit(bench)
    submit(bench, note="other")
    bench.run()
    assert bench.kinds(MATTER) == ["matter_accepted", "command_refused"]
    first, second = bench.ledger(MATTER).outcomes
    assert (first.digest, first.told_by.sequence) == (digest(submission()), 1)
    assert (second.HasField("refused"), second.told_by.sequence) == (True, 2)


def test_records_of_a_stream_are_taken_in_and_not_decided_again() -> None:
    bench = Bench(BACK)
    order(bench, 1, open_task("01"))
    bench.run()
    older = bench.database.snapshot()
    order(bench, 2, open_task("02"))
    order(bench, 3, recall_task("01"))
    bench.run()
    ledger = bench.ledger(MATTER)
    bench.database.restore(older)
    bench.run()
    assert bench.kinds(MATTER) == ["task_opened", "task_opened", "task_recalled"]
    assert bench.ledger(MATTER) == ledger


def test_timers_are_set_again_and_those_that_came_do_not_come_again() -> None:
    bench = Bench(BACK)
    older = bench.database.snapshot()
    order(bench, 1, open_task("01"))
    bench.run()
    bench.now_unix_ms += TIMER_MS
    bench.run()
    order(bench, 2, open_task("02"))
    bench.run()
    timers = dict(bench.database.tables.timers)
    bench.database.restore(older)
    bench.run()
    assert bench.kinds(MATTER) == ["task_opened", "task_decided", "task_opened"]
    assert bench.database.tables.timers == timers
    bench.now_unix_ms += TIMER_MS
    bench.run()
    assert bench.kinds(MATTER)[3:] == ["task_decided"]


def test_a_take_without_a_loss_folds_nothing() -> None:
    bench = Bench()
    submit(bench)
    bench.run()
    bench.run()
    assert bench.watching.troubles == []
    assert len(bench.entries(FRONT_EVENTS)) == 2, "the sent mark had not moved, so the record was sent again"
