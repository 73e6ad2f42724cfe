"""Columns: what psycopg itself writes for such a list, and what a type does not hold is bad data."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from psycopg.adapt import AdaptersMap, Dumper, PyFormat, Transformer
from psycopg.postgres import types
from psycopg.types.array import ListBinaryDumper
from psycopg.types.numeric import Int4BinaryDumper, Int8BinaryDumper
from psycopg.types.string import BytesBinaryDumper, StrBinaryDumper

from onematter.backbone.columns import BigInts, Blobs, Ints, Texts, register

ADAPTERS = AdaptersMap(psycopg.adapters)
register(SimpleNamespace(adapters=ADAPTERS))  # type: ignore[arg-type]


class Connected:
    """As much of a connection as dumping asks for."""

    connection = None
    adapters = ADAPTERS


def written(column: Any) -> tuple[bytes, int]:
    """The bytes and the type that a parameter has on the wire."""
    dumper = Transformer(Connected).get_dumper(column, PyFormat.BINARY)  # type: ignore[arg-type]
    return bytes(dumper.dump(column) or b""), dumper.oid


def by_psycopg(items: list[Any], element: str, kind: type[Dumper]) -> tuple[bytes, int]:
    """The same by psycopg's own dumper of lists, which is told the type of its items."""
    dumper = ListBinaryDumper(list, Transformer())
    dumper.sub_dumper = kind(type(items[0]) if items else str)
    dumper.sub_dumper.oid = types[element].oid
    return bytes(dumper.dump(items) or b""), types[element].array_oid


COLUMNS = {
    "no text": (Texts(), "text", StrBinaryDumper),
    "texts": (Texts(["", "一件事", "a" * 300]), "text", StrBinaryDumper),
    "no blob": (Blobs(), "bytea", BytesBinaryDumper),
    "blobs": (Blobs([b"", b"\0\xff", bytes(1000)]), "bytea", BytesBinaryDumper),
    "no int": (Ints(), "int4", Int4BinaryDumper),
    "ints": (Ints([0, -1, 2**31 - 1, -(2**31)]), "int4", Int4BinaryDumper),
    "no bigint": (BigInts(), "int8", Int8BinaryDumper),
    "bigints": (BigInts([0, -1, 2**63 - 1, -(2**63)]), "int8", Int8BinaryDumper),
}


@pytest.mark.parametrize(("column", "element", "kind"), COLUMNS.values(), ids=COLUMNS)
def test_a_column_is_written_as_psycopg_writes_the_list(column: Any, element: str, kind: type[Dumper]) -> None:
    assert written(column) == by_psycopg(list(column), element, kind)


@pytest.mark.parametrize("column", [Ints([2**31]), BigInts([2**63]), Texts(["\ud800"])], ids=["int", "bigint", "text"])
def test_what_a_type_does_not_hold_is_bad_data_without_the_value(column: Any) -> None:
    with pytest.raises(psycopg.DataError) as caught:
        written(column)
    assert repr(column[0]) not in str(caught.value)
    assert str(column[0]) not in str(caught.value)
