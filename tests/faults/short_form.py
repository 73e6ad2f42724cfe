"""The faults that the short form plays, some at a time; and what is left to `make faults`, by name."""

from __future__ import annotations

from collections.abc import Sequence

from tests.faults import catalogue
from tests.faults.harness import Fault
from tests.faults.kills import InSeries

GROUPS: tuple[Sequence[Fault], ...] = (
    (
        InSeries("each service at one boundary", 1),
        *catalogue.named(["broker kill", "PostgreSQL kill", "restore all", "restore behind"]),
    ),
    catalogue.named(["versions", "wire: repeated", "network: cut", "clock skew", "poison"]),
)
# Each boundary of InSeries by itself, what waits for sessions and disks to come to their ends, and what the others do
# already: the whole restore loses one database, too, and behind the wrong clocks is a full disk.
LEFT_TO_MAKE_FAULTS = {
    "kill in series at every boundary",
    "kill before commit",
    "kill after commit, before produce",
    "kill after produce, before the mark",
    "kill while rebalancing",
    "kill at random",
    "zombie",
    "rebalance storm",
    "power cut",
    "network: slow",
    "network: hang",
    "network: one-way loss",
    "full disk: kafka",
    "full disk: postgres",
    "full disk: notification",
    "wire: late copies of streams",
    "wire: replay of all topics",
    "restore one older database",
}
