"""What a replay writes, and in which order."""

from __future__ import annotations

import random

import pytest
from tests.faults import wire
from tests.faults.wire import Raw, chosen_lanes, in_turn

TOPICS = ("a", "b", "c")


def queue(topic: str, lane: int, count: int) -> list[Raw]:
    return [Raw(topic, lane, offset, b"k", b"v", []) for offset in range(count)]


@pytest.mark.parametrize("seed", range(5))
def test_partitions_are_mixed_and_each_keeps_its_order(seed: int) -> None:
    queues = [queue(topic, lane, 120) for topic in TOPICS for lane in range(2)]
    written = list(in_turn(queues, random.Random(seed)))
    assert sorted(written) == sorted(raw for one in queues for raw in one)
    for one in queues:
        assert [raw for raw in written if raw[:2] == one[0][:2]] == one
    assert written != [raw for one in queues for raw in one]


def test_all_lanes_are_replayed_as_long_as_they_are_few() -> None:
    there = {(lane, topic): queue(topic, lane, 10) for topic in TOPICS for lane in range(4)}
    assert chosen_lanes(there, random.Random(1)) == {0, 1, 2, 3}


def test_of_many_records_some_lanes_are_replayed_with_all_their_topics(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {(lane, topic): queue(topic, lane, 10) for topic in TOPICS for lane in range(4)}
    monkeypatch.setattr(wire, "REPLAYED_RECORDS", 65)
    assert len(chosen_lanes(there, random.Random(1))) == 2
    monkeypatch.setattr(wire, "REPLAYED_RECORDS", 5)
    assert len(chosen_lanes(there, random.Random(1))) == 1


def test_a_record_of_a_stream_is_known_by_its_header() -> None:
    raw = Raw("a", 0, 0, b"k", b"v", [("ce_id", b"1")])
    assert not raw.in_stream
    assert raw._replace(headers=[("ce_stream", b"intake")]).in_stream
