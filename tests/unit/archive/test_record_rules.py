"""The rules of the Record: what is archived, and when a matter is sealed."""

from __future__ import annotations

import hashlib

import pytest
from tests.unit.archive.cases import (
    COMMANDS,
    COMPLETED,
    HANDED_IN,
    MATTER,
    MATTER_ID,
    MATTER_NUMBER,
    NOW,
    REFUSED,
    STREAMS,
    Archive,
    completed,
    in_order,
    matter_records,
    record,
    refused,
)

from onematter.archive import core, handlers
from onematter.archive.servicer import receipt_of
from onematter.archive.v1.archive_events_pb2 import RecordEvent
from onematter.archive.v1.archive_state_pb2 import RecordState
from onematter.backbone.step import Step
from onematter.backbone.v1.ledger_pb2 import Ledger
from onematter.contracts.aggregate import Context, TimerDue, Undecodable
from onematter.contracts.times import unix_ms

CONTEXT = Context(NOW, 0, 0, Ledger())


def _hash(prefix: bytes, *parts: bytes) -> bytes:
    return hashlib.sha256(prefix + b"".join(parts)).digest()


def test_sealed_when_the_last_record_of_the_manifest_arrives():
    archive = Archive()
    *first, last = in_order(matter_records(STREAMS))
    for given in first:
        archive.take(given)
    assert archive.sealed == []
    archive.take(last)
    (sealed,) = archive.sealed
    assert sealed.seal.leaf_count == 6
    assert unix_ms(sealed.seal.completed) == NOW
    assert unix_ms(sealed.seal.handed_in) == HANDED_IN
    assert archive.held.state.seal == sealed.seal


def test_seal_names_its_streams_in_order_and_hashes_leaves_in_order():
    archive = Archive()
    records = matter_records({MATTER: 1, ("intake", COMMANDS): 1})
    archive.take(*records[MATTER], *records["intake", COMMANDS])
    (sealed,) = archive.sealed
    assert [p.topic for p in sealed.seal.manifest] == [COMMANDS, MATTER[1]]
    leaves = [_hash(b"\0", records["intake", COMMANDS][0].value), _hash(b"\0", records[MATTER][0].value)]
    assert sealed.seal.root == _hash(b"\x01", *leaves)


def test_result_before_what_it_rests_on_waits():
    archive = Archive()
    records = matter_records(STREAMS)
    archive.take(*records[MATTER])
    assert archive.sealed == []
    archive.take(*(r for stream in STREAMS if stream != MATTER for r in records[stream]))
    assert len(archive.sealed) == 1


def test_a_refusal_to_accept_seals_the_matter_as_its_result_would():
    archive = Archive()
    ended = record(MATTER, 2, refused([(MATTER, 2)]).SerializeToString(), REFUSED)
    archive.take(ended)
    assert archive.sealed == []
    received = record(MATTER, 1, b"received", "onematter.intake.v1.MatterReceived")
    late = Archive()
    late.take(received, ended, record(MATTER, 3, b"a later refusal"))
    (sealed,) = late.sealed
    assert sealed.seal.leaf_count == 2
    assert sealed.seal.root == _hash(b"\x01", _hash(b"\0", received.value), _hash(b"\0", ended.value))
    assert (unix_ms(sealed.seal.completed), unix_ms(sealed.seal.handed_in)) == (NOW, HANDED_IN)
    receipt = receipt_of(MATTER_ID, late.held.state)
    assert receipt is not None
    assert receipt.matter_number == MATTER_NUMBER
    assert b"a later refusal" in [r.value for r in late.case_file.records]


def test_the_receipt_tells_the_trips_of_the_result():
    result = completed([(MATTER, 1)])
    result.matter_completed.visits = 1
    result.matter_completed.trips.add(reason="原件核验", division="330106")
    archive = Archive()
    archive.take(record(MATTER, 1, result.SerializeToString(), COMPLETED))
    receipt = receipt_of(MATTER_ID, archive.held.state)
    assert receipt is not None
    assert (receipt.visits, [one.reason for one in receipt.trips]) == (1, ["原件核验"])


def test_the_first_ending_is_the_matters():
    archive = Archive()
    archive.take(record(MATTER, 1, refused([(MATTER, 1)]).SerializeToString(), REFUSED))
    archive.take(record(MATTER, 2, completed([(MATTER, 2)]).SerializeToString(), COMPLETED))
    (sealed,) = archive.sealed
    assert sealed.seal.leaf_count == 1


def test_late_records_join_the_case_file_and_leave_the_seal():
    archive = Archive()
    records = matter_records(STREAMS, late=2)
    archive.take(*in_order(matter_records(STREAMS)))
    seal = archive.held.state.seal.SerializeToString()
    archive.take(*records["notification", "onematter.notification.events.v1"])
    archive.take(record(MATTER, STREAMS[MATTER] + 1, b"a late refusal"))
    assert len(archive.sealed) == 1
    assert archive.held.state.seal.SerializeToString() == seal
    assert [r.value for r in archive.case_file.records if r.position.writer == "notification"] == [
        b"notice 1",
        b"notice 2",
    ]
    assert b"a late refusal" in [r.value for r in archive.case_file.records]


def test_case_file_has_every_record_as_received():
    archive = Archive()
    records = in_order(matter_records(STREAMS, late=1))
    archive.take(*records[:4])
    archive.take(*records[4:])
    assert archive.case_file.matter_id == MATTER_ID
    archived = archive.case_file.records
    assert [(r.position.writer, r.position.topic, r.position.sequence) for r in archived] == [
        (r.writer, r.topic, r.sequence) for r in records
    ]
    assert [(r.value, r.type, unix_ms(r.received)) for r in archived] == [
        (r.value, r.type, r.timestamp_unix_ms) for r in records
    ]
    assert [r.leaf_digest for r in archived] == [_hash(b"\0", r.value) for r in records]


def test_one_row_for_each_matter_and_batch_and_the_same_when_run_again():
    archive, again = Archive(), Archive()
    records = in_order(matter_records(STREAMS))
    for other in (archive, again):
        other.take(*records[:3])
        other.take(*records[3:])
    assert len(archive.rows.chunks) == 2
    assert archive.rows.chunks == again.rows.chunks


def test_redelivered_records_are_archived_once():
    archive = Archive()
    records = in_order(matter_records(STREAMS))
    archive.take(*records)
    archive.take(*records)
    assert len(archive.case_file.records) == len(records)
    assert len(archive.sealed) == 1


def test_what_comes_from_outside_is_no_leaf():
    archive = Archive()
    archive.take(record(("", COMMANDS), 0, b"a person's decision"))
    assert not archive.held.state.streams
    assert archive.rows.chunks == {}


def test_unknown_types_and_other_topics_are_bytes():
    archive = Archive()
    archive.take(record(MATTER, 1, b"\xff not a message", "onematter.intake.v9.SomethingNew"))
    archive.take(record(("intake", COMMANDS), 1, b"\xff not a message", COMPLETED))
    assert [r.type for r in archive.case_file.records] == [COMPLETED, "onematter.intake.v9.SomethingNew"]
    assert len(archive.held.state.streams) == 2


def test_receipt_has_the_leaves_under_the_root_and_the_printed_number():
    archive = Archive()
    records = in_order(matter_records(STREAMS))
    archive.take(*records[:-1])
    assert receipt_of(MATTER_ID, archive.held.state) is None
    archive.take(records[-1], record(MATTER, STREAMS[MATTER] + 1, b"late"))
    receipt = receipt_of(MATTER_ID, archive.held.state)
    assert receipt is not None
    assert receipt.matter_number == MATTER_NUMBER
    assert receipt.seal == archive.sealed[0].seal
    assert list(receipt.leaf_digests) == [_hash(b"\0", r.value) for r in records]


def test_dropped_record_leaves_a_hole_that_is_never_sealed():
    state = RecordState()
    records = in_order(matter_records(STREAMS))
    for given in (r for r in records if not (r.writer == "approval-county" and r.sequence == 1)):
        command = handlers.command_from(given)
        assert command is not None
        state = core.absorb(state, command, CONTEXT)
        assert core.decide(state, command, CONTEXT) is None
    stream = next(s for s in state.streams if s.writer == "approval-county")
    assert stream.digests == bytes(32) + _hash(b"\0", records[1].value)


def test_leaf_that_is_there_is_never_replaced():
    state = RecordState()
    command = handlers.command_from(record(MATTER, 1, b"x"))
    assert command is not None
    core.absorb(state, command, CONTEXT)
    with pytest.raises(AssertionError, match="sequence 1"):
        core.absorb(state, command, CONTEXT)


def test_seal_folds_without_changing_its_argument_and_only_once():
    archive = Archive()
    archive.take(*in_order(matter_records(STREAMS)))
    event = archive.events[0]
    before = RecordState()
    after = core.evolve(before, event)
    assert not before.HasField("seal")
    assert after.seal == event.matter_sealed.seal
    other = RecordEvent()
    other.matter_sealed.seal.leaf_count = 99
    assert core.evolve(after, other).seal == event.matter_sealed.seal
    assert core.evolve(after, RecordEvent()) == after


def test_restored_from_its_own_event_it_is_not_sealed_again():
    before, after = Archive(), Archive()
    records = in_order(matter_records(STREAMS))
    before.take(*records)
    own = record(("archive", "onematter.archive.events.v1"), 1, before.events[0].SerializeToString())
    after.unit.fold(Step(), after.held, own)
    assert after.held.state.seal == before.held.state.seal
    assert receipt_of(MATTER_ID, after.held.state) is None
    after.take(*records)
    assert after.sealed == []
    assert receipt_of(MATTER_ID, after.held.state) == receipt_of(MATTER_ID, before.held.state)
    assert after.case_file == before.case_file


def test_timer_teaches_and_decides_nothing():
    state = RecordState()
    assert core.absorb(state, TimerDue("any"), CONTEXT) == RecordState()
    assert core.decide(state, TimerDue("any"), CONTEXT) is None


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\xff\xff", "not an onematter.intake.v1.MatterEvent"),
        (b"", "another"),
        (completed(STREAMS.items(), matter_id="f" * 32).SerializeToString(), "matter_id"),
        (completed([]).SerializeToString(), "end its own stream"),
        (completed([(MATTER, 2)]).SerializeToString(), "end its own stream"),
        (completed([(MATTER, 3), (MATTER, 3)]).SerializeToString(), "twice"),
        (completed([(MATTER, 3), (("intake", COMMANDS), 0)]).SerializeToString(), "sequence 0"),
    ],
)
def test_result_that_cannot_be_sealed_is_undecodable(value: bytes, reason: str):
    with pytest.raises(Undecodable, match=reason):
        handlers.command_from(record(MATTER, 3, value, COMPLETED))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\xff\xff", "not an onematter.intake.v1.MatterEvent"),
        (completed([(MATTER, 3)]).SerializeToString(), "another"),
        (refused([(MATTER, 2)]).SerializeToString(), "AcceptanceRefused.manifest does not end its own stream"),
    ],
)
def test_refusal_that_cannot_be_sealed_is_undecodable(value: bytes, reason: str):
    with pytest.raises(Undecodable, match=reason):
        handlers.command_from(record(MATTER, 3, value, REFUSED))
