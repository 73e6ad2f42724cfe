"""Channels: where notices leave the system.

Rule 1: a channel knows a notice by its notice_id; given again, it stands there once.
Rule 2: why a letter was not taken is an answer, and its text has no personal data.
Rule 3: once `flush` has returned, every letter that was taken stands delivered, whatever is killed then, the loss of
power included. A step is committed after that.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from onematter.notification.v1.notification_events_pb2 import Notice


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
        """Take a letter. Return "" when it is taken, else why not, without personal data."""
        ...

    def flush(self) -> None:
        """Return when what was taken stands delivered. Raises Unavailable when it cannot: the letters come again."""
        ...
