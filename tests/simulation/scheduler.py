"""A seeded scheduler over two deployments: processes, crashes, rebalances learnt late, pauses, restores, and clients.

Rule 1: every choice comes from the seed; there is no wall clock and no other randomness.
Rule 2: a restore finds the deployment's processes dead, and what they had not delivered lost but for a prefix.
Rule 3: after the random phase all faults end, operators replay what was parked, and everything must come to rest.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.simulation import cores
from tests.simulation.auditor import Evidence, audit
from tests.simulation.clients import Clients
from tests.simulation.cores import BACK, FRONT, Bugs
from tests.simulation.database import Database, Tables
from tests.simulation.memory import Broker, MemoryLog, MemoryStore
from tests.simulation.traffic import NORMAL, Traffic
from tests.simulation.weather import Blocked, Crashed, Weather

from onematter.backbone.ports import Unavailable
from onematter.backbone.unit import UnitOfWork
from onematter.backbone.v1.ledger_pb2 import Ledger
from onematter.backbone.worker import Phase, Worker

DEPLOYMENTS = (FRONT, BACK)
MAX_ROUNDS = 400
COMMIT_IS_WORSE = 8


class Gusts(Weather):
    """The weather of one process."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation, self.rng = simulation, simulation.rng
        self.fuse = 0

    def _burn(self) -> None:
        if self.fuse:
            self.fuse -= 1
            if not self.fuse:
                raise Crashed

    def before(self, call: str) -> None:
        self._burn()
        chance = self.simulation.traffic.unavailable_chance * (COMMIT_IS_WORSE if call == "commit" else 1)
        if not self.simulation.calm and self.rng.random() < chance:
            raise Unavailable(call)

    def after(self, call: str) -> None:
        self._burn()

    def shuffle(self, things: list[Any]) -> None:
        self.rng.shuffle(things)

    def portion(self, available: int) -> int:
        return available if self.simulation.calm or available <= 0 else self.rng.randint(0, available)

    def arrives(self, pending: int) -> int:
        return 0 if not self.simulation.calm and self.rng.random() < 0.6 else self.portion(pending)

    def learns(self) -> bool:
        return self.simulation.calm or self.rng.random() < 0.3

    def breaks(self) -> bool:
        return not self.simulation.calm and self.rng.random() < self.simulation.traffic.flush_fails_chance


class Nobody:
    """Observes nothing."""

    def committed(self, step: Any, records: int) -> None:
        """A step is committed."""

    def trouble(self, what: str) -> None:
        """A step was given up."""


@dataclass(eq=False)
class Process:
    """One process of a deployment."""

    deployment: str
    worker: Worker[Any, Any, Any]
    log: MemoryLog
    store: MemoryStore
    weather: Gusts
    paused: bool = False


class Simulation:
    """One run of one seed."""

    def __init__(self, seed: int, traffic: Traffic = NORMAL) -> None:
        self.seed, self.traffic = seed, traffic
        self.rng = random.Random(seed)
        self.now_unix_ms = 1_800_000_000_000
        self.calm = False
        self.table = cores.make_table(traffic.partitions)
        self.broker = Broker(self.table, lambda: self.now_unix_ms)
        self.databases = {name: Database() for name in DEPLOYMENTS}
        self.backups: dict[str, list[Tables]] = {name: [] for name in DEPLOYMENTS}
        self.bugs = Bugs()
        aggregates = {FRONT: cores.front_aggregate(self.bugs), BACK: cores.back_aggregate(self.bugs)}
        self.units = {name: UnitOfWork(aggregates[name], name, self.table) for name in DEPLOYMENTS}
        self.processes: list[Process] = []
        self.clients = Clients(self.rng, self.broker, traffic.matters, traffic.bugs)
        self.happened: dict[str, int] = {}

    def run(self) -> list[str]:
        """The random phase, the way to rest, the audit. Returns what is wrong."""
        for deployment in DEPLOYMENTS:
            self.start(deployment)
            self.start(deployment)
        rough, traffic = self.traffic.faults, self.traffic
        actions: dict[Callable[[], None], float] = {
            self.step: 60,
            self.clients.act: traffic.hand_ins,
            self.tick: 6,
            self.crash: 0.7 * rough,
            self.light_fuse: 2.5 * rough,
            self.start_one: 4 * rough,
            self.rebalance_one: 3 * rough,
            self.pause: 1.5 * rough,
            self.resume: 3 * rough,
            self.settle: 3 * rough,
            self.drift: 3 * rough,
            self.cut: 0.5 * rough,
            self.back_up: 0.8 if traffic.restores else 0.0,
            self.restore: traffic.restores,
            self.operate: 0.5 if traffic.bugs else 0.0,
        }
        for action in self.rng.choices(list(actions), list(actions.values()), k=traffic.actions):
            action()
        unrest = self.come_to_rest()
        return audit(self.evidence(unrest))

    def note(self, what: str) -> None:
        """Count what happened, so that a test can see that its faults occur."""
        self.happened[what] = self.happened.get(what, 0) + 1

    def start(self, deployment: str) -> None:
        """Start a process; the group's members learn of it sooner or later."""
        weather = Gusts(self)
        log = MemoryLog(self.broker, deployment, weather)
        store = MemoryStore(self.databases[deployment], weather)
        worker = Worker(
            self.units[deployment], log, store, Nobody(),
            clock_unix_ms=lambda: self.now_unix_ms, max_batch=self.traffic.max_batch, cached_aggregates=6,
            checkpoint_ms=2000,
        )  # fmt: skip
        self.processes.append(Process(deployment, worker, log, store, weather))
        self.rebalance(deployment)

    def of(self, deployment: str) -> list[Process]:
        """The processes that are alive."""
        return [p for p in self.processes if p.deployment == deployment]

    def rebalance(self, deployment: str) -> None:
        """The coordinator shares the lanes out among some of the members; the others are thought dead."""
        members = self.of(deployment)
        present = [p for p in members if not p.paused or self.rng.random() < 0.3] or members
        if not present:
            return
        self.rng.shuffle(present)
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
        if self.rng.random() < 0.7:
            self.rebalance(process.deployment)

    def step(self) -> None:
        """One process takes one phase."""
        awake = [p for p in self.processes if not p.paused]
        if awake:
            self.advance(self.rng.choice(awake))

    def advance(self, process: Process) -> Phase | None:
        """The process takes one phase, if it can."""
        try:
            return process.worker.advance(0.0)
        except Blocked:
            self.note("blocked")
        except Unavailable:
            self.note("unavailable")
        except Crashed:
            self.note("crashed inside")
            self.kill(process)
        return None

    def tick(self) -> None:
        """Time goes on."""
        self.now_unix_ms += self.rng.choice((1, 50, 250, 1000))

    def crash(self) -> None:
        """A process dies between two phases."""
        process = self._victim()
        if process is not None:
            self.note("crashed between")
            self.kill(process)

    def _victim(self) -> Process | None:
        """Some process, rather one in the middle of a step."""
        busy = [p for p in self.processes if p.worker.phase in (Phase.EXECUTE, Phase.COMMIT, Phase.SEND)]
        among = busy if busy and self.rng.random() < 0.6 else self.processes
        return self.rng.choice(among) if among else None

    def light_fuse(self) -> None:
        """A process will die at one of its next calls."""
        process = self._victim()
        if process is not None:
            process.weather.fuse = self.rng.randint(1, 12)

    def start_one(self) -> None:
        """A process is started where there are fewer than three."""
        deployment = self.rng.choice(DEPLOYMENTS)
        if len(self.of(deployment)) < 3:
            self.start(deployment)

    def rebalance_one(self) -> None:
        """A rebalance without a reason."""
        self.rebalance(self.rng.choice(DEPLOYMENTS))

    def pause(self) -> None:
        """SIGSTOP; the group thinks the process dead."""
        process = self._victim()
        if process is not None:
            process.paused = True
            self.note("paused")
            if self.rng.random() < 0.7:
                self.rebalance(process.deployment)

    def resume(self) -> None:
        """SIGCONT."""
        paused = [p for p in self.processes if p.paused]
        if paused:
            self.rng.choice(paused).paused = False

    def settle(self) -> None:
        """The database learns that a connection is lost; a commit in flight may have reached it."""
        database = self.databases[self.rng.choice(DEPLOYMENTS)]
        if database.orphans:
            orphan = self.rng.choice(database.orphans)
            self.note("commit in flight" if orphan.may_commit else "rolled back")
            database.settle(orphan, commit=self.rng.random() < 0.5)

    def drift(self) -> None:
        """What was sent arrives: of a process that lives a part, of one that is gone a prefix, at last."""
        process = self.rng.choice(self.processes) if self.processes else None
        if process is not None and not process.paused and self.rng.random() < 0.3:
            process.log.deliver(self.rng.randint(0, len(process.log.pending)))
        if self.broker.adrift:
            adrift = self.broker.adrift.pop(self.rng.randrange(len(self.broker.adrift)))
            self.note("arrived late")
            for record in adrift[: self.rng.randint(0, len(adrift))]:
                self.broker.append(record)

    def cut(self) -> None:
        """A connection to the database is cut."""
        if self.processes:
            self.rng.choice(self.processes).store.broken = True

    def back_up(self) -> None:
        """A backup of one database."""
        deployment = self.rng.choice(DEPLOYMENTS)
        self.backups[deployment].append(self.databases[deployment].snapshot())

    def restore(self) -> None:
        """One database goes back to a backup."""
        deployment = self.rng.choice(DEPLOYMENTS)
        if not self.backups[deployment]:
            return
        for process in self.of(deployment):
            self.kill(process)
        while self.broker.adrift:
            self.drift()
        chosen = self.rng.randrange(len(self.backups[deployment]))
        self.databases[deployment].restore(self.backups[deployment][chosen])
        # What was backed up later belongs to a history that is given up.
        del self.backups[deployment][chosen + 1 :]
        self.note("restored")
        self.start(deployment)

    def operate(self) -> None:
        """An operator replays too early, or rightly."""
        self.databases[self.rng.choice(DEPLOYMENTS)].ask("replay")

    def come_to_rest(self) -> str:
        """End all faults and run until nothing is left to do. Returns what does not rest."""
        self.calm, self.bugs.fixed = True, True
        for process in self.processes:
            process.paused, process.weather.fuse, process.store.broken = False, 0, False
        while self.broker.adrift:
            self.drift()
        for deployment, database in self.databases.items():
            for orphan in list(database.orphans):
                database.settle(orphan, commit=self.rng.random() < 0.5)
            if not self.of(deployment):
                self.start(deployment)
            self.rebalance(deployment)
        for round_ in range(MAX_ROUNDS):
            self.now_unix_ms += 250
            for process in list(self.processes):
                for _ in range(6):
                    if self.advance(process) is Phase.POLL and process.worker.phase is Phase.POLL:
                        break
            if self.rests():
                return ""
            if round_ % 20 == 19:
                for database in self.databases.values():
                    database.ask("replay")
        return f"no rest after {MAX_ROUNDS} rounds"

    def rests(self) -> bool:
        """Whether everything that was read is dealt with, sent, and no timer is left."""
        if any(p.log.pending or p.log.news is not None or not p.worker.flushed for p in self.processes):
            return False
        for deployment, database in self.databases.items():
            tables = database.tables
            if tables.timers or tables.parked or any(action for *_, action in tables.parked.values()):
                return False
            for topic in self.table.inputs(deployment):
                for lane, entries in enumerate(self.broker.topics[topic]):
                    known = tables.lanes.get(lane)
                    if (known.offsets.get(topic, 0) if known else 0) != len(entries):
                        return False
        return True

    def evidence(self, unrest: str) -> Evidence:
        """What the auditor is given."""
        chains: dict[tuple[str, str], str] = {}
        kept: list[tuple[str, str, str, str, bytes, int, bool]] = []
        parked = sum(len(database.tables.parked) for database in self.databases.values())
        for deployment, read in ((FRONT, cores.front_chain), (BACK, cores.back_chain)):
            for matter_id, (_, state, row) in self.databases[deployment].tables.aggregates.items():
                chains[deployment, matter_id] = read(state)
                ledger = Ledger.FromString(row)
                parked += sum(stream.parked for stream in ledger.received)
                kept += [
                    (
                        deployment, matter_id, o.principal, o.request_id, o.digest,
                        o.told_by.sequence, o.HasField("refused"),
                    )
                    for o in ledger.outcomes
                ]  # fmt: skip
        return Evidence(
            topics=self.broker.topics,
            events={FRONT: cores.FRONT_EVENTS, BACK: cores.BACK_EVENTS},
            tasks=cores.BACK_COMMANDS,
            dead_letters=(cores.FRONT_DEAD, cores.BACK_DEAD),
            handins=self.clients.handins,
            chains=chains,
            kept=kept,
            broken=self.clients.broken,
            troubled=frozenset(self.clients.troubled),
            parked=parked,
            unrest=unrest,
        )


def first_noticed(traffic: Traffic, seeds: range) -> tuple[int, list[str]] | None:
    """The first seed in which the auditor finds something, and what. What the service itself raises does not count."""
    for seed in seeds:
        with contextlib.suppress(Exception):
            problems = Simulation(seed, traffic).run()
            if problems:
                return seed, problems
    return None
