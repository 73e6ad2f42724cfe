"""Commands of clients: what came of each, and what they were told."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from google.protobuf.message import DecodeError
from tests.faults.auditor.evidence import Case, Entry, Finding, digest_of
from tests.faults.auditor.topology import COMMAND_TYPES, DEAD_LETTERS, EVENTS_OF, OWNERS
from tests.faults.book import Place

from onematter.common.v1.outcome_pb2 import CommandRefused, Outcome

Request = tuple[str, str, str, bytes]


def acknowledged(case: Case) -> Iterator[Finding]:
    """What the broker acknowledged stands where it said, and what a client was told of stands on the topic."""
    places = {entry.place: entry.value for entry in case.outside()}
    values = {(entry.topic, entry.value) for entry in case.outside()}
    for sent in case.book.commands():
        where = f"{sent.topic} {sent.request_id}"
        for place in sent.acknowledged:
            if places.get(place) != sent.value:
                yield Finding("lost", where, f"acknowledged at {place[1]}/{place[2]}, and not there")
        if sent.promised and (sent.topic, sent.value) not in values:
            yield Finding("lost", where, "told of, and nowhere on the topic")


def one_outcome(case: Case) -> Iterator[Finding]:
    """Every command on a topic has exactly one kept outcome, and the event that it names tells it."""
    blocked = {(matter_id, topic) for _, matter_id, writer, topic in case.blocked if not writer}
    told: dict[str, Counter[Request]] = defaultdict(Counter)
    for deployment, topic in EVENTS_OF.items():
        for key, events in case.all_events(topic):
            for event in events:
                cause = event.cause
                if cause.request_id or cause.received:
                    told[deployment][key, cause.principal, cause.request_id, cause.digest] += 1
                    if cause.received and digest_of(cause.received) != cause.digest:
                        yield Finding("wrong", f"{topic} {key}", "the command kept as evidence is not the one judged")
    for (topic, value), entry in _distinct(case).items():
        command = _command(topic, value)
        owner = OWNERS[topic]
        where = f"{topic} {entry.key}"
        if command is None:
            yield Finding("wrong", where, f"offset {entry.offset} is no command, and nobody says why it is there")
            continue
        if owner not in case.ledgers or (command.matter_id, topic) in blocked:
            continue
        request = (command.matter_id, command.actor.principal, command.request_id, digest_of(value))
        yield from _judge(case, owner, where, request, told[owner][request])


def _judge(case: Case, owner: str, where: str, request: Request, events: int) -> Iterator[Finding]:
    matter_id, principal, request_id, digest = request
    ledger = case.ledgers[owner].get(matter_id)
    kept = [
        one
        for one in (ledger.outcomes if ledger is not None else ())
        if (one.principal, one.request_id, one.digest) == (principal, request_id, digest)
    ]
    what = f"{request_id} of {principal}"
    if not kept:
        yield Finding("lost", where, f"{what} has no outcome")
        return
    if len(kept) > 1:
        yield Finding("twice", where, f"{what} has {len(kept)} outcomes")
    if events > 1:
        yield Finding("twice", where, f"{what} is told by {events} events")
    outcome = kept[0]
    if not outcome.HasField("told_by"):
        if events:
            yield Finding("wrong", where, f"{what} is told by an event that its outcome does not name")
        return
    events_there = case.events(outcome.told_by.topic, matter_id)
    event: Any = events_there[outcome.told_by.sequence - 1] if outcome.told_by.sequence <= len(events_there) else None
    if event is None:
        yield Finding("lost", where, f"{what} is said to be told by an event that is not there")
    elif event.cause.digest != digest or event.cause.request_id != request_id:
        yield Finding("wrong", where, f"{what} is said to be told by the event of another cause")
    elif event.WhichOneof("event") == "command_refused":
        if outcome.refused != event.command_refused:
            yield Finding("wrong", where, f"{what}: the refusal that is kept is not the one that is told")
    elif outcome.HasField("refused"):
        yield Finding("wrong", where, f"{what} is refused, and told as done")


def one_content(case: Case) -> Iterator[Finding]:
    """A principal's request_id was accepted with one content in a matter; every other content is refused."""
    for deployment, ledgers in case.ledgers.items():
        for matter_id, ledger in ledgers.items():
            accepted = Counter(
                (one.principal, one.request_id) for one in ledger.outcomes if not one.HasField("refused")
            )
            for (principal, request_id), count in accepted.items():
                if count > 1:
                    where = f"{deployment} {matter_id}"
                    yield Finding("twice", where, f"{request_id} of {principal} stands with {count} contents")


def told_the_same(case: Case) -> Iterator[Finding]:
    """What gRPC told a client is what is kept; and who asked again was told the same."""
    for sent in case.book.commands():
        where = f"{sent.topic} {sent.request_id}"
        if sent.accepted and sent.refused:
            yield Finding("wrong", where, "told as done and as refused")
        answers: list[Outcome | CommandRefused] = [*sent.accepted, *sent.refused]
        if any(one != answers[0] for one in answers[1:]):
            yield Finding("wrong", where, "told differently when it was asked again")
        owner = OWNERS[sent.topic]
        if owner not in case.ledgers or not answers:
            continue
        ledger = case.ledgers[owner].get(sent.matter_id)
        digest = hashlib.sha256(sent.value).digest()
        kept = [
            one
            for one in (ledger.outcomes if ledger is not None else ())
            if (one.principal, one.request_id, one.digest) == (sent.principal, sent.request_id, digest)
        ]
        if not kept:
            yield Finding("lost", where, "told, and not kept")
        elif sent.accepted and kept[0] != sent.accepted[0]:
            yield Finding("wrong", where, "told as done otherwise than it is kept")
        elif sent.refused and kept[0].refused != sent.refused[0]:
            yield Finding("wrong", where, "refused otherwise than it is kept")


def no_troubles(case: Case) -> Iterator[Finding]:
    """No client met what it should not."""
    for what, count in case.book.troubles.items():
        yield Finding("wrong", "clients", f"{count} times: {what}")


def dead_letters(case: Case) -> Iterator[Finding]:
    """Every dead letter is of a record that a fault poisoned, and each of those has one."""
    expected = case.book.dead_expected
    there = {
        entry.place: (entry.topic, entry.value)
        for entries in case.evidence.records.values()
        for entry in entries
        if entry.place in expected
    }
    contents = set(there.values())
    found: set[Place] = set()
    for topic in DEAD_LETTERS:
        for letter in case.evidence.records.get(topic, ()):
            origin = _origin(letter)
            found.add(origin)
            # Copies of what is poison are poison.
            if origin not in expected and (origin[0], letter.value) not in contents:
                reason = letter.headers.get("dead_letter_reason", b"").decode(errors="replace")
                yield Finding("wrong", f"{topic} {letter.key}", f"a dead letter of {origin}: {reason}")
    for place in expected - found:
        yield Finding("lost", f"{place[0]} {place[1]}/{place[2]}", "poison without a dead letter")


def _origin(letter: Entry) -> Place:
    headers = letter.headers

    def number(name: str) -> int:
        text = headers.get(name, b"")
        return int(text) if text.isdigit() else -1

    topic = headers.get("dead_letter_topic", b"").decode(errors="replace")
    return topic, number("dead_letter_partition"), number("dead_letter_offset")


def _distinct(case: Case) -> dict[tuple[str, bytes], Entry]:
    distinct: dict[tuple[str, bytes], Entry] = {}
    for entry in case.outside():
        distinct.setdefault((entry.topic, entry.value), entry)
    return distinct


def _command(topic: str, value: bytes) -> Any:
    try:
        command = COMMAND_TYPES[topic].FromString(value)
    except DecodeError:
        return None
    return command if command.matter_id and command.WhichOneof("command") else None
