"""onematter from Python, on Kafka alone: hand in, follow, decide, and everything in between.

Rule 1: what is written is acknowledged by every in-sync replica before a call returns; its outcome is an event, or a
refusal on the same topic.
Rule 2: a request repeated with its request_id has its effect once.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.client import tasks as inbox
from onematter.client.errors import Invalid
from onematter.client.following import follow
from onematter.client.handling import supply_command
from onematter.client.messages import (
    AnyMaterial,
    FactInput,
    PartyInput,
    actor_of,
    application_of,
    checked_id,
    decide_command,
    level_number,
    submit_command,
    visit_command,
    withdraw_command,
)
from onematter.client.publisher import Publisher
from onematter.contracts.connections import KafkaConnection
from onematter.contracts.topics import INTAKE_COMMANDS, SUBMISSIONS, table
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_events_pb2 import MatterEvent

MAX_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Submission:
    """A matter that was handed in."""

    matter_id: str
    request_id: str


class OneMatter:
    """A client of one principal.

    `kafka` is host:port[,host:port], a KafkaConnection, or None for the environment's settings (see
    onematter.contracts.connections). `traceparent` gives the caller's trace context (W3C) for each write. Close it, or
    use it as a context manager. Methods raise Invalid, Unavailable and DeadlineExceeded (onematter.client.errors).
    """

    def __init__(
        self,
        kafka: str | KafkaConnection | None = None,
        *,
        principal: str,
        role: str = "system",
        timeout_seconds: float = 30.0,
        traceparent: Callable[[], str] | None = None,
    ) -> None:
        if kafka is None:
            kafka = KafkaConnection.from_environment()
        self._connection = KafkaConnection(kafka) if isinstance(kafka, str) else kafka
        self._actor = actor_of(principal, role)
        self._publisher = Publisher(self._connection, timeout_seconds, traceparent)
        self._handed_in: dict[str, int] = {}

    def __enter__(self) -> OneMatter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._publisher.close()

    def submit(
        self,
        matter_code: str,
        division: str,
        *,
        facts: Mapping[str, FactInput] | None = None,
        materials: Iterable[AnyMaterial] = (),
        parties: Sequence[PartyInput] = (),
        channel: str = "system",
        receiving_division: str = "",
        language: str = "",
        promised_materials: Iterable[str] = (),
        pledged_items: Iterable[str] = (),
        delivery: str | int = 0,
        cross_region: str | int = 0,
        request_id: str | None = None,
    ) -> Submission:
        """Hand in one matter (提交一件事).

        A material is a path (its name without suffix is the material's id), a MaterialFile, or a MaterialInput by
        digest. Without parties the principal is the applicant. Give a `request_id` of your own (1 to 64 characters)
        where the same hand-in may be tried again; the matter's id follows from it. For the rest see
        onematter.client.messages.submit_command.
        """
        request = request_id or uuid.uuid4().hex
        people = parties or (PartyInput(name=self._actor.principal),)
        command = submit_command(
            self._actor,
            request,
            matter_code,
            division,
            application_of(facts or {}, materials, people),
            channel=channel,
            receiving_division=receiving_division,
            language=language,
            promised_materials=promised_materials,
            pledged_items=pledged_items,
            delivery=delivery,
            cross_region=cross_region,
        )
        time_unix_ms = self._publisher.write(SUBMISSIONS, command)
        # A request_id of the caller's own may have been handed in long before.
        if request_id is None and len(self._handed_in) < MAX_REMEMBERED:
            self._handed_in[command.matter_id] = time_unix_ms
        return Submission(command.matter_id, request)

    def withdraw(self, matter_id: str, reason: str = "", *, request_id: str | None = None) -> str:
        """Take a matter back (撤回); return the request_id."""
        command = withdraw_command(self._actor, request_id or uuid.uuid4().hex, matter_id, reason)
        self._publisher.write(INTAKE_COMMANDS, command)
        return command.request_id

    def record_visit(
        self,
        matter_id: str,
        reason: str,
        *,
        division: str = "",
        cause: str | int = 0,
        request_id: str | None = None,
    ) -> str:
        """Note that the applicant came in person (跑动一次); return the request_id. From the second trip on `cause` is
        needed, as `collection` (intake.v1.TripCause).
        """
        command = visit_command(self._actor, request_id or uuid.uuid4().hex, matter_id, reason, division, cause)
        self._publisher.write(INTAKE_COMMANDS, command)
        return command.request_id

    def supply(
        self,
        matter_id: str,
        materials: Iterable[AnyMaterial],
        *,
        channel: str | int = "system",
        request_id: str | None = None,
    ) -> str:
        """Supply what was asked or promised (补交材料); return the request_id."""
        request = request_id or uuid.uuid4().hex
        return self.send(supply_command(self._actor, request, matter_id, materials, channel=channel))

    def send(self, command: IntakeCommand | ApprovalCommand, *, commands_topic: str = "") -> str:
        """Write any command of onematter.client.handling to where it belongs; return its request_id.

        A task's goes to `commands_topic`, which the item names; without it to the topic table's for the actor's level
        and division. Raises Invalid for a hand-in, which `submit` makes.
        """
        if isinstance(command, IntakeCommand):
            if command.WhichOneof("command") == "submit_matter":
                raise Invalid(
                    "command: it hands in a matter; use submit, which remembers when",
                    "command：这是提交办件的命令；请用 submit",
                )
            topic = INTAKE_COMMANDS
        else:
            actor = command.actor
            topic = commands_topic or table().destination(actor.level, actor.division).commands_topic
        self._publisher.write(topic, command)
        return command.request_id

    def decide(
        self,
        matter_id: str,
        item_id: str,
        *,
        grant: bool,
        opinion: str,
        level: str | int,
        division: str,
        department: str,
        basis: Iterable[str] = (),
        conditions: Iterable[str] = (),
        valid_until: str = "",
        commands_topic: str = "",
        request_id: str | None = None,
    ) -> str:
        """Decide a task (作出决定) for a department; return the request_id.

        A denial needs its `basis`, the articles it rests on (行政许可法 §38). `commands_topic` is the one that the item
        names; without it, the topic table's for level and division.
        """
        number = level_number(level)
        actor = actor_of(
            self._actor.principal, self._actor.role, level=number, division=division, department=department
        )
        command = decide_command(
            actor,
            request_id or uuid.uuid4().hex,
            matter_id,
            item_id,
            grant,
            opinion,
            basis=basis,
            conditions=conditions,
            valid_until=valid_until,
        )
        return self.send(command, commands_topic=commands_topic)

    def follow(
        self, matter_id: str, timeout: float | None = None, *, since_unix_ms: int | None = None
    ) -> Iterator[MatterEvent]:
        """Yield a matter's events until the one result, or the refusal to accept it, or of its hand-in.

        `timeout` in seconds over all of it, DeadlineExceeded after it; None waits for ever. Reading begins at
        `since_unix_ms`, or at the hand-in when this client made it, else with the topic's first record.
        """
        own = checked_id(matter_id)
        since = self._handed_in.get(own) if since_unix_ms is None else since_unix_ms
        return follow(self._connection, own, since, timeout)

    def tasks(
        self,
        level: str | int,
        division: str = "",
        department: str = "",
        *,
        group_id: str,
        idle_seconds: float | None = None,
    ) -> Iterator[inbox.Task]:
        """Yield the tasks of a level as they open, each with `grant(opinion)`, `deny(opinion, basis=…)` and `leave()`.

        At least once: a task that was not decided comes again after a restart of the group. Ends after `idle_seconds`
        without a task; None waits for ever.
        """
        number = level_number(level)
        if division:
            topics = [table().destination(number, division).events_topic]
        else:
            serving = [d for d in table().deployments.values() if d.service == "approval" and d.level == number]
            topics = [table().events_topic(d.name) for d in serving]

        def decide(task: inbox.Task, decision: inbox.Decided) -> None:
            item = task.opened.item
            self.decide(
                task.matter_id,
                task.item_id,
                grant=decision.grant,
                opinion=decision.opinion,
                basis=decision.basis,
                conditions=decision.conditions,
                valid_until=decision.valid_until,
                level=item.level,
                division=item.division,
                department=item.department,
                commands_topic=item.commands_topic,
                request_id=task.request_id,
            )

        def matches(event: ApprovalEvent) -> bool:
            return inbox.wanted(event, number, division, department)

        return inbox.tasks(self._connection, topics, group_id, matches, decide, idle_seconds)
