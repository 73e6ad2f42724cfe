"""The rules of the Notice: which events are told, to whom, and what follows when a channel fails."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import pytest
from tests.unit.notification.cases import (
    APPLICANT,
    CATALOGUE,
    CHILD,
    MATTER_ID,
    MATTER_NUMBER,
    NOW,
    OPENED,
    WITHDRAWN,
    Notification,
    Wire,
    accepted,
    completed,
    concluded,
    event,
    record,
)

from onematter.backbone.operating import hasten
from onematter.backbone.records import Record
from onematter.backbone.step import Step
from onematter.backbone.v1.ledger_pb2 import Ledger
from onematter.common.v1.application_pb2 import Ciphertext, Sealed
from onematter.common.v1.outcome_pb2 import CommandRefused
from onematter.contracts.aggregate import Context, Undecodable, UnknownType
from onematter.contracts.times import unix_ms
from onematter.contracts.topics import MATTER_EVENTS
from onematter.intake.v1.intake_events_pb2 import ItemOutcome, ItemResult, MatterOutcome, VisitRecorded
from onematter.notification import core, handlers
from onematter.notification.channel import Addressee
from onematter.notification.v1.notification_events_pb2 import NoticeEvent, NoticeKind
from onematter.notification.v1.notification_state_pb2 import NoticesState, NoticeStatus

ACCEPTED = NoticeKind.NOTICE_KIND_ACCEPTED
PROGRESS = NoticeKind.NOTICE_KIND_PROGRESS
RESULT = NoticeKind.NOTICE_KIND_RESULT
DELAYED = NoticeStatus.NOTICE_STATUS_DELAYED
DELIVERED = NoticeStatus.NOTICE_STATUS_DELIVERED
CONTEXT = Context(NOW, 0, 0, Ledger())


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (accepted(), ACCEPTED),
        (concluded(), PROGRESS),
        (concluded(outcome=ItemOutcome.ITEM_OUTCOME_DENIED), PROGRESS),
        (WITHDRAWN, PROGRESS),
        (completed(), RESULT),
    ],
)
def test_told(content: Any, kind: int):
    wire = Wire()
    notification = Notification(wire)
    notification.tell(accepted(), content) if kind != ACCEPTED else notification.tell(content)
    told = notification.events[-1].notice_delivered
    assert (told.notice.kind, told.notice.matter_number, told.channel, told.attempts) == (
        kind, MATTER_NUMBER, "wire", 1,
    )  # fmt: skip
    assert notification.state.notices[-1].status == DELIVERED
    assert len(wire.taken) == len(notification.state.notices)
    assert not notification.timers


@pytest.mark.parametrize(
    "content",
    [
        OPENED,
        concluded(automatic=True),
        concluded(outcome=ItemOutcome.ITEM_OUTCOME_WITHDRAWN),
        concluded(outcome=ItemOutcome.ITEM_OUTCOME_LAPSED),
        VisitRecorded(visits=1),
        CommandRefused(command="withdraw_matter"),
    ],
)
def test_not_told(content: Any):
    wire = Wire()
    notification = Notification(wire)
    notification.tell(accepted(), content, completed())
    assert [n.notice.kind for n in notification.state.notices] == [ACCEPTED, RESULT]
    state = NoticesState()
    assert core.plan(state, core.Tell(event(content), "intake", MATTER_EVENTS, 2), CATALOGUE) is None


def test_notice_id_is_the_place_of_the_event_told_about():
    wire = Wire()
    notification = Notification(wire)
    notification.tell(accepted(), OPENED, completed())
    seed = b"onematter.notice.v1"
    for text in (b"intake", MATTER_EVENTS.encode(), MATTER_ID.encode()):
        seed += len(text).to_bytes(4, "big") + text
    expected = [hashlib.sha256(seed + n.to_bytes(8, "big")).hexdigest()[:32] for n in (1, 3)]
    assert [e.notice_id for e in notification.events] == expected
    assert list(wire.taken) == expected
    about = notification.events[1].notice_delivered.notice.about
    assert (about.writer, about.topic, about.sequence) == ("intake", MATTER_EVENTS, 3)


def test_addressed_are_applicant_and_agent_and_never_the_subject():
    wire = Wire()
    Notification(wire).tell(accepted())
    (letter,) = wire.given
    assert letter.addressees == (Addressee("p1", "张三", "13900000000"), Addressee("p2", None, None))
    assert letter.matter_id == MATTER_ID
    assert letter.time == "2026-11-23T10:00:00.000Z"


@pytest.mark.parametrize("sealed", [Sealed(ciphertext=Ciphertext(key_id="k")), Sealed(plain=b"\xff\xff")])
def test_unreadable_personal_data_leave_the_party_ids(sealed: Sealed):
    wire = Wire()
    Notification(wire).tell(accepted(sealed=sealed))
    assert wire.given[0].addressees == (Addressee("p1", None, None), Addressee("p2", None, None))


@pytest.mark.parametrize("failures", [0, 1])
def test_events_carry_no_personal_data(failures: int):
    notification = Notification(Wire(failures))
    notification.tell(accepted(), concluded(), completed())
    told = b"".join(e.SerializeToString() for e in notification.events)
    for text in (APPLICANT.name, APPLICANT.mobile, APPLICANT.identifier, APPLICANT.address, CHILD.name):
        assert text.encode() not in told


@pytest.mark.parametrize(
    ("language", "subject", "part"),
    [
        ("zh-CN", "受理通知：工业项目落地", "共2个事项"),
        ("", "受理通知：工业项目落地", MATTER_NUMBER),
        ("zh-Hant-TW", "受理通知：工业项目落地", MATTER_ID),
        ("fr", "受理通知：工业项目落地", MATTER_NUMBER),
        ("en-GB", "Accepted: Industrial project", MATTER_NUMBER),
    ],
)
def test_acceptance_in_the_applicants_language(language: str, subject: str, part: str):
    wire = Wire()
    Notification(wire).tell(accepted(language))
    assert wire.given[0].subject == subject
    assert part in wire.given[0].body


@pytest.mark.parametrize(("language", "claim"), [("zh-CN", "无需再跑"), ("en", "need not come")])
def test_acceptance_promises_no_end_of_trips_that_it_cannot_know(language: str, claim: str):
    wire = Wire()
    Notification(wire).tell(accepted(language))
    assert claim not in wire.given[0].body


def test_progress_names_the_item_in_the_language_or_in_chinese():
    wire = Wire()
    notification = Notification(wire)
    notification.tell(accepted("en"), concluded("01"), concluded("02", ItemOutcome.ITEM_OUTCOME_DENIED))
    assert "“Soil and water” of “Industrial project” is granted" in wire.given[1].body
    assert "“环境影响评价” of “Industrial project” is denied" in wire.given[2].body


def test_result_names_what_was_not_granted():
    wire = Wire()
    results = (
        ItemResult(item_id="01", outcome=ItemOutcome.ITEM_OUTCOME_DENIED),
        ItemResult(item_id="02", outcome=ItemOutcome.ITEM_OUTCOME_LAPSED),
        ItemResult(item_id="03", outcome=ItemOutcome.ITEM_OUTCOME_GRANTED),
    )
    Notification(wire).tell(accepted(), completed(MatterOutcome.MATTER_OUTCOME_PARTLY_DENIED, *results))
    assert "未准予：水土保持、环境影响评价。" in wire.given[1].body


def test_failed_delivery_is_tried_again_until_it_is_taken():
    wire = Wire(failures=3)
    notification = Notification(wire)
    notification.tell(accepted())
    (delayed,) = notification.events
    assert delayed.notice_delayed.failure == "ETIMEDOUT: Connection timed out"
    assert unix_ms(delayed.notice_delayed.next_attempt) == NOW + 1000
    assert list(notification.timers) == [f"notice:{delayed.notice_id}"]
    assert notification.state.notices[0].status == DELAYED
    assert [notification.fire() - NOW for _ in range(3)] == [1000, 3000, 7000]
    assert [e.WhichOneof("event") for e in notification.events] == ["notice_delayed"] * 3 + ["notice_delivered"]
    assert notification.events[-1].notice_delivered.attempts == 4
    assert [(n.status, n.attempts) for n in notification.state.notices] == [(DELIVERED, 4)]
    assert not notification.timers
    assert len(set(wire.taken)) == 1
    assert len({(letter.subject, letter.body, letter.time) for letter in wire.given}) == 1


def test_a_delayed_notice_holds_up_no_other():
    notification = Notification(Wire(failures=1))
    notification.tell(accepted(), completed())
    assert [(n.notice.kind, n.status) for n in notification.state.notices] == [
        (ACCEPTED, DELAYED),
        (RESULT, DELIVERED),
    ]


def test_only_what_was_not_delivered_is_tried_again_when_an_operator_says_so():
    wire = Wire(failures=1)
    notification = Notification(wire)
    notification.tell(accepted(), completed())
    wanted = handlers.again(notification.state, MATTER_ID)
    (delayed,) = [kept.notice.notice_id for kept in notification.state.notices if kept.status == DELAYED]
    assert (list(wanted.what), list(wanted.timers)) == ([delayed], list(notification.timers))
    notification.run(lambda step: hasten(step, notification.held, MATTER_ID, wanted.timers[0], NOW + 10))
    assert notification.fire() == NOW + 10
    assert delayed in wire.taken
    assert not handlers.again(notification.state, MATTER_ID).what


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 1), (2, 2), (3, 4), (12, 2048), (13, 3600), (14, 3600), (10_000, 3600)]
)
def test_delay_doubles_up_to_an_hour(attempts: int, seconds: int):
    assert core.delay_seconds(attempts) == seconds


def test_delivered_notice_is_neither_planned_nor_recorded_again():
    notification = Notification(Wire())
    notification.tell(accepted())
    notice = notification.events[0].notice_delivered.notice
    assert core.plan(notification.state, core.Tell(event(accepted()), "intake", MATTER_EVENTS, 1), CATALOGUE) is None
    assert core.decide(notification.state, core.RecordAttempt(notice, "wire", ""), CONTEXT) is None
    assert core.due(notification.state, f"notice:{notice.notice_id}") is None
    assert core.due(notification.state, notice.notice_id) is None


def test_evolve_changes_nothing_but_its_answer():
    notification = Notification(Wire())
    notification.tell(accepted())
    before = NoticesState(matter_number=MATTER_NUMBER)
    core.evolve(before, notification.events[0])
    assert before == NoticesState(matter_number=MATTER_NUMBER)
    assert core.evolve(before, NoticeEvent()) is before


def test_crash_between_channel_and_record_gives_the_same_letter_again():
    wire = Wire()
    crashed, again = Notification(wire), Notification(wire)
    crashed.tell(accepted())
    again.tell(accepted())
    assert wire.given[0] == wire.given[1]
    assert len(wire.taken) == 1


def test_restored_notice_waits_for_the_acceptance_to_come_again():
    wire = Wire(failures=1)
    before, after = Notification(wire), Notification(wire)
    before.tell(accepted())
    own = dataclasses.replace(
        record(1, accepted()),
        topic="onematter.notification.events.v1",
        writer="notification",
        value=before.events[0].SerializeToString(),
    )
    step: Step[NoticesState, NoticeEvent] = Step()
    after.unit.fold(step, after.held, own)
    after.keep(step)
    after.events.clear()
    after.fire()
    assert after.events[0].notice_delayed.failure == handlers.ADDRESSEE_UNKNOWN
    after.tell(accepted())
    after.fire()
    assert after.events[-1].notice_delivered.attempts == 3
    assert wire.given[-1].addressees[0].name == "张三"


def test_only_events_of_the_matter_lead_to_commands():
    told = record(1, accepted())
    assert handlers.command_from(dataclasses.replace(told, topic="another")) is None
    assert handlers.command_from(dataclasses.replace(told, writer="", sequence=0)) is None
    with pytest.raises(UnknownType):
        handlers.command_from(dataclasses.replace(told, type="onematter.intake.v9.SomethingNew"))


@pytest.mark.parametrize(
    "alien",
    [
        dataclasses.replace(record(1, accepted()), value=b"\xff\xff"),
        dataclasses.replace(record(1, accepted()), type="onematter.intake.v1.MatterCompleted"),
        dataclasses.replace(record(1, accepted()), key="f" * 32),
    ],
)
def test_what_is_no_event_of_the_matter_is_undecodable(alien: Record):
    with pytest.raises(Undecodable):
        handlers.command_from(alien)


def test_unknown_events_are_passed_over():
    notification = Notification(Wire())
    unknown = dataclasses.replace(record(2, OPENED), type="onematter.intake.v9.SomethingNew")
    notification.take(record(1, accepted()), unknown, record(3, completed()))
    assert [n.notice.kind for n in notification.state.notices] == [ACCEPTED, RESULT]
