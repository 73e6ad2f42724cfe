"""Faults under a small load, on one stack: nothing lost, nothing twice, nothing left pending.

Some at a time share a load and an audit: kills at each boundary, and one of every family of the surroundings. What
takes longer is left to `make faults`, by name: it plays these and the others, each by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.faults import catalogue
from tests.faults.conftest import SEED
from tests.faults.harness import FINDINGS, Fault, World
from tests.faults.kills import InSeries
from tests.faults.rounds import Together, play

MATTERS = 40

GROUPS: tuple[Sequence[Fault], ...] = (
    (
        InSeries("each service at one boundary", 1),
        *catalogue.named(["broker kill", "PostgreSQL kill", "restore all", "restore behind"]),
    ),
    catalogue.named(["versions", "wire: repeated", "network: cut", "clock skew", "poison"]),
)
# Each boundary of InSeries by itself, what waits for sessions and disks to come to their ends, and what the others do
# already: the whole restore loses one database, too, and behind the wrong clocks is a full disk.
LEFT_TO_MAKE_FAULTS = {
    "kill in series at every boundary",
    "kill before commit",
    "kill after commit, before produce",
    "kill after produce, before the mark",
    "kill while rebalancing",
    "kill at random",
    "zombie",
    "rebalance storm",
    "power cut",
    "network: slow",
    "network: hang",
    "network: one-way loss",
    "full disk: kafka",
    "full disk: postgres",
    "full disk: notification",
    "wire: late copies of streams",
    "wire: replay of all topics",
    "restore one older database",
}

pytestmark = pytest.mark.timeout(420)


@pytest.mark.parametrize("faults", GROUPS, ids=lambda faults: ", ".join(fault.name for fault in faults))
def test_faults_under_load_lose_nothing_and_do_nothing_twice(world: World, faults: Sequence[Fault]) -> None:
    if (world.directory / FINDINGS).exists():
        pytest.skip("an earlier fault has left findings: they would be found again")
    together = Together(faults)
    played = play(world, together, 1, seed=SEED, matters=MATTERS)
    if played.findings:
        (world.directory / FINDINGS).write_text("\n".join(map(str, played.findings)) + "\n")
        world.book.save(world.directory / "book.jsonl")
    assert not played.findings, f"seed {SEED}; kept: {world.directory}"
    assert played.matters >= MATTERS
    assert played.blows
    if together.left_out:
        pytest.skip(
            "; ".join(f"needs what {name} has not here: {reason}" for name, reason in together.left_out.items())
        )


def test_all_read_again_from_the_beginning_is_the_same(world: World) -> None:
    if (world.directory / FINDINGS).exists():
        pytest.skip("an earlier fault has left findings: they would be found again")
    world.settle()
    assert world.audit(fresh=True) == []


def test_each_fault_is_played_here_or_by_make_faults_alone() -> None:
    here = {fault.name for faults in GROUPS for fault in faults}
    assert here.isdisjoint(LEFT_TO_MAKE_FAULTS)
    assert {fault.name for fault in catalogue.all_faults()} - here == LEFT_TO_MAKE_FAULTS


@pytest.mark.parametrize("family", catalogue.MODULES)
def test_every_family_has_its_turn_here(family: str) -> None:
    here = {type(fault).__module__ for faults in GROUPS for fault in faults}
    assert here & {f"tests.faults.{name}" for name in ({"disks", "skew"} if family == "disks" else {family})}
