"""The matter's own clock: its deadlines, what is told when they are near or have passed, extension, standing still."""

from __future__ import annotations

import pytest
from tests.unit.intake.cases import CITY, COUNTY, Matter, item, make_core, violations, withdraw
from tests.unit.intake.window import (
    FIFTH_DAY_ENDS,
    MONDAY,
    accept,
    accepted,
    correct,
    end_of,
    explained,
    extend,
    names,
    on,
    received,
    ring,
    status,
    submission,
    supply,
    told,
    void,
    window_type,
)

from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.common.v1.actor_pb2 import ActorRole, Rank
from onematter.common.v1.application_pb2 import Fact
from onematter.common.v1.period_pb2 import Clock, Deadlines, SuspensionReason, WarningColour
from onematter.contracts.aggregate import TimerDue
from onematter.contracts.times import unix_ms
from onematter.contracts.topics import table
from onematter.intake.core import Core
from onematter.intake.v1.intake_events_pb2 import MatterEvent
from onematter.law.calendar import CalendarYear, WorkingCalendar
from onematter.law.catalogue import Catalogue

YELLOW, RED = WarningColour.WARNING_COLOUR_YELLOW, WarningColour.WARNING_COLOUR_RED
PROMISED, LEGAL = Clock.CLOCK_PROMISED, Clock.CLOCK_LEGAL
# 45 working days from Monday, 23 November 2026: 5 in November and 23 in December, without a day off but weekends; then
# 17 from 4 January 2027, after Friday the 1st, in a year that is provisional.
JOINT_END = "2027-01-26"
# Ten working days from then.
TEN_DAYS = "2026-12-07"


def ends(deadlines: Deadlines) -> tuple[int | None, int | None]:
    """Legal and promised, unix milliseconds."""
    return (
        unix_ms(deadlines.legal) if deadlines.HasField("legal") else None,
        unix_ms(deadlines.promised) if deadlines.HasField("promised") else None,
    )


def by_rule(**more: object) -> Matter:
    """A matter that a rule accepted on Monday, with two items at once."""
    document = {
        "acceptance": "rule",
        "items": [item("01", COUNTY), item("02", CITY)],
        "materials": [
            {
                "id": "plan",
                "names": names("plan"),
                "required": True,
                "trust_class": "B",
                "media_types": ["application/pdf"],
                "max_bytes": 1_000,
            }
        ],
        **more,
    }
    matter = Matter(make_core(window_type(**document)))
    told(matter.give(submission()))
    return matter


def tell(matter: Matter, item_id: str, event_kind: str, **fields: object) -> MatterEvent | None:
    event = ApprovalEvent(matter_id=matter.matter_id, item_id=item_id)
    member = getattr(event, event_kind)
    member.SetInParent()
    for name, value in fields.items():
        setattr(member, name, value)
    pinned = matter.item(item_id)
    return matter.hear_event(event, pinned.owner, pinned.events_topic)


def appraised(matter: Matter, item_id: str) -> MatterEvent | None:
    """A person has the item and begins an appraisal."""
    if matter.statuses()[item_id] == "SENT":
        matter.hear(item_id, "task_opened")
    return tell(matter, item_id, "special_procedure_begun", kind=SuspensionReason.SUSPENSION_REASON_APPRAISAL)


def test_a_matter_with_neither_has_no_clock() -> None:
    matter = by_rule()
    assert not matter.events[0].matter_accepted.HasField("deadlines")
    assert not matter.events[0].matter_accepted.HasField("promised_days")
    assert matter.timers == {}
    appraised(matter, "01")
    assert not matter.events[-1].HasField("matter_clock")


def test_a_joint_matter_has_forty_five_working_days() -> None:
    matter = by_rule(joint=True)
    deadlines = matter.events[0].matter_accepted.deadlines
    assert ends(deadlines) == (end_of(JOINT_END), None)
    assert deadlines.provisional
    assert list(deadlines.provisional_years) == [2027]
    assert matter.state.deadlines == deadlines
    assert matter.timers == {
        "yellow": unix_ms(deadlines.yellow),
        "red": unix_ms(deadlines.red),
        "legal": end_of(JOINT_END),
    }
    # 30 % of 45 days left is 14: the 31st day ends before them. 10 %: 5 left.
    assert matter.timers["yellow"] == end_of("2027-01-06")
    assert matter.timers["red"] == end_of("2027-01-19")


def test_a_promise_runs_beside_it() -> None:
    matter = by_rule(joint=True, promised_days=10)
    accepted_event = matter.events[0].matter_accepted
    assert accepted_event.promised_days == 10
    assert ends(accepted_event.deadlines) == (end_of(JOINT_END), end_of(TEN_DAYS))
    assert matter.timers["overdue"] == end_of(TEN_DAYS)
    # Three of ten days left: from the eighth on; the last day is red.
    assert matter.timers["yellow"] == end_of("2026-12-02")
    assert matter.timers["red"] == end_of("2026-12-06")


def test_a_promise_without_the_joint_period_stands_alone() -> None:
    matter = by_rule(promised_days=10)
    assert ends(matter.state.deadlines) == (None, end_of(TEN_DAYS))
    assert "legal" not in matter.timers
    assert not matter.state.deadlines.provisional


def test_of_a_promise_of_one_day_red_alone_is_told() -> None:
    matter = by_rule(promised_days=1)
    assert set(matter.timers) == {"red", "overdue"}
    # Tuesday is the day; it begins when Monday ends.
    assert (matter.timers["red"], matter.timers["overdue"]) == (end_of(MONDAY), end_of("2026-11-24"))


def test_a_promise_is_never_later_than_the_law() -> None:
    matter = by_rule(joint=True, promised_days=60)
    assert ends(matter.state.deadlines) == (end_of(JOINT_END), end_of(JOINT_END))
    assert matter.timers["yellow"] == end_of("2027-01-06")


@pytest.mark.parametrize(("area", "days"), [(5, 3), (50, 7), (500, 20)])
def test_the_first_total_that_holds_is_the_promise(area: float, days: int) -> None:
    totals = [{"when": "facts.area < 10.0", "days": 3}, {"when": "facts.area < 100.0", "days": 7}]
    kind = window_type(acceptance="rule", promised_days=20, totals=totals)
    matter = Matter(make_core(kind))
    told(matter.give(submission(facts={"area": Fact(number=area)})))
    assert matter.state.promised_days == days


def test_without_a_total_that_holds_nothing_is_promised() -> None:
    matter = by_rule(totals=[{"when": "facts.area < 10.0", "days": 3}])
    assert not matter.state.HasField("promised_days")
    assert matter.timers == {}


def test_the_clock_begins_with_acceptance_by_silence_on_the_day_of_receipt() -> None:
    matter = received({"promised_days": 10})
    assert "overdue" not in matter.timers
    ring(matter, "acceptance")
    assert matter.now_unix_ms == FIFTH_DAY_ENDS
    assert matter.state.accepted_day == MONDAY
    assert matter.timers["overdue"] == end_of(TEN_DAYS)


def test_the_clock_begins_with_acceptance_by_a_clerk_on_that_day() -> None:
    matter = on(received({"promised_days": 10}), "2026-11-25")
    told(matter.give(accept()))
    assert matter.timers["overdue"] == end_of("2026-12-09")


def test_nearness_and_passing_are_told_once_and_change_nothing() -> None:
    matter = by_rule(joint=True, promised_days=10)
    yellow = ring(matter, "yellow")
    assert yellow is not None
    assert (yellow.matter_warned.colour, yellow.matter_warned.clock) == (YELLOW, PROMISED)
    assert unix_ms(yellow.matter_warned.deadline) == end_of(TEN_DAYS)
    red = ring(matter, "red")
    assert red is not None
    assert (red.matter_warned.colour, matter.state.warned) == (RED, RED)
    overdue = ring(matter, "overdue")
    assert overdue is not None
    assert (overdue.matter_overdue.clock, unix_ms(overdue.matter_overdue.deadline)) == (PROMISED, end_of(TEN_DAYS))
    assert (matter.state.overdue, matter.state.legal_overdue) == (True, False)
    legal = ring(matter, "legal")
    assert legal is not None
    assert (legal.matter_overdue.clock, unix_ms(legal.matter_overdue.deadline)) == (LEGAL, end_of(JOINT_END))
    assert matter.state.legal_overdue
    assert status(matter) == "RUNNING"
    for name in ("yellow", "red", "overdue", "legal"):
        assert matter.give(TimerDue(name)) is None, "told twice"
    assert matter.restored().state == matter.state
    matter.grant("01")
    assert matter.grant("02") is not None
    assert status(matter) == "COMPLETED"


def test_without_a_promise_the_law_is_what_is_near() -> None:
    matter = by_rule(joint=True)
    yellow = ring(matter, "yellow")
    assert yellow is not None
    assert (yellow.matter_warned.clock, unix_ms(yellow.matter_warned.deadline)) == (LEGAL, end_of(JOINT_END))


def test_a_warning_tells_what_rules_granted_before() -> None:
    matter = by_rule(promised_days=10)
    matter.rule("01")
    yellow = ring(matter, "yellow")
    assert yellow is not None
    assert [one.item_id for one in yellow.matter_warned.earlier_results] == ["01"]
    assert matter.untold() == []


@pytest.mark.parametrize("end", [withdraw(), void()])
def test_what_is_called_back_has_no_time_any_more(end: object) -> None:
    matter = by_rule(joint=True, promised_days=10)
    told(matter.give(end))  # type: ignore[arg-type]
    assert {matter.timers[name] for name in ("yellow", "red", "overdue", "legal")} == {None}
    assert matter.give(TimerDue("yellow")) is None
    assert matter.give(TimerDue("legal")) is None


def test_the_result_takes_the_timers_away() -> None:
    matter = by_rule(joint=True, promised_days=10)
    matter.grant("01")
    matter.grant("02")
    assert {matter.timers[name] for name in ("yellow", "red", "overdue", "legal")} == {None}


def test_the_head_of_government_extends_the_joint_period_once() -> None:
    matter = on(by_rule(joint=True, promised_days=10), "2026-12-01")
    event = told(matter.give(extend(15)))
    extended = event.matter_extended
    assert (extended.days, extended.rank, extended.reason) == (15, Rank.RANK_GOVERNMENT_HEAD, "a flood")
    # 15 working days behind 26 January: 27 to 29 January, and twelve more; the promise stays.
    legal, promised = ends(extended.deadlines)
    assert legal is not None
    assert legal > end_of(JOINT_END)
    assert promised == end_of(TEN_DAYS)
    assert matter.timers["legal"] == legal
    assert matter.state.deadlines == extended.deadlines
    assert [(fact.day, fact.extended.days) for fact in matter.state.period_facts] == [("2026-12-01", 15)]
    assert matter.restored().state == matter.state
    assert explained(matter.give(extend(1))) == [("matter_id", "PERIOD_EXTENDED_ALREADY", {"since": "2026-12-01"})]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (extend(16), [("extend_matter.days", "EXTENSION_OUT_OF_RANGE", {"limit": "15"})]),
        (extend(0), [("extend_matter.days", "EXTENSION_OUT_OF_RANGE", {"limit": "15"})]),
        (
            extend(rank=Rank.RANK_DEPARTMENT_HEAD),
            [("actor.rank", "RANK_TOO_LOW", {"required": "GOVERNMENT_HEAD"})],
        ),
        (extend(rank=0), [("actor.rank", "RANK_TOO_LOW", {"required": "GOVERNMENT_HEAD"})]),
        (extend(rank=99), [("actor.rank", "RANK_TOO_LOW", {"required": "GOVERNMENT_HEAD"})]),
        (extend(reason=" "), [("extend_matter.reason", "FIELD_MISSING", {})]),
        (
            extend(role=ActorRole.ACTOR_ROLE_CLERK),
            [("actor.role", "ROLE_NOT_ALLOWED", {"allowed": "OFFICIAL"})],
        ),
    ],
)
def test_an_extension_that_the_law_does_not_know_is_refused(
    command: object, expected: list[tuple[str, str, dict[str, str]]]
) -> None:
    assert explained(by_rule(joint=True).give(command)) == expected  # type: ignore[arg-type]


def test_a_promise_and_a_matter_without_a_clock_are_not_extended() -> None:
    for more in ({"promised_days": 10}, {}):
        answer = by_rule(**more).give(extend())
        assert explained(answer) == [("matter_id", "PERIOD_NOT_EXTENDABLE", {"period": "promise"})]


def test_what_has_passed_is_not_extended() -> None:
    matter = on(by_rule(joint=True), "2027-01-27")
    assert explained(matter.give(extend())) == [("matter_id", "PERIOD_PASSED", {"deadline": JOINT_END})]


def test_only_a_running_matter_is_extended() -> None:
    assert violations(Matter(make_core(window_type(joint=True))).give(extend())) == [("matter_id", "MATTER_UNKNOWN")]
    waiting = received({"joint": True})
    assert explained(waiting.give(extend())) == [
        ("matter_id", "MATTER_NOT_ACCEPTED", {"status": "MATTER_STATUS_RECEIVED"})
    ]
    told(waiting.give(correct("plan")))
    assert violations(waiting.give(extend())) == [("matter_id", "MATTER_NOT_ACCEPTED")]
    done = by_rule(joint=True)
    told(done.give(withdraw()))
    assert violations(done.give(extend())) == [("matter_id", "MATTER_CONCLUDED")]


def test_the_clock_stands_still_while_every_item_in_hand_does() -> None:
    matter = on(by_rule(joint=True, promised_days=10), "2026-11-25")
    first = appraised(matter, "01")
    assert first is not None
    assert not first.HasField("matter_clock"), "02 is with its department"
    on(matter, "2026-11-26")
    second = appraised(matter, "02")
    assert second is not None
    assert (second.matter_clock.day, second.matter_clock.suspended.reason) == (
        "2026-11-26",
        SuspensionReason.SUSPENSION_REASON_APPRAISAL,
    )
    assert not second.HasField("matter_deadlines") or ends(second.matter_deadlines) == (None, None)
    assert not matter.state.HasField("deadlines")
    assert {matter.timers[name] for name in ("yellow", "red", "overdue", "legal")} == {None}
    # Monday, Tuesday and the two days to 26 November: 24 and 25 are counted, eight are left.
    on(matter, "2026-12-03")
    resumed = tell(matter, "01", "special_procedure_ended", kind=SuspensionReason.SUSPENSION_REASON_APPRAISAL)
    assert resumed is not None
    assert resumed.matter_clock.day == "2026-12-03"
    assert resumed.matter_clock.HasField("resumed")
    # 3, 4, 7, 8, 9, 10, 11 and 14 December.
    assert ends(matter.state.deadlines)[1] == end_of("2026-12-14")
    assert matter.timers["overdue"] == end_of("2026-12-14")
    assert matter.restored(matter.taken).state == matter.state


def test_a_correction_of_the_only_item_in_hand_stops_the_matter_and_its_supplement_lets_it_go_on() -> None:
    matter = by_rule(promised_days=10)
    matter.grant("02")
    matter.hear("01", "task_opened")
    event = ApprovalEvent(matter_id=matter.matter_id, item_id="01")
    event.correction_requested.needs.add(material_id="plan", reason="blurred")
    event.correction_requested.round = 1
    pinned = matter.item("01")
    asked = matter.hear_event(event, pinned.owner, pinned.events_topic)
    assert asked is not None
    assert asked.matter_clock.suspended.reason == SuspensionReason.SUSPENSION_REASON_CORRECTION
    told(matter.give(supply("plan")))
    assert not matter.state.HasField("deadlines"), "only the department says that its clock goes on"
    resumed = tell(matter, "01", "task_supplied", resumed_day=MONDAY)
    assert resumed is not None
    assert resumed.matter_clock.HasField("resumed")
    assert ends(matter.state.deadlines)[1] == end_of(TEN_DAYS)


def test_when_the_last_running_item_ends_the_rest_stands_still() -> None:
    matter = by_rule(promised_days=10)
    appraised(matter, "01")
    event = matter.grant("02")
    assert event is not None
    assert event.matter_clock.HasField("suspended")
    assert matter.restored(matter.taken).state == matter.state


def test_a_matter_that_stands_still_may_be_extended_and_has_no_deadline_yet() -> None:
    matter = by_rule(joint=True)
    appraised(matter, "01")
    appraised(matter, "02")
    event = told(matter.give(extend()))
    assert ends(event.matter_extended.deadlines) == (None, None)
    assert not matter.state.HasField("deadlines")
    on(matter, "2026-12-01")
    tell(matter, "02", "special_procedure_ended", kind=SuspensionReason.SUSPENSION_REASON_APPRAISAL)
    legal, _ = ends(matter.state.deadlines)
    assert legal is not None
    assert legal > end_of(JOINT_END)


def test_a_year_without_a_calendar_gives_no_deadline_and_parks_nothing() -> None:
    year = CalendarYear(2026, "official", frozenset(), frozenset(), "test")
    core = Core(Catalogue((window_type(joint=True),), {}), table(), "intake", WorkingCalendar((year,)))
    matter = Matter(core)
    told(matter.give(submission()))
    event = told(matter.give(accept()))
    # 45 working days leave the year.
    assert ends(event.matter_accepted.deadlines) == (None, None)
    assert list(event.matter_accepted.deadlines.provisional_years) == [2027]
    assert matter.timers == {"acceptance": None}
    assert explained(matter.give(extend())) == [
        ("matter_id", "PERIOD_NOT_EXTENDABLE", {"period": "joint_decision", "calendar_missing": "2027"})
    ]
    appraised(matter, "01")
    matter.grant("03")
    assert matter.statuses()["01"] == "OPEN"


def test_a_clerk_accepts_and_the_window_has_its_own_time() -> None:
    matter = accepted({"joint": True})
    assert matter.timers["acceptance"] is None
    assert matter.timers["legal"] == end_of(JOINT_END)
