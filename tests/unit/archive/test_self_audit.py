"""The archive's check of itself: what is kept must still be what was sealed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from onematter.archive.self_audit import difference
from onematter.archive.v1.archive_service_pb2 import CaseFile
from onematter.archive.v1.archive_state_pb2 import RecordState

Kept = tuple[tuple[str, str], int, bytes]

MATTER, TASK = ("intake", "onematter.matter.events.v1"), ("approval-city", "onematter.approval.city.events.v1")


def kept(*records: Kept) -> CaseFile:
    case = CaseFile(matter_id="m")
    for (writer, topic), sequence, value in records:
        one = case.records.add(value=value)
        one.position.writer, one.position.topic, one.position.sequence = writer, topic, sequence
    return case


def leaf(value: bytes) -> bytes:
    return hashlib.sha256(b"\0" + value).digest()


def sealed() -> RecordState:
    """Two leaves: the task's event, and the matter's; what came after the seal is no leaf."""
    state = RecordState()
    for (writer, topic), sequence in ((TASK, 1), (MATTER, 1)):
        state.seal.manifest.add(writer=writer, topic=topic, sequence=sequence)
    state.seal.leaf_count = 2
    state.seal.root = hashlib.sha256(b"\1" + leaf(b"decided") + leaf(b"completed")).digest()
    return state


RECORDS: list[Kept] = [(TASK, 1, b"decided"), (MATTER, 1, b"completed"), (MATTER, 2, b"delivered")]


def test_what_is_kept_as_it_was_sealed_does_not_differ() -> None:
    assert difference(sealed(), kept(*RECORDS)) is None


def test_before_the_seal_there_is_nothing_to_differ_from() -> None:
    assert difference(RecordState(), kept(*RECORDS)) is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda: RECORDS[1:], "1 records are kept of 2"),
        (lambda: [(TASK, 1, b"decideD"), *RECORDS[1:]], "another root"),
        (lambda: [RECORDS[1], RECORDS[0]], "another root"),
        (lambda: [*RECORDS[:2], (TASK, 1, b"decided")], "3 records are kept of 2"),
    ],
    ids=["lost", "altered", "in another order", "twice"],
)
def test_what_was_lost_or_altered_is_told(change: Callable[[], list[Kept]], told: str) -> None:
    found = difference(sealed(), kept(*change()))
    assert found is not None
    assert told in found
