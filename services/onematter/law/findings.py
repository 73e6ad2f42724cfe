"""What a lint finds: a place, the broken rule and the way out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from onematter.law.matters import MatterType

# An error would do an applicant wrong or leave a matter without an end; a warning leaves guide or office poorer.
Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """One broken rule. `place` is matter, version and path; `code` names the rule for machines."""

    severity: Severity
    place: str
    code: str
    rule: str
    way_out: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.place}: {self.rule}; {self.way_out} [{self.code}]"


class Findings:
    """Collects the findings of one matter in one version."""

    def __init__(self, matter_type: MatterType) -> None:
        self._where = f"{matter_type.code} v{matter_type.version}"
        self._found: list[Finding] = []

    def error(self, path: str, code: str, rule: str, way_out: str) -> None:
        """Note an error."""
        self._found.append(Finding("error", f"{self._where} {path}", code, rule, way_out))

    def warning(self, path: str, code: str, rule: str, way_out: str) -> None:
        """Note a warning."""
        self._found.append(Finding("warning", f"{self._where} {path}", code, rule, way_out))

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._found)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings by severity, errors first, and then by place."""
    return tuple(sorted(findings, key=lambda one: (one.severity, one.place, one.code)))
