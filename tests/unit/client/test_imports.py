"""The client stands on the base dependencies alone."""

from __future__ import annotations

import subprocess
import sys

BLOCKED = """
import importlib, importlib.abc, pkgutil, sys

ALLOWED = {"onematter.backbone.v1"}
THIRD = {"aiohttp", "aiokafka", "alembic", "cel", "confluent_kafka", "faust", "grpc_health", "grpc_reflection",
         "jsonschema", "mode", "prometheus_client", "psutil", "psycopg", "psycopg_pool", "sqlalchemy", "yaml"}
SERVICES = ("approval", "archive", "backbone", "intake", "local", "notification", "supervision")

class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        parts = name.split(".")
        own = parts[0] == "onematter" and len(parts) > 2 and parts[1] in SERVICES and parts[2] != "v1"
        if parts[0] in THIRD or own:
            raise ModuleNotFoundError(f"blocked: {name}", name=name)
        return None

sys.meta_path.insert(0, Blocker())
import onematter.client
for found in pkgutil.walk_packages(onematter.client.__path__, "onematter.client."):
    importlib.import_module(found.name)
for name in onematter.client.__all__:
    assert getattr(onematter.client, name).__name__ == name
assert not hasattr(onematter.client, "Nothing")
"""


def test_the_client_needs_nothing_of_the_services() -> None:
    done = subprocess.run([sys.executable, "-c", BLOCKED], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_the_command_does_not_load_kafka() -> None:
    code = "import sys; import onematter.client.__main__; sys.exit('kafka' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
