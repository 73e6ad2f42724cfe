"""What an official reads below a deadline."""

from __future__ import annotations

from datetime import date

import pytest

from onematter.backbone.catalogue_files import load_calendar
from onematter.law import explaining, periods
from onematter.law.calendar import CalendarMissing, CalendarYear, Deadline, WorkingCalendar
from onematter.law.clock import DECISION, DELIVERY, PeriodRule, Rank, legal_rule, promise_rule
from onematter.law.explaining import Explanation, Span, explain
from onematter.law.periods import Extended, PeriodFact, Resumed, Suspended

CALENDAR = load_calendar()


def day(text: str) -> date:
    return date.fromisoformat(text if len(text) > 5 else f"2026-{text}")


def of(rule: PeriodRule, start: str, *facts: PeriodFact) -> Explanation:
    return explain(periods.fold(rule, day(start), facts), CALENDAR)


TESTED = (
    Suspended(day("03-06"), "testing"),
    Extended(day("03-09"), 5, Rank.DEPARTMENT_HEAD),
    Resumed(day("03-16")),
)

CHINESE = """\
自2026-02-10（周二）起25个工作日（作出行政许可决定，《行政许可法》第42条第1款）
其中2026-03-09经本行政机关负责人批准延长5个工作日
期限届满：2026-03-31（周二）24:00
  2026-02-10                         起始当日，不计入
  2026-02-11 – 2026-02-13   +3    3  工作日
  2026-02-14                +1    4  调休上班：春节（国办发明电〔2025〕7号）
  2026-02-15 – 2026-02-23            放假：春节（国办发明电〔2025〕7号）
  2026-02-24 – 2026-02-27   +4    8  工作日
  2026-02-28                +1    9  调休上班：春节（国办发明电〔2025〕7号）
  2026-03-01                         周末
  2026-03-02 – 2026-03-05   +4   13  工作日
  2026-03-06 – 2026-03-15            停止计时：特别程序：检测
  2026-03-16 – 2026-03-20   +5   18  工作日
  2026-03-21 – 2026-03-22            周末
  2026-03-23 – 2026-03-24   +2   20  工作日
  2026-03-25 – 2026-03-27   +3   23  工作日（延长）
  2026-03-28 – 2026-03-29            周末
  2026-03-30 – 2026-03-31   +2   25  工作日（延长）
依据：《行政许可法》第42条第1款；《行政许可法》第45条；《行政许可法》第82条；《民法典》第201条
历法：国务院办公厅关于2026年部分节假日安排的通知 (2025-11-04) 国办发明电〔2025〕7号"""

ENGLISH = """\
5 calendar days from 2026-12-27 (Sun): the office's own promise
Ends on 2027-01-04 (Mon) at 24:00 China time
  2026-12-27                         the day it begins, not counted
  2026-12-28 – 2027-01-01   +5    5  calendar days
  2027-01-02 – 2027-01-04            carried to the next working day
Basis: the office's own promise; Civil Code, art. 201; Civil Code, art. 203
Calendar: 国务院办公厅关于2026年部分节假日安排的通知 (2025-11-04) 国办发明电〔2025〕7号; \
全国年节及纪念日放假办法（仅法定放假日） 国务院令第795号
Provisional: the days off of 2027 are not announced; the deadline will be computed again."""

STANDING = """\
20 working days from 2026-02-12 (Thu): decide; Administrative Licensing Law, art. 42 para. 1
The clock stands still; 17 working days are left when it goes on
  2026-02-12                         the day it begins, not counted
  2026-02-13                +1    1  working days
  2026-02-14                +1    2  made a working day for Spring Festival, 国办发明电〔2025〕7号
  2026-02-15 – 2026-02-23            day off for Spring Festival, 国办发明电〔2025〕7号
  2026-02-24                +1    3  working days
  2026-02-25 – …                     the clock stands still (correction by the applicant)
Basis: Administrative Licensing Law, art. 42 para. 1; Administrative Licensing Law, art. 32 para. 1 item 4; \
Administrative Licensing Law, art. 82; Civil Code, art. 201
Calendar: 国务院办公厅关于2026年部分节假日安排的通知 (2025-11-04) 国办发明电〔2025〕7号"""


@pytest.mark.parametrize(
    ("found", "language", "expected"),
    [
        (of(DECISION, "02-10", *TESTED), "zh-CN", CHINESE),
        (of(promise_rule(5, "calendar"), "12-27"), "en", ENGLISH),
        (of(DECISION, "02-12", Suspended(day("02-25"), "correction")), "en", STANDING),
    ],
)
def test_the_text(found: Explanation, language: str, expected: str) -> None:
    assert explaining.text(found, language).splitlines() == expected.splitlines()


@pytest.mark.parametrize(
    "found",
    [of(DECISION, "02-10", *TESTED), of(promise_rule(5, "calendar"), "12-27"), of(DELIVERY, "02-25"),
     of(DECISION, "02-12", Suspended(day("02-25"), "correction"))],
)  # fmt: skip
def test_both_languages_say_the_same_lines(found: Explanation) -> None:
    chinese, english = (explaining.text(found, language).splitlines() for language in ("zh-CN", "en"))
    assert len(chinese) == len(english)
    # The columns of days and numbers, which no language changes.
    assert [line[:36] for line in chinese if line.startswith("  ")] == [
        line[:36] for line in english if line.startswith("  ")
    ]


def test_the_document() -> None:
    found = explaining.document(of(legal_rule(3), "02-12", Suspended(day("02-13"), "hearing"), Resumed(day("02-14"))))
    assert found["deadline"] == "2026-02-25"
    assert (found["period"], found["from"], found["days"], found["kind"]) == (
        "decision_by_other_law",
        "2026-02-12",
        3,
        "working",
    )
    assert found["spans"] == [
        {"first": "2026-02-12", "last": "2026-02-12", "counted": False, "why": "start"},
        {"first": "2026-02-13", "last": "2026-02-13", "counted": False, "why": "suspended", "reason": "hearing"},
        {"first": "2026-02-14", "last": "2026-02-14", "counted": True, "why": "made_up",
         "names": {"zh-CN": "春节", "en": "Spring Festival"}, "notice": "国办发明电〔2025〕7号"},
        {"first": "2026-02-15", "last": "2026-02-23", "counted": False, "why": "holiday",
         "names": {"zh-CN": "春节", "en": "Spring Festival"}, "notice": "国办发明电〔2025〕7号"},
        {"first": "2026-02-24", "last": "2026-02-25", "counted": True, "why": "working"},
    ]  # fmt: skip
    assert found["notices"] == [
        {"year": 2026, "state": "official", "source": "国务院办公厅关于2026年部分节假日安排的通知 (2025-11-04)",
         "notice": "国办发明电〔2025〕7号"}
    ]  # fmt: skip
    assert (found["days_left"], found["provisional_years"]) == (None, [])


def test_the_document_of_a_standing_clock() -> None:
    found = explaining.document(of(DECISION, "02-12", Suspended(day("02-25"), "correction")))
    assert (found["deadline"], found["days_left"]) == (None, 17)
    assert found["spans"][-1] == {
        "first": "2026-02-25",
        "last": None,
        "counted": False,
        "why": "suspended",
        "reason": "correction",
    }


def test_an_item_due_on_the_spot() -> None:
    assert of(promise_rule(0), "11-23").spans == (Span(day("11-23"), day("11-23"), "start", False),)
    saturday = of(promise_rule(0), "11-28")
    assert saturday.deadline == Deadline(day("11-30"), False)
    assert saturday.spans[1:] == (Span(day("11-29"), day("11-30"), "moved", False),)


def test_a_year_without_names_explains_itself_all_the_same() -> None:
    plain = CalendarYear(2028, "official", frozenset([day("2028-01-03")]), frozenset([day("2028-01-08")]), "a test")
    found = explain(periods.begin(DELIVERY, day("2028-01-01")), WorkingCalendar.of([plain]))
    assert [(span.why, span.names, span.notice) for span in found.spans[:5]] == [
        ("start", None, ""),
        ("weekend", None, ""),
        ("holiday", None, ""),
        ("working", None, ""),
        ("made_up", None, ""),
    ]
    assert "  2028-01-03                         放假\n" in explaining.text(found, "zh-CN")


def test_a_year_that_is_not_loaded_is_named() -> None:
    with pytest.raises(CalendarMissing, match="2028"):
        of(DECISION, "2027-12-20")
