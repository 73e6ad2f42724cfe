"""What the figures were measured on, where the processor's time went, and what the processes held.

A virtual machine's speed changes by itself, by a factor of two within minutes: rates are only comparable beside the
time of a fixed piece of work, and the CPU of a matter is steadier than the rate.
"""

from __future__ import annotations

import os
import platform
import sys
import sysconfig
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil

from onematter.local.stack import Stack

MIB = 2**20
ADDITIONS = 2_000_000
ROUNDS = 5


def _work(_: int) -> float:
    best = float("inf")
    for _round in range(ROUNDS):
        began, total = time.process_time(), 0
        for number in range(ADDITIONS):
            total += number
        best = min(best, time.process_time() - began)
    return best


def calibration_ms() -> float:
    """CPU milliseconds of two million additions in Python, on every core at once; the slowest core's best of five."""
    cores = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(cores) as pool:
        return max(pool.map(_work, range(cores))) * 1000


def of_each(stack: Stack, figure: Callable[[str, psutil.Process], float]) -> dict[str, float]:
    """A figure by process of the stack, with that of its children; of PostgreSQL with its backends."""
    found: dict[str, float] = {}
    for record in stack.status():
        process = psutil.Process(record.pid)
        total = 0.0
        for one in (process, *process.children(recursive=True)):
            # A backend may have ended by now.
            with suppress(psutil.Error):
                total += figure(record.name, one)
        found[record.name] = total
    return found


def cpu_seconds(stack: Stack) -> dict[str, float]:
    """User and system time so far, by process of the stack."""

    def spent(_: str, process: psutil.Process) -> float:
        times = process.cpu_times()
        return times.user + times.system

    return of_each(stack, spent)


def cpu_us_each(after: Mapping[str, float], before: Mapping[str, float], matters: int) -> dict[str, int]:
    """Microseconds of the processor for each of `matters`, by process, from what was spent before and after them."""
    return {name: round((after[name] - before[name]) / matters * 1e6) for name in after}


def memory_mib(stack: Stack) -> dict[str, float]:
    """Resident memory by process; of PostgreSQL with its backends, shared pages counted once."""

    def held(name: str, process: psutil.Process) -> float:
        return process.memory_full_info().pss if name == "postgres" else process.memory_info().rss

    return {name: round(size / MIB, 1) for name, size in of_each(stack, held).items()}


def machine() -> dict[str, object]:
    """Processor, cores, memory, system."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": platform.platform(),
    }


def python_build() -> str:
    """How this Python was built; profile-guided, as distributions and images ship it, it takes a sixth less CPU."""
    if "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or ""):
        return "optimised"
    return "distribution" if sys.base_prefix == "/usr" else "not optimised"
