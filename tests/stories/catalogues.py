"""Matters made for a test as the law's own records, so that the reading of files is not in the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any

from onematter.law.catalogue import Catalogue
from onematter.law.divisions import Level
from onematter.law.matters import FactSpec, ItemType, MaterialSpec, MatterType, TrustClass
from onematter.law.rules import Rule

DEPARTMENTS = {
    "planning": "自然资源和规划",
    "housing": "住建",
    "water": "水利",
    "fire": "消防救援",
    "environment": "生态环境",
    "market": "市场监管",
    "police": "公安",
    "government_services": "政务服务",
}
CERTIFICATES = {"land_permit": "用地规划许可证"}


@cache
def rule(text: str) -> Rule:
    """A rule, compiled once."""
    return Rule(text)


def names(text: str) -> Mapping[str, str]:
    """A name in both languages."""
    return {"zh-CN": text, "en": text}


def material(
    material_id: str, name: str = "", *, trust_class: TrustClass = "D", tolerant: bool = False, **more: Any
) -> MaterialSpec:
    """A material that every situation needs."""
    return MaterialSpec(
        material_id=material_id,
        names=names(name or material_id),
        required=True,
        trust_class=trust_class,
        share_source=more.pop("share_source", None),
        media_types=("application/pdf",),
        max_bytes=10_000,
        tolerant=tolerant,
        **more,
    )


def item(
    item_id: str, level: Level = Level.COUNTY, department: str = "planning", name: str = "事项", **more: Any
) -> ItemType:
    """An item with 20 days by law and 10 promised; `more` are fields of ItemType."""
    fields: dict[str, Any] = {
        "item_id": item_id,
        "names": names(name),
        "department": department,
        "level": level,
        "routing": "own",
        "case_type": "promise",
        "depends_on": (),
        "produces_certificates": (),
        "legal_days": 20,
        "promised_days": 10,
        "clock_kind": "working",
        "materials": (),
        "rule": None,
        "when": None,
        "for_each": None,
        "joint_visit_group": None,
        "evidence": "illustrative",
    }
    return ItemType(**(fields | more))


def flag(key: str) -> FactSpec:
    """A question to be answered with yes or no."""
    return FactSpec(key, "flag", True, names(key))


def matter_type(
    items: Sequence[ItemType], facts: Sequence[FactSpec] = (), *, code: str = "OM-80", name: str = "示例", **more: Any
) -> MatterType:
    """A matter of these items, whose materials are those of its items; `more` are fields of MatterType."""
    materials = {one.material_id: one for item in items for one in item.materials}
    return MatterType(
        code=code,
        version=1,
        names=names(name),
        lead_department=items[0].department,
        lead_level=Level.COUNTY,
        valid_from=date(2026, 1, 1),
        facts=tuple(facts),
        materials=tuple(materials.values()),
        items=tuple(items),
        illustrative=True,
        evidence="illustrative",
        **more,
    )


def catalogue(*types: MatterType) -> Catalogue:
    """A catalogue of these matters."""
    return Catalogue(types, _named(DEPARTMENTS), _named(CERTIFICATES))


def _named(table: Mapping[str, str]) -> dict[str, Mapping[str, str]]:
    return {code: names(name) for code, name in table.items()}
