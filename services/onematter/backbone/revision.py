"""Whether a schema is at the revision that this version needs, or a later one. Asked at every start, without Alembic.

A migration's file `NNNN_name.py` of a service holds the revision `<service>_NNNN`; the highest one is needed. Every
migration only adds to what the version before it reads (expand), and what nobody reads any more goes in a later release
(contract): so old processes go on while a schema is upgraded, and a version that is rolled back to takes it as it is.
"""

from __future__ import annotations

from importlib.resources import files

import psycopg
from psycopg import sql

from onematter.backbone.ports import Unavailable
from onematter.contracts.connections import DatabaseConnection
from onematter.contracts.topics import Deployment


class SchemaOutdated(Exception):
    """The database is not at the revision that this version needs."""


def needed(service: str) -> str:
    """The newest revision of a service."""
    versions = files(f"onematter.{service}").joinpath("migrations", "versions")
    numbers = [file.name.partition("_")[0] for file in versions.iterdir() if file.name[:4].isdigit()]
    return f"{service}_{max(numbers)}"


def check(connection: DatabaseConnection, deployment: Deployment) -> None:
    """Raise SchemaOutdated unless the schema is at the needed revision, Unavailable when the database is away."""
    version = sql.SQL("SELECT version_num FROM {}.alembic_version").format(sql.Identifier(deployment.schema))
    try:
        with psycopg.connect(connection.url, connect_timeout=5) as database:
            row = database.execute(version).fetchone()
    except psycopg.errors.UndefinedTable:
        row = None
    except psycopg.OperationalError as error:
        raise Unavailable(f"PostgreSQL: {type(error).__name__}") from error
    found = row[0] if row else "none"
    wanted = needed(deployment.service)
    if not found.startswith(f"{deployment.service}_") or found < wanted:
        raise SchemaOutdated(
            f"schema {deployment.schema} is at revision {found}, this version needs {wanted}; "
            "run python -m onematter.backbone.provision"
        )
