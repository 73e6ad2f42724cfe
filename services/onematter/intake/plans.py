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
from onematter.intake.v1.intake_events_pb2 import Item, MatterAccepted
from onematter.law.catalogue import MatterType, PlannedItem, plan
from onematter.law.rules import Facts

_MAX_KEPT = 4_096


class Unserved(LookupError):
    """No deployment serves the level and division of an item."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A plan with its messages. `accepted` has what all matters of this plan have in common; copy it."""

    planned: tuple[PlannedItem, ...]
    accepted: MatterAccepted


class Plans:
    """The plans of a deployment, with their destinations."""

    def __init__(self, table: TopicTable) -> None:
        self._table = table
        # By identity: `plan` returns the same object for the same situation, and hashing a whole plan would
        # cost more than it saves. The entry keeps the plan alive, so its id cannot be given to another.
        self._kept: dict[int, Prepared] = {}

    def prepare(self, matter_type: MatterType, division: str, facts: Facts) -> Prepared:
        """Return the plan of a checked hand-in. Raises law.catalogue.Unroutable, and Unserved."""
        planned = plan(matter_type, division, facts)
        kept = self._kept.get(id(planned))
        if kept is not None:
            return kept
        made = Prepared(planned, self._accepted(matter_type, planned))
        if len(self._kept) >= _MAX_KEPT:
            self._kept.clear()
        if planned:
            self._kept[id(planned)] = made
        return made

    def _accepted(self, matter_type: MatterType, planned: tuple[PlannedItem, ...]) -> MatterAccepted:
        return MatterAccepted(
            matter_code=matter_type.code,
            catalogue_version=matter_type.version,
            name=LocalizedText(texts=matter_type.names),
            items=[self._item(one) for one in planned],
            opened_items=[one.instance_id for one in planned if not one.depends_on],
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
        )
