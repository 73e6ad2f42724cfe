"""What is asked of the installation's own matter at each stage. Pure.

Rule 1: it went through all three levels and rules alone granted every item; else the result is not what it must be.
Rule 2: its case file is proven as everybody can prove it: by what `onematter verify` does, from the bytes alone.
"""

from __future__ import annotations

from onematter.archive.v1.archive_service_pb2 import CaseFile, Receipt
from onematter.client.verification import verify
from onematter.common.v1.actor_pb2 import Level
from onematter.intake.v1.intake_events_pb2 import ItemOutcome
from onematter.intake.v1.intake_service_pb2 import MatterView
from onematter.intake.v1.intake_state_pb2 import MatterStatus

STAGES = ("submit", "result", "seal", "verify")

_LEVELS = frozenset({Level.LEVEL_PROVINCE, Level.LEVEL_CITY, Level.LEVEL_COUNTY})
_COMPLETED = MatterStatus.MATTER_STATUS_COMPLETED
_GRANTED = ItemOutcome.ITEM_OUTCOME_GRANTED


def is_completed(matter: MatterView) -> bool:
    """Whether it has its one result."""
    return matter.status == _COMPLETED


def wrong_result(matter: MatterView) -> str:
    """What is wrong with a result, in words; empty when nothing is."""
    missing = _LEVELS - {one.item.level for one in matter.items}
    if missing:
        return f"it has no item at {', '.join(sorted(Level.Name(level) for level in missing))}"
    for one in matter.items:
        if one.result.outcome != _GRANTED:
            return f"item {one.item.item_id} ended as {ItemOutcome.Name(one.result.outcome)}, and its rule grants"
    return ""


def wrong_proof(matter_id: str, case_file: CaseFile, receipt: Receipt) -> str:
    """The first thing that a case file and its receipt do not prove, in words; empty when all is proven."""
    if {case_file.matter_id, receipt.matter_id} != {matter_id}:
        return "the archive answered with another matter"
    return verify(case_file, receipt).difference or ""
