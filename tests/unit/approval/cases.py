"""A small catalogue and calendar, and the words in which the tests of approval speak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from onematter.approval.core import Command, Core, FromIntake, evolve, react
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand, Decision
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TasksState, TaskState
from onematter.backbone.v1.ledger_pb2 import Ledger
from onematter.common.v1.actor_pb2 import Actor, ActorRole
from onematter.common.v1.actor_pb2 import Level as ContractLevel
from onematter.common.v1.outcome_pb2 import CommandRefused, Reason
from onematter.contracts.aggregate import Context, SetTimer, TimerDue
from onematter.contracts.times import set_unix_ms
from onematter.law.calendar import CalendarYear, WorkingCalendar
from onematter.law.catalogue import Catalogue, ItemType, MatterType
from onematter.law.divisions import Level
from onematter.law.rules import Rule

MATTER_ID = "0123456789abcdef0123456789abcdef"
MATTER_NUMBER = "202611233301061000000017"
RULE = "facts.investment <= 1000.0 && facts.industry in ['food'] && facts.flat && facts.cities.size() == 1"
NAMES = {"zh-CN": "水土保持方案审批", "en": "Soil and water conservation plan"}


def unix_ms(year: int, month: int, day: int, hour: int = 0) -> int:
    """An instant, UTC."""
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp()) * 1000


# Monday 2026-11-23, 10:00 in China.
NOW = unix_ms(2026, 11, 23, 2)


def item_type(item_id: str, *, rule: Rule | None = None, certificates: Sequence[str] = ()) -> ItemType:
    return ItemType(
        item_id=item_id, names=NAMES, department="water", level=Level.CITY, routing="own",
        case_type="promise", depends_on=(), produces_certificates=tuple(certificates), legal_days=20,
        promised_days=5, clock_kind="working", materials=(), rule=rule,
        when=None, for_each=None, joint_visit_group=None,
        evidence="I: a test",
    )  # fmt: skip


def matter_type(*items: ItemType) -> MatterType:
    return MatterType(
        code="OM-17", version=3, names=NAMES, lead_department="water", lead_level=Level.CITY,
        valid_from=date(2026, 1, 1), facts=(), materials=(), items=items, illustrative=True,
        evidence="I: a test",
    )  # fmt: skip


def make_catalogue() -> Catalogue:
    """Item 01 is granted by RULE, 02 has no rule; both produce certificates."""
    granted = item_type("01", rule=Rule(RULE), certificates=("water_permit", "water_licence"))
    return Catalogue((matter_type(granted, item_type("02", certificates=("water_permit",))),), {})


def make_calendar() -> WorkingCalendar:
    """Weekdays are working days; 2027 is provisional."""
    return WorkingCalendar.of(
        (
            CalendarYear(2026, "official", frozenset(), frozenset(), "a test"),
            CalendarYear(2027, "provisional", frozenset(), frozenset(), "a test"),
        )
    )


def make_core() -> Core:
    return Core(make_catalogue(), make_calendar(), "approval-city")


def official(principal: str = "li", **changes: object) -> Actor:
    """An official of the department that owns the items."""
    fields: dict[str, object] = {
        "principal": principal,
        "role": ActorRole.ACTOR_ROLE_OFFICIAL,
        "level": ContractLevel.LEVEL_CITY,
        "division": "330100",
        "department": "water",
    }
    return Actor(**(fields | changes))  # type: ignore[arg-type]


def system(principal: str = "water-system") -> Actor:
    """The own system of the department that owns the items."""
    return official(principal, role=ActorRole.ACTOR_ROLE_SYSTEM)


def open_task(item_id: str = "02", *, version: int = 3, **facts: Any) -> FromIntake:
    command = ApprovalCommand(matter_id=MATTER_ID, item_id=item_id)
    opening = command.open_task
    opening.item.item_id = item_id
    opening.item.level = ContractLevel.LEVEL_CITY
    opening.item.division = "330100"
    opening.item.department = "water"
    for language, text in NAMES.items():
        opening.item.name.texts[language] = text
        opening.matter_name.texts[language] = text
    opening.matter_number = MATTER_NUMBER
    opening.matter_code = "OM-17"
    opening.catalogue_version = version
    for key, value in facts.items():
        fact = opening.application.facts[key]
        if isinstance(value, bool):
            fact.flag = value
        elif isinstance(value, list):
            fact.list.values.extend(value)
        elif isinstance(value, str):
            fact.text = value
        elif isinstance(value, float):
            fact.number = value
    opening.application.materials.add(material_id="plan", digest=bytes(32), size_bytes=7)
    return FromIntake(command)


def command(name: str, actor: Actor | None = None, item_id: str = "02", **fields: Any) -> ApprovalCommand:
    """A command of a person, by its name in the contract; an official of the item's own department asks."""
    asked = ApprovalCommand(matter_id=MATTER_ID, item_id=item_id, request_id="r", actor=actor or official())
    getattr(asked, name).SetInParent()
    getattr(asked, name).MergeFrom(type(getattr(asked, name))(**fields))
    return asked


# Facts for which RULE says yes.
SIMPLE: dict[str, Any] = {"investment": 900.0, "industry": "food", "flat": True, "cities": ["330100"]}


def recall_task(item_id: str = "02") -> FromIntake:
    command = ApprovalCommand(matter_id=MATTER_ID, item_id=item_id)
    command.recall_task.SetInParent()
    return FromIntake(command)


def claim_task(actor: Actor | None = None, item_id: str = "02") -> ApprovalCommand:
    command = ApprovalCommand(matter_id=MATTER_ID, item_id=item_id, request_id="r", actor=actor or official())
    command.claim_task.SetInParent()
    return command


def decide_task(
    decision: int = 1, opinion: str = "符合条件", actor: Actor | None = None, item_id: str = "02"
) -> ApprovalCommand:
    """A denial names the article on which it rests."""
    command = ApprovalCommand(matter_id=MATTER_ID, item_id=item_id, request_id="r", actor=actor or official())
    command.decide_task.decision = decision  # type: ignore[assignment]
    command.decide_task.opinion = opinion
    if decision == Decision.DECISION_DENY:
        command.decide_task.basis.append("《水土保持法》第25条")
    command.decide_task.SetInParent()
    return command


@dataclass
class Matter:
    """One matter at one deployment, taken through commands one after the other."""

    core: Core
    state: TasksState = field(default_factory=TasksState)
    events: list[ApprovalEvent] = field(default_factory=list)
    timers: dict[str, int] = field(default_factory=dict)
    set_timers: list[SetTimer] = field(default_factory=list)

    def when(self, command: Command, now_unix_ms: int = NOW) -> ApprovalEvent | CommandRefused | None:
        """Decide, and take the event in as the unit of work does: a timer that came due stands no more."""
        if isinstance(command, TimerDue):
            self.timers.pop(command.name, None)
        event = self.core.decide(self.state, command, Context(now_unix_ms, 0, 0, Ledger()))
        if isinstance(event, ApprovalEvent):
            event.matter_id = MATTER_ID
            set_unix_ms(event.time, now_unix_ms)
            self.state = evolve(self.state, event)
            self.events.append(event)
            self.set_timers = list(react(self.state, event).timers)
            for timer in self.set_timers:
                if timer.due_unix_ms is None:
                    self.timers.pop(timer.name, None)
                else:
                    self.timers[timer.name] = timer.due_unix_ms
        return event

    def given(self, *commands: Command) -> Matter:
        """Take commands that each cause an event."""
        for command in commands:
            assert isinstance(self.when(command), ApprovalEvent)
        return self

    def task(self, item_id: str = "02") -> TaskState:
        (task,) = [task for task in self.state.tasks if task.item_id == item_id]
        return task


def broken(refused: object) -> list[tuple[str, str, dict[str, str]]]:
    """Return a refusal's violations as (field, reason without its prefix, parameters)."""
    assert isinstance(refused, CommandRefused), refused
    return [(v.field, Reason.Name(v.reason).removeprefix("REASON_"), dict(v.parameters)) for v in refused.violations]
