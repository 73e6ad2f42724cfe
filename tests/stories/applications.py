"""A lawful application, made from the catalogue alone: answers to its questions, and materials that it asks."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cache

from onematter.common.v1.application_pb2 import (
    Application,
    IdentifierKind,
    Material,
    PartyDetails,
    PartyRole,
    PersonalData,
)
from onematter.law.checking import check
from onematter.law.matters import FactSpec, MaterialSpec, MatterType
from onematter.law.needs import Source, needed
from onematter.law.planning import plan
from onematter.law.rules import FactValue
from onematter.law.situations import TooManySituations, situations

DIVISION = "330106"
SIZE_BYTES = 4_096
# What a question with a pattern may ask for: divisions, days, years, and what has the form of a number.
_TEXTS = ("330106", "330100", "330000", "320000", "2026-01-15", "2026", "13800000000", "A1", "示例")
_ANOTHER = "another"


@cache
def facts_for(matter_type: MatterType) -> Mapping[str, FactValue]:
    """Return right answers that plan as many items as one question after the other can bring about.

    Of answers that plan the same the first is kept, of numbers the largest, so that conditions that must hold together
    come to hold, and the same catalogue gives the same answers.
    """
    facts: dict[str, FactValue] = {}
    # Twice: a later answer may make an earlier one plan more.
    for _ in range(2):
        for spec in matter_type.facts:
            best: tuple[tuple[bool, int], dict[str, FactValue]] | None = None
            for value in (facts.get(spec.key), *_values(matter_type, spec)):
                tried = {key: one for key, one in facts.items() if key != spec.key}
                if value is not None:
                    tried[spec.key] = value
                score = _score(matter_type, spec, tried)
                if best is None or score > best[0]:
                    best = score, tried
            assert best is not None
            facts = best[1]
    wrong = [one for one in check(matter_type, facts, ()) if one.reason != "MATERIAL_MISSING"]
    assert not wrong, f"{matter_type.code}: no right answers were found: {wrong}"
    return {spec.key: facts[spec.key] for spec in matter_type.facts if spec.key in facts}


def _score(matter_type: MatterType, spec: FactSpec, facts: Mapping[str, FactValue]) -> tuple[bool, int]:
    field = f"application.facts[{spec.key}]"
    wrong = any(one.field.startswith(field) for one in check(matter_type, facts, ()))
    try:
        return not wrong, len(plan(matter_type, DIVISION, facts))
    except ValueError:
        return not wrong, 0


def _values(matter_type: MatterType, spec: FactSpec) -> list[FactValue | None]:
    if spec.pattern is not None:
        fitting = [text for text in _TEXTS if re.fullmatch(spec.pattern, text)]
        assert fitting, f"{matter_type.code}: no text is known here that fits {spec.pattern}"
        return [fitting[0] if spec.kind == "text" else fitting[-1:], None]
    try:
        tried = [one[spec.key] for one in situations(matter_type, [spec.key]) if spec.key in one]
    except TooManySituations:
        tried = []
    values: list[FactValue | None] = []
    for value in tried:
        if value == _ANOTHER and not spec.choices:
            value = "示例"
        if value not in values:
            values.append(value)
    if spec.kind == "number":
        values.sort(key=lambda value: -value if isinstance(value, float) else 0.0)
    return [*values, None]


def application_for(
    matter_type: MatterType,
    facts: Mapping[str, FactValue] | None = None,
    *,
    without: tuple[str, ...] = (),
) -> Application:
    """Return the application of a situation, that of `facts_for` when none is given, with all it is asked for but
    what it is to be `without`. What may follow later (容缺) is handed in at once.
    """
    answers = facts_for(matter_type) if facts is None else facts
    application = Application()
    for key, value in answers.items():
        fact = application.facts[key]
        if isinstance(value, bool):
            fact.flag = value
        elif isinstance(value, str):
            fact.text = value
        elif isinstance(value, list):
            fact.list.values.extend(value)
        else:
            fact.number = value
    for need in needed(matter_type, answers):
        wanted: tuple[Source, ...] = ("asked", "later")
        if need.source in wanted and need.material.material_id not in without:
            application.materials.append(material(need.material))
    application.parties.add(party_id="p1", role=PartyRole.PARTY_ROLE_APPLICANT)
    details = PartyDetails(
        party_id="p1", name="某甲", identifier_kind=IdentifierKind.IDENTIFIER_KIND_ID_CARD,
        identifier="330106199003071236", mobile="13800000000",
    )  # fmt: skip
    application.personal_data.plain = PersonalData(parties=[details]).SerializeToString()
    return application


def material(spec: MaterialSpec, content: str = "") -> Material:
    """Return a material of the kind that is asked, by the digest of some content."""
    return Material(
        material_id=spec.material_id,
        digest=hashlib.sha256(f"{spec.material_id}{content}".encode()).digest(),
        size_bytes=min(SIZE_BYTES, spec.max_bytes),
        media_type=spec.media_types[0] if spec.media_types else "application/pdf",
        trust_class=f"TRUST_CLASS_{spec.trust_class}",
    )


def material_of(matter_type: MatterType, material_id: str, content: str = "") -> Material:
    """Return a material of a matter by its id."""
    return material(next(one for one in matter_type.materials if one.material_id == material_id), content)
