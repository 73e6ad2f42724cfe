"""The file channel: notices in one SQLite file, from which a gateway sends them on.

Rule 1: the letters of a step are kept in memory and written by `flush` in one transaction, with one fsync. So the file
is never locked while a step waits for the broker or the database, and nothing is left to undo when it is given up: its
letters go with the next flush, and come again under the same ids.
Rule 2: a flush that fails gives its step up, once. Run again, each letter is written by itself and has its own answer,
so that those not taken are told as delayed, and the lane goes on. From the first that fails the others of the step have
its answer, for each attempt may wait. A step whose letters were all taken ends this.
Rule 3: positions ascend in the order of the commits, with gaps: who reads on from the last position misses nothing.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path

from onematter.backbone.ports import Unavailable
from onematter.notification.channel import Letter
from onematter.notification.v1.notification_events_pb2 import NoticeKind

SCHEMA_VERSION = 1
# Less than the ten seconds that PostgreSQL grants an idle transaction: a flush waits inside the step's.
BUSY_SECONDS = 3.0
_FILE_MODE = 0o600
_TABLE = """
    CREATE TABLE notices (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        notice_id TEXT NOT NULL UNIQUE,
        document TEXT NOT NULL
    )
"""
_INSERT = "INSERT INTO notices (notice_id, document) VALUES (?, ?) ON CONFLICT (notice_id) DO NOTHING"
_SETTINGS = (
    "PRAGMA synchronous = FULL",
    # Ids are digests: in a large table each changes a page of the index by itself. These make that a third cheaper.
    "PRAGMA cache_size = -16000",
    "PRAGMA wal_autocheckpoint = 4000",
)
_KINDS = {number: name.removeprefix("NOTICE_KIND_") for name, number in NoticeKind.items()}
# Filled in, which takes half the time of encoding the whole. The encoder quotes and escapes a text.
_DOCUMENT = (
    '{"notice_id":%s,"kind":"%s","matter_id":%s,"matter_number":%s,"language":%s,"addressees":[%s],'
    '"subject":%s,"body":%s,"about":{"writer":%s,"topic":%s,"sequence":%d},"time":%s}'
)
_ADDRESSEE = '{"party_id":%s,"name":%s,"mobile":%s}'
_text = json.JSONEncoder(ensure_ascii=False).encode


class FileChannel:
    """The table `notices` of the SQLite database `path`, readable by its owner alone.

    The file is made when it is not there, its directory never, so that a volume that is not mounted is a failure.
    Several processes may write to one file, on one machine: they share memory (WAL). A channel is used by one thread.
    `busy_seconds` is how long to wait for another process's transaction.
    """

    name = "file"

    def __init__(self, path: Path, *, busy_seconds: float = BUSY_SECONDS) -> None:
        self._path, self._busy_seconds = path, busy_seconds
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self._letters: dict[str, str] = {}
        self._one_by_one = False
        # What the letters of this step were answered one by one; None while there was none.
        self._answer: str | None = None

    def deliver(self, letter: Letter) -> str:
        """Keep the letter for `flush`; write it now where the flush before failed."""
        notice_id, document = letter.notice.notice_id, content_of(letter)
        if not self._one_by_one:
            self._letters[notice_id] = document
            return ""
        if not self._answer:
            self._answer = self._write([(notice_id, document)])
        return self._answer

    def flush(self) -> None:
        """Write the letters of the step. Raises Unavailable with what SQLite or the operating system says."""
        if self._one_by_one:
            self._one_by_one, self._answer = self._answer != "", None
        elif self._letters:
            failure = self._write(self._letters.items())
            self._letters.clear()
            if failure:
                self._one_by_one = True
                raise Unavailable(f"the file of the notices: {failure}")

    def close(self) -> None:
        """Close the file; the next letter that is written opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _write(self, letters: Iterable[tuple[str, str]]) -> str:
        try:
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_INSERT, letters)
            connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            # It takes an open transaction with it, and whatever is wrong with the connection.
            self.close()
            return failure_of(error)
        return ""

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None:
            if _file_at(self._path) == self._opened:
                return self._connection
            # It was removed or replaced: nobody would read what is written to the one that is open.
            self.close()
        with contextlib.suppress(FileExistsError):
            # SQLite would let others read it. Only when it is new: to close it again drops the process's locks on it.
            os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE))
        self._opened = _file_at(self._path)
        location = f"{self._path.absolute().as_uri()}?mode=rw"
        self._connection = sqlite3.connect(location, uri=True, timeout=self._busy_seconds, isolation_level=None)
        for setting in _SETTINGS:
            self._connection.execute(setting)
        _make_table(self._connection)
        _use_wal(self._connection, self._busy_seconds)
        return self._connection


def content_of(letter: Letter) -> str:
    """Return the letter as one JSON object, the column `document`."""
    notice, about = letter.notice, letter.notice.about
    return _DOCUMENT % (
        _text(notice.notice_id),
        _KINDS.get(notice.kind) or notice.kind,
        _text(letter.matter_id),
        _text(notice.matter_number),
        _text(notice.language),
        ",".join([_ADDRESSEE % (_text(a.party_id), _known(a.name), _known(a.mobile)) for a in letter.addressees]),
        _text(letter.subject),
        _text(letter.body),
        _text(about.writer),
        _text(about.topic),
        about.sequence,
        _text(letter.time),
    )


def failure_of(error: sqlite3.Error | OSError) -> str:
    """Return what SQLite or the operating system says, without the path. SQLite quotes names of its schema at most."""
    if isinstance(error, OSError):
        return f"{errno.errorcode.get(error.errno or 0, 'OSError')}: {error.strerror}"
    return f"{getattr(error, 'sqlite_errorname', type(error).__name__)}: {error}"


def _known(text: str | None) -> str:
    return "null" if text is None else _text(text)


def _file_at(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _make_table(connection: sqlite3.Connection) -> None:
    if _version(connection) == 0:
        connection.execute("BEGIN IMMEDIATE")
        # Another process may have made it in between. What has tables and no version is not ours.
        if _version(connection) == 0 and connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
            connection.execute(_TABLE)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    found = _version(connection)
    if found != SCHEMA_VERSION:
        raise sqlite3.DatabaseError(f"user_version is {found}, not {SCHEMA_VERSION}; move the file away")


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return version


def _use_wal(connection: sqlite3.Connection, busy_seconds: float) -> None:
    until = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            # For this alone SQLite does not wait while another process writes, or is about the same.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
