"""The manifest of a matter: the last record of every stream of events that it consists of, by (writer, topic).

Rule 1: it names the event that carries it too, which is the matter's last but for what follows the result.
"""

# pyright: strict

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from onematter.common.v1.outcome_pb2 import StreamPosition
from onematter.contracts.aggregate import Context
from onematter.contracts.topics import MATTER_EVENTS
from onematter.intake.desk import Desk

_NONE: Mapping[str, int] = {}


class _Positions(Protocol):
    def add(self, *, writer: str = ..., topic: str = ..., sequence: int = ...) -> StreamPosition: ...


def add_manifest(manifest: _Positions, desk: Desk, context: Context, ends: Mapping[str, int] = _NONE) -> None:
    """Name the last record of every stream of the matter in `manifest`, the event itself included.

    `ends`: the largest sequence of a result, by events topic. After a restore a result may be known from an own
    event before its stream is read again; then the ledger does not have the stream as far as that.
    """
    own, owners = desk.deployment, desk.owners
    last: dict[tuple[str, str], int] = {}
    for sent in context.ledger.sent:
        topic = sent.topic
        if topic in owners:
            last[own, topic] = sent.last_sequence
    last[own, MATTER_EVENTS] = last.get((own, MATTER_EVENTS), 0) + 1
    for received in context.ledger.received:
        writer, sequence = received.writer, received.last_sequence
        if writer and sequence:
            last[writer, received.topic] = sequence
    for topic, sequence in ends.items():
        stream = owners[topic], topic
        if sequence > last.get(stream, 0):
            last[stream] = sequence
    add = manifest.add
    for (writer, topic), sequence in sorted(last.items()):
        add(writer=writer, topic=topic, sequence=sequence)
