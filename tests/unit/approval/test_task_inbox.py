"""The rows of the inbox, the queries for lists, and page tokens."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from tests.unit.approval.cases import (
    MATTER_ID,
    SIMPLE,
    Matter,
    claim_task,
    command,
    decide_task,
    open_task,
    recall_task,
    unix_ms,
)

from onematter.approval import store
from onematter.approval.store import Place, Wanted
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TasksState, TaskState
from onematter.backbone.service import Change
from onematter.common.v1.outcome_pb2 import CommandRefused
from onematter.contracts.aggregate import TimerDue


def change(
    matter: Matter, event: ApprovalEvent | None = None, matter_id: str = MATTER_ID
) -> Change[TasksState, ApprovalEvent]:
    return Change(matter_id, 0, matter.state, event, None)


def latest(matter: Matter) -> Change[TasksState, ApprovalEvent]:
    return change(matter, matter.events[-1])


def test_an_opened_task_has_a_row(matter: Matter) -> None:
    matter.given(open_task("02"))
    (row,) = store.rows_of([latest(matter)])
    assert row[:11] == (
        MATTER_ID, "02", 3, "330100", "water", 1,
        unix_ms(2026, 11, 30, 16), unix_ms(2026, 12, 21, 16), "OM-17", "", False,
    )  # fmt: skip
    assert isinstance(row[11], bytes)
    assert TaskState.FromString(row[11]) == matter.task()


@pytest.mark.parametrize(
    ("then", "status", "claimed_by"),
    [
        (claim_task(), 2, "li"),
        (decide_task(), 3, ""),
        (recall_task(), 4, ""),
        (TimerDue("promised:02"), 1, ""),
    ],
    ids=["claimed", "decided", "recalled", "overdue"],
)
def test_every_change_of_an_opened_task_renews_its_row(
    matter: Matter, then: TimerDue, status: int, claimed_by: str
) -> None:
    matter.given(open_task("02"), then)
    (row,) = store.rows_of([latest(matter)])
    assert (row[5], row[9]) == (status, claimed_by)
    assert isinstance(row[11], bytes)
    assert TaskState.FromString(row[11]) == matter.task()


def test_a_task_decided_by_rule_has_no_row(matter: Matter) -> None:
    matter.given(open_task("02"), open_task("01", **SIMPLE))
    assert store.rows_of([latest(matter)]) == []


def test_a_task_that_changes_twice_in_a_batch_has_one_row_the_last(matter: Matter) -> None:
    matter.given(open_task("02"))
    changes = [latest(matter)]
    matter.given(claim_task())
    changes.append(latest(matter))
    changes.append(change(matter.given(open_task("03")), matter.events[-1], "another"))
    assert [(row[0], row[1], row[5]) for row in store.rows_of(changes)] == [
        (MATTER_ID, "02", 2),
        ("another", "03", 1),
    ]


def test_a_task_whose_clocks_stand_still_stands_behind_all_that_have_a_deadline(matter: Matter) -> None:
    matter.given(open_task("02"), command("begin_special_procedure", kind=6, expected_days=10, reason="委托检测"))
    (row,) = store.rows_of([latest(matter)])
    assert row[5:8] == (5, unix_ms(9999, 12, 31, 23) + 3_599_000, unix_ms(9999, 12, 31, 23) + 3_599_000)
    assert store.place_of(MATTER_ID, matter.task()) == Place(unix_ms(9999, 12, 31, 23) + 3_599_000, MATTER_ID, "02")


def test_a_transferred_task_is_listed_where_it_is_now(matter: Matter) -> None:
    goal: dict[str, Any] = {"department": "forestry", "division": "330200", "reason": "职责调整"}
    matter.given(open_task("02"), command("transfer_task", **goal))
    (row,) = store.rows_of([latest(matter)])
    assert row[2:5] == (3, "330200", "forestry")


def test_a_row_says_that_its_deadlines_are_provisional(matter: Matter) -> None:
    matter.when(open_task("02"), unix_ms(2026, 12, 10))
    (row,) = store.rows_of([latest(matter)])
    assert row[10] is True


def test_what_changes_no_task_has_no_row(matter: Matter) -> None:
    matter.given(open_task("02"))
    refused = ApprovalEvent(item_id="02", command_refused=CommandRefused(command="claim_task"))
    assert store.rows_of([change(matter), change(matter, refused)]) == []


def test_a_list_asks_for_its_filters_alone() -> None:
    statement, params = store.list_statement(Wanted(statuses=store.WAITING, limit=51))
    assert statement.count("%s") == len(params) == 2
    assert params == [[1, 2, 5], 51]
    statement, params = store.list_statement(
        Wanted(
            statuses=frozenset({3, 1}),
            limit=11,
            level=3,
            division="330100",
            department="water",
            matter_id="m",
            deadline_before_unix_ms=9,
            after=Place(7, "k", "02"),
        )
    )
    assert statement.count("%s") == len(params)
    assert params == [[1, 3], 3, "330100", "water", "m", 9, 7, "k", "02", 11]


@pytest.mark.parametrize(
    ("statuses", "literal"),
    [
        ({1}, "IN (1, 2, 5)"),
        ({1, 2, 5}, "IN (1, 2, 5)"),
        ({3, 4, 6}, "IN (3, 4, 6)"),
        ({2, 3}, None),
        ({5, 6}, None),
    ],
)
def test_a_list_names_the_partial_index_that_serves_it(statuses: set[int], literal: str | None) -> None:
    statement, _ = store.list_statement(Wanted(statuses=frozenset(statuses), limit=1))
    assert [part for part in ("IN (1, 2, 5)", "IN (3, 4, 6)") if part in statement] == ([literal] if literal else [])


@pytest.mark.parametrize(
    "place", [Place(0, "", ""), Place(1764201600000, MATTER_ID, "02@330100"), Place(1, "事", "项")]
)
def test_a_page_token_names_its_place(place: Place) -> None:
    assert store.decode_token(store.encode_token(place)) == place


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "not base64!",
        "项",
        *(
            base64.urlsafe_b64encode(text).decode()
            for text in (
                b"",
                b"\xff",
                b"7",
                b"[]",
                b'[1, "m"]',
                b'["1", "m", "02"]',
                b'[-1, "m", "02"]',
                b'[9223372036854775808, "m", "02"]',
                b'[1, "m\\u0000", "02"]',
                b'[1, "m", "\\ud800"]',
                b'[1, "m", "02", 1]',
                b'{"1": 2}',
                b"[" * 100_000,
            )
        ),
    ],
)  # fmt: skip
def test_what_is_no_page_token_is_said_to_be_none(token: str) -> None:
    with pytest.raises(ValueError, match="not a page token"):
        store.decode_token(token)
