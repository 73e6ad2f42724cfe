"""The tables of parking on a real PostgreSQL: what operators ask, what became of a record, and how long it is kept."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from psycopg import sql
from tests.integration.test_backbone_postgres import TOPIC, AnyStep, Database, a_schema, record, taken

from onematter.backbone.operation_rows import LETTERS_PAGE, dead_letter_of
from onematter.backbone.records import DeadRecord
from onematter.backbone.service import Statement
from onematter.backbone.step import Letter, LetterStatus, ParkedRow, Step
from onematter.backbone.v1.operations_service_pb2 import OperationStatus
from onematter.contracts.limits import MAX_COMMAND_BYTES


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    yield from a_schema(database_url)


def test_parked_records_wait_for_their_action_in_order(database: Database) -> None:
    store = database.store()
    row = taken(store)

    def write(step: AnyStep) -> None:
        store.begin({0: row.epoch})
        store.write(step)
        store.commit()

    def waiting() -> list[tuple[int, str]]:
        return [(parked.record.offset, parked.action) for parked in store.replays([0], 10)]

    write(Step(parked=[ParkedRow(record(offset, sequence), "gap") for offset, sequence in ((12, 4), (10, 2), (11, 3))]))
    write(Step(parked=[ParkedRow(record(20, 0, writer=""), "unknown type")]))
    assert waiting() == []
    assert not store.is_due([0], 0)
    database.rows("UPDATE parked SET action = 'replay' WHERE \"offset\" = 10")
    assert waiting() == [(10, "replay")]
    # What the unit of work asks for when a gap is filled: this stream, not the matter's other one.
    write(Step(replays=[("m", "intake", TOPIC)]))
    assert waiting() == [(10, "replay"), (11, "replay"), (12, "replay")]
    assert store.replays([0], 2)[0] == ParkedRow(record(10, 2), "gap", "replay")
    assert store.replays([1], 10) == []
    assert [store.is_due([lane], 0) for lane in (0, 1)] == [True, False]
    write(Step(unparked=[record(10, 2)], parked=[ParkedRow(record(11, 3), "again")]))
    assert waiting() == [(12, "replay")]
    assert database.rows('SELECT "offset", reason, action FROM parked ORDER BY 1') == [
        (11, "again", ""),
        (12, "gap", "replay"),
        (20, "unknown type", ""),
    ]


def asked(database: Database, **columns: Any) -> int:
    """Write an operation down, as the door does; its number."""
    given: dict[str, Any] = {
        "principal": "o", "request_id": uuid.uuid4().hex, "digest": b"d", "actor": b"", "reason": "why", "kind": 1,
        "lane": 0,
        "topic": TOPIC, "offset": -1, "matter_id": "", "writer": "", "status": 1, "outcome": b"",
    } | columns  # fmt: skip
    names = sql.SQL(", ").join(map(sql.Identifier, given))
    holes = sql.SQL(", ").join([sql.Placeholder()] * len(given))
    statement = sql.SQL("INSERT INTO operations ({}) VALUES ({}) RETURNING number").format(names, holes)
    ((number,),) = database.rows(statement, list(given.values()))
    return number


def test_an_operation_is_found_until_it_ended_with_the_stream_it_is_about(database: Database) -> None:
    store = database.store()
    row = taken(store)

    def write(step: AnyStep) -> None:
        store.begin({0: row.epoch})
        store.write(step)
        store.commit()

    # What fills a gap may stand behind what waits for it.
    first, second = replace(record(10, 2), headers=[("a", b"\xff\x00")]), record(9, 3)
    other = record(20, 1, writer="exchange")
    write(Step(parked=[ParkedRow(one, "gap") for one in (second, other, first)]))
    page: Any = {"matter_id": "", "statuses": [1], "topic": "", "lane": 0, "offset": -1, "limit": 10}
    listed = [dead_letter_of(row) for row in database.rows(LETTERS_PAGE, page)]
    assert [(one.record.offset, one.first) for one in listed] == [(9, False), (10, True), (20, True)]
    assert not store.is_due([0], 0)
    number = asked(database, offset=10)
    assert [store.is_due([lane], 0) for lane in (0, 1)] == [True, False]
    later = asked(database, offset=99)
    asked(database, offset=10, lane=1)
    assert [one.number for one in store.operations([0], 10)] == [number, later]
    assert [one.number for one in store.operations([0], 1)] == [number]
    operation, unknown = store.operations([0], 10)
    assert store.waiting(operation, 10) == [ParkedRow(first, "gap"), ParkedRow(second, "gap")]
    assert store.waiting(operation, 1) == [ParkedRow(first, "gap")]
    assert (store.waiting(unknown, 10), store.letter(unknown), store.letter(operation)) == ([], None, None)

    operation.matter_id, operation.writer = "m", "intake"
    operation.outcome.replayed = 1
    write(Step(operations=[operation], unparked=[first], letters=[Letter(first, "gap", LetterStatus.REPLAYED, number)]))
    (again,) = [one for one in store.operations([0], 10) if one.number == number]
    assert again == operation
    assert store.waiting(again, 10) == [ParkedRow(second, "gap")], "it goes on although its own record is gone"
    became = store.letter(again)
    assert became is not None
    assert (became.status, became.operation) == (LetterStatus.REPLAYED, number)

    operation.status = OperationStatus.OPERATION_STATUS_DONE
    write(Step(operations=[operation]))
    assert [one.number for one in store.operations([0], 10)] == [later]
    assert database.rows("SELECT ended IS NOT NULL FROM operations WHERE number = %s", [number]) == [(True,)]


def test_a_value_is_kept_while_a_record_is_set_aside_and_no_longer(database: Database) -> None:
    store = database.store()
    row = taken(store)

    def write(letter: Letter) -> None:
        store.begin({0: row.epoch})
        store.write(Step(letters=[letter]))
        store.commit()

    def kept(offset: int) -> Any:
        ((value, *rest),) = database.rows(
            'SELECT value, size_bytes, digest, key, status, ended IS NOT NULL FROM dead_letters WHERE "offset" = %s',
            [offset],
        )
        return value, rest

    digest = hashlib.sha256(b"\xff").digest()
    strange = DeadRecord(TOPIC, 0, 5, 1, b"\xff\x00", b"\xff", [("h", b"\x00")], "a header or the key is malformed")
    letter = Letter(strange, strange.reason, LetterStatus.SET_ASIDE)
    write(letter)
    assert kept(5) == (b"\xff", [1, digest, b"\xff\x00", int(LetterStatus.SET_ASIDE), False])
    letter.status, letter.operation = LetterStatus.DROPPED, 7
    write(letter)
    assert kept(5) == (None, [1, digest, b"\xff\x00", int(LetterStatus.DROPPED), True])
    large = bytes(MAX_COMMAND_BYTES + 1)
    write(Letter(replace(record(6, 1), value=large), "undecodable", LetterStatus.SET_ASIDE))
    assert kept(6)[0] is None
    assert kept(6)[1][:2] == [len(large), hashlib.sha256(large).digest()]


def test_a_statement_of_a_step_is_undone_with_it(database: Database) -> None:
    store = database.store()
    row = taken(store)
    for ends in (store.rollback, store.commit):
        store.begin({0: row.epoch})
        store.write(Step(statements=[Statement("INSERT INTO timers VALUES (%s, 'n', 0, 1, 5)", ("m",))]))
        ends()
    assert database.rows("SELECT count(*) FROM timers") == [(1,)]
