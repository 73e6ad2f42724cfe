"""Columns of many rows as one parameter each, in PostgreSQL's binary format of arrays.

psycopg dumps any list, of whatever is in it, item by item; a step writes hundreds of rows whose types are known, and
that took a twentieth of a service's time. A column is a list that says what it holds: one dimension, no NULL.

Source: array_recv in PostgreSQL's src/backend/utils/adt/arrayfuncs.c; object ids from pg_type.dat.
"""

from __future__ import annotations

import struct
from itertools import chain
from struct import Struct
from typing import Any

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

_LENGTH = Struct("!i").pack
_HEAD = Struct("!iiIii").pack
_EMPTY = Struct("!iiI").pack
_INT = Struct("!ii").pack
_BIGINT = Struct("!iq").pack


class Texts(list[str]):
    """A text[]."""


class Blobs(list[bytes]):
    """A bytea[]."""


class Ints(list[int]):
    """An int[]; each from -2^31 to 2^31 - 1."""


class BigInts(list[int]):
    """A bigint[]; each from -2^63 to 2^63 - 1."""


class _Column(Dumper):
    """Dumps a column. `element_oid`: of the type of its items."""

    format = Format.BINARY
    element_oid = 0

    def dump(self, obj: Any) -> bytes:
        """The array's bytes. Raises DataError for an item that the type does not hold."""
        if not obj:
            return _EMPTY(0, 0, self.element_oid)
        try:
            return b"".join([_HEAD(1, 0, self.element_oid, len(obj), 1), *self.items(obj)])
        except (struct.error, UnicodeError) as error:
            raise psycopg.DataError(f"an item of a column: {type(error).__name__}") from None

    def items(self, column: Any) -> list[bytes]:
        """Length and content of every item, one behind the other."""
        raise NotImplementedError


class _TextsDumper(_Column):
    oid, element_oid = 1009, 25

    def items(self, column: Texts) -> list[bytes]:
        return _with_lengths([text.encode() for text in column])


class _BlobsDumper(_Column):
    oid, element_oid = 1001, 17

    def items(self, column: Blobs) -> list[bytes]:
        return _with_lengths(column)


class _IntsDumper(_Column):
    oid, element_oid = 1007, 23

    def items(self, column: Ints) -> list[bytes]:
        return [_INT(4, number) for number in column]


class _BigIntsDumper(_Column):
    oid, element_oid = 1016, 20

    def items(self, column: BigInts) -> list[bytes]:
        return [_BIGINT(8, number) for number in column]


def _with_lengths(contents: list[bytes]) -> list[bytes]:
    return list(chain.from_iterable([(_LENGTH(len(content)), content) for content in contents]))


def register(connection: psycopg.Connection[Any]) -> None:
    """Let `connection` take columns as parameters."""
    for column, dumper in (
        (Texts, _TextsDumper),
        (Blobs, _BlobsDumper),
        (Ints, _IntsDumper),
        (BigInts, _BigIntsDumper),
    ):
        connection.adapters.register_dumper(column, dumper)
