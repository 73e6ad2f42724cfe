"""The guide to a matter (办事指南), made from the very record that is run: what to do, what to bring, what is not
asked and why, how long it takes, and on what law it rests.

Rule 1: a guide says nothing that the record does not. What is not known (a fee, a time) is not shown.
Rule 2: without answers it is the guide to the whole matter, and says in which situation each item applies. With
answers it is that of the situation; with all answers it is the plan that a hand-in would get.
Rule 3: it holds names in every language; how it looks is for `guide_text`, `guide_html` and `guide_json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from onematter.law.catalogue import Catalogue
from onematter.law.clock import ClockKind
from onematter.law.dependencies import Graph, dependencies, longest_path, restricted, stages
from onematter.law.divisions import Level
from onematter.law.guide_handling import Asked, Handling, asked_of, handling_of
from onematter.law.guide_materials import Brought, Held, materials_of
from onematter.law.linting import groups_in_use, matter_groups_in_use
from onematter.law.matters import CaseType, Evidence, ItemCode, ItemType, MatterType, Names, OnlineDepth, Routing
from onematter.law.rules import Facts, FactValue
from onematter.law.situations import TooManySituations, applying, rules_of
from onematter.law.words import NO, YES, citation, listed, same

_DAYS_OF_A_WEEK, _WORKING_DAYS_OF_A_WEEK = 7, 5


@dataclass(frozen=True)
class Answer:
    """A question with its answer."""

    key: str
    names: Names
    value: Names


@dataclass(frozen=True)
class Question:
    """A question that is still open. `decides` tells whether its answer chooses items, materials or questions."""

    key: str
    names: Names
    kind: str
    required: bool
    choices: tuple[Names, ...]
    when: Names | None
    decides: bool


@dataclass(frozen=True)
class Step:
    """An item of the matter. Unless it `is_certain`, it applies only in some of the situations; `when` says in which,
    where the record does. `each` names the list of divisions of which each gets its own.
    """

    item_id: str
    names: Names
    department: Names
    level: Level
    case_type: CaseType
    is_certain: bool
    is_optional: bool
    when: Names | None
    alternatives: tuple[str, ...]
    each: Names | None
    after: tuple[str, ...]
    produces: tuple[Names, ...]
    legal_days: int | None
    promised_days: int | None
    clock_kind: ClockKind
    by_rule: Names | None
    visits_with: tuple[str, ...]
    basis: tuple[Names, ...]
    code: ItemCode | None
    online_depth: OnlineDepth | None
    fee: Names | None
    routing: Routing
    asked: Asked | None
    has_pledge: bool
    ends_matter: bool
    validity_years: int | None
    supervised_by: Names | None
    evidence: Mapping[str, Evidence]


@dataclass(frozen=True)
class Duration:
    """The critical path (关键路径) in working days: over what certainly applies, and over all that may.

    `item_ids` is the longer one. `unknown` items have no known time and count as none; `is_converted` tells that
    calendar days were turned into the working days of their weeks.
    """

    least_days: int
    most_days: int
    item_ids: tuple[str, ...]
    unknown: tuple[str, ...]
    is_converted: bool


@dataclass(frozen=True)
class Guide:
    """All that a person wants to know before he hands in."""

    code: str
    version: int
    names: Names
    lead_department: Names
    lead_level: Level
    valid_from: date
    valid_until: date | None
    is_illustrative: bool
    evidence: Mapping[str, Evidence]
    answers: tuple[Answer, ...]
    questions: tuple[Question, ...]
    stages: tuple[tuple[Step, ...], ...]
    brought: tuple[Brought, ...]
    held: tuple[Held, ...]
    handling: Handling
    promised: Duration
    legal: Duration

    @property
    def promised_days(self) -> int | None:
        """What is promised for the whole matter, where the answers given settle it."""
        return self.handling.promised_days

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps in the order of their stages."""
        return tuple(step for stage in self.stages for step in stage)

    @property
    def visits(self) -> tuple[Brought, ...]:
        """What costs a visit: originals to be shown at a window. All of them fit into one (最多跑一次)."""
        return tuple(one for one in self.brought if one.trust_class == "C")


def guide(catalogue: Catalogue, matter_type: MatterType, facts: Facts | None = None) -> Guide:
    """Return the guide to a matter, for the situation that `facts` tell; they are expected to be right
    (`onematter.law.answers`).
    """
    facts = facts or {}
    certainty = {item.item_id: _certainty(matter_type, item, facts) for item in matter_type.items}
    items = tuple(item for item in matter_type.items if certainty[item.item_id] is not None)
    certain = frozenset(item_id for item_id, is_certain in certainty.items() if is_certain)
    graph = dependencies(items)
    by_id = {item.item_id: item for item in items}
    brought, held = materials_of(catalogue, matter_type, items, facts)
    return Guide(
        code=matter_type.code,
        version=matter_type.version,
        names=matter_type.names,
        lead_department=catalogue.department_names(matter_type.lead_department),
        lead_level=matter_type.lead_level,
        valid_from=matter_type.valid_from,
        valid_until=matter_type.valid_until,
        is_illustrative=matter_type.illustrative,
        evidence=_evidence(matter_type),
        answers=_answers(matter_type, facts),
        questions=_questions(matter_type, facts),
        stages=tuple(
            tuple(_step(catalogue, matter_type, by_id[item_id], items, graph, item_id in certain) for item_id in stage)
            for stage in stages(graph)
        ),
        brought=brought,
        held=held,
        handling=handling_of(matter_type, facts),
        promised=_duration(
            items,
            graph,
            certain,
            {item.item_id: item.legal_days if item.promised_days is None else item.promised_days for item in items},
        ),
        legal=_duration(items, graph, certain, {item.item_id: item.legal_days for item in items}),
    )


def _certainty(matter_type: MatterType, item: ItemType, facts: Facts) -> bool | None:
    """Return True when an item applies whatever else is answered, False when it may, None when it cannot."""
    try:
        outcomes = {applies[0] for _, applies in applying(matter_type, [item.item_id], facts)}
    except TooManySituations:
        return False
    if True not in outcomes:
        return None
    return outcomes == {True}


def _step(
    catalogue: Catalogue,
    matter_type: MatterType,
    item: ItemType,
    items: tuple[ItemType, ...],
    graph: Graph,
    is_certain: bool,
) -> Step:
    def shares(group: str | None, other: str | None) -> bool:
        return group is not None and group == other

    others = [one for one in items if one is not item]
    listing = next((fact.names for fact in matter_type.facts if fact.key == item.for_each), None)
    return Step(
        item_id=item.item_id,
        names=item.names,
        department=catalogue.department_names(item.department),
        level=item.level,
        case_type=item.case_type,
        is_certain=is_certain,
        is_optional=item.optional,
        when=(item.when.explanation or None) if item.when is not None and not is_certain else None,
        alternatives=tuple(one.item_id for one in others if shares(item.alternative_group, one.alternative_group)),
        each=listing,
        after=graph[item.item_id],
        produces=tuple(catalogue.certificate_names(one) for one in item.produces_certificates),
        legal_days=item.legal_days,
        promised_days=item.promised_days,
        clock_kind=item.clock_kind,
        by_rule=item.rule.explanation if item.rule is not None else None,
        visits_with=tuple(one.item_id for one in others if shares(item.joint_visit_group, one.joint_visit_group)),
        basis=tuple(citation(one, catalogue.laws) for one in item.basis),
        code=item.code,
        online_depth=item.online_depth,
        fee=item.fee,
        routing=item.routing,
        asked=asked_of(catalogue, item),
        has_pledge=item.pledge,
        ends_matter=item.denial == "matter",
        validity_years=item.validity_years,
        supervised_by=catalogue.department_names(item.supervised_by) if item.supervised_by is not None else None,
        evidence={
            group: item.evidence_by_group[group] for group in groups_in_use(item) if group in item.evidence_by_group
        },
    )


def _duration(
    items: tuple[ItemType, ...], graph: Graph, certain: frozenset[str], days: Mapping[str, int | None]
) -> Duration:
    kinds = {item.item_id: item.clock_kind for item in items}
    working: dict[str, int] = {}
    for item_id, count in days.items():
        if count is not None:
            is_calendar = kinds[item_id] == "calendar"
            working[item_id] = -(-count * _WORKING_DAYS_OF_A_WEEK // _DAYS_OF_A_WEEK) if is_calendar else count
    longest = longest_path(graph, working)
    return Duration(
        least_days=longest_path(restricted(graph, certain), working).days,
        most_days=longest.days,
        item_ids=tuple(item_id for item_id in longest.item_ids if working.get(item_id)),
        unknown=tuple(item_id for item_id, count in days.items() if count is None),
        is_converted=any(days[item_id] is not None and kinds[item_id] == "calendar" for item_id in longest.item_ids),
    )


def _answers(matter_type: MatterType, facts: Facts) -> tuple[Answer, ...]:
    return tuple(
        Answer(
            fact.key,
            fact.names,
            _told(facts[fact.key], {value: fact.choice_names.get(value) or same(value) for value in fact.choices}),
        )
        for fact in matter_type.facts
        if fact.key in facts
    )


def _told(value: FactValue, choices: Mapping[str, Names]) -> Names:
    if isinstance(value, bool):
        return YES if value else NO
    if isinstance(value, list):
        return listed(choices.get(one) or same(one) for one in value)
    if isinstance(value, str):
        return choices.get(value) or same(value)
    return same(f"{value:.15g}")


def _questions(matter_type: MatterType, facts: Facts) -> tuple[Question, ...]:
    deciding = {key for rule in rules_of(matter_type) for key in rule.facts}
    deciding.update(item.for_each for item in matter_type.items if item.for_each is not None)
    found: list[Question] = []
    for fact in matter_type.facts:
        when = fact.when
        if fact.key in facts or (when is not None and when.facts <= facts.keys() and not when.holds(facts)):
            continue
        is_open = when is not None and not when.facts <= facts.keys()
        found.append(
            Question(
                key=fact.key,
                names=fact.names,
                kind=fact.kind,
                required=fact.required,
                choices=tuple(fact.choice_names.get(value) or same(value) for value in fact.choices),
                when=(when.explanation or None) if when is not None and is_open else None,
                decides=fact.key in deciding,
            )
        )
    return tuple(found)


def _evidence(matter_type: MatterType) -> Mapping[str, Evidence]:
    """Return the least that any part says of each group of fields."""
    order = ("sourced", "general", "illustrative")
    found: dict[str, Evidence] = {}

    def note(group: str, evidence: Evidence | None) -> None:
        if evidence is not None:
            known = found.get(group)
            if known is None or order.index(known.grade) < order.index(evidence.grade):
                found[group] = evidence

    for group in matter_groups_in_use(matter_type):
        note(group, matter_type.evidence_by_group.get(group))
    for item in matter_type.items:
        for group in groups_in_use(item):
            note(group, item.evidence_by_group.get(group))
    for fact in matter_type.facts:
        note("facts", fact.evidence)
    for material in matter_type.materials:
        note("materials", material.evidence)
    return found
