"""Given what a stack has kept, when it starts again, then tables of another version are refused with the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from onematter.local import layout
from onematter.local.errors import OtherVersion
from onematter.local.stack import start


@pytest.fixture(autouse=True)
def embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)


def migration(package: Path, statement: str) -> Path:
    """A package with one service, whose migration makes tables by `statement`."""
    for path, text in (("intake/migrations/versions/0001.py", statement), ("backbone/schema.py", "shared")):
        (package / path).parent.mkdir(parents=True, exist_ok=True)
        (package / path).write_text(text)
    return package


def test_a_changed_statement_is_another_version(tmp_path: Path) -> None:
    before = layout.fingerprint(migration(tmp_path, "CREATE TABLE a ()"))
    assert layout.fingerprint(migration(tmp_path, "CREATE TABLE a ()")) == before
    assert layout.fingerprint(migration(tmp_path, "CREATE TABLE b ()")) != before
    migration(tmp_path, "CREATE TABLE a ()")
    (tmp_path / "backbone" / "schema.py").write_text("otherwise")
    assert layout.fingerprint(tmp_path) != before


def test_a_directory_goes_on_with_the_tables_that_it_has_made(tmp_path: Path) -> None:
    layout.check(tmp_path)
    (tmp_path / "postgres").mkdir()
    layout.check(tmp_path)


@pytest.mark.parametrize("written", [None, "0" * 64], ids=["of a version that did not say", "of another version"])
def test_tables_of_another_version_are_refused_with_what_to_do(tmp_path: Path, written: str | None) -> None:
    (tmp_path / "postgres").mkdir()
    if written is not None:
        (tmp_path / "tables").write_text(written)
    with pytest.raises(OtherVersion, match="rm -r") as refused:
        start(tmp_path, detached=False, services=[], setup=())
    assert f"rm -r {tmp_path}" in refused.value.chinese
    assert (tmp_path / "postgres").exists()
    assert not (tmp_path / "stack.json").exists()


def test_a_database_of_somebody_else_is_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "postgres").mkdir()
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/db")
    layout.check(tmp_path)


def test_what_is_cleared_can_be_begun_anew_and_keeps_its_logs(tmp_path: Path) -> None:
    for kept in ("postgres", "kafka", "data", "logs"):
        (tmp_path / kept).mkdir()
    layout.clear(tmp_path)
    layout.check(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"logs", "tables"}
