"""A catalogue whose items need opinions, a joint visit or a pledge, and the words in which their tests speak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tests.unit.approval.cases import MATTER_ID, RULE, Matter, item_type, make_calendar, matter_type, official
from tests.unit.approval.cases import open_task as open_plain_task

from onematter.approval.core import Core, FromIntake
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand, SiteVisit
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.common.v1.actor_pb2 import Actor
from onematter.law.catalogue import Catalogue
from onematter.law.matters import MaterialSpec, OpinionRule
from onematter.law.rules import Rule

PLAIN, ASKS, ASKS_TWO_OF_THREE, VISITED, PLEDGED, LASTING, BY_RULE = "02", "03", "04", "05", "06", "07", "08"
PLAIN_BY_RULE, ASKS_BY_RULE, VISITED_BY_RULE = "09", "10", "11"
DEPARTMENTS = ("water", "forestry", "transport", "police", "ecology")


def material(material_id: str, trust_class: Any) -> MaterialSpec:
    names = {"zh-CN": material_id, "en": material_id}
    return MaterialSpec(material_id, names, True, trust_class, None, ("application/pdf",), 1024, True)


def joint_core() -> Core:
    """02 needs nothing; 03 the opinions of forestry and transport, any of which may object; 04 those of three, of which
    two must consent; 05 and 06 a joint visit; 06 may be pledged; 07 lasts five years; 08 has a rule, a visit and a
    pledge. 09 to 11 have a rule: 09 nothing else, 10 opinions, 11 a visit.
    """
    visited = replace(item_type(VISITED), joint_visit_group="shop")
    items = (
        item_type(PLAIN, certificates=("water_permit", "water_licence")),
        replace(item_type(ASKS), opinions=OpinionRule(("forestry", "transport"), 1, True)),
        replace(item_type(ASKS_TWO_OF_THREE), opinions=OpinionRule(("forestry", "transport", "police"), 2, False)),
        visited,
        replace(visited, item_id=PLEDGED, pledge=True, materials=(material("lease", "C"), material("plan", "D"))),
        replace(item_type(LASTING), validity_years=5, supervised_by="ecology"),
        replace(visited, item_id=BY_RULE, rule=Rule(RULE), pledge=True, validity_years=1, supervised_by="ecology"),
        item_type(PLAIN_BY_RULE, rule=Rule(RULE)),
        replace(item_type(ASKS_BY_RULE, rule=Rule(RULE)), opinions=OpinionRule(("forestry",), 0, False)),
        replace(visited, item_id=VISITED_BY_RULE, rule=Rule(RULE)),
    )
    names = {department: {"zh-CN": department, "en": department} for department in DEPARTMENTS}
    return Core(Catalogue((matter_type(*items),), names), make_calendar(), "approval-city")


def joint_matter(*commands: FromIntake | ApprovalCommand) -> Matter:
    return Matter(joint_core()).given(*commands)


def open_task(
    item_id: str = PLAIN,
    *,
    pledged: bool = False,
    outstanding: Sequence[str] = (),
    visit: SiteVisit | None = None,
    **facts: Any,
) -> FromIntake:
    command = open_plain_task(item_id, **facts)
    opening = command.command.open_task
    opening.pledged = pledged
    opening.outstanding_materials.extend(outstanding)
    if visit is not None:
        opening.site_visit.CopyFrom(visit)
    if item_id in (VISITED, PLEDGED, BY_RULE, VISITED_BY_RULE):
        opening.item.joint_visit_group = "shop"
    return command


def command_of(item_id: str, actor: Actor | None = None) -> ApprovalCommand:
    return ApprovalCommand(matter_id=MATTER_ID, item_id=item_id, request_id="r", actor=actor or official())


def ask_opinions(
    *departments: str, item_id: str = PLAIN, question: str = "有无不同意见?", actor: Actor | None = None
) -> ApprovalCommand:
    command = command_of(item_id, actor)
    command.ask_opinions.departments.extend(departments)
    command.ask_opinions.question = question
    return command


def give_opinion(
    department: str,
    position: int = 1,
    *,
    item_id: str = PLAIN,
    text: str = "理由",
    conditions: Sequence[str] = (),
    **changes: object,
) -> ApprovalCommand:
    command = command_of(item_id, official(f"{department}-clerk", department=department, **changes))
    command.give_opinion.position = position  # type: ignore[assignment]
    command.give_opinion.text = text
    command.give_opinion.conditions.extend(conditions)
    command.give_opinion.SetInParent()
    return command


def decide_task(
    decision: int = 1,
    item_id: str = PLAIN,
    *,
    basis: Sequence[str] = (),
    conditions: Sequence[str] = (),
    valid_until: str = "",
) -> ApprovalCommand:
    command = command_of(item_id)
    decide = command.decide_task
    decide.decision = decision  # type: ignore[assignment]
    decide.opinion = "符合条件"
    decide.basis.extend(basis)
    decide.conditions.extend(conditions)
    decide.valid_until = valid_until
    return command


def site_visit(*, day: str = "2026-11-23", finding: str = "现场符合", passed: bool = True, **fields: Any) -> SiteVisit:
    return SiteVisit(day=day, finding=finding, passed=passed, **fields)


def record_site_visit(
    visit: SiteVisit | None = None, item_id: str = VISITED, actor: Actor | None = None
) -> ApprovalCommand:
    command = command_of(item_id, actor)
    command.record_site_visit.site_visit.CopyFrom(visit or site_visit())
    return command


def note_site_visit(visit: SiteVisit | None = None, item_id: str = VISITED) -> FromIntake:
    command = ApprovalCommand(matter_id=MATTER_ID, item_id=item_id)
    command.note_site_visit.site_visit.CopyFrom(visit or site_visit())
    return FromIntake(command)


def verify_pledge(
    kept: bool,
    item_id: str = PLEDGED,
    *,
    finding: str = "已核查",
    basis: Sequence[str] = (),
    actor: Actor | None = None,
) -> ApprovalCommand:
    command = command_of(item_id, actor)
    command.verify_pledge.kept = kept
    command.verify_pledge.finding = finding
    command.verify_pledge.basis.extend(basis)
    return command


def told(event: object) -> ApprovalEvent:
    """Return what must be an event."""
    assert isinstance(event, ApprovalEvent), event
    return event
