"""onematter deadline: no service is asked."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result

from .conftest import document

Run = Callable[..., Result]
FROM = ("deadline", "--from", "2026-02-10")


def test_it_prints_the_day_and_why(run: Run) -> None:
    result = run(*FROM, "--days", "5")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[1] == "Ends on 2026-02-24 (Tue) at 24:00 China time"
    assert "  2026-02-14                +1    4  made a working day for Spring Festival, 国办发明电〔2025〕7号" in lines


def test_it_speaks_chinese(run: Run) -> None:
    result = run(*FROM, "--rule", "joint_decision", "--lang", "zh-CN")
    assert "期限届满：2026-04-21（周二）24:00" in result.stdout
    assert "《行政许可法》第42条第2款" in result.stdout


def test_stops_move_it(run: Run) -> None:
    stops = ("--suspend", "2026-03-03..2026-03-05", "--suspend", "2026-03-10..2026-03-11:testing")
    found = document(run(*FROM, "--days", "20", *stops, "--json"))
    assert (found["deadline"], found["period"], found["days"]) == ("2026-03-19", "period", 20)
    assert [span["reason"] for span in found["spans"] if span["why"] == "suspended"] == ["correction", "testing"]


def test_an_open_stop_leaves_days(run: Run) -> None:
    found = document(run(*FROM, "--days", "20", "--suspend", "2026-03-16..:hearing", "--json"))
    assert (found["deadline"], found["days_left"]) == (None, 1)


def test_calendar_days(run: Run) -> None:
    found = document(run("deadline", "--from", "2026-11-23", "--days", "5", "--kind", "calendar", "--json"))
    assert found["deadline"] == "2026-11-30"


def test_a_period_begins_today_in_china_when_nothing_is_said(run: Run) -> None:
    before = datetime.now(UTC)
    found = document(run("deadline", "--days", "0", "--json"))["from"]
    after = datetime.now(UTC)
    assert found in {f"{moment + timedelta(hours=8):%Y-%m-%d}" for moment in (before, after)}


def test_another_calendar(run: Run, tmp_path: Path) -> None:
    document_of_2028 = "year: 2028\nstate: official\nsource: t\ndays_off: ['2028-01-03']\nmake_up_days: []\n"
    (tmp_path / "2028.yaml").write_text(document_of_2028, encoding="utf-8")
    found = document(run("deadline", "--from", "2028-01-01", "--days", "1", "--calendar", str(tmp_path), "--json"))
    assert found["deadline"] == "2028-01-04"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "give either --days or --rule"),
        (("--days", "5", "--rule", "decision"), "give either --days or --rule"),
        (("--days", "5", "--from", "10.2.2026"), "write it as 2026-01-01"),
        (("--days", "5", "--from", "2029-01-01"), "add 2029.yaml"),
        (("--days", "5", "--suspend", "2026-02-11"), "write A..B"),
        (("--days", "5", "--suspend", "2026-02-11..x"), "write it as 2026-01-01"),
        (("--days", "5", "--suspend", "2026-02-11..:lunch"), "one of correction, hearing"),
        (("--days", "5", "--suspend", "2026-02-12..2026-02-11"), "in order and apart"),
        (("--days", "5", "--suspend", "2026-02-09..2026-02-11"), "in order and apart"),
        (("--days", "5", "--suspend", "2026-02-11..", "--suspend", "2026-02-12.."), "in order and apart"),
        (("--rule", "acceptance", "--suspend", "2026-02-11.."), "nothing stops the period acceptance"),
        (("--days", "5", "--calendar", "nowhere"), "no such directory"),
    ],
)
def test_what_cannot_be_counted_says_why(run: Run, arguments: tuple[str, ...], told: str) -> None:
    result = run(*FROM, *arguments)
    assert result.exit_code == 2
    assert told in " ".join(result.stderr.split())
    assert "error" in document(run(*FROM, *arguments, "--json"))


def test_a_missing_extra_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onematter.backbone.catalogue_files", None)
    result = run(*FROM, "--days", "5")
    assert result.exit_code == 2
    assert 'pip install "onematter[services]"' in result.stderr
