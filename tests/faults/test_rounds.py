"""A round that goes wrong: what went wrong first is told, the world is made whole and nobody goes on handing in."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from tests.faults.auditor import Finding
from tests.faults.harness import NotHere
from tests.faults.rounds import Round, Together, play
from tests.faults.table import Report


class Ground:
    """As much of a world as a round asks for; what it is told to do wrong, it does."""

    def __init__(self, *wrong: str, found: Sequence[Finding] = ()) -> None:
        self.done: list[str] = []
        self._wrong, self._found = wrong, found
        self.load: Any = SimpleNamespace(
            begin=lambda _: self._do("begin"), wait=lambda _: self._do("wait"), finish=self._finish
        )

    def _do(self, what: str) -> None:
        self.done.append(what)
        if what in self._wrong:
            raise AssertionError(f"{what} goes wrong")

    def _finish(self) -> int:
        self._do("finish")
        return 7

    def restore(self) -> None:
        self._do("restore")

    def settle(self, _: float) -> float:
        self._do("settle")
        return 1.0

    def audit(self) -> Sequence[Finding]:
        self._do("audit")
        return self._found

    def strike(self) -> None:
        self._do("strike")

    def heal(self) -> None:
        self._do("heal")


class Blow:
    """Strikes and heals as the ground does, or is not for this machine."""

    name = "blow"

    def __init__(self, not_here: bool = False, kills: bool = False, blows: int = 1) -> None:
        self.kills = kills
        self._not_here, self._blows = not_here, blows

    def strike(self, world: Any, rng: Random) -> int:
        world.strike()
        if self._not_here:
            raise NotHere("no disk")
        return self._blows

    def heal(self, world: Any) -> None:
        world.heal()


def played(ground: Any, fault: Any = None) -> Round:
    return play(ground, fault or Blow(), 1, seed=1, matters=4)


def test_a_round_that_goes_well() -> None:
    ground = Ground()
    one = played(ground)
    assert (one.findings, one.blows, one.kills, one.matters) == ([], 1, 0, 7)
    assert ground.done == ["begin", "wait", "strike", "heal", "restore", "finish", "settle", "audit"]


def test_kills_are_counted_among_the_blows() -> None:
    one = played(Ground(), Blow(kills=True, blows=3))
    assert (one.blows, one.kills) == (3, 3)
    together = Together([Blow(kills=True, blows=3), Blow(), Blow(kills=True, blows=2)])
    one = played(Ground(), together)
    assert (one.blows, one.kills) == (6, 5)
    # Each strike counts anew.
    assert played(Ground(), together).kills == 5


def test_what_is_left_out_of_several_counts_for_nothing() -> None:
    together = Together([Blow(not_here=True, kills=True), Blow(kills=True)])
    one = played(Ground(), together)
    assert (one.blows, one.kills, one.skipped, together.left_out) == (1, 1, "", {"blow": "no disk"})


def test_without_a_load_nothing_is_struck() -> None:
    ground = Ground("wait")
    (finding,) = played(ground).findings
    assert finding.what.startswith("AssertionError: wait goes wrong\n")
    assert ground.done == ["begin", "wait", "heal", "restore", "finish"]


@pytest.mark.parametrize(
    "wrong",
    [("strike",), ("heal",), ("restore",), ("finish",), ("strike", "heal", "restore", "finish"), ("heal", "finish")],
)
@pytest.mark.parametrize("fault", [Blow(), Together([Blow(), Blow()])], ids=["alone", "together"])
def test_whatever_goes_wrong_the_load_ends_and_the_first_is_told(wrong: tuple[str, ...], fault: Any) -> None:
    ground = Ground(*wrong)
    one = played(ground, fault)
    (finding,) = one.findings
    assert finding.kind == "pending"
    assert finding.what.startswith(f"AssertionError: {wrong[0]} goes wrong\n")
    # The others are told behind it, each once.
    assert all(finding.what.count(f"then AssertionError: {name} goes wrong") == 1 for name in wrong[1:])
    assert ground.done[-2:] == ["restore", "finish"]
    assert "heal" in ground.done


def test_what_a_machine_cannot_do_is_skipped_and_healed() -> None:
    ground = Ground()
    one = played(ground, Blow(not_here=True))
    assert (one.skipped, one.findings) == ("no disk", [])
    assert ground.done == ["begin", "wait", "strike", "heal", "restore", "finish", "settle", "audit"]


def test_what_failed_before_hides_behind_no_machine() -> None:
    assert played(Ground("heal"), Blow(not_here=True)).findings


def test_what_is_found_hides_behind_no_machine() -> None:
    lost = Finding("lost", "a matter", "it is gone")
    one = played(Ground(found=[lost]), Blow(not_here=True))
    assert (one.skipped, one.findings) == ("", [lost])
    assert Report(1, [one]).as_json()["faults"][0]["rounds"] == 1


def test_a_rest_that_does_not_come_is_pending() -> None:
    (finding,) = played(Ground("settle")).findings
    assert finding.kind == "pending"
