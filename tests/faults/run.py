"""`python -m tests.faults.run`: faults under load, one after the other on one stack, each judged by the auditor.

    make faults SEED=7 ROUNDS=40
    python -m tests.faults.run --seed 7 --minutes 3 --faults zombie,broker

Rule 1: the seed says which stories the load tells, whom each fault strikes and when it may; how it all crosses is the
machine's. A round that fails prints the seed and what was found, and keeps the stack's directory.
Rule 2: the first round that fails ends the run: what it broke would be found again by every later one.
Rule 3: at the end all topics are read again from offset 0, and all is judged once more.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.faults import catalogue, kills
from tests.faults.harness import FINDINGS, Fault, World, open_world
from tests.faults.rounds import Round, play
from tests.faults.table import Report

OUT = Path("build/faults.json")
# A story is about one matter.
MATTERS = 150
SHOWN = 30
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Play, print and write; returns 1 on any finding and when a safeguard's absence goes unseen, 130 on SIGINT."""
    options = _options(arguments)
    # kafka-python leaves sockets of refused connections to the collector.
    warnings.simplefilter("ignore", ResourceWarning)
    faults: Sequence[Fault] = options.faults
    directory = Path(tempfile.mkdtemp(prefix="onematter-faults-"))
    report = Report(options.seed, boundaries=kills.BOUNDARIES)
    began = time.monotonic()
    _say(f"seed {options.seed}, {len(faults)} faults, about {options.matters} matters a round, in {directory}")
    interrupted = False
    try:
        with open_world(directory, seed=options.seed) as world:
            _say(f"the stack is up after {time.monotonic() - began:.0f} s")
            _play(world, faults, options, report, began)
    except KeyboardInterrupt:
        interrupted = True
        _say("interrupted; until then:")
    report.seconds = time.monotonic() - began
    report.save(options.out)
    _say("")
    _say(report.table())
    for name, failed in report.negative_controls.items():
        _say(f"without {name}: {'the audit fails, as it must' if failed else 'THE AUDIT DID NOT FAIL'}")
    summary = report.as_json()
    _say(
        f"{summary['rounds']} rounds, {summary['kills']} kills, {summary['matters']} matters: {summary['lost']} lost, "
        f"{summary['twice']} twice; seed {options.seed}, {report.seconds:.0f} s; {options.out}"
    )
    if report.failed:
        _say(f"kept: {directory}")
        return 1
    shutil.rmtree(directory, ignore_errors=True)
    return INTERRUPTED if interrupted else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.run", description="faults under load")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=0, help="so many rounds; 0: as many as the minutes allow")
    parser.add_argument("--minutes", type=float, default=10, help="begin no round after this; without --rounds")
    parser.add_argument("--matters", type=int, default=MATTERS, help="stories a round")
    parser.add_argument(
        "--faults", default="", type=_faults, help="the beginnings of names, with commas; all without it"
    )
    parser.add_argument("--controls", action=argparse.BooleanOptionalAction, default=True, help="negative controls too")
    parser.add_argument("--out", type=Path, default=OUT)
    return parser.parse_args(arguments)


def _faults(text: str) -> Sequence[Fault]:
    try:
        return catalogue.named([name.strip() for name in text.split(",") if name.strip()])
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _play(world: World, faults: Sequence[Fault], options: argparse.Namespace, report: Report, began: float) -> None:
    """Play the rounds, judge all once more, and play the negative controls; into the report."""
    for played in _rounds(world, faults, options, began):
        report.rounds.append(played)
        report.seconds = time.monotonic() - began
        # Whoever ends it early has what was played so far.
        report.save(options.out)
        _tell(played)
        if played.findings:
            _keep(world, played, options.seed)
            return
    report.last = world.audit(fresh=True)
    for finding in report.last[:SHOWN]:
        _say(f"the last audit: {finding}")
    if options.controls and not report.failed:
        report.negative_controls = _controls(world)


def _rounds(world: World, faults: Sequence[Fault], options: argparse.Namespace, began: float) -> Iterator[Round]:
    number = 0
    skipped: set[str] = set()
    while len(skipped) < len(faults):
        fault = faults[number % len(faults)]
        if options.rounds and number >= options.rounds:
            return
        if not options.rounds and time.monotonic() - began > 60 * options.minutes:
            return
        number += 1
        if fault.name in skipped:
            continue
        played = play(world, fault, number, seed=options.seed, matters=options.matters)
        if played.skipped:
            skipped.add(fault.name)
        yield played


def _tell(played: Round) -> None:
    if played.skipped:
        _say(f"{played.number:4} {played.fault}: not here: {played.skipped}")
        return
    judged = f"{len(played.findings)} FINDINGS" if played.findings else "nothing lost, nothing twice"
    _say(
        f"{played.number:4} {played.fault}: {played.matters} matters, {played.blows} blows, at rest after "
        f"{played.recovery_seconds:.1f} s, {judged} ({played.seconds:.0f} s)"
    )


def _keep(world: World, played: Round, seed: int) -> None:
    """Say what was found, and write the book down beside the logs."""
    _say(f"seed {seed}, round {played.number}, {played.fault}:")
    for finding in played.findings[:SHOWN]:
        _say(f"     {finding}")
    if len(played.findings) > SHOWN:
        _say(f"     and {len(played.findings) - SHOWN} more")
    world.book.save(world.directory / "book.jsonl")
    (world.directory / FINDINGS).write_text("\n".join(map(str, played.findings)) + "\n")


def _controls(world: World) -> dict[str, bool]:
    from tests.faults import controls

    _say("negative controls: each safeguard taken out once")
    results = controls.run_all(world.servers, world.database_url, world.directory / "controls")
    for name, result in results.items():
        _say(f"     {name}: {result.told}")
    return {name: result.failed for name, result in results.items()}


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
