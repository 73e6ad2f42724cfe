"""What a hand-in must fulfil; everything that is wrong is told at once (一次性告知, 行政许可法 §32).

Rule 1: no violation repeats what was sent: neither a value nor a name that the sender chose, unless it has
the form of a short label. An identifier least of all.
Rule 2: every list and text has a bound, and so has the number of violations told.
Rule 3: a party's identifier may be absent (an infant has none, a foreigner another kind); one that is given
is checked.
"""

# pyright: strict

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

from google.protobuf.message import DecodeError

from onematter.common.v1.actor_pb2 import ActorRole, Channel
from onematter.common.v1.application_pb2 import (
    Application,
    IdentifierKind,
    Party,
    PartyDetails,
    PartyRole,
    PersonalData,
)
from onematter.common.v1.outcome_pb2 import CommandRefused, Reason
from onematter.common.v1.outcome_pb2 import Violation as ToldViolation
from onematter.contracts import keys
from onematter.contracts.aggregate import Refusal
from onematter.contracts.limits import MAX_PRINCIPAL_LENGTH, MAX_REQUEST_ID_LENGTH
from onematter.contracts.synthetic import is_synthetic
from onematter.intake.cross_region import check_mode
from onematter.intake.fields import absent_or_malformed, label, too_long
from onematter.intake.plans import Plans, Prepared, Unserved
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand, SubmitMatter
from onematter.intake.wishes import check_delivery, check_promises
from onematter.law.catalogue import (
    Catalogue,
    MatterNotInForce,
    MatterType,
    UnknownMatter,
    Unroutable,
    Violation,
    check,
)
from onematter.law.divisions import level_of
from onematter.law.identifiers import check_id_card, check_uscc
from onematter.law.rules import FactValue

MAX_DIVISION = 12
MAX_LANGUAGE = 35
MAX_FACTS = 64
MAX_FACT_TEXT = 2_000
MAX_MATERIALS = 100
MAX_PARTIES = 100
MAX_PARTY_ID = 64
MAX_DETAIL = 500
MAX_REASON = 2_000
MAX_VIOLATIONS = 100

_IDENTIFIER_CHECKS: dict[int, Callable[[str], str | None]] = {
    IdentifierKind.IDENTIFIER_KIND_ID_CARD: check_id_card,
    IdentifierKind.IDENTIFIER_KIND_USCC: check_uscc,
}
_CHANNELS = frozenset(Channel.values()) - {Channel.CHANNEL_UNSPECIFIED}
_APPLICANT = PartyRole.PARTY_ROLE_APPLICANT
_PARTY_ROLES = frozenset(PartyRole.values()) - {PartyRole.PARTY_ROLE_UNSPECIFIED}
_OPERATORS = frozenset({ActorRole.ACTOR_ROLE_OPERATOR})
_FACT_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PERSONAL_DATA = "application.personal_data"


def check_submission(
    command: IntakeCommand, catalogue: Catalogue, plans: Plans, day: date
) -> Prepared | CommandRefused:
    """Return the plan of a hand-in on the legal date `day`, or the refusal with every violation (at most 100)."""
    refusal = Refusal("submit_matter")
    submit = command.submit_matter
    check_sender(command, refusal)
    if command.matter_id and command.matter_id != keys.matter_id(command.actor.principal, command.request_id):
        refusal.add("matter_id", Reason.REASON_FIELD_MALFORMED, {"rule": "derived"})
    if submit.channel not in _CHANNELS:
        refusal.add("submit_matter.channel", absent_or_malformed(submit.channel), {"rule": "channel"})
    if len(submit.language) > MAX_LANGUAGE:
        too_long(refusal, "submit_matter.language", MAX_LANGUAGE)
    has_division = check_division("submit_matter.division", submit.division, refusal)
    received = submit.receiving_division
    has_divisions = has_division and (
        not received or check_division("submit_matter.receiving_division", received, refusal)
    )
    try:
        matter_type = catalogue.in_force(submit.matter_code, day)
    except MatterNotInForce as error:
        matter_type = None
        parameters = {"begins": error.begins.isoformat()} if error.begins else {}
        refusal.add("submit_matter.matter_code", Reason.REASON_MATTER_NOT_IN_FORCE, parameters)
    except UnknownMatter:
        matter_type = None
        refusal.add("submit_matter.matter_code", Reason.REASON_MATTER_TYPE_UNKNOWN)
    if matter_type is not None:
        if is_synthetic(matter_type.code):
            check_role(command, _OPERATORS, refusal)
        if submit.delivery:
            check_delivery(submit, matter_type, refusal)
        if has_divisions and (received or submit.cross_region):
            check_mode(submit, matter_type, refusal)
    prepared = _check_application(submit, matter_type, has_division, plans, refusal)
    _check_parties(submit.application, refusal)
    if prepared is None or refusal:
        return told(refusal)
    return prepared


def told(refusal: Refusal) -> CommandRefused:
    """Return a refusal with at most 100 violations, since the sender chooses how many he makes."""
    del refusal.violations[MAX_VIOLATIONS:]
    return refusal.outcome()


def check_sender(command: IntakeCommand, refusal: Refusal) -> None:
    """Note what is wrong with request_id and principal."""
    refusal.check_text("request_id", command.request_id, MAX_REQUEST_ID_LENGTH)
    refusal.check_text("actor.principal", command.actor.principal, MAX_PRINCIPAL_LENGTH)


def check_division(field: str, division: str, refusal: Refusal) -> bool:
    """Note a malformed division code; whether it is well formed."""
    if len(division) > MAX_DIVISION:
        too_long(refusal, field, MAX_DIVISION)
        return False
    try:
        level_of(division)
    except ValueError:
        refusal.add(field, Reason.REASON_DIVISION_UNKNOWN, {"rule": "division"})
        return False
    return True


def check_reason(field: str, text: str, refusal: Refusal) -> None:
    """Note a reason (of a withdrawal) that is too long."""
    if len(text) > MAX_REASON:
        too_long(refusal, field, MAX_REASON)


def check_text(field: str, text: str, refusal: Refusal) -> None:
    """Note a text that is needed and missing, or too long."""
    if not text.strip():
        refusal.add(field, Reason.REASON_FIELD_MISSING)
    else:
        check_reason(field, text, refusal)


def check_role(command: IntakeCommand, allowed: frozenset[ActorRole], refusal: Refusal) -> None:
    """Note a role that may not do this."""
    if command.actor.role not in allowed:
        names = ", ".join(ActorRole.Name(role).removeprefix("ACTOR_ROLE_") for role in sorted(allowed))
        refusal.add("actor.role", Reason.REASON_ROLE_NOT_ALLOWED, {"allowed": names})


def facts_of(application: Application) -> dict[str, FactValue]:
    """Return the facts as the law takes them, in the order of their names; an empty Fact is none."""
    facts: dict[str, FactValue] = {}
    given = application.facts
    for name in sorted(given):
        fact = given[name]
        match fact.WhichOneof("kind"):
            case "text":
                facts[name] = fact.text
            case "number":
                facts[name] = fact.number
            case "flag":
                facts[name] = fact.flag
            case "list":
                facts[name] = list(fact.list.values)
            case _:
                pass
    return facts


def _check_application(
    submit: SubmitMatter,
    matter_type: MatterType | None,
    has_division: bool,
    plans: Plans,
    refusal: Refusal,
) -> Prepared | None:
    """Check facts and materials; the plan when it can be made."""
    application = submit.application
    facts = facts_of(application)
    exceeding = _check_bounds(application, facts, refusal)
    if matter_type is None:
        return None
    materials = [(m.material_id, len(m.digest), m.size_bytes, m.media_type) for m in application.materials]
    found = [v for v in check(matter_type, facts, materials[:MAX_MATERIALS]) if v.field not in exceeding]
    for violation in found:
        _add(refusal, violation)
    if exceeding or any(v.field.startswith("application.facts") for v in found):
        return None
    if submit.promised_materials or submit.pledged_items:
        check_promises(submit, matter_type, facts, refusal)
    if not has_division:
        return None
    try:
        return plans.prepare(matter_type, submit.division, facts)
    except Unroutable as unroutable:
        _add(refusal, unroutable.violation)
    except Unserved:
        refusal.add("submit_matter.division", Reason.REASON_DIVISION_UNKNOWN, {"rule": "served"})
    return None


def _add(refusal: Refusal, violation: Violation) -> None:
    field = "submit_matter.division" if violation.field == "division" else violation.field
    refusal.violations.append(
        ToldViolation(field=field, reason=f"REASON_{violation.reason}", parameters=violation.parameters)
    )


def _check_bounds(application: Application, facts: dict[str, FactValue], refusal: Refusal) -> set[str]:
    """Note what exceeds a bound of this file; the fields of the facts that do."""
    if len(application.facts) > MAX_FACTS:
        too_long(refusal, "application.facts", MAX_FACTS)
    if len(application.materials) > MAX_MATERIALS:
        too_long(refusal, "application.materials", MAX_MATERIALS)
    exceeding: set[str] = set()
    for position, (name, value) in enumerate(facts.items()):
        if isinstance(value, str):
            exceeds = len(value) > MAX_FACT_TEXT
        elif isinstance(value, list):
            exceeds = any(len(text) > MAX_FACT_TEXT for text in value)
        else:
            continue
        if exceeds:
            field = f"application.facts[{name if _FACT_NAME.fullmatch(name) else f'#{position}'}]"
            exceeding.add(field)
            too_long(refusal, field, MAX_FACT_TEXT)
    return exceeding


def _check_parties(application: Application, refusal: Refusal) -> None:
    parties = application.parties
    if len(parties) > MAX_PARTIES:
        too_long(refusal, "application.parties", MAX_PARTIES)
        return
    if _APPLICANT not in [party.role for party in parties]:
        refusal.add("application.parties", Reason.REASON_FIELD_MISSING, {"rule": "applicant"})
    party_ids: set[str] = set()
    for position, party in enumerate(parties):
        _check_party(party, position, party_ids, refusal)
    match application.personal_data.WhichOneof("content"):
        case "plain":
            _check_plain(application, party_ids, refusal)
        case "ciphertext":
            refusal.add(_PERSONAL_DATA, Reason.REASON_SEALED_KEY_UNKNOWN)
        case _:
            refusal.add(_PERSONAL_DATA, Reason.REASON_FIELD_MISSING)


def _check_party(party: Party, position: int, party_ids: set[str], refusal: Refusal) -> None:
    party_id = party.party_id
    if 0 < len(party_id) <= MAX_PARTY_ID and party_id not in party_ids and party.role in _PARTY_ROLES:
        party_ids.add(party_id)
        return
    field = f"application.parties[{label(party_id, position)}]"
    if not party_id:
        refusal.add(f"{field}.party_id", Reason.REASON_FIELD_MISSING)
    elif len(party_id) > MAX_PARTY_ID:
        too_long(refusal, f"{field}.party_id", MAX_PARTY_ID)
    elif party_id in party_ids:
        refusal.add(f"{field}.party_id", Reason.REASON_FIELD_MALFORMED, {"rule": "distinct"})
    else:
        party_ids.add(party_id)
    if party.role not in _PARTY_ROLES:
        refusal.add(f"{field}.role", absent_or_malformed(party.role), {"rule": "role"})


def _check_plain(application: Application, party_ids: set[str], refusal: Refusal) -> None:
    try:
        personal_data = PersonalData.FromString(application.personal_data.plain)
    except DecodeError:
        refusal.add(_PERSONAL_DATA, Reason.REASON_FIELD_MALFORMED, {"rule": "PersonalData"})
        return
    if len(personal_data.parties) > MAX_PARTIES:
        too_long(refusal, f"{_PERSONAL_DATA}.parties", MAX_PARTIES)
        return
    described: set[str] = set()
    for position, details in enumerate(personal_data.parties):
        party_id = details.party_id
        if party_id in described:
            refusal.add(_details_field(party_id, position), Reason.REASON_FIELD_MALFORMED, {"rule": "distinct"})
        elif party_id not in party_ids:
            refusal.add(_details_field(party_id, position), Reason.REASON_FIELD_MALFORMED, {"rule": "party_id"})
        described.add(party_id)
        _check_details(details, position, refusal)
    if not party_ids <= described:
        for position, party in enumerate(application.parties):
            if party.party_id in party_ids and party.party_id not in described:
                refusal.add(_details_field(party.party_id, position), Reason.REASON_FIELD_MISSING)


def _check_details(details: PartyDetails, position: int, refusal: Refusal) -> None:
    kind = details.identifier_kind
    judge = _IDENTIFIER_CHECKS.get(kind)
    if judge is not None:
        broken = judge(details.identifier)
        if broken is not None:
            parameters = {"rule": broken, "kind": IdentifierKind.Name(kind)}
            field = f"{_details_field(details.party_id, position)}.identifier"
            refusal.add(field, Reason.REASON_IDENTIFIER_INVALID, parameters)
    elif kind or details.identifier:
        field = f"{_details_field(details.party_id, position)}.identifier_kind"
        refusal.add(field, absent_or_malformed(kind), {"rule": "identifier_kind"})
    if details.ByteSize() <= MAX_DETAIL:
        return
    for name, text in (
        ("name", details.name),
        ("identifier", details.identifier if judge is None else ""),
        ("mobile", details.mobile),
        ("address", details.address),
    ):
        if len(text) > MAX_DETAIL:
            too_long(refusal, f"{_details_field(details.party_id, position)}.{name}", MAX_DETAIL)


def _details_field(party_id: str, position: int) -> str:
    return f"{_PERSONAL_DATA}.parties[{label(party_id, position)}]"
