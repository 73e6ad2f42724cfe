"""Services whose clocks are an hour ahead or behind: what the law asks goes by the broker's clock and the database's.

What a service's own clock may change is how it names the present: a header's ce_time of a client behind a door, the day
of a view. Everything else is judged here:

Rule 1: an event's time is the broker's time of the record that caused it, whoever writes it and whenever.
Rule 2: what a timer brings about stands in no topic before the timer was due, and at the latest soon after, and its
time is when it was due.
Rule 3: the broker, the database and the auditor share one right clock; only a service's process has a wrong one.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from tests.faults import disks
from tests.faults.auditor import Finding
from tests.faults.auditor.evidence import Entry, digest_of, parsed
from tests.faults.auditor.topology import EVENT_TYPES
from tests.faults.harness import Fault, World
from tests.tail import poll

SKEW_MS = 3_600_000
SKEWED = 4
NOTIFICATION = "notification"
# Long enough that some notices are due for the third time, and others not yet.
DELAYED_SECONDS = 3.0
NOTICED_SECONDS = 120.0
# The load of one machine; an hour is far beyond it.
LATE_MS = 120_000
TIMER = "timer/"

Records = Mapping[str, Sequence[Entry]]


class Skewed:
    """Some services run an hour ahead, others an hour behind, and notices have to be tried again meanwhile."""

    name = "clock skew"

    def __init__(self) -> None:
        self._since: dict[str, int] = {}
        self._full = disks.FullDisk(NOTIFICATION)

    def strike(self, world: World, rng: random.Random) -> int:
        """Start them with wrong clocks; for some seconds the channel takes no notice, so that timers are set."""
        self._since = {topic: len(entries) for topic, entries in world.watch.records.items()}
        others = rng.sample(sorted(set(world.services) - {NOTIFICATION}), SKEWED - 1)
        names = [NOTIFICATION, *others]
        for number, name in enumerate(names):
            ahead = (number + rng.randint(0, 1)) % 2 == 0
            world.restart(name, build={"clock_skew_ms": SKEW_MS if ahead else -SKEW_MS}, wait=False)
        world.wait_ready(*names)
        before = _delayed(world)
        self._full.strike(world, rng)
        poll(lambda: _delayed(world) > before, "a notice that is tried again", NOTICED_SECONDS)
        time.sleep(rng.uniform(0, DELAYED_SECONDS))
        self._full.heal(world)
        # With the wrong clock still, and not by whoever comes after it.
        poll(lambda: not _due(world), "the notices that were delayed", NOTICED_SECONDS)
        return len(names)

    def heal(self, world: World) -> None:
        """Make room, where the strike ended before it did; the restoring sets the clocks right."""
        self._full.heal(world)

    def verify(self, world: World) -> Sequence[Finding]:
        """Judge the events since the strike."""
        return list(untimely(world.watch.records, self._since))


def _delayed(world: World) -> float:
    return world.metric(NOTIFICATION, "onematter_events_total", type="NoticeDelayed")


def _due(world: World) -> int:
    return world.rows(NOTIFICATION, "SELECT count(*) FROM timers WHERE due_unix_ms < extract(epoch FROM now()) * 1000")[
        0
    ][0]


def untimely(records: Records, since: Mapping[str, int] | None = None) -> Iterator[Finding]:
    """Events whose time is not the broker's, or which a timer brought about too early or too late.

    `since`: how many records of each topic are not to be judged. A record that stands on a topic several times may have
    been heard at any of its places, and the first of an event's own is when it was told.
    """
    stream_times: dict[tuple[str, str, str, int], set[int]] = defaultdict(set)
    outside_times: dict[tuple[str, bytes], set[int]] = defaultdict(set)
    for topic, entries in records.items():
        for one in entries:
            if one.writer:
                stream_times[one.writer, topic, one.key, one.sequence].add(one.timestamp_unix_ms)
            else:
                outside_times[topic, digest_of(one.value)].add(one.timestamp_unix_ms)
    for topic, kind in EVENT_TYPES.items():
        seen: set[tuple[str, int]] = set()
        for number, one in enumerate(records.get(topic, ())):
            if not one.writer or (one.key, one.sequence) in seen:
                continue
            seen.add((one.key, one.sequence))
            if number >= (since or {}).get(topic, 0):
                yield from _judge(one, parsed(kind, one.value), stream_times, outside_times)


def _judge(
    one: Entry,
    event: object,
    stream_times: Mapping[tuple[str, str, str, int], set[int]],
    outside_times: Mapping[tuple[str, bytes], set[int]],
) -> Iterator[Finding]:
    where = f"{one.topic} {one.key} {one.sequence}"
    cause, position = event.cause, event.cause.position  # type: ignore[attr-defined]
    time_ms: int = event.time.ToMilliseconds()  # type: ignore[attr-defined]
    told_ms = one.timestamp_unix_ms
    if cause.id.startswith(TIMER):
        if told_ms < time_ms:
            yield Finding("wrong", where, f"{cause.id} is told {time_ms - told_ms} ms before it was due")
        elif told_ms > time_ms + LATE_MS:
            yield Finding("wrong", where, f"{cause.id} is told {told_ms - time_ms} ms after it was due")
        return
    if position.writer:
        heard = stream_times.get((position.writer, position.topic, one.key, position.sequence), set())
    else:
        heard = outside_times.get((position.topic, cause.digest), set())
    # What comes of nothing that stands on a topic is the auditor's to find.
    if heard and time_ms not in heard:
        off = min((time_ms - at for at in heard), key=abs)
        yield Finding("wrong", where, f"its time is {off} ms from the broker's of what caused it")


FAULTS: Sequence[Fault] = (Skewed(),)
