"""What a story's services run on: a log with one order over all topics, a store with the services' rows, a mailbox."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString

from tests.simulation.database import Tables
from tests.simulation.memory import Broker, MemoryLog, MemoryStore, Produced

from onematter.archive import store as archive_store
from onematter.backbone.service import Aggregate
from onematter.backbone.step import Step
from onematter.backbone.unit import UnitOfWork
from onematter.backbone.worker import Phase, Worker
from onematter.contracts.topics import Deployment, TopicTable
from onematter.notification.channel import Letter


class JournalBroker(Broker):
    """The log, with one order over all topics, and with records that come twice when `again` says so."""

    def __init__(self, table: TopicTable, clock_unix_ms: Callable[[], int], again: Callable[[], bool]) -> None:
        super().__init__(table, clock_unix_ms)
        self.journal: list[tuple[int, Produced]] = []
        self.again = again

    def append(self, record: Produced) -> None:
        """Append once, or twice."""
        super().append(record)
        self.journal.append((self.clock_unix_ms(), record))
        if self.again():
            super().append(record)


class StoryLog(MemoryLog):
    """Knows whether there is something to read."""

    def has_news(self) -> bool:
        """Whether a poll would bring something."""
        if self.news is not None or self.pending:
            return True
        held = self.broker.topics
        return any(at < len(held[topic][lane]) for (topic, lane), at in self._positions.items())


@dataclass(slots=True)
class StoryTables(Tables):
    """The backbone's tables and the archive's."""

    records: dict[tuple[str, int], bytes] = field(default_factory=dict[tuple[str, int], bytes])


class StoryStore(MemoryStore):
    """Writes a service's own rows in the step's transaction, too; of these only the archive's are kept."""

    project: Callable[[Any, Sequence[Any]], None] | None = None

    def write(self, step: Step[Any, Any]) -> None:
        """As the store does."""
        super().write(step)
        if self.project is not None and step.changes:
            self.project(self, step.changes)

    def execute(self, sql: LiteralString, params: Sequence[Any] = ()) -> None:
        """One statement of a projection."""
        if sql is archive_store.UPSERT:
            for matter_id, chunk, records in zip(*params, strict=True):
                self._open()["records", (matter_id, chunk)] = records

    def executemany(self, sql: LiteralString, rows: Sequence[Sequence[object]]) -> None:
        """One statement of a projection, for each row; none of these is the archive's."""


class StoryUnit(UnitOfWork[Any, Any, Any]):
    """Remembers what a core threw, which the worker turns into a parked record."""

    thrown: BaseException | None = None

    def decode(self, step: Any, record: Any) -> Any:
        """As the unit of work does."""
        try:
            return super().decode(step, record)
        except Exception as error:
            self.thrown = error
            raise

    def handle(self, step: Any, held: Any, record: Any, command: Any) -> None:
        """As the unit of work does."""
        try:
            super().handle(step, held, record, command)
        except Exception as error:
            self.thrown = error
            raise

    def handle_timer(self, step: Any, held: Any, row: Any) -> None:
        """As the unit of work does."""
        try:
            super().handle_timer(step, held, row)
        except Exception as error:
            self.thrown = error
            raise

    def bury(self, step: Any, record: Any, reason: str) -> None:
        """A dead letter."""
        self.thrown = self.thrown or AssertionError(f"{self.deployment} cannot take in {record.topic}: {reason}")
        super().bury(step, record, reason)


class Mailbox:
    """The channel of the notices: keeps the letters, each once."""

    name = "mailbox"

    def __init__(self) -> None:
        self.letters: dict[str, Letter] = {}

    def deliver(self, letter: Letter) -> str:
        """Take it."""
        self.letters.setdefault(letter.notice.notice_id, letter)
        return ""

    def flush(self) -> None:
        """Nothing is left to do."""


@dataclass(eq=False)
class Member:
    """One deployment's process."""

    deployment: Deployment
    aggregate: Aggregate[Any, Any, Any]
    unit: StoryUnit
    worker: Worker[Any, Any, Any]
    log: StoryLog
    store: StoryStore
    tables: StoryTables

    def has_work(self, now_unix_ms: int) -> bool:
        """Whether a phase would do something."""
        if self.worker.phase is not Phase.POLL or self.log.has_news():
            return True
        return any(due <= now_unix_ms for *_, due in self.tables.timers.values())
