"""Where the stack that `onematter up` left running is reached: a reader of its `stack.json`.

Rule 1: a file that is absent or not ready is no stack; one that cannot be read is told, with the way out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from onematter.client.errors import Unavailable

FORMAT = 1


@dataclass(frozen=True, slots=True)
class LocalStack:
    """host:port by deployment; `grpc` lacks a deployment that serves none."""

    kafka_bootstrap_servers: str = ""
    grpc: Mapping[str, str] = field(default_factory=dict[str, str])
    metrics: Mapping[str, str] = field(default_factory=dict[str, str])


def directory(environment: Mapping[str, str] = os.environ) -> Path:
    """`$ONEMATTER_HOME`, or `.onematter` in the current directory."""
    return Path(environment.get("ONEMATTER_HOME") or ".onematter").resolve()


def read(home: Path) -> LocalStack:
    """The stack in `home`, empty when there is none. Raises Unavailable when its file cannot be understood."""
    path = home / "stack.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != FORMAT:
            raise Unavailable(
                f"{path} is of another version; use the `onematter` that started the stack",
                f"{path} 属于另一版本；请用启动它的那个 onematter",
            )
        services = document["services"]
        return LocalStack(
            document["kafka_bootstrap_servers"],
            {name: address["grpc"] for name, address in services.items() if address["grpc"]},
            {name: address["metrics"] for name, address in services.items()},
        )
    except (FileNotFoundError, NotADirectoryError):
        return LocalStack()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unavailable(
            f"{path} cannot be read ({type(error).__name__}); give addresses by option, or start the stack anew",
            f"{path} 无法读取（{type(error).__name__}）；请用选项给出地址，或重新启动",
        ) from None
