"""Settings of a service's process, from the environment.

ONEMATTER_DEPLOYMENT (default: the service's name), ONEMATTER_GRPC_ADDRESS (127.0.0.1:0), ONEMATTER_METRICS_ADDRESS
(127.0.0.1:0), ONEMATTER_DATA_DIR, ONEMATTER_CATALOGUE_DIR and ONEMATTER_CALENDAR_DIR (what ships with the package when
absent), ONEMATTER_MAX_BATCH (500), ONEMATTER_LOG_LEVEL (INFO); Kafka and PostgreSQL: contracts.connections.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from onematter.contracts.connections import DatabaseConnection, KafkaConnection


@dataclass(frozen=True, slots=True)
class Settings:
    """See the module."""

    deployment: str
    kafka: KafkaConnection
    database: DatabaseConnection
    grpc_address: str
    metrics_address: str
    data_dir: Path
    catalogue_dir: Path | None
    calendar_dir: Path | None
    max_batch: int
    log_level: str

    @classmethod
    def from_environment(cls, service: str, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read them. Raises SettingMissing, naming what is absent."""
        deployment = environment.get("ONEMATTER_DEPLOYMENT", service)

        def directory(name: str) -> Path | None:
            return Path(environment[name]) if environment.get(name) else None

        return cls(
            deployment=deployment,
            kafka=KafkaConnection.from_environment(environment),
            database=DatabaseConnection.from_environment(environment),
            grpc_address=environment.get("ONEMATTER_GRPC_ADDRESS", "127.0.0.1:0"),
            metrics_address=environment.get("ONEMATTER_METRICS_ADDRESS", "127.0.0.1:0"),
            data_dir=directory("ONEMATTER_DATA_DIR") or Path("data") / deployment,
            catalogue_dir=directory("ONEMATTER_CATALOGUE_DIR"),
            calendar_dir=directory("ONEMATTER_CALENDAR_DIR"),
            max_batch=int(environment.get("ONEMATTER_MAX_BATCH", "500")),
            log_level=environment.get("ONEMATTER_LOG_LEVEL", "INFO"),
        )
