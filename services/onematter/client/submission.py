"""A submission as a JSON document: what `onematter submit` reads.

Rule 1: every name that is not of the schema is an error, so that a slip is not silently left out.
Rule 2: an error names the field by its path and says what to give; it repeats no value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onematter.client.errors import Invalid
from onematter.client.messages import AnyMaterial, FactInput, MaterialFile, MaterialInput, PartyInput

SCHEMA = """\
{
  "matter_code": "OM-90",            code in the catalogue (`onematter catalogue`)
  "division": "330106",              where it is handled (办理地)
  "receiving_division": "330106",    optional: whose window took it (收件地)
  "channel": "web",                  optional: window, web, app, mini_program, official_account,
                                     self_service, hotline, other_region, system
  "language": "zh-CN",               optional: of the notices
  "request_id": "…",                 optional: 1 to 64 characters; the same again is the same matter
  "facts": {"amount": 5},            text, number, true/false, or list of texts (情形)
  "materials": [                     (材料)
    {"material_id": "form", "path": "form.pdf"},
    {"material_id": "form", "sha256": "hex", "size_bytes": 1, "media_type": "application/pdf"}
  ],                                 optional of each: "media_type", "trust_class" (A to D; D)
  "promised_materials": ["id"],      optional: secondary materials that follow later (容缺受理承诺)
  "pledged_items": ["02"],           optional: items whose conditions the applicant pledges to meet (告知承诺)
  "delivery": "e_certificate",       optional: of the result: e_certificate, post or counter (送达方式)
  "cross_region": "remote",          optional: remote, relayed or joint (跨省通办)
  "parties": [                       (当事人) role: applicant, agent or subject
    {"role": "applicant", "name": "…", "identifier_kind": "id_card or uscc", "identifier": "…",
     "mobile": "…", "address": "…"}
  ]
}"""


@dataclass(frozen=True, slots=True)
class Form:
    """A submission that was read."""

    matter_code: str
    division: str
    receiving_division: str
    channel: str
    language: str
    request_id: str
    facts: Mapping[str, FactInput]
    materials: tuple[AnyMaterial, ...]
    parties: tuple[PartyInput, ...]
    promised_materials: tuple[str, ...] = ()
    pledged_items: tuple[str, ...] = ()
    delivery: str = ""
    cross_region: str = ""

    def __repr__(self) -> str:
        return f"Form(matter_code={self.matter_code!r}, division={self.division!r})"


def read(text: str, directory: Path) -> Form:
    """Read a submission; paths of materials are relative to `directory`. Raises Invalid naming the field."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 0
        where, place = (f" at line {line}", f"（第 {line} 行）") if line else ("", "")
        raise Invalid(
            f"submission: it is not JSON{where}; see `onematter submit --help` for its schema",
            f"提交的文件不是 JSON{place}；格式见 onematter submit --help",
        ) from None
    root = _object(document, "submission")
    _known(root, "", set(Form.__slots__))
    facts = _object(root.get("facts", {}), "facts")
    for key, value in facts.items():
        if value is None or isinstance(value, dict):
            raise Invalid(
                f"facts[{key}]: give a text, a number, true or false, or a list of texts",
                f"facts[{key}]：请填文字、数字、true 或 false，或者文字的列表",
            )
    return Form(
        matter_code=_text(root, "matter_code", required=True),
        division=_text(root, "division", required=True),
        receiving_division=_text(root, "receiving_division"),
        channel=_text(root, "channel") or "web",
        language=_text(root, "language"),
        request_id=_text(root, "request_id"),
        facts=facts,
        materials=tuple(
            _material(one, f"materials[{position}]", directory) for position, one in enumerate(_list(root, "materials"))
        ),
        parties=tuple(_party(one, f"parties[{position}]") for position, one in enumerate(_list(root, "parties"))),
        promised_materials=_texts(root, "promised_materials"),
        pledged_items=_texts(root, "pledged_items"),
        delivery=_text(root, "delivery"),
        cross_region=_text(root, "cross_region"),
    )


def _material(given: Any, path: str, directory: Path) -> AnyMaterial:
    material = _object(given, path)
    _known(material, path, {"material_id", "path", "sha256", "size_bytes", "media_type", "trust_class"})
    trust_class = _text(material, "trust_class", path) or "D"
    media_type = _text(material, "media_type", path)
    if "path" in material:
        file = _text(material, "path", path, required=True)
        return MaterialFile(directory / file, _text(material, "material_id", path), media_type, trust_class)
    digest = _text(material, "sha256", path, required=True)
    try:
        raw = bytes.fromhex(digest)
    except ValueError:
        raise Invalid(
            f"{path}.sha256: it is not hexadecimal; give the SHA-256 of the content",
            f"{path}.sha256：不是十六进制；请填内容的 SHA-256 摘要",
        ) from None
    size = material.get("size_bytes")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 1 << 63:
        raise Invalid(f"{path}.size_bytes: give the size as a whole number", f"{path}.size_bytes：请填整数，单位字节")
    return MaterialInput(_text(material, "material_id", path, required=True), raw, size, media_type, trust_class)


def _party(given: Any, path: str) -> PartyInput:
    party = _object(given, path)
    names = set(PartyInput.__slots__)
    _known(party, path, names)
    fields = {name: _text(party, name, path) for name in names if party.get(name)}
    return PartyInput(**fields)


def _object(given: Any, path: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise Invalid(
            f"{path}: give a JSON object; see `onematter submit --help` for its schema",
            f"{path}：请填 JSON 对象；格式见 onematter submit --help",
        )
    return given


def _list(root: dict[str, Any], name: str) -> list[Any]:
    given = root.get(name, [])
    if not isinstance(given, list):
        raise Invalid(f"{name}: give a JSON list", f"{name}：请填 JSON 列表")
    return given


def _texts(root: dict[str, Any], name: str) -> tuple[str, ...]:
    given = _list(root, name)
    for position, one in enumerate(given):
        if not isinstance(one, str) or not one:
            raise Invalid(f"{name}[{position}]: give a text in quotes", f"{name}[{position}]：请填加引号的文字")
    return tuple(given)


def _text(given: dict[str, Any], name: str, path: str = "", *, required: bool = False) -> str:
    label = f"{path}.{name}" if path else name
    value = given.get(name, "")
    if not isinstance(value, str):
        raise Invalid(f"{label}: give a text in quotes", f"{label}：请填加引号的文字")
    if required and not value:
        raise Invalid(
            f"{label}: it is missing; see `onematter submit --help` for the schema",
            f"{label}：没有填写；格式见 onematter submit --help",
        )
    return value


def _known(given: dict[str, Any], path: str, names: set[str]) -> None:
    for name in given:
        if name not in names:
            label = f"{path}.{name}" if path else name
            known = ", ".join(sorted(names))
            raise Invalid(
                f"{label[:80]!r}: no such field; the schema has {known}",
                f"{label[:80]!r}：没有这一字段；可用的有：{known}",
            )
