"""Addresses on loopback: free ones, and what a process answers by HTTP on its own, above all its metrics."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from contextlib import ExitStack

from prometheus_client.parser import text_string_to_metric_families


def free_ports(count: int) -> list[int]:
    """So many ports that nobody listens on, no one twice."""
    with ExitStack() as held:
        listeners = [held.enter_context(socket.socket()) for _ in range(count)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in listeners]


def free_addresses(count: int) -> list[str]:
    """So many addresses that nobody listens on, no one twice."""
    return [f"127.0.0.1:{port}" for port in free_ports(count)]


def free_address() -> str:
    """An address that nobody listens on."""
    return free_addresses(1)[0]


def get(address: str, path: str, timeout_seconds: float = 10) -> tuple[int, str]:
    """Status and body of GET `path`; 0 and nothing when nobody answers."""
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=timeout_seconds) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


def sample(address: str, name: str, timeout_seconds: float = 30, /, **labels: str) -> float:
    """The sum of the samples of a name that have these labels; 0 while there is none. Raises OSError."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=timeout_seconds) as answer:
        text = answer.read().decode()
    return sum(
        one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
        if one.name == name and labels.items() <= one.labels.items()
    )


def sample_if_any(address: str, name: str, timeout_seconds: float = 10, /, **labels: str) -> float:
    """As `sample`; 0 also when nobody answers."""
    try:
        return sample(address, name, timeout_seconds, **labels)
    except OSError:
        return 0.0
