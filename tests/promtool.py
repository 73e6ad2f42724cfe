"""Prometheus' own programs, from the system or from their packages, unpacked here without installing anything."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

_HERE = Path(__file__).resolve().parents[1] / "build" / "tools"
_SECONDS = 300
# By program, the Debian package that has it.
_PACKAGES = {
    "promtool": "prometheus",
    "prometheus": "prometheus",
    "prometheus-postgres-exporter": "prometheus-postgres-exporter",
}


def program(name: str) -> str:
    """The path of a program of `_PACKAGES`. Skips the test by name where it can neither be found nor fetched."""
    if found := shutil.which(name):
        return found
    path = _HERE / "usr" / "bin" / name
    _HERE.mkdir(parents=True, exist_ok=True)
    with (_HERE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        package = _PACKAGES[name]
        if not path.exists() and (why := _fetch(package)):
            pytest.skip(f"{name} is not here, and Debian's package {package} cannot be fetched: {why}")
    return str(path)


def _fetch(package: str) -> str:
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        return "no apt-get"
    steps = [["apt-get", "download", package]]
    if os.geteuid() == 0:
        # Where the lists are missing or old the first try fails.
        steps += [["apt-get", "update"], steps[0]]
    why = ""
    for step in steps:
        done = subprocess.run(step, cwd=_HERE, capture_output=True, text=True, timeout=_SECONDS, check=False)
        why = done.stderr.strip()[-200:]
        packages = sorted(_HERE.glob(f"{package}_*.deb"))
        if packages:
            subprocess.run(["dpkg", "-x", packages[-1], "."], cwd=_HERE, check=True, timeout=_SECONDS)
            packages[-1].unlink()
            return ""
    return why
