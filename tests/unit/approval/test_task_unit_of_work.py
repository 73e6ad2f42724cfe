"""The aggregate inside the backbone's unit of work: outcomes, timers, and a restore from the published events."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.approval.cases import (
    MATTER_ID,
    NOW,
    claim_task,
    command,
    decide_task,
    make_calendar,
    make_catalogue,
    official,
    open_task,
    recall_task,
)

from onematter.approval.handlers import aggregate
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_state_pb2 import TaskStatus
from onematter.backbone.records import Record, Sending, headers_of, read
from onematter.backbone.step import Held, Step
from onematter.backbone.unit import UnitOfWork
from onematter.common.v1.actor_pb2 import Rank
from onematter.common.v1.outcome_pb2 import Reason
from onematter.contracts.keys import partition_of
from onematter.contracts.topics import table

DEPLOYMENT = "approval-city"
COMMANDS = table().commands_topic(DEPLOYMENT)
LANE = partition_of(MATTER_ID.encode(), table().partitions)


class World:
    """One matter in a unit of work, without a log or a database."""

    def __init__(self) -> None:
        self.unit: UnitOfWork[Any, Any, Any] = UnitOfWork(
            aggregate(make_catalogue(), make_calendar(), table(), DEPLOYMENT), DEPLOYMENT, table()
        )
        self.held: Held[Any] = self.unit.new(LANE)
        self.step: Step[Any, Any] = Step()
        self.offset = 0
        self.sequence = 0

    def take(self, asked: ApprovalCommand, *, from_intake: bool = False) -> None:
        headers: list[tuple[str, bytes]] = []
        if from_intake:
            self.sequence += 1
            headers = [("ce_stream", b"intake"), ("ce_sequence", b"%d" % self.sequence)]
        value = asked.SerializeToString()
        record = read(COMMANDS, LANE, self.offset, NOW, MATTER_ID.encode(), value, headers)
        assert isinstance(record, Record)
        self.offset += 1
        self.unit.handle(self.step, self.held, record, self.unit.decode(self.step, record))

    @property
    def sent(self) -> list[Sending]:
        return self.step.sendings.get(LANE, [])


@pytest.fixture
def world() -> World:
    return World()


def named(asked: ApprovalCommand, request_id: str) -> ApprovalCommand:
    asked.request_id = request_id
    return asked


def test_a_repeated_request_has_its_first_outcome_and_no_second_effect(world: World) -> None:
    world.take(open_task().command, from_intake=True)
    for request_id in ("1", "1", "2", "1"):
        world.take(named(decide_task(), request_id))
    first, second = world.held.ledger.outcomes
    assert not first.HasField("refused")
    assert [violation.reason for violation in second.refused.violations] == [Reason.REASON_TASK_DECIDED]
    assert [sending.type.rpartition(".")[2] for sending in world.sent] == [
        "TaskOpened",
        "TaskDecided",
        "CommandRefused",
    ]


def test_claiming_twice_is_accepted_twice_and_told_once(world: World) -> None:
    world.take(open_task().command, from_intake=True)
    world.take(named(claim_task(), "1"))
    world.take(named(claim_task(), "2"))
    assert [outcome.HasField("refused") for outcome in world.held.ledger.outcomes] == [False, False]
    assert len(world.sent) == 2


def test_timers_stand_while_the_task_waits(world: World) -> None:
    world.take(open_task().command, from_intake=True)
    assert standing(world) == {"yellow:02", "red:02", "promised:02", "legal:02"}
    promised = next(row for row in world.step.timers.values() if row.name == "promised:02")
    world.unit.handle_timer(world.step, world.held, promised)
    assert world.held.state.tasks[0].promised_overdue
    world.take(recall_task().command, from_intake=True)
    assert not [timer for timer in world.held.ledger.timers if timer.due_unix_ms]


def test_a_restore_from_the_published_events_reaches_the_same_state(world: World) -> None:
    world.take(open_task("02").command, from_intake=True)
    world.take(open_task("03").command, from_intake=True)
    world.take(named(claim_task(official("li"), "03"), "1"))
    world.take(named(claim_task(official("wang"), "03"), "2"))
    world.take(named(decide_task(actor=official("li"), item_id="03"), "3"))
    world.take(recall_task("02").command, from_intake=True)
    restored = World()
    for offset, sending in enumerate(world.sent):
        event = read(sending.topic, LANE, offset, NOW, sending.key, sending.value, headers_of(sending, DEPLOYMENT))
        assert isinstance(event, Record)
        assert restored.unit.fold(restored.step, restored.held, event)
    assert restored.held.state == world.held.state
    assert [task.status for task in restored.held.state.tasks] == [
        TaskStatus.TASK_STATUS_RECALLED,
        TaskStatus.TASK_STATUS_DECIDED,
    ]
    assert restored.held.ledger.outcomes == world.held.ledger.outcomes


def test_a_restore_sets_the_timers_of_clocks_that_were_stopped_and_moved(world: World) -> None:
    tolerant = open_task("02").command
    tolerant.open_task.outstanding_materials.append("map")
    world.take(tolerant, from_intake=True)
    world.take(named(command("begin_special_procedure", kind=6, expected_days=7, reason="委托检测"), "1"))
    assert standing(world) == {"supplement:02"}
    world.take(named(command("end_special_procedure", result="合格"), "2"))
    head = official(rank=Rank.RANK_DEPARTMENT_HEAD)
    world.take(named(command("extend_period", head, days=3, reason="案情复杂"), "3"))
    world.take(named(command("transfer_task", department="forestry", reason="职责调整"), "4"))
    restored = World()
    for offset, sending in enumerate(world.sent):
        event = read(sending.topic, LANE, offset, NOW, sending.key, sending.value, headers_of(sending, DEPLOYMENT))
        assert isinstance(event, Record)
        assert restored.unit.fold(restored.step, restored.held, event)
    assert restored.held.state == world.held.state
    assert standing(restored) == standing(world) == {
        "yellow:02", "red:02", "promised:02", "legal:02", "supplement:02",
    }  # fmt: skip
    due = {timer.name: timer.due_unix_ms for timer in world.held.ledger.timers}
    assert {timer.name: timer.due_unix_ms for timer in restored.held.ledger.timers} == due


def standing(world: World) -> set[str]:
    return {timer.name for timer in world.held.ledger.timers if timer.due_unix_ms}
