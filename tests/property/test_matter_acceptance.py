"""In whatever order the office asks, accepts, refuses or is silent, and the applicant supplies or takes back: a hand-in
is accepted, refused or taken back, on the right day; nobody is asked twice what could be seen; a replay knows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.intake.cases import Matter, make_core, withdraw
from tests.unit.intake.window import accept, correct, refuse, ring, status, submission, supply, void, window_type

from onematter.common.v1.outcome_pb2 import CommandRefused, Reason
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand, MaterialNeed
from onematter.intake.v1.intake_events_pb2 import AcceptedBy, MatterEvent, MatterOutcome

CHINA = timedelta(hours=8)
# The notice for 2026 (国办发明电〔2025〕7号), as far as a course can last: weekdays off, and weekends that are worked.
DAYS_OFF = {
    *(date(2026, 2, day) for day in (16, 17, 18, 19, 20, 23)),
    date(2026, 4, 6),
    *(date(2026, 5, day) for day in (1, 4, 5)),
    date(2026, 6, 19),
}
MADE_UP = {date(2026, 2, 14), date(2026, 2, 28), date(2026, 5, 9)}
START = datetime(2026, 1, 5, tzinfo=UTC)
MATERIALS = ("plan", "photo", "note", "licence", "proof")
ASKABLE = frozenset({"plan", "photo", "note"})
ENDS = {
    MatterOutcome.MATTER_OUTCOME_NOT_ACCEPTED,
    MatterOutcome.MATTER_OUTCOME_WITHDRAWN,
    MatterOutcome.MATTER_OUTCOME_VOIDED,
}
KIND = window_type()

Needs = dict[str, bool]


def day_of(unix_ms: int) -> date:
    return (datetime.fromtimestamp(unix_ms / 1000, UTC) + CHINA).date()


def fifth_working_day(received: date) -> date:
    """The fifth working day after it, counted day by day."""
    day, counted = received, 0
    while counted < 5:
        day += timedelta(days=1)
        counted += day in MADE_UP or (day.weekday() < 5 and day not in DAYS_OFF)
    assert day < date(2026, 9, 1), "beyond this file's calendar"
    return day


@dataclass
class Window:
    """What an applicant could say of the matter from the outside. Shares no code with intake."""

    received: date
    missing: set[str] = field(default_factory=set[str])
    rounds: int = 0

    @property
    def is_waiting(self) -> bool:
        """Whether the office has the matter."""
        return not self.missing

    def is_silent(self, unix_ms: int) -> bool:
        """Whether the five days are over."""
        return self.is_waiting and day_of(unix_ms) > fifth_working_day(self.received)


# Material to whether it is said what made it visible.
needs = st.dictionaries(st.sampled_from(MATERIALS), st.booleans(), min_size=1, max_size=4)
steps = st.one_of(
    st.tuples(st.just("correct"), needs),
    st.tuples(st.just("supply"), st.sets(st.sampled_from(MATERIALS), min_size=1)),
    st.tuples(st.just("wait"), st.integers(1, 24 * 9)),
    st.tuples(st.sampled_from(["accept", "refuse", "withdraw", "void", "ring"]), st.none()),
)
# Often enough nobody ends it soon.
courses = st.lists(
    st.one_of(steps, st.tuples(st.just("correct"), needs), st.tuples(st.just("wait"), st.integers(1, 40))), max_size=14
)


def needs_of(wanted: Needs) -> list[MaterialNeed]:
    return [
        MaterialNeed(material_id=name, reason="blurred", newly_visible_because="the plan shows it" if told else "")
        for name, told in wanted.items()
    ]


def expected_of_correction(window: Window, wanted: Needs, late: bool) -> set[str]:
    """The reasons for which a correction is refused; none when it is lawful."""
    reasons: set[str] = set()
    if late:
        reasons.add("MATTER_ACCEPTED_ALREADY")
    if not ASKABLE.issuperset(wanted):
        reasons.add("MATERIAL_HELD_BY_GOVERNMENT")
    if window.rounds and not all(wanted.values()):
        reasons.add("CORRECTION_ALREADY_VISIBLE")
    return reasons


def reasons_of(answer: object) -> set[str]:
    if not isinstance(answer, CommandRefused):
        return set()
    return {Reason.Name(one.reason).removeprefix("REASON_") for one in answer.violations}


@given(courses)
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_hand_in_is_answered_by_somebody_or_by_the_law(course: list[tuple[str, object]]) -> None:
    matter = Matter(make_core(KIND))
    matter.now_unix_ms = int(START.timestamp() * 1000)
    assert isinstance(matter.give(submission()), MatterEvent)
    window = Window(day_of(matter.now_unix_ms))
    for kind, about in course:
        if status(matter) not in ("RECEIVED", "CORRECTION"):
            break
        take(matter, window, kind, about)
    while status(matter) in ("RECEIVED", "CORRECTION"):
        take(matter, window, *(("ring", None) if window.is_waiting else ("supply", set(window.missing))))
    check_end(matter, window)
    check_rounds(matter)
    assert matter.restored().state.SerializeToString(deterministic=True) == matter.state.SerializeToString(
        deterministic=True
    )


def take(matter: Matter, window: Window, kind: str, about: object) -> None:
    """One step of the course, held against the outside's view of it."""
    now = matter.now_unix_ms + 1_000
    late = window.is_silent(now)
    if kind == "wait":
        assert isinstance(about, int)
        matter.now_unix_ms += about * 3_600_000
    elif kind == "ring":
        if window.is_waiting:
            assert ring(matter, "acceptance") is not None
    elif kind == "correct":
        assert isinstance(about, dict)
        answer = matter.give(correct(*needs_of(about)))
        assert reasons_of(answer) == expected_of_correction(window, about, late)
        if isinstance(answer, MatterEvent):
            window.rounds += 1
            window.missing |= about.keys()
    elif kind == "supply":
        assert isinstance(about, set)
        answer = matter.give(supply(*sorted(about)))
        assert isinstance(answer, MatterEvent) == (about <= window.missing), answer
        if isinstance(answer, MatterEvent):
            window.missing -= about
            if not window.missing:
                window.received = day_of(now)
    else:
        give(matter, kind, late)


def give(matter: Matter, kind: str, late: bool) -> None:
    commands: dict[str, IntakeCommand] = {
        "accept": accept(),
        "refuse": refuse(),
        "withdraw": withdraw(),
        "void": void(),
    }
    answer = matter.give(commands[kind])
    assert reasons_of(answer) == ({"MATTER_ACCEPTED_ALREADY"} if kind == "refuse" and late else set())


def check_end(matter: Matter, window: Window) -> None:
    """It is accepted on the right day, or at an end."""
    last = matter.events[-1]
    if status(matter) == "COMPLETED":
        assert matter.state.outcome in ENDS
        assert last.HasField("acceptance_refused") or last.HasField("matter_completed")
        assert matter.sent == []
        assert len(last.acceptance_refused.manifest or last.matter_completed.manifest) == 1
        return
    accepted = last.matter_accepted
    at = day_of(last.time.seconds * 1_000)
    if accepted.accepted_by == AcceptedBy.ACCEPTED_BY_SILENCE:
        assert accepted.accepted_day == window.received.isoformat()
        assert at > fifth_working_day(window.received)
    else:
        assert accepted.accepted_day == at.isoformat()
        assert not window.is_waiting or at <= fifth_working_day(window.received)
    assert matter.timers["acceptance"] is None
    assert not matter.state.HasField("acceptance_deadline")


def check_rounds(matter: Matter) -> None:
    """From the second round on nobody is asked for what was visible, and never for what the government holds."""
    asked = [event.correction_asked for event in matter.events if event.HasField("correction_asked")]
    assert [one.round for one in asked] == list(range(1, len(asked) + 1))
    for one in asked:
        assert {need.material_id for need in one.needs} <= ASKABLE
        assert one.round == 1 or all(need.newly_visible_because for need in one.needs)
