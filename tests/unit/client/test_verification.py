"""A case file is verified, and every kind of tampering is found and named."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from onematter.archive.v1.archive_service_pb2 import CaseFile, Receipt
from onematter.client.verification import verify

from .conftest import sealed

Tamper = Callable[[CaseFile, Receipt], object]


def _releaf(case_file: CaseFile, index: int) -> None:
    record = case_file.records[index]
    record.leaf_digest = hashlib.sha256(b"\x00" + record.value).digest()


def changed_byte(case_file: CaseFile, receipt: Receipt) -> None:
    del receipt
    case_file.records[1].value = b"recalL"


def changed_byte_and_leaf(case_file: CaseFile, receipt: Receipt) -> None:
    changed_byte(case_file, receipt)
    _releaf(case_file, 1)


def changed_byte_leaf_and_receipt(case_file: CaseFile, receipt: Receipt) -> None:
    changed_byte_and_leaf(case_file, receipt)
    receipt.leaf_digests[1] = case_file.records[1].leaf_digest


def missing(case_file: CaseFile, receipt: Receipt) -> None:
    del receipt
    del case_file.records[1]


def swapped(case_file: CaseFile, receipt: Receipt) -> None:
    del receipt
    first, second = case_file.records[0], case_file.records[1]
    keep = type(first)()
    keep.CopyFrom(first)
    first.CopyFrom(second)
    second.CopyFrom(keep)


def swapped_contents(case_file: CaseFile, receipt: Receipt) -> None:
    del receipt
    first, second = case_file.records[0], case_file.records[1]
    first.value, second.value = second.value, first.value
    _releaf(case_file, 0)
    _releaf(case_file, 1)


def twice(case_file: CaseFile, receipt: Receipt) -> None:
    del receipt
    case_file.records.insert(1, case_file.records[0])


def seal_of_another(case_file: CaseFile, receipt: Receipt) -> None:
    del receipt
    case_file.seal.root = bytes(32)


def shorter_manifest(case_file: CaseFile, receipt: Receipt) -> None:
    for seal in (case_file.seal, receipt.seal):
        seal.manifest[0].sequence = 1
        seal.leaf_count = 4


def stream_left_out(case_file: CaseFile, receipt: Receipt) -> None:
    for seal in (case_file.seal, receipt.seal):
        del seal.manifest[0]


def no_result(case_file: CaseFile, receipt: Receipt) -> None:
    del receipt
    del case_file.records[4]


def another_matter(case_file: CaseFile, receipt: Receipt) -> None:
    del case_file
    receipt.matter_id = "f" * 32


def another_count_of_trips(case_file: CaseFile, receipt: Receipt) -> None:
    del case_file
    receipt.visits += 1


def an_invented_trip(case_file: CaseFile, receipt: Receipt) -> None:
    del case_file
    receipt.trips.add(reason="came twice")


def another_number(case_file: CaseFile, receipt: Receipt) -> None:
    del case_file
    receipt.matter_number = "1"


def leaf_too_many(case_file: CaseFile, receipt: Receipt) -> None:
    del case_file
    receipt.leaf_digests.append(bytes(32))


def leaf_too_few(case_file: CaseFile, receipt: Receipt) -> None:
    del case_file
    del receipt.leaf_digests[-1]


def other_count(case_file: CaseFile, receipt: Receipt) -> None:
    for seal in (case_file.seal, receipt.seal):
        seal.leaf_count = 6


def unsealed(case_file: CaseFile, receipt: Receipt) -> None:
    del case_file
    receipt.ClearField("seal")


def later_record_changed(case_file: CaseFile, receipt: Receipt) -> None:
    del receipt
    case_file.records[5].value = b"more"


def test_a_whole_case_is_verified() -> None:
    result = verify(*sealed())
    assert result.difference is None
    assert [one.name for one in result.checks] == ["seal", "order", "leaves", "manifest", "root"]


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (changed_byte, "bytes are not those of its leaf"),
        (changed_byte_and_leaf, "is not leaf 1 of the receipt"),
        (changed_byte_leaf_and_receipt, "Merkle root"),
        (missing, "commands.v1/2 of the manifest is missing"),
        (swapped, "wrong order"),
        (swapped_contents, "is not leaf 0 of the receipt"),
        (twice, "wrong order, or twice"),
        (seal_of_another, "seal is not the receipt's"),
        (shorter_manifest, "manifest is not the one that the result names"),
        (stream_left_out, "manifest is not the one that the result names"),
        (no_result, "what ends the matter is not among the records"),
        (another_matter, "matter is not the receipt's"),
        (another_number, "number is not the result's"),
        (another_count_of_trips, "trips are not the result's"),
        (an_invented_trip, "trips are not the result's"),
        (leaf_too_many, "more leaves"),
        (leaf_too_few, "has no leaf in the receipt"),
        (other_count, "another number of leaves"),
        (unsealed, "not sealed yet"),
        (later_record_changed, "bytes are not those of its leaf"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_tampering_is_found_and_named(tamper: Tamper, said: str) -> None:
    case_file, receipt = sealed()
    tamper(case_file, receipt)
    result = verify(case_file, receipt)
    assert result.difference is not None
    assert said in result.difference


def test_a_refusal_to_accept_is_verified_as_a_result_is() -> None:
    case_file, receipt = sealed("acceptance_refused")
    assert verify(case_file, receipt).difference is None
    receipt.matter_number = "1"
    assert "number is not the result's" in (verify(case_file, receipt).difference or "")


def test_the_first_difference_ends_the_check() -> None:
    case_file, receipt = sealed()
    swapped(case_file, receipt)
    assert [one.name for one in verify(case_file, receipt).checks] == ["seal"]
