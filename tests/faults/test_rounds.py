"""A round that goes wrong: what went wrong first is told, the world is made whole and nobody goes on handing in."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from tests.faults.harness import NotHere
from tests.faults.rounds import Round, Together, play


class Ground:
    """As much of a world as a round asks for; what it is told to do wrong, it does."""

    def __init__(self, *wrong: str) -> None:
        self.done: list[str] = []
        self._wrong = wrong
        self.load: Any = SimpleNamespace(begin=lambda _: self._do("begin"), wait=lambda _: None, finish=self._finish)

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

    def audit(self) -> list[Any]:
        self._do("audit")
        return []

    def strike(self) -> None:
        self._do("strike")

    def heal(self) -> None:
        self._do("heal")


class Blow:
    """Strikes and heals as the ground does, or is not for this machine."""

    name = "blow"

    def __init__(self, not_here: bool = False) -> None:
        self._not_here = not_here

    def strike(self, world: Any, rng: Random) -> int:
        world.strike()
        if self._not_here:
            raise NotHere("no disk")
        return 1

    def heal(self, world: Any) -> None:
        world.heal()


def played(ground: Any, fault: Any = None) -> Round:
    return play(ground, fault or Blow(), 1, seed=1, matters=4)


def test_a_round_that_goes_well() -> None:
    ground = Ground()
    one = played(ground)
    assert (one.findings, one.blows, one.matters) == ([], 1, 7)
    assert ground.done == ["begin", "strike", "heal", "restore", "finish", "settle", "audit"]


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
    # The others are told behind it.
    assert all(f"{name} goes wrong" in finding.what for name in wrong)
    assert ground.done[-2:] == ["restore", "finish"]
    assert "heal" in ground.done


def test_what_a_machine_cannot_do_is_skipped_and_healed() -> None:
    ground = Ground()
    one = played(ground, Blow(not_here=True))
    assert (one.skipped, one.findings) == ("no disk", [])
    assert ground.done == ["begin", "strike", "heal", "restore", "finish", "settle", "audit"]


def test_what_failed_before_hides_behind_no_machine() -> None:
    assert played(Ground("heal"), Blow(not_here=True)).findings


def test_a_rest_that_does_not_come_is_pending() -> None:
    (finding,) = played(Ground("settle")).findings
    assert finding.kind == "pending"
