"""Behind a half-sent step a restored service may read an answer before it knows again what it asked."""

from __future__ import annotations

from dataclasses import replace

from tests.simulation.bench import MATTER, Bench, submit
from tests.simulation.cores import BACK, BACK_COMMANDS, BACK_EVENTS, FRONT, front_aggregate

from onematter.approval.v1.approval_events_pb2 import ApprovalEvent


def front() -> Bench:
    """The front, which knows what an event of the back answers."""
    aggregate = front_aggregate()
    return Bench(
        partitions=1,
        aggregate=replace(aggregate, answer_to=lambda heard: getattr(heard, "event", ApprovalEvent()).cause.position),
    )


def answer(bench: Bench, sequence: int, kind: str, asked: int = 0) -> None:
    """The back tells of item 01, because of the front's record `asked`."""
    event = ApprovalEvent(item_id="01")
    getattr(event, kind).SetInParent()
    if asked:
        position = event.cause.position
        position.writer, position.topic, position.sequence = FRONT, BACK_COMMANDS, asked
    bench.put(BACK_EVENTS, MATTER, event.SerializeToString(), of=(BACK, sequence))


def test_it_waits_with_all_behind_it_until_the_question_is_asked_again() -> None:
    bench = front()
    answer(bench, 1, "task_opened", asked=1)
    answer(bench, 2, "task_decided")
    bench.run()
    assert bench.kinds(MATTER) == []
    assert bench.parked() == [("ahead: it answers what is not sent again yet", 0), ("behind a parked record", 1)]
    assert bench.letters() == [], "nothing is wrong with it"
    # A copy of it comes while it waits.
    answer(bench, 1, "task_opened", asked=1)
    bench.run()
    submit(bench, modes="auto")
    bench.run()
    assert bench.kinds(MATTER) == ["matter_accepted", "item_opened", "matter_completed"]
    assert bench.parked() == []
    assert (bench.received(MATTER, BACK_EVENTS).last_sequence, bench.received(MATTER, BACK_EVENTS).parked) == (2, 0)


def test_a_replay_that_comes_too_early_leaves_it_waiting() -> None:
    bench = front()
    answer(bench, 1, "task_opened", asked=1)
    bench.run()
    for key, (record, reason, _) in bench.database.tables.parked.items():
        bench.database.tables.parked[key] = (record, reason, "replay")
    bench.run()
    assert bench.received(MATTER, BACK_EVENTS).parked == 1
    assert len(bench.parked()) == 1
    submit(bench, modes="auto")
    bench.run()
    assert bench.kinds(MATTER) == ["matter_accepted", "item_opened"]
    assert bench.parked() == []


def test_what_others_asked_is_not_ahead() -> None:
    bench = front()
    submit(bench, modes="auto")
    bench.run()
    event = ApprovalEvent(item_id="01")
    event.task_opened.SetInParent()
    position = event.cause.position
    position.writer, position.topic, position.sequence = "another", BACK_COMMANDS, 9
    bench.put(BACK_EVENTS, MATTER, event.SerializeToString(), of=(BACK, 1))
    bench.run()
    assert bench.kinds(MATTER) == ["matter_accepted", "item_opened"]
