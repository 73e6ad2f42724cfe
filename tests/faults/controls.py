"""The negative controls: each safeguard taken out in turn, in a scenario that cannot do without it.

Rule 1: a scenario is certain. It is made of what each process does at a known place in its loop, never of luck.
Rule 2: with the safeguard the auditor must be content, so that the scenario itself is no fault; without it, and with
nothing else changed, it must find something of the kind that is expected.
Rule 3: the product has no switch: what is out is out in the test build alone (`build`).
"""

from __future__ import annotations

import signal
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions, NewTopic
from tests.faults.auditor import Finding
from tests.faults.solo import Solo, ground

from onematter.backbone.clock import write_offset

# Beyond every period of a task.
MONTHS_MS = 120 * 86_400_000
GIVEN_UP = "onematter_steps_given_up_total"
AT_ONCE = 5

Without = Sequence[str]
Scenario = Callable[[Solo, Without], None]


def zombie(solo: Solo, without: Without) -> None:
    """A process whose clock is ahead has a deadline's warning in hand when it is stopped; another takes the lane and
    records a decision in that place; then the first one wakes."""
    clock = solo.directory / "clock"
    plan = {"without": without, "stop_at": {"point": "before_begin", "after": 1}}
    first = solo.start(plan, environment={"ONEMATTER_TEST_CLOCK": str(clock)})
    matter_id = solo.new_matter()
    solo.open_task(matter_id)
    solo.wait(lambda: solo.contents(matter_id), "the task is open", first)
    write_offset(clock, MONTHS_MS)
    solo.wait(lambda: solo.is_stopped(first), "the first process is stopped", first)
    second = solo.start({"without": without})
    # Two steps, so that the outbox's row with the number that the first process would give is gone.
    for _ in range(2):
        solo.wait_told(solo.decide(matter_id), second)
    told = solo.contents(matter_id)
    first.signal(signal.SIGCONT)
    solo.wait(
        lambda: solo.counted(first, GIVEN_UP, reason="fenced") or solo.contents(matter_id) > told,
        "the zombie has acted",
        first,
    )


def death(solo: Solo, without: Without) -> None:
    """A process is killed when a decision is committed and not produced; another goes on."""
    died = solo.directory / "died"
    plan = {"without": without, "die_at": {"point": "after_commit", "after": 1, "once": str(died)}}
    first = solo.start(plan)
    matter_id = solo.new_matter()
    solo.open_task(matter_id)
    solo.wait(lambda: solo.contents(matter_id), "the task is open", first)
    solo.decide(matter_id)
    solo.wait(lambda: not first.alive(), "the first process is dead")
    assert died.exists(), f"it died elsewhere: {first.died()}"
    second = solo.start(plan)
    solo.wait_told(solo.decide(matter_id), second)


def repetition(solo: Solo, without: Without) -> None:
    """Records of a stream come again, byte for byte the same; of another stream, one is missing."""
    process = solo.start({"without": without})
    matter_id, other = solo.new_matter(), solo.new_matter()
    opening = solo.open_task(matter_id)
    supplied, _ = solo.supply(matter_id, "form")
    for sequence, value in enumerate((opening, supplied), 1):
        solo.ask(matter_id, value, sequence=sequence)
    solo.open_task(other)
    _, place = solo.supply(other, "form", sequence=3)
    solo.book.parked(*place)
    solo.wait_told(solo.decide(matter_id), process)


def second_request(solo: Solo, without: Without) -> None:
    """A department's system sends its decision twice, as it must when it had no answer."""
    process = solo.start({"without": without})
    matter_id = solo.new_matter()
    solo.open_task(matter_id)
    decision = solo.decide(matter_id)
    solo.tell(decision)
    solo.wait_told(solo.decide(matter_id), process)


def poison(solo: Solo, without: Without) -> None:
    """The first record of a stream cannot be read; an operator gives it up, and what is behind it must go on."""
    process = solo.start({"without": without})
    matter_id, other = solo.new_matter(), solo.new_matter()
    place = solo.ask(matter_id, b"\xff" * 16)
    solo.book.dead_expected.add(place)
    solo.open_task(matter_id)
    solo.wait_told(solo.decide(other), process)
    solo.drop(process, place)
    solo.wait_told(solo.decide(other), process)


def misshaped(solo: Solo, without: Without) -> None:
    """A topic was made with too few partitions. Who is told puts that right before anybody writes to it."""
    admin = AdminClient({"bootstrap.servers": solo.ground.servers})
    process = solo.start({"without": without}, ready=False)
    solo.wait(lambda: not process.alive() or solo.is_ready(process), "the process is ready, or has ended")
    if not process.alive():
        for future in admin.create_partitions([NewPartitions(solo.commands, solo.partitions)]).values():
            future.result()
        process = solo.start({"without": without})
    solo.decide(solo.new_matter(lane=1))
    solo.wait(lambda: solo.taken_in() or not process.alive(), "the command is taken in")


def make_too_small(solo: Solo) -> None:
    """Make the commands topic with one partition."""
    admin = AdminClient({"bootstrap.servers": solo.ground.servers})
    solo.made.add(solo.commands)
    new = NewTopic(solo.commands, 1, 1, config=dict(solo.table.config))
    for future in admin.create_topics([new]).values():
        future.result()


@dataclass(frozen=True)
class Control:
    """A safeguard, what taking it out means, the scenario that needs it, and the kinds of what must be found."""

    name: str
    out: str
    scenario: Scenario
    expected: frozenset[str]


CONTROLS: Mapping[str, Control] = {
    control.name: control
    for control in (
        Control("lane_epoch", "a transaction does not ask whose its lanes are", zombie, frozenset({"twice"})),
        Control("commit_order", "a step is produced before it is committed", zombie, frozenset({"twice"})),
        Control("outbox", "what a step sends is not kept in its transaction", death, frozenset({"lost"})),
        Control("sent_mark", "what is committed counts as sent", death, frozenset({"lost"})),
        Control("co_partition_check", "topics of any shape are taken", misshaped, frozenset({"lost"})),
        Control("parking", "a record that cannot be read is passed over", poison, frozenset({"lost"})),
        Control("stream_sequence", "duplicates and gaps are not looked for", repetition, frozenset({"twice", "wrong"})),
        Control("kept_outcomes", "a request that comes again is judged again", second_request, frozenset({"twice"})),
    )
}


@dataclass(frozen=True)
class Trial:
    """A scenario that was played, and what the auditor said of it. `broken`: why it could not be played to its end."""

    findings: Sequence[Finding] = ()
    broken: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class ControlResult:
    """What came of a scenario without the safeguard and with it."""

    control: Control
    without: Trial
    with_it: Trial

    @property
    def failed(self) -> bool:
        """Whether it failed as it should: without the safeguard, for the expected reason, and only then."""
        if self.without.broken or self.with_it.broken or self.with_it.findings:
            return False
        return self.control.expected <= {finding.kind for finding in self.without.findings}

    @property
    def told(self) -> str:
        """One line about it."""
        found = self.without.broken or "; ".join(map(str, self.without.findings[:2])) or "nothing is found"
        line = f"without {self.control.name} ({self.control.out}): {found}"
        instead = self.with_it.broken or "; ".join(map(str, self.with_it.findings[:5]))
        return f"{line}; yet with it: {instead}" if instead else line


def run_all(
    servers: str, database_url: str, directory: Path, names: Sequence[str] = tuple(CONTROLS)
) -> dict[str, ControlResult]:
    """Run controls side by side, each without its safeguard and with it."""
    token = uuid.uuid4().hex[:6]
    with ground(servers, database_url, directory) as common:
        pairs: dict[str, list[tuple[Solo, Without]]] = {}
        for name in names:
            shape = {"partitions": 2, "second_input": True} if CONTROLS[name].scenario is misshaped else {}
            pairs[name] = [
                (Solo(common, f"{token}-{name.replace('_', '-')}-{word}", **shape), without)
                for word, without in (("out", (name,)), ("in", ()))
            ]
        solos = [solo for pair in pairs.values() for solo, _ in pair]
        for solo in solos:
            if solo.partitions > 1:
                make_too_small(solo)
        common.provision(solos)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            judged = {
                name: [pool.submit(_judge, CONTROLS[name], solo, without) for solo, without in pair]
                for name, pair in pairs.items()
            }
            return {name: ControlResult(CONTROLS[name], *(one.result() for one in two)) for name, two in judged.items()}


def run(name: str, servers: str, database_url: str, directory: Path) -> ControlResult:
    """Run one control."""
    return run_all(servers, database_url, directory, (name,))[name]


def _judge(control: Control, solo: Solo, without: Without) -> Trial:
    began = time.monotonic()
    try:
        solo.follow()
        control.scenario(solo, without)
        solo.stop()
        return Trial(solo.audit(), seconds=time.monotonic() - began)
    except Exception as error:
        # One that cannot be played must not hide what came of the others.
        return Trial(broken=f"{type(error).__name__}: {error}", seconds=time.monotonic() - began)
    finally:
        solo.close()
