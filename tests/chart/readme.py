"""Writes charts/onematter/README.md from values.yaml: `python -m tests.chart.readme`.

Rule 1: a comment that begins with "# --" belongs to the value below it; the lines that follow it go on. The
values right below that have none share it.
Rule 2: `# @type TEXT` says what a value is, where its default does not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml
from tests.chart.rendering import CHART, EXAMPLES

_KEY = re.compile(r"(?P<indent> *)(?P<key>[A-Za-z][A-Za-z0-9]*):(?P<rest>.*)")


class Value(NamedTuple):
    """A value of values.yaml that has a comment."""

    path: str
    default: str
    text: str
    is_type: bool


def _at(values: Any, path: list[str]) -> Any:
    for key in path:
        values = values[key]
    return values


def documented(text: str) -> Iterator[Value]:
    """Each value with a comment, in the order of the file."""
    values = yaml.safe_load(text)
    stack: list[tuple[int, str]] = []
    comment: list[str] = []
    kind, of_indent, fresh = "", -1, False
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith("# @type "):
            kind = bare.removeprefix("# @type ")
        elif bare.startswith("# --"):
            comment, fresh = [bare.removeprefix("# --").strip()], True
        elif bare.startswith("#"):
            if fresh:
                comment.append(bare.removeprefix("#").strip())
        elif found := _KEY.fullmatch(line):
            indent = len(found["indent"])
            while stack and stack[-1][0] >= indent:
                stack.pop()
            stack.append((indent, found["key"]))
            section = not found["rest"].strip() and not fresh
            if fresh or (comment and indent == of_indent and not section):
                path = [key for _, key in stack]
                default = kind or json.dumps(_at(values, path), ensure_ascii=False)
                yield Value(".".join(path), default, " ".join(comment), bool(kind))
                of_indent = indent
            elif section or indent < of_indent:
                comment = []
            kind, fresh = "", False
        elif not bare:
            comment = []


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def table(text: str) -> str:
    """The values as a table."""
    rows = ["| value | default | meaning |", "|---|---|---|"]
    for value in documented(text):
        default = value.default if len(value.default) <= 60 else "see values.yaml"
        if default == '""':
            shown = ""
        else:
            shown = default if value.is_type else f"`{default}`"
        rows.append(
            f"| `{value.path}` | {shown.replace('|', chr(92) + '|')} | {value.text.replace('|', chr(92) + '|')} |"
        )
    return "\n".join(rows)


def readme() -> str:
    """The whole README."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    frame = (CHART / "README.md.in").read_text(encoding="utf-8")
    stories = []
    for path in EXAMPLES.values():
        about = []
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.startswith("# "):
                break
            about.append(line.removeprefix("# "))
        stories.append(f"- [`{path.stem}.yaml`](examples/{path.name}): {' '.join(about)}")
    return (
        frame.replace("{{version}}", chart["version"])
        .replace("{{kubernetes}}", chart["kubeVersion"].removeprefix(">=").removesuffix("-0"))
        .replace("{{stories}}", "\n".join(stories))
        .replace("{{values}}", table((CHART / "values.yaml").read_text(encoding="utf-8")))
    )


if __name__ == "__main__":
    (CHART / "README.md").write_text(readme(), encoding="utf-8")
