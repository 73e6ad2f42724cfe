"""A database restored from an older dump, on the real thing: one, all, and behind a step that was half sent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.faults import harness
from tests.faults.harness import Fault, World, open_world
from tests.faults.restores import FAULTS
from tests.faults.rounds import play
from tests.tail import forget_refused_connections

SEED = 5
MATTERS = 200

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    # No detours: their ports are those of the world that other tests strike.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(harness, "STACK_ENVIRONMENT", {})
        with open_world(tmp_path_factory.mktemp("restored"), seed=SEED) as made:
            yield made
    forget_refused_connections()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_nothing_the_world_has_seen_is_decided_again(world: World, fault: Fault) -> None:
    played = play(world, fault, 1, seed=SEED, matters=MATTERS)
    if played.skipped:
        pytest.skip(played.skipped)
    assert played.findings == []
    assert played.blows
