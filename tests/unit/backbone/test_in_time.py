"""A batch is in the order of the broker's time, and a partition in its own."""

from __future__ import annotations

from onematter.backbone.kafka import in_time
from onematter.backbone.records import DeadRecord


def record(topic: str, offset: int, unix_ms: int, partition: int = 0) -> DeadRecord:
    return DeadRecord(topic, partition, offset, unix_ms, b"", b"", [], "")


def places(*records: DeadRecord) -> list[tuple[str, int]]:
    return [(one.topic, one.offset) for one in in_time(list(records))]


def test_what_came_first_is_dealt_with_first_whatever_its_topic() -> None:
    found = places(
        record("commands", 0, 20), record("commands", 1, 40), record("hand-ins", 0, 10), record("events", 0, 30)
    )
    assert found == [("hand-ins", 0), ("commands", 0), ("events", 0), ("commands", 1)]


def test_a_partition_stays_as_it_stands_though_its_clock_went_back() -> None:
    found = places(record("commands", 0, 50), record("commands", 1, 20), record("hand-ins", 0, 30))
    assert found == [("hand-ins", 0), ("commands", 0), ("commands", 1)]


def test_at_the_same_time_what_was_read_first_comes_first() -> None:
    assert places(record("b", 0, 10), record("a", 0, 10), record("b", 1, 10)) == [("b", 0), ("a", 0), ("b", 1)]
