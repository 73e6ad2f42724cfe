"""The rules of a catalogue with the examples that stand beside them, run.

Rule 1: an example says of one situation whether the rule grants; cannot tell is no grant, as when it is run.
Rule 2: a rule that contradicts one of its examples is refused when it is read, so in a catalogue that loads all agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

from onematter.law.catalogue import Catalogue
from onematter.law.matters import FactSpec, ItemType, Names, RuleExample
from onematter.law.rule_reports import RuleVerdict, report
from onematter.law.rules import Facts, Rule


class ExampleOutcome(NamedTuple):
    """One example, and what its rule says of it; `agrees` when that is what the example says."""

    example: RuleExample
    verdict: RuleVerdict
    agrees: bool


class CatalogueRule(NamedTuple):
    """One rule of the catalogue: whose it is, its version, and what became of its examples."""

    matter_code: str
    catalogue_version: int
    matter_names: Names
    item_id: str
    item_names: Names
    rule: Rule
    rule_version: int
    outcomes: tuple[ExampleOutcome, ...]


def run_examples(rule: Rule, examples: Sequence[RuleExample], questions: Sequence[FactSpec]) -> list[ExampleOutcome]:
    """Return what `rule` says of each of `examples`, explained with the matter's `questions`."""
    outcomes: list[ExampleOutcome] = []
    for example in examples:
        verdict = report(rule, cast("Facts", example.facts), questions)
        outcomes.append(ExampleOutcome(example, verdict, (verdict.verdict == "holds") == example.grants))
    return outcomes


def rules_of_catalogue(catalogue: Catalogue, matter_code: str | None = None) -> tuple[CatalogueRule, ...]:
    """Return the rules of the newest version of every matter, or of the one with `matter_code`, with their examples
    run. Raises UnknownMatter.
    """
    matter_types = catalogue.latest() if matter_code is None else (catalogue.get(matter_code),)

    def made(item: ItemType, rule: Rule, questions: Sequence[FactSpec]) -> tuple[ExampleOutcome, ...]:
        return tuple(run_examples(rule, item.rule_examples, questions))

    return tuple(
        CatalogueRule(
            one.code,
            one.version,
            one.names,
            item.item_id,
            item.names,
            item.rule,
            item.rule_version,
            made(item, item.rule, one.facts),
        )
        for one in matter_types
        for item in one.items
        if item.rule is not None
    )
