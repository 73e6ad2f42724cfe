"""Periods of the law: what stops them, what lengthens them, and who may. Dates are counted by hand in 2026."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from onematter.backbone.catalogue_files import load_calendar
from onematter.law import periods
from onematter.law.calendar import CalendarMissing, CalendarYear, Deadline, WorkingCalendar
from onematter.law.clock import (
    ACCEPTANCE,
    DECISION,
    EXAMINATION,
    JOINT_DECISION,
    PERIOD_RULES,
    ClockKind,
    ExtensionRule,
    PeriodRule,
    Rank,
    legal_rule,
    promise_rule,
)
from onematter.law.periods import (
    CalendarChanged,
    Extended,
    Instants,
    Objection,
    Period,
    PeriodFact,
    Resumed,
    Suspended,
    WarningRule,
)

CALENDAR = load_calendar()


def day(text: str) -> date:
    return date.fromisoformat(text if len(text) > 5 else f"2026-{text}")


def midnight(text: str) -> int:
    """00:00 China time of a day of 2026."""
    return int(datetime.fromisoformat(f"2026-{text}T00:00:00+08:00").timestamp() * 1000)


def stops(*spans: str) -> list[PeriodFact]:
    facts: list[PeriodFact] = []
    for span in spans:
        first, _, resumed = span.partition("/")
        facts.append(Suspended(day(first), "testing"))
        if resumed:
            facts.append(Resumed(day(resumed)))
    return facts


def decision(*facts: PeriodFact) -> Period:
    """20 working days from Tuesday 2026-02-10: without a stop they end on Monday 2026-03-16."""
    return periods.fold(DECISION, day("02-10"), facts)


def ends(period: Period, calendar: WorkingCalendar = CALENDAR) -> str | None:
    end = periods.deadline(period, calendar)
    return end and f"{end.date:%m-%d}"


@pytest.mark.parametrize(
    ("name", "days", "extension", "suspendable"),
    [
        ("acceptance", 5, None, False),
        ("decision", 20, (10, "DEPARTMENT_HEAD"), True),
        ("joint_decision", 45, (15, "GOVERNMENT_HEAD"), True),
        ("examination", 20, None, True),
        ("delivery", 10, None, False),
        ("opinion", 7, None, False),
        ("hearing_request", 5, None, False),
        ("hearing", 20, None, False),
    ],
)
def test_the_table_is_the_law(name: str, days: int, extension: tuple[int, str] | None, suspendable: bool) -> None:
    rule = PERIOD_RULES[name]
    found = rule.extension and (rule.extension.max_days, rule.extension.rank.name)
    assert (rule.days, rule.kind, found, rule.suspendable) == (days, "working", extension, suspendable)
    assert rule.runs_for == ("applicant" if name == "hearing_request" else "office")


def test_every_rule_is_in_the_table_once() -> None:
    assert len(PERIOD_RULES) == 8
    assert all(name == rule.name for name, rule in PERIOD_RULES.items())


@pytest.mark.parametrize(
    ("rule", "expected"),
    [(DECISION, "03-16"), (JOINT_DECISION, "04-21"), (EXAMINATION, "03-16"), (ACCEPTANCE, "02-24")],
)
def test_without_a_stop_a_period_is_counted_through(rule: PeriodRule, expected: str) -> None:
    assert periods.deadline(periods.begin(rule, day("02-10")), CALENDAR) == Deadline(day(expected), False)


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        (["03-06/03-09"], "03-17"),  # Friday to Monday: Friday is not counted
        (["03-06/03-08"], "03-17"),  # taken up again on a Sunday: Monday is the first to count
        (["03-07/03-09"], "03-16"),  # a weekend alone
        (["02-15/02-24"], "03-16"),  # the days off of Spring Festival alone
        (["02-14/02-24"], "03-17"),  # and the Saturday made up before them
        (["03-06/03-06"], "03-16"),  # stopped and taken up on one day
        (["03-06/03-06", "03-06/03-09"], "03-17"),
        (["02-10/02-12"], "03-17"),  # on the day it begins, which counts in no case
        (["02-10/02-10"], "03-16"),
        (["03-03/03-05", "03-10/03-11"], "03-19"),
        (["03-16/03-25"], "03-25"),  # on the last day: that day's worth of time is left
        (["03-16/03-28"], "03-30"),  # taken up on a Saturday
        (["03-17/03-25"], "03-16"),  # too late: what has passed has passed
        (["03-17"], "03-16"),
        (["03-16"], None),
        (["03-06"], None),
        (["03-06/03-09", "03-09"], None),
    ],
)
def test_a_stopped_clock_moves_the_deadline(spans: list[str], expected: str | None) -> None:
    assert ends(decision(*stops(*spans))) == expected


@pytest.mark.parametrize(
    ("days", "kind", "start", "spans", "expected"),
    [
        (5, "calendar", "11-23", [], "11-30"),  # the fifth day is Saturday 28th
        (4, "calendar", "11-23", [], "11-27"),
        (5, "calendar", "11-23", ["11-24/11-27"], "12-01"),
        (5, "calendar", "11-23", ["11-29/12-02"], "12-02"),  # stopped between the fifth day and the working day
        (3, "calendar", "11-25", ["11-30/12-02"], "12-02"),  # stopped on that working day, with nothing left to count
        (5, "calendar", "11-23", ["11-29/11-29"], "11-30"),
        (5, "calendar", "11-23", ["11-29"], None),
        (5, "calendar", "11-23", ["12-01"], "11-30"),
        (0, "working", "11-23", [], "11-23"),
        (0, "working", "11-28", [], "11-30"),  # handed in on a Saturday
        (0, "working", "11-23", ["11-23/11-26"], "11-26"),
        (0, "working", "11-23", ["11-23/11-28"], "11-30"),
        (0, "working", "11-23", ["11-23"], None),
        (0, "working", "11-23", ["11-24"], "11-23"),
        (0, "calendar", "11-28", [], "11-30"),
    ],
)
def test_other_lengths_and_kinds(
    days: int, kind: ClockKind, start: str, spans: list[str], expected: str | None
) -> None:
    period = periods.fold(promise_rule(days, kind), day(start), stops(*spans))
    assert ends(period) == expected


def test_an_extension_makes_the_period_longer() -> None:
    assert ends(decision(Extended(day("03-16"), 10, Rank.DEPARTMENT_HEAD))) == "03-30"
    assert ends(decision(Extended(day("02-10"), 1, Rank.DEPARTMENT_HEAD))) == "03-17"
    joint = periods.fold(JOINT_DECISION, day("02-10"), [Extended(day("04-21"), 15, Rank.GOVERNMENT_HEAD)])
    assert ends(joint) == "05-14"


def test_an_extension_while_suspended_shows_when_the_clock_goes_on() -> None:
    stopped = decision(Suspended(day("03-16"), "hearing"))
    assert periods.check_extension(stopped, day("03-20"), 10, Rank.DEPARTMENT_HEAD, CALENDAR) == ()
    extended = periods.evolve(stopped, Extended(day("03-20"), 10, Rank.DEPARTMENT_HEAD))
    assert ends(extended) is None
    assert periods.remaining_days(extended, day("03-20"), CALENDAR) == 11
    # From Monday 23rd: five days, five days, and one.
    assert ends(periods.evolve(extended, Resumed(day("03-23")))) == "04-07"


def unextendable(name: str) -> list[Objection]:
    return [Objection("period", "PERIOD_NOT_EXTENDABLE", {"period": name})]


def too_low(required: str) -> list[Objection]:
    return [Objection("rank", "RANK_TOO_LOW", {"required": required})]


OTHER_LAW = legal_rule(30, "working", ExtensionRule(30, Rank.SECTION_HEAD, {"zh-CN": "某法", "en": "a law"}))


@pytest.mark.parametrize(
    ("rule", "on", "days", "rank", "expected"),
    [
        (DECISION, "03-16", 10, Rank.DEPARTMENT_HEAD, []),
        (DECISION, "03-16", 1, Rank.GOVERNMENT_HEAD, []),
        (DECISION, "03-17", 10, Rank.DEPARTMENT_HEAD, [("period", "PERIOD_PASSED", {"deadline": "2026-03-16"})]),
        (DECISION, "03-16", 11, Rank.DEPARTMENT_HEAD, [("days", "EXTENSION_OUT_OF_RANGE", {"limit": "10"})]),
        (DECISION, "03-16", 0, Rank.DEPARTMENT_HEAD, [("days", "EXTENSION_OUT_OF_RANGE", {"limit": "10"})]),
        (DECISION, "03-16", 10, Rank.SECTION_HEAD, too_low("DEPARTMENT_HEAD")),
        (JOINT_DECISION, "03-16", 15, Rank.GOVERNMENT_HEAD, []),
        (JOINT_DECISION, "03-16", 15, Rank.DEPARTMENT_HEAD, too_low("GOVERNMENT_HEAD")),
        (EXAMINATION, "03-16", 10, Rank.GOVERNMENT_HEAD, unextendable("examination")),
        (promise_rule(5), "02-11", 1, Rank.GOVERNMENT_HEAD, unextendable("promise")),
        (legal_rule(7), "02-11", 1, Rank.GOVERNMENT_HEAD,
         unextendable("decision_by_other_law")),
        (OTHER_LAW, "02-11", 30, Rank.SECTION_HEAD, []),
        (legal_rule(20), "03-16", 10, Rank.DEPARTMENT_HEAD, []),
        (legal_rule(None), "03-16", 10, Rank.DEPARTMENT_HEAD, []),
        (legal_rule(20, "calendar"), "02-11", 10, Rank.DEPARTMENT_HEAD,
         unextendable("decision_by_other_law")),
        (DECISION, "02-09", 10, Rank.DEPARTMENT_HEAD, [("day", "DAY_TOO_EARLY", {"earliest": "2026-02-10"})]),
    ],
)  # fmt: skip
def test_who_may_extend_what(rule: PeriodRule, on: str, days: int, rank: Rank, expected: list[Objection]) -> None:
    period = periods.begin(rule, day("02-10"))
    assert list(periods.check_extension(period, day(on), days, rank, CALENDAR)) == expected


def test_all_objections_are_told_at_once() -> None:
    extended = decision(Extended(day("03-13"), 1, Rank.DEPARTMENT_HEAD))
    found = periods.check_extension(extended, day("03-18"), 11, Rank.STAFF, CALENDAR)
    assert [one.reason for one in found] == [
        "PERIOD_EXTENDED_ALREADY",
        "PERIOD_PASSED",
        "EXTENSION_OUT_OF_RANGE",
        "RANK_TOO_LOW",
    ]


def test_a_stop_behind_the_deadline_reopens_no_extension() -> None:
    late = decision(Suspended(day("03-17"), "hearing"))
    (objection,) = periods.check_extension(late, day("03-18"), 10, Rank.DEPARTMENT_HEAD, CALENDAR)
    assert objection.reason == "PERIOD_PASSED"


def test_what_can_be_stopped_and_taken_up() -> None:
    running, stopped = decision(), decision(Suspended(day("03-02"), "correction"))
    assert periods.check_suspension(running, day("02-10")) == ()
    assert periods.check_resumption(stopped, day("03-02")) == ()
    assert periods.check_suspension(stopped, day("03-01")) == (
        Objection("day", "DAY_TOO_EARLY", {"earliest": "2026-03-02"}),
        Objection("period", "PERIOD_SUSPENDED", {"since": "2026-03-02"}),
    )
    assert periods.check_resumption(running, day("02-10")) == (Objection("period", "PERIOD_NOT_SUSPENDED", {}),)
    received = periods.begin(ACCEPTANCE, day("02-10"))
    assert periods.check_suspension(received, day("02-11")) == (
        Objection("period", "PERIOD_NOT_SUSPENDABLE", {"period": "acceptance"}),
    )


@pytest.mark.parametrize(
    "facts",
    [
        [Resumed(day("02-11"))],
        [Suspended(day("02-11"), "testing"), Suspended(day("02-12"), "testing")],
        [Suspended(day("02-09"), "testing")],
        [Extended(day("02-11"), 1, Rank.DEPARTMENT_HEAD)] * 2,
        [Suspended(day("02-12"), "testing"), Resumed(day("02-11"))],
    ],
)
def test_facts_that_no_check_lets_be_are_a_broken_invariant(facts: list[PeriodFact]) -> None:
    with pytest.raises(AssertionError):
        decision(*facts)


@pytest.mark.parametrize(
    ("facts", "today", "left"),
    [
        ([], "02-10", 20),
        ([], "02-13", 17),
        ([], "03-13", 1),
        ([], "03-16", 0),
        ([], "03-18", -2),
        (stops("03-06"), "03-30", 7),
        (stops("03-16"), "03-30", 1),
        (stops("03-17"), "03-18", -2),
        (stops("03-03/03-05", "03-10"), "03-12", 7),
        (stops("02-10/02-10", "02-11"), "02-12", 20),
    ],
)
def test_days_left(facts: list[PeriodFact], today: str, left: int) -> None:
    assert periods.remaining_days(decision(*facts), day(today), CALENDAR) == left


def test_days_left_are_never_less_than_none_while_the_clock_stands_still() -> None:
    period = periods.fold(promise_rule(3, "calendar"), day("11-25"), stops("11-30"))
    assert periods.remaining_days(period, day("12-01"), CALENDAR) == 0


def test_days_left_of_calendar_days_run_to_the_working_day() -> None:
    assert periods.remaining_days(periods.begin(promise_rule(5, "calendar"), day("11-23")), day("11-24"), CALENDAR) == 6


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([], ("03-09", "03-13", "03-17")),
        ([Extended(day("03-16"), 10, Rank.DEPARTMENT_HEAD)], ("03-18", "03-26", "03-31")),
        (stops("03-11"), ("03-09", None, None)),
        (stops("03-09"), (None, None, None)),
        (stops("03-11/03-16"), ("03-09", "03-18", "03-20")),
        (stops("03-17"), ("03-09", "03-13", "03-17")),
    ],
)
def test_warnings_fall_due(facts: list[PeriodFact], expected: tuple[str | None, ...]) -> None:
    assert periods.instants(decision(*facts), CALENDAR) == tuple(one and midnight(one) for one in expected)


def test_warnings_of_short_and_other_periods() -> None:
    def of(days: int, kind: ClockKind = "working", rule: WarningRule = periods.WARNINGS) -> Instants:
        return periods.instants(periods.begin(promise_rule(days, kind), day("11-23")), CALENDAR, rule)

    assert of(0) == Instants(None, None, midnight("11-24"))
    assert of(1) == Instants(midnight("11-24"), midnight("11-24"), midnight("11-25"))
    assert of(4, rule=WarningRule(50, 25)) == Instants(midnight("11-26"), midnight("11-27"), midnight("11-28"))
    assert of(4, rule=WarningRule(100, 0)) == Instants(midnight("11-24"), midnight("11-27"), midnight("11-28"))
    # The sixth calendar day is a Sunday; offices have the Monday.
    assert of(6, "calendar") == Instants(midnight("11-28"), midnight("11-29"), midnight("12-01"))


def test_a_warning_on_a_day_off_that_came_before_a_stop_has_come() -> None:
    # The third and last calendar day is Saturday 28th; the clock stops on Sunday, before the period may end.
    period = periods.fold(promise_rule(3, "calendar"), day("11-25"), stops("11-29"))
    assert periods.instants(period, CALENDAR) == Instants(midnight("11-28"), midnight("11-28"), None)


@pytest.mark.parametrize(("yellow", "red"), [(10, 20), (101, 5), (10, -1)])
def test_contradictory_warnings_are_refused(yellow: int, red: int) -> None:
    with pytest.raises(ValueError, match="red no more than yellow"):
        WarningRule(yellow, red)


def year_2027(*, days_off: list[str] | None = None, made_up: list[str] | None = None) -> WorkingCalendar:
    def days(texts: list[str] | None) -> frozenset[date]:
        return frozenset(day(text) for text in texts or [])

    official = CalendarYear(2027, "official", days(days_off), days(made_up), "a test")
    return WorkingCalendar.of([*(one for one in CALENDAR.years if one.year != 2027), official])


def test_a_provisional_deadline_is_computed_again() -> None:
    period = periods.begin(legal_rule(29), day("11-23"))
    assert periods.deadline(period, CALENDAR) == Deadline(day("2027-01-04"), provisional=True)
    official = year_2027(days_off=["2027-01-01", "2027-01-04"])
    changed = periods.recompute(period, CALENDAR, official, day("12-20"))
    assert changed == CalendarChanged(day("12-20"), (2027,))
    assert changed is not None
    after = periods.evolve(period, changed)
    assert after.changes == (changed,)
    assert periods.deadline(after, official) == Deadline(day("2027-01-05"), provisional=False)
    assert periods.recompute(after, official, official, day("12-21")) is None


def test_a_deadline_that_becomes_firm_is_told_too() -> None:
    period = periods.begin(legal_rule(29), day("11-23"))
    same = year_2027(days_off=["2027-01-01"])
    assert periods.recompute(period, CALENDAR, same, day("12-20")) == CalendarChanged(day("12-20"), (2027,))


def test_what_does_not_reach_the_year_is_untouched_by_it() -> None:
    official = year_2027(days_off=["2027-01-01", "2027-01-04"])
    within = periods.begin(DECISION, day("11-23"))
    assert periods.recompute(within, CALENDAR, official, day("12-20")) is None
    stopped = periods.fold(legal_rule(29), day("11-23"), stops("11-30"))
    assert periods.recompute(stopped, CALENDAR, official, day("12-20")) is None


def test_calendar_days_are_provisional_by_their_last_day_alone() -> None:
    assert periods.deadline(periods.begin(promise_rule(5, "calendar"), day("12-27")), CALENDAR) == Deadline(
        day("2027-01-04"), provisional=True
    )
    official = WorkingCalendar.of([*CALENDAR.years, CalendarYear(2028, "official", frozenset(), frozenset(), "t")])
    assert periods.deadline(periods.begin(promise_rule(5, "calendar"), day("2027-12-29")), official) == Deadline(
        day("2028-01-03"), provisional=False
    )


def test_an_extension_that_was_in_time_survives_a_new_calendar() -> None:
    # 20 working days from 2026-12-04 end on 2027-01-04, until Saturday 2nd is made a working day.
    extended = periods.fold(DECISION, day("12-04"), [Extended(day("2027-01-04"), 10, Rank.DEPARTMENT_HEAD)])
    official = year_2027(days_off=["2027-01-01"], made_up=["2027-01-02"])
    assert ends(periods.begin(DECISION, day("12-04")), official) == "01-02"
    assert ends(extended, official) == "01-15"


def test_a_year_that_is_not_loaded_is_named() -> None:
    with pytest.raises(CalendarMissing, match=r"add 2028\.yaml"):
        periods.deadline(periods.begin(DECISION, day("2027-12-20")), CALENDAR)


@pytest.mark.parametrize(
    ("told", "today", "accepted"),
    [
        (None, "02-27", False),  # the fifth working day from Friday 13th: 14, 24, 25, 26, 27
        (None, "02-28", True),
        ("02-27", "03-30", False),
        ("02-28", "03-30", True),
        ("02-13", "02-13", False),
    ],
)
def test_silence_is_acceptance_as_of_receipt(told: str | None, today: str, accepted: bool) -> None:
    found = periods.accepted_by_silence(day("02-13"), day(told) if told else None, day(today), CALENDAR)
    assert found == (day("02-13") if accepted else None)


@pytest.mark.parametrize(
    ("hearing", "told"), [("03-16", "2026-03-05"), ("02-24", "2026-02-06"), ("01-05", "2025-12-24")]
)
def test_a_hearing_is_told_seven_days_before(hearing: str, told: str) -> None:
    assert periods.last_hearing_notice(day(hearing), CALENDAR) == Deadline(day(told), provisional=False)


def test_a_promise_is_never_later_than_the_law() -> None:
    early, late = Deadline(day("03-16"), False), Deadline(day("03-17"), True)
    assert periods.within_law(late, early) == early
    assert periods.within_law(early, late) == early
    assert periods.within_law(early, None) == periods.within_law(None, early) == early
    assert periods.within_law(None, None) is None
