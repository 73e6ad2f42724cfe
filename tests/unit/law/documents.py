"""Catalogue documents as plain data, and what is read from them; nothing in them is a fact."""

from __future__ import annotations

from typing import Any

from onematter.law.catalogue import Catalogue, MatterType
from onematter.law.matters import Law, Names
from onematter.law.reading import read_matter_type


def names(text: str) -> dict[str, str]:
    return {"zh-CN": f"中{text}", "en": text}


def item(item_id: str, **more: Any) -> dict[str, Any]:
    return {
        "id": item_id,
        "names": names(f"item {item_id}"),
        "department": "planning",
        "level": "COUNTY",
        "routing": "own",
        "case_type": "promise",
        **more,
    }


def flag(key: str, **more: Any) -> dict[str, Any]:
    return {"key": key, "kind": "flag", "required": True, "names": names(f"is it {key}"), **more}


def question(key: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"key": key, "kind": kind, "required": True, "names": names(f"what {key}"), **more}


def material(material_id: str, **more: Any) -> dict[str, Any]:
    return {
        "id": material_id,
        "names": names(material_id),
        "required": True,
        "trust_class": "D",
        "media_types": ["application/pdf"],
        "max_bytes": 1_000,
        **more,
    }


def when(rule: str, text: str = "so it is") -> dict[str, Any]:
    return {"rule": rule, "explanation": names(text)}


def document(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "code": "OM-50",
        "version": 1,
        "valid_from": "2026-01-01",
        "names": names("a matter"),
        "lead_department": "planning",
        "lead_level": "COUNTY",
        "evidence": "illustrative: made up for a test",
        "facts": [],
        "materials": [],
        "items": list(items),
        **more,
    }


def matter(*items: dict[str, Any], **more: Any) -> MatterType:
    return read_matter_type(document(*items, **more))


CERTIFICATES: dict[str, Names] = {key: names(key) for key in ("licence", "title", "permit", "ghost")}


def catalogue(*matter_types: MatterType) -> Catalogue:
    return Catalogue(
        matter_types,
        {"planning": names("planning"), "registry": names("registry")},
        CERTIFICATES,
        {"roads": Law(names("Roads Act"), "No. 7"), "trees": Law(names("Trees Act"))},
    )
