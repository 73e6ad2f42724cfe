"""What is done to sound evidence, one thing at a time, so that each rule of the auditor is seen to fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import zstandard
from tests.faults.auditor import Rule, commands, delivered, matters, rest, streams
from tests.faults.auditor.evidence import Aggregate, Database, Entry, Evidence, Kind, Parked
from tests.faults.auditor.topology import (
    DEAD_LETTERS,
    EVENT_TYPES,
    MATTER_EVENTS,
    NOTICE_EVENTS,
    RECORD_EVENTS,
    SUBMISSIONS,
    TASK_COMMANDS,
)
from tests.faults.spoiling import (
    CITY_EVENTS,
    Spoiler,
    again,
    aggregate_of,
    ended,
    followed,
    keyed,
    ledger_of,
    refused_matter,
    rows,
    unlike,
    with_book,
    with_database,
    with_header,
    with_records,
    without,
    without_one,
)

from onematter.archive.v1.archive_state_pb2 import RecordColumns
from onematter.backbone.v1.ledger_pb2 import Ledger, Outbox
from onematter.common.v1.outcome_pb2 import Outcome
from onematter.intake.v1.intake_state_pb2 import MatterState, MatterStatus

CITY_COMMANDS = TASK_COMMANDS["city"]


class Tampering(NamedTuple):
    """What is done to the evidence, and what the rule must say of it."""

    what: str
    rule: Rule
    kind: Kind
    spoil: Spoiler


def _one_less(ledger: Ledger) -> None:
    ledger.received[0].last_sequence -= 1


def _other_digest(ledger: Ledger) -> None:
    ledger.received[0].digests = bytes(8) + ledger.received[0].digests[8:]


def _forget_outcome(ledger: Ledger) -> None:
    del ledger.outcomes[0]


def _double_outcome(ledger: Ledger) -> None:
    ledger.outcomes.add().CopyFrom(ledger.outcomes[0])


def _other_content(ledger: Ledger) -> None:
    ledger.outcomes.add(
        principal=ledger.outcomes[0].principal, request_id=ledger.outcomes[0].request_id, digest=b"another"
    )


def _other_refusal(ledger: Ledger) -> None:
    refused = next(one for one in ledger.outcomes if one.HasField("refused"))
    refused.refused.violations[0].field = "another"


def _running(row: Aggregate) -> Aggregate:
    state = MatterState.FromString(row.state)
    state.status = MatterStatus.MATTER_STATUS_RUNNING
    return row._replace(state=state.SerializeToString())


def _never_opened(evidence: Evidence) -> Evidence:
    key = ended(evidence)
    return without(CITY_EVENTS, lambda one: one.key != key)(evidence)


def _no_result(evidence: Evidence) -> Evidence:
    key = ended(evidence)
    last = len(keyed(evidence, MATTER_EVENTS, key))
    kinds = [EVENT_TYPES[MATTER_EVENTS].FromString(e.value) for e in keyed(evidence, MATTER_EVENTS, key)]
    last = next(n for n, event in enumerate(kinds, 1) if event.HasField("matter_completed"))
    return without(MATTER_EVENTS, lambda one: one.key != key or one.sequence < last)(evidence)


def _nobody_told(evidence: Evidence) -> Evidence:
    key = ended(evidence)
    return without(NOTICE_EVENTS, lambda one: one.key != key)(evidence)


def _not_sealed(evidence: Evidence) -> Evidence:
    key = ended(evidence)
    return without(RECORD_EVENTS, lambda one: one.key != key)(evidence)


def _wrong_root(evidence: Evidence) -> Evidence:
    key = ended(evidence)

    def changed(one: Entry) -> Entry:
        if one.key != key:
            return one
        event = EVENT_TYPES[RECORD_EVENTS].FromString(one.value)
        event.matter_sealed.seal.root = bytes(32)
        return one._replace(value=event.SerializeToString())

    return with_records(evidence, RECORD_EVENTS, [changed(one) for one in evidence.records[RECORD_EVENTS]])


def _other_leaf(evidence: Evidence) -> Evidence:
    key = ended(evidence)
    records = [unlike(one) if one.key == key else one for one in evidence.records[CITY_EVENTS]]
    return with_records(evidence, CITY_EVENTS, records)


def _notices(change: Callable[[list[tuple[str, str]]], list[tuple[str, str]]]) -> Spoiler:
    return lambda e: replace(e, notices=change(list(e.notices)))


def _renamed(row: tuple[str, str]) -> tuple[str, str]:
    document = json.loads(row[1])
    document["notice_id"] = "0" * 32
    return "0" * 32, json.dumps(document)


def _first_archived(rows: list[tuple[str, bytes]], what: str) -> list[tuple[str, bytes]]:
    matter_id, columns = rows[0]
    if what == "gone":
        return rows[1:]
    if what == "twice":
        return [*rows, rows[0]]
    kept = RecordColumns.FromString(columns)
    kept.values[0] += b"\0"
    return [(matter_id, kept.SerializeToString()), *rows[1:]]


def _decided_again(rows: list[tuple[str, str, int]], _: Database) -> list[tuple[str, str, int]]:
    return [(matter_id, item_id, 1) for matter_id, item_id, _ in rows]


def _offset(by: int) -> Spoiler:
    def change(rows: list[Any], _: Database) -> list[Any]:
        first = rows[0]
        return [first._replace(offsets={t: n + by for t, n in first.offsets.items()}), *rows[1:]]

    return rows("notification", "lanes", change)


def _unsent(rows: list[Any], database: Database) -> list[Any]:
    box = Outbox(topics=[MATTER_EVENTS], partitions=[0], keys=[b"key"], values=[b"never sent"])
    lane = database.lanes[0]
    return [*rows, (lane.lane, lane.next_position - 1, zstandard.compress(box.SerializeToString()))]


def _told_otherwise(book: Any) -> None:
    sent = next(one for one in book.sent.values() if one.accepted)
    sent.accepted.append(Outcome(request_id="another"))


def _kept_otherwise(book: Any) -> None:
    sent = next(one for one in book.sent.values() if one.accepted)
    for told in sent.accepted:
        told.told_by.sequence += 1


def _elsewhere(book: Any) -> None:
    sent = next(one for one in book.sent.values() if one.acknowledged)
    topic, partition, _ = sent.acknowledged[0]
    sent.acknowledged.append((topic, partition, 10**9))


def _denied(book: Any) -> None:
    matter_id = next(key for key, outcome in book.ends.items() if outcome.endswith("_GRANTED"))
    book.ends[matter_id] = "MATTER_OUTCOME_DENIED"


def _a_letter(evidence: Evidence) -> Evidence:
    origin = {"dead_letter_topic": b"t", "dead_letter_partition": b"0", "dead_letter_offset": b"1"}
    letter = Entry(DEAD_LETTERS[0], 0, 10**9, 0, "", b"a letter", origin)
    return with_records(evidence, DEAD_LETTERS[0], [*evidence.records[DEAD_LETTERS[0]], letter])


def _no_owner(evidence: Evidence) -> Evidence:
    return replace(evidence, owners={**evidence.owners, "intake": evidence.owners["intake"] - {0}})


def _unknown_to_the_archive(evidence: Evidence) -> Evidence:
    gone = ended(evidence)
    kept = [row for row in evidence.databases["archive"].aggregates if row.matter_id != gone]
    return with_database(evidence, "archive", aggregates=kept)


TAMPERINGS: tuple[Tampering, ...] = (
    Tampering("a record in the middle is missing", streams.gapless, "lost", without_one(MATTER_EVENTS, 1)),
    Tampering("a place has two contents", streams.gapless, "twice", again(MATTER_EVENTS, unlike)),
    Tampering("another's stream", streams.gapless, "wrong", again(MATTER_EVENTS, with_header("ce_stream", b"archive"))),
    Tampering("an id is another", streams.gapless, "wrong", again(MATTER_EVENTS, with_header("ce_id", b"another"))),
    Tampering("no stream", streams.no_strangers, "wrong", again(MATTER_EVENTS, with_header("ce_stream", b""))),
    Tampering("two of one cause", streams.one_cause_one_event, "twice", followed(CITY_EVENTS)),
    Tampering("a cause is gone", streams.one_cause_one_event, "wrong", without(SUBMISSIONS, lambda _: False)),
    Tampering("a cause inside is gone", streams.one_cause_one_event, "wrong", without_one(CITY_COMMANDS, 1)),
    Tampering("committed, not published", streams.published, "lost", without_one(CITY_EVENTS, 0)),
    Tampering("published, not committed", streams.published, "wrong", followed(NOTICE_EVENTS)),
    Tampering("published by nobody", streams.published, "wrong", _unknown_to_the_archive),
    Tampering("a record not taken in", streams.taken_in, "lost", ledger_of("archive", _one_less)),
    Tampering("another record taken in", streams.taken_in, "wrong", ledger_of("archive", _other_digest)),
    Tampering("not where acknowledged", commands.acknowledged, "lost", lambda e: with_book(e, _elsewhere)),
    Tampering("nowhere", commands.acknowledged, "lost", without(SUBMISSIONS, lambda _: False)),
    Tampering("no outcome", commands.one_outcome, "lost", ledger_of("intake", _forget_outcome)),
    Tampering("two outcomes", commands.one_outcome, "twice", ledger_of("intake", _double_outcome)),
    Tampering("another refusal", commands.one_outcome, "wrong", ledger_of("intake", _other_refusal, refused_matter)),
    Tampering("two contents stand", commands.one_content, "twice", ledger_of("intake", _other_content)),
    Tampering("told differently", commands.told_the_same, "wrong", lambda e: with_book(e, _told_otherwise)),
    Tampering("kept differently", commands.told_the_same, "wrong", lambda e: with_book(e, _kept_otherwise)),
    Tampering("told, not kept", commands.told_the_same, "lost", rows("intake", "aggregates", lambda r, _: [])),
    Tampering("a trouble", commands.no_troubles, "wrong", lambda e: with_book(e, lambda b: b.troubles.update(x=1))),
    Tampering("a dead letter", commands.dead_letters, "wrong", _a_letter),
    Tampering(
        "poison unseen", commands.dead_letters, "lost",
        lambda e: with_book(e, lambda b: b.dead_expected.add((SUBMISSIONS, 0, 10**9))),
    ),
    Tampering("decided twice", matters.decided_once, "twice", followed(CITY_EVENTS, "task_decided")),
    Tampering("opened twice", matters.decided_once, "twice", followed(CITY_EVENTS, "task_opened")),
    Tampering("never opened", matters.decided_once, "lost", _never_opened),
    Tampering("not asked for", matters.decided_once, "wrong", without(CITY_COMMANDS, lambda _: False)),
    Tampering("accepted twice", matters.ended_once, "twice", followed(MATTER_EVENTS, "matter_accepted")),
    Tampering("ended twice", matters.ended_once, "twice", followed(MATTER_EVENTS, "matter_completed")),
    Tampering("never asked", matters.ended_once, "lost", without(CITY_COMMANDS, lambda _: False)),
    Tampering("no result", matters.ended_once, "lost", _no_result),
    Tampering("another's result", matters.ended_once, "wrong", _never_opened),
    Tampering("ends otherwise", matters.ended_as_told, "wrong", lambda e: with_book(e, _denied)),
    Tampering("does not end", matters.ended_as_told, "lost", _no_result),
    Tampering("another status", matters.states, "wrong", aggregate_of("intake", _running)),
    Tampering("a task forgotten", matters.states, "wrong", rows("approval-city", "tasks", lambda r, _: [])),
    Tampering("tasks without a state", matters.states, "wrong", rows("approval-city", "aggregates", lambda r, _: [])),
    Tampering("left open", matters.none_left_open, "pending", rows("approval-city", "tasks", _decided_again)),
    Tampering("nobody is told", delivered.notices, "lost", _nobody_told),
    Tampering("delivered twice", delivered.notices, "twice", followed(NOTICE_EVENTS, "notice_delivered")),
    Tampering("stands nowhere", delivered.channel, "lost", _notices(lambda found: found[1:])),
    Tampering("stands twice", delivered.channel, "twice", _notices(lambda found: [*found, found[0]])),
    Tampering("stands as another", delivered.channel, "lost", _notices(lambda found: [*found, _renamed(found[0])])),
    Tampering(
        "not archived", delivered.archived, "lost", rows("archive", "records", lambda r, _: _first_archived(r, "gone"))
    ),
    Tampering(
        "archived twice", delivered.archived, "twice",
        rows("archive", "records", lambda r, _: _first_archived(r, "twice")),
    ),
    Tampering(
        "archived as another", delivered.archived, "wrong",
        rows("archive", "records", lambda r, _: _first_archived(r, "other")),
    ),
    Tampering("never told", delivered.archived, "wrong", _never_opened),
    Tampering("not sealed", delivered.sealed, "lost", _not_sealed),
    Tampering("sealed twice", delivered.sealed, "twice", followed(RECORD_EVENTS)),
    Tampering("another root", delivered.sealed, "wrong", _wrong_root),
    Tampering("another leaf", delivered.sealed, "wrong", _other_leaf),
    Tampering("sealed unended", delivered.sealed, "wrong", _no_result),
    Tampering("not read to the end", rest.offsets, "pending", _offset(-1)),
    Tampering("read beyond the end", rest.offsets, "wrong", _offset(1)),
    Tampering("a lane not taken", rest.offsets, "pending", rows("exchange", "lanes", lambda r, _: r[1:])),
    Tampering("unsent", rest.outbox, "pending", rows("intake", "outbox", _unsent)),
    Tampering(
        "parked", rest.parked, "pending",
        rows("intake", "parked", lambda r, _: [*r, Parked(MATTER_EVENTS, 0, 10**9, "m", "intake", 1, "a gap")]),
    ),
    Tampering(
        "poison taken in", rest.parked, "lost",
        lambda e: with_book(e, lambda b: b.parked_expected.add((SUBMISSIONS, 0, 10**9))),
    ),
    Tampering("overdue", rest.timers, "pending", rows("intake", "timers", lambda r, _: [*r, ("m", "a timer", 1)])),
    Tampering("not called", rest.timers, "pending", rows("exchange", "calls", lambda r, _: [*r, ("m", "x", -3600.0)])),
    Tampering(
        "not carried out", rest.operations, "pending", rows("intake", "operations", lambda r, _: [*r, (1, "m")])
    ),
    Tampering("no owner", rest.owners, "pending", _no_owner),
)  # fmt: skip
