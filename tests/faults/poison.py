"""What is no record of ours, on every topic that a service reads, amid good ones.

Rule 1: each has an expectation, by what the contract says of it: a dead letter with a reason; a dead letter and a
stream that waits; passed over; or, where only key, headers or partition are wrong, an outcome like any other command.
Rule 2: keys are of matters that nobody handed in, so that what waits holds up no client; but the alarms, which come
again at the place of a record that was taken in.
Rule 3: nobody poses as a deployment on the topic of its own events, which the broker's access control forbids: after a
restore a service takes over what stands there under its name.
Rule 4: personal data stand in values and in keys; no reason and no log may repeat them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from kafka import KafkaProducer
from kafka.errors import MessageSizeTooLargeError
from tests.faults.auditor import Finding
from tests.faults.auditor.topology import (
    COMMAND_TYPES,
    DEAD_LETTERS,
    EXCHANGE_EVENTS,
    INPUTS,
    OWNERS,
    SUBMISSIONS,
    TASK_COMMANDS,
    TASK_EVENTS,
    WRITERS,
)
from tests.faults.book import Command, Place
from tests.faults.harness import Fault, World
from tests.faults.stories import SMALL
from tests.live import Headers, forged, outside, seal

from onematter.common.v1.application_pb2 import IdentifierKind
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand

NAME, ID_CARD = "毒记录某某", "330106199003071234"
PERSONAL = (NAME, ID_CARD)
# Field 99 of a later version, with a message of its own.
UNKNOWN_FIELD = b"\x9a\x06\x02\x08\x01"
# A tag with a wire type that there is not: no message begins like that.
NO_MESSAGE = b"\xff\x01"
GARBAGE_BYTES = 40
OVERSIZED_BYTES = 900_000
BROKER_REFUSES_BYTES = 2 << 20
ACKNOWLEDGED_SECONDS = 60.0
TOO_LARGE_TEXT = "大" * 90_000
READ = tuple(sorted({topic for inputs in INPUTS.values() for topic in inputs}))
# Whose readers judge what has no stream; others pass over it.
JUDGED_WITHOUT_STREAM = frozenset({EXCHANGE_EVENTS, *TASK_EVENTS.values()})

DEAD, PARKED, PASSED, OUTCOME = "dead", "parked", "passed over", "outcome"


@dataclass(frozen=True)
class Poison:
    """One record, and what must come of it; `reason` is a part of its dead letter's."""

    what: str
    topic: str
    value: bytes | None
    key: bytes | None
    expected: str
    reason: str = ""
    headers: Headers = field(default_factory=list[tuple[str, bytes]])
    partition: int | None = None
    # The command that it is, where only its wrapping is wrong.
    command: Command | None = None


def fresh_key(rng: random.Random) -> str:
    """The id of a matter that nobody has handed in."""
    return f"{rng.getrandbits(128):032x}"


def garbage(rng: random.Random) -> bytes:
    """Bytes that are no message."""
    return NO_MESSAGE + rng.randbytes(GARBAGE_BYTES)


def by_anyone(rng: random.Random, topic: str) -> Iterator[Poison]:
    """What is malformed before anybody looks at its value: on every topic."""

    def malformed(what: str, headers: Headers, key: bytes | None = None, reason: str = "malformed") -> Poison:
        return Poison(what, topic, garbage(rng), key or fresh_key(rng).encode(), DEAD, reason, headers)

    yield malformed("half a stream", [("ce_stream", b"intake")], reason="ce_stream and ce_sequence stand together")
    yield malformed(
        "a sequence that is no number", [("ce_stream", b"intake"), ("ce_sequence", ID_CARD[:4].encode() + b"x")]
    )
    yield malformed("NUL in a header", outside("a\0b"), reason="NUL")
    yield malformed("a header of other bytes", [("ce_id", b"\xff\xfe")])
    yield malformed("a key of other bytes", [], b"\xff\xfe")
    yield malformed("a long key", [], ID_CARD.encode() * 8, "the key is longer than 128 characters")


def on_commands(rng: random.Random, topic: str, partitions: int) -> Iterator[Poison]:
    """What is on a topic of commands and no command."""

    def dead(what: str, value: bytes | None, key: bytes | None = b"", **more: Any) -> Poison:
        return Poison(what, topic, value, fresh_key(rng).encode() if key == b"" else key, DEAD, "undecodable", **more)

    yield dead("random bytes", garbage(rng), headers=outside("random"))
    yield dead("no headers", garbage(rng))
    yield dead("no key", garbage(rng), None)
    yield dead("personal data as the key", garbage(rng), ID_CARD.encode())
    yield dead("tombstone", None)
    yield dead("empty", b"")
    yield dead("oversized", NO_MESSAGE + rng.randbytes(OVERSIZED_BYTES))
    for partition in range(partitions):
        yield dead("wrong partition", garbage(rng), partition=partition)
    for what, kind in (("unknown type", "onematter.tests.v1.Later"), ("unknown version", "onematter.tests.v2.Later")):
        key = fresh_key(rng)
        later = COMMAND_TYPES[topic](request_id=f"{what} {key}", matter_id=key)
        later.actor.principal = "poison"
        headers = [*outside(key), ("ce_type", kind.encode())]
        value = later.SerializeToString() + UNKNOWN_FIELD
        yield Poison(what, topic, value, key.encode(), PARKED, "unknown type", headers)
    key = fresh_key(rng)
    value, headers = _anything(topic, key, rng), forged("supervision", topic, key, 1)
    yield Poison("a stranger's stream", topic, value, key.encode(), PARKED, "may not write", headers)
    if WRITERS[topic]:
        yield from in_streams(rng, topic)


def _anything(topic: str, key: str, rng: random.Random) -> bytes:
    """A command that any owner decodes."""
    command = COMMAND_TYPES[topic](request_id=f"any {key}", matter_id=key)
    command.actor.principal = "poison"
    if topic in TASK_COMMANDS.values():
        command.claim_task.SetInParent()
        command.item_id = "01"
    elif topic in (SUBMISSIONS, *OWNERS) and isinstance(command, IntakeCommand):
        command.withdraw_matter.reason = f"不办了 {rng.random()}"
    else:
        command.record_answer.SetInParent()
    return command.SerializeToString()


def on_events(rng: random.Random, topic: str) -> Iterator[Poison]:
    """What is on a topic of events and none of its owner's."""
    expected = DEAD if topic in JUDGED_WITHOUT_STREAM else PASSED
    for what, value in (
        ("random bytes", garbage(rng)),
        ("tombstone", None),
        ("oversized", rng.randbytes(OVERSIZED_BYTES)),
    ):
        yield Poison(f"{what}, of no stream", topic, value, fresh_key(rng).encode(), expected, "undecodable")
    if topic in JUDGED_WITHOUT_STREAM:
        key = fresh_key(rng)
        headers = forged("supervision", topic, key, 1)
        yield Poison("a stranger's stream", topic, garbage(rng), key.encode(), PARKED, "may not write", headers)


def in_streams(rng: random.Random, topic: str) -> Iterator[Poison]:
    """Gaps in the stream of the one who may write: of a good command, and of bytes that are none."""
    for what, reason in (("a gap", "gap: sequence 1 is missing"), ("a gap, random bytes", "undecodable")):
        key = fresh_key(rng)
        value = _from_intake(topic, key) if what == "a gap" else garbage(rng)
        headers = forged(str(WRITERS[topic]), topic, key, rng.randint(2, 9))
        yield Poison(what, topic, value, key.encode(), PARKED, reason, headers)
    headers = forged(str(WRITERS[topic]), topic, "", 1)
    yield Poison("a stream without a key", topic, garbage(rng), None, DEAD, "undecodable", headers)


def _from_intake(topic: str, key: str) -> bytes:
    """A command that intake may send."""
    command = COMMAND_TYPES[topic](matter_id=key)
    if topic in TASK_COMMANDS.values():
        command.item_id = "01"
        command.recall_task.SetInParent()
    else:
        command.resolve_materials.SetInParent()
    return command.SerializeToString()


def alarms(world: World, rng: random.Random) -> Iterator[Poison]:
    """Another content at a place that was taken in, in one stream of every topic that has any."""
    for topic in READ:
        there = [
            e for e in world.watch.records[topic] if e.writer == WRITERS[topic] and e.place not in world.book.foreign
        ]
        if there:
            one = rng.choice(there)
            yield Poison(
                "another content", topic, one.value + UNKNOWN_FIELD, one.key.encode(), DEAD, "alarm",
                list(one.headers.items()), one.partition,
            )  # fmt: skip


def wrapped(world: World, rng: random.Random, partitions: int) -> Iterator[Poison]:
    """Good commands with a wrong key, partition or header, or too large: they have an outcome like every other."""

    def hand_in(what: str, change: Callable[[IntakeCommand], None] | None = None, **more: Any) -> Poison:
        command = world.load.stories.hand_in(SMALL)
        seal(command, name=NAME, kind=IdentifierKind.IDENTIFIER_KIND_UNSPECIFIED)
        if change is not None:
            change(command)
        kept = Command.of(command)
        key = more.pop("key", kept.matter_id.encode())
        more.setdefault("headers", outside(kept.request_id))
        return Poison(what, SUBMISSIONS, kept.value, key, OUTCOME, command=kept, **more)

    def enlarge(command: IntakeCommand) -> None:
        command.submit_matter.application.facts["project"].text = TOO_LARGE_TEXT

    def forge_id_card(command: IntakeCommand) -> None:
        seal(command, name=NAME, kind=IdentifierKind.IDENTIFIER_KIND_ID_CARD, identifier=ID_CARD)

    yield hand_in("no headers", headers=[])
    yield hand_in("no key", key=None)
    yield hand_in("another's key", key=fresh_key(rng).encode())
    yield hand_in("too large", enlarge)
    yield hand_in("an identifier that is none", forge_id_card)
    for partition in range(partitions):
        yield hand_in("wrong partition", partition=partition)
    cut = world.load.stories.hand_in(SMALL)
    forge_id_card(cut)
    value = cut.SerializeToString()[:-3] + NO_MESSAGE
    yield Poison("truncated", SUBMISSIONS, value, cut.matter_id.encode(), DEAD, "undecodable")


class Poisoned:
    """All of it, on every topic that is read, in no order, amid the load."""

    name = "poison"

    def __init__(self) -> None:
        self._written: dict[Place, Poison] = {}

    def strike(self, world: World, rng: random.Random) -> int:
        """Write it; what is too large for a topic altogether is refused by the broker."""
        partitions = len(world.rows("intake", "SELECT lane FROM lanes"))
        self._written.clear()
        for one in everything(world, rng, partitions):
            place = (one.topic, *world.produce(one.topic, one.value, one.key, one.headers, one.partition))
            self._written[place] = one
            if one.command is not None:
                world.book.acknowledged(one.command, *place)
            elif one.expected == DEAD:
                world.book.dead(*place)
            elif one.expected == PARKED:
                world.book.parked(*place)
            else:
                world.book.forged(*place)
        assert is_refused_by_the_broker(world, bytes(BROKER_REFUSES_BYTES)), "the broker takes records of any size"
        return len(self._written) + 1

    def verify(self, world: World) -> Sequence[Finding]:
        """Each dead letter has the reason that fits, and nothing personal stands in reasons and logs."""
        return [*reasons(world, self._written), *leaks(world)]


def is_refused_by_the_broker(world: World, value: bytes) -> bool:
    """Whether a record is too large for the topic; a producer that was told so is of no use any more."""
    with closing(KafkaProducer(bootstrap_servers=world.servers, max_request_size=2 * len(value))) as producer:
        try:
            producer.send(SUBMISSIONS, value=value).get(timeout=ACKNOWLEDGED_SECONDS)
        except MessageSizeTooLargeError:
            return True
    return False


def everything(world: World, rng: random.Random, partitions: int) -> list[Poison]:
    """All poison, in no order."""
    found = [*alarms(world, rng), *wrapped(world, rng, partitions)]
    for topic in READ:
        found += by_anyone(rng, topic)
        found += on_commands(rng, topic, partitions) if topic in OWNERS else on_events(rng, topic)
    rng.shuffle(found)
    return found


def reasons(world: World, written: dict[Place, Poison]) -> Iterator[Finding]:
    """What is wrong with the dead letters of these records."""
    told: dict[Place, list[str]] = {}
    for letter in (one for topic in DEAD_LETTERS for one in world.watch.records[topic]):
        headers = {name: value.decode(errors="replace") for name, value in letter.headers.items()}
        origin = (
            headers["dead_letter_topic"],
            int(headers["dead_letter_partition"]),
            int(headers["dead_letter_offset"]),
        )
        told.setdefault(origin, []).append(headers.get("dead_letter_reason", ""))
    for place, one in written.items():
        where = f"{one.topic}: {one.what}"
        found = told.get(place, [])
        if one.expected not in (DEAD, PARKED):
            if found:
                yield Finding("wrong", where, f"is {one.expected}, and a dead letter: {found}")
            continue
        if not found:
            yield Finding("lost", where, "has no dead letter")
        for reason in found:
            if one.reason not in reason:
                yield Finding("wrong", where, f"is told as {reason!r}, not as {one.reason!r}")
            if any(text in reason for text in PERSONAL):
                yield Finding("wrong", where, "its reason repeats personal data")


def leaks(world: World) -> Iterator[Finding]:
    """Logs in which personal data stand."""
    for log in sorted((world.directory / "logs").iterdir()):
        text = log.read_text(errors="replace")
        if any(personal in text for personal in PERSONAL):
            yield Finding("wrong", f"the log of {log.stem}", "repeats personal data")


FAULTS: Sequence[Fault] = (Poisoned(),)
