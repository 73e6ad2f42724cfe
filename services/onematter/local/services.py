"""What the stack runs besides Kafka and PostgreSQL.

Each service gets its deployment's name, addresses and data folder from the environment:

- `KAFKA_BOOTSTRAP_SERVERS`, `DATABASE_URL`
- `ONEMATTER_DEPLOYMENT`, such as approval-city, and `ONEMATTER_LEVEL` where one service runs once a level
- `ONEMATTER_GRPC_ADDRESS` and `ONEMATTER_METRICS_ADDRESS`, where to listen, as host:port
- `ONEMATTER_DATA_DIR`, a folder of its own, kept between runs
- `ONEMATTER_PEERS`, a JSON object from deployment to gRPC address
- `ONEMATTER_ENVIRONMENT` and `ONEMATTER_TEST_CLOCK`, since a stack is a test whose time can be moved (see clock)
- what `addresses` of its spec says: a setting with the gRPC address of another process of the stack
- `ONEMATTER_QUERY_KEY_FILE`, for intake: the stack's secret for query codes
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class ServiceSpec:
    """A deployment and the command that runs it. It is up when GET /readyz on its metrics address gives 200.

    `addresses`: settings by name, each with the process whose gRPC address it takes. Without that process in the stack
    it is not set.
    """

    deployment: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    serves_grpc: bool = True
    addresses: Mapping[str, str] = field(default_factory=dict[str, str])


def _service(name: str, level: str | None = None, *, serves_grpc: bool = True) -> ServiceSpec:
    return ServiceSpec(
        deployment=f"{name}-{level}" if level else name,
        argv=(sys.executable, "-m", f"onematter.{name}"),
        environment={"ONEMATTER_LEVEL": level} if level else {},
        serves_grpc=serves_grpc,
    )


DEFAULT_SERVICES: tuple[ServiceSpec, ...] = (
    _service("intake"),
    _service("approval", "province"),
    _service("approval", "city"),
    _service("approval", "county"),
    _service("notification"),
    _service("archive"),
    _service("supervision", serves_grpc=False),
    replace(
        _service("exchange"),
        addresses={"ONEMATTER_DATASHARE_ADDRESS": "platform", "ONEMATTER_INTAKE_ADDRESS": "intake"},
    ),
    # No part of the product: what stands in for the national data-exchange platform.
    ServiceSpec("platform", (sys.executable, "-m", "onematter.local.platform")),
)
DEFAULT_SETUP: tuple[tuple[str, ...], ...] = ((sys.executable, "-m", "onematter.backbone.provision"),)
