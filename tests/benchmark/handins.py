"""Hand-ins of the bench's matter: OM-90, three items at three levels, decided by rule.

Written as an integrator would: librdkafka and the contracts, none of the services' code.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from typing import NamedTuple

from confluent_kafka import Consumer, Producer, TopicPartition

from onematter.common.v1.actor_pb2 import ActorRole, Channel
from onematter.common.v1.application_pb2 import (
    IdentifierKind,
    PartyDetails,
    PartyRole,
    PersonalData,
    TrustClass,
)
from onematter.contracts.headers import outside
from onematter.contracts.keys import matter_id, partition_of
from onematter.contracts.topics import SUBMISSIONS
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand

PRINCIPAL = "bench"


def template() -> IntakeCommand:
    """A hand-in without its request_id."""
    command = IntakeCommand()
    command.actor.principal = PRINCIPAL
    command.actor.role = ActorRole.ACTOR_ROLE_SYSTEM
    submit = command.submit_matter
    submit.matter_code, submit.division, submit.channel = "OM-90", "330106", Channel.CHANNEL_SYSTEM
    application = submit.application
    application.facts["amount"].number = 5000
    application.materials.add(
        material_id="form",
        digest=hashlib.sha256(b"form").digest(),
        size_bytes=4,
        media_type="application/pdf",
        trust_class=TrustClass.TRUST_CLASS_D,
    )
    application.parties.add(party_id="a", role=PartyRole.PARTY_ROLE_APPLICANT)
    details = PartyDetails(
        party_id="a",
        name="示例企业",
        identifier_kind=IdentifierKind.IDENTIFIER_KIND_USCC,
        identifier="91330106MA2B0XYQ1K",
        mobile="13800000000",
    )
    application.personal_data.plain = PersonalData(parties=[details]).SerializeToString()
    return command


class HandIn(NamedTuple):
    """One hand-in, ready to be written."""

    matter_id: str
    partition: int
    value: bytes
    headers: list[tuple[str, bytes]]


class HandIns:
    """Produces hand-ins and counts, by watermarks alone, what became of them."""

    def __init__(self, bootstrap_servers: str, partitions: int) -> None:
        self.partitions = partitions
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "linger.ms": 5,
                "enable.idempotence": True,
                "queue.buffering.max.messages": 1_000_000,
            }
        )
        self._reader = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": "onematter-bench",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
            }
        )

    def make(self, command: IntakeCommand, request_id: str) -> HandIn:
        """Make a hand-in of the template. Sending costs what sending costs, and no more, when all are made before."""
        command.request_id = request_id
        matter = matter_id(PRINCIPAL, request_id)
        headers = outside(
            id=request_id,
            source="/bench",
            type="onematter.intake.v1.SubmitMatter",
            time_unix_ms=int(time.time() * 1000),
        )
        partition = partition_of(matter.encode(), self.partitions)
        return HandIn(matter, partition, command.SerializeToString(), headers)

    def send(self, command: IntakeCommand, request_id: str) -> str:
        """Make one hand-in and write it; returns its matter_id."""
        handin = self.make(command, request_id)
        self.write(handin)
        return handin.matter_id

    def write(self, handin: HandIn) -> None:
        """Write a hand-in."""
        self._producer.produce(
            SUBMISSIONS, handin.value, handin.matter_id.encode(), handin.partition, headers=list(handin.headers)
        )

    def poll(self) -> None:
        """Let librdkafka work."""
        self._producer.poll(0)

    def flush(self) -> None:
        """Wait for every acknowledgement."""
        if self._producer.flush(60):
            raise TimeoutError("the hand-ins were not acknowledged within 60 s")

    def ends(self, topic: str) -> dict[int, int]:
        """The end of each partition."""
        ends: dict[int, int] = {}
        for partition in range(self.partitions):
            watermarks = self._reader.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
            assert watermarks is not None
            ends[partition] = watermarks[1]
        return ends

    def records(self, topic: str, starts: dict[int, int]) -> Iterator[tuple[str, bytes, int]]:
        """Key, value and the broker's time (unix ms) of every record from `starts` to now."""
        ends = self.ends(topic)
        left = sum(ends.values()) - sum(starts.values())
        self._reader.assign([TopicPartition(topic, p, o) for p, o in starts.items() if ends[p] > o])
        deadline = time.monotonic() + 60
        while left > 0:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{topic} could not be read to its end within 60 s")
            for message in self._reader.consume(min(left, 5000), 1.0):
                key, value = message.key(), message.value()
                if message.error() is None and key is not None and value is not None:
                    left -= 1
                    yield str(key, "ascii"), bytes(value), message.timestamp()[1]
        self._reader.unassign()

    def close(self) -> None:
        """Leave the broker."""
        self._reader.close()
        del self._producer
