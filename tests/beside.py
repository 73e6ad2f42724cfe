"""Processes of their own beside the services that run: the canary, and supervision."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.addresses import free_address
from tests.live import Live


@contextmanager
def _process(module: str, environment: dict[str, str], log: Path) -> Iterator[None]:
    """Run a module until the end, which it must come to in order."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", module], env={**os.environ, **environment}, stdout=out, stderr=out
        )
    try:
        yield
        process.terminate()
        assert process.wait(30) == 0, log.read_text()[-2000:]
    finally:
        process.kill()
        process.wait(30)


@contextmanager
def canary(live: Live, log: Path, **settings: str) -> Iterator[str]:
    """Run it with a pause of a second between its matters; gives the address of its metrics."""
    address = free_address()
    peers = {name: one.grpc for name, one in live.stack.addresses.services.items() if one.grpc}
    environment = {
        "ONEMATTER_PEERS": json.dumps(peers),
        "ONEMATTER_CANARY_DIVISIONS": "330106",
        "ONEMATTER_CANARY_INTERVAL_SECONDS": "1",
        "ONEMATTER_METRICS_ADDRESS": address,
        **settings,
    }
    with _process("onematter.canary", environment, log):
        yield address


@contextmanager
def supervision(live: Live, directory: Path) -> Iterator[str]:
    """Run it on the stack's broker; gives the address of its metrics."""
    address = free_address()
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": live.servers,
        "ONEMATTER_METRICS_ADDRESS": address,
        "ONEMATTER_DATA_DIR": str(directory / "supervision"),
    }
    with _process("onematter.supervision", environment, directory / "supervision.log"):
        yield address
