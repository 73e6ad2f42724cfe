"""Who acts in a story: applicants, clerks at the window, officials; each sends commands as a client would.

Every method raises Refused when its command is refused, so that a story says what happens, not what is answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.stories.world import Refused, World

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand, Decision, OpinionPosition, SiteVisit
from onematter.common.v1.actor_pb2 import Actor, ActorRole, Channel, Delegation, Rank
from onematter.common.v1.application_pb2 import Application, Material
from onematter.common.v1.outcome_pb2 import Outcome
from onematter.common.v1.period_pb2 import SuspensionReason
from onematter.contracts import keys
from onematter.contracts.topics import INTAKE_COMMANDS, SUBMISSIONS
from onematter.intake.v1.intake_commands_pb2 import CrossRegionMode, DeliveryWay, IntakeCommand, TripCause

HOME = "330106"


@dataclass
class Person:
    """Somebody with an account."""

    world: World
    actor: Actor

    def _accepted(self, outcome: Outcome) -> Outcome:
        if outcome.HasField("refused"):
            raise Refused(outcome)
        return outcome


@dataclass
class Sender(Person):
    """Somebody who sends commands to intake."""

    def send(self, matter_id: str, **command: Any) -> Outcome:
        """Send one command about a matter; `command` is the member of the oneof with its message or fields."""
        asked = IntakeCommand(
            request_id=self.world.request_id(), matter_id=matter_id, actor=self.actor, **command
        )  # fmt: skip
        return self._accepted(self.world.send(INTAKE_COMMANDS, matter_id, asked))

    def supply(self, matter_id: str, *materials: Material, channel: Channel = Channel.CHANNEL_WEB) -> Outcome:
        """Supply what was asked or promised."""
        return self.send(matter_id, supply_materials={"materials": materials, "channel": channel})

    def visit(
        self,
        matter_id: str,
        cause: TripCause = TripCause.TRIP_CAUSE_UNSPECIFIED,
        reason: str = "",
        division: str = HOME,
    ) -> Outcome:
        """Note that the applicant came in person."""
        return self.send(matter_id, record_visit={"reason": reason, "division": division, "cause": cause})


@dataclass
class Applicant(Sender):
    """Who hands in."""

    def submit(
        self,
        code: str,
        application: Application,
        *,
        channel: Channel = Channel.CHANNEL_WEB,
        division: str = HOME,
        receiving_division: str = "",
        promised: Sequence[str] = (),
        pledged: Sequence[str] = (),
        delivery: DeliveryWay = DeliveryWay.DELIVERY_WAY_UNSPECIFIED,
        cross_region: CrossRegionMode = CrossRegionMode.CROSS_REGION_MODE_UNSPECIFIED,
        language: str = "",
    ) -> str:
        """Hand one matter in; returns its id."""
        request_id = self.world.request_id()
        matter_id = keys.matter_id(self.actor.principal, request_id)
        command = IntakeCommand(request_id=request_id, matter_id=matter_id, actor=self.actor)
        submit = command.submit_matter
        submit.matter_code, submit.division, submit.receiving_division = code, division, receiving_division
        submit.channel, submit.language, submit.delivery = channel, language, delivery
        submit.cross_region = cross_region
        submit.promised_materials.extend(promised)
        submit.pledged_items.extend(pledged)
        submit.application.CopyFrom(application)
        self._accepted(self.world.send(SUBMISSIONS, matter_id, command))
        return matter_id

    def withdraw(self, matter_id: str, reason: str = "不再办理") -> Outcome:
        """Take the matter back."""
        return self.send(matter_id, withdraw_matter={"reason": reason})


@dataclass
class Clerk(Sender):
    """Who works at the window, or for the government that organises joint handling."""

    def accept(self, matter_id: str) -> Outcome:
        """Accept."""
        return self.send(matter_id, accept_matter={})

    def ask_correction(self, matter_id: str, **needs: str) -> Outcome:
        """Tell what must be corrected; `needs` are reasons by material."""
        told = [{"material_id": material, "reason": reason} for material, reason in needs.items()]
        return self.send(matter_id, ask_correction={"needs": told})

    def ask_correction_again(self, matter_id: str, material_id: str, reason: str, because: str) -> Outcome:
        """Tell what became visible only now."""
        need = {"material_id": material_id, "reason": reason, "newly_visible_because": because}
        return self.send(matter_id, ask_correction={"needs": [need]})

    def refuse(self, matter_id: str, reason: str, *, competent_body: str = "", not_required: bool = False) -> Outcome:
        """Do not accept."""
        return self.send(
            matter_id,
            refuse_acceptance={
                "reason": reason, "competent_body": competent_body, "not_required": not_required,
                "basis": ["《行政许可法》第三十二条"],
            },
        )  # fmt: skip

    def void(self, matter_id: str, reason: str) -> Outcome:
        """Void the matter."""
        return self.send(matter_id, void_matter={"reason": reason})

    def extend(self, matter_id: str, days: int, reason: str) -> Outcome:
        """Extend the matter's own period."""
        return self.send(matter_id, extend_matter={"days": days, "reason": reason})

    def deliver(self, matter_id: str, way: DeliveryWay, reference: str = "", division: str = HOME) -> Outcome:
        """Note that the result reached the applicant."""
        if way != DeliveryWay.DELIVERY_WAY_COUNTER:
            division = ""
        return self.send(matter_id, record_delivery={"way": way, "reference": reference, "division": division})


@dataclass
class Official(Person):
    """Who has a task in hand, or is asked about it."""

    matter_id: str
    item_id: str
    basis: Sequence[str] = field(default=("《行政许可法》第三十八条",))

    def send(self, **command: Any) -> Outcome:
        """Send one command about the task; `command` is the member of the oneof with its message or fields."""
        topic = next(
            i.item.commands_topic for i in self.world.state(self.matter_id).items if i.item.item_id == self.item_id
        )
        asked = ApprovalCommand(
            request_id=self.world.request_id(), matter_id=self.matter_id, actor=self.actor, item_id=self.item_id,
            **command,
        )  # fmt: skip
        return self._accepted(self.world.send(topic, self.matter_id, asked))

    def of(self, item_id: str) -> Official:
        """The same person with another item."""
        return replace(self, item_id=item_id)

    def acting_for(self, principal: str, first_day: str, last_day: str, reference: str) -> Official:
        """The same person in another's place."""
        actor = Actor()
        actor.CopyFrom(self.actor)
        away = Delegation(principal=principal, first_day=first_day, last_day=last_day, reference=reference)
        actor.acting_for.CopyFrom(away)
        return replace(self, actor=actor)

    def claim(self) -> Official:
        """Put one's name to it."""
        self.send(claim_task={})
        return self

    def release(self) -> Outcome:
        """Take one's name off."""
        return self.send(release_task={})

    def transfer(self, department: str, reason: str, division: str = "") -> Outcome:
        """Give it to another department."""
        return self.send(transfer_task={"department": department, "division": division, "reason": reason})

    def grant(self, opinion: str = "符合条件", conditions: Iterable[str] = (), valid_until: str = "") -> Outcome:
        """Grant."""
        return self.send(
            decide_task={
                "decision": Decision.DECISION_GRANT, "opinion": opinion, "conditions": tuple(conditions),
                "valid_until": valid_until,
            }
        )  # fmt: skip

    def deny(self, opinion: str = "不符合条件") -> Outcome:
        """Deny."""
        return self.send(
            decide_task={"decision": Decision.DECISION_DENY, "opinion": opinion, "basis": tuple(self.basis)}
        )

    def ask_correction(self, **needs: str) -> Outcome:
        """Ask the applicant, once."""
        told = [{"material_id": material, "reason": reason} for material, reason in needs.items()]
        return self.send(request_correction={"needs": told})

    def ask_correction_again(self, material_id: str, reason: str, because: str) -> Outcome:
        """Ask for what became visible only now."""
        need = {"material_id": material_id, "reason": reason, "newly_visible_because": because}
        return self.send(request_correction={"needs": [need]})

    def lift(self, reason: str = "按现有材料审查") -> Outcome:
        """Take a correction back."""
        return self.send(lift_correction={"reason": reason})

    def begin_special(self, kind: SuspensionReason, days: int, reason: str) -> Outcome:
        """Begin what does not count."""
        return self.send(begin_special_procedure={"kind": kind, "expected_days": days, "reason": reason})

    def end_special(self, result: str) -> Outcome:
        """End it."""
        return self.send(end_special_procedure={"result": result})

    def extend(self, days: int, reason: str) -> Outcome:
        """Extend the legal period, by the rank of this person."""
        return self.send(extend_period={"days": days, "reason": reason})

    def ask_opinions(self, question: str, *departments: str) -> Outcome:
        """Ask other departments."""
        return self.send(ask_opinions={"departments": departments, "question": question})

    def consent(self, text: str = "同意") -> Outcome:
        """Answer, asked for an opinion: yes."""
        return self.send(give_opinion={"position": OpinionPosition.OPINION_POSITION_CONSENT, "text": text})

    def consent_if(self, text: str, *conditions: str) -> Outcome:
        """Answer: yes, if."""
        position = OpinionPosition.OPINION_POSITION_CONDITIONAL
        return self.send(give_opinion={"position": position, "text": text, "conditions": conditions})

    def veto(self, text: str) -> Outcome:
        """Answer: no."""
        return self.send(give_opinion={"position": OpinionPosition.OPINION_POSITION_VETO, "text": text})

    def visit_site(
        self, finding: str = "现场与申请一致", *, passed: bool = True, attended: bool = False,
        departments: Sequence[str] = (),
    ) -> Outcome:  # fmt: skip
        """Record a site visit of today."""
        visit = SiteVisit(
            day=self.world.today.isoformat(), finding=finding, passed=passed, applicant_attended=attended,
            departments=departments or [self.actor.department],
        )  # fmt: skip
        return self.send(record_site_visit={"site_visit": visit})

    def verify(self, *, kept: bool, finding: str) -> Outcome:
        """Verify what was pledged."""
        basis = () if kept else self.basis
        return self.send(verify_pledge={"kept": kept, "finding": finding, "basis": basis})


def applicant(world: World, principal: str = "applicant-1") -> Applicant:
    """Somebody who has a matter."""
    return Applicant(world, Actor(principal=principal, role=ActorRole.ACTOR_ROLE_APPLICANT))


def operator(world: World, principal: str = "operator-1") -> Applicant:
    """Who runs the installation, and hands in what it watches itself by."""
    return Applicant(world, Actor(principal=principal, role=ActorRole.ACTOR_ROLE_OPERATOR))


def clerk(world: World, principal: str = "clerk-7", rank: Rank = Rank.RANK_STAFF, division: str = HOME) -> Clerk:
    """Somebody at the window of a division."""
    actor = Actor(principal=principal, role=ActorRole.ACTOR_ROLE_CLERK, rank=rank, division=division)
    actor.department = "government_services"
    return Clerk(world, actor)


def intake(world: World) -> Sender:
    """Intake itself, as it asks for what a calendar changes."""
    return Sender(world, Actor(principal="intake", role=ActorRole.ACTOR_ROLE_SYSTEM))


def government(world: World, principal: str, rank: Rank, division: str = HOME) -> Clerk:
    """Somebody who answers for the joint handling of a division's matters."""
    actor = Actor(principal=principal, role=ActorRole.ACTOR_ROLE_OFFICIAL, rank=rank, division=division)
    actor.department = "government_services"
    return Clerk(world, actor)


def official(
    world: World,
    matter_id: str,
    item_id: str,
    principal: str = "",
    *,
    department: str = "",
    rank: Rank = Rank.RANK_STAFF,
    role: ActorRole = ActorRole.ACTOR_ROLE_OFFICIAL,
) -> Official:
    """Somebody of the department that has the item now, or of another `department` of its level."""
    state = next(one for one in world.state(matter_id).items if one.item.item_id == item_id)
    item = state.item
    task = world.tasks(matter_id).get(item_id)
    has_it = (task.department if task is not None else "") or item.department
    actor = Actor(
        principal=principal or f"{department or has_it}-1",
        role=role,
        rank=rank,
        level=item.level,
        division=(task.division if task is not None else "") or item.division,
        department=department or has_it,
    )
    return Official(world, actor, matter_id, item_id)
