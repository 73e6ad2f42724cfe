"""What is wrong with how the command was called, said in the language that is asked for.

What click finds by itself, as an unknown option, stays in click's own words.
"""

from __future__ import annotations

import click


class Usage(click.UsageError):
    """A usage error in both languages; `message` is the English one until the command says it."""

    def __init__(self, english: str, chinese: str) -> None:
        super().__init__(english)
        self._texts = {"en": english, "zh-CN": chinese}

    def said(self, language: str) -> str:
        """The text in zh-CN or en."""
        return self._texts.get(language, self._texts["en"])
