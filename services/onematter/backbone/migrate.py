"""Database schemas: each deployment has its own, brought up to date by Alembic with its service's migrations."""

from __future__ import annotations

import logging
from importlib.resources import files
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from onematter.contracts.connections import DatabaseConnection
from onematter.contracts.topics import Deployment

# Alembic tells at INFO what dialect it found, at each start.
logging.getLogger("alembic.runtime.migration").setLevel(logging.WARNING)


def _config(deployment: Deployment) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("onematter.backbone").joinpath("migrations")))
    versions = Path(str(files(f"onematter.{deployment.service}"))) / "migrations" / "versions"
    config.set_main_option("version_locations", str(versions))
    config.set_main_option("path_separator", "newline")
    return config


def upgrade(connection: DatabaseConnection, deployment: Deployment) -> None:
    """Bring the deployment's schema to the newest revision; does nothing when it is there."""
    engine = create_engine(connection.sqlalchemy())
    try:
        with engine.begin() as database:
            database.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": deployment.schema})
            database.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{deployment.schema}"'))
            database.execute(text(f'SET LOCAL search_path TO "{deployment.schema}"'))
            config = _config(deployment)
            config.attributes["connection"] = database
            config.attributes["schema"] = deployment.schema
            command.upgrade(config, "head")
    finally:
        engine.dispose()
