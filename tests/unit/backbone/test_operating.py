"""What operators ask of a lane: carried out in order, once, and told as it was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.simulation.bench import MATTER, OTHER, Bench, Fails, open_task, order, put_visit, recall_task, submit
from tests.simulation.cores import BACK, BACK_COMMANDS, FRONT_COMMANDS, SUBMISSIONS, back_aggregate
from tests.simulation.weather import Crashed

from onematter.backbone.ports import Unavailable
from onematter.backbone.service import Again
from onematter.backbone.step import LetterStatus
from onematter.backbone.v1.operations_service_pb2 import OperationKind, OperationStatus
from onematter.backbone.worker import Phase, Worker
from onematter.common.v1.outcome_pb2 import Reason

RUBBISH = b"\xff\xff"
REPLAY, DROP = OperationKind.OPERATION_KIND_REPLAY, OperationKind.OPERATION_KIND_DROP
RETRY = OperationKind.OPERATION_KIND_RETRY
DONE, STOPPED = OperationStatus.OPERATION_STATUS_DONE, OperationStatus.OPERATION_STATUS_STOPPED
REFUSED = OperationStatus.OPERATION_STATUS_REFUSED


def place(offset: int, topic: str = BACK_COMMANDS) -> tuple[str, int, int]:
    return topic, 0, offset


def back(*values: bytes) -> Bench:
    """The back with these records in the front's stream, dealt with."""
    bench = Bench(BACK, partitions=1)
    for number, value in enumerate(values, 1):
        order(bench, number, value)
    bench.run()
    return bench


def asked(bench: Bench, kind: OperationKind, at: tuple[str, int, int] = ("", 0, -1), matter: str = "") -> Any:
    """Status and outcome of an operation, carried out."""
    number = bench.database.operate(kind, at, matter)
    bench.run()
    return bench.database.answer(number)


def refusal(outcome: Any) -> tuple[int, dict[str, str]]:
    (violation,) = outcome.refused.violations
    return violation.reason, dict(violation.parameters)


def test_a_replay_after_the_repair_takes_in_the_whole_stream_in_order() -> None:
    bench = back(open_task("01", "BUG"), open_task("02"), recall_task("01"))
    bench.bugs.fixed = True
    bench.watching.troubles.clear()
    status, outcome = asked(bench, REPLAY, place(0))
    assert (status, outcome.replayed, outcome.dropped, outcome.still_parked) == (DONE, 3, False, 0)
    assert not bench.watching.troubles, "what an operator asks is no trouble"
    assert bench.kinds(MATTER) == ["task_opened", "task_opened", "task_recalled"]
    assert (bench.parked(), bench.received(MATTER, BACK_COMMANDS).parked) == ([], 0)
    became = {offset: letter.status for (_, _, offset), letter in bench.database.tables.letters.items()}
    assert became == dict.fromkeys(range(3), LetterStatus.REPLAYED)


def test_a_replay_before_the_repair_says_that_it_stopped_and_why() -> None:
    bench = back(open_task("01", "BUG"), open_task("02"))
    status, outcome = asked(bench, REPLAY, place(0))
    assert (status, outcome.replayed, outcome.still_parked) == (STOPPED, 0, 2)
    assert (outcome.stopped_at.topic, outcome.stopped_at.offset) == (BACK_COMMANDS, 0)
    assert outcome.stopped_reason == "failed: RuntimeError"
    assert bench.kinds(MATTER) == []
    assert [offset for _, offset in bench.parked()] == [0, 1]
    assert not bench.database.tables.letters, "what waits is no letter of which nothing waits"


def test_a_drop_gives_up_the_named_record_and_stops_where_the_next_fails() -> None:
    bench = back(RUBBISH, open_task("01"), open_task("02", "BUG"), recall_task("01"))
    status, outcome = asked(bench, DROP, place(0))
    assert (status, outcome.dropped, outcome.replayed) == (STOPPED, True, 1)
    assert (outcome.stopped_at.offset, outcome.still_parked) == (2, 2)
    assert bench.kinds(MATTER) == ["task_opened"]
    assert bench.database.tables.letters[place(0)].status is LetterStatus.DROPPED
    bench.bugs.fixed = True
    status, outcome = asked(bench, REPLAY, place(2))
    assert (status, outcome.replayed) == (DONE, 2)


def test_a_drop_of_what_is_gone_says_what_became_of_it_and_takes_no_other() -> None:
    bench = back(RUBBISH, RUBBISH, open_task("01"))
    number = bench.database.operate(DROP, place(0))
    bench.run()
    assert bench.database.answer(number)[0] == STOPPED
    status, outcome = asked(bench, DROP, place(0))
    assert status == REFUSED
    assert refusal(outcome) == (Reason.REASON_RECORD_NOT_WAITING, {"became": "dropped", "operation": str(number)})
    assert [offset for _, offset in bench.parked()] == [1, 2], "the next record was not dropped in its place"
    status, outcome = asked(bench, REPLAY, place(7))
    assert (status, refusal(outcome)) == (REFUSED, (Reason.REASON_RECORD_NOT_WAITING, {}))


@pytest.mark.parametrize("kind", [REPLAY, DROP])
def test_only_the_first_record_of_a_stream_may_be_named(kind: OperationKind) -> None:
    bench = back(RUBBISH, open_task("01"))
    status, outcome = asked(bench, kind, place(1))
    assert (status, refusal(outcome)) == (
        REFUSED, (Reason.REASON_RECORD_NOT_FIRST, {"first": f"{BACK_COMMANDS}/0/0"}),
    )  # fmt: skip
    assert len(bench.parked()) == 2


def test_a_gap_is_not_replayed_and_says_what_is_missing() -> None:
    bench = Bench(BACK, partitions=1)
    order(bench, 3, open_task("03"))
    bench.run()
    status, outcome = asked(bench, REPLAY, place(0))
    assert (status, outcome.replayed, outcome.stopped_reason) == (STOPPED, 0, "gap: sequence 1 is missing")


def test_what_fills_a_gap_and_is_parked_itself_is_the_first_wherever_it_stands() -> None:
    bench = Bench(BACK, partitions=1)
    order(bench, 2, open_task("02"))
    order(bench, 1, open_task("01", "BUG"))
    bench.run()
    assert [offset for _, offset in bench.parked()] == [0, 1]
    bench.bugs.fixed = True
    status, outcome = asked(bench, REPLAY, place(0))
    assert refusal(outcome) == (Reason.REASON_RECORD_NOT_FIRST, {"first": f"{BACK_COMMANDS}/0/1"})
    status, outcome = asked(bench, REPLAY, place(1))
    assert (status, outcome.replayed) == (DONE, 2)
    assert bench.kinds(MATTER) == ["task_opened", "task_opened"]


def test_a_duplicate_is_told_as_one() -> None:
    bench = Bench(BACK, partitions=1)
    order(bench, 1, open_task("01", "BUG"))
    order(bench, 1, open_task("01", "BUG"))
    bench.run()
    bench.bugs.fixed = True
    status, outcome = asked(bench, REPLAY, place(0))
    assert (status, outcome.replayed, outcome.duplicates) == (DONE, 1, 1)


def test_what_came_from_outside_is_replayed_and_an_other_content_is_told_as_set_aside() -> None:
    bench = Bench(partitions=1)
    submit(bench)
    bench.run()
    put_visit(bench, "v1", reason="BUG")
    put_visit(bench, "v2")
    bench.run()
    bench.bugs.fixed = True
    status, outcome = asked(bench, REPLAY, place(0, FRONT_COMMANDS))
    assert (status, outcome.replayed) == (DONE, 2)
    assert [e.cause.request_id for e in bench.events(MATTER)] == ["r1", "v1", "v2"]


def test_an_alarm_behind_a_parked_record_is_no_replay() -> None:
    bench = Bench(BACK, partitions=1)
    order(bench, 1, open_task("01", "BUG"))
    order(bench, 1, open_task("02", "BUG"))
    bench.run()
    bench.bugs.fixed = True
    status, outcome = asked(bench, REPLAY, place(0))
    assert (status, outcome.replayed, outcome.set_aside) == (DONE, 1, 1)
    assert bench.parked() == []
    assert bench.letters()[-1].startswith("alarm")
    assert bench.database.tables.letters[place(1)].status is LetterStatus.SET_ASIDE


def test_what_was_set_aside_is_kept_and_may_be_given_up_but_not_replayed() -> None:
    bench = Bench(partitions=1)
    bench.put(SUBMISSIONS, MATTER, RUBBISH)
    bench.run()
    kept = bench.database.tables.letters[place(0, SUBMISSIONS)]
    assert (kept.status, kept.reason) == (LetterStatus.SET_ASIDE, "undecodable: not what the topic carries")
    status, outcome = asked(bench, REPLAY, place(0, SUBMISSIONS))
    assert refusal(outcome) == (Reason.REASON_RECORD_NOT_WAITING, {"became": "set_aside"})
    status, outcome = asked(bench, DROP, place(0, SUBMISSIONS))
    assert (status, outcome.dropped) == (DONE, True)
    assert bench.database.tables.letters[place(0, SUBMISSIONS)].status is LetterStatus.DROPPED


def test_an_operation_larger_than_a_step_goes_on_in_the_next() -> None:
    bench = back(open_task("01", "BUG"), *(open_task(f"{n:02}") for n in range(2, 8)))
    bench.bugs.fixed = True
    number = bench.database.operate(REPLAY, place(0))
    process = bench.start()
    process.worker = Worker(
        bench.unit, process.log, process.store, bench.watching, clock_unix_ms=lambda: bench.now_unix_ms, max_batch=3
    )
    bench.assign(process)
    for _ in range(2):
        bench.until(process, Phase.SEND)
        process.worker.advance(0.0)
        assert bench.database.answer(number)[0] == OperationStatus.OPERATION_STATUS_PENDING
    bench.run(process)
    status, outcome = bench.database.answer(number)
    assert (status, outcome.replayed) == (DONE, 7)
    assert len(bench.events(MATTER)) == 7


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("error", [Unavailable, Crashed])
def test_a_crash_at_any_call_leaves_effect_and_outcome_together(error: type[BaseException], late: bool) -> None:
    failed, at_call, calls = 0, 0, 1
    while at_call < calls:
        at_call += 1
        bench = back(RUBBISH, open_task("01"), open_task("02"))
        number = bench.database.operate(DROP, place(0))
        weather = Fails(at_call, error, after=late)
        process = bench.start(weather)
        try:
            for _ in range(12):
                process.worker.advance(0.0)
                bench.now_unix_ms += 20
            calls = len(weather.calls)
        except (Unavailable, Crashed):
            bench.lose_connection(process)
            calls = max(calls, at_call + 1)
        ended = bench.database.answer(number)[0] != OperationStatus.OPERATION_STATUS_PENDING
        assert ended == (not bench.parked()), "the outcome stands where the effect does"
        failed += weather.failed
        bench.run()
        status, outcome = bench.database.answer(number)
        assert (status, outcome.dropped, outcome.replayed) == (DONE, True, 2)
        assert bench.kinds(MATTER)[:2] == ["task_opened", "task_opened"]
    assert failed > 10


def test_a_retry_hastens_the_timers_that_wait_to_try_again_and_no_other() -> None:
    hastens = replace(back_aggregate(), again=lambda state, matter_id: Again(("letter",), ("01",)))
    bench = Bench(BACK, partitions=1, aggregate=hastens)
    order(bench, 1, open_task("01"))
    order(bench, 2, open_task("02"))
    process = bench.start()
    for _ in range(8):
        process.worker.advance(0.0)
    due = {name: row[2] for (_, name), row in bench.database.tables.timers.items()}
    number = bench.database.operate(RETRY, matter_id=MATTER)
    bench.now_unix_ms += 200
    now = bench.now_unix_ms
    for _ in range(8):
        process.worker.advance(0.0)
        bench.now_unix_ms += 50
    status, outcome = bench.database.answer(number)
    assert (status, list(outcome.tried_again)) == (DONE, ["letter"])
    assert due["01"] > bench.now_unix_ms, "without the operation it would wait"
    assert bench.kinds(MATTER) == ["task_opened", "task_opened", "task_decided"]
    assert now <= bench.events(MATTER)[2].time.ToMilliseconds() < due["01"]
    assert {name: row[2] for (_, name), row in bench.database.tables.timers.items()} == {"02": due["02"]}


def test_a_retry_of_what_waits_for_nothing_is_refused() -> None:
    bench = back(open_task("01"))
    status, outcome = asked(bench, RETRY, matter=OTHER)
    assert (status, refusal(outcome)[0]) == (REFUSED, Reason.REASON_NOTHING_TO_RETRY)
