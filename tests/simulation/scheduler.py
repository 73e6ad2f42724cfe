"""A seeded scheduler over deployments in a row: processes, crashes, rebalances learnt late, pauses, wrong clocks,
outages, restores, a bad wire, and clients.

Rule 1: every choice comes from the seed; there is no wall clock and no other randomness.
Rule 2: a restore finds the deployment's processes dead, and what they had not delivered lost but for a prefix.
Rule 3: after the random phase all faults end, people do what they still have to do, operators replay what was parked
and drop what was broken, and everything must come to rest.
Rule 4: what is done in which order is drawn apart from the rest, so that a schedule of fewer actions is the beginning
of a longer one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Protocol

from tests.simulation.clients import Senders
from tests.simulation.database import Database, Tables
from tests.simulation.dice import Dice
from tests.simulation.faults import Faults
from tests.simulation.memory import MemoryLog, MemoryStore
from tests.simulation.processes import Gusts, Process
from tests.simulation.traffic import NORMAL, Traffic
from tests.simulation.weather import Blocked, Crashed
from tests.simulation.wire import Wire

from onematter.backbone.ports import Unavailable
from onematter.backbone.service import Aggregate
from onematter.backbone.unit import UnitOfWork
from onematter.backbone.v1.operations_service_pb2 import OperationStatus
from onematter.backbone.worker import Phase, Worker
from onematter.contracts.topics import TopicTable

MAX_ROUNDS = 1500
IDLE_MS, MAX_IDLE_MS = 250, 600_000
BEGINNING_UNIX_MS = 1_800_000_000_000


class Play(Protocol):
    """Who plays: deployments with their cores, and the people around them."""

    table: TopicTable
    aggregates: dict[str, Aggregate[Any, Any, Any]]

    @property
    def senders(self) -> Senders:
        """Who sends from outside."""
        ...

    def enter(self, simulation: Simulation) -> None:
        """Everything else is there."""
        ...

    def act(self) -> None:
        """One record from outside."""
        ...

    def fix(self) -> None:
        """The cores have no bugs any more."""
        ...

    def finish(self) -> bool:
        """Everything rests: do what people still have to do. Whether that was anything."""
        ...

    def audit(self, unrest: str) -> list[str]:
        """What is wrong at the end."""
        ...


class Journal(Protocol):
    """Is told what happens in a schedule, in order."""

    def told(self, what: str, process: Process | None) -> None:
        """Something happened around the processes, or to one."""
        ...

    def log_of(self, log: MemoryLog, name: str) -> MemoryLog:
        """A process's log, which tells what is read and sent."""
        ...

    def store_of(self, store: MemoryStore, name: str) -> MemoryStore:
        """A process's store, which tells what is taken and committed."""
        ...


class Simulation:
    """One run of one seed."""

    def __init__(
        self, seed: int, traffic: Traffic = NORMAL, *, actions: int | None = None, journal: Journal | None = None
    ) -> None:
        self.seed, self.traffic, self.journal = seed, traffic, journal
        self.actions = traffic.actions if actions is None else actions
        self.dice = Dice(seed)
        self.now_unix_ms = BEGINNING_UNIX_MS
        self.calm = False
        self.happened: dict[str, int] = {}
        self.play = play_of(traffic)
        self.deployments = tuple(self.play.aggregates)
        table = self.play.table
        read = frozenset(topic for name in self.deployments for topic in table.inputs(name))
        self.broker = Wire(table, lambda: self.now_unix_ms, self.dice, self.note, traffic.restores > 0, read)
        self.databases = {name: Database() for name in self.deployments}
        self.backups: dict[str, list[Tables]] = {name: [] for name in self.deployments}
        self.units = {
            name: UnitOfWork(aggregate, name, self.play.table) for name, aggregate in self.play.aggregates.items()
        }
        self.processes: list[Process] = []
        self.started = 0
        self.dropped: set[bytes] = set()
        self.faults = Faults(self)
        self.play.enter(self)

    def run(self) -> list[str]:
        """The random phase, the way to rest, the audit. Returns what is wrong."""
        for deployment in self.deployments:
            self.start(deployment)
            self.start(deployment)
        weights: dict[Callable[[], None], float] = {
            self.step: 60, self.act: self.traffic.hand_ins, self.tick: 6, **self.faults.weights()
        }  # fmt: skip
        order = Dice(f"{self.seed}/order").weighted(list(weights), list(weights.values()), self.traffic.actions)
        for action in order[: self.actions]:
            action()
        return self.play.audit(self.come_to_rest())

    def note(self, what: str, process: Process | None = None) -> None:
        """Count what happened, so that one can see that the faults occur."""
        self.happened[what] = self.happened.get(what, 0) + 1
        if self.journal is not None:
            self.journal.told(what, process)

    def committed(self, step: Any, records: int) -> None:
        """A worker committed a step."""
        for what, count in step.counts.items():
            what = f"→ {what}"
            self.happened[what] = self.happened.get(what, 0) + count

    def trouble(self, what: str) -> None:
        """A worker gave a step up."""
        if what != "unavailable":
            self.note(f"→ {what}")

    def start(self, deployment: str) -> None:
        """Start a process; the group's members learn of it sooner or later."""
        self.started += 1
        name = f"{deployment}-{self.started}"
        weather = Gusts(self)
        if self.traffic.skew and not self.calm and self.dice.chance(0.4):
            weather.skew_ms = self.faults.skew()
            self.note("clock wrong from the start")
        log = MemoryLog(self.broker, deployment, weather)
        store = MemoryStore(self.databases[deployment], weather)
        if self.journal is not None:
            log, store = self.journal.log_of(log, name), self.journal.store_of(store, name)
        worker = Worker(
            self.units[deployment], log, store, self,
            clock_unix_ms=weather.now_unix_ms, max_batch=self.traffic.max_batch, cached_aggregates=6,
            checkpoint_ms=2000,
        )  # fmt: skip
        self.processes.append(Process(name, deployment, worker, log, store, weather))
        self.rebalance(deployment)

    def of(self, deployment: str) -> list[Process]:
        """The processes that are alive."""
        return [p for p in self.processes if p.deployment == deployment]

    def rebalance(self, deployment: str) -> None:
        """The coordinator shares the lanes out among some of the members; the others are thought dead."""
        members = self.of(deployment)
        present = [p for p in members if not p.paused or self.dice.chance(0.3)] or members
        if not present:
            return
        self.dice.shuffle(present)
        for member in members:
            member.log.news = frozenset()
        for lane in range(self.traffic.partitions):
            member = present[lane % len(present)]
            member.log.news = (member.log.news or frozenset()) | {lane}

    def kill(self, process: Process) -> None:
        """The process is gone: its transaction stays open, what it sent is adrift, its group goes on."""
        self.processes.remove(process)
        process.store.disconnect()
        if process.log.pending:
            self.broker.adrift.append(process.log.pending)
        if self.dice.chance(0.7):
            self.rebalance(process.deployment)

    def step(self) -> None:
        """One process takes one phase."""
        awake = [p for p in self.processes if not p.paused]
        if awake:
            self.advance(self.dice.pick(awake))

    def advance(self, process: Process) -> Phase | None:
        """The process takes one phase, if it can."""
        try:
            return process.worker.advance(0.0)
        except Blocked:
            self.note("waited for a lane", process)
        except Unavailable as error:
            self.note(str(error), process)
        except Crashed as call:
            self.note(f"crash in {call}", process)
            self.kill(process)
        return None

    def act(self) -> None:
        """Records from outside."""
        for _ in range(self.traffic.burst):
            self.play.act()

    def tick(self) -> None:
        """Time goes on."""
        self.now_unix_ms += self.dice.pick((1, 50, 250, 1000))

    def come_to_rest(self) -> str:
        """End all faults and run until nothing is left to do. Returns what does not rest."""
        self.calm_down()
        idle_ms, operations = IDLE_MS, 0
        for _ in range(MAX_ROUNDS):
            if self.round():
                idle_ms = IDLE_MS
            elif any(database.tables.parked for database in self.databases.values()) and idle_ms <= 4 * IDLE_MS:
                self.operate(drop=operations % 2 == 1)
                operations += 1
                idle_ms *= 2
            elif self.play.finish():
                idle_ms = IDLE_MS
            elif self.rests():
                return ""
            else:
                idle_ms = min(2 * idle_ms, MAX_IDLE_MS)
                due = [due for database in self.databases.values() for *_, due in database.tables.timers.values()]
                self.now_unix_ms = max(self.now_unix_ms, min(due, default=0))
            self.now_unix_ms += idle_ms
        return f"no rest after {MAX_ROUNDS} rounds"

    def calm_down(self) -> None:
        """All faults end; what was on its way arrives."""
        self.calm = True
        self.play.fix()
        self.faults.mend()
        self.broker.calm()
        for process in self.processes:
            process.paused, process.store.broken = False, False
            process.weather.clears_up()
        while self.broker.adrift:
            self.faults.drift()
        while self.broker.held_back:
            self.broker.release()
        while self.play.senders.in_flight:
            self.play.senders.land()
        for deployment, database in self.databases.items():
            for orphan in list(database.orphans):
                database.settle(orphan, commit=self.dice.chance(0.5))
            if not self.of(deployment):
                self.start(deployment)
            self.rebalance(deployment)

    def round(self) -> bool:
        """Every process goes on until it has nothing to do, for a while. Whether any had something to do."""
        moved = False
        for process in list(self.processes):
            for _ in range(6):
                if self.advance(process) is Phase.POLL and process.worker.phase is Phase.POLL:
                    break
                moved = True
        return moved

    def operate(self, *, drop: bool) -> None:
        """Operators replay what is parked; what stays although everything arrived and no bug is left, they drop."""
        broken = set(self.broker.broken)
        for name, database in self.databases.items():
            if drop:
                self.dropped |= {record.value for record, *_ in database.tables.parked.values()} & broken
                self.note(f"operator drops at {name}")
                database.ask("drop", lambda record: record.value in broken)
            else:
                database.ask("replay")

    def rests(self) -> bool:
        """Whether everything that was read is dealt with, sent, and no timer is left."""
        if any(p.log.pending or p.log.news is not None or not p.worker.flushed for p in self.processes):
            return False
        for deployment, database in self.databases.items():
            tables = database.tables
            pending = OperationStatus.OPERATION_STATUS_PENDING
            if tables.timers or tables.parked or any(row[6] == pending for row in tables.operations.values()):
                return False
            for topic in self.play.table.inputs(deployment):
                for lane, entries in enumerate(self.broker.topics.get(topic, ())):
                    known = tables.lanes.get(lane)
                    if (known.offsets.get(topic, 0) if known else 0) != len(entries):
                        return False
        return True


def play_of(traffic: Traffic) -> Play:
    """The cast of a kind of traffic."""
    # Late, since a play's people need the simulation's parts.
    if traffic.play == "services":
        from tests.simulation.services import Services

        return Services(traffic)
    from tests.simulation.two import Two

    return Two(traffic)


def first_noticed(traffic: Traffic, seeds: range) -> tuple[int, list[str]] | None:
    """The first seed in which the auditor finds something, and what. What the service itself raises does not count."""
    for seed in seeds:
        with contextlib.suppress(Exception):
            problems = Simulation(seed, traffic).run()
            if problems:
                return seed, problems
    return None
