"""The parts of a rule: where its text is split into conditions that are read one by one.

Rule 1: only the structure is read here, `||`, `&&`, `!` and brackets. What a condition says is CEL's to decide.
Rule 2: a negation is carried down to the conditions beneath it, so that each stands as it has to be.
Rule 3: what has another form stays whole, as one condition without a reading: nothing is guessed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, cast

Relation = Literal["<", "<=", ">", ">=", "==", "!=", "in", "not in", "has", "has not", "is", "is not", "other"]

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')"""
    r"""|(?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)"""
    r"""|(?P<name>[A-Za-z_]\w*)"""
    r"""|(?P<sign>&&|\|\||[=!<>]=|[-+*/%<>!?:.,()\[\]{}]))"""
)
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
_BINARY = frozenset({"==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "in"})
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_NEGATED: dict[Relation, Relation] = {
    "<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "==",
    "in": "not in", "not in": "in", "has": "has not", "has not": "has", "is": "is not", "is not": "is",
    "other": "other",
}  # fmt: skip


class Token(NamedTuple):
    """One word of an expression, with its place in the text."""

    text: str
    start: int
    end: int


class FactName(NamedTuple):
    """A fact that another one is compared with."""

    key: str


Operand: TypeAlias = "str | float | bool | FactName | tuple[str | float, ...] | None"


@dataclass(frozen=True)
class Condition:
    """One condition of a rule: `key` stands in `relation` to `operand`.

    `text` is how the rule writes it; with `is_negated` the rule asks that it does not hold, and `relation` says so
    already. Of a condition that is not read (`other`) there is no key.
    """

    text: str
    is_negated: bool
    key: str
    relation: Relation
    operand: Operand


@dataclass(frozen=True)
class Group:
    """Parts of which all have to hold, or one is enough."""

    needs_all: bool
    parts: tuple[Part, ...]


Part: TypeAlias = "Condition | Group"


def parts_of(text: str) -> Part:
    """Return the conditions of a rule's text, which CEL has compiled before."""
    tokens = _tokens(text)
    if tokens is None:
        return Condition(text, False, "", "other", None)
    return _part(text, tokens, False)


def _tokens(text: str) -> list[Token] | None:
    """Return the words of an expression; None where it has one that is not known here."""
    found: list[Token] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            return None
        kind = match.lastgroup or ""
        found.append(Token(match[kind], match.start(kind), match.end(kind)))
        position = match.end()
    return found


def _part(text: str, tokens: Sequence[Token], is_negated: bool) -> Part:
    outside = _outside_brackets(tokens)
    if not any(tokens[index].text == "?" for index in outside):
        for sign, needs_all in (("||", False), ("&&", True)):
            pieces = _split(tokens, outside, sign)
            if len(pieces) > 1:
                parts = tuple(_part(text, piece, is_negated) for piece in pieces)
                return Group(needs_all is not is_negated, parts)
        if tokens[0].text == "!" and not any(tokens[index].text in _BINARY for index in outside):
            return _part(text, tokens[1:], not is_negated)
        if tokens[0].text == "(" and outside == [0, len(tokens) - 1]:
            return _part(text, tokens[1:-1], is_negated)
    return _condition(text[tokens[0].start : tokens[-1].end], tokens, is_negated)


def _outside_brackets(tokens: Sequence[Token]) -> list[int]:
    """Return the positions of the tokens in no bracket, the outermost brackets included."""
    found: list[int] = []
    depth = 0
    for index, token in enumerate(tokens):
        depth -= token.text in _CLOSING
        if depth == 0:
            found.append(index)
        depth += token.text in _OPENING
    return found


def _split(tokens: Sequence[Token], outside: Sequence[int], sign: str) -> list[Sequence[Token]]:
    pieces: list[Sequence[Token]] = []
    begin = 0
    for index in outside:
        if tokens[index].text == sign:
            pieces.append(tokens[begin:index])
            begin = index + 1
    return [*pieces, tokens[begin:]]


def _condition(text: str, tokens: Sequence[Token], is_negated: bool) -> Condition:
    key, relation, operand = _read([token.text for token in tokens])
    return Condition(text, is_negated, key, _NEGATED[relation] if is_negated else relation, operand)


def _read(words: list[str]) -> tuple[str, Relation, Operand]:
    """Return fact, relation and what it is compared with; the relation `other` for what has another form."""
    fact = _fact(words)
    if fact is not None:
        return fact, "is", None
    if words[:2] == ["has", "("] and words[-1] == ")":
        fact = _fact(words[2:-1])
        if fact is not None:
            return fact, "has", None
    for position, word in enumerate(words):
        if word not in _COMPARISONS and word != "in":
            continue
        left, right = words[:position], words[position + 1 :]
        first, second = _fact(left), _fact(right)
        if word == "in":
            listed = _listed(right)
            if first is not None and listed is not None:
                return first, "in", listed
            value = _literal(left)
            if second is not None and isinstance(value, str):
                return second, "has", value
        elif first is not None:
            value = FactName(second) if second is not None else _literal(right)
            if value is not None:
                return first, cast("Relation", word), value
        elif second is not None:
            value = _literal(left)
            if value is not None:
                return second, cast("Relation", _MIRRORED[word]), value
        break
    return "", "other", None


def _fact(words: Sequence[str]) -> str | None:
    return words[2] if len(words) == 3 and tuple(words[:2]) == ("facts", ".") else None


def _literal(words: Sequence[str]) -> str | float | bool | None:
    if len(words) == 2 and words[0] == "-":
        number = _literal(words[1:])
        return -number if isinstance(number, float) else None
    if len(words) != 1:
        return None
    word = words[0]
    if word in ("true", "false"):
        return word == "true"
    if word[0] in "\"'":
        return _string(word)
    return float(word) if word[0].isdigit() else None


def _string(word: str) -> str | None:
    try:
        value = ast.literal_eval(word)
    except (SyntaxError, ValueError):
        return None
    return value if isinstance(value, str) else None


def _listed(words: Sequence[str]) -> tuple[str | float, ...] | None:
    """Return the values of a list of literals."""
    if len(words) < 3 or words[0] != "[" or words[-1] != "]":
        return None
    values = [_literal(words[index : index + 1]) for index in range(1, len(words) - 1, 2)]
    commas = [words[index] for index in range(2, len(words) - 1, 2)]
    if any(value is None or isinstance(value, bool) for value in values) or any(comma != "," for comma in commas):
        return None
    return tuple(cast("list[str | float]", values))
