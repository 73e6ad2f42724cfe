"""Everything may come again: commands out of order, copies of streams long after, all topics from their start.

Rule 1: a copy is the same to the last byte: key, value, headers and partition. What the book knows of an original holds
for its copies: a client's command has one outcome, a stream's record is dropped, and poison is poison again.
Rule 2: a replay begins at offset 0 and leaves copies out that a replay wrote, so that rounds add up and do not double.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import NamedTuple
from weakref import WeakKeyDictionary

from kafka import KafkaConsumer, KafkaProducer
from kafka.structs import TopicPartition
from tests.faults.auditor.topology import EVENTS_OF, INTAKE_COMMANDS, SUBMISSIONS, TOPICS, WRITERS
from tests.faults.book import Command, Place, Sent
from tests.faults.harness import Fault, World
from tests.faults.stories import LARGE, SMALL
from tests.live import outside
from tests.tail import poll

from onematter.intake.v1.intake_commands_pb2 import IntakeCommand

ACKNOWLEDGED_SECONDS = 60.0
# All that was ever written, under load.
READ_SECONDS = 240.0
# A replay of more than this takes some lanes, whole: all their topics from offset 0.
REPLAYED_RECORDS = 15_000
REPEATED_COMMANDS = 60
STRAGGLERS = 400
REORDERED_MATTERS = 20
NOTHING_FOR_MS = 500


class Raw(NamedTuple):
    """A record as it stands on a topic."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]

    @property
    def place(self) -> Place:
        """Where it stands."""
        return self.topic, self.partition, self.offset

    @property
    def in_stream(self) -> bool:
        """Whether a deployment wrote it as the next of a stream."""
        return any(name == "ce_stream" for name, _ in self.headers)


def read_all(servers: str, topics: Sequence[str]) -> list[Raw]:
    """All records that stand in the topics now, each partition in its order."""
    found: list[Raw] = []
    with closing(KafkaConsumer(bootstrap_servers=servers, enable_auto_commit=False, max_poll_records=5000)) as consumer:
        places = [TopicPartition(topic, n) for topic in topics for n in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(places)
        consumer.seek_to_beginning()
        ends = consumer.end_offsets(places)

        def at_the_end() -> bool:
            for records in consumer.poll(timeout_ms=NOTHING_FOR_MS).values():
                found.extend(Raw(r.topic, r.partition, r.offset, r.key, r.value, list(r.headers)) for r in records)
            return all((consumer.position(place) or 0) >= end for place, end in ends.items())

        poll(at_the_end, "the ends of the topics", READ_SECONDS)
    # What came behind the ends meanwhile is another reading's.
    return [raw for raw in found if raw.offset < ends[TopicPartition(raw.topic, raw.partition)]]


class Writer:
    """Writes records exactly where it is told, in the order it is given them, and knows where they came to stand."""

    def __init__(self, producer: KafkaProducer) -> None:
        self._producer = producer
        self._sent: list[tuple[Raw, object]] = []

    def write(self, raw: Raw, partition: int | None = None) -> None:
        """Write a copy, on its own partition unless another is given."""
        sent = self._producer.send(
            raw.topic, key=raw.key, value=raw.value, headers=raw.headers,
            partition=raw.partition if partition is None else partition,
        )  # fmt: skip
        self._sent.append((raw, sent))

    def written(self) -> Iterator[tuple[Raw, Place]]:
        """Each original with its copy's place, when all are acknowledged."""
        self._producer.flush(timeout=ACKNOWLEDGED_SECONDS)
        for raw, sent in self._sent:
            told = sent.get(timeout=ACKNOWLEDGED_SECONDS)  # type: ignore[attr-defined]
            yield raw, (told.topic, told.partition, told.offset)


@contextmanager
def writer(servers: str) -> Iterator[Writer]:
    """A writer of its own."""
    producer = KafkaProducer(bootstrap_servers=servers, acks="all", max_request_size=2 << 20, linger_ms=5)
    try:
        yield Writer(producer)
    finally:
        producer.close(timeout=5)


class Copies:
    """Which records of a world are copies that these faults wrote."""

    def __init__(self) -> None:
        self._places: WeakKeyDictionary[World, set[Place]] = WeakKeyDictionary()

    def of(self, world: World) -> set[Place]:
        """Their places."""
        return self._places.setdefault(world, set())

    def note(self, world: World, written: Iterator[tuple[Raw, Place]]) -> int:
        """Take them into the book, as what their originals are; returns how many."""
        known = self.of(world)
        count = 0
        for raw, place in written:
            known.add(place)
            count += 1
            if raw.place in world.book.foreign:
                world.book.forged(*place)
        return count


COPIES = Copies()


class Repeated:
    """An integrator's producer that sends all of it several times, in no order, and some to the wrong partition."""

    name = "wire: repeated and reordered commands"

    def strike(self, world: World, rng: random.Random) -> int:
        """Repeat what other clients sent, and hand in matters whose commands overtake each other."""
        commands: list[tuple[str, Command]] = []
        known = [sent for sent in world.book.commands() if sent.acknowledged]
        for sent in rng.sample(known, min(REPEATED_COMMANDS, len(known))):
            commands += [(sent.topic, _command(sent))] * rng.randint(1, 3)
        for _ in range(REORDERED_MATTERS):
            handed_in = world.load.stories.hand_in(rng.choice((SMALL, LARGE)))
            withdrawn = _withdrawal(handed_in)
            commands += [(SUBMISSIONS, Command.of(handed_in))] * rng.randint(1, 3)
            commands += [(INTAKE_COMMANDS, Command.of(withdrawn))] * rng.randint(1, 3)
        rng.shuffle(commands)
        partitions = len(world.rows("intake", "SELECT lane FROM lanes"))
        for topic, command in commands:
            partition = rng.randrange(partitions) if rng.random() < 0.2 else None
            place = world.produce(
                topic, command.value, command.matter_id.encode(), outside(command.request_id), partition
            )
            world.book.acknowledged(command, topic, *place)
        return len(commands)


def _command(sent: Sent) -> Command:
    return Command(sent.matter_id, sent.principal, sent.request_id, sent.value)


def _withdrawal(handed_in: IntakeCommand) -> IntakeCommand:
    command = IntakeCommand(request_id=f"{handed_in.request_id}-withdrawn", matter_id=handed_in.matter_id)
    command.actor.CopyFrom(handed_in.actor)
    command.withdraw_matter.reason = "不办了"
    return command


class Stragglers:
    """Copies of streams' records, long after their originals, several times and in no order."""

    name = "wire: late copies of streams"

    def strike(self, world: World, rng: random.Random) -> int:
        """Write some again, of every topic that deployments write."""
        by_topic: dict[str, list[Raw]] = defaultdict(list)
        for raw in read_all(world.servers, [topic for topic in WRITERS if WRITERS[topic]]):
            if raw.in_stream and raw.place not in world.book.foreign:
                by_topic[raw.topic].append(raw)
        assert set(EVENTS_OF.values()) - by_topic.keys() <= {EVENTS_OF["exchange"]}, "topics without a stream"
        share = STRAGGLERS // len(by_topic)
        chosen = [
            raw for found in by_topic.values() for raw in rng.sample(found, min(share, len(found)))
            for _ in range(rng.randint(1, 3))
        ]  # fmt: skip
        rng.shuffle(chosen)
        with writer(world.servers) as out:
            for raw in chosen:
                out.write(raw)
            return COPIES.note(world, out.written())


class Replay:
    """Every record of every topic from offset 0, written again into the running system."""

    name = "wire: replay of all topics"

    def strike(self, world: World, rng: random.Random) -> int:
        """Replay; the partitions in turn, each in its order."""
        copies = COPIES.of(world)
        by_partition: dict[tuple[int, str], list[Raw]] = defaultdict(list)
        for raw in read_all(world.servers, TOPICS):
            if raw.place not in copies:
                by_partition[raw.partition, raw.topic].append(raw)
        lanes = chosen_lanes(by_partition, rng)
        queues = [found for (lane, _), found in by_partition.items() if lane in lanes]
        with writer(world.servers) as out:
            for raw in in_turn(queues, rng):
                out.write(raw)
            COPIES.note(world, out.written())
        return len({raw.topic for found in queues for raw in found})


def chosen_lanes(by_partition: Mapping[tuple[int, str], Sequence[Raw]], rng: random.Random) -> set[int]:
    """All lanes, or as many as REPLAYED_RECORDS takes, and one at least."""
    lanes = sorted({lane for lane, _ in by_partition})
    rng.shuffle(lanes)
    chosen: set[int] = set()
    records = 0
    for lane in lanes:
        records += sum(len(found) for (number, _), found in by_partition.items() if number == lane)
        if chosen and records > REPLAYED_RECORDS:
            break
        chosen.add(lane)
    return chosen


def in_turn(queues: Sequence[Sequence[Raw]], rng: random.Random) -> Iterator[Raw]:
    """Each queue in its order; which one is next, by chance."""
    left = [iter(queue) for queue in queues]
    while left:
        one = rng.choice(left)
        for _ in range(rng.randint(1, 50)):
            raw = next(one, None)
            if raw is None:
                left.remove(one)
                break
            yield raw


FAULTS: Sequence[Fault] = (Repeated(), Stragglers(), Replay())
