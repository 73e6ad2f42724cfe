"""The outbox: what is committed is sent, whoever dies in between."""

from __future__ import annotations

import zlib

import pytest
from tests.simulation.bench import MATTER, OTHER, Away, Bench, put_visit, submit
from tests.simulation.cores import BACK_COMMANDS, FRONT_EVENTS

from onematter.backbone.ports import Unavailable
from onematter.backbone.records import Sending, decode_outbox, encode_outbox
from onematter.backbone.v1.ledger_pb2 import Outbox
from onematter.backbone.worker import Phase


def test_what_was_committed_and_not_sent_is_sent_when_the_lane_is_taken() -> None:
    bench = Bench()
    submit(bench)
    bench.until(bench.start(), Phase.SEND)
    assert bench.entries(FRONT_EVENTS) == []
    bench.run(bench.start())
    assert bench.kinds(MATTER) == ["matter_accepted"]
    assert len(bench.entries(BACK_COMMANDS)) == 1


def test_after_a_produce_error_the_whole_suffix_is_sent_again() -> None:
    bench = Bench(partitions=1)
    weather = Away()
    process = bench.start(weather)
    bench.until(process, Phase.TAKE)
    process.worker.advance(0.0)
    put_visit(bench, "v")
    bench.until(process, Phase.SEND)
    process.worker.advance(0.0)
    submit(bench)
    bench.until(process, Phase.EXECUTE)
    with pytest.raises(Unavailable):
        process.worker.advance(0.0)
    assert process.worker.phase is Phase.TAKE
    assert len(bench.entries(FRONT_EVENTS)) == 1
    weather.away = False
    bench.run(process)
    assert len(bench.entries(FRONT_EVENTS)) == 3
    assert bench.kinds(MATTER) == ["command_refused", "matter_accepted"]


def test_what_follows_is_sent_when_the_own_events_are_acknowledged() -> None:
    """So a service that loses its database, too, knows by its own topic of all that others were asked."""
    bench = Bench(partitions=1)
    weather = Away()
    process = bench.start(weather)
    bench.until(process, Phase.TAKE)
    process.worker.advance(0.0)
    submit(bench)
    bench.until(process, Phase.SEND)
    with pytest.raises(Unavailable):
        process.worker.advance(0.0)
    assert process.worker.phase is Phase.TAKE
    assert bench.entries(BACK_COMMANDS) == []
    weather.away = False
    bench.run(process)
    assert bench.kinds(MATTER) == ["matter_accepted"]
    assert bench.entries(BACK_COMMANDS)


def test_a_batch_that_is_not_acknowledged_is_followed_by_no_commit() -> None:
    bench = Bench(partitions=1)
    weather = Away()
    process = bench.start(weather)
    bench.until(process, Phase.TAKE)
    process.worker.advance(0.0)
    put_visit(bench, "v")
    bench.until(process, Phase.SEND)
    process.worker.advance(0.0)
    before = bench.database.snapshot()
    submit(bench)
    submit(bench, "r2")
    bench.until(process, Phase.EXECUTE)
    with pytest.raises(Unavailable):
        process.worker.advance(0.0)
    assert bench.database.tables.aggregates == before.aggregates
    assert OTHER not in bench.database.tables.aggregates


def test_the_sent_mark_moves_in_the_next_transaction_and_sent_blobs_go() -> None:
    bench = Bench(partitions=1)
    submit(bench)
    process = bench.run()
    row = bench.database.tables.lanes[0]
    assert (row.next_position, row.sent_position) == (1, 0)
    put_visit(bench, "v")
    bench.run(process)
    assert (row.next_position, row.sent_position) == (2, 1)
    assert list(bench.database.tables.outbox) == [(0, 1)]


def test_an_outbox_keeps_every_record_whole() -> None:
    sendings = [
        Sending("t", 1, b"k", b"v", "type", 7, 1_800_000_000_000, "00-a-b-00"),
        Sending("dead", 0, b"", b"\x00\xff", headers=[("a", b"1"), ("a", b"\xff")]),
        Sending("t", 2, b"k2", b"", "type", 8, 5, ""),
        Sending("forwarded", 0, b"k", b"v", headers=[]),
    ]
    assert decode_outbox(encode_outbox(sendings)) == sendings


def test_what_an_earlier_service_left_unsent_is_deflate() -> None:
    sending = Sending("t", 1, b"k", b"value", "Event", 7, 5, "trace")
    box = Outbox(
        topics=["t"], partitions=[1], keys=[b"k"], values=[b"value"], types=["Event"], sequences=[7],
        times_unix_ms=[5], traceparents=["trace"],
    )  # fmt: skip
    assert decode_outbox(zlib.compress(box.SerializeToString(), 1)) == [sending]
