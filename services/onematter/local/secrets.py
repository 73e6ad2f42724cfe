"""Secrets that a local stack makes for itself, once, and keeps with its data, readable by its owner alone."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

_BYTES = 32


def query_key_file(directory: Path) -> Path:
    """Return the file of the stack's secret for query codes (查询密码), made when there is none."""
    path = directory / "query.key"
    if not path.exists():
        new = path.with_suffix(".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_BYTES))
        new.replace(path)
    return path


def secret_environment(directory: Path, service: str) -> dict[str, str]:
    """Return the secrets that a service of the stack in `directory` is told: its own alone."""
    if service != "intake" or os.environ.get("ONEMATTER_QUERY_KEY") or os.environ.get("ONEMATTER_QUERY_KEY_FILE"):
        return {}
    return {"ONEMATTER_QUERY_KEY_FILE": str(query_key_file(directory))}
