"""A record that is queued when the flow is resumed once more stays queued (Rule 3 of the app)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from mode.utils.queues import ThrowableQueue

from onematter.contracts.connections import KafkaConnection
from onematter.supervision.app import Supervision
from onematter.supervision.provision import Names


@pytest.fixture
def supervision(tmp_path: Path) -> Supervision:
    connection = KafkaConnection.from_environment({"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"})
    return Supervision(connection, Names.of("supervision"), 1, tmp_path)


def test_resuming_again_keeps_what_is_queued(supervision: Supervision) -> None:
    asyncio.run(_resume_twice(supervision))


async def _resume_twice(supervision: Supervision) -> None:
    flow = supervision.app.flow_control
    queue: ThrowableQueue[str] = ThrowableQueue(flow_control=flow, clear_on_resume=True)
    flow.suspend()
    queue.force_put_nowait("of the generation before")

    flow.resume()
    assert queue.empty()
    queue.force_put_nowait("read since")
    flow.resume()
    assert queue.get_nowait() == "read since"
