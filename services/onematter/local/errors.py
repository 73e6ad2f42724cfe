"""What can go wrong on one machine.

    LocalError
    ├── DownloadFailed   a part could not be fetched
    ├── ProcessDied      a process ended that should run, or a one-shot command failed
    ├── NotReady         a process runs, but did not answer in time
    ├── AlreadyRunning   the directory belongs to a stack that is up
    ├── OtherVersion     the directory's database has other tables than this version makes
    └── Cancelled        the start was given up because another part of it failed

Each text names the part, the reason and the way out; it can be shown to a person as it is.
"""

from __future__ import annotations


class LocalError(Exception):
    """The local stack cannot do what was asked."""


class DownloadFailed(LocalError):
    """A part could not be fetched, or what was fetched is not what was pinned."""


class ProcessDied(LocalError):
    """A process ended that should run, or a one-shot command failed; carries the last lines of its log."""


class NotReady(LocalError):
    """A process did not answer within its time."""


class AlreadyRunning(LocalError):
    """A stack is up in this directory."""


class OtherVersion(LocalError):
    """What is kept in the directory is of another version. `chinese` says the same in Chinese."""

    def __init__(self, text: str, chinese: str) -> None:
        super().__init__(text)
        self.chinese = chinese


class Cancelled(LocalError):
    """Given up because another part failed or the caller was interrupted."""
