"""A stack of its own whose time is moved past a deadline: what is overdue is told at once, at its legal time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.live import LEVELS, MATTER_EVENTS, SUBMISSIONS, TASK_EVENTS, Live
from tests.tail import forget_refused_connections

from onematter.common.v1.period_pb2 import Clock
from onematter.local.clock import clock_offset, move_clock
from onematter.local.stack import DEFAULT_SERVICES, start

SERVICES = tuple(spec for spec in DEFAULT_SERVICES if spec.deployment.startswith(("intake", "approval")))
DAY_MS = 86_400_000


@pytest.fixture
def moved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Live, Path]]:
    directory = tmp_path_factory.mktemp("moved")
    with pytest.MonkeyPatch.context() as environment:
        for name in ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL", "ONEMATTER_ENVIRONMENT"):
            environment.delenv(name, raising=False)
        stack = start(directory, detached=False, services=SERVICES, ready_timeout_seconds=120)
    with stack, closing(Live(stack, stack, directory)) as live:
        yield live, directory
    forget_refused_connections()


def test_moving_the_time_past_a_deadline_tells_at_once_what_is_overdue(moved: tuple[Live, Path]) -> None:
    live, directory = moved
    began_ms = int(time.time() * 1000)
    matter_id = live.open_matter()
    opened = live.event(TASK_EVENTS["city"], matter_id, "task_opened")
    assert abs(opened.time.ToMilliseconds() - began_ms) < 600_000

    assert move_clock(directory, "+90d") == clock_offset(directory) == "+90d"
    for level in LEVELS:
        overdue = live.event(TASK_EVENTS[level], matter_id, "task_overdue")
        # The deadline that passed, and not the time when somebody noticed.
        assert overdue.time == overdue.task_overdue.deadline
        assert overdue.task_overdue.clock in (Clock.CLOCK_LEGAL, Clock.CLOCK_PROMISED)
        assert began_ms < overdue.time.ToMilliseconds() < began_ms + 90 * DAY_MS

    later = live.hand_in()
    live.publish(SUBMISSIONS, later)
    completed = live.completes(later.matter_id)
    assert 89 * DAY_MS < completed.time.ToMilliseconds() - began_ms < 91 * DAY_MS
    accepted = live.event(MATTER_EVENTS, later.matter_id, "matter_accepted").matter_accepted
    assert accepted.matter_number[:8] > time.strftime("%Y%m%d", time.gmtime(began_ms // 1000 + 80 * 86_400))
