"""Two deployments under crashes, zombies, late deliveries and restores: at-least-once on the wire, once in effect.

Every seed is one run. The negative controls take one safeguard out each; the auditor must notice, or it proves nothing.
ONEMATTER_SIMULATION_SEEDS raises the number of seeds, ONEMATTER_SIMULATION_FIRST_SEED says where they begin.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import Any

import pytest
from tests.simulation.database import Database
from tests.simulation.memory import MemoryStore
from tests.simulation.scheduler import Simulation, first_noticed
from tests.simulation.traffic import BUGGY, DENSE, DENSE_BUGS, DENSE_RESTORES, NORMAL, STORMY, Traffic

from onematter.backbone import ledger as books
from onematter.backbone.ledger import Verdict
from onematter.backbone.step import LaneRow, Step
from onematter.backbone.worker import Phase, Worker

SEEDS = int(os.environ.get("ONEMATTER_SIMULATION_SEEDS", "300"))
FIRST = int(os.environ.get("ONEMATTER_SIMULATION_FIRST_SEED", "0"))
CHUNKS = 10
KINDS = (NORMAL, BUGGY, DENSE, STORMY, DENSE_RESTORES, DENSE_BUGS)
CONTROL_SEEDS = range(60)


@pytest.mark.timeout(0 if SEEDS > 300 else 300)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_everything_happens_exactly_once(chunk: int) -> None:
    for seed in range(FIRST + chunk, FIRST + SEEDS, CHUNKS):
        kind = KINDS[seed // CHUNKS % len(KINDS)]
        problems = Simulation(seed, kind).run()
        assert not problems, f"seed {seed} of {kind}: {problems}"


def test_every_fault_occurs() -> None:
    happened: dict[str, int] = {}
    for seed in range(10):
        for kind in (DENSE, DENSE_RESTORES):
            simulation = Simulation(seed, kind)
            simulation.run()
            for what, count in simulation.happened.items():
                happened[what] = happened.get(what, 0) + count
    assert happened.keys() == {
        "arrived late", "blocked", "commit in flight", "crashed between", "crashed inside", "paused", "restored",
        "rolled back", "unavailable",
    }  # fmt: skip


def test_the_same_seed_makes_the_same_log() -> None:
    def digest() -> str:
        simulation = Simulation(7, DENSE_RESTORES)
        simulation.run()
        return hashlib.sha256(repr(simulation.broker.topics).encode()).hexdigest()

    assert digest() == digest()


def expect_to_be_noticed(traffic: Traffic) -> None:
    noticed = first_noticed(traffic, CONTROL_SEEDS)
    assert noticed, f"the auditor noticed nothing in {len(CONTROL_SEEDS)} seeds"
    print(f"noticed in seed {noticed[0]}: {noticed[1][:3]}")


def test_control_without_dedupe_by_sequence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "judge", lambda stream, record: Verdict.NEXT)
    expect_to_be_noticed(DENSE)


def test_control_without_republication_on_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryStore, "unsent", lambda self, lane: [])
    expect_to_be_noticed(DENSE)


def test_control_take_without_waiting_for_the_commit_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    original = MemoryStore.take

    def take(self: MemoryStore, lanes: Any, identity: Any) -> list[LaneRow]:
        self.database.locks.clear()
        return original(self, lanes, identity)

    monkeypatch.setattr(MemoryStore, "take", take)
    expect_to_be_noticed(DENSE)


def test_control_without_the_epoch_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryStore, "stale", lambda self, epochs: [])
    expect_to_be_noticed(DENSE)


def take_offsets_out(monkeypatch: pytest.MonkeyPatch, *, before: bool) -> None:
    """Offsets are written by a transaction of their own: at the write, or after the commit."""
    late: dict[int, tuple[Database, dict[int, dict[str, int]]]] = {}
    write_lanes, send = MemoryStore.write_lanes, Worker._send

    def write_now(database: Database, offsets: Mapping[int, Mapping[str, int]]) -> None:
        for lane, of in offsets.items():
            database.tables.lanes[lane].offsets |= of

    def write_without(self: MemoryStore, step: Step[Any, Any], rows: Mapping[int, LaneRow]) -> None:
        if before:
            write_now(self.database, step.offsets)
        late[id(self)] = (self.database, {lane: dict(of) for lane, of in step.offsets.items()})
        step.offsets = {lane: {} for lane in step.offsets}
        write_lanes(self, step, rows)

    def send_and_write(self: Worker[Any, Any, Any]) -> None:
        send(self)
        write_now(*late.pop(id(self.store)))

    monkeypatch.setattr(MemoryStore, "write_lanes", write_without)
    monkeypatch.setattr(Worker, "_send", send_and_write)


def test_control_offsets_committed_before_the_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    take_offsets_out(monkeypatch, before=True)
    expect_to_be_noticed(DENSE)


def test_control_offsets_committed_after_the_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    take_offsets_out(monkeypatch, before=False)
    expect_to_be_noticed(DENSE_BUGS)


def test_control_without_the_fold_of_own_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Worker, "_fold_own_events", lambda self, row: None)
    expect_to_be_noticed(DENSE_RESTORES)


def test_control_sends_before_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    def commit(self: Worker[Any, Any, Any]) -> None:
        assert self._step is not None
        for sendings in self._step.sendings.values():
            self.log.send(sendings)
        self.store.commit()
        for lane in self._step.sendings:
            self.lanes[lane].next_position += 1
            self.lanes[lane].sent_position = self.lanes[lane].next_position
        self._step = None
        self.phase = Phase.POLL

    monkeypatch.setattr(Worker, "_commit", commit)
    expect_to_be_noticed(STORMY)
