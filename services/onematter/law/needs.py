"""What becomes of each material in a situation: asked, shared, or made on the way.

Rule 1: what the government holds is not asked (国务院令716 §7), and neither is a certificate that an item of
the same matter produces.
Rule 2: a material is needed only when an item that names it applies, and its own situation holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from onematter.law.dependencies import producers
from onematter.law.matters import MaterialSpec, MatterType
from onematter.law.planning import applicable
from onematter.law.rules import Facts

# asked: without it the hand-in is incomplete. later: secondary, may follow (容缺). voluntary: may be given.
# shared: a department has it (数据共享). produced: an item of this matter makes it on the way.
Source = Literal["asked", "later", "voluntary", "shared", "produced"]

_MAX_KEPT = 1_024
_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Need:
    """A material in one situation: which of the items that apply use it, and where it comes from.

    `produced_by` are the items that make it when `source` is "produced".
    """

    material: MaterialSpec
    item_ids: tuple[str, ...]
    source: Source
    produced_by: tuple[str, ...] = ()


class _Needs:
    """What can be worked out of a type once, and what already was."""

    def __init__(self, matter_type: MatterType) -> None:
        self.items = matter_type.items
        self.conditional = tuple(
            (material.material_id, material.when) for material in matter_type.materials if material.when is not None
        )
        self.kept: dict[tuple[tuple[bool, ...], frozenset[str]], tuple[tuple[Need, ...], tuple[MaterialSpec, ...]]] = {}

    def of(self, applies: tuple[bool, ...], facts: Facts) -> tuple[tuple[Need, ...], tuple[MaterialSpec, ...]]:
        """Return the needs of a situation, and of their materials those that are asked."""
        left_out = _NONE
        if self.conditional:
            left_out = frozenset(material_id for material_id, when in self.conditional if not when.holds(facts))
        found = self.kept.get((applies, left_out))
        if found is None:
            needs = self.make(applies, left_out)
            found = needs, tuple(need.material for need in needs if need.source == "asked")
            # At most 2 ** conditions; bounded all the same.
            if len(self.kept) >= _MAX_KEPT:
                self.kept.clear()
            self.kept[applies, left_out] = found
        return found

    def make(self, applies: tuple[bool, ...], left_out: frozenset[str]) -> tuple[Need, ...]:
        items = [item for item, wanted in zip(self.items, applies, strict=True) if wanted]
        produced = producers(items)
        # In the order in which the items name them, as they are told.
        materials = {one.material_id: one for item in items for one in item.materials}
        users = {
            material_id: tuple(item.item_id for item in items if material in item.materials)
            for material_id, material in materials.items()
        }
        makers = {
            material_id: produced.get(material.certificate, ()) if material.certificate is not None else ()
            for material_id, material in materials.items()
        }
        return tuple(
            Need(material, users[material_id], _source(material, makers[material_id]), makers[material_id])
            for material_id, material in materials.items()
            if material_id not in left_out
        )


def _source(material: MaterialSpec, produced_by: tuple[str, ...]) -> Source:
    if produced_by:
        return "produced"
    if material.share_source is not None:
        return "shared"
    if not material.required:
        return "voluntary"
    return "later" if material.tolerant else "asked"


@lru_cache(maxsize=1_024)
def _needs(matter_type: MatterType) -> _Needs:
    return _Needs(matter_type)


def needed(matter_type: MatterType, facts: Facts) -> tuple[Need, ...]:
    """Return the materials that the items of a situation use, in the order in which the items name them."""
    return _needs(matter_type).of(applicable(matter_type, facts), facts)[0]


def asked(matter_type: MatterType, applies: tuple[bool, ...], facts: Facts) -> tuple[MaterialSpec, ...]:
    """Return the materials without which a hand-in is incomplete, when the items that `applies` says apply."""
    return _needs(matter_type).of(applies, facts)[1]
