"""Channels: where notices leave the system. Here, a directory with one file for each notice.

Rule 1: a channel knows a notice by its notice_id; given again, it stands there once.
Rule 2: a failure is an answer, not an exception, and its text has no personal data.
Rule 3: a file is whole or absent, whatever process is killed: it is written without a name and then linked, or where
that cannot be done, written under another name and renamed. Against the loss of power a file is as safe as its file
system makes a link or a rename without fsync.
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
# Where a system has none, opening a directory to write fails, and the file is renamed into its place.
_NAMELESS = os.O_WRONLY | getattr(os, "O_TMPFILE", 0) | getattr(os, "O_CLOEXEC", 0)
_KINDS = {number: name.removeprefix("NOTICE_KIND_") for name, number in NoticeKind.items()}
_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


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

        Costs 30 to 60 µs on ext4, and more where thousands of files were deleted in the last minutes, since ext4 does
        not give out their inodes again so soon; that is why inodes are taken from the folders, not from one directory.
        """
        notice_id = letter.notice.notice_id
        folder = f"{self._directory}/{notice_id[:2]}"
        path = f"{folder}/{notice_id}.json"
        content = content_of(letter)
        try:
            _link(folder, path, content)
        except FileExistsError:
            return ""
        except OSError:
            # The folder's first file, a file system without nameless files, or a failure that comes again below.
            return self._rename(folder, path, notice_id, content)
        return ""

    def _rename(self, folder: str, path: str, notice_id: str, content: bytes) -> str:
        if os.access(path, os.F_OK):
            return ""
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
            _write_whole(file, content)
        finally:
            os.close(file)


def content_of(letter: Letter) -> bytes:
    """Return the file's content: one JSON object in UTF-8."""
    notice = letter.notice
    about = notice.about
    kind = notice.kind
    document = {
        "notice_id": notice.notice_id,
        "kind": _KINDS.get(kind) or str(kind),
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


def _link(folder: str, path: str, content: bytes) -> None:
    file = os.open(folder, _NAMELESS, _FILE_MODE)
    try:
        _write_whole(file, content)
        # Only with a directory given does os.link follow symbolic links; an absolute path makes nothing of it.
        os.link(f"/proc/self/fd/{file}", path, src_dir_fd=file, follow_symlinks=True)
    finally:
        os.close(file)


def _write_whole(file: int, content: bytes) -> None:
    written = os.write(file, content)
    while written < len(content):
        written += os.write(file, content[written:])


def _make(directory: str) -> None:
    with contextlib.suppress(FileExistsError):
        os.mkdir(directory, _DIRECTORY_MODE)
