"""A service's process: reads the environment, starts loop, gRPC doors and metrics, and ends them in order."""

# Generated gRPC code has no types.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from onematter.backbone import catalogue_files, logs, otlp, revision
from onematter.backbone.calls import Calls
from onematter.backbone.clock import Clock
from onematter.backbone.doors import Doors, Queries
from onematter.backbone.http import HealthServer
from onematter.backbone.interceptor import Edge
from onematter.backbone.kafka import KafkaLog
from onematter.backbone.loop import Loop
from onematter.backbone.metrics import Metrics
from onematter.backbone.operations import OperationsServicer
from onematter.backbone.ports import Unavailable
from onematter.backbone.service import Aggregate, Change
from onematter.backbone.settings import Settings, SettingWrong
from onematter.backbone.spans import Recorder
from onematter.backbone.store import PostgresStore
from onematter.backbone.tracing import TracedUnit
from onematter.backbone.unit import UnitOfWork
from onematter.backbone.v1 import operations_service_pb2, operations_service_pb2_grpc
from onematter.contracts.connections import SettingMissing
from onematter.contracts.topics import Deployment, TopicTable, table
from onematter.law.calendar import WorkingCalendar
from onematter.law.catalogue import Catalogue

logger = logging.getLogger("onematter")

# A command has at most 256 KiB, a chunk of a content 1 MiB.
MAX_GRPC_MESSAGE_BYTES = 4 * 1024 * 1024
# Of the grace: what closing connections may take at the end, and what calls in hand may take of the rest.
LAST_SECONDS = 2.0
CALLS_SHARE = 0.6
GAUGE_SECONDS = 2.0
GC_ALLOCATIONS = 200_000
GATHERED_BATCHES = 4


@dataclass(frozen=True)
class Runtime:
    """What a service's wiring may use."""

    settings: Settings
    deployment: Deployment
    table: TopicTable
    catalogue: Catalogue
    calendar: WorkingCalendar
    doors: Doors
    queries: Queries
    metrics: Metrics
    clock: Clock
    recorder: Recorder | None = None


@dataclass(frozen=True)
class Parts:
    """What a service's wiring gives. `observe` sees every change with an event after its commit; `gauge` runs every
    few seconds. `gather_seconds`: how long a batch waits for more; it may then be GATHERED_BATCHES times as large.
    `background` runs as long as the process does; that it ends is fatal."""

    aggregate: Aggregate[Any, Any, Any]
    add_servicers: Callable[[grpc.aio.Server], None]
    service_names: tuple[str, ...]
    observe: Callable[[Change[Any, Any]], None] | None = None
    gauge: Callable[[], Awaitable[None]] | None = None
    gather_seconds: float = 0.0
    background: Callable[[], Coroutine[Any, Any, None]] | None = None


def run(service: str, build: Callable[[Runtime], Parts]) -> None:
    """Run `service` until SIGTERM or SIGINT. Exits with 1 and a line on stderr when it cannot go on."""
    logs.set_up(service, os.environ.get("ONEMATTER_DEPLOYMENT", service))
    try:
        settings = Settings.from_environment(service)
        logging.getLogger().setLevel(settings.log_level)
        _collect_seldom()
        asyncio.run(_until_the_end(service, settings, build))
    except (SettingMissing, SettingWrong, revision.SchemaOutdated, catalogue_files.LawFilesRefused) as error:
        logger.critical("%s", error)
        sys.exit(1)


async def _until_the_end(service: str, settings: Settings, build: Callable[[Runtime], Parts]) -> None:
    code = await _serve(service, settings, build)
    logging.shutdown()
    # All is flushed and closed; taking down librdkafka's clients one by one would cost seconds of every restart. Here,
    # while signals are still ours: one more would end the process as if it had failed.
    os._exit(code)


def _collect_seldom() -> None:
    """Look for cycles seldom: the loop makes none, and each look walks through every cached aggregate."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_ALLOCATIONS, 50, 100)


async def _serve(service: str, settings: Settings, build: Callable[[Runtime], Parts]) -> int:
    ending = End()
    clock = settings.clock()
    topics = table()
    deployment = topics.deployments.get(settings.deployment)
    if deployment is None or deployment.service != service:
        raise SettingMissing(
            f"ONEMATTER_DEPLOYMENT={settings.deployment} is no {service} deployment of topics.toml; have "
            + ", ".join(d.name for d in topics.deployments.values() if d.service == service)
        )
    metrics = Metrics(service, deployment.name)
    health = Health()
    async with AsyncExitStack() as stack:
        recorder = _recorder(service, deployment.name, metrics, stack)
        http = HealthServer(settings.metrics_address, metrics, health.alive, health.ready)
        stack.callback(http.stop)
        if not await _schema_is_there(settings, deployment, ending):
            return 0
        catalogue = catalogue_files.load_catalogue(settings.catalogue_dir)
        calendar = catalogue_files.load_calendar(settings.calendar_dir)
        queries = Queries(settings.database, deployment.schema)
        await queries.open()
        stack.push_async_callback(queries.close)
        doors = Doors(
            settings.kafka, topics, queries, lambda: loop.paused, max_waiting=settings.max_waiting, recorder=recorder
        )
        doors.start()
        stack.push_async_callback(doors.stop)
        parts = build(
            Runtime(settings, deployment, topics, catalogue, calendar, doors, queries, metrics, clock, recorder)
        )
        loop = Loop(
            UnitOfWork(parts.aggregate, deployment.name, topics)
            if recorder is None
            else TracedUnit(parts.aggregate, deployment.name, topics, recorder),
            lambda: KafkaLog(
                settings.kafka,
                deployment.name,
                topics,
                gather_seconds=parts.gather_seconds,
                clock=clock,
                recorder=recorder,
            ),
            PostgresStore(settings.database.url, deployment.schema, parts.aggregate.project),
            metrics,
            max_batch=settings.max_batch * (GATHERED_BATCHES if parts.gather_seconds else 1),
            observe=parts.observe,
            on_fatal=ending.fail,
            clock=clock,
            cached_aggregates=settings.cached_aggregates,
            stalled_seconds=settings.stalled_seconds,
            recorder=recorder,
        )
        health.loop = loop
        calls = Calls(settings.max_calls, settings.max_watchers)
        server, probe = await _grpc_server(settings, parts, queries, Edge(metrics, calls, recorder))
        stack.push_async_callback(server.stop, LAST_SECONDS)
        loop.start()
        logger.info("%s: gRPC %s, metrics http://%s/metrics", deployment.name, settings.grpc_address, http.address)
        gauges = asyncio.create_task(_gauges(loop, parts, queries, metrics, probe, clock))
        stack.callback(gauges.cancel)
        if parts.background is not None:
            stack.push_async_callback(_end, asyncio.create_task(_in_background(parts.background, ending)))
        await ending.wait()
        health.draining = True
        await probe.enter_graceful_shutdown()
        await _drain(loop, calls, settings.grace_seconds, ending)
    if ending.reason:
        logger.critical("%s", ending.reason)
    return 1 if ending.reason else 0


def _recorder(service: str, deployment: str, metrics: Metrics, stack: AsyncExitStack) -> Recorder | None:
    """What records spans until the end of `stack`; None without an endpoint for them."""
    spans = metrics["spans_total"]
    started = otlp.start(os.environ, service, deployment, lambda result, number: spans.labels(result).inc(number))
    if started is None:
        return None
    recorder, queue = started
    stack.push_async_callback(asyncio.to_thread, queue.close)
    return recorder


async def _drain(loop: Loop, calls: Calls, grace_seconds: float, ending: End) -> None:
    """Answer the calls in hand and take no more; then finish the step in hand, and leave the group.

    Callers wait for outcomes that the loop brings, so the loop stops last. Whatever is not done in the grace is safe to
    leave: the outbox has what is not sent, a command stands on its topic, and its sender asks again.
    """
    until = time.monotonic() + grace_seconds - LAST_SECONDS
    fatal = bool(ending.reason)
    answered = await calls.drain(0 if fatal else (until - time.monotonic()) * CALLS_SHARE)
    if not answered and not fatal:
        logger.warning("%d calls were not answered in time; they get UNAVAILABLE", calls.in_hand)
    if not await asyncio.to_thread(loop.stop, max(1.0, until - time.monotonic())) and not fatal:
        ending.fail(f"the loop did not end within {grace_seconds:.0f} s; what it had in hand is done at the next start")


class Health:
    """What probes are told: before there is a loop, that the process waits for its database and is not ready."""

    def __init__(self) -> None:
        self.loop: Loop | None = None
        self.draining = False

    def alive(self) -> bool:
        """Whether it makes progress. While it drains its grace is the bound, and no probe's."""
        return self.draining or self.loop is None or self.loop.alive

    def ready(self) -> bool:
        """Whether it is to be given work."""
        return self.loop is not None and self.loop.ready and not self.draining


async def _in_background(work: Callable[[], Coroutine[Any, Any, None]], ending: End) -> None:
    """Do the service's own work beside the loop; without it the process must not seem well."""
    try:
        await work()
        ending.fail("the background work ended")
    except Exception as error:
        logger.exception("the background work ended")
        ending.fail(f"the background work ended: {type(error).__name__}")


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


class End:
    """The end of the process: asked for by a signal, or forced by what cannot heal."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        self.reason = ""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._event.set)

    def fail(self, reason: str) -> None:
        """From any thread: end the process with this reason."""
        self.reason = reason
        self._loop.call_soon_threadsafe(self._event.set)

    @property
    def asked(self) -> bool:
        """Whether it was asked for."""
        return self._event.is_set()

    async def wait(self) -> None:
        """Until the end is asked for."""
        await self._event.wait()


async def _schema_is_there(settings: Settings, deployment: Deployment, ending: End) -> bool:
    """A database that is away at start is waited for; one of another version is an error. False: the end came first."""
    while not ending.asked:
        try:
            await asyncio.to_thread(revision.check, settings.database, deployment)
            return True
        except Unavailable:
            logger.warning("waiting for PostgreSQL")
            with suppress(TimeoutError):
                await asyncio.wait_for(ending.wait(), 1)
    return False


async def _grpc_server(
    settings: Settings, parts: Parts, queries: Queries, edge: Edge
) -> tuple[grpc.aio.Server, health.aio.HealthServicer]:
    server = grpc.aio.server(
        interceptors=[edge],
        options=[
            ("grpc.max_receive_message_length", MAX_GRPC_MESSAGE_BYTES),
            # Of one connection: what is beyond it waits at the client, and takes nothing here.
            ("grpc.max_concurrent_streams", 2 * (settings.max_calls + settings.max_watchers)),
            ("grpc.so_reuseport", 0),
        ],
    )
    parts.add_servicers(server)
    operations_service_pb2_grpc.add_OperationsServiceServicer_to_server(OperationsServicer(queries), server)
    probe = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(probe, server)
    operations = operations_service_pb2.DESCRIPTOR.services_by_name["OperationsService"].full_name
    reflection.enable_server_reflection(
        (*parts.service_names, operations, health.SERVICE_NAME, reflection.SERVICE_NAME), server
    )
    server.add_insecure_port(settings.grpc_address)
    await server.start()
    return server, probe


async def _gauges(
    loop: Loop, parts: Parts, queries: Queries, metrics: Metrics, probe: health.aio.HealthServicer, clock: Clock
) -> None:
    """What is cheaper to ask for now and then than to count."""
    while True:
        serving = health_pb2.HealthCheckResponse.SERVING
        status = serving if loop.ready else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *parts.service_names):
            await probe.set(name, status)
        try:
            ((parked, outbox, overdue),) = await queries.rows(
                "SELECT (SELECT count(DISTINCT (matter_id, writer, topic)) FROM parked),"
                " (SELECT coalesce(extract(epoch FROM now() - min(created)), 0)::float8 FROM outbox JOIN lanes"
                "   USING (lane) WHERE position >= sent_position),"
                " (SELECT count(*) FROM timers WHERE due_unix_ms < %s - 5000)",
                (clock.now_unix_ms(),),
            )
            metrics["parked_streams"].set(parked)
            metrics["outbox_age_seconds"].set(0 if loop.ready and loop.flushed else outbox)
            metrics["timers_overdue"].set(overdue)
            if parts.gauge is not None:
                await parts.gauge()
        except Unavailable:
            logger.debug("gauges wait for PostgreSQL")
        await asyncio.sleep(GAUGE_SECONDS if loop.ready else 0.2)
