"""From a matter and the applicant's situation to the items to open: which, where, and after what.

Rule 1: the plan is a function of the type, the division and the facts; the order is the catalogue's.
Rule 2: an item goes straight to the level that exercises the power; nothing is relayed through the levels
between. What crosses regions goes to whoever is competent for all of them (`onematter.law.routing`).
Rule 3: a dependency on an item that does not apply is dropped, one on a repeated item means all of its
instances.
Rule 4: of alternative items the first whose situation holds is planned, and no other.
Rule 5: a certificate that an item needs is a dependency on every planned item that produces it. So
`depends_on` is a plain list, all of which must be granted; where nobody produces the certificate it is a
material (`onematter.law.needs`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from onematter.law.dependencies import dependencies
from onematter.law.divisions import Level, ancestor, approval_level, level_of
from onematter.law.matters import ORIGIN_FACT, ItemType, MatterType, Violation
from onematter.law.routing import competent
from onematter.law.rules import Facts

_MAX_KEPT_PLANS = 4_096


class Unroutable(ValueError):
    """An item's division cannot be found; `violation` names the field that has to be corrected."""

    def __init__(self, violation: Violation) -> None:
        detail = ", ".join(f"{key} {value}" for key, value in violation.parameters.items())
        super().__init__(f"{violation.field}: no division for an item of this matter can be found ({detail})")
        self.violation = violation


@dataclass(frozen=True)
class PlannedItem:
    """An item to open. `instance_id` is the item's id, with `@` and the division for a repeated item.

    `level` is the approving level (PROVINCE, CITY or COUNTY), `division` the approving division, `depends_on`
    the instances that must be granted first.
    """

    instance_id: str
    item: ItemType
    level: Level
    division: str
    department: str
    depends_on: tuple[str, ...]


class _Planner:
    """What can be worked out of a type once, and the plans already made for it."""

    def __init__(self, matter_type: MatterType) -> None:
        items = matter_type.items
        self.items = items
        self.conditional = tuple(
            (index, item.when, item.for_each) for index, item in enumerate(items) if item.when or item.for_each
        )
        self.groups = alternatives(matter_type)
        self.lists = tuple(dict.fromkeys(item.for_each for item in items if item.for_each))
        self.by_origin = any(item.routing in ("origin", "crossed") for item in items)
        self.all: tuple[bool, ...] = (True,) * len(items)
        self.kept: dict[tuple[object, ...], tuple[PlannedItem, ...]] = {}

    def applies(self, facts: Facts) -> tuple[bool, ...]:
        if not self.conditional and not self.groups:
            return self.all
        applies = list(self.all)
        for index, when, for_each in self.conditional:
            applies[index] = (for_each is None or bool(facts.get(for_each))) and (when is None or when.holds(facts))
        for group in self.groups:
            is_taken = False
            for index in group:
                applies[index] = applies[index] and not is_taken
                is_taken = is_taken or applies[index]
        return tuple(applies)


@lru_cache(maxsize=1_024)
def _planner(matter_type: MatterType) -> _Planner:
    return _Planner(matter_type)


def alternatives(matter_type: MatterType) -> tuple[tuple[int, ...], ...]:
    """Return the groups of alternative items, each as positions in `matter_type.items`."""
    groups: dict[str, tuple[int, ...]] = {}
    for index, item in enumerate(matter_type.items):
        if item.alternative_group is not None:
            groups[item.alternative_group] = (*groups.get(item.alternative_group, ()), index)
    return tuple(groups.values())


def applicable(matter_type: MatterType, facts: Facts) -> tuple[bool, ...]:
    """Tell of each item of the type, in order, whether it applies in this situation."""
    return _planner(matter_type).applies(facts)


def promised_for_whole(matter_type: MatterType, facts: Facts) -> int | None:
    """Return the working days promised for the whole matter in this situation; None when nothing is."""
    for total in matter_type.totals:
        if total.when.holds(facts):
            return total.days
    return matter_type.promised_days


def plan(matter_type: MatterType, division: str, facts: Facts) -> tuple[PlannedItem, ...]:
    """Return the items of a matter handed in for `division` with `facts`, in the catalogue's order.

    Empty when no item applies. Expects facts that `check` found right; raises Unroutable when the matter's
    division (or one that a fact names) is malformed or lies above the level of an item.
    """
    planner = _planner(matter_type)
    origin = facts.get(ORIGIN_FACT) if planner.by_origin else None
    lists: list[tuple[str, ...]] = []
    for key in planner.lists:
        values = facts.get(key, [])
        if not isinstance(values, list):
            raise Unroutable(
                Violation(f"application.facts[{key}]", "FACT_MALFORMED", {"rule": "kind", "expected": "list"})
            )
        lists.append(tuple(values))
    key = (division, planner.applies(facts), str(origin), *lists)
    found = planner.kept.get(key)
    if found is None:
        found = _make(planner, division, facts)
        if len(planner.kept) >= _MAX_KEPT_PLANS:
            planner.kept.clear()
        planner.kept[key] = found
    return found


def _make(planner: _Planner, division: str, facts: Facts) -> tuple[PlannedItem, ...]:
    chosen = [item for item, applies in zip(planner.items, planner.applies(facts), strict=True) if applies]
    places: dict[str, dict[str, tuple[Level, str]]] = {
        item.item_id: _places(item, division, facts, planner.lists) for item in chosen
    }
    needed = dependencies(chosen)
    return tuple(
        PlannedItem(
            instance_id=instance_id,
            item=item,
            level=level,
            division=place,
            department=item.department,
            depends_on=tuple(instance for other in needed[item.item_id] for instance in places[other]),
        )
        for item in chosen
        for instance_id, (level, place) in places[item.item_id].items()
    )


def _places(item: ItemType, division: str, facts: Facts, lists: tuple[str, ...]) -> dict[str, tuple[Level, str]]:
    """Return level and division of each instance of an item that applies, by instance id."""
    if item.for_each is not None:
        codes = facts[item.for_each]
        assert isinstance(codes, list)
        field = f"application.facts[{item.for_each}]"
        return {f"{item.item_id}@{code}": _place_by_shape(code, field) for code in codes}
    if item.routing == "crossed":
        return {item.item_id: _place_of_crossing(division, facts, lists)}
    origin = facts.get(ORIGIN_FACT) if item.routing == "origin" else None
    if origin:
        return {item.item_id: _place(str(origin), item.level, f"application.facts[{ORIGIN_FACT}]")}
    return {item.item_id: _place(division, item.level, "division")}


def _place(division: str, level: Level, field: str) -> tuple[Level, str]:
    level = approval_level(level)
    try:
        return level, ancestor(division, level)
    except ValueError:
        raise Unroutable(division_violation(field, level)) from None


def _place_of_crossing(division: str, facts: Facts, lists: tuple[str, ...]) -> tuple[Level, str]:
    origin = facts.get(ORIGIN_FACT)
    listed = (facts.get(key) for key in lists)
    try:
        found = competent(
            str(origin) if origin else division,
            [place for places in listed if isinstance(places, list) for place in places],
        )
    except ValueError:
        raise Unroutable(division_violation(f"application.facts[{ORIGIN_FACT}]", Level.PROVINCE)) from None
    return found.level, found.division


def _place_by_shape(division: str, field: str) -> tuple[Level, str]:
    try:
        level = approval_level(level_of(division))
        return level, ancestor(division, level)
    except ValueError:
        raise Unroutable(division_violation(field, Level.PROVINCE)) from None


def division_violation(field: str, deepest: Level) -> Violation:
    """Return the violation of a field that must name a division of level `deepest` or below it."""
    reason = "FACT_MALFORMED" if field.startswith("application.facts[") else "DIVISION_UNKNOWN"
    return Violation(field, reason, {"rule": "division", "level": deepest.name})
