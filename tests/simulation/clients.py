"""Clients of the two deployments: hand-ins, repeats, other contents under a request, wrong partitions, rubbish."""

from __future__ import annotations

import random
from dataclasses import replace

from tests.simulation import cores
from tests.simulation.auditor import HandIn
from tests.simulation.cores import BACK, FRONT
from tests.simulation.memory import Broker, Produced

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.contracts import headers, keys
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand

MODES = ("auto", "timer")


class Clients:
    """Writes to the log at random, and keeps what was acknowledged."""

    def __init__(self, rng: random.Random, broker: Broker, matters: int, bugs: bool) -> None:
        self.rng, self.broker, self.bugs = rng, broker, bugs
        self.partitions = broker.table.partitions
        self._matters = matters
        self._requests = 0
        self.matters: list[str] = []
        self.handins: list[HandIn] = []
        self._sent: list[tuple[str, HandIn]] = []
        self.broken: list[bytes] = []
        self.troubled: set[str] = set()

    def act(self) -> None:
        """One record from outside."""
        choice = self.rng.random()
        if not self.matters or (choice < 0.25 and len(self.matters) < self._matters):
            self.submit()
        elif choice < 0.5:
            self.repeat()
        elif choice < 0.52:
            self.rubbish()
        elif choice < 0.57:
            self.command("withdraw_matter")
        elif choice < 0.8:
            self.command("record_visit")
        else:
            self.decide()

    def _request(self) -> tuple[str, str]:
        self._requests += 1
        return self.rng.choice(("li", "wang")), f"r{self._requests}"

    def submit(self) -> None:
        """A new matter of two items."""
        principal, request_id = self._request()
        command = IntakeCommand(request_id=request_id)
        command.actor.principal = principal
        modes = [self.rng.choice(MODES), self.rng.choice(MODES)]
        matter_id = keys.matter_id(principal, request_id)
        command.submit_matter.matter_code = "OM-1"
        if self.bugs and self.rng.random() < 0.3:
            self.troubled.add(matter_id)
            if self.rng.random() < 0.5:
                command.submit_matter.matter_code = "BUG"
            else:
                modes[self.rng.randrange(2)] = "BUG"
        command.submit_matter.division = ",".join(modes)
        self.matters.append(matter_id)
        self._hand_in(cores.SUBMISSIONS, FRONT, matter_id, command)

    def command(self, kind: str) -> None:
        """A later command on a matter."""
        principal, request_id = self._request()
        matter_id = self.rng.choice(self.matters)
        command = IntakeCommand(request_id=request_id, matter_id=matter_id)
        command.actor.principal = principal
        getattr(command, kind).reason = "because"
        if kind == "record_visit" and self.bugs and self.rng.random() < 0.1:
            command.record_visit.reason = "BUG"
            self.troubled.add(matter_id)
        self._hand_in(cores.FRONT_COMMANDS, FRONT, matter_id, command)

    def decide(self) -> None:
        """A person decides a task, which may be there or not."""
        principal, request_id = self._request()
        matter_id = self.rng.choice(self.matters)
        item_id = self.rng.choice(("01", "02", "02"))
        command = ApprovalCommand(request_id=request_id, matter_id=matter_id, item_id=item_id)
        command.actor.principal = principal
        command.decide_task.opinion = "granted"
        self._hand_in(cores.BACK_COMMANDS, BACK, matter_id, command)

    def rubbish(self) -> None:
        """What cannot be decoded."""
        value = b"\xff" + self.rng.randbytes(4)
        self.broken.append(value)
        topic = self.rng.choice((cores.SUBMISSIONS, cores.FRONT_COMMANDS, cores.BACK_COMMANDS))
        self._append(topic, self.rng.choice((*self.matters, "")), self.rng.randrange(self.partitions), value, "rubbish")

    def repeat(self) -> None:
        """The same request again; sometimes with another content."""
        topic, handin = self.rng.choice(self._sent)
        if self.rng.random() < 0.25:
            kind = ApprovalCommand if handin.deployment == BACK else IntakeCommand
            other = kind.FromString(handin.value)
            other.actor.department = self.rng.choice(("one", "another"))
            handin = replace(handin, value=other.SerializeToString(deterministic=True))
        self._send(topic, handin)

    def _hand_in(self, topic: str, deployment: str, matter_id: str, command: IntakeCommand | ApprovalCommand) -> None:
        value = command.SerializeToString(deterministic=True)
        self._send(topic, HandIn(deployment, matter_id, command.actor.principal, command.request_id, value, False))

    def _send(self, topic: str, handin: HandIn) -> None:
        partition, key = keys.partition_of(handin.matter_id.encode(), self.partitions), handin.matter_id
        if self.rng.random() < 0.1:
            partition = self.rng.randrange(self.partitions)
            key = self.rng.choice((handin.matter_id, "", "another"))
            handin = replace(handin, forwarded=True)
        self.handins.append(handin)
        self._sent.append((topic, handin))
        self._append(topic, key, partition, handin.value, f"{handin.principal}/{handin.request_id}")

    def _append(self, topic: str, key: str, partition: int, value: bytes, identity: str) -> None:
        stamped = headers.outside(
            id=identity, source="/client", type="onematter.command", time_unix_ms=self.broker.clock_unix_ms()
        )
        self.broker.append(Produced(topic, partition, key.encode(), value, tuple(stamped)))
