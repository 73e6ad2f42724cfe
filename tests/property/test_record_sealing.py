"""However the streams of a matter interleave, it is sealed once, at the same moment of its content, with one root."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.archive.cases import COMMANDS, MATTER, NOTICES, TASKS, Archive, Record, Stream, in_order, matter_records

from onematter.law import merkle

OTHERS = [
    ("intake", COMMANDS),
    ("intake", "onematter.approval.city.commands.v1"),
    ("approval-county", TASKS),
    ("approval-city", "onematter.approval.city.events.v1"),
]


@st.composite
def interleaved(draw: st.DrawFn) -> tuple[dict[Stream, list[Record]], list[Record]]:
    """The streams of a matter with late notices, and an order in which they may arrive."""
    streams = {MATTER: draw(st.integers(1, 5))}
    for stream in draw(st.lists(st.sampled_from(OTHERS), unique=True)):
        streams[stream] = draw(st.integers(1, 5))
    records = matter_records(streams, late=draw(st.integers(0, 2)))
    turns = draw(st.permutations([stream for stream, given in records.items() for _ in given]))
    waiting = {stream: iter(given) for stream, given in records.items()}
    return records, [next(waiting[stream]) for stream in turns]


def _manifest(records: dict[Stream, list[Record]]) -> list[Record]:
    return [r for r in in_order(records) if r.topic != NOTICES]


@given(interleaved(), st.data())
def test_sealed_exactly_when_the_manifest_is_whole(
    matter: tuple[dict[Stream, list[Record]], list[Record]], data: st.DataObject
):
    records, arriving = matter
    missing = {(r.writer, r.topic, r.sequence) for r in _manifest(records)}
    archive = Archive()
    for record in arriving:
        archive.take(record)
        if data.draw(st.booleans()):
            archive.take(record)
        missing.discard((record.writer, record.topic, record.sequence))
        assert len(archive.sealed) == (0 if missing else 1)


@given(interleaved(), st.integers(1, 5))
def test_root_leaves_and_case_file_are_the_same_for_every_interleaving(
    matter: tuple[dict[Stream, list[Record]], list[Record]], batch: int
):
    records, arriving = matter
    straight, mixed = Archive(), Archive()
    straight.take(*in_order(records))
    for start in range(0, len(arriving), batch):
        mixed.take(*arriving[start : start + batch])
    assert mixed.sealed == straight.sealed
    assert mixed.case_file == straight.case_file
    assert [r.value for r in mixed.case_file.records] == [r.value for r in in_order(records)]


@given(interleaved(), st.data())
def test_any_changed_byte_of_a_sealed_record_changes_the_root(
    matter: tuple[dict[Stream, list[Record]], list[Record]], data: st.DataObject
):
    records, arriving = matter
    archive = Archive()
    archive.take(*arriving)
    (sealed,) = archive.sealed
    values = [bytearray(r.value) for r in archive.case_file.records if r.position.topic != NOTICES]
    assert merkle.root([merkle.leaf_digest(bytes(v)) for v in values]) == sealed.seal.root
    assert sealed.seal.leaf_count == len(values) == len(_manifest(records))
    victim = data.draw(st.sampled_from(values))
    place = data.draw(st.integers(0, len(victim) - 1))
    victim[place] ^= data.draw(st.integers(1, 255))
    assert merkle.root([merkle.leaf_digest(bytes(v)) for v in values]) != sealed.seal.root
