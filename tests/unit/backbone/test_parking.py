"""Parking: what cannot be decoded or breaks parks its stream, and nothing else."""

from __future__ import annotations

import pytest
from tests.simulation.bench import MATTER, OTHER, Bench, open_task, order, put_visit, recall_task, submit
from tests.simulation.cores import BACK, BACK_COMMANDS, FRONT_COMMANDS, SUBMISSIONS
from tests.simulation.memory import Produced

RUBBISH = b"\xff\xff"
UNKNOWN = b"\xfa\x07\x00"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (RUBBISH, "undecodable: not what the topic carries"),
        (UNKNOWN, "unknown type: nothing that this version knows"),
        (open_task("01", "BUG"), "failed: RuntimeError"),
    ],
)
def test_a_culprit_in_a_stream_parks_it_and_the_rest_of_the_batch_is_done(value: bytes, reason: str) -> None:
    bench = Bench(BACK, partitions=1)
    order(bench, 1, open_task("09", matter_id=OTHER), OTHER)
    order(bench, 1, value)
    order(bench, 2, open_task("02"))
    order(bench, 2, recall_task("09", OTHER), OTHER)
    bench.run()
    assert bench.kinds(OTHER) == ["task_opened", "task_recalled"]
    assert bench.kinds(MATTER) == []
    assert bench.parked() == [(reason, 1), ("behind a parked record", 2)]
    assert bench.letters() == [reason]
    assert bench.received(MATTER, BACK_COMMANDS).parked == 2


def test_a_dead_letter_carries_the_record_and_its_origin() -> None:
    bench = Bench(BACK, partitions=1)
    order(bench, 1, RUBBISH)
    bench.run()
    (letter,) = bench.entries("back.dead-letters")
    origin = dict(letter.headers)
    assert (letter.key, letter.value) == (MATTER.encode(), RUBBISH)
    assert origin["dead_letter_topic"] == BACK_COMMANDS.encode()
    assert (origin["dead_letter_partition"], origin["dead_letter_offset"]) == (b"0", b"0")
    assert origin["ce_sequence"] == b"1"


def test_a_replay_after_the_repair_goes_on_in_order() -> None:
    bench = Bench(BACK)
    order(bench, 1, open_task("01", "BUG"))
    order(bench, 2, open_task("02"))
    order(bench, 3, recall_task("01"))
    bench.run()
    bench.database.ask("replay")
    bench.run()
    assert bench.kinds(MATTER) == [], "a replay before the repair fails again"
    assert len(bench.parked()) == 3
    bench.bugs.fixed = True
    bench.database.ask("replay")
    bench.run()
    assert bench.kinds(MATTER) == ["task_opened", "task_opened", "task_recalled"]
    assert bench.parked() == []
    assert bench.received(MATTER, BACK_COMMANDS).parked == 0
    order(bench, 4, recall_task("02"))
    bench.run()
    assert len(bench.events(MATTER)) == 4


def test_a_replay_that_fails_in_the_middle_keeps_only_what_waits() -> None:
    bench = Bench(BACK)
    order(bench, 1, RUBBISH)
    order(bench, 2, open_task("01"))
    order(bench, 3, open_task("02", "BUG"))
    order(bench, 4, recall_task("01"))
    bench.run()
    bench.database.ask("replay")
    bench.database.ask("drop", lambda record: record.sequence == 1)
    bench.run()
    assert bench.kinds(MATTER) == ["task_opened"]
    assert [offset for _, offset in bench.parked()] == [2, 3]
    assert bench.received(MATTER, BACK_COMMANDS).parked == 2
    bench.bugs.fixed = True
    bench.database.ask("replay")
    bench.run()
    assert bench.kinds(MATTER) == ["task_opened", "task_opened", "task_recalled"]


def test_a_drop_gives_up_the_first_and_the_others_go_on() -> None:
    bench = Bench(BACK)
    order(bench, 1, RUBBISH)
    order(bench, 2, open_task("02"))
    bench.run()
    bench.database.ask("replay")
    bench.database.ask("drop", lambda record: record.sequence == 1)
    bench.run()
    assert bench.kinds(MATTER) == ["task_opened"]
    assert bench.parked() == []
    order(bench, 1, RUBBISH)
    bench.run()
    assert bench.parked() == [], "a duplicate of what was dropped is dropped"


def test_a_duplicate_of_the_parked_record_goes_with_it() -> None:
    bench = Bench(BACK)
    order(bench, 1, RUBBISH)
    order(bench, 1, RUBBISH)
    bench.run()
    assert len(bench.parked()) == 2
    bench.database.ask("replay")
    bench.database.ask("drop", lambda record: record.offset == 0)
    bench.run()
    assert bench.parked() == []
    assert bench.received(MATTER, BACK_COMMANDS).parked == 0


def test_what_comes_from_outside_parks_and_waits_in_order_too() -> None:
    bench = Bench()
    submit(bench)
    bench.run()
    put_visit(bench, "v1", reason="BUG")
    put_visit(bench, "v2")
    put_visit(bench, "v2")
    bench.run()
    assert bench.kinds(MATTER) == ["matter_accepted"]
    bench.bugs.fixed = True
    bench.database.ask("replay")
    bench.run()
    assert [e.cause.request_id for e in bench.events(MATTER)] == ["r1", "v1", "v2"]
    assert bench.parked() == []
    assert bench.received(MATTER, FRONT_COMMANDS).parked == 0


def test_what_cannot_be_decoded_from_outside_is_a_dead_letter_and_parks_nothing() -> None:
    bench = Bench()
    bench.put(SUBMISSIONS, MATTER, RUBBISH)
    submit(bench)
    bench.run()
    assert bench.kinds(MATTER) == ["matter_accepted"]
    assert bench.letters() == ["undecodable: not what the topic carries"]
    assert bench.parked() == []


def test_a_row_that_the_database_refuses_parks_its_record_only() -> None:
    bench = Bench(partitions=1)
    submit(bench)
    submit(bench, "r2")
    refusals = iter([True, True, False])
    bench.database.refuses = lambda matter_id: matter_id == MATTER and next(refusals, False)
    bench.run()
    assert bench.kinds(OTHER) == ["matter_accepted"]
    assert bench.kinds(MATTER) == []
    assert bench.parked() == [("failed: BadData", 0)]


@pytest.mark.parametrize(
    ("key", "more"),
    [
        (b"\x00", ()),
        (b"k" * 129, ()),
        ("市".encode(), ()),
        (b"k", (("ce_id", b"a\x00b"),)),
        (b"k", (("ce_type", b"\xff"),)),
        (b"k", (("ce_stream", b"front"),)),
        (b"k", (("ce_sequence", b"1"),)),
        (b"k", (("ce_stream", b"front"), ("ce_sequence", b"one"))),
        (b"k", (("ce_stream", b"front"), ("ce_sequence", b"-1"))),
        (b"k", (("ce_stream", b"front"), ("ce_sequence", b"9" * 30))),
        (b"k", (("ce_stream", b"fr\x00nt"), ("ce_sequence", b"7"))),
    ],
)
def test_a_malformed_key_or_header_is_a_dead_letter(key: bytes, more: tuple[tuple[str, bytes], ...]) -> None:
    bench = Bench(BACK, partitions=1)
    bench.broker.append(Produced(BACK_COMMANDS, 0, key, UNKNOWN, more))
    order(bench, 1, open_task("01"))
    bench.run()
    assert len(bench.letters()) == 1
    assert bench.parked() == []
    assert bench.kinds(MATTER) == ["task_opened"]


def test_a_header_without_a_value_hinders_nothing() -> None:
    bench = Bench(BACK, partitions=1)
    nothing: bytes = None  # type: ignore[assignment]
    bench.broker.append(Produced(BACK_COMMANDS, 0, b"\xff", b"", (("note", nothing), ("ce_id", nothing))))
    bench.run()
    (letter,) = bench.entries("back.dead-letters")
    assert dict(letter.headers)["note"] == b""
