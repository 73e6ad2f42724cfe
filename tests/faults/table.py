"""What the rounds came to: a table for people, and build/faults.json for machines."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.rounds import Round

from onematter.local import kafka, postgres

HEADINGS = ("fault", "rounds", "blows", "matters", "lost", "twice", "wrong", "pending", "recovery s", "worst s")


@dataclass
class Report:
    """All rounds of a run. `boundaries`: how often each deployment died at each point of its loop."""

    seed: int
    rounds: list[Round] = field(default_factory=list[Round])
    boundaries: Mapping[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    # By the name of the safeguard that was taken out: whether the auditor failed then, and was content with it.
    negative_controls: dict[str, bool] = field(default_factory=dict[str, bool])
    # Findings of the last audit, which reads the topics anew.
    last: Sequence[object] = ()
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether anything at all is wrong."""
        findings = any(one.findings for one in self.rounds) or bool(self.last)
        return findings or not all(self.negative_controls.values())

    def total(self, what: str) -> int:
        """The sum of a number, or the count of a kind of finding, over all rounds."""
        if what in ("lost", "twice", "wrong", "pending"):
            return sum(one.count(what) for one in self.rounds)
        return sum(getattr(one, what) for one in self.rounds)

    def table(self) -> str:
        """A line a fault, and their sum, as Markdown."""
        by_fault: dict[str, list[Round]] = {}
        for one in self.rounds:
            by_fault.setdefault(one.fault, []).append(one)
        lines = [_line(name, played) for name, played in by_fault.items()]
        lines.append(_line("all", self.rounds))
        widths = [max(len(row[n]) for row in (HEADINGS, *lines)) for n in range(len(HEADINGS))]

        def text(row: Sequence[str]) -> str:
            cells = (
                cell.ljust(width) if n == 0 else cell.rjust(width)
                for n, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            return f"| {' | '.join(cells)} |"

        rule = "|".join("-" * (width + 1) + ("-" if n == 0 else ":") for n, width in enumerate(widths))
        told = [text(HEADINGS), f"|{rule}|", *(text(row) for row in lines)]
        skipped = {one.fault: one.skipped for one in self.rounds if one.skipped}
        told += [f"not here: {name}: {reason}" for name, reason in skipped.items()]
        return "\n".join(told)

    def as_json(self) -> dict[str, Any]:
        """The same for machines."""
        faults = Counter(one.fault for one in self.rounds if not one.skipped)
        return {
            "seed": self.seed,
            "seconds": round(self.seconds, 1),
            "rounds": sum(faults.values()),
            "kills": sum(one.kills for one in self.rounds),
            "blows": self.total("blows"),
            "matters": self.total("matters"),
            "lost": self.total("lost"),
            "twice": self.total("twice"),
            "wrong": self.total("wrong"),
            "pending": self.total("pending"),
            "last_audit": [str(one) for one in self.last],
            "faults": [
                {
                    "fault": name,
                    "rounds": count,
                    "blows": sum(one.blows for one in self.rounds if one.fault == name),
                    "matters": sum(one.matters for one in self.rounds if one.fault == name),
                    "recovery_seconds": [
                        round(one.recovery_seconds, 2) for one in self.rounds if one.fault == name and not one.skipped
                    ],
                }
                for name, count in faults.items()
            ],
            "skipped": {one.fault: one.skipped for one in self.rounds if one.skipped},
            "boundaries": {f"{name} {point}": count for (name, point), count in sorted(self.boundaries.items())},
            "negative_controls": self.negative_controls,
            "versions": {
                "onematter": importlib.metadata.version("onematter"),
                "kafka": kafka.KAFKA_VERSION,
                "postgres": postgres.version(),
                "python": platform.python_version(),
            },
        }

    def save(self, file: Path) -> None:
        """Write it as JSON."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(self.as_json(), indent=1, ensure_ascii=False) + "\n")


def _line(name: str, rounds: Sequence[Round]) -> tuple[str, ...]:
    played = [one for one in rounds if not one.skipped]
    recovery = [one.recovery_seconds for one in played if not one.findings]
    kinds = [str(sum(one.count(kind) for one in played)) for kind in ("lost", "twice", "wrong", "pending")]
    return (
        name,
        str(len(played)),
        str(sum(one.blows for one in played)),
        str(sum(one.matters for one in played)),
        *kinds,
        f"{statistics.median(recovery):.1f}" if recovery else "-",
        f"{max(recovery):.1f}" if recovery else "-",
    )
