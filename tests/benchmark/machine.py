"""What the figures were measured on, and where the processor's time went.

A virtual machine's speed changes by itself, by a factor of two within minutes: rates are only comparable beside the
time of a fixed piece of work, and the CPU of a matter is steadier than the rate.
"""

from __future__ import annotations

import os
import platform
import sys
import sysconfig
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import psutil

from onematter.local.stack import Stack

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


def cpu_seconds(stack: Stack) -> dict[str, float]:
    """User and system time so far, by process of the stack; of PostgreSQL with its backends."""
    spent: dict[str, float] = {}
    for record in stack.status():
        process = psutil.Process(record.pid)
        total = 0.0
        for one in (process, *process.children(recursive=True)):
            try:
                times = one.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
        spent[record.name] = total
    return spent


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
