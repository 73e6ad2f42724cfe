"""Liveness is the loop's progress; a start waits for what it needs, in whichever order it comes."""

from __future__ import annotations

import os
import signal
import time
import uuid
from contextlib import ExitStack
from urllib.parse import urlsplit

import psycopg
import pytest
from tests.addresses import free_address, free_ports
from tests.faults.spares import Spare, blocked, poll, spare
from tests.faults.tcp import Proxy
from tests.live import COMMANDS, Live

STALLED_SECONDS = 2
ROOM = "approval-city"

pytestmark = pytest.mark.timeout(300)


def stir(live: Live) -> None:
    """Give the room something to do: a decision on a task that is not there is refused."""
    live.publish(COMMANDS["city"], live.decision("city", uuid.uuid4().hex, "02"))


def test_a_step_that_hangs_turns_liveness_red_until_it_goes_on(live: Live) -> None:
    with spare(live, ROOM, {"ONEMATTER_STALLED_SECONDS": str(STALLED_SECONDS)}) as city:
        assert city.alive
        with blocked(live, "approval_city"):
            stir(live)
            poll(lambda: not city.alive, "liveness is red", 30)
        poll(lambda: city.alive, "liveness is green again", 30)
        live.goes_on()


def test_a_database_that_hangs_turns_liveness_red_until_it_goes_on(live: Live) -> None:
    if "postgres" not in live.parts.supervisor.processes:
        pytest.skip("the database is given from outside, and not this test's to stop")
    with spare(live, ROOM, {"ONEMATTER_STALLED_SECONDS": str(STALLED_SECONDS)}) as city:
        with psycopg.connect(live.database_url, autocommit=True) as connection:
            found = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'onematter-approval_city'"
            ).fetchall()
        assert found
        for (pid,) in found:
            os.kill(pid, signal.SIGSTOP)
        try:
            stir(live)
            poll(lambda: not city.alive, "liveness is red", 30)
        finally:
            for (pid,) in found:
                os.kill(pid, signal.SIGCONT)
        poll(lambda: city.alive, "liveness is green again", 30)
        live.goes_on()


def waits(process: Spare, seconds: float = 2.0) -> None:
    """It lives, and is not ready, for a while."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert process.process.alive(), process.process.last_lines()
        assert not process.ready
        time.sleep(0.1)
    assert process.alive


@pytest.mark.parametrize("order", [("database", "broker"), ("broker", "database")])
def test_a_start_waits_for_what_is_away(live: Live, order: tuple[str, str]) -> None:
    database, broker = urlsplit(live.database_url), live.servers.rpartition(":")[2]
    assert database.port is not None
    database_port, broker_port = free_ports(2)
    ports = {"database": database_port, "broker": broker_port}
    user = f"{database.username}:{database.password}@127.0.0.1:{ports['database']}"
    environment = {
        "DATABASE_URL": database._replace(netloc=user).geturl(),
        "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{ports['broker']}",
        # Away for longer than it may hang: waiting is no hanging.
        "ONEMATTER_STALLED_SECONDS": str(STALLED_SECONDS),
    }
    upstream = {"database": database.port, "broker": int(broker)}
    with ExitStack() as ways, spare(live, ROOM, environment, ready=False) as city:
        poll(lambda: city.alive, "it lives")
        waits(city, STALLED_SECONDS + 1)
        ways.enter_context(Proxy(upstream[order[0]], ports[order[0]]))
        waits(city, STALLED_SECONDS + 1)
        ways.enter_context(Proxy(upstream[order[1]], ports[order[1]]))
        poll(lambda: city.ready, "it is ready when both are there")
        live.goes_on()


def test_an_end_while_it_waits_for_its_database_is_no_failure(live: Live) -> None:
    environment = {"DATABASE_URL": f"postgresql://nobody@{free_address()}/nothing"}
    with spare(live, ROOM, environment, ready=False) as city:
        poll(lambda: city.alive, "it lives")
        city.process.signal(signal.SIGTERM)
        assert city.process.wait_ended(15)
        assert city.process.exit_code == 0
