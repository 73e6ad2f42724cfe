"""Watchers on a real PostgreSQL: they learn what a rule decided, though no event tells it yet."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, closing
from typing import Any

import psycopg
import pytest
from psycopg import sql
from tests.tail import DEADLINE_SECONDS
from tests.unit.intake.world import CITY, COUNTY, LANE, MATTER_ID, World

from onematter.backbone.doors import Queries, as_of
from onematter.backbone.ports import Identity
from onematter.backbone.schema import create_backbone_tables
from onematter.backbone.step import LaneRow, Step
from onematter.backbone.store import PostgresStore
from onematter.backbone.v1.ledger_pb2 import Ledger
from onematter.contracts.connections import DatabaseConnection
from onematter.contracts.topics import MATTER_EVENTS
from onematter.intake.v1.intake_service_pb2 import MatterView
from onematter.intake.v1.intake_state_pb2 import ItemStatus, MatterState
from onematter.intake.views import matter_view
from onematter.intake.watching import Watching


class Rows:
    """Intake's rows, written as a worker writes them."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store
        self._lanes: dict[int, LaneRow] = {row.lane: row for row in store.take([LANE], Identity("cluster", {}))}

    def commit(self, world: World) -> None:
        """One step with what the matter has taken in since the last one."""
        step, world.step = world.step, Step()
        self._store.begin({LANE: self._lanes[LANE].epoch})
        self._store.write(step)
        self._store.write_lanes(step, self._lanes)
        self._store.commit()
        self._lanes[LANE].next_position += LANE in step.sendings


@pytest.fixture
def schema(database_url: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    with closing(psycopg.connect(database_url, autocommit=True)) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(name)))
        create_backbone_tables(connection)
        yield name
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))


def view(matter_id: str, state: MatterState, ledger: Ledger) -> MatterView:
    return matter_view(matter_id, state, as_of(ledger, "intake", MATTER_EVENTS))


def statuses(seen: MatterView) -> list[str]:
    return [ItemStatus.Name(one.status).removeprefix("ITEM_STATUS_") for one in seen.items]


async def watch(url: str, schema: str, rows: Rows) -> list[MatterView]:
    """Follow a matter: as it was handed in, after a decision by rule, and when the next item opened."""
    world = World()
    world.handed_in()
    rows.commit(world)
    queries = Queries(DatabaseConnection(url), schema)
    await queries.open()
    try:
        async with aclosing(Watching(queries, view).follow(MATTER_ID)) as views:
            seen = [await following(views)]
            world.decided_by_rule("01", COUNTY)
            rows.commit(world)
            seen.append(await following(views))
            world.opened("02", CITY)
            rows.commit(world)
            seen.append(await following(views))
            return seen
    finally:
        await queries.close()


async def following(views: AsyncGenerator[MatterView, Any]) -> MatterView:
    return await asyncio.wait_for(anext(views), DEADLINE_SECONDS)


def test_a_decision_without_an_event_wakes_watchers(database_url: str, schema: str) -> None:
    with closing(PostgresStore(database_url, schema)) as store:
        seen = asyncio.run(watch(database_url, schema, Rows(store)))
    assert [statuses(one) for one in seen] == [
        ["SENT", "SENT", "SENT"],
        ["CONCLUDED", "SENT", "SENT"],
        ["CONCLUDED", "OPEN", "SENT"],
    ]
    assert [one.as_of.sequence for one in seen] == [1, 1, 2]
    assert [one.items[0].untold for one in seen] == [False, True, False]
    assert seen[1].items[0].result.automatic
