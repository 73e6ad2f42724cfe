"""What a new version of a matter changes, in words.

Rule 1: things are the same when they have the same id; a new id is an addition, however alike it looks.
Rule 2: a change tells values as a person reads them: names, not codes, in each language.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from onematter.law.catalogue import Catalogue
from onematter.law.matters import (
    LANGUAGES,
    Evidence,
    FactSpec,
    ItemType,
    MaterialSpec,
    MatterType,
    Names,
    RuleExample,
)
from onematter.law.rules import Rule
from onematter.law.words import (
    ACCEPTANCES,
    CASE_TYPES,
    CODE_SCHEMES,
    CROSS_REGION_MODES,
    DELIVERY_WAYS,
    DENIALS,
    FACT_KINDS,
    GRADES,
    GROUPS,
    LEVELS,
    NO,
    ONLINE_DEPTHS,
    ROUTINGS,
    TRUST_CLASSES,
    YES,
    citation,
    day,
    days,
    fact_text,
    listed,
    names,
    same,
    size,
    years,
)

T = TypeVar("T")
ChangeKind = Literal["added", "removed", "changed"]

_NOTHING = names("无", "nothing")


@dataclass(frozen=True)
class Change:
    """One difference: of `field` at `place` (as `items.03`), or of the whole thing when `field` is empty.

    `before` and `after` are what a person reads there.
    """

    kind: ChangeKind
    place: str
    subject: Names
    field: str
    field_names: Names
    before: Names
    after: Names


@dataclass(frozen=True)
class _Field(Generic[T]):
    name: str
    names: Names
    value: Callable[[T, Catalogue], Names]


def compare(old: MatterType, new: MatterType, catalogue: Catalogue) -> tuple[Change, ...]:
    """Return what `new` changes of `old`: the matter first, then questions, materials and items.

    `catalogue` names departments, certificates and laws. Empty when the two say the same.
    """
    changes = [*_changes("", names("一件事", "the matter"), old, new, _MATTER, catalogue)]
    changes += _things(
        "facts", _by(old.facts, lambda one: one.key), _by(new.facts, lambda one: one.key),
        lambda one: one.names, names("问题", "question"), _FACT, catalogue,
    )  # fmt: skip
    changes += _things(
        "materials", _by(old.materials, lambda one: one.material_id), _by(new.materials, lambda one: one.material_id),
        lambda one: one.names, names("材料", "material"), _MATERIAL, catalogue,
    )  # fmt: skip
    changes += _things(
        "items", _by(old.items, lambda one: one.item_id), _by(new.items, lambda one: one.item_id),
        lambda one: one.names, names("事项", "item"), _ITEM, catalogue,
    )  # fmt: skip
    return tuple(changes)


def tell(change: Change, language: str) -> str:
    """Say a change in one sentence, in `language` (zh-CN or en)."""
    subject, before, after = change.subject[language], change.before[language], change.after[language]
    if language == "zh-CN":
        match change.kind:
            case "added":
                return f"新增{subject}"
            case "removed":
                return f"取消{subject}"
            case "changed":
                return f"{subject}的{change.field_names[language]}由“{before}”改为“{after}”"
    match change.kind:
        case "added":
            return f"{subject} is new"
        case "removed":
            return f"{subject} is gone"
        case "changed":
            return f"{subject}: {change.field_names[language]} was “{before}”, is “{after}”"


def _by(things: Sequence[T], key: Callable[[T], str]) -> dict[str, T]:
    return {key(one): one for one in things}


def _things(
    group: str,
    old: Mapping[str, T],
    new: Mapping[str, T],
    name: Callable[[T], Names],
    kind: Names,
    fields: Sequence[_Field[T]],
    catalogue: Catalogue,
) -> Iterator[Change]:
    def subject(thing_id: str, thing: T) -> Names:
        called, label = name(thing), f" {thing_id}" if group == "items" else ""
        return names(
            f"{kind['zh-CN']}{label}“{called['zh-CN']}”",
            f"{kind['en']}{label} “{called['en']}”",
        )

    for thing_id, thing in old.items():
        place = f"{group}.{thing_id}"
        if thing_id not in new:
            yield Change("removed", place, subject(thing_id, thing), "", _NOTHING, name(thing), _NOTHING)
        else:
            yield from _changes(place, subject(thing_id, thing), thing, new[thing_id], fields, catalogue)
    for thing_id, thing in new.items():
        if thing_id not in old:
            place = f"{group}.{thing_id}"
            yield Change("added", place, subject(thing_id, thing), "", _NOTHING, _NOTHING, name(thing))


def _changes(
    place: str, subject: Names, old: T, new: T, fields: Sequence[_Field[T]], catalogue: Catalogue
) -> Iterator[Change]:
    for field in fields:
        before, after = field.value(old, catalogue), field.value(new, catalogue)
        if any(before.get(language) != after.get(language) for language in LANGUAGES):
            yield Change("changed", place, subject, field.name, field.names, before, after)


def _flag(value: bool) -> Names:
    return YES if value else NO


def _maybe(value: Names | None) -> Names:
    return _NOTHING if value is None else value


def _rule(rule: Rule | None) -> Names:
    if rule is None:
        return _NOTHING
    return {
        language: f"{rule.explanation[language]} ({rule.text})" if language in rule.explanation else rule.text
        for language in LANGUAGES
    }


def _all(parts: Sequence[Names]) -> Names:
    return listed(parts) if parts else _NOTHING


def _departments(code: str, catalogue: Catalogue) -> Names:
    return catalogue.department_names(code)


def _certificates(codes: Sequence[str], catalogue: Catalogue) -> Names:
    return _all([catalogue.certificate_names(code) for code in codes])


def _evidence(evidence: Evidence | None) -> Names:
    if evidence is None:
        return _NOTHING
    grade = GRADES.get(evidence.grade) or same(evidence.grade)
    if not evidence.note:
        return grade
    return names(f"{grade['zh-CN']}（{evidence.note}）", f"{grade['en']} ({evidence.note})")


def _groups(evidence: Mapping[str, Evidence]) -> Names:
    parts = [(GROUPS.get(group) or same(group), _evidence(one)) for group, one in evidence.items()]
    return _all([names(f"{a['zh-CN']}：{b['zh-CN']}", f"{a['en']}: {b['en']}") for a, b in parts])


def _choices(fact: FactSpec) -> Names:
    return _all([fact.choice_names.get(value) or same(value) for value in fact.choices])


def _totals(matter_type: MatterType) -> Names:
    parts = [(_rule(total.when), days(total.days)) for total in matter_type.totals]
    return _all([names(f"{a['zh-CN']}：{b['zh-CN']}", f"{a['en']}: {b['en']}") for a, b in parts])


def _examples(item: ItemType) -> Names:
    return _all([_example(one) for one in item.rule_examples])


def _example(example: RuleExample) -> Names:
    facts = ", ".join(f"{key}={fact_text(value)}" for key, value in sorted(example.facts.items()))
    given = same(facts) if facts else names("未作回答", "no answers")
    then = names("准予", "grants") if example.grants else names("转人工", "a person")
    return {language: f"{given[language]} → {then[language]}" for language in LANGUAGES}


def _opinions(item: ItemType, catalogue: Catalogue) -> Names:
    rule = item.opinions
    if rule is None:
        return _NOTHING
    asked, quorum = _all([_departments(code, catalogue) for code in rule.departments]), rule.quorum
    veto = names("，一家不同意即不予", ", one refusal forbids it") if rule.veto else names("", "")
    return names(
        f"{asked['zh-CN']}，至少 {quorum} 家同意{veto['zh-CN']}",
        f"{asked['en']}, at least {quorum} of them consent{veto['en']}",
    )


_MATTER: tuple[_Field[MatterType], ...] = (
    _Field("names", names("名称", "name"), lambda one, _: one.names),
    _Field("lead_department", names("牵头部门", "lead"), lambda one, c: _departments(one.lead_department, c)),
    _Field("lead_level", names("牵头层级", "level of the lead"), lambda one, _: LEVELS[one.lead_level]),
    _Field("valid_from", names("施行日期", "first day"), lambda one, _: day(one.valid_from)),
    _Field(
        "valid_until", names("截止日期", "last day"), lambda one, _: _maybe(one.valid_until and day(one.valid_until))
    ),
    _Field(
        "promised_days",
        names("全程承诺时限", "time promised for the whole"),
        lambda one, _: _NOTHING if one.promised_days is None else days(one.promised_days),
    ),
    _Field("illustrative", names("是否示例", "illustrative"), lambda one, _: _flag(one.illustrative)),
    _Field("acceptance", names("受理方式", "how it is accepted"), lambda one, _: ACCEPTANCES[one.acceptance]),
    _Field("joint", names("是否联合办理", "handled jointly"), lambda one, _: _flag(one.joint)),
    _Field(
        "delivery", names("送达方式", "delivery"), lambda one, _: _all([DELIVERY_WAYS[way] for way in one.delivery])
    ),
    _Field(
        "cross_region",
        names("跨省通办方式", "how it is handled across regions"),
        lambda one, _: _all([CROSS_REGION_MODES[mode] for mode in one.cross_region]),
    ),
    _Field("totals", names("分情形全程时限", "time for the whole by situation"), lambda one, _: _totals(one)),
    _Field("evidence", names("可信程度", "evidence"), lambda one, _: _groups(one.evidence_by_group)),
)
_FACT: tuple[_Field[FactSpec], ...] = (
    _Field("names", names("问法", "wording"), lambda one, _: one.names),
    _Field("kind", names("类型", "kind"), lambda one, _: FACT_KINDS[one.kind]),
    _Field("required", names("是否必答", "must be answered"), lambda one, _: _flag(one.required)),
    _Field("choices", names("可选答案", "choices"), lambda one, _: _choices(one)),
    _Field("pattern", names("格式", "form"), lambda one, _: same(one.pattern) if one.pattern else _NOTHING),
    _Field(
        "minimum",
        names("最小值", "least number"),
        lambda one, _: _NOTHING if one.minimum is None else same(f"{one.minimum:g}"),
    ),
    _Field("when", names("提问情形", "when it is asked"), lambda one, _: _rule(one.when)),
    _Field("evidence", names("可信程度", "evidence"), lambda one, _: _evidence(one.evidence)),
)
_MATERIAL: tuple[_Field[MaterialSpec], ...] = (
    _Field("names", names("名称", "name"), lambda one, _: one.names),
    _Field("required", names("是否必需", "required"), lambda one, _: _flag(one.required)),
    _Field("trust_class", names("可信等级", "trust class"), lambda one, _: TRUST_CLASSES[one.trust_class]),
    _Field(
        "share_source",
        names("共享来源", "who has it already"),
        lambda one, c: _NOTHING if one.share_source is None else _departments(one.share_source, c),
    ),
    _Field("media_types", names("格式", "formats"), lambda one, _: _all([same(text) for text in one.media_types])),
    _Field("max_bytes", names("大小上限", "largest size"), lambda one, _: size(one.max_bytes)),
    _Field("tolerant", names("可否容缺", "may follow later"), lambda one, _: _flag(one.tolerant)),
    _Field(
        "certificate",
        names("所属证照", "certificate that it is"),
        lambda one, c: _NOTHING if one.certificate is None else c.certificate_names(one.certificate),
    ),
    _Field("when", names("所需情形", "when it is needed"), lambda one, _: _rule(one.when)),
    _Field("evidence", names("可信程度", "evidence"), lambda one, _: _evidence(one.evidence)),
)
_ITEM: tuple[_Field[ItemType], ...] = (
    _Field("names", names("名称", "name"), lambda one, _: one.names),
    _Field("department", names("部门", "department"), lambda one, c: _departments(one.department, c)),
    _Field("level", names("层级", "level"), lambda one, _: LEVELS[one.level]),
    _Field("routing", names("办理地", "where"), lambda one, _: ROUTINGS[one.routing]),
    _Field("case_type", names("办件类型", "kind of case"), lambda one, _: CASE_TYPES[one.case_type]),
    _Field("legal_days", names("法定时限", "legal time"), lambda one, _: _time(one.legal_days, one)),
    _Field("promised_days", names("承诺时限", "promised time"), lambda one, _: _time(one.promised_days, one)),
    _Field("depends_on", names("前置事项", "what comes first"), lambda one, _: _all([same(x) for x in one.depends_on])),
    _Field(
        "needs_certificates", names("所需证照", "certificates needed"),
        lambda one, c: _certificates(one.needs_certificates, c),
    ),
    _Field(
        "produces_certificates", names("出具证照", "certificates made"),
        lambda one, c: _certificates(one.produces_certificates, c),
    ),
    _Field("materials", names("材料", "materials"), lambda one, _: _all([x.names for x in one.materials])),
    _Field("when", names("适用情形", "when it applies"), lambda one, _: _rule(one.when)),
    _Field("optional", names("是否可选", "the applicant's to choose"), lambda one, _: _flag(one.optional)),
    _Field(
        "alternative_group", names("择一组", "alternatives"),
        lambda one, _: same(one.alternative_group) if one.alternative_group else _NOTHING,
    ),
    _Field("rule", names("秒批规则", "rule that decides at once"), lambda one, _: _rule(one.rule)),
    _Field("rule_version", names("规则版本", "version of the rule"), lambda one, _: same(str(one.rule_version))),
    _Field("rule_examples", names("规则示例", "examples of the rule"), lambda one, _: _examples(one)),
    _Field("pledge", names("可否告知承诺", "may be pledged"), lambda one, _: _flag(one.pledge)),
    _Field("opinions", names("征求意见", "whose opinion is asked"), _opinions),
    _Field("denial", names("不予许可的后果", "what a denial means"), lambda one, _: DENIALS[one.denial]),
    _Field(
        "validity_years", names("有效期", "validity"),
        lambda one, _: _NOTHING if one.validity_years is None else years(one.validity_years),
    ),
    _Field(
        "supervised_by", names("监管部门", "who supervises it"),
        lambda one, c: _NOTHING if one.supervised_by is None else _departments(one.supervised_by, c),
    ),
    _Field(
        "for_each", names("逐地办理", "once for each"),
        lambda one, _: same(one.for_each) if one.for_each else _NOTHING,
    ),
    _Field(
        "joint_visit_group", names("联合勘验", "joint site visit"),
        lambda one, _: same(one.joint_visit_group) if one.joint_visit_group else _NOTHING,
    ),
    _Field("basis", names("设定依据", "legal basis"), lambda one, c: _all([citation(x, c.laws) for x in one.basis])),
    _Field("code", names("事项编码", "item code"), lambda one, _: _code(one)),
    _Field(
        "online_depth", names("网办深度", "online depth"),
        lambda one, _: _NOTHING if one.online_depth is None else ONLINE_DEPTHS[one.online_depth],
    ),
    _Field("fee", names("收费", "fee"), lambda one, _: _maybe(one.fee)),
    _Field("evidence", names("可信程度", "evidence"), lambda one, _: _groups(one.evidence_by_group)),
)  # fmt: skip


def _time(count: int | None, item: ItemType) -> Names:
    return _NOTHING if count is None else days(count, item.clock_kind)


def _code(item: ItemType) -> Names:
    if item.code is None:
        return _NOTHING
    scheme = CODE_SCHEMES[item.code.scheme]
    return names(f"{scheme['zh-CN']} {item.code.text}", f"{scheme['en']} {item.code.text}")
