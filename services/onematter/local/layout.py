"""Whether what a stack has kept is of this version: its tables, as the migrations make them.

Rule 1: a stack's directory says in `tables` which migrations made its embedded database. A database without that word
is of a version that did not give it.
Rule 2: before a release there is no way from one version's tables to another's; nothing of such a directory is used,
and the text says what to do. A database of somebody else (`DATABASE_URL`) is not judged here.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from onematter.local.errors import OtherVersion

_PACKAGE = Path(__file__).parents[1]
# What a stack keeps that goes together.
_KEPT = ("kafka", "postgres", "data")
_FILE = "tables"


def fingerprint(package: Path = _PACKAGE) -> str:
    """Return the digest of every statement that makes tables: the services' migrations and what they share."""
    made = sorted([*package.glob("*/migrations/versions/*.py"), package / "backbone" / "schema.py"])
    digest = hashlib.sha256()
    for path in made:
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def check(directory: Path) -> None:
    """Note of which version the tables in `directory` are going to be. Raises OtherVersion when they are of another."""
    if os.environ.get("DATABASE_URL"):
        return
    own, written = fingerprint(), directory / _FILE
    if (directory / "postgres").exists() and (not written.exists() or written.read_text() != own):
        raise OtherVersion(
            f"the database in {directory} was made by another version of onematter, with other tables; this one cannot"
            f" go on with it. Remove what is kept there and start again: rm -r {directory}",
            f"{directory} 中的数据库由另一版本的 onematter 建立，表结构不同，不能继续使用。"
            f"请删除其中的数据后重新启动：rm -r {directory}",
        )
    written.write_text(own)


def clear(directory: Path) -> None:
    """Remove what a stopped stack has kept in `directory`; its logs stay."""
    for name in _KEPT:
        shutil.rmtree(directory / name, ignore_errors=True)
    (directory / _FILE).unlink(missing_ok=True)
