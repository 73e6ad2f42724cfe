"""The statutory clock: what the law says of each period, and the two deadlines of an item, the legal one (法定时限)
and the promised one (承诺时限).

Rule 1: the day a period begins is not counted, and its last day ends at 24:00 China time (民法典 §201, §203).
Where an office closes earlier §203 lets the day end then; here a day has passed only when it has by either reading.
Rule 2: periods of the 行政许可法 are working days (§82). A period of calendar days whose last day is a day
off ends on the next working day (民法典 §203).
Rule 3: an item whose legal time is not known is held to the 20 working days of 行政许可法 §42, and a promise
is never later than the law.
Rule 4: who may extend a period, and by how much, stands in the law or nowhere: what has no rule for it here
cannot be extended. Where another law sets the time, that law alone tells (§42: “法律、法规另有规定的，依照其规定”).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum
from functools import lru_cache
from typing import Literal, NamedTuple

from onematter.law.calendar import Deadline, Names, WorkingCalendar, end_of_day_unix_ms, legal_date

ClockKind = Literal["working", "calendar"]
Evidence = Literal["sourced", "general", "illustrative"]


class Rank(IntEnum):
    """Who approves. The numbers equal those of the contract `onematter.common.v1.Rank`."""

    STAFF = 1  # 经办人
    SECTION_HEAD = 2  # 科(处)室负责人
    DEPARTMENT_HEAD = 3  # 行政机关负责人
    GOVERNMENT_HEAD = 4  # 本级人民政府负责人


@dataclass(frozen=True, eq=False)
class ExtensionRule:
    """Once, by at most `max_days` of the period's own kind, with the approval of `rank`.

    The law names who approves. A higher rank may too: where the government itself is the authority (本级人民政府
    as 行政机关), one person is both.
    """

    max_days: int
    rank: Rank
    basis: Names


@dataclass(frozen=True, eq=False)
class PeriodRule:
    """What the law says of one period (期限).

    `days` of `kind` run from an event; `runs_for` tells whose time it is. `suspendable` is whether correction and
    special procedure stop it. `basis` is the article that sets it.
    """

    name: str
    names: Names
    days: int
    kind: ClockKind
    runs_for: Literal["office", "applicant"]
    suspendable: bool
    extension: ExtensionRule | None
    basis: Names
    evidence: Evidence


def article(number: int, paragraph: int = 0, item: int = 0) -> Names:
    """Return the citation of an article (paragraph, item) of the Administrative Licensing Law (行政许可法, 2019)."""
    chinese, english = f"《行政许可法》第{number}条", f"Administrative Licensing Law, art. {number}"
    if paragraph:
        chinese, english = f"{chinese}第{paragraph}款", f"{english} para. {paragraph}"
    if item:
        chinese, english = f"{chinese}第{item}项", f"{english} item {item}"
    return {"zh-CN": chinese, "en": english}


def civil_code(number: int) -> Names:
    """Return the citation of an article of the Civil Code (民法典)."""
    return {"zh-CN": f"《民法典》第{number}条", "en": f"Civil Code, art. {number}"}


# §32: a hand-in that is not answered within 5 days is accepted, as of the day it was received.
ACCEPTANCE = PeriodRule(
    "acceptance", {"zh-CN": "受理或者一次性告知补正", "en": "accept, or tell all corrections at once"},
    5, "working", "office", False, None, article(32, 1, 4), "sourced",
)  # fmt: skip
# §42 para. 1: 20 days from acceptance; 10 more with the approval of the authority's own head.
DECISION = PeriodRule(
    "decision", {"zh-CN": "作出行政许可决定", "en": "decide"},
    20, "working", "office", True,
    ExtensionRule(10, Rank.DEPARTMENT_HEAD, article(42, 1)), article(42, 1), "sourced",
)  # fmt: skip
# §42 para. 2 with §26: unified, joint or centralised handling; 15 more with the approval of the head of government.
JOINT_DECISION = PeriodRule(
    "joint_decision",
    {"zh-CN": "统一办理、联合办理或者集中办理", "en": "unified, joint or centralised handling"},
    45, "working", "office", True,
    ExtensionRule(15, Rank.GOVERNMENT_HEAD, article(42, 2)), article(42, 2), "sourced",
)  # fmt: skip
# §43: the lower level examines before a higher one decides.
EXAMINATION = PeriodRule(
    "examination", {"zh-CN": "下级行政机关审查", "en": "examination by the lower level"},
    20, "working", "office", True, None, article(43), "sourced",
)  # fmt: skip
# §44: from the decision to the certificate in the applicant's hands.
DELIVERY = PeriodRule(
    "delivery", {"zh-CN": "颁发、送达行政许可证件", "en": "issue and deliver the certificate"},
    10, "working", "office", False, None, article(44), "sourced",
)  # fmt: skip
# A department asked by the one in charge answers within 7 days (主办、协办部门).
OPINION = PeriodRule(
    "opinion", {"zh-CN": "协办部门回复意见", "en": "opinion of a department that is asked"},
    7, "working", "office", False, None,
    {"zh-CN": "国发〔1999〕9号", "en": "State Council document Guofa [1999] No. 9"}, "sourced",
)  # fmt: skip
# §47: whoever was told of the right to a hearing asks for it within 5 days, and it is held within 20 of being asked.
HEARING_REQUEST = PeriodRule(
    "hearing_request", {"zh-CN": "提出听证申请", "en": "ask for a hearing"},
    5, "working", "applicant", False, None, article(47, 1), "sourced",
)  # fmt: skip
HEARING = PeriodRule(
    "hearing", {"zh-CN": "组织听证", "en": "hold the hearing"},
    20, "working", "office", False, None, article(47, 1), "sourced",
)  # fmt: skip

# §48: time and place are told this many working days before the hearing.
HEARING_NOTICE_DAYS = 7

PERIOD_RULES: Mapping[str, PeriodRule] = {
    rule.name: rule
    for rule in (
        ACCEPTANCE, DECISION, JOINT_DECISION, EXAMINATION, DELIVERY, OPINION, HEARING_REQUEST, HEARING,
    )
}  # fmt: skip

# 行政许可法 §42: decide within 20 (working) days of acceptance.
FALLBACK_LEGAL_DAYS = DECISION.days

_OTHER_LAW: Names = {
    "zh-CN": "《行政许可法》第42条（法律、法规另有规定）",
    "en": "Administrative Licensing Law, art. 42 (another law or regulation provides)",
}
_PROMISE: Names = {"zh-CN": "承诺时限", "en": "the office's own promise"}


@lru_cache(maxsize=4_096)
def legal_rule(
    legal_days: int | None, kind: ClockKind = "working", extension: ExtensionRule | None = None
) -> PeriodRule:
    """Return the rule for deciding an item whose catalogue record says `legal_days` of `kind`.

    None or 0 (not known) and 20 working days are §42's own, with its extension. Any other time comes from another
    law, which alone says whether it can be extended: give its `extension`, or there is none.
    """
    if not legal_days or (extension is None and legal_days == DECISION.days and kind == "working"):
        return DECISION
    return PeriodRule(
        "decision_by_other_law", DECISION.names, legal_days, kind, "office", True, extension, _OTHER_LAW, "general"
    )


@lru_cache(maxsize=4_096)
def promise_rule(promised_days: int, kind: ClockKind = "working") -> PeriodRule:
    """Return the rule of a promise of `promised_days`: it stops with the legal clock, and nothing extends it.

    An extension is of the statutory time. A promise that is not kept is told as such, not moved.
    """
    return PeriodRule("promise", _PROMISE, promised_days, kind, "office", True, None, _PROMISE, "general")


class Deadlines(NamedTuple):
    """Both deadlines of an item."""

    legal: Deadline
    promised: Deadline


def deadlines(
    opened_unix_ms: int,
    legal_days: int | None,
    promised_days: int | None,
    calendar: WorkingCalendar,
    clock_kind: ClockKind = "working",
) -> Deadlines:
    """Return the deadlines of an item opened at `opened_unix_ms` (milliseconds since 1970, UTC), as long as nothing
    has stopped or extended them; `onematter.law.periods` has the rest.

    `legal_days` None or 0 means that no legal time is known: 20 working days. `promised_days` None means that
    nothing is promised beyond the law; 0 is a promise for the same day, or the next working day when offices
    are closed. Raises CalendarMissing when a period leaves the loaded years, ValueError for a negative period
    or an unknown clock kind.
    """
    return _deadlines(legal_date(opened_unix_ms), legal_days or None, promised_days, calendar, clock_kind)


def due_unix_ms(day: date) -> int:
    """Return the instant at which a deadline on `day` has passed: its 24:00 China time, in milliseconds since
    1970, UTC.
    """
    return end_of_day_unix_ms(day)


def end_of_period(start: date, days: int, calendar: WorkingCalendar, kind: ClockKind) -> Deadline:
    """Return the last day of a period of `days` that begins on `start` and runs without a stop.

    Raises CalendarMissing, and ValueError for a negative period or an unknown kind.
    """
    if days < 0:
        raise ValueError(f"a period of {days} days: give 0 or more")
    if kind == "working":
        return calendar.add_working_days(start, days) if days else calendar.next_working_day(start)
    if kind == "calendar":
        end, provisional = calendar.next_working_day(start + timedelta(days=days))
        return Deadline(end, provisional)
    raise ValueError(f"clock kind {kind!r}: give working or calendar")


@lru_cache(maxsize=65_536)
def _deadlines(
    opened: date,
    legal_days: int | None,
    promised_days: int | None,
    calendar: WorkingCalendar,
    clock_kind: ClockKind,
) -> Deadlines:
    if legal_days is None:
        legal = calendar.add_working_days(opened, FALLBACK_LEGAL_DAYS)
    else:
        legal = end_of_period(opened, legal_days, calendar, clock_kind)
    if promised_days is None:
        return Deadlines(legal, legal)
    promised = end_of_period(opened, promised_days, calendar, clock_kind)
    return Deadlines(legal, promised if promised.date <= legal.date else legal)
