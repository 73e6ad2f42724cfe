"""What the judgement of times sees, on records made by hand."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from tests.faults.auditor.evidence import Entry
from tests.faults.auditor.topology import MATTER_EVENTS, NOTICE_EVENTS, SUBMISSIONS
from tests.faults.skew import LATE_MS, SKEW_MS, untimely

from onematter.intake.v1.intake_events_pb2 import MatterEvent
from onematter.notification.v1.notification_events_pb2 import NoticeEvent

KEY = "0" * 32
HANDED_IN_MS = 1_800_000_000_000
TOLD_MS = HANDED_IN_MS + 40


def entry(topic: str, offset: int, timestamp_unix_ms: int, value: bytes, writer: str = "", sequence: int = 0) -> Entry:
    headers = {"ce_stream": writer.encode(), "ce_sequence": b"%d" % sequence} if writer else {}
    return Entry(topic, 0, offset, timestamp_unix_ms, KEY, value, headers)


def told(event: Any, time_ms: int) -> bytes:
    event.time.FromMilliseconds(time_ms)
    return event.SerializeToString()


def accepted(time_ms: int) -> dict[str, list[Entry]]:
    """A hand-in, and the event that it caused."""
    event = MatterEvent(matter_id=KEY)
    event.cause.id = "a"
    event.cause.digest = hashlib.sha256(b"hand-in").digest()
    event.cause.position.topic = SUBMISSIONS
    return {
        SUBMISSIONS: [entry(SUBMISSIONS, 0, HANDED_IN_MS, b"hand-in")],
        MATTER_EVENTS: [entry(MATTER_EVENTS, 0, TOLD_MS, told(event, time_ms), "intake", 1)],
    }


def noticed(time_ms: int) -> dict[str, list[Entry]]:
    """A notice that the matter's event caused."""
    records = accepted(HANDED_IN_MS)
    event = NoticeEvent(matter_id=KEY)
    event.cause.id = "b"
    position = event.cause.position
    position.writer, position.topic, position.sequence = "intake", MATTER_EVENTS, 1
    records[NOTICE_EVENTS] = [entry(NOTICE_EVENTS, 0, TOLD_MS + 30, told(event, time_ms), "notification", 1)]
    return records


def by_timer(due_ms: int, told_ms: int) -> dict[str, list[Entry]]:
    event = NoticeEvent(matter_id=KEY)
    event.cause.id = "timer/notice:a/2"
    return {NOTICE_EVENTS: [entry(NOTICE_EVENTS, 0, told_ms, told(event, due_ms), "notification", 1)]}


def test_times_of_the_broker_are_well() -> None:
    assert list(untimely(accepted(HANDED_IN_MS))) == []
    assert list(untimely(noticed(TOLD_MS))) == []
    assert list(untimely(by_timer(HANDED_IN_MS, HANDED_IN_MS + 300))) == []


@pytest.mark.parametrize("off_ms", [SKEW_MS, -SKEW_MS, 1])
def test_the_time_of_a_service_is_found(off_ms: int) -> None:
    for records in (accepted(HANDED_IN_MS + off_ms), noticed(TOLD_MS + off_ms)):
        (found,) = untimely(records)
        assert found.kind == "wrong"
        assert f"{off_ms} ms from the broker's" in found.what


def test_a_record_that_came_twice_may_have_been_heard_at_either_place() -> None:
    records = accepted(HANDED_IN_MS + 5)
    records[SUBMISSIONS].append(entry(SUBMISSIONS, 1, HANDED_IN_MS + 5, b"hand-in"))
    assert list(untimely(records)) == []


@pytest.mark.parametrize("told_ms", [HANDED_IN_MS - 1, HANDED_IN_MS - SKEW_MS, HANDED_IN_MS + LATE_MS + 1])
def test_a_timer_that_was_early_or_late_is_found(told_ms: int) -> None:
    (found,) = untimely(by_timer(HANDED_IN_MS, told_ms))
    assert found.kind == "wrong"
    assert "due" in found.what


def test_a_copy_that_comes_much_later_says_nothing_of_the_timer() -> None:
    records = by_timer(HANDED_IN_MS, HANDED_IN_MS + 300)
    first = records[NOTICE_EVENTS][0]
    records[NOTICE_EVENTS].append(first._replace(offset=1, timestamp_unix_ms=HANDED_IN_MS + 10 * LATE_MS))
    assert list(untimely(records)) == []


def test_what_was_there_before_is_not_judged() -> None:
    assert list(untimely(by_timer(HANDED_IN_MS, HANDED_IN_MS - 1), {NOTICE_EVENTS: 1})) == []
