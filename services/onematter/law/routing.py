"""Who is competent for what crosses regions, by the regions that it crosses (大件运输的许可权限).

Rule 1: the lowest level of which one division holds the origin and every place on the way: the county, the city or
the province (公路安全保护条例 §36).
Rule 2: across provinces it is the province of the origin; it accepts, and coordinates the provinces on the way, each
of which permits its own roads.
Rule 3: a place counts as it is named. A city on the way, even the origin's own, does not lie in one county.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from onematter.law.divisions import Level, ancestor, level_of


class Competence(NamedTuple):
    """Who accepts: the approving level (PROVINCE, CITY or COUNTY) and its division. `coordinates` are the other
    provinces on the way, in their order; empty within one province.
    """

    level: Level
    division: str
    coordinates: tuple[str, ...] = ()


def competent(origin: str, crossed: Iterable[str]) -> Competence:
    """Return who is competent for what starts in the division `origin` and crosses those of `crossed`.

    Raises ValueError, with the rule and the way out, for what is no division code or the nation's.
    """
    places = (origin, *crossed)
    for place in places:
        level_of(place)
    for level in (Level.COUNTY, Level.CITY):
        held = {_within(place, level) for place in places}
        division = held.pop()
        if not held and division is not None:
            return Competence(level, division)
    own = ancestor(origin, Level.PROVINCE)
    provinces = dict.fromkeys(ancestor(place, Level.PROVINCE) for place in places)
    return Competence(Level.PROVINCE, own, tuple(one for one in provinces if one != own))


def _within(place: str, level: Level) -> str | None:
    """Return the division of `level` that a place lies in; None when it lies above it."""
    try:
        return ancestor(place, level)
    except ValueError:
        return None
