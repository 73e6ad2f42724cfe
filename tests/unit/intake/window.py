"""A matter that the window accepts, with materials of every source, and the commands before and after acceptance."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.unit.intake.cases import CITY, CODE, COUNTY, Matter, hand_in, item, make_core, names

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.common.v1.actor_pb2 import Actor, ActorRole, Channel, Rank
from onematter.common.v1.application_pb2 import Material
from onematter.common.v1.outcome_pb2 import CommandRefused, Reason
from onematter.contracts.aggregate import TimerDue
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand, MaterialNeed
from onematter.intake.v1.intake_events_pb2 import MatterEvent
from onematter.intake.v1.intake_state_pb2 import MatterStatus
from onematter.law.matters import MatterType
from onematter.law.reading import read_matter_type

# The day of `cases.NOW` in China, a Monday; the five working days after it end on the Monday that follows.
MONDAY = "2026-11-23"
FIFTH_DAY_ENDS = int(datetime(2026, 11, 30, 16, tzinfo=UTC).timestamp() * 1000)

CLERK = ActorRole.ACTOR_ROLE_CLERK
OFFICIAL = ActorRole.ACTOR_ROLE_OFFICIAL
HEAD_OF_GOVERNMENT = Rank.RANK_GOVERNMENT_HEAD


def document(**more: Any) -> dict[str, Any]:
    """Materials: plan is asked, photo may follow, note is voluntary, licence is shared, proof is made by item 01.

    Item 01 waits for nothing; 02 waits for its permit; 03 is on its own and may be pledged.
    """

    def material(material_id: str, **fields: Any) -> dict[str, Any]:
        return {
            "id": material_id,
            "names": names(material_id),
            "required": True,
            "trust_class": "B",
            "media_types": ["application/pdf"],
            "max_bytes": 1_000,
            **fields,
        }

    return {
        "code": CODE,
        "version": 3,
        "valid_from": "2026-01-01",
        "names": names("a matter"),
        "lead_department": "planning",
        "lead_level": "COUNTY",
        "evidence": "I: made up for a test",
        "acceptance": "window",
        "facts": [
            {"key": "area", "kind": "number", "required": True, "names": names("area")},
            {"key": "credit_barred", "kind": "flag", "required": False, "names": names("credit barred")},
        ],
        "materials": [
            material("plan"),
            material("photo", tolerant=True),
            material("note", required=False),
            material("licence", share_source="market_regulation"),
            material("proof", certificate="permit"),
        ],
        "items": [
            item("01", COUNTY, materials=["plan", "licence"], produces_certificates=["permit"], department="housing"),
            item("02", CITY, materials=["plan", "photo"], needs_certificates=["permit"]),
            item("03", COUNTY, materials=["photo", "note"], pledge=True),
        ],
        **more,
    }


def window_type(**more: Any) -> MatterType:
    return read_matter_type(document(**more))


def received(more: Mapping[str, Any] | None = None, **changes: Any) -> Matter:
    """A matter that was handed in, and that nobody has answered yet."""
    matter = Matter(make_core(window_type(**(more or {}))))
    event = matter.give(submission(**changes))
    assert isinstance(event, MatterEvent), event
    return matter


def accepted(more: Mapping[str, Any] | None = None, **changes: Any) -> Matter:
    """A matter that a clerk has accepted."""
    matter = received(more, **changes)
    assert isinstance(matter.give(accept()), MatterEvent)
    return matter


def submission(**changes: Any) -> IntakeCommand:
    """A right hand-in of `document`; changes are those of `hand_in`, and any other field of SubmitMatter."""
    command = hand_in(**changes)
    submit = command.submit_matter
    submit.promised_materials.extend(changes.get("promised_materials", ()))
    submit.pledged_items.extend(changes.get("pledged_items", ()))
    submit.delivery = changes.get("delivery", 0)
    submit.cross_region = changes.get("cross_region", 0)
    for key, fact in changes.get("facts", {}).items():
        submit.application.facts[key].CopyFrom(fact)
    return command


def asking(role: int = CLERK, rank: int = 0) -> IntakeCommand:
    """A command without content, of a clerk."""
    return IntakeCommand(request_id="c-1", matter_id="m", actor=Actor(principal="clerk-7", role=role, rank=rank))  # type: ignore[arg-type]


def accept(role: int = CLERK) -> IntakeCommand:
    command = asking(role)
    command.accept_matter.SetInParent()
    return command


def correct(*needs: MaterialNeed | str, role: int = CLERK) -> IntakeCommand:
    """Ask for these materials; a bare name has a reason and nothing newly visible."""
    command = asking(role)
    command.ask_correction.SetInParent()
    for need in needs:
        command.ask_correction.needs.append(
            need if isinstance(need, MaterialNeed) else MaterialNeed(material_id=need, reason="blurred")
        )
    return command


def refuse(role: int = CLERK, **fields: Any) -> IntakeCommand:
    command = asking(role)
    command.refuse_acceptance.SetInParent()
    for name, value in {"reason": "not ours", "competent_body": "省水利厅", **fields}.items():
        if name == "basis":
            command.refuse_acceptance.basis.extend(value)
        else:
            setattr(command.refuse_acceptance, name, value)
    return command


def void(reason: str = "handed in twice", role: int = CLERK) -> IntakeCommand:
    command = asking(role)
    command.void_matter.reason = reason
    return command


def extend(
    days: int = 15, rank: int = HEAD_OF_GOVERNMENT, role: int = OFFICIAL, reason: str = "a flood"
) -> IntakeCommand:
    command = asking(role, rank)
    command.extend_matter.days = days
    command.extend_matter.reason = reason
    return command


def supply(
    *material_ids: str, channel: int = Channel.CHANNEL_WEB, role: int = ActorRole.ACTOR_ROLE_APPLICANT, **fields: Any
) -> IntakeCommand:
    """Supply these materials, each with content of its own; `fields` are those of every Material."""
    command = asking(role)
    command.supply_materials.channel = channel  # type: ignore[assignment]
    command.supply_materials.materials.extend(material(one, **fields) for one in material_ids)
    return command


def material(material_id: str, content: bytes = b"anew", **fields: Any) -> Material:
    digest = hashlib.sha256(content + material_id.encode()).digest()
    return Material(
        **{
            "material_id": material_id,
            "digest": digest,
            "size_bytes": 700,
            "media_type": "application/pdf",
            **fields,
        }
    )


def told(answer: object) -> MatterEvent:
    """The event that came of a command."""
    assert isinstance(answer, MatterEvent), answer
    return answer


def explained(answer: object) -> list[tuple[str, str, dict[str, str]]]:
    """Field, reason and parameters of each violation."""
    assert isinstance(answer, CommandRefused), answer
    return [
        (one.field, Reason.Name(one.reason).removeprefix("REASON_"), dict(one.parameters)) for one in answer.violations
    ]


def on(matter: Matter, day: str, hour: int = 10) -> Matter:
    """Move the matter's time to that hour of a China day."""
    at = datetime.fromisoformat(day).replace(hour=hour, tzinfo=UTC) - timedelta(hours=8)
    moved = int(at.timestamp() * 1000)
    assert moved > matter.now_unix_ms, "time goes forward"
    matter.now_unix_ms = moved
    return matter


def end_of(day: str) -> int:
    """24:00 of a China day, unix milliseconds."""
    at = datetime.combine(date.fromisoformat(day) + timedelta(days=1), datetime.min.time(), UTC) - timedelta(hours=8)
    return int(at.timestamp() * 1000)


def ring(matter: Matter, name: str) -> MatterEvent | None:
    """Let the timer come due, at its own time."""
    due = matter.timers[name]
    assert due is not None, f"the timer {name} is not set"
    matter.now_unix_ms = max(matter.now_unix_ms, due - 1_000)
    matter.timers[name] = None
    answer = matter.give(TimerDue(name))
    assert not isinstance(answer, CommandRefused)
    return answer


def status(matter: Matter) -> str:
    return MatterStatus.Name(matter.state.status).removeprefix("MATTER_STATUS_")


def commands(matter: Matter, kind: str) -> list[ApprovalCommand]:
    """The commands of a kind that went out, in order."""
    found = [one.command for one in matter.sent if isinstance(one.command, ApprovalCommand)]
    return [one for one in found if one.WhichOneof("command") == kind]


def ids(materials: Iterable[Material]) -> list[str]:
    return [one.material_id for one in materials]
