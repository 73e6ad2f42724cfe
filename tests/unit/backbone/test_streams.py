"""Gapless streams: the next is taken in, a duplicate dropped, a changed one an alarm, a later one parked."""

from __future__ import annotations

import pytest
from tests.simulation.bench import MATTER, OTHER, Bench, open_task, order, recall_task
from tests.simulation.cores import BACK, BACK_COMMANDS, BACK_EVENTS, FRONT

from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.backbone import ledger as books
from onematter.backbone.ledger import Verdict
from onematter.backbone.records import Record, read
from onematter.backbone.v1.ledger_pb2 import ReceivedStream
from onematter.contracts import headers

FIRST, SECOND, THIRD, FOURTH = open_task("01"), open_task("02"), recall_task("01"), recall_task("02")


def test_a_duplicate_is_dropped() -> None:
    bench = Bench(BACK)
    for _ in range(3):
        order(bench, 1, FIRST)
    bench.run()
    order(bench, 1, FIRST)
    bench.run()
    assert bench.kinds(MATTER) == ["task_opened"]
    assert bench.watching.counts["duplicates"] == 3
    assert bench.letters() == []


def test_a_changed_duplicate_is_an_alarm_and_a_dead_letter_and_the_stream_goes_on() -> None:
    bench = Bench(BACK)
    order(bench, 1, FIRST)
    order(bench, 1, SECOND)
    order(bench, 2, THIRD)
    bench.run()
    assert bench.kinds(MATTER) == ["task_opened", "task_recalled"]
    assert bench.watching.counts["alarms"] == 1
    assert bench.letters() == ["alarm: sequence 1 came again with another content"]


def test_a_gap_parks_and_resumes_in_order_when_it_is_filled() -> None:
    bench = Bench(BACK)
    order(bench, 1, FIRST)
    order(bench, 3, THIRD)
    order(bench, 4, FOURTH)
    order(bench, 1, open_task("09", matter_id=OTHER), OTHER)
    process = bench.run()
    assert bench.kinds(MATTER) == ["task_opened"]
    assert bench.kinds(OTHER) == ["task_opened"]
    assert bench.parked() == [("gap: sequence 2 is missing", 1), ("behind a parked record", 2)]
    assert bench.letters() == ["gap: sequence 2 is missing"]
    order(bench, 2, SECOND)
    bench.run(process)
    assert [(e.item_id, e.WhichOneof("event")) for e in bench.events(MATTER)] == [
        ("01", "task_opened"), ("02", "task_opened"), ("01", "task_recalled"), ("02", "task_recalled"),
    ]  # fmt: skip
    assert bench.parked() == []
    assert bench.received(MATTER, BACK_COMMANDS).parked == 0


def test_a_gap_that_is_partly_filled_goes_on_waiting() -> None:
    bench = Bench(BACK)
    order(bench, 3, THIRD)
    bench.run()
    order(bench, 1, FIRST)
    bench.run()
    assert bench.kinds(MATTER) == ["task_opened"]
    order(bench, 2, SECOND)
    bench.run()
    assert len(bench.events(MATTER)) == 3


def test_duplicates_of_what_waits_behind_a_gap_have_no_effect() -> None:
    bench = Bench(BACK)
    for sequence, value in ((2, SECOND), (2, SECOND), (1, FIRST), (2, SECOND)):
        order(bench, sequence, value)
    bench.run()
    assert len(bench.events(MATTER)) == 2
    assert bench.received(MATTER, BACK_COMMANDS).parked == 0
    assert bench.parked() == []


@pytest.mark.parametrize("stranger", ["another", BACK, "clients"])
def test_a_stream_of_who_may_not_write_there_is_parked_and_the_writers_own_goes_on(stranger: str) -> None:
    bench = Bench(BACK)
    order(bench, 1, FIRST)
    bench.put(BACK_COMMANDS, MATTER, SECOND, of=(stranger, 1))
    order(bench, 2, THIRD)
    bench.run()
    assert bench.kinds(MATTER) == ["task_opened", "task_recalled"]
    ((reason, _sequence),) = bench.parked()
    assert reason.endswith("may not write to this topic")
    assert bench.letters() == [reason]


@pytest.mark.parametrize("stranger", [BACK, "another"])
def test_what_the_owner_of_an_events_topic_did_not_write_is_parked(stranger: str) -> None:
    bench = Bench(FRONT)
    bench.put(BACK_EVENTS, MATTER, ApprovalEvent(matter_id=MATTER, item_id="01").SerializeToString(), of=(stranger, 1))
    bench.run()
    forbidden = [reason for reason, _sequence in bench.parked() if "may not write" in reason]
    assert len(forbidden) == (0 if stranger == BACK else 1)


def record(sequence: int, value: bytes = b"v") -> Record:
    stamped = headers.inside(
        deployment=FRONT, topic="t", key="k", sequence=sequence, type="x", time_unix_ms=0, traceparent=""
    )
    made = read("t", 0, 0, 0, b"k", value, stamped)
    assert isinstance(made, Record)
    return made


def test_verdicts() -> None:
    stream = ReceivedStream(writer=FRONT, topic="t")
    books.take_in(stream, record(1))
    books.take_in(stream, record(2))
    stream.settled.append(3)
    assert books.judge(stream, record(1)) is Verdict.DUPLICATE
    assert books.judge(stream, record(2, b"w")) is Verdict.ALARM
    assert books.judge(stream, record(3)) is Verdict.SETTLED
    assert books.judge(stream, record(4)) is Verdict.GAP
    stream.parked = 1
    assert books.judge(stream, record(4)) is Verdict.BEHIND_PARKED
    books.take_in(stream, record(3))
    assert list(stream.settled) == []
    assert books.judge(stream, record(4)) is Verdict.NEXT


def test_what_a_dropped_gap_skipped_is_no_alarm_when_it_comes_late() -> None:
    stream = ReceivedStream(writer=FRONT, topic="t")
    books.take_in(stream, record(3))
    assert books.judge(stream, record(2, b"whatever")) is Verdict.DUPLICATE
    assert books.judge(stream, record(3, b"w")) is Verdict.ALARM
