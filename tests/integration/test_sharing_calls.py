"""The calls that are due, on a real PostgreSQL: one caller at a time takes each, and another when that is gone."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from tests.unit.exchange.cases import MATTER_ID, NOW, TITLE, Matter, ask, delayed, found

from onematter.backbone.doors import Queries
from onematter.backbone.migrate import upgrade
from onematter.backbone.service import Change
from onematter.backbone.store import PostgresTransaction
from onematter.contracts.connections import DatabaseConnection
from onematter.contracts.topics import Deployment
from onematter.exchange import store
from onematter.exchange.store import Call
from onematter.exchange.v1.exchange_commands_pb2 import Want

MANY = 40
LEASE_SECONDS = 600.0


@pytest.fixture
def schema(database_url: str) -> Iterator[str]:
    deployment = Deployment(f"test-{uuid.uuid4().hex}", "exchange", 0, "")
    upgrade(DatabaseConnection(database_url), deployment)
    yield deployment.schema
    with psycopg.connect(database_url, autocommit=True) as database:
        database.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(deployment.schema)))


@pytest.fixture
def asking(database_url: str, schema: str) -> Callable[[Callable[[Queries], Awaitable[Any]]], Any]:
    def run(what: Callable[[Queries], Awaitable[Any]]) -> Any:
        async def inside() -> Any:
            queries = Queries(DatabaseConnection(database_url), schema)
            await queries.open()
            try:
                return await what(queries)
            finally:
                await queries.close()

        return asyncio.run(inside())

    return run


def written(database_url: str, schema: str, matter: Matter) -> None:
    """Write what the matter's last event makes due, as a step does."""
    with psycopg.connect(database_url) as database:
        database.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(schema)))
        change = Change(MATTER_ID, 0, matter.state, matter.events[-1], None)
        store.project(PostgresTransaction(database), [change])


def many() -> Matter:
    matter = Matter()
    wants = [Want(material_id=f"material_{number:02}", source="health") for number in range(MANY)]
    matter.given(ask(*wants, TITLE))
    return matter


def test_callers_at_once_take_each_call_once(database_url: str, schema: str, asking: Any) -> None:
    written(database_url, schema, many())

    async def race(queries: Queries) -> list[list[Call]]:
        takers = [store.take(queries, "health", 7, LEASE_SECONDS) for _ in range(10)]
        return list(await asyncio.gather(*takers))

    taken = [call for calls in asking(race) for call in calls]
    assert len(taken) == len(set(taken)) == MANY
    assert {call.source for call in taken} == {"health"}
    assert asking(store.due) == {"natural_resources": 1}


def test_a_call_whose_caller_is_gone_is_due_again(database_url: str, schema: str, asking: Any) -> None:
    matter = Matter()
    matter.given(ask(TITLE))
    written(database_url, schema, matter)
    expected = [Call(MATTER_ID, "land_title", "natural_resources", 1)]

    async def twice(queries: Queries) -> tuple[list[Call], list[Call]]:
        first = await store.take(queries, "natural_resources", 5, 0.0)
        return first, await store.take(queries, "natural_resources", 5, LEASE_SECONDS)

    assert asking(twice) == (expected, expected)
    assert asking(store.due) == {}


def test_putting_off_a_call_leaves_the_next_one_alone(database_url: str, schema: str, asking: Any) -> None:
    matter = Matter()
    matter.given(ask(TITLE))
    written(database_url, schema, matter)
    (call,) = asking(lambda queries: store.take(queries, "natural_resources", 5, 0.0))
    matter.given(delayed(NOW, "land_title"))
    matter.events[-1].sharing_delayed.until.CopyFrom(matter.events[-1].time)
    written(database_url, schema, matter)
    asking(lambda queries: store.postpone(queries, call, LEASE_SECONDS))
    assert asking(store.due) == {"natural_resources": 1}
    (again,) = asking(lambda queries: store.take(queries, "natural_resources", 5, LEASE_SECONDS))
    assert again == call._replace(attempt=2)


def test_what_is_answered_is_not_due(database_url: str, schema: str, asking: Any) -> None:
    matter = Matter()
    matter.given(ask(TITLE))
    written(database_url, schema, matter)
    matter.given(found("land_title"))
    written(database_url, schema, matter)
    assert asking(store.due) == {}
    assert asking(lambda queries: store.take(queries, "natural_resources", 5, LEASE_SECONDS)) == []


def test_what_waits_to_be_asked_again_is_due_at_once_when_an_operator_says_so(
    database_url: str, schema: str, asking: Any
) -> None:
    matter = Matter()
    matter.given(ask(TITLE, Want(material_id="other", source="health")))
    written(database_url, schema, matter)
    assert not store.again(matter.state, MATTER_ID).what, "a first call waits for nothing"
    (call,) = asking(lambda queries: store.take(queries, "natural_resources", 5, LEASE_SECONDS))
    matter.given(delayed(NOW + 20_000, "land_title"))
    written(database_url, schema, matter)
    assert asking(store.due) == {"health": 1}

    wanted = store.again(matter.state, MATTER_ID)
    assert (list(wanted.what), list(wanted.timers)) == (["land_title"], [])
    with psycopg.connect(database_url) as database:
        database.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(schema)))
        for statement in wanted.statements:
            database.execute(statement.sql, statement.params)
    assert asking(store.due) == {"health": 1, "natural_resources": 1}
    (again,) = asking(lambda queries: store.take(queries, "natural_resources", 5, LEASE_SECONDS))
    assert again == call._replace(attempt=2)
    matter.given(found("land_title", attempt=2))
    assert not store.again(matter.state, MATTER_ID).what
