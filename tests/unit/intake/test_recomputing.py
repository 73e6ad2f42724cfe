"""A year's calendar becomes official: a matter's own deadlines anew, who is asked for, and the rows that say it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date

import pytest
from tests.unit.intake.cases import CALENDAR, Matter
from tests.unit.intake.test_matter_clock import appraised, by_rule, ends, tell
from tests.unit.intake.window import (
    CLERK,
    accept,
    asking,
    correct,
    end_of,
    explained,
    extend,
    on,
    received,
    refuse,
    ring,
    status,
    submission,
    supply,
    told,
    void,
    window_type,
)

from onematter.backbone.recomputing import PAGE_SIZE, Recomputing
from onematter.backbone.requests import malformed_request
from onematter.backbone.service import Change
from onematter.common.v1.actor_pb2 import ActorRole
from onematter.common.v1.application_pb2 import Fact
from onematter.common.v1.period_pb2 import SuspensionReason
from onematter.contracts.times import unix_ms
from onematter.contracts.topics import table
from onematter.intake import store
from onematter.intake.core import Core
from onematter.intake.recomputing import commands_for
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_events_pb2 import AcceptedBy, MatterDeadlinesRecomputed, MatterEvent
from onematter.intake.v1.intake_state_pb2 import MatterState
from onematter.law.calendar import CalendarYear, WorkingCalendar
from onematter.law.catalogue import Catalogue

SYSTEM = ActorRole.ACTOR_ROLE_SYSTEM
APPRAISAL = SuspensionReason.SUSPENSION_REASON_APPRAISAL
TODAY = date(2026, 12, 11)
# As in test_matter_clock; with a Monday off it is a day later.
PROVISIONAL_END, OFFICIAL_END = "2027-01-26", "2027-01-27"


def year(number: int, *off: str, state: str = "official") -> CalendarYear:
    """A year with the weekends off, and these days."""
    return CalendarYear(number, state, frozenset(map(date.fromisoformat, off)), frozenset(), "a test")  # type: ignore[arg-type]


def shipped(number: int) -> CalendarYear:
    return next(one for one in CALENDAR.years if one.year == number)


NEW_YEAR = ("2027-01-01", "2027-01-04")
ANNOUNCED = WorkingCalendar.of((shipped(2026), year(2027, *NEW_YEAR)))
WITHOUT_2027 = WorkingCalendar.of((shipped(2026),))


def loaded(matter: Matter, calendar: WorkingCalendar) -> Matter:
    """The same matter, at an intake that was started anew with another calendar."""
    matter.core = Core(Catalogue((matter.core._desk.matter_type(matter.state),), {}), table(), "intake", calendar)
    return matter


def at(calendar: WorkingCalendar, **more: object) -> Matter:
    """A matter at an intake that has this calendar, not handed in yet."""
    return Matter(Core(Catalogue((window_type(**more),), {}), table(), "intake", calendar))


def recompute(role: int = SYSTEM) -> IntakeCommand:
    command = asking(role)
    command.recompute_deadlines.SetInParent()
    return command


def recomputed(matter: Matter) -> MatterDeadlinesRecomputed:
    return told(matter.give(recompute())).matter_deadlines_recomputed


def late(matter: Matter) -> Matter:
    """Received on Monday, 28 December: the five days are 29, 30, 31 December, 4 and 5 January."""
    return on(matter, "2026-12-28")


def test_a_joint_matter_has_its_deadlines_under_the_new_calendar() -> None:
    matter = on(loaded(by_rule(joint=True), ANNOUNCED), "2026-12-11")
    event = told(matter.give(recompute()))
    told_event = event.matter_deadlines_recomputed
    assert list(told_event.years) == [2027]
    assert ends(told_event.deadlines) == (end_of(OFFICIAL_END), None)
    assert not told_event.deadlines.provisional
    assert (event.matter_deadlines, event.actor.role) == (told_event.deadlines, SYSTEM)
    assert event.matter_clock.day == "2026-12-11"
    assert list(event.matter_clock.calendar_changed.years) == [2027]
    assert matter.state.deadlines == told_event.deadlines
    assert list(matter.state.period_facts) == [event.matter_clock]
    assert matter.timers["legal"] == end_of(OFFICIAL_END)
    assert (matter.timers["yellow"], matter.timers["red"]) == (end_of("2027-01-07"), end_of("2027-01-20"))
    assert matter.give(recompute()) is None, "a second time nothing changes"


def test_that_a_deadline_is_certain_now_is_news() -> None:
    firm = WorkingCalendar.of((shipped(2026), year(2027, *shipped_days_off())))
    matter = loaded(by_rule(joint=True), firm)
    assert ends(recomputed(matter).deadlines) == (end_of(PROVISIONAL_END), None)
    assert not matter.state.deadlines.provisional


def shipped_days_off() -> list[str]:
    return [day.isoformat() for day in shipped(2027).days_off]


def test_under_the_same_calendar_nothing_changes() -> None:
    assert by_rule(joint=True).give(recompute()) is None
    assert loaded(by_rule(), ANNOUNCED).give(recompute()) is None, "a matter without a clock"
    assert loaded(by_rule(promised_days=10), ANNOUNCED).give(recompute()) is None, "a deadline in the year before"


def test_a_calendar_that_is_missing_takes_no_deadline_away() -> None:
    matter = loaded(by_rule(joint=True), WITHOUT_2027)
    assert matter.give(recompute()) is None
    assert ends(matter.state.deadlines) == (end_of(PROVISIONAL_END), None)


def test_a_calendar_that_is_missing_takes_no_five_days_away() -> None:
    matter = late(at(CALENDAR))
    told(matter.give(submission()))
    assert loaded(matter, WITHOUT_2027).give(recompute()) is None
    assert matter.timers == {"acceptance": end_of("2027-01-05")}


def test_of_two_years_the_one_that_made_the_difference_is_told() -> None:
    open_years = (year(2027, state="provisional"), year(2028, state="provisional"))
    matter = at(WorkingCalendar.of((shipped(2026), *open_years)), acceptance="rule", promised_days=300)
    told(matter.give(submission()))
    found = recomputed(loaded(matter, WorkingCalendar.of((shipped(2026), year(2027), open_years[1]))))
    assert (list(found.years), list(found.deadlines.provisional_years)) == ([2027], [2028])


def test_a_missing_year_that_is_loaded_as_provisional_is_the_one_that_is_told() -> None:
    matter = at(WITHOUT_2027, acceptance="rule", joint=True)
    told(matter.give(submission()))
    found = recomputed(loaded(matter, CALENDAR))
    assert (list(found.years), list(found.deadlines.provisional_years)) == ([2027], [2027])


def test_of_totals_none_of_which_holds_nothing_is_promised() -> None:
    matter = at(CALENDAR, acceptance="rule", totals=[{"when": "facts.area < 1.0", "days": 3}])
    told(matter.give(submission(facts={"area": Fact(number=5)})))
    assert not matter.events[0].matter_accepted.HasField("deadlines")


def test_that_the_five_days_are_certain_now_is_news() -> None:
    matter = late(at(CALENDAR))
    told(matter.give(submission()))
    found = recomputed(loaded(matter, WorkingCalendar.of((shipped(2026), year(2027, *shipped_days_off())))))
    assert (unix_ms(found.acceptance_deadline), list(found.years)) == (end_of("2027-01-05"), [2027])


def test_a_matter_without_a_calendar_gets_its_deadlines_when_the_year_is_there() -> None:
    matter = at(WITHOUT_2027, joint=True)
    told(matter.give(submission()))
    told(matter.give(accept()))
    assert "legal" not in matter.timers
    assert matter.give(recompute()) is None
    assert list(recomputed(loaded(matter, ANNOUNCED)).years) == [2027]
    assert matter.timers["legal"] == end_of(OFFICIAL_END)


def test_a_clock_that_stands_still_needs_none_and_goes_on_with_the_new_calendar() -> None:
    matter = by_rule(joint=True)
    appraised(matter, "01")
    appraised(matter, "02")
    assert loaded(matter, ANNOUNCED).give(recompute()) is None
    tell(matter, "02", "special_procedure_ended", kind=APPRAISAL)
    assert ends(matter.state.deadlines) == (end_of(OFFICIAL_END), None)


def test_the_clock_moves_on_after_it_as_ever() -> None:
    matter = on(loaded(by_rule(joint=True), ANNOUNCED), "2026-12-11")
    recomputed(matter)
    told(matter.give(extend(5)))
    assert ends(matter.state.deadlines) == (end_of("2027-02-03"), None)
    assert [fact.WhichOneof("fact") for fact in matter.state.period_facts] == ["calendar_changed", "extended"]


def test_what_was_told_is_not_told_again() -> None:
    matter = by_rule(joint=True)
    assert ring(matter, "yellow") is not None
    recomputed(loaded(matter, ANNOUNCED))
    assert matter.timers["yellow"] is None
    assert matter.timers["red"] == end_of("2027-01-20")


def test_what_rules_granted_before_is_told_with_it() -> None:
    matter = by_rule(joint=True)
    assert matter.rule("01") is None
    event = recomputed(loaded(matter, ANNOUNCED))
    assert [result.item_id for result in event.earlier_results] == ["01"]


def test_the_five_days_of_the_window_are_counted_anew() -> None:
    matter = late(at(CALENDAR))
    event = told(matter.give(submission())).matter_received
    assert unix_ms(event.acceptance_deadline) == end_of("2027-01-05")
    assert list(event.acceptance_provisional_years) == [2027]
    found = recomputed(loaded(matter, ANNOUNCED))
    assert (list(found.years), list(found.acceptance_provisional_years)) == ([2027], [])
    assert unix_ms(found.acceptance_deadline) == end_of("2027-01-06")
    assert not found.HasField("deadlines")
    assert matter.timers == {"acceptance": end_of("2027-01-06")}
    assert not matter.state.acceptance_provisional_years
    assert matter.give(recompute()) is None
    ring(matter, "acceptance")
    assert (matter.state.accepted_by, matter.state.accepted_day) == (AcceptedBy.ACCEPTED_BY_SILENCE, "2026-12-28")


def test_five_days_without_a_calendar_begin_to_count_when_it_is_there_even_late() -> None:
    matter = late(at(WITHOUT_2027))
    told(matter.give(submission()))
    assert matter.timers == {}
    on(loaded(matter, ANNOUNCED), "2027-01-20")
    assert list(recomputed(matter).years) == [2027]
    assert matter.timers == {"acceptance": end_of("2027-01-06")}
    assert explained(matter.give(refuse())) == [
        ("matter_id", "MATTER_ACCEPTED_ALREADY", {"rule": "five working days", "received": "2026-12-28"})
    ]


def test_five_days_that_have_passed_are_not_begun_again() -> None:
    matter = late(at(CALENDAR))
    told(matter.give(submission()))
    on(loaded(matter, ANNOUNCED), "2027-01-06")
    assert matter.give(recompute()) is None


def test_a_correction_needs_none_and_a_supplement_is_counted_under_the_new_calendar() -> None:
    matter = late(at(CALENDAR))
    told(matter.give(submission()))
    told(matter.give(correct("plan")))
    assert not matter.state.acceptance_provisional_years
    assert loaded(matter, CALENDAR).give(recompute()) is None
    supplied = told(matter.give(supply("plan"))).materials_supplied
    assert list(supplied.acceptance_provisional_years) == [2027]
    assert unix_ms(recomputed(loaded(matter, ANNOUNCED)).acceptance_deadline) == end_of("2027-01-06")


def test_a_matter_that_ends_needs_none() -> None:
    matter = late(at(CALENDAR))
    told(matter.give(submission()))
    told(matter.give(void()))
    assert loaded(matter, ANNOUNCED).give(recompute()) is None
    running = by_rule(joint=True)
    told(running.give(void()))
    assert status(running) == "VOIDING"
    assert loaded(running, ANNOUNCED).give(recompute()) is None


@pytest.mark.parametrize("role", [CLERK, ActorRole.ACTOR_ROLE_OFFICIAL, ActorRole.ACTOR_ROLE_APPLICANT])
def test_the_system_alone_may_ask(role: int) -> None:
    matter = loaded(by_rule(joint=True), ANNOUNCED)
    assert explained(matter.give(recompute(role))) == [("actor.role", "ROLE_NOT_ALLOWED", {"allowed": "SYSTEM"})]


def test_a_matter_that_is_not_there_is_unknown() -> None:
    assert explained(at(ANNOUNCED).give(recompute())) == [("matter_id", "MATTER_UNKNOWN", {})]


class Rows:
    """A transaction that keeps what intake's own table would have."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[list[int], bool]] = {}
        self.statements = 0

    def execute(self, sql: str, params: Sequence[object] = ()) -> None:
        assert sql is store.DROP_PROVISIONAL
        self.statements += 1
        (gone,) = params
        assert isinstance(gone, list)
        for matter_id in gone:
            self.kept.pop(matter_id, None)

    def executemany(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        assert sql is store.KEEP_PROVISIONAL
        self.statements += 1
        for matter_id, years, is_missing in rows:
            assert isinstance(matter_id, str)
            assert isinstance(years, list)
            assert isinstance(is_missing, bool)
            self.kept[matter_id] = (years, is_missing)

    def after(self, matter: Matter) -> tuple[list[int], bool] | None:
        """The matter's row after what has happened to it."""
        change: Change[MatterState, MatterEvent] = Change(matter.matter_id, 0, matter.state, matter.events[-1], None)
        store.project(self, [change])
        return self.kept.get(matter.matter_id)


def test_a_provisional_matter_has_a_row_until_it_is_certain() -> None:
    rows, matter = Rows(), by_rule(joint=True)
    assert rows.after(matter) == ([2027], False)
    recomputed(loaded(matter, ANNOUNCED))
    assert rows.after(matter) is None


def test_a_provisional_matter_has_a_row_until_it_ends() -> None:
    rows, matter = Rows(), by_rule(joint=True)
    rows.after(matter)
    told(matter.give(void()))
    assert rows.after(matter) is None


def test_a_clock_that_stands_still_has_no_row() -> None:
    rows, matter = Rows(), by_rule(joint=True)
    rows.after(matter)
    appraised(matter, "01")
    assert rows.after(matter) == ([2027], False)
    appraised(matter, "02")
    assert rows.after(matter) is None
    tell(matter, "02", "special_procedure_ended", kind=APPRAISAL)
    assert rows.after(matter) == ([2027], False)


def test_a_received_matter_has_a_row_until_it_is_answered() -> None:
    rows, matter = Rows(), late(at(CALENDAR))
    told(matter.give(submission()))
    assert rows.after(matter) == ([2027], False)
    told(matter.give(correct("plan")))
    assert rows.after(matter) is None
    told(matter.give(supply("plan")))
    assert rows.after(matter) == ([2027], False)
    told(matter.give(accept()))
    assert rows.after(matter) is None


def test_a_deadline_that_is_missing_with_its_year_has_a_row_that_says_so() -> None:
    rows, matter = Rows(), late(at(WITHOUT_2027, joint=True))
    told(matter.give(submission()))
    assert rows.after(matter) == ([2027], True)
    told(matter.give(accept()))
    assert rows.after(matter) == ([2027], True)


def test_a_matter_that_is_certain_costs_no_statement() -> None:
    rows = Rows()
    for matter in (by_rule(), by_rule(promised_days=10), received()):
        assert rows.after(matter) is None
    assert rows.statements == 0


Row = tuple[str, Sequence[int], bool]


def asked(row: Row, calendar: WorkingCalendar) -> list[IntakeCommand]:
    return list(commands_for([row], calendar, "intake", TODAY))


def test_a_matter_that_touches_a_year_now_official_is_asked_for() -> None:
    (command,) = asked(("m1", [2027, 2028], False), ANNOUNCED)
    assert (command.matter_id, command.WhichOneof("command")) == ("m1", "recompute_deadlines")
    assert command.request_id == "recompute/2027/2026-12-11"
    assert (command.actor.principal, command.actor.role) == ("intake", SYSTEM)
    assert malformed_request(command, command.ByteSize()) is None


@pytest.mark.parametrize(
    ("years", "is_missing", "state", "count"),
    [
        ([2027], False, "provisional", 0),
        ([2027], True, "provisional", 1),
        ([2028], True, "official", 0),
        ([2028], False, "official", 0),
        ([2027], True, "official", 1),
    ],
)
def test_what_is_missing_waits_for_the_year_and_what_is_provisional_for_the_notice(
    years: list[int], is_missing: bool, state: str, count: int
) -> None:
    calendar = WorkingCalendar.of((shipped(2026), year(2027, state=state)))
    assert len(asked(("m1", years, is_missing), calendar)) == count


class Pages:
    """The rows of the table, in pages, as the query gives them."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows
        self.asked = 0

    async def rows(self, query: str, params: Sequence[object] = ()) -> Sequence[tuple[object, ...]]:
        assert query is store.PROVISIONAL
        self.asked += 1
        matter_id, size = params
        assert isinstance(matter_id, str)
        assert isinstance(size, int)
        return [row for row in self._rows if row[0] > matter_id][:size]


def test_all_pages_are_asked_for_once_a_day() -> None:
    count = PAGE_SIZE * 2 + 1
    pages = Pages([(f"{number:032x}", [2027], False) for number in range(count)])
    found: list[IntakeCommand] = []

    async def ask(command: IntakeCommand) -> None:
        found.append(command)

    recomputing = Recomputing(
        pages, store.PROVISIONAL, 1, lambda rows, day: commands_for(rows, ANNOUNCED, "intake", day), ask
    )

    async def run() -> list[int]:
        return [await recomputing.run(day) for day in (TODAY, TODAY, date(2026, 12, 12))]

    assert asyncio.run(run()) == [count, 0, count]
    assert len({command.matter_id for command in found}) == count
    assert len({(command.matter_id, command.request_id) for command in found}) == 2 * count
    assert pages.asked == 6
