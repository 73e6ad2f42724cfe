"""What the short form leaves out stands there by name, and no family is left out."""

from __future__ import annotations

import pytest
from tests.faults import catalogue
from tests.faults.short_form import GROUPS, LEFT_TO_MAKE_FAULTS


def test_each_fault_is_played_here_or_by_make_faults_alone() -> None:
    here = {fault.name for faults in GROUPS for fault in faults}
    assert here.isdisjoint(LEFT_TO_MAKE_FAULTS)
    assert {fault.name for fault in catalogue.all_faults()} - here == LEFT_TO_MAKE_FAULTS


@pytest.mark.parametrize("family", catalogue.MODULES)
def test_every_family_has_its_turn_here(family: str) -> None:
    here = {type(fault).__module__ for faults in GROUPS for fault in faults}
    assert here & {f"tests.faults.{name}" for name in ({"disks", "skew"} if family == "disks" else {family})}
