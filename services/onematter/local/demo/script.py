"""The words of the demo's script: what is handed in, by whom, and how an official works on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from onematter.client.messages import FactInput, PartyInput
from onematter.common.v1.actor_pb2 import Level

APPLICANT = "demo-applicant"
CLERK = "demo-clerk"
# Made up, both; their check characters are right.
ENTERPRISE = PartyInput(
    name="杭州云栖智造有限公司",
    identifier_kind="uscc",
    identifier="91330106MA2B0XYQ1K",
    mobile="13800000000",
)
MOTHER = PartyInput(
    name="林晓雨",
    identifier_kind="id_card",
    identifier="330106199003071236",
    mobile="13900000000",
)

# As the catalogue names them, (zh-CN, en); read here, so that the demo need not load the whole of it to show a row.
DIVISIONS = {
    "330000": ("浙江省", "Zhejiang"),
    "330100": ("杭州市", "Hangzhou"),
    "330106": ("西湖区", "Xihu"),
    "330110": ("余杭区", "Yuhang"),
    "330200": ("宁波市", "Ningbo"),
    "330600": ("绍兴市", "Shaoxing"),
}
DEPARTMENTS = {
    "banking": ("人民银行/商业银行", "Banking"),
    "civil_affairs": ("民政", "Civil Affairs"),
    "customs": ("海关", "Customs"),
    "development_reform": ("发改", "Development and Reform"),
    "ecology_environment": ("生态环境", "Ecology and Environment"),
    "forestry": ("林草", "Forestry and Grassland"),
    "health": ("卫健", "Health"),
    "healthcare_security": ("医保", "Healthcare Security"),
    "housing_construction": ("住建", "Housing and Urban-Rural Development"),
    "human_resources": ("人社", "Human Resources and Social Security"),
    "market_regulation": ("市场监管", "Market Regulation"),
    "natural_resources": ("自然资源", "Natural Resources"),
    "public_security": ("公安", "Public Security"),
    "taxation": ("税务", "Taxation"),
    "traffic_police": ("公安交管", "Traffic Police"),
    "transport": ("交通运输", "Transport"),
    "water_resources": ("水利", "Water Resources"),
}


@dataclass(frozen=True)
class Practice:
    """How an official works on one item. `visits_with` names the items of a joint site visit, this one included; the
    first records what was found."""

    english: str
    opinion: str
    reads_seconds: float
    decides_seconds: float
    visits_with: tuple[str, ...] = ()
    finding: str = ""


@dataclass(frozen=True)
class Desk:
    """One department's inbox (待办) at one division, with an official."""

    level: Level
    division: str
    department: str


@dataclass(frozen=True)
class Matter:
    """One matter (一件事) to hand in. `short` names items that no person decides; `practices` is by the item's id."""

    code: str
    division: str
    channel: str
    facts: Mapping[str, FactInput]
    materials: tuple[str, ...]
    practices: Mapping[str, Practice]
    desks: tuple[Desk, ...]
    short: Mapping[str, str] = field(default_factory=dict[str, str])
    party: PartyInput = ENTERPRISE

    def english(self, item_id: str) -> str:
        """A short English name of an item, for a row on the screen."""
        base = item_id.partition("@")[0]
        known = self.practices.get(base)
        return known.english if known else self.short.get(base, "")


def pdf(title: str) -> bytes:
    """A small, well-formed PDF of one empty page; `title`, in ASCII, makes its bytes its own."""
    bodies = (
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>",
        f"<< /Title ({title}) >>",
    )
    document = "%PDF-1.4\n"
    offsets: list[int] = []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(document))
        document += f"{number} 0 obj\n{body}\nendobj\n"
    entries = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(bodies) + 1
    return (
        f"{document}xref\n0 {size}\n0000000000 65535 f \n{entries}"
        f"trailer\n<< /Size {size} /Root 1 0 R /Info 4 0 R >>\nstartxref\n{len(document)}\n%%EOF\n"
    ).encode("ascii")
