"""What one client does with one matter, by both doors. Every story goes on until it has been told how it ends."""

from __future__ import annotations

import hashlib
import itertools
import random
import time
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from tests.faults.book import Book, Command
from tests.faults.clients import Clients, GaveUp
from tests.faults.watch import Watch
from tests.live import (
    COMMANDS,
    DIVISIONS,
    INTAKE_COMMANDS,
    LEVELS,
    NUMBERS,
    SUBMISSIONS,
    TASK_EVENTS,
    three_items,
)

from onematter.approval.v1 import approval_service_pb2 as approval
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand, Decision
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_service_pb2_grpc import ApprovalServiceStub
from onematter.common.v1.actor_pb2 import Actor, ActorRole
from onematter.common.v1.outcome_pb2 import CommandRefused, Outcome
from onematter.intake.v1 import intake_service_pb2 as intake
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_service_pb2_grpc import IntakeServiceStub

SMALL, LARGE = 5.0, 2_000_000.0
ITEMS = {"county": "01", "city": "02", "province": "03"}
LOOK_SECONDS = 0.05
# A department may have to wait, for a material that is fetched say; then it decides anew, after longer each time.
DECIDES_AGAIN_SECONDS, DECIDES_AGAIN_SECONDS_AT_MOST = 0.5, 5.0

T = TypeVar("T")


class Stories:
    """The kinds of stories, each a method that takes its own randomness."""

    def __init__(self, clients: Clients, watch: Watch, book: Book) -> None:
        self._clients, self._watch, self._book = clients, watch, book
        self._principal = f"clerk-{uuid.uuid4().hex[:8]}"
        self._numbers = itertools.count(1)

    def by_topic(self, rng: random.Random) -> None:
        """A hand-in on the topic that a rule decides."""
        command = self.hand_in(SMALL)
        self._clients.publish(SUBMISSIONS, command)
        self._book.ends_as(command.matter_id, "MATTER_OUTCOME_GRANTED")

    def by_grpc(self, rng: random.Random) -> None:
        """A hand-in by gRPC that a rule decides."""
        command = self.hand_in(SMALL)
        self._accepted(self._submit(command))
        self._book.ends_as(command.matter_id, "MATTER_OUTCOME_GRANTED")

    def twice(self, rng: random.Random) -> None:
        """The same hand-in several times, by either door."""
        command = self.hand_in(SMALL)
        for _ in range(rng.randint(2, 3)):
            if rng.random() < 0.5:
                self._accepted(self._submit(command))
            else:
                self._clients.publish(SUBMISSIONS, command)
        self._book.ends_as(command.matter_id, "MATTER_OUTCOME_GRANTED")

    def another_content(self, rng: random.Random) -> None:
        """A request_id used again for something else: the first stands, the other is refused."""
        command = self.hand_in(SMALL)
        self._accepted(self._submit(command))
        other = self.hand_in(SMALL + 1, request_id=command.request_id)
        if rng.random() < 0.5:
            self._clients.publish(SUBMISSIONS, other)
        else:
            self._refused(self._submit(other))
        self._book.ends_as(command.matter_id, "MATTER_OUTCOME_GRANTED")

    def refused(self, rng: random.Random) -> None:
        """A hand-in of a matter that no catalogue knows, by either door."""
        command = self.hand_in(SMALL)
        command.submit_matter.matter_code = "OM-0"
        if rng.random() < 0.5:
            self._clients.publish(SUBMISSIONS, command)
        else:
            self._refused(self._submit(command))

    def people(self, rng: random.Random) -> None:
        """A matter that officials decide at three levels; some decide a second time, and are refused."""
        matter_id = self._open(rng)
        granted = 0
        for level in rng.sample(LEVELS, len(LEVELS)):
            self._opened(level, matter_id)
            if rng.random() < 0.5:
                claim = self._task(level, matter_id)
                claim.claim_task.SetInParent()
                self._accepted(self._handle(level, claim, "ClaimTask"))
            grant = rng.random() < 0.8
            self._decide(level, matter_id, grant, rng)
            granted += grant
            if rng.random() < 0.25:
                self._refused(self._handle(level, self._decision(level, matter_id, not grant), "DecideTask"))
        outcome = "GRANTED" if granted == len(LEVELS) else "PARTLY_DENIED" if granted else "DENIED"
        self._book.ends_as(matter_id, f"MATTER_OUTCOME_{outcome}")

    def withdrawn(self, rng: random.Random) -> None:
        """A matter that is taken back while departments have it."""
        matter_id = self._open(rng)
        self._opened(rng.choice(LEVELS), matter_id)
        command = IntakeCommand(request_id=self._new_id(), matter_id=matter_id)
        command.actor.CopyFrom(self._clerk())
        command.withdraw_matter.reason = "不办了"
        if rng.random() < 0.5:
            self._clients.publish(INTAKE_COMMANDS, command)
        else:
            request = intake.WithdrawMatterRequest(command=command)
            self._accepted(
                self._clients.call(
                    "intake", INTAKE_COMMANDS, command, lambda c: IntakeServiceStub(c).WithdrawMatter, request
                )
            )
        self._book.ends_as(matter_id, "MATTER_OUTCOME_WITHDRAWN")

    def hand_in(self, amount: float, *, request_id: str = "") -> IntakeCommand:
        """A hand-in of OM-90: three items at three levels, by rule up to a million, by officials above."""
        return three_items(request_id or self._new_id(), self._principal, amount)

    def _new_id(self) -> str:
        return f"{self._principal}-{next(self._numbers)}"

    def _clerk(self) -> Actor:
        return Actor(principal=self._principal, role=ActorRole.ACTOR_ROLE_CLERK)

    def _open(self, rng: random.Random) -> str:
        command = self.hand_in(LARGE)
        if rng.random() < 0.5:
            self._clients.publish(SUBMISSIONS, command)
        else:
            self._accepted(self._submit(command))
        return command.matter_id

    def _submit(self, command: IntakeCommand) -> Outcome | CommandRefused:
        request = intake.SubmitMatterRequest(command=command)
        return self._clients.call("intake", SUBMISSIONS, command, lambda c: IntakeServiceStub(c).SubmitMatter, request)

    def _task(self, level: str, matter_id: str) -> ApprovalCommand:
        actor = Actor(
            principal=f"official-{level}", role=ActorRole.ACTOR_ROLE_OFFICIAL, level=NUMBERS[level],
            division=DIVISIONS[level], department="government_services",
        )  # fmt: skip
        return ApprovalCommand(request_id=self._new_id(), matter_id=matter_id, item_id=ITEMS[level], actor=actor)

    def _decision(self, level: str, matter_id: str, grant: bool) -> ApprovalCommand:
        command = self._task(level, matter_id)
        decide = command.decide_task
        decide.decision = Decision.DECISION_GRANT if grant else Decision.DECISION_DENY
        decide.opinion = "符合要求，准予。" if grant else "不符合要求，不予许可。"
        if not grant:
            decide.basis.append("《行政许可法》第38条")
        return command

    def _decide(self, level: str, matter_id: str, grant: bool, rng: random.Random) -> None:
        deadline = time.monotonic() + self._clients.patience_seconds
        pause = DECIDES_AGAIN_SECONDS
        while time.monotonic() < deadline:
            command = self._decision(level, matter_id, grant)
            if rng.random() < 0.5:
                told = self._handle(level, command, "DecideTask")
                if isinstance(told, Outcome):
                    return
            else:
                sent = self._clients.publish(COMMANDS[level], command)
                if self._told(level, sent).WhichOneof("event") == "task_decided":
                    return
            if self._clients.closing.wait(pause):
                break
            pause = min(2 * pause, DECIDES_AGAIN_SECONDS_AT_MOST)
        raise GaveUp(f"{level} takes no decision")

    def _handle(self, level: str, command: ApprovalCommand, method: str) -> Outcome | CommandRefused:
        request = getattr(approval, f"{method}Request")(command=command)
        return self._clients.call(
            f"approval-{level}", COMMANDS[level], command, lambda c: getattr(ApprovalServiceStub(c), method), request
        )

    def _opened(self, level: str, matter_id: str) -> None:
        self._see(level, matter_id, lambda event: event.WhichOneof("event") == "task_opened", "its task")

    def _told(self, level: str, command: Command) -> ApprovalEvent:
        digest = hashlib.sha256(command.value).digest()
        return self._see(level, command.matter_id, lambda event: event.cause.digest == digest, "an answer")

    def _see(self, level: str, matter_id: str, wanted: Callable[[ApprovalEvent], bool], what: str) -> ApprovalEvent:
        deadline = time.monotonic() + self._clients.patience_seconds
        while time.monotonic() < deadline:
            for record in self._watch.of(TASK_EVENTS[level], matter_id):
                event = ApprovalEvent.FromString(record.value)
                if wanted(event):
                    return event
            if self._clients.closing.wait(LOOK_SECONDS):
                break
        raise GaveUp(f"{level}: {matter_id} waits for {what}")

    def _accepted(self, told: Any) -> None:
        if not isinstance(told, Outcome):
            self._book.trouble(f"refused what is right: {reasons(told)}")

    def _refused(self, told: Any) -> None:
        if isinstance(told, Outcome):
            self._book.trouble(f"accepted what is wrong: {told.request_id}")


def reasons(refused: CommandRefused) -> str:
    """The violations, shortly."""
    return ", ".join(f"{one.field} {one.reason}" for one in refused.violations)
