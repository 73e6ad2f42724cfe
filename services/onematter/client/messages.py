"""Commands made from plain Python values, ready to be written to a topic or sent by gRPC.

Rule 1: nothing here opens a connection; `material_of` alone reads a file.
Rule 2: bytes are deterministic: the same request made twice is the same byte for byte, so that a repeated one is known.
Rule 3: personal data stand inside `Sealed` alone. A message of Invalid names the field, never its content.
"""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

from google.protobuf.message import Message

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand, Decision
from onematter.client.errors import Invalid
from onematter.common.v1.actor_pb2 import Actor, ActorRole, Channel, Delegation, Level, Rank
from onematter.common.v1.application_pb2 import (
    Application,
    Fact,
    IdentifierKind,
    Material,
    PartyRole,
    PersonalData,
    TextList,
    TrustClass,
)
from onematter.contracts import headers, keys
from onematter.intake.v1.intake_commands_pb2 import CrossRegionMode, DeliveryWay, IntakeCommand, TripCause

FactInput: TypeAlias = "str | bool | int | float | Sequence[str]"

MATTER_ID = re.compile(r"[0-9a-f]{32}")
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class PartyInput:
    """A party (当事人). `role`: applicant, agent or subject. `identifier_kind`: id_card, uscc or empty."""

    name: str = ""
    identifier_kind: str = ""
    identifier: str = ""
    mobile: str = ""
    address: str = ""
    role: str = "applicant"
    party_id: str = ""

    def __repr__(self) -> str:
        return f"PartyInput(role={self.role!r}, party_id={self.party_id!r})"


@dataclass(frozen=True, slots=True)
class MaterialFile:
    """A material (材料) in a file. `material_id` is the file's name without its suffix unless it is given."""

    path: str | Path
    material_id: str = ""
    media_type: str = ""
    trust_class: str = "D"


@dataclass(frozen=True, slots=True)
class MaterialInput:
    """A material by its digest (SHA-256, 32 bytes), where the content is elsewhere."""

    material_id: str
    digest: bytes
    size_bytes: int
    media_type: str
    trust_class: str = "D"


AnyMaterial: TypeAlias = "str | Path | MaterialFile | MaterialInput | Material"


def number_of(enum: Any, prefix: str, text: str | int, field: str) -> Any:
    """The number of an enum's value by its short name, as `city` or `CITY`. Raises Invalid with what is allowed."""
    if isinstance(text, int):
        return text
    names = {name.removeprefix(prefix): number for name, number in enum.items() if number}
    number = names.get(text.upper().replace("-", "_"))
    if number is None:
        allowed = ", ".join(n.lower() for n in names)
        raise Invalid(f"{field}: no such value; give one of {allowed}", f"{field}：没有这一取值；可用的有：{allowed}")
    return number


def level_number(level: str | int, field: str = "level") -> Level:
    """A level by its name, as `city`. Raises Invalid."""
    return number_of(Level, "LEVEL_", level, field)


def channel_number(channel: str | int) -> Channel:
    """A channel by its name, as `web`. Raises Invalid."""
    return number_of(Channel, "CHANNEL_", channel, "channel")


def actor_of(
    principal: str,
    role: str | int,
    *,
    rank: str | int = 0,
    level: str | int = 0,
    division: str = "",
    department: str = "",
    acting_for: Delegation | None = None,
) -> Actor:
    """Who acts, `acting_for` somebody who is away. Raises Invalid for an unknown role, rank or level, or without a
    principal.
    """
    if not principal:
        raise Invalid("principal: it is empty; say who acts", "principal：为空；请写明由谁提出")
    return Actor(
        principal=principal,
        role=number_of(ActorRole, "ACTOR_ROLE_", role, "role"),
        rank=number_of(Rank, "RANK_", rank, "rank"),
        level=level_number(level),
        division=division,
        department=department,
        acting_for=acting_for,
    )


def fact_of(key: str, value: FactInput) -> Fact:
    """A fact (情形). Raises Invalid for a value that is no text, number, flag or list of texts."""
    if isinstance(value, bool):
        return Fact(flag=value)
    if isinstance(value, str):
        return Fact(text=value)
    if isinstance(value, int | float):
        try:
            return Fact(number=float(value))
        except OverflowError:
            raise Invalid(f"facts[{key}]: the number is too large", f"facts[{key}]：数字过大") from None
    if isinstance(value, Sequence) and all(isinstance(one, str) for one in value):
        return Fact(list=TextList(values=value))
    raise Invalid(
        f"facts[{key}]: give a text, a number, true or false, or a list of texts",
        f"facts[{key}]：请填文字、数字、true 或 false，或者文字的列表",
    )


def material_of(given: AnyMaterial) -> Material:
    """A material by digest; of a file, from its content. Raises Invalid when the file is empty or cannot be read."""
    if isinstance(given, Material):
        return given
    if isinstance(given, str | Path):
        given = MaterialFile(given)
    trust_class = number_of(TrustClass, "TRUST_CLASS_", given.trust_class, "materials.trust_class")
    if isinstance(given, MaterialInput):
        return Material(
            material_id=given.material_id,
            digest=given.digest,
            size_bytes=given.size_bytes,
            media_type=given.media_type,
            trust_class=trust_class,
        )
    path = Path(given.path)
    material_id = given.material_id or path.stem
    digest, size_bytes = hashlib.sha256(), 0
    try:
        with path.open("rb") as content:
            while chunk := content.read(_CHUNK_BYTES):
                digest.update(chunk)
                size_bytes += len(chunk)
    except OSError as error:
        raise Invalid(
            f"materials[{material_id}]: {path}: {error.strerror}; give a readable file",
            f"materials[{material_id}]：{path}：无法读取（{error.strerror}）；请给出可以读取的文件",
        ) from None
    if not size_bytes:
        raise Invalid(
            f"materials[{material_id}]: {path}: the file is empty; give one with the material's content",
            f"materials[{material_id}]：{path}：文件是空的；请给出有内容的文件",
        )
    return Material(
        material_id=material_id,
        digest=digest.digest(),
        size_bytes=size_bytes,
        media_type=given.media_type or mimetypes.guess_type(path.name)[0] or "application/octet-stream",
        trust_class=trust_class,
    )


def application_of(
    facts: Mapping[str, FactInput], materials: Iterable[AnyMaterial], parties: Sequence[PartyInput]
) -> Application:
    """What is handed in; the parties' personal data go, plain, into its Sealed field. Raises Invalid."""
    application = Application(materials=[material_of(one) for one in materials])
    for key, value in facts.items():
        application.facts[key].CopyFrom(fact_of(key, value))
    personal_data = PersonalData()
    for position, party in enumerate(parties):
        party_id = party.party_id or f"p{position + 1}"
        role = number_of(PartyRole, "PARTY_ROLE_", party.role, f"parties[{position}].role")
        application.parties.add(party_id=party_id, role=role)
        kind: Any = 0
        if party.identifier_kind:
            field = f"parties[{position}].identifier_kind"
            kind = number_of(IdentifierKind, "IDENTIFIER_KIND_", party.identifier_kind, field)
        personal_data.parties.add(
            party_id=party_id,
            name=party.name,
            identifier_kind=kind,
            identifier=party.identifier,
            mobile=party.mobile,
            address=party.address,
        )
    application.personal_data.plain = personal_data.SerializeToString(deterministic=True)
    return application


def submit_command(
    actor: Actor,
    request_id: str,
    matter_code: str,
    division: str,
    application: Application,
    *,
    channel: str | int,
    receiving_division: str = "",
    language: str = "",
    promised_materials: Iterable[str] = (),
    pledged_items: Iterable[str] = (),
    delivery: str | int = 0,
    cross_region: str | int = 0,
) -> IntakeCommand:
    """Hand in one matter (提交一件事).

    `promised_materials` follow later (容缺受理), of `pledged_items` the applicant pledges that the conditions are met
    (告知承诺). `delivery`: e_certificate, post or counter; `cross_region`: remote, relayed or joint.
    """
    command = IntakeCommand(request_id=request_id, matter_id=keys.matter_id(actor.principal, request_id), actor=actor)
    submit = command.submit_matter
    submit.matter_code = matter_code
    submit.division = division
    submit.receiving_division = receiving_division
    submit.channel = channel_number(channel)
    submit.application.CopyFrom(application)
    submit.language = language
    submit.promised_materials.extend(promised_materials)
    submit.pledged_items.extend(pledged_items)
    submit.delivery = number_of(DeliveryWay, "DELIVERY_WAY_", delivery, "delivery")
    submit.cross_region = number_of(CrossRegionMode, "CROSS_REGION_MODE_", cross_region, "cross_region")
    return command


def withdraw_command(actor: Actor, request_id: str, matter_id: str, reason: str) -> IntakeCommand:
    """Take a matter back (撤回)."""
    command = IntakeCommand(request_id=request_id, matter_id=checked_id(matter_id), actor=actor)
    command.withdraw_matter.reason = reason
    return command


def visit_command(
    actor: Actor, request_id: str, matter_id: str, reason: str, division: str = "", cause: str | int = 0
) -> IntakeCommand:
    """Note that the applicant came in person (跑动一次); from the second trip on its `cause` is needed."""
    command = IntakeCommand(request_id=request_id, matter_id=checked_id(matter_id), actor=actor)
    command.record_visit.reason = reason
    command.record_visit.division = division
    command.record_visit.cause = number_of(TripCause, "TRIP_CAUSE_", cause, "cause")
    return command


def claim_command(actor: Actor, request_id: str, matter_id: str, item_id: str) -> ApprovalCommand:
    """Put one's name to a task (签收)."""
    command = ApprovalCommand(request_id=request_id, matter_id=checked_id(matter_id), actor=actor, item_id=item_id)
    command.claim_task.SetInParent()
    return command


def decide_command(
    actor: Actor,
    request_id: str,
    matter_id: str,
    item_id: str,
    grant: bool,
    opinion: str,
    *,
    basis: Iterable[str] = (),
    conditions: Iterable[str] = (),
    valid_until: str = "",
) -> ApprovalCommand:
    """Decide a task (作出决定): grant (准予) or deny (不予), with an opinion.

    A denial needs the articles it rests on, `basis` (行政许可法 §38). `valid_until`: the last day of a grant, as
    2031-12-31; empty is as the catalogue says.
    """
    command = ApprovalCommand(request_id=request_id, matter_id=checked_id(matter_id), actor=actor, item_id=item_id)
    command.decide_task.decision = Decision.DECISION_GRANT if grant else Decision.DECISION_DENY
    command.decide_task.opinion = opinion
    command.decide_task.basis.extend(basis)
    command.decide_task.conditions.extend(conditions)
    command.decide_task.valid_until = valid_until
    return command


def checked_id(matter_id: str) -> str:
    """The id in lower case. Raises Invalid when it is not 32 hexadecimal digits."""
    lower = matter_id.lower()
    if not MATTER_ID.fullmatch(lower):
        raise Invalid(
            "matter_id: it is not 32 hexadecimal digits; give the id that handing in printed",
            "matter_id：不是 32 位十六进制；请填提交时打印的办件标识",
        )
    return lower


def value_of(command: Message) -> bytes:
    """The bytes of a command, the same for the same command."""
    return command.SerializeToString(deterministic=True)


def headers_of(command: IntakeCommand | ApprovalCommand, now_unix_ms: int) -> headers.Headers:
    """The record's headers: CloudEvents, with the request_id as the event's id and the sender as its source."""
    member = command.WhichOneof("command")
    assert member is not None, "a command without content"
    kind = command.DESCRIPTOR.fields_by_name[member].message_type
    assert kind is not None, "every command is a message"
    return headers.outside(
        id=command.request_id,
        source=f"/clients/{quote(command.actor.principal, safe='')}",
        type=kind.full_name,
        time_unix_ms=now_unix_ms,
    )
