"""Rules: one condition on an application's facts, in the Common Expression Language (CEL), compiled once.

Rule 1: a rule sees `facts` alone, each by its name (`facts.height_m`), so that one can tell by reading it
what it asks.
Rule 2: numbers are floats.
Rule 3: a rule says yes, no, or that it cannot tell (`RuleInconclusive`); it has no effect, cannot loop for
ever, and no error of it repeats a value. Facts that may be absent are asked for with `has(facts.height_m)`.
Rule 4: yes to a granting rule grants at once (秒批). No, or cannot tell, leaves the decision to a person: a
rule denies nothing. What it saw and why is told by `onematter.law.rule_reports`, for whoever reads it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any, TypeAlias

# The package's __init__ imports its command line, with prompt_toolkit and pygments: a quarter of a service's start.
sys.modules.setdefault("cel.cli", ModuleType("cel.cli"))

import cel  # noqa: E402

FactValue: TypeAlias = "str | float | bool | list[str]"
Facts: TypeAlias = Mapping[str, FactValue]

MAX_RULE_CHARACTERS = 2_000

_LITERAL = re.compile(r"""\"(?:\\.|[^"\\])*\"|'(?:\\.|[^'\\])*'""")
_FACTS = re.compile(r"(?<![\w.])facts\b")
_FACT_REFERENCE = re.compile(r"(?<![\w.])facts\s*\.\s*([A-Za-z_]\w*)(?!\s*\()")
_GUARD = re.compile(r"\bhas\s*\(\s*facts\s*\.\s*([A-Za-z_]\w*)\s*\)")
_FUNCTIONS = frozenset(
    {"size", "startsWith", "endsWith", "contains", "matches", "int", "double", "string"}
    # What CEL calls its operators and macros by.
    | {"@in", "@not_strictly_false", "-_", "!_", "_[_]", "_?_:_"}
    | {f"_{operator}_" for operator in ("&&", "||", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%")}
)


class RuleError(ValueError):
    """A rule's text that is refused when it is read: `rule` says which rule it breaks, `way_out` what to
    write.
    """

    def __init__(self, rule: str, way_out: str) -> None:
        super().__init__(f"{rule}; {way_out}")
        self.rule = rule
        self.way_out = way_out


class RuleInconclusive(Exception):
    """A rule could not be decided: facts that it names are `absent`, or its evaluation ended in `failure`."""

    def __init__(self, text: str, absent: tuple[str, ...], failure: str) -> None:
        because = f"without facts {', '.join(absent)}" if absent else f"because of {failure}"
        super().__init__(f"rule `{text}` cannot be decided {because}; a person decides")
        self.text = text
        self.absent = absent
        self.failure = failure


class Rule:
    """One compiled CEL expression over `facts`; equal to every other rule of the same text.

    `text` is the expression and `explanation` what it means, by language. `facts` are the facts that it
    names (`keys` the same in order), `guarded` those of them whose presence it asks for. Raises RuleError when
    the text is no such expression.
    """

    __slots__ = ("_program", "explanation", "facts", "guarded", "keys", "text")

    def __init__(self, text: str, explanation: Mapping[str, str] | None = None) -> None:
        if len(text) > MAX_RULE_CHARACTERS:
            raise RuleError(f"a rule of {len(text)} characters", f"say it in at most {MAX_RULE_CHARACTERS} characters")
        try:
            self._program = cel.compile(text)
        except ValueError as error:
            raise RuleError(f"not an expression: {error}", "correct the CEL expression") from error
        unknown = sorted(set(self._program.functions()) - _FUNCTIONS)
        if unknown:
            raise RuleError(
                f"calls unknown function {', '.join(unknown)}",
                f"use operators and {', '.join(sorted(name for name in _FUNCTIONS if name.isalpha()))}",
            )
        bare = _LITERAL.sub("''", text)
        keys = _FACT_REFERENCE.findall(bare)
        if not keys or len(keys) != len(_FACTS.findall(bare)):
            raise RuleError("does not name its facts", "write each fact as facts.KEY, as in facts.amount <= 1000.0")
        self.text = text
        self.explanation: Mapping[str, str] = dict(explanation or {})
        self.facts = frozenset(keys)
        self.guarded = frozenset(_GUARD.findall(bare))
        self.keys = tuple(sorted(self.facts))

    def decide(self, facts: Facts) -> bool:
        """Return whether the condition holds. Raises RuleInconclusive when a fact is absent or the evaluation
        fails.
        """
        given: dict[str, Any] = {}
        try:
            for key in self.keys:
                if key in facts:
                    value = facts[key]
                    given[key] = float(value) if type(value) is int else value
            answer = self._program.execute({"facts": given})
        except Exception as error:
            failure = type(error).__name__
        else:
            if answer is True or answer is False:
                return answer
            failure = f"an answer of type {type(answer).__name__}"
        # Outside the handler: CEL's own message may repeat a value, and must not hang on as context.
        absent = tuple(key for key in self.keys if key not in facts and key not in self.guarded)
        raise RuleInconclusive(self.text, absent, failure)

    def holds(self, facts: Facts) -> bool:
        """Return True when the condition certainly holds; False when it does not or cannot be decided."""
        try:
            return self.decide(facts)
        except RuleInconclusive:
            return False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rule) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Rule({self.text!r})"
