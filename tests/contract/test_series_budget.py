"""No process shows more than 2,000 series, whatever a province of a hundred divisions does to it.

Everything that counts is given every value that it can meet: every method with every code, every event, every reason,
tasks of every department in a hundred divisions, every source of shared data. What counts is the services' own wiring.
"""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from onematter.approval.__main__ import build as build_approval
from onematter.approval.v1 import approval_service_pb2
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TasksState
from onematter.archive.__main__ import build as build_archive
from onematter.archive.v1 import archive_service_pb2
from onematter.archive.v1.archive_events_pb2 import RecordEvent
from onematter.archive.v1.archive_state_pb2 import RecordState
from onematter.backbone.catalogue_files import load_calendar, load_catalogue
from onematter.backbone.clock import Clock
from onematter.backbone.door_calls import DoorCalls
from onematter.backbone.doors import Doors, Queries
from onematter.backbone.loop import MetricsObserver
from onematter.backbone.metrics import Metrics
from onematter.backbone.program import Parts, Runtime
from onematter.backbone.service import Change
from onematter.backbone.settings import Settings
from onematter.backbone.step import Step
from onematter.backbone.unit import UnitOfWork
from onematter.backbone.v1 import operations_service_pb2
from onematter.canary.core import STAGES
from onematter.common.v1.actor_pb2 import Level
from onematter.contracts.topics import TopicTable, parse
from onematter.exchange.__main__ import build as build_exchange
from onematter.exchange.caller import Caller
from onematter.exchange.store import Call
from onematter.exchange.v1 import exchange_service_pb2
from onematter.exchange.v1.exchange_commands_pb2 import CallFailure, RecordAnswer
from onematter.exchange.v1.exchange_events_pb2 import ExchangeEvent
from onematter.exchange.v1.exchange_state_pb2 import SharingState
from onematter.intake.__main__ import build as build_intake
from onematter.intake.v1 import intake_service_pb2
from onematter.intake.v1.intake_events_pb2 import MatterEvent, MatterOutcome
from onematter.intake.v1.intake_state_pb2 import MatterState
from onematter.law.catalogue import Catalogue
from onematter.notification.__main__ import build as build_notification
from onematter.notification.v1 import notification_service_pb2
from onematter.notification.v1.notification_events_pb2 import NoticeEvent, NoticeKind
from onematter.notification.v1.notification_state_pb2 import NoticesState
from onematter.supervision.core import by_level
from onematter.supervision.metrics import Tally, WindowCollector

ROOT = Path(__file__).resolve().parents[2]
BUDGET = 2_000
DIVISIONS = [f"33{city:02}{county:02}" for city in range(1, 11) for county in range(1, 11)]
# What the worker and the loop count of records and steps.
COUNTED = ("duplicates", "alarms", "gaps", "dead_letters", "refusals", "forwarded", "absorbed", "ahead", "unknown")
TROUBLES = ("fenced", "unavailable", "rerun", "failed")
BUILDERS: dict[str, tuple[Callable[[Runtime], Parts], Any]] = {
    "intake": (build_intake, intake_service_pb2),
    "approval": (build_approval, approval_service_pb2),
    "notification": (build_notification, notification_service_pb2),
    "archive": (build_archive, archive_service_pb2),
    "exchange": (build_exchange, exchange_service_pb2),
}


@cache
def catalogue() -> Catalogue:
    return load_catalogue()


@cache
def table() -> TopicTable:
    """What ships, and a centre of its own in each of a hundred divisions."""
    document = tomllib.loads((ROOT / "deploy" / "topics.toml").read_text())
    for division in DIVISIONS:
        name = f"approval-{division}"
        document["deployment"].append({"name": name, "service": "approval", "level": "COUNTY", "division": division})
        place = f"onematter.approval.{division}"
        document["topic"] += [
            {
                "name": f"{place}.commands.v1",
                "kind": "commands",
                "owner": name,
                "writers": ["intake"],
                "readers": [name],
            },
            {"name": f"{place}.events.v1", "kind": "events", "owner": name, "readers": ["intake", "archive"]},
        ]
    return parse(document)


class Context:
    """What grpc tells of a call that ended with `status`."""

    def __init__(self, status: grpc.StatusCode) -> None:
        self._status = status

    def code(self) -> grpc.StatusCode:
        return self._status

    def invocation_metadata(self) -> tuple[()]:
        return ()


def kinds_of(event_type: Any) -> list[str]:
    return [field.name for field in event_type.DESCRIPTOR.oneofs_by_name["event"].fields]


def of_kind(event_type: Any, kind: str) -> Any:
    event = event_type(matter_id="m")
    getattr(event, kind).SetInParent()
    return event


def departments() -> list[str]:
    return sorted(catalogue().departments)


def changes(service: str) -> Iterator[Change[Any, Any]]:
    """Changes with every event, and with whatever of it becomes a label."""

    def change(state: Message, event: Any) -> Change[Any, Any]:
        return Change("m", 0, state, event, None)

    if service == "intake":
        for kind in kinds_of(MatterEvent):
            yield change(MatterState(), of_kind(MatterEvent, kind))
        for outcome in MatterOutcome.values():
            for automatic in (True, False):
                for division in DIVISIONS:
                    event = of_kind(MatterEvent, "matter_completed")
                    event.matter_completed.outcome, event.matter_completed.division = outcome, division
                    event.matter_completed.results.add(automatic=automatic)
                    yield change(MatterState(), event)
    elif service == "approval":
        for kind in kinds_of(ApprovalEvent):
            yield change(TasksState(), of_kind(ApprovalEvent, kind))
        for division in DIVISIONS:
            for department in departments():
                for automatic in (True, False):
                    state = TasksState()
                    state.tasks.add(item_id="01", department=department, division=division)
                    event = of_kind(ApprovalEvent, "task_decided")
                    event.item_id, event.task_decided.automatic = "01", automatic
                    yield change(state, event)
    elif service == "notification":
        for kind in kinds_of(NoticeEvent):
            for notice in NoticeKind.values():
                event = of_kind(NoticeEvent, kind)
                getattr(event, kind).notice.kind = notice
                yield change(NoticesState(), event)
    elif service == "archive":
        yield change(RecordState(), of_kind(RecordEvent, "matter_sealed"))
    else:
        for kind in kinds_of(ExchangeEvent):
            for source in departments():
                event = of_kind(ExchangeEvent, kind)
                if hasattr(getattr(event, kind), "source"):
                    getattr(event, kind).source = source
                yield change(SharingState(), event)


def methods(service_module: Any) -> list[str]:
    described = [service_module.DESCRIPTOR, operations_service_pb2.DESCRIPTOR]
    return [
        f"/{service.full_name}/{method.name}"
        for file in described
        for service in file.services_by_name.values()
        for method in service.methods
    ]


async def driven(service: str, deployment: str, directory: Path) -> CollectorRegistry:
    """The registry of a process that has met everything."""
    build, module = BUILDERS[service]
    settings = Settings.from_environment(
        service,
        {
            "ONEMATTER_DEPLOYMENT": deployment,
            "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
            "ONEMATTER_DATA_DIR": str(directory),
        },
    )
    metrics = Metrics(service, deployment)
    room = table().deployments[deployment]
    queries = Queries(settings.database, room.schema)
    doors = Doors(settings.kafka, table(), queries, lambda: False)
    parts = build(Runtime(settings, room, table(), catalogue(), load_calendar(), doors, queries, metrics, Clock()))
    observer = MetricsObserver(metrics, UnitOfWork(parts.aggregate, deployment, table()), parts.observe)
    observer.committed(Step(changes=list(changes(service)), counts=dict.fromkeys(COUNTED, 1)), 500)
    for what in TROUBLES:
        observer.trouble(what)
    told = DoorCalls(metrics)
    for path in methods(module):
        for status in grpc.StatusCode:
            told.end(told.begin(path, None, Context(status)), Context(status))
    if service == "approval":
        from onematter.approval.figures import TaskFigures

        level = Level.Name(room.level).removeprefix("LEVEL_").lower()  # type: ignore[arg-type]
        TaskFigures(metrics, level, departments()).waiting([(one, 1, 1, 1) for one in departments()])
    if service == "exchange":
        caller = Caller(None, None, queries, None, metrics, principal="p")  # type: ignore[arg-type]
        for source in departments():
            for name in ("", "found", "refused", "later", *(CallFailure.Name(one) for one in CallFailure.values())):
                caller._recorded(Call("m", "x", source, 1), RecordAnswer(), name, 1.0)
    for result in ("ok", "different", "gone"):
        if service == "archive":
            metrics["self_audits_total"].labels(result).inc()
    return metrics.registry


def series(registry: CollectorRegistry) -> int:
    """As Prometheus counts them: a name with its labels, a bucket each."""
    text = generate_latest(registry).decode()
    found = [
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]
    assert len(found) == len(set(found))
    return len(found)


@pytest.fixture(autouse=True)
def peers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEMATTER_INTAKE_ADDRESS", "127.0.0.1:1")


@pytest.mark.parametrize("service", BUILDERS)
def test_a_service_of_a_hundred_divisions_stays_within_its_budget(service: str, tmp_path: Path) -> None:
    deployment = "approval-province" if service == "approval" else service
    shown = series(asyncio.run(driven(service, deployment, tmp_path)))
    assert 100 < shown <= BUDGET


def test_a_hundred_centres_each_stay_as_small_as_one(tmp_path: Path) -> None:
    shown = {
        series(asyncio.run(driven("approval", f"approval-{division}", tmp_path)))
        for division in (DIVISIONS[0], DIVISIONS[-1])
    }
    assert len(shown) == 1
    assert shown.pop() <= BUDGET


def test_supervision_and_the_canary_stay_within_theirs() -> None:
    tally = Tally()
    tally.registry.register(WindowCollector(lambda: by_level([]), lambda: 0, lambda: True))
    assert 100 < series(tally.registry) <= BUDGET
    metrics = Metrics("canary")
    for division in DIVISIONS:
        metrics["canary_last_success_timestamp_seconds"].labels(division).set(1)
    for stage in STAGES:
        metrics["canary_duration_seconds"].labels(stage).observe(1)
        metrics["canary_failures_total"].labels(stage).inc()
    assert 100 < series(metrics.registry) <= BUDGET
