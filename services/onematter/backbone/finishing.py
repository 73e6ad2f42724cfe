"""Makes finished records of events and commands: bytes, type, place in the stream."""

from __future__ import annotations

from typing import Any, cast

from google.protobuf.message import Message

from onematter.backbone.records import Sending

# Room for key and headers beside the value in the broker's limit for a record.
RECORD_OVERHEAD_BYTES = 4096
TRACE_ID_LENGTH = 32


class Oversized(ValueError):
    """An event or command would be larger than the topic takes."""


class Finisher:
    """For topics that take records of `max_message_bytes`."""

    def __init__(self, max_message_bytes: int) -> None:
        self._max_value_bytes = max_message_bytes - RECORD_OVERHEAD_BYTES
        self._types: dict[tuple[type[Message], str], str] = {}

    def sending(
        self,
        lane: int,
        topic: str,
        matter_id: str,
        message: Message,
        oneof: str,
        sequence: int,
        now_unix_ms: int,
        traceparent: str,
    ) -> Sending:
        """The record, ready to send. Raises Oversized for what could not be produced: it must not be committed."""
        # Deterministic, so that what is derived again after a restore has the digest of what was sent before.
        value = message.SerializeToString(deterministic=True)
        if len(value) > self._max_value_bytes:
            raise Oversized(f"a record of {len(value)} bytes for {topic}; it takes {self._max_value_bytes}")
        kind = self.type_of(message, oneof)
        return Sending(topic, lane, matter_id.encode(), value, kind, sequence, now_unix_ms, traceparent)

    def type_of(self, message: Message, oneof: str) -> str:
        """The ce_type of an event or command: the full name of its oneof's member."""
        member = message.WhichOneof(oneof) or ""
        known = self._types.get((type(message), member))
        if known is None:
            kind = cast(Any, message.DESCRIPTOR.fields_by_name[member].message_type)
            assert kind is not None, "every member of an envelope's oneof is a message"
            known = self._types[type(message), member] = kind.full_name
        return known


def trace_of(matter_id: str) -> str:
    """A trace (W3C Trace Context) of its own for a matter that came without one: its id is the trace's."""
    if len(matter_id) == TRACE_ID_LENGTH:
        return f"00-{matter_id}-{matter_id[:16]}-00"
    return ""
