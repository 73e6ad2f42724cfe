"""Whoever is asked, whatever they answer and whenever: a grant is possible exactly when the catalogue says so.

What the rule says is worked out here from a list of what happened, by a second hand: weekdays are counted one by one,
and the last word of each department is looked up from the end.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.approval.cases import Matter, item_type, make_calendar, matter_type
from tests.unit.approval.joint_cases import ask_opinions, decide_task, give_opinion, open_task

from onematter.approval.core import Core
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.common.v1.outcome_pb2 import CommandRefused, Reason
from onematter.contracts.aggregate import TimerDue
from onematter.law.catalogue import Catalogue
from onematter.law.matters import OpinionRule

DEPARTMENTS = ("forestry", "transport", "police", "ecology")
CONSENT, CONDITIONAL, VETO = 1, 2, 3
# Friday 2026-11-20, 09:00 in China.
START = datetime(2026, 11, 20, 1, tzinfo=UTC)
CHINA = timedelta(hours=8)


@dataclass
class Question:
    """One question to one department, as this test counts it."""

    department: str
    ends: datetime
    answer: int = 0
    condition: str = ""


@dataclass
class History:
    """What happened, without a word of the code under test."""

    questions: list[Question] = field(default_factory=list[Question])

    def ask(self, department: str, now: datetime) -> None:
        day, left = (now + CHINA).date(), 7
        while left:
            day += timedelta(days=1)
            left -= day.isoweekday() <= 5
        ends = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1) - CHINA
        self.questions.append(Question(department, ends))

    def owed_by(self, department: str) -> Question | None:
        found = [one for one in self.questions if one.department == department and not one.answer]
        return found[-1] if found else None

    def last_words(self) -> dict[str, Question]:
        return {one.department: one for one in self.questions if one.answer}

    def objections(self, rule: OpinionRule | None, now: datetime) -> set[str]:
        """Return why a grant is not possible, by the names of reasons."""
        reasons: set[str] = set()
        if any(now < one.ends for one in self.questions if not one.answer):
            reasons.add("OPINIONS_PENDING")
        words = {department: one.answer for department, one in self.last_words().items()}
        if rule is not None:
            if rule.veto and VETO in words.values():
                reasons.add("OPINION_VETOED")
            if len([one for one in rule.departments if words.get(one, VETO) != VETO]) < rule.quorum:
                reasons.add("QUORUM_NOT_REACHED")
        return reasons


rules = st.none() | st.lists(st.sampled_from(DEPARTMENTS), min_size=1, unique=True).flatmap(
    lambda departments: st.builds(
        OpinionRule, st.just(tuple(departments)), st.integers(0, len(departments)), st.booleans()
    )
)
asks = st.tuples(st.just("ask"), st.lists(st.sampled_from(DEPARTMENTS), min_size=1, max_size=3, unique=True))
gives = st.tuples(
    st.just("give"), st.tuples(st.sampled_from(DEPARTMENTS), st.sampled_from([CONSENT, CONDITIONAL, VETO]))
)
steps = st.lists(
    st.tuples(st.sampled_from([0, 3, 20, 24, 72, 200]), st.booleans(), st.one_of(asks, gives)), max_size=12
)


def milliseconds(time: datetime) -> int:
    return int(time.timestamp()) * 1000


def fire(matter: Matter, now: datetime) -> None:
    """Let the timers come due that are."""
    while matter.timers.get("opinion:02", milliseconds(now) + 1) <= milliseconds(now):
        due = matter.timers.pop("opinion:02")
        assert isinstance(matter.when(TimerDue("opinion:02"), due), ApprovalEvent), "a timer stood for nothing"


def refused_for(outcome: object) -> set[str]:
    if isinstance(outcome, CommandRefused):
        return {Reason.Name(violation.reason).removeprefix("REASON_") for violation in outcome.violations}
    assert isinstance(outcome, ApprovalEvent)
    return set()


@settings(deadline=None)
@given(rules, steps, st.sampled_from([0, 24, 300]))
def test_a_grant_is_possible_exactly_when_the_rule_says_so(
    rule: OpinionRule | None, script: list[tuple[int, bool, tuple[str, list[str] | tuple[str, int]]]], wait_hours: int
) -> None:
    item = replace(item_type("02"), opinions=rule)
    matter = Matter(Core(Catalogue((matter_type(item),), {}), make_calendar(), "approval-city"))
    history, now = History(), START
    matter.when(open_task(), milliseconds(now))
    for department in () if rule is None else rule.departments:
        history.ask(department, now)
    for number, (hours, timers_come, (action, about)) in enumerate(script):
        now += timedelta(hours=hours)
        if timers_come:
            fire(matter, now)
        if action == "ask":
            departments = [str(department) for department in about]
            outcome = matter.when(ask_opinions(*departments), milliseconds(now))
            owing = any(history.owed_by(department) for department in departments)
            assert refused_for(outcome) == ({"OPINIONS_PENDING"} if owing else set())
            if not owing:
                for department in departments:
                    history.ask(department, now)
            continue
        department, position = str(about[0]), int(about[1])
        condition = f"condition {number}" if position == CONDITIONAL else ""
        command = give_opinion(department, position, conditions=[condition] if condition else [])
        outcome = matter.when(command, milliseconds(now))
        owed = history.owed_by(department)
        assert (refused_for(outcome) == set()) == (owed is not None)
        if owed is not None:
            owed.answer, owed.condition = position, condition
    now += timedelta(hours=wait_hours)
    if script and script[0][1]:
        fire(matter, now)
    outcome = matter.when(decide_task(), milliseconds(now))
    assert refused_for(outcome) == history.objections(rule, now)
    if isinstance(outcome, ApprovalEvent):
        conditions = {one.condition for one in history.last_words().values() if one.condition}
        assert set(outcome.task_decided.conditions) == conditions
        assert "opinion:02" not in matter.timers
