"""How the sentences of a guide are said in one language."""

from __future__ import annotations

from collections.abc import Sequence

from onematter.law.guide import Guide, Step
from onematter.law.matters import Names
from onematter.law.words import listed

_CHINESE = "zh-CN"


class Speaker:
    """Speaks of `guide` in `language` (zh-CN or en)."""

    def __init__(self, guide: Guide, language: str) -> None:
        self.guide = guide
        self.language = language

    def pick(self, names: Names) -> str:
        """The name in this language."""
        return names[self.language]

    def say(self, chinese: str, english: str) -> str:
        """The one of two texts."""
        return chinese if self.language == _CHINESE else english

    def listed(self, parts: Sequence[Names]) -> str:
        """Names one after the other."""
        return self.pick(listed(parts))

    def ids(self, item_ids: Sequence[str]) -> str:
        """Items by their numbers."""
        return self.say("、", ", ").join(item_ids)

    def in_brackets(self, text: str) -> str:
        """A remark."""
        return self.say(f"（{text}）", f" ({text})")

    def condition(self, when: Names) -> str:
        """In which situation something holds."""
        return self.say(f"适用于：{self.pick(when)}", f"if {self.pick(when)}")

    def mark(self, step: Step, group: str) -> str:
        """What stands behind an illustrative value; empty behind any other."""
        evidence = step.evidence.get(group)
        return (
            self.in_brackets(self.say("示例", "illustrative")) if evidence and evidence.grade == "illustrative" else ""
        )
