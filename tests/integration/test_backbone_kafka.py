"""The Log port on a real Kafka: co-partitioning, given offsets, the broker's time, partitioners, own events, lag."""

# The library does not say what its admin module exports.
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from confluent_kafka.cimpl import NewPartitions, NewTopic
from kafka import KafkaProducer
from tests.tail import DEADLINE_SECONDS, Tail, poll

from onematter.backbone.kafka import EVENTS_LAG_HIGH, MAX_BATCH_BYTES, KafkaLog
from onematter.backbone.ports import Unavailable, WrongCluster
from onematter.backbone.provision import TopicMismatch, provision_topics
from onematter.backbone.records import DeadRecord, Record, Sending
from onematter.contracts.connections import KafkaConnection
from onematter.contracts.keys import partition_of
from onematter.contracts.topics import TopicTable, parse

PARTITIONS = 3
LOG_APPEND_TIME = "LogAppendTime"


class Room:
    """A deployment of one test with topics of its own."""

    def __init__(self, servers: str) -> None:
        self.name = f"test-{uuid.uuid4().hex[:12]}"
        self.servers = servers
        self.submissions, self.commands, self.events = (
            f"onematter.{self.name}.{kind}.v1" for kind in ("submissions", "commands", "events")
        )
        self.admin = AdminClient({"bootstrap.servers": servers})
        self._logs: list[KafkaLog] = []
        self._producer = KafkaProducer(bootstrap_servers=servers, acks="all", linger_ms=5)

    @property
    def table(self) -> TopicTable:
        """The three topics; the deployment reads submissions and commands."""
        topics = [
            {"name": self.submissions, "kind": "submissions", "owner": self.name, "readers": [self.name]},
            {"name": self.commands, "kind": "commands", "owner": self.name, "readers": [self.name]},
            {"name": self.events, "kind": "events", "owner": self.name},
        ]
        defaults = {
            "partitions": PARTITIONS, "retention_ms": -1, "cleanup_policy": "delete",
            "timestamp_type": LOG_APPEND_TIME, "max_message_bytes": 1_048_576,
        }  # fmt: skip
        return parse({"defaults": defaults, "deployment": [{"name": self.name, "service": "intake"}], "topic": topics})

    def create(self, topic: str, partitions: int = PARTITIONS, timestamp_type: str = LOG_APPEND_TIME) -> None:
        config = {**self.table.config, "message.timestamp.type": timestamp_type}
        for future in self.admin.create_topics([NewTopic(topic, partitions, 1, config=config)]).values():
            future.result()
        # The controller knows it first; the broker that is asked hears of it.
        poll(lambda: topic in self.admin.list_topics(timeout=DEADLINE_SECONDS).topics, "the topic")

    def alter(self, topic: str, **settings: str) -> None:
        """Change settings of a topic, with `_` for `.`, and wait until the broker says so."""
        entries = [ConfigEntry(name.replace("_", "."), value) for name, value in settings.items()]
        wanted = ConfigResource(ResourceType.TOPIC, topic)
        for entry in entries:
            entry.incremental_operation = AlterConfigOpType.SET
            wanted.add_incremental_config(entry)
        self.admin.incremental_alter_configs([wanted])[wanted].result()

        def altered() -> bool:
            asked = ConfigResource(ResourceType.TOPIC, topic)
            found = self.admin.describe_configs([asked])[asked].result()
            return all(found[entry.name].value == entry.value for entry in entries)

        poll(altered, "the topic's settings")

    def create_all(self) -> None:
        for topic in (self.submissions, self.commands, self.events):
            self.create(topic)

    def log(self) -> KafkaLog:
        self._logs.append(KafkaLog(KafkaConnection(self.servers), self.name, self.table))
        return self._logs[-1]

    def write(self, topic: str, partition: int, values: Sequence[bytes], key: bytes = b"key") -> None:
        sent = [self._producer.send(topic, value=value, key=key, partition=partition) for value in values]
        self._producer.flush(timeout=DEADLINE_SECONDS)
        for future in sent:
            future.get(timeout=DEADLINE_SECONDS)

    def leave(self, log: KafkaLog) -> None:
        self._logs.remove(log)
        log.close()

    def close(self) -> None:
        for log in self._logs:
            log.close()
        self._producer.close()
        names = [t for t in (self.submissions, self.commands, self.events) if t in self.admin.list_topics().topics]
        if names:
            for future in self.admin.delete_topics(names).values():
                future.result()


@pytest.fixture
def room(kafka_bootstrap_servers: str) -> Iterator[Room]:
    with closing(Room(kafka_bootstrap_servers)) as made:
        yield made


def assigned(log: KafkaLog) -> frozenset[int]:
    """Poll until the group has given this member its lanes."""

    def lanes() -> frozenset[int]:
        assert log.poll(10, 0.1) == [], "nothing is read before the lanes are taken"
        return log.assigned() or frozenset()

    return poll(lanes, "an assignment")


def refusal_of(log: KafkaLog) -> str:
    """Poll until the log refuses to go on; return why. Nothing is read before."""

    def refusal() -> str:
        try:
            assert log.poll(10, 0.1) == []
        except WrongCluster as error:
            return str(error)
        return ""

    return poll(refusal, "a refusal")


def read(log: KafkaLog, enough: Callable[[list[Record]], bool], max_records: int = 100) -> list[Record]:
    records: list[Record] = []

    def more() -> bool:
        for record in log.poll(max_records, 0.1):
            assert isinstance(record, Record)
            records.append(record)
        return enough(records)

    poll(more, "records")
    return records


def test_an_assignment_that_is_not_co_partitioned_is_refused(room: Room) -> None:
    room.create(room.submissions)
    room.create(room.commands, PARTITIONS - 1)
    log = room.log()
    assert re.search(rf"lane 2 comes without {room.commands}; every topic .* \(3\)", refusal_of(log))


def test_a_lane_starts_at_the_offsets_that_it_is_given(room: Room) -> None:
    room.create_all()
    for lane in range(PARTITIONS):
        room.write(room.submissions, lane, [b"s%d" % n for n in range(5)])
        room.write(room.commands, lane, [b"c%d" % n for n in range(3)])
    log = room.log()
    assert assigned(log) == {0, 1, 2}
    log.start({0: {room.submissions: 3}, 1: {room.submissions: 5, room.commands: 2}})
    assert log.assigned() is None
    records = read(log, lambda rs: len(rs) >= 6)
    # A topic that is not named from its beginning; a lane that is not given not at all.
    assert sorted((r.partition, r.topic, r.offset, r.value) for r in records) == sorted(
        [
            *((0, room.submissions, n, b"s%d" % n) for n in (3, 4)),
            *((0, room.commands, n, b"c%d" % n) for n in (0, 1, 2)),
            (1, room.commands, 2, b"c2"),
        ]
    )
    log.stop()
    room.write(room.submissions, 0, [b"later"])
    # The same member, from the same place again, as after a step that was given up.
    log.start({0: {room.submissions: 3, room.commands: 3}})
    again = read(log, lambda rs: len(rs) >= 3)
    assert [(r.offset, r.value) for r in again] == [(3, b"s3"), (4, b"s4"), (5, b"later")]
    assert all(abs(r.timestamp_unix_ms - again[0].timestamp_unix_ms) < 600_000 for r in again)


def test_offsets_that_the_topic_does_not_have_are_an_error_and_no_reset(room: Room) -> None:
    room.create_all()
    room.write(room.commands, 0, [b"a"])
    log = room.log()
    assigned(log)
    log.start({0: {room.commands: 99}})
    assert "offsets are not in the topic any more" in refusal_of(log)


def test_senders_clocks_are_refused(room: Room) -> None:
    room.create(room.submissions)
    room.create(room.commands, timestamp_type="CreateTime")
    room.write(room.commands, 0, [b"a"])
    log = room.log()
    assigned(log)
    log.start({0: {}})
    assert f"{room.commands} keeps senders' times; set message.timestamp.type=LogAppendTime" in refusal_of(log)
    with pytest.raises(TopicMismatch, match=rf"{room.commands} has message.timestamp.type=CreateTime"):
        provision_topics(KafkaConnection(room.servers), room.table)


def test_provisioning_makes_what_is_absent_and_refuses_another_number_of_partitions(room: Room) -> None:
    connection = KafkaConnection(room.servers)
    made = provision_topics(connection, room.table)
    assert set(made) == {room.submissions, room.commands, room.events}
    poll(lambda: set(made) <= set(room.admin.list_topics().topics), "the topics")
    assert provision_topics(connection, room.table) == []
    for future in room.admin.delete_topics([room.events]).values():
        future.result()
    poll(lambda: room.events not in room.admin.list_topics().topics, "the topic is gone")
    room.create(room.events, 1)
    poll(lambda: room.events in room.admin.list_topics().topics, "the topic")
    says = rf"{room.events} has 1 partitions, the table says 3; .* or set ONEMATTER_PARTITIONS"
    with pytest.raises(TopicMismatch, match=says):
        provision_topics(connection, room.table)


def test_identity_is_the_clusters_and_the_topics_own(room: Room) -> None:
    room.create_all()
    first = room.log().identity()
    # Its own events too: what it published is the memory of a database that is restored.
    assert set(first.topic_ids) == {room.submissions, room.commands, room.events}
    assert first.partitions == PARTITIONS
    assert first == room.log().identity()
    for future in room.admin.delete_topics([room.commands]).values():
        future.result()
    poll(lambda: room.commands not in room.admin.list_topics().topics, "the topic is gone")
    with pytest.raises(Unavailable, match="Kafka"):
        room.log().identity()
    room.create(room.commands)
    anew = poll(lambda: room.log().identity(), "the topic made anew")
    assert anew.cluster_id == first.cluster_id
    assert anew.topic_ids[room.submissions] == first.topic_ids[room.submissions]
    assert anew.topic_ids[room.commands] != first.topic_ids[room.commands]


@pytest.mark.parametrize(
    ("setting", "value", "back"),
    [
        ("retention_ms", "604800000", "-1"),
        ("retention_bytes", "1000000", "-1"),
        ("cleanup_policy", "compact", "delete"),
        ("cleanup_policy", "compact,delete", "delete"),
        ("message_timestamp_type", "CreateTime", "LogAppendTime"),
        ("max_message_bytes", "1000", "1048576"),
    ],
)
@pytest.mark.parametrize("topic", ["commands", "events"])
def test_a_topic_that_breaks_the_tables_promise_is_refused(
    room: Room, topic: str, setting: str, value: str, back: str
) -> None:
    room.create_all()
    name = getattr(room, topic)
    log = room.log()
    assert log.identity().topic_ids
    room.alter(name, **{setting: value})
    spoken = setting.replace("_", ".")
    says = rf"{name} has {spoken}={value}, the table says {back}: .*--entity-name {name} --add-config {spoken}={back}"
    with pytest.raises(WrongCluster, match=says):
        log.identity()
    with pytest.raises(TopicMismatch, match=says):
        provision_topics(KafkaConnection(room.servers), room.table)
    room.alter(name, **{setting: back})
    assert log.identity().topic_ids
    assert provision_topics(KafkaConnection(room.servers), room.table) == []


def test_topics_that_were_grown_are_refused(room: Room) -> None:
    room.create_all()
    log = room.log()
    log.identity()
    for future in room.admin.create_partitions(
        [NewPartitions(name, PARTITIONS + 1) for name in (room.submissions, room.commands, room.events)]
    ).values():
        future.result()
    poll(lambda: len(room.admin.list_topics().topics[room.events].partitions) > PARTITIONS, "the topics have grown")
    with pytest.raises(WrongCluster, match=r"has 4 partitions, the table says 3; .* restore the topic"):
        poll(lambda: not log.identity(), "a refusal")


def test_a_topic_that_lost_its_beginning_is_an_error_for_who_reads_it_first(room: Room) -> None:
    """A deployment that is built anew would leave out what retention has dropped, and nobody would know."""
    room.create_all()
    room.write(room.commands, 0, [b"a", b"b", b"c"])
    dropped = room.admin.delete_records([TopicPartition(room.commands, 0, 2)])
    for future in dropped.values():
        future.result()
    log = room.log()
    assigned(log)
    log.start({0: {}})
    assert "offsets are not in the topic any more" in refusal_of(log)


def test_own_events_that_were_dropped_before_they_were_known_are_an_error(room: Room) -> None:
    room.create_all()
    log = room.log()
    log.send([a_record(room, sequence) for sequence in (1, 2, 3)])
    log.flush()
    for future in room.admin.delete_records([TopicPartition(room.events, 1, 2)]).values():
        future.result()
    with pytest.raises(WrongCluster, match="offsets are not in the topic any more"):
        list(log.own_events(1, 0, 3))
    assert [r.offset for r in log.own_events(1, 2, 3)] == [2]


def test_a_backlog_is_read_in_the_order_in_which_it_came_about(room: Room) -> None:
    """What is read again after a restore: a hand-in comes before what was asked because of it."""
    room.create_all()
    for number in range(12):
        room.write(room.commands if number % 3 else room.submissions, 0, [b"%d" % number])
    log = room.log()
    assigned(log)
    log.start({0: {}})
    records = read(log, lambda rs: len(rs) >= 12)
    times = [record.timestamp_unix_ms for record in records]
    assert times == sorted(times)
    for topic in (room.submissions, room.commands):
        offsets = [record.offset for record in records if record.topic == topic]
        assert offsets == list(range(len(offsets)))


@pytest.mark.parametrize("count", [0, 16], ids=["an empty topic", "a backlog that ends with a full batch"])
def test_who_has_caught_up_gathers_no_longer(room: Room, count: int) -> None:
    room.create_all()
    room.write(room.commands, 0, [b"old"] * count)
    log = room.log()
    assigned(log)
    log.start({0: {}})
    assert log.catching_up
    assert len(read(log, lambda rs: len(rs) >= count, max_records=16)) == count
    poll(lambda: log.poll(16, 0.1) == [] and not log.catching_up, "having caught up")
    room.write(room.commands, 0, [b"new"])
    assert [record.value for record in read(log, bool)] == [b"new"]


def test_a_batch_ends_where_it_is_heavy(room: Room) -> None:
    room.create_all()
    heavy = b"x" * 1_000_000
    count = 60
    room.write(room.commands, 0, [heavy] * count)
    log = room.log()
    assigned(log)
    log.start({0: {}})
    sizes: list[int] = []

    def more() -> bool:
        if batch := log.poll(10_000, 0.1):
            sizes.append(sum(len(record.value) for record in batch))
        return sum(sizes) >= count * len(heavy)

    poll(more, "all of it")
    # Behind the record that makes it heavy, and one more than fits at most.
    assert max(sizes) <= MAX_BATCH_BYTES + 2 * len(heavy)
    assert len(sizes) >= count * len(heavy) // (MAX_BATCH_BYTES + len(heavy))


def test_a_producer_that_is_full_gives_up_in_time(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the broker is away a step must not wait for room for ever: its lanes are taken anew instead."""
    monkeypatch.setattr("onematter.backbone.kafka.LOOP_QUEUE_BYTES", 1_048_576)
    monkeypatch.setattr("onematter.backbone.kafka.FLUSH_SECONDS", 0.5)
    away = KafkaLog(KafkaConnection("127.0.0.1:1"), room.name, room.table)
    with closing(away), pytest.raises(Unavailable, match="not acknowledged in time"):
        away.send([a_record(room, sequence, b"x" * 500_000) for sequence in range(1, 9)])


def test_every_producer_puts_a_key_where_the_others_do(room: Room) -> None:
    room.create_all()
    keys = [f"{number:032x}".encode() for number in range(0, 1 << 20, 9973)] + [b"k", b"key", "某".encode()]
    python = KafkaProducer(bootstrap_servers=room.servers)
    by_python = {
        key: python.send(room.events, key=key, value=b"").get(timeout=DEADLINE_SECONDS).partition for key in keys
    }
    python.close()
    places: dict[str, dict[bytes, int]] = {}
    for partitioner in ("murmur2_random", "consistent_random"):
        found = places[partitioner] = {}

        def delivered(_: object, message: Any, found: dict[bytes, int] = found) -> None:
            found[message.key()] = message.partition()

        producer = Producer({"bootstrap.servers": room.servers, "partitioner": partitioner})
        for key in keys:
            producer.produce(room.events, b"", key, on_delivery=delivered)
        assert producer.flush(DEADLINE_SECONDS) == 0
    assert places["murmur2_random"] == by_python == {key: partition_of(key, PARTITIONS) for key in keys}
    assert set(by_python.values()) == set(range(PARTITIONS))
    assert places["consistent_random"] != by_python


def a_record(room: Room, sequence: int, value: bytes = b"value", lane: int = 1) -> Sending:
    return Sending(room.events, lane, b"m", value, "onematter.Type", sequence, 1_764_000_000_123, "00-trace")


def test_what_is_sent_is_read_again_as_own_events(room: Room) -> None:
    room.create_all()
    log = room.log()
    assert assigned(log) == {0, 1, 2}
    assert log.own_events_end(1) == 0
    with closing(Tail(room.servers, [room.events])) as tail:
        log.send([a_record(room, sequence) for sequence in range(1, 6)])
        whole = Sending(room.events, 1, b"x", b"whole", headers=[("a", b"\x00"), ("a", b"b")])
        log.send([whole])
        log.flush()
        assert log.own_events_end(1) == 6
        assert log.own_events_end(0) == 0
        own = list(log.own_events(1, 2, 5))
        assert [(r.offset, r.sequence, r.writer, r.key, r.type) for r in own] == [
            (offset, offset + 1, room.name, "m", "onematter.Type") for offset in (2, 3, 4)
        ]
        assert [r.offset for r in log.own_events(1, 0, 6)] == [0, 1, 2, 3, 4, 5]
        assert list(log.own_events(0, 0, 0)) == []
        tail.read_to_end()
        first, *_, last = tail.records[room.events]
    # CloudEvents 1.0, binary mode, with the stream's place.
    assert dict(first.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": f"{room.name}/{room.events}/m/1".encode(),
        "ce_source": f"/onematter/{room.name}".encode(),
        "ce_type": b"onematter.Type",
        "ce_time": b"2025-11-24T16:00:00.123Z",
        "content-type": b"application/protobuf",
        "ce_stream": room.name.encode(),
        "ce_sequence": b"1",
        "traceparent": b"00-trace",
    }
    assert list(last.headers) == [("a", b"\x00"), ("a", b"b")]


def test_a_send_that_fails_is_told_and_a_new_producer_sends_it_again(room: Room) -> None:
    room.create_all()
    log = room.log()
    suffix = [a_record(room, 1), a_record(room, 2, b"x" * 1_500_000), a_record(room, 3)]
    log.send(suffix)
    with pytest.raises(Unavailable, match="Kafka"):
        log.flush()
    log.send([a_record(room, sequence) for sequence in (1, 2, 3)])
    log.flush()
    assigned(log)
    numbers = [r.sequence for r in log.own_events(1, 0, log.own_events_end(1))]
    # At least once: what had gone out before the failure is there twice.
    assert numbers[-3:] == [1, 2, 3]


def test_submissions_wait_while_commands_lag_and_none_is_lost(room: Room) -> None:
    room.create_all()
    waiting = EVENTS_LAG_HIGH + 1500
    handed_in = [b"s%d" % n for n in range(3000)]
    room.write(room.commands, 0, [b"c%d" % n for n in range(waiting)])
    log = room.log()
    assert 0 in assigned(log)
    log.start({0: {}})
    seen: dict[str, list[bytes]] = {room.submissions: [], room.commands: []}

    def take(count: int) -> bool:
        for record in log.poll(count, 0.05):
            assert isinstance(record, Record)
            seen[record.topic].append(record.value)
        return log.submissions_paused

    poll(lambda: take(1), "submissions are paused")
    assert log.lag > EVENTS_LAG_HIGH
    room.write(room.submissions, 0, handed_in)
    poll(lambda: take(100) and len(seen[room.commands]) > 500, "commands go on")
    assert seen[room.submissions] == []
    poll(lambda: not take(100), "submissions are resumed")
    assert waiting - len(seen[room.commands]) < EVENTS_LAG_HIGH
    poll(lambda: take(1000) or len(seen[room.submissions]) >= len(handed_in), "all of it")
    assert seen[room.submissions] == handed_in
    assert seen[room.commands] == [b"c%d" % n for n in range(waiting)]


def test_what_cannot_be_read_is_a_dead_record_at_its_place(room: Room) -> None:
    room.create_all()
    room.write(room.commands, 0, [b"a"], key=b"\xff")
    room.write(room.commands, 0, [b"b"])
    log = room.log()
    assigned(log)
    log.start({0: {}})
    records: list[Any] = []
    poll(lambda: records.extend(log.poll(10, 0.1)) or len(records) >= 2, "both records")
    dead, record = records
    assert isinstance(dead, DeadRecord)
    assert (dead.offset, dead.raw_key, dead.value) == (0, b"\xff", b"a")
    assert (record.offset, record.key) == (1, "key")


def test_lanes_move_together_when_another_joins_and_when_it_leaves(room: Room) -> None:
    room.create_all()
    first = room.log()
    lanes: dict[KafkaLog, frozenset[int]] = {first: frozenset()}

    def settle(*logs: KafkaLog) -> bool:
        for log in logs:
            log.poll(10, 0.05)
            found = log.assigned()
            if found is not None:
                lanes[log] = found
                log.start({lane: {} for lane in found})
        return sorted(lane for of in lanes.values() for lane in of) == [0, 1, 2]

    poll(lambda: settle(first), "all lanes at the first")
    second = room.log()
    lanes[second] = frozenset()
    poll(lambda: settle(first, second) and lanes[second] and lanes[first], "both have lanes")
    room.leave(second)
    del lanes[second]
    lanes[first] = frozenset()
    poll(lambda: settle(first), "all lanes at the first again")


def test_the_groups_own_offsets_follow_for_tools_that_show_lag(room: Room) -> None:
    room.create_all()
    room.write(room.commands, 0, [b"a", b"b", b"c"])
    log = room.log()
    assigned(log)
    log.start({0: {}})
    group = f"onematter-{room.name}"

    def committed() -> int:
        log.poll(10, 0.1)
        asked = [ConsumerGroupTopicPartitions(group)]
        found = room.admin.list_consumer_group_offsets(asked)[group].result(DEADLINE_SECONDS)
        return next((p.offset for p in found.topic_partitions if (p.topic, p.partition) == (room.commands, 0)), -1)

    poll(lambda: committed() == 3, "the committed offset")
