"""From the answers that a person types to facts: `key=value` texts, read by the questions of a matter.

Rule 1: every answer that cannot be taken is told at once, with its key, the rule and the way out.
Rule 2: an answer is taken by the same rules as at the hand-in, so that a guide never promises what a hand-in
refuses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onematter.law.checking import check
from onematter.law.matters import FactSpec, MatterType
from onematter.law.problems import DocumentRefused, Problem
from onematter.law.rules import Facts, FactValue

_YES = frozenset({"true", "yes", "y", "1", "是"})
_NO = frozenset({"false", "no", "n", "0", "否"})


def read_answers(matter_type: MatterType, answers: Mapping[str, str]) -> Facts:
    """Return the facts that `answers` give: flags as yes and no, lists with commas between, choices by their
    value or name.

    Raises DocumentRefused with all that cannot be taken.
    """
    specs = {fact.key: fact for fact in matter_type.facts}
    problems: list[Problem] = []
    facts: dict[str, FactValue] = {}
    for key, text in answers.items():
        spec = specs.get(key)
        if spec is None:
            problems.append(Problem(key, "this matter asks no such question", f"use one of {', '.join(specs)}"))
            continue
        value = _value(spec, text)
        if value is None:
            problems.append(Problem(key, f"the answer is no {spec.kind}", _way_out(spec)))
        else:
            facts[key] = value
    if not problems:
        problems.extend(_refused(matter_type, facts))
    if problems:
        raise DocumentRefused(problems)
    return facts


def _refused(matter_type: MatterType, facts: Facts) -> list[Problem]:
    specs = {f"application.facts[{fact.key}]": fact for fact in matter_type.facts}
    problems: list[Problem] = []
    for violation in check(matter_type, facts, ()):
        spec = specs.get(violation.field)
        if spec is None or violation.reason != "FACT_MALFORMED" or spec.key not in facts:
            continue
        if violation.parameters["rule"] == "unknown":
            told = "is not asked in this situation, as far as it is told"
            way_out = "answer the questions before it, or leave it out"
        else:
            told, way_out = f"breaks the rule {violation.parameters['rule']}", _way_out(spec)
        problems.append(Problem(spec.key, told, way_out))
    return problems


def _value(spec: FactSpec, text: str) -> FactValue | None:
    match spec.kind:
        case "flag":
            said = text.strip().lower()
            return True if said in _YES else False if said in _NO else None
        case "number":
            try:
                return float(text)
            except ValueError:
                return None
        case "text":
            return _chosen(spec, text)
        case "list":
            parts = text.replace("，", ",").replace("、", ",").split(",")
            return [_chosen(spec, part.strip()) for part in parts if part.strip()]


def _chosen(spec: FactSpec, text: str) -> str:
    for value, names in spec.choice_names.items():
        if text in names.values():
            return value
    return text


def _way_out(spec: FactSpec) -> str:
    allowed: Sequence[str] = spec.choices
    if allowed:
        return f"use {'some' if spec.kind == 'list' else 'one'} of {', '.join(allowed)}"
    if spec.kind == "flag":
        return "answer true or false"
    if spec.kind == "number":
        least = "" if spec.minimum is None else f" of at least {spec.minimum:g}"
        return f"give a number{least}"
    form = f" that matches {spec.pattern}" if spec.pattern else ""
    return f"give a text{form}" if spec.kind == "text" else f"give texts{form}, with commas between"
