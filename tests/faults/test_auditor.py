"""The auditor is content with what is sound, and each of its rules sees what it is there for."""

from __future__ import annotations

import ast
import random
from pathlib import Path

import pytest
from tests.faults import auditor
from tests.faults.auditor import RULES, Case, Evidence, audit
from tests.faults.auditor.topology import EVENT_TYPES
from tests.faults.conftest import SEED
from tests.faults.harness import World
from tests.faults.rounds import play
from tests.faults.spoiling import again, with_records
from tests.faults.tampering import TAMPERINGS, Tampering

# A story of each kind is among so many.
MATTERS = 60

pytestmark = pytest.mark.timeout(300)


class Calm:
    """No harm at all."""

    name = "calm"

    def strike(self, world: World, rng: random.Random) -> int:
        """Do nothing."""
        return 0


@pytest.fixture(scope="module")
def evidence(world: World) -> Evidence:
    """Of a load that nothing struck."""
    played = play(world, Calm(), 1, seed=SEED, matters=MATTERS)
    assert played.findings == []
    return world.evidence()


@pytest.mark.parametrize("module", sorted(Path(auditor.__file__).parent.glob("*.py")), ids=lambda path: path.stem)
def test_it_shares_nothing_with_the_services_but_generated_contracts(module: Path) -> None:
    imported = {
        node.module or "" for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.ImportFrom)
    }
    assert {name for name in imported if name.startswith("onematter") and not name.endswith("_pb2")} == set()


def test_what_is_sound_passes(evidence: Evidence) -> None:
    assert audit(evidence) == []


@pytest.mark.parametrize("topic", sorted(EVENT_TYPES))
def test_a_record_may_stand_on_the_wire_twice(evidence: Evidence, topic: str) -> None:
    found = {finding.where for finding in audit(again(topic, lambda one: one)(evidence))}
    # The copy lies behind the offsets of this moment; nothing else is to be said of it.
    assert all(f"{topic}/" in where for where in found), found


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda one: f"{one.rule.__name__}: {one.what}")
def test_a_rule_sees_what_it_is_there_for(evidence: Evidence, tampering: Tampering) -> None:
    assert list(tampering.rule(Case(evidence))) == [], "it is content with what is sound"
    found = list(tampering.rule(Case(tampering.spoil(evidence))))
    assert tampering.kind in {finding.kind for finding in found}


def test_every_rule_is_seen_to_fail() -> None:
    assert {tampering.rule for tampering in TAMPERINGS} == set(RULES)


def test_records_of_a_topic_that_is_not_read_are_missed(evidence: Evidence) -> None:
    for topic in EVENT_TYPES:
        if evidence.records[topic]:
            assert audit(with_records(evidence, topic, [])), topic
