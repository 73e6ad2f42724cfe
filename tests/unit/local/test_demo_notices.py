"""The demo reads what stands in the channel's file, and is not stopped by one that it cannot read."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from onematter.local.demo.report import bodies_in


def test_bodies_by_notice_id(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "notices.db")) as connection, connection:
        connection.execute("CREATE TABLE notices (position INTEGER PRIMARY KEY, notice_id TEXT, document TEXT)")
        rows = [("a1", '{"body":"已办结"}'), ("b2", '{"body":"accepted"}')]
        connection.executemany("INSERT INTO notices (notice_id, document) VALUES (?, ?)", rows)
    assert bodies_in(tmp_path / "notices.db") == {"a1": "已办结", "b2": "accepted"}


def test_nothing_where_it_cannot_be_read(tmp_path: Path) -> None:
    assert bodies_in(tmp_path / "absent.db") == {}
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "no-database").write_text("{}" * 1000)
    assert bodies_in(tmp_path / "no-database") == {}
