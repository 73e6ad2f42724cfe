"""The inbox (待办): a row for each task that was opened for a person, written in its state's transaction.

Rule 1: a task decided by rule has no row; nobody ever looks for it in an inbox.
Rule 2: rows follow the state and can be made again from it; a row is replaced whole.
Rule 3: lists go by keyset (promised deadline, matter, item): a page costs the same wherever it stands. A task whose
clocks stand still has no deadline and stands behind all that have one.
Rule 4: a row is its department's and division's who have the task now.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from onematter.approval.checks import department_of, division_of, item_of
from onematter.approval.recomputing import provisional_years
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TasksState, TaskState, TaskStatus
from onematter.backbone.service import Change, Transaction
from onematter.contracts.times import unix_ms

UPSERT: LiteralString = """
    INSERT INTO tasks (matter_id, item_id, level, division, department, status, promised_deadline_unix_ms,
                       legal_deadline_unix_ms, matter_code, claimed_by, provisional, task)
    SELECT * FROM unnest(%b::text[], %b::text[], %b::smallint[], %b::text[], %b::text[], %b::smallint[],
                         %b::bigint[], %b::bigint[], %b::text[], %b::text[], %b::boolean[], %b::bytea[])
    ON CONFLICT (matter_id, item_id) DO UPDATE
    SET level = excluded.level, division = excluded.division, department = excluded.department,
        status = excluded.status, promised_deadline_unix_ms = excluded.promised_deadline_unix_ms,
        legal_deadline_unix_ms = excluded.legal_deadline_unix_ms, matter_code = excluded.matter_code,
        claimed_by = excluded.claimed_by, provisional = excluded.provisional, task = excluded.task
"""

# By department, those that wait, and of them those past their promised and past their legal deadline. One whose clocks
# stand still is not overdue: its deadline is behind all others.
COUNT_WAITING: LiteralString = """
    SELECT department, count(*), count(*) FILTER (WHERE promised_deadline_unix_ms < %s),
           count(*) FILTER (WHERE legal_deadline_unix_ms < %s)
    FROM tasks WHERE status IN (1, 2, 5) GROUP BY department
"""

# Tasks whose deadlines rest on a calendar that was not official, behind a place; the condition is that of an index.
PROVISIONAL: LiteralString = """
    SELECT matter_id, item_id, task FROM tasks
    WHERE provisional AND status IN (1, 2, 5) AND (matter_id, item_id) > (%s, %s)
    ORDER BY matter_id, item_id LIMIT %s
"""

WAITING = frozenset({TaskStatus.TASK_STATUS_OPEN, TaskStatus.TASK_STATUS_CLAIMED, TaskStatus.TASK_STATUS_SUSPENDED})
ENDED = frozenset({TaskStatus.TASK_STATUS_DECIDED, TaskStatus.TASK_STATUS_RECALLED, TaskStatus.TASK_STATUS_REVOKED})

# The end of the year 9999, the last that a Timestamp knows: behind every deadline.
NO_DEADLINE_UNIX_MS = 253_402_300_799_000

_MAX_UNIX_MS = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Place:
    """A task's place in every list: where the page before ended."""

    promised_deadline_unix_ms: int
    matter_id: str
    item_id: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tasks to list; a filter that is empty, 0 or None lets all through.

    `statuses` is never empty. `after` is the place behind which the list goes on, `limit` the most rows.
    """

    statuses: frozenset[int]
    limit: int
    level: int = 0
    division: str = ""
    department: str = ""
    matter_id: str = ""
    deadline_before_unix_ms: int | None = None
    after: Place | None = None


def project(transaction: Transaction, changes: Sequence[Change[TasksState, ApprovalEvent]]) -> None:
    """Write the rows of the tasks that `changes` touched, in one statement; none for one decided by rule."""
    rows = rows_of(changes)
    if rows:
        transaction.execute(UPSERT, [list(column) for column in zip(*rows, strict=True)])


def rows_of(changes: Sequence[Change[TasksState, ApprovalEvent]]) -> list[tuple[object, ...]]:
    """Return the row of each touched task, as it stands after all `changes`, in UPSERT's order of columns."""
    tasks: dict[tuple[str, str], TaskState] = {}
    for change in changes:
        event = change.event
        if event is None or event.WhichOneof("event") == "command_refused":
            continue
        for task in change.state.tasks:
            if task.item_id == event.item_id and task.HasField("opened"):
                tasks[change.matter_id, task.item_id] = task
    return [_row(matter_id, task) for (matter_id, _), task in tasks.items()]


def _row(matter_id: str, task: TaskState) -> tuple[object, ...]:
    deadlines = task.deadlines
    return (
        matter_id,
        task.item_id,
        item_of(task).level,
        division_of(task),
        department_of(task),
        task.status,
        unix_ms(deadlines.promised) if deadlines.HasField("promised") else NO_DEADLINE_UNIX_MS,
        unix_ms(deadlines.legal) if deadlines.HasField("legal") else NO_DEADLINE_UNIX_MS,
        task.opened.matter_code,
        task.claimed_by.principal,
        deadlines.provisional or bool(provisional_years(task)),
        task.SerializeToString(),
    )


def list_statement(wanted: Wanted) -> tuple[LiteralString, list[Any]]:
    """Return the query for a list, earliest promised deadline first, and its parameters.

    Rows are (matter_id, task, ledger); the task and the ledger are of one moment.
    """
    conditions: list[LiteralString] = ["t.status = ANY(%s::smallint[])"]
    params: list[Any] = [sorted(wanted.statuses)]
    # Said in literals too: the planner takes a partial index only for a condition that it can read.
    if wanted.statuses <= WAITING:
        conditions.append("t.status IN (1, 2, 5)")
    elif wanted.statuses <= ENDED:
        conditions.append("t.status IN (3, 4, 6)")
    if wanted.level:
        conditions.append("t.level = %s")
        params.append(wanted.level)
    if wanted.division:
        conditions.append("t.division = %s")
        params.append(wanted.division)
    if wanted.department:
        conditions.append("t.department = %s")
        params.append(wanted.department)
    if wanted.matter_id:
        conditions.append("t.matter_id = %s")
        params.append(wanted.matter_id)
    if wanted.deadline_before_unix_ms is not None:
        conditions.append("t.promised_deadline_unix_ms < %s")
        params.append(wanted.deadline_before_unix_ms)
    if wanted.after is not None:
        conditions.append("(t.promised_deadline_unix_ms, t.matter_id, t.item_id) > (%s, %s, %s)")
        after = wanted.after
        params += [after.promised_deadline_unix_ms, after.matter_id, after.item_id]
    params.append(wanted.limit)
    where: LiteralString = " AND ".join(conditions)
    return (
        "SELECT t.matter_id, t.task, a.ledger FROM tasks t JOIN aggregates a USING (matter_id) WHERE "
        + where
        + " ORDER BY t.promised_deadline_unix_ms, t.matter_id, t.item_id LIMIT %s",
        params,
    )


def place_of(matter_id: str, task: TaskState) -> Place:
    """Return a task's place in every list."""
    promised = task.deadlines.promised
    due = unix_ms(promised) if task.deadlines.HasField("promised") else NO_DEADLINE_UNIX_MS
    return Place(due, matter_id, task.item_id)


def encode_token(place: Place) -> str:
    """Return a page token: opaque to clients, good for any list."""
    text = json.dumps([place.promised_deadline_unix_ms, place.matter_id, place.item_id])
    return base64.urlsafe_b64encode(text.encode()).decode()


def decode_token(token: str) -> Place:
    """Return the place that a page token names. Raises ValueError for what `encode_token` never gave."""
    try:
        place = json.loads(base64.b64decode(token, altchars=b"-_", validate=True))
        match place:
            case [int(deadline), str(matter_id), str(item_id)] if 0 <= deadline <= _MAX_UNIX_MS:
                # JSON can say what PostgreSQL cannot take: half a surrogate pair, NUL.
                if b"\0" not in (matter_id + item_id).encode():
                    return Place(deadline, matter_id, item_id)
            case _:
                pass
    except (ValueError, RecursionError):
        pass
    raise ValueError("not a page token")
