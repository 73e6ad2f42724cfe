"""Keys: which matter, which partition; what stands elsewhere is forwarded and handled once."""

from __future__ import annotations

import pytest
from tests.simulation.bench import MATTER, OTHER, Bench, put_visit, submission, submit
from tests.simulation.cores import FRONT_COMMANDS, SUBMISSIONS

from onematter.contracts.keys import matter_id, murmur2, partition_of


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        # Kafka's own UtilsTest.
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_kafkas(data: bytes, expected: int) -> None:
    assert murmur2(data) == expected % 2**32
    assert partition_of(data, 7) == (expected & 0x7FFFFFFF) % 7


def test_a_matters_id_keeps_principal_and_request_apart() -> None:
    assert matter_id("a", "bc") != matter_id("ab", "c")
    assert matter_id("a", "bc") == matter_id("a", "bc")
    assert len(matter_id("a", "bc")) == 32


@pytest.mark.parametrize("key", [MATTER, "", OTHER])
def test_a_hand_in_on_the_wrong_partition_is_forwarded_and_handled_once(key: str) -> None:
    bench = Bench()
    home = partition_of(MATTER.encode(), 2)
    bench.put(SUBMISSIONS, key, submission().SerializeToString(), partition=1 - home)
    bench.run()
    assert bench.kinds(MATTER) == ["matter_accepted"]
    assert bench.watching.counts["forwarded"] == 1
    forwarded = bench.broker.topics[SUBMISSIONS][home][-1]
    assert forwarded.key == MATTER.encode()
    assert dict(forwarded.headers)["ce_id"] == b"x"
    assert bench.database.tables.aggregates[MATTER][0] == home


def test_a_hand_in_under_another_key_on_the_right_partition_is_forwarded() -> None:
    bench = Bench(partitions=1)
    bench.put(SUBMISSIONS, OTHER, submission().SerializeToString())
    bench.run()
    assert bench.kinds(MATTER) == ["matter_accepted"]
    assert OTHER not in bench.database.tables.aggregates


def test_a_command_that_was_forwarded_and_sent_again_has_one_outcome() -> None:
    bench = Bench()
    submit(bench)
    bench.run()
    put_visit(bench, "v")
    copy = bench.entries(FRONT_COMMANDS)[0].value or b""
    bench.put(FRONT_COMMANDS, MATTER, copy, partition=1 - partition_of(MATTER.encode(), 2))
    bench.run()
    assert bench.kinds(MATTER) == ["matter_accepted", "visit_recorded"]


def test_a_command_that_names_no_matter_is_a_dead_letter() -> None:
    bench = Bench()
    command = submission()
    command.record_visit.reason = "because"
    bench.put(FRONT_COMMANDS, MATTER, command.SerializeToString())
    bench.run()
    assert bench.letters() == ["undecodable: the command names no matter"]


def test_a_record_on_the_wrong_partition_that_nobody_knows_never_touches_its_matter() -> None:
    bench = Bench()
    home = partition_of(MATTER.encode(), 2)
    bench.put(FRONT_COMMANDS, MATTER, b"\xfa\x07\x00", partition=1 - home)
    bench.run()
    assert {lane for lane, _, _ in bench.database.tables.aggregates.values()} <= {home}
    assert [record.partition for record, _, _ in bench.database.tables.parked.values()] == [home]


def test_a_record_without_a_key_that_nobody_knows_is_a_dead_letter_and_not_parked() -> None:
    bench = Bench()
    bench.put(FRONT_COMMANDS, "", b"\xfa\x07\x00", partition=0)
    bench.put(FRONT_COMMANDS, "", b"\xfa\x07\x00", partition=1)
    bench.run()
    assert len(bench.letters()) == 2
    assert bench.parked() == []
    assert "" not in bench.database.tables.aggregates
