"""The processes of a schedule, and the weather around the calls that each makes to its log and its store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.simulation.memory import MemoryLog, MemoryStore
from tests.simulation.weather import Crashed, Weather

from onematter.backbone.ports import Unavailable
from onematter.backbone.worker import Phase, Worker

if TYPE_CHECKING:
    from tests.simulation.scheduler import Simulation

COMMIT_IS_WORSE = 8
GOES_WELL = 2**62
MAX_SKEW_MS = 3_600_000


class Gusts(Weather):
    """The weather of one process, and its clock, which may be wrong."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation, self.dice = simulation, simulation.dice
        self.fuse = 0
        self.skew_ms = 0
        self._goes_well = GOES_WELL if simulation.calm else self.dice.tries(simulation.traffic.unavailable_chance)

    def now_unix_ms(self) -> int:
        """What the process thinks the time is."""
        return self.simulation.now_unix_ms + self.skew_ms

    def clears_up(self) -> None:
        """All trouble ends."""
        self.fuse, self.skew_ms, self._goes_well = 0, 0, GOES_WELL

    def _burn(self, call: str) -> None:
        self.fuse -= 1
        if not self.fuse:
            raise Crashed(call)

    def before(self, call: str) -> None:
        if self.fuse:
            self._burn(call)
        self._goes_well -= COMMIT_IS_WORSE if call == "commit" else 1
        if self._goes_well < 0:
            self._goes_well = self.dice.tries(self.simulation.traffic.unavailable_chance)
            raise Unavailable(f"unavailable in {call}")

    def after(self, call: str) -> None:
        if self.fuse:
            self._burn(call)

    def shuffle(self, things: list[Any]) -> None:
        self.dice.shuffle(things)

    def portion(self, available: int) -> int:
        return available if self.simulation.calm or available <= 0 else self.dice.upto(available)

    def arrives(self, pending: int) -> int:
        return 0 if not self.simulation.calm and self.dice.random() < 0.6 else self.portion(pending)

    def learns(self) -> bool:
        return self.simulation.calm or self.dice.random() < 0.3

    def breaks(self) -> bool:
        return not self.simulation.calm and self.dice.random() < self.simulation.traffic.flush_fails_chance

    def gives_up(self, records: list[Any]) -> None:
        simulation = self.simulation
        if not records:
            simulation.note("acknowledgement lost")
        elif self.dice.random() < 0.5:
            simulation.note("sends dropped")
        else:
            simulation.note("sends given up, late")
            simulation.broker.adrift.append(records)


@dataclass(eq=False, slots=True)
class Process:
    """One process of a deployment."""

    name: str
    deployment: str
    worker: Worker[Any, Any, Any]
    log: MemoryLog
    store: MemoryStore
    weather: Gusts
    paused: bool = False

    def is_busy(self) -> bool:
        """Whether it is in the middle of a step."""
        return self.worker.phase in (Phase.EXECUTE, Phase.COMMIT, Phase.SEND)

    def is_zombie(self) -> bool:
        """Whether another process has taken one of its lanes and it doesn't know."""
        lanes = self.store.database.tables.lanes
        return any(lane in lanes and row.epoch != lanes[lane].epoch for lane, row in self.worker.lanes.items())
