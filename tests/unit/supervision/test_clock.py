"""Which day is supervision's last: that of the deployment's clock, which a test may move."""

from __future__ import annotations

from pathlib import Path

from onematter.backbone.clock import Clock, MovedClock, write_offset
from onematter.contracts.connections import KafkaConnection
from onematter.supervision.app import Supervision
from onematter.supervision.core import DAY_MS, WINDOW_DAYS, day_of
from onematter.supervision.provision import Names


def made(directory: Path, clock: Clock | None = None) -> Supervision:
    connection = KafkaConnection.from_environment({"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"})
    return Supervision(connection, Names.of("supervision"), 1, directory, clock)


def test_the_window_moves_with_the_test_clock(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    moved = MovedClock(file)
    supervision = made(tmp_path, moved)
    before = supervision._last_expired_day()
    assert day_of(Clock().now_unix_ms()) - WINDOW_DAYS - before in (0, 1)
    write_offset(file, 200 * DAY_MS)
    assert supervision._last_expired_day() - before in (200, 201)


def test_without_one_it_is_the_real_day(tmp_path: Path) -> None:
    before = day_of(Clock().now_unix_ms())
    assert made(tmp_path)._last_expired_day() + WINDOW_DAYS - before in (0, 1)
