"""What a rule saw and why it said what it said (智能审批, 秒批): for the event, and for whoever reads it.

Rule 1: a report is about the facts that the rule names, and no others.
Rule 2: each condition is decided by CEL itself, alone, so that what is told never differs from what decided.
Rule 3: a report is made where a person will read it. Deciding needs none: `Rule.holds` stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from onematter.law.matters import FactSpec, Names
from onematter.law.rule_parts import Condition, FactName, Group, Operand, Part, parts_of
from onematter.law.rules import Facts, Rule, RuleError, RuleInconclusive
from onematter.law.words import NO, YES, fact_text, listed, names, same

Verdict = Literal["holds", "does_not_hold", "cannot_tell"]


class RuleVerdict(NamedTuple):
    """What a rule said. `used` are the facts that it named and that were given, as a person reads them, by key;
    `missing` those without which it cannot tell. `explanation` has one line for each condition.
    """

    verdict: Verdict
    used: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    explanation: tuple[Names, ...]


def report(rule: Rule, facts: Facts, questions: Sequence[FactSpec] | None = None) -> RuleVerdict:
    """Return what a rule says of `facts`, and what it saw.

    With the matter's `questions` it is explained too, condition by condition; without them that costs nothing.
    """
    missing: tuple[str, ...] = ()
    verdict: Verdict
    try:
        verdict = "holds" if rule.decide(facts) else "does_not_hold"
    except RuleInconclusive as inconclusive:
        verdict, missing = "cannot_tell", inconclusive.absent
    return RuleVerdict(verdict, used(rule, facts), missing, explain(rule, facts, questions) if questions else ())


def used(rule: Rule, facts: Facts) -> tuple[tuple[str, str], ...]:
    """Return the facts that a rule names and that were given, with their values as a person reads them, by key."""
    return tuple((key, fact_text(facts[key])) for key in rule.keys if key in facts)


def explain(rule: Rule, facts: Facts, questions: Sequence[FactSpec] = ()) -> tuple[Names, ...]:
    """Return a line for each condition of a rule: what has to be, what is, and whether it is met.

    Lines over several conditions say whether all are needed or one is enough; what they are over is indented by two
    spaces.
    """
    told = _Told(facts, {one.key: one for one in questions})
    return tuple(told.lines(_parts(rule.text)))


@lru_cache(maxsize=1_024)
def _parts(text: str) -> Part:
    return parts_of(text)


@lru_cache(maxsize=4_096)
def _alone(text: str) -> Rule | None:
    """Return one condition as a rule of its own; None for one that names no fact."""
    try:
        return Rule(text)
    except RuleError:
        return None


_GROUPS: Mapping[bool, Names] = {
    True: names("以下各项须全部符合：", "all of these have to be met:"),
    False: names("以下各项符合其一即可：", "one of these is enough:"),
}
_OUTCOMES: Mapping[bool | None, Names] = {
    True: names("符合", "met"),
    False: names("不符合", "not met"),
    None: names("无法判断", "cannot be told"),
}


class _Told:
    """Says the conditions of a rule with the facts of one situation."""

    def __init__(self, facts: Facts, questions: Mapping[str, FactSpec]) -> None:
        self.facts = facts
        self.questions = questions

    def lines(self, part: Part, depth: int = 0) -> Iterator[Names]:
        indent = "  " * depth
        if isinstance(part, Group):
            head = _GROUPS[part.needs_all]
            yield names(indent + head["zh-CN"], indent + head["en"])
            for one in part.parts:
                yield from self.lines(one, depth + 1)
        else:
            line = self._condition(part)
            yield names(indent + line["zh-CN"], indent + line["en"])

    def _condition(self, condition: Condition) -> Names:
        outcome = _OUTCOMES[self._outcome(condition)]
        if condition.relation == "other":
            told = f"`{condition.text}`"
            wanted = (
                names(f"{told} 须不成立", f"{told} must not hold")
                if condition.is_negated
                else names(f"{told} 须成立", f"{told} has to hold")
            )
            return names(f"{wanted['zh-CN']}：{outcome['zh-CN']}", f"{wanted['en']}: {outcome['en']}")
        question = self.questions.get(condition.key)
        called = question.names if question is not None else same(condition.key)
        wanted, given = self._wanted(condition), self._given(condition.key)
        return names(
            f"{called['zh-CN']}：要求{wanted['zh-CN']}，{given['zh-CN']}，{outcome['zh-CN']}",
            f"{called['en']}: has to be {wanted['en']}, {given['en']}: {outcome['en']}",
        )

    def _outcome(self, condition: Condition) -> bool | None:
        rule = _alone(condition.text)
        if rule is None:
            return None
        try:
            return rule.decide(self.facts) is not condition.is_negated
        except RuleInconclusive:
            return None

    def _given(self, key: str) -> Names:
        if key not in self.facts:
            return names("未提供", "is not given")
        value = self.facts[key]
        if isinstance(value, bool):
            told = YES if value else NO
        elif isinstance(value, list):
            told = listed(self._value(key, one) for one in value)
        else:
            told = self._value(key, value)
        return names(f"实际为{_spaced(told['zh-CN'])}", f"is {told['en']}")

    def _wanted(self, condition: Condition) -> Names:
        key, operand = condition.key, condition.operand
        if operand is None:
            return {
                "is": names("为是", "yes"),
                "is not": names("为否", "no"),
                "has": names("已提供", "given"),
                "has not": names("未提供", "left out"),
            }[condition.relation]
        told = self._operand(key, operand)
        chinese, english = _spaced(told["zh-CN"]), told["en"]
        return {
            "<": names(f"低于{chinese}", f"below {english}"),
            "<=": names(f"不高于{chinese}", f"at most {english}"),
            ">": names(f"高于{chinese}", f"above {english}"),
            ">=": names(f"不低于{chinese}", f"at least {english}"),
            "==": names(f"为{chinese}", english),
            "!=": names(f"不为{chinese}", f"other than {english}"),
            "in": names(f"属于{chinese}", f"one of {english}"),
            "not in": names(f"不属于{chinese}", f"none of {english}"),
            "has": names(f"包括{chinese}", f"with {english} among them"),
            "has not": names(f"不包括{chinese}", f"without {english}"),
        }[condition.relation]

    def _operand(self, key: str, operand: Operand) -> Names:
        if isinstance(operand, FactName):
            question = self.questions.get(operand.key)
            return question.names if question is not None else same(operand.key)
        if isinstance(operand, tuple):
            return listed(self._value(key, one) for one in operand)
        if isinstance(operand, bool):
            return YES if operand else NO
        return self._value(key, operand)

    def _value(self, key: str, value: object) -> Names:
        question = self.questions.get(key)
        if question is not None and isinstance(value, str) and value in question.choice_names:
            return question.choice_names[value]
        return same(fact_text(value))


def _spaced(text: str) -> str:
    """Set a figure or a Latin word off from the Chinese before it."""
    return f" {text}" if text[:1].isascii() else text
