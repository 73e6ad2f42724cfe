"""Intake and approval of three levels: the services' own cores with the catalogue that ships, under the same scheduler.

A matter decided by rule alone and one whose items wait for each other's certificates; officials claim and grant, some
applicants withdraw. The exchange is away for ever: what it is asked for nobody answers, and people decide without it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from tests.simulation.auditor import (
    Evidence,
    causes,
    common_evidence,
    hand_ins_counted,
    letters_explained,
    outcomes_kept,
    streams,
)
from tests.simulation.clients import Senders
from tests.simulation.traffic import Traffic
from tests.stories.applications import application_for

from onematter.approval import handlers as approval
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand, Decision
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TasksState, TaskStatus
from onematter.backbone.catalogue_files import load_calendar, load_catalogue
from onematter.backbone.service import Aggregate
from onematter.common.v1.actor_pb2 import Actor, ActorRole, Channel, Rank
from onematter.contracts import keys, topics
from onematter.contracts.topics import INTAKE_COMMANDS, SUBMISSIONS, TopicTable
from onematter.intake import handlers as intake
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_events_pb2 import MatterEvent
from onematter.intake.v1.intake_state_pb2 import MatterState
from onematter.law.calendar import legal_date

if TYPE_CHECKING:
    from tests.simulation.scheduler import Simulation

INTAKE = "intake"
CODES = ("OM-90", "OM-05")
HOME = "330106"
TRIES = 8
IN_HAND = (TaskStatus.TASK_STATUS_OPEN, TaskStatus.TASK_STATUS_CLAIMED)
_catalogue, _calendar = cache(load_catalogue), cache(load_calendar)


@cache
def _table(partitions: int) -> TopicTable:
    return replace(topics.table(), partitions=partitions)


@cache
def _application(code: str, now_unix_ms: int) -> Any:
    return application_for(_catalogue().in_force(code, legal_date(now_unix_ms)))


class People(Senders):
    """Applicants and officials."""

    simulation: Simulation

    def act(self) -> None:
        """One record from outside."""
        choice = self.dice.random()
        if not self.matters or (choice < 0.2 and len(self.matters) < self.traffic.matters):
            self.submit()
        elif choice < 0.4:
            self.repeat(lambda deployment: IntakeCommand if deployment == INTAKE else ApprovalCommand)
        elif choice < 0.43:
            table = self.wire.table
            commands = tuple(table.commands_topic(name) for name in self.simulation.deployments)
            self.poison((SUBMISSIONS, *commands), table.events_topic("approval-city"))
        elif choice < 0.46:
            self.ask(self.dice.pick(self.matters), "withdraw_matter", {"reason": "不再办理"})
        elif choice < 0.6:
            self.ask(self.dice.pick(self.matters), "record_visit", {"reason": "来访", "division": HOME})
        else:
            for deployment, matter_id, task in self.tasks():
                if self.dice.chance(0.3):
                    self.handle(deployment, matter_id, task)

    def submit(self) -> None:
        """A new matter."""
        request_id = self.request_id()
        actor = Actor(principal=self.dice.pick(("li", "wang")), role=ActorRole.ACTOR_ROLE_APPLICANT)
        matter_id = keys.matter_id(actor.principal, request_id)
        command = IntakeCommand(request_id=request_id, matter_id=matter_id, actor=actor)
        submit = command.submit_matter
        submit.matter_code, submit.division = self.dice.pick(CODES), HOME
        submit.channel = Channel.CHANNEL_WEB
        submit.application.CopyFrom(_application(submit.matter_code, 1_800_000_000_000))
        self.matters.append(matter_id)
        self.hand_in(SUBMISSIONS, INTAKE, matter_id, command)

    def ask(self, matter_id: str, kind: str, fields: Any) -> None:
        """A later command of the applicant or the window."""
        actor = Actor(principal="li", role=ActorRole.ACTOR_ROLE_APPLICANT)
        if kind == "record_visit":
            actor = Actor(principal="zhou", role=ActorRole.ACTOR_ROLE_CLERK, division=HOME)
        command = IntakeCommand(request_id=self.request_id(), matter_id=matter_id, actor=actor, **{kind: fields})
        self.hand_in(INTAKE_COMMANDS, INTAKE, matter_id, command)

    def tasks(self) -> Iterator[tuple[str, str, Any]]:
        """What lies in the inboxes: deployment, matter, task."""
        for deployment in self.simulation.deployments:
            if deployment != INTAKE:
                rows = self.simulation.databases[deployment].tables.aggregates
                for matter_id, row in rows.items():
                    for task in TasksState.FromString(row[1]).tasks:
                        if task.status in IN_HAND:
                            yield deployment, matter_id, task

    def handle(self, deployment: str, matter_id: str, task: Any) -> None:
        """Somebody claims a task, or grants it."""
        state = MatterState.FromString(self.simulation.databases[INTAKE].tables.aggregates[matter_id][1])
        item = next((one.item for one in state.items if one.item.item_id == task.item_id), None)
        actor = Actor(
            principal="zhao", role=ActorRole.ACTOR_ROLE_OFFICIAL, rank=Rank.RANK_STAFF,
            level=item.level if item is not None else None, division=task.division, department=task.department,
        )  # fmt: skip
        command = ApprovalCommand(
            request_id=self.request_id(), matter_id=matter_id, item_id=task.item_id, actor=actor
        )  # fmt: skip
        if task.status == TaskStatus.TASK_STATUS_OPEN:
            command.claim_task.SetInParent()
        else:
            command.decide_task.decision, command.decide_task.opinion = Decision.DECISION_GRANT, "符合条件"
        self.hand_in(self.wire.table.commands_topic(deployment), deployment, matter_id, command)


class Services:
    """See the Play protocol."""

    def __init__(self, traffic: Traffic) -> None:
        self.traffic = traffic
        self.table = table = _table(traffic.partitions)
        catalogue, calendar = _catalogue(), _calendar()
        self.aggregates: dict[str, Aggregate[Any, Any, Any]] = {
            INTAKE: intake.aggregate(catalogue, table, INTAKE, calendar)
        }
        for name, deployment in table.deployments.items():
            if deployment.service == "approval":
                self.aggregates[name] = approval.aggregate(catalogue, calendar, table, name)
        self._tries: Counter[tuple[str, str]] = Counter()

    def enter(self, simulation: Simulation) -> None:
        """People come."""
        self.simulation = simulation
        self.senders = People(simulation.dice, simulation.broker, self.traffic, simulation.note)
        self.senders.simulation = simulation
        self.act = self.senders.act

    def fix(self) -> None:
        """There are no bugs."""

    def finish(self) -> bool:
        """Officials deal with what lies in the inboxes."""
        done = False
        for deployment, matter_id, task in list(self.senders.tasks()):
            if self._tries[matter_id, task.item_id] < TRIES:
                self._tries[matter_id, task.item_id] += 1
                self.senders.handle(deployment, matter_id, task)
                done = True
        while self.senders.in_flight:
            self.senders.land()
        return done

    def audit(self, unrest: str) -> list[str]:
        """What is wrong: the auditor's rules, and that every matter and every item has exactly one end."""
        evidence = common_evidence(self.simulation, unrest)
        found, evidence.quiet = evidence.problems, True
        if unrest:
            found.append(unrest)
        evidence.events = {name: self.table.events_topic(name) for name in self.aggregates}
        evidence.dead_letters = [t.name for t in self.table.topics.values() if t.kind == "dead-letters"]
        kinds: dict[str, Any] = {name: MatterEvent if name == INTAKE else ApprovalEvent for name in self.aggregates}
        events: dict[str, dict[tuple[str, int], Any]] = {}
        for name, topic in evidence.events.items():
            raw = streams(evidence, topic, name)
            events[name] = {place: kinds[name].FromString(value) for place, value in raw.items()}
            causes(evidence, name, events[name])
        hand_ins_counted(evidence, events)
        outcomes_kept(evidence, events)
        letters_explained(evidence)
        self._ends(evidence, events)
        self._folds(evidence, events)
        return found

    def _ends(self, evidence: Evidence, events: dict[str, dict[tuple[str, int], Any]]) -> None:
        opened: Counter[tuple[str, str]] = Counter()
        ended: Counter[tuple[str, str]] = Counter()
        for name in self.aggregates:
            if name == INTAKE:
                continue
            for (key, _), value in streams(evidence, self.table.commands_topic(name), INTAKE).items():
                command = ApprovalCommand.FromString(value)
                opened[key, command.item_id] += command.WhichOneof("command") == "open_task"
            for (key, _), event in events[name].items():
                ended[key, event.item_id] += event.WhichOneof("event") in ("task_decided", "task_recalled")
        odd = [place for place in opened | ended if opened[place] != ended[place] or opened[place] > 1]
        if odd:
            evidence.problems.append(f"items without exactly one end: {sorted((k[:8], i) for k, i in odd)[:5]}")
        ends = Counter(key for (key, _), e in events[INTAKE].items() if e.WhichOneof("event") == "matter_completed")
        for (key, _), event in events[INTAKE].items():
            if event.WhichOneof("event") == "matter_accepted" and ends[key] != 1:
                evidence.problems.append(f"{key[:8]}: {ends[key]} results")

    def _folds(self, evidence: Evidence, events: dict[str, dict[tuple[str, int], Any]]) -> None:
        for name, of in events.items():
            states: dict[str, Any] = {}
            aggregate = self.aggregates[name]
            for (key, _), event in sorted(of.items(), key=lambda place: place[0]):
                states[key] = aggregate.evolve(states.get(key) or aggregate.state_type(), event)
            rows = self.simulation.databases[name].tables.aggregates
            for key in rows.keys() | states.keys():
                kept = aggregate.state_type.FromString(rows[key][1]) if key in rows else aggregate.state_type()
                if kept != states.get(key, aggregate.state_type()):
                    evidence.problems.append(f"{name} {key[:8]}: the state is not the fold of the published events")
