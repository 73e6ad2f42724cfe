"""The later contract: made by the build step, read by today's code, and kept by it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.unknown_fields import UnknownFieldSet
from tests.faults.versions import NUMBER, ROOT, newer_tree

from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TasksState

SECONDS = 60
# Says where its contract comes from, and writes an event and a state that today's does not know.
WRITE = """
from onematter.approval import handlers
from onematter.approval.v1 import approval_events_pb2 as events, approval_state_pb2 as states
event = events.ApprovalEvent(matter_id="m", item_id="01")
event.task_remarked.text = "remark"
print(events.__file__, handlers.__file__)
print(event.SerializeToString().hex())
print(states.TasksState(remarks=["remark"]).SerializeToString().hex())
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What a process with the later contract says."""
    tree = newer_tree(tmp_path_factory.mktemp("newer"))
    environment = {**os.environ, "PYTHONPATH": f"{tree}:{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-c", WRITE], env=environment, capture_output=True, text=True, timeout=SECONDS, check=True
    )
    return done.stdout.split()


def test_a_process_with_the_tree_first_has_the_later_contract_and_todays_code(told: list[str]) -> None:
    contract, code = map(Path, told[:2])
    services = ROOT / "services" / "onematter"
    assert not contract.is_relative_to(services)
    assert code.resolve() == services / "approval" / "handlers.py"


def test_todays_contract_does_not_know_the_type_and_keeps_it(told: list[str]) -> None:
    value = bytes.fromhex(told[2])
    event = ApprovalEvent.FromString(value)
    assert event.WhichOneof("event") is None
    assert [field.field_number for field in UnknownFieldSet(event)] == [NUMBER]
    assert event.SerializeToString() == value


def test_a_state_keeps_what_is_not_known_through_a_copy(told: list[str]) -> None:
    copy = TasksState()
    copy.CopyFrom(TasksState.FromString(bytes.fromhex(told[3])))
    copy.tasks.add(item_id="01")
    assert "remark" in copy.SerializeToString().decode(errors="replace")
