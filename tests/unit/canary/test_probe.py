"""A run of the canary: what it takes for a success, and at which stage it fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event
from typing import Any

import pytest
from tests.stories.world import World

from onematter.archive.v1.archive_service_pb2 import CaseFile, Receipt
from onematter.canary.probe import Ended, Failed, Probe, hand_in
from onematter.client.errors import DeadlineExceeded, NotFound, OneMatterError, Refused, Unavailable
from onematter.common.v1.actor_pb2 import ActorRole
from onematter.common.v1.outcome_pb2 import Reason, Violation
from onematter.contracts.topics import SUBMISSIONS
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_events_pb2 import ItemOutcome
from onematter.intake.v1.intake_service_pb2 import MatterView

STAGES = ["submit", "result", "seal", "verify"]


class Office:
    """The real services in memory, behind the calls of the client. `faults`: what a call raises, one a time."""

    def __init__(self, **faults: Sequence[OneMatterError]) -> None:
        self.world = World()
        self.faults = {name: list(waiting) for name, waiting in faults.items()}
        self.submitted: list[bytes] = []
        self.spoil: Callable[[Any], None] = lambda answer: None

    def _call(self, name: str) -> None:
        if waiting := self.faults.get(name):
            raise waiting.pop(0)

    def submit(self, command: IntakeCommand) -> object:
        self.submitted.append(command.SerializeToString())
        self._call("submit")
        self.world.send(SUBMISSIONS, command.matter_id, command)
        return None

    def matter(self, matter_id: str) -> MatterView:
        self._call("matter")
        return self._spoilt(
            MatterView(status=self.world.state(matter_id).status, items=self.world.state(matter_id).items)
        )

    def receipt(self, matter_id: str) -> Receipt:
        self._call("receipt")
        found = self.world.receipt(matter_id)
        assert found is not None
        return found

    def case_file(self, matter_id: str) -> CaseFile:
        self._call("case_file")
        return self._spoilt(self.world.case_file(matter_id))

    def _spoilt(self, answer: Any) -> Any:
        self.spoil(answer)
        return answer


def run(office: Office, timeout_seconds: float = 30) -> list[str]:
    """The stages that a run reached."""
    reached: list[str] = []
    Probe(office, "canary", timeout_seconds, Event(), lambda stage, _: reached.append(stage)).run("330106", "r-1", 1)
    return reached


def failed(office: Office, timeout_seconds: float = 30) -> str:
    with pytest.raises(Failed) as caught:
        run(office, timeout_seconds)
    return caught.value.stage


def test_a_run_goes_through_every_stage() -> None:
    assert run(Office()) == STAGES


def test_what_comes_and_goes_is_asked_again_with_the_same_bytes() -> None:
    away, late, absent = Unavailable("away"), DeadlineExceeded("late"), NotFound("absent")
    office = Office(submit=[away, late], matter=[absent, away], receipt=[absent, absent], case_file=[away])
    assert run(office) == STAGES
    assert len(office.submitted) == 3
    assert len(set(office.submitted)) == 1


@pytest.mark.parametrize(
    ("call", "stage"), list(zip(("submit", "matter", "receipt", "case_file"), STAGES, strict=True))
)
def test_what_is_too_late_fails_at_its_stage(call: str, stage: str) -> None:
    assert failed(Office(**{call: [Unavailable("away")] * 1000}), timeout_seconds=1) == stage


def test_what_is_refused_fails_at_once() -> None:
    refused = Refused([Violation(field="submit_matter.matter_code", reason=Reason.REASON_MATTER_TYPE_UNKNOWN)])
    office = Office(submit=[refused])
    assert failed(office) == "submit"
    assert len(office.submitted) == 1


def test_a_result_that_is_not_granted_at_three_levels_is_wrong() -> None:
    office = Office()

    def without_the_city(answer: Any) -> None:
        if isinstance(answer, MatterView):
            del answer.items[1]

    office.spoil = without_the_city
    assert failed(office) == "result"

    def denied(answer: Any) -> None:
        if isinstance(answer, MatterView):
            answer.items[0].result.outcome = ItemOutcome.ITEM_OUTCOME_DENIED

    office = Office()
    office.spoil = denied
    assert failed(office) == "result"


def test_a_case_file_with_another_byte_is_not_proven() -> None:
    office = Office()

    def spoil(answer: Any) -> None:
        if isinstance(answer, CaseFile):
            answer.records[3].value = answer.records[3].value[:-1] + b"\x00"

    office.spoil = spoil
    assert failed(office) == "verify"


def test_another_matters_proof_is_none() -> None:
    office = Office()

    def spoil(answer: Any) -> None:
        if isinstance(answer, CaseFile):
            answer.matter_id = "0" * 32

    office.spoil = spoil
    assert failed(office) == "verify"


def test_the_end_of_the_process_is_no_failure() -> None:
    ending = Event()
    ending.set()
    with pytest.raises(Ended):
        Probe(Office(), "canary", 30, ending, lambda *_: None).run("330106", "r-1", 1)


def test_an_operator_alone_may_hand_it_in() -> None:
    world = World()
    command = hand_in("somebody", "r-2", "330106", 1)
    assert not world.send(SUBMISSIONS, command.matter_id, command).HasField("refused")
    applicant = hand_in("somebody", "r-3", "330106", 1)
    applicant.actor.role = ActorRole.ACTOR_ROLE_APPLICANT
    told = world.send(SUBMISSIONS, applicant.matter_id, applicant).refused.violations
    assert [(one.field, one.reason) for one in told] == [("actor.role", Reason.REASON_ROLE_NOT_ALLOWED)]
