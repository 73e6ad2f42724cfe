"""What goes wrong in a schedule. Each method is one action of the scheduler, and notes what it did."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.simulation.processes import MAX_SKEW_MS, Process

from onematter.backbone.v1.operations_service_pb2 import OperationKind

if TYPE_CHECKING:
    from tests.simulation.scheduler import Simulation

MAX_PROCESSES = 3
FUSE_CALLS = 12


class Faults:
    """Of one simulation."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation, self.dice, self.note = simulation, simulation.dice, simulation.note

    def weights(self) -> dict[Callable[[], None], float]:
        """How often each, against the scheduler's own actions."""
        traffic = self.simulation.traffic
        rough, wire, skew = traffic.faults, traffic.wire, traffic.skew
        return {
            self.crash: 0.7 * rough,
            self.light_fuse: 2.5 * rough,
            self.start_one: 4 * rough,
            self.rebalance_one: 3 * rough,
            self.pause: 1.5 * rough,
            self.resume: 3 * rough,
            self.settle: 3 * rough,
            self.drift: 3 * rough,
            self.cut: 0.5 * rough,
            self.jump: skew,
            self.copy: 2 * wire,
            self.gap: wire,
            self.release: 0.8 * wire,
            self.corrupt: 0.0 if traffic.bugs else 0.2 * wire,
            self.slow_down: wire,
            self.land: 3.0 if traffic.late_chance else 0.0,
            self.log_away: 0.5 * traffic.outages,
            self.database_away: 0.5 * traffic.outages,
            self.mend: 4 * max(wire, traffic.outages),
            self.back_up: 0.8 if traffic.restores else 0.0,
            self.restore: traffic.restores,
            self.operate: 0.5 if traffic.bugs or traffic.parks or wire else 0.0,
        }

    def _victim(self) -> Process | None:
        """Some process, rather one in the middle of a step."""
        processes = self.simulation.processes
        busy = [p for p in processes if p.is_busy()]
        among = busy if busy and self.dice.chance(0.6) else processes
        return self.dice.pick(among) if among else None

    def _some_deployment(self) -> str:
        return self.dice.pick(self.simulation.deployments)

    def crash(self) -> None:
        """A process dies between two phases."""
        process = self._victim()
        if process is not None:
            self.note(f"crash before {process.worker.phase.value}", process)
            self.simulation.kill(process)

    def light_fuse(self) -> None:
        """A process will die at one of its next calls."""
        process = self._victim()
        if process is not None:
            process.weather.fuse = 1 + self.dice.below(FUSE_CALLS)

    def start_one(self) -> None:
        """A process is started where there are fewer than three."""
        deployment = self._some_deployment()
        if len(self.simulation.of(deployment)) < MAX_PROCESSES:
            self.simulation.start(deployment)

    def rebalance_one(self) -> None:
        """A rebalance without a reason."""
        self.note("rebalance without a reason")
        self.simulation.rebalance(self._some_deployment())

    def pause(self) -> None:
        """SIGSTOP; the group thinks the process dead."""
        process = self._victim()
        if process is not None:
            process.paused = True
            self.note("paused", process)
            if self.dice.chance(0.7):
                self.simulation.rebalance(process.deployment)

    def resume(self) -> None:
        """SIGCONT."""
        paused = [p for p in self.simulation.processes if p.paused]
        if paused:
            process = self.dice.pick(paused)
            process.paused = False
            self.note("zombie woke" if process.is_zombie() else "resumed", process)

    def settle(self) -> None:
        """The database learns that a connection is lost; a commit in flight may have reached it."""
        database = self.simulation.databases[self._some_deployment()]
        if database.orphans:
            orphan = self.dice.pick(database.orphans)
            commit = self.dice.chance(0.5)
            if orphan.may_commit:
                self.note("commit in flight, committed" if commit else "commit in flight, rolled back")
            else:
                self.note("rolled back")
            database.settle(orphan, commit=commit)

    def drift(self) -> None:
        """What was sent arrives: of a process that lives a part, of one that is gone a prefix, at last."""
        simulation = self.simulation
        process = self.dice.pick(simulation.processes) if simulation.processes else None
        if process is not None and not process.paused and not simulation.broker.away and self.dice.chance(0.3):
            process.log.deliver(self.dice.upto(len(process.log.pending)))
        if simulation.broker.adrift:
            adrift = simulation.broker.adrift.pop(self.dice.below(len(simulation.broker.adrift)))
            arrives = self.dice.upto(len(adrift))
            self.note("sends arrived late" if arrives else "sends dropped")
            for record in adrift[:arrives]:
                simulation.broker.append(record)

    def cut(self) -> None:
        """A connection to the database is cut."""
        if self.simulation.processes:
            self.dice.pick(self.simulation.processes).store.broken = True

    def jump(self) -> None:
        """A process's clock jumps, to what may be an hour off."""
        if self.simulation.processes:
            process = self.dice.pick(self.simulation.processes)
            process.weather.skew_ms = self.skew()
            self.note("clock jumped", process)

    def skew(self) -> int:
        """How wrong a clock is, in milliseconds."""
        return self.dice.upto(2 * MAX_SKEW_MS) - MAX_SKEW_MS

    def copy(self) -> None:
        """Records come again."""
        self.simulation.broker.copy()

    def gap(self) -> None:
        """A record in a stream comes late."""
        self.simulation.broker.withhold_next()

    def release(self) -> None:
        """One that was withheld comes."""
        self.simulation.broker.release()

    def corrupt(self) -> None:
        """A broken record takes the place of one in a stream, which then comes too."""
        self.simulation.broker.break_next()

    def slow_down(self) -> None:
        """From one partition nothing can be fetched for a while."""
        self.simulation.broker.slow_down()

    def land(self) -> None:
        """A hand-in arrives late."""
        self.simulation.play.senders.land()

    def log_away(self) -> None:
        """Nobody reaches the log."""
        self.note("log away")
        self.simulation.broker.away = True

    def database_away(self) -> None:
        """Nobody reaches one of the databases."""
        self.note("database away")
        self.simulation.databases[self._some_deployment()].away = True

    def mend(self) -> None:
        """What is away is back, and all partitions are fast."""
        self.simulation.broker.away = False
        self.simulation.broker.slow.clear()
        for database in self.simulation.databases.values():
            database.away = False

    def back_up(self) -> None:
        """A backup of one database."""
        deployment = self._some_deployment()
        self.simulation.backups[deployment].append(self.simulation.databases[deployment].snapshot())

    def restore(self) -> None:
        """One database goes back to a backup."""
        simulation, deployment = self.simulation, self._some_deployment()
        backups = simulation.backups[deployment]
        if not backups:
            return
        for process in simulation.of(deployment):
            simulation.kill(process)
        while simulation.broker.adrift:
            self.drift()
        chosen = self.dice.below(len(backups))
        simulation.databases[deployment].restore(backups[chosen])
        # What was backed up later belongs to a history that is given up.
        del backups[chosen + 1 :]
        self.note("restored")
        simulation.start(deployment)

    def operate(self) -> None:
        """An operator replays too early, rightly, or what is not the first of its stream."""
        database = self.simulation.databases[self._some_deployment()]
        if database.tables.parked and self.dice.chance(0.7):
            self.note("operator replays one")
            database.operate(OperationKind.OPERATION_KIND_REPLAY, self.dice.pick(sorted(database.tables.parked)))
        else:
            self.note("operator replays")
            database.ask("replay")
