"""Every safeguard has its control, and every trap closes where it says; the product knows nothing of either."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.faults import build
from tests.faults.auditor import Finding, topology
from tests.faults.build import SAFEGUARDS, Plan, PlanWrong, Trap, parse
from tests.faults.controls import CONTROLS, ControlResult, Trial
from tests.faults.solo import Solo, ground
from tests.live import outside
from tests.simulation.broker import Broker, Produced
from tests.simulation.cores import FRONT, FRONT_EVENTS, SUBMISSIONS, front_aggregate, make_table
from tests.simulation.database import Database
from tests.simulation.memory import MemoryLog, MemoryStore
from tests.simulation.weather import Weather

from onematter.backbone import broker, ledger
from onematter.backbone.kafka import KafkaLog
from onematter.backbone.store import PostgresStore
from onematter.backbone.unit import UnitOfWork
from onematter.backbone.worker import Worker
from onematter.contracts import keys
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand

ROOT = Path(__file__).resolve().parents[2]
PATCHED = (broker, ledger, KafkaLog, PostgresStore, UnitOfWork, Worker, MemoryStore)


def test_every_safeguard_has_a_control() -> None:
    assert CONTROLS.keys() == SAFEGUARDS.keys()


def test_a_control_that_fails_for_another_reason_or_with_its_safeguard_is_no_proof() -> None:
    control = CONTROLS["outbox"]
    lost, pending = Trial([Finding("lost", "here", "it")]), Trial([Finding("pending", "here", "it")])
    assert ControlResult(control, lost, Trial()).failed
    for without, with_it in (
        (Trial(), Trial()),
        (pending, Trial()),
        (lost, pending),
        (Trial(lost.findings, "half of it"), Trial()),
        (lost, Trial(broken="half of it")),
    ):
        assert not ControlResult(control, without, with_it).failed


def test_the_auditor_forgets_the_deployments_of_the_controls(tmp_path: Path) -> None:
    tables = (topology.TASK_EVENTS, topology.TASK_COMMANDS, topology.WRITERS, topology.OWNERS, topology.INPUTS)
    before = [dict(table) for table in tables]
    with ground("127.0.0.1:9", "postgresql://127.0.0.1:9", tmp_path) as common:
        solo = Solo(common, "elsewhere")
        assert topology.INPUTS[solo.deployment] == (solo.commands,)
    assert [dict(table) for table in tables] == before


@pytest.fixture
def unpatched() -> Iterator[None]:
    """Everything that the test build patches, as it was."""
    before = [(owner, dict(vars(owner))) for owner in PATCHED]
    yield
    for owner, names in before:
        for name, value in names.items():
            if vars(owner)[name] is not value:
                setattr(owner, name, value)


class Gone(BaseException):
    """The process is killed here."""


@dataclass
class Died:
    """What the world sees of a process that closed its trap: rows and epochs, records, transactions left open."""

    matters: int
    epoch: int
    outbox: int
    written: int
    published: int
    sent_position: int
    passed: int


class Nobody:
    """Observes nothing."""

    def committed(self, step: object, records: int) -> None:
        """A step is committed."""

    def trouble(self, what: str) -> None:
        """A step was given up."""


def die_at(point: str, after: int) -> Died:
    """Run one deployment of the simulation on its memory log and store, until its trap closes."""

    def strike() -> None:
        raise Gone

    trap = Trap(point, strike, after)
    build.set_traps([trap], store=MemoryStore)
    table = make_table(1)
    broker, database, weather = Broker(table, lambda: 1_800_000_000_000), Database(), Weather()
    log, store = MemoryLog(broker, FRONT, weather), MemoryStore(database, weather)
    worker = Worker(
        UnitOfWork(front_aggregate(), FRONT, table), log, store, Nobody(), clock_unix_ms=broker.clock_unix_ms
    )
    log.news = frozenset({0})

    def work() -> None:
        for number in range(100):
            command = IntakeCommand(request_id=f"r{number}")
            command.actor.principal = "li"
            command.submit_matter.matter_code, command.submit_matter.division = "OM-1", "auto"
            key = keys.matter_id("li", command.request_id).encode()
            headers = outside(command.request_id)
            broker.append(Produced(SUBMISSIONS, 0, key, command.SerializeToString(), headers))
            worker.advance(0.0)

    with pytest.raises(Gone):
        work()
    tables, transaction = database.tables, store.transaction
    return Died(
        matters=len(tables.aggregates),
        epoch=tables.lanes[0].epoch,
        outbox=len(tables.outbox),
        written=0 if transaction is None else sum(table == "outbox" for table, _ in transaction.writes),
        published=len(broker.topics[FRONT_EVENTS][0]),
        sent_position=tables.lanes[0].sent_position,
        passed=trap.passed,
    )


@pytest.mark.usefixtures("unpatched")
def test_taking_dies_when_the_epochs_are_raised() -> None:
    died = die_at("taking", 0)
    assert (died.epoch, died.matters, died.published) == (1, 0, 0)


@pytest.mark.usefixtures("unpatched")
def test_before_begin_dies_with_nothing_outside_of_the_process() -> None:
    died = die_at("before_begin", 0)
    assert (died.matters, died.outbox, died.written, died.published) == (0, 0, 0, 0)


@pytest.mark.usefixtures("unpatched")
def test_before_commit_dies_with_the_transaction_written() -> None:
    died = die_at("before_commit", 0)
    assert (died.matters, died.outbox, died.published) == (0, 0, 0)
    assert died.written


@pytest.mark.usefixtures("unpatched")
def test_after_commit_dies_with_nothing_produced() -> None:
    died = die_at("after_commit", 0)
    assert died.matters
    assert died.outbox
    assert (died.written, died.published) == (0, 0)


@pytest.mark.usefixtures("unpatched")
def test_after_produce_dies_with_the_mark_where_it_was() -> None:
    died = die_at("after_produce", 0)
    assert died.matters
    assert died.outbox
    assert died.published
    assert died.sent_position == 0


@pytest.mark.usefixtures("unpatched")
@pytest.mark.parametrize("after", [1, 3])
def test_as_many_boundaries_as_asked_for_pass_whole(after: int) -> None:
    died = die_at("after_commit", after)
    assert died.passed == after + 1
    assert died.published


def test_a_trap_that_closed_once_does_not_close_again(tmp_path: Path) -> None:
    struck: list[int] = []
    once = tmp_path / "once"

    def reach() -> None:
        trap = Trap("taking", lambda: struck.append(1), 1, once)
        for point in ("taking", "after_commit", "taking", "taking"):
            trap.reach(point)

    reach()
    assert (len(struck), once.exists()) == (1, True)
    reach()
    assert len(struck) == 1


def test_a_process_really_dies_by_kill_9_and_stops_by_sigstop() -> None:
    script = "from tests.faults.build import parse; import sys; parse(sys.argv[1]).traps[0].reach('after_commit')"

    def run(what: str) -> subprocess.Popen[bytes]:
        plan = json.dumps({what: {"point": "after_commit"}})
        return subprocess.Popen([sys.executable, "-c", script, plan], env={**os.environ, **build.environment({})})

    with run("die_at") as dying:
        assert dying.wait(30) == -signal.SIGKILL
    with run("stop_at") as stopping:
        _, status = os.waitpid(stopping.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        stopping.kill()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "no JSON"),
        ("[]", "object"),
        ('{"with": []}', "unknown"),
        ('{"without": ["brakes"]}', "unknown safeguards"),
        ('{"die_at": {"point": "lunch"}}', "the point is one of"),
    ],
)
def test_a_plan_that_asks_for_what_there_is_not_is_refused(text: str, what: str) -> None:
    with pytest.raises(PlanWrong, match=what):
        parse(text)


def test_without_a_plan_nothing_is_changed() -> None:
    before = [dict(vars(owner)) for owner in PATCHED]
    build.change(parse(""))
    assert [dict(vars(owner)) for owner in PATCHED] == before
    assert parse("") == Plan()


@pytest.mark.usefixtures("unpatched")
@pytest.mark.parametrize("name", sorted(SAFEGUARDS))
def test_each_safeguard_that_is_taken_out_changes_the_product(name: str) -> None:
    before = [dict(vars(owner)) for owner in PATCHED]
    build.change(Plan(without=(name,)))
    assert [dict(vars(owner)) for owner in PATCHED] != before


def test_a_safeguard_that_moved_is_not_taken_out_in_silence() -> None:
    with pytest.raises(PlanWrong, match="brought up to date"):
        build.wrap(Worker, "_moved_elsewhere", lambda original: original)


def test_the_product_has_no_switch_and_knows_no_tests() -> None:
    """What is shipped is services/onematter (pyproject) and what the Dockerfile copies; neither names tests."""
    for file in (ROOT / "services" / "onematter").rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert build.VARIABLE not in text, file
        for node in ast.walk(ast.parse(text)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.split(".")[0] == "tests"], file


def test_neither_wheel_nor_image_takes_the_tests_in() -> None:
    targets = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
    assert targets["wheel"]["packages"] == ["services/onematter"]
    assert "tests" not in " ".join(targets["sdist"]["include"])
    copied = [line.split() for line in (ROOT / "deploy/Dockerfile").read_text().splitlines() if line.startswith("COPY")]
    assert copied
    for words in copied:
        assert not {word.strip("/").split("/")[0] for word in words[1:-1]} & {"tests", "."}, words
