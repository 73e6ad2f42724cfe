"""Every lawful transition is reached by a story, and no story reaches another one."""

from __future__ import annotations

import pytest
from tests.stories import matter_sentences, task_sentences
from tests.stories.coverage import MATTER, TASK, Lawful, lawful, reached

from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.intake.v1.intake_events_pb2 import MatterEvent


def events_of(message: type[MatterEvent] | type[ApprovalEvent]) -> set[str]:
    """The members of an envelope's oneof."""
    return {field.name for field in message.DESCRIPTOR.oneofs_by_name["event"].fields}


def test_every_event_of_the_contracts_has_its_line_and_its_sentence() -> None:
    assert {*MATTER, "command_refused"} == events_of(MatterEvent) == set(matter_sentences.SENTENCES)
    assert {*TASK, "command_refused"} == events_of(ApprovalEvent) == set(task_sentences.SENTENCES)


@pytest.mark.parametrize("transition", lawful(), ids=str)
def test_a_lawful_transition_is_reached(transition: Lawful) -> None:
    assert reached().counts[transition], f"no story reaches: {transition}"


def test_nothing_else_happens() -> None:
    assert sorted(str(one) for one in reached().counts if one not in lawful()) == []
