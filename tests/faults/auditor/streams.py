"""Streams on the topics, and what each deployment's ledger says of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from tests.faults.auditor.evidence import Case, Finding, Stream, digest_of
from tests.faults.auditor.topology import EVENT_TYPES, INPUTS, WRITERS

from onematter.common.v1.outcome_pb2 import Cause

DIGEST_LENGTH = 8


def gapless(case: Case) -> Iterator[Finding]:
    """Every stream is gapless from 1 and in order, each place has one content, and a record's id is its place.

    Records may stand on the wire several times, byte for byte the same.
    """
    values: dict[Stream, list[bytes]] = defaultdict(list)
    for entry in case.inside():
        where = f"{entry.topic} {entry.key}"
        if entry.writer != WRITERS[entry.topic]:
            yield Finding("wrong", where, f"a stream of {entry.writer!r}, which may not write here")
            continue
        place = f"{entry.writer}/{entry.topic}/{entry.key}/{entry.sequence}"
        if entry.headers.get("ce_id", b"").decode(errors="replace") != place:
            yield Finding("wrong", where, f"the id {entry.headers.get('ce_id')!r} is not the place {place}")
        known = values[entry.writer, entry.topic, entry.key]
        if entry.sequence == len(known) + 1:
            known.append(entry.value)
        elif not 1 <= entry.sequence <= len(known):
            yield Finding("lost", where, f"sequence {entry.sequence} comes after {len(known)}: between them is a gap")
        elif known[entry.sequence - 1] != entry.value:
            yield Finding("twice", where, f"sequence {entry.sequence} came again with another content")


def no_strangers(case: Case) -> Iterator[Finding]:
    """Topics of events hold streams alone, and every event is one of its topic's type, under its matter's key."""
    foreign = case.book.foreign
    for topic, kind in EVENT_TYPES.items():
        for entry in case.evidence.records.get(topic, ()):
            if not entry.writer and entry.place not in foreign:
                yield Finding("wrong", f"{topic} {entry.key}", f"offset {entry.offset} is of no stream")
        for key, events in case.all_events(topic):
            for number, event in enumerate(events, 1):
                known = event.WhichOneof("event") or (topic, key) in case.book.later
                if event.matter_id != key or not known:
                    yield Finding("wrong", f"{topic} {key}", f"sequence {number} is no {kind.DESCRIPTOR.name} of it")


def one_cause_one_event(case: Case) -> Iterator[Finding]:
    """Every event has a cause that is there, and no two events of a deployment have the same."""
    outside = {(entry.topic, digest_of(entry.value)) for entry in case.outside()}
    for topic in EVENT_TYPES:
        for key, events in case.all_events(topic):
            where = f"{topic} {key}"
            seen: dict[tuple[object, ...], int] = {}
            for number, event in enumerate(events, 1):
                cause, position = event.cause, event.cause.position
                name = (
                    (position.writer, position.topic, position.sequence)
                    if position.writer
                    else (cause.id, cause.principal, cause.request_id, cause.digest)
                )
                # A client's record may have no id; it has a digest.
                if not cause.id and not cause.digest:
                    yield Finding("wrong", where, f"sequence {number} has no cause")
                elif name in seen:
                    yield Finding("twice", where, f"sequences {seen[name]} and {number} have the same cause {cause.id}")
                seen.setdefault(name, number)
                yield from _cause_is_there(case, where, number, cause, outside, key)


def _cause_is_there(
    case: Case, where: str, number: int, cause: Cause, outside: set[tuple[str, bytes]], key: str
) -> Iterator[Finding]:
    position, digest = cause.position, cause.digest
    if position.writer:
        values = case.values(position.writer, position.topic, key)
        if not 1 <= position.sequence <= len(values) or digest_of(values[position.sequence - 1]) != digest:
            yield Finding("wrong", where, f"sequence {number} comes of what stands nowhere: {position.topic}")
    elif digest and (position.topic, digest) not in outside:
        yield Finding("wrong", where, f"sequence {number} comes of a command that stands nowhere")


def published(case: Case) -> Iterator[Finding]:
    """What a deployment's ledger says it has sent stands on the topic, and nothing more."""
    for deployment, ledgers in case.ledgers.items():
        committed: dict[tuple[str, str], int] = {
            (sent.topic, matter_id): sent.last_sequence for matter_id, ledger in ledgers.items() for sent in ledger.sent
        }
        for (topic, matter_id), last in committed.items():
            there = len(case.values(deployment, topic, matter_id))
            where = f"{topic} {matter_id}"
            if there < last:
                yield Finding("lost", where, f"{deployment} committed {last} records and {there} are published")
            elif there > last:
                yield Finding("wrong", where, f"{deployment} published {there} records and committed {last}")
        for (writer, topic, key), values in case.streams.items():
            if writer == deployment and (topic, key) not in committed:
                yield Finding("wrong", f"{topic} {key}", f"{deployment} published {len(values)} and committed none")


def taken_in(case: Case) -> Iterator[Finding]:
    """Every record of every stream was taken in by each deployment that reads it, as it stands on the topic."""
    for deployment, ledgers in case.ledgers.items():
        inputs = set(INPUTS[deployment])
        for (writer, topic, key), values in case.streams.items():
            if topic not in inputs or (deployment, key, writer, topic) in case.blocked:
                continue
            where = f"{topic} {key}"
            ledger = ledgers.get(key)
            streams = ledger.received if ledger is not None else ()
            known = [s for s in streams if (s.writer, s.topic) == (writer, topic)]
            last = known[0].last_sequence if known else 0
            if last < len(values):
                yield Finding("lost", where, f"{deployment} has taken in {last} of {len(values)} records")
                continue
            if last > len(values):
                yield Finding("wrong", where, f"{deployment} has taken in {last} records where {len(values)} stand")
                continue
            for number, value in enumerate(values):
                kept = known[0].digests[number * DIGEST_LENGTH : (number + 1) * DIGEST_LENGTH]
                if kept != digest_of(value)[:DIGEST_LENGTH]:
                    yield Finding("wrong", where, f"{deployment} has taken in another record {number + 1}")
