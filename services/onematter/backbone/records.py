"""A Kafka record as the unit of work sees it, and the finished records that it sends.

Rule 1: what has a writer has a sequence; what comes from outside has neither.
Rule 2: legal time is the broker's (LogAppendTime), never a sender's clock.
"""

from __future__ import annotations

import hashlib
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import zstandard

from onematter.backbone.v1.ledger_pb2 import Headers as OutboxHeaders
from onematter.backbone.v1.ledger_pb2 import Outbox
from onematter.contracts.headers import CONTENT_TYPE, Headers, rfc3339

MAX_KEY_LENGTH = 128
MAX_SEQUENCE = 2**63 - 1
MAX_HEADERS_LENGTH = 2048


class MalformedRecord(ValueError):
    """Key or headers are not what a record of ours, or of a client, carries. The text has no content of the record."""


@dataclass(slots=True)
class Record:
    """A record that was read.

    timestamp_unix_ms: the broker's time. key: the matter_id, "" when absent. writer: the writing deployment, "" for
    what comes from outside. sequence: the number in its stream, from 1; 0 for what comes from outside. digest: SHA-256
    of the value.
    """

    topic: str
    partition: int
    offset: int
    timestamp_unix_ms: int
    key: str
    value: bytes
    type: str
    id: str
    writer: str
    sequence: int
    traceparent: str
    digest: bytes
    headers: Headers


@dataclass(slots=True)
class DeadRecord:
    """A record whose key or headers cannot be read."""

    topic: str
    partition: int
    offset: int
    timestamp_unix_ms: int
    raw_key: bytes
    value: bytes
    headers: Headers
    reason: str


def read(
    topic: str,
    partition: int,
    offset: int,
    timestamp_unix_ms: int,
    key: bytes | None,
    value: bytes | None,
    headers: Headers | None,
) -> Record | DeadRecord:
    """Make a Record of what the broker gave; a DeadRecord where key or headers are malformed."""
    try:
        found = dict(headers or ())
        # A header's value may be absent in Kafka.
        kind = (found.get("ce_type") or b"").decode()
        identity = (found.get("ce_id") or b"").decode()
        writer = (found.get("ce_stream") or b"").decode()
        traceparent = (found.get("traceparent") or b"").decode()
        sequence = int(found.get("ce_sequence") or 0)
        if bool(writer) != (sequence > 0) or not 0 <= sequence <= MAX_SEQUENCE:
            raise MalformedRecord("ce_stream and ce_sequence stand together, and the sequence is from 1 to 2^63 - 1")
        text = key.decode("ascii") if key else ""
        if len(text) > MAX_KEY_LENGTH:
            raise MalformedRecord(f"the key is longer than {MAX_KEY_LENGTH} characters")
        told = f"{text}{kind}{identity}{traceparent}{writer}"
        if len(told) > MAX_HEADERS_LENGTH or "\0" in told:
            raise MalformedRecord("key or headers hold a NUL, or too much")
    except (ValueError, AttributeError, TypeError) as error:
        reason = str(error) if isinstance(error, MalformedRecord) else "a header or the key is malformed"
        whole = present(headers or [])
        return DeadRecord(topic, partition, offset, timestamp_unix_ms, key or b"", value or b"", whole, reason)
    content = value or b""
    return Record(
        topic,
        partition,
        offset,
        timestamp_unix_ms,
        text,
        content,
        kind,
        identity,
        writer,
        sequence,
        traceparent,
        hashlib.sha256(content).digest(),
        headers or [],
    )


def present(headers: Sequence[tuple[str, bytes | None]]) -> Headers:
    """Headers to send on: a value that is absent as an empty one."""
    return [(name, content or b"") for name, content in headers]


@dataclass(slots=True)
class Sending:
    """A finished record to send. `sequence` 0: not of a stream (a dead letter, a forwarded record), headers whole."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    type: str = ""
    sequence: int = 0
    time_unix_ms: int = 0
    traceparent: str = ""
    headers: Sequence[tuple[str, bytes]] = ()


@lru_cache(maxsize=4096)
def _time(unix_ms: int) -> bytes:
    return rfc3339(unix_ms).encode()


@lru_cache(maxsize=1024)
def _fixed(deployment: str, type: str) -> tuple[tuple[str, bytes], ...]:
    return (
        ("ce_specversion", b"1.0"),
        ("ce_source", f"/onematter/{deployment}".encode()),
        ("ce_type", type.encode()),
        ("content-type", CONTENT_TYPE),
        ("ce_stream", deployment.encode()),
    )


def headers_of(sending: Sending, deployment: str) -> Headers:
    """The record's headers, those of its stream made from its place (contracts.headers.inside, fast)."""
    if not sending.sequence:
        return list(sending.headers)
    number = b"%d" % sending.sequence
    headers: Headers = [
        *_fixed(deployment, sending.type),
        ("ce_id", b"/".join((deployment.encode(), sending.topic.encode(), sending.key, number))),
        ("ce_time", _time(sending.time_unix_ms)),
        ("ce_sequence", number),
    ]
    if sending.traceparent:
        headers.append(("traceparent", sending.traceparent.encode()))
    return headers


class _Zstandard(threading.local):
    """A compressor of each thread's own: to make one costs ten times what it then takes for a small blob."""

    def __init__(self) -> None:
        self.compress = zstandard.ZstdCompressor(level=1).compress


_zstandard = _Zstandard()


def encode_outbox(sendings: Sequence[Sending]) -> bytes:
    """One blob of finished records.

    Compressed: the records of a batch repeat each other, and a tenth of the bytes costs the database far less to keep,
    in pages, write-ahead log and what it deletes again, than Zstandard's fastest level (RFC 8878) costs here: 5 us of a
    matter's 9 KB, where deflate's takes 36.
    """
    box = Outbox(
        topics=[s.topic for s in sendings],
        partitions=[s.partition for s in sendings],
        keys=[s.key for s in sendings],
        values=[s.value for s in sendings],
        types=[s.type for s in sendings],
        sequences=[s.sequence for s in sendings],
        times_unix_ms=[s.time_unix_ms for s in sendings],
        traceparents=[s.traceparent for s in sendings],
        headers=[
            OutboxHeaders(names=[name for name, _ in s.headers], values=[value for _, value in s.headers])
            for s in sendings
            if not s.sequence
        ],
    )
    return _zstandard.compress(box.SerializeToString())


def decode_outbox(blob: bytes) -> list[Sending]:
    """The records of a blob, in their order."""
    # What a service before Zstandard left unsent is deflate.
    content = zstandard.decompress(blob) if blob.startswith(zstandard.FRAME_HEADER) else zlib.decompress(blob)
    box = Outbox.FromString(content)
    whole = iter(box.headers)
    sendings: list[Sending] = []
    for row in zip(
        box.topics, box.partitions, box.keys, box.values, box.types, box.sequences,
        box.times_unix_ms, box.traceparents, strict=True,
    ):  # fmt: skip
        sending = Sending(*row)
        if not sending.sequence:
            found = next(whole)
            sending.headers = list(zip(found.names, found.values, strict=True))
        sendings.append(sending)
    return sendings


def encode_headers(headers: Sequence[tuple[str, bytes | None]]) -> bytes:
    """Headers as one column of a row."""
    kept = present(headers)
    return OutboxHeaders(names=[name for name, _ in kept], values=[value for _, value in kept]).SerializeToString()


def decode_headers(column: bytes) -> Headers:
    """The headers of such a column."""
    kept = OutboxHeaders.FromString(column)
    return list(zip(kept.names, kept.values, strict=True))
