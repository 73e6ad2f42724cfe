"""The caller on a real PostgreSQL, before a platform that does what the test says: what it writes, when it calls."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from psycopg import sql
from tests.tail import DEADLINE_SECONDS
from tests.unit.exchange.cases import CONTENT, LICENCE, MATTER_ID, Matter, ask, failed, found, refused

from onematter.backbone.doors import Queries
from onematter.backbone.metrics import Metrics
from onematter.backbone.migrate import upgrade
from onematter.backbone.ports import Unavailable
from onematter.backbone.service import Change
from onematter.backbone.store import PostgresTransaction
from onematter.common.v1.application_pb2 import Material
from onematter.contracts.connections import DatabaseConnection
from onematter.contracts.topics import Deployment
from onematter.datashare.v1.datashare_service_pb2 import ResolveRequest, ResolveResponse
from onematter.exchange import store
from onematter.exchange.breaker import Breaker, Circuit, Limits
from onematter.exchange.caller import Bounds, Caller, request_id
from onematter.exchange.platform import AWAY, MALFORMED, OWN_SIDE, CallFailed
from onematter.exchange.v1.exchange_commands_pb2 import CallFailure, ExchangeCommand

SOURCE = LICENCE.source


@pytest.fixture
def schema(database_url: str) -> Iterator[str]:
    deployment = Deployment(f"test-{uuid.uuid4().hex}", "exchange", 0, "")
    upgrade(DatabaseConnection(database_url), deployment)
    yield deployment.schema
    with psycopg.connect(database_url, autocommit=True) as database:
        database.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(deployment.schema)))


@dataclass
class Scripted:
    """A platform, and where contents are kept: each answers as the test says, and remembers what it was asked."""

    answer: Callable[[], ResolveResponse]
    content: bytes = CONTENT
    refuses_contents: bool = False
    asked: list[ResolveRequest] = field(default_factory=list[ResolveRequest])
    kept: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes])

    async def resolve(self, request: ResolveRequest, timeout_seconds: float) -> ResolveResponse:
        self.asked.append(request)
        return self.answer()

    async def fetch(self, request_id: str, material: Material, timeout_seconds: float) -> bytes:
        return self.content

    async def keep(self, digest: bytes, content: bytes, timeout_seconds: float) -> None:
        if self.refuses_contents:
            raise CallFailed(OWN_SIDE, "full")
        self.kept[digest] = content


@dataclass
class Run:
    """A caller that runs until it has told `until` answers, or until the test cancels it."""

    database_url: str
    schema: str

    def write(self, matter: Matter) -> None:
        """Keep the matter's state and what its last event makes due, as a step does."""
        with psycopg.connect(self.database_url) as database:
            database.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(self.schema)))
            store.project(PostgresTransaction(database), [Change(MATTER_ID, 0, matter.state, matter.events[-1], None)])
            database.execute(
                "INSERT INTO aggregates (matter_id, lane, state, ledger) VALUES (%s, 0, %s, '')"
                " ON CONFLICT (matter_id) DO UPDATE SET state = excluded.state",
                (MATTER_ID, matter.state.SerializeToString()),
            )

    def told(
        self, platform: Scripted | None, contents: Scripted, *, before: Callable[[Caller], None] = lambda caller: None
    ) -> tuple[ExchangeCommand, Caller]:
        """The first command that the caller writes."""

        async def run(queries: Queries) -> tuple[ExchangeCommand, Caller]:
            first: asyncio.Future[ExchangeCommand] = asyncio.get_running_loop().create_future()

            async def tell(matter_id: str, command: ExchangeCommand) -> None:
                assert matter_id == MATTER_ID
                first.set_result(command)

            caller = self.caller(platform, contents, queries, tell)
            before(caller)
            running = asyncio.create_task(caller.run())
            try:
                async with asyncio.timeout(DEADLINE_SECONDS):
                    return await first, caller
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

        return self.asking(run)

    def caller(self, platform: Any, contents: Any, queries: Queries, tell: Any, **more: Any) -> Caller:
        return Caller(platform, contents, queries, tell, Metrics("exchange"), principal="exchange", **more)

    def asking(self, what: Callable[[Queries], Awaitable[Any]]) -> Any:
        async def inside() -> Any:
            queries = Queries(DatabaseConnection(self.database_url), self.schema)
            await queries.open()
            try:
                return await what(queries)
            finally:
                await queries.close()

        return asyncio.run(inside())


@pytest.fixture
def run(database_url: str, schema: str) -> Run:
    return Run(database_url, schema)


@pytest.fixture
def matter(run: Run) -> Matter:
    made = Matter()
    made.given(ask(LICENCE))
    run.write(made)
    return made


def the_licence(content: bytes = b"") -> ResolveResponse:
    response = ResolveResponse()
    response.CopyFrom(found().record_answer.answer)
    response.found.content = content
    return response


def told_of_the_licence() -> ResolveResponse:
    """What of it may stand on a topic: neither content nor number."""
    told = the_licence()
    told.found.ClearField("number")
    return told


def away() -> ResolveResponse:
    raise CallFailed(AWAY, "UNAVAILABLE")


@pytest.mark.usefixtures("matter")
@pytest.mark.parametrize("inline", [b"", CONTENT])
def test_an_answer_is_a_command_without_its_content_which_is_kept(run: Run, inline: bytes) -> None:
    platform = Scripted(lambda: the_licence(inline))
    command, caller = run.told(platform, platform)
    assert command.request_id == request_id(MATTER_ID, "business_licence", 1)
    assert command.actor.principal == "exchange"
    answer = command.record_answer
    assert (answer.material_id, answer.attempt) == ("business_licence", 1)
    assert answer.answer == told_of_the_licence()
    assert platform.kept == {hashlib.sha256(CONTENT).digest(): CONTENT}
    assert caller.breakers[SOURCE] == Breaker()


def test_what_it_writes_is_what_the_core_takes(run: Run, matter: Matter) -> None:
    platform = Scripted(lambda: refused().record_answer.answer)
    command, _ = run.told(platform, platform)
    assert matter.given(command).sharing_refused.source == SOURCE


@pytest.mark.usefixtures("matter")
def test_without_a_platform_it_says_so_at_once(run: Run) -> None:
    command, _ = run.told(None, Scripted(away))
    assert command.record_answer.failure == CallFailure.CALL_FAILURE_NOT_CONNECTED


@pytest.mark.usefixtures("matter")
def test_a_content_that_our_side_cannot_keep_is_nobodys_failure(run: Run) -> None:
    platform = Scripted(the_licence, refuses_contents=True)
    command, caller = run.told(platform, platform)
    assert command.record_answer.failure == OWN_SIDE
    assert caller.breakers[SOURCE].failures == 0


@pytest.mark.usefixtures("matter")
def test_a_content_that_is_another_is_not_kept(run: Run) -> None:
    platform = Scripted(the_licence, content=b"something else")
    command, caller = run.told(platform, platform)
    assert command.record_answer.failure == MALFORMED
    assert platform.kept == {}
    assert caller.breakers[SOURCE].failures == 1


@pytest.mark.usefixtures("matter")
def test_a_source_whose_breaker_is_open_is_told_as_away_and_not_called(run: Run) -> None:
    platform = Scripted(the_licence)

    def open_it(caller: Caller) -> None:
        caller.breakers[SOURCE] = Breaker(Circuit.OPEN, 5, 1, float("inf"))

    command, _ = run.told(platform, platform, before=open_it)
    assert command.record_answer.failure == AWAY
    assert platform.asked == []


def test_a_later_call_waits_until_the_breaker_may_be_tried(run: Run, matter: Matter) -> None:
    matter.given(failed(AWAY))
    # Due at once, as if its time had come.
    matter.events[-1].sharing_delayed.until.CopyFrom(matter.events[-1].time)
    run.write(matter)
    platform = Scripted(the_licence)
    now = [100.0]

    async def waits(queries: Queries) -> ExchangeCommand:
        first: asyncio.Future[ExchangeCommand] = asyncio.get_running_loop().create_future()

        async def tell(_matter_id: str, command: ExchangeCommand) -> None:
            first.set_result(command)

        caller = run.caller(platform, platform, queries, tell, clock_seconds=lambda: now[0], limits=Limits())
        caller.breakers[SOURCE] = Breaker(Circuit.OPEN, 5, 1, now[0] + 0.3)
        running = asyncio.create_task(caller.run())
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                # It was taken, and put off.
                while await store.due(queries) or caller.in_flight[SOURCE]:
                    await asyncio.sleep(0.01)
                assert platform.asked == []
                assert not first.done()
                now[0] += 0.3
                return await first
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    command = run.asking(waits)
    assert command.record_answer.attempt == 2
    assert len(platform.asked) == 1


def test_where_it_is_not_known_yet_for_whom_nobody_is_called(run: Run, matter: Matter) -> None:
    """As after a restore: the events came back, what intake asked has not yet been read again."""
    matter.state.ClearField("requester")
    matter.state.ClearField("personal_data")
    run.write(matter)
    platform = Scripted(the_licence)

    async def rounds(queries: Queries) -> None:
        async def tell(_matter_id: str, _command: ExchangeCommand) -> None:
            raise AssertionError("nothing is to be told")

        caller = run.caller(platform, platform, queries, tell)
        running = asyncio.create_task(caller.run())
        async with asyncio.timeout(DEADLINE_SECONDS):
            while await store.due(queries) or caller.in_flight[SOURCE]:
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run.asking(rounds)
    assert platform.asked == []


@pytest.mark.usefixtures("matter")
def test_an_answer_that_cannot_be_written_is_asked_for_again(run: Run) -> None:
    platform = Scripted(the_licence)

    async def twice(queries: Queries) -> ExchangeCommand:
        second: asyncio.Future[ExchangeCommand] = asyncio.get_running_loop().create_future()

        async def tell(_matter_id: str, command: ExchangeCommand) -> None:
            if len(platform.asked) == 1:
                raise Unavailable("Kafka is away")
            second.set_result(command)

        bounds = Bounds(call_seconds=0.1, content_seconds=0.05, margin_seconds=0.1)
        caller = run.caller(platform, platform, queries, tell, bounds=bounds)
        running = asyncio.create_task(caller.run())
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                return await second
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    command = run.asking(twice)
    assert command.record_answer.answer == told_of_the_licence()
    assert platform.asked[0] == platform.asked[1]
