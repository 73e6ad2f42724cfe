"""Keys: which matter a hand-in is, and which partition a matter lives in.

Rule 1: a sender can compute a matter's id before it sends; a repeated hand-in is the same matter.
Rule 2: every producer puts a key where Kafka's own murmur2 partitioner puts it (librdkafka's default is another).
"""

from __future__ import annotations

import hashlib

_MASK = 0xFFFFFFFF
_MULTIPLIER = 0x5BD1E995
_SEED = 0x9747B28C


def matter_id(principal: str, request_id: str) -> str:
    """32 hexadecimal digits: the first 16 bytes of SHA-256 over both texts, the first with its length before it."""
    who = principal.encode()
    seed = b"onematter.matter.v1" + len(who).to_bytes(4, "big") + who + request_id.encode()
    return hashlib.sha256(seed).hexdigest()[:32]


def murmur2(data: bytes) -> int:
    """Murmur2 as Kafka's Java client computes it (32 bits, seed 0x9747b28c), unsigned."""
    length = len(data)
    h = (_SEED ^ length) & _MASK
    whole = length & ~3
    for i in range(0, whole, 4):
        k = (int.from_bytes(data[i : i + 4], "little") * _MULTIPLIER) & _MASK
        k = ((k ^ (k >> 24)) * _MULTIPLIER) & _MASK
        h = ((h * _MULTIPLIER) & _MASK) ^ k
    if whole < length:
        h ^= int.from_bytes(data[whole:], "little")
        h = (h * _MULTIPLIER) & _MASK
    h = ((h ^ (h >> 13)) * _MULTIPLIER) & _MASK
    return h ^ (h >> 15)


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key, as Kafka's default partitioner chooses it."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
