"""Which events may happen to a matter and to a task in which status, and which of these the stories reach.

The two tables are written by hand, from the law and the contracts, and not from the cores: `event: {before: after}`, of
`after` each status that it may lead to. A refusal changes nothing, in whatever status it comes, and has no line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.stories import paths_acceptance, paths_promises, paths_results, paths_sharing, paths_tasks, paths_years  # noqa: F401
from tests.stories.folding import Transition, folded
from tests.stories.officials import granted
from tests.stories.paths import STORIES, told

REPORT = Path(__file__).parents[2] / "build" / "coverage-states.txt"
# Of the catalogue's matters these have what the small catalogue lacks: items that a rule grants.
BY_RULE = ("OM-17", "OM-90")

_RUNNING = {"RUNNING": "RUNNING"}
_ENDING = {"WITHDRAWING": "WITHDRAWING", "VOIDING": "VOIDING"}
_DONE = {"COMPLETED": "COMPLETED"}

MATTER: Mapping[str, Mapping[str, str]] = {
    "matter_received": {"UNSPECIFIED": "RECEIVED"},
    # A clerk may take a correction back by accepting what there is.
    "matter_accepted": {"UNSPECIFIED": "RUNNING", "RECEIVED": "RUNNING", "CORRECTION": "RUNNING"},
    "correction_asked": {"RECEIVED": "CORRECTION", **_RUNNING},
    "materials_supplied": {"RECEIVED": "RECEIVED", "CORRECTION": "RECEIVED CORRECTION", **_RUNNING},
    "acceptance_refused": {"RECEIVED": "COMPLETED", "CORRECTION": "COMPLETED"},
    "item_opened": {**_RUNNING, **_ENDING},
    "item_concluded": {**_RUNNING, **_ENDING},
    "item_clock_changed": _RUNNING,
    "item_transferred": _RUNNING,
    "item_visited": _RUNNING,
    "item_revoked": {**_RUNNING, **_DONE},
    "materials_resolved": _RUNNING,
    "sharing_failed": _RUNNING,
    "visit_recorded": {
        "RECEIVED": "RECEIVED", "CORRECTION": "CORRECTION", **_RUNNING, **_ENDING, **_DONE,
    },
    "matter_extended": _RUNNING,
    "matter_deadlines_recomputed": {"RECEIVED": "RECEIVED", **_RUNNING},
    "matter_warned": _RUNNING,
    "matter_overdue": _RUNNING,
    "matter_withdrawn": {"RUNNING": "WITHDRAWING"},
    "matter_voided": {"RUNNING": "VOIDING"},
    # Before acceptance nothing is to be called back: withdrawn or voided, it ends at once.
    "matter_completed": dict.fromkeys(("RECEIVED", "CORRECTION", "RUNNING", "WITHDRAWING", "VOIDING"), "COMPLETED"),
    "matter_delivered": _DONE,
    "delivery_overdue": _DONE,
}  # fmt: skip

_WAITING = {"OPEN": "OPEN", "CLAIMED": "CLAIMED"}
_BEFORE_THE_END = {**_WAITING, "SUSPENDED": "SUSPENDED"}

TASK: Mapping[str, Mapping[str, str]] = {
    "task_opened": {"UNSPECIFIED": "OPEN"},
    # A claim says nothing about the clocks: what stands still stands still.
    "task_claimed": {"OPEN": "CLAIMED", "SUSPENDED": "SUSPENDED"},
    "task_released": {"CLAIMED": "OPEN", "SUSPENDED": "SUSPENDED"},
    "task_transferred": {"OPEN": "OPEN", "CLAIMED": "OPEN", "SUSPENDED": "SUSPENDED"},
    "task_decided": {"UNSPECIFIED": "DECIDED", "OPEN": "DECIDED", "CLAIMED": "DECIDED"},
    "task_recalled": {"OPEN": "RECALLED", "CLAIMED": "RECALLED", "SUSPENDED": "RECALLED"},
    "correction_requested": {"OPEN": "SUSPENDED", "CLAIMED": "SUSPENDED"},
    "task_supplied": {**_WAITING, "SUSPENDED": "SUSPENDED OPEN CLAIMED"},
    # The law sets the applicant no time; who asked may ask no more.
    "correction_lifted": {"SUSPENDED": "OPEN CLAIMED"},
    "special_procedure_begun": {"OPEN": "SUSPENDED", "CLAIMED": "SUSPENDED"},
    "special_procedure_ended": {"SUSPENDED": "OPEN CLAIMED"},
    "task_extended": _BEFORE_THE_END,
    "deadlines_recomputed": _BEFORE_THE_END,
    "task_warned": _WAITING,
    "task_overdue": _WAITING,
    "supplement_overdue": _BEFORE_THE_END,
    "unshared_noted": _BEFORE_THE_END,
    "opinions_asked": _WAITING,
    "opinion_given": _BEFORE_THE_END,
    "opinions_overdue": _BEFORE_THE_END,
    "site_visited": _BEFORE_THE_END,
    "pledge_verified": {"DECIDED": "DECIDED REVOKED"},
}

_MATTER_COLUMNS = ("UNSPECIFIED", "RECEIVED", "CORRECTION", "RUNNING", "WITHDRAWING", "VOIDING", "COMPLETED")
_TASK_COLUMNS = ("UNSPECIFIED", "OPEN", "CLAIMED", "SUSPENDED", "DECIDED", "RECALLED", "REVOKED")


class Lawful(NamedTuple):
    """A transition that may be."""

    of_task: bool
    before: str
    event: str
    after: str

    def __str__(self) -> str:
        return f"{'task' if self.of_task else 'matter'} {self.before} {self.event} {self.after}"


class Reached(NamedTuple):
    """What the stories reach, and the stories that could not be told, with what they threw."""

    counts: Counter[Lawful]
    broken: Mapping[str, str]


def lawful() -> tuple[Lawful, ...]:
    """Every transition of both tables."""
    return tuple(
        Lawful(of_task, before, event, after)
        for of_task, table in ((False, MATTER), (True, TASK))
        for event, states in table.items()
        for before, ends in states.items()
        for after in ends.split()
    )


@cache
def reached() -> Reached:
    """Tell every story, or take it as it was told, and count its transitions."""
    counts: Counter[Lawful] = Counter()
    broken: dict[str, str] = {}
    for name in (*STORIES, *BY_RULE):
        try:
            world, matter_id = granted(name) if name in BY_RULE else told(name)
            found: list[Transition] = folded(world, matter_id)[2]
        except (Exception, pytest.fail.Exception) as error:
            # Its own test tells why; here the others count all the same.
            broken[name] = f"{type(error).__name__}: {error}"
            continue
        counts.update(
            Lawful(one.of_task, one.before, one.event, one.after) for one in found if one.event != "command_refused"
        )
    return Reached(counts, broken)


def report() -> str:
    """Both tables: how often each lawful transition was reached, 0 where it never was, nothing where none may be."""
    counts, broken = reached()
    lines = ["Events of matters and tasks by the status before them: how often the stories reach each."]
    for of_task, table, columns in ((False, MATTER, _MATTER_COLUMNS), (True, TASK, _TASK_COLUMNS)):
        lines += ["", f"{'task' if of_task else 'matter':<24}" + "".join(f"{one:>13}" for one in columns)]
        for event, states in table.items():
            cells = (_cell(counts, of_task, before, event, states.get(before, "")) for before in columns)
            lines.append(f"{event:<24}" + "".join(f"{cell:>13}" for cell in cells))
    everything = lawful()
    hit = sum(bool(counts[one]) for one in everything)
    lines += ["", f"{hit} of {len(everything)} lawful transitions reached by {len(STORIES) + len(BY_RULE)} stories."]
    lines += [f"never reached: {one}" for one in everything if not counts[one]]
    lines += [f"not lawful: {one}" for one in sorted(counts) if one not in everything]
    lines += [f"story {name} could not be told: {why.splitlines()[0][:150]}" for name, why in sorted(broken.items())]
    return "\n".join(lines) + "\n"


def _cell(counts: Counter[Lawful], of_task: bool, before: str, event: str, ends: str) -> str:
    """Counts, one for each status that the event may lead to."""
    return "/".join(str(counts[Lawful(of_task, before, event, after)]) for after in ends.split())
