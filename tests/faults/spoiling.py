"""How evidence is spoilt: copies of it with other records, other rows or another book.

Rule 1: a spoiler takes sound evidence of a world that has done some work, and returns a copy with one thing wrong.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from tests.faults.auditor.evidence import Aggregate, Database, Entry, Evidence
from tests.faults.auditor.topology import EVENT_TYPES, MATTER_EVENTS, TASK_EVENTS

from onematter.backbone.v1.ledger_pb2 import Ledger

Spoiler = Callable[[Evidence], Evidence]
CITY_EVENTS = TASK_EVENTS["city"]


def with_records(evidence: Evidence, topic: str, records: Sequence[Entry]) -> Evidence:
    """With another content of a topic."""
    return replace(evidence, records={**evidence.records, topic: records})


def with_database(evidence: Evidence, deployment: str, **changes: Any) -> Evidence:
    """With other rows in a deployment's database."""
    database = replace(evidence.databases[deployment], **changes)
    return replace(evidence, databases={**evidence.databases, deployment: database})


def with_book(evidence: Evidence, change: Callable[[Any], None]) -> Evidence:
    """With another book."""
    book = copy.copy(evidence.book)
    for name in ("sent", "foreign", "dead_expected", "parked_expected", "ends", "troubles"):
        setattr(book, name, copy.deepcopy(getattr(book, name)))
    change(book)
    return replace(evidence, book=book)


def keyed(evidence: Evidence, topic: str, key: str) -> list[Entry]:
    """The records of a stream's key, without repetitions."""
    found: dict[int, Entry] = {}
    for entry in evidence.records[topic]:
        if entry.key == key and entry.writer:
            found.setdefault(entry.sequence, entry)
    return [found[number] for number in sorted(found)]


def ended(
    evidence: Evidence, kind: str = "matter_completed", *, opened: bool = False, having: tuple[str, str] = ("", "")
) -> str:
    """A matter with an event of this kind; with `opened`, one whose tasks were people's; and that has an event of the
    topic and the kind that `having` names, if any.
    """
    wanted = [having] if having[1] else []
    if opened:
        wanted.append((CITY_EVENTS, "task_opened"))
    for entry in evidence.records[MATTER_EVENTS]:
        if _kind(entry) == kind and all(
            any(_kind(one) == name for one in keyed(evidence, topic, entry.key)) for topic, name in wanted
        ):
            return entry.key
    raise AssertionError(f"no matter has a {kind} and {wanted}")


def _kind(entry: Entry) -> str:
    return EVENT_TYPES[entry.topic].FromString(entry.value).WhichOneof("event") or ""


def without(topic: str, keep: Callable[[Entry], bool]) -> Spoiler:
    """Without the records that are not kept."""
    return lambda e: with_records(e, topic, [one for one in e.records[topic] if keep(one)])


def without_one(topic: str, number: int) -> Spoiler:
    """Without record `number` of one stream that goes on beyond it, or (0) without the last of one."""

    def spoil(evidence: Evidence) -> Evidence:
        key = ended(evidence, opened=True)
        stream = keyed(evidence, topic, key)
        gone = stream[number - 1].sequence
        return without(topic, lambda one: one.key != key or one.sequence != gone)(evidence)

    return spoil


def again(topic: str, change: Callable[[Entry], Entry], kind: str = "") -> Spoiler:
    """With one more record: a changed one of an ended matter, the last or the last of a kind of event."""

    def spoil(evidence: Evidence) -> Evidence:
        stream = keyed(evidence, topic, ended(evidence, opened=True, having=(topic, kind)))
        last = [entry for entry in stream if not kind or _kind(entry) == kind][-1]
        end = max(entry.offset for entry in evidence.records[topic] if entry.partition == last.partition) + 1
        return with_records(evidence, topic, [*evidence.records[topic], change(last)._replace(offset=end)])

    return spoil


def followed(topic: str, kind: str = "") -> Spoiler:
    """With the same event once more, as the next of its stream."""

    def spoil(evidence: Evidence) -> Evidence:
        count = len(keyed(evidence, topic, ended(evidence, opened=True, having=(topic, kind))))
        return again(topic, lambda one: at(one, count + 1), kind)(evidence)

    return spoil


def at(entry: Entry, sequence: int) -> Entry:
    """The record at another place of its stream."""
    number = str(sequence).encode()
    identity = entry.headers["ce_id"].rpartition(b"/")[0] + b"/" + number
    return entry._replace(headers={**entry.headers, "ce_sequence": number, "ce_id": identity})


def with_header(name: str, value: bytes) -> Callable[[Entry], Entry]:
    """The record with another header."""
    return lambda entry: entry._replace(headers={**entry.headers, name: value})


def unlike(entry: Entry) -> Entry:
    """The record with a field of a later version: it parses to the same, and is another content."""
    return entry._replace(value=entry.value + b"\x9a\x06\x02\x08\x01")


def aggregate_of(
    deployment: str, change: Callable[[Aggregate], Aggregate], matter: Callable[[Evidence], str] = ended
) -> Spoiler:
    """With another row of one matter."""

    def spoil(evidence: Evidence) -> Evidence:
        matter_id, found = matter(evidence), evidence.databases[deployment].aggregates
        aggregates = [change(row) if row.matter_id == matter_id else row for row in found]
        return with_database(evidence, deployment, aggregates=aggregates)

    return spoil


def ledger_of(deployment: str, change: Callable[[Ledger], None], matter: Callable[[Evidence], str] = ended) -> Spoiler:
    """With another ledger of one matter."""

    def changed(row: Aggregate) -> Aggregate:
        ledger = Ledger.FromString(row.ledger)
        change(ledger)
        return row._replace(ledger=ledger.SerializeToString())

    return aggregate_of(deployment, changed, matter)


def refused_matter(evidence: Evidence) -> str:
    """A matter of which something was refused."""
    return ended(evidence, "command_refused")


def rows(deployment: str, table: str, change: Callable[[list[Any], Database], list[Any]]) -> Spoiler:
    """With other rows in a table."""

    def spoil(evidence: Evidence) -> Evidence:
        database = evidence.databases[deployment]
        return with_database(evidence, deployment, **{table: change(list(getattr(database, table)), database)})

    return spoil
