"""Whatever is killed in the middle of many matters, the end is the same: each complete, archived once, told once.

ONEMATTER_FAULT_MATTERS sets how many matters are handed in at once (2,000).
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient
from tests.faults.auditor import IN_MANIFEST, PARSERS, Audit
from tests.live import DEAD_LETTERS, FOLLOWED, Live
from tests.tail import Tail, forget_refused_connections, poll

from onematter.local.processes import ManagedProcess, stop_processes

MATTERS = int(os.environ.get("ONEMATTER_FAULT_MATTERS", "2000"))
FEW = 300
# At least 100 matters a second on a busy machine, and restarts.
DEADLINE_SECONDS = 120 + MATTERS / 100
OWN_EVENTS = {
    "intake": "onematter.matter.events.v1",
    "approval-province": "onematter.approval.province.events.v1",
    "approval-city": "onematter.approval.city.events.v1",
    "approval-county": "onematter.approval.county.events.v1",
    "notification": "onematter.notification.events.v1",
    "archive": "onematter.archive.events.v1",
}
EVENTS_A_MATTER = {"intake": 2, "notification": 2}
READY_SECONDS = 120.0

pytestmark = [
    pytest.mark.timeout(60 + 3 * DEADLINE_SECONDS),
    # kafka-python does not close the sockets of connections that were refused.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


class Load:
    """Matters handed in at once, and what the topics say of them."""

    def __init__(self, live: Live, tail: Tail) -> None:
        self._live, self._tail = live, tail
        self.handed_in: dict[str, bytes] = {}
        self._seen: dict[str, int] = dict.fromkeys(OWN_EVENTS, 0)
        self._places: dict[str, set[tuple[bytes, bytes]]] = {name: set() for name in OWN_EVENTS}
        self._before = tail.written()

    def hand_in(self, count: int) -> None:
        self.handed_in |= self._live.publish_all([self._live.hand_in() for _ in range(count)])

    def events(self, deployment: str) -> int:
        """Events of these matters that a deployment has published; what came twice counts once."""
        records = self._tail.records[OWN_EVENTS[deployment]]
        places = self._places[deployment]
        for record in records[self._seen[deployment] :]:
            if (record.key or b"").decode(errors="replace") in self.handed_in:
                places.add((record.key, dict(record.headers)["ce_sequence"]))
        self._seen[deployment] = len(records)
        return len(places)

    def written(self, deployment: str) -> float:
        """The share that a deployment has done, at most: from the topic's end, while nobody else is at work."""
        topic = OWN_EVENTS[deployment]
        done = self._tail.written()[topic] - self._before[topic]
        return done / (EVENTS_A_MATTER.get(deployment, 1) * len(self.handed_in))

    def share(self, deployment: str) -> float:
        """How much of its work a deployment has done."""
        return self.events(deployment) / (EVENTS_A_MATTER.get(deployment, 1) * len(self.handed_in))

    def until(self, condition: Callable[[], object], what: str) -> None:
        self._tail.until(condition, f"{what} ({self.progress()})", DEADLINE_SECONDS)

    def progress(self) -> str:
        return ", ".join(f"{name} {self.events(name)}" for name in OWN_EVENTS)

    def ends_well(self) -> None:
        """Wait until all is told, and let the auditor judge."""
        try:
            self.until(lambda: all(self.share(name) >= 1 for name in OWN_EVENTS), f"{len(self.handed_in)} matters")
        except AssertionError as error:
            raise AssertionError(f"{error}; now {self.progress()}") from None
        assert self.evidence().run() == []

    def evidence(self) -> Audit:
        """All that there is to audit now."""
        self._tail.read_to_end()
        letters = [letter for topic in DEAD_LETTERS.values() for letter in self._tail.records[topic]]
        return Audit(
            self._tail.records, self.handed_in, self._live.directory / "data" / "notification" / "notices.db", letters
        )


@pytest.fixture
def load(live: Live) -> Iterator[Load]:
    with closing(Tail(live.servers, FOLLOWED)) as tail:
        yield Load(live, tail)
    forget_refused_connections()


def kill_and_restart(live: Live, name: str, pool: ThreadPoolExecutor) -> Future[None]:
    """Kill -9 a deployment; it comes back while others may be killed."""
    live.stack.kill(name)
    return pool.submit(live.stack.restart, name, ready_timeout_seconds=READY_SECONDS)


def test_kill_9_of_each_service_in_the_middle_changes_nothing(live: Live, load: Load) -> None:
    load.hand_in(MATTERS)
    # In the order of the flow, so that each has work before it; a restart does not hold up the next kill.
    left = list(OWN_EVENTS)
    restarts: list[Future[None]] = []
    with ThreadPoolExecutor(len(left)) as pool:
        while left:
            # Each a little later than the one before it, so that not all are away at once.
            begun = 0.05 * (len(OWN_EVENTS) - len(left))
            name = left.pop(0)
            found = poll(lambda name=name, begun=begun: max(0.0, load.written(name) - begun), f"{name} at work")
            assert found + begun < 1, f"{name} was killed too late; set ONEMATTER_FAULT_MATTERS higher"
            restarts.append(kill_and_restart(live, name, pool))
        for restart in restarts:
            restart.result()
    load.ends_well()


def embedded(live: Live, name: str) -> None:
    if name not in live.parts.supervisor.processes:
        pytest.skip(f"{name} is given from outside, and not this test's to kill")


@pytest.mark.parametrize("part", ["postgres", "kafka"])
def test_kill_9_of_the_database_or_the_broker_in_the_middle_changes_nothing(live: Live, load: Load, part: str) -> None:
    embedded(live, part)
    load.hand_in(FEW)
    load.until(lambda: load.events("intake"), "intake in the middle")
    live.parts.kill(part)
    assert load.share("archive") < 1
    live.parts.restart(part, ready_timeout_seconds=READY_SECONDS)
    load.ends_well()
    live.stack.check()
    load.hand_in(20)
    load.ends_well()


@contextmanager
def replica(live: Live, name: str) -> Iterator[ManagedProcess]:
    """A second process of a deployment, ready or not yet."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    spec = live.stack.supervisor.processes[name].spec
    own = {"ONEMATTER_GRPC_ADDRESS": "127.0.0.1:0", "ONEMATTER_METRICS_ADDRESS": address}
    second = replace(
        spec, name=f"{name}-2", log=spec.log.with_name(f"{name}-2.log"), environment={**spec.environment, **own}
    )
    process = live.stack.supervisor.start(second)
    try:
        live.stack.supervisor.wait_ready(process, lambda: answers(address), READY_SECONDS)
        yield process
    finally:
        stop_processes([process])
        live.stack.supervisor.processes.pop(second.name)


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/readyz", timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def metric(live: Live, name: str, text: str) -> float:
    """The sum of a deployment's samples whose line begins with `text`; 0 when there is none."""
    with urllib.request.urlopen(f"http://{live.stack.addresses.services[name].metrics}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(text))


def test_zombies_that_wake_after_others_took_over_change_nothing(live: Live, load: Load) -> None:
    zombies = ("intake", "approval-city")
    with ExitStack() as replicas:
        for name in zombies:
            replicas.enter_context(replica(live, name))
        load.hand_in(FEW)
        load.until(lambda: all(load.events(name) for name in zombies), "both in the middle")
        with ExitStack() as waking:
            for name in zombies:
                process = live.stack.supervisor.processes[name]
                waking.callback(process.signal, signal.SIGCONT)
                process.signal(signal.SIGSTOP)
            load.hand_in(FEW)
            # The other replicas do all of it, though a stopped one may hold a transaction: no lane waits for ever.
            load.ends_well()
            assert all(group_of_one(live, name) for name in zombies), "a stopped replica is not out of its group"
        load.hand_in(FEW)
        load.ends_well()
        poll(lambda: all(metric(live, name, "onematter_ready") for name in zombies), "the zombies serve again")
    load.hand_in(20)
    load.ends_well()


def group_of_one(live: Live, name: str) -> bool:
    """Whether the consumer group of a deployment has one member left."""
    admin = AdminClient({"bootstrap.servers": live.servers})
    group = f"onematter-{name}"
    return len(admin.describe_consumer_groups([group])[group].result(READY_SECONDS).members) == 1


def test_the_auditor_sees_each_thing_that_it_is_there_for(load: Load, tmp_path: Path) -> None:
    load.hand_in(3)
    load.ends_well()
    evidence = load.evidence()
    notices = tmp_path / "notices.db"
    with closing(sqlite3.connect(f"{evidence.notices.as_uri()}?mode=ro", uri=True)) as connection:
        rows = [
            (notice_id, document)
            for notice_id, document in connection.execute("SELECT notice_id, document FROM notices")
            if json.loads(document)["matter_id"] in load.handed_in
        ]

    def stand(rows: list[tuple[str, str]]) -> None:
        with closing(sqlite3.connect(notices)) as connection, connection:
            connection.execute("DROP TABLE IF EXISTS notices")
            connection.execute("CREATE TABLE notices (notice_id TEXT, document TEXT)")
            connection.executemany("INSERT INTO notices VALUES (?, ?)", rows)

    stand(rows)

    def audit(topic: str, change: Callable[[list[Any]], list[Any]]) -> list[str]:
        own = {t: [r for r in rs if (r.key or b"").decode() in load.handed_in] for t, rs in evidence.records.items()}
        return Audit({**own, topic: change(own[topic])}, load.handed_in, notices, []).run()

    def unlike(record: Any) -> Any:
        # A field of a later version: it parses to the same, but is another leaf.
        return record._replace(value=record.value + b"\x9a\x06\x02\x08\x01")

    for topic in PARSERS:
        assert audit(topic, lambda rs: rs) == []
        assert audit(topic, lambda rs: [*rs, rs[-1]]) == [], "the wire is at-least-once"
        assert audit(topic, lambda rs: rs[1:]), f"a record of {topic} is missing"
        assert audit(topic, lambda rs: [*rs, unlike(rs[0])]), f"a record of {topic} has two contents"
        if topic in IN_MANIFEST:
            assert audit(topic, lambda rs: [unlike(rs[0]), *rs[1:]]), f"a record of {topic} is not the one sealed"
    first = next(iter(load.handed_in))
    lost = Audit(evidence.records, {**load.handed_in, "0" * 32: b"never taken in"}, notices, [])
    assert lost.run()
    letter = evidence.records[next(iter(PARSERS))][0]._replace(key=first.encode())
    assert replace(evidence, dead_letters=[letter], problems=[]).run()
    for wrong, what in (
        ([*rows, rows[0]], "a notice stands there twice"),
        ([*rows, ("0" * 32, rows[0][1])], "a notice stands there under another id too"),
        (rows[1:], "a notice is missing"),
    ):
        stand(wrong)
        assert replace(evidence, notices=notices, problems=[]).run(), what
