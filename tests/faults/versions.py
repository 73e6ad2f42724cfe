"""A rolling change of versions: services with a later contract beside those with today's, there and back again.

Rule 1: the later contract is made of today's protos with new fields and new types of events, compiled by the project's
own build step into a directory of its own, which stands first on the path of the processes that are to have it.
Rule 2: consumers are upgraded before producers. Where that was not obeyed, what an owner does not know waits in its
stream, told as a dead letter, until the owner is upgraded and an operator hands it on; observers pass over it.
Rule 3: what an earlier version does not know of a state or an event, it keeps.
"""

from __future__ import annotations

import functools
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.faults.auditor import Finding
from tests.faults.auditor.evidence import Entry
from tests.faults.auditor.topology import MATTER_EVENTS, SUBMISSIONS, TASK_COMMANDS, TASK_EVENTS
from tests.faults.harness import Fault, World
from tests.faults.newer import MARK
from tests.faults.stories import ITEMS, LARGE
from tests.live import DIVISIONS, LEVELS, NUMBERS
from tests.tail import poll

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand, Decision, ReleaseTask
from onematter.backbone.v1 import operations_service_pb2 as operations
from onematter.backbone.v1.operations_service_pb2_grpc import OperationsServiceStub
from onematter.common.v1.actor_pb2 import Actor, ActorRole

ROOT = Path(__file__).resolve().parents[2]
BUILD_SECONDS = 120
WAIT_SECONDS = 60.0
# Beyond all numbers of today's contract.
NUMBER = 900
_BUILD = "import sys, pathlib, hatch_build as h; h.PROTOS, h.OUT = map(pathlib.Path, sys.argv[1:]); h.compile_protos()"
_MEMBER = r"message %s \{.*?oneof event \{"
_EVENTS, _MATTER_EVENTS = "approval/v1/approval_events.proto", "intake/v1/intake_events.proto"
# File, what is found there, and what is put behind it.
CHANGES: tuple[tuple[str, str, str], ...] = (
    ("approval/v1/approval_commands.proto", r"message ReleaseTask \{", f"\n  string remark = {NUMBER};\n"),
    ("approval/v1/approval_state.proto", r"message TasksState \{", f"\n  repeated string remarks = {NUMBER};"),
    (_EVENTS, r"message TaskDecided \{", f"\n  string remark = {NUMBER};"),
    (_EVENTS, _MEMBER % "ApprovalEvent", f"\n    TaskRemarked task_remarked = {NUMBER};"),
    (_EVENTS, r"\n(?=message TaskReleased)", "message TaskRemarked {\n  string text = 1;\n}\n\n"),
    ("intake/v1/intake_state.proto", r"message MatterState \{", f"\n  repeated string remarks = {NUMBER};"),
    (_MATTER_EVENTS, _MEMBER % "MatterEvent", f"\n    MatterRemarked matter_remarked = {NUMBER};"),
    (
        _MATTER_EVENTS,
        r"\n(?=message MatterCompleted)",
        "message MatterRemarked {\n  string item_id = 1;\n  string text = 2;\n}\n\n",
    ),
)


@functools.cache
def newer_tree(directory: Path) -> Path:
    """Make the package `onematter` of the later version in `directory`: its contracts, and today's code."""
    protos, tree = directory / "protos", directory / "tree"
    shutil.copytree(ROOT / "protos", protos)
    for name, found, added in CHANGES:
        file = protos / "onematter" / name
        text, count = re.subn(found, lambda m, added=added: m[0] + added, file.read_text(), count=1, flags=re.DOTALL)
        assert count == 1, f"{name} has no {found}"
        file.write_text(text)
    _link(ROOT / "services" / "onematter", tree / "onematter")
    command = [sys.executable, "-c", _BUILD, str(protos), str(tree)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=BUILD_SECONDS, capture_output=True)
    return tree


def _link(source: Path, target: Path) -> None:
    """Today's package, but for what is generated."""
    target.mkdir(parents=True)
    for entry in source.iterdir():
        if entry.name in ("v1", "__pycache__"):
            continue
        if (entry / "v1").is_dir():
            _link(entry, target / entry.name)
        else:
            (target / entry.name).symlink_to(entry)


def newer(tree: Path, deployment: str) -> dict[str, Any]:
    """How the world starts a deployment in the later version."""
    module = f"onematter.{deployment.partition('-')[0]}"
    return {
        "environment": {"PYTHONPATH": f"{tree}:{ROOT}"},
        "argv": (sys.executable, "-m", "tests.faults.newer", module),
    }


class Rolling:
    """Approval of one level too early, then intake and approval of another side by side with themselves; and back."""

    name = "versions: later beside earlier"

    def __init__(self) -> None:
        # By matter, the level at which it was remarked upon.
        self._remarked: dict[str, str] = {}

    def strike(self, world: World, rng: random.Random) -> int:
        """Change versions while the load is on."""
        tree = newer_tree(world.directory / "newer")
        self._remarked.clear()
        early, level = rng.sample(LEVELS, 2)
        world.restart(f"approval-{early}", **newer(tree, f"approval-{early}"))
        waiting = self._remark(world, early)
        waits = _waits(world, waiting)

        # Until somebody remarks, the producers write nothing that needs the later consumers.
        with ThreadPoolExecutor(2) as pool:
            changed = ("intake", f"approval-{level}")
            list(pool.map(lambda name: _side_by_side(world, name, newer(tree, name)), changed))
        self._told_on(world, self._remark(world, level))

        _hand_on(world, waits)
        self._told_on(world, waiting)
        # Three restarts and two replicas that came and went.
        return 5

    def heal(self, world: World) -> None:
        """Producers go back before their consumer; then the matters come to their ends in today's version."""
        with ThreadPoolExecutor(len(LEVELS)) as pool:
            for names in ([f"approval-{level}" for level in LEVELS], ["intake"]):
                later = [name for name in names if "tests.faults.newer" in world.process(name).spec.argv]
                list(pool.map(world.restart, later))
        for matter_id in self._remarked:
            for level in LEVELS:
                command = _task(level, matter_id, f"{matter_id}-{level}-decided")
                command.decide_task.decision = Decision.DECISION_GRANT
                command.decide_task.opinion = "符合要求，准予。"
                world.clients.publish(TASK_COMMANDS[level], command)
            world.book.ends_as(matter_id, "MATTER_OUTCOME_GRANTED")

    def verify(self, world: World) -> Sequence[Finding]:
        """What the later version wrote into states is there still."""
        found: list[Finding] = []
        for matter_id, level in self._remarked.items():
            for deployment, text in (("intake", _text(matter_id)), (f"approval-{level}", _text(matter_id))):
                ((state,),) = world.rows(deployment, "SELECT state FROM aggregates WHERE matter_id = %s", (matter_id,))
                if text.encode() not in bytes(state):
                    found.append(Finding("lost", f"{deployment} {matter_id}", "forgot what it does not know"))
        marked = sum(
            MARK.encode() in entry.value for topic in TASK_EVENTS.values() for entry in world.watch.records[topic]
        )
        if not marked:
            found.append(Finding("wrong", "the round", "no event carries a field of the later version"))
        return found

    def _remark(self, world: World, level: str) -> Entry:
        """Have a task released with a remark; returns the event of the new type."""
        command = world.load.stories.hand_in(LARGE)
        matter_id = command.matter_id
        topic = TASK_EVENTS[level]
        world.book.later.update({(topic, matter_id), (MATTER_EVENTS, matter_id)})
        world.clients.publish(SUBMISSIONS, command)
        for one in LEVELS:
            _event(world, TASK_EVENTS[one], matter_id, "TaskOpened")
        claim = _task(level, matter_id, f"{matter_id}-claimed")
        claim.claim_task.SetInParent()
        world.clients.publish(TASK_COMMANDS[level], claim)
        _event(world, topic, matter_id, "TaskClaimed")
        release = _task(level, matter_id, f"{matter_id}-released")
        release.release_task.CopyFrom(ReleaseTask.FromString(_field(NUMBER, _text(matter_id))))
        world.clients.publish(TASK_COMMANDS[level], release)
        self._remarked[matter_id] = level
        return _event(world, topic, matter_id, "TaskRemarked")

    def _told_on(self, world: World, remarked: Entry) -> None:
        told = _event(world, MATTER_EVENTS, remarked.key, "MatterRemarked")
        assert _text(remarked.key).encode() in told.value, "the remark was lost on its way"


def _text(matter_id: str) -> str:
    return f"{MARK}, of {matter_id}"


def _field(number: int, text: str) -> bytes:
    """A field of a text, as a contract writes it that knows the field (the protobuf encoding)."""
    tag, content = number << 3 | 2, text.encode()
    assert 1 << 7 <= tag < 1 << 14
    assert len(content) < 1 << 7
    return bytes((tag & 0x7F | 0x80, tag >> 7, len(content))) + content


def _task(level: str, matter_id: str, request_id: str) -> ApprovalCommand:
    actor = Actor(
        principal=f"official-{level}", role=ActorRole.ACTOR_ROLE_OFFICIAL, level=NUMBERS[level],
        division=DIVISIONS[level], department="government_services",
    )  # fmt: skip
    return ApprovalCommand(request_id=request_id, matter_id=matter_id, item_id=ITEMS[level], actor=actor)


def _event(world: World, topic: str, matter_id: str, kind: str) -> Entry:
    """Wait for a matter's event of a type."""

    def found() -> Entry | None:
        return next(
            (one for one in world.watch.of(topic, matter_id) if one.headers["ce_type"].endswith(f".{kind}".encode())),
            None,
        )

    entry = poll(found, f"{kind} of {matter_id} on {topic}", WAIT_SECONDS)
    assert entry is not None
    return entry


def _waits(world: World, remarked: Entry) -> Entry:
    """Wait until intake, which does not know it, has parked it; it is told as a dead letter."""
    statement = 'SELECT reason FROM parked WHERE topic = %s AND lane = %s AND "offset" = %s'
    ((reason,),) = poll(
        lambda: world.rows("intake", statement, remarked.place), "what is not known waits", WAIT_SECONDS
    )
    assert reason.startswith("unknown type"), reason
    world.book.dead_expected.add(remarked.place)
    return remarked


def _side_by_side(world: World, deployment: str, later: Mapping[str, Any]) -> None:
    """Both versions share the lanes; then the earlier one leaves."""
    earlier = world.replica(deployment)
    world.restart(deployment, **later)
    for name in (deployment, earlier):
        poll(
            lambda name=name: world.metric(name, "onematter_lanes") > 0,
            f"{name} has a share of the lanes",
            WAIT_SECONDS,
        )
    world.remove(earlier)
    partitions = len(world.rows(deployment, "SELECT lane FROM lanes"))
    poll(lambda: world.metric(deployment, "onematter_lanes") >= partitions, f"{deployment} has all lanes", WAIT_SECONDS)


def _hand_on(world: World, waits: Entry) -> None:
    """What an operator does when the consumer is upgraded."""
    request = operations.ReplayDeadLetterRequest(
        request_id=f"replay {waits.key}", reason="the consumer knows it now",
        actor=Actor(principal="operator", role=ActorRole.ACTOR_ROLE_OPERATOR),
        record=operations.RecordPlace(topic=waits.topic, partition=waits.partition, offset=waits.offset),
    )  # fmt: skip
    OperationsServiceStub(world.clients.channel("intake")).ReplayDeadLetter(request, timeout=WAIT_SECONDS)


FAULTS: Sequence[Fault] = (Rolling(),)
