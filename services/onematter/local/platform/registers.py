"""The made-up registers: what each source holds, and the certificate that it makes of it for a party.

Rule 1: every party is in every register, and nobody is real: numbers begin with SIM, dates follow from the number.
Rule 2: the same want gives the same content, byte for byte.
Rule 3: a certificate says who issued it, for what it may be used and until when (国办函〔2016〕108号).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import NamedTuple

from google.protobuf.message import DecodeError

from onematter.common.v1.application_pb2 import Party, PartyRole, PersonalData
from onematter.datashare.v1.datashare_service_pb2 import ResolveRequest
from onematter.local.platform.pdf import one_page

MEDIA_TYPE = "application/pdf"


class Register(NamedTuple):
    """One register. `years`: how long its certificates hold, None without end. `is_large`: fetched, not sent along."""

    title: str
    years: int | None = None
    is_large: bool = False


# Of a material that no register is named for.
_OTHER = Register("电子证照")
# By the material's id in the catalogue.
REGISTERS = {
    "agent_id_card": Register("居民身份证（经办人）", 20),
    "assessment": Register("残疾评定表", 2),
    "business_licence": Register("营业执照"),
    "child_household_register": Register("居民户口簿（新生儿）"),
    "contribution_record": Register("社会保险缴费记录"),
    "deceased_id_card": Register("居民身份证（逝者）", 20),
    "disability_certificate": Register("残疾人证", 10),
    "hardship_record": Register("困难家庭认定信息", 1),
    "household_register": Register("居民户口簿"),
    "id_card": Register("居民身份证", 20),
    "land_title": Register("不动产权证书", is_large=True),
    "lease_filing": Register("房屋租赁备案证明", 1),
    "marriage_certificate": Register("结婚证"),
    "old_title": Register("不动产权证书", is_large=True),
    "operator_id_card": Register("居民身份证（经营者）", 20),
    "parents_id_card": Register("居民身份证（父母）", 20),
    "parties_id_card": Register("居民身份证（买卖双方）", 20),
    "premises_proof": Register("不动产登记证明", is_large=True),
    "property_title": Register("不动产权证书", is_large=True),
    "residence_permit": Register("居住证", 1),
    "road_transport_licence": Register("道路运输经营许可证", 4),
    "shareholder_id_card": Register("居民身份证（股东、法定代表人）", 20),
    "title": Register("不动产权证书", is_large=True),
    "vaccination_certificate": Register("预防接种证"),
    "vehicle_licence": Register("机动车行驶证", 6),
    "works_planning_permit": Register("建设工程规划许可证", is_large=True),
}


@dataclass(frozen=True)
class Certificate:
    """A certificate as the platform hands it out. Dates are China dates, ISO 8601; `valid_until` may be empty."""

    number: str
    valid_from: str
    valid_until: str
    content: bytes
    is_large: bool

    @property
    def digest(self) -> bytes:
        """SHA-256 of the content."""
        return sha256(self.content).digest()


def look_up(request: ResolveRequest) -> Certificate:
    """Return the certificate of the party whose material is wanted."""
    register = REGISTERS.get(request.material_id, _OTHER)
    party = _whose(request.parties)
    name, identity = _details(request, party)
    seed = sha256(f"{request.source}\0{request.material_id}\0{identity}".encode()).digest()
    number = f"SIM-{seed[:6].hex().upper()}"
    begins = date(2020 + seed[6] % 6, 1 + seed[7] % 12, 1 + seed[8] % 28)
    ends = begins.replace(year=begins.year + register.years).isoformat() if register.years else ""
    lines = [
        f"{register.title}（示例）",
        f"持证主体：{name}",
        f"编号：{number}",
        f"签发：{request.source}",
        f"有效期：{begins.isoformat()} 至 {ends or '长期'}",
        f"仅用于：{request.matter_number} {request.purpose.matter_code}",
    ]
    return Certificate(number, begins.isoformat(), ends, one_page(lines), register.is_large)


def _whose(parties: Sequence[Party]) -> Party | None:
    """The subject of the matter, or the applicant where nobody else is."""
    for role in (PartyRole.PARTY_ROLE_SUBJECT, PartyRole.PARTY_ROLE_APPLICANT):
        for party in parties:
            if party.role == role:
                return party
    return None


def _details(request: ResolveRequest, party: Party | None) -> tuple[str, str]:
    """Name, and what tells the party from others; without personal data that can be read, its id in the matter."""
    party_id = party.party_id if party is not None else ""
    try:
        known = PersonalData.FromString(request.personal_data.plain).parties
    except DecodeError:
        known = ()
    for one in known:
        if one.party_id == party_id:
            return one.name or "（无名）", one.identifier or one.name or party_id
    return "（已加密）", party_id
