"""Run the made-up platform: `python -m onematter.local.platform`.

ONEMATTER_GRPC_ADDRESS and ONEMATTER_METRICS_ADDRESS: where to listen, on this machine alone. ONEMATTER_DATA_DIR: where
its switches stand.
"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import grpc.aio
from grpc_reflection.v1alpha import reflection

from onematter.backbone.http import HealthServer
from onematter.backbone.metrics import Metrics
from onematter.datashare.v1.datashare_service_pb2_grpc import add_ResolverServiceServicer_to_server
from onematter.local.platform.servicer import SERVICE_NAME, Resolver


async def serve(grpc_address: str, metrics_address: str, directory: Path) -> None:
    """Serve until SIGTERM or SIGINT."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    add_ResolverServiceServicer_to_server(Resolver(directory), server)
    reflection.enable_server_reflection((SERVICE_NAME, reflection.SERVICE_NAME), server)
    server.add_insecure_port(grpc_address)
    await server.start()
    http = HealthServer(metrics_address, Metrics("platform"), lambda: True, lambda: True)
    await ended.wait()
    http.stop()
    await server.stop(1)


def main() -> None:
    """Read the environment and serve."""
    directory = Path(os.environ.get("ONEMATTER_DATA_DIR") or "data/platform")
    directory.mkdir(parents=True, exist_ok=True)
    grpc_address = os.environ.get("ONEMATTER_GRPC_ADDRESS", "127.0.0.1:0")
    metrics_address = os.environ.get("ONEMATTER_METRICS_ADDRESS", "127.0.0.1:0")
    asyncio.run(serve(grpc_address, metrics_address, directory))


if __name__ == "__main__":
    main()
