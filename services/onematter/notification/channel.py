"""Channels: where notices leave the system. Here, a directory with one file for each notice.

Rule 1: a channel knows a notice by its notice_id; given again, it stands there once.
Rule 2: a failure is an answer, not an exception, and its text has no personal data.
Rule 3: a file is whole or absent, whatever process is killed: it is written under another name and renamed. Against
the loss of power a file is as safe as its file system makes a rename without fsync.
Rule 4: a file that stands is never written again.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from pathlib import Path
from typing import NamedTuple, Protocol

from onematter.notification.v1.notification_events_pb2 import Notice, NoticeKind

_INCOMING = "incoming"
_FILE_MODE = 0o600
_DIRECTORY_MODE = 0o700
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
_KIND_PREFIX = len("NOTICE_KIND_")
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Addressee(NamedTuple):
    """Whom a notice is for. Name and mobile are None where the personal data cannot be read here."""

    party_id: str
    name: str | None
    mobile: str | None


class Letter(NamedTuple):
    """A notice with everything that a channel needs to deliver it."""

    notice: Notice
    matter_id: str
    addressees: tuple[Addressee, ...]
    subject: str
    body: str
    time: str


class Channel(Protocol):
    """A way to deliver letters."""

    @property
    def name(self) -> str:
        """What notices name as their channel."""
        ...

    def deliver(self, letter: Letter) -> str:
        """Deliver once per notice_id. Return "" when it stands delivered, else why not, without personal data."""
        ...


class FileChannel:
    """A file for each notice: `<directory>/<first 2 digits>/<notice_id>.json`, readable by its owner alone.

    `directory` must be there; it is never made here, so that a volume that is not mounted is a failure. What a killed
    process left unfinished is removed at construction. One that lives on in parallel then fails once, and tries again.
    """

    name = "file"

    def __init__(self, directory: Path) -> None:
        self._directory = str(directory)
        self._incoming = os.path.join(self._directory, _INCOMING)
        self._unique = f"{os.getpid()}-{os.urandom(8).hex()}"
        with contextlib.suppress(OSError):
            for entry in os.scandir(self._incoming):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)

    def deliver(self, letter: Letter) -> str:
        """Write the letter's file unless it stands there.

        Costs 40 to 60 µs on ext4; ten times that where thousands of files were deleted in the last minutes, since
        ext4 does not give out their inodes again so soon.
        """
        notice_id = letter.notice.notice_id
        folder = f"{self._directory}/{notice_id[:2]}"
        path = f"{folder}/{notice_id}.json"
        if os.access(path, os.F_OK):
            return ""
        content = content_of(letter)
        unfinished = f"{self._incoming}/{notice_id}.{self._unique}"
        try:
            self._write(unfinished, content)
            try:
                os.rename(unfinished, path)
            except FileNotFoundError:
                _make(folder)
                os.rename(unfinished, path)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(unfinished)
            return failure_of(error)
        return ""

    def _write(self, path: str, content: bytes) -> None:
        try:
            file = os.open(path, _FLAGS, _FILE_MODE)
        except FileNotFoundError:
            _make(self._incoming)
            file = os.open(path, _FLAGS, _FILE_MODE)
        try:
            written = os.write(file, content)
            while written < len(content):
                written += os.write(file, content[written:])
        finally:
            os.close(file)


def content_of(letter: Letter) -> bytes:
    """Return the file's content: one JSON object in UTF-8."""
    notice = letter.notice
    about = notice.about
    document = {
        "notice_id": notice.notice_id,
        "kind": NoticeKind.Name(notice.kind)[_KIND_PREFIX:],
        "matter_id": letter.matter_id,
        "matter_number": notice.matter_number,
        "language": notice.language,
        "addressees": [{"party_id": a.party_id, "name": a.name, "mobile": a.mobile} for a in letter.addressees],
        "subject": letter.subject,
        "body": letter.body,
        "about": {"writer": about.writer, "topic": about.topic, "sequence": about.sequence},
        "time": letter.time,
    }
    return _encode(document).encode()


def failure_of(error: OSError) -> str:
    """Return what the operating system says, without the path."""
    number = error.errno or 0
    return f"{errno.errorcode.get(number, 'OSError')}: {os.strerror(number)}"


def _make(directory: str) -> None:
    with contextlib.suppress(FileExistsError):
        os.mkdir(directory, _DIRECTORY_MODE)
