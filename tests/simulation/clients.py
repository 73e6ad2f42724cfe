"""Clients of the two deployments: hand-ins, repeats, other contents under a request, wrong partitions, rubbish."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from tests.simulation import cores
from tests.simulation.auditor import HandIn
from tests.simulation.cores import BACK, FRONT
from tests.simulation.dice import Dice
from tests.simulation.memory import Produced
from tests.simulation.traffic import Traffic
from tests.simulation.wire import UNDECODABLE, UNKNOWN_FIELD, Wire

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.contracts import headers, keys
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand

MODES = ("auto", "timer")
_partition_of = lru_cache(maxsize=1 << 16)(keys.partition_of)


@lru_cache(maxsize=256)
def _time(unix_ms: int) -> bytes:
    return headers.rfc3339(unix_ms).encode()


class Senders:
    """What all clients do: send to the log, repeat, mistake the partition, wait for the network.

    handins: what the log acknowledged, in that order.
    """

    def __init__(self, dice: Dice, wire: Wire, traffic: Traffic, note: Callable[[str], None]) -> None:
        self.dice, self.wire, self.traffic, self.note = dice, wire, traffic, note
        self.partitions = wire.table.partitions
        self.requests = 0
        self.matters: list[str] = []
        self.handins: list[HandIn] = []
        self.sent: list[tuple[str, HandIn]] = []
        self.in_flight: list[tuple[str, str, int, HandIn]] = []

    def request_id(self) -> str:
        """The next one."""
        self.requests += 1
        return f"r{self.requests}"

    def hand_in(self, topic: str, deployment: str, matter_id: str, command: Any) -> None:
        """Send a command for the first time."""
        value = command.SerializeToString(deterministic=True)
        self.send(topic, HandIn(deployment, matter_id, command.actor.principal, command.request_id, value, False))

    def repeat(self, kind_of: Callable[[str], Any]) -> None:
        """The same request again; sometimes with another content. `kind_of` a deployment: its commands."""
        topic, handin = self.dice.pick(self.sent)
        if self.dice.chance(0.25):
            other = kind_of(handin.deployment).FromString(handin.value)
            other.actor.department = self.dice.pick(("one", "another"))
            handin = replace(handin, value=other.SerializeToString(deterministic=True))
            self.note("request reused")
        else:
            self.note("request repeated")
        self.send(topic, handin)

    def send(self, topic: str, handin: HandIn) -> None:
        """Send; it arrives at once, or later than what is sent after it."""
        partition, key = _partition_of(handin.matter_id.encode(), self.partitions), handin.matter_id
        if self.dice.chance(0.1):
            partition = self.dice.below(self.partitions)
            key = self.dice.pick((handin.matter_id, "", "another"))
            handin = replace(handin, forwarded=True)
            self.note("wrong key or partition")
        self.sent.append((topic, handin))
        if self.dice.chance(self.traffic.late_chance):
            self.in_flight.append((topic, key, partition, handin))
            return
        self._arrive(topic, key, partition, handin)

    def land(self) -> None:
        """Something that was on its way arrives."""
        if self.in_flight:
            self.note("hand-in arrived late")
            self._arrive(*self.in_flight.pop(self.dice.below(len(self.in_flight))))

    def _arrive(self, topic: str, key: str, partition: int, handin: HandIn) -> None:
        self.handins.append(handin)
        self.append(topic, key, partition, handin.value, f"{handin.principal}/{handin.request_id}")

    def append(self, topic: str, key: str, partition: int, value: bytes | None, identity: str, *more: Any) -> None:
        """One record into the log."""
        stamped = [
            ("ce_specversion", b"1.0"), ("ce_id", identity.encode()), ("ce_source", b"/client"),
            ("ce_type", b"onematter.command"), ("ce_time", _time(self.wire.clock_unix_ms())),
            ("content-type", headers.CONTENT_TYPE), *more,
        ]  # fmt: skip
        self.wire.append(Produced(topic, partition, key.encode(), value, stamped))

    def poison(self, topics: tuple[str, ...], stranger: str) -> None:
        """What cannot be decoded, what says it stands in a stream and doesn't, a type that nobody knows, and nothing.

        `stranger`: a topic where nobody from outside has anything to say.
        """
        value = UNDECODABLE + self.dice.bytes(6)
        topic, place = self.dice.pick(topics), self.dice.below(self.partitions)
        key = self.dice.pick((*self.matters, ""))
        kind = self.dice.below(5)
        if kind == 0:
            self._poisoned("undecodable", topic, key, place, value)
        elif kind == 1:
            self._poisoned("malformed header", topic, key, place, value, ("ce_sequence", b"x"))
        elif kind == 2:
            self._poisoned("undecodable event", stranger, key, place, value)
        elif kind == 3 and self.traffic.parks:
            self.wire.troubled.add(key)
            self._poisoned("tombstone", topic, key, place, None)
        elif self.traffic.parks and self.matters:
            key = self.dice.pick(self.matters)
            self.wire.troubled.add(key)
            unknown = UNKNOWN_FIELD + bytes((4,)) + value[1:5]
            self._poisoned("unknown type", topic, key, _partition_of(key.encode(), self.partitions), unknown)

    def _poisoned(self, what: str, topic: str, key: str, place: int, value: bytes | None, *more: Any) -> None:
        self.note(f"poison: {what}")
        self.wire.broken.append(value or b"")
        self.append(topic, key, place, value, "poison", *more)


class Clients(Senders):
    """Of the front and the back."""

    def act(self) -> None:
        """One record from outside."""
        choice = self.dice.random()
        if not self.matters or (choice < 0.25 and len(self.matters) < self.traffic.matters):
            self.submit()
        elif choice < 0.5:
            self.repeat(lambda deployment: ApprovalCommand if deployment == BACK else IntakeCommand)
        elif choice < 0.52:
            self.poison((cores.SUBMISSIONS, cores.FRONT_COMMANDS, cores.BACK_COMMANDS), cores.BACK_EVENTS)
        elif choice < 0.57:
            self.command("withdraw_matter")
        elif choice < 0.8:
            self.command("record_visit")
        else:
            self.decide()

    def _request(self) -> tuple[str, str]:
        return self.dice.pick(("li", "wang")), self.request_id()

    def submit(self) -> None:
        """A new matter of two items."""
        principal, request_id = self._request()
        command = IntakeCommand(request_id=request_id)
        command.actor.principal = principal
        modes = [self.dice.pick(MODES), self.dice.pick(MODES)]
        matter_id = keys.matter_id(principal, request_id)
        command.submit_matter.matter_code = "OM-1"
        if self.traffic.bugs and self.dice.chance(0.3):
            self.wire.troubled.add(matter_id)
            self.note("poison: a bug")
            if self.dice.chance(0.5):
                command.submit_matter.matter_code = "BUG"
            else:
                modes[self.dice.below(2)] = "BUG"
        command.submit_matter.division = ",".join(modes)
        self.matters.append(matter_id)
        self.hand_in(cores.SUBMISSIONS, FRONT, matter_id, command)

    def command(self, kind: str) -> None:
        """A later command on a matter."""
        principal, request_id = self._request()
        matter_id = self.dice.pick(self.matters)
        command = IntakeCommand(request_id=request_id, matter_id=matter_id)
        command.actor.principal = principal
        getattr(command, kind).reason = "because"
        if kind == "record_visit" and self.traffic.bugs and self.dice.chance(0.1):
            command.record_visit.reason = "BUG"
            self.wire.troubled.add(matter_id)
            self.note("poison: a bug")
        self.hand_in(cores.FRONT_COMMANDS, FRONT, matter_id, command)

    def decide(self) -> None:
        """A person decides a task, which may be there or not."""
        principal, request_id = self._request()
        matter_id = self.dice.pick(self.matters)
        item_id = self.dice.pick(("01", "02", "02"))
        command = ApprovalCommand(request_id=request_id, matter_id=matter_id, item_id=item_id)
        command.actor.principal = principal
        command.decide_task.opinion = "granted"
        self.hand_in(cores.BACK_COMMANDS, BACK, matter_id, command)
