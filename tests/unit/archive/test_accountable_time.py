"""Whose a matter's time was, found in its records. The week begins on Monday 2026-03-02; a day has 420 minutes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.archive.accounting import account, handovers_of, messages_of
from onematter.archive.v1.archive_service_pb2 import AccountableTime, ArchivedRecord
from onematter.archive.v1.archive_service_pb2 import Office as ToldOffice
from onematter.backbone.catalogue_files import load_calendar
from onematter.common.v1.actor_pb2 import Level as ContractLevel
from onematter.common.v1.period_pb2 import SuspensionReason
from onematter.contracts.times import set_unix_ms
from onematter.contracts.topics import MATTER_EVENTS, table
from onematter.intake.v1.intake_events_pb2 import MatterEvent
from onematter.law.accounting import Applicant, Office, SpecialProcedure
from onematter.law.divisions import Level

CALENDAR = load_calendar()
COUNTY = table().events_topic("approval-county")
CITY = table().events_topic("approval-city")
WINDOW = Office(Level.COUNTY, "330106", "government_services")
PLANNING = Office(Level.COUNTY, "330106", "planning")
WATER = Office(Level.CITY, "330100", "water")


def at(day: int, hour: int, minute: int = 0) -> int:
    """China time in March 2026."""
    china = datetime(2026, 3, day, hour, minute, tzinfo=UTC) - timedelta(hours=8)
    return int(china.timestamp()) * 1000


class Records:
    """Records of one matter, each the next of its stream."""

    def __init__(self) -> None:
        self.records: list[ArchivedRecord] = []

    def add(self, topic: str, event: MatterEvent | ApprovalEvent, unix_ms: int) -> None:
        set_unix_ms(event.time, unix_ms)
        writer = table().topics[topic].owner
        number = 1 + sum(record.position.topic == topic for record in self.records)
        record = ArchivedRecord(value=event.SerializeToString())
        record.position.writer, record.position.topic, record.position.sequence = writer, topic, number
        self.records.append(record)

    def matter(self, unix_ms: int, **event: Any) -> Records:
        self.add(MATTER_EVENTS, MatterEvent(**event), unix_ms)
        return self

    def task(self, unix_ms: int, item_id: str = "01", topic: str = COUNTY, **event: Any) -> Records:
        self.add(topic, ApprovalEvent(item_id=item_id, **event), unix_ms)
        return self

    def opened(self, unix_ms: int, item_id: str = "01", office: Office = PLANNING, due: int = 0) -> Records:
        event = ApprovalEvent(item_id=item_id)
        item = event.task_opened.item
        item.level = ContractLevel.Value(f"LEVEL_{office.level.name}")  # type: ignore[assignment]
        item.division, item.department = office.division, office.department
        if due:
            set_unix_ms(event.task_opened.legal_deadline, due)
        self.add(COUNTY if office.level == Level.COUNTY else CITY, event, unix_ms)
        return self

    def minutes(self, now_unix_ms: int = 0) -> dict[Any, int]:
        # As the case file has them: by stream, not by time.
        ordered = sorted(self.records, key=lambda r: (r.position.writer, r.position.topic, r.position.sequence))
        found = account(ordered, table(), CALENDAR, now_unix_ms)
        assert found is not None
        assert sum(found.by_owner().values()) == found.minutes
        return dict(found.by_owner())


def received(unix_ms: int) -> Records:
    return Records().matter(unix_ms, matter_received={"division": "330106"})


def accepted(unix_ms: int) -> Records:
    return Records().matter(unix_ms, matter_accepted={"division": "330106"})


def deadlines(unix_ms: int) -> dict[str, Any]:
    return {"legal": {"seconds": unix_ms // 1000}}


CORRECTION: dict[str, Any] = {"correction_requested": {"round": 1}}
DECIDED: dict[str, Any] = {"task_decided": {"decision": 1}}
COMPLETED: dict[str, Any] = {"matter_completed": {}}


def test_every_minute_of_a_week_has_its_owner() -> None:
    week = received(at(2, 9)).matter(at(3, 9), matter_accepted={"division": "330106"}).opened(at(3, 9))
    week.task(at(4, 11), **CORRECTION)
    week.task(at(5, 9), task_supplied={"resumed_day": "2026-03-05"})
    week.task(at(5, 12), special_procedure_begun={"kind": SuspensionReason.SUSPENSION_REASON_TESTING})
    week.task(at(6, 13), special_procedure_ended={"kind": SuspensionReason.SUSPENSION_REASON_TESTING})
    week.task(at(6, 17), **DECIDED).matter(at(6, 17), **COMPLETED)
    assert week.minutes() == {
        WINDOW: 420, PLANNING: 540 + 180 + 240, Applicant(): 300, SpecialProcedure("testing"): 420,
    }  # fmt: skip


def test_what_a_rule_decides_is_in_nobodys_hands() -> None:
    quick = accepted(at(2, 9)).task(at(2, 9), **DECIDED).matter(at(2, 10), **COMPLETED)
    assert quick.minutes() == {WINDOW: 60}


def test_a_correction_before_acceptance_is_the_applicants() -> None:
    early = received(at(2, 9)).matter(at(2, 11), correction_asked={"round": 1})
    early.matter(at(3, 9), materials_supplied={"acceptance_deadline": {"seconds": 1}})
    early.matter(at(3, 10), matter_accepted={"division": "330106"}).matter(at(3, 10), **COMPLETED)
    assert early.minutes() == {WINDOW: 120 + 60, Applicant(): 300}


def test_before_acceptance_too_some_of_the_materials_are_not_enough() -> None:
    some = received(at(2, 9)).matter(at(2, 10), correction_asked={"round": 1})
    some.matter(at(2, 11), materials_supplied={"missing": ["plan"]})
    assert some.minutes(at(2, 12)) == {WINDOW: 60, Applicant(): 120}


def test_a_correction_of_an_item_is_told_by_its_own_record() -> None:
    told = accepted(at(2, 9)).opened(at(2, 9)).task(at(2, 10), **CORRECTION)
    told.matter(at(2, 10), correction_asked={"round": 1, "item_id": "01"})
    told.task(at(2, 11), task_supplied={"resumed_day": "2026-03-02"})
    # What is supplied for an item does not give the matter back to the window.
    told.matter(at(2, 11), materials_supplied={})
    assert told.minutes(at(2, 12)) == {PLANNING: 60 + 60, Applicant(): 60}
    told.task(at(2, 12), **DECIDED)
    assert told.minutes(at(2, 15)) == {PLANNING: 60 + 60, Applicant(): 60, WINDOW: 120}


def test_materials_that_leave_some_missing_do_not_end_a_correction() -> None:
    some = accepted(at(2, 9)).opened(at(2, 9)).task(at(2, 10), **CORRECTION).task(at(2, 11), task_supplied={})
    assert some.minutes(at(2, 12)) == {PLANNING: 60, Applicant(): 120}


def test_time_goes_to_whom_the_law_presses_hardest() -> None:
    both = (
        accepted(at(2, 9)).opened(at(2, 9), "01", PLANNING, due=at(20, 0)).opened(at(2, 9), "02", WATER, due=at(10, 0))
    )
    assert both.minutes(at(2, 10)) == {WATER: 60}
    longer = {"days": 5, "deadlines": deadlines(at(30, 0))}
    both.task(at(2, 10), "02", CITY, task_extended=longer)
    assert both.minutes(at(2, 11)) == {WATER: 60, PLANNING: 60}
    both.task(at(2, 11), "02", CITY, deadlines_recomputed={"deadlines": deadlines(at(19, 0))})
    assert both.minutes(at(2, 12)) == {WATER: 60 + 60, PLANNING: 60}
    both.task(at(2, 12), "02", CITY, task_recalled={})
    assert both.minutes(at(2, 14)) == {WATER: 60 + 60, PLANNING: 60 + 60}


def test_a_resumed_task_has_the_deadline_that_it_is_told() -> None:
    both = (
        accepted(at(2, 9)).opened(at(2, 9), "01", PLANNING, due=at(20, 0)).opened(at(2, 9), "02", WATER, due=at(10, 0))
    )
    both.task(at(2, 10), "02", CITY, special_procedure_begun={"kind": SuspensionReason.SUSPENSION_REASON_HEARING})
    # While another office has something to do, nothing is booked on the procedure.
    assert both.minutes(at(2, 11)) == {WATER: 60, PLANNING: 60}
    ended = {"kind": SuspensionReason.SUSPENSION_REASON_HEARING, "deadlines": deadlines(at(25, 0))}
    both.task(at(2, 11), "02", CITY, special_procedure_ended=ended)
    assert both.minutes(at(2, 12)) == {WATER: 60, PLANNING: 120}


def test_a_transfer_hands_the_time_over() -> None:
    moved = accepted(at(2, 9)).opened(at(2, 9))
    moved.task(at(2, 11), task_transferred={"department": "housing"})
    housing = Office(Level.COUNTY, "330106", "housing")
    assert moved.minutes(at(2, 12)) == {PLANNING: 120, housing: 60}
    moved.task(at(2, 12), task_transferred={"department": "housing", "division": "330108"})
    assert moved.minutes(at(2, 14)) == {PLANNING: 120, housing: 60, Office(Level.COUNTY, "330108", "housing"): 60}


def test_a_transfer_during_a_correction_leaves_it_the_applicants_until_it_ends() -> None:
    moved = accepted(at(2, 9)).opened(at(2, 9)).task(at(2, 10), **CORRECTION)
    moved.task(at(2, 11), task_transferred={"department": "housing"})
    moved.task(at(2, 14), task_supplied={"resumed_day": "2026-03-02"})
    housing = Office(Level.COUNTY, "330106", "housing")
    assert moved.minutes(at(2, 15)) == {PLANNING: 60, Applicant(): 180, housing: 60}


def test_the_window_that_received_it_has_the_matter() -> None:
    elsewhere = Records().matter(at(2, 9), matter_accepted={"division": "330106", "receiving_division": "320100"})
    assert elsewhere.minutes(at(2, 10)) == {Office(Level.CITY, "320100", "government_services"): 60}


def test_what_comes_after_the_result_counts_no_more() -> None:
    done = accepted(at(2, 9)).opened(at(2, 9)).task(at(2, 10), **DECIDED).matter(at(2, 10), **COMPLETED)
    done.task(at(9, 9), pledge_verified={"kept": True}).opened(at(9, 9), "02")
    done.matter(at(10, 9), matter_delivered={})
    assert done.minutes(at(20, 9)) == {PLANNING: 60}


def test_a_refusal_to_accept_ends_it_too() -> None:
    refused = received(at(2, 9)).matter(at(2, 11), acceptance_refused={"reason": "不属于本机关职权范围"})
    assert refused.minutes(at(20, 9)) == {WINDOW: 120}


def test_what_cannot_be_read_hands_nothing_over() -> None:
    odd = accepted(at(2, 9)).opened(at(2, 9))
    odd.records.append(ArchivedRecord(value=b"\xff\xff"))
    odd.records[-1].position.topic = COUNTY
    odd.task(at(2, 10), "07", **DECIDED).task(at(2, 10), task_claimed={})
    assert odd.minutes(at(2, 11)) == {PLANNING: 120}


def test_without_the_hand_in_there_is_no_account() -> None:
    late = Records().opened(at(2, 9))
    assert account(late.records, table(), CALENDAR, at(2, 10)) is None
    assert account([], table(), CALENDAR, at(2, 10)) is None
    assert messages_of(None) == []


def test_a_clock_that_is_behind_the_records_takes_no_time_away() -> None:
    behind = accepted(at(2, 9)).opened(at(2, 10))
    assert behind.minutes(at(1, 9)) == {WINDOW: 60}


def test_hand_overs_are_in_the_order_of_their_instants() -> None:
    mixed = accepted(at(2, 9)).opened(at(2, 9), "02", WATER).opened(at(2, 9))
    handovers, ended = handovers_of(mixed.records, table())
    assert [one.item_id for one in handovers] == ["", "02", "01"]
    assert ended is None


def test_the_contract_tells_the_owner_and_the_minutes() -> None:
    told = accepted(at(2, 9)).opened(at(2, 10)).task(at(2, 11), **CORRECTION)
    told.task(at(2, 12), task_supplied={"resumed_day": "2026-03-02"})
    told.task(at(2, 14), special_procedure_begun={"kind": SuspensionReason.SUSPENSION_REASON_EXPERT_REVIEW})
    window = ToldOffice(level=ContractLevel.LEVEL_COUNTY, division="330106", department="government_services")
    planning = ToldOffice(level=ContractLevel.LEVEL_COUNTY, division="330106", department="planning")
    assert messages_of(account(told.records, table(), CALENDAR, at(2, 16))) == [
        AccountableTime(office=window, minutes=60),
        AccountableTime(office=planning, minutes=120),
        AccountableTime(applicant=True, minutes=60),
        AccountableTime(special_procedure=SuspensionReason.SUSPENSION_REASON_EXPERT_REVIEW, minutes=120),
    ]
