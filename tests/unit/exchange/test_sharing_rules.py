"""What is asked of departments, how often and until when, and what their answers mean."""

from __future__ import annotations

import pytest
from tests.unit.exchange.cases import (
    CONTENT,
    EXCHANGE,
    GIVE_UP_MS,
    INTAKE,
    LATE_MS,
    LICENCE,
    NAME,
    NOW,
    TITLE,
    Matter,
    answer,
    ask,
    delayed,
    failed,
    found,
    not_found,
    refused,
    stop,
    until,
)

from onematter.common.v1.actor_pb2 import Actor, ActorRole
from onematter.common.v1.outcome_pb2 import CommandRefused, Reason
from onematter.contracts.times import unix_ms
from onematter.exchange.core import react
from onematter.exchange.v1.exchange_commands_pb2 import CallFailure, ExchangeCommand
from onematter.exchange.v1.exchange_events_pb2 import DelayCause, ExchangeEvent
from onematter.exchange.v1.exchange_state_pb2 import SharingStatus
from onematter.intake.v1.intake_events_pb2 import SharingFailure

AWAY = CallFailure.CALL_FAILURE_AWAY
TIMED_OUT = CallFailure.CALL_FAILURE_TIMED_OUT
OWN_SIDE = CallFailure.CALL_FAILURE_OWN_SIDE


@pytest.fixture
def matter() -> Matter:
    made = Matter()
    made.given(ask())
    return made


def test_what_is_wanted_is_told_with_its_source_and_a_time_to_give_up() -> None:
    matter = Matter()
    event = matter.given(ask())
    told = event.materials_requested
    assert [(one.material_id, one.source, list(one.item_ids)) for one in told.materials] == [
        ("business_licence", "market_regulation", ["01"]),
        ("land_title", "natural_resources", ["01", "02"]),
    ]
    assert unix_ms(told.give_up) == NOW + GIVE_UP_MS
    timers = react(matter.state, event).timers
    assert [(timer.name, timer.due_unix_ms) for timer in timers] == [
        ("give-up:business_licence", NOW + GIVE_UP_MS),
        ("give-up:land_title", NOW + GIVE_UP_MS),
    ]


def test_no_event_has_personal_data_and_the_state_has_it_as_long_as_something_is_open(matter: Matter) -> None:
    assert NAME.encode() in matter.state.SerializeToString()
    matter.given(found())
    assert NAME.encode() in matter.state.SerializeToString()
    matter.given(refused("land_title"))
    assert NAME.encode() not in matter.state.SerializeToString()
    assert not any(NAME.encode() in event.SerializeToString() for event in matter.events)


def test_personal_data_does_not_come_back_when_everything_is_answered(matter: Matter) -> None:
    matter.given(found())
    matter.given(found("land_title"))
    assert matter.when(ask()) is None
    assert NAME.encode() not in matter.state.SerializeToString()


def test_a_material_is_asked_for_once_in_a_matter(matter: Matter) -> None:
    assert matter.when(ask(LICENCE)) is None
    matter.given(found())
    assert matter.when(ask(LICENCE, TITLE)) is None


def test_a_want_that_is_new_is_asked_for_alone() -> None:
    matter = Matter()
    matter.given(ask(LICENCE))
    event = matter.given(ask(LICENCE, TITLE))
    assert [one.material_id for one in event.materials_requested.materials] == ["land_title"]


def test_what_is_found_is_told_without_its_content(matter: Matter) -> None:
    told = matter.given(found()).material_resolved
    assert (told.source, list(told.item_ids), told.issuer) == ("market_regulation", ["01"], "market_regulation")
    assert (told.valid_from, told.valid_until) == ("2026-01-01", "2036-01-01")
    assert b"n-1" not in told.SerializeToString()
    assert told.material.size_bytes == len(CONTENT)
    assert (told.attempts, told.late) == (1, False)
    assert matter.request().status == SharingStatus.SHARING_STATUS_RESOLVED


def test_a_refusal_is_an_event_with_owner_reason_and_basis(matter: Matter) -> None:
    told = matter.given(refused()).sharing_refused
    assert (told.material_id, told.source, told.owner) == ("business_licence", "market_regulation", "data_bureau")
    assert (told.reason, told.basis, told.late) == ("不予共享", "第十二条", False)
    assert matter.request().status == SharingStatus.SHARING_STATUS_REFUSED


def test_a_reason_is_bounded(matter: Matter) -> None:
    assert len(matter.given(refused(reason="长" * 900)).sharing_refused.reason) == 500


def test_what_is_not_found_is_a_failure_at_once(matter: Matter) -> None:
    told = matter.given(not_found()).sharing_failed
    assert told.failure == SharingFailure.SHARING_FAILURE_NOT_FOUND
    assert (told.source, told.reason) == ("market_regulation", "无此记录")
    assert not told.HasField("until")


def test_a_failed_call_is_made_again_ever_later_and_given_up_in_time(matter: Matter) -> None:
    waits: list[int] = []
    after = 0
    for attempt in range(1, 4):
        event = matter.given(failed(AWAY, attempt=attempt), after)
        assert event.sharing_delayed.cause == DelayCause.DELAY_CAUSE_AWAY
        waits.append(until(event))
        after += waits[-1]
    assert waits == [2_000, 4_000, 8_000]
    # The next one would come after the applicant is asked.
    told = matter.given(failed(AWAY, attempt=4), after + 1_000).sharing_failed
    assert (told.failure, told.source, told.attempts) == (
        SharingFailure.SHARING_FAILURE_AWAY, "market_regulation", 4,
    )  # fmt: skip
    assert matter.gives_up() is None


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (AWAY, SharingFailure.SHARING_FAILURE_AWAY),
        (TIMED_OUT, SharingFailure.SHARING_FAILURE_TIMED_OUT),
        (CallFailure.CALL_FAILURE_MALFORMED, SharingFailure.SHARING_FAILURE_AWAY),
        (OWN_SIDE, SharingFailure.SHARING_FAILURE_OWN_SIDE),
    ],
)
def test_who_waited_long_enough_is_told_why(matter: Matter, cause: CallFailure, expected: SharingFailure) -> None:
    matter.given(failed(cause))
    event = matter.gives_up()
    assert isinstance(event, ExchangeEvent)
    assert event.sharing_failed.failure == expected
    assert not event.sharing_failed.HasField("until")
    assert matter.request().status == SharingStatus.SHARING_STATUS_FAILED


def test_where_nobody_called_no_department_has_failed(matter: Matter) -> None:
    event = matter.gives_up()
    assert isinstance(event, ExchangeEvent)
    assert event.sharing_failed.failure == SharingFailure.SHARING_FAILURE_OWN_SIDE


def test_without_a_platform_it_is_away_at_once(matter: Matter) -> None:
    told = matter.given(failed(CallFailure.CALL_FAILURE_NOT_CONNECTED)).sharing_failed
    assert (told.failure, told.HasField("until")) == (SharingFailure.SHARING_FAILURE_AWAY, False)


def test_what_is_announced_in_time_is_asked_then(matter: Matter) -> None:
    event = matter.given(delayed(NOW + 20_000), 1_000)
    assert (event.sharing_delayed.cause, until(event)) == (DelayCause.DELAY_CAUSE_ANNOUNCED, 19_000)
    assert matter.given(found(attempt=2), 20_000).material_resolved.late is False


def test_an_announcement_of_the_past_waits_a_second(matter: Matter) -> None:
    assert until(matter.given(delayed(NOW - 5_000))) == 1_000


def test_what_is_announced_for_later_is_taken_late_while_the_applicant_is_asked(matter: Matter) -> None:
    matter.given(delayed(NOW + 600_000))
    event = matter.gives_up()
    assert isinstance(event, ExchangeEvent)
    told = event.sharing_failed
    assert (told.failure, unix_ms(told.until)) == (SharingFailure.SHARING_FAILURE_TIMED_OUT, NOW + 600_000)
    assert matter.request().status == SharingStatus.SHARING_STATUS_LATE
    assert NAME.encode() in matter.state.SerializeToString()
    assert matter.given(found(attempt=2), 600_000).material_resolved.late is True


def test_a_late_one_that_is_away_then_is_asked_no_more(matter: Matter) -> None:
    matter.given(delayed(NOW + 600_000))
    matter.gives_up()
    told = matter.given(failed(AWAY, attempt=2), 600_000).sharing_failed
    assert (told.late, told.HasField("until")) == (True, False)


def test_what_is_announced_for_much_too_late_has_failed(matter: Matter) -> None:
    told = matter.given(delayed(NOW + LATE_MS + 1)).sharing_failed
    assert (told.failure, told.HasField("until")) == (SharingFailure.SHARING_FAILURE_TIMED_OUT, False)


def test_a_call_that_brings_it_after_the_end_is_taken(matter: Matter) -> None:
    matter.given(failed(TIMED_OUT))
    matter.gives_up()
    assert matter.given(found(attempt=2), GIVE_UP_MS + 500).material_resolved.late is True


@pytest.mark.parametrize("command", [refused(attempt=2), not_found(attempt=2), failed(AWAY, attempt=2)])
def test_nothing_else_counts_after_the_end(matter: Matter, command: ExchangeCommand) -> None:
    matter.given(failed(TIMED_OUT))
    matter.gives_up()
    assert matter.when(command, GIVE_UP_MS + 500) is None


def test_an_answer_counts_once(matter: Matter) -> None:
    matter.given(failed(AWAY))
    assert matter.when(failed(AWAY)) is None
    assert matter.when(found(attempt=1)) is None
    matter.given(found(attempt=2))
    assert matter.when(found(attempt=3)) is None
    assert matter.when(refused(attempt=2)) is None


def test_what_the_applicant_has_supplied_is_asked_no_more_and_the_rest_is(matter: Matter) -> None:
    event = matter.given(stop("land_title"))
    assert list(event.sharing_stopped.material_ids) == ["land_title"]
    assert matter.when(stop("land_title")) is None
    assert matter.when(found("land_title")) is None
    matter.given(found())


def test_nobody_asks_any_more_once_intake_says_so(matter: Matter) -> None:
    matter.given(found())
    event = matter.given(stop())
    assert list(event.sharing_stopped.material_ids) == ["land_title"]
    assert matter.when(found("land_title")) is None
    assert matter.gives_up("land_title") is None
    assert matter.when(stop()) is None


@pytest.mark.parametrize(
    "actor",
    [
        Actor(principal="somebody", role=ActorRole.ACTOR_ROLE_SYSTEM),
        Actor(principal="exchange", role=ActorRole.ACTOR_ROLE_CLERK),
        INTAKE,
    ],
)
def test_only_the_exchange_records_answers(matter: Matter, actor: Actor) -> None:
    command = found()
    command.actor.CopyFrom(actor)
    told = matter.when(command)
    assert isinstance(told, CommandRefused)
    assert [(one.field, one.reason) for one in told.violations] == [("actor", Reason.REASON_ROLE_NOT_ALLOWED)]


@pytest.mark.parametrize("command", [ask().command, stop().command])
def test_only_intake_says_what_is_fetched(matter: Matter, command: ExchangeCommand) -> None:
    asked = ExchangeCommand()
    asked.CopyFrom(command)
    asked.actor.CopyFrom(EXCHANGE)
    told = matter.when(asked)
    assert isinstance(told, CommandRefused)
    assert [(one.field, one.reason) for one in told.violations] == [("actor", Reason.REASON_ROLE_NOT_ALLOWED)]


def test_an_answer_for_what_nobody_wants_is_refused(matter: Matter) -> None:
    told = matter.when(found("passport"))
    assert isinstance(told, CommandRefused)
    assert [(one.field, one.reason) for one in told.violations] == [
        ("record_answer.material_id", Reason.REASON_MATERIAL_UNKNOWN)
    ]


def test_an_empty_answer_is_a_malformed_one(matter: Matter) -> None:
    command = answer()
    command.record_answer.answer.SetInParent()
    assert matter.given(command).sharing_delayed.cause == DelayCause.DELAY_CAUSE_MALFORMED
