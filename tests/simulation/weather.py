"""What happens around the calls that a process makes to its log and its store."""

from __future__ import annotations

from typing import Any


class Blocked(BaseException):
    """The call would wait for another transaction."""


class Crashed(BaseException):
    """The process is gone."""


class Weather:
    """What happens around the calls of one process; calm here."""

    def before(self, call: str) -> None:
        """May raise Crashed or Unavailable before the call has its effect."""

    def after(self, call: str) -> None:
        """May raise Crashed or Unavailable after the call had its effect: its answer is lost."""

    def shuffle(self, things: list[Any]) -> None:
        """In which order partitions are read."""

    def portion(self, available: int) -> int:
        """How many of the available things a read or a delivery gets."""
        return available

    def arrives(self, pending: int) -> int:
        """How much of what is sent arrives before it is waited for."""
        return pending

    def learns(self) -> bool:
        """Whether a poll tells the member of a rebalance already."""
        return True

    def breaks(self) -> bool:
        """Whether what was sent cannot all be delivered."""
        return False

    def gives_up(self, records: list[Any]) -> None:
        """What becomes of records in flight that their sender has given up; lost here."""
