"""Matters and tasks: each accepted once, decided once, ended once, and kept as their events say."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from tests.faults.auditor.evidence import Case, Finding, parsed
from tests.faults.auditor.topology import MATTER_EVENTS, TASK_COMMANDS, TASK_EVENTS

from onematter.approval.v1.approval_commands_pb2 import Decision
from onematter.approval.v1.approval_state_pb2 import TasksState, TaskStatus
from onematter.intake.v1.intake_events_pb2 import ItemOutcome, MatterOutcome
from onematter.intake.v1.intake_state_pb2 import MatterState, MatterStatus

BEGUN = frozenset({"matter_accepted"})
ENDED = frozenset({"matter_completed", "acceptance_refused"})
TASK_ENDED = frozenset({"task_decided", "task_recalled"})
WAITING = frozenset({TaskStatus.TASK_STATUS_OPEN, TaskStatus.TASK_STATUS_CLAIMED, TaskStatus.TASK_STATUS_SUSPENDED})
# What an event makes of a matter, in the order of its life; the last one that applies is its status.
STATUSES = {
    "matter_received": MatterStatus.MATTER_STATUS_RECEIVED,
    "matter_accepted": MatterStatus.MATTER_STATUS_RUNNING,
    "matter_withdrawn": MatterStatus.MATTER_STATUS_WITHDRAWING,
    "matter_voided": MatterStatus.MATTER_STATUS_VOIDING,
    "matter_completed": MatterStatus.MATTER_STATUS_COMPLETED,
    "acceptance_refused": MatterStatus.MATTER_STATUS_COMPLETED,
}
DECIDED_AS = {
    ItemOutcome.ITEM_OUTCOME_GRANTED: ("task_decided", Decision.DECISION_GRANT),
    ItemOutcome.ITEM_OUTCOME_REVOKED: ("task_decided", Decision.DECISION_GRANT),
    ItemOutcome.ITEM_OUTCOME_DENIED: ("task_decided", Decision.DECISION_DENY),
    ItemOutcome.ITEM_OUTCOME_WITHDRAWN: ("task_recalled", None),
    ItemOutcome.ITEM_OUTCOME_VOIDED: ("task_recalled", None),
}


def decided_once(case: Case) -> Iterator[Finding]:
    """Every task that intake asked for is opened once and decided at most once; nobody decides what was not asked."""
    for level in TASK_EVENTS:
        if f"approval-{level}" not in case.evidence.databases:
            continue
        topic = TASK_EVENTS[level]
        keys = {key for _, found, key in case.streams if found in (topic, TASK_COMMANDS[level])}
        for key in keys:
            asked = Counter(
                one.item_id for one in case.commands(TASK_COMMANDS[level], key) if one.HasField("open_task")
            )
            begun: Counter[str] = Counter()
            ended: Counter[str] = Counter()
            for event in case.events(topic, key):
                kind = event.WhichOneof("event")
                begun[event.item_id] += kind == "task_opened" or (
                    kind == "task_decided" and event.task_decided.automatic
                )
                ended[event.item_id] += kind in TASK_ENDED
            waits = (f"approval-{level}", key, "intake", TASK_COMMANDS[level]) in case.blocked
            for item_id in asked.keys() | begun.keys() | ended.keys():
                where = f"{topic} {key} item {item_id}"
                if asked[item_id] > 1:
                    yield Finding("twice", where, f"asked for {asked[item_id]} times")
                if begun[item_id] > 1:
                    yield Finding("twice", where, f"opened {begun[item_id]} times")
                if ended[item_id] > 1:
                    yield Finding("twice", where, f"decided {ended[item_id]} times")
                if asked[item_id] and not begun[item_id] and not waits:
                    yield Finding("lost", where, "asked for and never opened")
                if begun[item_id] > asked[item_id]:
                    yield Finding("wrong", where, "opened and not asked for")


def ended_once(case: Case) -> Iterator[Finding]:
    """Every matter is accepted once and ends at most once, with the result that its departments gave."""
    for key, events in case.all_events(MATTER_EVENTS):
        where = f"{MATTER_EVENTS} {key}"
        kinds = Counter(event.WhichOneof("event") for event in events)
        if kinds["matter_accepted"] > 1:
            yield Finding("twice", where, f"accepted {kinds['matter_accepted']} times")
        if sum(kinds[kind] for kind in ENDED) > 1:
            yield Finding("twice", where, "ended more than once")
        if not kinds["matter_accepted"]:
            continue
        accepted = next(event.matter_accepted for event in events if event.HasField("matter_accepted"))
        completed = next((event.matter_completed for event in events if event.HasField("matter_completed")), None)
        yield from _asked_for(case, where, key, accepted, events)
        if completed is not None:
            yield from _results(case, where, key, accepted, completed)
        elif key not in case.touched and _all_ended(case, key, accepted):
            yield Finding("lost", where, "every item has its end, and the matter has no result")


def _asked_for(case: Case, where: str, key: str, accepted: Any, events: list[Any]) -> Iterator[Finding]:
    """Every item that opened was asked of its department, once."""
    opened = [*accepted.opened_items]
    for event in events:
        if event.HasField("item_concluded"):
            opened += event.item_concluded.opened_items
    items = {item.item_id: item for item in accepted.items}
    for item_id in opened:
        item = items[item_id]
        asked = [
            one
            for one in case.commands(item.commands_topic, key)
            if one.HasField("open_task") and one.item_id == item_id
        ]
        if not asked:
            yield Finding("lost", where, f"item {item_id} opened and was never asked of {item.owner}")
        elif len(asked) > 1:
            yield Finding("twice", where, f"item {item_id} was asked of {item.owner} {len(asked)} times")


def _results(case: Case, where: str, key: str, accepted: Any, completed: Any) -> Iterator[Finding]:
    items = {item.item_id: item for item in accepted.items}
    results = Counter(result.item_id for result in completed.results)
    if results != Counter(items.keys()):
        yield Finding("wrong", where, f"the result has items {sorted(results)}, accepted were {sorted(items)}")
        return
    for result in completed.results:
        expected = DECIDED_AS.get(result.outcome)
        item = items[result.item_id]
        if expected is None or item.owner not in case.evidence.databases:
            continue
        events = case.events(item.events_topic, key)
        event = events[result.sequence - 1] if 1 <= result.sequence <= len(events) else None
        kind, decision = expected
        if event is None or event.WhichOneof("event") != kind or event.item_id != result.item_id:
            yield Finding("wrong", where, f"item {result.item_id} ends by what {item.owner} did not tell")
        elif decision is not None and event.task_decided.decision != decision:
            yield Finding("wrong", where, f"item {result.item_id} ends otherwise than {item.owner} decided")


def _all_ended(case: Case, key: str, accepted: Any) -> bool:
    for item in accepted.items:
        if item.owner not in case.evidence.databases:
            return False
        ends = (e for e in case.events(item.events_topic, key) if e.item_id == item.item_id)
        if not any(event.WhichOneof("event") in TASK_ENDED for event in ends):
            return False
    return True


def ended_as_told(case: Case) -> Iterator[Finding]:
    """A matter for which all was done ends so, and no other way."""
    if "intake" not in case.evidence.databases:
        return
    for key, outcome in case.book.ends.items():
        where = f"{MATTER_EVENTS} {key}"
        found = [
            MatterOutcome.Name(event.matter_completed.outcome)
            for event in case.events(MATTER_EVENTS, key)
            if event.HasField("matter_completed")
        ]
        if not found and key not in case.touched:
            yield Finding("lost", where, f"all was done for {outcome}, and it has no result")
        elif found and found[0] != outcome:
            yield Finding("wrong", where, f"ends as {found[0]}, not as {outcome}")


def states(case: Case) -> Iterator[Finding]:
    """What the databases keep of a matter and its tasks is what its events say."""
    intake = case.evidence.databases.get("intake")
    if intake is not None:
        kept = {row.matter_id: MatterState.FromString(row.state) for row in intake.aggregates}
        for key, events in case.all_events(MATTER_EVENTS):
            told = [STATUSES[kind] for event in events if (kind := event.WhichOneof("event")) in STATUSES]
            state = kept.get(key, MatterState())
            correction = MatterStatus.MATTER_STATUS_CORRECTION, MatterStatus.MATTER_STATUS_RECEIVED
            last = told[-1] if told else MatterStatus.MATTER_STATUS_UNSPECIFIED
            if state.status != last and not (last in correction and state.status in correction):
                yield Finding(
                    "wrong",
                    f"intake {key}",
                    f"is {MatterStatus.Name(state.status)}; its events say {MatterStatus.Name(last)}",
                )
    for level in TASK_EVENTS:
        database = case.evidence.databases.get(f"approval-{level}")
        if database is None:
            continue
        kept_tasks: dict[str, TasksState] = {
            row.matter_id: parsed(TasksState, row.state) for row in database.aggregates
        }
        inbox = {(matter_id, item_id): status for matter_id, item_id, status in database.tasks}
        for key, events in case.all_events(TASK_EVENTS[level]):
            yield from _tasks(f"approval-{level} {key}", key, events, kept_tasks.get(key, TasksState()), inbox)


def _tasks(
    where: str, key: str, events: list[Any], state: TasksState, inbox: dict[tuple[str, str], int]
) -> Iterator[Finding]:
    kinds: dict[str, set[str]] = defaultdict(set)
    for event in events:
        kinds[event.item_id].add(event.WhichOneof("event") or "")
    kept = {task.item_id: task.status for task in state.tasks}
    for item_id, told in kinds.items():
        ended = bool(told & TASK_ENDED)
        begun = ended or "task_opened" in told
        if begun and (item_id not in kept or (kept[item_id] in WAITING) == ended):
            yield Finding("wrong", f"{where} item {item_id}", f"status {kept.get(item_id)} is not what its events say")
        row = inbox.get((key, item_id))
        if "task_opened" in told and (row is None or (row in WAITING) == ended):
            yield Finding(
                "wrong", f"{where} item {item_id}", f"its row in the inbox, {row}, is not what its events say"
            )


def none_left_open(case: Case) -> Iterator[Finding]:
    """No task of a matter that ended is open."""
    ended = {
        key
        for key, events in case.all_events(MATTER_EVENTS)
        if any(event.WhichOneof("event") in ENDED for event in events)
    }
    for deployment, database in case.evidence.databases.items():
        for matter_id, item_id, status in database.tasks:
            if matter_id in ended and status in WAITING:
                yield Finding("pending", f"{deployment} {matter_id} item {item_id}", "open, and its matter has ended")
        for matter_id, material_id, _ in database.calls:
            if matter_id in ended:
                yield Finding(
                    "pending", f"{deployment} {matter_id} {material_id}", "asked for, and its matter has ended"
                )
