"""From a matter's plan to the messages it is accepted with: every item with its destination pinned.

Rule 1: where an item goes is asked of the topics table once, when the matter is accepted; nothing later asks.
Rule 2: a plan and its messages are made once and kept; whoever uses them copies and never changes them.
"""

# pyright: strict

from __future__ import annotations

from dataclasses import dataclass

from onematter.common.v1.actor_pb2 import Level
from onematter.common.v1.names_pb2 import LocalizedText
from onematter.contracts.topics import TopicTable
from onematter.intake.v1.intake_events_pb2 import HeldMaterial, Item, MatterAccepted
from onematter.law.catalogue import MatterType, PlannedItem, plan
from onematter.law.needs import Need, Source, needed
from onematter.law.rules import Facts

# What the government holds or makes itself, and never asks (国务院令716 §7); and what it does ask, if only later.
HELD = frozenset[Source]({"shared", "produced"})
_ASKED = frozenset[Source]({"asked", "later"})

_MAX_KEPT = 4_096


class Unserved(LookupError):
    """No deployment serves the level and division of an item."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A plan and its materials, with their messages. `accepted` has what all such matters have in common; copy it."""

    matter_type: MatterType
    planned: tuple[PlannedItem, ...]
    needs: tuple[Need, ...]
    accepted: MatterAccepted


def holder(matter_type: MatterType, need: Need) -> str:
    """Return the department that holds a material, or those whose items of the matter make it."""
    if need.source == "produced":
        return ", ".join(dict.fromkeys(matter_type.item(item_id).department for item_id in need.produced_by))
    return need.material.share_source or ""


class Plans:
    """The plans of a deployment, with their destinations."""

    def __init__(self, table: TopicTable) -> None:
        self._table = table
        # By identity: `plan` and `needed` return the same objects for the same situation, and hashing them whole would
        # cost more than it saves. The entry keeps both alive, so their ids cannot be given to others.
        self._kept: dict[tuple[int, int], Prepared] = {}

    def prepare(self, matter_type: MatterType, division: str, facts: Facts) -> Prepared:
        """Return the plan of a checked hand-in. Raises law.catalogue.Unroutable, and Unserved."""
        planned = plan(matter_type, division, facts)
        needs = needed(matter_type, facts)
        kept = self._kept.get((id(planned), id(needs)))
        if kept is not None:
            return kept
        made = Prepared(matter_type, planned, needs, self._accepted(matter_type, planned, needs))
        if len(self._kept) >= _MAX_KEPT:
            self._kept.clear()
        if planned:
            self._kept[id(planned), id(needs)] = made
        return made

    def _accepted(
        self, matter_type: MatterType, planned: tuple[PlannedItem, ...], needs: tuple[Need, ...]
    ) -> MatterAccepted:
        return MatterAccepted(
            matter_code=matter_type.code,
            catalogue_version=matter_type.version,
            name=LocalizedText(texts=matter_type.names),
            items=[self._item(one) for one in planned],
            opened_items=[one.instance_id for one in planned if not one.depends_on],
            held_materials=[
                HeldMaterial(material_id=need.material.material_id, source=holder(matter_type, need))
                for need in needs
                if need.source in HELD
            ],
            materials_asked=sum(need.source in _ASKED for need in needs),
        )

    def _item(self, planned: PlannedItem) -> Item:
        level = Level.Name(planned.level)
        try:
            destination = self._table.destination(planned.level, planned.division)
        except LookupError:
            raise Unserved(f"no deployment serves {level} in division {planned.division}") from None
        return Item(
            item_id=planned.instance_id,
            name=LocalizedText(texts=planned.item.names),
            level=level,
            division=planned.division,
            department=planned.department,
            commands_topic=destination.commands_topic,
            owner=destination.deployment,
            events_topic=destination.events_topic,
            depends_on=planned.depends_on,
            joint_visit_group=planned.item.joint_visit_group,
        )
