"""What is parked: it waits in its stream and holds up no other, and an operator replays it or gives it up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
from tests.live import (
    CALL_SECONDS,
    COMMANDS,
    LEVELS,
    MATTER_EVENTS,
    NOTICE_EVENTS,
    SUBMISSIONS,
    TASK_EVENTS,
    Live,
    forged,
    outside,
)
from tests.tail import poll

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.backbone.v1 import operations_service_pb2 as operations
from onematter.common.v1.actor_pb2 import Actor, ActorRole
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_events_pb2 import MatterOutcome

DONE, STOPPED = operations.OPERATION_STATUS_DONE, operations.OPERATION_STATUS_STOPPED
PARKED = operations.DEAD_LETTER_STATUS_PARKED


def letters(
    live: Live, deployment: str, matter_id: str, *statuses: operations.DeadLetterStatus
) -> list[operations.DeadLetter]:
    """All dead letters of a matter, read in pages of one."""
    records: list[operations.DeadLetter] = []
    token = ""
    while True:
        request = operations.ListDeadLettersRequest(
            matter_id=matter_id, page_size=1, page_token=token, statuses=statuses
        )
        page = live.operations(deployment).ListDeadLetters(request, timeout=CALL_SECONDS)
        assert len(page.dead_letters) <= 1
        records += page.dead_letters
        token = page.next_page_token
        if not token:
            return records


def parked(live: Live, deployment: str, matter_id: str) -> list[operations.DeadLetter]:
    """What waits."""
    return letters(live, deployment, matter_id, PARKED)


def waiting(live: Live, deployment: str, matter_id: str, count: int) -> list[operations.DeadLetter]:
    """Wait until so many records of a matter are parked."""
    return poll(
        lambda: found if len(found := parked(live, deployment, matter_id)) == count else [], f"{count} parked records"
    )


def nothing_waits(live: Live, deployment: str, matter_id: str) -> None:
    """Wait until no record of a matter is parked."""
    poll(lambda: not parked(live, deployment, matter_id), "nothing parked")


def operator(live: Live) -> Actor:
    return Actor(principal=f"operator-of-{live.principal}", role=ActorRole.ACTOR_ROLE_OPERATOR)


def first_of(live: Live, deployment: str, matter_id: str, writer: str, topic: str) -> operations.DeadLetter:
    stream = (writer, topic)
    return next(
        one
        for one in parked(live, deployment, matter_id)
        if one.first and (one.position.writer, one.position.topic) == stream
    )


def drop(live: Live, deployment: str, matter_id: str, writer: str, topic: str) -> operations.Operation:
    """Give up the first parked record of a stream."""
    request = operations.DropDeadLetterRequest(request_id=live.new_id(), actor=operator(live), reason="a test's")
    request.record.CopyFrom(first_of(live, deployment, matter_id, writer, topic).record)
    return live.operations(deployment).DropDeadLetter(request, timeout=CALL_SECONDS).operation


def replay(live: Live, deployment: str, matter_id: str, writer: str, topic: str) -> operations.Operation:
    """Replay a stream."""
    request = operations.ReplayDeadLetterRequest(request_id=live.new_id(), actor=operator(live), reason="repaired")
    request.record.CopyFrom(first_of(live, deployment, matter_id, writer, topic).record)
    return live.operations(deployment).ReplayDeadLetter(request, timeout=CALL_SECONDS).operation


def test_a_command_of_an_unknown_type_parks_what_is_behind_it_until_an_operator_drops_it(live: Live) -> None:
    command = live.hand_in()
    key = command.matter_id
    # Field 99 of a later version, with a message of its own.
    unknown = IntakeCommand(request_id=live.new_id(), matter_id=key).SerializeToString() + b"\x9a\x06\x02\x08\x01"
    written = live.write(SUBMISSIONS, unknown, key.encode(), outside("later"))
    letter = live.dead_letter("intake", SUBMISSIONS, written.partition, written.offset)
    assert b"unknown type" in dict(letter.headers)["dead_letter_reason"]
    behind = live.publish(SUBMISSIONS, command)
    first, second = waiting(live, "intake", key, 2)
    assert (first.position.topic, first.position.writer, first.record.offset) == (SUBMISSIONS, "", written.offset)
    assert (first.first, second.first) == (True, False)
    assert first.reason.startswith("unknown type")
    assert second.reason == "behind a parked record"
    live.goes_on()

    replayed = replay(live, "intake", key, "", SUBMISSIONS)
    assert (replayed.status, replayed.outcome.replayed, replayed.outcome.still_parked) == (STOPPED, 0, 2)
    assert replayed.outcome.stopped_at == first.record
    assert replayed.outcome.stopped_reason.startswith("unknown type")
    live.goes_on()
    assert [one.record.offset for one in parked(live, "intake", key)] == [first.record.offset, second.record.offset]

    dropped = drop(live, "intake", key, "", SUBMISSIONS)
    assert (dropped.status, dropped.outcome.dropped, dropped.outcome.replayed) == (DONE, True, 1)
    assert live.answer(MATTER_EVENTS, key, behind).WhichOneof("event") == "matter_accepted"
    live.completes(key)
    nothing_waits(live, "intake", key)


def opening(key: str, item_id: str) -> bytes:
    command = ApprovalCommand(matter_id=key, item_id=item_id)
    command.open_task.item.item_id = item_id
    return command.SerializeToString()


def test_a_gap_parks_its_stream_alone_and_is_closed_by_what_was_missing(live: Live) -> None:
    topic, events = COMMANDS["county"], TASK_EVENTS["county"]
    key = live.hand_in().matter_id

    def send(sequence: int, item_id: str) -> Any:
        return live.write(topic, opening(key, item_id), key.encode(), forged("intake", topic, key, sequence))

    early = send(3, "c")
    letter = live.dead_letter("approval", topic, early.partition, early.offset)
    assert dict(letter.headers)["dead_letter_reason"] == b"gap: sequence 1 is missing"
    send(4, "d")
    waiting(live, "approval-county", key, 2)
    live.goes_on()
    assert not live.events(events, key)

    send(1, "a")
    live.event(events, key, "task_opened", "a")
    assert len(parked(live, "approval-county", key)) == 2
    send(2, "b")
    live.event(events, key, "task_opened", "d")
    assert [event.item_id for event in live.events(events, key)] == ["a", "b", "c", "d"]
    nothing_waits(live, "approval-county", key)

    again = live.write(topic, opening(key, "x"), key.encode(), forged("intake", topic, key, 2))
    letter = live.dead_letter("approval", topic, again.partition, again.offset)
    assert dict(letter.headers)["dead_letter_reason"] == b"alarm: sequence 2 came again with another content"
    send(2, "b")
    live.goes_on()
    live.tail.read_to_end()
    assert len(live.events(events, key)) == 4

    # Intake never asked for these tasks: what answers them waits there, in order, for what it is to have asked.
    left = waiting(live, "intake", key, 4)
    assert left[0].reason.startswith("ahead")
    assert [one.position.sequence for one in left] == [1, 2, 3, 4]
    for count in (3, 2, 1):
        drop(live, "intake", key, "approval-county", events)
        waiting(live, "intake", key, count)
    drop(live, "intake", key, "approval-county", events)
    nothing_waits(live, "intake", key)
    live.goes_on()


def test_what_an_operator_gives_up_lets_the_rest_of_its_stream_go_on(live: Live) -> None:
    topic, events = COMMANDS["city"], TASK_EVENTS["city"]
    key = live.hand_in().matter_id
    for sequence, item_id in ((2, "b"), (3, "c")):
        live.write(topic, opening(key, item_id), key.encode(), forged("intake", topic, key, sequence))
    waiting(live, "approval-city", key, 2)
    drop(live, "approval-city", key, "intake", topic)
    nothing_waits(live, "approval-city", key)
    live.event(events, key, "task_opened", "c")
    assert [event.item_id for event in live.events(events, key)] == ["c"]
    waiting(live, "intake", key, 1)
    drop(live, "intake", key, "approval-city", events)
    nothing_waits(live, "intake", key)


def test_an_observer_parks_a_gap_too(live: Live) -> None:
    key, topic = live.hand_in().matter_id, NOTICE_EVENTS
    early = live.write(topic, b"of any kind", key.encode(), forged("notification", topic, key, 2))
    letter = live.dead_letter("archive", topic, early.partition, early.offset)
    assert dict(letter.headers)["dead_letter_reason"] == b"gap: sequence 1 is missing"
    live.goes_on()
    drop(live, "archive", key, "notification", topic)
    nothing_waits(live, "archive", key)


@contextmanager
def a_row_that_the_database_refuses(live: Live, matter_id: str) -> Iterator[None]:
    """Let the county's inbox refuse the rows of one matter."""
    name = f"refuse_{matter_id}"
    with closing(psycopg.connect(live.database_url, autocommit=True)) as connection:
        connection.execute("SET search_path TO approval_county")
        connection.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"  # type: ignore[arg-type]
            f" IF NEW.matter_id = '{matter_id}' THEN RAISE 'refused by a test' USING ERRCODE = '22000'; END IF;"
            " RETURN NEW; END $$"
        )
        connection.execute(
            f"CREATE TRIGGER {name} BEFORE INSERT ON tasks"  # type: ignore[arg-type]
            f" FOR EACH ROW EXECUTE FUNCTION {name}()"
        )
        try:
            yield
        finally:
            connection.execute(f"DROP FUNCTION {name}() CASCADE")  # type: ignore[arg-type]


def test_one_culprit_in_a_batch_is_parked_and_replayed_when_its_cause_is_gone(live: Live) -> None:
    culprit = live.hand_in(amount=2_000_000)
    others = [live.hand_in(amount=2_000_000) for _ in range(20)]
    key, topic = culprit.matter_id, COMMANDS["county"]
    with a_row_that_the_database_refuses(live, key):
        live.publish_all([*others[:10], culprit, *others[10:]])
        # What the exchange found is sent after it, and waits behind it.
        one, behind = waiting(live, "approval-county", key, 2)
        assert [(row.position.writer, row.position.sequence) for row in (one, behind)] == [("intake", 1), ("intake", 2)]
        # What the database says may quote what it was given: only the kind of error is told.
        assert one.reason == "failed: BadData"
        letter = live.dead_letter("approval", topic, one.record.partition, one.record.offset)
        assert dict(letter.headers)["ce_stream"] == b"intake"
        for other in others:
            live.event(TASK_EVENTS["county"], other.matter_id, "task_opened")
        for level in ("province", "city"):
            live.event(TASK_EVENTS[level], key, "task_opened")
        live.goes_on()
        assert not live.events(TASK_EVENTS["county"], key)
    replayed = replay(live, "approval-county", key, "intake", topic)
    assert (replayed.status, replayed.outcome.replayed) == (DONE, 2)
    live.event(TASK_EVENTS["county"], key, "task_opened")
    nothing_waits(live, "approval-county", key)
    for level in LEVELS:
        live.decide(level, live.decision(level, key, live.item_at(level)))
    assert live.completes(key).matter_completed.outcome == MatterOutcome.MATTER_OUTCOME_GRANTED
