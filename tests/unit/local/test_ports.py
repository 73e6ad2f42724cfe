"""Ports that are chosen: of one's own range, no one twice, the same ones again."""

from __future__ import annotations

from pathlib import Path

import pytest

from onematter.local.errors import LocalError
from onematter.local.ports import FIRST_PORT, LAST_PORT, PORTS, allocate

NAMES = [f"service-{number}" for number in range(10)]


def test_without_a_range_they_lie_below_those_of_outgoing_connections(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(PORTS, raising=False)
    chosen = allocate(NAMES, tmp_path / "ports.json")
    assert list(chosen) == NAMES
    assert len(set(chosen.values())) == len(NAMES)
    assert all(FIRST_PORT <= port <= LAST_PORT for port in chosen.values())


def test_a_range_of_ones_own_is_kept_and_so_are_its_ports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(PORTS, "31900-31999")
    chosen = allocate(NAMES, tmp_path / "ports.json")
    assert all(31_900 <= port <= 31_999 for port in chosen.values())
    assert allocate(NAMES, tmp_path / "ports.json") == chosen


@pytest.mark.parametrize("wrong", ["31900", "31900-", "31999-31900", "a-b", "0-10", "20000-70000"])
def test_what_is_no_range_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wrong: str) -> None:
    monkeypatch.setenv(PORTS, wrong)
    with pytest.raises(LocalError, match=PORTS):
        allocate(NAMES, tmp_path / "ports.json")
