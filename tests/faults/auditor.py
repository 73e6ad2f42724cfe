"""Says from the topics and the delivered notices alone whether each matter ran once, whole, and is proven.

It shares nothing with the services but the contracts: it parses records with the generated code, and works out
sequences, digests, leaf counts and roots by hashlib.

Rule 1: every stream is gapless from 1, in order, and each place in it has one content; its id is its place.
Rule 2: no two events have the same cause.
Rule 3: each hand-in is accepted once, with the bytes that were handed in as evidence, and has one result.
Rule 4: each matter is sealed once; manifest, leaf count and root are those of its records.
Rule 5: each notice was delivered once, and stands there once.
Rule 6: no dead letter is about any of these matters.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand, Decision
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.archive.v1.archive_events_pb2 import RecordEvent
from onematter.intake.v1.intake_events_pb2 import ItemOutcome, MatterEvent, MatterOutcome
from onematter.notification.v1.notification_events_pb2 import NoticeEvent, NoticeKind

# Who writes to which topic, and what: as the contracts say, not as any table of the code does.
WRITERS: dict[str, str] = {
    "onematter.matter.events.v1": "intake",
    "onematter.notification.events.v1": "notification",
    "onematter.archive.events.v1": "archive",
}
PARSERS: dict[str, Any] = {
    "onematter.matter.events.v1": MatterEvent,
    "onematter.notification.events.v1": NoticeEvent,
    "onematter.archive.events.v1": RecordEvent,
}
for _level in ("province", "city", "county"):
    WRITERS[f"onematter.approval.{_level}.commands.v1"] = "intake"
    WRITERS[f"onematter.approval.{_level}.events.v1"] = f"approval-{_level}"
    PARSERS[f"onematter.approval.{_level}.commands.v1"] = ApprovalCommand
    PARSERS[f"onematter.approval.{_level}.events.v1"] = ApprovalEvent
# What an OM-90 decided by rule consists of: 1 accepted, 1 completed; 3 commands and 3 decisions.
STREAMS = {topic: 2 if topic == "onematter.matter.events.v1" else 1 for topic in PARSERS if "archive" not in topic}
STREAMS["onematter.notification.events.v1"] = 2
# Commands stand in the events that they caused, and notices are told after the result.
IN_MANIFEST = {topic: n for topic, n in STREAMS.items() if topic.endswith("events.v1") and "notification" not in topic}
NOTICES = {NoticeKind.NOTICE_KIND_ACCEPTED: 1, NoticeKind.NOTICE_KIND_RESULT: 1}


@dataclass
class Audit:
    """What is audited: the records of each topic in the order of their partition, the bytes handed in by matter, and
    the file of the notices."""

    records: Mapping[str, Sequence[Any]]
    handed_in: Mapping[str, bytes]
    notices: Path
    dead_letters: Sequence[Any]
    problems: list[str] = field(default_factory=list[str])

    def run(self) -> list[str]:
        """Return what is wrong, at most 20 lines; empty when all is well."""
        streams = {topic: self._streams(topic) for topic in PARSERS}
        parsed = {
            topic: {
                key: [PARSERS[topic].FromString(value) for value in values] for key, values in streams[topic].items()
            }
            for topic in PARSERS
        }
        for topic, events in parsed.items():
            if topic.endswith("events.v1"):
                self._causes(topic, events)
        for matter_id, value in self.handed_in.items():
            held = {topic: values.get(matter_id, []) for topic, values in streams.items()}
            told = {topic: events.get(matter_id, []) for topic, events in parsed.items()}
            self._matter(matter_id, value, told)
            self._seal(matter_id, held, told)
        self._notices(parsed["onematter.notification.events.v1"])
        self._letters()
        return self.problems[:20]

    def _wrong(self, what: str) -> None:
        self.problems.append(what)

    def _expect(self, found: object, expected: object, what: str) -> None:
        if found != expected:
            self._wrong(f"{what}: {found!r:.200}, not {expected!r:.200}")

    def _streams(self, topic: str) -> dict[str, list[bytes]]:
        """The values of each matter's stream on a topic, by sequence."""
        writer = WRITERS[topic]
        streams: dict[str, list[bytes]] = defaultdict(list)
        for record in self.records[topic]:
            key = (record.key or b"").decode(errors="replace")
            if key not in self.handed_in:
                continue
            headers = dict(record.headers)
            place = f"{topic} {key}"
            self._expect(headers.get("ce_stream", b"").decode(), writer, f"{place}: the writer")
            sequence = int(headers.get("ce_sequence", b"0"))
            self._expect(headers.get("ce_id"), f"{writer}/{topic}/{key}/{sequence}".encode(), f"{place}: the id")
            values = streams[key]
            if sequence == len(values) + 1:
                values.append(record.value)
            elif not 1 <= sequence <= len(values):
                self._wrong(f"{place}: sequence {sequence} comes after {len(values)}")
            elif values[sequence - 1] != record.value:
                self._wrong(f"{place}: sequence {sequence} came again with another content")
        return streams

    def _causes(self, topic: str, events: Mapping[str, Sequence[Any]]) -> None:
        for key, told in events.items():
            causes = Counter((e.cause.id, e.cause.position.writer, e.cause.position.sequence) for e in told)
            for cause, count in causes.items():
                if count > 1:
                    self._wrong(f"{topic} {key}: {count} events of the cause {cause}")

    def _matter(self, matter_id: str, value: bytes, told: Mapping[str, Sequence[Any]]) -> None:
        counts = {topic: len(told[topic]) for topic in STREAMS}
        self._expect(counts, STREAMS, f"{matter_id}: records a topic")
        events: Sequence[MatterEvent] = told["onematter.matter.events.v1"]
        kinds = [event.WhichOneof("event") for event in events]
        expected = ["matter_accepted", "matter_completed"]
        self._expect(kinds, expected, f"{matter_id}: events")
        if kinds != expected:
            return
        cause = events[0].cause
        self._expect(cause.received, value, f"{matter_id}: the evidence")
        self._expect(cause.digest, hashlib.sha256(value).digest(), f"{matter_id}: the digest of the hand-in")
        completed = events[-1].matter_completed
        self._expect(completed.outcome, MatterOutcome.MATTER_OUTCOME_GRANTED, f"{matter_id}: the outcome")
        results = {result.item_id: result.outcome for result in completed.results}
        granted = dict.fromkeys(("01", "02", "03"), ItemOutcome.ITEM_OUTCOME_GRANTED)
        self._expect(results, granted, f"{matter_id}: the items")
        for topic in PARSERS:
            if "approval" in topic and topic.endswith("events.v1"):
                decisions = [(e.task_decided.decision, e.task_decided.automatic) for e in told[topic]]
                self._expect(decisions, [(Decision.DECISION_GRANT, True)], f"{topic} {matter_id}: the decision")

    def _seal(self, matter_id: str, held: Mapping[str, Sequence[bytes]], told: Mapping[str, Sequence[Any]]) -> None:
        seals = [event.matter_sealed.seal for event in told["onematter.archive.events.v1"]]
        self._expect(len(seals), 1, f"{matter_id}: seals")
        if len(seals) != 1:
            return
        seal = seals[0]
        manifest = [(p.writer, p.topic, p.sequence) for p in seal.manifest]
        expected = sorted((WRITERS[topic], topic, count) for topic, count in IN_MANIFEST.items())
        self._expect(manifest, expected, f"{matter_id}: the manifest")
        for event in told["onematter.matter.events.v1"][-1:]:
            in_result = sorted((p.writer, p.topic, p.sequence) for p in event.matter_completed.manifest)
            self._expect(in_result, expected, f"{matter_id}: the manifest of the result")
        leaves = [value for _, topic, sequence in expected for value in held[topic][:sequence]]
        self._expect(seal.leaf_count, len(leaves), f"{matter_id}: the leaf count")
        self._expect(seal.root.hex(), root_of(leaves).hex(), f"{matter_id}: the root")

    def _notices(self, told: Mapping[str, Sequence[NoticeEvent]]) -> None:
        standing: dict[str, list[str]] = defaultdict(list)
        with closing(sqlite3.connect(f"{self.notices.as_uri()}?mode=ro", uri=True)) as connection:
            for notice_id, text in connection.execute("SELECT notice_id, document FROM notices"):
                document = json.loads(text)
                self._expect(document["notice_id"], notice_id, "a notice's id")
                standing[document["matter_id"]].append(notice_id)
        for matter_id in self.handed_in:
            delivered = [event for event in told.get(matter_id, []) if event.HasField("notice_delivered")]
            kinds = Counter(event.notice_delivered.notice.kind for event in delivered)
            self._expect(dict(kinds), NOTICES, f"{matter_id}: notices")
            ids = sorted(event.notice_id for event in delivered)
            self._expect(sorted(standing[matter_id]), ids, f"{matter_id}: notices that stand there")

    def _letters(self) -> None:
        keys = {matter_id.encode() for matter_id in self.handed_in}
        values = set(self.handed_in.values())
        for letter in self.dead_letters:
            if letter.key in keys or letter.value in values:
                reason = dict(letter.headers).get("dead_letter_reason", b"").decode(errors="replace")
                self._wrong(f"a dead letter of {letter.key!r}: {reason}")


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
