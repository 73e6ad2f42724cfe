"""Nothing is pending for ever: what must be true when the world is at rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import zstandard
from tests.faults.auditor.evidence import Case, Finding
from tests.faults.auditor.topology import INPUTS

from onematter.backbone.v1.ledger_pb2 import Outbox

# A timer is looked for several times a second; the clocks are those of one machine.
OVERDUE_MS = 5_000
CALL_OVERDUE_SECONDS = 60.0


def offsets(case: Case) -> Iterator[Finding]:
    """Every lane of every deployment is there, and its offsets are the ends of its topics."""
    ends: Counter[tuple[str, int]] = Counter()
    for topic, entries in case.evidence.records.items():
        for entry in entries:
            ends[topic, entry.partition] = max(ends[topic, entry.partition], entry.offset + 1)
    for deployment, database in case.evidence.databases.items():
        lanes = {row.lane: row for row in database.lanes}
        for lane in range(case.evidence.partitions):
            row = lanes.get(lane)
            if row is None:
                yield Finding("pending", f"{deployment} lane {lane}", "was never taken")
                continue
            for topic in INPUTS[deployment]:
                end, offset = ends[topic, lane], row.offsets.get(topic, 0)
                where = f"{deployment} {topic}/{lane}"
                if offset < end:
                    yield Finding("pending", where, f"stands at {offset}, and the topic ends at {end}")
                elif offset > end:
                    yield Finding("wrong", where, f"stands at {offset}, behind the topic's end at {end}")


def outbox(case: Case) -> Iterator[Finding]:
    """What stands in an outbox stands on its topics too: the mark moves with the next step, the records do not wait."""
    values = {(entry.topic, entry.key, entry.value) for entries in case.evidence.records.values() for entry in entries}
    for deployment, database in case.evidence.databases.items():
        marks = {row.lane: row for row in database.lanes}
        for lane, position, blob in database.outbox:
            where = f"{deployment} lane {lane}"
            row = marks.get(lane)
            if row is None or position >= row.next_position:
                yield Finding("wrong", where, f"outbox position {position} is beyond the lane's own count")
            box = Outbox.FromString(zstandard.decompress(blob))
            for topic, key, value in zip(box.topics, box.keys, box.values, strict=True):
                if (topic, key.decode(errors="replace"), value) not in values:
                    yield Finding(
                        "pending", where, f"position {position} holds a record of {topic} that was never sent"
                    )


def parked(case: Case) -> Iterator[Finding]:
    """Nothing is parked but what a fault poisoned and what waits behind it; and all of that is."""
    found: set[tuple[str, int, int]] = set()
    for deployment, database in case.evidence.databases.items():
        for row in database.parked:
            found.add((row.topic, row.lane, row.offset))
            if (deployment, row.matter_id, row.writer, row.topic) not in case.blocked:
                where = f"{deployment} {row.topic}/{row.lane}/{row.offset}"
                yield Finding("pending", where, f"{row.matter_id} is parked: {row.reason}")
    for place in case.book.parked_expected - found:
        yield Finding("lost", f"{place[0]} {place[1]}/{place[2]}", "poison that parks, and is not parked")


def timers(case: Case) -> Iterator[Finding]:
    """No timer and no call is overdue."""
    late = case.evidence.now_unix_ms - OVERDUE_MS
    for deployment, database in case.evidence.databases.items():
        for matter_id, name, due_unix_ms in database.timers:
            if due_unix_ms < late:
                yield Finding("pending", f"{deployment} {matter_id}", f"timer {name} is overdue")
        for matter_id, material_id, due_seconds in database.calls:
            if due_seconds < -CALL_OVERDUE_SECONDS:
                yield Finding("pending", f"{deployment} {matter_id}", f"nobody asks for {material_id}")


def operations(case: Case) -> Iterator[Finding]:
    """What an operator asked is carried out, or refused."""
    for deployment, database in case.evidence.databases.items():
        for number, matter_id in database.operations:
            yield Finding("pending", f"{deployment} {matter_id}", f"operation {number} is not carried out")


def owners(case: Case) -> Iterator[Finding]:
    """Every lane has an owner."""
    for deployment, lanes in case.evidence.owners.items():
        for lane in set(range(case.evidence.partitions)) - lanes:
            yield Finding("pending", f"{deployment} lane {lane}", "nobody owns it")
