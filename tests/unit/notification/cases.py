"""A small matter's events, and notification without a broker and a database, as the tests of notification speak."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from onematter.backbone.catalogue_files import load_catalogue
from onematter.backbone.ports import Unavailable
from onematter.backbone.records import Record
from onematter.backbone.step import Held, Step, TimerRow
from onematter.backbone.unit import UnitOfWork
from onematter.backbone.v1.ledger_pb2 import Ledger
from onematter.common.v1.application_pb2 import Application, Party, PartyDetails, PartyRole, PersonalData, Sealed
from onematter.common.v1.names_pb2 import LocalizedText
from onematter.contracts.times import set_unix_ms
from onematter.contracts.topics import MATTER_EVENTS, table
from onematter.intake.v1.intake_events_pb2 import (
    Item,
    ItemConcluded,
    ItemOpened,
    ItemOutcome,
    ItemResult,
    MatterAccepted,
    MatterCompleted,
    MatterEvent,
    MatterOutcome,
    MatterReceived,
    MatterWithdrawn,
)
from onematter.notification import handlers
from onematter.notification.channel import Addressee, Channel, Letter
from onematter.notification.v1.notification_events_pb2 import Notice, NoticeEvent
from onematter.notification.v1.notification_state_pb2 import NoticesState

MATTER_ID = "0123456789abcdef0123456789abcdef"
MATTER_NUMBER = "202611233301061000000017"
# 2026-11-23T10:00:00Z.
NOW = 1_795_428_000_000
APPLICANT = PartyDetails(
    party_id="p1", name="张三", mobile="13900000000", identifier="330106199001011234", address="文三路1号"
)
MAX_GIVEN_UP = 50
CATALOGUE = load_catalogue()
CHILD = PartyDetails(party_id="p3", name="张小三")


def accepted(language: str = "zh-CN", sealed: Sealed | None = None) -> MatterAccepted:
    """A matter of two items, with an applicant, an agent whose details are not given, and a child."""
    roles = {
        "p1": PartyRole.PARTY_ROLE_APPLICANT,
        "p2": PartyRole.PARTY_ROLE_AGENT,
        "p3": PartyRole.PARTY_ROLE_SUBJECT,
    }
    plain = PersonalData(parties=[APPLICANT, CHILD]).SerializeToString()
    return MatterAccepted(
        matter_number=MATTER_NUMBER,
        name=LocalizedText(texts={"zh-CN": "工业项目落地", "en": "Industrial project"}),
        language=language,
        items=[
            Item(item_id="01", name=LocalizedText(texts={"zh-CN": "水土保持", "en": "Soil and water"})),
            Item(item_id="02", name=LocalizedText(texts={"zh-CN": "环境影响评价"})),
        ],
        application=Application(
            parties=[Party(party_id=party_id, role=role) for party_id, role in roles.items()],
            personal_data=sealed or Sealed(plain=plain),
        ),
    )


def end_of(day: int) -> Timestamp:
    """24:00 in China of that day of December 2026."""
    return Timestamp(seconds=int(datetime(2026, 12, day, 16, tzinfo=UTC).timestamp()))


def received(language: str = "zh-CN", outstanding: tuple[str, ...] = ()) -> MatterReceived:
    """A restaurant (OM-06), handed in at a window."""
    begun = accepted(language)
    return MatterReceived(
        matter_number=MATTER_NUMBER, matter_code="OM-06", catalogue_version=1, language=language,
        name=LocalizedText(texts={"zh-CN": "开办餐饮店", "en": "Opening a restaurant"}), application=begun.application,
        acceptance_deadline=end_of(4), outstanding_materials=outstanding,
    )  # fmt: skip


def restaurant(language: str = "zh-CN", **fields: Any) -> MatterAccepted:
    """Its acceptance."""
    names = {"02": ("食品经营许可新办", "Food licence"), "04": ("消防安全检查", "Fire inspection")}
    items = [Item(item_id=i, name=LocalizedText(texts={"zh-CN": zh, "en": en})) for i, (zh, en) in names.items()]
    begun = received(language)
    return MatterAccepted(
        matter_number=begun.matter_number, matter_code="OM-06", catalogue_version=1, language=language,
        name=begun.name, application=begun.application, items=items, **fields,
    )  # fmt: skip


def concluded(
    item_id: str = "01", outcome: ItemOutcome = ItemOutcome.ITEM_OUTCOME_GRANTED, *, automatic: bool = False
) -> ItemConcluded:
    return ItemConcluded(result=ItemResult(item_id=item_id, outcome=outcome, automatic=automatic))


def completed(outcome: MatterOutcome = MatterOutcome.MATTER_OUTCOME_GRANTED, *results: ItemResult) -> MatterCompleted:
    return MatterCompleted(outcome=outcome, results=results, matter_number=MATTER_NUMBER)


def event(content: Any) -> MatterEvent:
    """An event with this content; its time is NOW."""
    told = MatterEvent(matter_id=MATTER_ID)
    set_unix_ms(told.time, NOW)
    for field in MatterEvent.DESCRIPTOR.oneofs_by_name["event"].fields:
        if field.message_type is content.DESCRIPTOR:
            getattr(told, field.name).CopyFrom(content)
    return told


def record(sequence: int, content: Any) -> Record:
    """The event as the record that intake wrote."""
    value = event(content).SerializeToString()
    return Record(
        topic=MATTER_EVENTS, partition=0, offset=sequence, timestamp_unix_ms=NOW, key=MATTER_ID, value=value,
        type=content.DESCRIPTOR.full_name, id=f"intake/{sequence}", writer="intake", sequence=sequence,
        traceparent="", digest=hashlib.sha256(value).digest(), headers=[],
    )  # fmt: skip


class Wire:
    """A channel that fails as often as it is told to, and keeps what it takes by notice_id."""

    name = "wire"

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.given: list[Letter] = []
        self.taken: dict[str, Letter] = {}

    def deliver(self, letter: Letter) -> str:
        self.given.append(letter)
        if self.failures:
            self.failures -= 1
            return "ETIMEDOUT: Connection timed out"
        self.taken[letter.notice.notice_id] = letter
        return ""

    def flush(self) -> None:
        """What is taken stands."""


class Notification:
    """Notification's aggregate in the unit of work, with its timers."""

    def __init__(self, channel: Channel) -> None:
        self.unit = UnitOfWork(handlers.aggregate(channel, CATALOGUE), "notification", table())
        self.held = self.unit.new(0)
        self.events: list[NoticeEvent] = []
        self.timers: dict[str, TimerRow] = {}
        self.given_up: list[str] = []

    @property
    def state(self) -> NoticesState:
        return self.held.state

    def take(self, *records: Record) -> None:
        """Deal with one batch."""

        def deal(step: Step[NoticesState, NoticeEvent]) -> None:
            for given in records:
                self.unit.handle(step, self.held, given, self.unit.decode(step, given))

        self.run(deal)

    def tell(self, *contents: Any) -> None:
        """Deal with these events as intake's next records."""
        first = self.held.ledger.received[0].last_sequence + 1 if self.held.ledger.received else 1
        self.take(*(record(first + n, content) for n, content in enumerate(contents)))

    def fire(self, row: TimerRow | None = None) -> int:
        """Let a timer come due, by default the only one that is set; return when that was."""
        if row is None:
            (row,) = self.timers.values()
        self.run(lambda step: self.unit.handle_timer(step, self.held, row))
        return row.due_unix_ms

    def run(self, deal: Callable[[Step[NoticesState, NoticeEvent]], None]) -> None:
        """One step as the worker takes it: when it is given up, nothing of it is kept, and it is run again."""
        state, ledger = self.state.SerializeToString(), self.held.ledger.SerializeToString()
        while True:
            step: Step[NoticesState, NoticeEvent] = Step()
            deal(step)
            try:
                assert self.unit.aggregate.before_commit is not None
                self.unit.aggregate.before_commit()
                break
            except Unavailable as error:
                self.given_up.append(str(error))
                assert len(self.given_up) < MAX_GIVEN_UP, "the step is given up for ever"
                self.held = Held(self.held.lane, NoticesState.FromString(state), Ledger.FromString(ledger))
        self.keep(step)

    def keep(self, step: Step[NoticesState, NoticeEvent]) -> None:
        """Note what a batch leaves behind."""
        self.events += [change.event for change in step.changes if change.event is not None]
        self.timers.update({name: row for (_, name), row in step.timers.items()})
        self.timers = {name: row for name, row in self.timers.items() if row.due_unix_ms}


def letter(number: int) -> Letter:
    """A letter to the applicant; its notice_id is a digest, as every id is."""
    notice = Notice(notice_id=hashlib.sha256(b"%d" % number).hexdigest()[:32], matter_number=MATTER_NUMBER)
    addressees = (Addressee("p1", APPLICANT.name, APPLICANT.mobile),)
    return Letter(notice, MATTER_ID, addressees, "受理通知", f"第{number}件已受理。", "2026-11-23T10:00:00.000Z")


def rows_in(path: Path) -> list[tuple[int, str, dict[str, Any]]]:
    """What a gateway reads: positions, ids and documents."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT position, notice_id, document FROM notices ORDER BY position").fetchall()
    return [(position, notice_id, json.loads(document)) for position, notice_id, document in rows]


def ids_in(path: Path) -> list[str]:
    """The notices that stand there, in their order."""
    return [notice_id for _, notice_id, _ in rows_in(path)]


def ids_of(*letters: Letter) -> list[str]:
    """The ids of these letters."""
    return [one.notice.notice_id for one in letters]


OPENED = ItemOpened(item_id="01")
WITHDRAWN = MatterWithdrawn(reason="not needed")
