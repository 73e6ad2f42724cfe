"""Whatever the items' dependencies, and in whatever order departments answer, a matter comes to exactly one result."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.intake.cases import CITY, COUNTY, PROVINCE, Matter, item, make_core, matter_type, visit, withdraw

from onematter.contracts.topics import MATTER_EVENTS
from onematter.intake.v1.intake_events_pb2 import ItemOutcome, MatterEvent, MatterOutcome
from onematter.intake.v1.intake_state_pb2 import MatterState, MatterStatus

MAX_STEPS = 200


@dataclass
class Departments:
    """What the departments have in hand, and how they will decide. Shares no code with intake."""

    decisions: dict[str, bool]
    # Item to the answers that are due: opened may come before decided or not at all.
    asked: list[str]
    opened: set[str]
    recalled: set[str]
    taken: int = 0


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


def run(graph: dict[str, list[str]], decisions: dict[str, bool], data: st.DataObject, *, withdraws: bool) -> Matter:
    """Let departments answer in any order until nobody has anything to say."""
    matter = started(graph)
    departments = Departments(decisions, [], set(), set())
    take(matter, departments, graph)
    pending = list(departments.asked)
    withdrawn = False
    for _ in range(MAX_STEPS):
        if not pending:
            break
        choices = [f"{kind} {item_id}" for item_id in pending for kind in ("open", "decide")]
        choices += [f"recall {item_id}" for item_id in pending if item_id in departments.recalled]
        choices.append("visit")
        if withdraws and not withdrawn:
            choices.append("withdraw")
        kind, _, item_id = data.draw(st.sampled_from(choices)).partition(" ")
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
            elif decisions[item_id]:
                matter.grant(item_id)
            else:
                matter.deny(item_id)
            before = len(departments.asked)
            take(matter, departments, graph)
            pending += departments.asked[before:]
        take(matter, departments, graph)
    else:
        # Visits alone used up the steps: let everybody decide now.
        while pending:
            item_id = pending.pop(0)
            matter.grant(item_id) if decisions[item_id] else matter.deny(item_id)
            before = len(departments.asked)
            take(matter, departments, graph)
            pending += departments.asked[before:]
    return matter


def expected_outcomes(graph: dict[str, list[str]], decisions: dict[str, bool]) -> dict[str, str]:
    """Who is granted, denied or lapsed when nobody withdraws, straight from the definition."""

    def of(item_id: str) -> str:
        if any(of(needed) != "GRANTED" for needed in graph[item_id]):
            return "LAPSED"
        return "GRANTED" if decisions[item_id] else "DENIED"

    return {item_id: of(item_id) for item_id in graph}


def check_one_result(matter: Matter, graph: dict[str, list[str]]) -> None:
    results = [event for event in matter.events if event.WhichOneof("event") == "matter_completed"]
    assert len(results) == 1
    assert matter.state.status == MatterStatus.MATTER_STATUS_COMPLETED
    completed = results[0].matter_completed
    assert [result.item_id for result in completed.results] == list(graph)
    assert all(result.outcome != ItemOutcome.ITEM_OUTCOME_UNSPECIFIED for result in completed.results)
    # Each item came to its end once: in one event of its own, by lapsing, or in the one result.
    ended: list[str] = []
    for event in matter.events:
        ended += [event.item_concluded.result.item_id] if event.HasField("item_concluded") else []
        ended += [*event.item_concluded.lapsed_items, *event.matter_withdrawn.lapsed_items]
    last = [result.item_id for result in completed.results if result.item_id not in ended]
    assert len(ended) == len(set(ended))
    assert last
    assert sorted([*ended, *last]) == sorted(graph)
    own = [entry for entry in completed.manifest if entry.topic == MATTER_EVENTS]
    assert [entry.sequence for entry in own] == [matter.events.index(results[0]) + 1]


def check_replay(matter: Matter) -> None:
    state = MatterState()
    for event in matter.events:
        state = matter.core.evolve(state, MatterEvent.FromString(event.SerializeToString()))
    assert state == matter.state


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(graphs(), st.data())
def test_any_order_of_decisions_leads_to_the_one_result(graph: dict[str, list[str]], data: st.DataObject) -> None:
    decisions = {item_id: data.draw(st.booleans(), label=item_id) for item_id in graph}
    matter = run(graph, decisions, data, withdraws=False)
    check_one_result(matter, graph)
    check_replay(matter)
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
    matter = run(graph, decisions, data, withdraws=True)
    check_one_result(matter, graph)
    check_replay(matter)
    outcomes = matter.outcomes()
    for item_id, outcome in outcomes.items():
        if outcome == "GRANTED":
            assert all(outcomes[needed] == "GRANTED" for needed in graph[item_id])
    withdrew = any(event.HasField("matter_withdrawn") for event in matter.events)
    all_granted = set(outcomes.values()) == {"GRANTED"}
    assert (matter.state.outcome == MatterOutcome.MATTER_OUTCOME_GRANTED) == all_granted
    assert (matter.state.outcome == MatterOutcome.MATTER_OUTCOME_WITHDRAWN) == (withdrew and not all_granted)
