"""Try the situations of a matter: every combination of answers that could make a difference to a rule.

Rule 1: a question is tried with values from both sides of every limit that a rule compares it with: each flag
both ways, each choice, the numbers in the rules and those beside them, the texts in them and another one.
Rule 2: that is exact for rules that compare; a rule that computes or calls functions `is_open`: what was not
found by trying may still exist.
Rule 3: a question that its own situation leaves out has no answer, and one that may be left out is tried so too.
Rule 4: the number of situations is bounded; what has more is told to have too many, never judged by a part.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import combinations, pairwise

from onematter.law.matters import FactSpec, MatterType
from onematter.law.planning import alternatives, applicable
from onematter.law.rules import Facts, FactValue, Rule

MAX_SITUATIONS = 20_000

_LITERAL = re.compile(r"""\"(?:\\.|[^"\\])*\"|'(?:\\.|[^'\\])*'""")
_NUMBER = re.compile(r"(?<![\w.])[0-9]+(?:\.[0-9]+)?")
_COMPARISON = re.compile(
    r"\bfacts\.(?P<key>\w+)\s*[<>=!]=?\s*(?P<limit>-?[0-9]+(?:\.[0-9]+)?)"
    r"|(?<![\w.])(?P<first>-?[0-9]+(?:\.[0-9]+)?)\s*[<>=!]=?\s*facts\.(?P<after>\w+)"
)
_COMPUTES = re.compile(
    r"[+*/%]|(?<=[\w)])\s*-|\b(?:startsWith|endsWith|contains|matches|size|int|double|string|all|exists)\b"
)
# With more choices than this, a list is tried with each of them, with all, and with none.
_MAX_SUBSET_CHOICES = 5
_ANOTHER_TEXT = "another"


class TooManySituations(Exception):
    """A rule depends on more answers than can be tried."""


def is_open(rule: Rule) -> bool:
    """Whether a rule can hold in situations that `situations` does not try."""
    return _COMPUTES.search(_LITERAL.sub("''", rule.text)) is not None


def rules_of(matter_type: MatterType) -> tuple[Rule, ...]:
    """Return every rule of a type that chooses: of questions, items and materials."""
    found = (
        *(fact.when for fact in matter_type.facts),
        *(item.when for item in matter_type.items),
        *(material.when for material in matter_type.materials),
    )
    return tuple(rule for rule in found if rule is not None)


def questions_behind(matter_type: MatterType, item_ids: Collection[str]) -> frozenset[str]:
    """Return the questions whose answers say whether each of these items applies, its alternatives' included."""
    indices = {index for index, item in enumerate(matter_type.items) if item.item_id in item_ids}
    for group in alternatives(matter_type):
        if not indices.isdisjoint(group):
            indices.update(group)
    keys: set[str] = set()
    for index in indices:
        item = matter_type.items[index]
        keys.update(item.when.facts if item.when is not None else ())
        keys.update((item.for_each,) if item.for_each is not None else ())
    return frozenset(keys)


def situations(
    matter_type: MatterType, keys: Iterable[str], given: Facts | None = None, beside: Sequence[Rule] = ()
) -> Iterator[dict[str, FactValue]]:
    """Yield the combinations of answers to the questions `keys`, and to those that decide whether they are asked.

    `given` answers stay as they are. `beside` are rules that choose nothing, and whose limits are tried too. Raises
    TooManySituations before the first, when there are more than 20,000.
    """
    given = given or {}
    behind = _closure(matter_type, keys)
    questions = [fact for fact in matter_type.facts if fact.key in behind]
    rules = (*rules_of(matter_type), *beside)
    values = {fact.key: (given[fact.key],) if fact.key in given else _values(fact, rules) for fact in questions}
    total = 1
    for fact in questions:
        total *= len(values[fact.key]) + (fact.when is None and not fact.required and fact.key not in given)
    if total > MAX_SITUATIONS:
        raise TooManySituations
    return _answered(questions, values, given, 0, {})


def applying(
    matter_type: MatterType, item_ids: Sequence[str], given: Facts | None = None
) -> Iterator[tuple[dict[str, FactValue], tuple[bool, ...]]]:
    """Yield each situation that matters to these items, with whether each of them applies in it.

    Raises TooManySituations.
    """
    positions = {item.item_id: index for index, item in enumerate(matter_type.items)}
    for facts in situations(matter_type, questions_behind(matter_type, item_ids), given):
        applies = applicable(matter_type, facts)
        yield facts, tuple(applies[positions[item_id]] for item_id in item_ids)


def _answered(
    questions: Sequence[FactSpec],
    values: dict[str, tuple[FactValue, ...]],
    given: Facts,
    index: int,
    facts: dict[str, FactValue],
) -> Iterator[dict[str, FactValue]]:
    if index == len(questions):
        yield dict(facts)
        return
    question = questions[index]
    is_asked = question.when is None or question.when.holds(facts)
    if not is_asked or (not question.required and question.key not in given):
        yield from _answered(questions, values, given, index + 1, facts)
    if is_asked:
        for value in values[question.key]:
            facts[question.key] = value
            yield from _answered(questions, values, given, index + 1, facts)
        del facts[question.key]


def _closure(matter_type: MatterType, keys: Iterable[str]) -> frozenset[str]:
    found = set(keys)
    for fact in reversed(matter_type.facts):
        if fact.key in found and fact.when is not None:
            found.update(fact.when.facts)
    return frozenset(found)


def _values(fact: FactSpec, rules: Sequence[Rule]) -> tuple[FactValue, ...]:
    naming = [rule for rule in rules if fact.key in rule.facts]
    match fact.kind:
        case "flag":
            return (True, False)
        case "number":
            return _numbers(fact, naming)
        case "text":
            return fact.choices or (*_texts(naming), _ANOTHER_TEXT)
        case "list":
            return tuple(list(one) for one in _lists(fact.choices or (*_texts(naming), _ANOTHER_TEXT)))


def _numbers(fact: FactSpec, naming: Sequence[Rule]) -> tuple[float, ...]:
    limits = sorted({limit for rule in naming for limit in _limits(fact.key, rule.text)}) or [1.0]
    between = [(low + high) / 2 for low, high in pairwise(limits)]
    tried = {limits[0] - 1, *limits, *between, limits[-1] + 1}
    return tuple(sorted(value for value in tried if fact.minimum is None or value >= fact.minimum))


def _limits(key: str, text: str) -> set[float]:
    """Return the numbers that a rule compares a question with; all of its numbers, where it does more than that."""
    bare = _LITERAL.sub("''", text)
    compared = [
        float(found["limit"] or found["first"])
        for found in _COMPARISON.finditer(bare)
        if key in (found["key"], found["after"])
    ]
    mentions = len(re.findall(rf"\bfacts\.{key}\b", bare)) - len(re.findall(rf"\bhas\(\s*facts\.{key}\s*\)", bare))
    if len(compared) == mentions:
        return set(compared)
    numbers = {float(number) for number in _NUMBER.findall(bare)}
    return numbers | {-number for number in numbers}


def _texts(naming: Sequence[Rule]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text[1:-1] for rule in naming for text in _LITERAL.findall(rule.text)))


def _lists(values: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if len(values) > _MAX_SUBSET_CHOICES:
        yield from ((value,) for value in values)
        yield values
        return
    for size in range(1, len(values) + 1):
        yield from combinations(values, size)
