"""Free TCP ports on the loopback interface, the same ones again on the next run where they are still free.

They lie below the range that systems take for outgoing connections, so that a port that is free for a moment (a service
being restarted) is not taken by one of its own clients.

A port is free until its server listens, a while after it was chosen. Stacks that start at the same moment keep out of
each other's way by ONEMATTER_LOCAL_PORTS, the first and the last port of one's own as `20000-23999`.
"""

from __future__ import annotations

import json
import os
import random
import socket
from collections.abc import Sequence
from pathlib import Path

from onematter.local.errors import LocalError

LOOPBACK = "127.0.0.1"
FIRST_PORT = 20_000
LAST_PORT = 32_000
PORTS = "ONEMATTER_LOCAL_PORTS"
_ATTEMPTS = 1_000


def is_free(port: int) -> bool:
    """Return whether a server could listen on the port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    """Return whether something accepts connections on the port."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


def _own() -> tuple[int, int]:
    """The first and the last port that may be chosen."""
    if not (given := os.environ.get(PORTS)):
        return FIRST_PORT, LAST_PORT
    first, _, last = given.partition("-")
    if not (first.isdecimal() and last.isdecimal() and 0 < int(first) <= int(last) < 65_536):
        raise LocalError(f"{PORTS} names the first and the last port, as {FIRST_PORT}-{LAST_PORT}, and not {given!r}")
    return int(first), int(last)


def allocate(names: Sequence[str], memory: Path) -> dict[str, int]:
    """Return one free port for each name, and remember them in the file `memory` for the next time."""
    try:
        remembered: dict[str, int] = json.loads(memory.read_text())
    except (OSError, ValueError):
        remembered = {}
    first, last = _own()
    chosen: dict[str, int] = {}
    for name in names:
        candidates = [remembered[name]] if name in remembered else []
        candidates += [random.randint(first, last) for _ in range(_ATTEMPTS)]
        chosen[name] = next(port for port in candidates if port not in chosen.values() and is_free(port))
    memory.write_text(json.dumps({**remembered, **chosen}, indent=1))
    return chosen
