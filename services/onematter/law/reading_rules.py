"""The rules in a catalogue document: compiled, tried once, and checked to be decidable in every situation.

Rule 1: a rule that could never be decided is refused when it is read, not when a citizen hands in.
Rule 2: what chooses items, materials or questions may not depend on an answer that nobody has to give.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from onematter.law.matters import FactSpec
from onematter.law.problems import Problem
from onematter.law.rules import FactValue, Rule, RuleError, RuleInconclusive


def read_rule(
    text: str,
    explanation: Mapping[str, str] | None,
    path: str,
    facts: Sequence[FactSpec],
    problems: list[Problem],
) -> Rule | None:
    """Compile a rule, and try it on made-up facts: one that fails on facts of the right kinds would never
    decide.
    """
    try:
        rule = Rule(text, explanation)
    except RuleError as error:
        problems.append(Problem(path, error.rule, error.way_out))
        return None
    unknown = sorted(rule.facts - {fact.key for fact in facts})
    if unknown:
        problems.append(
            Problem(
                path,
                f"names unknown fact {', '.join(unknown)}",
                "ask the fact under facts (before this question, if it is one), or correct its name",
            )
        )
        return None
    try:
        rule.decide({fact.key: _sample(fact) for fact in facts})
    except RuleInconclusive as error:
        problems.append(
            Problem(
                path,
                f"cannot be decided even when every fact is given ({error.failure})",
                "compare numbers with numbers (1000.0) and texts with texts, and let it be true or false",
            )
        )
        return None
    return rule


def read_situation(
    document: Mapping[str, Any] | str | None, path: str, facts: Sequence[FactSpec], problems: list[Problem]
) -> Rule | None:
    """Return the rule of a `when`: a bare rule, or one with its explanation by language.

    An approval must never fall away because nobody asked: the answers that a situation names are required and
    always asked for, or it asks with has() whether they were given.
    """
    if document is None:
        return None
    if isinstance(document, str):
        rule = read_rule(document, None, path, facts, problems)
    else:
        rule = read_rule(document["rule"], document["explanation"], path, facts, problems)
    if rule is None:
        return None
    may_be_absent = {fact.key for fact in facts if not fact.required or fact.when is not None}
    for key in sorted((rule.facts & may_be_absent) - rule.guarded):
        problems.append(
            Problem(
                path,
                f"depends on {key}, which the applicant may leave out",
                f"make {key} required, or write has(facts.{key}) && ...",
            )
        )
    return rule


def _sample(fact: FactSpec) -> FactValue:
    text = fact.choices[0] if fact.choices else "330106"
    match fact.kind:
        case "text":
            return text
        case "number":
            return 1.0
        case "flag":
            return True
        case "list":
            return [text]
