"""What is wrong in a document, told with its place, the broken rule and the way out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """What is wrong in a document: `path` as `items[2].depends_on`, the broken rule, and what to write
    instead.
    """

    path: str
    rule: str
    way_out: str

    def __str__(self) -> str:
        return f"{self.path}: {self.rule}; {self.way_out}"


class DocumentRefused(ValueError):
    """A document with problems, all of them."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
