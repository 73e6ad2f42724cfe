"""The rule of the lint that looks across matters: the same item is the same wherever it stands (四级四同).

Rule 1: items are the same when they have the same basic code (基本编码), or the same Chinese name and department. The
same in name, code, basis and type; time, level and what is asked may differ from place to place.
Rule 2: matters are looked at in their newest version.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from onematter.law.catalogue import Catalogue
from onematter.law.findings import Finding, Findings
from onematter.law.item_codes import basic_code, check_item_code
from onematter.law.matters import ItemType, LegalBasis, MatterType

_WAY_OUT = "write the same in both, or give what is another item another name"


class _Standing(NamedTuple):
    """An item and the matter that it stands in."""

    matter_type: MatterType
    item: ItemType

    def __str__(self) -> str:
        return f"{self.matter_type.code} item {self.item.item_id}"


def lint_sameness(catalogue: Catalogue) -> list[Finding]:
    """Return where items that are the same differ in name, code, basis or type; the first one is taken as right."""
    found: list[Finding] = []
    by_code: dict[str, list[_Standing]] = {}
    by_name: dict[tuple[str, str], list[_Standing]] = {}
    for matter_type in catalogue.latest():
        for item in matter_type.items:
            standing = _Standing(matter_type, item)
            code = _code(item)
            if code is not None:
                by_code.setdefault(code, []).append(standing)
            by_name.setdefault((item.names.get("zh-CN", ""), item.department), []).append(standing)
    told: set[tuple[str, str]] = set()
    for group in _repeated((*by_code.values(), *by_name.values())):
        for other in group[1:]:
            for finding in _compare(group[0], other):
                if (finding.place, finding.code) not in told:
                    told.add((finding.place, finding.code))
                    found.append(finding)
    return found


def _repeated(groups: Sequence[list[_Standing]]) -> list[list[_Standing]]:
    return [group for group in groups if len({one.matter_type.code for one in group}) > 1]


def _compare(first: _Standing, other: _Standing) -> Findings:
    findings = Findings(other.matter_type)
    path = f"items.{other.item.item_id}"
    if dict(first.item.names) != dict(other.item.names):
        findings.warning(f"{path}.names", "same_item_names", f"is named otherwise than {first}", _WAY_OUT)
    if _articles(first.item.basis) != _articles(other.item.basis):
        findings.warning(f"{path}.basis", "same_item_basis", f"rests on other articles than {first}", _WAY_OUT)
    codes = _code(first.item), _code(other.item)
    if None not in codes and codes[0] != codes[1]:
        kinds = codes[0] and codes[0][2:4], codes[1] and codes[1][2:4]
        what = "another type" if kinds[0] != kinds[1] else "another basic code"
        findings.warning(f"{path}.code", "same_item_code", f"has {what} than {first}", _WAY_OUT)
    return findings


def _articles(basis: Sequence[LegalBasis]) -> set[tuple[str, int | None, int | None]]:
    return {(one.law, one.article, one.paragraph) for one in basis}


def _code(item: ItemType) -> str | None:
    if item.code is None or check_item_code(item.code) is not None:
        return None
    return basic_code(item.code)
