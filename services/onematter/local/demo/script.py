"""What the demo plays: two real matters, and how each official works on them.

Rule 1: nothing here decides an outcome of the system; it is what an applicant hands in and what officials write.
Rule 2: an official who takes part in a joint site visit (联合踏勘) decides only when every department of the visit has
its item in hand. That is why items of three levels stand open at one moment, at whatever speed the demo runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from onematter.client.messages import FactInput, PartyInput
from onematter.common.v1.actor_pb2 import Level

APPLICANT = "demo-applicant"
# A made-up enterprise; its code has the right check character.
PARTY = PartyInput(
    name="杭州云栖智造有限公司",
    identifier_kind="uscc",
    identifier="91330106MA2B0XYQ1K",
    mobile="13800000000",
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
    "development_reform": ("发改", "Development and Reform"),
    "ecology_environment": ("生态环境", "Ecology and Environment"),
    "forestry": ("林草", "Forestry and Grassland"),
    "housing_construction": ("住建", "Housing and Urban-Rural Development"),
    "natural_resources": ("自然资源", "Natural Resources"),
    "traffic_police": ("公安交管", "Traffic Police"),
    "transport": ("交通运输", "Transport"),
    "water_resources": ("水利", "Water Resources"),
}


@dataclass(frozen=True)
class Practice:
    """How an official works on one item. `visits_with` names the items of a joint site visit, this one included."""

    english: str
    opinion: str
    reads_seconds: float
    decides_seconds: float
    visits_with: tuple[str, ...] = ()


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

    def english(self, item_id: str) -> str:
        """A short English name of an item, for a row on the screen."""
        base = item_id.partition("@")[0]
        known = self.practices.get(base)
        return known.english if known else self.short.get(base, "")


_PROVINCE, _CITY, _COUNTY = Level.LEVEL_PROVINCE, Level.LEVEL_CITY, Level.LEVEL_COUNTY
# Forestry of the province, environment of the city and planning of the county go to the site together.
_SITE_VISIT = ("02", "04", "07")

INDUSTRIAL_PROJECT = Matter(
    code="OM-17",
    division="330106",
    channel="web",
    facts={
        "project_name": "智能装备生产基地一期",
        "investment_cny": 180_000_000,
        "site_area_m2": 42_000,
        "industry": "equipment",
        "uses_forest_land": True,
    },
    materials=("project_report", "site_plan", "environmental_report"),
    short={"01": "filing"},
    practices={
        "02": Practice(
            "forest land",
            "经省、市、县联合踏勘，用地符合林地保护利用规划，同意使用林地2.1公顷。",
            0.6,
            2.4,
            visits_with=_SITE_VISIT,
        ),
        "03": Practice("site selection", "符合国土空间规划，未占永久基本农田，通过用地预审。", 0.5, 1.0),
        "04": Practice(
            "environment",
            "公示期满无异议，污染防治措施可行，同意报告书结论。",
            0.9,
            2.0,
            visits_with=_SITE_VISIT,
        ),
        "05": Practice("soil and water", "防治责任范围和措施合理，准予许可。", 1.2, 2.2),
        "06": Practice("energy", "单位产值能耗低于本市控制目标，同意。", 0.7, 1.4),
        "07": Practice("land planning", "规划条件已落实，核发建设用地规划许可证。", 0.4, 1.2, visits_with=_SITE_VISIT),
        "08": Practice("works planning", "总平面图符合规划条件，核发建设工程规划许可证。", 0.4, 0.8),
        "09": Practice("fire safety", "消防设计文件符合国家工程建设消防技术标准，合格。", 0.4, 0.8),
        "10": Practice("construction", "施工条件具备，核发施工许可证。", 0.4, 0.8),
    },
    desks=(
        Desk(_PROVINCE, "330000", "forestry"),
        Desk(_PROVINCE, "330000", "natural_resources"),
        Desk(_CITY, "330100", "ecology_environment"),
        Desk(_CITY, "330100", "water_resources"),
        Desk(_CITY, "330100", "development_reform"),
        Desk(_CITY, "330100", "housing_construction"),
        Desk(_COUNTY, "330106", "natural_resources"),
        Desk(_COUNTY, "330106", "housing_construction"),
    ),
)

# Class III: above the limits of class II in every measure, so that the county surveys its roads.
OVERSIZE_TRANSPORT = Matter(
    code="OM-09",
    division="330110",
    channel="app",
    facts={
        "goods": "风力发电机组主机",
        "height_m": 4.8,
        "width_m": 4.2,
        "length_m": 32.5,
        "weight_t": 118,
        "origin_division": "330110",
        "route_cities": ["330100", "330600", "330200"],
    },
    materials=("transport_application", "load_drawing"),
    short={"01": "acceptance"},
    practices={
        "02": Practice("roads", "沿线桥涵验算通过，准予按指定路线通行。", 0.8, 1.8),
        "03": Practice("police", "同意护送方案，避开早晚高峰通行。", 0.6, 1.6),
        "04": Practice("road survey", "路面与净空勘验合格，加固两处弯道后可通行。", 1.0, 2.6),
        "05": Practice("permit", "沿线意见齐备，核发超限运输车辆通行证。", 0.5, 1.0),
    },
    desks=(
        Desk(_PROVINCE, "330000", "transport"),
        Desk(_CITY, "330100", "transport"),
        Desk(_CITY, "330600", "transport"),
        Desk(_CITY, "330200", "transport"),
        Desk(_CITY, "330100", "traffic_police"),
        Desk(_COUNTY, "330110", "transport"),
    ),
)

MATTERS = (INDUSTRIAL_PROJECT, OVERSIZE_TRANSPORT)


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
