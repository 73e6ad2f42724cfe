"""The cache of aggregates is bounded by number and by bytes; what was used last stays."""

from __future__ import annotations

from typing import Any

from onematter.backbone.cache import AggregateCache
from onematter.backbone.step import Held
from onematter.backbone.v1.ledger_pb2 import Ledger


def held(size_bytes: int) -> Held[Any]:
    made: Held[Any] = Held(0, None, Ledger())
    made.size_bytes = size_bytes
    return made


def test_what_was_least_recently_used_goes_when_there_are_too_many() -> None:
    cache: AggregateCache[Any] = AggregateCache(max_aggregates=3)
    for name in "abc":
        cache.put(name, held(10))
    cache.settle(["a"])
    cache.put("d", held(10))
    assert len(cache) == 4, "what a step has in hand stays until it is settled"
    cache.settle([])
    assert [name for name in "abcd" if cache.get(name)] == ["a", "c", "d"]


def test_few_that_are_large_go_as_many_that_are_small() -> None:
    cache: AggregateCache[Any] = AggregateCache(max_aggregates=1000, max_bytes=1_000_000)
    for number in range(10):
        cache.put(f"m{number}", held(300_000))
        cache.settle([])
    assert len(cache) == 3
    assert cache.get("m9")


def test_what_has_grown_counts_with_its_new_size() -> None:
    cache: AggregateCache[Any] = AggregateCache(max_bytes=1_000_000)
    grows = held(10)
    cache.put("still", held(10))
    cache.put("grows", grows)
    cache.settle(["still", "grows"])
    grows.size_bytes = 999_000
    cache.settle(["grows"])
    assert (cache.get("still"), cache.get("grows")) == (None, grows)
    grows.size_bytes = 2_000_000
    cache.settle(["grows"])
    assert len(cache) == 0
    assert cache.size_bytes == 0


def test_counting_starts_anew_when_it_is_cleared() -> None:
    cache: AggregateCache[Any] = AggregateCache(max_bytes=10_000)
    cache.put("a", held(9_000))
    cache.clear()
    cache.put("b", held(9_000))
    cache.settle(["b"])
    assert cache.get("b")
