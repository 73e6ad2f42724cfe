"""Times as unix milliseconds and as protobuf Timestamps."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp


def set_unix_ms(timestamp: Timestamp, unix_ms: int) -> None:
    """Set `timestamp` in place (the well-known type's own helper goes through datetime, and the loop is hot)."""
    seconds, milliseconds = divmod(unix_ms, 1000)
    timestamp.seconds = seconds
    timestamp.nanos = milliseconds * 1_000_000


def timestamp(unix_ms: int) -> Timestamp:
    """A Timestamp of a unix time in milliseconds."""
    seconds, milliseconds = divmod(unix_ms, 1000)
    return Timestamp(seconds=seconds, nanos=milliseconds * 1_000_000)


def unix_ms(timestamp: Timestamp) -> int:
    """The time in milliseconds since 1970, rounded down."""
    return timestamp.seconds * 1000 + timestamp.nanos // 1_000_000
