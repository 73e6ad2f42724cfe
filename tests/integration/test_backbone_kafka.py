"""The Log port on a real Kafka, reading: co-partitioning, given offsets, the broker's time, identity, batches."""

# The library does not say what its admin module exports.
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.cimpl import NewPartitions
from tests.integration.rooms import PARTITIONS, Room, a_record, assigned, read, refusal_of
from tests.tail import poll

from onematter.backbone.kafka import MAX_BATCH_BYTES
from onematter.backbone.ports import Unavailable, WrongCluster
from onematter.backbone.provision import TopicMismatch, provision_topics
from onematter.contracts.connections import KafkaConnection


@pytest.fixture
def room(kafka_bootstrap_servers: str) -> Iterator[Room]:
    with closing(Room(kafka_bootstrap_servers)) as made:
        yield made


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


def test_a_batch_that_gathers_ends_when_nothing_comes_any_more(room: Room) -> None:
    room.create_all()
    log = room.log(gather_seconds=20)
    assigned(log)
    log.start({0: {}})
    room.write(room.commands, 0, [b"a", b"b"])
    began = time.monotonic()
    assert [record.value for record in read(log, lambda rs: len(rs) >= 2)] == [b"a", b"b"]
    assert time.monotonic() - began < 15


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
