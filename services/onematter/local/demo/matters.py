"""What the demo plays: four real matters, and how each official works on them.

Rule 1: nothing here decides an outcome of the system; it is what an applicant hands in and what officials write.
Rule 2: an official who takes part in a joint site visit (联合踏勘) decides only when every department of the visit has
its item in hand. That is why items of three levels stand open at one moment, at whatever speed the demo runs.
"""

from __future__ import annotations

from onematter.common.v1.actor_pb2 import Level
from onematter.local.demo.script import MOTHER, Desk, Matter, Practice

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
            finding="红线范围与图件一致，未占公益林，距居民区达到防护距离。",
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
        "04": Practice(
            "road survey",
            "路面与净空勘验合格，加固两处弯道后可通行。",
            1.0,
            1.6,
            visits_with=("04",),
            finding="净空5.2米，弯道两处需加固。",
        ),
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

# Each certificate that is made on the way opens what needs it: nobody carries one from a window to the next.
BIRTH = Matter(
    code="OM-03",
    division="330106001",
    channel="mini_program",
    facts={
        "mother_resident": True,
        "mother_has_maternity_insurance": True,
        "wants_residents_insurance": True,
    },
    materials=("birth_information_form", "medical_expenses"),
    party=MOTHER,
    practices={
        "01": Practice("registration slip", "生育登记信息齐全，签发凭证。", 0.3, 0.6),
        "02": Practice("birth certificate", "出生信息与分娩记录一致，签发出生医学证明。", 0.3, 0.9),
        "03": Practice("vaccination record", "已建立预防接种电子档案。", 0.3, 0.6),
        "04": Practice("household register", "凭出生医学证明电子证照办理出生登记。", 0.3, 1.0),
        "05": Practice("insurance", "参保登记完成。", 0.3, 0.7),
        "06": Practice("social security card", "制卡信息已采集。", 0.4, 0.8),
        "07": Practice("payment", "首期保费已缴。", 0.3, 0.6),
        "08": Practice("reimbursement", "票据齐全，准予报销。", 0.6, 1.2),
        "09": Practice("parenting guidance", "已登记，社区医生将联系。", 0.3, 0.6),
    },
    desks=(
        Desk(_CITY, "330100", "healthcare_security"),
        Desk(_COUNTY, "330106", "health"),
        Desk(_COUNTY, "330106", "public_security"),
        Desk(_COUNTY, "330106", "healthcare_security"),
        Desk(_COUNTY, "330106", "human_resources"),
        Desk(_COUNTY, "330106", "taxation"),
    ),
)

CLOSING = Matter(
    code="OM-02",
    division="330106",
    channel="web",
    facts={
        "enterprise_name": "杭州云栖智造有限公司",
        "is_customs_registered": True,
        "has_insured_employees": True,
    },
    materials=("closing_form", "shareholder_resolution"),
    practices={
        "01": Practice("tax", "税款结清，出具清税证明。", 0.5, 1.2),
        "02": Practice("deregistration", "凭清税证明电子证照准予注销。", 0.3, 0.9),
        "03": Practice("customs", "报关单位备案已注销。", 0.3, 0.8),
        "04": Practice("social insurance", "无欠费，社会保险登记已注销。", 0.3, 0.8),
        "05": Practice("bank account", "已预约销户。", 0.3, 0.6),
        "06": Practice("seals", "印章已缴销。", 0.3, 0.7),
    },
    desks=(
        Desk(_CITY, "330100", "customs"),
        Desk(_COUNTY, "330106", "taxation"),
        Desk(_COUNTY, "330106", "market_regulation"),
        Desk(_COUNTY, "330106", "human_resources"),
        Desk(_COUNTY, "330106", "banking"),
        Desk(_COUNTY, "330106", "public_security"),
    ),
)

MATTERS = (INDUSTRIAL_PROJECT, OVERSIZE_TRANSPORT, BIRTH, CLOSING)
