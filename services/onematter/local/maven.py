"""Jars from Maven Central, each pinned by its SHA-256, in one folder that is there whole or not at all.

A lock file names every jar (`sha256  group:artifact:version` a line). Fetching needs no resolution, and what is not
the pinned bytes is never used. An interrupted download leaves a `.part` folder; the next run checks what is in it,
keeps what is right and fetches the rest.

Renew a lock with `python -m onematter.local.maven COORDINATE… > FILE`: the first coordinate with all that it needs, the
others alone.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onematter.local.errors import DownloadFailed

DOWNLOADS_AT_ONCE = 6
TRIES = 3
TIMEOUT_SECONDS = 30
PROGRESS_INTERVAL_SECONDS = 2.0


@dataclass(frozen=True)
class Pin:
    """One jar and what its bytes must hash to."""

    coordinate: str
    sha256: str


def read_lock(lock: Path) -> list[Pin]:
    """Read a lock file; `#` starts a comment."""
    rows = (line.split() for line in lock.read_text().splitlines() if line and not line.startswith("#"))
    return [Pin(coordinate=coordinate, sha256=sha256) for sha256, coordinate in rows]


def fetch(
    name: str, lock: Path, cache: Path, progress: Callable[[str], None], check: Callable[[], None] = lambda: None
) -> Path:
    """Return a folder with exactly the jars of `lock`, fetching what `cache` lacks.

    `ONEMATTER_MAVEN_URL` names another Maven repository, such as a mirror. `check` is called now and then and may raise
    to give up. Raises DownloadFailed.
    """
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:8]
    folder = cache / f"{name}-{digest}"
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{name}.lock").open("w") as exclusive:
        fcntl.flock(exclusive, fcntl.LOCK_EX)
        if not folder.is_dir():
            _fill(name, folder, read_lock(lock), progress, check)
    return folder


def _fill(name: str, folder: Path, pins: list[Pin], progress: Callable[[str], None], check: Callable[[], None]) -> None:
    part = folder.with_name(folder.name + ".part")
    jars = part / "jars"
    shutil.rmtree(jars, ignore_errors=True)
    jars.mkdir(parents=True)
    context = _context(part / "repository")
    source = os.environ.get("ONEMATTER_MAVEN_URL", "Maven Central")
    began = time.monotonic()
    told = began
    size = 0
    progress(f"{name}: fetching {len(pins)} jars from {source}, this once")
    given_up = threading.Event()
    with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
        try:
            left = {pool.submit(_fetch_one, context, pin, source, given_up) for pin in pins}
            while left:
                check()
                done, left = wait(left, timeout=0.2, return_when=FIRST_COMPLETED)
                for path in (future.result() for future in done):
                    size += path.stat().st_size
                    os.link(path, jars / path.name)
                if time.monotonic() - told >= PROGRESS_INTERVAL_SECONDS or not left:
                    told = time.monotonic()
                    here = f"{len(pins) - len(left)} of {len(pins)} jars, {size / 1e6:.0f} MB"
                    progress(f"{name}: {here}, {told - began:.1f} s")
        except BaseException:
            given_up.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    jars.rename(folder)
    shutil.rmtree(part)


def _context(repository: Path) -> Any:
    # Imported late: only a first run needs it.
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext

    url = os.environ.get("ONEMATTER_MAVEN_URL") or MAVEN_CENTRAL_URL
    return MavenContext(repo_cache=repository, remote_repos={"maven": url}, timeout=TIMEOUT_SECONDS)


def _fetch_one(context: Any, pin: Pin, source: str, given_up: threading.Event) -> Path:
    group, artifact, version = pin.coordinate.split(":")
    jar = context.project(group, artifact).at_version(version).artifact()
    reason: Exception | str = "not tried"
    for attempt in range(TRIES):
        if given_up.wait(attempt):
            break
        try:
            path: Path = jar.resolve()
        # The requests library and jgo raise many kinds; to us they are all one: it could not be fetched.
        except Exception as error:
            reason = error
            Path(jar.cached_path).unlink(missing_ok=True)
            continue
        if hashlib.sha256(path.read_bytes()).hexdigest() == pin.sha256:
            return path
        reason = "what came is not the pinned file (SHA-256 differs): cut off, or changed on the way"
        path.unlink()
    raise DownloadFailed(
        f"could not fetch {pin.coordinate} from {source}: {reason}. Check the network and its proxy (HTTPS_PROXY), "
        "name a mirror of Maven Central in ONEMATTER_MAVEN_URL, or use a broker of your own: "
        "KAFKA_BOOTSTRAP_SERVERS=host:port"
    )


def lock_lines(coordinates: Iterable[str], repository: Path) -> list[str]:
    """Resolve the first coordinate with its run-time dependencies, take the others alone; return the lock's lines."""
    from jgo.parse import Coordinate

    first, *others = coordinates
    context = _context(repository)
    inputs, transitive = context.resolver.resolve([context.create_dependency(Coordinate.parse(first))])
    artifacts = [found.artifact for found in [*inputs, *transitive] if found.scope in (None, "compile", "runtime")]
    artifacts += [context.create_dependency(Coordinate.parse(other)).artifact for other in others]
    return [
        f"{hashlib.sha256(jar.resolve().read_bytes()).hexdigest()}  {jar.groupId}:{jar.artifactId}:{jar.version}"
        for jar in sorted(artifacts, key=lambda jar: (jar.groupId, jar.artifactId))
    ]


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        print("# SHA-256 and coordinate of each jar; renew with", "python -m onematter.local.maven", *sys.argv[1:])
        print("\n".join(lock_lines(sys.argv[1:], Path(scratch))))
