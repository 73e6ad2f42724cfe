"""The Faust app: events in, rows and marks out.

Rule 1: no record stops the stream. What cannot be decoded, and what fails, is counted and passed over.
Rule 2: after each recovery the group's offsets are set to what the table says (see store); from there the
records come again, and the fold drops what it has.
Rule 3: resuming what is not suspended changes nothing. Faust resumes once more when a recovery is complete, and
drops by it what the partitions, which are read again by then, have brought already.
Rule 4: one process. A second one would share the partitions, and each would show only its own; it serves as
a standby whose figures are to be added.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import faust
from faust.types import TP
from mode.utils.objects import cached_property
from mode.utils.queues import FlowControlEvent

from onematter.backbone.clock import Clock
from onematter.contracts.aggregate import Undecodable
from onematter.contracts.connections import KafkaConnection
from onematter.contracts.headers import rfc3339
from onematter.supervision.core import (
    WINDOW_DAYS,
    Figures,
    Finished,
    as_document,
    by_level,
    day_of,
    fold_finished,
    fold_visit,
)
from onematter.supervision.handlers import fact_from
from onematter.supervision.metrics import Outcome, Tally
from onematter.supervision.provision import SESSION_SECONDS, TABLE, Names, Unprovisioned
from onematter.supervision.store import Days, Indicators

_EXPIRY_SECONDS = 3_600.0

log = logging.getLogger(__name__)


def credentials_of(connection: KafkaConnection) -> faust.auth.Credentials | None:
    """The connection's TLS and SASL settings as Faust's own object; None for a plain connection."""
    context = connection.ssl_context() if connection.encrypted else None
    if connection.authenticated:
        return faust.SASLCredentials(
            username=connection.sasl_username,
            password=connection.sasl_password,
            ssl_context=context,
            mechanism=connection.sasl_mechanism or "PLAIN",
        )
    return faust.SSLCredentials(context) if context else None


class FlowControl(FlowControlEvent):
    """Faust's own, but for Rule 3: its `resume` empties the queues."""

    def resume(self) -> None:
        """Let records into the queues, which are emptied of what came before the suspension."""
        if not self.is_active():
            super().resume()


class App(faust.App):
    """Faust's own, with the flow control of Rule 3."""

    @cached_property
    def flow_control(self) -> FlowControlEvent:
        """What suspends and resumes all queues."""
        return FlowControl(loop=self.loop)


class Supervision:
    """The app with its table, and what it answers."""

    def __init__(
        self, connection: KafkaConnection, names: Names, partitions: int, data_dir: Path, clock: Clock | None = None
    ) -> None:
        """`clock` says which day it is, which is the window's last; the real one unless it is given."""
        self.tally = Tally()
        self._clock = clock or Clock()
        self._events_topic = names.events_topic
        self._ready = False
        self.app = App(
            names.app_id,
            broker=[f"kafka://{server}" for server in connection.bootstrap_servers.split(",")],
            broker_credentials=credentials_of(connection),
            # A killed process stays a member this long, and the next one waits for it.
            broker_session_timeout=float(SESSION_SECONDS),
            broker_heartbeat_interval=2.0,
            broker_request_timeout=90.0,
            consumer_auto_offset_reset="earliest",
            datadir=data_dir / names.app_id,
            store="memory://",
            producer_acks=-1,
            producer_request_timeout=90.0,
            Table=Days,
            topic_partitions=partitions,
            topic_allow_declare=False,
            topic_disable_leader=True,
            web_enabled=False,
            stream_wait_empty=False,
            autodiscover=False,
            loghandlers=[],
            worker_redirect_stdouts=False,
        )
        events = self.app.topic(
            names.events_topic,
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
            partitions=partitions,
            allow_empty=True,
        )
        # The wrapper that `tumbling` returns picks a window by the record's time; ours is picked by the
        # event's.
        windowed: Any = self.app.Table(TABLE, partitions=partitions, on_recover=self._recovered).tumbling(
            timedelta(days=1), expires=timedelta(days=WINDOW_DAYS)
        )
        table: Days = windowed.table
        self._indicators = Indicators(table)
        self.app.agent(events, name="count")(self._count)
        self.app.timer(_EXPIRY_SECONDS)(self._expire)
        self.app.on_partitions_revoked.connect(self._revoked)

    @property
    def ready(self) -> bool:
        """Whether partitions are assigned and the table is recovered."""
        return self._ready and not self.app.rebalancing

    async def _count(self, stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            try:
                outcome = self._take_in(message.partition, message.offset, message.value)
            except Undecodable:
                outcome = Outcome.UNDECODABLE
            except Exception as error:
                log.error("record %s/%s failed: %s", message.partition, message.offset, type(error).__name__)
                outcome = Outcome.FAILED
            self.tally.count(outcome)

    def _take_in(self, partition: int, offset: int, value: bytes | None) -> Outcome:
        fact = fact_from(value)
        if fact is None:
            return Outcome.PASSED_OVER
        day = day_of(fact.time_unix_ms)
        if isinstance(fact, Finished):
            if day <= self._last_expired_day():
                return Outcome.EXPIRED
            row = self._indicators.row(partition, fact.level, day)
            new_row, new_mark = fold_finished(row, self._indicators.mark(fact.matter_id, day), fact, offset)
            level = fact.level
        else:
            found = self._indicators.find_mark(fact.matter_id, day)
            if found is None:
                return Outcome.UNATTRIBUTED
            day, mark = found
            level = mark[0]
            new_row, new_mark = fold_visit(self._indicators.row(partition, level, day), mark, fact, offset)
        if new_row is not None:
            self._indicators.put_row(partition, level, day, new_row)
        if new_mark is not None:
            self._indicators.put_mark(fact.matter_id, day, new_mark)
        return Outcome.REPEATED if new_row is None else Outcome.COUNTED

    async def _recovered(self) -> None:
        try:
            await self._resume_from_table()
        except Exception as error:
            # Faust drops what a callback raises.
            await self.app.crash(error)
            raise
        self._ready = True

    async def _resume_from_table(self) -> None:
        after_day = self._last_expired_day()
        self._indicators.expire(after_day)
        places = [TP(self._events_topic, partition) for partition in sorted(self._partitions())]
        ends = await self.app.consumer.highwaters(*places)
        offsets: dict[TP, int] = {}
        for place in places:
            through = self._indicators.through(place.partition, after_day)
            if through is not None and through >= ends[place]:
                raise Unprovisioned(
                    f"the table is folded through offset {through} of {self._events_topic}[{place.partition}], "
                    f"which ends at {ends[place]}: it belongs to another topic; "
                    "run `python -m onematter.supervision rebuild`"
                )
            # The record itself comes again: its mark may be missing.
            offsets[place] = through or 0
        consumer: Any = self.app.consumer
        await consumer._commit(offsets)
        for place, offset in offsets.items():
            # Faust goes on to where the group's offsets point, but not to 0.
            await consumer.seek(place, offset)

    async def _revoked(self, *_: Any, **__: Any) -> None:
        self._ready = False

    async def _expire(self) -> None:
        self._indicators.expire(self._last_expired_day())

    def _last_expired_day(self) -> int:
        """The last day that is out of the window; today is its newest day."""
        return day_of(self._clock.now_unix_ms()) - WINDOW_DAYS

    def _partitions(self) -> set[int]:
        return {tp.partition for tp in self.app.consumer.assignment() if tp.topic == self._events_topic}

    def lag_records(self) -> int:
        """Records of the assigned partitions that are not read yet, as the last fetch knew it."""
        consumer: Any = self.app.consumer
        return sum(
            max(0, (consumer.highwater(tp) or 0) - 1 - (consumer._read_offset.get(tp) or -1))
            for tp in consumer.assignment()
            if tp.topic == self._events_topic
        )

    def figures(self) -> tuple[int, Mapping[str, Figures]]:
        """Newest event time that is folded in (0 without), and the figures by level."""
        rows = list(self._indicators.rows(self._partitions(), self._last_expired_day()))
        newest = max((row["latest_unix_ms"] for _, _, row in rows), default=0)
        return newest, by_level((level, row) for _, level, row in rows)

    def indicators(self) -> dict[str, Any]:
        """The document of `/indicators`. `as_of` is null before the first matter is counted."""
        newest, figures = self.figures()
        return {
            "as_of": rfc3339(newest) if newest else None,
            "window_days": WINDOW_DAYS,
            "levels": {name: as_document(of_level) for name, of_level in figures.items()},
        }
