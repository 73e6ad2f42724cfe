"""Retention: a service restored from an older database goes on from what it published."""

from __future__ import annotations

import pytest
from tests.simulation.bench import (
    MATTER,
    Bench,
    Fails,
    digest,
    open_task,
    order,
    put_visit,
    recall_task,
    submission,
    submit,
)
from tests.simulation.cores import BACK, BACK_COMMANDS, BACK_EVENTS, FRONT_EVENTS, TIMER_MS

from onematter.backbone.ports import WrongCluster
from onematter.backbone.worker import Phase


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


class Crash(Exception):
    """The process is gone."""


def published(bench: Bench, visits: int) -> None:
    """A matter with more events than one chunk of what is folded at once."""
    submit(bench)
    bench.run()
    for number in range(visits):
        put_visit(bench, f"v{number}")
    bench.run()


def test_a_restore_that_is_interrupted_goes_on_where_it_was() -> None:
    """A restore of days takes longer than a pod may live without a sign; it must not begin again each time."""
    bench = Bench(partitions=1)
    older = bench.database.snapshot()
    published(bench, 5)
    told = bench.kinds(MATTER)
    bench.database.restore(older)
    counted = Fails(10_000, Crash)
    process = bench.start(counted)
    process.worker.max_batch = 2
    bench.until(process, Phase.TAKE)
    process.worker.advance(0.0)
    commits = [number for number, call in enumerate(counted.calls, 1) if call == "commit"]
    # Six events and one of them again, two at a time.
    assert len(commits) == 4
    bench.database.restore(older)
    process = bench.start(Fails(commits[2], Crash, after=True))
    process.worker.max_batch = 2
    bench.until(process, Phase.TAKE)
    with pytest.raises(Crash):
        process.worker.advance(0.0)
    assert bench.database.tables.lanes[0].own_offset == 6, "it is known how far it came"
    troubles = len(bench.watching.troubles)
    bench.run()
    assert bench.watching.troubles[troubles:] == ["restored"], "only the last chunk was left"
    assert bench.kinds(MATTER) == told
    assert len(bench.ledger(MATTER).outcomes) == 6


def test_lanes_that_are_given_to_others_during_a_restore_are_let_go() -> None:
    bench = Bench(partitions=1)
    older = bench.database.snapshot()
    published(bench, 5)
    bench.database.restore(older)
    process = bench.start()
    process.worker.max_batch = 2
    bench.until(process, Phase.TAKE)
    process.log.news = frozenset()
    process.worker.advance(0.0)
    assert process.worker.phase is Phase.TAKE
    assert bench.watching.troubles == ["restored"], "one chunk, and then the news"
    process.worker.advance(0.0)
    assert process.worker.lanes == {}


def test_own_events_that_the_topic_does_not_have_any_more_are_no_silence() -> None:
    bench = Bench(partitions=1)
    process = bench.start()
    process.worker.checkpoint_ms = 0
    submit(bench)
    bench.run(process)
    put_visit(bench, "v")
    bench.run(process)
    put_visit(bench, "w")
    bench.run(process)
    del bench.broker.topics[FRONT_EVENTS][0][1:]
    again = bench.start()
    bench.until(again, Phase.TAKE)
    with pytest.raises(WrongCluster, match=r"the own events topic ends at 1, but 2 were published; it lost records"):
        again.worker.advance(0.0)


def test_an_own_event_that_is_missing_in_the_middle_is_no_silence() -> None:
    bench = Bench(partitions=1)
    older = bench.database.snapshot()
    published(bench, 2)
    bench.database.restore(older)
    missing = [dict(e.headers)["ce_sequence"] for e in bench.entries(FRONT_EVENTS)].index(b"2")
    del bench.broker.topics[FRONT_EVENTS][0][missing]
    process = bench.start()
    bench.until(process, Phase.TAKE)
    with pytest.raises(WrongCluster, match=r"own event 2 of a matter is missing from the topic; restore the topic"):
        process.worker.advance(0.0)


@pytest.mark.parametrize(
    ("sequence", "value", "why"),
    [(2, b"\xff\xff", "it is no event of ours"), (9, b"", "own event 2 of a matter is missing from the topic")],
)
def test_an_own_event_that_cannot_be_taken_over_is_named_by_its_place(sequence: int, value: bytes, why: str) -> None:
    bench = Bench(BACK, partitions=1)
    order(bench, 1, open_task("01"))
    bench.run()
    offset = len(bench.entries(BACK_EVENTS))
    bench.put(BACK_EVENTS, MATTER, value, of=(BACK, sequence))
    with pytest.raises(WrongCluster, match=rf"own event at {BACK_EVENTS}/0/{offset}: {why}"):
        bench.run()
