"""Whatever the items' dependencies, and in whatever order departments answer, by person or by rule: a matter comes to
exactly one result, its events tell all that its state holds, and a restore reaches the same state."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.intake.cases import (
    CITY,
    COUNTY,
    PROVINCE,
    Matter,
    Taken,
    item,
    make_core,
    matter_type,
    visit,
    withdraw,
)

from onematter.approval.v1.approval_commands_pb2 import Decision
from onematter.contracts.topics import MATTER_EVENTS
from onematter.intake.v1.intake_events_pb2 import ItemOutcome, ItemResult, MatterEvent, MatterOutcome
from onematter.intake.v1.intake_state_pb2 import MatterStatus

MAX_STEPS = 200


@dataclass
class Departments:
    """What the departments have in hand, and how they will decide. Shares no code with intake."""

    decisions: dict[str, bool]
    by_rule: set[str]
    # Item to the answers that are due: opened may come before decided or not at all.
    asked: list[str]
    opened: set[str]
    recalled: set[str]
    taken: int = 0
    # Item to (granted, by rule, unix ms of the decision).
    decided: dict[str, tuple[bool, bool, int]] = field(default_factory=dict[str, tuple[bool, bool, int]])

    def decide(self, matter: Matter, item_id: str) -> None:
        grants, is_by_rule = self.decisions[item_id], item_id in self.by_rule
        self.decided[item_id] = (grants, is_by_rule, matter.now_unix_ms - 500)
        if is_by_rule:
            matter.rule(item_id, Decision.DECISION_GRANT if grants else Decision.DECISION_DENY)
        elif grants:
            matter.grant(item_id)
        else:
            matter.deny(item_id)


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    """Items with what they depend on, in an order that need not be that of the dependencies."""
    count = draw(st.integers(1, 7))
    order = draw(st.permutations([f"{number:02d}" for number in range(1, count + 1)]))
    graph = {
        item_id: draw(st.lists(st.sampled_from(order[:index]), unique=True)) if index else []
        for index, item_id in enumerate(order)
    }
    return {item_id: graph[item_id] for item_id in sorted(graph)}


def started(graph: dict[str, list[str]]) -> Matter:
    levels = (COUNTY, CITY, PROVINCE)
    matter = Matter(
        make_core(matter_type(*(item(item_id, levels[int(item_id) % 3], needs) for item_id, needs in graph.items())))
    )
    matter.happen()
    return matter


def take(matter: Matter, departments: Departments, graph: dict[str, list[str]]) -> None:
    """Take over what intake sent, and see that nothing opens before its dependencies are granted."""
    granted = {item_id for item_id, outcome in matter.outcomes().items() if outcome == "GRANTED"}
    for outgoing in matter.sent[departments.taken :]:
        command = outgoing.command
        item_id = command.item_id  # type: ignore[attr-defined]
        if command.WhichOneof("command") == "open_task":  # type: ignore[attr-defined]
            assert set(graph[item_id]) <= granted, "an item opened before its dependencies are granted"
            assert item_id not in departments.asked, "an item opened twice"
            departments.asked.append(item_id)
        else:
            departments.recalled.add(item_id)
    departments.taken = len(matter.sent)


def run(
    graph: dict[str, list[str]],
    decisions: dict[str, bool],
    data: st.DataObject,
    *,
    withdraws: bool,
    stops: bool = False,
) -> tuple[Matter, Departments]:
    """Let departments answer in any order until nobody has anything to say, or until any moment before."""
    matter = started(graph)
    by_rule = {item_id for item_id in graph if data.draw(st.booleans(), label=f"{item_id} by rule")}
    departments = Departments(decisions, by_rule, [], set(), set())
    take(matter, departments, graph)
    pending = list(departments.asked)
    withdrawn = False
    for _ in range(MAX_STEPS):
        if not pending:
            break
        choices = [f"{kind} {item_id}" for item_id in pending for kind in ("open", "decide")]
        choices += [f"recall {item_id}" for item_id in pending if item_id in departments.recalled]
        choices.append("visit")
        if stops:
            choices.append("stop")
        if withdraws and not withdrawn:
            choices.append("withdraw")
        kind, _, item_id = data.draw(st.sampled_from(choices)).partition(" ")
        check_told(matter)
        if kind == "stop":
            break
        if kind == "withdraw":
            withdrawn = True
            assert isinstance(matter.give(withdraw()), MatterEvent)
        elif kind == "visit":
            assert isinstance(matter.give(visit()), MatterEvent)
        elif kind == "open":
            if item_id in departments.opened:
                matter.hear(item_id, "task_claimed")
            else:
                departments.opened.add(item_id)
                assert matter.hear(item_id, "task_opened") is not None
        else:
            pending.remove(item_id)
            if kind == "recall":
                matter.hear(item_id, "task_recalled")
            else:
                departments.decide(matter, item_id)
            before = len(departments.asked)
            take(matter, departments, graph)
            pending += departments.asked[before:]
        take(matter, departments, graph)
    else:
        # Visits alone used up the steps: let everybody decide now.
        while pending:
            item_id = pending.pop(0)
            departments.decide(matter, item_id)
            before = len(departments.asked)
            take(matter, departments, graph)
            pending += departments.asked[before:]
    check_told(matter)
    return matter, departments


def expected_outcomes(graph: dict[str, list[str]], decisions: dict[str, bool]) -> dict[str, str]:
    """Who is granted, denied or lapsed when nobody withdraws, straight from the definition."""

    def of(item_id: str) -> str:
        if any(of(needed) != "GRANTED" for needed in graph[item_id]):
            return "LAPSED"
        return "GRANTED" if decisions[item_id] else "DENIED"

    return {item_id: of(item_id) for item_id in graph}


def earlier(event: MatterEvent) -> list[ItemResult]:
    """What an event tells of decisions by rule before it."""
    member = getattr(event, event.WhichOneof("event") or "")
    return list(getattr(member, "earlier_results", ()))


def ended_by(event: MatterEvent) -> list[str]:
    """The items whose end an event tells, but for the one result, which tells all."""
    ended = [event.item_concluded.result.item_id] if event.HasField("item_concluded") else []
    ended += [*event.item_concluded.lapsed_items, *event.matter_withdrawn.lapsed_items]
    return ended + [result.item_id for result in earlier(event)]


def check_told(matter: Matter) -> None:
    """What the events told and what waits to be told is, together, what the state holds; and nothing is told twice."""
    told: dict[str, ItemResult] = {}
    lapsed: list[str] = []
    for event in matter.events:
        results = [*earlier(event)]
        if event.HasField("item_concluded"):
            results.append(event.item_concluded.result)
        lapsed += [*event.item_concluded.lapsed_items, *event.matter_withdrawn.lapsed_items]
        if event.HasField("matter_completed"):
            told.clear()
            lapsed.clear()
            results = list(event.matter_completed.results)
        for result in results:
            assert result.item_id not in told, "told twice"
            told[result.item_id] = result
    held = {one.item.item_id: one.result for one in matter.state.items if one.HasField("result")}
    assert {item_id: result for item_id, result in held.items() if item_id not in (*lapsed, *matter.untold())} == told
    assert set(held) == {*told, *lapsed, *matter.untold()}
    assert not set(told) & set(matter.untold())
    if "OPEN" in matter.statuses().values():
        assert matter.untold() == [], "untold for as long as a person takes"


def check_one_result(matter: Matter, graph: dict[str, list[str]]) -> None:
    results = [event for event in matter.events if event.WhichOneof("event") == "matter_completed"]
    assert len(results) == 1
    assert matter.state.status == MatterStatus.MATTER_STATUS_COMPLETED
    completed = results[0].matter_completed
    assert [result.item_id for result in completed.results] == list(graph)
    assert all(result.outcome != ItemOutcome.ITEM_OUTCOME_UNSPECIFIED for result in completed.results)
    # Each item came to its end once: in an event of its own, with a later one, by lapsing, or in the one result.
    ended = [item_id for event in matter.events for item_id in ended_by(event)]
    last = [result.item_id for result in completed.results if result.item_id not in ended]
    assert len(ended) == len(set(ended))
    assert last
    assert sorted([*ended, *last]) == sorted(graph)
    assert matter.untold() == []
    own = [entry for entry in completed.manifest if entry.topic == MATTER_EVENTS]
    assert [entry.sequence for entry in own] == [matter.events.index(results[0]) + 1]


def check_results(matter: Matter, departments: Departments) -> None:
    """The one result says of each item what its department said."""
    (completed,) = (event.matter_completed for event in matter.events if event.HasField("matter_completed"))
    said = {
        result.item_id: (
            result.outcome == ItemOutcome.ITEM_OUTCOME_GRANTED,
            result.automatic,
            result.time.ToMilliseconds(),
        )
        for result in completed.results
        if result.outcome in (ItemOutcome.ITEM_OUTCOME_GRANTED, ItemOutcome.ITEM_OUTCOME_DENIED)
    }
    assert said == departments.decided


def check_events(matter: Matter, departments: Departments) -> None:
    """Nobody withdrew: what a rule granted has an event of its own only where others open by it, or while a person has
    an item in hand; all else has one."""
    in_hand: set[str] = set()
    for event in matter.events:
        if event.HasField("item_opened"):
            in_hand.add(event.item_opened.item_id)
        if event.HasField("item_concluded"):
            concluded = event.item_concluded
            grants, is_by_rule, _ = departments.decided[concluded.result.item_id]
            is_due = not (grants and is_by_rule) or concluded.opened_items or in_hand
            assert is_due, "an event that says nothing new"
            in_hand.discard(concluded.result.item_id)
    told_late = {result.item_id for event in matter.events for result in earlier(event)}
    assert all(departments.decided[item_id][:2] == (True, True) for item_id in told_late)


def check_replay(matter: Matter, data: st.DataObject) -> None:
    """A restore folds the own events, then hears again what it had heard, each stream in its order, in any order."""
    streams: dict[str, list[Taken]] = {}
    for taken in matter.taken:
        streams.setdefault(taken.writer, []).append(taken)
    again: list[Taken] = []
    while any(streams.values()):
        writer = data.draw(st.sampled_from(sorted(name for name, left in streams.items() if left)))
        again.append(streams[writer].pop(0))
    assert matter.restored(again).state == matter.state
    # And once more, as if nothing had been noted of it.
    assert matter.restored([*again, *again]).state == matter.state


def check_late_streams(matter: Matter, data: st.DataObject) -> None:
    """A restore without the one result: the record that causes it is read again while other streams are behind, each
    anywhere behind what the events tell. The result is the same, and its manifest names every stream of a result."""
    number, event = next((n, e) for n, e in enumerate(matter.events, 1) if e.HasField("matter_completed"))
    known = {item_id for one in matter.events[: number - 1] for item_id in ended_by(one)}
    last = next(taken for taken in matter.taken if taken.told == number)
    ends = [t for t in matter.taken if t.heard.event.WhichOneof("event") in ("task_decided", "task_recalled")]
    read: dict[str, int] = {}
    for writer in sorted({taken.writer for taken in matter.taken}):
        longest = max(taken.heard.sequence for taken in matter.taken if taken.writer == writer)
        # What no event has told can only be known from its stream.
        untold = [t.heard.sequence for t in ends if t.writer == writer and t.heard.event.item_id not in known]
        least = longest if writer == last.writer else max(untold, default=0)
        read[writer] = data.draw(st.integers(least, longest), label=f"read again of {writer}")
    again = [taken for taken in matter.taken if taken is not last and taken.heard.sequence <= read[taken.writer]]
    restored = matter.restored(again, events=number - 1)
    restored.now_unix_ms = event.time.ToMilliseconds() - 1_000
    told = restored.hear_event(last.heard.event, last.writer, last.heard.topic)
    assert told is not None
    assert told.matter_completed.results == event.matter_completed.results
    named = {(entry.writer, entry.topic): entry.sequence for entry in told.matter_completed.manifest}
    for taken in ends:
        assert named.get((taken.writer, taken.heard.topic), 0) >= taken.heard.sequence, "a result without its stream"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(graphs(), st.data())
def test_any_order_of_decisions_leads_to_the_one_result(graph: dict[str, list[str]], data: st.DataObject) -> None:
    decisions = {item_id: data.draw(st.booleans(), label=item_id) for item_id in graph}
    matter, departments = run(graph, decisions, data, withdraws=False)
    check_one_result(matter, graph)
    check_results(matter, departments)
    check_events(matter, departments)
    check_replay(matter, data)
    check_late_streams(matter, data)
    outcomes = expected_outcomes(graph, decisions)
    assert matter.outcomes() == outcomes
    granted = list(outcomes.values()).count("GRANTED")
    assert matter.state.outcome == (
        MatterOutcome.MATTER_OUTCOME_GRANTED
        if granted == len(graph)
        else MatterOutcome.MATTER_OUTCOME_PARTLY_DENIED
        if granted
        else MatterOutcome.MATTER_OUTCOME_DENIED
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(graphs(), st.data())
def test_a_withdrawal_at_any_moment_leads_to_the_one_result(graph: dict[str, list[str]], data: st.DataObject) -> None:
    decisions = {item_id: data.draw(st.booleans(), label=item_id) for item_id in graph}
    matter, departments = run(graph, decisions, data, withdraws=True)
    check_one_result(matter, graph)
    check_results(matter, departments)
    check_replay(matter, data)
    check_late_streams(matter, data)
    outcomes = matter.outcomes()
    for item_id, outcome in outcomes.items():
        if outcome == "GRANTED":
            assert all(outcomes[needed] == "GRANTED" for needed in graph[item_id])
    withdrew = any(event.HasField("matter_withdrawn") for event in matter.events)
    all_granted = set(outcomes.values()) == {"GRANTED"}
    assert (matter.state.outcome == MatterOutcome.MATTER_OUTCOME_GRANTED) == all_granted
    assert (matter.state.outcome == MatterOutcome.MATTER_OUTCOME_WITHDRAWN) == (withdrew and not all_granted)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(graphs(), st.data())
def test_a_restore_at_any_moment_reaches_the_same_state(graph: dict[str, list[str]], data: st.DataObject) -> None:
    decisions = {item_id: data.draw(st.booleans(), label=item_id) for item_id in graph}
    matter, _ = run(graph, decisions, data, withdraws=True, stops=True)
    check_replay(matter, data)
