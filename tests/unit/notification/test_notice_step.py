"""The file channel in the worker's step: what is told as delivered stands there, whatever fails and wherever."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.simulation.bench import Fails, Process, Watching
from tests.simulation.database import Database
from tests.simulation.memory import Broker, MemoryLog, MemoryStore, Produced
from tests.simulation.weather import Crashed, Weather
from tests.unit.notification.cases import CATALOGUE, MATTER_ID, NOW, accepted, completed, concluded, event, rows_in

from onematter.backbone.ports import Unavailable
from onematter.backbone.unit import UnitOfWork
from onematter.backbone.worker import Phase, Worker
from onematter.contracts import headers, keys
from onematter.contracts.topics import MATTER_EVENTS, table
from onematter.notification import handlers
from onematter.notification.file_channel import FileChannel
from onematter.notification.v1.notification_events_pb2 import NoticeEvent

NOTICE_EVENTS = "onematter.notification.events.v1"
CONTENTS = (accepted(), concluded(), completed())
MAX_CALLS = 80


class Bench:
    """Notification's worker on a log and a database in memory, and a channel on a real file."""

    def __init__(self, path: Path) -> None:
        self.path, self.table, self.now_unix_ms = path, table(), NOW
        self.broker, self.database = Broker(self.table, lambda: self.now_unix_ms), Database()
        self.watching = Watching()

    def put(self, *contents: Any, matter_id: str = MATTER_ID, spoilt: bool = False) -> None:
        """Intake tells this of a matter; spoilt, so that nobody can decode it."""
        for sequence, content in enumerate(contents, 1):
            told = event(content)
            told.matter_id = matter_id
            stamped = headers.inside(
                deployment="intake", topic=MATTER_EVENTS, key=matter_id, sequence=sequence,
                type=content.DESCRIPTOR.full_name, time_unix_ms=NOW, traceparent="",
            )  # fmt: skip
            lane = keys.partition_of(matter_id.encode(), self.table.partitions)
            value = b"\xff" if spoilt else told.SerializeToString()
            self.broker.append(Produced(MATTER_EVENTS, lane, matter_id.encode(), value, tuple(stamped)))

    def start(
        self, channel: FileChannel, weather: Weather | None = None, flush: Callable[[], None] | None = None
    ) -> Process:
        """A new process, which is given all lanes; `flush` instead of the channel's own."""
        aggregate = handlers.aggregate(channel, CATALOGUE)
        if flush is not None:
            aggregate = dataclasses.replace(aggregate, before_commit=flush)
        log = MemoryLog(self.broker, "notification", weather or Weather())
        store = MemoryStore(self.database, log.weather)
        unit = UnitOfWork(aggregate, "notification", self.table)
        log.news = frozenset(range(self.table.partitions))
        worker = Worker(unit, log, store, self.watching, clock_unix_ms=lambda: self.now_unix_ms)
        return Process(worker, log, store)

    def run(self, process: Process, hours: float = 0.0) -> None:
        """Advance until nothing is left to do, timers of the next hours included."""
        until = self.now_unix_ms + hours * 3_600_000
        idle = 0
        while idle < 3 or self.now_unix_ms < until:
            took = process.worker.advance(0.0)
            idle = idle + 1 if took is Phase.POLL and process.worker.phase is Phase.POLL else 0
            if idle:
                self.now_unix_ms += 1000
        process.log.flush()

    def lose(self, process: Process) -> None:
        """The process is gone, and what it had begun is undone."""
        process.store.disconnect()
        for orphan in list(self.database.orphans):
            self.database.settle(orphan, commit=False)

    def events(self) -> list[NoticeEvent]:
        """What is told of notices, each event once."""
        values = dict.fromkeys(e.value for lane in self.broker.topics[NOTICE_EVENTS] for e in lane)
        return [NoticeEvent.FromString(value or b"") for value in values]

    def kinds(self) -> list[str | None]:
        return [one.WhichOneof("event") for one in self.events()]

    def standing(self) -> list[str]:
        return [notice_id for _, notice_id, _ in rows_in(self.path)] if self.path.exists() else []


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "notices.db")


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("error", [Crashed, Unavailable])
def test_whatever_call_fails_each_notice_stands_there_once(
    tmp_path: Path, error: type[BaseException], late: bool
) -> None:
    failed_at: set[str] = set()
    stood_there: set[str] = set()
    for number in range(1, MAX_CALLS):
        bench = Bench(tmp_path / f"{number}.db")
        bench.put(*CONTENTS)
        weather = Fails(number, error, after=late)
        with closing(FileChannel(bench.path)) as channel:
            process = bench.start(channel, weather)
            try:
                bench.run(process)
            except error:
                bench.lose(process)
        if number > len(weather.calls):
            break
        if not weather.failed:
            continue
        call = weather.calls[number - 1]
        failed_at.add(call)
        if not bench.events() and bench.standing():
            stood_there.add(call)
        with closing(FileChannel(bench.path)) as channel:
            bench.run(bench.start(channel))
        assert bench.kinds() == ["notice_delivered"] * 3, weather.calls
        assert bench.standing() == [one.notice_id for one in bench.events()], weather.calls
    assert failed_at >= {"poll", "flush", "write", "write_lanes", "commit", "send"}
    assert "commit" in stood_there, "a crash between the channel's commit and the step's"


def test_notices_stand_there_when_the_step_is_committed_and_not_before_it_is_whole(bench: Bench) -> None:
    seen: dict[str, list[str]] = {}

    class Looks(Weather):
        def before(self, call: str) -> None:
            if bench.database.tables.lanes and not bench.database.tables.outbox:
                seen[call] = bench.standing()

    bench.put(*CONTENTS)
    with closing(FileChannel(bench.path)) as channel:
        bench.run(bench.start(channel, Looks()))
    assert seen["write"] == seen["write_lanes"] == []
    assert seen["commit"] == [one.notice_id for one in bench.events()]
    assert len(seen["commit"]) == 3


@pytest.mark.parametrize("spoilt", [False, True], ids=["as a whole", "one by one"])
def test_hook_is_called_once_a_step_and_gives_it_up(bench: Bench, spoilt: bool) -> None:
    """Also of a step that is run again one by one, because one of its records is spoilt."""
    bench.put(*CONTENTS)
    bench.put(accepted(), matter_id="f" * 32, spoilt=spoilt)
    calls: list[int] = []
    with closing(FileChannel(bench.path)) as channel:

        def flush() -> None:
            transaction = process.store.transaction
            assert transaction is not None
            calls.append(sum(table == "aggregates" for table, _ in transaction.writes))
            if len(calls) == 1:
                raise Unavailable("not now")
            channel.flush()

        process = bench.start(channel, flush=flush)
        with pytest.raises(Unavailable, match="not now"):
            bench.run(process)
        assert process.worker.phase is Phase.TAKE
        assert not bench.database.tables.aggregates
        assert not bench.events()
        bench.run(process)
    aggregates = 2
    assert calls == [aggregates, aggregates]
    assert len(bench.database.tables.aggregates) == aggregates
    assert len(bench.database.tables.parked) == spoilt
    assert set(bench.standing()) >= {one.notice_id for one in bench.events()}
    assert bench.kinds() == ["notice_delivered"] * (3 if spoilt else 4)


def test_a_channel_that_is_away_gives_a_step_up_once_and_delays_its_notices(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "not-mounted" / "notices.db")
    bench.put(*CONTENTS)
    with closing(FileChannel(bench.path)) as channel:
        process = bench.start(channel)
        with pytest.raises(Unavailable, match=r"^the file of the notices: ENOENT: No such file or directory$"):
            bench.run(process)
        assert not bench.events()
        bench.run(process)
        assert bench.kinds()[:3] == ["notice_delayed"] * 3
        bench.run(process, hours=2)
        assert set(bench.kinds()) == {"notice_delayed"}
        assert bench.watching.troubles == ["unavailable"]
        bench.path.parent.mkdir()
        bench.run(process, hours=2)
        assert bench.kinds()[-3:] == ["notice_delivered"] * 3
        assert sorted(bench.standing()) == sorted(one.notice_id for one in bench.events()[-3:])
        assert not bench.database.tables.timers
        assert bench.watching.troubles == ["unavailable"]
