"""The Merkle tree hash of RFC 6962 §2.1 with SHA-256: how an archive seals records, and how anybody checks a seal.

Rule 1: a leaf is hashed behind 0x00 and a node behind 0x01, so that no node can be passed off as a leaf.
Rule 2: the tree of n > 1 leaves splits at the largest power of two below n; of no leaves it is SHA-256 of nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

DIGEST_BYTES = 32


def leaf_digest(value: bytes) -> bytes:
    """Return the digest of a leaf: SHA-256 of 0x00 and `value`."""
    return sha256(b"\x00" + value).digest()


def root(leaf_digests: Sequence[bytes]) -> bytes:
    """Return the root over leaves in their order, each given by its `leaf_digest`.

    Raises ValueError when a digest is not 32 bytes long.
    """
    level = list(leaf_digests)
    if not level:
        return sha256(b"").digest()
    for index, digest in enumerate(level):
        if len(digest) != DIGEST_BYTES:
            raise ValueError(f"leaf_digests[{index}] has {len(digest)} bytes; give SHA-256 digests of {DIGEST_BYTES}")
    while len(level) > 1:
        # Going up in pairs, the last without a partner unchanged, gives the splits of rule 2 without recursion.
        above = [sha256(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
        if len(level) % 2:
            above.append(level[-1])
        level = above
    return level[0]
