"""Record headers: CloudEvents 1.0, binary content mode of the Kafka protocol binding, and the stream's place.

`ce_stream` names the writing deployment and `ce_sequence` the record's number in the stream (writer, topic, key).
What comes from outside has neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

Headers = list[tuple[str, bytes]]

CONTENT_TYPE = b"application/protobuf"


def outside(*, id: str, source: str, type: str, time_unix_ms: int, traceparent: str = "") -> Headers:
    """Headers of a record that a client writes."""
    headers: Headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", id.encode()),
        ("ce_source", source.encode()),
        ("ce_type", type.encode()),
        ("ce_time", rfc3339(time_unix_ms).encode()),
        ("content-type", CONTENT_TYPE),
    ]
    if traceparent:
        headers.append(("traceparent", traceparent.encode()))
    return headers


def inside(
    *, deployment: str, topic: str, key: str, sequence: int, type: str, time_unix_ms: int, traceparent: str
) -> Headers:
    """Headers of a record that a deployment writes: its id is its place in the stream."""
    number = str(sequence)
    headers: Headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", f"{deployment}/{topic}/{key}/{number}".encode()),
        ("ce_source", f"/onematter/{deployment}".encode()),
        ("ce_type", type.encode()),
        ("ce_time", rfc3339(time_unix_ms).encode()),
        ("content-type", CONTENT_TYPE),
        ("ce_stream", deployment.encode()),
        ("ce_sequence", number.encode()),
    ]
    if traceparent:
        headers.append(("traceparent", traceparent.encode()))
    return headers


def rfc3339(unix_ms: int) -> str:
    """A time as RFC 3339 with milliseconds, UTC."""
    seconds, milliseconds = divmod(unix_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z"


def as_mapping(headers: Iterable[tuple[str, bytes | None]] | None) -> Mapping[str, bytes]:
    """Headers by name; the last of a name wins, absent values are empty."""
    return {name: value or b"" for name, value in headers or ()}
