"""The other paths of a matter, each a story with its own expectations, written down under golden/ as it is told."""

from __future__ import annotations

import pytest
from tests.stories import paths_acceptance, paths_promises, paths_results, paths_sharing, paths_tasks, paths_years  # noqa: F401
from tests.stories.folding import check_replay
from tests.stories.paths import STORIES, told
from tests.stories.transcript import compare


@pytest.mark.parametrize("name", sorted(STORIES))
def test_a_story(name: str) -> None:
    world, matter_id = told(name)
    check_replay(world, matter_id)
    compare(name, world, matter_id)
