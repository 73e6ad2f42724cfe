"""Free TCP ports on the loopback interface, the same ones again on the next run where they are still free.

They lie below the range that systems take for outgoing connections, so that a port that is free for a moment (a service
being restarted) is not taken by one of its own clients.
"""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Sequence
from pathlib import Path

LOOPBACK = "127.0.0.1"
FIRST_PORT = 20_000
LAST_PORT = 32_000
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


def allocate(names: Sequence[str], memory: Path) -> dict[str, int]:
    """Return one free port for each name, and remember them in the file `memory` for the next time."""
    try:
        remembered: dict[str, int] = json.loads(memory.read_text())
    except (OSError, ValueError):
        remembered = {}
    chosen: dict[str, int] = {}
    for name in names:
        candidates = [remembered[name]] if name in remembered else []
        candidates += [random.randint(FIRST_PORT, LAST_PORT) for _ in range(_ATTEMPTS)]
        chosen[name] = next(port for port in candidates if port not in chosen.values() and is_free(port))
    memory.write_text(json.dumps({**remembered, **chosen}, indent=1))
    return chosen
