"""One matter of intake in the backbone's unit of work, without a log or a database."""

from __future__ import annotations

from typing import Any

from tests.unit.intake.cases import APPLICANT, CALENDAR, NOW, OWNERS, hand_in, three_levels

from onematter.approval.v1.approval_commands_pb2 import Decision
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.backbone.records import Record, Sending, headers_of, read
from onematter.backbone.step import Held, Step, TimerRow
from onematter.backbone.unit import UnitOfWork
from onematter.contracts import keys
from onematter.contracts.topics import MATTER_EVENTS, SUBMISSIONS, table
from onematter.intake.handlers import aggregate
from onematter.law.catalogue import Catalogue, MatterType

MATTER_ID = keys.matter_id(APPLICANT, "r-1")
LANE = keys.partition_of(MATTER_ID.encode(), table().partitions)
# Who decides each item of the matter.
COUNTY, CITY, PROVINCE = (OWNERS[f"LEVEL_{level}"] for level in ("COUNTY", "CITY", "PROVINCE"))


class World:
    """The matter, and what the steps leave behind."""

    def __init__(self, matter_type: MatterType | None = None) -> None:
        self.matter_type = matter_type or three_levels()
        self.unit: UnitOfWork[Any, Any, Any] = UnitOfWork(
            aggregate(Catalogue((self.matter_type,), {}), table(), "intake", CALENDAR), "intake", table()
        )
        self.held: Held[Any] = self.unit.new(LANE)
        self.step: Step[Any, Any] = Step()
        self.taken: list[Record] = []

    def handed_in(self) -> None:
        self.read(SUBMISSIONS, hand_in().SerializeToString())

    def ring(self, name: str) -> TimerRow:
        """Let the timer come due."""
        row = self.step.timers[MATTER_ID, name]
        self.unit.handle_timer(self.step, self.held, row)
        return row

    def take(self, record: Record) -> None:
        self.unit.handle(self.step, self.held, record, self.unit.decode(self.step, record))
        self.taken.append(record)

    def read(self, topic: str, value: bytes, writer: str = "", sequence: int = 0) -> None:
        headers = [("ce_stream", writer.encode()), ("ce_sequence", b"%d" % sequence)] if writer else []
        offset = len(self.taken)
        record = read(topic, LANE, offset, NOW + 1_000 * offset, MATTER_ID.encode(), value, headers)
        assert isinstance(record, Record)
        self.take(record)

    def decided_by_rule(self, item_id: str, writer: str, sequence: int = 1) -> None:
        event = ApprovalEvent(matter_id=MATTER_ID, item_id=item_id)
        event.time.seconds = NOW // 1_000 + len(self.taken)
        event.task_decided.decision = Decision.DECISION_GRANT
        event.task_decided.automatic = True
        self.read(table().events_topic(writer), event.SerializeToString(), writer, sequence)

    def opened(self, item_id: str, writer: str) -> None:
        event = ApprovalEvent(matter_id=MATTER_ID, item_id=item_id)
        event.task_opened.legal_deadline.seconds = 2_000
        self.read(table().events_topic(writer), event.SerializeToString(), writer, 1)

    @property
    def told(self) -> list[Sending]:
        return [sending for sending in self.step.sendings.get(LANE, []) if sending.topic == MATTER_EVENTS]

    @property
    def kinds(self) -> list[str]:
        return [sending.type.rpartition(".")[2] for sending in self.told]

    def restored(self, *, without: str = "") -> World:
        """From an empty database: what was published is folded, and what was read, but of one writer, read again."""
        made = World(self.matter_type)
        for offset, sending in enumerate(self.told):
            event = read(sending.topic, LANE, offset, NOW, sending.key, sending.value, headers_of(sending, "intake"))
            assert isinstance(event, Record)
            assert made.unit.fold(made.step, made.held, event)
        for record in self.taken:
            if not without or record.writer != without:
                made.take(record)
        return made
