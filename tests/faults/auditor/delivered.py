"""Notices and the archive: each notice delivered once or visibly failed, each event archived once, each seal right."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.faults.auditor.evidence import Case, Finding, parsed
from tests.faults.auditor.topology import ARCHIVED, MATTER_EVENTS, NOTICE_EVENTS, RECORD_EVENTS, WRITERS

from onematter.archive.v1.archive_state_pb2 import RecordColumns
from onematter.common.v1.outcome_pb2 import StreamPosition
from onematter.notification.v1.notification_events_pb2 import NoticeKind

# These two are told whatever a catalogue says.
ALWAYS_TOLD = {
    "matter_accepted": NoticeKind.NOTICE_KIND_ACCEPTED,
    "matter_completed": NoticeKind.NOTICE_KIND_RESULT,
}
ENDINGS = ("matter_completed", "acceptance_refused")


def notices(case: Case) -> Iterator[Finding]:
    """Every notice is delivered once or visibly waits for its next attempt; what must be told is told."""
    if "notification" not in case.evidence.databases:
        return
    for key, events in case.all_events(NOTICE_EVENTS):
        where = f"{NOTICE_EVENTS} {key}"
        delivered = Counter(event.notice_id for event in events if event.HasField("notice_delivered"))
        for notice_id, count in delivered.items():
            if count > 1:
                yield Finding("twice", where, f"notice {notice_id} is told as delivered {count} times")
        last = {event.notice_id: event for event in events}
        for notice_id, event in last.items():
            if notice_id not in delivered:
                due = event.notice_delayed.next_attempt.ToMilliseconds()
                if due < case.evidence.now_unix_ms - 5_000:
                    yield Finding("pending", where, f"notice {notice_id} was to be tried again and is not")
    for key, events in case.all_events(MATTER_EVENTS):
        if ("notification", key, "intake", MATTER_EVENTS) in case.blocked:
            continue
        about: dict[int, list[Any]] = defaultdict(list)
        for event in case.events(NOTICE_EVENTS, key):
            notice = (event.notice_delivered if event.HasField("notice_delivered") else event.notice_delayed).notice
            about[notice.about.sequence].append(notice)
        for number, event in enumerate(events, 1):
            kind = ALWAYS_TOLD.get(event.WhichOneof("event"))
            found = {(notice.notice_id, notice.kind) for notice in about[number]}
            where = f"{MATTER_EVENTS} {key}"
            if kind is not None and kind not in {one for _, one in found}:
                yield Finding("lost", where, f"nobody was told of event {number}")
            if len({notice_id for notice_id, _ in found}) > 1:
                yield Finding("twice", where, f"event {number} has several notices")


def channel(case: Case) -> Iterator[Finding]:
    """In the channel's file stands each delivered notice, once, and no other."""
    if "notification" not in case.evidence.databases:
        return
    standing: Counter[str] = Counter()
    places: Counter[tuple[str, str, int]] = Counter()
    for notice_id, document in case.evidence.notices:
        text = json.loads(document)
        if text["notice_id"] != notice_id:
            yield Finding("wrong", "the channel's file", f"notice {notice_id} stands as {text['notice_id']}")
        standing[notice_id] += 1
        places[text["matter_id"], text["about"]["topic"], text["about"]["sequence"]] += 1
    told = {
        event.notice_id
        for _, events in case.all_events(NOTICE_EVENTS)
        for event in events
        if event.HasField("notice_delivered")
    }
    for notice_id in told - standing.keys():
        yield Finding("lost", "the channel's file", f"notice {notice_id} is told as delivered and does not stand there")
    for notice_id in standing.keys() - told:
        yield Finding("lost", "the channel's file", f"notice {notice_id} stands there and is not told as delivered")
    for what, count in (*standing.items(), *places.items()):
        if count > 1:
            yield Finding("twice", "the channel's file", f"{what} stands there {count} times")


def archived(case: Case) -> Iterator[Finding]:
    """Every event stands in the archive once, byte for byte, and nothing else does."""
    database = case.evidence.databases.get("archive")
    if database is None:
        return
    kept: dict[tuple[str, str, str, int], list[bytes]] = defaultdict(list)
    for matter_id, columns in database.records:
        rows: Any = parsed(RecordColumns, columns)
        for writer, topic, sequence, value in zip(rows.writers, rows.topics, rows.sequences, rows.values, strict=True):
            kept[writer, topic, matter_id, sequence].append(value)
    there: dict[tuple[str, str, str, int], bytes] = {}
    for (writer, topic, key), values in case.streams.items():
        if topic in ARCHIVED and writer == WRITERS[topic]:
            for number, value in enumerate(values, 1):
                there[writer, topic, key, number] = value
    for place, value in there.items():
        copies = kept.get(place, [])
        where = f"archive {place[2]}"
        if not copies:
            if ("archive", place[2], place[0], place[1]) not in case.blocked:
                yield Finding("lost", where, f"{place[1]} {place[3]} is not archived")
        elif len(copies) > 1:
            yield Finding("twice", where, f"{place[1]} {place[3]} is archived {len(copies)} times")
        elif copies[0] != value:
            yield Finding("wrong", where, f"{place[1]} {place[3]} is archived as something else")
    forged = {(one.writer, one.topic, one.key, one.sequence) for one in _forged(case)}
    for place in kept.keys() - there.keys() - forged:
        yield Finding("wrong", f"archive {place[2]}", f"{place[1]} {place[3]} is archived and was never told")


def _forged(case: Case) -> Iterator[Any]:
    for topic in ARCHIVED:
        for entry in case.evidence.records.get(topic, ()):
            if entry.place in case.book.foreign:
                yield entry


def sealed(case: Case) -> Iterator[Finding]:
    """Each matter that ended is sealed once; manifest, leaf count and root are those of its records."""
    if "archive" not in case.evidence.databases:
        return
    endings = {
        key: (number, event)
        for key, events in case.all_events(MATTER_EVENTS)
        for number, event in enumerate(events, 1)
        if event.WhichOneof("event") in ENDINGS
    }
    for key, events in case.all_events(RECORD_EVENTS):
        if key not in endings:
            yield Finding("wrong", f"{RECORD_EVENTS} {key}", "sealed, and has not ended")
        if len([event for event in events if event.HasField("matter_sealed")]) > 1:
            yield Finding("twice", f"{RECORD_EVENTS} {key}", "sealed more than once")
    for key, (number, event) in endings.items():
        where = f"{RECORD_EVENTS} {key}"
        end = getattr(event, event.WhichOneof("event"))
        yield from _manifest(case, where, key, number, end.manifest)
        seals = [one.matter_sealed.seal for one in case.events(RECORD_EVENTS, key) if one.HasField("matter_sealed")]
        if not seals:
            if key not in case.touched:
                yield Finding("lost", where, "ended, and not sealed")
            continue
        seal = seals[0]
        manifest = _plain(end.manifest)
        if _plain(seal.manifest) != manifest:
            yield Finding("wrong", where, "sealed under another manifest than its result has")
            continue
        leaves = [
            value for (writer, topic), last in manifest.items() for value in case.values(writer, topic, key)[:last]
        ]
        if seal.leaf_count != len(leaves):
            yield Finding("wrong", where, f"{seal.leaf_count} leaves under the seal, not {len(leaves)}")
        elif seal.root != root_of(leaves):
            yield Finding("wrong", where, "the root is not that of the records")


def _manifest(case: Case, where: str, key: str, number: int, manifest: Sequence[StreamPosition]) -> Iterator[Finding]:
    """It names the ending itself, every stream of an item's end at least so far, and nothing that is not there."""
    named = _plain(manifest)
    if named.get(("intake", MATTER_EVENTS)) != number:
        yield Finding("wrong", where, "the manifest does not end with what ends the matter")
    for (writer, topic), last in named.items():
        if last > len(case.values(writer, topic, key)):
            yield Finding("wrong", where, f"the manifest names {last} records of {topic} that are not there")
    events = case.events(MATTER_EVENTS, key)
    items = {item.item_id: item for event in events for item in event.matter_accepted.items}
    for result in events[number - 1].matter_completed.results:
        item = items.get(result.item_id)
        if item is not None and result.sequence > named.get((item.owner, item.events_topic), 0):
            yield Finding("wrong", where, f"the manifest leaves out the end of item {result.item_id}")


def _plain(manifest: Sequence[StreamPosition]) -> Mapping[tuple[str, str], int]:
    return {(one.writer, one.topic): one.sequence for one in sorted(manifest, key=lambda p: (p.writer, p.topic))}


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The Merkle tree hash exactly as RFC 6962 §2.1 writes it down."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + root_of(leaves[:k]) + root_of(leaves[k:])).digest()
