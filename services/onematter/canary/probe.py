"""One run: hand in, wait for the result, for the seal, and verify; until the run's time is over.

Rule 1: whoever calls is an integrator: what may have happened is sent again with the same request_id, what is not there
yet is asked for again. A dependency that comes and goes within the time is no failure.
Rule 2: a run that fails says at which stage; what is wrong rather than late fails at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event
from typing import Protocol, TypeVar

from onematter.archive.v1.archive_service_pb2 import CaseFile, Receipt
from onematter.canary import core
from onematter.client.errors import DeadlineExceeded, NotFound, OneMatterError, Unavailable
from onematter.client.messages import PartyInput, actor_of, application_of, submit_command
from onematter.contracts.synthetic import MATTER_CODE
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_service_pb2 import MatterView

PAUSE_SECONDS = 0.1

T = TypeVar("T")


class Doors(Protocol):
    """What of onematter.client.channel.Services a run calls."""

    def submit(self, command: IntakeCommand) -> object:
        """Hand in."""
        ...

    def matter(self, matter_id: str) -> MatterView:
        """The matter as it is now."""
        ...

    def receipt(self, matter_id: str) -> Receipt:
        """The receipt; NotFound before the seal."""
        ...

    def case_file(self, matter_id: str) -> CaseFile:
        """Every record."""
        ...


class Failed(Exception):
    """A run failed at `stage`."""

    def __init__(self, stage: str, why: str) -> None:
        super().__init__(why)
        self.stage = stage


class Ended(Exception):
    """The process ends; what the run would have found is not known."""


def hand_in(principal: str, request_id: str, division: str, probe: int) -> IntakeCommand:
    """The hand-in of a run; the same arguments give the same bytes, so that it can be sent again."""
    return submit_command(
        actor_of(principal, "operator"),
        request_id,
        MATTER_CODE,
        division,
        application_of({"probe": probe}, (), (PartyInput(name="系统自检"),)),
        channel="system",
        delivery="e_certificate",
    )


class Probe:
    """Runs, one after the other. `done` is told each stage and the seconds from the hand-in to its end."""

    def __init__(
        self, doors: Doors, principal: str, timeout_seconds: float, ending: Event, done: Callable[[str, float], None]
    ) -> None:
        self._doors, self._principal, self._timeout_seconds = doors, principal, timeout_seconds
        self._ending, self._done = ending, done

    def run(self, division: str, request_id: str, number: int) -> None:
        """Take one matter from hand-in to proof. Raises Failed, and Ended."""
        command = hand_in(self._principal, request_id, division, number)
        matter_id = command.matter_id
        began = time.monotonic()
        until = began + self._timeout_seconds

        def stage(
            name: str,
            ask: Callable[[], T],
            *,
            enough: Callable[[T], bool] = lambda _: True,
            wrong: Callable[[T], str] = lambda _: "",
        ) -> T:
            answer = self._until(name, until, ask, enough)
            if why := wrong(answer):
                raise Failed(name, why)
            self._done(name, time.monotonic() - began)
            return answer

        stage("submit", lambda: self._doors.submit(command))
        stage("result", lambda: self._doors.matter(matter_id), enough=core.is_completed, wrong=core.wrong_result)
        receipt = stage("seal", lambda: self._doors.receipt(matter_id))
        stage(
            "verify",
            lambda: self._doors.case_file(matter_id),
            wrong=lambda case_file: core.wrong_proof(matter_id, case_file, receipt),
        )

    def _until(self, stage: str, until: float, ask: Callable[[], T], enough: Callable[[T], bool]) -> T:
        last = "it is not there yet"
        while True:
            if self._ending.is_set():
                raise Ended
            try:
                answer = ask()
                if enough(answer):
                    return answer
            except (Unavailable, DeadlineExceeded, NotFound) as error:
                last = str(error)
            except OneMatterError as error:
                raise Failed(stage, str(error)) from None
            if time.monotonic() > until:
                raise Failed(stage, f"not within {self._timeout_seconds:.0f} s of the hand-in: {last}")
            self._ending.wait(PAUSE_SECONDS)
