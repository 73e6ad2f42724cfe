"""Judge a catalogue as a whole: what can be read and run, and would still do applicants or offices wrong.

Rule 1: a finding names the place, the broken rule and the way out. Errors keep a catalogue from being published
(`onematter catalogue lint` ends with 1), warnings do not.
Rule 2: nothing is judged by a part: what has too many situations to try is told as such.

| code | severity | what |
|---|---|---|
| cycle | error | items wait for each other |
| item_unreachable, material_unneeded | error; warning for a rule that computes | no situation leads to it |
| certificate_unproduced | error | in some situation nobody produces it and nobody is asked for it |
| dependency_unreachable | warning | an item that is never planned together with the one that waits for it |
| alternatives_none, alternatives_overlap, alternatives_alone | error, warning, warning | not exactly one applies |
| optional_without_question | error | the applicant has no way to choose |
| situations_too_many | warning | not judged |
| promise_over_legal, promise_unreachable | error, warning | a promise that the law or the critical path breaks |
| legal_over_limit | error | more than 行政许可法 §42 or §43 gives, and no article that gives it |
| name_missing | error | a name or an explanation without a language |
| choice_unnamed, situation_unexplained | warning | the guide can only show the code of it |
| department_unknown, certificate_unknown, law_unknown | error | a code without an entry in its table |
| code_malformed, code_level, code_twice | error, error, warning | item codes |
| validity_reversed, validity_overlap, version_order, validity_gap | error, error, error, warning | versions in time |
| evidence_missing, source_missing | error | nobody said how far to trust it |
| rule_untested, rule_contradicts_example | warning, error | rules that decide at once, against their examples |
| total_over_limit, total_unreachable | error, warning | times for the whole: over 45 days of §42, or for no situation |
| opinions_over_promise, validity_without_certificate, denial_of_optional, joint_alone | warning | cannot be meant so |
| visits_over_one, remote_needs_window | warning | ways that cost a visit too many |
| same_item_names, same_item_basis, same_item_code | warning | one item, differing between matters (四级四同) |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import pairwise
from typing import get_args

from onematter.law.catalogue import Catalogue
from onematter.law.clock import DECISION, EXAMINATION, JOINT_DECISION, PeriodRule
from onematter.law.dependencies import cycle, dependencies, longest_path
from onematter.law.findings import Finding, Findings, in_order
from onematter.law.item_codes import check_item_code, form_of, level_of_code
from onematter.law.linting_handling import lint_handling
from onematter.law.linting_sameness import lint_sameness
from onematter.law.linting_situations import lint_situations
from onematter.law.matters import LANGUAGES, DeliveryWay, Evidence, Grade, ItemType, MatterType, Names
from onematter.law.reading import CYCLE_WAY_OUT, cycle_rule

# Without the extension: that is a decision on one case, not a time of the item.
_LIMITS: Mapping[str, PeriodRule] = {"referred": EXAMINATION, "joint": JOINT_DECISION}
_DAYS_OF_A_WEEK, _WORKING_DAYS_OF_A_WEEK = 7, 5


def lint(catalogue: Catalogue) -> tuple[Finding, ...]:
    """Return all that is wrong with a catalogue, errors first, by place; empty when nothing is."""
    found: list[Finding] = []
    for matter_type in catalogue.matter_types:
        findings = Findings(matter_type)
        stuck = cycle(dependencies(matter_type.items))
        if stuck:
            findings.error("items", "cycle", cycle_rule(stuck), CYCLE_WAY_OUT)
        _check_names(matter_type, findings)
        _check_codes(matter_type, findings)
        _check_tables(catalogue, matter_type, findings)
        _check_times(matter_type, findings)
        _check_evidence(matter_type, findings)
        lint_situations(matter_type, findings)
        lint_handling(matter_type, findings)
        found.extend(findings)
    found.extend(lint_sameness(catalogue))
    for code in dict.fromkeys(one.code for one in catalogue.matter_types):
        found.extend(_check_validity(catalogue.versions(code)))
    return in_order(found)


def _names_of(matter_type: MatterType) -> Iterator[tuple[str, Names]]:
    yield "names", matter_type.names
    for fact in matter_type.facts:
        yield f"facts.{fact.key}.names", fact.names
        for value, names in fact.choice_names.items():
            yield f"facts.{fact.key}.choices.{value}", names
    for material in matter_type.materials:
        yield f"materials.{material.material_id}.names", material.names
    for item in matter_type.items:
        yield f"items.{item.item_id}.names", item.names
        if item.rule is not None:
            yield f"items.{item.item_id}.auto_rule.explanation", item.rule.explanation
        if item.fee is not None:
            yield f"items.{item.item_id}.fee", item.fee


def _check_names(matter_type: MatterType, findings: Findings) -> None:
    for path, names in _names_of(matter_type):
        missing = [language for language in LANGUAGES if not names.get(language, "").strip()]
        if missing:
            findings.error(path, "name_missing", f"has no {' and no '.join(missing)}", "say it in every language")
    for fact in matter_type.facts:
        unnamed = [value for value in fact.choices if value not in fact.choice_names]
        if unnamed:
            findings.warning(
                f"facts.{fact.key}.choices",
                "choice_unnamed",
                f"{', '.join(unnamed)} has no name",
                "write the choice as {value, names}",
            )
    rules = (
        *((f"facts.{fact.key}", fact.when) for fact in matter_type.facts),
        *((f"materials.{material.material_id}", material.when) for material in matter_type.materials),
        *((f"items.{item.item_id}", item.when) for item in matter_type.items),
    )
    for path, when in rules:
        if when is not None and any(not when.explanation.get(language, "").strip() for language in LANGUAGES):
            findings.warning(
                f"{path}.when",
                "situation_unexplained",
                f"nobody but a machine can read {when.text}",
                "write {rule, explanation}, and the guide tells it",
            )


def _check_codes(matter_type: MatterType, findings: Findings) -> None:
    seen: dict[str, str] = {}
    for item in matter_type.items:
        if item.code is None:
            continue
        path = f"items.{item.item_id}.code"
        broken = check_item_code(item.code)
        if broken is not None:
            rule = f"is no {item.code.scheme} code ({broken})"
            findings.error(path, "code_malformed", rule, f"write {form_of(item.code.scheme)}")
            continue
        level = level_of_code(item.code)
        if level not in (None, item.level):
            rule = f"says {level.name} where the item says {item.level.name}"
            findings.error(path, "code_level", rule, "correct the one that is wrong")
        other = seen.setdefault(item.code.text, item.item_id)
        if other != item.item_id:
            findings.warning(path, "code_twice", f"item {other} has it too", "give each item its own")


def _check_tables(catalogue: Catalogue, matter_type: MatterType, findings: Findings) -> None:
    def known(path: str, kind: str, code: str, table: Mapping[str, object]) -> None:
        if code not in table:
            findings.error(
                path,
                f"{kind}_unknown",
                f"unknown {kind} {code}",
                f"name it in the table of {kind}s, or correct its code",
            )

    known("lead_department", "department", matter_type.lead_department, catalogue.departments)
    for material in matter_type.materials:
        if material.share_source is not None:
            path = f"materials.{material.material_id}.share_source"
            known(path, "department", material.share_source, catalogue.departments)
        if material.certificate is not None:
            path = f"materials.{material.material_id}.certificate"
            known(path, "certificate", material.certificate, catalogue.certificates)
    for item in matter_type.items:
        path = f"items.{item.item_id}"
        known(f"{path}.department", "department", item.department, catalogue.departments)
        if item.supervised_by is not None:
            known(f"{path}.supervised_by", "department", item.supervised_by, catalogue.departments)
        for asked in item.opinions.departments if item.opinions is not None else ():
            known(f"{path}.opinions", "department", asked, catalogue.departments)
        for certificate in dict.fromkeys((*item.produces_certificates, *item.needs_certificates)):
            known(f"{path}.certificates", "certificate", certificate, catalogue.certificates)
        for basis in item.basis:
            known(f"{path}.basis", "law", basis.law, catalogue.laws)


def _check_times(matter_type: MatterType, findings: Findings) -> None:
    for item in matter_type.items:
        path = f"items.{item.item_id}"
        legal, promised = item.legal_days, item.promised_days
        if legal is not None and promised is not None and promised > max(legal, 0):
            findings.error(
                f"{path}.promised_days",
                "promise_over_legal",
                f"promises {promised} days where the law gives {legal}",
                "promise at most the legal days",
            )
        limit = legal_limit_days(item)
        if legal is not None and legal > limit and not any(basis.sets_time for basis in item.basis):
            article = limit_rule(item).basis["en"]
            findings.error(
                f"{path}.legal_days",
                "legal_over_limit",
                f"takes {legal} {item.clock_kind} days where the {article} gives {limit}",
                "correct it, or name the article that gives this time under basis, with sets_time: true",
            )
    days = {item.item_id: item.promised_days or 0 for item in matter_type.items if item.clock_kind == "working"}
    path_of_days = longest_path(dependencies(matter_type.items), days)
    if matter_type.promised_days is not None and path_of_days.days > matter_type.promised_days:
        findings.warning(
            "promised_days",
            "promise_unreachable",
            f"promises {matter_type.promised_days} working days where items {', '.join(path_of_days.item_ids)}"
            f" are promised in {path_of_days.days}",
            "promise what the items add up to, or shorten them",
        )


def limit_rule(item: ItemType) -> PeriodRule:
    """Return the rule of the 行政许可法 that bounds an item of its kind, where no other law gives its time."""
    return _LIMITS.get(item.case_type, DECISION)


def legal_limit_days(item: ItemType) -> int:
    """Return the days of `limit_rule` in the item's own clock.

    In calendar days it is the weeks that the working days fill when no other day is off.
    """
    limit = limit_rule(item).days
    if item.clock_kind == "calendar":
        return limit * _DAYS_OF_A_WEEK // _WORKING_DAYS_OF_A_WEEK
    return limit


def groups_in_use(item: ItemType) -> tuple[str, ...]:
    """Return the groups of fields of an item that say something, and so need evidence."""
    used = {
        "item": True,
        "level": True,
        "dependencies": bool(item.depends_on or item.needs_certificates),
        "time": item.legal_days is not None or item.promised_days is not None,
        "situation": item.when is not None or item.optional or item.alternative_group is not None,
        "rule": item.rule is not None,
        "basis": bool(item.basis),
        "code": item.code is not None,
        "visit": item.joint_visit_group is not None,
        "depth": item.online_depth is not None,
        "fee": item.fee is not None,
        "pledge": item.pledge,
        "opinions": item.opinions is not None,
        "denial": item.denial != "dependents",
        "validity": item.validity_years is not None,
        "supervision": item.supervised_by is not None,
    }
    return tuple(group for group, is_used in used.items() if is_used)


def matter_groups_in_use(matter_type: MatterType) -> tuple[str, ...]:
    """Return the groups of fields of a matter itself that say something, and so need evidence."""
    used = {
        "matter": True,
        "acceptance": matter_type.acceptance != "rule",
        "joint": matter_type.joint,
        "delivery": set(matter_type.delivery) != set(get_args(DeliveryWay)),
        "cross_region": bool(matter_type.cross_region),
        "totals": bool(matter_type.totals),
    }
    return tuple(group for group, is_used in used.items() if is_used)


def _check_evidence(matter_type: MatterType, findings: Findings) -> None:
    told: list[tuple[str, Evidence | None]] = [
        (f"evidence.{group}", matter_type.evidence_by_group.get(group)) for group in matter_groups_in_use(matter_type)
    ]
    told += [(f"facts.{fact.key}.evidence", fact.evidence) for fact in matter_type.facts]
    told += [(f"materials.{one.material_id}.evidence", one.evidence) for one in matter_type.materials]
    for item in matter_type.items:
        told += [
            (f"items.{item.item_id}.evidence.{group}", item.evidence_by_group.get(group))
            for group in groups_in_use(item)
        ]
    for path, evidence in told:
        if evidence is None or evidence.grade not in get_args(Grade):
            findings.error(
                path,
                "evidence_missing",
                "nobody said how far to trust it",
                "write sourced with its source, general or illustrative, here or for the whole matter",
            )
        elif evidence.grade == "sourced" and not evidence.note.strip():
            findings.error(path, "source_missing", "is sourced, but from where is not said", "name the source")


def _check_validity(versions: tuple[MatterType, ...]) -> Iterator[Finding]:
    for matter_type in versions:
        if matter_type.valid_until is not None and matter_type.valid_until < matter_type.valid_from:
            findings = Findings(matter_type)
            rule = f"ends on {matter_type.valid_until}, before it begins"
            findings.error("valid_until", "validity_reversed", rule, "write the last day on which it is in force")
            yield from findings
    for earlier, later in pairwise(versions):
        findings = Findings(later)
        begins, ends = later.valid_from, earlier.valid_until
        if begins == earlier.valid_from or (ends is not None and begins <= ends):
            findings.error(
                "valid_from",
                "validity_overlap",
                f"begins on {begins}, while version {earlier.version} is in force until {ends or 'it begins'}",
                "let one begin after the other has ended",
            )
        elif ends is not None and begins > ends + timedelta(days=1):
            findings.warning(
                "valid_from",
                "validity_gap",
                f"begins on {begins}; from {ends + timedelta(days=1)} on no version is in force",
                "begin on the day after, unless the matter is meant to rest",
            )
        if later.version < earlier.version:
            findings.error(
                "version",
                "version_order",
                f"begins after version {earlier.version}",
                "give the later one the higher version",
            )
        yield from findings
