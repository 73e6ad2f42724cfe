"""A whole deployment in memory: intake, approval of three levels, archive and notification, real but for log and store.

Rule 1: what runs here are the services' own aggregates in the backbone's unit of work and worker; nothing is stood in
for but Kafka, PostgreSQL and the channel of the notices.
Rule 2: time is a number that the test moves; on its way the timers fire in their order. There is no other clock and
no randomness, so a story is the same every time.
Rule 3: what goes wrong inside (a parked record, a dead letter, an exception of a core) ends the story at once, with
what was thrown; `lenient` worlds, whose log and store fail at random, forgive what the worker itself forgives.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from google.protobuf.message import Message
from tests.simulation.database import Database
from tests.simulation.memory import Produced
from tests.simulation.weather import Blocked, Weather
from tests.stories.parts import JournalBroker, Mailbox, Member, StoryLog, StoryStore, StoryTables, StoryUnit
from tests.stories.platform import Platform

from onematter.approval import handlers as approval
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TasksState, TaskState
from onematter.archive import handlers as archive
from onematter.archive import store as archive_store
from onematter.archive.servicer import receipt_of
from onematter.archive.v1.archive_events_pb2 import RecordEvent
from onematter.archive.v1.archive_service_pb2 import CaseFile, Receipt
from onematter.archive.v1.archive_state_pb2 import RecordState
from onematter.backbone.catalogue_files import load_calendar, load_catalogue
from onematter.backbone.ports import Unavailable
from onematter.backbone.service import Aggregate
from onematter.backbone.step import Step
from onematter.backbone.v1.ledger_pb2 import Ledger
from onematter.backbone.worker import Worker
from onematter.common.v1.outcome_pb2 import Outcome, Reason
from onematter.contracts import headers, topics
from onematter.contracts.keys import partition_of
from onematter.contracts.topics import MATTER_EVENTS, Deployment
from onematter.exchange import handlers as exchange
from onematter.exchange.core import Policy
from onematter.exchange.v1.exchange_events_pb2 import ExchangeEvent
from onematter.intake import handlers as intake
from onematter.intake.v1.intake_events_pb2 import MatterEvent
from onematter.intake.v1.intake_state_pb2 import MatterState
from onematter.law.calendar import WorkingCalendar, end_of_day_unix_ms, legal_date
from onematter.law.catalogue import Catalogue
from onematter.notification import handlers as notification
from onematter.notification.channel import Letter
from onematter.notification.v1.notification_events_pb2 import NoticeEvent
from onematter.notification.v1.notification_state_pb2 import NoticesState

DAY_MS, HOUR_MS, MINUTE_MS = 86_400_000, 3_600_000, 60_000
OPENING_MS = 9 * HOUR_MS
BEGINNING = "2026-03-02 09:00"
_CHINA = timedelta(hours=8)
_MAX_STEPS = 200_000
_EVENTS: Mapping[str, type[Message]] = {
    "approval": ApprovalEvent,
    "archive": RecordEvent,
    "exchange": ExchangeEvent,
    "notification": NoticeEvent,
}


def instant(china: str) -> int:
    """Return a time in China, as "2026-03-02 09:00", in milliseconds since 1970, UTC."""
    return int((datetime.fromisoformat(china) - _CHINA).replace(tzinfo=UTC).timestamp() * 1000)


@cache
def shipped_catalogue() -> Catalogue:
    """The catalogue that ships, read once."""
    return load_catalogue()


@cache
def shipped_calendar() -> WorkingCalendar:
    """The calendar that ships, read once."""
    return load_calendar()


class Refused(AssertionError):
    """A command was refused; its text names each field with its reason."""

    def __init__(self, outcome: Outcome) -> None:
        self.reasons = tuple(Reason.Name(v.reason).removeprefix("REASON_") for v in outcome.refused.violations)
        fields = [v.field for v in outcome.refused.violations]
        told = "; ".join(f"{where}: {why}" for where, why in zip(fields, self.reasons, strict=True))
        super().__init__(f"{outcome.refused.command} refused: {told}")
        self.outcome = outcome


@dataclass(frozen=True)
class Told:
    """An event in the log: when the broker took it, where it stands, and what it says."""

    unix_ms: int
    writer: str
    topic: str
    sequence: int
    event: Any

    @property
    def kind(self) -> str:
        """The member of the event's oneof, as "matter_accepted"."""
        return self.event.WhichOneof("event")


class World:
    """See this module's rules.

    `chance` says whether a record stands in the log twice, and `commits`, which is the same unless it is set, whether
    a commit whose answer was lost took place.
    """

    def __init__(
        self,
        catalogue: Catalogue | None = None,
        calendar: WorkingCalendar | None = None,
        beginning: str = BEGINNING,
        *,
        weather: Callable[[], Weather] = Weather,
        chance: Callable[[], bool] = lambda: False,
        lenient: bool = False,
    ) -> None:
        self.catalogue, self.calendar = catalogue or shipped_catalogue(), calendar or shipped_calendar()
        self.table = replace(topics.table(), partitions=1)
        self.now_unix_ms = instant(beginning)
        self.broker = JournalBroker(self.table, lambda: self.now_unix_ms, chance)
        self.mailbox, self.platform = Mailbox(), Platform()
        self.commits, self.lenient, self.requests = chance, lenient, 0
        makers = self._makers()
        self.members = {
            deployment.name: self._member(deployment, makers[deployment.service](deployment.name), weather())
            for deployment in self.table.deployments.values()
            if deployment.service in makers
        }
        self._all = dict(self.members)
        self.settle()

    def _makers(self) -> Mapping[str, Callable[[str], Aggregate[Any, Any, Any]]]:
        """How each service's aggregate is made."""
        return {
            "intake": lambda name: intake.aggregate(self.catalogue, self.table, name, self.calendar),
            "approval": lambda name: approval.aggregate(self.catalogue, self.calendar, self.table, name),
            "archive": lambda name: archive.aggregate(),
            "exchange": lambda name: exchange.aggregate(Policy(), self.table, name),
            "notification": lambda name: notification.aggregate(self.mailbox, self.catalogue),
        }

    def _member(self, deployment: Deployment, aggregate: Aggregate[Any, Any, Any], weather: Weather) -> Member:
        unit = StoryUnit(aggregate, deployment.name, self.table)
        log = StoryLog(self.broker, deployment.name, weather)
        database = Database()
        database.tables = tables = StoryTables()
        store = StoryStore(database, weather)
        store.project = aggregate.project
        worker = Worker(
            unit, log, store, self, clock_unix_ms=lambda: self.now_unix_ms, housekeeping_ms=0, checkpoint_ms=DAY_MS
        )
        log.news = frozenset(range(self.table.partitions))
        return Member(deployment, aggregate, unit, worker, log, store, tables)

    def committed(self, step: Step[Any, Any], records: int) -> None:
        """A step is committed."""

    def trouble(self, what: str) -> None:
        """A step was given up."""
        if self.lenient and what == "unavailable":
            return
        thrown = next((m.unit.thrown for m in self.members.values() if m.unit.thrown is not None), None)
        raise thrown or AssertionError(f"a step was given up: {what}")

    @contextmanager
    def asleep(self, deployment: str) -> Generator[None]:
        """A deployment that reads nothing meanwhile, as when it is away; what is sent to it waits."""
        member = self.members.pop(deployment)
        try:
            yield
        finally:
            self.members[deployment] = member

    def restart(self, calendar: WorkingCalendar) -> None:
        """Start every service anew with another calendar, on what it has kept."""
        self.calendar = calendar
        makers = self._makers()
        for name, member in self.members.items():
            member.aggregate = makers[member.deployment.service](name)
            member.unit.aggregate = member.aggregate
        self.settle()

    # Time

    def settle(self) -> None:
        """Let everything happen that can happen now."""
        for _ in range(_MAX_STEPS):
            at_work = [member for member in self.members.values() if member.has_work(self.now_unix_ms)]
            if not at_work and not self._call_platform():
                return
            for member in at_work:
                self._step(member)
        raise AssertionError(f"no rest after {_MAX_STEPS} steps")

    def _step(self, member: Member) -> None:
        try:
            member.worker.advance(0.0)
        except (Unavailable, Blocked):
            if not self.lenient:
                raise
            database = member.store.database
            for orphan in list(database.orphans):
                database.settle(orphan, commit=self.commits())
        if member.unit.thrown is not None and not self.lenient:
            raise member.unit.thrown

    def _call_platform(self) -> bool:
        """Make the calls to the data-exchange platform that are due, and write down what it answers."""
        member = self.members.get("exchange")
        answers = [] if member is None else list(self.platform.answers_to(member, self.now_unix_ms))
        for matter_id, command in answers:
            self._write(self.table.commands_topic("exchange"), matter_id, command)
        return bool(answers)

    def advance(self, *, days: float = 0, hours: float = 0, minutes: float = 0, working_days: int = 0) -> None:
        """Let time pass, and every timer on the way come due in its order.

        `working_days` are counted from today, which is not counted, and end at 9:00 on the last of them.
        """
        target = self.now_unix_ms + int(days * DAY_MS + hours * HOUR_MS + minutes * MINUTE_MS)
        if working_days:
            last = self.calendar.add_working_days(legal_date(target), working_days).date
            target = end_of_day_unix_ms(last) - DAY_MS + OPENING_MS
        self.advance_to(target)

    def advance_to(self, target: int | str) -> None:
        """Let time pass until an instant, given in milliseconds or as China time."""
        until = instant(target) if isinstance(target, str) else target
        self.settle()
        while (due := self.next_due()) is not None and due <= until:
            self.now_unix_ms = max(self.now_unix_ms, due)
            self.settle()
        self.now_unix_ms = max(self.now_unix_ms, until)

    def next_due(self) -> int | None:
        """When the next timer, or the next call to the platform, is due; None when there is none."""
        timers = [due for m in self.members.values() for *_, due in m.tables.timers.values()]
        member = self.members.get("exchange")
        calls = [] if member is None else [due for *_, due in self.platform.calls(member)]
        return min([*timers, *calls], default=None)

    @property
    def today(self) -> date:
        """The day in China."""
        return legal_date(self.now_unix_ms)

    # What comes from outside

    def request_id(self) -> str:
        """The next one."""
        self.requests += 1
        return f"r-{self.requests:04}"

    def send(self, topic: str, key: str, command: Any) -> Outcome:
        """Send a command from outside, a minute after what was before, and return what came of it.

        Where its service is asleep, that is nothing yet.
        """
        self.advance(minutes=1)
        self._write(topic, key, command)
        self.settle()
        owner = self.table.topics[topic].owner
        if owner not in self.members:
            return Outcome()
        return self.outcome(owner, key, command.actor.principal, command.request_id)

    def _write(self, topic: str, key: str, command: Any) -> None:
        kind = command.DESCRIPTOR.fields_by_name[command.WhichOneof("command")].message_type.full_name
        found = headers.outside(
            id=f"{command.actor.principal}/{command.request_id}", source="/stories", type=kind,
            time_unix_ms=self.now_unix_ms,
        )  # fmt: skip
        raw = key.encode()
        value = command.SerializeToString(deterministic=True)
        self.broker.append(Produced(topic, partition_of(raw, self.table.partitions), raw, value, tuple(found)))

    def outcome(self, deployment: str, matter_id: str, principal: str, request_id: str) -> Outcome:
        """The kept outcome of a request."""
        ledger = Ledger.FromString(self.members[deployment].tables.aggregates[matter_id][2])
        return next(o for o in ledger.outcomes if (o.principal, o.request_id) == (principal, request_id))

    # What there is

    def _state(self, deployment: str, matter_id: str) -> bytes:
        row = self._all[deployment].tables.aggregates.get(matter_id)
        return b"" if row is None else row[1]

    def state(self, matter_id: str) -> MatterState:
        """The matter as intake keeps it."""
        return MatterState.FromString(self._state("intake", matter_id))

    def tasks(self, matter_id: str) -> dict[str, TaskState]:
        """The matter's tasks at all levels, by item."""
        found = [
            TasksState.FromString(self._state(name, matter_id)).tasks
            for name, member in self._all.items()
            if member.deployment.service == "approval"
        ]
        return {task.item_id: task for tasks in found for task in tasks}

    def task(self, matter_id: str, item_id: str) -> TaskState:
        """One of them. Raises KeyError."""
        return self.tasks(matter_id)[item_id]

    def notices(self, matter_id: str) -> NoticesState:
        """The notices as notification keeps them."""
        return NoticesState.FromString(self._state("notification", matter_id))

    def letters(self, matter_id: str) -> list[Letter]:
        """The letters that the channel was given."""
        return [letter for letter in self.mailbox.letters.values() if letter.matter_id == matter_id]

    def case_file(self, matter_id: str) -> CaseFile:
        """The case file, as the archive gives it."""
        tables = self.members["archive"].tables
        found = archive_store.case_file(matter_id, (row for (of, _), row in tables.records.items() if of == matter_id))
        state = self._record(matter_id)
        if state.HasField("seal"):
            found.seal.CopyFrom(state.seal)
        return found

    def receipt(self, matter_id: str) -> Receipt | None:
        """The receipt, as the archive gives it; None before the seal."""
        return receipt_of(matter_id, self._record(matter_id))

    def _record(self, matter_id: str) -> RecordState:
        return RecordState.FromString(self._state("archive", matter_id))

    def events(self, matter_id: str, services: Iterable[str] = ("intake", "approval")) -> list[Told]:
        """What happened to the matter, in order; what was sent again stands once."""
        wanted, raw = frozenset(services), matter_id.encode()
        told: dict[tuple[str, int], Told] = {}
        for unix_ms, record in self.broker.journal:
            topic = self.table.topics[record.topic]
            if record.key != raw or topic.kind != "events":
                continue
            service = self.table.deployments[topic.owner].service
            if service not in wanted:
                continue
            found = headers.as_mapping(record.headers)
            sequence = int(found["ce_sequence"])
            if (record.topic, sequence) not in told:
                kind = MatterEvent if record.topic == MATTER_EVENTS else _EVENTS[service]
                event = kind.FromString(record.value or b"")
                told[record.topic, sequence] = Told(unix_ms, topic.owner, record.topic, sequence, event)
        return list(told.values())

    def kinds(self, matter_id: str) -> list[str]:
        """What happened to the matter, in order, by the name of the event."""
        return [told.kind for told in self.events(matter_id)]
