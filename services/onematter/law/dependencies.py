"""What an item waits for, as a graph among the items that are handled together.

Rule 1: certificates are tokens: an item that needs one waits for every item at hand that produces it. What
nobody at hand produces is a material, and no dependency.
Rule 2: a graph maps each item to those that must be granted first, in the catalogue's order. It names no item
outside itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from onematter.law.matters import ItemType

Graph: TypeAlias = Mapping[str, tuple[str, ...]]


def producers(items: Sequence[ItemType]) -> Mapping[str, tuple[str, ...]]:
    """Return the items that produce each certificate, in their order."""
    found: dict[str, tuple[str, ...]] = {}
    for item in items:
        for certificate in item.produces_certificates:
            found[certificate] = (*found.get(certificate, ()), item.item_id)
    return found


def dependencies(items: Sequence[ItemType]) -> Graph:
    """Return what each of `items` waits for among them."""
    produced = producers(items)
    graph: dict[str, tuple[str, ...]] = {}
    for item in items:
        needed = set(item.depends_on)
        for certificate in item.needs_certificates:
            needed.update(produced.get(certificate, ()))
        graph[item.item_id] = tuple(one.item_id for one in items if one.item_id in needed)
    return graph


def stages(graph: Graph) -> tuple[tuple[str, ...], ...]:
    """Return the items in the fewest stages in which each comes after what it waits for.

    Items that wait for each other in a cycle stand in no stage.
    """
    left = dict(graph)
    done: set[str] = set()
    found: list[tuple[str, ...]] = []
    while ready := tuple(item_id for item_id, needed in left.items() if done.issuperset(needed)):
        found.append(ready)
        done.update(ready)
        for item_id in ready:
            del left[item_id]
    return tuple(found)


def cycle(graph: Graph) -> tuple[str, ...]:
    """Return the items of one cycle, each waiting for the one after it and the last for the first; empty when
    there is none.
    """
    done = {item_id for stage in stages(graph) for item_id in stage}
    stuck = [item_id for item_id in graph if item_id not in done]
    if not stuck:
        return ()
    path = [stuck[0]]
    while True:
        # What is stuck waits for something that is stuck, else it would stand in a stage.
        following = next(needed for needed in graph[path[-1]] if needed not in done)
        if following in path:
            return tuple(path[path.index(following) :])
        path.append(following)


class LongestPath(NamedTuple):
    """The chain of items that takes longest; `days` is their sum, in the order in which they are handled."""

    days: int
    item_ids: tuple[str, ...]


def longest_path(graph: Graph, days: Mapping[str, int]) -> LongestPath:
    """Return the critical path (关键路径) when each item takes `days`; an item without any takes none."""
    best: dict[str, LongestPath] = {}
    for stage in stages(graph):
        for item_id in stage:
            before = max(
                (best[needed] for needed in graph[item_id]),
                key=lambda path: path.days,
                default=LongestPath(0, ()),
            )
            best[item_id] = LongestPath(before.days + days.get(item_id, 0), (*before.item_ids, item_id))
    return max(best.values(), key=lambda path: path.days, default=LongestPath(0, ()))


def restricted(graph: Graph, kept: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return the part of a graph that `kept` items form."""
    return {
        item_id: tuple(one for one in needed if one in kept) for item_id, needed in graph.items() if item_id in kept
    }
