"""Which records are a matter's events, and when they end; which offsets a department's system may commit."""

from __future__ import annotations

import pytest

from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.client.following import Follower
from onematter.client.tasks import Decided, Progress, Task, wanted
from onematter.common.v1.actor_pb2 import Level
from onematter.common.v1.outcome_pb2 import Reason
from onematter.contracts import headers, keys
from onematter.intake.v1.intake_events_pb2 import MatterEvent

ID = keys.matter_id("acme", "r1")
PLACE = ("t", 0)
TASK = ("m", "01")


def record(sequence: int) -> headers.Headers:
    return headers.inside(
        deployment="intake", topic="t", key=ID, sequence=sequence, type="x", time_unix_ms=0, traceparent=""
    )


def event(kind: str) -> MatterEvent:
    made = MatterEvent(matter_id=ID)
    getattr(made, kind).SetInParent()
    return made


def refusal(request_id: str, reason: Reason) -> bytes:
    made = event("command_refused")
    made.cause.principal, made.cause.request_id = "acme", request_id
    made.command_refused.violations.add(field="f", reason=reason)
    return made.SerializeToString()


def take(follower: Follower, sequence: int, value: bytes) -> MatterEvent | None:
    return follower.take(ID.encode(), value, record(sequence))


def test_events_are_given_once_and_end_with_the_result() -> None:
    follower = Follower(ID)
    accepted, completed = event("matter_accepted"), event("matter_completed")
    assert take(follower, 1, accepted.SerializeToString()) == accepted
    assert take(follower, 1, accepted.SerializeToString()) is None
    assert not follower.ended
    assert take(follower, 2, completed.SerializeToString()) == completed
    assert follower.ended
    assert take(follower, 3, accepted.SerializeToString()) is None


def test_what_is_not_the_matters_is_passed_over() -> None:
    follower = Follower(ID)
    value = event("matter_accepted").SerializeToString()
    assert follower.take(b"another", value, record(1)) is None
    assert follower.take(None, value, record(1)) is None
    assert follower.take(ID.encode(), None, record(1)) is None
    assert follower.take(ID.encode(), value, []) is None
    assert follower.take(ID.encode(), b"\xff", record(1)) is None
    assert take(follower, 1, value) is not None


def test_a_refused_hand_in_ends() -> None:
    follower = Follower(ID)
    assert take(follower, 1, refusal("r1", Reason.REASON_FACT_MISSING)) is not None
    assert follower.ended


@pytest.mark.parametrize(
    ("request_id", "reason"),
    [("r2", Reason.REASON_NOT_THE_APPLICANT), ("r1", Reason.REASON_REQUEST_ID_REUSED)],
)
def test_another_refusal_does_not_end(request_id: str, reason: Reason) -> None:
    follower = Follower(ID)
    assert take(follower, 1, refusal(request_id, reason)) is not None
    assert not follower.ended


@pytest.mark.parametrize("taken", ["matter_received", "matter_accepted"])
def test_no_refused_command_ends_a_matter_that_was_taken(taken: str) -> None:
    follower = Follower(ID)
    take(follower, 1, event(taken).SerializeToString())
    take(follower, 2, refusal("r1", Reason.REASON_FACT_MISSING))
    assert not follower.ended


def test_a_refusal_to_accept_ends() -> None:
    follower = Follower(ID)
    take(follower, 1, event("matter_received").SerializeToString())
    assert not follower.ended
    take(follower, 2, event("acceptance_refused").SerializeToString())
    assert follower.ended


def test_only_what_is_dealt_with_is_committed() -> None:
    progress = Progress()
    progress.take(PLACE, 0)
    progress.take(PLACE, 1, TASK)
    progress.take(PLACE, 2)
    progress.take(PLACE, 3, ("m", "02"))
    assert progress.committable() == {PLACE: 1}
    assert progress.committable() == {}
    progress.settle(PLACE, 3)
    assert progress.committable() == {}
    progress.settle(PLACE, 1)
    assert progress.committable() == {PLACE: 4}


def test_a_task_that_somebody_ended_is_dealt_with() -> None:
    progress = Progress()
    progress.take(PLACE, 5, TASK)
    assert progress.is_open(PLACE, 5)
    progress.end(PLACE, ("m", "02"))
    assert progress.is_open(PLACE, 5)
    progress.end(PLACE, TASK)
    assert not progress.is_open(PLACE, 5)
    assert progress.committable() == {PLACE: 6}


def test_a_partition_that_was_taken_away_is_forgotten() -> None:
    progress = Progress()
    progress.take(PLACE, 5, TASK)
    progress.take(("t", 1), 7)
    progress.forget([PLACE])
    assert progress.committable() == {("t", 1): 8}


def test_which_tasks_are_wanted() -> None:
    opened = ApprovalEvent(matter_id="m", item_id="01")
    item = opened.task_opened.item
    item.level, item.division, item.department = Level.LEVEL_CITY, "330100", "water"
    assert wanted(opened, Level.LEVEL_CITY, "", "")
    assert wanted(opened, Level.LEVEL_CITY, "330100", "water")
    assert not wanted(opened, Level.LEVEL_COUNTY, "", "")
    assert not wanted(opened, Level.LEVEL_CITY, "330200", "")
    assert not wanted(opened, Level.LEVEL_CITY, "", "fire")
    assert not wanted(ApprovalEvent(matter_id="m"), Level.LEVEL_CITY, "", "")


def test_a_task_is_settled_only_when_its_decision_is_written() -> None:
    said: list[object] = []
    settled: list[bool] = []

    def decide(task: Task, decided: Decided) -> None:
        said.append((task.matter_id, task.item_id, decided))
        if decided.opinion == "fails":
            raise ConnectionError

    opened = ApprovalEvent(matter_id="m", item_id="01")
    task = Task(opened, decide, lambda: settled.append(True))
    with pytest.raises(ConnectionError):
        task.grant("fails")
    assert settled == []
    task.deny("no", basis=["art. 1"])
    assert settled == [True]
    again = Task(opened, decide, lambda: None)
    assert again.request_id == task.request_id
    assert said[1] == ("m", "01", Decided(False, "no", basis=("art. 1",)))
    task.grant("yes", conditions=["c"], valid_until="2031-12-31")
    assert said[2] == ("m", "01", Decided(True, "yes", conditions=("c",), valid_until="2031-12-31"))
    assert len(task.request_id) <= 64
