"""Check an application against its matter's type, and tell everything that is wrong at once (一次性告知,
行政许可法 §32).

Rule 1: what the government already holds, what an item of the same matter makes, or what may follow later
(容缺), is never reported missing.
Rule 2: no violation repeats what was sent, not even a name: an unknown field is told by its position unless
its name is one that the catalogue could hold.
Rule 3: the number of violations told is bounded, since the sender chooses how many he makes.
Rule 4: a question that is not asked in a situation needs no answer, and takes none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

from onematter.law.divisions import Level, ancestor, approval_level, level_of
from onematter.law.matters import ORIGIN_FACT, FactSpec, MaterialSpec, MatterType, Violation
from onematter.law.needs import asked
from onematter.law.planning import applicable, division_violation
from onematter.law.rules import Facts, FactValue

# (material_id, length of the digest in bytes, size in bytes, media type)
SubmittedMaterial: TypeAlias = tuple[str, int, int, str]

DIGEST_BYTES = 32
MAX_TEXT_CHARACTERS = 1_000
MAX_LIST_VALUES = 64
MAX_VIOLATIONS = 100

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_KINDS: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "number": (float, int),
    "flag": (bool,),
    "list": (list,),
}


class _Checker:
    """What can be worked out of a type once."""

    def __init__(self, matter_type: MatterType) -> None:
        self.facts = tuple(
            (spec, f"application.facts[{spec.key}]", re.compile(spec.pattern) if spec.pattern else None)
            for spec in matter_type.facts
        )
        self.keys = frozenset(spec.key for spec in matter_type.facts)
        self.conditional = tuple((spec.key, spec.when) for spec in matter_type.facts if spec.when is not None)
        # A fact that routes an item must name a division of the item's level or below it.
        self.divisions: dict[str, Level] = {}
        for item in matter_type.items:
            if item.for_each:
                self.divisions[item.for_each] = Level.PROVINCE
            elif item.routing in ("origin", "crossed"):
                level = approval_level(item.level)
                self.divisions[ORIGIN_FACT] = max(level, self.divisions.get(ORIGIN_FACT, level))
        self.materials = {spec.material_id: spec for spec in matter_type.materials}


@lru_cache(maxsize=1_024)
def _checker(matter_type: MatterType) -> _Checker:
    return _Checker(matter_type)


def check(matter_type: MatterType, facts: Facts, materials: Sequence[SubmittedMaterial]) -> tuple[Violation, ...]:
    """Return all that is wrong with an application, facts first, each in the catalogue's order; empty when it
    is right.

    Materials of an item are asked for only when the facts given say that the item applies. At most 100 are
    returned.
    Reasons: FACT_MISSING, FACT_MALFORMED, MATERIAL_MISSING, MATERIAL_UNKNOWN, MATERIAL_OVERSIZED,
    MATERIAL_MALFORMED, MATERIAL_DUPLICATE, SITUATION_NOT_APPLICABLE. The parameter `rule` of a malformed fact
    or material says which rule.
    """
    checker = _checker(matter_type)
    violations: list[Violation] = []
    keys = checker.keys
    if checker.conditional:
        keys = keys - {key for key, when in checker.conditional if not when.holds(facts)}
    for spec, field, pattern in checker.facts:
        if spec.key not in keys:
            continue
        value = facts.get(spec.key)
        if value is None or _is_empty(value):
            if spec.required:
                violations.append(Violation(field, "FACT_MISSING", {"kind": spec.kind}))
        else:
            broken = _broken_rule(spec, pattern, value)
            if broken is not None:
                violations.append(Violation(field, "FACT_MALFORMED", broken))
            elif spec.key in checker.divisions:
                violations.extend(_check_divisions(field, value, checker.divisions[spec.key]))
    if not facts.keys() <= keys:
        known = ", ".join(sorted(keys))
        for position, key in enumerate(facts):
            if key not in keys:
                parameters = {"rule": "unknown", "known": known}
                violations.append(
                    Violation(f"application.facts[{_label(key, position)}]", "FACT_MALFORMED", parameters)
                )
    applies = applicable(matter_type, facts)
    if not violations and not any(applies):
        violations.append(Violation("application.facts", "SITUATION_NOT_APPLICABLE", {"matter": matter_type.code}))
    _check_materials(checker, asked(matter_type, applies, facts), materials, violations)
    return tuple(violations[:MAX_VIOLATIONS])


def _is_empty(value: FactValue) -> bool:
    if isinstance(value, str):
        return not value or value.isspace()
    return isinstance(value, list) and not value


def _broken_rule(spec: FactSpec, pattern: re.Pattern[str] | None, value: FactValue) -> dict[str, str] | None:
    """Return the parameters of the rule that a given fact breaks, or None."""
    if not isinstance(value, _KINDS[spec.kind]) or (spec.kind == "number" and isinstance(value, bool)):
        return {"rule": "kind", "expected": spec.kind}
    if isinstance(value, str):
        return _broken_text_rule(spec, pattern, value)
    if isinstance(value, list):
        if len(value) > MAX_LIST_VALUES:
            return {"rule": "length", "limit": str(MAX_LIST_VALUES)}
        if len(set(value)) != len(value):
            return {"rule": "distinct"}
        broken = (_broken_text_rule(spec, pattern, text) for text in value)
        return next((rule for rule in broken if rule is not None), None)
    if spec.kind == "number":
        if not math.isfinite(value):
            return {"rule": "finite"}
        if spec.minimum is not None and value < spec.minimum:
            return {"rule": "minimum", "minimum": f"{spec.minimum:g}"}
    return None


def _broken_text_rule(spec: FactSpec, pattern: re.Pattern[str] | None, text: str) -> dict[str, str] | None:
    if len(text) > MAX_TEXT_CHARACTERS:
        return {"rule": "length", "limit": str(MAX_TEXT_CHARACTERS)}
    if spec.choices and text not in spec.choices:
        return {"rule": "choices", "allowed": ", ".join(spec.choices)}
    if pattern is not None and not pattern.fullmatch(text):
        return {"rule": "pattern", "pattern": pattern.pattern}
    return None


def _check_divisions(field: str, value: FactValue, deepest: Level) -> list[Violation]:
    codes = value if isinstance(value, list) else [str(value)]
    try:
        for code in codes:
            approval_level(level_of(code))
            ancestor(code, deepest)
    except ValueError:
        return [division_violation(field, deepest)]
    return []


def _check_materials(
    checker: _Checker,
    asked_for: Sequence[MaterialSpec],
    materials: Sequence[SubmittedMaterial],
    violations: list[Violation],
) -> None:
    given: set[str] = set()
    repeated: set[str] = set()
    for position, (material_id, digest_bytes, size_bytes, media_type) in enumerate(materials):
        spec = checker.materials.get(material_id)
        if spec is None:
            field = f"application.materials[{_label(material_id, position)}]"
            known = ", ".join(sorted(checker.materials))
            violations.append(Violation(field, "MATERIAL_UNKNOWN", {"known": known}))
        elif material_id in given:
            if material_id not in repeated:
                repeated.add(material_id)
                field = f"application.materials[{material_id}]"
                violations.append(Violation(field, "MATERIAL_DUPLICATE", {}))
        else:
            given.add(material_id)
            if (
                digest_bytes != DIGEST_BYTES
                or not 0 < size_bytes <= spec.max_bytes
                or media_type not in spec.media_types
            ):
                violations.extend(_material_violations(spec, digest_bytes, size_bytes, media_type))
    for spec in asked_for:
        if spec.material_id not in given:
            parameters = {"media_types": ", ".join(spec.media_types), "max_bytes": str(spec.max_bytes)}
            violations.append(Violation(f"application.materials[{spec.material_id}]", "MATERIAL_MISSING", parameters))


def _material_violations(spec: MaterialSpec, digest_bytes: int, size_bytes: int, media_type: str) -> list[Violation]:
    field = f"application.materials[{spec.material_id}]"
    found: list[Violation] = []
    if digest_bytes != DIGEST_BYTES:
        parameters = {"rule": "digest", "digest_bytes": str(DIGEST_BYTES)}
        found.append(Violation(field, "MATERIAL_MALFORMED", parameters))
    if size_bytes <= 0:
        found.append(Violation(field, "MATERIAL_MALFORMED", {"rule": "empty"}))
    if size_bytes > spec.max_bytes:
        found.append(Violation(field, "MATERIAL_OVERSIZED", {"max_bytes": str(spec.max_bytes)}))
    if media_type.lower() not in spec.media_types:
        parameters = {"rule": "media_type", "allowed": ", ".join(spec.media_types)}
        found.append(Violation(field, "MATERIAL_MALFORMED", parameters))
    return found


def _label(name: str, position: int) -> str:
    return name if _NAME.fullmatch(name) else f"#{position}"
