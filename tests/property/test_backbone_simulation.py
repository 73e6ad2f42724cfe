"""Two deployments under crashes, zombies, late deliveries and restores: at-least-once on the wire, once in effect.

Every seed is one run. The negative controls take one safeguard out each; the auditor must notice, or it proves nothing.
ONEMATTER_SIMULATION_SEEDS raises the number of seeds, ONEMATTER_SIMULATION_FIRST_SEED says where they begin.
"""

from __future__ import annotations

import hashlib
import os

import pytest
from tests.simulation import transcript
from tests.simulation.controls import CONTROLS
from tests.simulation.run import KINDS, Tally, report, run_one
from tests.simulation.scheduler import Simulation, first_noticed
from tests.simulation.traffic import DENSE, DENSE_BUGS, DENSE_RESTORES, FLOOD

SEEDS = int(os.environ.get("ONEMATTER_SIMULATION_SEEDS", "240"))
FIRST = int(os.environ.get("ONEMATTER_SIMULATION_FIRST_SEED", "0"))
CHUNKS = 10
SMALL = tuple(kind for kind in KINDS if kind is not FLOOD)
CONTROL_SEEDS = range(60)
FEWEST_RECORDS = 50


@pytest.mark.timeout(0 if SEEDS > 300 else 300)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_everything_happens_exactly_once(chunk: int) -> None:
    for seed in range(FIRST + chunk, FIRST + SEEDS, CHUNKS):
        simulation = Simulation(seed, SMALL[seed // CHUNKS % len(SMALL)])
        problems = simulation.run()
        assert not problems, f"seed {seed} of {simulation.traffic}: {problems}"
        assert simulation.broker.delivered >= FEWEST_RECORDS, f"seed {seed}: hardly anything happened"


def test_every_fault_occurs() -> None:
    happened: set[str] = set()
    for seed in range(6):
        for kind in (DENSE, DENSE_RESTORES, DENSE_BUGS):
            simulation = Simulation(seed, kind)
            simulation.run()
            happened |= simulation.happened.keys()
    crashes = {f"crash before {phase}" for phase in ("take", "poll", "execute", "commit", "send")}
    inside = {f"crash in {call}" for call in ("take", "begin", "write", "write_lanes", "commit", "send", "flush")}
    wanted = {
        "sends dropped", "sends arrived late", "sends given up, late", "acknowledgement lost", "the connection was cut",
        "copied on the wire", "request repeated", "request reused", "hand-in arrived late", "slow partition",
        "wrong key or partition", "rebalance without a reason", "paused", "zombie woke", "clock wrong from the start",
        "clock jumped", "database away", "the database is away", "log away", "the log is away", "unavailable in commit",
        "restored", "withheld", "withheld, came", "corrupted on the wire", "poison: undecodable", "poison: tombstone",
        "poison: malformed header", "poison: unknown type", "poison: undecodable event", "poison: a bug",
        "commit in flight, committed", "commit in flight, rolled back", "waited for a lane", "operator replays",
        "→ fenced", "→ gaps", "→ duplicates", "→ parked", "→ forwarded", "→ rerun", "→ restored",
    }  # fmt: skip
    missing = (crashes | inside | wanted) - happened
    assert not missing, sorted(missing)


def test_the_same_seed_makes_the_same_log() -> None:
    def digest() -> str:
        simulation = Simulation(7, DENSE_RESTORES)
        simulation.run()
        return hashlib.sha256(repr(simulation.broker.topics).encode()).hexdigest()

    assert digest() == digest()


def test_the_same_seed_makes_the_same_transcript_and_telling_changes_nothing() -> None:
    _, first = transcript.transcribe(7, DENSE_BUGS)
    _, second = transcript.transcribe(7, DENSE_BUGS)
    assert first.lines == second.lines
    simulation = Simulation(7, DENSE_BUGS)
    simulation.run()
    assert first.simulation is not None
    assert repr(first.simulation.broker.topics) == repr(simulation.broker.topics)


def test_a_failing_seed_is_kept_with_its_transcript(monkeypatch: pytest.MonkeyPatch) -> None:
    CONTROLS["dedupe"][0](monkeypatch)
    found = next(tally for tally in map(run_one, ((seed, DENSE) for seed in CONTROL_SEEDS)) if tally.failures)
    text = report(found.failures[0])
    assert f"seed {found.failures[0].seed} of dense" in text
    assert found.failures[0].problems[0] in text
    assert "execute: epochs 0:" in text


def test_a_tally_adds_up() -> None:
    whole = Tally()
    for seed in range(3):
        whole.add(run_one((seed, KINDS[0])))
    assert whole.schedules == len(whole.records) == 3
    assert sum(whole.by_kind[KINDS[0].name]) == sum(whole.records)


@pytest.mark.parametrize("control", CONTROLS)
def test_without_a_safeguard_the_auditor_notices(control: str, monkeypatch: pytest.MonkeyPatch) -> None:
    take_out, traffic = CONTROLS[control]
    take_out(monkeypatch)
    noticed = first_noticed(traffic, CONTROL_SEEDS)
    assert noticed, f"the auditor noticed nothing in {len(CONTROL_SEEDS)} seeds"
    print(f"noticed in seed {noticed[0]}: {noticed[1][:3]}")
