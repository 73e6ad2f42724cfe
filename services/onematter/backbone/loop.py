"""Runs a worker in a thread of its own: progress, readiness, waiting while a dependency is away.

Rule 1: a dependency that is down stops the loop, not the process: it polls with nothing started, and tries again.
Rule 2: liveness is the loop's progress, that is, that it polls; readiness is that lanes are served and dependencies
answer. A step that hangs, in the database or anywhere else, turns liveness red and nothing else.
Rule 3: what cannot heal by waiting (another cluster, topics made anew) ends the process with its reason.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from onematter.backbone.cache import DEFAULT_AGGREGATES
from onematter.backbone.clock import Clock
from onematter.backbone.kafka import KafkaLog
from onematter.backbone.metrics import Metrics
from onematter.backbone.ports import Unavailable, WrongCluster
from onematter.backbone.service import Change
from onematter.backbone.spans import Recorder
from onematter.backbone.step import Step
from onematter.backbone.store import PostgresStore
from onematter.backbone.unit import UnitOfWork
from onematter.backbone.worker import Phase, Worker
from onematter.contracts.traces import exemplar

logger = logging.getLogger("onematter.loop")

MAX_BACKOFF_SECONDS = 5.0


class MetricsObserver:
    """Turns what the worker tells into metrics."""

    def __init__(
        self,
        metrics: Metrics,
        unit: UnitOfWork[Any, Any, Any],
        observe: Callable[[Any], None] | None,
        recorder: Recorder | None = None,
    ) -> None:
        self._metrics, self._unit, self._observe, self._recorder = metrics, unit, observe, recorder
        self.began = time.monotonic()

    def committed(self, step: Step[Any, Any], records: int) -> None:
        """Count a committed step, and hand over what it recorded."""
        metrics = self._metrics
        traceparent = self._record(step, records) if step.spans else ""
        metrics["step_duration_seconds"].observe(time.monotonic() - self.began, exemplar(traceparent))
        metrics["step_size_records"].observe(records)
        metrics["records_total"].labels("handled").inc(len(step.changes))
        for what, count in step.counts.items():
            metrics["records_total"].labels(what).inc(count)
        metrics["dead_letters_total"].inc(step.counts.get("dead_letters", 0))
        types: dict[str, int] = {}
        for change in step.changes:
            if change.event is not None:
                kind = self._unit.type_of(change.event, "event")
                types[kind] = types.get(kind, 0) + 1
                if self._observe is not None:
                    self._observe(change)
        for kind, count in types.items():
            metrics["events_total"].labels(kind.rpartition(".")[2]).inc(count)

    def _record(self, step: Step[Any, Any], records: int) -> str:
        if self._recorder is None:
            return ""
        deployment = self._unit.deployment
        return self._recorder.commit(
            step.spans,
            f"step {deployment}",
            {
                "messaging.system": "kafka",
                "messaging.consumer.group.name": f"onematter-{deployment}",
                "messaging.batch.message_count": records,
                "onematter.step.lanes": len(step.lanes()),
                "onematter.step.sent": sum(map(len, step.sendings.values())),
            },
        )

    def trouble(self, what: str) -> None:
        """Count a step that was given up."""
        self._metrics["steps_given_up_total"].labels(what).inc()
        logger.warning("step given up: %s", what)


class Loop(threading.Thread):
    """One deployment's worker."""

    def __init__(
        self,
        unit: UnitOfWork[Any, Any, Any],
        log: Callable[[], KafkaLog],
        store: PostgresStore,
        metrics: Metrics,
        *,
        max_batch: int,
        observe: Callable[[Change[Any, Any]], None] | None = None,
        on_fatal: Callable[[str], None],
        clock: Clock | None = None,
        cached_aggregates: int = DEFAULT_AGGREGATES,
        stalled_seconds: float = 120,
        recorder: Recorder | None = None,
    ) -> None:
        super().__init__(name="loop", daemon=True)
        self._unit, self._make_log, self._store, self._metrics = unit, log, store, metrics
        self._observer = MetricsObserver(metrics, unit, observe, recorder)
        self._max_batch, self._on_fatal = max_batch, on_fatal
        self._clock = clock or Clock()
        self._cached_aggregates, self._stalled_seconds = cached_aggregates, stalled_seconds
        self._stopping = threading.Event()
        self._began = time.monotonic()
        self._log: KafkaLog | None = None
        self.ready = False
        self.flushed = True

    @property
    def alive(self) -> bool:
        """Whether the loop makes progress; before its start it is not late yet."""
        polled_at = self._began if self._log is None else self._log.polled_at
        return (self.is_alive() or self.ident is None) and time.monotonic() - polled_at < self._stalled_seconds

    @property
    def paused(self) -> bool:
        """Whether hand-ins wait."""
        return self._log is not None and self._log.submissions_paused

    def stop(self, seconds: float | None = None) -> bool:
        """Finish the step in hand, commit and send it, leave the group, end; returns whether it did so in time."""
        self._stopping.set()
        self.join(seconds)
        return not self.is_alive()

    def run(self) -> None:
        """The thread."""
        try:
            self._log = self._make_log()
            self._run(self._log)
            self._log.close()
        except WrongCluster as error:
            self._on_fatal(str(error))
        except Exception as error:
            logger.exception("the loop ended")
            self._on_fatal(f"the loop ended: {type(error).__name__}")
        finally:
            self.ready = False
            self._store.close()

    def _run(self, log: KafkaLog) -> None:
        worker = Worker(
            self._unit, log, self._store, self._observer,
            clock_unix_ms=self._clock.now_unix_ms, max_batch=self._max_batch, cached_aggregates=self._cached_aggregates,
        )  # fmt: skip
        backoff = 0.1
        while not (self._stopping.is_set() and worker.phase in (Phase.POLL, Phase.TAKE)):
            try:
                if worker.phase is Phase.POLL:
                    self._observer.began = time.monotonic()
                took = worker.advance(0.1)
                if took is Phase.TAKE and worker.phase is Phase.POLL:
                    self._set_ready(True, worker)
                if took is not Phase.POLL:
                    backoff = 0.1
                self._gauge(worker, log)
            except Unavailable as error:
                self._set_ready(False, worker)
                logger.warning("waiting for a dependency: %s", error)
                until = time.monotonic() + backoff
                backoff = min(2 * backoff, MAX_BACKOFF_SECONDS)
                while time.monotonic() < until and not self._stopping.is_set():
                    worker.keep_alive(0.1)
        if worker.phase is Phase.POLL:
            try:
                log.flush()
            except Unavailable:
                logger.warning("unsent records stay in the outbox until the next start")

    def _set_ready(self, ready: bool, worker: Worker[Any, Any, Any]) -> None:
        self.ready = ready
        self._metrics["ready"].set(int(ready))
        self._metrics["lanes"].set(len(worker.lanes))

    def _gauge(self, worker: Worker[Any, Any, Any], log: KafkaLog) -> None:
        oldest = worker.oldest_unix_ms()
        age = 0.0 if oldest is None else max(0.0, (self._clock.now_unix_ms() - oldest) / 1000)
        self._metrics["oldest_unprocessed_age_seconds"].set(age)
        self.flushed = worker.flushed
        self._metrics["lag_records"].set(log.lag)
        if self._unit.deployment == "intake":
            self._metrics["submissions_paused"].set(int(log.submissions_paused))
