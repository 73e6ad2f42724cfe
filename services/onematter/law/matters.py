"""The words of the catalogue: a matter (一件事), its items (事项), what they ask and what they need.

Rule 1: these are records, made by `onematter.law.reading` from documents that it has checked; they check
nothing again.
Rule 2: a type is equal only to itself, so that what is worked out once per type can be kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from onematter.law.clock import ClockKind
from onematter.law.divisions import Level
from onematter.law.rules import Rule

FactKind = Literal["text", "number", "flag", "list"]
Routing = Literal["own", "each", "origin"]
CaseType = Literal["instant", "promise", "referred", "joint"]  # 即办件, 承诺件, 上报件, 联办件
TrustClass = Literal["A", "B", "C", "D"]
Names = Mapping[str, str]

# The fact that names where a matter starts, for items of routing "origin" (起运地).
ORIGIN_FACT = "origin_division"


@dataclass(frozen=True)
class FactSpec:
    """A question about the applicant's situation (情形). `minimum` bounds a number from below."""

    key: str
    kind: FactKind
    required: bool
    names: Names
    choices: tuple[str, ...] = ()
    pattern: str | None = None
    minimum: float | None = None


@dataclass(frozen=True)
class MaterialSpec:
    """A material (材料).

    `share_source` names the department that already has it: it is never asked of the applicant (国务院令716
    §7). `tolerant` materials are secondary and may follow later (容缺). `media_types` are lower case.
    """

    material_id: str
    names: Names
    required: bool
    trust_class: TrustClass
    share_source: str | None
    media_types: tuple[str, ...]
    max_bytes: int
    tolerant: bool

    @property
    def is_asked(self) -> bool:
        """Whether a hand-in without it is incomplete."""
        return self.required and not self.tolerant and self.share_source is None


@dataclass(frozen=True, eq=False)
class ItemType:
    """One department's approval within a matter.

    `legal_days` and `promised_days` are None when not known. `rule` grants at once when it holds, `when` says
    in which situation the item applies, `for_each` names the fact whose divisions each get an instance.
    `level` is the level that exercises the power (行使层级), `routing` how its division is found: "own" from
    the matter's division, "each" from the instance's, "origin" from the fact `origin_division` if given.
    Items of one `joint_visit_group` share a site visit (一同勘验). `evidence` tells how far to trust the
    record: S sourced, G general knowledge, I illustrative.
    """

    item_id: str
    names: Names
    department: str
    level: Level
    routing: Routing
    case_type: CaseType
    depends_on: tuple[str, ...]
    produces_certificates: tuple[str, ...]
    legal_days: int | None
    promised_days: int | None
    clock_kind: ClockKind
    materials: tuple[MaterialSpec, ...]
    rule: Rule | None
    when: Rule | None
    for_each: str | None
    joint_visit_group: str | None
    evidence: str


@dataclass(frozen=True, eq=False)
class MatterType:
    """One matter of the catalogue in one version. `materials` is the one set of all items (一套材料)."""

    code: str
    version: int
    names: Names
    lead_department: str
    lead_level: Level
    valid_from: date
    facts: tuple[FactSpec, ...]
    materials: tuple[MaterialSpec, ...]
    items: tuple[ItemType, ...]
    illustrative: bool
    evidence: str

    def item(self, item_id: str) -> ItemType:
        """Return the item with `item_id`. Raises KeyError."""
        for item in self.items:
            if item.item_id == item_id:
                return item
        raise KeyError(item_id)


@dataclass(frozen=True)
class Violation:
    """One broken rule of an application: the field's path, a reason of the contract, and what its text needs.

    `reason` is a name of `onematter.common.v1.Reason` without its prefix. Parameters never repeat what was
    sent.
    """

    field: str
    reason: str
    parameters: Mapping[str, str]
