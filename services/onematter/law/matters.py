"""The words of the catalogue: a matter (一件事), its items (事项), what they ask and what they need.

Rule 1: these are records, made by `onematter.law.reading` from documents that it has checked; they check
nothing again.
Rule 2: a type is equal only to itself, so that what is worked out once per type can be kept.
Rule 3: a version once used stays as it was. What changes, however small, is a new version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, NamedTuple

from onematter.law.clock import ClockKind
from onematter.law.divisions import Level
from onematter.law.rules import Rule

FactKind = Literal["text", "number", "flag", "list"]
Routing = Literal["own", "each", "origin", "crossed"]
CaseType = Literal["instant", "promise", "referred", "joint"]  # 即办件, 承诺件, 上报件, 联办件
TrustClass = Literal["A", "B", "C", "D"]
CodeScheme = Literal["basic", "implementation", "business", "opaque"]
OnlineDepth = Literal["offline", "started", "whole"]  # 线下办理, 网上可办, 全程网办
Grade = Literal["sourced", "general", "illustrative"]  # 有公开来源, 一般知识, 示例
Acceptance = Literal["rule", "window"]  # 系统自动受理, 窗口受理
Denial = Literal["dependents", "matter"]
DeliveryWay = Literal["e_certificate", "post", "counter"]  # 电子证照, 邮寄, 窗口领取
CrossRegionMode = Literal["remote", "relayed", "joint"]  # 全程网办, 异地代收代办, 多地联办
Names = Mapping[str, str]

LANGUAGES = ("zh-CN", "en")
# The fact that names where a matter starts, for items of routing "origin" (起运地).
ORIGIN_FACT = "origin_division"


class Evidence(NamedTuple):
    """How far to trust a group of fields: `grade` says it in a word, `note` names the source or the reason."""

    grade: Grade
    note: str

    def __str__(self) -> str:
        return f"{self.grade}: {self.note}" if self.note else self.grade


class ItemCode(NamedTuple):
    """An item's code (事项编码) in the scheme that `onematter.law.item_codes` checks it by."""

    scheme: CodeScheme
    text: str


class OpinionRule(NamedTuple):
    """Whose opinion a department asks before it grants (征求意见), and what the answers bind it to.

    `departments` are asked at once when the item opens. A grant needs `quorum` consents, conditional ones included;
    with `veto` a single refusal forbids it.
    """

    departments: tuple[str, ...]
    quorum: int
    veto: bool


class RuleExample(NamedTuple):
    """What a decision rule must say of one situation: the rule's own test, beside it in the catalogue."""

    facts: Mapping[str, object]
    grants: bool


class Total(NamedTuple):
    """The whole matter's time in one situation: the first whose `when` holds."""

    when: Rule
    days: int


class LegalBasis(NamedTuple):
    """One article that an item rests on (设定依据).

    `law` is a code of the catalogue's laws. `sets_time` says that the article itself gives the legal time, so
    that the limits of the 行政许可法 do not bound it.
    """

    law: str
    article: int | None = None
    paragraph: int | None = None
    sets_time: bool = False


class Law(NamedTuple):
    """A law or a rule as it is cited; `number` is its official document number where one is known."""

    names: Names
    number: str | None = None


@dataclass(frozen=True)
class FactSpec:
    """A question about the applicant's situation (情形引导). `minimum` bounds a number from below.

    `choices` are the answers of a text or list, and `choice_names` what they mean. A question with `when` is
    asked only in the situations in which that holds; it sees the questions before it alone.
    """

    key: str
    kind: FactKind
    required: bool
    names: Names
    choices: tuple[str, ...] = ()
    pattern: str | None = None
    minimum: float | None = None
    choice_names: Mapping[str, Names] = field(default_factory=dict[str, Names])
    when: Rule | None = None
    evidence: Evidence | None = None


@dataclass(frozen=True)
class MaterialSpec:
    """A material (材料).

    `share_source` names the department that already has it: it is never asked of the applicant (国务院令716
    §7). `tolerant` materials are secondary and may follow later (容缺). `media_types` are lower case. With
    `certificate` it stands for a certificate that no item of the plan produces. `when` bounds the situations in
    which it is needed.
    """

    material_id: str
    names: Names
    required: bool
    trust_class: TrustClass
    share_source: str | None
    media_types: tuple[str, ...]
    max_bytes: int
    tolerant: bool
    certificate: str | None = None
    when: Rule | None = None
    evidence: Evidence | None = None

    @property
    def is_asked(self) -> bool:
        """Whether a hand-in without it is incomplete, in a situation that needs it."""
        return self.required and not self.tolerant and self.share_source is None


@dataclass(frozen=True, eq=False)
class ItemType:
    """One department's approval within a matter.

    `legal_days` and `promised_days` are None when not known. `rule` grants at once when it holds, `when` says
    in which situation the item applies, `for_each` names the fact whose divisions each get an instance. An
    `optional` item is the applicant's to choose, by an answer that its `when` asks for. Of the items of one
    `alternative_group` exactly one applies: the first whose `when` holds.
    `level` is the level that exercises the power (行使层级), `routing` how its division is found: "own" from
    the matter's division, "each" from the instance's, "origin" from the fact `origin_division` if given,
    "crossed" by the regions crossed (`onematter.law.routing`): the origin's, at `level` or below it.
    `needs_certificates` makes the item wait for whatever items of the plan produce them; `depends_on` names
    items without a certificate. Items of one `joint_visit_group` share a site visit (一同勘验).
    `evidence` tells how far to trust the record, `evidence_by_group` each group of its fields.
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
    needs_certificates: tuple[str, ...] = ()
    optional: bool = False
    alternative_group: str | None = None
    basis: tuple[LegalBasis, ...] = ()
    code: ItemCode | None = None
    online_depth: OnlineDepth | None = None
    fee: Names | None = None
    evidence_by_group: Mapping[str, Evidence] = field(default_factory=dict[str, Evidence])
    rule_version: int = 1
    rule_examples: tuple[RuleExample, ...] = ()
    # Whether the applicant may pledge that the conditions are met (告知承诺).
    pledge: bool = False
    opinions: OpinionRule | None = None
    # What a denial means: what waits for this item lapses, or the whole matter ends and its siblings are called back.
    denial: Denial = "dependents"
    validity_years: int | None = None
    # The department that supervises what is granted (审管衔接).
    supervised_by: str | None = None


@dataclass(frozen=True, eq=False)
class MatterType:
    """One matter of the catalogue in one version. `materials` is the one set of all items (一套材料).

    It may be handed in from `valid_from` to `valid_until`, both included; without an end until a later version
    begins. `promised_days` is what is promised for the whole matter, in working days.
    """

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
    valid_until: date | None = None
    promised_days: int | None = None
    evidence_by_group: Mapping[str, Evidence] = field(default_factory=dict[str, Evidence])
    # Who accepts a hand-in that is complete: the rules at once, or a clerk at the window within five days.
    acceptance: Acceptance = "rule"
    # Handled jointly (行政许可法 §26), so that the matter as a whole has 45 working days (§42 para. 2).
    joint: bool = False
    delivery: tuple[DeliveryWay, ...] = ("e_certificate", "post", "counter")
    cross_region: tuple[CrossRegionMode, ...] = ()
    totals: tuple[Total, ...] = ()

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
