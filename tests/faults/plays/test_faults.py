"""Faults under a small load, on one stack: nothing lost, nothing twice, nothing left pending.

Some at a time share a load and an audit: kills at each boundary, and one of every family of the surroundings. What
takes longer is left to `make faults`: it plays these and the others, each by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.faults.conftest import SEED
from tests.faults.harness import FINDINGS, Fault, World
from tests.faults.rounds import Together, play
from tests.faults.short_form import GROUPS

MATTERS = 40

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
