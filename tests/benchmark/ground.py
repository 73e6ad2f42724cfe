"""What a measurement stands on: its options, a stack of its own with hand-ins for it, and where its result goes."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from tests.benchmark.handins import HandIns

from onematter.local.services import DEFAULT_SERVICES
from onematter.local.stack import Stack, start

# Those that a matter by rule goes through.
SERVICES = [spec for spec in DEFAULT_SERVICES if spec.deployment not in ("supervision", "exchange", "platform")]


@dataclass(frozen=True)
class Ground:
    """A stack that runs, the directory that it keeps everything in, and who hands in."""

    stack: Stack
    directory: Path
    handins: HandIns
    progress: Progress


def options(description: str, *, matters: int, warm_up: int, output: Path) -> argparse.ArgumentParser:
    """What every measurement is told, with its defaults."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--matters", type=int, default=matters, help="by rule, handed in at once")
    parser.add_argument("--warm-up", type=int, default=warm_up, help="handed in at once before, not counted")
    parser.add_argument("--partitions", type=int, default=2, help="of every topic: lanes of each service")
    parser.add_argument("--output", type=Path, default=output)
    return parser


@contextmanager
def ground(partitions: int, console: Console) -> Iterator[Ground]:
    """Start a stack whose topics have so many partitions; it ends, and all that it kept is gone, at the end."""
    os.environ["ONEMATTER_PARTITIONS"] = str(partitions)
    with (
        tempfile.TemporaryDirectory(prefix="onematter-bench-") as name,
        start(Path(name), detached=False, services=SERVICES, progress=console.print) as stack,
        Progress(console=console, transient=True) as progress,
        closing(HandIns(stack.addresses.kafka_bootstrap_servers, partitions)) as handins,
    ):
        yield Ground(stack, Path(name), handins, progress)


def write(result: Mapping[str, Any], output: Path) -> None:
    """Write a result as JSON, in a directory that is made where it is absent."""
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
