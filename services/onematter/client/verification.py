"""Check a case file against its receipt, without asking anybody. Pure.

Rule 1: everything is computed anew from the records' bytes; a digest that came along is only ever compared.
Rule 2: it stops at the first difference, and names it.
Rule 3: a leaf is SHA-256(0x00 ‖ value), the root RFC 6962 §2.1, over the manifest ordered by (writer, topic, sequence).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from google.protobuf.message import DecodeError

from onematter.archive.v1.archive_service_pb2 import ArchivedRecord, CaseFile, Receipt
from onematter.common.v1.outcome_pb2 import StreamPosition
from onematter.contracts.topics import MATTER_EVENTS
from onematter.intake.v1.intake_events_pb2 import AcceptanceRefused, MatterCompleted, MatterEvent
from onematter.law import merkle

Place = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked and found right."""

    name: str
    said: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What was checked, and the first difference; None when everything is right."""

    checks: tuple[Check, ...]
    difference: str | None


class _Different(Exception):
    pass


def verify(case_file: CaseFile, receipt: Receipt) -> Verification:
    """Check every record, their order, the manifest's completeness, every leaf and the root."""
    checks: list[Check] = []
    try:
        checks.extend(_checks(case_file, receipt))
    except _Different as difference:
        return Verification(tuple(checks), str(difference))
    return Verification(tuple(checks), None)


def _checks(case_file: CaseFile, receipt: Receipt) -> Iterator[Check]:
    seal = receipt.seal
    _same(case_file.matter_id, receipt.matter_id, "the case file's matter is not the receipt's")
    _need(receipt.HasField("seal"), "the receipt has no seal: the matter is not sealed yet")
    _need(case_file.HasField("seal"), "the case file has no seal: its manifest was not whole when it was made")
    _same(case_file.seal, seal, "the case file's seal is not the receipt's")
    yield Check("seal", f"case file and receipt of matter {receipt.matter_id} carry the same seal")

    places = [_place(record) for record in case_file.records]
    for before, after in pairwise(places):
        _need(before < after, f"record {_name(after)} stands after {_name(before)}: wrong order, or twice")
    yield Check("order", f"{len(places)} records in the order of (writer, topic, sequence), none twice")

    for record in case_file.records:
        computed = hashlib.sha256(b"\x00" + record.value).digest()
        _same(computed, record.leaf_digest, f"record {_name(_place(record))}: its bytes are not those of its leaf")
    yield Check("leaves", f"{len(places)} leaf digests computed from the records' bytes")

    yield _manifest(case_file, receipt)
    yield from _tree(case_file, receipt)


def _manifest(case_file: CaseFile, receipt: Receipt) -> Check:
    manifest = receipt.seal.manifest
    streams = [(one.writer, one.topic) for one in manifest]
    _need(bool(streams), "the manifest is empty")
    _need(streams == sorted(set(streams)), "the manifest is not ordered by (writer, topic), or names a stream twice")
    ending = _ending(case_file)
    _need(
        ending is not None,
        "what ends the matter is not among the records: neither its result nor a refusal to accept it",
    )
    assert ending is not None
    result, end = ending
    told = sorted(end.manifest, key=lambda one: (one.writer, one.topic))
    _need(
        [_position(one) for one in told] == [_position(one) for one in manifest],
        "the seal's manifest is not the one that the result names",
    )
    _same(result.matter_id, receipt.matter_id, "the result is another matter's")
    _same(end.matter_number, receipt.matter_number, "the receipt's number is not the result's")
    trips = list(end.trips) if isinstance(end, MatterCompleted) else []
    _same((end.visits, trips), (receipt.visits, list(receipt.trips)), "the receipt's trips are not the result's")
    held = {_place(record) for record in case_file.records}
    for last in manifest:
        for sequence in range(1, last.sequence + 1):
            place = (last.writer, last.topic, sequence)
            _need(place in held, f"record {_name(place)} of the manifest is missing")
    beyond = len(held) - sum(last.sequence for last in manifest)
    return Check("manifest", f"{len(streams)} streams whole, as the one result names them; {beyond} later record(s)")


def _tree(case_file: CaseFile, receipt: Receipt) -> Iterator[Check]:
    last = {(one.writer, one.topic): one.sequence for one in receipt.seal.manifest}
    leaves: list[bytes] = []
    for record in case_file.records:
        writer, topic, sequence = _place(record)
        if sequence <= last.get((writer, topic), 0):
            position = len(leaves)
            leaves.append(hashlib.sha256(b"\x00" + record.value).digest())
            name = _name((writer, topic, sequence))
            _need(position < len(receipt.leaf_digests), f"record {name} has no leaf in the receipt")
            _same(receipt.leaf_digests[position], leaves[-1], f"record {name} is not leaf {position} of the receipt")
    _same(len(leaves), len(receipt.leaf_digests), "the receipt has more leaves than the manifest has records")
    _same(len(leaves), receipt.seal.leaf_count, "the seal counts another number of leaves")
    _same(merkle.root(leaves), receipt.seal.root, "the Merkle root is not the seal's")
    yield Check("root", f"Merkle root {receipt.seal.root.hex()} over {len(leaves)} leaves (RFC 6962, SHA-256)")


def _ending(case_file: CaseFile) -> tuple[MatterEvent, MatterCompleted | AcceptanceRefused] | None:
    """The first record that ends the matter, and what of it names the manifest."""
    for record in case_file.records:
        if record.position.topic == MATTER_EVENTS:
            try:
                event = MatterEvent.FromString(record.value)
            except DecodeError:
                continue
            match event.WhichOneof("event"):
                case "matter_completed":
                    return event, event.matter_completed
                case "acceptance_refused":
                    return event, event.acceptance_refused
                case _:
                    pass
    return None


def _place(record: ArchivedRecord) -> Place:
    return _position(record.position)


def _position(position: StreamPosition) -> Place:
    return position.writer, position.topic, position.sequence


def _name(place: Place) -> str:
    return f"{place[0]}/{place[1]}/{place[2]}"


def _need(holds: bool, otherwise: str) -> None:
    if not holds:
        raise _Different(otherwise)


def _same(one: object, other: object, otherwise: str) -> None:
    _need(one == other, otherwise)
