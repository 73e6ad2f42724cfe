"""The Log port on a real Kafka, sending and going on: partitioners, own events, back-pressure, lanes that move."""

# The library does not say what its admin module exports.
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, Producer
from kafka import KafkaProducer
from tests.integration.rooms import PARTITIONS, Room, a_record, assigned
from tests.tail import DEADLINE_SECONDS, Tail, poll

from onematter.backbone.kafka import EVENTS_LAG_HIGH, KafkaLog
from onematter.backbone.ports import Unavailable
from onematter.backbone.records import DeadRecord, Record, Sending
from onematter.contracts.connections import KafkaConnection
from onematter.contracts.keys import partition_of


@pytest.fixture
def room(kafka_bootstrap_servers: str) -> Iterator[Room]:
    with closing(Room(kafka_bootstrap_servers)) as made:
        yield made


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
