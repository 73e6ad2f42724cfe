"""Says, from the book of the clients, the topics, the databases and the delivered notices, whether all was done once.

It shares nothing with the services but the generated contracts: who writes where is written down here again, and
sequences, digests, leaf counts and roots are worked out by hashlib.

Rule 1: each rule is a function from a Case to findings, with a test that shows that it can fail.
Rule 2: it judges what is at rest; whoever calls it waits for that first (`harness.World.settle`).
Rule 3: a deployment whose database is not in the evidence does not run, and is not judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.faults.auditor import commands, delivered, matters, rest, streams
from tests.faults.auditor.evidence import Case, Entry, Evidence, Finding
from tests.faults.auditor.reading import gather, read_topics

Rule = Callable[[Case], Iterator[Finding]]

RULES: tuple[Rule, ...] = (
    streams.gapless,
    streams.no_strangers,
    streams.one_cause_one_event,
    streams.published,
    streams.taken_in,
    commands.acknowledged,
    commands.one_outcome,
    commands.one_content,
    commands.told_the_same,
    commands.no_troubles,
    commands.dead_letters,
    matters.decided_once,
    matters.ended_once,
    matters.ended_as_told,
    matters.states,
    matters.none_left_open,
    delivered.notices,
    delivered.channel,
    delivered.archived,
    delivered.sealed,
    rest.offsets,
    rest.outbox,
    rest.parked,
    rest.timers,
    rest.operations,
    rest.owners,
)


def audit(evidence: Evidence) -> list[Finding]:
    """Judge by every rule; empty when all is well."""
    case = Case(evidence)
    return [finding for rule in RULES for finding in rule(case)]


__all__ = ["RULES", "Case", "Entry", "Evidence", "Finding", "Rule", "audit", "gather", "read_topics"]
