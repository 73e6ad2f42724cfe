"""The clock that a test moves: offsets, the file, and that production refuses it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from onematter.backbone.clock import Clock, MovedClock, OffsetMalformed, format_offset, parse_offset, write_offset
from onematter.backbone.settings import Settings, SettingWrong
from onematter.local.clock import clock_environment, clock_file, clock_offset, move_clock

DAY_MS = 86_400_000
PLACES = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}


@pytest.mark.parametrize(
    ("text", "offset_ms"),
    [
        ("+30d", 30 * DAY_MS),
        ("30d\n", 30 * DAY_MS),
        ("+1d12h", DAY_MS + 12 * 3_600_000),
        ("+90m", 90 * 60_000),
        ("+45s", 45_000),
        ("", 0),
        ("+0s", 0),
    ],
)
def test_an_offset_is_days_hours_minutes_and_seconds(text: str, offset_ms: int) -> None:
    assert parse_offset(text) == offset_ms


@pytest.mark.parametrize("text", ["-1d", "1", "+1w", "12h1d", "+1.5d", "tomorrow"])
def test_what_is_no_offset_says_how_one_is_written(text: str) -> None:
    with pytest.raises(OffsetMalformed, match=re.escape("+1d12h")):
        parse_offset(text)


@pytest.mark.parametrize(("offset_ms", "text"), [(0, "+0s"), (30 * DAY_MS, "+30d"), (DAY_MS + 61_000, "+1d1m1s")])
def test_an_offset_is_written_as_it_is_read(offset_ms: int, text: str) -> None:
    assert format_offset(offset_ms) == text
    assert parse_offset(text) == offset_ms


def test_the_real_clock_is_the_machines() -> None:
    before = int(time.time() * 1000)
    now = Clock().now_unix_ms()
    assert before <= now <= int(time.time() * 1000)
    assert Clock().shift_ms == 0


def test_a_moved_clock_follows_its_file(tmp_path: Path) -> None:
    path = tmp_path / "clock"
    clock = MovedClock(path)
    assert clock.shift_ms == 0
    write_offset(path, 40 * DAY_MS)
    assert clock.shift_ms == 40 * DAY_MS
    assert clock.today() - Clock().today() in (timedelta(days=40), timedelta(days=39), timedelta(days=41))
    assert clock.now_unix_ms() - Clock().now_unix_ms() > 40 * DAY_MS - 1000


def test_time_does_not_go_back_and_a_malformed_file_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "clock"
    write_offset(path, 5 * DAY_MS)
    clock = MovedClock(path)
    write_offset(path, DAY_MS)
    assert clock.shift_ms == 5 * DAY_MS
    path.write_text("next week")
    assert clock.shift_ms == 5 * DAY_MS
    path.unlink()
    assert clock.shift_ms == 5 * DAY_MS


def test_a_production_deployment_refuses_a_test_clock(tmp_path: Path) -> None:
    environment = {**PLACES, "ONEMATTER_TEST_CLOCK": str(tmp_path / "clock")}
    for declared in ({}, {"ONEMATTER_ENVIRONMENT": "production"}):
        with pytest.raises(SettingWrong, match="production deployment"):
            Settings.from_environment("intake", {**environment, **declared}).clock()
    moved = Settings.from_environment("intake", {**environment, "ONEMATTER_ENVIRONMENT": "test"}).clock()
    assert isinstance(moved, MovedClock)
    assert type(Settings.from_environment("intake", PLACES).clock()) is Clock


def test_an_environment_of_another_name_is_no_environment() -> None:
    with pytest.raises(SettingWrong, match="production or test"):
        Settings.from_environment("intake", {**PLACES, "ONEMATTER_ENVIRONMENT": "staging"})


def test_a_test_clock_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clock"
    path.write_text("soon")
    environment = {**PLACES, "ONEMATTER_TEST_CLOCK": str(path), "ONEMATTER_ENVIRONMENT": "test"}
    with pytest.raises(SettingWrong, match="ONEMATTER_TEST_CLOCK="):
        Settings.from_environment("intake", environment).clock()


@pytest.mark.parametrize("service", ["intake", "approval", "notification", "archive"])
def test_a_service_in_production_with_a_test_clock_exits_with_1_and_says_why(service: str, tmp_path: Path) -> None:
    deployment = "approval-city" if service == "approval" else service
    environment = {**os.environ, **PLACES, "ONEMATTER_TEST_CLOCK": str(tmp_path / "clock")}
    environment |= {"ONEMATTER_DEPLOYMENT": deployment, "ONEMATTER_ENVIRONMENT": "production"}
    ended = subprocess.run(
        [sys.executable, "-m", f"onematter.{service}"], env=environment, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "ONEMATTER_TEST_CLOCK" in ended.stderr
    assert "ONEMATTER_ENVIRONMENT=test" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_secret_for_query_codes_has_a_length_and_never_shows() -> None:
    with pytest.raises(SettingWrong, match="31 bytes; give at least 32"):
        Settings.from_environment("intake", {**PLACES, "ONEMATTER_QUERY_KEY": "k" * 31})
    settings = Settings.from_environment("intake", {**PLACES, "ONEMATTER_QUERY_KEY": "k" * 32})
    assert settings.query_key == b"k" * 32
    assert "kkk" not in repr(settings)


def test_a_stacks_time_moves_on_and_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONEMATTER_ENVIRONMENT", raising=False)
    assert clock_offset(tmp_path) == "+0s"
    assert move_clock(tmp_path, "+30d") == "+30d"
    assert move_clock(tmp_path, "+12h") == "+30d12h"
    assert clock_offset(tmp_path) == "+30d12h"
    told = clock_environment(tmp_path)
    assert told == {"ONEMATTER_ENVIRONMENT": "test", "ONEMATTER_TEST_CLOCK": str(clock_file(tmp_path))}
    assert Settings.from_environment("intake", {**PLACES, **told}).clock().shift_ms == 30 * DAY_MS + 43_200_000
    monkeypatch.setenv("ONEMATTER_ENVIRONMENT", "production")
    assert clock_environment(tmp_path) == {"ONEMATTER_ENVIRONMENT": "production"}
