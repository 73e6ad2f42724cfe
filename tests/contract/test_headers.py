"""Headers are CloudEvents 1.0 in Kafka's binary content mode, and say the record's place in its stream."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onematter.contracts.headers import Headers, as_mapping, inside, outside, rfc3339

# CloudEvents 1.0, the attributes that it requires, with the prefix of the Kafka protocol binding §3.2.3.
REQUIRED = {"ce_specversion", "ce_id", "ce_source", "ce_type"}
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def written_by_a_client(traceparent: str = "") -> Headers:
    return outside(
        id="r-1", source="/city/hall", type="t.v1.X", time_unix_ms=1_767_225_600_005, traceparent=traceparent
    )


def written_by_a_deployment(traceparent: str = "") -> Headers:
    return inside(
        deployment="approval-city", topic="onematter.approval.city.events.v1", key="00ff", sequence=300,
        type="t.v1.X", time_unix_ms=1_767_225_600_005, traceparent=traceparent,
    )  # fmt: skip


@pytest.mark.parametrize("headers", [written_by_a_client(), written_by_a_deployment()])
def test_required_attributes_stand_once_and_say_something(headers: Headers) -> None:
    names = [name for name, _ in headers]
    assert len(names) == len(set(names))
    assert set(names) >= REQUIRED
    assert all(isinstance(value, bytes) and value for _, value in headers)
    said = dict(headers)
    assert said["ce_specversion"] == b"1.0"
    assert said["content-type"] == b"application/protobuf"
    assert said["ce_type"] == b"t.v1.X"
    assert said["ce_time"] == b"2026-01-01T00:00:00.005Z"


def test_attribute_names_are_lower_case_letters_and_digits() -> None:
    """CloudEvents 1.0 §Naming Conventions; `content-type` and `traceparent` are plain Kafka headers."""
    names = {name for name, _ in written_by_a_deployment(TRACEPARENT)} - {"content-type", "traceparent"}
    assert all(re.fullmatch(r"ce_[a-z0-9]{1,20}", name) for name in names)


def test_a_deployments_record_is_named_by_its_place_in_the_stream() -> None:
    said = dict(written_by_a_deployment())
    assert said["ce_id"] == b"approval-city/onematter.approval.city.events.v1/00ff/300"
    assert said["ce_source"] == b"/onematter/approval-city"
    assert (said["ce_stream"], said["ce_sequence"]) == (b"approval-city", b"300")


def test_what_comes_from_outside_has_no_place_in_a_stream() -> None:
    said = dict(written_by_a_client())
    assert (said["ce_id"], said["ce_source"]) == (b"r-1", b"/city/hall")
    assert not {"ce_stream", "ce_sequence"} & set(said)


@pytest.mark.parametrize("make", [written_by_a_client, written_by_a_deployment])
def test_a_trace_is_carried_when_there_is_one(make: Callable[[str], Headers]) -> None:
    assert dict(make(TRACEPARENT))["traceparent"] == TRACEPARENT.encode()
    assert "traceparent" not in dict(make(""))


@given(st.integers(0, 4_102_444_800_000))
def test_times_are_rfc3339_to_the_millisecond(unix_ms: int) -> None:
    text = rfc3339(unix_ms)
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z", text)
    assert datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC) == timedelta(milliseconds=unix_ms)


def test_the_last_of_a_name_wins_and_nothing_is_empty() -> None:
    assert as_mapping([("a", b"1"), ("a", b"2"), ("b", None)]) == {"a": b"2", "b": b""}
    assert as_mapping(None) == {}
