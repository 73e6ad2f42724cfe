"""Every deadline explains itself: which days count, which do not, and why.

Rule 1: an explanation is found by walking the calendar day by day; `periods` computes the same deadline by counting,
and the tests hold one against the other.
Rule 2: its spans lie end to end and cover the time from the first day to the deadline; the days of those that count
are as many as the period is long. While the clock stands still the last span has no end.
Rule 3: it rests on the notices that it names. Where one of its years is not announced, it says so.
Rule 4: words are made here, at the edge, in zh-CN and en; what is explained is data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal, NamedTuple

from onematter.law.calendar import CalendarYear, Deadline, Names, WorkingCalendar
from onematter.law.clock import Rank, article, civil_code
from onematter.law.periods import Period, Suspension, SuspensionReason, remaining_days

Why = Literal[
    "start",  # the day the period begins
    "working",  # a weekday on which offices are open
    "made_up",  # a weekend day made a working day (调休上班)
    "calendar",  # any day, of a period of calendar days
    "weekend",
    "holiday",  # a day off by the year's notice
    "suspended",
    "moved",  # behind the last counted day, up to the working day on which the period may end
]


class Span(NamedTuple):
    """Days from `first` to `last` that stand alike; `last` None from when the clock stands still on.

    `extended` are days counted by virtue of an extension, `reason` is why the clock stood still, `names` the holiday
    for which days are off or made up, `notice` the number of the document that says so.
    """

    first: date
    last: date | None
    why: Why
    counted: bool
    extended: bool = False
    reason: SuspensionReason | None = None
    names: Names | None = None
    notice: str = ""

    @property
    def days(self) -> int:
        """How many days it has, 0 when it has no end."""
        return 0 if self.last is None else (self.last - self.first).days + 1


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a period ends when it does. While the clock stands still `deadline` is None, and `days_left` are those that
    are left when it goes on.

    `basis` are the provisions applied, `years` the calendars it rests on, `provisional_years` those of them that
    may still move the deadline.
    """

    period: Period
    deadline: Deadline | None
    days_left: int
    spans: tuple[Span, ...]
    basis: tuple[Names, ...]
    years: tuple[CalendarYear, ...]
    provisional_years: tuple[int, ...]


def explain(period: Period, calendar: WorkingCalendar) -> Explanation:
    """Return why the period ends when it does under `calendar`. Raises CalendarMissing."""
    spans = _walk(period, calendar)
    last = spans[-1].last
    first = period.started.day
    touched = calendar.years_between(first, last or spans[-1].first)
    if period.started.kind == "calendar":
        first = max((span.last for span in spans if span.counted and span.last), default=last or first)
    provisional = calendar.provisional_years(first, last) if last else ()
    return Explanation(
        period=period,
        deadline=None if last is None else Deadline(last, bool(provisional)),
        days_left=0 if last else remaining_days(period, period.as_of, calendar),
        spans=tuple(spans),
        basis=_basis(period, spans),
        years=touched,
        provisional_years=provisional,
    )


def _walk(period: Period, calendar: WorkingCalendar) -> list[Span]:
    start, needed, kind = period.started.day, period.days, period.started.kind
    spans = [Span(start, start, "start", counted=False)]
    counted, day = 0, start
    done = not needed and calendar.is_working_day(day) and _suspension(period, day) is None
    while not done:
        day += timedelta(days=1)
        suspension = _suspension(period, day)
        if suspension is not None:
            if suspension.resumed is None:
                _add(spans, Span(day, None, "suspended", counted=False, reason=suspension.reason))
                return spans
            found = Span(day, day, "suspended", counted=False, reason=suspension.reason)
        elif counted == needed:
            found = Span(day, day, "moved", counted=False)
            done = calendar.is_working_day(day)
        elif kind == "calendar":
            counted += 1
            found = Span(day, day, "calendar", counted=True, extended=counted > period.started.days)
            done = counted == needed and calendar.is_working_day(day)
        else:
            found = _day_of(day, calendar, extended=counted >= period.started.days)
            counted += found.counted
            done = counted == needed
        _add(spans, found)
    return spans


def _add(spans: list[Span], found: Span) -> None:
    if spans[-1]._replace(first=found.first, last=found.last) == found:
        spans[-1] = spans[-1]._replace(last=found.last)
    else:
        spans.append(found)


def _suspension(period: Period, day: date) -> Suspension | None:
    return next((one for one in period.suspensions if one.holds(day)), None)


def _day_of(day: date, calendar: WorkingCalendar, *, extended: bool) -> Span:
    year = calendar.year_of(day)
    names = year.names.get(day)
    if calendar.is_working_day(day):
        if day in year.make_up_days:
            return Span(day, day, "made_up", counted=True, extended=extended, names=names, notice=year.notice)
        return Span(day, day, "working", counted=True, extended=extended)
    if day in year.days_off:
        return Span(day, day, "holiday", counted=False, names=names, notice=year.notice)
    return Span(day, day, "weekend", counted=False)


def _basis(period: Period, spans: list[Span]) -> tuple[Names, ...]:
    basis = [period.rule.basis]
    if period.extension is not None and period.rule.extension is not None:
        basis.append(period.rule.extension.basis)
    reasons = {span.reason for span in spans if span.reason}
    if "correction" in reasons:
        basis.append(article(32, 1, 4))
    if reasons - {"correction"}:
        basis.append(article(45))
    if period.started.kind == "working":
        basis.append(article(82))
    basis.append(civil_code(201))
    if any(span.why == "moved" for span in spans):
        basis.append(civil_code(203))
    return tuple(one for index, one in enumerate(basis) if one not in basis[:index])


_WEEKDAYS = {"zh-CN": "一二三四五六日", "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")}
_KINDS = {"working": ("个工作日", "working days"), "calendar": ("个自然日", "calendar days")}
_WHY: Mapping[Why, tuple[str, str]] = {
    "start": ("起始当日，不计入", "the day it begins, not counted"),
    "working": ("工作日", "working days"),
    "made_up": ("调休上班", "made a working day"),
    "calendar": ("自然日", "calendar days"),
    "weekend": ("周末", "weekend"),
    "holiday": ("放假", "day off"),
    "suspended": ("停止计时", "the clock stands still"),
    "moved": ("末日顺延至工作日", "carried to the next working day"),
}
_REASONS: Mapping[SuspensionReason, tuple[str, str]] = {
    "correction": ("补正", "correction by the applicant"),
    "hearing": ("特别程序：听证", "special procedure: hearing"),
    "tender": ("特别程序：招标", "special procedure: tender"),
    "auction": ("特别程序：拍卖", "special procedure: auction"),
    "inspection": ("特别程序：检验", "special procedure: inspection"),
    "testing": ("特别程序：检测", "special procedure: testing"),
    "quarantine": ("特别程序：检疫", "special procedure: quarantine"),
    "appraisal": ("特别程序：鉴定", "special procedure: appraisal"),
    "expert_review": ("特别程序：专家评审", "special procedure: expert review"),
}
_RANKS = {
    Rank.STAFF: ("经办人", "staff"),
    Rank.SECTION_HEAD: ("科（处）室负责人", "head of section"),
    Rank.DEPARTMENT_HEAD: ("本行政机关负责人", "head of the authority"),
    Rank.GOVERNMENT_HEAD: ("本级人民政府负责人", "head of the government of its level"),
}


def text(explanation: Explanation, language: str = "zh-CN") -> str:
    """Return the explanation as lines of text in "zh-CN" or "en" (any other language is told in English).

    Each span is a line: its days, how many it adds, how many are counted by its end, and why.
    """
    chinese = language == "zh-CN"
    lines = _heading(explanation, chinese)
    total = 0
    for span in explanation.spans:
        total += span.days if span.counted else 0
        days = f"{span.first}" if span.last == span.first else f"{span.first} – {span.last or '…'}"
        added, sum_of = (f"+{span.days}", str(total)) if span.counted else ("", "")
        lines.append(f"  {days:<23} {added:>4} {sum_of:>4}  {_why(span, chinese)}")
    lines.append(
        _line("依据", "Basis", "；" if chinese else "; ", [_name(one, chinese) for one in explanation.basis], chinese)
    )
    notices = [year.source + (f" {year.notice}" if year.notice else "") for year in explanation.years]
    lines.append(_line("历法", "Calendar", "；" if chinese else "; ", notices, chinese))
    if explanation.provisional_years:
        years = ("、" if chinese else ", ").join(str(year) for year in explanation.provisional_years)
        lines.append(
            f"暂定：{years}年放假安排尚未公布，公布后重新计算。"
            if chinese
            else f"Provisional: the days off of {years} are not announced; the deadline will be computed again."
        )
    return "\n".join(lines)


def document(explanation: Explanation) -> dict[str, Any]:
    """Return the explanation as a JSON object: dates as 2026-01-01, names and provisions in every language."""
    period, end = explanation.period, explanation.deadline
    return {
        "period": period.rule.name,
        "from": period.started.day.isoformat(),
        "days": period.days,
        "kind": period.started.kind,
        "deadline": end and end.date.isoformat(),
        "days_left": None if end else explanation.days_left,
        "provisional_years": list(explanation.provisional_years),
        "spans": [_span_document(span) for span in explanation.spans],
        "basis": [dict(one) for one in explanation.basis],
        "notices": [
            {"year": one.year, "state": one.state, "source": one.source, "notice": one.notice}
            for one in explanation.years
        ],
    }


def _span_document(span: Span) -> dict[str, Any]:
    told: dict[str, Any] = {
        "first": span.first.isoformat(),
        "last": span.last and span.last.isoformat(),
        "counted": span.counted,
        "why": span.why,
    }
    if span.extended:
        told["extended"] = True
    if span.reason:
        told["reason"] = span.reason
    if span.names:
        told["names"] = dict(span.names)
    if span.notice:
        told["notice"] = span.notice
    return told


def _heading(explanation: Explanation, chinese: bool) -> list[str]:
    period, end = explanation.period, explanation.deadline
    kind = _pick(_KINDS[period.started.kind], chinese)
    name, basis = _name(period.rule.names, chinese), _name(period.rule.basis, chinese)
    start = _dated(period.started.day, chinese)
    if chinese:
        lines = [f"自{start}起{period.days}{kind}（{name if name == basis else f'{name}，{basis}'}）"]
    else:
        lines = [f"{period.days} {kind} from {start}: {name if name == basis else f'{name}; {basis}'}"]
    if period.extension is not None:
        one = period.extension
        who = _pick(_RANKS[one.rank], chinese)
        lines.append(
            f"其中{one.day}经{who}批准延长{one.days}{kind}" if chinese
            else f"{one.days} of them by the extension of {one.day}, approved by the {who}"
        )  # fmt: skip
    if end is None:
        lines.append(
            f"停止计时中，恢复后还剩{explanation.days_left}{kind}" if chinese
            else f"The clock stands still; {explanation.days_left} {kind} are left when it goes on"
        )  # fmt: skip
    else:
        last = _dated(end.date, chinese)
        lines.append(f"期限届满：{last}24:00" if chinese else f"Ends on {last} at 24:00 China time")
    return lines


def _why(span: Span, chinese: bool) -> str:
    said = _pick(_WHY[span.why], chinese)
    detail = _pick(_REASONS[span.reason], chinese) if span.reason else _name(span.names, chinese) if span.names else ""
    if detail:
        said += f"：{detail}" if chinese else f" ({detail})" if span.reason else f" for {detail}"
    if span.notice:
        said += f"（{span.notice}）" if chinese else f", {span.notice}"
    if span.extended:
        said += "（延长）" if chinese else ", of the extension"
    return said


def _dated(day: date, chinese: bool) -> str:
    weekday = _WEEKDAYS["zh-CN" if chinese else "en"][day.weekday()]
    return f"{day}（周{weekday}）" if chinese else f"{day} ({weekday})"


def _line(chinese_title: str, title: str, separator: str, parts: list[str], chinese: bool) -> str:
    return f"{chinese_title}：{separator.join(parts)}" if chinese else f"{title}: {separator.join(parts)}"


def _pick(texts: tuple[str, str], chinese: bool) -> str:
    return texts[0] if chinese else texts[1]


def _name(names: Names, chinese: bool) -> str:
    return names["zh-CN"] if chinese else names["en"]
