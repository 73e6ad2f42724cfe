"""Two deployments in a row, the front and the back of cores.py, and their clients: small and fast, so that most
schedules are theirs."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from tests.simulation import cores
from tests.simulation.auditor import Evidence, audit, common_evidence
from tests.simulation.clients import Clients
from tests.simulation.cores import BACK, FRONT, Bugs
from tests.simulation.traffic import Traffic

from onematter.backbone.service import Aggregate

if TYPE_CHECKING:
    from tests.simulation.scheduler import Simulation

_table = cache(cores.make_table)


class Two:
    """See the Play protocol."""

    def __init__(self, traffic: Traffic) -> None:
        self.traffic, self.bugs = traffic, Bugs()
        self.table = _table(traffic.partitions)
        self.aggregates: dict[str, Aggregate[Any, Any, Any]] = {
            FRONT: cores.front_aggregate(self.bugs), BACK: cores.back_aggregate(self.bugs)
        }  # fmt: skip

    def enter(self, simulation: Simulation) -> None:
        """Clients come."""
        self.simulation = simulation
        self.senders = Clients(simulation.dice, simulation.broker, self.traffic, simulation.note)
        self.act = self.senders.act

    def fix(self) -> None:
        """The bugs are fixed."""
        self.bugs.fixed = True

    def finish(self) -> bool:
        """Timers decide what nobody decides."""
        return False

    def audit(self, unrest: str) -> list[str]:
        """See the auditor."""
        return audit(self.evidence(unrest))

    def evidence(self, unrest: str) -> Evidence:
        """What the auditor is given."""
        evidence = common_evidence(self.simulation, unrest)
        evidence.events = {FRONT: cores.FRONT_EVENTS, BACK: cores.BACK_EVENTS}
        evidence.tasks = cores.BACK_COMMANDS
        evidence.dead_letters = (cores.FRONT_DEAD, cores.BACK_DEAD)
        for deployment, read in ((FRONT, cores.front_chain), (BACK, cores.back_chain)):
            for matter_id, (_, state, _) in self.simulation.databases[deployment].tables.aggregates.items():
                evidence.chains[deployment, matter_id] = read(state)
        return evidence
