"""Keys and partitions are what every other client computes."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2 as murmur2_of_kafka_python

from onematter.contracts.keys import matter_id, murmur2, partition_of


@given(st.binary(max_size=200))
@example(b"")
def test_murmur2_is_that_of_kafka_python(data: bytes) -> None:
    assert murmur2(data) == murmur2_of_kafka_python(data) & 0xFFFFFFFF


@pytest.mark.parametrize(
    ("key", "signed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_of_kafkas_own_vectors(key: bytes, signed: int) -> None:
    """The vectors of org.apache.kafka.common.utils.UtilsTest, as Java's signed int."""
    assert murmur2(key) == signed & 0xFFFFFFFF


@given(st.binary(max_size=64), st.integers(1, 1000))
def test_a_partition_is_one_of_the_topics(key: bytes, partitions: int) -> None:
    assert 0 <= partition_of(key, partitions) < partitions


def test_the_partition_of_a_negative_hash_is_that_of_its_low_bits() -> None:
    """Kafka takes the sign bit off, and not the absolute value; the two differ where the number of partitions is odd.

    -973932308 + 2^31 = 1173551340 = 3 * 391183780; -790332482 + 2^31 = 1357151166 = 5 * 271430233 + 1.
    """
    assert partition_of(b"21", 3) == 0
    assert partition_of(b"foobar", 5) == 1


def test_matter_id_of_known_senders() -> None:
    """By hand, the first 32 digits of each:

    printf 'onematter.matter.v1\\000\\000\\000\\005alicer-1' | sha256sum
    printf 'onematter.matter.v1\\000\\000\\000\\006张三r-1' | sha256sum
    """
    assert matter_id("alice", "r-1") == "ecefd135c2791c12807a479b8158efea"
    assert matter_id("张三", "r-1") == "e42f64b3970eca65e9463bd7bbf7c0c7"


@given(st.text(max_size=20), st.text(max_size=20), st.text(min_size=1, max_size=5))
def test_no_other_split_of_the_same_text_is_the_same_matter(principal: str, request_id: str, moved: str) -> None:
    assert matter_id(principal + moved, request_id) != matter_id(principal, moved + request_id)
