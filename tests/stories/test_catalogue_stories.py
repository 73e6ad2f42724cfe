"""Every matter of the catalogue, from hand-in to archive: an application made from the catalogue alone, and officials
who grant everything. What is written down of it stands under golden/ for whoever wants to read how a matter goes.
"""

from __future__ import annotations

import pytest
from tests.stories.applications import facts_for
from tests.stories.folding import check_replay
from tests.stories.officials import granted
from tests.stories.people import HOME
from tests.stories.transcript import compare
from tests.stories.world import shipped_catalogue

from onematter.client.verification import verify
from onematter.intake.v1.intake_events_pb2 import ItemOutcome, MatterOutcome
from onematter.law.planning import plan

CODES = [*(f"OM-{number:02}" for number in range(1, 18)), "OM-90", "SELF-01"]


def test_every_matter_of_the_catalogue_has_a_story() -> None:
    assert sorted({one.code for one in shipped_catalogue().matter_types}) == CODES


@pytest.mark.parametrize("code", CODES)
def test_a_matter_runs_from_hand_in_to_archive(code: str) -> None:
    world, matter_id = granted(code)
    state = world.state(matter_id)
    matter_type = world.catalogue.get(code, state.catalogue_version)
    planned = plan(matter_type, HOME, facts_for(matter_type))
    assert state.outcome == MatterOutcome.MATTER_OUTCOME_GRANTED
    assert [one.item.item_id for one in state.items] == [one.instance_id for one in planned]
    assert {one.result.outcome for one in state.items} == {ItemOutcome.ITEM_OUTCOME_GRANTED}
    # What each item was to produce is there.
    produced = {one.item.item_id: {c.certificate_type for c in one.result.certificates} for one in state.items}
    assert all(set(one.item.produces_certificates) <= produced[one.instance_id] for one in planned)
    receipt = world.receipt(matter_id)
    assert receipt is not None, "the matter is not sealed"
    assert verify(world.case_file(matter_id), receipt).difference is None
    assert world.letters(matter_id), "nobody was told"
    check_replay(world, matter_id)
    compare(code, world, matter_id)
