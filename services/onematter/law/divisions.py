"""Levels of government (行政层级) and division codes (行政区划代码, GB/T 2260 and its statistical extension).

Rule 1: a code's level follows from its shape alone; no table of divisions is consulted, since divisions come
and go.
Rule 2: a malformed code is refused, never repaired.
"""

from __future__ import annotations

import re
from enum import IntEnum
from functools import lru_cache


class Level(IntEnum):
    """A level of government. The numbers equal those of the contract `onematter.common.v1.Level`."""

    NATIONAL = 1  # 国家
    PROVINCE = 2  # 省
    CITY = 3  # 市
    COUNTY = 4  # 县、区
    TOWN = 5  # 镇、街道
    VILLAGE = 6  # 村、社区


NATIONAL_DIVISION = "000000"

# Prefecture-level cities without districts or counties (不设区的地级市): 嘉峪关, 东莞, 中山, 儋州. They
# exercise a county's powers themselves, so they are their own county.
CITIES_WITHOUT_COUNTIES = frozenset({"620200", "441900", "442000", "460400"})

# The first two digits of every division (GB/T 2260).
PROVINCES = frozenset(
    {
        "11", "12", "13", "14", "15", "21", "22", "23", "31", "32", "33", "34", "35", "36", "37", "41", "42",
        "43", "44", "45", "46", "50", "51", "52", "53", "54", "61", "62", "63", "64", "65", "71", "81", "82",
    }
)  # fmt: skip

_CODE = re.compile(r"[0-9]{6}(?:[0-9]{3}){0,2}")
_WAY_OUT = "give 6 digits (province, city or county), 9 (town) or 12 (village), as 330106"


@lru_cache(maxsize=16_384)
def level_of(division: str) -> Level:
    """Return the level that the shape of a division code tells.

    330000 is a province, 330100 a city, 330106 a county, 330106001 a town, 330106001001 a village, 000000 the
    nation. Raises ValueError, with the rule and the way out, when the text is no such code.
    """
    if not _CODE.fullmatch(division):
        raise ValueError(f"division code: {len(division)} characters that are no code; {_WAY_OUT}")
    province, city, county = division[:2], division[2:4], division[4:6]
    if division == NATIONAL_DIVISION:
        return Level.NATIONAL
    if province not in PROVINCES:
        raise ValueError(f"division code {division}: no province has a code that begins so; {_WAY_OUT}")
    if city == "00" and county != "00":
        raise ValueError(f"division code {division}: a lower part without the part above it; {_WAY_OUT}")
    if len(division) == 6:
        if county != "00":
            return Level.COUNTY
        return Level.CITY if city != "00" else Level.PROVINCE
    if county == "00" and division[:6] not in CITIES_WITHOUT_COUNTIES:
        raise ValueError(f"division code {division}: a town without a county above it; {_WAY_OUT}")
    if division[6:9] == "000" or division[9:] == "000":
        raise ValueError(f"division code {division}: ends in 000; leave the last three digits out")
    return Level.TOWN if len(division) == 9 else Level.VILLAGE


@lru_cache(maxsize=65_536)
def ancestor(division: str, level: Level) -> str:
    """Return the division of `level` that `division` lies in, itself included: (330106, CITY) gives 330100.

    A city without counties is its own county. Raises ValueError when the code is malformed or lies above
    `level`: a city does not lie in one county.
    """
    own = level_of(division)
    if level == Level.COUNTY and division[:6] in CITIES_WITHOUT_COUNTIES:
        return division[:6]
    if own < level:
        raise ValueError(
            f"division code {division}: a {own.name.lower()} does not lie in one {level.name.lower()}; "
            f"give the code of a {level.name.lower()} or of a division below it"
        )
    match level:
        case Level.NATIONAL:
            return NATIONAL_DIVISION
        case Level.PROVINCE:
            return division[:2] + "0000"
        case Level.CITY:
            return division[:4] + "00"
        case Level.COUNTY:
            return division[:6]
        case Level.TOWN:
            return division[:9]
        case Level.VILLAGE:
            return division


def approval_level(level: Level) -> Level:
    """Return the level whose departments decide an item of `level`: PROVINCE, CITY or COUNTY.

    Items of towns and villages are decided in their county's deployment. Raises ValueError for NATIONAL: no
    deployment here exercises national powers.
    """
    if level == Level.NATIONAL:
        raise ValueError(
            "level NATIONAL has no approving department here; give PROVINCE, CITY, COUNTY, TOWN or VILLAGE"
        )
    return min(level, Level.COUNTY)
